//===-- compile_checks.c --------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "compile_checks.h"

#include "dialect/ops.h"

//===-- Options -----------------------------------------------------------===//

/// What needs the values of parameters, and what has none.
static bool check_absent(const resq_compile_options *o, resq_error *err) {
  const struct {
    const char *option;
    bool given;
  } needs[] = {{"--report", o->report},
               {"--calibrate-only", o->calibrate_only},
               {"--calibration", o->calibration},
               {"--statistics", o->statistics},
               {"--cache", o->cache}};
  for (size_t i = 0; o->absent_params && i < sizeof needs / sizeof *needs; i++)
    if (needs[i].given)
      return resq_fail(err, RESQ_USAGE, "--params=absent with %s, which is about parameters",
                       needs[i].option);
  return true;
}

/// A report is of parameters: forms that compute none have nothing to tell.
static bool check_report(const resq_compile_options *o, resq_error *err) {
  if (!o->report)
    return true;
  if (o->calibrate_only || o->emit == RESQ_EMIT_IMPORT || o->emit == RESQ_EMIT_RESQ ||
      o->emit == RESQ_EMIT_GENERIC)
    return resq_fail(err, RESQ_USAGE, "--report=%s: %s computes no parameters to report on",
                     o->report, o->calibrate_only ? "--calibrate-only" : "this --emit");
  return true;
}

/// Choices within a scheme have no place in a pipeline that the user wrote.
static bool check_pipeline(const resq_compile_options *o, resq_error *err) {
  const char *const choices[][2] = {{"kv", o->kv}, {"method", o->method}, {"high", o->high}};
  for (size_t i = 0; o->pipeline && i < sizeof choices / sizeof *choices; i++)
    if (choices[i][1])
      return resq_fail(err, RESQ_USAGE,
                       "--%s=%s: a choice within a scheme's passes, which --passes replaces",
                       choices[i][0], choices[i][1]);
  return true;
}

bool resq_compile_check_options(const resq_compile_options *o, resq_error *err) {
  return check_absent(o, err) && check_report(o, err) && check_pipeline(o, err);
}

//===-- The module --------------------------------------------------------===//

static void note_shape(MlirOperation op, void *user) {
  bool *is_shape = user;
  *is_shape |= resqCheckpointOpGetFormat(op) == RESQ_CHECKPOINT_FORMAT_SHAPE;
}

bool resq_compile_check_shape(MlirOperation module, const resq_compile_options *o,
                              resq_error *err) {
  bool is_shape = false;
  resq_for_each(module, RESQ_OP_CHECKPOINT, note_shape, &is_shape);
  return !is_shape || o->absent_params || o->emit == RESQ_EMIT_IMPORT ||
         o->emit == RESQ_EMIT_RESQ || o->emit == RESQ_EMIT_GENERIC ||
         resq_fail(err, RESQ_USAGE,
                   "%s: a model's shape, without weights: --params=absent compiles its code alone; "
                   "to compile the model, give the folder with its weights",
                   o->input);
}

bool resq_compile_check_entry(MlirOperation module, const resq_compile_options *o,
                              resq_error *err) {
  MlirSymbolTable symbols = mlirSymbolTableCreate(module);
  MlirOperation forward = mlirSymbolTableLookup(symbols, mlirStringRefCreateFromCString("forward"));
  mlirSymbolTableDestroy(symbols);
  if (!mlirOperationIsNull(forward) && resq_op_is(forward, "func.func"))
    return true;
  return resq_fail(err, RESQ_BAD_INPUT,
                   "%s: no func.func @forward(tokens, positions, sequences, logit_rows), which an "
                   "executable needs; "
                   "--emit=shared makes a library of any functions",
                   o->input);
}
