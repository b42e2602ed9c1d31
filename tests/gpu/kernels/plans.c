//===-- plans.c - the blocks of case_kernels.c ----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   plans CAPABILITY       a line for each kernel: its name, its threads, its blocks at once. For build.py.
//===----------------------------------------------------------------------===//
#define RESQ_LEVEL cuda
#define RESQ_GPU_KERNELS
#include "calls.h"

#include <stdio.h>
#include <stdlib.h>

#define FILLS(...)
#define PLAN(name, max_rows, kernel, ...)                                                          \
  {                                                                                                \
    const kernel##_arguments a = {__VA_ARGS__};                                                    \
    const resq_gpu_plan plan = kernel##_planned(&a, max_rows, capability);                         \
    printf("%s %d %d\n", name, plan.threads, plan.blocks_at_once);                                 \
  }
#define CASE(name, rows_, fills, kernel, ...)                                                      \
  PLAN(#name "_few", RESQ_GPU_FEW_ROWS, kernel, __VA_ARGS__)                                       \
  PLAN(#name "_many", 2048, kernel, __VA_ARGS__)
#define STEP(name, rows_, launches, fills, kernel, ...) PLAN(#name, rows_, kernel, __VA_ARGS__)

int main(int argc, char **argv) {
  void *const b[8] = {0};
  const int64_t rows = 0;
  if (argc != 2) {
    printf("usage: plans CAPABILITY\n");
    return 2;
  }
  const int64_t capability = atoi(argv[1]);
  (void)b, (void)rows;
#include "cases.h"
#include "steps.h"
  printf("recode %d 0\n", RESQ_QRECODE_THREADS);
  return 0;
}
