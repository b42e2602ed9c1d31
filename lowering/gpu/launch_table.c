//===-- launch_table.c - launches as the program table has them -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "launch.h"

#include "dialect/ops.h"

#include <string.h>

static const resq_gpu_arg *read_args(intptr_t n, const int64_t *numbers, resq_arena *memory) {
  resq_gpu_arg *args = resq_arena_new(memory, (size_t)n / 3, sizeof *args);
  for (intptr_t i = 0; i < n / 3; i++)
    args[i] =
        (resq_gpu_arg){(int32_t)numbers[3 * i], (int32_t)numbers[3 * i + 1], numbers[3 * i + 2]};
  return args;
}

static resq_gpu_launch read_kernel(MlirOperation op, resq_arena *memory) {
  const intptr_t n = resqLaunchOpGetNumArgs(op);
  const MlirStringRef kernel = mlirSymbolRefAttrGetLeafReference(resqLaunchOpGetKernel(op));
  return (resq_gpu_launch){
      .kind = RESQ_GPU_LAUNCH_KERNEL,
      .op = (int32_t)resqLaunchOpGetOp(op),
      .kernel = resq_arena_text(memory, kernel.data, kernel.length),
      .rows_of = (int32_t)resqLaunchOpGetRowsOf(op),
      .threads = (int32_t)resqLaunchOpGetThreads(op),
      .blocks_per_sm = (int32_t)resqLaunchOpGetBlocksPerSm(op),
      .grid_y = 1,
      .items_per_row = resqLaunchOpGetItemsPerRow(op),
      .items_per_block = resqLaunchOpGetItemsPerBlock(op),
      .shared_bytes = (int32_t)resqLaunchOpGetSharedBytes(op),
      .flags = resqLaunchOpGetEarly(op) ? RESQ_GPU_EARLY : 0,
      .n_args = (int32_t)(n / 3),
      .args = read_args(n, resqLaunchOpGetArgs(op), memory),
  };
}

static resq_gpu_launch read_observe(MlirOperation op, resq_arena *memory) {
  const intptr_t n = resqLaunchObserveOpGetNumArgs(op);
  return (resq_gpu_launch){
      .kind = RESQ_GPU_LAUNCH_OBSERVE,
      .op = (int32_t)resqLaunchObserveOpGetOp(op),
      .rows_of = (int32_t)resqLaunchObserveOpGetRowsOf(op),
      .n_args = (int32_t)(n / 3),
      .site = (int32_t)resqLaunchObserveOpGetSite(op),
      .args = read_args(n, resqLaunchObserveOpGetArgs(op), memory),
      .width = resqLaunchObserveOpGetWidth(op),
      .ld = resqLaunchObserveOpGetStride(op),
  };
}

resq_gpu_launches resq_gpu_launches_of(MlirOperation function, resq_arena *memory) {
  MlirBlock body = mlirRegionGetFirstBlock(mlirOperationGetRegion(function, 0));
  int32_t most = 0, n = 0;
  MlirOperation op = mlirBlockGetFirstOperation(body);
  for (; !mlirOperationIsNull(op); op = mlirOperationGetNextInBlock(op))
    most++;
  resq_gpu_launch *items = resq_arena_new(memory, (size_t)most, sizeof *items);
  for (op = mlirBlockGetFirstOperation(body); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op)) {
    if (resqOpIsLaunch(op))
      items[n++] = read_kernel(op, memory);
    else if (resqOpIsLaunchObserve(op))
      items[n++] = read_observe(op, memory);
  }
  return (resq_gpu_launches){.n = n, .items = items};
}
