//===-- ops_method.c - method ops to kernel calls -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "kernels/kernels.h"
#include "lowering/cpu/emit.h"

#include <stdlib.h>

static MlirValue operand(MlirOperation op, intptr_t i) { return mlirOperationGetOperand(op, i); }
static MlirValue result(MlirOperation op) { return mlirOperationGetResult(op, 0); }

static void emit_rotate(lowering *l, MlirOperation op) {
  if (resq_op_has(op, "transposed")) {
    lower_fail(l, op, "an online rotate by a transposed matrix has no kernel: transpose the param");
    return;
  }
  MlirType matrix = mlirValueGetType(operand(op, 1));
  intptr_t rank = mlirShapedTypeGetRank(matrix);
  if (!mlirTypeIsAF32(mlirShapedTypeGetElementType(matrix))) {
    lower_fail(l, op, "an online rotation matrix must be f32");
    return;
  }
  int64_t size = mlirShapedTypeGetDimSize(matrix, rank - 1);
  row_op r;
  row_op_begin(&r, l, op, "resq_rotate", 1, 0);
  kernel_operand(&r.k, 1);
  row_op_result(&r);
  kernel_const(&r.k, resq_width(result(op)) / size);
  kernel_const(&r.k, size);
  kernel_const(&r.k, rank == 3 ? mlirShapedTypeGetDimSize(matrix, 0) : 1);
  kernel_end(&r.k);
}

static void emit_hadamard(lowering *l, MlirOperation op) {
  int64_t size = resq_op_i64(op, "size"), order = resqHadamardOrder(size);
  if (resq_op_has(op, "transposed") && order > 1) {
    lower_fail(l, op, "an online transposed Hadamard of order %lld has no kernel",
               (long long)order);
    return;
  }
  row_op r;
  row_op_begin(&r, l, op, "resq_hadamard", 1, 0);
  if (order > 1) {
    int8_t *signs = malloc((size_t)(order * order));
    resqHadamardSigns(order, signs);
    kernel_table(&r.k, "hadamard_signs", signs, order * order, TABLE_I8);
    free(signs);
  } else {
    kernel_null(&r.k);
  }
  row_op_result(&r);
  kernel_const(&r.k, resq_width(result(op)));
  kernel_const(&r.k, size);
  kernel_const(&r.k, order);
  kernel_end(&r.k);
}

static void emit_permute(lowering *l, MlirOperation op) {
  row_op r;
  row_op_begin(&r, l, op, "resq_permute", 1, 0);
  if (mlirOperationGetNumOperands(op) > 1) {
    kernel_operand(&r.k, 1);
  } else {
    MlirAttribute order = resq_op_attr(op, "order");
    int64_t width = resq_width(result(op));
    int32_t *table = malloc((size_t)width * sizeof *table);
    for (int64_t i = 0; i < width; i++)
      table[i] = (int32_t)mlirDenseI64ArrayGetElement(order, i);
    kernel_table(&r.k, "order", table, width * 4, TABLE_I32);
    free(table);
  }
  row_op_result(&r);
  kernel_const(&r.k, resq_width(result(op)));
  kernel_end(&r.k);
}

/// One block: two views of the same rows, nothing to copy.
static void emit_split(lowering *l, MlirOperation op) {
  int64_t width = resq_width(operand(op, 0));
  int64_t block = resq_op_i64(op, "block"), high = resq_op_i64(op, "high");
  MlirValue low = mlirOperationGetResult(op, 0), top = mlirOperationGetResult(op, 1);
  if (block == width) {
    place x = *place_of(l, operand(op, 0));
    place_view(l, low, &x, 0);
    place_view(l, top, &x, width - high);
    return;
  }
  kernel_call k;
  kernel_begin(&k, l, op, "resq_split");
  int rows_of = place_of(l, operand(op, 0))->rows_of;
  place_rows(l, low, rows_of);
  place_rows(l, top, rows_of);
  const place *x = place_of(l, operand(op, 0)), *a = place_of(l, low), *b = place_of(l, top);
  kernel_read(&k, x);
  kernel_write(&k, a);
  kernel_write(&k, b);
  kernel_rows(&k, x);
  kernel_const(&k, x->stride);
  kernel_const(&k, a->stride);
  kernel_const(&k, b->stride);
  kernel_const(&k, width);
  kernel_const(&k, block);
  kernel_const(&k, high);
  kernel_end(&k);
}

static void emit_join(lowering *l, MlirOperation op) {
  row_op r;
  row_op_begin(&r, l, op, "resq_join", 2, 0);
  row_op_result(&r);
  kernel_const(&r.k, resq_width(result(op)));
  kernel_const(&r.k, resq_op_i64(op, "block"));
  kernel_const(&r.k, resq_op_i64(op, "high"));
  kernel_end(&r.k);
}

static void emit_slice(lowering *l, MlirOperation op) {
  if (resq_op_i64(op, "dim") != 1) {
    lower_fail(l, op, "a slice of rows has no kernel: slice columns (dim 1) or gather rows");
    return;
  }
  place x = *place_of(l, operand(op, 0));
  place_view(l, result(op), &x, resq_op_i64(op, "begin"));
}

/// Each part copied to its columns.
static void emit_concat(lowering *l, MlirOperation op) {
  if (resq_op_i64(op, "dim") != 1) {
    lower_fail(l, op, "a concat of rows has no kernel: concat columns (dim 1)");
    return;
  }
  place y = *place_rows(l, result(op), place_of(l, operand(op, 0))->rows_of);
  for (intptr_t i = 0; i < mlirOperationGetNumOperands(op); i++) {
    int64_t width = resq_width(operand(op, i));
    kernel_copy(l, op, place_of(l, operand(op, i)), &y, width);
    y.offset += width * 4;
  }
}

static void emit_quantize(lowering *l, MlirOperation op) {
  MlirType type = resq_element(result(op));
  int64_t width = resq_width(result(op)), group = resqQuantTypeGetGroup(type);
  int64_t stride = resq_code_stride(width, group);
  int64_t code_bytes = resq_round_up(l->max_rows * stride, RESQ_ALIGNMENT);
  int64_t meta_bytes = l->max_rows * (width / group) * (int64_t)sizeof(resq_quant_meta);
  kernel_call k;
  kernel_begin(&k, l, op, "resq_quantize");
  place *q = place_allocate(l, result(op), code_bytes + meta_bytes, stride,
                            place_of(l, operand(op, 0))->rows_of);
  q->meta_offset = q->offset + code_bytes;
  const place *x = place_of(l, operand(op, 0));
  kernel_read(&k, x);
  if (mlirOperationGetNumOperands(op) > 1)
    kernel_read(&k, place_of(l, operand(op, 1)));
  else
    kernel_null(&k);
  kernel_write(&k, q);
  kernel_write_meta(&k, q);
  kernel_rows(&k, x);
  kernel_const(&k, x->stride);
  kernel_const(&k, width);
  kernel_const(&k, group);
  kernel_const(&k, resq_op_has(op, "range") ? resq_op_i64(op, "range") : group);
  kernel_const(&k, resqQuantTypeGetBits(type));
  kernel_float(&k, (float)resq_op_f64(op, "clip"));
  kernel_end(&k);
}

/// Shape constants of one branch: k, activation group, weight group, activation bits, weight bits.
static void kernel_branch(kernel_call *k, MlirValue q, MlirValue weight) {
  MlirType activation = resq_element(q), codes = resq_element(weight);
  kernel_const(k, resq_width(q));
  kernel_const(k, resqQuantTypeGetGroup(activation));
  kernel_const(k, resqQuantTypeGetGroup(codes));
  kernel_const(k, resqQuantTypeGetBits(activation));
  kernel_const(k, resqQuantTypeGetBits(codes));
}

static void emit_qlinear(lowering *l, MlirOperation op) {
  MlirAttribute segments = resq_op_attr(op, "operandSegmentSizes");
  int branches = mlirDenseI32ArrayGetElement(segments, 0);
  bool bias = mlirDenseI32ArrayGetElement(segments, 2) != 0;
  if (branches > 2) {
    lower_fail(l, op, "a qlinear of %d branches has no kernel: at most 2", branches);
    return;
  }
  for (int i = 0; i < branches; i++)
    if (!resq_str_eq(resqQuantTypeGetLayout(resq_element(operand(op, branches + i))), "n16k4")) {
      lower_fail(l, op, "weight %d is not stored as n16k4: run --resq-pack first", i);
      return;
    }
  kernel_call k;
  kernel_begin(&k, l, op, "resq_qlinear");
  place *y = place_rows(l, result(op), place_of(l, operand(op, 0))->rows_of);
  for (int i = 0; i < 2; i++) {
    if (i >= branches) {
      kernel_null(&k);
      kernel_null(&k);
      kernel_null(&k);
      continue;
    }
    const place *q = place_of(l, operand(op, i));
    kernel_read(&k, q);
    kernel_read_meta(&k, q);
    kernel_read(&k, place_of(l, operand(op, branches + i)));
  }
  if (bias)
    kernel_read(&k, place_of(l, operand(op, 2 * branches)));
  else
    kernel_null(&k);
  kernel_write(&k, y);
  kernel_rows(&k, y);
  kernel_const(&k, y->stride);
  kernel_const(&k, resq_width(result(op)));
  kernel_branch(&k, operand(op, 0), operand(op, branches));
  if (branches == 2)
    kernel_branch(&k, operand(op, 1), operand(op, 3));
  else
    for (int i = 0; i < 5; i++)
      kernel_const(&k, 0);
  kernel_end(&k);
}

static void emit_observe(lowering *l, MlirOperation op) {
  int32_t n_sites = 0, site = 0;
  MlirStringRef *sites = resq_sites(l->module, &n_sites);
  while (site < n_sites && !mlirStringRefEqual(sites[site], resq_op_str(op, "site")))
    site++;
  free(sites);
  kernel_call k;
  kernel_begin(&k, l, op, "resq_observe");
  const place *x = place_of(l, operand(op, 0));
  // A write to a place of its own: the call is ordered after what made x and before the next one.
  kernel_read(&k, x);
  kernel_rows(&k, x);
  kernel_const(&k, site);
  kernel_const(&k, resq_width(operand(op, 0)));
  kernel_const(&k, x->stride);
  kernel_end(&k);
}

const op_emitter method_op_emitters[] = {
    {"resq.rotate", emit_rotate},     {"resq.hadamard", emit_hadamard},
    {"resq.permute", emit_permute},   {"resq.split", emit_split},
    {"resq.join", emit_join},         {"resq.slice", emit_slice},
    {"resq.quantize", emit_quantize}, {"resq.qlinear", emit_qlinear},
    {"resq.observe", emit_observe},   {"resq.concat", emit_concat},
    {NULL, NULL},
};
