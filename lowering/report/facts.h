//===-- facts.h - what a quality report tells -----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Numbers first, presentation later: collect.c fills these from the module before it is packed,
// when linears still stand apart and float weights still have recipes; totals.c from the module
// after its params were laid out. NaN is "not known": no statistics, or nothing was quantised.
//
// Noise is told as a signal-to-noise ratio, 10 log10(signal / noise) dB, of energies:
//   weights       |W|^2 / |W - Wq|^2
//   output        tr(W H W^T) / tr((W - Wq) H (W - Wq)^T), H the second moment of the input in the
//                 coordinates of W: what GPTQ minimises (arXiv 2210.17323, equation 1)
//   activations   |X W^T|^2 / |(Q(X) - X) W^T|^2 over the rows X that calibration sampled
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_REPORT_FACTS_H
#define RESQ_LOWERING_REPORT_FACTS_H

#include "kernels/layout/quant_codes.h"

#include <stdbool.h>
#include <stdint.h>

#define RESQ_REPORT_BRANCHES 4 ///< of a qlinear

/// How far entries stand out of rows, which is what a quantiser with one range a row suffers from.
typedef struct resq_outliers {
  double peak;     ///< max |x| / rms of a row (and group), mean over rows
  double kurtosis; ///< mean x^4 / (mean x^2)^2 over all entries: 3 for a Gaussian
  double channels; ///< largest channel rms / median channel rms
} resq_outliers;

/// One branch of a linear: a part of its input, with its own codes.
typedef struct resq_report_branch {
  int64_t width;
  int bits, activation_bits; ///< 0: float
  resq_code_kind kind;       ///< of the weight; the activation: E4M3 where it is, else integer
  int64_t group, activation_group; ///< that share a scale
  double clip;                     ///< of the activation's range; NaN for float
  bool clip_found;                 ///< by calibration, not given
  double weight_snr;
  resq_outliers outliers; ///< of what its quantiser reads
} resq_report_branch;

typedef struct resq_report_linear {
  char *name;    ///< "l12.q"
  char *role;    ///< "q": the name behind the layer
  int64_t layer; ///< -1: none
  char *site;    ///< of its input, "" when none is known
  int64_t rows, width;
  int n_branches;
  resq_report_branch branches[RESQ_REPORT_BRANCHES];
  double bits; ///< stored a weight, scales included; NaN for float: decided by packing
  double weight_snr, output_snr, activation_snr;
  int64_t samples;      ///< rows behind activation_snr and outliers
  resq_outliers before; ///< of the input in the model's own coordinates
  bool unusual;
  char *why; ///< "output 14.2 dB, the median of q is 20.1 dB"; NULL
} resq_report_linear;

/// A change of basis, and the variances along its directions before random parts mix them.
typedef struct resq_report_basis {
  char *name;
  int64_t order, blocks;
  int64_t high;      ///< directions of the 8-bit part, the last ones; 0: one part
  double *variances; ///< [blocks, order], ascending; NULL: made without calibration
  double least_condition, most_condition; ///< largest / smallest singular value, over blocks
} resq_report_basis;

typedef struct resq_report_cache {
  char *name, *keys, *values;      ///< codes as the module spells them
  int64_t heads, head_size, bytes; ///< a token
} resq_report_cache;

/// Stored parameters by what reads them.
typedef enum resq_report_group {
  RESQ_GROUP_LINEARS,
  RESQ_GROUP_EMBEDDING,
  RESQ_GROUP_HEAD,
  RESQ_GROUP_OTHER,
  RESQ_GROUPS
} resq_report_group;

typedef struct resq_report_total {
  int64_t params, elements, bytes;
} resq_report_total;

typedef struct resq_facts {
  resq_report_linear *linears; ///< in program order
  int32_t n_linears;
  resq_report_basis *bases;
  int32_t n_bases;
  resq_report_cache *caches;
  int32_t n_caches;
  resq_report_total totals[RESQ_GROUPS];
} resq_facts;

void resq_facts_free(resq_facts *facts);

/// The figure that a linear is judged by: the output's, or the weights' where that is not known.
static inline double resq_report_snr(const resq_report_linear *l) {
  return l->output_snr == l->output_snr ? l->output_snr : l->weight_snr;
}

#endif // RESQ_LOWERING_REPORT_FACTS_H
