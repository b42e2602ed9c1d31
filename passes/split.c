//===-- split.c - --resq-split: linears as exact low and high branches ----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// y = x W^T becomes, with an orthogonal basis U of x's space whose last `high` columns carry the
// most variance (ResQ, arXiv 2412.14363):
//
//   r = rotate x, U        lo, hi = split r
//   y = add(linear lo, W_low, linear hi, W_high)      W U = [W_low | W_high]
//
// which is the same function. --resq-fold-rotations makes the rotations vanish where they can;
// --resq-quantize gives the branches their bits. Which basis:
//   a linear that reads a norm of the residual stream: one U for the whole stream, from the moments
//   of all such
//     sites, each divided by its trace;
//   one that reads attention: a basis per kv head of the value vectors, split head by head;
//   one that reads a gate: none can merge, it is left alone (--resq-insert-hadamard) or, with
//     `channels`, split by a permutation, which can: channels by their second moment, ascending, so
//     that the high part is the largest of them (channels.h);
//   any other: a basis of its own.
// A linear that reads a split already is left alone: splitting twice changes nothing.
// With the option rotate-only the basis is applied and nothing is split (QuaRot).
//===----------------------------------------------------------------------===//
#include "dialect/memory.h"
#include "passes/basis.h"
#include "passes/channels.h"
#include "passes/folding.h"
#include "passes/pass.h"
#include "passes/sites.h"
#include "passes/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// What a value became: shared by all linears that read it.
typedef struct split_value {
  MlirValue x, low, high; ///< high is null when nothing is split: low is the rotated value then
  resq_basis_pair basis;
  MlirOperation order; ///< in place of basis, where by_channel
  bool by_channel;
  int64_t block, high_count;
} split_value;

typedef struct splitting {
  MlirOperation module, anchor;
  resq_basis_kind kind;
  resq_rotation rotation;
  int64_t fraction, rank, seed; ///< rank 0: size / fraction
  int64_t channel_high;         ///< 0: chosen by width
  bool rotate_only, channels, ok;
  split_value *values;
  intptr_t n_values;
  struct {
    MlirValue norm_input;
    resq_basis_pair basis;
  } *streams;
  intptr_t n_streams;
} splitting;

static int64_t high_count(const splitting *s, int64_t size) {
  if (s->rotate_only)
    return 0;
  return s->rank ? s->rank : size / s->fraction;
}

//===-- Bases -------------------------------------------------------------===//

static const resq_basis_pair no_basis = {{NULL}, {NULL}};

static resq_basis_pair stream_basis(splitting *s, MlirValue norm_result) {
  MlirValue input = resqRmsNormOpGetX(resq_defining_op(norm_result));
  resq_stream stream = resq_stream_of(input);
  resq_basis_pair basis = no_basis;
  for (intptr_t i = 0; i < s->n_streams; i++)
    if (resq_stream_holds(&stream, s->streams[i].norm_input))
      basis = s->streams[i].basis;
  if (mlirOperationIsNull(basis.matrix)) {
    intptr_t n_norms, n_sites = 0;
    MlirOperation *norms = resq_stream_norms(&stream, &n_norms);
    MlirStringRef *sites = resq_new((size_t)(n_norms + 1), sizeof *sites);
    for (intptr_t i = 0; i < n_norms; i++) {
      MlirStringRef site = resq_site_of(mlirOperationGetResult(norms[i], 0));
      if (site.data)
        sites[n_sites++] = site;
    }
    int64_t size = resq_width(norm_result);
    if (!n_sites && s->kind == RESQ_BASIS_PCA) {
      resq_emit_error(norms[0],
                      "resq-split: basis=pca needs the `name` of a linear that reads this norm "
                      "to find its calibration site");
      s->ok = false;
    }
    resq_basis b = {.kind = s->kind,
                    .rotation = s->rotation,
                    .size = size,
                    .high = high_count(s, size),
                    .normalize = true,
                    .seed = s->seed,
                    .sites = sites,
                    .n_sites = n_sites};
    if (s->ok)
      basis = resq_basis_params(s->module, s->anchor, "stream.basis", "stream.basis.dual", &b);
    free(sites);
    free(norms);
    s->streams = RESQ_GROW(s->streams, s->n_streams);
    s->streams[s->n_streams].norm_input = input;
    s->streams[s->n_streams++].basis = basis;
  }
  resq_stream_free(&stream);
  return basis;
}

/// The value basis of a cache: @<cache>.value_basis, made once.
static resq_basis_pair value_basis(splitting *s, MlirOperation attention, int64_t *out_size) {
  MlirStringRef name = resqAttentionOpGetCache(attention);
  MlirOperation cache = resq_symbol(s->module, name);
  const MlirStringRef site = resqKvCacheOpGetValuesSite(cache);
  char symbol[256], dual[256];
  snprintf(symbol, sizeof symbol, "%.*s.value_basis", (int)name.length, name.data);
  snprintf(dual, sizeof dual, "%.*s.value_basis.dual", (int)name.length, name.data);
  *out_size = resqKvCacheOpGetHeadSize(cache);
  MlirOperation made = resq_symbol(s->module, resq_str(symbol));
  MlirOperation made_dual = resq_symbol(s->module, resq_str(dual));
  if (!mlirOperationIsNull(made))
    return (resq_basis_pair){made, mlirOperationIsNull(made_dual) ? made : made_dual};
  // The random part is common to all layers and heads, and apart from the stream's.
  resq_basis b = {.kind = s->kind,
                  .rotation = s->rotation,
                  .size = *out_size,
                  .high = high_count(s, *out_size),
                  .blocks = resqKvCacheOpGetHeads(cache),
                  .seed = resq_seed_apart(s->seed, 1),
                  .sites = &site,
                  .n_sites = 1};
  return resq_basis_params(s->module, s->anchor, symbol, dual, &b);
}

static resq_basis_pair own_basis(splitting *s, MlirOperation linear, MlirValue x) {
  const MlirStringRef site = resqLinearOpGetSite(linear);
  char symbol[280], dual[288];
  if (!site.data && s->kind == RESQ_BASIS_PCA) {
    resq_emit_error(linear,
                    "resq-split: basis=pca needs the linear's `name` to find its calibration site");
    s->ok = false;
  }
  const int length = site.length < 270 ? (int)site.length : 270;
  snprintf(symbol, sizeof symbol, "%.*s.basis", site.data ? length : 6,
           site.data ? site.data : "linear");
  snprintf(dual, sizeof dual, "%s.dual", symbol);
  int64_t size = resq_width(x);
  resq_basis b = {.kind = s->kind,
                  .rotation = s->rotation,
                  .size = size,
                  .high = high_count(s, size),
                  .seed = resq_seed_apart(s->seed, 2),
                  .sites = &site,
                  .n_sites = 1};
  return s->ok ? resq_basis_params(s->module, s->anchor, symbol, dual, &b) : no_basis;
}

/// The order of a gate's channels, and how many of them are high (0 after an error).
static MlirOperation channel_order(splitting *s, MlirOperation linear, MlirValue x, int64_t *high) {
  int64_t width = resq_width(x);
  *high = s->channel_high ? s->channel_high : resq_channel_high(width);
  MlirOperation order = {NULL};
  if (!resqLinearOpGetSite(linear).data)
    resq_emit_error(linear, "resq-split: channels=true needs the linear's `name` to find its "
                            "calibration site");
  else if (!*high)
    resq_emit_error(linear,
                    "resq-split: of %lld channels no count from %lld to %lld leaves a width with a "
                    "known Hadamard matrix (docs/dialect.md); give channel-high",
                    (long long)width, (long long)resq_channel_high_least(width),
                    (long long)resq_channel_high_most(width));
  else
    order = resq_channel_order_param(s->module, s->anchor, linear);
  s->ok = s->ok && !mlirOperationIsNull(order);
  return order;
}

//===-- Rewriting ---------------------------------------------------------===//

/// x in the basis of v.
static MlirValue apply_basis(const resq_builder *b, MlirValue x, const split_value *v) {
  return v->by_channel ? resq_make_permute_by(b, x, resq_get_param(b, v->order))
                       : resq_turn_to(b, x, &v->basis);
}

/// The basis that suits x, its blocks and high count; without effect on the function.
static void choose_basis(splitting *s, MlirOperation linear, split_value *v) {
  v->block = resq_width(v->x);
  v->by_channel = resq_value_is_from(v->x, RESQ_OP_GATE);
  if (v->by_channel) {
    v->order = channel_order(s, linear, v->x, &v->high_count);
    return;
  }
  if (resq_value_is_from(v->x, RESQ_OP_RMS_NORM))
    v->basis = stream_basis(s, v->x);
  else if (resq_value_is_from(v->x, RESQ_OP_ATTENTION))
    v->basis = value_basis(s, resq_defining_op(v->x), &v->block);
  else
    v->basis = own_basis(s, linear, v->x);
  v->high_count = high_count(s, v->block);
}

/// rotate and split of x, before `linear` (its first reader); made once a value. NULL when x is
/// left alone.
static split_value *split_of(splitting *s, MlirOperation linear, MlirValue x) {
  for (intptr_t i = 0; i < s->n_values; i++)
    if (mlirValueEqual(s->values[i].x, x))
      return &s->values[i];
  split_value v = {.x = x};
  choose_basis(s, linear, &v);
  int64_t high = v.high_count, block = v.block;
  if (s->ok && !s->rotate_only && (high < 1 || high >= block)) {
    resq_emit_error(linear, "resq-split: a high part of %lld in blocks of %lld; allowed: 1 to %lld",
                    (long long)high, (long long)block, (long long)block - 1);
    s->ok = false;
  }
  if (!s->ok)
    return NULL;

  resq_builder b = resq_build_before(linear);
  v.low = apply_basis(&b, x, &v);
  if (!s->rotate_only) {
    MlirType type = mlirValueGetType(x);
    int64_t blocks = resq_width(x) / block, rows = resq_dim(x, 0);
    int64_t low_shape[] = {rows, blocks * (block - high)}, high_shape[] = {rows, blocks * high};
    MlirType results[] = {resq_tensor(mlirShapedTypeGetElementType(type), 2, low_shape),
                          resq_tensor(mlirShapedTypeGetElementType(type), 2, high_shape)};
    MlirOperation op = resqSplitOpBuild(&b, v.low, block, high, results[0], results[1]);
    v.low = resqSplitOpGetLow(op);
    v.high = resqSplitOpGetHighPart(op);
  }
  s->values = RESQ_GROW(s->values, s->n_values);
  s->values[s->n_values] = v;
  return &s->values[s->n_values++];
}

/// What is done to a weight that meets v: W U (W U^-T where U is not orthogonal: products stay as
/// they are), and one part of its columns. Returns how many steps that is.
static intptr_t steps_of(const split_value *v, bool high, resq_basis_step out[2]) {
  out[0] = v->by_channel ? resq_permute_step(v->order) : resq_dual_step(&v->basis);
  out[1] = resq_part_step(v->block, v->high_count, high);
  return v->high_count ? 2 : 1;
}

static MlirValue build_branch(splitting *s, const resq_builder *b, MlirOperation linear,
                              MlirOperation weight, const split_value *v, bool high) {
  char name[256];
  MlirStringRef old = resq_param_name(weight);
  snprintf(name, sizeof name, "%.*s.%s", (int)old.length, old.data,
           s->rotate_only ? "turned"
           : high         ? "high"
                          : "low");
  resq_basis_step steps[2];
  const intptr_t n = steps_of(v, high, steps);
  // After what it reads: recipes may stand in any order, but people read from top to bottom.
  MlirOperation param = resq_new_folded_param(s->module, s->anchor, name, weight, n, steps);
  MlirValue bias = high ? (MlirValue){NULL} : resqLinearOpGetBias(linear);
  MlirValue y = resqLinearOpBuild(b, high ? v->high : v->low, resq_get_param(b, param), bias,
                                  mlirValueGetType(resqLinearOpGetY(linear)));
  resqLinearOpSetName(resq_defining_op(y), resqLinearOpGetName(linear));
  resqLinearOpSetSite(resq_defining_op(y), resqLinearOpGetSite(linear));
  return y;
}

static void split_linear(MlirOperation linear, void *user) {
  splitting *s = user;
  MlirValue x = mlirOperationGetOperand(linear, RESQ_LINEAR_X);
  if (!s->ok || resq_value_is_from(x, RESQ_OP_SPLIT) || resq_value_is_from(x, RESQ_OP_ROTATE) ||
      resq_value_is_from(x, RESQ_OP_HADAMARD))
    return;
  if (!s->channels && resq_value_is_from(x, RESQ_OP_GATE)) {
    resq_emit_remark(linear, "not split: no basis of a gate's output can merge "
                             "(channels=true, --resq-insert-hadamard)");
    return;
  }
  MlirOperation weight = resq_operand_param(s->module, linear, RESQ_LINEAR_WEIGHT);
  if (mlirOperationIsNull(weight)) {
    resq_emit_remark(linear, "not split: the weight has no recipe to rotate");
    return;
  }
  const split_value *v = split_of(s, linear, x);
  if (!v)
    return;
  resq_builder b = resq_build_before(linear);
  MlirValue y = build_branch(s, &b, linear, weight, v, false);
  if (v->high.ptr) {
    MlirValue high = build_branch(s, &b, linear, weight, v, true);
    y = resqAddOpBuild(&b, y, high, mlirValueGetType(y));
  }
  MlirOperation get = resq_defining_op(mlirOperationGetOperand(linear, RESQ_LINEAR_WEIGHT));
  resq_replace(linear, 1, &y);
  if (!resq_is_used(mlirOperationGetResult(get, 0)))
    mlirOperationDestroy(get);
}

bool resq_pass_split(MlirOperation module, resq_pass *pass) {
  splitting s = {.module = module, .ok = true};
  MlirStringRef basis = resq_pass_string(pass, "basis");
  if (!resq_basis_parse(basis, &s.kind)) {
    resq_emit_error(module, "resq-split: basis is '%.*s', allowed: pca, random, hadamard",
                    (int)basis.length, basis.data);
    return false;
  }
  s.fraction = resq_pass_int(pass, "fraction");
  s.rank = resq_pass_int(pass, "rank");
  s.seed = resq_pass_int(pass, "seed");
  s.rotate_only = resq_pass_bool(pass, "rotate-only");
  s.channels = resq_pass_bool(pass, "channels");
  s.channel_high = resq_pass_int(pass, "channel-high");
  if (s.fraction < 2 || s.rank < 0) {
    resq_emit_error(
        module,
        "resq-split: fraction is %lld (allowed: 2 or more), rank is %lld (allowed: 0 or more)",
        (long long)s.fraction, (long long)s.rank);
    return false;
  }
  if (s.channel_high < 0 || (s.channels && s.rotate_only)) {
    resq_emit_error(module,
                    "resq-split: channel-high is %lld (allowed: 0 or more), channels is %s with "
                    "rotate-only=%s (allowed: one of them)",
                    (long long)s.channel_high, s.channels ? "true" : "false",
                    s.rotate_only ? "true" : "false");
    return false;
  }
  if (!resq_rotation_parse(module, pass, "resq-split", &s.rotation))
    return false;
  s.anchor = resq_first_function(module);
  resq_name_sites(module);
  resq_for_each(module, RESQ_OP_LINEAR, split_linear, &s);
  free(s.values);
  free(s.streams);
  return s.ok;
}
