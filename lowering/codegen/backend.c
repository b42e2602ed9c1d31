//===-- backend.c ---------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "backend.h"

#include "dialect/memory.h"
#include "kernel_library.h"

#include <llvm-c/Core.h>
#include <llvm-c/Target.h>
#include <llvm-c/Transforms/PassBuilder.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

void resq_bytes_free(resq_bytes *bytes) {
  free(bytes->data);
  *bytes = (resq_bytes){NULL, 0};
}

/// All that this LLVM has, so that a new row of the table needs nothing here.
static void register_targets(void) {
  LLVMInitializeAllTargetInfos();
  LLVMInitializeAllTargets();
  LLVMInitializeAllTargetMCs();
  LLVMInitializeAllAsmPrinters();
  LLVMInitializeAllAsmParsers();
}

LLVMTargetMachineRef resq_backend_machine(const resq_target *target, resq_error *err) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, register_targets);
  LLVMTargetRef llvm;
  char *message = NULL;
  if (LLVMGetTargetFromTriple(target->triple, &llvm, &message)) {
    resq_fail(err, RESQ_FAILED, "%s, target %s: %s", target->name, target->triple, message);
    LLVMDisposeMessage(message);
    return NULL;
  }
  LLVMTargetMachineRef machine =
      LLVMCreateTargetMachine(llvm, target->triple, target->cpu, target->features,
                              LLVMCodeGenLevelAggressive, LLVMRelocPIC, LLVMCodeModelDefault);
  if (!machine)
    resq_fail(err, RESQ_FAILED, "%s: LLVM has no code generation for target %s", target->name,
              target->triple);
  return machine;
}

void resq_backend_set_layout(LLVMModuleRef module, const resq_target *target,
                             LLVMTargetMachineRef machine) {
  LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(machine);
  char *text = LLVMCopyStringRepOfTargetData(layout);
  LLVMSetTarget(module, target->triple);
  LLVMSetDataLayout(module, text);
  LLVMDisposeMessage(text);
  LLVMDisposeTargetData(layout);
}

bool resq_backend_optimize(LLVMModuleRef module, const resq_target *target,
                           LLVMTargetMachineRef machine, resq_error *err) {
  LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
  LLVMErrorRef failed = LLVMRunPasses(module, "default<O3>", machine, options);
  LLVMDisposePassBuilderOptions(options);
  if (!failed)
    return true;
  char *message = LLVMGetErrorMessage(failed);
  resq_fail(err, RESQ_FAILED, "optimization of code for %s: %s", target->name, message);
  LLVMDisposeErrorMessage(message);
  return false;
}

static bool append(resq_bytes *out, const char *data, size_t size, const resq_target *target,
                   resq_error *err) {
  uint8_t *grown = realloc(out->data, out->size + size + 1);
  if (!grown)
    return resq_fail(err, RESQ_NO_MEMORY, "%zu bytes for code for %s", size, target->name);
  memcpy(grown + out->size, data, size);
  out->data = grown;
  out->size += size;
  out->data[out->size] = 0;
  return true;
}

bool resq_backend_emit(LLVMModuleRef module, const resq_target *target,
                       LLVMTargetMachineRef machine, resq_object_form form, resq_bytes *out,
                       resq_error *err) {
  if (form == RESQ_OBJECT_LLVM) {
    char *text = LLVMPrintModuleToString(module);
    bool ok = append(out, text, strlen(text), target, err);
    LLVMDisposeMessage(text);
    return ok;
  }
  LLVMMemoryBufferRef buffer = NULL;
  char *message = NULL;
  LLVMCodeGenFileType type = form == RESQ_OBJECT_ASSEMBLY ? LLVMAssemblyFile : LLVMObjectFile;
  if (LLVMTargetMachineEmitToMemoryBuffer(machine, module, type, &message, &buffer)) {
    resq_fail(err, RESQ_FAILED, "code generation for %s: %s", target->name, message);
    LLVMDisposeMessage(message);
    return false;
  }
  const char *data = LLVMGetBufferStart(buffer);
  size_t size = LLVMGetBufferSize(buffer);
  while (type == LLVMAssemblyFile && size && !data[size - 1])
    size--; // a text ends before its NUL
  bool ok = append(out, data, size, target, err);
  LLVMDisposeMemoryBuffer(buffer);
  return ok;
}

bool resq_backend_compile(LLVMModuleRef module, const resq_target *target, resq_object_form form,
                          resq_bytes *out, resq_error *err) {
  LLVMTargetMachineRef machine = resq_backend_machine(target, err);
  if (!machine)
    return false;
  resq_backend_set_layout(module, target, machine);
  bool ok = resq_link_kernels(module, target, err) &&
            resq_backend_optimize(module, target, machine, err) &&
            resq_check_complete(module, target, err) &&
            resq_backend_emit(module, target, machine, form, out, err);
  LLVMDisposeTargetMachine(machine);
  return ok;
}
