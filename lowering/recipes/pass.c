//===-- pass.c - --resq-materialize as a pass -----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For resq-opt and stock mlir-opt: the parameter file is written beside the module. resqc calls
// resq_materialize itself and puts the file into the artifact.
//===----------------------------------------------------------------------===//
#include "passes/pass.h"
#include "base/file_use.h"
#include "dialect/ops.h"
#include "dialect/memory.h"
#include "materialize.h"
#include "lowering/numeric/statistics.h"

#include <stdlib.h>

bool resq_pass_materialize(MlirOperation module, resq_pass *pass);

/// An option's text, NUL-terminated; NULL when empty.
static char *text_option(resq_pass *pass, const char *name) {
  MlirStringRef s = resq_pass_string(pass, name);
  return s.length ? resq_copy_part(s.data, s.length) : NULL;
}

static bool add_part(resq_file_uses *uses, const char *role, MlirStringRef path, resq_error *err) {
  char *text = resq_copy_part(path.data, path.length);
  bool ok = resq_file_use_add(uses, RESQ_READS, role, text, err);
  free(text);
  return ok;
}

/// The output must be none of the files that are read: the module's own, its checkpoints, the
/// statistics.
static bool check_files(MlirOperation module, const char *output, const char *statistics,
                        const char *cache, resq_error *err) {
  resq_file_uses uses = {NULL, 0};
  MlirLocation loc = mlirOperationGetLocation(module);
  bool ok = resq_file_use_add(&uses, RESQ_WRITES, "output=", output, err) &&
            resq_file_use_add(&uses, RESQ_READS, "statistics=", statistics, err) &&
            resq_file_use_add(&uses, RESQ_FILLS, "cache=", cache, err) &&
            resq_file_use_add_self(&uses, err);
  if (ok && mlirLocationIsAFileLineColRange(loc))
    ok = add_part(&uses, "the module",
                  mlirIdentifierStr(mlirLocationFileLineColRangeGetFilename(loc)), err);
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(module));
  for (MlirOperation op = mlirBlockGetFirstOperation(body); ok && !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op))
    if (resqOpIsCheckpoint(op))
      ok = add_part(&uses, "the checkpoint", resqCheckpointOpGetPath(op), err);
  resq_file_uses_free(&uses);
  return ok;
}

bool resq_pass_materialize(MlirOperation module, resq_pass *pass) {
  char *output = text_option(pass, "output"), *statistics = text_option(pass, "statistics");
  char *cache = text_option(pass, "cache");
  resq_error err = {0};
  resq_materialize_options options = {.cache_directory = cache,
                                      .threads = (int)resq_pass_int(pass, "threads")};
  resq_statistics *stats = statistics ? resq_statistics_load(statistics, &err) : NULL;
  const int64_t first = resq_pass_int(pass, "calibration-first");
  options.statistics = stats;
  bool ok = !statistics || stats;
  if (ok && first < 0)
    ok = resq_fail(&err, RESQ_USAGE,
                   "resq-materialize: calibration-first=%lld, allowed: 0 and above",
                   (long long)first);
  if (ok && stats)
    resq_statistics_weigh_first(stats, first);
  if (ok && !output)
    ok = resq_fail(&err, RESQ_USAGE, "resq-materialize: output= names no file");
  ok = ok && check_files(module, output, statistics, cache, &err);
  resq_out *out = ok ? resq_out_create(output, 0644, &err) : NULL;
  ok = ok && out && resq_materialize(module, out, &options, &err);
  if (ok)
    ok = resq_out_commit(out, &err);
  else
    resq_out_discard(out);
  if (!ok)
    resq_emit_error(module, "%s", err.message);
  if (stats)
    resq_statistics_destroy(stats);
  free(output);
  free(statistics);
  free(cache);
  return ok;
}
