//===-- insert_hadamard.c - --resq-insert-hadamard ------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Outliers stay where no basis can merge: the input of down_proj stands behind a product. Such a
// linear gets its input through an online Hadamard transform, and the same transform folded into
// its weight's rows: (x H)(W H)^T = x W^T. Which ones: linears that read a resq.gate
// (`sites=gate`), the first part of a split included, or every linear that reads no rotation
// (`sites=all`).
//
// `across-heads` (QuaRot): a linear that reads attention gets its heads mixed by an orthogonal
// matrix M of their number, (M (x) I) x, as an online permutation to dim-major order and a rotation
// of blocks of `heads`.
//===----------------------------------------------------------------------===//
#include "dialect/memory.h"
#include "passes/basis.h"
#include "passes/pass.h"
#include "passes/recipe.h"

#include <stdlib.h>

typedef struct inserting {
  MlirOperation module;
  bool all, ok;
} inserting;

static bool wants_hadamard(const inserting *in, MlirValue x) {
  if (resq_value_is_from(x, RESQ_OP_GATE))
    return true;
  if (resq_value_is_from(x, RESQ_OP_SPLIT)) {
    MlirOperation split = resq_defining_op(x);
    return mlirValueEqual(x, mlirOperationGetResult(split, 0)) &&
           wants_hadamard(in, resqSplitOpGetX(split));
  }
  if (resq_value_is_from(x, RESQ_OP_PERMUTE))
    return wants_hadamard(in, mlirOperationGetOperand(resq_defining_op(x), 0));
  return in->all && !resq_value_is_from(x, RESQ_OP_ROTATE) &&
         !resq_value_is_from(x, RESQ_OP_HADAMARD);
}

static MlirValue append_hadamard(const resq_builder *b, MlirValue w, void *user) {
  const int64_t *size = user;
  return resq_make_hadamard(b, w, *size, false);
}

/// Transforms x for all linears that read it.
static void transform_input(inserting *in, MlirValue x) {
  int64_t size = resq_width(x);
  intptr_t n;
  MlirOperation *users = resq_users(x, &n);
  MlirOperation first = {NULL};
  for (intptr_t i = 0; i < n && in->ok; i++) {
    if (!resqOpIsLinear(users[i]))
      continue;
    if (mlirOperationIsNull(first)) {
      first = users[i];
      if (!resqHadamardOrder(size)) {
        resq_emit_error(
            first,
            "resq-insert-hadamard: no Hadamard matrix of size %lld is known; sizes allowed: "
            "K * 2^m, K one of the orders in docs/dialect.md",
            (long long)size);
        in->ok = false;
      }
    }
    if (in->ok &&
        mlirOperationIsNull(resq_operand_param(in->module, users[i], RESQ_LINEAR_WEIGHT))) {
      resq_emit_remark(users[i], "no Hadamard inserted: the weight has no recipe to fold it into");
      free(users);
      return;
    }
  }
  if (in->ok && !mlirOperationIsNull(first)) {
    // After x's definition: all readers follow it.
    resq_builder b =
        mlirValueIsABlockArgument(x)
            ? resq_build_before(mlirBlockGetFirstOperation(mlirBlockArgumentGetOwner(x)))
            : resq_build_after(resq_defining_op(x));
    MlirValue turned = resq_make_hadamard(&b, x, size, false);
    for (intptr_t i = 0; i < n; i++) {
      if (!resqOpIsLinear(users[i]))
        continue;
      mlirOperationSetOperand(users[i], 0, turned);
      MlirOperation param = resq_own_param(in->module, users[i], RESQ_LINEAR_WEIGHT, "hadamard");
      resq_edit_recipe(in->module, param, append_hadamard, &size);
    }
  }
  free(users);
}

static void visit_linear(MlirOperation op, void *user) {
  inserting *in = user;
  MlirValue x = mlirOperationGetOperand(op, 0);
  if (in->ok && wants_hadamard(in, x))
    transform_input(in, x);
}

//===-- Heads -------------------------------------------------------------===//

typedef struct mixing {
  MlirOperation module, anchor, matrix;
  int64_t seed, heads;
  int64_t *order;
  int64_t width;
} mixing;

static MlirValue permute(const resq_builder *b, MlirValue x, const mixing *m) {
  MlirValue y = resqPermuteOpBuild(b, x, (MlirValue){NULL}, mlirValueGetType(x));
  resqPermuteOpSetOrder(resq_defining_op(y), m->width, m->order);
  return y;
}

static MlirValue mix(const resq_builder *b, MlirValue x, void *user) {
  const mixing *m = user;
  return resq_make_rotate(b, permute(b, x, m), resq_get_param(b, m->matrix), false);
}

static void visit_reader_of_attention(MlirOperation linear, void *user) {
  mixing *m = user;
  MlirValue x = mlirOperationGetOperand(linear, RESQ_LINEAR_X);
  if (!resq_value_is_from(x, RESQ_OP_ATTENTION) ||
      mlirOperationIsNull(resq_operand_param(m->module, linear, RESQ_LINEAR_WEIGHT)))
    return;
  MlirOperation cache = resq_symbol(m->module, resqAttentionOpGetCache(resq_defining_op(x)));
  int64_t size = resqKvCacheOpGetHeadSize(cache), width = resq_width(x), heads = width / size;
  if (heads < 2)
    return;
  if (heads != m->heads || width != m->width) {
    resq_basis b = {.kind = RESQ_BASIS_HADAMARD, .size = heads, .seed = m->seed};
    m->matrix = resq_basis_params(m->module, m->anchor, "heads.mix", NULL, &b).matrix;
    m->heads = heads;
    m->width = width;
    m->order = resq_resize(m->order, (size_t)width, sizeof *m->order);
    for (int64_t d = 0; d < size; d++)
      for (int64_t h = 0; h < heads; h++)
        m->order[d * heads + h] = h * size + d;
  }
  resq_builder b = resq_build_before(linear);
  mlirOperationSetOperand(linear, 0, mix(&b, x, m));
  resq_edit_recipe(m->module, resq_own_param(m->module, linear, RESQ_LINEAR_WEIGHT, "mixed"), mix,
                   m);
}

bool resq_pass_insert_hadamard(MlirOperation module, resq_pass *pass) {
  MlirStringRef sites = resq_pass_string(pass, "sites");
  inserting in = {module, resq_str_eq(sites, "all"), true};
  if (!in.all && !resq_str_eq(sites, "gate")) {
    resq_emit_error(module, "resq-insert-hadamard: sites is '%.*s', allowed: gate, all",
                    (int)sites.length, sites.data);
    return false;
  }
  if (resq_pass_bool(pass, "across-heads")) {
    mixing m = {.module = module, .seed = resq_seed_apart(resq_pass_int(pass, "seed"), 3)};
    m.anchor = resq_first_function(module);
    resq_for_each(module, RESQ_OP_LINEAR, visit_reader_of_attention, &m);
    free(m.order);
  }
  resq_for_each(module, RESQ_OP_LINEAR, visit_linear, &in);
  return in.ok;
}
