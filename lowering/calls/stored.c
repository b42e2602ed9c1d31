//===-- stored.c - a parameter's bytes are those that kernels read --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels trust the shape that a parameter's type says. A module whose `size` says less, or whose
// codes were packed for an activation in other groups, is refused here, before any kernel reads it.
//===----------------------------------------------------------------------===//
#include "kernels/layout/pack_layout.h"
#include "emit.h"
#include "lowering/recipes/materialize.h"

bool check_stored(lowering *l, MlirOperation get, MlirOperation param) {
  MlirType type = mlirValueGetType(mlirOperationGetResult(get, 0));
  const int64_t needed = resq_stored_size(type);
  if (needed < 0 || !resq_op_has(param, "size") || resq_op_i64(param, "size") >= needed)
    return true;
  MlirStringRef name = resq_op_str(get, "param");
  lower_fail(l, get, "param @%.*s has %lld bytes, its type takes %lld", (int)name.length, name.data,
             (long long)resq_op_i64(param, "size"), (long long)needed);
  return false;
}

bool check_packed(lowering *l, MlirOperation op, MlirValue weight, int64_t group) {
  MlirOperation get = resq_defining_op(weight), param = {NULL};
  if (!mlirOperationIsNull(get) && resq_op_is(get, "resq.get"))
    param = resq_symbol(l->module, resq_op_str(get, "param"));
  if (mlirOperationIsNull(param) || !resq_op_has(param, "size"))
    return true;
  MlirType codes = resq_element(weight);
  const int64_t size = resq_op_i64(param, "size");
  const int64_t needed =
      resq_packed_weight_size(resq_dim(weight, 0), resq_width(weight), group,
                              resqQuantTypeGetGroup(codes), resqQuantTypeGetBits(codes));
  if (size == needed)
    return true;
  MlirStringRef name = resq_op_str(get, "param");
  lower_fail(l, op,
             "param @%.*s has %lld bytes, but packed for an activation in groups of %lld it takes "
             "%lld",
             (int)name.length, name.data, (long long)size, (long long)group, (long long)needed);
  return false;
}
