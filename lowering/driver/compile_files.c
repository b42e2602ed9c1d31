//===-- compile_files.c - what a compile reads and writes -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compile_files.h"

#include "base/file.h"
#include "dialect/ops.h"
#include "base/levels.h"
#include "dialect/build.h"
#include "dialect/memory.h"
#include "lowering/codegen/codegen.h"
#include "lowering/entries/header.h"
#include "lowering/codegen/link.h"

#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/// One row an option that names a file. --statistics is read, unless it is what --calibrate-only
/// makes; -o is written unless then.
static const struct {
  const char *role;
  size_t offset;
  resq_file_direction direction;
  resq_file_direction calibrating; ///< with --calibrate-only
  bool ignored;                    ///< with --calibrate-only
} table[] = {
    {"the model", offsetof(resq_compile_options, input), RESQ_READS, RESQ_READS, false},
    {"--calibration", offsetof(resq_compile_options, calibration), RESQ_READS, RESQ_READS, false},
    {"--statistics", offsetof(resq_compile_options, statistics), RESQ_READS, RESQ_WRITES, false},
    {"--chat-template", offsetof(resq_compile_options, chat_template), RESQ_READS, RESQ_READS,
     false},
    {"--ptxas", offsetof(resq_compile_options, ptxas), RESQ_READS, RESQ_READS, false},
    {"-o", offsetof(resq_compile_options, output), RESQ_WRITES, RESQ_WRITES, true},
    {"--report", offsetof(resq_compile_options, report), RESQ_WRITES, RESQ_WRITES, false},
    {"--cache", offsetof(resq_compile_options, cache), RESQ_FILLS, RESQ_FILLS, false},
};

static bool links(const resq_compile_options *o) {
  return !o->calibrate_only && (o->emit == RESQ_EMIT_EXE || o->emit == RESQ_EMIT_SHARED);
}

/// What comes with an executable or library without being named: archives and the header.
static bool add_linked(const resq_compile_options *o, resq_file_uses *uses, resq_error *err) {
  static const char *const archives[] = {"libresq_runtime.a", "libresq_command_line.a"};
  char folder[PATH_MAX], path[PATH_MAX + 64];
  if (!links(o))
    return true;
  const char *levels = o->levels ? o->levels : resq_level_default();
  if (!resq_runtime_folder(resq_codegen_architecture(levels), folder, sizeof folder, err))
    return false;
  bool ok = true;
  for (size_t i = 0; ok && i < sizeof archives / sizeof *archives; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, archives[i]);
    ok = resq_file_use_add(uses, RESQ_READS, "the runtime library", path, err);
  }
  if (ok && o->emit == RESQ_EMIT_SHARED && resq_header_path(o->output, path))
    ok = resq_file_use_add(uses, RESQ_WRITES, "the header beside -o,", path, err);
  return ok;
}

/// Refuses early what would fail after minutes: an output that cannot be made.
static bool can_write(const char *path, resq_error *err) {
  resq_out *probe = resq_out_create(path, 0644, err);
  resq_out_discard(probe);
  return probe != NULL;
}

static bool check_outputs(const resq_compile_options *o, resq_error *err) {
  char header[PATH_MAX];
  bool standard = o->output && !strcmp(o->output, "-");
  if (o->calibrate_only)
    return can_write(o->statistics, err);
  if (standard && links(o))
    return resq_fail(err, RESQ_USAGE, "-o -: only text forms go to standard output");
  return (standard || can_write(o->output, err)) && (!o->report || can_write(o->report, err)) &&
         (o->emit != RESQ_EMIT_SHARED ||
          (resq_header_path(o->output, header) && can_write(header, err)));
}

/// A cache that may only be read is good for what it holds.
static bool check_cache(const char *folder, resq_error *err) {
  if (!folder)
    return true;
  if (!folder[0])
    return resq_fail(err, RESQ_USAGE, "--cache: the folder has an empty name");
  if (!resq_make_folders(folder, err))
    return resq_fail_in(err, "--cache=%.200s", folder);
  if (access(folder, W_OK | X_OK))
    fprintf(stderr, "resqc: warning: --cache=%s cannot be written: what is computed is not kept\n",
            folder);
  return true;
}

bool resq_compile_check_files(const resq_compile_options *o, resq_file_uses *uses,
                              resq_error *err) {
  bool ok = true;
  for (size_t i = 0; ok && i < sizeof table / sizeof *table; i++) {
    const char *path = *(const char *const *)((const char *)o + table[i].offset);
    if (o->calibrate_only && table[i].ignored)
      continue;
    ok = resq_file_use_add(uses, o->calibrate_only ? table[i].calibrating : table[i].direction,
                           table[i].role, path, err);
  }
  return ok && add_linked(o, uses, err) && resq_file_use_add_self(uses, err) &&
         check_cache(o->cache, err) && check_outputs(o, err);
}

bool resq_compile_check_module(MlirOperation module, resq_file_uses *uses, resq_error *err) {
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(module));
  bool ok = true;
  for (MlirOperation op = mlirBlockGetFirstOperation(body); ok && !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op)) {
    if (!resqOpIsCheckpoint(op))
      continue;
    MlirStringRef text = resqCheckpointOpGetPath(op);
    char *path = resq_copy_part(text.data, text.length);
    ok = resq_file_use_add(uses, RESQ_READS, "the checkpoint of the module,", path, err);
    free(path);
  }
  return ok;
}
