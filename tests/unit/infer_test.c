// LINK: compiler
//===-- infer_test.c - result types that follow from operands -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops are made by name from operand types and attributes alone. Each is then made again
// with the type that was inferred: C code may ask for either.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/ops.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CODE "!resq.quant<bits = 4, group = 32, zero = true, layout = row>"
#define WEIGHT "!resq.quant<bits = 4, group = 32, zero = false, layout = row>"

enum { max_operands = 5 };

typedef struct infer_case {
  const char *op;
  const char *operands[max_operands]; ///< their types, NULL after the last
  const char *attributes;             ///< NULL for none
  const char *results[2];             ///< inferred, or NULL where it is refused
  const char *message;                ///< the refusal
} infer_case;

static const infer_case inferred[] = {
    {"resq.embed", {"tensor<?xi32>", "tensor<100x8xbf16>"}, NULL, {"tensor<?x8xf32>"}, NULL},
    {"resq.embed",
     {"tensor<4xi32>", "tensor<100x8x!resq.panel<f16>>"},
     NULL,
     {"tensor<4x8xf32>"},
     NULL},
    {"resq.embed",
     {"tensor<4xi32>", "tensor<100x8x!resq.quant<bits = 8, group = 8, zero = false, layout = "
                       "n16k4, pack_group = 8, base = 8>>"},
     NULL,
     {"tensor<4x8xf32>"},
     NULL},
    {"resq.rms_norm", {"tensor<?x8xf32>"}, "{eps = 1.0e-5 : f32}", {"tensor<?x8xf32>"}, NULL},
    {"resq.rms_norm",
     {"tensor<4x8xf32>", "tensor<8xf32>"},
     "{eps = 0.0 : f32}",
     {"tensor<4x8xf32>"},
     NULL},
    {"resq.linear", {"tensor<?x8xf32>", "tensor<16x8xf32>"}, NULL, {"tensor<?x16xf32>"}, NULL},
    {"resq.linear",
     {"tensor<4x8xf32>", "tensor<16x8x!resq.panel<bf16>>", "tensor<16xf32>"},
     "{name = \"l0.q\"}",
     {"tensor<4x16xf32>"},
     NULL},
    {"resq.head", {"tensor<?x8xf32>", "tensor<100x8xf16>"}, NULL, {"tensor<?x100xf32>"}, NULL},
    {"resq.rope",
     {"tensor<?x32xf32>", "tensor<?x16xf32>"},
     "{head_size = 16 : i64}",
     {"tensor<?x32xf32>"},
     NULL},
    {"resq.attention",
     {"tensor<?x32xf32>", "tensor<?xi32>", "tensor<?xi32>"},
     "{cache = @c, scale = 0.25 : f32}",
     {"tensor<?x32xf32>"},
     NULL},
    {"resq.gate", {"tensor<?x8xf32>", "tensor<?x8xf32>"}, NULL, {"tensor<?x8xf32>"}, NULL},
    {"resq.gather_rows", {"tensor<?x8xf32>", "tensor<2xi32>"}, NULL, {"tensor<2x8xf32>"}, NULL},
    {"resq.rotate", {"tensor<?x8xf32>", "tensor<2x4x4xf64>"}, NULL, {"tensor<?x8xf32>"}, NULL},
    {"resq.rotate",
     {"tensor<4x8xbf16>", "tensor<8x8xf32>"},
     "{transposed}",
     {"tensor<4x8xbf16>"},
     NULL},
    {"resq.permute",
     {"tensor<?x4xf32>"},
     "{order = array<i64: 3, 2, 1, 0>}",
     {"tensor<?x4xf32>"},
     NULL},
    {"resq.permute", {"tensor<?x4xf32>", "tensor<4xi32>"}, NULL, {"tensor<?x4xf32>"}, NULL},
    {"resq.hadamard", {"tensor<?x24xf32>"}, "{size = 12 : i64}", {"tensor<?x24xf32>"}, NULL},
    {"resq.split",
     {"tensor<?x64xf32>"},
     "{block = 32 : i64, high = 4 : i64}",
     {"tensor<?x56xf32>", "tensor<?x8xf32>"},
     NULL},
    {"resq.split",
     {"tensor<3x2x16xf64>"},
     "{block = 16 : i64, high = 15 : i64}",
     {"tensor<3x2x1xf64>", "tensor<3x2x15xf64>"},
     NULL},
    {"resq.join",
     {"tensor<?x56xf32>", "tensor<4x8xf32>"},
     "{block = 32 : i64, high = 4 : i64}",
     {"tensor<4x64xf32>"},
     NULL},
    {"resq.concat", {"tensor<?x8xf32>"}, "{dim = 1 : i64}", {"tensor<?x8xf32>"}, NULL},
    {"resq.concat",
     {"tensor<4x8xf16>", "tensor<3x8xf16>", "tensor<2x8xf16>"},
     "{dim = 0 : i64}",
     {"tensor<9x8xf16>"},
     NULL},
    {"resq.dequantize", {"tensor<?x32x" CODE ">"}, NULL, {"tensor<?x32xf32>"}, NULL},
    {"resq.qlinear",
     {"tensor<?x32x" CODE ">", "tensor<64x32x" WEIGHT ">"},
     "{operandSegmentSizes = array<i32: 1, 1, 0>}",
     {"tensor<?x64xf32>"},
     NULL},
    {"resq.qlinear",
     {"tensor<4x32x" CODE ">", "tensor<4x64x" CODE ">", "tensor<16x32x" WEIGHT ">",
      "tensor<16x64x" WEIGHT ">", "tensor<16xf32>"},
     "{operandSegmentSizes = array<i32: 2, 2, 1>, name = \"l0.down\"}",
     {"tensor<4x16xf32>"},
     NULL},
    {"resq.sum_blocks", {"tensor<3x8x8xf64>"}, NULL, {"tensor<8x8xf64>"}, NULL},
    {"resq.sum_blocks", {"tensor<6x8x8xf64>"}, "{into = 2 : i64}", {"tensor<2x8x8xf64>"}, NULL},
    {"resq.inverse_transpose", {"tensor<2x8x8xf32>"}, NULL, {"tensor<2x8x8xf64>"}, NULL},
    {"resq.matmul", {"tensor<2x3xf64>", "tensor<3x4xf32>"}, NULL, {"tensor<2x4xf64>"}, NULL},
    {"resq.matmul", {"tensor<2x3xbf16>", "tensor<5x3x4xf32>"}, NULL, {"tensor<5x2x4xf32>"}, NULL},
    {"resq.matmul", {"tensor<5x2x3xf32>", "tensor<3x4xf16>"}, NULL, {"tensor<5x2x4xf32>"}, NULL},
    {"resq.transpose", {"tensor<5x2x3xf64>"}, NULL, {"tensor<5x3x2xf64>"}, NULL},
    {"resq.kron", {"tensor<2x3xf64>", "tensor<5x7xf64>"}, NULL, {"tensor<10x21xf64>"}, NULL},
    {"resq.scale_columns", {"tensor<4x8xf32>", "tensor<8xf32>"}, NULL, {"tensor<4x8xf32>"}, NULL},
    {"resq.deinterleave", {"tensor<8x4xf16>"}, "{heads = 2 : i64}", {"tensor<8x4xf16>"}, NULL},
};

static const infer_case refused[] = {
    {"resq.rms_norm",
     {"f32"},
     "{eps = 1.0e-5 : f32}",
     {NULL},
     "'resq.rms_norm' op operand 0 is f32: allowed is a tensor"},
    {"resq.gate", {NULL}, NULL, {NULL}, "'resq.gate' op operand 0 is missing: allowed is a tensor"},
    {"resq.rotate",
     {"tensor<*xf32>", "tensor<8x8xf32>"},
     NULL,
     {NULL},
     "'resq.rotate' op operand 0 is tensor<*xf32>: allowed is a tensor"},
    {"resq.embed",
     {"tensor<4xi32>", "tensor<8xf32>"},
     NULL,
     {NULL},
     "'resq.embed' op operand 1 is tensor<8xf32>: allowed is a tensor of rank 2"},
    {"resq.linear",
     {"tensor<8xf32>", "tensor<16x8xf32>"},
     NULL,
     {NULL},
     "'resq.linear' op operand 0 is tensor<8xf32>: allowed is a tensor of rank 2"},
    {"resq.head",
     {"tensor<4x8xf32>"},
     NULL,
     {NULL},
     "'resq.head' op operand 1 is missing: allowed is a tensor"},
    {"resq.gather_rows",
     {"tensor<4x8xf32>", "index"},
     NULL,
     {NULL},
     "'resq.gather_rows' op operand 1 is index: allowed is a tensor of rank 1"},
    {"resq.split",
     {"tensor<?x32xf32>"},
     "{block = 12 : i64, high = 4 : i64}",
     {NULL},
     "'resq.split' op C1: block is 12, but the whole is tensor<?x32xf32>: allowed is a divisor of "
     "its last dimension"},
    {"resq.split",
     {"tensor<?x?xf32>"},
     NULL,
     {NULL},
     "'resq.split' op C1: block is 0, but the whole is tensor<?x?xf32>: allowed is a divisor of "
     "its last dimension"},
    {"resq.split",
     {"tensor<?x32xf32>"},
     "{block = 16 : i64, high = 16 : i64}",
     {NULL},
     "'resq.split' op C2: high is 16: allowed is 1 to 15"},
    {"resq.join",
     {"tensor<?x24xf32>", "tensor<8xf32>"},
     "{block = 32 : i64, high = 8 : i64}",
     {NULL},
     "'resq.join' op operand 1 is tensor<8xf32>: allowed is a tensor of rank 2"},
    {"resq.concat",
     {NULL},
     "{dim = 0 : i64}",
     {NULL},
     "'resq.concat' op C1: there are no parts: allowed is one or more"},
    {"resq.concat",
     {"tensor<?x8xf32>"},
     "{dim = 2 : i64}",
     {NULL},
     "'resq.concat' op C2: dim is 2, but part 0 is tensor<?x8xf32>: allowed is 0 to 1"},
    {"resq.concat",
     {"tensor<9223372036854775807xf32>", "tensor<1xf32>"},
     "{dim = 0 : i64}",
     {NULL},
     "'resq.concat' op the operands add up to more than 2^63 - 1 along dim 0"},
    {"resq.dequantize",
     {"tensor<*xf32>"},
     NULL,
     {NULL},
     "'resq.dequantize' op operand 0 is tensor<*xf32>: allowed is a tensor"},
    {"resq.qlinear",
     {"tensor<?x32x" CODE ">"},
     NULL,
     {NULL},
     "'resq.qlinear' op C1: there are 0 activations and 0 weights: allowed is as many of both, at "
     "least one"},
    {"resq.qlinear",
     {"tensor<?x32x" CODE ">"},
     "{operandSegmentSizes = array<i32: 1, 1, 0>}",
     {NULL},
     "'resq.qlinear' op operand 1 is missing: allowed is a tensor"},
    {"resq.sum_blocks",
     {"tensor<8x8xf64>"},
     NULL,
     {NULL},
     "'resq.sum_blocks' op operand 0 is tensor<8x8xf64>: allowed is a tensor of rank 3"},
    {"resq.matmul",
     {"tensor<8x8xf64>", "tensor<8xf64>"},
     NULL,
     {NULL},
     "'resq.matmul' op operand 1 is tensor<8xf64>: allowed is a tensor of rank 2 to 3"},
    {"resq.transpose",
     {"tensor<8xf64>"},
     NULL,
     {NULL},
     "'resq.transpose' op operand 0 is tensor<8xf64>: allowed is a tensor of rank 2 or more"},
    {"resq.kron",
     {"tensor<4294967296x1xf64>", "tensor<4294967296x1xf64>"},
     NULL,
     {NULL},
     "'resq.kron' op C1: a is tensor<4294967296x1xf64> and b is tensor<4294967296x1xf64>: allowed "
     "is [m, n] by [p, q] to [m * p, n * q]"},
};

//===-- Making ops --------------------------------------------------------===//

typedef struct diagnostics {
  int n;
  char first[400];
} diagnostics;

static void append(MlirStringRef part, void *user) {
  diagnostics *seen = user;
  if (seen->n == 1)
    snprintf(seen->first + strlen(seen->first), sizeof seen->first - strlen(seen->first), "%.*s",
             (int)part.length, part.data);
}

static MlirLogicalResult record(MlirDiagnostic diagnostic, void *user) {
  diagnostics *seen = user;
  seen->n++;
  mlirDiagnosticPrint(diagnostic, append, seen);
  return mlirLogicalResultSuccess();
}

static MlirContext context_of(void **state) { return *(MlirContext *)*state; }

/// The op of a case on the arguments of `block`: its results inferred, or as the case says.
static MlirOperation make(MlirContext ctx, const infer_case *c, MlirBlock block,
                          bool says_results) {
  MlirLocation loc = mlirLocationUnknownGet(ctx);
  MlirOperationState state = mlirOperationStateGet(resq_str(c->op), loc);
  for (int i = 0; i < max_operands && c->operands[i]; i++) {
    MlirType type = mlirTypeParseGet(ctx, resq_str(c->operands[i]));
    assert_non_null(type.ptr);
    MlirValue operand = mlirBlockAddArgument(block, type, loc);
    mlirOperationStateAddOperands(&state, 1, &operand);
  }
  if (c->attributes) {
    MlirAttribute all = mlirAttributeParseGet(ctx, resq_str(c->attributes));
    assert_non_null(all.ptr);
    for (intptr_t i = 0; i < mlirDictionaryAttrGetNumElements(all); i++) {
      MlirNamedAttribute one = mlirDictionaryAttrGetElement(all, i);
      mlirOperationStateAddAttributes(&state, 1, &one);
    }
  }
  if (!says_results)
    mlirOperationStateEnableResultTypeInference(&state);
  for (int i = 0; says_results && i < 2 && c->results[i]; i++) {
    MlirType type = mlirTypeParseGet(ctx, resq_str(c->results[i]));
    mlirOperationStateAddResults(&state, 1, &type);
  }
  return mlirOperationCreate(&state);
}

static void check_results(MlirContext ctx, const infer_case *c, MlirOperation op) {
  if (mlirOperationIsNull(op))
    fail_msg("%s was refused", c->op);
  intptr_t n = mlirOperationGetNumResults(op);
  assert_int_equal(n, c->results[1] ? 2 : 1);
  for (intptr_t i = 0; i < n; i++) {
    MlirType want = mlirTypeParseGet(ctx, resq_str(c->results[i]));
    if (!mlirTypeEqual(mlirValueGetType(mlirOperationGetResult(op, i)), want)) {
      mlirOperationDump(op);
      fail_msg("result %d is not %s", (int)i, c->results[i]);
    }
  }
}

static void types_follow(void **state) {
  MlirContext ctx = context_of(state);
  for (size_t k = 0; k < sizeof inferred / sizeof *inferred; k++) {
    MlirBlock block = mlirBlockCreate(0, NULL, NULL);
    for (int says = 0; says < 2; says++) {
      MlirOperation op = make(ctx, &inferred[k], block, says);
      check_results(ctx, &inferred[k], op);
      mlirBlockAppendOwnedOperation(block, op);
    }
    mlirBlockDestroy(block);
  }
}

static void what_no_type_follows_from_is_refused(void **state) {
  MlirContext ctx = context_of(state);
  for (size_t k = 0; k < sizeof refused / sizeof *refused; k++) {
    diagnostics seen = {0, ""};
    MlirDiagnosticHandlerID id = mlirContextAttachDiagnosticHandler(ctx, record, &seen, NULL);
    MlirBlock block = mlirBlockCreate(0, NULL, NULL);
    assert_true(mlirOperationIsNull(make(ctx, &refused[k], block, false)));
    mlirBlockDestroy(block);
    mlirContextDetachDiagnosticHandler(ctx, id);
    assert_string_equal(seen.first, refused[k].message);
    assert_int_equal(seen.n, 1);
  }
}

//===-- No op is left out -------------------------------------------------===//

static const char *const classes[] = {
#define CLASS_NAME(op, rule) #op,
    RESQ_OPS_WITH_INFERENCE(CLASS_NAME)
#undef CLASS_NAME
};

/// "resq.rms_norm" is class "RmsNorm".
static bool is_class(const char *op, const char *class_name) {
  for (op += strlen("resq."); *op; op++)
    if (*op != '_' && tolower((unsigned char)*op) != tolower((unsigned char)*class_name++))
      return false;
  return !*class_name;
}

static void every_rule_is_tried(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
    size_t k = 0, n = sizeof inferred / sizeof *inferred;
    while (k < n && !is_class(inferred[k].op, classes[i]))
      k++;
    if (k == n)
      fail_msg("no case for %s", classes[i]);
  }
}

static int open_context(void **state) {
  MlirContext *ctx = malloc(sizeof *ctx);
  *ctx = resqContextCreate();
  *state = ctx;
  return 0;
}

static int close_context(void **state) {
  mlirContextDestroy(*(MlirContext *)*state);
  free(*state);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(types_follow),
      cmocka_unit_test(what_no_type_follows_from_is_refused),
      cmocka_unit_test(every_rule_is_tried),
  };
  return cmocka_run_group_tests(tests, open_context, close_context);
}
