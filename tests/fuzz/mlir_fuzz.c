// LINK: compiler
//===-- mlir_fuzz.c - any text as a module --------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Hunts: text that passes the scan and still crashes the parser, a verifier or
// the printer. Bytecode has a process of its own (import_mlir.c) and is left out.
//===----------------------------------------------------------------------===//
#include "dialect/import/import.h"
#include "resq/dialect.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void ignore(MlirStringRef piece, void *user) { *(size_t *)user += piece.length; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static char path[64];
  if (!path[0])
    snprintf(path, sizeof path, "/tmp/resq-mlir-fuzz-%ld.mlir", (long)getpid());
  if (size >= 4 && data[0] == 'M' && data[1] == 'L' && data[2] == 0xef)
    return 0;
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0)
    abort();
  // Making a context takes longer than most inputs do; types and attributes pile up in it, so it does not last for ever.
  static MlirContext ctx;
  static int inputs;
  if (inputs++ % 256 == 0) {
    if (ctx.ptr)
      mlirContextDestroy(ctx);
    ctx = resqContextCreate();
  }
  resq_error err;
  MlirModule module = resq_import_mlir(ctx, path, &err);
  if (!mlirModuleIsNull(module)) {
    size_t printed = 0;
    mlirOperationPrint(mlirModuleGetOperation(module), ignore, &printed);
    mlirModuleDestroy(module);
  }
  unlink(path);
  return 0;
}
