//===-- hooks_kv_codes.c - cache codes ------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/hooks.h"
#include "kernels/kernels.h"
#include <inttypes.h>

static const char *const kind_names[] = {
    [RESQ_KV_F32] = "f32", [RESQ_KV_F16] = "f16", [RESQ_KV_INT] = "int",
    [RESQ_KV_LM] = "lm",   [RESQ_KV_QJL] = "qjl", [RESQ_KV_QJL_GROUPS] = "qjl_groups"};
enum { KINDS = sizeof kind_names / sizeof *kind_names };

const char *resqKvKindName(resq_kv_kind kind) { return kind_names[kind]; }

//===-- Sizes -------------------------------------------------------------===//

bool resqKvCodeHasSketch(MlirAttribute code) {
  const resq_kv_kind kind = resqKvCodeAttrGetKind(code);
  return kind == RESQ_KV_QJL || kind == RESQ_KV_QJL_GROUPS;
}

int64_t resqKvCodeBytes(MlirAttribute code, int64_t head_size) {
  const resq_kv_kind kind = resqKvCodeAttrGetKind(code);
  if (kind == RESQ_KV_QJL_GROUPS)
    return resq_kv_groups_bytes((resq_kv_groups){.size = head_size,
                                                 .rows = resqKvCodeAttrGetRows(code),
                                                 .outliers = resqKvCodeAttrGetOutliers(code),
                                                 .outlier_rows = resqKvCodeAttrGetOutlierRows(code),
                                                 .buffer = resqKvCodeAttrGetBuffer(code),
                                                 .window = resqKvCodeAttrGetWindow(code)});
  return resq_kv_vector_bytes((resq_kv_format){.size = head_size,
                                               .kind = kind,
                                               .bits = resqKvCodeAttrGetBits(code),
                                               .high = resqKvCodeAttrGetHigh(code),
                                               .rows = resqKvCodeAttrGetRows(code)});
}

int64_t resqKvCodeWindowBytes(MlirAttribute code, int64_t head_size) {
  return 2 * head_size * resqKvCodeAttrGetWindow(code);
}

int64_t resqKvCacheTokenBytes(MlirOperation cache) {
  const int64_t size = resqKvCacheOpGetHeadSize(cache);
  return resqKvCacheOpGetHeads(cache) * (resqKvCodeBytes(resqKvCacheOpGetKeys(cache), size) +
                                         resqKvCodeBytes(resqKvCacheOpGetValues(cache), size));
}

int64_t resqKvCacheSequenceBytes(MlirOperation cache) {
  return resqKvCacheOpGetHeads(cache) *
         resqKvCodeWindowBytes(resqKvCacheOpGetKeys(cache), resqKvCacheOpGetHeadSize(cache));
}

int64_t resqKvCodeMostRows(MlirAttribute code) {
  if (resqKvCodeAttrGetKind(code) != RESQ_KV_QJL_GROUPS)
    return INT64_MAX;
  return (int64_t)resqKvCodeAttrGetWindow(code) - resqKvCodeAttrGetBuffer(code) + 1;
}

//===-- Verifiers ---------------------------------------------------------===//
// `high < head_size` needs the head size: resq.kv_cache checks it.

bool resqVerifyKvInt(unsigned bits, resq_message *out) {
  return (bits >= 2 && bits <= 8) || resq_say(out, "C1: bits is %u: allowed is 2 to 8", bits);
}

bool resqVerifyKvLm(unsigned bits, resq_message *out) {
  return (bits >= 1 && bits <= 4) || resq_say(out, "C1: bits is %u: allowed is 1 to 4", bits);
}

bool resqVerifyKvQjl(unsigned rows, resq_message *out) {
  return (rows >= 1 && rows <= 1024) || resq_say(out, "C1: rows is %u: allowed is 1 to 1024", rows);
}

bool resqVerifyKvQjlGroups(unsigned rows, unsigned outliers, unsigned outlier_rows, unsigned buffer,
                           unsigned window, resq_message *out) {
  if (rows < 1 || rows > 1024 || outlier_rows < 1 || outlier_rows > rows)
    return resq_say(out,
                    "C1: rows is %u and outlier_rows is %u: allowed are 1 to 1024, and 1 to rows",
                    rows, outlier_rows);
  if (outliers < 1)
    return resq_say(out, "C2: outliers is 0: allowed is 1 or more");
  if (buffer < 1 || buffer % RESQ_KV_GROUP || window % RESQ_KV_GROUP || window <= buffer)
    return resq_say(out,
                    "C3: buffer is %u and window is %u: allowed are multiples of 32, window above "
                    "buffer, buffer above 0",
                    buffer, window);
  return true;
}

//===-- Version 1 ---------------------------------------------------------===//

/// Nothing of the old code is lost in the new one.
static bool says_the_same(const resq_kv_code_1 *old, MlirAttribute code) {
  const resq_kv_kind kind = resqKvCodeAttrGetKind(code);
  const bool two_parts = kind == RESQ_KV_INT || kind == RESQ_KV_LM || kind == RESQ_KV_QJL;
  return old->bits == resqKvCodeAttrGetBits(code) && old->high == resqKvCodeAttrGetHigh(code) &&
         old->high_bits == (two_parts ? 8 : 0) && old->rows == resqKvCodeAttrGetRows(code) &&
         old->outliers == resqKvCodeAttrGetOutliers(code) &&
         old->outlier_rows == resqKvCodeAttrGetOutlierRows(code) &&
         old->buffer == resqKvCodeAttrGetBuffer(code) &&
         old->window == resqKvCodeAttrGetWindow(code);
}

static MlirAttribute upgraded(MlirContext ctx, resq_kv_kind kind, const resq_kv_code_1 *old) {
  switch (kind) {
  case RESQ_KV_F32:
  case RESQ_KV_F16:
    return resqKvFloatAttrGet(ctx, kind);
  case RESQ_KV_INT:
    return resqKvIntAttrGet(ctx, old->bits, old->high);
  case RESQ_KV_LM:
    return resqKvLmAttrGet(ctx, old->bits, old->high);
  case RESQ_KV_QJL:
    return resqKvQjlAttrGet(ctx, old->rows, old->high);
  case RESQ_KV_QJL_GROUPS:
    break;
  }
  return resqKvQjlGroupsAttrGet(ctx, old->rows, old->outliers, old->outlier_rows, old->buffer,
                                old->window);
}

MlirAttribute resqUpgradeKvCode(MlirContext ctx, const resq_kv_code_1 *old, resq_message *out) {
  int kind = 0;
  while (kind < KINDS && !resq_str_eq(old->kind, kind_names[kind]))
    kind++;
  const int shown = old->kind.length < 40 ? (int)old->kind.length : 40;
  out->text[0] = 0;
  if (kind == KINDS) {
    resq_say(
        out,
        "a cache code of dialect version 1 is of kind \"%.*s\": allowed are f32, f16, int, lm, "
        "qjl and qjl_groups",
        shown, old->kind.data);
    return (MlirAttribute){NULL};
  }
  MlirAttribute code = upgraded(ctx, (resq_kv_kind)kind, old);
  if (mlirAttributeIsNull(code) || says_the_same(old, code))
    return code;
  resq_say(out,
           "a cache code of dialect version 1 and kind \"%.*s\" has a field that is not its own",
           shown, old->kind.data);
  return (MlirAttribute){NULL};
}
