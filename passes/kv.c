//===-- kv.c - --resq-kv: how caches hold keys and values -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Keys and values are chosen apart (kv_spec.h): one part, or `resq`: the top `1/fraction` of a
// basis in 8 bits, the others in a code of their own. Keys are coded after RoPE, so their basis
// stays online: keys are turned by M, queries by its inverse transpose, (q M^-T)(k M)^T = q k^T.
// Values are turned before they are coded and back after attention; --resq-fold-rotations takes
// both into v and o projections. Where --resq-split has put o_proj into a value basis already, that
// one serves.
//===----------------------------------------------------------------------===//
#include "passes/kv.h"
#include "dialect/memory.h"
#include "passes/sites.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SIGN_ROWS = 1024, MAX_GROUP_SIZE = 256 }; ///< of a cache code

typedef struct caching {
  MlirOperation module, anchor;
  const char *flag;
  const resq_kv_options *options;
  MlirOperation sketch; ///< the last one made
  int64_t sketch_rows, sketch_size;
  bool ok;
} caching;

/// Elements of the high part.
static int64_t high_of(const caching *c, const resq_kv_spec *s, int64_t head_size) {
  return s->split ? head_size / c->options->fraction : 0;
}

static int64_t sign_rows_of(const caching *c, const resq_kv_spec *s, int64_t head_size) {
  return s->signs * (head_size - high_of(c, s, head_size));
}

/// QJL's authors take 8 channels of 128.
static int64_t outliers_of(const resq_kv_spec *s, int64_t head_size) {
  return s->outliers ? s->outliers : head_size < 32 ? 1 : head_size / 16;
}

static MlirAttribute code_of(const caching *c, MlirContext ctx, const resq_kv_spec *s,
                             int64_t head_size) {
  const unsigned high = (unsigned)high_of(c, s, head_size);
  const unsigned rows = (unsigned)sign_rows_of(c, s, head_size);
  switch (s->kind) {
  case RESQ_KV_F32:
  case RESQ_KV_F16:
    return resqKvFloatAttrGet(ctx, s->kind);
  case RESQ_KV_INT:
    return resqKvIntAttrGet(ctx, s->bits, high);
  case RESQ_KV_LM:
    return resqKvLmAttrGet(ctx, s->bits, high);
  case RESQ_KV_QJL:
    return resqKvQjlAttrGet(ctx, rows, high);
  case RESQ_KV_QJL_GROUPS:
    break;
  }
  return resqKvQjlGroupsAttrGet(ctx, rows, (unsigned)outliers_of(s, head_size),
                                (unsigned)(s->outlier_signs * head_size), s->buffer, s->window);
}

//===-- The ops that touch a cache ----------------------------------------===//

typedef struct cache_users {
  MlirStringRef cache;
  MlirOperation *ops; ///< kv_appends, then attentions
  intptr_t appends, count;
} cache_users;

static void note_user(MlirOperation op, void *user) {
  cache_users *u = user;
  if (!mlirStringRefEqual(resq_cache_name(op), u->cache))
    return;
  u->ops = RESQ_GROW(u->ops, u->count);
  u->ops[u->count++] = op;
  u->appends += resqOpIsKvAppend(op);
}

static cache_users users_of(MlirOperation module, MlirOperation cache) {
  cache_users u = {.cache = resq_symbol_name(cache)};
  resq_for_each(module, RESQ_OP_KV_APPEND, note_user, &u);
  resq_for_each(module, RESQ_OP_ATTENTION, note_user, &u);
  return u;
}

/// True when attention's result is read in a per-head basis of resq-split's already.
static bool has_value_basis(MlirOperation attention) {
  intptr_t n;
  MlirOperation *users = resq_users(mlirOperationGetResult(attention, 0), &n);
  bool found = n == 1 && resqOpIsRotate(users[0]);
  free(users);
  return found;
}

/// Heads of the queries that read a cache; 0 when two attentions have not the same: their moments
/// have one site.
static int64_t query_heads(const cache_users *u, int64_t head_size) {
  assert(u->count > u->appends); // callers have seen that the cache is read
  int64_t width = resq_width(mlirOperationGetOperand(u->ops[u->appends], 0));
  for (intptr_t i = u->appends + 1; i < u->count; i++)
    if (resq_width(mlirOperationGetOperand(u->ops[i], 0)) != width)
      return 0;
  return width / head_size;
}

//===-- Bases -------------------------------------------------------------===//

/// How one side of a cache is turned.
typedef struct turning {
  bool hadamard; ///< of `size`; else by `basis`
  int64_t size;
  resq_basis_pair basis;
} turning;

/// The basis params of one side of a cache: "<cache>.key_basis" and "<cache>.query_basis", or
/// "<cache>.value_basis" and "<cache>.value_basis.dual".
static turning make_turning(caching *c, MlirOperation cache, const cache_users *u,
                            resq_kv_side side) {
  bool keys = side == RESQ_KV_KEYS;
  const resq_kv_spec *s = keys ? c->options->keys : c->options->values;
  int64_t size = resqKvCacheOpGetHeadSize(cache);
  turning t = {.hadamard = s->basis == RESQ_KV_HADAMARD, .size = size};
  if (t.hadamard)
    return t;
  char name[256], dual[256];
  int n = (int)u->cache.length;
  const char *cache_name = u->cache.data;
  snprintf(name, sizeof name, "%.*s.%s_basis", n, cache_name, keys ? "key" : "value");
  snprintf(dual, sizeof dual, "%.*s.%s", n, cache_name, keys ? "query_basis" : "value_basis.dual");
  const MlirStringRef site =
      keys ? resqKvCacheOpGetKeysSite(cache) : resqKvCacheOpGetValuesSite(cache);
  resq_basis b = {.kind = s->basis == RESQ_KV_PCA        ? RESQ_BASIS_PCA
                          : s->basis == RESQ_KV_BALANCED ? RESQ_BASIS_BALANCED
                                                         : RESQ_BASIS_RANDOM,
                  .rotation = c->options->rotation,
                  .size = size,
                  .high = high_of(c, s, size),
                  .blocks = resqKvCacheOpGetHeads(cache),
                  .sum_blocks = !s->per_head,
                  .seed = resq_seed_apart(c->options->seed, 1),
                  .sites = &site,
                  .n_sites = 1,
                  .queries = resqKvCacheOpGetQueriesSite(cache),
                  .query_blocks = query_heads(u, size)};
  t.basis = resq_basis_params(c->module, c->anchor, name, dual, &b);
  return t;
}

static MlirValue turn_to(const resq_builder *b, MlirValue x, const turning *t) {
  return t->hadamard ? resq_make_hadamard(b, x, t->size, false) : resq_turn_to(b, x, &t->basis);
}

static MlirValue turn_dual(const resq_builder *b, MlirValue x, const turning *t) {
  return t->hadamard ? resq_make_hadamard(b, x, t->size, false) : resq_turn_dual(b, x, &t->basis);
}

/// Keys where they are appended, queries where they are read: operand 0 of both.
static void turn_keys(caching *c, MlirOperation cache, const cache_users *u) {
  turning t = make_turning(c, cache, u, RESQ_KV_KEYS);
  for (intptr_t i = 0; i < u->count; i++) {
    resq_builder b = resq_build_before(u->ops[i]);
    MlirValue x = mlirOperationGetOperand(u->ops[i], 0);
    mlirOperationSetOperand(u->ops[i], 0,
                            i < u->appends ? turn_to(&b, x, &t) : turn_dual(&b, x, &t));
  }
}

/// What attention gives, turned back for all that read it.
static void turn_back(MlirOperation attention, const turning *t) {
  MlirValue y = mlirOperationGetResult(attention, 0);
  intptr_t n;
  MlirOperation *users = resq_users(y, &n);
  resq_builder after = resq_build_after(attention);
  MlirValue back = t->hadamard ? resq_make_hadamard(&after, y, t->size, true)
                               : resq_turn_back(&after, y, &t->basis);
  for (intptr_t i = 0; i < n; i++)
    for (intptr_t j = 0; j < mlirOperationGetNumOperands(users[i]); j++)
      if (mlirValueEqual(mlirOperationGetOperand(users[i], j), y))
        mlirOperationSetOperand(users[i], j, back);
  free(users);
}

static void turn_values(caching *c, MlirOperation cache, const cache_users *u) {
  bool has_basis = true;
  for (intptr_t i = u->appends; i < u->count; i++)
    has_basis = has_basis && has_value_basis(u->ops[i]);
  if (has_basis)
    return;
  turning t = make_turning(c, cache, u, RESQ_KV_VALUES);
  for (intptr_t i = 0; i < u->count; i++) {
    if (i >= u->appends) {
      turn_back(u->ops[i], &t);
      continue;
    }
    resq_builder b = resq_build_before(u->ops[i]);
    mlirOperationSetOperand(u->ops[i], RESQ_KV_APPEND_VALUES,
                            turn_to(&b, resqKvAppendOpGetValues(u->ops[i]), &t));
  }
}

//===-- Sketches ----------------------------------------------------------===//

static MlirValue make_sketch(const resq_builder *b, void *user) {
  const caching *c = user;
  int64_t shape[] = {c->sketch_rows, c->sketch_size};
  // The basis's random part takes seed + 1 of the same generator: signs must not depend on it.
  MlirValue s = resqSketchMatrixOpBuild(b, resq_seed_apart(c->options->seed, 4),
                                        resq_tensor(mlirF64TypeGet(b->ctx), 2, shape));
  resqSketchMatrixOpSetGaussian(resq_defining_op(s), c->options->keys->gaussian);
  return resqCastOpBuild(b, s, resq_tensor(mlirF32TypeGet(b->ctx), 2, shape));
}

/// One sketch for all layers and heads of a size (as published), among the operands of all users;
/// none where keys are no signs.
static void set_sketch(caching *c, const cache_users *u, int64_t head_size) {
  const resq_kv_spec *s = c->options->keys;
  int64_t rows = sign_rows_of(c, s, head_size);
  int64_t size = head_size - high_of(c, s, head_size);
  if (rows && (rows != c->sketch_rows || size != c->sketch_size)) {
    c->sketch_rows = rows;
    c->sketch_size = size;
    c->sketch = resq_new_param(c->module, c->anchor, "key_sketch", make_sketch, c);
  }
  for (intptr_t i = 0; i < u->count; i++) {
    MlirValue operands[5];
    // All operands in front of the sketch.
    intptr_t n = i < u->appends ? (intptr_t)RESQ_KV_APPEND_SKETCH : (intptr_t)RESQ_ATTENTION_SKETCH;
    for (intptr_t j = 0; j < n; j++)
      operands[j] = mlirOperationGetOperand(u->ops[i], j);
    if (rows) {
      resq_builder b = resq_build_before(u->ops[i]);
      operands[n++] = resq_get_param(&b, c->sketch);
    }
    mlirOperationSetOperands(u->ops[i], n, operands);
  }
}

//===-- Caches ------------------------------------------------------------===//

/// What the head size must allow, of one side.
static bool check_side(const caching *c, MlirOperation cache, const resq_kv_spec *s) {
  int64_t size = resqKvCacheOpGetHeadSize(cache);
  if (s->split && size / c->options->fraction < 1)
    resq_emit_error(cache, "%s: head_size %lld is smaller than fraction %lld", c->flag,
                    (long long)size, (long long)c->options->fraction);
  else if (s->basis == RESQ_KV_HADAMARD && !resqHadamardOrder(size))
    resq_emit_error(cache, "%s: no Hadamard matrix of size %lld is known (docs/dialect.md)",
                    c->flag, (long long)size);
  else if (s->kind == RESQ_KV_QJL_GROUPS && (outliers_of(s, size) >= size || size > MAX_GROUP_SIZE))
    resq_emit_error(cache,
                    "%s: %lld outlier channels of %lld elements, allowed: fewer than all, of at "
                    "most %d elements",
                    c->flag, (long long)outliers_of(s, size), (long long)size, MAX_GROUP_SIZE);
  else if (sign_rows_of(c, s, size) > MAX_SIGN_ROWS)
    resq_emit_error(cache, "%s: %u sign rows for each of %lld elements are %lld, allowed: %d",
                    c->flag, s->signs, (long long)(size - high_of(c, s, size)),
                    (long long)sign_rows_of(c, s, size), MAX_SIGN_ROWS);
  else
    return true;
  return false;
}

static bool check_cache(const caching *c, MlirOperation cache, const cache_users *u) {
  const resq_kv_options *o = c->options;
  if ((o->keys && !check_side(c, cache, o->keys)) ||
      (o->values && !check_side(c, cache, o->values)))
    return false;
  if (!o->keys || o->keys->basis != RESQ_KV_BALANCED || u->count == u->appends ||
      query_heads(u, resqKvCacheOpGetHeadSize(cache)))
    return true;
  resq_emit_error(cache,
                  "%s: basis=balanced needs one second moment of queries, but attentions of "
                  "different widths read this cache",
                  c->flag);
  return false;
}

static void visit_cache(MlirOperation cache, void *user) {
  caching *c = user;
  if (!c->ok)
    return;
  const resq_kv_options *o = c->options;
  MlirContext ctx = mlirOperationGetContext(cache);
  int64_t size = resqKvCacheOpGetHeadSize(cache);
  cache_users u = users_of(c->module, cache);
  c->ok = check_cache(c, cache, &u);
  bool is_read = u.appends && u.count > u.appends;
  if (c->ok && o->keys) {
    if (is_read && o->keys->basis != RESQ_KV_NONE)
      turn_keys(c, cache, &u);
    set_sketch(c, &u, size);
    resqKvCacheOpSetKeys(cache, code_of(c, ctx, o->keys, size));
  }
  if (c->ok && o->values) {
    if (is_read && o->values->basis != RESQ_KV_NONE)
      turn_values(c, cache, &u);
    resqKvCacheOpSetValues(cache, code_of(c, ctx, o->values, size));
  }
  free(u.ops);
}

bool resq_kv_apply(MlirOperation module, const char *flag, const resq_kv_options *options) {
  if (options->fraction < 2) {
    resq_emit_error(module, "%s: fraction is %lld, allowed: 2 or more", flag,
                    (long long)options->fraction);
    return false;
  }
  caching c = {.module = module,
               .anchor = resq_first_function(module),
               .flag = flag,
               .options = options,
               .ok = true};
  resq_name_sites(module);
  resq_for_each(module, RESQ_OP_KV_CACHE, visit_cache, &c);
  return c.ok;
}

//===-- The pass ----------------------------------------------------------===//

static bool parse(MlirOperation module, resq_pass *pass, resq_kv_side side, resq_kv_spec *out) {
  MlirStringRef text = resq_pass_string(pass, side == RESQ_KV_KEYS ? "keys" : "values");
  char message[320];
  if (resq_kv_parse(side, text.data, text.length, out, message, sizeof message))
    return true;
  resq_emit_error(module, "resq-kv: %s", message);
  return false;
}

bool resq_pass_kv(MlirOperation module, resq_pass *pass) {
  resq_kv_spec keys, values;
  resq_kv_options options = {.keys = &keys,
                             .values = &values,
                             .fraction = resq_pass_int(pass, "fraction"),
                             .seed = resq_pass_int(pass, "seed")};
  return parse(module, pass, RESQ_KV_KEYS, &keys) && parse(module, pass, RESQ_KV_VALUES, &values) &&
         resq_rotation_parse(module, pass, "resq-kv", &options.rotation) &&
         resq_kv_apply(module, "resq-kv", &options);
}
