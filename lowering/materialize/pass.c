//===-- pass.c - --resq-materialize as a pass -----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For resq-opt and stock mlir-opt: the parameter file is written beside the module. resqc calls
// resq_materialize itself and puts the file into the artifact.
//===----------------------------------------------------------------------===//
#include "passes/pass.h"
#include "dialect/build.h"
#include "materialize.h"
#include "statistics.h"

#include <stdlib.h>
#include <string.h>

bool resq_pass_materialize(MlirOperation module, resq_pass *pass);

/// An option's text, NUL-terminated; NULL when empty.
static char *text_option(resq_pass *pass, const char *name) {
  MlirStringRef s = resq_pass_string(pass, name);
  return s.length ? strndup(s.data, s.length) : NULL;
}

bool resq_pass_materialize(MlirOperation module, resq_pass *pass) {
  char *output = text_option(pass, "output"), *statistics = text_option(pass, "statistics");
  char *cache = text_option(pass, "cache");
  resq_error err = {0};
  resq_materialize_options options = {
      .cache_directory = cache, .threads = (int)resq_pass_int(pass, "threads")};
  resq_statistics *stats = statistics ? resq_statistics_load(statistics, &err) : NULL;
  options.statistics = stats;
  bool ok = !statistics || stats;
  if (ok && !output)
    ok = resq_fail(&err, RESQ_USAGE, "resq-materialize: output= names no file");
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
