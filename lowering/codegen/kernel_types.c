//===-- kernel_types.c ----------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "kernel_types.h"

#include "dialect/memory.h"
#include "lowering/calls/kernel_table.h"

#include <llvm-c/Core.h>

#include <stdlib.h>

/// On a CPU a worker and an op come first, on a GPU what its plan chooses last.
enum { MOST = RESQ_MAX_FORMALS + 5 };

/// What kernels.def says of a kernel at a level: the names and the types of its arguments.
typedef struct signature {
  unsigned count;
  const char *names[MOST];
  LLVMTypeRef types[MOST];
} signature;

static void expect(signature *s, const char *name, LLVMTypeRef type) {
  s->names[s->count] = name;
  s->types[s->count++] = type;
}

static signature signature_of(const resq_target *target, const resq_kernel *kernel,
                              LLVMContextRef ctx) {
  LLVMTypeRef pointer = LLVMPointerTypeInContext(ctx, 0), i64 = LLVMInt64TypeInContext(ctx);
  signature s = {0};
  if (!target->gpu) {
    expect(&s, "w", pointer);
    expect(&s, "op", LLVMInt32TypeInContext(ctx));
  }
  for (int i = 0; i < kernel->n_formals; i++) {
    const resq_formal *f = &kernel->formals[i];
    const bool f32 = f->kind == RESQ_FORMAL_CONSTANT_F32;
    expect(&s, f->name,
           f32                        ? LLVMFloatTypeInContext(ctx)
           : resq_formal_is_number(f) ? i64
                                      : pointer);
  }
  if (target->gpu) {
    expect(&s, "variant", i64);
    expect(&s, "scratch", pointer);
  }
  if (target->gpu && kernel->by_units) {
    expect(&s, "threads", i64);
    expect(&s, "unit", i64);
    expect(&s, "units", i64);
  }
  return s;
}

/// Reports that an argument is `found`, NULL: missing.
static bool refuse(const resq_target *target, const resq_kernel *kernel, const char *argument,
                   LLVMTypeRef found, LLVMTypeRef allowed, resq_error *err) {
  char *found_text = found ? LLVMPrintTypeToString(found) : NULL;
  char *allowed_text = LLVMPrintTypeToString(allowed);
  resq_fail(err, RESQ_FAILED,
            "kernels of %s: argument '%s' of %s is %s in the bitcode, allowed by kernels.def: "
            "%s",
            target->name, argument, kernel->name, found ? found_text : "missing", allowed_text);
  LLVMDisposeMessage(found_text);
  LLVMDisposeMessage(allowed_text);
  return false;
}

static bool check_definition(const resq_target *target, const resq_kernel *kernel, LLVMValueRef f,
                             resq_error *err) {
  LLVMTypeRef type = LLVMGlobalGetValueType(f);
  LLVMContextRef ctx = LLVMGetTypeContext(type);
  const signature s = signature_of(target, kernel, ctx);
  const unsigned count = LLVMCountParamTypes(type);
  LLVMTypeRef *types = resq_new(count, sizeof *types);
  LLVMGetParamTypes(type, types);
  bool ok = true;
  for (unsigned i = 0; ok && i < s.count; i++)
    if (i >= count || types[i] != s.types[i])
      ok = refuse(target, kernel, s.names[i], i < count ? types[i] : NULL, s.types[i], err);
  free(types);
  if (ok && count > s.count)
    return resq_fail(err, RESQ_FAILED,
                     "kernels of %s: %s has %u arguments in the bitcode, allowed by "
                     "kernels.def: %u, of which '%s' is the last",
                     target->name, kernel->name, count, s.count, s.names[s.count - 1]);
  if (ok && LLVMGetReturnType(type) != LLVMVoidTypeInContext(ctx))
    return resq_fail(err, RESQ_FAILED,
                     "kernels of %s: %s returns a value in the bitcode, allowed: void",
                     target->name, kernel->name);
  return ok;
}

bool resq_check_kernel_types(LLVMModuleRef kernels, const resq_target *target, resq_error *err) {
  const char *suffix = target->gpu ? "cuda" : target->name; // RESQ_LEVEL of the kernels' build
  for (LLVMValueRef f = LLVMGetFirstFunction(kernels); f; f = LLVMGetNextFunction(f)) {
    if (LLVMIsDeclaration(f) || LLVMGetLinkage(f) == LLVMInternalLinkage)
      continue;
    size_t length;
    const char *name = LLVMGetValueName2(f, &length);
    const resq_kernel *kernel = resq_kernel_find(name, length, suffix);
    if (!kernel)
      return resq_fail(err, RESQ_FAILED,
                       "kernels of %s: %s has no row in kernels.def, allowed: <kernel>_%s",
                       target->name, name, suffix);
    if (!check_definition(target, kernel, f, err))
      return false;
  }
  return true;
}
