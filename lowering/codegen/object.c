//===-- object.c - translation, kernel linking, specialisation, code ------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels arrive as unoptimised bitcode and wrappers call them with constant shapes. Everything of
// a kernel is inlined into its wrappers, so that loops over shapes are loops over constants;
// wrappers themselves are not inlined: all layers share them, and a forward stays a short list of
// calls.
//===----------------------------------------------------------------------===//
#include "object.h"

#include "dialect/build.h"
#include "dialect/memory.h"
#include "passes/pipeline.h"
#include "mlir-c/Target/LLVMIR.h"
#include "resq/abi.h"

#include <llvm-c/BitReader.h>
#include <llvm-c/Core.h>
#include <llvm-c/Linker.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <llvm-c/Transforms/PassBuilder.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESQ_TRIPLE "x86_64-pc-linux-gnu"

void resq_bytes_free(resq_bytes *bytes) {
  free(bytes->data);
  *bytes = (resq_bytes){NULL, 0};
}

//===-- MLIR side ---------------------------------------------------------===//

static bool to_llvm_dialect(MlirOperation module, resq_error *err) {
  return resq_run_pipeline(mlirModuleFromOperation(module),
                           "convert-func-to-llvm,convert-arith-to-llvm,reconcile-unrealized-casts",
                           NULL, NULL, err);
}

//===-- LLVM side ---------------------------------------------------------===//

static void add_flag(LLVMContextRef ctx, LLVMValueRef f, const char *name) {
  unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
  LLVMAddAttributeAtIndex(f, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
                          LLVMCreateEnumAttribute(ctx, kind, 0));
}

/// The CPU and features of the level on one function: inlining needs them equal on both sides.
static void set_target(LLVMContextRef ctx, LLVMValueRef f, const resq_level *level,
                       LLVMValueRef model) {
  static const char *const copied[] = {"target-cpu", "target-features", "tune-cpu",
                                       "prefer-vector-width", "min-legal-vector-width"};
  for (size_t i = 0; i < sizeof copied / sizeof *copied; i++) {
    unsigned length = (unsigned)strlen(copied[i]);
    LLVMAttributeRef a =
        model ? LLVMGetStringAttributeAtIndex(model, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
                                              copied[i], length)
              : NULL;
    if (a)
      LLVMAddAttributeAtIndex(f, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, a);
  }
  if (!model) {
    LLVMAddTargetDependentFunctionAttr(f, "target-cpu", level->cpu);
    if (*level->features)
      LLVMAddTargetDependentFunctionAttr(f, "target-features", level->features);
  }
  (void)ctx;
}

/// True for a function that the program table names.
static bool is_entry(LLVMValueRef f, const resq_level *level) {
  // Entries are <function>__<level>__r<rows>.
  char mark[64];
  snprintf(mark, sizeof mark, "__%s__r", level->name);
  size_t length;
  return strstr(LLVMGetValueName2(f, &length), mark);
}

/// The body of what abi.h has as an inline function: a call of the pointer at `offset` of the worker's
/// call. Nothing when the module does not declare it.
static void define_runtime_call(LLVMContextRef ctx, LLVMModuleRef module, const char *name,
                                size_t offset) {
  LLVMValueRef f = LLVMGetNamedFunction(module, name);
  if (!f || !LLVMIsDeclaration(f))
    return;
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
  add_flag(ctx, f, "alwaysinline");
}

/// Links the level's kernels and sets linkage and inlining of everything.
static bool link_kernels(LLVMContextRef ctx, LLVMModuleRef module, const resq_level *level,
                         resq_error *err) {
  LLVMValueRef model = NULL;
  LLVMModuleRef kernels = NULL;
  if (level->bitcode) {
    LLVMMemoryBufferRef buffer = LLVMCreateMemoryBufferWithMemoryRange(
        (const char *)level->bitcode, (size_t)(level->bitcode_end - level->bitcode), level->name,
        0);
    bool unreadable = LLVMParseBitcodeInContext2(ctx, buffer, &kernels);
    LLVMDisposeMemoryBuffer(buffer);
    if (unreadable)
      return resq_fail(err, RESQ_FAILED, "kernels of level %s: unreadable bitcode", level->name);
    for (LLVMValueRef f = LLVMGetFirstFunction(kernels); f; f = LLVMGetNextFunction(f))
      if (!LLVMIsDeclaration(f))
        model = f;
  }
  define_runtime_call(ctx, module, "resq_barrier", offsetof(resq_call, phase));
  define_runtime_call(ctx, module, "resq_op_done", offsetof(resq_call, op_done));
  // Our own functions first, while they can be told from kernels.
  for (LLVMValueRef f = LLVMGetFirstFunction(module); f; f = LLVMGetNextFunction(f)) {
    if (LLVMIsDeclaration(f))
      continue;
    set_target(ctx, f, level, model);
    if (is_entry(f, level)) {
      LLVMSetLinkage(f, LLVMExternalLinkage);
      LLVMSetVisibility(f, LLVMHiddenVisibility);
    } else {
      LLVMSetLinkage(f, LLVMInternalLinkage);
      unsigned inlined = LLVMGetEnumAttributeKindForName("alwaysinline", 12);
      if (!LLVMGetEnumAttributeAtIndex(f, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, inlined))
        add_flag(ctx, f, "noinline");
    }
  }
  if (!kernels)
    return true;
  for (LLVMValueRef f = LLVMGetFirstFunction(kernels); f; f = LLVMGetNextFunction(f)) {
    // -ffreestanding leaves it on kernels; it would stop inlining into code without it.
    LLVMRemoveStringAttributeAtIndex(f, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
                                     "no-builtins", 11);
    if (LLVMIsDeclaration(f))
      continue;
    unsigned noinline = LLVMGetEnumAttributeKindForName("noinline", 8);
    if (!LLVMGetEnumAttributeAtIndex(f, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, noinline))
      add_flag(ctx, f, "alwaysinline");
  }
  size_t n_names = 0;
  char **names = NULL;
  for (LLVMValueRef f = LLVMGetFirstFunction(kernels); f; f = LLVMGetNextFunction(f))
    if (!LLVMIsDeclaration(f)) {
      size_t length;
      names = RESQ_GROW(names, n_names);
      names[n_names++] = resq_copy_text(LLVMGetValueName2(f, &length));
    }
  LLVMSetTarget(kernels, LLVMGetTarget(module));
  LLVMSetDataLayout(kernels, LLVMGetDataLayoutStr(module));
  bool ok = !LLVMLinkModules2(module, kernels);
  for (size_t i = 0; i < n_names; i++) {
    LLVMValueRef f = ok ? LLVMGetNamedFunction(module, names[i]) : NULL;
    if (f) {
      LLVMSetLinkage(f, LLVMInternalLinkage);
      LLVMSetVisibility(f, LLVMDefaultVisibility);
    }
    free(names[i]);
  }
  free(names);
  return ok || resq_fail(err, RESQ_FAILED, "kernels of level %s do not link", level->name);
}

static void register_target(void) {
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
  LLVMInitializeX86AsmParser();
}

static LLVMTargetMachineRef create_target_machine(const resq_level *level, resq_error *err) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, register_target);
  LLVMTargetRef target;
  char *message = NULL;
  if (LLVMGetTargetFromTriple(RESQ_TRIPLE, &target, &message)) {
    resq_fail(err, RESQ_FAILED, "%s: %s", RESQ_TRIPLE, message);
    LLVMDisposeMessage(message);
    return NULL;
  }
  return LLVMCreateTargetMachine(target, RESQ_TRIPLE, level->cpu, level->features,
                                 LLVMCodeGenLevelAggressive, LLVMRelocPIC, LLVMCodeModelDefault);
}

static void set_layout(LLVMModuleRef module, LLVMTargetMachineRef machine) {
  LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(machine);
  char *text = LLVMCopyStringRepOfTargetData(layout);
  LLVMSetTarget(module, RESQ_TRIPLE);
  LLVMSetDataLayout(module, text);
  LLVMDisposeMessage(text);
  LLVMDisposeTargetData(layout);
}

static bool copy_out(const char *data, size_t size, resq_bytes *out, resq_error *err) {
  out->data = resq_new(size + 1, 1);
  if (!out->data)
    return resq_fail(err, RESQ_NO_MEMORY, "%zu bytes for object code", size);
  memcpy(out->data, data, size);
  out->size = size;
  return true;
}

static bool emit(LLVMModuleRef module, LLVMTargetMachineRef machine, resq_object_form form,
                 resq_bytes *out, resq_error *err) {
  if (form == RESQ_OBJECT_LLVM) {
    char *text = LLVMPrintModuleToString(module);
    bool ok = copy_out(text, strlen(text), out, err);
    LLVMDisposeMessage(text);
    return ok;
  }
  LLVMMemoryBufferRef buffer = NULL;
  char *message = NULL;
  LLVMCodeGenFileType type = form == RESQ_OBJECT_ASSEMBLY ? LLVMAssemblyFile : LLVMObjectFile;
  if (LLVMTargetMachineEmitToMemoryBuffer(machine, module, type, &message, &buffer)) {
    resq_fail(err, RESQ_FAILED, "code generation: %s", message);
    LLVMDisposeMessage(message);
    return false;
  }
  bool ok = copy_out(LLVMGetBufferStart(buffer), LLVMGetBufferSize(buffer), out, err);
  LLVMDisposeMemoryBuffer(buffer);
  return ok;
}

static LLVMModuleRef translate_one(MlirOperation module, LLVMContextRef ctx, resq_error *err) {
  if (!to_llvm_dialect(module, err))
    return NULL;
  LLVMModuleRef llvm = mlirTranslateModuleToLLVMIR(module, ctx);
  if (!llvm)
    resq_fail(err, RESQ_FAILED, "translation to LLVM IR failed");
  return llvm;
}

/// Modules as one of LLVM IR; NULL after an error. What is not an entry and has the same name is the
/// same function: a kernel specialised for the constants that its name lists.
static LLVMModuleRef translate(const MlirOperation *modules, int count, const resq_level *level,
                               LLVMContextRef ctx, resq_error *err) {
  LLVMModuleRef all = NULL;
  for (int i = 0; i < count; i++) {
    LLVMModuleRef one = translate_one(modules[i], ctx, err);
    bool ok = one;
    for (LLVMValueRef f = ok && count > 1 ? LLVMGetFirstFunction(one) : NULL; f;
         f = LLVMGetNextFunction(f))
      if (!LLVMIsDeclaration(f) && !is_entry(f, level))
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
  *source = (resq_object_source){.level = source->level};
}

bool resq_object_translate(const MlirOperation *modules, int count, const resq_level *level,
                           resq_object_source *source, resq_error *err) {
  *source = (resq_object_source){.level = level, .context = LLVMContextCreate()};
  source->module = translate(modules, count, level, source->context, err);
  if (!source->module)
    resq_object_discard(source);
  return source->module;
}

bool resq_object_optimise(LLVMModuleRef module, LLVMTargetMachineRef machine, const char *what,
                          resq_error *err) {
  LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
  LLVMErrorRef failed = LLVMRunPasses(module, "default<O3>", machine, options);
  LLVMDisposePassBuilderOptions(options);
  if (!failed)
    return true;
  char *message = LLVMGetErrorMessage(failed);
  resq_fail(err, RESQ_FAILED, "%s: %s", what, message);
  LLVMDisposeErrorMessage(message);
  return false;
}

bool resq_object_compile(resq_object_source *source, resq_object_form form, resq_bytes *out,
                         resq_error *err) {
  *out = (resq_bytes){NULL, 0};
  LLVMTargetMachineRef machine = create_target_machine(source->level, err);
  bool ok = machine;
  if (ok) {
    set_layout(source->module, machine);
    ok = link_kernels(source->context, source->module, source->level, err) &&
         resq_object_optimise(source->module, machine, "optimisation", err) &&
         emit(source->module, machine, form, out, err);
    LLVMDisposeTargetMachine(machine);
  }
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
  LLVMTargetMachineRef machine = create_target_machine(level, err);
  if (!machine)
    return false;
  set_layout(module, machine);
  bool ok = emit(module, machine, RESQ_OBJECT_CODE, out, err);
  LLVMDisposeTargetMachine(machine);
  return ok;
}
