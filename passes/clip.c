//===-- clip.c ------------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "passes/clip.h"

#include "dialect/memory.h"
#include "passes/recipe.h"
#include "passes/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

//===-- Samples -----------------------------------------------------------===//

typedef struct sampling {
  const char *site;
  int64_t width;
  MlirOperation weight;
  bool ok;
} sampling;

static MlirValue make_samples(const resq_builder *b, void *user) {
  sampling *s = user;
  int64_t shape[] = {RESQ_CLIP_SAMPLES, s->width};
  MlirValue samples =
      resqSamplesOpBuild(b, resq_str(s->site), resq_tensor(mlirF32TypeGet(b->ctx), 2, shape));
  MlirValue turned = samples;
  s->ok = resq_replay_columns(b, s->weight, samples, &turned);
  return turned;
}

MlirOperation resq_clip_samples(MlirOperation module, MlirOperation linear, MlirValue x, bool *ok) {
  char *site = resq_site_of(x), name[256];
  MlirOperation param = {NULL};
  if (!*site) {
    resq_emit_error(linear, "resq-quantize: clip=auto needs the linear's `name` to find its "
                            "calibration site");
    *ok = false;
  } else {
    sampling s = {site, resq_width(resq_before_transforms(x)),
                  resq_operand_param(module, linear, RESQ_LINEAR_WEIGHT), true};
    MlirOperation next = mlirOperationGetNextInBlock(s.weight);
    snprintf(name, sizeof name, "%.*s.clip", (int)(strlen(site) - strlen(".in")), site);
    param =
        resq_new_param(module, mlirOperationIsNull(next) ? s.weight : next, name, make_samples, &s);
    if (!s.ok) {
      mlirOperationDestroy(param);
      param.ptr = NULL;
    }
  }
  free(site);
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
