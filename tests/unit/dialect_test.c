// LINK: compiler
//===-- dialect_test.c - the dialect's C side: types, builders, Hadamard --===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/build.h"
#include "kernels/layout/pack_layout.h"
#include "passes/pass.h"
#include <stdlib.h>
#include <string.h>

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

static void quant_type_says_its_parts(void **state) {
  MlirContext ctx = *(MlirContext *)*state;
  MlirType type = resqQuantTypeGetAsymmetric(ctx, 4, 32);
  assert_true(resqTypeIsQuant(type) && !resqTypeIsPanel(type));
  assert_int_equal(resqQuantTypeGetBits(type), 4);
  assert_int_equal(resqQuantTypeGetGroup(type), 32);
  assert_true(resqQuantTypeGetZero(type));
  assert_false(resqQuantTypeIsPacked(type));
  MlirType parsed = mlirTypeParseGet(
      ctx, resq_str("!resq.quant<bits = 4, group = 32, zero = true, layout = row>"));
  assert_true(mlirTypeEqual(type, parsed));
}

static void packed_types_say_how_they_are_stored(void **state) {
  MlirContext ctx = *(MlirContext *)*state;
  static const struct {
    resq_codebook codebook;
    int64_t base, planes, bytes; // of [20, 36] with pack groups of 12, padded to 16
  } cases[] = {{{RESQ_CODE_INTEGER, 2, 0}, 2, 0, 2 * 6 * 32 + 32 * 2},
               {{RESQ_CODE_INTEGER, 3, 0}, 2, 1, 2 * 6 * 48 + 32 * 2},
               {{RESQ_CODE_TRELLIS, 3, 8}, 2, 1, 2 * 6 * 48 + 32 * 2},
               {{RESQ_CODE_INTEGER, 6, 0}, 4, 2, 2 * 6 * 96 + 32 * 2},
               {{RESQ_CODE_E4M3, 8, 0}, 8, 0, 2 * 6 * 128 + 32 * 2},
               {{RESQ_CODE_TRELLIS, 4, 4}, 4, 0, 2 * 6 * 64 + 32 * 2}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    MlirType row = resqQuantTypeGetSymmetric(ctx, cases[i].codebook, 36);
    MlirType packed = resqQuantTypePack(row, 12);
    const resq_quant q = resqQuantTypeRead(packed);
    assert_true(resq_codebook_equal(q.codebook, cases[i].codebook));
    assert_true(q.group == 36 && !q.zero && q.layout == RESQ_LAYOUT_N16K4);
    assert_true(q.packing.group == 12 && q.packing.base == cases[i].base &&
                q.packing.planes == cases[i].planes);
    const int64_t shape[] = {20, 36};
    assert_int_equal(resqPackedTensorBytes(resq_tensor(packed, 2, shape)), cases[i].bytes);
    assert_int_equal(resq_packed_weight_size(20, 36, 12, 36, cases[i].codebook.bits),
                     cases[i].bytes);
    assert_int_equal(resqPackedTensorBytes(resq_tensor(row, 2, shape)), -1);
    assert_int_equal(resqPackedTensorBytes(resq_tensor(packed, 2, (int64_t[]){36, 20})), -1);
  }
}

static MlirLogicalResult swallow(MlirDiagnostic diagnostic, void *count) {
  (void)diagnostic;
  ++*(int *)count;
  return mlirLogicalResultSuccess();
}

static void bad_types_are_null_with_one_error(void **state) {
  MlirContext ctx = *(MlirContext *)*state;
  int errors = 0;
  MlirDiagnosticHandlerID id = mlirContextAttachDiagnosticHandler(ctx, swallow, &errors, NULL);
  assert_null(resqQuantTypeGetAsymmetric(ctx, 1, 32).ptr);
  assert_null(resqPanelTypeGet(mlirF64TypeGet(ctx)).ptr);
  assert_null(resqKvIntAttrGet(ctx, 9, 0).ptr);
  mlirContextDetachDiagnosticHandler(ctx, id);
  assert_int_equal(errors, 3);
}

/// What the compiler says of a code's size is what the kernels lay out.
static void kv_codes_cost_what_kernels_store(void **state) {
  MlirContext ctx = *(MlirContext *)*state;
  const struct {
    MlirAttribute code;
    int64_t size, bytes;
  } codes[] = {
      {resqKvFloatAttrGet(ctx, RESQ_KV_F32), 64, 256},
      {resqKvFloatAttrGet(ctx, RESQ_KV_F16), 64, 128},
      {resqKvIntAttrGet(ctx, 4, 8), 64, 28 + 8 + 6},
      {resqKvIntAttrGet(ctx, 3, 0), 64, 24 + 3},
      {resqKvIntAttrGet(ctx, 5, 3), 13, 7 + 3 + 6},
      {resqKvLmAttrGet(ctx, 3, 8), 64, 21 + 8 + 2 + 3},
      {resqKvLmAttrGet(ctx, 1, 0), 64, 8 + 2},
      {resqKvQjlAttrGet(ctx, 168, 8), 64, 21 + 8 + 2 + 3},
      {resqKvQjlAttrGet(ctx, 5, 0), 64, 1 + 2},
  };
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
    assert_int_equal(resqKvCodeBytes(codes[i].code, codes[i].size), codes[i].bytes);
  MlirAttribute groups = resqKvQjlGroupsAttrGet(ctx, 37, 33, 10, 32, 96);
  assert_int_equal(resqKvCodeBytes(groups, 64), 5 + 2 + 4 + 2);
  assert_int_equal(resqKvCodeWindowBytes(groups, 64), 2 * 64 * 96);
  assert_int_equal(resqKvCodeMostRows(groups), 65);
}

static void kv_code_and_panel_say_their_parts(void **state) {
  MlirContext ctx = *(MlirContext *)*state;
  MlirAttribute code = resqKvIntAttrGet(ctx, 4, 8);
  assert_true(resqAttrIsKvCode(code) && resqKvCodeAttrGetKind(code) == RESQ_KV_INT);
  assert_int_equal(resqKvCodeAttrGetBits(code), 4);
  assert_int_equal(resqKvCodeAttrGetHigh(code), 8);
  assert_int_equal(resqKvCodeAttrGetRows(code), 0);
  code = resqKvQjlAttrGet(ctx, 168, 8);
  assert_int_equal(resqKvCodeAttrGetRows(code), 168);
  code = resqKvFloatAttrGet(ctx, RESQ_KV_F16);
  assert_true(resqAttrIsKvCode(code) && resqKvCodeAttrGetKind(code) == RESQ_KV_F16);
  assert_false(resqAttrIsKvCode(mlirUnitAttrGet(ctx)));
  MlirType panel = resqPanelTypeGet(mlirBF16TypeGet(ctx));
  assert_true(resqTypeIsPanel(panel));
  assert_true(mlirTypeEqual(resqPanelTypeGetElement(panel), mlirBF16TypeGet(ctx)));
}

static void count_op(MlirOperation op, void *count) {
  (void)op;
  ++*(int *)count;
}

static void a_built_module_verifies_and_reads_back(void **state) {
  MlirContext ctx = *(MlirContext *)*state;
  MlirModule module = mlirModuleCreateEmpty(mlirLocationUnknownGet(ctx));
  MlirOperation top = mlirModuleGetOperation(module);
  resq_builder at = resq_build_at_end(mlirModuleGetBody(module), mlirLocationUnknownGet(ctx));
  MlirType type = resq_tensor(mlirF32TypeGet(ctx), 2, (int64_t[]){8, 8});
  resq_build_param(&at, "bound", type, NULL);
  MlirBlock recipe;
  MlirOperation param = resq_build_param(&at, "made", type, &recipe);
  resq_builder in = resq_build_at_end(recipe, at.loc);
  MlirValue bound = resq_build_get(&in, "bound", type);
  MlirNamedAttribute size = resq_attr_i64(ctx, "size", 8);
  resq_build_yield(recipe, resq_build_value(&in, "resq.hadamard", 1, &bound, type, 1, &size));
  assert_true(mlirOperationVerify(top));

  assert_true(mlirOperationEqual(resq_symbol(top, resq_str("made")), param));
  assert_true(mlirOperationIsNull(resq_symbol(top, resq_str("none"))));
  char *fresh = resq_fresh_symbol(top, "made");
  assert_string_equal(fresh, "made_1");
  free(fresh);
  assert_int_equal(resq_width(bound), 8);
  assert_true(resq_value_is_from(bound, "resq.get"));

  int gets = 0;
  resq_for_each(top, "resq.get", count_op, &gets);
  assert_int_equal(gets, 1);
  MlirOperation hadamard = mlirOperationGetNextInBlock(resq_defining_op(bound));
  assert_int_equal(resq_op_i64(hadamard, "size"), 8);
  assert_false(resq_op_has(hadamard, "transposed"));
  resq_replace(hadamard, 1, &bound);
  assert_true(mlirOperationVerify(top));
  mlirModuleDestroy(module);
}

//===-- Hadamard ----------------------------------------------------------===//

static void orders_are_the_smallest(void **state) {
  (void)state;
  static const int64_t known[][2] = {{1, 1},    {2, 1},      {64, 1},    {12, 12},    {24, 12},
                                     {576, 36}, {504, 252},  {1536, 12}, {1376, 344}, {28, 28},
                                     {52, 52},  {3, 0},      {18, 0},    {92, 0},     {0, 0},
                                     {-4, 0},   {11008, 344}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    assert_int_equal(resqHadamardOrder(known[i][0]), known[i][1]);
  assert_int_equal(resqHadamardOrder(INT64_MAX), 0);
}

static void rows_are_orthogonal(int64_t k) {
  int8_t *h = malloc((size_t)(k * k));
  resqHadamardSigns(k, h);
  for (int64_t i = 0; i < k; i++)
    for (int64_t j = 0; j <= i; j++) {
      int sum = 0;
      for (int64_t c = 0; c < k; c++)
        sum += h[i * k + c] * h[j * k + c];
      if (sum != (i == j ? k : 0))
        fail_msg("order %d: rows %d and %d have product %d", (int)k, (int)i, (int)j, sum);
    }
  free(h);
}

/// All small orders, and large ones of both kinds over primes and prime powers (344 is 7^3 + 1, 580
/// is 2 (17^2 + 1)).
static void matrices_are_orthogonal(void **state) {
  (void)state;
  for (int64_t k = 1; k <= 260; k++)
    if (resqHadamardOrder(k) == k)
      rows_are_orthogonal(k);
  static const int64_t large[] = {312, 340, 344, 484, 580, 844, 972, 1020};
  for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
    assert_int_equal(resqHadamardOrder(large[i]), large[i]);
    rows_are_orthogonal(large[i]);
  }
}

static void passes_have_text_and_code(void **state) {
  (void)state;
  assert_true(resq_n_passes > 0);
  for (intptr_t i = 0; i < resq_n_passes; i++) {
    assert_int_equal(strncmp(resq_passes[i].flag, "resq-", 5), 0);
    assert_true(resq_passes[i].summary[0] != '\0');
    for (intptr_t k = 0; k < resq_passes[i].n_options; k++)
      assert_non_null(resq_passes[i].options[k].fallback);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(quant_type_says_its_parts, open_context, close_context),
      cmocka_unit_test_setup_teardown(bad_types_are_null_with_one_error, open_context,
                                      close_context),
      cmocka_unit_test_setup_teardown(packed_types_say_how_they_are_stored, open_context,
                                      close_context),
      cmocka_unit_test_setup_teardown(kv_codes_cost_what_kernels_store, open_context,
                                      close_context),
      cmocka_unit_test_setup_teardown(kv_code_and_panel_say_their_parts, open_context,
                                      close_context),
      cmocka_unit_test_setup_teardown(a_built_module_verifies_and_reads_back, open_context,
                                      close_context),
      cmocka_unit_test(orders_are_the_smallest),
      cmocka_unit_test(matrices_are_orthogonal),
      cmocka_unit_test(passes_have_text_and_code),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
