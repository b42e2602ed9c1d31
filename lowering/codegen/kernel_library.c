//===-- kernel_library.c --------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "kernel_library.h"

#include "dialect/build.h"
#include "dialect/memory.h"
#include "kernel_types.h"
#include "resq/abi.h"

#include <llvm-c/BitReader.h>
#include <llvm-c/Core.h>
#include <llvm-c/Linker.h>

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

//===-- Attributes of functions -------------------------------------------===//

#define ON_FUNCTION ((LLVMAttributeIndex)LLVMAttributeFunctionIndex)

static unsigned flag_kind(const char *name) {
  return LLVMGetEnumAttributeKindForName(name, strlen(name));
}

static bool has_flag(LLVMValueRef f, const char *name) {
  return LLVMGetEnumAttributeAtIndex(f, ON_FUNCTION, flag_kind(name));
}

static void add_flag(LLVMValueRef f, const char *name) {
  LLVMContextRef ctx = LLVMGetModuleContext(LLVMGetGlobalParent(f));
  LLVMAddAttributeAtIndex(f, ON_FUNCTION, LLVMCreateEnumAttribute(ctx, flag_kind(name), 0));
}

static void remove_text(LLVMValueRef f, const char *name) {
  LLVMRemoveStringAttributeAtIndex(f, ON_FUNCTION, name, (unsigned)strlen(name));
}

static const char entry_mark[] = "resq-entry";

void resq_mark_entry(LLVMValueRef f) { LLVMAddTargetDependentFunctionAttr(f, entry_mark, ""); }

bool resq_is_entry(LLVMValueRef f) {
  return LLVMGetFunctionCallConv(f) == RESQ_PTX_KERNEL ||
         LLVMGetStringAttributeAtIndex(f, ON_FUNCTION, entry_mark, sizeof entry_mark - 1);
}

/// The CPU and features of the kernels, or of the target where it has none: inlining needs them equal
/// on both sides.
static void set_target(LLVMValueRef f, const resq_target *target, LLVMValueRef kernel) {
  static const char *const copied[] = {"target-cpu", "target-features", "tune-cpu",
                                       "prefer-vector-width", "min-legal-vector-width"};
  for (size_t i = 0; i < sizeof copied / sizeof *copied; i++) {
    LLVMAttributeRef a = kernel ? LLVMGetStringAttributeAtIndex(kernel, ON_FUNCTION, copied[i],
                                                                (unsigned)strlen(copied[i]))
                                : NULL;
    if (a)
      LLVMAddAttributeAtIndex(f, ON_FUNCTION, a);
  }
  if (kernel)
    return;
  LLVMAddTargetDependentFunctionAttr(f, "target-cpu", target->cpu);
  if (*target->features)
    LLVMAddTargetDependentFunctionAttr(f, "target-features", target->features);
}

//===-- The module's own functions ----------------------------------------===//

/// The body of what abi.h has as an inline function: a call of the pointer at `offset` of the worker's
/// call. Nothing when the module does not declare it.
static void define_runtime_call(LLVMModuleRef module, const char *name, size_t offset) {
  LLVMValueRef f = LLVMGetNamedFunction(module, name);
  if (!f || !LLVMIsDeclaration(f))
    return;
  LLVMContextRef ctx = LLVMGetModuleContext(module);
  LLVMTypeRef type = LLVMGlobalGetValueType(f), ptr = LLVMPointerTypeInContext(ctx, 0);
  LLVMBuilderRef b = LLVMCreateBuilderInContext(ctx);
  LLVMPositionBuilderAtEnd(b, LLVMAppendBasicBlockInContext(ctx, f, ""));
  const size_t path[] = {offsetof(resq_worker, call), offset};
  LLVMValueRef at = LLVMGetParam(f, 0), args[2];
  for (size_t i = 0; i < 2; i++) {
    LLVMValueRef index = LLVMConstInt(LLVMInt64TypeInContext(ctx), path[i], 0);
    at = LLVMBuildGEP2(b, LLVMInt8TypeInContext(ctx), at, &index, 1, "");
    at = LLVMBuildLoad2(b, ptr, at, "");
  }
  unsigned n = LLVMCountParams(f);
  for (unsigned i = 0; i < n && i < 2; i++)
    args[i] = LLVMGetParam(f, i);
  LLVMValueRef result = LLVMBuildCall2(b, type, at, args, n, "");
  if (LLVMGetReturnType(type) == LLVMVoidTypeInContext(ctx))
    LLVMBuildRetVoid(b);
  else
    LLVMBuildRet(b, result);
  LLVMDisposeBuilder(b);
  add_flag(f, "alwaysinline");
}

/// Entries and wrappers, while they can be told from kernels.
static void prepare_own(LLVMModuleRef module, const resq_target *target, LLVMValueRef kernel) {
  define_runtime_call(module, "resq_barrier", offsetof(resq_call, phase));
  define_runtime_call(module, "resq_op_done", offsetof(resq_call, op_done));
  for (LLVMValueRef f = LLVMGetFirstFunction(module); f; f = LLVMGetNextFunction(f)) {
    if (LLVMIsDeclaration(f))
      continue;
    set_target(f, target, kernel);
    if (LLVMGetFunctionCallConv(f) == RESQ_PTX_KERNEL)
      continue;
    if (resq_is_entry(f)) {
      LLVMSetLinkage(f, LLVMExternalLinkage);
      LLVMSetVisibility(f, target->emulated ? LLVMDefaultVisibility : LLVMHiddenVisibility);
      remove_text(f, entry_mark);
      continue;
    }
    LLVMSetLinkage(f, LLVMInternalLinkage);
    if (!has_flag(f, "alwaysinline"))
      add_flag(f, target->gpu ? "alwaysinline" : "noinline");
  }
}

//===-- Kernels -----------------------------------------------------------===//

/// The target's bitcode; NULL, without an error, when it has none.
static bool parse_kernels(LLVMContextRef ctx, const resq_target *target, LLVMModuleRef *kernels,
                          resq_error *err) {
  *kernels = NULL;
  if (!target->kernels)
    return true;
  LLVMMemoryBufferRef buffer = LLVMCreateMemoryBufferWithMemoryRange(
      (const char *)target->kernels, (size_t)(target->kernels_end - target->kernels), target->name,
      0);
  bool unreadable = LLVMParseBitcodeInContext2(ctx, buffer, kernels);
  LLVMDisposeMemoryBuffer(buffer);
  return !unreadable ||
         resq_fail(err, RESQ_FAILED, "kernels of %s: unreadable bitcode", target->name);
}

/// A function that the bitcode defines; NULL where it defines none.
static LLVMValueRef some_definition(LLVMModuleRef kernels) {
  LLVMValueRef found = NULL;
  for (LLVMValueRef f = kernels ? LLVMGetFirstFunction(kernels) : NULL; f;
       f = LLVMGetNextFunction(f))
    if (!LLVMIsDeclaration(f))
      found = f;
  return found;
}

static void prepare_kernels(LLVMModuleRef kernels) {
  for (LLVMValueRef f = LLVMGetFirstFunction(kernels); f; f = LLVMGetNextFunction(f)) {
    // -ffreestanding leaves it on kernels; it would stop inlining into code without it.
    remove_text(f, "no-builtins");
    if (!LLVMIsDeclaration(f) && !has_flag(f, "noinline"))
      add_flag(f, "alwaysinline");
  }
}

/// Names of what the bitcode defines: its values are gone when it is linked.
typedef struct name_list {
  char **names;
  size_t count;
} name_list;

static name_list defined_names(LLVMModuleRef kernels) {
  name_list l = {NULL, 0};
  for (LLVMValueRef f = LLVMGetFirstFunction(kernels); f; f = LLVMGetNextFunction(f))
    if (!LLVMIsDeclaration(f)) {
      size_t length;
      l.names = RESQ_GROW(l.names, l.count);
      l.names[l.count++] = resq_copy_text(LLVMGetValueName2(f, &length));
    }
  return l;
}

static void make_internal(LLVMModuleRef module, name_list l) {
  for (size_t i = 0; i < l.count; i++) {
    LLVMValueRef f = LLVMGetNamedFunction(module, l.names[i]);
    if (f) {
      LLVMSetLinkage(f, LLVMInternalLinkage);
      LLVMSetVisibility(f, LLVMDefaultVisibility);
    }
  }
}

bool resq_link_kernels(LLVMModuleRef module, const resq_target *target, resq_error *err) {
  LLVMModuleRef kernels;
  if (!parse_kernels(LLVMGetModuleContext(module), target, &kernels, err))
    return false;
  if (kernels && !resq_check_kernel_types(kernels, target, err)) {
    LLVMDisposeModule(kernels);
    return false;
  }
  prepare_own(module, target, some_definition(kernels));
  if (!kernels)
    return true;
  prepare_kernels(kernels);
  name_list names = defined_names(kernels);
  LLVMSetTarget(kernels, LLVMGetTarget(module));
  LLVMSetDataLayout(kernels, LLVMGetDataLayoutStr(module));
  bool ok = !LLVMLinkModules2(module, kernels) || // takes `kernels`
            resq_fail(err, RESQ_FAILED, "kernels of %s do not link", target->name);
  if (ok)
    make_internal(module, names);
  for (size_t i = 0; i < names.count; i++)
    free(names.names[i]);
  free(names.names);
  return ok;
}

bool resq_check_complete(LLVMModuleRef module, const resq_target *target, resq_error *err) {
  for (LLVMValueRef f = LLVMGetFirstFunction(module); f; f = LLVMGetNextFunction(f)) {
    size_t length;
    const char *name = LLVMGetValueName2(f, &length);
    if (!LLVMIsDeclaration(f) || LLVMGetIntrinsicID(f) || !LLVMGetFirstUse(f))
      continue;
    // The emulator's functions, of an emulated chip, are left to whoever loads the object.
    if ((target->gpu && !target->emulated) || !strncmp(name, "resq_", strlen("resq_")))
      return resq_fail(err, RESQ_FAILED, "no kernel %s for %s", name, target->name);
  }
  return true;
}
