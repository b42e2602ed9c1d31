//===-- codegen.h - a materialised module to an artifact file -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_CODEGEN_H
#define RESQ_LOWERING_CODEGEN_H

#include "link.h"
#include "object.h"
#include "lowering/support/stages.h"
#include "lowering/support/workdir.h"

/// What code is made.
typedef struct resq_codegen_options {
  const char *levels; ///< comma-separated names of levels.h
  int64_t decode_rows,
      prefill_rows;    ///< two entries for each function and CPU level; 0 leaves one out
  int64_t gpu_rows[2]; ///< the same of level cuda; 0: 16 and 2,048, or what windows of caches allow
  const resq_gpu_target *chip;        ///< of level cuda in resq_codegen_one
  resq_gpu_arithmetic gpu_arithmetic; ///< of level cuda
  const char *ptxas;   ///< NVIDIA's assembler, for code in front of the PTX; NULL: none
  const char *scheme;  ///< goes into the program table
  const char *program; ///< a name for the program table besides resq_program_v1; NULL: none
  int threads;
} resq_codegen_options;

/// Checks a list of levels: every name known, none twice, at least one, all of one architecture.
bool resq_codegen_check_levels(const char *levels, resq_error *err);

/// The architecture that a list of levels is for; of a list that is not right, this machine's.
const char *resq_codegen_architecture(const char *levels);

/// Compiles every public function of `module` (materialised) for every level and links an ELF file at `output`.
/// The module is not changed. `without_runtime` links no runtime: for dlopen into a process that has it.
bool resq_codegen(MlirOperation module, const resq_codegen_options *options, resq_link_kind kind,
                  bool without_runtime, const resq_workdir *work, const char *output,
                  resq_stages *stages, resq_error *err);

/// One level alone, as text or object: --emit=lowered|llvm|ptx|obj. level is the first of options->levels. Of a CPU's
/// level, and as lowered text, it is the entry of few rows; of level cuda otherwise the kernels of all entries for
/// options->chip, whose object is PTX, a cubin where there is options->ptxas, and of an emulated chip one of plain functions.
bool resq_codegen_one(MlirOperation module, const resq_codegen_options *options, bool lowered_text,
                      resq_object_form form, const resq_workdir *work, resq_bytes *out,
                      resq_error *err);

/// The module as text.
void resq_print_module(MlirOperation module, resq_bytes *out);

#endif // RESQ_LOWERING_CODEGEN_H
