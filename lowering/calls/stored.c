//===-- stored.c - a parameter's bytes are those that kernels read --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels trust the shape and the packing that a parameter's type says. A module whose `size` says
// otherwise is refused here, before any kernel reads it.
//===----------------------------------------------------------------------===//
#include "dialect/ops.h"
#include "frame.h"
#include "lowering/recipes/materialize.h"

bool resq_check_stored(resq_frame *f, MlirOperation get, MlirOperation param) {
  MlirType type = mlirValueGetType(mlirOperationGetResult(get, 0));
  const int64_t needed = resq_stored_size(type);
  if (needed < 0 || !resqParamOpHasSize(param) || resqParamOpGetSize(param) == needed)
    return true;
  MlirStringRef name = resqGetOpGetParam(get);
  resq_lower_fail(f, get, "param @%.*s has %lld bytes, its type takes %lld", (int)name.length,
                  name.data, (long long)resqParamOpGetSize(param), (long long)needed);
  return false;
}
