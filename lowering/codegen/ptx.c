//===-- ptx.c -------------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// As object.c does for a CPU, but in-process to text: a driver assembles PTX for the chip it has.
//===----------------------------------------------------------------------===//
#include "ptx.h"

#include "dialect/build.h"
#include "passes/pipeline.h"
#include "mlir-c/Target/LLVMIR.h"

#include <llvm-c/BitReader.h>
#include <llvm-c/Core.h>
#include <llvm-c/Linker.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define RESQ_GPU_TRIPLE "nvptx64-nvidia-cuda"
/// LLVM's calling convention of kernels: they become .entry.
#define PTX_KERNEL 71

//===-- MLIR side ---------------------------------------------------------===//

static bool to_llvm_dialect(MlirOperation module, resq_error *err) {
  static const char pipeline[] =
      "builtin.module(gpu.module(convert-gpu-to-nvvm{use-bare-ptr-memref-call-conv=true},"
      "reconcile-unrealized-casts))";
  if (resq_run_pipeline(mlirModuleFromOperation(module), pipeline, NULL, NULL, err))
    return true;
  resq_fail_in(err, "lowering of GPU code to the LLVM dialect");
  return false;
}

//===-- LLVM side ---------------------------------------------------------===//

static LLVMTargetMachineRef create_target_machine(const resq_gpu_target *t, resq_error *err) {
  LLVMInitializeNVPTXTargetInfo();
  LLVMInitializeNVPTXTarget();
  LLVMInitializeNVPTXTargetMC();
  LLVMInitializeNVPTXAsmPrinter();
  LLVMTargetRef target;
  char *message = NULL;
  if (LLVMGetTargetFromTriple(RESQ_GPU_TRIPLE, &target, &message)) {
    resq_fail(err, RESQ_FAILED, "%s: %s", RESQ_GPU_TRIPLE, message);
    LLVMDisposeMessage(message);
    return NULL;
  }
  return LLVMCreateTargetMachine(target, RESQ_GPU_TRIPLE, t->chip, t->features,
                                 LLVMCodeGenLevelAggressive, LLVMRelocDefault,
                                 LLVMCodeModelDefault);
}

static void set_layout(LLVMModuleRef module, LLVMTargetMachineRef machine) {
  LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(machine);
  char *text = LLVMCopyStringRepOfTargetData(layout);
  LLVMSetTarget(module, RESQ_GPU_TRIPLE);
  LLVMSetDataLayout(module, text);
  LLVMDisposeMessage(text);
  LLVMDisposeTargetData(layout);
}

static void remove_attribute(LLVMValueRef f, const char *name) {
  LLVMRemoveStringAttributeAtIndex(f, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, name,
                                   (unsigned)strlen(name));
}

/// Kernels stay .entry; everything else is inlined into them.
static void set_linkage(LLVMContextRef ctx, LLVMModuleRef module) {
  unsigned always = LLVMGetEnumAttributeKindForName("alwaysinline", 12);
  for (LLVMValueRef f = LLVMGetFirstFunction(module); f; f = LLVMGetNextFunction(f)) {
    // The target machine's chip and PTX version hold for all; -ffreestanding's mark stops inlining.
    remove_attribute(f, "target-cpu");
    remove_attribute(f, "target-features");
    remove_attribute(f, "no-builtins");
    if (LLVMIsDeclaration(f) || LLVMGetFunctionCallConv(f) == PTX_KERNEL)
      continue;
    LLVMSetLinkage(f, LLVMInternalLinkage);
    LLVMSetVisibility(f, LLVMDefaultVisibility);
    LLVMAddAttributeAtIndex(f, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
                            LLVMCreateEnumAttribute(ctx, always, 0));
  }
}

static bool link_kernels(LLVMContextRef ctx, LLVMModuleRef module, const resq_gpu_target *t,
                         resq_error *err) {
  LLVMModuleRef kernels = NULL;
  LLVMMemoryBufferRef buffer = LLVMCreateMemoryBufferWithMemoryRange(
      (const char *)t->bitcode, (size_t)(t->bitcode_end - t->bitcode), t->chip, 0);
  bool unreadable = LLVMParseBitcodeInContext2(ctx, buffer, &kernels);
  LLVMDisposeMemoryBuffer(buffer);
  if (unreadable)
    return resq_fail(err, RESQ_FAILED, "GPU kernels for %s: unreadable bitcode", t->chip);
  LLVMSetTarget(kernels, LLVMGetTarget(module));
  LLVMSetDataLayout(kernels, LLVMGetDataLayoutStr(module));
  if (LLVMLinkModules2(module, kernels))
    return resq_fail(err, RESQ_FAILED, "GPU kernels for %s do not link", t->chip);
  set_linkage(ctx, module);
  return true;
}

/// A kernel microkernel that is not in the bitcode would otherwise fail in a user's driver.
static bool check_complete(LLVMModuleRef module, resq_error *err) {
  for (LLVMValueRef f = LLVMGetFirstFunction(module); f; f = LLVMGetNextFunction(f)) {
    size_t length;
    const char *name = LLVMGetValueName2(f, &length);
    if (LLVMIsDeclaration(f) && !LLVMGetIntrinsicID(f) && LLVMGetFirstUse(f))
      return resq_fail(err, RESQ_FAILED, "no device kernel %s", name);
  }
  return true;
}

static bool append(resq_bytes *out, const char *text, size_t size, resq_error *err) {
  uint8_t *grown = realloc(out->data, out->size + size + 1);
  if (!grown)
    return resq_fail(err, RESQ_NO_MEMORY, "%zu bytes for GPU code", size);
  memcpy(grown + out->size, text, size);
  out->data = grown;
  out->size += size;
  out->data[out->size] = 0;
  return true;
}

static bool emit(LLVMModuleRef module, LLVMTargetMachineRef machine, resq_object_form form,
                 resq_bytes *out, resq_error *err) {
  char *message = NULL;
  if (form == RESQ_OBJECT_LLVM) {
    message = LLVMPrintModuleToString(module);
    bool ok = append(out, message, strlen(message), err);
    LLVMDisposeMessage(message);
    return ok;
  }
  LLVMMemoryBufferRef buffer = NULL;
  if (LLVMTargetMachineEmitToMemoryBuffer(machine, module, LLVMAssemblyFile, &message, &buffer)) {
    resq_fail(err, RESQ_FAILED, "GPU code generation: %s", message);
    LLVMDisposeMessage(message);
    return false;
  }
  const char *text = LLVMGetBufferStart(buffer);
  size_t size = LLVMGetBufferSize(buffer);
  while (size && !text[size - 1])
    size--;
  bool ok = append(out, text, size, err);
  LLVMDisposeMemoryBuffer(buffer);
  return ok;
}

/// One gpu.module in the LLVM dialect, for one target; appended to out.
static bool compile(MlirOperation gpu_module, const resq_gpu_target *t, resq_object_form form,
                    resq_bytes *out, resq_error *err) {
  LLVMTargetMachineRef machine = create_target_machine(t, err);
  if (!machine)
    return false;
  LLVMContextRef ctx = LLVMContextCreate();
  LLVMModuleRef module = mlirTranslateModuleToLLVMIR(gpu_module, ctx);
  bool ok = module || resq_fail(err, RESQ_FAILED, "translation of GPU code to LLVM IR failed");
  if (ok) {
    set_layout(module, machine);
    ok = link_kernels(ctx, module, t, err) &&
         resq_object_optimise(module, machine, "optimisation of GPU code", err) &&
         check_complete(module, err) && emit(module, machine, form, out, err);
  }
  if (module)
    LLVMDisposeModule(module);
  LLVMContextDispose(ctx);
  LLVMDisposeTargetMachine(machine);
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
    bool ok = compile(code_of(module, entry), t, RESQ_OBJECT_ASSEMBLY, &ptx, err);
    if (ok)
      images[i] =
          (resq_gpu_image){.chip = t->chip,
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
    ok = compile(code_of(module, &entries->items[i]), target, form, out, err);
  if (!ok)
    resq_bytes_free(out);
  return ok;
}
