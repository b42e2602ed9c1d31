//===-- signature.c -------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/signature.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define NOTHING(...)

//===-- Words of enums ----------------------------------------------------===//

#define WORD(op, attribute, name, info)                                                            \
  static MlirStringRef word_##op##_##name(MlirOperation it) {                                      \
    return resq##info##Name(resq##op##OpGet##attribute(it));                                       \
  }
RESQ_SIGNATURES(NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, WORD, NOTHING, NOTHING)
#undef WORD

//===-- The table ---------------------------------------------------------===//

#define BEGIN(op) static const resq_argument arguments_of_##op[] = {
#define OPERAND(op, get_, name, letter)                                                            \
  {#name, RESQ_ARGUMENT_OPERAND, letter, {.value = resq##op##OpGet##get_}},
#define NUMBER(op, get_, name) {#name, RESQ_ARGUMENT_NUMBER, 0, {.number = resq##op##OpGet##get_}},
#define REAL(op, get_, name) {#name, RESQ_ARGUMENT_REAL, 0, {.real = resq##op##OpGet##get_}},
#define FLAG(op, get_, name) {#name, RESQ_ARGUMENT_FLAG, 0, {.flag = resq##op##OpGet##get_}},
#define WORD(op, get_, name, info) {#name, RESQ_ARGUMENT_WORD, 0, {.word = word_##op##_##name}},
#define RESULT(op, get_, name) {#name, RESQ_ARGUMENT_RESULT, 0, {.value = resq##op##OpGet##get_}},
#define END(op)                                                                                    \
  {                                                                                                \
    .name = NULL                                                                                   \
  }                                                                                                \
  }                                                                                                \
  ;
RESQ_SIGNATURES(BEGIN, OPERAND, NUMBER, REAL, FLAG, WORD, RESULT, END)

static const struct signature {
  const char *op;
  const resq_argument *arguments;
} signatures[] = {
#define ROW(op, roles) {"resq." #op, arguments_of_##op},
    RESQ_FUNCTION_OPS(ROW)
#undef ROW
};

const resq_argument *resq_signature_of(MlirOperation op) {
  for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++)
    if (resq_op_is(op, signatures[i].op))
      return signatures[i].arguments;
  return NULL;
}

void resq_variant_name(MlirOperation op, char out[RESQ_VARIANT_SIZE]) {
  const resq_argument *a = resq_signature_of(op);
  assert(a); // the caller has an op of functions
  size_t n = 0;
  for (; a->name; a++) {
    if (a->kind != RESQ_ARGUMENT_WORD)
      continue;
    MlirStringRef word = a->get.word(op);
    n += (size_t)snprintf(out + n, RESQ_VARIANT_SIZE - n, "%.*s_", (int)word.length, word.data);
    assert(n < RESQ_VARIANT_SIZE); // resq.td has short words
  }
  MlirStringRef name = mlirIdentifierStr(mlirOperationGetName(op));
  const size_t skip = strlen("resq.");
  snprintf(out + n, RESQ_VARIANT_SIZE - n, "%.*s", (int)(name.length - skip), name.data + skip);
}
