//===-- ptx.c -------------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions come in gpu.modules, each of which is compiled by itself, to text: a driver assembles PTX for
// the chip that it has.
//===----------------------------------------------------------------------===//
#include "ptx.h"

#include "dialect/build.h"
#include "passes/pipeline.h"
#include "mlir-c/Target/LLVMIR.h"

#include <llvm-c/Core.h>

#include <assert.h>

static bool to_llvm_dialect(MlirOperation module, resq_error *err) {
  static const char pipeline[] =
      "builtin.module(gpu.module(convert-gpu-to-nvvm{use-bare-ptr-memref-call-conv=true},"
      "reconcile-unrealized-casts))";
  if (resq_run_pipeline(mlirModuleFromOperation(module), pipeline, NULL, NULL, err))
    return true;
  resq_fail_in(err, "lowering of GPU code to the LLVM dialect");
  return false;
}

/// One gpu.module in the LLVM dialect, for one target; appended to out.
static bool compile(MlirOperation gpu_module, const resq_target *target, resq_object_form form,
                    resq_bytes *out, resq_error *err) {
  LLVMContextRef ctx = LLVMContextCreate();
  LLVMModuleRef module = mlirTranslateModuleToLLVMIR(gpu_module, ctx);
  if (form == RESQ_OBJECT_CODE) // a driver's, of PTX
    form = RESQ_OBJECT_ASSEMBLY;
  bool ok = module ? resq_backend_compile(module, target, form, out, err)
                   : resq_fail(err, RESQ_FAILED, "translation of GPU code to LLVM IR failed");
  if (module)
    LLVMDisposeModule(module);
  LLVMContextDispose(ctx);
  return ok;
}

//===-- All functions -----------------------------------------------------===//

/// The code of an entry: to_llvm_dialect has run, which keeps names.
static MlirOperation code_of(MlirOperation module, const resq_lowered_entry *entry) {
  MlirOperation op = resq_symbol(module, resq_str(entry->symbol));
  assert(!mlirOperationIsNull(op) && resq_op_is(op, "gpu.module")); // the lowering made it
  return op;
}

static bool add_images(MlirOperation module, resq_lowered_entry *entry, resq_arena *memory,
                       resq_error *err) {
  resq_gpu_image *images = resq_arena_new(memory, (size_t)resq_n_gpu_targets, sizeof *images);
  for (int i = 0; i < resq_n_gpu_targets; i++) {
    const resq_gpu_target *t = &resq_gpu_targets[i];
    resq_bytes ptx = {NULL, 0};
    bool ok = compile(code_of(module, entry), &t->target, RESQ_OBJECT_ASSEMBLY, &ptx, err);
    if (ok)
      images[i] =
          (resq_gpu_image){.chip = t->target.name,
                           .capability = t->capability,
                           .exact = t->exact,
                           .ptx = resq_arena_text(memory, (const char *)ptx.data, ptx.size)};
    resq_bytes_free(&ptx);
    if (!ok)
      return false;
  }
  entry->gpu->images = images;
  entry->gpu->n_images = resq_n_gpu_targets;
  return true;
}

bool resq_gpu_compile(MlirOperation module, resq_entries *entries, resq_error *err) {
  bool ok = to_llvm_dialect(module, err);
  for (int i = 0; ok && i < entries->count; i++)
    ok = add_images(module, &entries->items[i], &entries->memory, err);
  return ok;
}

bool resq_gpu_print(MlirOperation module, const resq_entries *entries,
                    const resq_gpu_target *target, resq_object_form form, resq_bytes *out,
                    resq_error *err) {
  *out = (resq_bytes){NULL, 0};
  bool ok = to_llvm_dialect(module, err);
  for (int i = 0; ok && i < entries->count; i++)
    ok = compile(code_of(module, &entries->items[i]), &target->target, form, out, err);
  if (!ok)
    resq_bytes_free(out);
  return ok;
}
