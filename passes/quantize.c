//===-- quantize.c - --resq-quantize: linears become integer products -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// add(linear(lo, W_low), linear(hi, W_high)) of one split becomes one qlinear of two branches, any
// other linear a qlinear of one. Activations: asymmetric per token and part; where the split is per
// head, per head too. Weights: symmetric per output channel and part, round to nearest, clip search
// over the p-norm. Low activations are clipped by a number, or by a ratio found for each from
// calibrated rows (clip.h). Embedding and head are no linears and stay as they are.
//===----------------------------------------------------------------------===//
#include "passes/clip.h"
#include "passes/pass.h"
#include "passes/recipe.h"

#include <stdlib.h>
#include <string.h>

typedef struct quantized_value {
  MlirValue x, q;
  unsigned bits;
  int64_t group;
  MlirOperation clip; ///< param, of samples until all readers are known; or null
} quantized_value;

typedef struct quantizing {
  MlirOperation module;
  unsigned weights, activations, high;
  int64_t steps;
  float norm, clip; ///< clip is 1 where clip_auto
  bool clip_auto, ok;
  quantized_value *values;
  intptr_t n_values;
} quantizing;

typedef struct weight_code {
  const quantizing *z;
  unsigned bits;
} weight_code;

static MlirValue quantize_weight(const resq_builder *b, MlirValue w, void *user) {
  const weight_code *c = user;
  int64_t shape[] = {resq_dim(w, 0), resq_width(w)};
  MlirType element = resqQuantTypeGet(b->ctx, c->bits, shape[1], false, resq_str("row"));
  MlirNamedAttribute attrs[] = {resq_attr_i64(b->ctx, "steps", c->z->steps),
                                resq_attr_f32(b->ctx, "norm", c->z->norm)};
  return resq_build_value(b, "resq.quantize_weight", 1, &w, resq_tensor(element, 2, shape), 2,
                          attrs);
}

/// The codes of linear's weight, as a get before `before`. The linear keeps its type until it is
/// erased.
static MlirValue weight_codes(quantizing *z, MlirOperation linear, MlirOperation before,
                              unsigned bits) {
  MlirOperation param = resq_own_param(z->module, linear, 1, "codes");
  weight_code c = {z, bits};
  resq_edit_recipe(z->module, param, quantize_weight, &c);
  resq_builder b = resq_build_before(before);
  return resq_get_param(&b, param);
}

/// The scale group of a part: a head's part where the split goes head by head, else the whole row.
static int64_t group_of(MlirValue x) {
  if (!resq_value_is_from(x, "resq.split"))
    return resq_width(x);
  MlirOperation split = resq_defining_op(x);
  int64_t block = resq_op_i64(split, "block"), high = resq_op_i64(split, "high");
  return mlirValueEqual(x, mlirOperationGetResult(split, 0)) ? block - high : high;
}

typedef struct branch {
  MlirOperation linear;
  unsigned activations, weights;
  bool high;
} branch;

/// What the branch's linear reads, quantised before its first reader; once a value, bits and group.
static MlirValue quantize_input(quantizing *z, const branch *br) {
  MlirValue x = mlirOperationGetOperand(br->linear, 0);
  unsigned bits = br->activations;
  int64_t group = group_of(x);
  for (intptr_t i = 0; i < z->n_values; i++)
    if (mlirValueEqual(z->values[i].x, x) && z->values[i].bits == bits &&
        z->values[i].group == group)
      return z->values[i].q;
  quantized_value v = {.x = x, .bits = bits, .group = group};
  if (z->clip_auto && bits < 8 && !br->high)
    v.clip = resq_clip_samples(z->module, br->linear, x, &z->ok);
  // At the definition, so that it stands before every reader.
  MlirOperation def = resq_defining_op(x);
  resq_builder b = mlirOperationIsNull(def) ? resq_build_before(br->linear) : resq_build_after(def);
  MlirType element = resqQuantTypeGet(b.ctx, bits, group, true, resq_str("row"));
  int64_t shape[] = {resq_dim(x, 0), resq_width(x)};
  MlirNamedAttribute clip = resq_attr_f32(b.ctx, "clip", bits < 8 ? z->clip : 1.0f);
  v.q = resq_build_value(&b, "resq.quantize", 1, &x, resq_tensor(element, 2, shape), 1, &clip);
  z->values = realloc(z->values, sizeof *z->values * (size_t)(z->n_values + 1));
  z->values[z->n_values++] = v;
  return v.q;
}

/// The value `op` gives, as one qlinear over the branches; op and the linears are erased.
static void build_qlinear(quantizing *z, MlirOperation op, const branch *branches, int n) {
  MlirValue operands[5];
  int count = 0;
  for (int i = 0; i < n; i++)
    operands[count++] = quantize_input(z, &branches[i]);
  for (int i = 0; i < n; i++)
    operands[count++] = weight_codes(z, branches[i].linear, op, branches[i].weights);
  bool bias = mlirOperationGetNumOperands(branches[0].linear) > 2;
  if (bias)
    operands[count++] = mlirOperationGetOperand(branches[0].linear, 2);
  resq_builder b = resq_build_before(op);
  int32_t segments[] = {n, n, bias};
  MlirStringRef name = resq_op_str(branches[0].linear, "name");
  MlirNamedAttribute attrs[] = {resq_attr_segments(b.ctx, 3, segments),
                                resq_attr(b.ctx, "name", mlirStringAttrGet(b.ctx, name))};
  MlirValue y =
      resq_build_value(&b, "resq.qlinear", count, operands,
                       mlirValueGetType(mlirOperationGetResult(op, 0)), name.data ? 2 : 1, attrs);
  resq_replace_uses(mlirOperationGetResult(op, 0), y);
  resq_erase_dead(op); // with the linears and gets behind it
}

static bool quantizable(const quantizing *z, MlirOperation linear) {
  return resq_op_is(linear, "resq.linear") &&
         !mlirOperationIsNull(resq_operand_param(z->module, linear, 1));
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
    if (mlirOperationIsNull(linear) || !resq_has_one_use(v) || !quantizable(z, linear))
      return;
    MlirValue x = mlirOperationGetOperand(linear, 0);
    MlirOperation from = resq_defining_op(x);
    // The low part may have gone through a Hadamard since.
    if (!mlirOperationIsNull(from) && resq_op_is(from, "resq.hadamard")) {
      x = mlirOperationGetOperand(from, 0);
      from = resq_defining_op(x);
    }
    if (mlirOperationIsNull(from) || !resq_op_is(from, "resq.split") ||
        (i && !mlirOperationEqual(from, split)))
      return;
    split = from;
    if (mlirValueEqual(x, mlirOperationGetResult(from, 0)))
      low = linear;
    else
      high = linear;
  }
  if (mlirOperationIsNull(low) || mlirOperationIsNull(high) ||
      mlirOperationGetNumOperands(high) > 2)
    return;
  branch branches[] = {{low, z->activations, z->weights, false}, {high, z->high, z->high, true}};
  build_qlinear(z, add, branches, 2);
}

static void visit_linear(MlirOperation linear, void *user) {
  quantizing *z = user;
  if (!quantizable(z, linear)) {
    resq_emit_remark(linear, "not quantised: the weight has no recipe");
    return;
  }
  branch b = {linear, z->activations, z->weights, false};
  build_qlinear(z, linear, &b, 1);
}

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

bool resq_pass_quantize(MlirOperation module, resq_pass *pass) {
  int64_t weights = resq_pass_int(pass, "weights"),
          activations = resq_pass_int(pass, "activations");
  int64_t high = resq_pass_int(pass, "high");
  if (!check_bits(module, "weights", weights) || !check_bits(module, "activations", activations) ||
      !check_bits(module, "high", high))
    return false;
  quantizing z = {.module = module,
                  .weights = (unsigned)weights,
                  .activations = (unsigned)activations,
                  .high = (unsigned)high,
                  .steps = resq_pass_int(pass, "steps"),
                  .norm = (float)resq_pass_float(pass, "norm"),
                  .ok = true};
  MlirStringRef clip = resq_pass_string(pass, "clip");
  if (!parse_clip(&z, clip) || z.steps < 1 || z.steps > 39) {
    resq_emit_error(module,
                    "resq-quantize: steps is %lld (allowed: 1 to 39), clip is %.*s (allowed: above "
                    "0 to 1, or auto)",
                    (long long)z.steps, (int)clip.length, clip.data);
    return false;
  }
  resq_for_each(module, "resq.add", visit_add, &z);
  resq_for_each(module, "resq.linear", visit_linear, &z);
  finish_clips(&z);
  free(z.values);
  return z.ok;
}
