//===-- hooks_types.c - what types and attributes may say -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/build.h"
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

bool resqVerifyQuant(unsigned bits, int64_t group, MlirStringRef layout, resq_message *out) {
  if (bits < 2 || bits > 8)
    return refuse(out, "C1: bits is %u: allowed is 2 to 8", bits);
  if (group < 1)
    return refuse(out, "C2: group is %" PRId64 ": allowed is 1 or more", group);
  if (!resq_str_eq(layout, "row") && !resq_str_eq(layout, "n16k4"))
    return refuse(out, "C3: layout is \"%.*s\": allowed are \"row\" and \"n16k4\"", shown(layout),
                  layout.data);
  return true;
}

bool resqVerifyPanel(MlirType element, resq_message *out) {
  if (mlirTypeIsAF32(element) || mlirTypeIsABF16(element) || mlirTypeIsAF16(element))
    return true;
  return refuse(out, "C1: a panel's element is f32, bf16 or f16");
}

//===-- Cache codes -------------------------------------------------------===//

static const char *const kv_kinds[] = {"f32", "f16", "int", "lm", "qjl"};
enum { KV_F32, KV_F16, KV_INT, KV_LM, KV_QJL, KV_KINDS };

static int kv_kind(MlirStringRef name) {
  int kind = 0;
  while (kind < KV_KINDS && !resq_str_eq(name, kv_kinds[kind]))
    kind++;
  return kind;
}

int64_t resqKvCodeNumber(MlirAttribute code) { return kv_kind(resqKvCodeAttrGetKind(code)); }

int64_t resqKvCodeBytes(MlirAttribute code, int64_t head_size) {
  int64_t kind = resqKvCodeNumber(code), high = resqKvCodeAttrGetHigh(code);
  if (kind == KV_F32 || kind == KV_F16)
    return (kind == KV_F32 ? 4 : 2) * head_size;
  int64_t low_bits = kind == KV_QJL ? resqKvCodeAttrGetRows(code)
                                    : (head_size - high) * resqKvCodeAttrGetBits(code);
  int64_t scale = 2, zero = 1;
  return (low_bits + 7) / 8 + high + scale + (kind == KV_INT ? zero : 0) +
         (high > 0 ? scale + zero : 0);
}

// `high < head_size` needs the head size: resq.kv_cache checks it.
bool resqVerifyKvCode(MlirStringRef kind, unsigned bits, unsigned high, unsigned high_bits,
                      unsigned rows, resq_message *out) {
  int number = kv_kind(kind);
  if (number == KV_KINDS)
    return refuse(out,
                  "C1: kind is \"%.*s\": allowed are \"f32\", \"f16\", \"int\", \"lm\" and \"qjl\"",
                  shown(kind), kind.data);
  if (number == KV_F32 || number == KV_F16) {
    if (bits || high || high_bits || rows)
      return refuse(
          out,
          "C1: bits = %u, high = %u, high_bits = %u, rows = %u with kind \"%.*s\": allowed is 0",
          bits, high, high_bits, rows, shown(kind), kind.data);
    return true;
  }
  bool is_int = number == KV_INT, is_lm = number == KV_LM, is_qjl = number == KV_QJL;
  if (is_int && (bits < 2 || bits > 8))
    return refuse(out, "C2: bits is %u: allowed is 2 to 8", bits);
  if (high_bits != 8)
    return refuse(out, "%s: high_bits is %u: allowed is 8",
                  is_int  ? "C2"
                  : is_lm ? "C3"
                          : "C4",
                  high_bits);
  if (is_lm && (bits < 1 || bits > 4))
    return refuse(out, "C3: bits is %u: allowed is 1 to 4", bits);
  if (is_qjl && (bits || rows < 1 || rows > 1024))
    return refuse(out, "C4: rows is %u and bits is %u: allowed are 1 to 1024, and 0", rows, bits);
  if (!is_qjl && rows)
    return refuse(out, "C5: rows is %u with kind \"%.*s\": allowed is 0", rows, shown(kind),
                  kind.data);
  return true;
}
