//===-- ops_method.c - method ops to kernel calls -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/memory.h"
#include "dialect/ops.h"
#include "kernels/kernels.h"
#include "kernel_call.h"
#include "lowering/entries/sites.h"

#include <stdlib.h>

static MlirValue result(MlirOperation op) { return mlirOperationGetResult(op, 0); }

void resq_emitter_rotate(resq_frame *f, MlirOperation op) {
  if (resqRotateOpGetTransposed(op)) {
    resq_lower_fail(f, op,
                    "an online rotate by a transposed matrix has no kernel: transpose the param");
    return;
  }
  MlirType matrix = mlirValueGetType(resqRotateOpGetMatrix(op));
  const intptr_t rank = mlirShapedTypeGetRank(matrix);
  if (!mlirTypeIsAF32(mlirShapedTypeGetElementType(matrix))) {
    resq_lower_fail(f, op, "an online rotation matrix must be f32");
    return;
  }
  const int64_t size = mlirShapedTypeGetDimSize(matrix, rank - 1);
  resq_kernel_call k;
  resq_call_begin_rows(&k, f, op, KERNEL_resq_rotate, RESQ_ROTATE_X);
  resq_call_operand(&k, "x", RESQ_ROTATE_X);
  resq_call_operand(&k, "matrix", RESQ_ROTATE_MATRIX);
  resq_call_i64(&k, "groups", resq_width(result(op)) / size);
  resq_call_i64(&k, "size", size);
  resq_call_i64(&k, "blocks", rank == 3 ? mlirShapedTypeGetDimSize(matrix, 0) : 1);
  resq_call_end(&k);
}

void resq_emitter_hadamard(resq_frame *f, MlirOperation op) {
  const int64_t size = resqHadamardOpGetSize(op), order = resqHadamardOrder(size);
  if (resqHadamardOpGetTransposed(op) && order > 1) {
    resq_lower_fail(f, op, "an online transposed Hadamard of order %lld has no kernel",
                    (long long)order);
    return;
  }
  resq_kernel_call k;
  resq_call_begin_rows(&k, f, op, KERNEL_resq_hadamard, RESQ_HADAMARD_X);
  resq_call_operand(&k, "x", RESQ_HADAMARD_X);
  if (order > 1) {
    int8_t *signs = resq_new((size_t)(order * order), 1);
    resqHadamardSigns(order, signs);
    resq_call_table(&k, "signs", "hadamard_signs", signs, order * order, RESQ_ELEMENT_int8_t);
    free(signs);
  } else {
    resq_call_null(&k, "signs");
  }
  resq_call_i64(&k, "width", resq_width(result(op)));
  resq_call_i64(&k, "size", size);
  resq_call_i64(&k, "order", order);
  resq_call_end(&k);
}

void resq_emitter_permute(resq_frame *f, MlirOperation op) {
  const int64_t width = resq_width(result(op));
  resq_kernel_call k;
  resq_call_begin_rows(&k, f, op, KERNEL_resq_permute, RESQ_PERMUTE_X);
  resq_call_operand(&k, "x", RESQ_PERMUTE_X);
  if (!mlirValueIsNull(resqPermuteOpGetIndices(op))) {
    resq_call_operand(&k, "order", RESQ_PERMUTE_INDICES);
  } else {
    const int64_t *order = resqPermuteOpGetOrder(op);
    int32_t *table = resq_new((size_t)width, sizeof *table);
    for (int64_t i = 0; i < width; i++)
      table[i] = (int32_t)order[i];
    resq_call_table(&k, "order", "order", table, width, RESQ_ELEMENT_int32_t);
    free(table);
  }
  resq_call_i64(&k, "width", width);
  resq_call_end(&k);
}

void resq_emitter_split(resq_frame *f, MlirOperation op) {
  const int64_t width = resq_width(resqSplitOpGetX(op));
  const int64_t block = resqSplitOpGetBlock(op), high = resqSplitOpGetHigh(op);
  MlirValue low = resqSplitOpGetLow(op), top = resqSplitOpGetHighPart(op);
  const resq_place *x = resq_place_of(f, resqSplitOpGetX(op));
  if (block == width) { // two views of the same rows, nothing to copy
    resq_place_view(f, low, x, 0);
    resq_place_view(f, top, x, width - high);
    return;
  }
  resq_kernel_call k;
  resq_call_begin(&k, f, op, KERNEL_resq_split);
  resq_place_rows(f, low, x->rows_of);
  resq_place_rows(f, top, x->rows_of);
  resq_call_operand(&k, "x", RESQ_SPLIT_X);
  resq_call_result(&k, "low", 0);
  resq_call_result(&k, "high_part", 1);
  resq_call_i64(&k, "width", width);
  resq_call_i64(&k, "block", block);
  resq_call_i64(&k, "high", high);
  resq_call_end(&k);
}

void resq_emitter_slice(resq_frame *f, MlirOperation op) {
  if (resqSliceOpGetDim(op) != 1) {
    resq_lower_fail(f, op, "a slice of rows has no kernel: slice columns (dim 1) or gather rows");
    return;
  }
  resq_place_view(f, result(op), resq_place_of(f, resqSliceOpGetX(op)), resqSliceOpGetBegin(op));
}

/// Each part copied to its columns.
void resq_emitter_concat(resq_frame *f, MlirOperation op) {
  if (resqConcatOpGetDim(op) != 1) {
    resq_lower_fail(f, op, "a concat of rows has no kernel: concat columns (dim 1)");
    return;
  }
  const int rows_of = resq_place_of(f, resqConcatOpGetParts(op, 0))->rows_of;
  resq_place y = *resq_place_rows(f, result(op), rows_of);
  for (intptr_t i = 0; i < resqConcatOpGetNumParts(op); i++) {
    MlirValue part = resqConcatOpGetParts(op, i);
    const int64_t width = resq_width(part);
    resq_call_copy(f, op, resq_place_of(f, part), &y, width);
    y.offset += width * 4;
  }
}

void resq_emitter_quantize(resq_frame *f, MlirOperation op) {
  MlirType type = resq_element(result(op));
  const bool e4m3 = resqQuantTypeIsE4M3(type);
  const int64_t width = resq_width(result(op)), group = resqQuantTypeGetGroup(type);
  const size_t scale = e4m3 ? sizeof(float) : sizeof(resq_quant_meta);
  resq_kernel_call k;
  resq_call_begin(&k, f, op, e4m3 ? KERNEL_resq_quantize_e4m3 : KERNEL_resq_quantize);
  resq_place_codes(f, result(op), resq_code_stride(width, group), width / group * (int64_t)scale,
                   resq_place_of(f, resqQuantizeOpGetX(op))->rows_of);
  resq_call_operand(&k, "x", RESQ_QUANTIZE_X);
  resq_call_result(&k, "codes", 0);
  resq_call_i64(&k, "width", width);
  resq_call_i64(&k, "group", group);
  if (!e4m3) {
    resq_call_operand(&k, "clip_by", RESQ_QUANTIZE_CLIP_BY);
    resq_call_i64(&k, "range", resqQuantizeOpHasRange(op) ? resqQuantizeOpGetRange(op) : group);
    resq_call_i64(&k, "bits", resqQuantTypeGetBits(type));
    resq_call_f32(&k, "clip", resqQuantizeOpGetClip(op));
  }
  resq_call_end(&k);
}

//===-- Linears of codes --------------------------------------------------===//

/// A qlinear being lowered.
typedef struct qlinear {
  MlirOperation op;
  int branches, integers; ///< the first `integers` branches are of integers, the others E4M3
} qlinear;

/// The bias, where this is the op's first kernel, and what all branches have in common.
static void give_output(resq_kernel_call *k, const qlinear *q, bool first) {
  if (first && !mlirValueIsNull(resqQLinearOpGetBias(q->op)))
    resq_call_operand(k, "bias", 2 * q->branches);
  else
    resq_call_null(k, "bias");
  resq_call_result(k, "y", 0);
  resq_call_i64(k, "n", resq_width(result(q->op)));
}

/// What resq_qlinear calls the arguments of its branches.
static const struct branch_names {
  const char *codes, *weight, *k, *group, *wgroup, *abits, *wbits, *trellis;
} branch_names[] = {
    {"codes_a", "weight_a", "k_a", "group_a", "wgroup_a", "abits_a", "wbits_a", "trellis_a"},
    {"codes_b", "weight_b", "k_b", "group_b", "wgroup_b", "abits_b", "wbits_b", "trellis_b"},
};

static void give_branch(resq_kernel_call *k, const qlinear *q, int branch) {
  const struct branch_names *names = &branch_names[branch];
  const bool is_there = branch < q->integers;
  int64_t width = 0, group = 0, wgroup = 0, abits = 0, wbits = 0, trellis = 0;
  if (is_there) {
    resq_call_operand(k, names->codes, branch);
    resq_call_operand(k, names->weight, q->branches + branch);
    MlirValue x = resqQLinearOpGetActivations(q->op, branch);
    MlirType activation = resq_element(x);
    MlirType weight = resq_element(resqQLinearOpGetWeights(q->op, branch));
    width = resq_width(x);
    group = resqQuantTypeGetGroup(activation);
    wgroup = resqQuantTypeGetGroup(weight);
    abits = resqQuantTypeGetBits(activation);
    wbits = resqQuantTypeGetBits(weight);
    trellis = resqQuantTypeGetKind(weight) == RESQ_CODE_TRELLIS;
  } else {
    resq_call_null(k, names->codes);
    resq_call_null(k, names->weight);
  }
  resq_call_i64(k, names->k, width);
  resq_call_i64(k, names->group, group);
  resq_call_i64(k, names->wgroup, wgroup);
  resq_call_i64(k, names->abits, abits);
  resq_call_i64(k, names->wbits, wbits);
  resq_call_i64(k, names->trellis, trellis);
}

/// All branches of integers.
static void emit_integers(resq_frame *f, const qlinear *q) {
  resq_kernel_call k;
  resq_call_begin(&k, f, q->op, KERNEL_resq_qlinear);
  give_output(&k, q, true);
  give_branch(&k, q, 0);
  give_branch(&k, q, 1);
  resq_call_end(&k);
}

/// One E4M3 branch, added to what those before it gave.
static void emit_e4m3(resq_frame *f, const qlinear *q, int branch) {
  MlirValue codes = resqQLinearOpGetActivations(q->op, branch);
  MlirValue weight = resqQLinearOpGetWeights(q->op, branch);
  resq_kernel_call k;
  resq_call_begin(&k, f, q->op, KERNEL_resq_qlinear_e4m3);
  resq_call_operand(&k, "codes", branch);
  resq_call_operand(&k, "weight", q->branches + branch);
  give_output(&k, q, branch == 0);
  resq_call_i64(&k, "k", resq_width(codes));
  resq_call_i64(&k, "group", resqQuantTypeGetGroup(resq_element(codes)));
  resq_call_i64(&k, "wgroup", resqQuantTypeGetGroup(resq_element(weight)));
  resq_call_i64(&k, "add", branch > 0);
  resq_call_end(&k);
}

/// Kernels keep a tile and a row of all branches in a thread's scratch.
static bool check_scratch(resq_frame *f, MlirOperation op, int branches) {
  int64_t bytes = 0, inputs = 0;
  for (int i = 0; i < branches; i++) {
    MlirValue x = resqQLinearOpGetActivations(op, i);
    const int64_t width = resq_width(x);
    bytes += resq_qlinear_scratch(width, resqQuantTypeGetGroup(resq_element(x)));
    inputs += width;
  }
  if (bytes > RESQ_SCRATCH_BYTES)
    resq_lower_fail(
        f, op,
        "a qlinear of %lld inputs is too wide for the kernels: %lld bytes of scratch, allowed %d",
        (long long)inputs, (long long)bytes, RESQ_SCRATCH_BYTES);
  return bytes <= RESQ_SCRATCH_BYTES;
}

/// Branches in kernels' order: how many are of integers in *integers; false after an error.
static bool check_branches(resq_frame *f, MlirOperation op, int branches, int *integers) {
  *integers = 0;
  for (int i = 0; i < branches; i++) {
    MlirType weight = resq_element(resqQLinearOpGetWeights(op, i));
    if (!resqQuantTypeIsPacked(weight)) {
      resq_lower_fail(f, op, "weight %d is not stored as n16k4: run --resq-pack first", i);
      return false;
    }
    if (resqQuantTypeIsE4M3(weight))
      continue;
    if (i > (*integers)++) {
      resq_lower_fail(f, op, "branch %d is of integers and behind one of E4M3: no kernel adds it",
                      i);
      return false;
    }
  }
  if (*integers > 2)
    resq_lower_fail(f, op, "a qlinear of %d integer branches has no kernel: at most 2", *integers);
  return *integers <= 2;
}

void resq_emitter_qlinear(resq_frame *f, MlirOperation op) {
  const int branches = (int)resqQLinearOpGetNumActivations(op);
  qlinear q = {.op = op, .branches = branches};
  if (!check_branches(f, op, branches, &q.integers) || !check_scratch(f, op, branches))
    return;
  resq_place_rows(f, result(op), resq_place_of(f, resqQLinearOpGetActivations(op, 0))->rows_of);
  if (q.integers)
    emit_integers(f, &q);
  for (int i = q.integers; i < branches; i++)
    emit_e4m3(f, &q, i);
}

void resq_emitter_observe(resq_frame *f, MlirOperation op) {
  int32_t n_sites = 0, site = 0;
  MlirStringRef *sites = resq_sites(f->module, &n_sites);
  while (site < n_sites && !mlirStringRefEqual(sites[site], resqObserveOpGetSite(op)))
    site++;
  free(sites);
  resq_kernel_call k;
  resq_call_begin(&k, f, op, KERNEL_resq_observe);
  resq_call_operand(&k, "x", RESQ_OBSERVE_X);
  resq_call_i64(&k, "site", site);
  resq_call_i64(&k, "width", resq_width(resqObserveOpGetX(op)));
  resq_call_end(&k);
}
