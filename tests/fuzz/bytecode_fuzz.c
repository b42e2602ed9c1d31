// LINK: compiler
//===-- bytecode_fuzz.c - any bytes behind the magic of MLIR bytecode -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// MLIR's own reader aborts on some damaged files, in a child process (import_mlir.c); this process
// must live, and end with a module or a message. A module that comes out is verified and printed.
//===----------------------------------------------------------------------===//
#include "dialect/import/import.h"
#include "resq/dialect.h"
#include "tests/fuzz/fuzz_file.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(MlirStringRef piece, void *user) { *(size_t *)user += piece.length; }

/// In the child: a crash is no finding there, and none of the fuzzer's handlers may write one.
static void die_quietly(void) {
  static const int deadly[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGALRM, SIGXCPU, SIGTRAP};
  for (size_t i = 0; i < sizeof deadly / sizeof *deadly; ++i)
    signal(deadly[i], SIG_DFL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 4)
    return 0;
  uint8_t *bytes = malloc(size);
  if (!bytes)
    return 0;
  memcpy(bytes, data, size);
  memcpy(bytes, "ML\xefR", 4);
  const char *path;
  fuzz_file(bytes, size, &path);
  free(bytes);
  static MlirContext ctx;
  static int inputs;
  if (inputs == 0 && pthread_atfork(NULL, NULL, die_quietly))
    abort();
  if (inputs++ % 256 == 0) { // types and attributes pile up in a context
    if (ctx.ptr)
      mlirContextDestroy(ctx);
    ctx = resqContextCreate();
  }
  resq_error err = {0};
  MlirModule module = resq_import_mlir(ctx, path, &err);
  if (mlirModuleIsNull(module)) {
    if (!err.message[0])
      __builtin_trap();
    return 0;
  }
  size_t printed = 0;
  if (mlirOperationVerify(mlirModuleGetOperation(module)))
    mlirOperationPrint(mlirModuleGetOperation(module), ignore, &printed);
  mlirModuleDestroy(module);
  return 0;
}
