//===-- hooks_types.c - what types and attributes may say -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/build.h"
#include "dialect/check.h"
#include "dialect/hooks.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

bool resq_say(resq_message *out, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(out->text, sizeof out->text, format, args);
  va_end(args);
  return false;
}

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
           resq_say(out,
                    "C5: layout is row, with pack_group = %" PRId64 ", base = %" PRId64
                    " and planes = %" PRId64 ": allowed is none of them",
                    p.group, p.base, p.planes);
  if (q->zero)
    return resq_say(out, "C6: layout is n16k4, with zero = true: allowed is zero = false");
  if (p.group < 1)
    return resq_say(out,
                    "C6: layout is n16k4, with pack_group = %" PRId64
                    ": allowed is 1 or more. A module packed by dialect version 1 does not say its "
                    "pack group: compile its checkpoint, or its module before --resq-pack, again",
                    p.group);
  const resq_packing read = resq_packing_of(p.group, q->codebook.bits);
  return resq_packing_has_kernels(p, q->codebook.bits) ||
         resq_say(out,
                  "C7: no kernel reads codes of %u bits stored with base = %" PRId64
                  " and planes = %" PRId64 ": allowed is base = %" PRId64 " and planes = %" PRId64,
                  q->codebook.bits, p.base, p.planes, read.base, read.planes);
}

bool resqVerifyQuant(const resq_quant *q, resq_message *out) {
  const resq_codebook c = q->codebook;
  if (c.bits < 2 || c.bits > 8)
    return resq_say(out, "C1: bits is %u: allowed is 2 to 8", c.bits);
  if (q->group < 1)
    return resq_say(out, "C2: group is %" PRId64 ": allowed is 1 or more", q->group);
  if (q->zero && c.kind != RESQ_CODE_INTEGER)
    return resq_say(out, "C3: codebook is %s, with zero = true: allowed is zero = false",
                    code_kind_name(c.kind));
  if (!resq_codebook_has_kernels(c))
    return resq_say(
        out,
        "C4: no kernel reads codebook %s of %u bits and %u states: allowed are integer of "
        "2 to 8 bits, e4m3 of 8 bits, trellis of 3 bits and %d states or of 4 bits and %d states",
        code_kind_name(c.kind), c.bits, c.states, RESQ_TRELLIS_STATES_3, RESQ_TRELLIS_STATES_4);
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
  return resq_say(out, "C1: a panel's element is f32, bf16 or f16");
}
