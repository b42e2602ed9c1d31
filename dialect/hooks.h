//===-- hooks.h - the C bodies behind dialect.cpp and types.cpp -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which op has which hook is said in resq.td (hasVerifier, hasFolder, Resq_Infer,
// SymbolUserOpInterface); the declarations below are generated from it, and a missing
// body does not link.
//
// A verifier says true when all is well, and false after one emitted error that
// cites the constraint's number in resq.td. A folder gives the value that the op's
// result equals, or a null value. An inference rule gives the type of one result of
// an op that is not made yet, or a null type after one error.
//===----------------------------------------------------------------------===//
#ifndef RESQ_DIALECT_HOOKS_H
#define RESQ_DIALECT_HOOKS_H

#include "dialect/basis_steps.h"
#include "dialect/ops.h"
#include "mlir-c/IR.h"
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A symbol table to look in: null when there is no such symbol.
typedef struct resq_lookup {
  MlirOperation (*find)(void *scope, MlirStringRef name);
  void *scope;
} resq_lookup;

/// What a type or attribute verifier found: it has no location to report at.
typedef struct resq_message {
  char text[256];
} resq_message;

/// Writes the message; false.
bool resq_say(resq_message *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/// The one attribute that version 1 of the dialect had for all cache codes.
typedef struct resq_kv_code_1 {
  MlirStringRef kind;
  unsigned bits, high, high_bits, rows, outliers, outlier_rows, buffer, window;
} resq_kv_code_1;

/// What an op is to be made of.
typedef struct resq_parts {
  MlirStringRef name; ///< "resq.linear"
  intptr_t n_operands;
  const MlirValue *operands;
  MlirAttribute (*attr)(const void *scope, MlirStringRef name); ///< null when absent
  const void *scope;
} resq_parts;

bool resqVerifyQuant(const resq_quant *quant, resq_message *out);
bool resqVerifyPanel(MlirType element, resq_message *out);
bool resqVerifyKvInt(unsigned bits, resq_message *out);
bool resqVerifyKvLm(unsigned bits, resq_message *out);
bool resqVerifyKvQjl(unsigned rows, resq_message *out);
bool resqVerifyKvQjlGroups(unsigned rows, unsigned outliers, unsigned outlier_rows, unsigned buffer,
                           unsigned window, resq_message *out);
bool resqVerifyBasisStep(const resq_basis_step *step, resq_message *out);
/// What a code of version 1 is now. Null after an emitted error, or with a message at out.
MlirAttribute resqUpgradeKvCode(MlirContext ctx, const resq_kv_code_1 *old, resq_message *out);
bool resqCheckVersion(MlirLocation loc, uint64_t version);

/// Attributes `resq.*` on any op, and on argument or result (`what`) `index` of a function.
bool resqVerifyOperationAttribute(MlirOperation op, MlirStringRef name, MlirAttribute value);
bool resqVerifyValueAttribute(MlirOperation op, const char *what, unsigned index,
                              MlirStringRef name, MlirAttribute value);

/// The C API emits errors only; this one is a remark.
void resqEmitRemark(MlirLocation loc, const char *message);

#define RESQ_DECLARE_VERIFIER(op) bool resqVerify##op(MlirOperation op);
#define RESQ_DECLARE_FOLDER(op) MlirValue resqFold##op(MlirOperation op);
#define RESQ_DECLARE_SYMBOL_USER(op) bool resqVerifyUses##op(MlirOperation op, resq_lookup symbols);
#define RESQ_DECLARE_INFERENCE(op, rule)                                                           \
  MlirType resqInfer##rule(MlirLocation loc, const resq_parts *in, intptr_t result);
RESQ_OPS_WITH_VERIFIER(RESQ_DECLARE_VERIFIER)
RESQ_OPS_WITH_FOLDER(RESQ_DECLARE_FOLDER)
RESQ_OPS_WITH_SYMBOLS(RESQ_DECLARE_SYMBOL_USER)
RESQ_OPS_WITH_INFERENCE(RESQ_DECLARE_INFERENCE)
#undef RESQ_DECLARE_VERIFIER
#undef RESQ_DECLARE_FOLDER
#undef RESQ_DECLARE_SYMBOL_USER
#undef RESQ_DECLARE_INFERENCE

/// Whether an op with this inferred result type may say the given one instead.
bool resqTypesAgree(MlirType inferred, MlirType given);

#ifdef __cplusplus
}
#endif
#endif // RESQ_DIALECT_HOOKS_H
