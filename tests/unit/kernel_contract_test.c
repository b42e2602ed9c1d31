// LINK: compiler, LLVM
//===-- kernel_contract_test.c - calls and kernels that break kernels.def -===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The table is sound; calls with arguments dropped, swapped or of the wrong kind are refused, and so is
// bitcode whose kernels have other types. Each error names what it is about, what was found and
// what is allowed.
//===----------------------------------------------------------------------===//
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/memory.h"
#include "lowering/calls/kernel_call.h"
#include "lowering/codegen/kernel_library.h"
#include "passes/pass.h"

#include <llvm-c/BitWriter.h>
#include <llvm-c/Core.h>
#include <llvm-c/IRReader.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

//===-- The table ---------------------------------------------------------===//

static void check_row(const resq_kernel *k) {
  for (int i = 0; i < k->n_formals; i++) {
    const resq_formal *f = &k->formals[i];
    if (resq_formal_find(k, f->name) != i)
      fail_msg("%s: argument '%s' appears twice", k->name, f->name);
    const int of = f->of ? resq_formal_find(k, f->of) : 0;
    if (of < 0)
      fail_msg("%s: '%s' belongs to '%s', which is no argument", k->name, f->name, f->of);
    if (f->of && (resq_formal_is_number(&k->formals[of]) || !k->formals[of].element))
      fail_msg("%s: '%s' belongs to '%s', which is no pointer to rows", k->name, f->name, f->of);
    if (f->of && resq_formal_is_written(f) && !resq_formal_is_written(&k->formals[of]))
      fail_msg("%s: '%s' is written, '%s' in front of it is read", k->name, f->name, f->of);
  }
}

static void rows_are_sound(void **state) {
  (void)state;
  for (int id = 0; id < RESQ_KERNEL_COUNT; id++) {
    const resq_kernel *k = resq_kernel_of((resq_kernel_id)id);
    check_row(k);
    char symbol[96];
    const int length = snprintf(symbol, sizeof symbol, "%s_avx2", k->name);
    assert_ptr_equal(resq_kernel_find(symbol, (size_t)length, "avx2"), k);
    assert_null(resq_kernel_find(symbol, (size_t)length, "vx2"));
    assert_null(resq_kernel_find(symbol, (size_t)length, "generic"));
  }
}

//===-- Calls -------------------------------------------------------------===//

/// A device that only counts.
typedef struct counter {
  int calls, waits;
} counter;

static void count_call(resq_kernel_call *k) {
  counter *c = k->frame->device_state;
  c->calls++;
  if (resq_hazards_meet(&k->frame->hazards)) {
    c->waits++;
    resq_hazards_barrier(&k->frame->hazards);
  }
}

static const resq_device counting = {.kind = "test", .issue = count_call};

static const char function[] =
    "func.func @f(%x: tensor<?x8xf32>, %i: tensor<?xi32>) -> tensor<?x8xf32> {\n"
    "  %y = resq.add %x, %x : tensor<?x8xf32>\n"
    "  %z = resq.gather_rows %y, %i : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>\n"
    "  %u = resq.add %y, %x : tensor<?x8xf32>\n"
    "  %v = resq.add %z, %u : tensor<?x8xf32>\n"
    "  return %v : tensor<?x8xf32>\n"
    "}\n";

/// The frame of `function`, whose inputs have places.
typedef struct setting {
  MlirContext ctx;
  MlirModule module;
  MlirOperation ops[4]; ///< add, gather_rows, add, add
  resq_entries entries;
  resq_frame frame;
  counter counter;
  char message[640];
} setting;

static void append(MlirStringRef part, void *user) {
  char *message = user;
  const size_t used = strlen(message);
  snprintf(message + used, 640 - used, "%.*s", (int)part.length, part.data);
}

static MlirLogicalResult record(MlirDiagnostic diagnostic, void *user) {
  mlirDiagnosticPrint(diagnostic, append, user);
  return mlirLogicalResultSuccess();
}

static int open_setting(void **state) {
  setting *s = resq_new(1, sizeof *s);
  s->ctx = resqContextCreate();
  s->module = mlirModuleCreateParse(s->ctx, resq_str(function));
  assert_false(mlirModuleIsNull(s->module));
  mlirContextAttachDiagnosticHandler(s->ctx, record, s->message, NULL);
  MlirOperation func = mlirBlockGetFirstOperation(mlirModuleGetBody(s->module));
  MlirBlock block = mlirRegionGetFirstBlock(mlirOperationGetRegion(func, 0));
  s->ops[0] = mlirBlockGetFirstOperation(block);
  for (int i = 1; i < 4; i++)
    s->ops[i] = mlirOperationGetNextInBlock(s->ops[i - 1]);
  s->frame = (resq_frame){.ctx = s->ctx,
                          .module = mlirModuleGetOperation(s->module),
                          .source = func,
                          .entries = &s->entries,
                          .level = "generic",
                          .max_rows = 4,
                          .n_inputs = 2,
                          .n_results = 1,
                          .device = &counting,
                          .device_state = &s->counter};
  for (int i = 0; i < 2; i++)
    resq_place_input(&s->frame, mlirBlockGetArgument(block, i), i);
  *state = s;
  return 0;
}

static int close_setting(void **state) {
  setting *s = *state;
  resq_places_free(&s->frame);
  resq_workspace_free(&s->frame.workspace);
  resq_hazards_free(&s->frame.hazards);
  free(s->frame.op_names);
  resq_entries_free(&s->entries);
  mlirModuleDestroy(s->module);
  mlirContextDestroy(s->ctx);
  free(s);
  return 0;
}

// Each emitter below lowers the first op, %y = resq.add %x, %x, as it should not be.

static void drop_operand(resq_kernel_call *k) {
  resq_call_operand(k, "a", 0);
  resq_call_i64(k, "width", 8);
}
static void drop_constant(resq_kernel_call *k) {
  resq_call_operand(k, "a", 0);
  resq_call_operand(k, "b", 1);
}
static void swap_operand_and_result(resq_kernel_call *k) { resq_call_result(k, "a", 0); }
static void misspell(resq_kernel_call *k) { resq_call_operand(k, "c", 0); }
static void give_twice(resq_kernel_call *k) {
  resq_call_operand(k, "a", 0);
  resq_call_operand(k, "a", 1);
}
static void give_null(resq_kernel_call *k) { resq_call_null(k, "b"); }
static void give_no_operand(resq_kernel_call *k) { resq_call_operand(k, "b", 2); }
static void constant_for_pointer(resq_kernel_call *k) { resq_call_i64(k, "a", 3); }
static void pointer_for_constant(resq_kernel_call *k) { resq_call_operand(k, "width", 0); }
static void float_for_integer(resq_kernel_call *k) { resq_call_f32(k, "width", 0.5f); }
static void cache_for_rows(resq_kernel_call *k) { resq_call_cache(k, "a", resq_str("kv")); }
static void stride(resq_kernel_call *k) { resq_call_i64(k, "lda", 8); }
static void write_input(resq_kernel_call *k) {
  resq_call_write(k, "a", resq_place_of(k->frame, mlirOperationGetOperand(k->op, 0)));
}
static void table_of_other_elements(resq_kernel_call *k) {
  static const int32_t data[] = {1, 2};
  resq_call_table(k, "b", "t", data, 2, RESQ_ELEMENT_int32_t);
}
static void ids_for_rows(resq_kernel_call *k) {
  MlirValue ids = mlirBlockGetArgument(mlirOperationGetBlock(k->op), 1);
  resq_call_read(k, "b", resq_place_of(k->frame, ids));
}

static void wrong_calls_are_refused(void **state) {
  setting *s = *state;
  static const struct {
    void (*emit)(resq_kernel_call *k);
    const char *message; ///< behind "resq.add calls kernel resq_add: "
  } cases[] = {
      {drop_operand, "argument 'b' is missing, allowed: a pointer to float that is read"},
      {drop_constant, "argument 'width' is missing, allowed: an integer constant"},
      {swap_operand_and_result,
       "argument 'a' is result 0, allowed: a pointer to float that is read"},
      {misspell, "it has no argument 'c', allowed: a, b, y, rows, lda, ldb, ldy, width"},
      {give_twice, "argument 'a' is given twice, allowed: a pointer to float that is read"},
      {give_null, "argument 'b' is null, allowed: a pointer to float that is read"},
      {give_no_operand, "argument 'b' is null, allowed: a pointer to float that is read"},
      {constant_for_pointer,
       "argument 'a' is the integer 3, allowed: a pointer to float that is read"},
      {pointer_for_constant, "argument 'width' is operand 0, allowed: an integer constant"},
      {float_for_integer, "argument 'width' is the number 0.5, allowed: an integer constant"},
      {cache_for_rows, "argument 'a' is a cache, allowed: a pointer to float that is read"},
      {stride, "argument 'lda' is the integer 8, allowed: nothing: it is the row stride of 'a'"},
      {write_input, "argument 'a' is a place to write, allowed: a pointer to float that is read"},
      {table_of_other_elements, "argument 'b' is a constant array of int32_t, allowed: a pointer "
                                "to float that is read"},
      {ids_for_rows,
       "argument 'b' is a place to read of int32_t, allowed: a pointer to float that is read"},
  };
  resq_place_rows(&s->frame, mlirOperationGetResult(s->ops[0], 0), 0);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    s->message[0] = 0;
    s->frame.failed = false;
    resq_kernel_call k;
    resq_call_begin(&k, &s->frame, s->ops[0], KERNEL_resq_add);
    if (cases[i].emit != swap_operand_and_result)
      resq_call_result(&k, "y", 0);
    cases[i].emit(&k);
    resq_call_end(&k);
    char wanted[512];
    snprintf(wanted, sizeof wanted, "resq.add calls kernel resq_add: %s", cases[i].message);
    assert_string_equal(s->message, wanted);
    assert_true(s->frame.failed);
  }
  assert_int_equal(s->counter.calls, 0);
}

/// An operand where the kernel writes: the other half of a swap.
static void an_operand_is_not_written(void **state) {
  setting *s = *state;
  resq_kernel_call k;
  resq_call_begin(&k, &s->frame, s->ops[0], KERNEL_resq_add);
  resq_call_operand(&k, "y", 0);
  assert_string_equal(s->message, "resq.add calls kernel resq_add: argument 'y' is operand 0, "
                                  "allowed: rows of float that are written");
}

/// The op is right and its kernel is another: elements, optional arguments, inputs.
static void what_a_kernel_takes_is_its_own(void **state) {
  setting *s = *state;
  resq_kernel_call k;
  resq_place_rows(&s->frame, mlirOperationGetResult(s->ops[0], 0), 0);
  resq_call_begin(&k, &s->frame, s->ops[1], KERNEL_resq_embed_f16);
  resq_call_operand(&k, "tokens", 1);
  resq_call_operand(&k, "panel", 0);
  assert_string_equal(s->message,
                      "resq.gather_rows calls kernel resq_embed_f16: argument 'panel' is operand 0 "
                      "of float, allowed: a pointer to resq_f16 that is read");
  s->frame.failed = false;
  s->message[0] = 0;
  resq_call_begin(&k, &s->frame, s->ops[1], KERNEL_resq_hadamard);
  resq_call_null(&k, "signs");
  assert_string_equal(s->message, "");
  resq_call_write(&k, "y", resq_place_of(&s->frame, mlirOperationGetOperand(s->ops[0], 0)));
  assert_string_equal(s->message,
                      "resq.gather_rows calls kernel resq_hadamard: argument 'y' is a place to "
                      "write in a parameter or an input, which nothing writes, allowed: rows of "
                      "float that are written");
}

/// What an op has goes to its kernel under the same names, and nothing is left over.
static void a_call_by_name_gives_all_that_the_op_has(void **state) {
  setting *s = *state;
  resq_emit_by_name(&s->frame, s->ops[0], KERNEL_resq_rms_norm);
  assert_string_equal(s->message,
                      "resq.add calls kernel resq_rms_norm: it has no argument 'a', allowed: x, "
                      "gain, y, rows, ldx, ldy, width, eps");
  assert_int_equal(s->counter.calls, 0);
}

/// Reads and writes are those of kernels.def: nobody says them again.
static void barriers_follow_from_the_table(void **state) {
  setting *s = *state;
  resq_frame *f = &s->frame;
  for (int i = 0; i < 4; i++) {
    resq_workspace_release(&f->workspace, f->op_index);
    resq_emit_op(f, s->ops[i]);
    // y; z and u, which both read y: one waits for y, and v for them.
    static const int waits[] = {0, 1, 1, 2};
    assert_int_equal(s->counter.calls, i + 1);
    assert_int_equal(s->counter.waits, waits[i]);
    f->op_index++;
  }
  assert_string_equal(s->message, "");
  // Three buffers of 4 rows of 8 floats at once; v is the function's result.
  assert_int_equal(f->workspace.bytes, 3 * 128);
}

//===-- The workspace -----------------------------------------------------===//

static void dead_bytes_serve_again(void **state) {
  (void)state;
  resq_workspace w = {0};
  const resq_range a = resq_workspace_allocate(&w, 100, 3), b = resq_workspace_allocate(&w, 64, 9);
  assert_int_equal(a.begin, 0);
  assert_int_equal(a.size, 128);
  assert_int_equal(b.begin, 128);
  resq_workspace_release(&w, 4);
  assert_int_equal(resq_workspace_allocate(&w, 129, 9).begin, 192); // does not fit before b
  assert_int_equal(resq_workspace_allocate(&w, 1, 9).begin, 0);
  assert_int_equal(resq_workspace_allocate(&w, 64, 9).begin, 64);
  assert_int_equal(w.bytes, 192 + 192);
  resq_workspace_free(&w);
}

//===-- Bitcode -----------------------------------------------------------===//

/// What linking `text` as the kernels of a target says; "" when it links.
static void link_text(const char *text, bool gpu, resq_error *err) {
  LLVMContextRef ctx = LLVMContextCreate();
  LLVMModuleRef kernels = NULL, module = LLVMModuleCreateWithNameInContext("model", ctx);
  char *message = NULL;
  if (LLVMParseIRInContext(ctx,
                           LLVMCreateMemoryBufferWithMemoryRangeCopy(text, strlen(text), "kernels"),
                           &kernels, &message))
    fail_msg("%s", message);
  LLVMMemoryBufferRef bitcode = LLVMWriteBitcodeToMemoryBuffer(kernels);
  const char *begin = LLVMGetBufferStart(bitcode);
  resq_target target = {.name = gpu ? "sm_90a" : "generic",
                        .gpu = gpu,
                        .cpu = "x86-64",
                        .features = "",
                        .kernels = (const unsigned char *)begin,
                        .kernels_end = (const unsigned char *)begin + LLVMGetBufferSize(bitcode)};
  err->message[0] = 0;
  const bool ok = resq_link_kernels(module, &target, err);
  assert_int_equal(ok, !err->message[0]);
  LLVMDisposeMemoryBuffer(bitcode);
  LLVMDisposeModule(kernels);
  LLVMDisposeModule(module);
  LLVMContextDispose(ctx);
}

static void linked_kernels_have_the_types_of_their_rows(void **state) {
  (void)state;
  static const struct {
    bool gpu;
    const char *text, *message;
  } cases[] = {
      {false,
       "define internal i32 @helper(i32 %x) {\n  ret i32 %x\n}\n"
       "define void @resq_observe_generic(ptr, i32, ptr, i64, i64, i64, i64) {\n  ret void\n}\n",
       ""},
      {false, "define void @resq_observe_generic(ptr, i32, ptr, i64, i64, i64) {\n  ret void\n}\n",
       "kernels of generic: argument 'ld' of resq_observe is missing in the bitcode, allowed by "
       "kernels.def: i64"},
      {false,
       "define void @resq_observe_generic(ptr, i32, i64, ptr, i64, i64, i64) {\n  ret void\n}\n",
       "kernels of generic: argument 'x' of resq_observe is i64 in the bitcode, allowed by "
       "kernels.def: ptr"},
      {false,
       "define void @resq_observe_generic(ptr, i64, ptr, i64, i64, i64, i64) {\n  ret void\n}\n",
       "kernels of generic: argument 'op' of resq_observe is i64 in the bitcode, allowed by "
       "kernels.def: i32"},
      {false,
       "define void @resq_observe_generic(ptr, i32, ptr, i64, i64, i64, i64, i64) {\n  ret "
       "void\n}\n",
       "kernels of generic: resq_observe has 8 arguments in the bitcode, allowed by kernels.def: "
       "7, of which 'ld' is the last"},
      {false,
       "define i32 @resq_observe_generic(ptr, i32, ptr, i64, i64, i64, i64) {\n  ret i32 0\n}\n",
       "kernels of generic: resq_observe returns a value in the bitcode, allowed: void"},
      {false, "define void @resq_obverse_generic() {\n  ret void\n}\n",
       "kernels of generic: resq_obverse_generic has no row in kernels.def, allowed: "
       "<kernel>_generic"},
      {true,
       "define void @resq_rms_norm_cuda(ptr, ptr, ptr, i64, i64, i64, i64, float, i64, ptr, i64, "
       "i64, i64) {\n "
       " ret void\n}\n",
       ""},
      {true,
       "define void @resq_rms_norm_cuda(ptr, ptr, ptr, i64, i64, i64, float, i64) {\n  ret "
       "void\n}\n",
       "kernels of sm_90a: argument 'width' of resq_rms_norm is float in the bitcode, allowed by "
       "kernels.def: i64"},
      {true,
       "define void @resq_rms_norm_cuda(ptr, ptr, ptr, i64, i64, i64, i64) {\n  ret void\n}\n",
       "kernels of sm_90a: argument 'eps' of resq_rms_norm is missing in the bitcode, allowed by "
       "kernels.def: float"},
      {true,
       "define void @resq_rms_norm_cuda(ptr, ptr, ptr, i64, i64, i64, i64, float) {\n  ret "
       "void\n}\n",
       "kernels of sm_90a: argument 'variant' of resq_rms_norm is missing in the bitcode, allowed "
       "by "
       "kernels.def: i64"},
      {true,
       "define void @resq_rms_norm_cuda(ptr, ptr, ptr, i64, i64, i64, i64, float, i64, ptr) {\n "
       " ret void\n}\n",
       "kernels of sm_90a: argument 'threads' of resq_rms_norm is missing in the bitcode, allowed "
       "by "
       "kernels.def: i64"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    resq_error err = {0};
    link_text(cases[i].text, cases[i].gpu, &err);
    assert_string_equal(err.message, cases[i].message);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_are_sound),
      cmocka_unit_test_setup_teardown(wrong_calls_are_refused, open_setting, close_setting),
      cmocka_unit_test_setup_teardown(an_operand_is_not_written, open_setting, close_setting),
      cmocka_unit_test_setup_teardown(what_a_kernel_takes_is_its_own, open_setting, close_setting),
      cmocka_unit_test_setup_teardown(a_call_by_name_gives_all_that_the_op_has, open_setting,
                                      close_setting),
      cmocka_unit_test_setup_teardown(barriers_follow_from_the_table, open_setting, close_setting),
      cmocka_unit_test(dead_bytes_serve_again),
      cmocka_unit_test(linked_kernels_have_the_types_of_their_rows),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
