//===-- stored.c - a parameter's bytes are those that kernels read --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels trust the shape and the packing that a parameter's type says. A module whose `size` says
// otherwise is refused here, before any kernel reads it.
//===----------------------------------------------------------------------===//
#include "emit.h"
#include "lowering/recipes/materialize.h"

bool check_stored(lowering *l, MlirOperation get, MlirOperation param) {
  MlirType type = mlirValueGetType(mlirOperationGetResult(get, 0));
  const int64_t needed = resq_stored_size(type);
  if (needed < 0 || !resq_op_has(param, "size") || resq_op_i64(param, "size") == needed)
    return true;
  MlirStringRef name = resq_op_str(get, "param");
  lower_fail(l, get, "param @%.*s has %lld bytes, its type takes %lld", (int)name.length, name.data,
             (long long)resq_op_i64(param, "size"), (long long)needed);
  return false;
}
