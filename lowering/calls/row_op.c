//===-- row_op.c - what calls of row ops have in common --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels from rows to rows take the inputs, what else the op reads, the result, how many rows,
// the strides of the inputs and of the result, then constants.
//===----------------------------------------------------------------------===//
#include "emit.h"

void kernel_operand(kernel_call *k, intptr_t index) {
  if (index < mlirOperationGetNumOperands(k->op))
    kernel_read(k, place_of(k->l, mlirOperationGetOperand(k->op, index)));
  else
    kernel_null(k);
}

void row_op_begin(row_op *r, lowering *l, MlirOperation op, const char *name, int n_inputs,
                  intptr_t rows_from) {
  kernel_begin(&r->k, l, op, name);
  const int rows_of = place_of(l, mlirOperationGetOperand(op, rows_from))->rows_of;
  r->y = *place_rows(l, mlirOperationGetResult(op, 0), rows_of);
  r->n_inputs = n_inputs;
  for (int i = 0; i < n_inputs; i++)
    kernel_operand(&r->k, i);
}

void row_op_result(row_op *r) {
  kernel_write(&r->k, &r->y);
  kernel_rows(&r->k, &r->y);
  for (int i = 0; i < r->n_inputs; i++)
    kernel_const(&r->k, place_of(r->k.l, mlirOperationGetOperand(r->k.op, i))->stride);
  kernel_const(&r->k, r->y.stride);
}

void kernel_copy(lowering *l, MlirOperation op, const place *x, const place *y, int64_t width) {
  kernel_call k;
  kernel_begin(&k, l, op, "resq_gather_rows");
  kernel_read(&k, x);
  kernel_null(&k); // no index: row i
  kernel_write(&k, y);
  kernel_rows(&k, x);
  kernel_const(&k, x->stride);
  kernel_const(&k, y->stride);
  kernel_const(&k, width);
  kernel_end(&k);
}
