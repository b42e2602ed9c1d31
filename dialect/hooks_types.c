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

bool resqVerifyQuant(unsigned bits, int64_t group, bool zero, MlirStringRef layout,
                     MlirType storage, MlirStringRef codebook, resq_message *out) {
  if (bits < 2 || bits > 8)
    return refuse(out, "C1: bits is %u: allowed is 2 to 8", bits);
  if (group < 1)
    return refuse(out, "C2: group is %" PRId64 ": allowed is 1 or more", group);
  if (!resq_str_eq(layout, "row") && !resq_str_eq(layout, "n16k4"))
    return refuse(out, "C3: layout is \"%.*s\": allowed are \"row\" and \"n16k4\"", shown(layout),
                  layout.data);
  if (!mlirTypeIsNull(storage) && (!mlirTypeIsAFloat8E4M3FN(storage) || bits != 8 || zero))
    return refuse(out,
                  "C4: storage is %s, with bits = %u and zero = %s: allowed is f8E4M3FN with "
                  "bits = 8 and zero = false",
                  resq_print_type(storage).text, bits, zero ? "true" : "false");
  if (codebook.length &&
      (!resq_str_eq(codebook, "tcq") || bits != 4 || zero || !mlirTypeIsNull(storage)))
    return refuse(out,
                  "C5: codebook is \"%.*s\", with bits = %u, zero = %s and %s storage: allowed is "
                  "\"tcq\" with bits = 4, zero = false and no storage",
                  shown(codebook), codebook.data, bits, zero ? "true" : "false",
                  mlirTypeIsNull(storage) ? "no" : "a");
  return true;
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
