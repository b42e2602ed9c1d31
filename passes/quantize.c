//===-- quantize.c - --resq-quantize: linears become integer products -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// add(linear(lo, W_low), linear(hi, W_high)) of one split becomes one qlinear of two branches, any
// other linear a qlinear of one. Activations: asymmetric per token and part; where the split is per
// head, per head too. Weights: symmetric per output channel and part, or group of columns, integers
// or, in low branches, trellis codes; clip search over the p-norm, rounded to nearest or by GPTQ
// (weight_codes.h). Low activations are clipped by a number, or by a ratio found for each from
// calibrated rows (clip.h). High branches are integers or E4M3: symmetric, then, on both sides. On
// request the head becomes a qlinear of 8 bits, and the embedding's table 8-bit codes, both rounded
// to nearest row by row; where they are one table, they stay one.
//===----------------------------------------------------------------------===//
#include "dialect/memory.h"
#include "passes/clip.h"
#include "passes/pass.h"
#include "passes/recipe.h"
#include "passes/sites.h"
#include "passes/weight_codes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

typedef struct quantized_value {
  MlirValue x, q;
  unsigned bits;
  bool e4m3;
  int64_t group;
  MlirOperation clip; ///< param, of samples until all readers are known; or null
} quantized_value;

typedef struct quantizing {
  MlirOperation module;
  unsigned weights, activations, high; ///< bits
  resq_code_kind weights_kind, high_kind;
  int64_t group, head_group; ///< most columns of a low branch's weight, and of the head's and the
                             ///< embedding's, that share a scale; 0: all
  float clip;                ///< 1 where clip_auto
  bool clip_auto, embedding, ok;
  float norm; ///< of the clip search; 0: what suits the codes
  resq_weight_codes codes;
  quantized_value *values;
  intptr_t n_values;
} quantizing;

/// What shares a scale and zero point: a head's part where the split goes head by head, else the
/// whole row.
static int64_t range_of(MlirValue x) {
  if (!resq_value_is_from(x, RESQ_OP_SPLIT))
    return resq_width(x);
  MlirOperation split = resq_defining_op(x);
  int64_t block = resqSplitOpGetBlock(split), high = resqSplitOpGetHigh(split);
  return mlirValueEqual(x, resqSplitOpGetLow(split)) ? block - high : high;
}

typedef struct branch {
  MlirOperation linear;          ///< or head
  unsigned activations, weights; ///< bits
  bool high;
  resq_code_kind kind; ///< of the weight; E4M3: of the activation, too
  int64_t group;       ///< most columns of the weight that share a scale; 0: all
  MlirOperation embed; ///< shares the weight; or null
} branch;

/// Columns that share a scale, at most `most` (0: all): a whole number of them in `range` of the
/// width, and no padding (kernels.h: multiples of 8).
static int64_t fit_group(MlirOperation op, int64_t most, int64_t range, int64_t width) {
  if (!most)
    return width;
  for (int64_t group = (most < range ? most : range) / 8 * 8; group > 0; group -= 8)
    if (range % group == 0)
      return group;
  resq_emit_remark(op,
                   "a weight scale serves the whole row: no multiple of 8 up to %lld divides %lld",
                   (long long)most, (long long)range);
  return width;
}

/// Of the branch's weight: a whole number of groups in what shares the activation's scale.
static int64_t weight_group(const branch *br) {
  MlirValue x = mlirOperationGetOperand(br->linear, RESQ_LINEAR_X);
  return fit_group(br->linear, br->group, range_of(x), resq_width(x));
}

/// What the branch's linear reads, quantised before its first reader; once a value, bits and group.
/// Groups are as fine as the weight's, whose integer sums are scaled one by one.
static MlirValue quantize_input(quantizing *z, const branch *br, int64_t weight_group) {
  MlirValue x = mlirOperationGetOperand(br->linear, RESQ_LINEAR_X);
  unsigned bits = br->activations;
  bool e4m3 = br->kind == RESQ_CODE_E4M3;
  // A head's activation has scales as fine as the weight's.
  int64_t range = resqOpIsHead(br->linear) ? weight_group : range_of(x);
  int64_t group = weight_group < range ? weight_group : range;
  for (intptr_t i = 0; i < z->n_values; i++)
    if (mlirValueEqual(z->values[i].x, x) && z->values[i].bits == bits &&
        z->values[i].e4m3 == e4m3 && z->values[i].group == group)
      return z->values[i].q;
  quantized_value v = {.x = x, .bits = bits, .e4m3 = e4m3, .group = group};
  if (z->clip_auto && bits < 8 && !br->high) {
    v.clip = resq_clip_samples(z->module, br->linear);
    z->ok = z->ok && !mlirOperationIsNull(v.clip);
  }
  // At the definition, so that it stands before every reader.
  MlirOperation def = resq_defining_op(x);
  resq_builder b = mlirOperationIsNull(def) ? resq_build_before(br->linear) : resq_build_after(def);
  MlirType element =
      e4m3 ? resqQuantTypeGetSymmetric(b.ctx, resq_codebook_of(RESQ_CODE_E4M3, bits), group)
           : resqQuantTypeGetAsymmetric(b.ctx, bits, group);
  int64_t shape[] = {resq_dim(x, 0), resq_width(x)};
  v.q = resqQuantizeOpBuild(&b, x, (MlirValue){NULL}, resq_tensor(element, 2, shape));
  if (bits < 8)
    resqQuantizeOpSetClip(resq_defining_op(v.q), z->clip);
  if (group < range)
    resqQuantizeOpSetRange(resq_defining_op(v.q), range);
  z->values = RESQ_GROW(z->values, z->n_values);
  z->values[z->n_values++] = v;
  return v.q;
}

/// The value `op` gives, as one qlinear over the branches; op and the linears are erased.
static void build_qlinear(quantizing *z, MlirOperation op, resq_weight_codes *codes,
                          const branch *branches, int n, MlirStringRef name) {
  const MlirStringRef site = resq_linear_site(branches[0].linear);
  MlirValue inputs[RESQ_MAX_BRANCHES], made[RESQ_MAX_BRANCHES];
  resq_weight_branch weights[RESQ_MAX_BRANCHES];
  assert(n <= RESQ_MAX_BRANCHES); // a linear is one branch, the sum of a split's two parts is two
  for (int i = 0; i < n; i++) {
    weights[i] = (resq_weight_branch){branches[i].linear, branches[i].weights, branches[i].kind,
                                      weight_group(&branches[i]), branches[i].embed};
    inputs[i] = quantize_input(z, &branches[i], weights[i].group);
  }
  resq_make_weight_codes(codes, op, n, weights, made);
  MlirOperation first = branches[0].linear;
  MlirValue bias = resqOpIsLinear(first) ? resqLinearOpGetBias(first) : (MlirValue){NULL};
  resq_builder b = resq_build_before(op);
  MlirValue y = resqQLinearOpBuild(&b, n, inputs, n, made, bias,
                                   mlirValueGetType(mlirOperationGetResult(op, 0)));
  resqQLinearOpSetName(resq_defining_op(y), name);
  resqQLinearOpSetSite(resq_defining_op(y), site);
  resq_replace_uses(mlirOperationGetResult(op, 0), y);
  resq_erase_dead(op); // with the linears and gets behind it
}

static bool quantizable(const quantizing *z, MlirOperation linear) {
  return (resqOpIsLinear(linear) || resqOpIsHead(linear)) &&
         !mlirOperationIsNull(resq_operand_param(z->module, linear, RESQ_LINEAR_WEIGHT));
}

/// add(linear(lo), linear(hi)) with lo and hi of one split, in this order or the other.
static void visit_add(MlirOperation add, void *user) {
  quantizing *z = user;
  if (!resq_op_is(mlirOperationGetParentOperation(add), "func.func"))
    return;
  MlirOperation low = {NULL}, high = {NULL}, split = {NULL};
  for (intptr_t i = 0; i < 2; i++) {
    MlirValue v = mlirOperationGetOperand(add, i);
    MlirOperation linear = resq_defining_op(v);
    if (mlirOperationIsNull(linear) || !resqOpIsLinear(linear) || !resq_has_one_use(v) ||
        !quantizable(z, linear))
      return;
    MlirValue x = mlirOperationGetOperand(linear, RESQ_LINEAR_X);
    MlirOperation from = resq_defining_op(x);
    // The low part may have gone through a Hadamard since.
    if (!mlirOperationIsNull(from) && resqOpIsHadamard(from)) {
      x = mlirOperationGetOperand(from, 0);
      from = resq_defining_op(x);
    }
    if (mlirOperationIsNull(from) || !resqOpIsSplit(from) ||
        (i && !mlirOperationEqual(from, split)))
      return;
    split = from;
    if (mlirValueEqual(x, resqSplitOpGetLow(from)))
      low = linear;
    else
      high = linear;
  }
  if (mlirOperationIsNull(low) || mlirOperationIsNull(high) ||
      mlirOperationGetNumOperands(high) > 2)
    return;
  branch branches[] = {{low, z->activations, z->weights, false, z->weights_kind, z->group, {NULL}},
                       {high, z->high, z->high, true, z->high_kind, 0, {NULL}}};
  build_qlinear(z, add, &z->codes, branches, 2, resqLinearOpGetName(low));
}

static void visit_linear(MlirOperation linear, void *user) {
  quantizing *z = user;
  if (!quantizable(z, linear)) {
    resq_emit_remark(linear, "not quantised: the weight has no recipe");
    return;
  }
  branch b = {linear, z->activations, z->weights, false, z->weights_kind, z->group, {NULL}};
  build_qlinear(z, linear, &z->codes, &b, 1, resqLinearOpGetName(linear));
}

/// What the clip search minimises where no option says: trellis codes are those of least squares.
static float search_norm(const quantizing *z, resq_code_kind kind) {
  return z->norm > 0 ? z->norm : kind == RESQ_CODE_TRELLIS ? 2.0f : 2.4f;
}

//===-- Head and embedding ------------------------------------------------===//

/// 8-bit codes round well enough, and tens of thousands of rows are best made as they are written.
static resq_weight_codes nearest_codes(const quantizing *z) {
  resq_weight_codes nearest = z->codes;
  nearest.gptq = false;
  nearest.norm = search_norm(z, RESQ_CODE_INTEGER);
  return nearest;
}

static void visit_head(MlirOperation head, void *user) {
  quantizing *z = user;
  if (!quantizable(z, head)) {
    resq_emit_remark(head, "not quantised: the weight has no recipe");
    return;
  }
  resq_weight_codes nearest = nearest_codes(z);
  branch b = {head, 8, 8, true, RESQ_CODE_INTEGER, z->head_group, {NULL}};
  if (z->embedding)
    b.embed = resq_embed_of(z->module, resq_operand_param(z->module, head, RESQ_HEAD_WEIGHT));
  build_qlinear(z, head, &nearest, &b, 1, resq_str("head"));
}

static void visit_embed(MlirOperation embed, void *user) {
  quantizing *z = user;
  MlirValue table = resqEmbedOpGetTable(embed);
  if (resqTypeIsQuant(resq_element(table)))
    return; // the head's codes
  if (mlirOperationIsNull(resq_operand_param(z->module, embed, RESQ_EMBED_TABLE))) {
    resq_emit_remark(embed, "not quantised: the table has no recipe");
    return;
  }
  resq_weight_codes nearest = nearest_codes(z);
  int64_t width = resq_width(table);
  resq_weight_branch b = {
      embed, 8, RESQ_CODE_INTEGER, fit_group(embed, z->head_group, width, width), {NULL}};
  resq_round_weight(&nearest, &b);
}

//===-- Options -----------------------------------------------------------===//

/// Values that wait for their clip get it, now that all their readers are qlinears.
static void finish_clips(quantizing *z) {
  for (intptr_t i = 0; z->ok && i < z->n_values; i++)
    if (!mlirOperationIsNull(z->values[i].clip))
      resq_clip_by(z->module, resq_defining_op(z->values[i].q), z->values[i].clip);
}

/// The clip option: "auto", or a number.
static bool parse_clip(quantizing *z, MlirStringRef text) {
  z->clip_auto = resq_str_eq(text, "auto");
  z->clip = 1;
  char number[32], *end = number;
  if (!z->clip_auto && text.length && text.length < sizeof number) {
    memcpy(number, text.data, text.length);
    number[text.length] = 0;
    z->clip = strtof(number, &end);
  }
  return z->clip_auto || (end != number && !*end && z->clip > 0 && z->clip <= 1);
}

static bool check_bits(MlirOperation module, const char *option, int64_t bits) {
  if (bits >= 2 && bits <= 8)
    return true;
  resq_emit_error(module, "resq-quantize: %s is %lld, allowed: 2 to 8", option, (long long)bits);
  return false;
}

/// 2 to 8, tcq3 or tcq4; false after an error.
static bool weights_option(quantizing *z, resq_pass *pass) {
  MlirStringRef text = resq_pass_string(pass, "weights");
  z->weights_kind = RESQ_CODE_INTEGER;
  if (text.length == 4 && !memcmp(text.data, "tcq", 3) && text.data[3] >= '2' &&
      text.data[3] <= '8' && resq_trellis_states((unsigned)(text.data[3] - '0'))) {
    z->weights_kind = RESQ_CODE_TRELLIS;
    z->weights = (unsigned)(text.data[3] - '0');
    return true;
  }
  if (text.length == 1 && text.data[0] >= '2' && text.data[0] <= '8') {
    z->weights = (unsigned)(text.data[0] - '0');
    return true;
  }
  resq_emit_error(z->module, "resq-quantize: weights is '%.*s', allowed: 2 to 8, tcq3, tcq4",
                  (int)text.length, text.data);
  return false;
}

/// int2 to int8, or e4m3; false after an error.
static bool high_option(quantizing *z, resq_pass *pass) {
  MlirStringRef text = resq_pass_string(pass, "high");
  z->high_kind = RESQ_CODE_INTEGER;
  z->high = 8;
  if (resq_str_eq(text, "e4m3")) {
    z->high_kind = RESQ_CODE_E4M3;
    return true;
  }
  if (text.length == 4 && !memcmp(text.data, "int", 3) && text.data[3] >= '2' &&
      text.data[3] <= '8') {
    z->high = (unsigned)(text.data[3] - '0');
    return true;
  }
  resq_emit_error(z->module, "resq-quantize: high is '%.*s', allowed: int2 to int8, e4m3",
                  (int)text.length, text.data);
  return false;
}

/// rtn or gptq; false after an error.
static bool method_option(MlirOperation module, resq_pass *pass, bool *gptq) {
  MlirStringRef text = resq_pass_string(pass, "weights-method");
  *gptq = resq_str_eq(text, "gptq");
  if (*gptq || resq_str_eq(text, "rtn"))
    return true;
  resq_emit_error(module, "resq-quantize: weights-method is '%.*s', allowed: rtn, gptq",
                  (int)text.length, text.data);
  return false;
}

bool resq_pass_quantize(MlirOperation module, resq_pass *pass) {
  int64_t activations = resq_pass_int(pass, "activations"), head = resq_pass_int(pass, "head"),
          embedding = resq_pass_int(pass, "embedding");
  quantizing z = {.module = module,
                  .activations = (unsigned)activations,
                  .group = resq_pass_int(pass, "group"),
                  .head_group = resq_pass_int(pass, "head-group"),
                  .embedding = embedding != 0,
                  .codes = {.module = module,
                            .steps = resq_pass_int(pass, "steps"),
                            .damping = (float)resq_pass_float(pass, "damping")},
                  .norm = (float)resq_pass_float(pass, "norm"),
                  .ok = true};
  if (!weights_option(&z, pass) || !check_bits(module, "activations", activations) ||
      !high_option(&z, pass) || !method_option(module, pass, &z.codes.gptq))
    return false;
  z.codes.norm = search_norm(&z, z.weights_kind);
  if (!(z.codes.damping > 0 && z.codes.damping <= 1)) {
    resq_emit_error(module, "resq-quantize: damping is %g, allowed: above 0 to 1",
                    (double)z.codes.damping);
    return false;
  }
  MlirStringRef clip = resq_pass_string(pass, "clip");
  if (!parse_clip(&z, clip) || z.codes.steps < 1 || z.codes.steps > 39) {
    resq_emit_error(module,
                    "resq-quantize: steps is %lld (allowed: 1 to 39), clip is %.*s (allowed: above "
                    "0 to 1, or auto)",
                    (long long)z.codes.steps, (int)clip.length, clip.data);
    return false;
  }
  if ((head != 0 && head != 8) || (embedding != 0 && embedding != 8) ||
      (z.group != 0 && z.group < 8) || (z.head_group != 0 && z.head_group < 8)) {
    resq_emit_error(
        module,
        "resq-quantize: head is %lld, embedding is %lld (allowed: 0, 8), group is %lld, "
        "head-group is %lld (allowed: 0, or 8 and more)",
        (long long)head, (long long)embedding, (long long)z.group, (long long)z.head_group);
    return false;
  }
  resq_name_sites(module);
  resq_for_each(module, RESQ_OP_ADD, visit_add, &z);
  resq_for_each(module, RESQ_OP_LINEAR, visit_linear, &z);
  if (head)
    resq_for_each(module, RESQ_OP_HEAD, visit_head, &z);
  if (embedding)
    resq_for_each(module, RESQ_OP_EMBED, visit_embed, &z);
  finish_clips(&z);
  resq_weight_codes_free(&z.codes);
  free(z.values);
  return z.ok;
}
