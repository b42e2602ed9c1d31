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
#include "passes/folding.h"
#include "passes/pass.h"
#include "passes/recipe.h"
#include "passes/sites.h"

#include <assert.h>
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
    const resq_basis_step step = resq_hadamard_step(size);
    MlirValue turned = resq_make_step(&b, in->module, x, &step);
    for (intptr_t i = 0; i < n; i++) {
      if (!resqOpIsLinear(users[i]))
        continue;
      mlirOperationSetOperand(users[i], 0, turned);
      MlirOperation param = resq_own_param(in->module, users[i], RESQ_LINEAR_WEIGHT, "hadamard");
      assert(!mlirOperationIsNull(param)); // the loop above has looked at each reader's weight
      resq_fold_step(in->module, param, &step);
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
  const resq_basis_step steps[] = {resq_order_step(width, m->order),
                                   resq_rotate_step(m->matrix, false, false)};
  MlirOperation weight = resq_own_param(m->module, linear, RESQ_LINEAR_WEIGHT, "mixed");
  resq_builder b = resq_build_before(linear);
  for (int i = 0; i < 2; i++) {
    x = resq_make_step(&b, m->module, x, &steps[i]);
    resq_fold_step(m->module, weight, &steps[i]);
  }
  mlirOperationSetOperand(linear, RESQ_LINEAR_X, x);
}

bool resq_pass_insert_hadamard(MlirOperation module, resq_pass *pass) {
  MlirStringRef sites = resq_pass_string(pass, "sites");
  inserting in = {module, resq_str_eq(sites, "all"), true};
  if (!in.all && !resq_str_eq(sites, "gate")) {
    resq_emit_error(module, "resq-insert-hadamard: sites is '%.*s', allowed: gate, all",
                    (int)sites.length, sites.data);
    return false;
  }
  resq_name_sites(module);
  if (resq_pass_bool(pass, "across-heads")) {
    mixing m = {.module = module, .seed = resq_seed_apart(resq_pass_int(pass, "seed"), 3)};
    m.anchor = resq_first_function(module);
    resq_for_each(module, RESQ_OP_LINEAR, visit_reader_of_attention, &m);
    free(m.order);
  }
  resq_for_each(module, RESQ_OP_LINEAR, visit_linear, &in);
  return in.ok;
}
