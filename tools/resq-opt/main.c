//===-- resq-opt - mlir-opt with the resq dialect and passes --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "base/process.h"
#include "dialect/memory.h"
#include "passes/opt_files.h"
#include "passes/pass.h"

#include <stdio.h>

int main(int argc, char **argv) {
  resq_process_begin("resq-opt");
  resq_install_memory_handlers();
  resq_error err = {0};
  if (!resq_opt_check_files(argc, argv, &err)) {
    fprintf(stderr, "resq-opt: error: %s\n", err.message);
    return (int)err.code;
  }
  return resq_process_end(resqOptMain(argc, argv));
}
