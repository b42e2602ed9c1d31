//===-- object.c ----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "object.h"

#include "dialect/build.h"
#include "dialect/memory.h"
#include "kernel_library.h"
#include "lowering/entries/facts.h"
#include "mlir-c/Target/LLVMIR.h"
#include "passes/pipeline.h"

#include <llvm-c/Core.h>
#include <llvm-c/Linker.h>

#include <stdlib.h>

static bool to_llvm_dialect(MlirOperation module, resq_error *err) {
  return resq_run_pipeline(mlirModuleFromOperation(module),
                           "convert-func-to-llvm,convert-arith-to-llvm,reconcile-unrealized-casts",
                           NULL, NULL, err);
}

/// Marks what is public and has a body, as MLIR has it: LLVM IR keeps no visibility of the kind.
static void mark_entries(MlirOperation module, LLVMModuleRef llvm) {
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(module));
  for (MlirOperation op = mlirBlockGetFirstOperation(body); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op)) {
    if (!resq_op_is(op, "llvm.func") || !resq_is_public(op))
      continue;
    MlirStringRef symbol = resq_symbol_name(op);
    char *name = resq_copy_part(symbol.data, symbol.length);
    LLVMValueRef f = LLVMGetNamedFunction(llvm, name);
    if (f && !LLVMIsDeclaration(f) && LLVMGetLinkage(f) == LLVMExternalLinkage)
      resq_mark_entry(f);
    free(name);
  }
}

static LLVMModuleRef translate_one(MlirOperation module, LLVMContextRef ctx, resq_error *err) {
  if (!to_llvm_dialect(module, err))
    return NULL;
  LLVMModuleRef llvm = mlirTranslateModuleToLLVMIR(module, ctx);
  if (llvm)
    mark_entries(module, llvm);
  else
    resq_fail(err, RESQ_FAILED, "translation to LLVM IR failed");
  return llvm;
}

/// Modules as one of LLVM IR; NULL after an error. What is not an entry and has the same name is the
/// same function: a kernel specialized for the constants that its name lists.
static LLVMModuleRef translate(const MlirOperation *modules, int count, const resq_level *level,
                               LLVMContextRef ctx, resq_error *err) {
  LLVMModuleRef all = NULL;
  for (int i = 0; i < count; i++) {
    LLVMModuleRef one = translate_one(modules[i], ctx, err);
    bool ok = one;
    for (LLVMValueRef f = ok && count > 1 ? LLVMGetFirstFunction(one) : NULL; f;
         f = LLVMGetNextFunction(f))
      if (!LLVMIsDeclaration(f) && !resq_is_entry(f))
        LLVMSetLinkage(f, LLVMLinkOnceODRLinkage);
    if (ok && all && LLVMLinkModules2(all, one)) // takes `one`
      ok = resq_fail(err, RESQ_FAILED, "entries of level %s do not link", level->name);
    if (!ok) {
      if (all)
        LLVMDisposeModule(all);
      return NULL;
    }
    all = all ? all : one;
  }
  return all;
}

void resq_object_discard(resq_object_source *source) {
  if (source->module)
    LLVMDisposeModule(source->module);
  if (source->context)
    LLVMContextDispose(source->context);
  *source = (resq_object_source){.target = source->target};
}

bool resq_object_translate(const MlirOperation *modules, int count, const resq_level *level,
                           resq_object_source *source, resq_error *err) {
  *source = (resq_object_source){.target = &level->target, .context = LLVMContextCreate()};
  source->module = translate(modules, count, level, source->context, err);
  if (!source->module)
    resq_object_discard(source);
  return source->module;
}

bool resq_object_compile(resq_object_source *source, resq_object_form form, resq_bytes *out,
                         resq_error *err) {
  *out = (resq_bytes){NULL, 0};
  bool ok = resq_backend_compile(source->module, source->target, form, out, err);
  resq_object_discard(source);
  return ok;
}

bool resq_object_emit(MlirOperation module, const resq_level *level, resq_object_form form,
                      resq_bytes *out, resq_error *err) {
  *out = (resq_bytes){NULL, 0};
  resq_object_source source;
  return resq_object_translate(&module, 1, level, &source, err) &&
         resq_object_compile(&source, form, out, err);
}

bool resq_object_from_llvm(LLVMModuleRef module, const resq_level *level, resq_bytes *out,
                           resq_error *err) {
  *out = (resq_bytes){NULL, 0};
  const resq_target *target = &level->target;
  LLVMTargetMachineRef machine = resq_backend_machine(target, err);
  if (!machine)
    return false;
  resq_backend_set_layout(module, target, machine);
  bool ok = resq_backend_emit(module, target, machine, RESQ_OBJECT_CODE, out, err);
  LLVMDisposeTargetMachine(machine);
  return ok;
}
