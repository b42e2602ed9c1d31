//===-- kv.c - --resq-kv: how caches hold keys and values -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Keys and values are chosen apart: f32, f16, int8, int4, int3, int2 (one part, per token and
// head), or `resq`: a PCA basis per head vector, the top `1/fraction` in 8 bits, the others in
// `bits`. Keys are coded after RoPE, so their basis stays online, on keys and queries alike: (q
// M)(k M)^T = q k^T. Values are rotated before they are coded and back after attention;
// --resq-fold-rotations takes both into v and o projections. Where --resq-split has put o_proj into
// a value basis already, that one serves.
//===----------------------------------------------------------------------===//
#include "passes/basis.h"
#include "passes/pass.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum turn_kind { TURN_NONE, TURN_PCA, TURN_HADAMARD, TURN_RANDOM } turn_kind;

/// One side of the caches.
typedef struct side {
  char kind[8]; ///< of the code attribute
  unsigned bits;
  bool split; ///< resq: the high part apart
  turn_kind turn;
} side;

typedef struct caching {
  MlirOperation module, anchor;
  side keys, values;
  int64_t fraction, seed;
  bool per_head, ok;
} caching;

static bool parse_side(MlirOperation module, const char *option, MlirStringRef code,
                       MlirStringRef basis, int64_t bits, side *out) {
  static const struct {
    const char *name, *kind;
    unsigned bits;
    bool split;
  } codes[] = {{"f32", "f32", 0, false},  {"f16", "f16", 0, false},  {"int8", "int", 8, false},
               {"int4", "int", 4, false}, {"int3", "int", 3, false}, {"int2", "int", 2, false},
               {"resq", "int", 0, true}};
  static const struct {
    const char *name;
    turn_kind turn;
  } turns[] = {
      {"none", TURN_NONE}, {"pca", TURN_PCA}, {"hadamard", TURN_HADAMARD}, {"random", TURN_RANDOM}};
  bool found = false, turned = !basis.length;
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
    if (resq_str_eq(code, codes[i].name)) {
      snprintf(out->kind, sizeof out->kind, "%s", codes[i].kind);
      out->bits = codes[i].split ? (unsigned)bits : codes[i].bits;
      out->split = codes[i].split;
      out->turn = codes[i].split ? TURN_PCA : TURN_NONE;
      found = true;
    }
  for (size_t i = 0; i < sizeof turns / sizeof *turns; i++)
    if (basis.length && resq_str_eq(basis, turns[i].name)) {
      out->turn = turns[i].turn;
      turned = true;
    }
  if (!found)
    resq_emit_error(module,
                    "resq-kv: %s is '%.*s', allowed: f32, f16, int8, int4, int3, int2, resq",
                    option, (int)code.length, code.data);
  else if (!turned)
    resq_emit_error(module,
                    "resq-kv: the basis of %s is '%.*s', allowed: none, pca, hadamard, random",
                    option, (int)basis.length, basis.data);
  else if (bits != 2 && bits != 3 && bits != 4 && bits != 8)
    resq_emit_error(module, "resq-kv: bits is %lld, allowed: 2, 3, 4, 8", (long long)bits);
  else
    return true;
  return false;
}

static MlirAttribute code_of(const caching *c, MlirContext ctx, const side *s, int64_t head_size) {
  int64_t high = s->split ? head_size / c->fraction : 0;
  return resqKvCodeAttrGet(ctx, resq_str(s->kind), s->bits, (unsigned)high,
                           strcmp(s->kind, "int") ? 0 : 8, 0);
}

/// A basis param of one side of one cache.
static MlirOperation make_basis(caching *c, MlirOperation cache, const side *s, const char *what,
                                bool per_head) {
  MlirStringRef name = resq_op_str(cache, "sym_name");
  char symbol[256], site[256];
  snprintf(symbol, sizeof symbol, "%.*s.%s_basis", (int)name.length, name.data, what);
  snprintf(site, sizeof site, "%.*s.%ss", (int)name.length, name.data, what);
  int64_t size = resq_op_i64(cache, "head_size");
  const char *sites[] = {site};
  resq_basis b = {.kind = s->turn == TURN_PCA ? RESQ_BASIS_PCA : RESQ_BASIS_RANDOM,
                  .size = size,
                  .high = s->split ? size / c->fraction : 0,
                  .blocks = resq_op_i64(cache, "heads"),
                  .sum_blocks = !per_head,
                  .seed = c->seed,
                  .sites = sites,
                  .n_sites = 1};
  return resq_basis_param(c->module, c->anchor, symbol, &b);
}

static MlirValue turned(caching *c, const resq_builder *b, MlirValue x, const side *s,
                        MlirOperation basis, int64_t size, bool back) {
  if (s->turn == TURN_HADAMARD) {
    (void)c;
    return resq_make_hadamard(b, x, size, back);
  }
  return resq_make_rotate(b, x, resq_get_param(b, basis), back);
}

/// True when attention's result is read in a per-head basis of resq-split's already.
static bool has_value_basis(MlirOperation attention) {
  intptr_t n;
  MlirOperation *users = resq_users(mlirOperationGetResult(attention, 0), &n);
  bool found = n == 1 && resq_op_is(users[0], "resq.rotate");
  free(users);
  return found;
}

//===-- The ops that touch a cache ----------------------------------------===//

typedef struct cache_users {
  MlirStringRef cache;
  MlirOperation *ops; ///< kv_appends, then attentions
  intptr_t appends, count;
} cache_users;

static void note_user(MlirOperation op, void *user) {
  cache_users *u = user;
  if (!mlirStringRefEqual(resq_op_str(op, "cache"), u->cache))
    return;
  u->ops = realloc(u->ops, sizeof *u->ops * (size_t)(u->count + 1));
  u->ops[u->count++] = op;
  u->appends += resq_op_is(op, "resq.kv_append");
}

static cache_users users_of(MlirOperation module, MlirOperation cache) {
  cache_users u = {.cache = resq_op_str(cache, "sym_name")};
  resq_for_each(module, "resq.kv_append", note_user, &u);
  resq_for_each(module, "resq.attention", note_user, &u);
  return u;
}

/// Keys where they are appended, queries where they are read: operand 0 of both.
static void turn_keys(caching *c, MlirOperation cache, const cache_users *u) {
  int64_t size = resq_op_i64(cache, "head_size");
  MlirOperation basis = {NULL};
  if (c->keys.turn != TURN_HADAMARD)
    basis = make_basis(c, cache, &c->keys, "key", c->per_head);
  for (intptr_t i = 0; i < u->count; i++) {
    resq_builder b = resq_build_before(u->ops[i]);
    mlirOperationSetOperand(
        u->ops[i], 0,
        turned(c, &b, mlirOperationGetOperand(u->ops[i], 0), &c->keys, basis, size, false));
  }
}

/// What attention gives, turned back for all that read it.
static void turn_back(caching *c, MlirOperation attention, MlirOperation basis, int64_t size) {
  MlirValue y = mlirOperationGetResult(attention, 0);
  intptr_t n;
  MlirOperation *users = resq_users(y, &n);
  resq_builder after = resq_build_after(attention);
  MlirValue back = turned(c, &after, y, &c->values, basis, size, true);
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
  int64_t size = resq_op_i64(cache, "head_size");
  MlirOperation basis = {NULL};
  if (c->values.turn != TURN_HADAMARD)
    basis = make_basis(c, cache, &c->values, "value", true);
  for (intptr_t i = 0; i < u->count; i++) {
    if (i >= u->appends) {
      turn_back(c, u->ops[i], basis, size);
      continue;
    }
    resq_builder b = resq_build_before(u->ops[i]);
    mlirOperationSetOperand(
        u->ops[i], 1,
        turned(c, &b, mlirOperationGetOperand(u->ops[i], 1), &c->values, basis, size, false));
  }
}

static void visit_cache(MlirOperation cache, void *user) {
  caching *c = user;
  if (!c->ok)
    return;
  MlirContext ctx = mlirOperationGetContext(cache);
  int64_t size = resq_op_i64(cache, "head_size");
  if ((c->keys.split || c->values.split) && size / c->fraction < 1) {
    resq_emit_error(cache, "resq-kv: head_size %lld is smaller than fraction %lld", (long long)size,
                    (long long)c->fraction);
    c->ok = false;
    return;
  }
  if ((c->keys.turn == TURN_HADAMARD || c->values.turn == TURN_HADAMARD) &&
      !resqHadamardOrder(size)) {
    resq_emit_error(cache, "resq-kv: no Hadamard matrix of size %lld is known (docs/dialect.md)",
                    (long long)size);
    c->ok = false;
    return;
  }
  cache_users u = users_of(c->module, cache);
  if (u.appends && u.count > u.appends) {
    if (c->keys.turn != TURN_NONE)
      turn_keys(c, cache, &u);
    if (c->values.turn != TURN_NONE)
      turn_values(c, cache, &u);
  }
  free(u.ops);
  mlirOperationSetInherentAttributeByName(cache, resq_str("keys"), code_of(c, ctx, &c->keys, size));
  mlirOperationSetInherentAttributeByName(cache, resq_str("values"),
                                          code_of(c, ctx, &c->values, size));
}

bool resq_pass_kv(MlirOperation module, resq_pass *pass) {
  caching c = {.module = module,
               .ok = true,
               .fraction = resq_pass_int(pass, "fraction"),
               .seed = resq_pass_int(pass, "seed") + 1,
               .per_head = resq_pass_bool(pass, "keys-per-head")};
  if (!parse_side(module, "keys", resq_pass_string(pass, "keys"),
                  resq_pass_string(pass, "keys-basis"), resq_pass_int(pass, "bits"), &c.keys) ||
      !parse_side(module, "values", resq_pass_string(pass, "values"),
                  resq_pass_string(pass, "values-basis"), resq_pass_int(pass, "bits"), &c.values))
    return false;
  if (c.fraction < 2) {
    resq_emit_error(module, "resq-kv: fraction is %lld, allowed: 2 or more", (long long)c.fraction);
    return false;
  }
  c.anchor = resq_first_function(module);
  resq_for_each(module, "resq.kv_cache", visit_cache, &c);
  return c.ok;
}
