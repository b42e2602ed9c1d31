//===-- resq-opt - mlir-opt with the resq dialect and passes --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "passes/pass.h"

int main(int argc, char **argv) { return resqOptMain(argc, argv); }
