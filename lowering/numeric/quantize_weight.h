//===-- quantize_weight.h - float rows to symmetric codes -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_QUANTIZE_WEIGHT_H
#define RESQ_LOWERING_QUANTIZE_WEIGHT_H

#include "kernels/layout/quant_codes.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct resq_weight_code {
  resq_codebook codes; ///< that kernels read
  int64_t group;       ///< columns that share a scale; divides the width
  int steps;           ///< 1..39 candidates of a scale; 1: no search
  double norm;         ///< of the search, > 0
} resq_weight_code;

/// The number that a code stands for, unscaled; of a trellis, a place.
float resq_weight_value(resq_codebook codes, int8_t code);

/// Codes of rows [rows, width] as resq.quantize_weight defines them: codes [rows, width], scales
/// [rows, width / group], each exactly representable in bf16. A group of zeros has scale 0 and
/// codes 0. Rows are independent of each other. The search compares sum |w / s - value|^norm *
/// s^norm, in f32 with a power accurate to about 1e-6: two candidates closer than that count as
/// equal or either way, the same way everywhere. E4M3 codes are bytes. Trellis codes are places
/// (trellis.h): rows [16 i, 16 i + 16) depend on each other, and norm is 2 whatever it says.
void resq_quantize_weight(int threads, const float *x, int64_t rows, int64_t width,
                          const resq_weight_code *how, int8_t *codes, float *scales);

/// The code of a weight whose quotient by its scale is t: the nearest, saturating. Not of a trellis.
int8_t resq_weight_code_of(const resq_weight_code *how, float t);

/// False where one of the E4M3 codes is NaN.
bool resq_codes_are_numbers(const int8_t *codes, int64_t count);

/// x rounded to the nearest bf16, ties to even, as a float.
float resq_round_bf16(float x);

#endif // RESQ_LOWERING_QUANTIZE_WEIGHT_H
