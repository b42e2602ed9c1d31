//===-- materialize.c -----------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Params one after another in module order, so that the memory in use follows the
// largest layer; the module is rewritten when all of them are written.
//===----------------------------------------------------------------------===//
#include "materialize.h"

#include "base/checked.h"
#include "evaluate.h"

#include <stdio.h>
#include <stdlib.h>

enum { PARAM_ALIGNMENT = 64 };

static void report(const resq_materialize_options *options, const resq_evaluator *e, int32_t done) {
  if (!options->progress)
    return;
  char name[256] = "";
  if (done < e->n_sinks) {
    MlirStringRef text = resq_symbol_name(e->sinks[done].op);
    resq_printable(name, sizeof name, text.data, text.length);
  }
  options->progress(options->progress_user, done, e->n_sinks, name);
}

/// The next offset for a param behind `size` bytes.
static uint64_t aligned(uint64_t size) {
  return (size + PARAM_ALIGNMENT - 1) / PARAM_ALIGNMENT * PARAM_ALIGNMENT;
}

static bool write_sinks(resq_evaluator *e, resq_out *out, const resq_materialize_options *options,
                        resq_error *err) {
  uint64_t start = resq_out_position(out);
  for (int32_t i = 0; i < e->n_sinks; ++i) {
    report(options, e, i);
    // Offsets count from the start, which is aligned where a section begins.
    const uint64_t size = resq_out_position(out) - start;
    static const uint8_t zeros[PARAM_ALIGNMENT];
    if (!resq_out_write(out, zeros, aligned(size) - size, err))
      return false;
    e->sinks[i].offset = aligned(size);
    if (!resq_store_sink(e, i, out, err))
      return false;
  }
  report(options, e, e->n_sinks);
  return true;
}

//===-- The module --------------------------------------------------------===//

static void empty_region(MlirOperation param) {
  MlirRegion region = mlirOperationGetRegion(param, 0);
  for (MlirBlock block = mlirRegionGetFirstBlock(region); !mlirBlockIsNull(block);
       block = mlirRegionGetFirstBlock(region)) {
    mlirBlockDetach(block);
    mlirBlockDestroy(block);
  }
}

static void rewrite(resq_evaluator *e) {
  for (int32_t i = 0; i < e->n_sinks; ++i) {
    resqParamOpSetOffset(e->sinks[i].op, (int64_t)e->sinks[i].offset);
    resqParamOpSetSize(e->sinks[i].op, (int64_t)e->sinks[i].size);
  }
  MlirBlock body = mlirRegionGetFirstBlock(mlirOperationGetRegion(e->module, 0));
  int32_t sink = 0;
  for (MlirOperation op = mlirBlockGetFirstOperation(body), next; !mlirOperationIsNull(op);
       op = next) {
    next = mlirOperationGetNextInBlock(op);
    if (!resqOpIsParam(op))
      continue;
    // Sinks are in module order. Params that only recipes read go, with all recipes and bases.
    if (sink < e->n_sinks && mlirOperationEqual(op, e->sinks[sink].op)) {
      empty_region(op);
      resqParamOpSetBasis(op, mlirAttributeGetNull());
      ++sink;
    } else {
      mlirOperationDestroy(op);
    }
  }
}

bool resq_materialize(MlirOperation module, resq_out *out, const resq_materialize_options *options,
                      resq_error *err) {
  static const resq_materialize_options defaults = {0};
  if (!options)
    options = &defaults;
  resq_evaluator e = {.module = module,
                      .statistics = options->statistics,
                      .threads = options->threads,
                      .files = options->checkpoints};
  if (options->cache_directory && !(e.cache = resq_param_cache_open(options->cache_directory, err)))
    return false;
  bool ok =
      resq_plan(&e, err) && resq_report(&e, options, err) && write_sinks(&e, out, options, err);
  if (ok)
    rewrite(&e);
  resq_plan_free(&e);
  resq_evaluator_close_checkpoints(&e);
  const char *complaint = resq_param_cache_complaint(e.cache);
  if (ok && complaint && options->warn)
    options->warn(options->warn_user, complaint);
  resq_param_cache_close(e.cache);
  return ok;
}

static bool lay_out_sinks(resq_evaluator *e, uint64_t *out_size, resq_error *err) {
  uint64_t size = 0;
  for (int32_t i = 0; i < e->n_sinks; ++i) {
    resq_sink *sink = &e->sinks[i];
    sink->offset = aligned(size);
    if (!resq_size_sink(e, i, err))
      return false;
    if (!resq_add_u64(sink->offset, sink->size, &size) || size > INT64_MAX / 2)
      return resq_fail(err, RESQ_BAD_INPUT, "the parameters would take more than 2^62 bytes");
  }
  *out_size = size;
  return true;
}

bool resq_lay_out_params(MlirOperation module, uint64_t *out_size, resq_error *err) {
  resq_evaluator e = {.module = module};
  bool ok = resq_plan(&e, err) && lay_out_sinks(&e, out_size, err);
  if (ok)
    rewrite(&e);
  resq_plan_free(&e);
  resq_evaluator_close_checkpoints(&e);
  return ok;
}
