//===-- ptx.c -------------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kernels of all entries become one module: a driver assembles PTX for the chip that it has, once for a session.
//===----------------------------------------------------------------------===//
#include "ptx.h"

#include "dialect/build.h"
#include "kernel_library.h"
#include "passes/pipeline.h"
#include "mlir-c/Target/LLVMIR.h"

#include <llvm-c/Core.h>
#include <llvm-c/Linker.h>

#include <assert.h>

static bool to_llvm_dialect(MlirOperation module, const resq_gpu_target *chip, resq_error *err) {
  static const char gpu[] =
      "builtin.module(gpu.module(convert-gpu-to-nvvm{use-bare-ptr-memref-call-conv=true},"
      "reconcile-unrealized-casts))";
  static const char cpu[] =
      "builtin.module(gpu.module(convert-to-llvm,reconcile-unrealized-casts))";
  if (resq_run_pipeline(mlirModuleFromOperation(module), chip->target.emulated ? cpu : gpu, NULL,
                        NULL, err))
    return true;
  resq_fail_in(err, "lowering of GPU code to the LLVM dialect");
  return false;
}

/// Calls set_function of each function with a body and set_table of each constant array.
static void for_each_definition(LLVMModuleRef module, void (*set_function)(LLVMValueRef),
                                void (*set_table)(LLVMValueRef)) {
  for (LLVMValueRef f = LLVMGetFirstFunction(module); f; f = LLVMGetNextFunction(f))
    if (!LLVMIsDeclaration(f))
      set_function(f);
  for (LLVMValueRef g = LLVMGetFirstGlobal(module); g; g = LLVMGetNextGlobal(g))
    if (!LLVMIsDeclaration(g))
      set_table(g);
}

static void set_shared(LLVMValueRef v) { LLVMSetLinkage(v, LLVMWeakODRLinkage); }
static void set_internal(LLVMValueRef v) { LLVMSetLinkage(v, LLVMInternalLinkage); }
static void set_entry(LLVMValueRef f) {
  LLVMSetLinkage(f, LLVMExternalLinkage);
  if (!resq_is_entry(f))
    resq_mark_entry(f);
}

/// Takes `one` into `all`: what has the same name is the same, a kernel made for the constants that its name lists, or a
/// constant array.
static bool take(LLVMModuleRef all, LLVMModuleRef one, resq_error *err) {
  for_each_definition(one, set_shared, set_shared);
  return !LLVMLinkModules2(all, one) || resq_fail(err, RESQ_FAILED, "GPU code does not link");
}

static bool translate(const MlirOperation *modules, int count, const resq_gpu_target *chip,
                      resq_object_source *source, resq_error *err) {
  for (int i = 0; i < count; i++) {
    if (!to_llvm_dialect(modules[i], chip, err))
      return false;
    MlirOperation kernels = resq_symbol(modules[i], resq_str(chip->target.name));
    assert(!mlirOperationIsNull(kernels)); // resq_lower_gpu made it
    LLVMModuleRef one = mlirTranslateModuleToLLVMIR(kernels, source->context);
    if (!one)
      return resq_fail(err, RESQ_FAILED, "translation of GPU code to LLVM IR failed");
    if (!take(source->module, one, err))
      return false;
  }
  for_each_definition(source->module, set_entry, set_internal);
  return true;
}

bool resq_gpu_translate(const MlirOperation *modules, int count, const resq_gpu_target *chip,
                        resq_object_source *source, resq_error *err) {
  *source = (resq_object_source){.target = &chip->target, .context = LLVMContextCreate()};
  source->module = LLVMModuleCreateWithNameInContext(chip->target.name, source->context);
  bool ok = translate(modules, count, chip, source, err);
  if (!ok)
    resq_object_discard(source);
  return ok;
}
