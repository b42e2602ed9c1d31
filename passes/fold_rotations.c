//===-- fold_rotations.c - --resq-fold-rotations --------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rotations that --resq-split and --resq-kv put into the graph cancel and merge into weights:
//
//   stream    rotate(rms_norm(x), U), U orthogonal (no `pair`) and x in a residual stream: the
//             stream itself is rotated. What is added to it (embeddings, linears) is rotated in its
//             weight, what reads it cancels or takes U into its columns. rms_norm without gain
//             commutes with U. A head that reads the embedding's table goes on sharing it, turned;
//             where its gain stands before it as a matrix G (--resq-tie-head), that becomes U^T G
//             U.
//   attention rotate(attention(@c), M): attention is linear in the values, so they are rotated
//             instead.
//   output    rotate(linear(x, W), M) = linear(x, M^T W), through adds.
//   input     linear(rotate(x, M^T), W) = linear(x, W M): only inverse rotations (`transposed`),
//             which exist to be taken away.
//   channels  permute(gate(g, u), P) = gate(permute(g, P), permute(u, P)): a permutation of what a
//             gate gives (--resq-split{channels=true}) goes into the rows of both linears.
//
// All but the first hold for any matrix: they move it, and what undoes it moves with them. What
// cannot merge stays online, with a remark.
//===----------------------------------------------------------------------===//
#include "passes/folding.h"
#include "passes/pass.h"
#include "passes/recipe.h"
#include "passes/sites.h"
#include "passes/stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

//===-- Edits of weights --------------------------------------------------===//

/// A rotation, or a permutation by a param.
typedef struct turn {
  MlirOperation module;
  resq_basis_step step;
} turn;

/// v M (or v M^T), of what is no weight, or no weight's columns.
static MlirValue turn_last(const resq_builder *b, MlirValue v, void *user) {
  const turn *t = user;
  return resq_make_step(b, t->module, v, &t->step);
}

/// W -> M^T W (or M W): the rows, for what a linear gives; blocks of rows when M is blocked.
static MlirValue turn_rows(const resq_builder *b, MlirValue w, void *user) {
  return resq_make_transpose(b, turn_last(b, resq_make_transpose(b, w), user));
}

/// W -> W M (or W M^T), for what a linear reads; also of an embedding, whose rows they are. The
/// weight is an operand of `count` ops, and becomes theirs.
static void turn_columns(turn *t, intptr_t count, const MlirOperation *readers) {
  _Static_assert((int)RESQ_LINEAR_WEIGHT == (int)RESQ_EMBED_TABLE &&
                     (int)RESQ_LINEAR_WEIGHT == (int)RESQ_HEAD_WEIGHT,
                 "readers of a weight have it as one operand");
  resq_fold_step(t->module,
                 resq_own_shared_param(t->module, count, readers, RESQ_LINEAR_WEIGHT, "turned"),
                 &t->step);
}

//===-- Output: linears, sums of linears, gates of both --------------------===//

/// True when the linear's weight, and its bias if any, have recipes to turn.
static bool can_turn_linear(MlirOperation module, MlirOperation linear) {
  bool bias_ok = mlirOperationGetNumOperands(linear) < 3 ||
                 !mlirOperationIsNull(resq_operand_param(module, linear, RESQ_LINEAR_BIAS));
  return bias_ok && !mlirOperationIsNull(resq_operand_param(module, linear, RESQ_LINEAR_WEIGHT));
}

/// Sums deeper than this stay as they are: input decides how deep they are.
enum { max_depth = 64 };

/// Both operands take the turn in place of the op's result: adds, and gates of permutations.
static bool passes_on(MlirOperation def, const turn *t) {
  return resqOpIsAdd(def) || (t->step.kind == RESQ_STEP_PERMUTE && resqOpIsGate(def));
}

/// True when a rotation or permutation of v can be taken by the weights that make it; v's only
/// reader is the rotation.
static bool can_turn_output(MlirOperation module, MlirValue v, const turn *t, int depth) {
  if (depth > max_depth || !resq_has_one_use(v))
    return false;
  MlirOperation def = resq_defining_op(v);
  if (mlirOperationIsNull(def))
    return false;
  if (passes_on(def, t))
    return can_turn_output(module, mlirOperationGetOperand(def, 0), t, depth + 1) &&
           can_turn_output(module, mlirOperationGetOperand(def, 1), t, depth + 1);
  return resqOpIsLinear(def) && can_turn_linear(module, def);
}

static void turn_linear_output(MlirOperation module, MlirOperation linear, turn *t) {
  assert(resqOpIsLinear(linear)); // can_turn_output and stream_obstacle let nothing else end a sum
  resq_edit_recipe(module, resq_own_param(module, linear, RESQ_LINEAR_WEIGHT, "turned"), turn_rows,
                   t);
  if (mlirOperationGetNumOperands(linear) > RESQ_LINEAR_BIAS)
    resq_edit_recipe(module, resq_own_param(module, linear, RESQ_LINEAR_BIAS, "turned"), turn_last,
                     t);
}

static void turn_output(MlirOperation module, MlirValue v, turn *t) {
  MlirOperation def = resq_defining_op(v);
  if (passes_on(def, t)) {
    turn_output(module, mlirOperationGetOperand(def, 0), t);
    turn_output(module, mlirOperationGetOperand(def, 1), t);
  } else {
    turn_linear_output(module, def, t);
  }
}

// Below, a `rotate` may be a permute by a param where the comment says so.
_Static_assert((int)RESQ_ROTATE_X == RESQ_PERMUTE_X &&
                   (int)RESQ_ROTATE_MATRIX == RESQ_PERMUTE_INDICES,
               "a permute's input and order are the operands that a rotate's input and matrix are");

/// Of a rotate or a permute.
static MlirOperation matrix_param(MlirOperation module, MlirOperation rotate) {
  return resq_operand_param(module, rotate, RESQ_ROTATE_MATRIX);
}

/// Replaces a rotate or permute by its input and erases what dies.
static void remove_rotate(MlirOperation rotate) {
  MlirValue x = mlirOperationGetOperand(rotate, RESQ_ROTATE_X);
  MlirOperation get = resq_defining_op(mlirOperationGetOperand(rotate, RESQ_ROTATE_MATRIX));
  resq_replace(rotate, 1, &x);
  if (!resq_is_used(mlirOperationGetResult(get, 0)))
    mlirOperationDestroy(get);
}

/// A permutation by a param in a function: --resq-split{channels=true}'s.
static bool is_channel_order(MlirOperation permute) {
  return resqOpIsPermute(permute) && mlirOperationGetNumOperands(permute) > 1 &&
         resq_op_is(mlirOperationGetParentOperation(permute), "func.func");
}

/// A rotate or a permute.
static void visit_output(MlirOperation rotate, void *user) {
  MlirOperation module = *(MlirOperation *)user;
  bool permutes = is_channel_order(rotate);
  if (!resq_op_is(mlirOperationGetParentOperation(rotate), "func.func") ||
      (!permutes && !resqOpIsRotate(rotate)))
    return;
  MlirOperation matrix = matrix_param(module, rotate);
  MlirValue x = mlirOperationGetOperand(rotate, RESQ_ROTATE_X);
  if (mlirOperationIsNull(matrix))
    return;
  turn t = {module, permutes ? resq_permute_step(matrix)
                             : resq_rotate_step(matrix, resqRotateOpGetTransposed(rotate),
                                                resqRotateOpGetPair(rotate))};
  if (!can_turn_output(module, x, &t, 0))
    return;
  turn_output(module, x, &t);
  remove_rotate(rotate);
}

//===-- Input: inverse rotations ------------------------------------------===//

static void visit_input(MlirOperation rotate, void *user) {
  MlirOperation module = *(MlirOperation *)user;
  if (!resq_op_is(mlirOperationGetParentOperation(rotate), "func.func") ||
      !resqRotateOpGetTransposed(rotate))
    return;
  MlirOperation matrix = matrix_param(module, rotate);
  intptr_t n;
  MlirOperation *users = resq_users(mlirOperationGetResult(rotate, 0), &n);
  bool ok = n > 0 && !mlirOperationIsNull(matrix);
  for (intptr_t i = 0; i < n; i++)
    ok = ok && resqOpIsLinear(users[i]) &&
         !mlirOperationIsNull(resq_operand_param(module, users[i], RESQ_LINEAR_WEIGHT));
  if (ok) {
    // x M^T W^T = x (W M)^T
    turn t = {module, resq_rotate_step(matrix, false, resqRotateOpGetPair(rotate))};
    for (intptr_t i = 0; i < n; i++)
      turn_columns(&t, 1, &users[i]);
    remove_rotate(rotate);
  }
  free(users);
}

//===-- Attention: values instead of what is read -------------------------===//

typedef struct cache_use {
  MlirStringRef cache;
  MlirOperation append, attention;
  intptr_t appends, attentions;
} cache_use;

static void note_append(MlirOperation op, void *user) {
  cache_use *u = user;
  if (mlirStringRefEqual(resqKvAppendOpGetCache(op), u->cache)) {
    u->append = op;
    u->appends++;
  }
}

static void note_attention(MlirOperation op, void *user) {
  cache_use *u = user;
  if (mlirStringRefEqual(resqAttentionOpGetCache(op), u->cache)) {
    u->attention = op;
    u->attentions++;
  }
}

static void visit_attention(MlirOperation rotate, void *user) {
  MlirOperation module = *(MlirOperation *)user;
  MlirValue x = resqRotateOpGetX(rotate);
  // An inverse rotation takes back what the values have got already: the linear that reads it folds
  // it.
  if (!resq_op_is(mlirOperationGetParentOperation(rotate), "func.func") ||
      resqRotateOpGetTransposed(rotate) || !resq_value_is_from(x, RESQ_OP_ATTENTION) ||
      !resq_has_one_use(x) || mlirOperationIsNull(matrix_param(module, rotate)))
    return;
  cache_use u = {.cache = resqAttentionOpGetCache(resq_defining_op(x))};
  resq_for_each(module, RESQ_OP_KV_APPEND, note_append, &u);
  resq_for_each(module, RESQ_OP_ATTENTION, note_attention, &u);
  MlirOperation cache = resq_symbol(module, u.cache);
  if (u.appends != 1 || u.attentions != 1 ||
      resq_width(resqRotateOpGetMatrix(rotate)) != resqKvCacheOpGetHeadSize(cache))
    return;
  // Move the rotation to the values: visit_output then folds it into what makes them.
  resq_builder b = resq_build_before(u.append);
  MlirValue values = resqKvAppendOpGetValues(u.append);
  MlirValue turned =
      resq_make_rotate_pair(&b, values, resq_get_param(&b, matrix_param(module, rotate)), false,
                            resqRotateOpGetPair(rotate));
  mlirOperationSetOperand(u.append, RESQ_KV_APPEND_VALUES, turned);
  remove_rotate(rotate);
}

//===-- Stream ------------------------------------------------------------===//

typedef struct streaming {
  MlirOperation module;
  bool changed;
} streaming;

/// A norm's gain, as a matrix before the head that reads it: --resq-tie-head's.
static bool is_head_gain(MlirOperation op) {
  if (!resqOpIsRotate(op) || !resqRotateOpGetPair(op) ||
      !resq_has_one_use(mlirOperationGetResult(op, 0)))
    return false;
  MlirOpOperand use = mlirValueGetFirstUse(mlirOperationGetResult(op, 0));
  return resqOpIsHead(mlirOpOperandGetOwner(use)) && mlirOpOperandGetOperandNumber(use) == 0;
}

/// The head behind a gain; the reader itself otherwise.
static MlirOperation behind_gain(MlirOperation reader) {
  return is_head_gain(reader)
             ? mlirOpOperandGetOwner(mlirValueGetFirstUse(mlirOperationGetResult(reader, 0)))
             : reader;
}

/// The matrix that the readers of the stream's norms are rotated by: null when there are two, or
/// none.
static MlirOperation common_matrix(MlirOperation module, MlirOperation *norms, intptr_t n_norms) {
  MlirOperation found = {NULL};
  for (intptr_t i = 0; i < n_norms; i++) {
    intptr_t n;
    MlirOperation *users = resq_users(mlirOperationGetResult(norms[i], 0), &n);
    bool mixed = false;
    for (intptr_t j = 0; j < n; j++)
      if (resqOpIsRotate(users[j]) && !is_head_gain(users[j])) {
        MlirOperation matrix = matrix_param(module, users[j]);
        if (mlirOperationIsNull(matrix) || resqRotateOpGetTransposed(users[j]) ||
            mlirShapedTypeGetRank(resq_param_type(matrix)) != 2 ||
            (!mlirOperationIsNull(found) && !mlirOperationEqual(found, matrix)))
          mixed = true;
        found = matrix;
      }
    free(users);
    if (mixed)
      return (MlirOperation){NULL};
  }
  return found;
}

/// Why the stream cannot be rotated; NULL when it can.
static const char *stream_obstacle(MlirOperation module, const resq_stream *s, MlirOperation *norms,
                                   intptr_t n_norms) {
  for (intptr_t i = 0; i < s->count; i++) {
    MlirOperation def = resq_defining_op(s->values[i]);
    if (mlirOperationIsNull(def))
      return "a function argument is part of it";
    bool weighted = resqOpIsLinear(def) || resqOpIsEmbed(def);
    if (!weighted && !resqOpIsAdd(def) && !resqOpIsGatherRows(def))
      return "something other than an embedding or a linear is added to it";
    if (weighted && (resqOpIsLinear(def)
                         ? !can_turn_linear(module, def)
                         : mlirOperationIsNull(resq_operand_param(module, def, RESQ_EMBED_TABLE))))
      return "a weight or a bias that writes to it has no recipe";
    intptr_t n;
    MlirOperation *users = resq_users(s->values[i], &n);
    bool ok = true;
    for (intptr_t j = 0; j < n; j++)
      ok = ok &&
           (resqOpIsAdd(users[j]) || resqOpIsGatherRows(users[j]) || resqOpIsRmsNorm(users[j]));
    free(users);
    if (!ok)
      return "something other than a norm reads it";
  }
  for (intptr_t i = 0; i < n_norms; i++) {
    if (mlirOperationGetNumOperands(norms[i]) > 1)
      return "a norm has a gain (--resq-fold-norm first)";
    intptr_t n;
    MlirOperation *users = resq_users(mlirOperationGetResult(norms[i], 0), &n);
    bool ok = true, pair = false;
    for (intptr_t j = 0; j < n; j++) {
      MlirOperation reader = behind_gain(users[j]);
      bool rotates = resqOpIsRotate(reader);
      pair = pair || (rotates && resqRotateOpGetPair(reader));
      ok = ok && (rotates || resqOpIsLinear(reader) || resqOpIsHead(reader));
      ok = ok && !mlirOperationIsNull(resq_operand_param(module, reader, RESQ_LINEAR_WEIGHT)) &&
           !mlirOperationIsNull(resq_operand_param(module, users[j], RESQ_LINEAR_WEIGHT));
    }
    free(users);
    if (pair)
      return "a norm commutes with orthogonal matrices alone, and this one is not";
    if (!ok)
      return "a norm is read by something that cannot take the rotation";
  }
  return NULL;
}

/// The embedding of the stream whose table this reader of a norm shares, a head; else null.
static MlirOperation tied_embed(MlirOperation module, const resq_stream *s, MlirOperation reader) {
  MlirOperation head = behind_gain(reader), none = {NULL};
  if (!resqOpIsHead(head))
    return none;
  MlirOperation embed = resq_embed_of(module, resq_operand_param(module, head, RESQ_HEAD_WEIGHT));
  bool here = !mlirOperationIsNull(embed) && resq_stream_holds(s, mlirOperationGetResult(embed, 0));
  return here ? embed : none;
}

static bool has_tied_head(MlirOperation module, const resq_stream *s, MlirOperation *norms,
                          intptr_t n_norms, MlirOperation embed) {
  bool found = false;
  for (intptr_t i = 0; i < n_norms && !found; i++) {
    intptr_t n;
    MlirOperation *users = resq_users(mlirOperationGetResult(norms[i], 0), &n);
    for (intptr_t j = 0; j < n; j++)
      found |= mlirOperationEqual(tied_embed(module, s, users[j]), embed);
    free(users);
  }
  return found;
}

/// What reads a norm of the stream takes the turn; a head that reads the embedding's table takes
/// the table with it.
static void turn_reader(MlirOperation module, const resq_stream *s, MlirOperation reader, turn *t) {
  if (is_head_gain(reader)) { // n G = (n U)(U^T G U) U^T
    MlirOperation gain = resq_own_param(module, reader, RESQ_ROTATE_MATRIX, "turned");
    resq_edit_recipe(module, gain, turn_last, t);
    resq_edit_recipe(module, gain, turn_rows, t);
    reader = behind_gain(reader);
  } else if (resqOpIsRotate(reader)) {
    remove_rotate(reader);
    return;
  }
  MlirOperation readers[] = {reader, tied_embed(module, s, reader)};
  // x W^T = (x U)(W U)^T
  turn_columns(t, mlirOperationIsNull(readers[1]) ? 1 : 2, readers);
}

static void rotate_stream(MlirOperation module, const resq_stream *s, MlirOperation *norms,
                          intptr_t n_norms, MlirOperation matrix) {
  turn t = {module, resq_rotate_step(matrix, false, false)};
  for (intptr_t i = 0; i < n_norms; i++) {
    intptr_t n;
    MlirOperation *users = resq_users(mlirOperationGetResult(norms[i], 0), &n);
    for (intptr_t j = 0; j < n; j++)
      turn_reader(module, s, users[j], &t);
    free(users);
  }
  for (intptr_t i = 0; i < s->count; i++) {
    MlirOperation def = resq_defining_op(s->values[i]);
    if (resqOpIsLinear(def))
      turn_linear_output(module, def, &t);
    else if (resqOpIsEmbed(def) && !has_tied_head(module, s, norms, n_norms, def))
      turn_columns(&t, 1, &def);
  }
}

static void visit_stream(MlirOperation norm, void *user) {
  streaming *st = user;
  resq_stream s = resq_stream_of(resqRmsNormOpGetX(norm));
  intptr_t n_norms;
  MlirOperation *norms = resq_stream_norms(&s, &n_norms);
  MlirOperation matrix = common_matrix(st->module, norms, n_norms);
  if (!mlirOperationIsNull(matrix)) {
    const char *why_not = stream_obstacle(st->module, &s, norms, n_norms);
    if (!why_not) {
      rotate_stream(st->module, &s, norms, n_norms, matrix);
      st->changed = true;
    } else if (mlirOperationEqual(norm, norms[0])) {
      resq_emit_remark(norm, "the residual stream is not rotated, rotations stay online: %s",
                       why_not);
    }
  }
  free(norms);
  resq_stream_free(&s);
}

//===-- What is left ------------------------------------------------------===//

static void report_online(MlirOperation rotate, void *user) {
  (void)user;
  if (!resq_op_is(mlirOperationGetParentOperation(rotate), "func.func"))
    return;
  MlirValue x = resqRotateOpGetX(rotate);
  const char *why = resq_value_is_from(x, RESQ_OP_ROPE) ? "it stands behind a rotary embedding"
                    : resq_value_is_from(x, RESQ_OP_RMS_NORM)
                        ? "its residual stream cannot take it"
                        : "what makes its input cannot take it";
  resq_emit_remark(rotate, "this rotation of %lld stays online: %s",
                   (long long)resq_width(resqRotateOpGetMatrix(rotate)), why);
}

static void report_online_order(MlirOperation permute, void *user) {
  (void)user;
  if (is_channel_order(permute))
    resq_emit_remark(
        permute,
        "this permutation of %lld channels stays online: what makes its input cannot take it",
        (long long)resq_width(mlirOperationGetResult(permute, 0)));
}

bool resq_pass_fold_rotations(MlirOperation module, resq_pass *pass) {
  (void)pass;
  streaming st = {module, false};
  resq_name_sites(module);
  resq_for_each(module, RESQ_OP_RMS_NORM, visit_stream, &st);
  resq_for_each(module, RESQ_OP_ROTATE, visit_attention, &module);
  resq_for_each(module, RESQ_OP_ROTATE, visit_input, &module);
  resq_for_each(module, RESQ_OP_PERMUTE, visit_output, &module);
  resq_for_each(module, RESQ_OP_ROTATE, visit_output, &module);
  resq_for_each(module, RESQ_OP_ROTATE, report_online, NULL);
  resq_for_each(module, RESQ_OP_PERMUTE, report_online_order, NULL);
  return true;
}
