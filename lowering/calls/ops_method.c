//===-- ops_method.c - method ops to kernel calls -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/memory.h"
#include "kernels/kernels.h"
#include "emit.h"
#include "lowering/entries/sites.h"

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
    int8_t *signs = resq_new((size_t)(order * order), 1);
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
    int32_t *table = resq_new((size_t)width, sizeof *table);
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
  bool e4m3 = resqQuantTypeIsE4M3(type);
  int64_t width = resq_width(result(op)), group = resqQuantTypeGetGroup(type);
  int64_t stride = resq_code_stride(width, group);
  int64_t code_bytes = resq_round_up(l->max_rows * stride, RESQ_ALIGNMENT);
  int64_t meta = e4m3 ? (int64_t)sizeof(float) : (int64_t)sizeof(resq_quant_meta);
  int64_t meta_bytes = l->max_rows * (width / group) * meta;
  kernel_call k;
  kernel_begin(&k, l, op, e4m3 ? "resq_quantize_e4m3" : "resq_quantize");
  place *q = place_allocate(l, result(op), code_bytes + meta_bytes, stride,
                            place_of(l, operand(op, 0))->rows_of);
  q->meta_offset = q->offset + code_bytes;
  const place *x = place_of(l, operand(op, 0));
  kernel_read(&k, x);
  if (!e4m3 && mlirOperationGetNumOperands(op) > 1)
    kernel_read(&k, place_of(l, operand(op, 1)));
  else if (!e4m3)
    kernel_null(&k);
  kernel_write(&k, q);
  kernel_write_meta(&k, q);
  kernel_rows(&k, x);
  kernel_const(&k, x->stride);
  kernel_const(&k, width);
  kernel_const(&k, group);
  if (!e4m3) {
    kernel_const(&k, resq_op_has(op, "range") ? resq_op_i64(op, "range") : group);
    kernel_const(&k, resqQuantTypeGetBits(type));
    kernel_float(&k, (float)resq_op_f64(op, "clip"));
  }
  kernel_end(&k);
}

/// Codes of an activation, their metas or scales, and the weight.
static void kernel_codes(kernel_call *k, MlirValue q, MlirValue weight) {
  const place *codes = place_of(k->l, q);
  kernel_read(k, codes);
  kernel_read_meta(k, codes);
  kernel_read(k, place_of(k->l, weight));
}

/// Constants of one branch of integer activations: k, activation group, weight group, activation
/// bits, weight bits, whether weights are trellis codes.
static void kernel_branch(kernel_call *k, MlirValue q, MlirValue weight) {
  MlirType activation = resq_element(q), codes = resq_element(weight);
  kernel_const(k, resq_width(q));
  kernel_const(k, resqQuantTypeGetGroup(activation));
  kernel_const(k, resqQuantTypeGetGroup(codes));
  kernel_const(k, resqQuantTypeGetBits(activation));
  kernel_const(k, resqQuantTypeGetBits(codes));
  kernel_const(k, resqQuantTypeGetKind(codes) == RESQ_CODE_TRELLIS);
}
enum { BRANCH_CONSTANTS = 6 };

/// A qlinear being lowered.
typedef struct qlinear {
  MlirOperation op;
  int branches, integers; ///< the first `integers` branches are of integers, the others E4M3
  place *y;
} qlinear;

/// The bias where this is the op's first kernel, then the rows of y.
static void kernel_output(kernel_call *k, const qlinear *q, bool first) {
  MlirAttribute segments = resq_op_attr(q->op, "operandSegmentSizes");
  if (first && mlirDenseI32ArrayGetElement(segments, 2))
    kernel_read(k, place_of(k->l, operand(q->op, 2 * q->branches)));
  else
    kernel_null(k);
  kernel_write(k, q->y);
  kernel_rows(k, q->y);
  kernel_const(k, q->y->stride);
  kernel_const(k, resq_width(result(q->op)));
}

/// All branches of integers.
static void emit_integers(lowering *l, const qlinear *q) {
  kernel_call k;
  kernel_begin(&k, l, q->op, "resq_qlinear");
  for (int i = 0; i < 2; i++)
    if (i < q->integers)
      kernel_codes(&k, operand(q->op, i), operand(q->op, q->branches + i));
    else
      for (int j = 0; j < 3; j++)
        kernel_null(&k);
  kernel_output(&k, q, true);
  for (int i = 0; i < 2; i++)
    if (i < q->integers)
      kernel_branch(&k, operand(q->op, i), operand(q->op, q->branches + i));
    else
      for (int j = 0; j < BRANCH_CONSTANTS; j++)
        kernel_const(&k, 0);
  kernel_end(&k);
}

/// One E4M3 branch, added to what those before it gave.
static void emit_e4m3(lowering *l, const qlinear *q, int branch) {
  MlirValue codes = operand(q->op, branch), weight = operand(q->op, q->branches + branch);
  kernel_call k;
  kernel_begin(&k, l, q->op, "resq_qlinear_e4m3");
  kernel_codes(&k, codes, weight);
  kernel_output(&k, q, branch == 0);
  kernel_const(&k, resq_width(codes));
  kernel_const(&k, resqQuantTypeGetGroup(resq_element(codes)));
  kernel_const(&k, resqQuantTypeGetGroup(resq_element(weight)));
  kernel_const(&k, branch > 0);
  kernel_end(&k);
}

/// Kernels keep a tile and a row of all branches in a thread's scratch.
static bool check_scratch(lowering *l, MlirOperation op, int branches) {
  int64_t bytes = 0, inputs = 0;
  for (int i = 0; i < branches; i++) {
    const int64_t width = resq_width(operand(op, i));
    bytes += resq_qlinear_scratch(width, resqQuantTypeGetGroup(resq_element(operand(op, i))));
    inputs += width;
  }
  if (bytes > RESQ_SCRATCH_BYTES)
    lower_fail(
        l, op,
        "a qlinear of %lld inputs is too wide for the kernels: %lld bytes of scratch, allowed %d",
        (long long)inputs, (long long)bytes, RESQ_SCRATCH_BYTES);
  return bytes <= RESQ_SCRATCH_BYTES;
}

/// Branches in kernels' order: how many are of integers in *integers; false after an error.
static bool check_branches(lowering *l, MlirOperation op, int branches, int *integers) {
  *integers = 0;
  for (int i = 0; i < branches; i++) {
    MlirType weight = resq_element(operand(op, branches + i));
    if (!resqQuantTypeIsPacked(weight)) {
      lower_fail(l, op, "weight %d is not stored as n16k4: run --resq-pack first", i);
      return false;
    }
    if (resqQuantTypeIsE4M3(weight))
      continue;
    if (i > (*integers)++) {
      lower_fail(l, op, "branch %d is of integers and behind one of E4M3: no kernel adds it", i);
      return false;
    }
  }
  if (*integers > 2)
    lower_fail(l, op, "a qlinear of %d integer branches has no kernel: at most 2", *integers);
  return *integers <= 2;
}

static void emit_qlinear(lowering *l, MlirOperation op) {
  int branches = mlirDenseI32ArrayGetElement(resq_op_attr(op, "operandSegmentSizes"), 0);
  qlinear q = {.op = op, .branches = branches};
  if (!check_branches(l, op, branches, &q.integers) || !check_scratch(l, op, branches))
    return;
  q.y = place_rows(l, result(op), place_of(l, operand(op, 0))->rows_of);
  if (q.integers)
    emit_integers(l, &q);
  for (int i = q.integers; i < branches; i++)
    emit_e4m3(l, &q, i);
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
    {"resq.rotate", emit_rotate},
    {"resq.hadamard", emit_hadamard},
    {"resq.permute", emit_permute},
    {"resq.split", emit_split},
    {"resq.join", emit_join},
    {"resq.slice", emit_slice},
    {"resq.quantize", emit_quantize},
    {"resq.qlinear", emit_qlinear},
    {"resq.observe", emit_observe},
    {"resq.concat", emit_concat},
    {NULL, NULL},
};
