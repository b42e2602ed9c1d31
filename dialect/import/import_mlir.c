//===-- import_mlir.c - text or bytecode to a module, with limits ---------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// MLIR's parsers trust their input: text nested deep enough overflows the stack,
// and some damaged bytecode aborts. Text is scanned before it is parsed; bytecode,
// which can't be scanned, is parsed in a child process first.
//===----------------------------------------------------------------------===//
#include "base/file.h"
#include "dialect/attributes.h"
#include "dialect/build.h"
#include "dialect/bytecode.h"
#include "dialect/check.h"
#include "dialect/diagnostics.h"
#include "dialect/import/foreign_file.h"
#include "dialect/import/import.h"
#include "dialect/import/text_scan.h"
#include "dialect/ops.h"

#include <inttypes.h>
#include <string.h>

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

static bool parses(const char *path, void *user, resq_error *err) {
  return !mlirModuleIsNull(parse(*(const MlirContext *)user, path, err));
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
    return here || resq_bytecode_is_harmless(path, map->size, parses, &ctx, err);
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
