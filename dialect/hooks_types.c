//===-- hooks_types.c - what types and attributes may say -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/build.h"
#include "dialect/check.h"
#include "dialect/hooks.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static __attribute__((format(printf, 2, 3))) bool refuse(resq_message *out, const char *format,
                                                         ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(out->text, sizeof out->text, format, args);
  va_end(args);
  return false;
}

/// A string from the source, cut to what a message holds.
static int shown(MlirStringRef s) { return s.length < 40 ? (int)s.length : 40; }

//===-- Quantized types ---------------------------------------------------===//

static const char *code_kind_name(resq_code_kind kind) {
  static const char *const names[] = {[RESQ_CODE_INTEGER] = "integer",
                                      [RESQ_CODE_E4M3] = "e4m3",
                                      [RESQ_CODE_TABLE] = "table",
                                      [RESQ_CODE_TRELLIS] = "trellis"};
  return names[kind];
}

/// C5 to C7: how codes are stored.
static bool verify_packing(const resq_quant *q, resq_message *out) {
  const resq_packing p = q->packing;
  if (q->layout == RESQ_LAYOUT_ROW)
    return (!p.group && !p.base && !p.planes) ||
           refuse(out,
                  "C5: layout is row, with pack_group = %" PRId64 ", base = %" PRId64
                  " and planes = %" PRId64 ": allowed is none of them",
                  p.group, p.base, p.planes);
  if (q->zero)
    return refuse(out, "C6: layout is n16k4, with zero = true: allowed is zero = false");
  if (p.group < 1)
    return refuse(out,
                  "C6: layout is n16k4, with pack_group = %" PRId64
                  ": allowed is 1 or more. A module packed by dialect version 1 does not say its "
                  "pack group: compile its checkpoint, or its module before --resq-pack, again",
                  p.group);
  const resq_packing read = resq_packing_of(p.group, q->codebook.bits);
  return resq_packing_has_kernels(p, q->codebook.bits) ||
         refuse(out,
                "C7: no kernel reads codes of %u bits stored with base = %" PRId64
                " and planes = %" PRId64 ": allowed is base = %" PRId64 " and planes = %" PRId64,
                q->codebook.bits, p.base, p.planes, read.base, read.planes);
}

bool resqVerifyQuant(const resq_quant *q, resq_message *out) {
  const resq_codebook c = q->codebook;
  if (c.bits < 2 || c.bits > 8)
    return refuse(out, "C1: bits is %u: allowed is 2 to 8", c.bits);
  if (q->group < 1)
    return refuse(out, "C2: group is %" PRId64 ": allowed is 1 or more", q->group);
  if (q->zero && c.kind != RESQ_CODE_INTEGER)
    return refuse(out, "C3: codebook is %s, with zero = true: allowed is zero = false",
                  code_kind_name(c.kind));
  if (!resq_codebook_has_kernels(c))
    return refuse(
        out,
        "C4: no kernel reads codebook %s of %u bits and %u states: allowed are integer of "
        "2 to 8 bits, e4m3 of 8 bits, trellis of 4 bits and %d states",
        code_kind_name(c.kind), c.bits, c.states, RESQ_TRELLIS_KERNEL_STATES);
  return verify_packing(q, out);
}

MlirType resqQuantTypeGetAsymmetric(MlirContext ctx, unsigned bits, int64_t group) {
  const resq_quant q = {.codebook = resq_codebook_of(RESQ_CODE_INTEGER, bits),
                        .group = group,
                        .zero = true,
                        .layout = RESQ_LAYOUT_ROW};
  return resqQuantTypeGet(ctx, &q);
}

MlirType resqQuantTypeGetSymmetric(MlirContext ctx, resq_codebook codebook, int64_t group) {
  const resq_quant q = {.codebook = codebook, .group = group, .layout = RESQ_LAYOUT_ROW};
  return resqQuantTypeGet(ctx, &q);
}

MlirType resqQuantTypePack(MlirType type, int64_t pack_group) {
  resq_quant q = resqQuantTypeRead(type);
  q.layout = RESQ_LAYOUT_N16K4;
  q.packing = resq_packing_of(pack_group, q.codebook.bits);
  return resqQuantTypeGet(mlirTypeGetContext(type), &q);
}

unsigned resqQuantTypeGetBits(MlirType type) { return resqQuantTypeRead(type).codebook.bits; }
int64_t resqQuantTypeGetGroup(MlirType type) { return resqQuantTypeRead(type).group; }
bool resqQuantTypeGetZero(MlirType type) { return resqQuantTypeRead(type).zero; }
resq_code_kind resqQuantTypeGetKind(MlirType type) { return resqQuantTypeRead(type).codebook.kind; }
bool resqQuantTypeIsE4M3(MlirType type) { return resqQuantTypeGetKind(type) == RESQ_CODE_E4M3; }
bool resqQuantTypeIsPacked(MlirType type) {
  return resqQuantTypeRead(type).layout != RESQ_LAYOUT_ROW;
}
resq_packing resqQuantTypeGetPacking(MlirType type) { return resqQuantTypeRead(type).packing; }

int64_t resqPackedTensorBytes(MlirType tensor) {
  enum { MAX_ELEMENTS_LOG2 = 40 }; // sizes of as many elements overflow nothing
  if (mlirShapedTypeGetRank(tensor) != 2 || !mlirShapedTypeHasStaticShape(tensor))
    return -1;
  const int64_t n = mlirShapedTypeGetDimSize(tensor, 0), k = mlirShapedTypeGetDimSize(tensor, 1);
  const resq_quant q = resqQuantTypeRead(mlirShapedTypeGetElementType(tensor));
  if (q.layout != RESQ_LAYOUT_N16K4 || k < 1 || n > (INT64_C(1) << MAX_ELEMENTS_LOG2) / k ||
      k % q.group || k % q.packing.group)
    return -1;
  return resq_packing_weight_bytes(q.packing, n, k, q.group);
}

bool resqVerifyPanel(MlirType element, resq_message *out) {
  if (mlirTypeIsAF32(element) || mlirTypeIsABF16(element) || mlirTypeIsAF16(element))
    return true;
  return refuse(out, "C1: a panel's element is f32, bf16 or f16");
}

//===-- Cache codes -------------------------------------------------------===//

static const char *const kv_kinds[] = {"f32", "f16", "int", "lm", "qjl", "qjl_groups"};
enum { KV_F32, KV_F16, KV_INT, KV_LM, KV_QJL, KV_GROUPS, KV_KINDS };
enum { KV_GROUP_TOKENS = 32 };

static int kv_kind(MlirStringRef name) {
  int kind = 0;
  while (kind < KV_KINDS && !resq_str_eq(name, kv_kinds[kind]))
    kind++;
  return kind;
}

int64_t resqKvCodeNumber(MlirAttribute code) { return kv_kind(resqKvCodeAttrGetKind(code)); }

bool resqKvCodeHasSketch(MlirAttribute code) { return resqKvCodeNumber(code) >= KV_QJL; }

static int64_t bytes_of_bits(int64_t bits) { return (bits + 7) / 8; }

int64_t resqKvCodeBytes(MlirAttribute code, int64_t head_size) {
  int64_t high = resqKvCodeAttrGetHigh(code), low = head_size - high, scale = 2, zero = 1;
  int64_t high_part = high > 0 ? high + scale + zero : 0;
  switch (resqKvCodeNumber(code)) {
  case KV_F32:
    return 4 * head_size;
  case KV_F16:
    return 2 * head_size;
  case KV_INT:
    return bytes_of_bits(low * resqKvCodeAttrGetBits(code)) + scale + zero + high_part;
  case KV_LM:
    return bytes_of_bits(low * resqKvCodeAttrGetBits(code)) + scale + high_part;
  case KV_QJL:
    return bytes_of_bits(resqKvCodeAttrGetRows(code)) + scale + high_part;
  default: // two norms; the group's indices, a byte each, in whole bytes a token
    return bytes_of_bits(resqKvCodeAttrGetRows(code)) +
           bytes_of_bits(resqKvCodeAttrGetOutlierRows(code)) + 2 * scale +
           (resqKvCodeAttrGetOutliers(code) + KV_GROUP_TOKENS - 1) / KV_GROUP_TOKENS;
  }
}

int64_t resqKvCodeWindowBytes(MlirAttribute code, int64_t head_size) {
  return 2 * head_size * resqKvCodeAttrGetWindow(code);
}

int64_t resqKvCodeMostRows(MlirAttribute code) {
  if (resqKvCodeNumber(code) != KV_GROUPS)
    return INT64_MAX;
  return (int64_t)resqKvCodeAttrGetWindow(code) - resqKvCodeAttrGetBuffer(code) + 1;
}

/// C5: kinds and the fields that they have no use for.
static bool verify_unused(const resq_kv_fields *f, int kind, resq_message *out) {
  enum { INT = 1 << KV_INT, LM = 1 << KV_LM, QJL = 1 << KV_QJL, GROUPS = 1 << KV_GROUPS };
  const struct {
    const char *name;
    unsigned value, users;
  } fields[] = {{"bits", f->bits, INT | LM},
                {"high", f->high, INT | LM | QJL},
                {"high_bits", f->high_bits, INT | LM | QJL},
                {"rows", f->rows, QJL | GROUPS},
                {"outliers", f->outliers, GROUPS},
                {"outlier_rows", f->outlier_rows, GROUPS},
                {"buffer", f->buffer, GROUPS},
                {"window", f->window, GROUPS}};
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    if (fields[i].value && !(fields[i].users >> kind & 1))
      return refuse(out, "%s: %s is %u with kind \"%s\": allowed is 0", kind < KV_INT ? "C1" : "C5",
                    fields[i].name, fields[i].value, kv_kinds[kind]);
  return true;
}

/// C6.
static bool verify_groups(const resq_kv_fields *f, resq_message *out) {
  if (f->rows < 1 || f->rows > 1024 || f->outlier_rows < 1 || f->outlier_rows > f->rows)
    return refuse(out,
                  "C6: rows is %u and outlier_rows is %u: allowed are 1 to 1024, and 1 to rows",
                  f->rows, f->outlier_rows);
  if (f->outliers < 1)
    return refuse(out, "C6: outliers is 0: allowed is 1 or more");
  if (f->buffer < 1 || f->buffer % KV_GROUP_TOKENS || f->window % KV_GROUP_TOKENS ||
      f->window <= f->buffer)
    return refuse(out,
                  "C6: buffer is %u and window is %u: allowed are multiples of 32, window above "
                  "buffer, buffer above 0",
                  f->buffer, f->window);
  return true;
}

// `high < head_size` needs the head size: resq.kv_cache checks it.
bool resqVerifyKvCode(const resq_kv_fields *f, resq_message *out) {
  int kind = kv_kind(f->kind);
  if (kind == KV_KINDS)
    return refuse(
        out,
        "C1: kind is \"%.*s\": allowed are \"f32\", \"f16\", \"int\", \"lm\", \"qjl\" and "
        "\"qjl_groups\"",
        shown(f->kind), f->kind.data);
  if (!verify_unused(f, kind, out))
    return false;
  if (kind == KV_GROUPS)
    return verify_groups(f, out);
  static const char *const numbers[] = {"C1", "C1", "C2", "C3", "C4"};
  if (kind >= KV_INT && f->high_bits != 8)
    return refuse(out, "%s: high_bits is %u: allowed is 8", numbers[kind], f->high_bits);
  if (kind == KV_INT && (f->bits < 2 || f->bits > 8))
    return refuse(out, "C2: bits is %u: allowed is 2 to 8", f->bits);
  if (kind == KV_LM && (f->bits < 1 || f->bits > 4))
    return refuse(out, "C3: bits is %u: allowed is 1 to 4", f->bits);
  if (kind == KV_QJL && (f->rows < 1 || f->rows > 1024))
    return refuse(out, "C4: rows is %u: allowed is 1 to 1024", f->rows);
  return true;
}
