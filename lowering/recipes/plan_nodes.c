//===-- plan_nodes.c ------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The table of nodes. A node's key hashes its op, attributes, types of all results, operands' keys
// and, at leaves, the data: equal keys are equal values, in this module and in the cache.
//===----------------------------------------------------------------------===//
#include "evaluate.h"
#include "dialect/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

//===-- Keys --------------------------------------------------------------===//

static void hash_text(MlirStringRef piece, void *state) {
  XXH3_128bits_update(state, piece.data, piece.length);
}

/// Ends a text, so that two texts never read as one other.
static void hash_end(XXH3_state_t *state) { XXH3_128bits_update(state, "\0;", 2); }

/// What calibration learned about the site of a resq.moment or resq.samples; a site without
/// statistics fails when it is evaluated.
static void hash_site(const resq_statistics *statistics, const resq_node *node, bool samples,
                      XXH3_state_t *state) {
  MlirStringRef site = resq_site_name(node->op);
  char name[1024];
  snprintf(name, sizeof name, "%.*s", (int)site.length, site.data);
  int32_t index = resq_statistics_find(statistics, name);
  uint64_t digest[2] = {0};
  if (index >= 0 && samples)
    resq_statistics_samples_digest(statistics, index, digest);
  else if (index >= 0)
    resq_statistics_digest(statistics, index, digest);
  XXH3_128bits_update(state, digest, sizeof digest);
}

static bool hash_op(resq_evaluator *e, const resq_node *node, const char *kind, MlirType type,
                    XXH3_state_t *state, resq_error *err) {
  const uint32_t version = RESQ_PARAM_CACHE_VERSION;
  XXH3_128bits_update(state, &version, sizeof version);
  XXH3_128bits_update(state, kind, strlen(kind) + 1);
  XXH3_128bits_update(state, &node->result, sizeof node->result);
  mlirTypePrint(type, hash_text, state);
  hash_end(state);
  for (int32_t i = 0; i < node->n_operands; ++i)
    XXH3_128bits_update(state, e->nodes[node->operands[i]].key, sizeof node->key);
  if (!node->rule)
    return true;
  // One result of a joint op is made in view of what the others are to be.
  for (intptr_t i = 0; i < mlirOperationGetNumResults(node->op); ++i) {
    mlirTypePrint(mlirValueGetType(mlirOperationGetResult(node->op, i)), hash_text, state);
    hash_end(state);
  }
  for (intptr_t i = 0; i < mlirOperationGetNumAttributes(node->op); ++i) {
    MlirNamedAttribute attr = mlirOperationGetAttribute(node->op, i);
    hash_text(mlirIdentifierStr(attr.name), state);
    hash_end(state);
    mlirAttributePrint(attr.attribute, hash_text, state);
    hash_end(state);
  }
  if (strcmp(kind, RESQ_OP_LEAF) == 0) {
    resq_named_checkpoint *c = resq_named_checkpoint_get(e, resqLeafOpGetCheckpoint(node->op), err);
    if (!c)
      return false;
    XXH3_128bits_update(state, c->digest, sizeof c->digest);
  }
  bool samples = strcmp(kind, RESQ_OP_SAMPLES) == 0;
  if (e->statistics && (samples || strcmp(kind, RESQ_OP_MOMENT) == 0))
    hash_site(e->statistics, node, samples, state);
  return true;
}

static bool compute_key(resq_evaluator *e, resq_node *node, const char *kind, MlirType type,
                        resq_error *err) {
  XXH3_state_t *state = XXH3_createState();
  if (!state)
    return resq_fail(err, RESQ_NO_MEMORY, "no memory to plan the recipes");
  XXH3_128bits_reset(state);
  bool ok = hash_op(e, node, kind, type, state, err);
  XXH128_hash_t hash = XXH3_128bits_digest(state);
  XXH3_freeState(state);
  node->key[0] = hash.low64;
  node->key[1] = hash.high64;
  return ok;
}

//===-- The table of nodes ------------------------------------------------===//

static int32_t *slot_of(resq_evaluator *e, const uint64_t key[2]) {
  uint32_t mask = (uint32_t)e->by_key_capacity - 1, at = (uint32_t)key[0] & mask;
  while (e->by_key[at] >= 0 && memcmp(e->nodes[e->by_key[at]].key, key, 16) != 0)
    at = (at + 1) & mask;
  return &e->by_key[at];
}

static void grow(resq_evaluator *e) {
  if (e->n_nodes < e->node_capacity)
    return;
  int32_t capacity = e->node_capacity ? 2 * e->node_capacity : 256;
  resq_node *nodes = e->nodes = resq_resize(e->nodes, (size_t)capacity, sizeof *nodes);
  int32_t *table = resq_new((size_t)capacity * 4, sizeof *table);
  free(e->by_key);
  e->by_key = table;
  e->by_key_capacity = capacity * 4;
  memset(table, 0xff, (size_t)capacity * 4 * sizeof *table);
  e->node_capacity = capacity;
  for (int32_t i = 0; i < e->n_nodes; ++i)
    *slot_of(e, nodes[i].key) = i;
}

bool resq_intern(resq_evaluator *e, resq_node *node, const char *kind, MlirType type, int32_t *out,
                 resq_error *err) {
  for (int32_t i = 0; i < node->n_operands; ++i) {
    const resq_node *operand = &e->nodes[node->operands[i]];
    node->depth = operand->depth + 1 > node->depth ? operand->depth + 1 : node->depth;
    // Rows of weights through a costly basis are cached where they are stored, not on the way.
    if (!node->rule || node->mode == RESQ_MODE_WHOLE)
      node->costly = node->costly || operand->costly;
  }
  bool ok =
      node->depth <= RESQ_MAX_RECIPE_DEPTH ||
      resq_fail(err, RESQ_BAD_INPUT, "a recipe is more than %d ops deep", RESQ_MAX_RECIPE_DEPTH);
  ok = ok && compute_key(e, node, kind, type, err);
  if (ok)
    grow(e);
  int32_t *slot = ok ? slot_of(e, node->key) : NULL;
  if (!ok || *slot >= 0) {
    free(node->operands);
    if (ok)
      *out = *slot;
    return ok;
  }
  *out = *slot = e->n_nodes;
  e->nodes[e->n_nodes++] = *node;
  // Results that are made together read the operands once.
  bool reads = node->mode != RESQ_MODE_JOINT || node->result == 0;
  for (int32_t i = 0; reads && i < node->n_operands; ++i)
    ++e->nodes[node->operands[i]].users;
  return true;
}
