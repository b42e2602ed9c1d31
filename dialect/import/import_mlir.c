//===-- import_mlir.c - text or bytecode to a module, with limits ---------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// MLIR's parsers trust their input: text nested deep enough overflows the stack,
// and some damaged bytecode aborts. Text is scanned before it is parsed; bytecode,
// which can't be scanned, is parsed in a child process first.
//===----------------------------------------------------------------------===//
#define _GNU_SOURCE // pipe2
#include "base/file.h"
#include "base/system_error.h"
#include "dialect/attributes.h"
#include "dialect/build.h"
#include "dialect/check.h"
#include "dialect/diagnostics.h"
#include "dialect/import/foreign_file.h"
#include "dialect/import/import.h"
#include "dialect/import/text_scan.h"
#include "dialect/ops.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const uint64_t max_file_size = 256ull << 20;

static MlirModule parse(MlirContext ctx, const char *path, resq_error *err) {
  resq_listener listener;
  resq_listen_begin(&listener, ctx, err);
  MlirModule module = mlirModuleCreateParseFromFile(ctx, resq_str(path));
  if (!mlirModuleIsNull(module) && !resq_check_source_attributes(mlirModuleGetOperation(module))) {
    mlirModuleDestroy(module);
    module = (MlirModule){NULL};
  }
  bool silent = resq_listen_end(&listener);
  if (!mlirModuleIsNull(module))
    return module;
  if (silent)
    resq_fail(err, RESQ_BAD_INPUT, "MLIR does not parse this file and doesn't say why");
  // What is wrong with bytecode has no place, or one in the text that it was made from.
  if (err && !strstr(err->message, path))
    resq_fail_in(err, "%s", path);
  return module;
}

//===-- Bytecode ----------------------------------------------------------===//

/// Bytes of address space that this process has; 0 when the system does not say.
static uint64_t address_space(void) {
  unsigned long long pages = 0;
  FILE *statm = fopen("/proc/self/statm", "r");
  if (!statm)
    return 0;
  if (fscanf(statm, "%llu", &pages) != 1)
    pages = 0;
  fclose(statm);
  return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/// What a reader of that many bytes may need beside what the process has: a few damaged bytes can ask for any
/// number of elements, and filling their gigabytes takes the time that the other limit is there to save.
static uint64_t memory_limit(uint64_t size) {
  return address_space() + (512ull << 20) + 64 * size; // size is at most max_file_size
}

/// What the child does: parse within bounds, print nothing, and report why the file was refused. MLIR's reader writes to
/// memory that it freed when it gives up on some files; so the parent does not parse what the child refused.
static void try_bytecode(MlirContext ctx, const char *path, rlim_t seconds, rlim_t bytes,
                         int report) {
  const struct rlimit no_core = {0, 0}, cpu = {seconds, seconds}, memory = {bytes, bytes};
  setrlimit(RLIMIT_CORE, &no_core);
  setrlimit(RLIMIT_CPU, &cpu);
  setrlimit(RLIMIT_AS, &memory);
  int null = open("/dev/null", O_WRONLY);
  if (null >= 0)
    dup2(null, STDERR_FILENO); // LLVM's last words, with a stack trace
  resq_error refusal = {0};
  const bool refused = mlirModuleIsNull(parse(ctx, path, &refusal));
  // Less than a pipe's buffer: this does not wait for the parent, which reads at the end.
  _Static_assert(sizeof refusal <= 4096, "what a pipe takes at once");
  _exit(refused && write(report, &refusal, sizeof refusal) != sizeof refusal);
}

/// Waits for the child, and fails with what it reported or with what ended it.
static bool judge_child(pid_t child, int report, const char *path, unsigned seconds,
                        resq_error *err) {
  int status;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR)
      return resq_fail(err, RESQ_FAILED, "%s: can't wait for the check of bytecode: %s", path,
                       strerror(errno));
  resq_error refusal;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return resq_fail(
        err, RESQ_BAD_INPUT,
        "%s: damaged MLIR bytecode: parsing it crashes, or takes longer than %u seconds or "
        "far more memory than its size",
        path, seconds);
  if (read(report, &refusal, sizeof refusal) == sizeof refusal)
    return resq_fail(err, refusal.code, "%s", refusal.message);
  return true;
}

static bool bytecode_is_harmless(MlirContext ctx, const char *path, uint64_t size,
                                 resq_error *err) {
  // Some damaged files keep the reader busy for ever; a good one takes a fraction of a second per megabyte.
  const unsigned seconds = 2 + (unsigned)(size >> 20);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC))
    return resq_fail(err, resq_code_of_errno(errno), "%s: can't open a pipe to check bytecode: %s",
                     path, strerror(errno));
  pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    try_bytecode(ctx, path, seconds, memory_limit(size), ends[1]);
  }
  close(ends[1]);
  bool ok = child < 0
                ? resq_fail(err, RESQ_NO_MEMORY, "%s: can't start a process to check bytecode: %s",
                            path, strerror(errno))
                : judge_child(child, ends[0], path, seconds, err);
  close(ends[0]);
  return ok;
}

//===-- The module --------------------------------------------------------===//

typedef struct folded_weight {
  MlirOperation module, param; ///< param null: none found
} folded_weight;

/// Finds a float weight whose recipe holds what passes fold.
static void find_folded(MlirOperation linear, void *user) {
  folded_weight *found = user;
  MlirOperation get = resq_defining_op(resqLinearOpGetWeight(linear));
  MlirOperation param =
      resqOpIsGet(get) ? resq_symbol(found->module, resqGetOpGetParam(get)) : (MlirOperation){NULL};
  MlirBlock recipe = {NULL};
  if (resqOpIsParam(param))
    recipe = mlirRegionGetFirstBlock(mlirOperationGetRegion(param, 0));
  MlirOperation op = {NULL};
  if (!mlirBlockIsNull(recipe))
    op = mlirBlockGetFirstOperation(recipe);
  for (; !mlirOperationIsNull(op); op = mlirOperationGetNextInBlock(op))
    if (resqOpIsRotate(op) || resqOpIsPermute(op) || resqOpIsHadamard(op) || resqOpIsSplit(op))
      found->param = param;
}

/// Version 1 did not write down what was folded into a weight. Only weights that are still to be
/// quantized need it.
static bool check_folded(MlirOperation module, const char *path, resq_error *err) {
  folded_weight found = {module, {NULL}};
  resq_for_each(module, RESQ_OP_LINEAR, find_folded, &found);
  if (mlirOperationIsNull(found.param))
    return true;
  const MlirStringRef name = resq_symbol_name(found.param);
  return resq_fail(
      err, RESQ_BAD_INPUT,
      "%s: a module of dialect version 1 does not say the basis of its folded weights, "
      "such as @%.*s: compile its checkpoint, or its module before --resq-split, again",
      path, (int)name.length, name.data);
}

/// Modules of a later dialect may mean something else by the same words. One of an older dialect was
/// upgraded where it was parsed, and says so from here on.
static bool settle_version(MlirModule module, const char *path, resq_error *err) {
  MlirOperation op = mlirModuleGetOperation(module);
  const MlirStringRef name = resq_str(RESQ_ATTR_VERSION);
  MlirAttribute version = mlirOperationGetDiscardableAttributeByName(op, name);
  if (mlirAttributeIsNull(version))
    return true;
  bool readable = mlirAttributeIsAInteger(version) &&
                  mlirIntegerTypeGetWidth(mlirAttributeGetType(version)) == 64;
  int64_t found = readable ? mlirIntegerAttrGetValueInt(version) : 0;
  if (found < 1 || found > RESQ_DIALECT_VERSION)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "%s: resq.version is %" PRId64 "; this resq reads 1 to %d", path, found,
                     RESQ_DIALECT_VERSION);
  if (found == 1 && !check_folded(op, path, err))
    return false;
  mlirOperationSetDiscardableAttributeByName(
      op, name, mlirIntegerAttrGet(mlirAttributeGetType(version), RESQ_DIALECT_VERSION));
  return true;
}

static bool check_file(MlirContext ctx, const char *path, const resq_map *map, bool here,
                       resq_error *err) {
  if (!resq_check_is_mlir(map->data, map->size, path, err))
    return false;
  if (map->size > max_file_size)
    return resq_fail(err, RESQ_BAD_INPUT, "%s: %" PRIu64 " bytes; at most %" PRIu64 " are allowed",
                     path, map->size, max_file_size);
  if (memcmp(map->data, RESQ_BYTECODE_MAGIC, 4) == 0)
    return here || bytecode_is_harmless(ctx, path, map->size, err);
  return resq_text_scan((const char *)map->data, map->size, path, err);
}

static MlirModule import(MlirContext ctx, const char *path, bool here, resq_error *err) {
  MlirModule module = {NULL};
  resq_map map;
  if (!resq_map_open(&map, path, err))
    return module;
  bool ok = check_file(ctx, path, &map, here, err);
  resq_map_close(&map);
  if (!ok)
    return module;
  module = parse(ctx, path, err);
  if (!mlirModuleIsNull(module) && !settle_version(module, path, err)) {
    mlirModuleDestroy(module);
    module = (MlirModule){NULL};
  }
  return module;
}

MlirModule resq_import_mlir(MlirContext ctx, const char *path, resq_error *err) {
  return import(ctx, path, false, err);
}

MlirModule resq_import_mlir_here(MlirContext ctx, const char *path, resq_error *err) {
  return import(ctx, path, true, err);
}
