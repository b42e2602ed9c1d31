//===-- ptx.c -------------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels come in gpu.modules, all of which are compiled together, to text: a driver assembles PTX for the chip that it
// has, once for a session.
//===----------------------------------------------------------------------===//
#include "ptx.h"

#include "dialect/build.h"
#include "passes/pipeline.h"
#include "mlir-c/Target/LLVMIR.h"

#include <llvm-c/Core.h>
#include <llvm-c/Linker.h>

static bool to_llvm_dialect(MlirOperation module, resq_error *err) {
  static const char pipeline[] =
      "builtin.module(gpu.module(convert-gpu-to-nvvm{use-bare-ptr-memref-call-conv=true},"
      "reconcile-unrealized-casts))";
  if (resq_run_pipeline(mlirModuleFromOperation(module), pipeline, NULL, NULL, err))
    return true;
  resq_fail_in(err, "lowering of GPU code to the LLVM dialect");
  return false;
}

/// Takes `one` into `all`: what has the same name is the same kernel, made for the constants that its name lists.
static bool take(LLVMModuleRef all, LLVMModuleRef one, resq_error *err) {
  for (LLVMValueRef f = LLVMGetFirstFunction(one); f; f = LLVMGetNextFunction(f))
    if (!LLVMIsDeclaration(f))
      LLVMSetLinkage(f, LLVMWeakODRLinkage);
  return !LLVMLinkModules2(all, one) || resq_fail(err, RESQ_FAILED, "GPU code does not link");
}

/// All gpu.modules of the modules, which are in the LLVM dialect, as one of LLVM IR; NULL after an error.
static LLVMModuleRef translate(const MlirOperation *modules, int count, LLVMContextRef ctx,
                               resq_error *err) {
  LLVMModuleRef all = LLVMModuleCreateWithNameInContext("cuda", ctx);
  bool ok = true;
  for (int i = 0; ok && i < count; i++) {
    MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(modules[i]));
    for (MlirOperation op = mlirBlockGetFirstOperation(body); ok && !mlirOperationIsNull(op);
         op = mlirOperationGetNextInBlock(op)) {
      if (!resq_op_is(op, "gpu.module"))
        continue;
      LLVMModuleRef one = mlirTranslateModuleToLLVMIR(op, ctx);
      ok = one ? take(all, one, err)
               : resq_fail(err, RESQ_FAILED, "translation of GPU code to LLVM IR failed");
    }
  }
  for (LLVMValueRef f = LLVMGetFirstFunction(all); f; f = LLVMGetNextFunction(f))
    if (!LLVMIsDeclaration(f))
      LLVMSetLinkage(f, LLVMExternalLinkage);
  if (!ok)
    LLVMDisposeModule(all);
  return ok ? all : NULL;
}

static bool compile(const MlirOperation *modules, int count, const resq_target *target,
                    resq_object_form form, resq_bytes *out, resq_error *err) {
  *out = (resq_bytes){NULL, 0};
  LLVMContextRef ctx = LLVMContextCreate();
  LLVMModuleRef module = translate(modules, count, ctx, err);
  if (form == RESQ_OBJECT_CODE) // a driver's, of PTX
    form = RESQ_OBJECT_ASSEMBLY;
  bool ok = module && resq_backend_compile(module, target, form, out, err);
  if (module)
    LLVMDisposeModule(module);
  LLVMContextDispose(ctx);
  if (!ok)
    resq_bytes_free(out);
  return ok;
}

static bool make_image(const MlirOperation *modules, int count, const resq_gpu_target *target,
                       resq_gpu_image *image, resq_arena *memory, resq_error *err) {
  resq_bytes ptx;
  if (!compile(modules, count, &target->target, RESQ_OBJECT_ASSEMBLY, &ptx, err))
    return false;
  *image = (resq_gpu_image){.chip = target->target.name,
                            .capability = target->capability,
                            .exact = target->exact,
                            .ptx = resq_arena_text(memory, (const char *)ptx.data, ptx.size)};
  resq_bytes_free(&ptx);
  return true;
}

bool resq_gpu_compile(const MlirOperation *modules, int count, resq_gpu_image *images,
                      resq_arena *memory, resq_error *err) {
  bool ok = true;
  for (int i = 0; ok && i < count; i++)
    ok = to_llvm_dialect(modules[i], err);
  for (int i = 0; ok && i < resq_n_gpu_targets; i++)
    ok = make_image(modules, count, &resq_gpu_targets[i], &images[i], memory, err);
  return ok;
}

bool resq_gpu_print(MlirOperation module, const resq_gpu_target *target, resq_object_form form,
                    resq_bytes *out, resq_error *err) {
  return to_llvm_dialect(module, err) && compile(&module, 1, &target->target, form, out, err);
}
