//===-- pack.c - --resq-pack: stored orders that kernels read -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The last pass before parameters are materialised. Float weights become panels of the chosen
// element type, quantised ones n16k4 tiles, online rotation matrices f32. Numbers
// change only by that rounding (none for f32).
//===----------------------------------------------------------------------===//
#include "passes/pass.h"
#include "passes/recipe.h"

#include <stdio.h>

typedef struct packing {
  MlirOperation module;
  MlirType weights, head;
  int64_t group; ///< of the activation that meets a quantised weight
  bool ok;
} packing;

static MlirValue pack_panel(const resq_builder *b, MlirValue value, void *user) {
  MlirType *element = user, type = mlirValueGetType(value);
  int64_t shape[] = {mlirShapedTypeGetDimSize(type, 0), mlirShapedTypeGetDimSize(type, 1)};
  return resqPackOpBuild(b, value, resq_tensor(resqPanelTypeGet(*element), 2, shape));
}

/// Packed in place when only functions read the param (a head and an embedding may share it).
static void pack_float(packing *p, MlirOperation op, intptr_t index, MlirType element) {
  MlirType type = resq_element(mlirOperationGetOperand(op, index));
  if (resqTypeIsPanel(type))
    return;
  MlirOperation param = resq_operand_param(p->module, op, index);
  if (!mlirOperationIsNull(param) && resq_read_by_recipes(p->module, param))
    param = resq_own_param(p->module, op, index, "packed");
  if (mlirOperationIsNull(param)) {
    resq_emit_error(op, "the %s has no recipe to pack: it must be a resq.param with a region",
                    index == 1 ? "weight" : "sketch");
    p->ok = false;
    return;
  }
  resq_edit_recipe(p->module, param, pack_panel, &element);
}

static void pack_linear(MlirOperation op, void *user) {
  pack_float(user, op, 1, ((packing *)user)->weights);
}
static void pack_head(MlirOperation op, void *user) {
  pack_float(user, op, 1, ((packing *)user)->head);
}

/// A sketch is a panel of f32, whatever weights are: its signs are those of the definition.
static void pack_sketch(MlirOperation op, void *user) {
  intptr_t index = resqOpIsKvAppend(op) ? RESQ_KV_APPEND_SKETCH : RESQ_ATTENTION_SKETCH;
  if (mlirOperationGetNumOperands(op) > index)
    pack_float(user, op, index, mlirF32TypeGet(mlirOperationGetContext(op)));
}

static MlirValue pack_codes(const resq_builder *b, MlirValue value, void *user) {
  packing *p = user;
  MlirType type = mlirValueGetType(value), codes = mlirShapedTypeGetElementType(type);
  MlirType packed = resqQuantTypePack(codes, p->group);
  int64_t shape[] = {mlirShapedTypeGetDimSize(type, 0), mlirShapedTypeGetDimSize(type, 1)};
  return resqPackOpBuild(b, value, resq_tensor(packed, 2, shape));
}

static bool is_packed(MlirValue weight) { return resqQuantTypeIsPacked(resq_element(weight)); }

/// The embedding that reads the weight of a qlinear of one branch, a head; where the activation's
/// groups are those of the weight, one packing serves both. Else null.
static MlirOperation sharing_embed(const packing *p, MlirOperation op, int branches) {
  MlirOperation param =
      branches == 1 ? resq_operand_param(p->module, op, branches) : (MlirOperation){NULL};
  MlirType x = resq_element(resqQLinearOpGetActivations(op, 0));
  MlirType w = resq_element(resqQLinearOpGetWeights(op, 0));
  if (mlirOperationIsNull(param) || resqQuantTypeGetGroup(x) != resqQuantTypeGetGroup(w))
    return (MlirOperation){NULL};
  return resq_embed_of(p->module, param);
}

/// Packs the codes that the readers share as operand `index`, for activations in groups of `group`.
static void pack_shared(packing *p, intptr_t count, const MlirOperation *readers, intptr_t index,
                        int64_t group, const char *what) {
  if (is_packed(mlirOperationGetOperand(readers[0], index)))
    return;
  MlirOperation param = resq_own_shared_param(p->module, count, readers, index, "packed");
  if (mlirOperationIsNull(param)) {
    resq_emit_error(readers[0], "%s has no recipe to pack: it must be a resq.param with a region",
                    what);
    p->ok = false;
    return;
  }
  p->group = group;
  resq_edit_recipe(p->module, param, pack_codes, p);
}

static void pack_qlinear(MlirOperation op, void *user) {
  packing *p = user;
  int branches = (int)resqQLinearOpGetNumActivations(op);
  MlirOperation readers[] = {op, sharing_embed(p, op, branches)};
  intptr_t count = mlirOperationIsNull(readers[1]) ? 1 : 2;
  for (int i = 0; i < branches; i++) {
    char what[32];
    snprintf(what, sizeof what, "weight %d", i);
    pack_shared(p, count, readers, branches + i,
                resqQuantTypeGetGroup(resq_element(resqQLinearOpGetActivations(op, i))), what);
  }
}

/// After the qlinears: a table that one of them shares is packed.
static void pack_embed(MlirOperation op, void *user) {
  MlirType table = resq_element(resqEmbedOpGetTable(op));
  if (resqTypeIsQuant(table))
    pack_shared(user, 1, &op, RESQ_EMBED_TABLE, resqQuantTypeGetGroup(table), "the table");
  else
    pack_head(op, user);
}

static MlirValue to_f32(const resq_builder *b, MlirValue value, void *user) {
  (void)user;
  MlirType type = mlirValueGetType(value);
  intptr_t rank = mlirShapedTypeGetRank(type);
  int64_t shape[8];
  for (intptr_t i = 0; i < rank; i++)
    shape[i] = mlirShapedTypeGetDimSize(type, i);
  return resqCastOpBuild(b, value, resq_tensor(mlirF32TypeGet(b->ctx), rank, shape));
}

static MlirValue transpose(const resq_builder *b, MlirValue value, void *user) {
  (void)user;
  return resq_make_transpose(b, value);
}

/// An online rotation reads an f32 matrix, as it stands: a transposed one is transposed in its
/// recipe.
static void pack_rotate(MlirOperation op, void *user) {
  packing *p = user;
  if (!resq_op_is(mlirOperationGetParentOperation(op), "func.func"))
    return;
  bool wide = mlirTypeIsAF64(resq_element(resqRotateOpGetMatrix(op)));
  bool turned = resqRotateOpGetTransposed(op);
  if (!wide && !turned)
    return;
  // A get of its own with other types than the recipes see: never edit a param that recipes share.
  MlirOperation param =
      resq_own_param(p->module, op, RESQ_ROTATE_MATRIX, turned ? "transposed" : "online");
  if (mlirOperationIsNull(param)) {
    resq_emit_error(op, "the matrix has no recipe: it must be a resq.param with a region");
    p->ok = false;
    return;
  }
  if (wide)
    resq_edit_recipe(p->module, param, to_f32, NULL);
  if (turned) {
    resq_edit_recipe(p->module, param, transpose, NULL);
    resq_builder b = resq_build_before(op);
    MlirValue y = resq_make_rotate_pair(&b, resqRotateOpGetX(op), resqRotateOpGetMatrix(op), false,
                                        resqRotateOpGetPair(op));
    resq_replace(op, 1, &y);
  }
}

/// f32, bf16 or f16 by option text; null after an error.
static MlirType element_option(MlirOperation module, resq_pass *pass, const char *option) {
  MlirContext ctx = mlirOperationGetContext(module);
  MlirStringRef text = resq_pass_string(pass, option);
  if (resq_str_eq(text, "f32"))
    return mlirF32TypeGet(ctx);
  if (resq_str_eq(text, "bf16"))
    return mlirBF16TypeGet(ctx);
  if (resq_str_eq(text, "f16"))
    return mlirF16TypeGet(ctx);
  resq_emit_error(module, "resq-pack: %s is '%.*s', allowed: f32, bf16, f16", option,
                  (int)text.length, text.data);
  return (MlirType){NULL};
}

bool resq_pass_pack(MlirOperation module, resq_pass *pass) {
  packing p = {.module = module, .ok = true};
  p.weights = element_option(module, pass, "weights");
  p.head = element_option(module, pass, "head");
  if (mlirTypeIsNull(p.weights) || mlirTypeIsNull(p.head))
    return false;
  resq_for_each(module, RESQ_OP_LINEAR, pack_linear, &p);
  resq_for_each(module, RESQ_OP_HEAD, pack_head, &p);
  resq_for_each(module, RESQ_OP_KV_APPEND, pack_sketch, &p);
  resq_for_each(module, RESQ_OP_ATTENTION, pack_sketch, &p);
  resq_for_each(module, RESQ_OP_QLINEAR, pack_qlinear, &p);
  resq_for_each(module, RESQ_OP_EMBED, pack_embed, &p);
  resq_for_each(module, RESQ_OP_ROTATE, pack_rotate, &p);
  return p.ok;
}
