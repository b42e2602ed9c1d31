//===-- context.c - a ready MLIR context ----------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "mlir-c/IR.h"
#include "mlir-c/RegisterEverything.h"
#include "passes/pass.h"
#include "resq/dialect.h"
#include <pthread.h>

static void register_passes(void) {
  mlirRegisterAllPasses();
  resqRegisterPasses();
}

/// Loaded at once, because C code builds their ops by name; all others load on demand.
static const char *const built_dialects[] = {"resq",   "func",   "arith",         "math", "tensor",
                                             "linalg", "memref", "bufferization", "scf",  "cf",
                                             "llvm",   "vector", "gpu",           "nvvm"};

MlirContext resqContextCreate(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, register_passes);

  MlirDialectRegistry registry = mlirDialectRegistryCreate();
  mlirRegisterAllDialects(registry);
  mlirDialectHandleInsertDialect(mlirGetDialectHandle__resq__(), registry);
  MlirContext ctx = mlirContextCreateWithRegistry(registry, /*threadingEnabled=*/false);
  mlirDialectRegistryDestroy(registry);
  mlirRegisterAllLLVMTranslations(ctx);
  for (size_t i = 0; i < sizeof built_dialects / sizeof *built_dialects; i++)
    mlirContextGetOrLoadDialect(ctx, mlirStringRefCreateFromCString(built_dialects[i]));
  return ctx;
}
