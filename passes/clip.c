//===-- clip.c ------------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "passes/clip.h"

#include "dialect/basis_steps.h"
#include "dialect/memory.h"
#include "passes/recipe.h"
#include "passes/replay.h"
#include "passes/sites.h"

#include <assert.h>
#include <stdlib.h>

//===-- Samples -----------------------------------------------------------===//

typedef struct sampling {
  MlirStringRef site;
  MlirOperation weight;
} sampling;

static MlirValue make_samples(const resq_builder *b, void *user) {
  const sampling *s = user;
  int64_t shape[] = {RESQ_CLIP_SAMPLES, resq_site_width(s->weight)};
  MlirType type = resq_tensor(mlirF32TypeGet(b->ctx), 2, shape);
  return resq_replay_columns(b, s->weight, resqSamplesOpBuild(b, s->site, type));
}

MlirOperation resq_clip_samples(MlirOperation module, MlirOperation linear) {
  const MlirStringRef of = resq_input_name(linear);
  sampling s = {resqLinearOpGetSite(linear),
                resq_operand_param(module, linear, RESQ_LINEAR_WEIGHT)};
  if (!s.site.data) {
    resq_emit_error(linear, "resq-quantize: clip=auto needs the linear's `name` to find its "
                            "calibration site");
    return (MlirOperation){NULL};
  }
  assert(!mlirOperationIsNull(s.weight)); // --resq-quantize leaves out weights without a recipe
  MlirOperation next = mlirOperationGetNextInBlock(s.weight);
  char *name = resq_print_text("%.*s.clip", (int)of.length, of.data);
  MlirOperation param =
      resq_new_param(module, mlirOperationIsNull(next) ? s.weight : next, name, make_samples, &s);
  free(name);
  return param;
}

//===-- The search --------------------------------------------------------===//

typedef struct searching {
  MlirOperation module;
  MlirValue q; ///< the quantised value
} searching;

/// The codes that meet q in its reader, as f32.
static MlirValue read_weight(const searching *s, const resq_builder *b, MlirOperation qlinear) {
  intptr_t branches = resqQLinearOpGetNumActivations(qlinear), i = 0;
  while (!mlirValueEqual(resqQLinearOpGetActivations(qlinear, i), s->q))
    i++;
  assert(i < branches); // the op is one of q's readers, and weights and biases have other types
  MlirValue codes = resq_get_param(b, resq_operand_param(s->module, qlinear, branches + i));
  int64_t shape[] = {resq_dim(codes, 0), resq_width(codes)};
  return resqDequantizeOpBuild(b, codes, resq_tensor(mlirF32TypeGet(b->ctx), 2, shape));
}

/// What shares a clip's scale: the op's range, else the group.
static int64_t range_of(MlirValue q) {
  MlirOperation quantize = resq_defining_op(q);
  return resqQuantizeOpHasRange(quantize) ? resqQuantizeOpGetRange(quantize)
                                          : resqQuantTypeGetGroup(resq_element(q));
}

static MlirValue append_search(const resq_builder *b, MlirValue samples, void *user) {
  const searching *s = user;
  MlirType code = resq_element(s->q);
  intptr_t n;
  MlirOperation *readers = resq_users(s->q, &n);
  MlirValue *weights = resq_new((size_t)n, sizeof *weights);
  for (intptr_t i = 0; i < n; i++)
    weights[i] = read_weight(s, b, readers[i]);
  int64_t one = 1;
  MlirValue ratio =
      resqClipRatioOpBuild(b, samples, n, weights, resqQuantTypeGetBits(code), range_of(s->q),
                           resq_tensor(mlirF32TypeGet(b->ctx), 1, &one));
  free(weights);
  free(readers);
  return ratio;
}

MlirOperation resq_clip_by(MlirOperation module, MlirOperation quantize, MlirOperation param) {
  searching s = {module, mlirOperationGetResult(quantize, 0)};
  resq_edit_recipe(module, param, append_search, &s);
  resq_builder b = resq_build_before(quantize);
  MlirValue q = resqQuantizeOpBuild(&b, resqQuantizeOpGetX(quantize), resq_get_param(&b, param),
                                    mlirValueGetType(s.q));
  MlirOperation clipped = resq_defining_op(q);
  if (resqQuantizeOpHasRange(quantize))
    resqQuantizeOpSetRange(clipped, resqQuantizeOpGetRange(quantize));
  resq_replace(quantize, 1, &q);
  return clipped;
}
