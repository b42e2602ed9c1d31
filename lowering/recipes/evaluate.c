//===-- evaluate.c --------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Values on demand. What several nodes read is computed once and kept until the last
// written param that needs it; all else lives while its reader runs.
//===----------------------------------------------------------------------===//
#include "evaluate.h"
#include "dialect/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const resq_rule rules[] = {
#define RULE(op, mode, ranged, costly)                                                             \
  {"resq." #op, RESQ_MODE_##mode, ranged, costly, resq_evaluate_##op},
#include "lowering/recipes/rules.def"
    {"arith.constant", RESQ_MODE_SOURCE, 0, false, resq_evaluate_constant},
};

// Each op of recipes has a rule, or is known to need none: plan.c follows gets and yields.
enum {
#define RULE(op, mode, ranged, costly) HAS_RULE_##op,
#include "lowering/recipes/rules.def"
  HAS_RULE_get,
  HAS_RULE_yield,
#define RECIPE_OP(op) RECIPE_OP_##op = HAS_RULE_##op,
  RESQ_RECIPE_OPS(RECIPE_OP)
#undef RECIPE_OP
};

const resq_rule *resq_rule_find(MlirStringRef name) {
  for (size_t i = 0; i < sizeof rules / sizeof *rules; ++i)
    if (resq_str_eq(name, rules[i].name))
      return &rules[i];
  return NULL;
}

bool resq_out_of_memory(resq_error *err, const resq_tensor_info *info) {
  return resq_fail(err, RESQ_NO_MEMORY, "no memory for a value of %lld x %lld",
                   (long long)info->rows, (long long)info->width);
}

bool resq_bad_shapes(const resq_node *node, resq_error *err) {
  MlirStringRef name = mlirIdentifierStr(mlirOperationGetName(node->op));
  return resq_fail(err, RESQ_BAD_INPUT, "%.*s: the shapes of operands and result do not agree",
                   (int)name.length, name.data);
}

bool resq_new_value(const resq_node *node, resq_value_kind kind, int64_t rows, resq_value **out,
                    resq_error *err) {
  *out = resq_value_create(kind, rows, node->info.width);
  return *out || resq_out_of_memory(err, &node->info);
}

/// A param's value has its declared type: what is stored and what others get are the same numbers.
static bool round_to_type(const resq_tensor_info *info, resq_value *from, resq_value **out,
                          resq_error *err) {
  if (!resq_value_is_float(from)) {
    *out = resq_value_retain(from);
    return true;
  }
  resq_value_kind kind = info->element == RESQ_FLOAT_F64 ? RESQ_VALUE_F64 : RESQ_VALUE_F32;
  if (info->element == RESQ_FLOAT_F32 || info->element == RESQ_FLOAT_F64) {
    *out = resq_value_convert(from, kind);
    return *out || resq_out_of_memory(err, info);
  }
  resq_node cast = {.info = *info};
  return resq_evaluate_cast(
      &(resq_rule_call){.node = &cast, .range = {0, from->rows}, .operands = &from}, out, err);
}

/// Operands, then the op, for a range. A JOINT op has room for all its results at out.
static bool compute(resq_evaluator *e, int32_t index, resq_range range, resq_value **out,
                    resq_error *err) {
  const resq_node *node = &e->nodes[index];
  // Sinks ask for rows of their own type, and an op whose rows follow has an operand of as many rows.
  assert(range.begin >= 0 && range.rows >= 0 && range.begin + range.rows <= node->info.rows);
  resq_value **operands = resq_new((size_t)node->n_operands, sizeof *operands);
  int ranged = node->mode != RESQ_MODE_ROWS ? 0 : node->rule ? node->rule->ranged : 1;
  bool part = range.rows < node->info.rows, ok = true;
  for (int32_t i = 0; ok && i < node->n_operands; ++i) {
    bool follows = ranged < 0 || i < ranged;
    resq_range all = {0, e->nodes[node->operands[i]].info.rows};
    // A whole operand beside a part of rows is asked for again with the next part.
    ok = resq_evaluate(e, node->operands[i], follows ? range : all, part && !follows, &operands[i],
                       err);
  }
  if (ok) {
    ok = node->rule ? node->rule->run(&(resq_rule_call){e, node, range, operands}, out, err)
                    : round_to_type(&node->info, operands[0], out, err);
    if (!ok && mlirOperationIsNull(e->culprit))
      e->culprit = node->op;
  }
  for (int32_t i = 0; i < node->n_operands; ++i)
    resq_value_release(operands[i]);
  free(operands);
  return ok;
}

//===-- Cached intermediates ----------------------------------------------===//

/// Params that other recipes get (a basis) and that cost more than reading them back.
static bool is_cached(const resq_evaluator *e, const resq_node *node) {
  return e->cache && !node->rule && node->costly && node->info.kind == RESQ_ELEMENT_FLOAT &&
         (node->info.element == RESQ_FLOAT_F64 || node->info.element == RESQ_FLOAT_F32);
}

static resq_value *load_cached(resq_evaluator *e, const resq_node *node) {
  resq_value_kind kind = node->info.element == RESQ_FLOAT_F64 ? RESQ_VALUE_F64 : RESQ_VALUE_F32;
  uint64_t size = (uint64_t)(node->info.rows * node->info.width * resq_value_element_size(kind));
  resq_map view;
  if (!resq_param_cache_load(e->cache, node->key, size, &view))
    return NULL;
  resq_value *v = resq_value_create(kind, node->info.rows, node->info.width);
  if (v)
    memcpy(v->data, view.data, size);
  resq_map_close(&view);
  return v;
}

static void save_cached(resq_evaluator *e, const resq_node *node, const resq_value *v) {
  resq_param_entry *entry = resq_param_cache_begin(e->cache, node->key);
  resq_param_entry_write(entry, v->data,
                         (uint64_t)(v->rows * v->width * resq_value_element_size(v->kind)));
  resq_param_entry_commit(entry);
}

/// All results of a JOINT op: the one asked for in *out, those that others read kept with them.
static bool compute_joint(resq_evaluator *e, int32_t index, resq_value **out, resq_error *err) {
  resq_node *first = &e->nodes[index - e->nodes[index].result];
  intptr_t results = mlirOperationGetNumResults(first->op);
  // plan_op makes the nodes of all results one after the other, and refuses an op of more.
  assert(first->result == 0 && results <= RESQ_MAX_RESULTS);
  resq_value *made[RESQ_MAX_RESULTS] = {NULL};
  if (!compute(e, (int32_t)(first - e->nodes), (resq_range){0, first->info.rows}, made, err))
    return false;
  for (intptr_t r = 0; r < results; ++r)
    if (first + r == &e->nodes[index])
      *out = made[r];
    else if (first[r].users > 0 && !first[r].memo)
      first[r].memo = made[r];
    else
      resq_value_release(made[r]);
  return true;
}

static bool compute_whole(resq_evaluator *e, int32_t index, resq_value **out, resq_error *err) {
  const resq_node *node = &e->nodes[index];
  bool cached = is_cached(e, node);
  if (cached && (*out = load_cached(e, node)))
    return true;
  if (node->mode == RESQ_MODE_JOINT)
    return compute_joint(e, index, out, err);
  if (!compute(e, index, (resq_range){0, node->info.rows}, out, err))
    return false;
  if (cached)
    save_cached(e, node, *out);
  return true;
}

bool resq_evaluate(resq_evaluator *e, int32_t index, resq_range range, bool keep, resq_value **out,
                   resq_error *err) {
  resq_node *node = &e->nodes[index];
  bool part = range.rows < node->info.rows;
  bool is_source = node->mode == RESQ_MODE_SOURCE;
  if (!node->memo && !is_source && !(node->users > 1) && !keep &&
      !(part && node->mode != RESQ_MODE_ROWS))
    return part ? compute(e, index, range, out, err) : compute_whole(e, index, out, err);
  if (!node->memo && is_source && !keep)
    return compute(e, index, range, out, err);
  if (!node->memo && !compute_whole(e, index, &node->memo, err))
    return false;
  *out = resq_value_view(node->memo, range.begin, range.rows);
  return *out || resq_out_of_memory(err, &node->info);
}

//===-- Memory ------------------------------------------------------------===//

void resq_mark_needed(const resq_evaluator *e, int32_t node, bool *needed) {
  if (needed[node])
    return;
  needed[node] = true;
  for (int32_t i = 0; !e->nodes[node].memo && i < e->nodes[node].n_operands; ++i)
    resq_mark_needed(e, e->nodes[node].operands[i], needed);
}

void resq_release_unneeded(resq_evaluator *e, const bool *needed) {
  for (int32_t i = 0; i < e->n_nodes; ++i)
    if (e->nodes[i].memo && !needed[i]) {
      resq_value_release(e->nodes[i].memo);
      e->nodes[i].memo = NULL;
    }
  resq_evaluator_drop_pages(e);
}
