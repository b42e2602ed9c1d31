//===-- pack.h - stored orders of weights ---------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows come in blocks that start at multiples of 16 (RESQ_TILE_N): a block's tiles
// are consecutive bytes of the whole, so a large weight is packed as it is made.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_PACK_H
#define RESQ_LOWERING_PACK_H

#include "kernels/layout/quant_codes.h"

#include <stdbool.h>
#include <stdint.h>

/// Element types of stored floats.
typedef enum resq_float {
  RESQ_FLOAT_F32,
  RESQ_FLOAT_F64,
  RESQ_FLOAT_BF16,
  RESQ_FLOAT_F16
} resq_float;

int64_t resq_float_size(resq_float element);

/// One value rounded to `element` (nearest even, once) at out, little-endian.
void resq_store_f64(resq_float element, double x, void *out);

/// Row-major values to row-major elements. x is f64 when is_double, else f32.
void resq_store_rows(resq_float element, const void *x, bool is_double, int64_t count, void *out);

/// Rows [rows, k] to panel tiles (kernels.h): round_up(rows, 16) * k elements, padding rows zero.
void resq_pack_panel(int threads, resq_float element, const void *x, bool is_double, int64_t rows,
                     int64_t k, void *out);

/// Codes [rows, k] to the tiles of pack_layout.h, without scales: round_up(rows, 16) / 16 *
/// resq_packed_tile_bytes bytes. The packing is one that kernels read for codes of so many bits. E4M3 codes have 8 bits and are
/// stored as they are; of trellis codes, which are places of closed paths, the codes without their states.
void resq_pack_codes(int threads, const int8_t *codes, int64_t rows, int64_t k,
                     resq_packing packing, resq_codebook codebook, uint8_t *out);

/// Scales [rows, groups] (bf16 values) to columns first_row.. of out [groups, round_up(n, 16)]
/// bf16; padding is the caller's.
void resq_pack_scales(const float *scales, int64_t rows, int64_t groups, int64_t first_row,
                      int64_t n, uint16_t *out);

#endif // RESQ_LOWERING_PACK_H
