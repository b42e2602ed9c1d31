//===-- main.c - a compiled model's entry point ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Alone in its file: the archive member is linked only into executables, where the
// compiled object defines resq_program_v1.
//===----------------------------------------------------------------------===//
#include "cli/cli.h"

int main(int argc, char **argv) { return resq_cli_main(&resq_program_v1, NULL, argc, argv); }
