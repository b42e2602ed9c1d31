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

// `high < head_size` needs the head size: resq.kv_cache checks it.
bool resqVerifyKvCode(MlirStringRef kind, unsigned bits, unsigned high, unsigned high_bits,
                      unsigned rows, resq_message *out) {
  if (resq_str_eq(kind, "f32") || resq_str_eq(kind, "f16")) {
    if (bits || high || high_bits || rows)
      return refuse(
          out, "C1: bits = %u, high = %u, high_bits = %u, rows = %u with kind \"%.*s\": allowed is 0",
          bits, high, high_bits, rows, shown(kind), kind.data);
    return true;
  }
  bool is_int = resq_str_eq(kind, "int"), is_lm = resq_str_eq(kind, "lm");
  bool is_qjl = resq_str_eq(kind, "qjl");
  if (!is_int && !is_lm && !is_qjl)
    return refuse(out,
                  "C1: kind is \"%.*s\": allowed are \"f32\", \"f16\", \"int\", \"lm\" and \"qjl\"",
                  shown(kind), kind.data);
  if (is_int && (bits < 2 || bits > 8))
    return refuse(out, "C2: bits is %u: allowed is 2 to 8", bits);
  if (high_bits != 8)
    return refuse(out, "%s: high_bits is %u: allowed is 8", is_int ? "C2" : is_lm ? "C3" : "C4",
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
