// LINK: compiler
//===-- entries_test.c - from a lowering to the program table -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What lowerings hand to the program table are resq/abi.h's structures (lowering/entries/entry.h), the
// same for every device; what upstream passes must carry in between (passes/generic_argument.h) is read
// as it was written.
//===----------------------------------------------------------------------===//
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lowering/cpu/lower_cpu.h"
#include "lowering/gpu/lower_gpu.h"
#include "lowering/support/levels.h"
#include "passes/generic_argument.h"

#include <string.h>

static const char text[] =
    "resq.kv_cache @c heads 1 size 8 keys <kind = \"f32\"> values <kind = \"f32\">\n"
    "resq.param @table : tensor<40x8x!resq.panel<f32>> attributes {offset = 128 : i64, size = 1536 "
    ": i64}\n"
    "func.func @f(%i: tensor<?xi32> {resq.name = \"ids\"}) -> tensor<?x8xf32> {\n"
    "  %w = resq.get @table : tensor<40x8x!resq.panel<f32>>\n"
    "  %e = resq.embed %i, %w : tensor<?xi32>, tensor<40x8x!resq.panel<f32>> -> "
    "tensor<?x8xf32> loc(\"first\")\n"
    "  resq.kv_append @c, %e, %e at %i, %i : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>\n"
    "  return %e : tensor<?x8xf32>\n"
    "}\n"
    "func.func @g(%x: tensor<300x8xf32>) -> tensor<300x8xf32> {\n"
    "  %y = resq.add %x, %x : tensor<300x8xf32>\n"
    "  return %y : tensor<300x8xf32>\n"
    "}\n";

static const char norms[] =
    "resq.param @gain : tensor<576xf32> attributes {offset = 64 : i64, size = 2304 : i64}\n"
    "func.func @n(%x: tensor<?x576xf32>) -> tensor<?x576xf32> {\n"
    "  %g = resq.get @gain : tensor<576xf32>\n"
    "  %y = resq.rms_norm %x gain %g : tensor<576xf32> {eps = 1.0e-5 : f32} : tensor<?x576xf32> -> "
    "tensor<?x576xf32>\n"
    "  return %y : tensor<?x576xf32>\n"
    "}\n";

static MlirModule parse(MlirContext ctx, const char *source) {
  MlirModule module = mlirModuleCreateParse(ctx, resq_str(source));
  assert_false(mlirModuleIsNull(module));
  return module;
}

static void check_facts(const resq_entry *f) {
  assert_string_equal(f->function, "f");
  assert_int_equal(f->max_rows, 16);
  assert_null(f->run);
  assert_null(f->gpu);
  assert_int_equal(f->n_args, 2);
  assert_string_equal(f->args[0].name, "ids");
  assert_int_equal(f->args[0].dtype, RESQ_I32);
  assert_int_equal(f->args[0].n_rules, 3);
  assert_int_equal(f->args[0].rules[0].kind, RESQ_RULE_BELOW);
  assert_int_equal(f->args[0].rules[0].limit, 40);
  assert_int_equal(f->args[0].rules[1].kind, RESQ_RULE_POSITION);
  assert_int_equal(f->args[0].rules[2].kind, RESQ_RULE_SEQUENCE);
  assert_string_equal(f->args[1].name, "result0");
  assert_int_equal(f->args[1].is_result, 1);
  assert_int_equal(f->args[1].width, 8);
  assert_int_equal(f->args[1].rows_as, 0);
  assert_int_equal(f->n_uses, 1);
  assert_int_equal(f->uses[0].cache, 0);
  assert_int_equal(f->uses[0].is_append, 1);
}

static void cpu_and_definition(void **state) {
  (void)state;
  MlirContext ctx = resqContextCreate();
  MlirModule module = parse(ctx, text);
  resq_entries facts = {0}, entries = {0};
  assert_true(resq_entries_add(&facts, mlirModuleGetOperation(module), "definition", 16));
  assert_true(resq_lower_cpu(mlirModuleGetOperation(module), "generic", 16, &entries));
  assert_int_equal(facts.count, 2);
  assert_int_equal(entries.count, 2);
  check_facts(&facts.items[0].row);
  check_facts(&entries.items[0].row);
  assert_string_equal(facts.items[0].symbol, "f__definition__r16");
  assert_string_equal(entries.items[0].symbol, "f__generic__r16");
  assert_ptr_equal(resq_entry_find(&entries, resq_str("f__generic__r16")), &entries.items[0]);
  assert_null(resq_entry_find(&entries, resq_str("f")));
  // What the walk adds; the definition has no ops of its own.
  assert_int_equal(facts.items[0].row.n_ops, 0);
  assert_string_equal(entries.items[0].row.level, "generic");
  assert_int_equal(entries.items[0].row.n_ops, 2);
  assert_string_equal(entries.items[0].row.op_names[0], "first: embed_f32");
  // A type that fixes more rows than were asked for, at every level.
  assert_int_equal(facts.items[1].row.max_rows, 300);
  assert_int_equal(entries.items[1].row.max_rows, 300);
  assert_int_equal(entries.items[1].row.args[0].rows, 300);
  resq_entries_free(&facts);
  resq_entries_free(&entries);
  mlirModuleDestroy(module);
  mlirContextDestroy(ctx);
}

static void launches(void **state) {
  (void)state;
  MlirContext ctx = resqContextCreate();
  MlirModule module = parse(ctx, norms);
  resq_entries entries = {0};
  const resq_gpu_lowering how = {&resq_gpu_targets[0], RESQ_GPU_EXACT};
  assert_true(resq_lower_gpu(mlirModuleGetOperation(module), &how, 16, &entries));
  assert_int_equal(entries.count, 1);
  const resq_lowered_entry *e = &entries.items[0];
  assert_null(e->row.gpu); // has the launches of all chips
  assert_int_equal(e->launches.n, 1);
  assert_int_equal(e->launches.workspace_bytes, e->row.workspace_bytes);
  const resq_gpu_launch *l = &e->launches.items[0];
  assert_int_equal(l->kind, RESQ_GPU_LAUNCH_KERNEL);
  assert_int_equal(l->op, 0);
  assert_int_equal(l->n_args, 4);
  static const resq_gpu_arg args[] = {{RESQ_GPU_ARGUMENT, 0, 0},
                                      {RESQ_GPU_PARAM, 0, 64},
                                      {RESQ_GPU_ARGUMENT, 1, 0},
                                      {RESQ_GPU_ROWS, 0, 0}};
  for (int i = 0; i < 4; i++) {
    assert_int_equal(l->args[i].kind, args[i].kind);
    assert_int_equal(l->args[i].index, args[i].index);
    assert_int_equal(l->args[i].offset, args[i].offset);
  }
  resq_entries_free(&entries);
  mlirModuleDestroy(module);
  mlirContextDestroy(ctx);
}

/// Writes what arguments stand for onto a function and reads it back.
static void generic_arguments(void **state) {
  (void)state;
  static const resq_generic_argument all[] = {
      {.kind = RESQ_GENERIC_OWN},
      {.kind = RESQ_GENERIC_PARAM, .name = {"p", 1}, .offset = 4096},
      {.kind = RESQ_GENERIC_PARAM, .name = {"q \"r\"", 5}, .offset = -1},
      {.kind = RESQ_GENERIC_PARAM, .name = {"", 0}, .offset = 0},
      {.kind = RESQ_GENERIC_CACHE,
       .name = {"c", 1},
       .index = 3,
       .token_bytes = 21,
       .sequence_bytes = 1024},
      {.kind = RESQ_GENERIC_CAPACITY},
  };
  enum { N = sizeof all / sizeof *all };
  MlirContext ctx = resqContextCreate();
  MlirModule module = parse(ctx, "func.func private @f(i32, i32, i32, i32, i32, i32)");
  MlirOperation func = resq_symbol(mlirModuleGetOperation(module), resq_str("f"));
  assert_int_equal(resq_generic_argument_read(func, 0).kind, RESQ_GENERIC_OWN);
  MlirAttribute written[N];
  for (int i = 0; i < N; i++)
    written[i] = resq_generic_argument_write(ctx, &all[i]);
  mlirOperationSetAttributeByName(func, resq_str("arg_attrs"), mlirArrayAttrGet(ctx, N, written));
  assert_true(mlirOperationVerify(mlirModuleGetOperation(module)));
  for (int i = 0; i < N; i++) {
    resq_generic_argument read = resq_generic_argument_read(func, i);
    assert_int_equal(read.kind, all[i].kind);
    assert_int_equal(read.name.length, all[i].name.length);
    assert_memory_equal(read.name.data ? read.name.data : "",
                        all[i].name.data ? all[i].name.data : "", read.name.length);
    assert_int_equal(read.offset, all[i].offset);
    assert_int_equal(read.index, all[i].index);
    assert_int_equal(read.token_bytes, all[i].token_bytes);
    assert_int_equal(read.sequence_bytes, all[i].sequence_bytes);
    assert_true(mlirAttributeEqual(written[i], resq_generic_argument_write(ctx, &read)));
  }
  mlirModuleDestroy(module);
  mlirContextDestroy(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cpu_and_definition),
      cmocka_unit_test(launches),
      cmocka_unit_test(generic_arguments),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
