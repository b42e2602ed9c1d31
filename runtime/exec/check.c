//===-- check.c - what a call must keep to --------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiled code believes its arguments. Here they are held against the facts that the compiler
// derived from the ops (resq/abi.h): extents, values of indices, and, cache by cache in the order
// of the ops, that a sequence's tokens follow each other and that nothing is read that nobody
// wrote. What an argument is called makes no difference.
//===----------------------------------------------------------------------===//
#include "base/checked.h"
#include "exec/session_internal.h"

#include <inttypes.h>

//===-- Facts -------------------------------------------------------------===//

static bool is_ids(const resq_entry *e, int32_t i) {
  return i >= 0 && i < e->n_args && e->args[i].dtype == RESQ_I32 && !e->args[i].width &&
         !e->args[i].is_result;
}

static bool rule_is_sound(const resq_entry *e, const resq_index_rule *r) {
  switch (r->kind) {
  case RESQ_RULE_BELOW:
    return r->limit >= 0;
  case RESQ_RULE_ROW:
    return r->argument >= 0 && r->argument < e->n_args;
  case RESQ_RULE_POSITION:
  case RESQ_RULE_SEQUENCE:
    return true;
  }
  return false;
}

static bool argument_is_sound(const resq_entry *e, int32_t i) {
  const resq_arg *a = &e->args[i];
  if (a->rows_as < 0 || a->rows_as > i || e->args[a->rows_as].rows_as != a->rows_as ||
      e->args[a->rows_as].rows != a->rows || a->n_rules < 0 ||
      (a->n_rules && (!a->rules || !is_ids(e, i))))
    return false;
  for (int32_t r = 0; r < a->n_rules; ++r)
    if (!rule_is_sound(e, &a->rules[r]))
      return false;
  return true;
}

static bool has_rule(const resq_arg *a, resq_index_rule_kind kind) {
  for (int32_t r = 0; r < a->n_rules; ++r)
    if (a->rules[r].kind == (int32_t)kind)
      return true;
  return false;
}

/// What a use names is bounded: the session's own tables are indexed by it.
static bool use_is_sound(const resq_entry *e, const resq_cache_use *use, int32_t n_caches) {
  return use->cache >= 0 && use->cache < n_caches && is_ids(e, use->positions) &&
         is_ids(e, use->sequences) &&
         e->args[use->positions].rows_as == e->args[use->sequences].rows_as &&
         has_rule(&e->args[use->positions], RESQ_RULE_POSITION) &&
         has_rule(&e->args[use->sequences], RESQ_RULE_SEQUENCE);
}

bool resq_check_facts(const resq_entry *e, int32_t n_caches, resq_error *err) {
  for (int32_t i = 0; i < e->n_args; ++i)
    if (!argument_is_sound(e, i))
      return resq_fail(err, RESQ_BAD_INPUT, "@%s: the facts of argument %" PRId32 " are malformed",
                       e->function, i);
  if (e->n_uses < 0 || (e->n_uses && !e->uses))
    return resq_fail(err, RESQ_BAD_INPUT, "@%s: its uses of caches are malformed", e->function);
  for (int64_t u = 0; u < e->n_uses; ++u)
    if (!use_is_sound(e, &e->uses[u], n_caches))
      return resq_fail(err, RESQ_BAD_INPUT, "@%s: use %" PRId64 " of a cache is malformed",
                       e->function, u);
  return true;
}

//===-- Extents and addresses ---------------------------------------------===//

static bool argument_bytes(const resq_arg *a, int64_t rows, uint64_t *out) {
  return resq_mul_u64((uint64_t)rows, 4 * (uint64_t)(a->width ? a->width : 1), out) &&
         *out <= PTRDIFF_MAX;
}

static bool check_extent(const resq_entry *e, int i, void *const *args, const int64_t *rows,
                         resq_error *err) {
  const resq_arg *a = &e->args[i], *as = &e->args[a->rows_as];
  uint64_t bytes;
  if (rows[i] < 0)
    return resq_fail(err, RESQ_USAGE, "@%s: argument '%s' has %" PRId64 " rows, allowed: 0 or more",
                     e->function, a->name, rows[i]);
  if (a->rows >= 0 && rows[i] != a->rows)
    return resq_fail(err, RESQ_USAGE, "@%s: argument '%s' has %" PRId64 " rows, expected %" PRId64,
                     e->function, a->name, rows[i], a->rows);
  if (rows[i] != rows[a->rows_as])
    return resq_fail(err, RESQ_USAGE,
                     "@%s: argument '%s' has %" PRId64 " rows, expected %" PRId64
                     ", as many as '%s' has",
                     e->function, a->name, rows[i], rows[a->rows_as], as->name);
  if (!argument_bytes(a, rows[i], &bytes))
    return resq_fail(err, RESQ_USAGE,
                     "@%s: argument '%s' has %" PRId64 " rows, more than memory can hold",
                     e->function, a->name, rows[i]);
  if (!args[i] && rows[i])
    return resq_fail(err, RESQ_USAGE, "@%s: argument '%s' is NULL", e->function, a->name);
  if ((uintptr_t)args[i] % 4)
    return resq_fail(err, RESQ_USAGE, "@%s: the address of argument '%s' is no multiple of 4",
                     e->function, a->name);
  return true;
}

/// A result is written while arguments are read: no byte is both.
static bool check_overlap(const resq_entry *e, void *const *args, const int64_t *rows,
                          resq_error *err) {
  for (int r = 0; r < e->n_args; ++r)
    for (int i = 0; e->args[r].is_result && i < e->n_args; ++i) {
      uint64_t a, b;
      if (i == r || !argument_bytes(&e->args[r], rows[r], &a) ||
          !argument_bytes(&e->args[i], rows[i], &b) || !a || !b)
        continue;
      uintptr_t x = (uintptr_t)args[r], y = (uintptr_t)args[i];
      if (x < y + b && y < x + a)
        return resq_fail(err, RESQ_USAGE, "@%s: the memory of result '%s' overlaps that of '%s'",
                         e->function, e->args[r].name, e->args[i].name);
    }
  return true;
}

//===-- Values ------------------------------------------------------------===//

static int64_t rule_limit(const resq_session *s, const resq_index_rule *r, const int64_t *rows) {
  switch (r->kind) {
  case RESQ_RULE_ROW:
    return rows[r->argument];
  case RESQ_RULE_POSITION:
    return s->capacity;
  case RESQ_RULE_SEQUENCE:
    return s->sequences;
  default:
    return r->limit;
  }
}

static bool check_range(const resq_entry *e, const char *name, const int32_t *values, int64_t n,
                        int64_t limit, resq_error *err) {
  // One pass without branches first: this runs for every token of a prompt.
  bool bad = false;
  for (int64_t i = 0; i < n; ++i)
    bad |= values[i] < 0 || values[i] >= limit;
  for (int64_t i = 0; bad && i < n; ++i) {
    if (values[i] >= 0 && values[i] < limit)
      continue;
    if (limit < 1)
      return resq_fail(err, RESQ_USAGE,
                       "@%s: %s[%" PRId64 "] is %" PRId32 ", but there are no rows", e->function,
                       name, i, values[i]);
    return resq_fail(err, RESQ_USAGE, "@%s: %s[%" PRId64 "] is %" PRId32 ", allowed: 0 to %" PRId64,
                     e->function, name, i, values[i], limit - 1);
  }
  return true;
}

bool resq_check_arguments(const resq_session *s, const resq_entry *e, void *const *args,
                          const int64_t *rows, int n_args, resq_error *err) {
  if (n_args != e->n_args)
    return resq_fail(err, RESQ_USAGE, "@%s takes %" PRId32 " arguments and results, %d given",
                     e->function, e->n_args, n_args);
  if (n_args && (!args || !rows))
    return resq_fail(err, RESQ_USAGE, "@%s: the list of %s is NULL", e->function,
                     args ? "rows" : "arguments");
  for (int i = 0; i < n_args; ++i)
    if (!check_extent(e, i, args, rows, err))
      return false;
  if (!check_overlap(e, args, rows, err))
    return false;
  for (int i = 0; i < n_args; ++i)
    for (int32_t r = 0; r < e->args[i].n_rules; ++r)
      if (!check_range(e, e->args[i].name, args[i], rows[i],
                       rule_limit(s, &e->args[i].rules[r], rows), err))
        return false;
  return true;
}

//===-- Caches ------------------------------------------------------------===//

/// The next use of a cache from *at on; NULL at the end.
static const resq_cache_use *next_use(const resq_entry *e, int32_t cache, int64_t *at) {
  while (*at < e->n_uses)
    if (e->uses[(*at)++].cache == cache)
      return &e->uses[*at - 1];
  return NULL;
}

static bool uses_are_alike(const resq_entry *e, int32_t a, int32_t b) {
  const resq_cache_use *x, *y;
  int64_t i = 0, j = 0;
  do {
    x = next_use(e, a, &i);
    y = next_use(e, b, &j);
    if (x && y &&
        (x->positions != y->positions || x->sequences != y->sequences ||
         !x->is_append != !y->is_append))
      return false;
  } while (x && y);
  return !x && !y;
}

static bool caches_are_alike(const resq_session *s, int32_t a, int32_t b) {
  const resq_cache *caches = s->model->program->caches;
  bool alike = caches[a].rewind == caches[b].rewind;
  for (int i = 0; alike && i < s->n_entries; ++i)
    alike = uses_are_alike(s->entries[i], a, b);
  return alike;
}

void resq_find_alike_caches(resq_session *s) {
  for (int32_t c = 0; c < s->model->program->n_caches; ++c) {
    int32_t first = 0;
    while (first < c && (s->alike[first] != first || !caches_are_alike(s, first, c)))
      ++first;
    s->alike[c] = first;
  }
}

/// Whether a use tells something that one of a cache alike does not.
static bool counts(const resq_session *s, const resq_cache_use *use) {
  return s->alike[use->cache] == use->cache;
}

/// One row of a use, while it is checked.
typedef struct use_row {
  const resq_entry *entry;
  const resq_cache_use *use;
  const resq_cache *cache;
  resq_held *held;
  int64_t row;
  int32_t position, sequence;
} use_row;

static bool refuse_rewind(const use_row *r, resq_error *err) {
  return resq_fail(err, RESQ_USAGE,
                   "@%s: %s[%" PRId64 "] is %" PRId32 ": sequence %" PRId32 " has reached %" PRId32
                   " and its cache keeps what it takes to go back by up to %" PRId64
                   " tokens, or to start again at 0",
                   r->entry->function, r->entry->args[r->use->positions].name, r->row, r->position,
                   r->sequence, r->held->reached - 1, r->cache->rewind);
}

static bool refuse_gap(const use_row *r, resq_error *err) {
  return resq_fail(err, RESQ_USAGE,
                   "@%s: %s[%" PRId64 "] is %" PRId32 ": sequence %" PRId32 " holds %" PRId32
                   " tokens in cache '%s', so %s",
                   r->entry->function, r->entry->args[r->use->positions].name, r->row, r->position,
                   r->sequence, r->held->next, r->cache->name,
                   r->use->is_append ? "its next row is that or one before it"
                                     : "nobody wrote what would be read there");
}

/// A row is the next of its sequence or goes back; within a call, rows of a sequence ascend one by
/// one, or what they read would depend on how the call is cut.
static bool append_row(const use_row *r, int64_t stamp, resq_error *err) {
  resq_held *h = r->held;
  if (h->stamp == stamp && r->position != h->next)
    return resq_fail(err, RESQ_USAGE,
                     "@%s: %s[%" PRId64 "] is %" PRId32 " after %" PRId32
                     ": rows of one sequence (%" PRId32 ") follow each other within a call",
                     r->entry->function, r->entry->args[r->use->positions].name, r->row,
                     r->position, h->next - 1, r->sequence);
  if (r->position > h->next)
    return refuse_gap(r, err);
  if (r->position == 0)
    h->reached = 0;
  else if (r->cache->rewind >= 0 && r->position < h->reached - r->cache->rewind)
    return refuse_rewind(r, err);
  h->next = r->position + 1;
  if (h->next > h->reached)
    h->reached = h->next;
  h->stamp = stamp;
  return true;
}

/// A row that was appended last may be `rewind` behind the newest, and one more: the newest itself.
static bool read_row(const use_row *r, resq_error *err) {
  if (r->position >= r->held->next)
    return refuse_gap(r, err);
  if (r->cache->rewind >= 0 && r->position < r->held->reached - r->cache->rewind - 1)
    return refuse_rewind(r, err);
  return true;
}

/// Rows [begin, end) of a use.
static bool check_use(resq_session *s, const resq_entry *e, const resq_cache_use *use,
                      void *const *args, int64_t begin, int64_t end, int64_t stamp,
                      resq_error *err) {
  const int32_t *positions = args[use->positions], *sequences = args[use->sequences];
  use_row r = {.entry = e, .use = use, .cache = &s->model->program->caches[use->cache]};
  resq_held *held = s->next_held + use->cache * s->sequences;
  for (r.row = begin; r.row < end; ++r.row) {
    r.position = positions[r.row];
    r.sequence = sequences[r.row];
    r.held = held + r.sequence;
    if (!(use->is_append ? append_row(&r, stamp, err) : read_row(&r, err)))
      return false;
  }
  return true;
}

/// Copies what is known of all sequences that a call names.
static void copy_held(const resq_session *s, const resq_entry *e, void *const *args,
                      const int64_t *rows, const resq_held *from, resq_held *to) {
  for (int64_t u = 0; u < e->n_uses; ++u) {
    const resq_cache_use *use = &e->uses[u];
    const int32_t *sequences = args[use->sequences];
    const int64_t first = use->cache * s->sequences;
    if (!use->is_append || !counts(s, use))
      continue;
    for (int64_t i = 0; i < rows[use->sequences]; ++i)
      to[first + sequences[i]] = from[first + sequences[i]];
  }
}

bool resq_check_caches(resq_session *s, const resq_entry *e, void *const *args, const int64_t *rows,
                       int64_t limit, resq_error *err) {
  int64_t most = 0;
  for (int64_t u = 0; u < e->n_uses; ++u)
    if (rows[e->uses[u].positions] > most)
      most = rows[e->uses[u].positions];
  bool ok = true;
  for (int64_t begin = 0; ok && begin < most; begin += limit)
    for (int64_t u = 0; ok && u < e->n_uses; ++u) {
      if (!counts(s, &e->uses[u]))
        continue;
      const int64_t n = rows[e->uses[u].positions];
      ok = check_use(s, e, &e->uses[u], args, begin, n < begin + limit ? n : begin + limit,
                     s->stamp + u + 1, err);
    }
  s->stamp += e->n_uses;
  copy_held(s, e, args, rows, ok ? s->next_held : s->held, ok ? s->held : s->next_held);
  return ok;
}

void resq_forget_rows(resq_session *s, const resq_entry *e, void *const *args,
                      const int64_t *rows) {
  for (int64_t u = 0; u < e->n_uses; ++u) {
    const resq_cache_use *use = &e->uses[u];
    const int32_t *sequences = args[use->sequences];
    if (!use->is_append || !counts(s, use))
      continue;
    for (int64_t i = 0; i < rows[use->sequences]; ++i)
      s->held[use->cache * s->sequences + sequences[i]] = (resq_held){0};
  }
  copy_held(s, e, args, rows, s->held, s->next_held);
}
