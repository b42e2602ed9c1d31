//===-- materialize.h - parameter recipes to bytes ------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one place that computes numbers. Evaluates the recipes of the params that
// functions use (resq.get in a func.func), streams the results to a parameter file, empties their
// regions and sets offset and size; unused params are erased. Deterministic at any thread count.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_MATERIALIZE_H
#define RESQ_LOWERING_MATERIALIZE_H

#include "base/error.h"
#include "base/file.h"
#include "fill_kinds.h"
#include "dialect/import/checkpoints.h"
#include "mlir-c/IR.h"
#include <stdint.h>

typedef struct resq_statistics resq_statistics; ///< calibration moments by site: statistics.h

/// What is measured of a matrix in a recipe.
typedef enum resq_measure_kind {
  RESQ_MEASURE_CONDITION, ///< condition numbers of what is inverted
  RESQ_MEASURE_DEPARTURE, ///< |M^T M - 1| of a random matrix that stands for an orthogonal one
} resq_measure_kind;

typedef struct resq_measure {
  resq_measure_kind kind;
  bool several;      ///< of the blocks of a matrix: their least and largest
  double low, high;  ///< the same where there is one
  const char *param; ///< symbol of the param, as a terminal may have it
  MlirLocation location;
} resq_measure;

/// A measure in words, without the param: "condition numbers 12.3 .. 45.6".
#define RESQ_MEASURE_TEXT 192
void resq_measure_text(const resq_measure *measure, char out[RESQ_MEASURE_TEXT]);

typedef struct resq_materialize_options {
  const resq_statistics
      *statistics;               ///< NULL: a recipe with resq.moment is an error naming the site
  resq_checkpoints *checkpoints; ///< of the compile; NULL: files are opened, and closed at the end
  const char *cache_directory;   ///< NULL: no cache of evaluated params
  int threads;                   ///< 0: all
  void (*progress)(void *user, int64_t done, int64_t total, const char *param);
  void *progress_user;
  /// Takes what was measured. NULL: remarks (diagnostics of MLIR's) say it.
  void (*measured)(void *user, const resq_measure *measure);
  void *measured_user;
  /// What makes results doubtful, "@l0.query_basis: condition numbers ...: above ...", which is then
  /// not given to `measured`. NULL: remarks say it.
  void (*warn)(void *user, const char *text);
  void *warn_user;
} resq_materialize_options;

/// Appends every param's bytes to `out`, each aligned to 64, and rewrites the module. Offsets count
/// from `out`'s position at the call. Byte layouts: element types f32/f16/bf16/f64/i32 row-major;
/// panel and quant as runtime/kernels/kernels.h.
bool resq_materialize(MlirOperation module, resq_out *out, const resq_materialize_options *options,
                      resq_error *err);

/// Does everything that resq_materialize does but for the values: the module is rewritten in the same
/// way, offsets and sizes are the same, no checkpoint's tensors and no statistics are read, and no
/// parameter file is written. *out_size is how large it would be. For code without parameters.
bool resq_lay_out_params(MlirOperation module, uint64_t *out_size, resq_error *err);

/// A part of a parameter file that holds numbers of one kind, for programs that fill such a file with
/// numbers of their own.
typedef struct resq_fill {
  resq_fill_kind kind;
  uint64_t offset, size; ///< bytes
  unsigned mask;         ///< BYTES
  double center, spread; ///< floats: about as large as a model's are, so that nothing overflows
  int64_t modulo;        ///< I32
} resq_fill;

/// The parts of a laid out param, at most RESQ_MAX_FILLS; how many there are.
enum { RESQ_MAX_FILLS = 2 };
int resq_param_fills(MlirOperation param, resq_fill out[RESQ_MAX_FILLS]);

/// Bytes that a value of this tensor type takes in the parameter file; -1 when it has no stored
/// form.
int64_t resq_stored_size(MlirType tensor);

#endif // RESQ_LOWERING_MATERIALIZE_H
