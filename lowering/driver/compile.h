//===-- compile.h - a model file to an artifact: resqc as a library -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_COMPILE_H
#define RESQ_LOWERING_COMPILE_H

#include "base/error.h"
#include "kernels/nvptx/plan.h"
#include <stdint.h>

typedef enum resq_emit {
  RESQ_EMIT_EXE,     ///< an executable with its parameters
  RESQ_EMIT_SHARED,  ///< a shared library and a header OUT.h
  RESQ_EMIT_IMPORT,  ///< the module as imported, text
  RESQ_EMIT_RESQ,    ///< after the scheme's passes, text
  RESQ_EMIT_GENERIC, ///< resq ops as their definitions in upstream dialects, text
  RESQ_EMIT_LOWERED, ///< kernel calls of the first level and decode entry, text (parameters are laid out, not computed)
  RESQ_EMIT_LLVM, ///< the same, optimised LLVM IR
  RESQ_EMIT_OBJ,  ///< the same, an object file, at level cuda PTX
  RESQ_EMIT_PTX,  ///< the same, PTX of level cuda
} resq_emit;

typedef struct resq_compile_options {
  const char *input;
  const char *output; ///< "-" for standard output (text forms)
  const char *scheme; ///< schemes.def; NULL: "best-w4a8kv4"
  const char *
      kv; ///< options of --resq-kv that replace the scheme's, "keys=resq:lm3,values=f16"; NULL: none.
          ///< One code W means "keys=W,values=W".
  const char *method; ///< how weights are quantised, "rtn" or "gptq"; NULL: the scheme's
  const char *high;   ///< codes of high branches, "int8" or "e4m3"; NULL: the scheme's
  const char
      *pretokenizer;    ///< a name of pretokenizers.def in place of the file's; NULL: the file's
  const char *pipeline; ///< a pass pipeline instead of the scheme's method; NULL
  const char *weights;  ///< element of float linears (f32, bf16, f16); NULL: the scheme's
  resq_emit emit;
  const char *levels;                ///< comma-separated; NULL: resq_level_default()
  int64_t decode_rows, prefill_rows; ///< 0: 16 and 128
  int64_t gpu_rows
      [2]; ///< the same of level cuda; 0: 16 and 2,048, or as many as windows of caches allow
  resq_gpu_arithmetic gpu_arithmetic; ///< of level cuda
  const char *chip;  ///< of level cuda in forms that are for one chip, as in codegen/chip.h; NULL
  const char *ptxas; ///< NVIDIA's assembler, for code of chips in front of their PTX; NULL: none
  const char *calibration;     ///< text file; NULL: text sampled from the model itself
  int64_t calibration_windows; ///< of 2,048 tokens; 0: 64 (16 when sampled)
  int64_t calibration_first;   ///< how often the first row of a window counts in the moments that
                               ///< linears read; 0: RESQ_STATISTICS_FIRST_WEIGHT
  const char *statistics; ///< file to read statistics from, or to write with calibrate_only; NULL
  bool calibrate_only;
  bool
      absent_params; ///< code and tables alone: nothing is calibrated or computed, and the artifact
                     ///< has no parameters (docs/gpu.md says how to fill them in)
  const char *
      chat_template; ///< a file whose text replaces the model's chat template, or "none"; NULL: the model's
  const char *cache; ///< folder of evaluated params and statistics; NULL: none
  const char *
      report; ///< an HTML file on the quality of the compile, for forms that need parameters; NULL: none
  int64_t seed;
  int threads; ///< 0: all
  bool verbose;
} resq_compile_options;

/// Compiles. On failure nothing is written and *err says why. Where memory ends in small pieces, or inside MLIR, the
/// process ends instead, with RESQ_NO_MEMORY and nothing left behind (dialect/memory.h, docs/failure-policy.md).
bool resq_compile(const resq_compile_options *options, resq_error *err);

/// Names and summaries of schemes, for --help: index i, or NULL past the end.
const char *resq_scheme_name(int i);
const char *resq_scheme_summary(int i);

#endif // RESQ_LOWERING_COMPILE_H
