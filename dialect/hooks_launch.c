//===-- hooks_launch.c - verifiers of launches ----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/check.h"
#include "dialect/hooks.h"
#include "resq/abi.h"

#include <inttypes.h>

enum { MOST_THREADS = 1024 };

/// C1 of both ops.
static bool verify_args(MlirOperation op, intptr_t n, const int64_t *args, int64_t last_kind) {
  if (n % 3)
    return resq_refuse(op, "C1: args has %" PRIdPTR " numbers: allowed are triples", n);
  for (intptr_t i = 0; i < n; i += 3)
    if (args[i] < 0 || args[i] > last_kind || args[i + 1] < 0 || args[i + 2] < 0)
      return resq_refuse(op,
                         "C1: args has the triple %" PRId64 ", %" PRId64 ", %" PRId64
                         ": allowed is a kind from 0 to %" PRId64
                         ", and an index and an offset that are not negative",
                         args[i], args[i + 1], args[i + 2], last_kind);
  return true;
}

bool resqVerifyLaunch(MlirOperation op) {
  if (!verify_args(op, resqLaunchOpGetNumArgs(op), resqLaunchOpGetArgs(op), RESQ_GPU_CAPACITY))
    return false;
  const int64_t threads = resqLaunchOpGetThreads(op);
  if (threads < 1 || threads > MOST_THREADS)
    return resq_refuse(op, "C2: a block has %" PRId64 " threads: allowed are 1 to %d", threads,
                       MOST_THREADS);
  const int64_t per_row = resqLaunchOpGetItemsPerRow(op),
                per_block = resqLaunchOpGetItemsPerBlock(op);
  const int64_t blocks = resqLaunchOpGetBlocksPerSm(op), shared = resqLaunchOpGetSharedBytes(op);
  if (per_row < 1 || per_block < 1 || blocks < 0 || shared < 0)
    return resq_refuse(op,
                       "C2: a row has %" PRId64 " items, a block %" PRId64
                       " and a multiprocessor at most %" PRId64 " blocks with %" PRId64
                       " bytes of shared memory each: allowed is 1 or more of items, 0 or more of "
                       "the others",
                       per_row, per_block, blocks, shared);
  return true;
}

bool resqVerifyLaunchObserve(MlirOperation op) {
  const intptr_t n = resqLaunchObserveOpGetNumArgs(op);
  if (n != 3)
    return resq_refuse(op, "C1: args has %" PRIdPTR " numbers: allowed is one triple", n);
  return verify_args(op, n, resqLaunchObserveOpGetArgs(op), RESQ_GPU_PREPARED);
}

bool resqVerifyUsesLaunch(MlirOperation op, resq_lookup symbols) {
  MlirAttribute kernel = resqLaunchOpGetKernel(op);
  MlirOperation module = symbols.find(symbols.scope, mlirSymbolRefAttrGetRootReference(kernel));
  MlirStringRef name = mlirSymbolRefAttrGetLeafReference(kernel);
  if (resq_op_is(module, "gpu.module") && mlirSymbolRefAttrGetNumNestedReferences(kernel) == 1) {
    MlirBlock body = mlirRegionGetFirstBlock(mlirOperationGetRegion(module, 0));
    for (MlirOperation f = mlirBlockGetFirstOperation(body); !mlirOperationIsNull(f);
         f = mlirOperationGetNextInBlock(f))
      if (mlirStringRefEqual(resq_symbol_name(f), name))
        return true;
  }
  return resq_refuse(op, "C3: @%.*s is not in a gpu.module: allowed is @<gpu.module>::@<function>",
                     (int)name.length, name.data);
}
