//===-- call.c - running an entry on all threads --------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Checks what would make compiled code read or write outside its memory or read keys that a
// cache has forgotten, cuts long inputs into chunks that an entry holds, and forks.
//===----------------------------------------------------------------------===//
#include "exec/session_internal.h"

#include <inttypes.h>
#include <string.h>

//===-- What compiled code calls ------------------------------------------===//

/// Time since the last look goes to op.
static void charge(resq_profile *profile, int32_t op) {
  int64_t now = resq_now_ns();
  profile->op_ns[op] += now - profile->last_ns;
  profile->last_ns = now;
}

__attribute__((visibility("default"))) int32_t resq_barrier(resq_worker *w) {
  if (w->count == 1)
    return 1;
  bool enters = resq_pool_phase(w->call->barrier, w->index);
  // Waiting for the slowest thread belongs to the op before, not to the one after.
  if (w->index == 0 && w->call->profile) {
    resq_profile *profile = w->call->profile;
    if (profile->last_op >= 0)
      charge(profile, profile->last_op);
  }
  return enters;
}

__attribute__((visibility("default"))) void resq_op_done(resq_worker *w, int32_t op) {
  resq_profile *profile = w->call->profile;
  if (!profile || w->index)
    return;
  charge(profile, op);
  profile->last_op = op;
}

//===-- One call ----------------------------------------------------------===//

typedef struct running {
  void (*run)(resq_worker *);
  resq_worker *workers;
} running;

static void run_worker(void *context, int index, int count) {
  const running *r = context;
  resq_worker *w = &r->workers[index];
  w->count = count;
  r->run(w);
}

static bool run_entry(resq_session *s, const resq_entry *const *slot, void *const *args,
                      const int64_t *rows, int64_t n_rows, resq_error *err) {
  const resq_entry *e = *slot;
  const int index = (int)(slot - (const resq_entry *const *)s->entries);
  resq_entry_times *times = s->profiling ? &s->times[index] : NULL;
  int64_t start = times ? resq_now_ns() : 0;
  if (s->cuda) {
    if (!resq_cuda_run(s->cuda, index, args, rows, times ? times->op_ns : NULL, err))
      return false;
  } else {
    s->call.args = args;
    s->call.rows = rows;
    memset(s->tickets, 0, (size_t)e->n_ops * sizeof *s->tickets);
    s->call.profile = NULL;
    if (times) {
      s->profile = (resq_profile){.last_ns = start, .last_op = -1, .op_ns = times->op_ns};
      s->call.profile = &s->profile;
    }
    resq_pool_run(s->pool, run_worker, &(running){e->run, s->workers});
  }
  if (times) {
    times->calls += 1;
    times->rows += n_rows;
    times->total_ns += resq_now_ns() - start;
  }
  return true;
}

/// The smallest entry that holds `rows`, else the largest.
static const resq_entry *const *pick_entry(const resq_entry *const *entries, int count,
                                           int64_t rows) {
  for (int i = 0; i < count; ++i)
    if (entries[i]->max_rows >= rows)
      return &entries[i];
  return &entries[count - 1];
}

//===-- Checks ------------------------------------------------------------===//

static bool check_range(const char *name, const int32_t *values, int64_t n, int64_t limit,
                        resq_error *err) {
  // One pass without branches first: this runs for every token of a prompt.
  bool bad = false;
  for (int64_t i = 0; i < n; ++i)
    bad |= values[i] < 0 || values[i] >= limit;
  for (int64_t i = 0; bad && i < n; ++i)
    if (values[i] < 0 || values[i] >= limit)
      return resq_fail(err, RESQ_USAGE, "%s[%" PRId64 "] is %" PRId32 ", allowed: 0 to %" PRId64,
                       name, i, values[i], limit - 1);
  return true;
}

/// Arguments by these names index the cache or other arguments, in any function.
static bool check_index_arguments(const resq_session *s, const resq_entry *e, void *const *args,
                                  const int64_t *rows, resq_error *err) {
  for (int i = 0; i < e->n_args; ++i) {
    const resq_arg *a = &e->args[i];
    if (a->dtype != RESQ_I32 || a->width || a->is_result)
      continue;
    bool ok = true;
    if (!strcmp(a->name, "positions"))
      ok = check_range(a->name, args[i], rows[i], s->capacity, err);
    else if (!strcmp(a->name, "sequences"))
      ok = check_range(a->name, args[i], rows[i], s->sequences, err);
    else if (!strcmp(a->name, "logit_rows"))
      ok = check_range(a->name, args[i], rows[i], rows[0], err);
    if (!ok)
      return resq_fail_in(err, "@%s", e->function);
  }
  return true;
}

/// The first of rows that goes back further than the caches' exact keys do, n when none does. On
/// the way next_held takes in the rows: a sequence that went back may still not go back behind the
/// keys that it had reached.
static int64_t find_rewind(const resq_session *s, const int32_t *positions,
                           const int32_t *sequences, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    int32_t *held = &s->next_held[sequences[i]];
    if (positions[i] && positions[i] < *held - s->rewind)
      return i;
    if (!positions[i] || positions[i] >= *held)
      *held = positions[i] + 1;
  }
  return n;
}

/// The last check before rows run, on positions and sequences in range.
static bool check_rewind(const resq_session *s, const int32_t *positions, const int32_t *sequences,
                         int64_t n, resq_error *err) {
  if (s->rewind < 0)
    return true;
  int64_t bad = find_rewind(s, positions, sequences, n);
  if (bad < n)
    resq_fail(err, RESQ_USAGE,
              "positions[%" PRId64 "] is %" PRId32 ": sequence %" PRId32 " has reached %" PRId32
              " and its cache keeps what it takes to go back by up to %" PRId64
              " tokens, or to start again at 0",
              bad, positions[bad], sequences[bad], s->next_held[sequences[bad]] - 1, s->rewind);
  const int32_t *from = bad < n ? s->held : s->next_held;
  int32_t *to = bad < n ? s->next_held : s->held;
  for (int64_t i = 0; i < n && i <= bad; ++i)
    to[sequences[i]] = from[sequences[i]];
  return bad == n;
}

static const int32_t *find_argument(const resq_entry *e, const char *name, void *const *args,
                                    const int64_t *rows, int64_t *out_rows) {
  for (int i = 0; i < e->n_args; ++i)
    if (e->args[i].dtype == RESQ_I32 && !e->args[i].is_result && !strcmp(e->args[i].name, name)) {
      *out_rows = rows[i];
      return args[i];
    }
  return NULL;
}

static bool check_rewind_arguments(const resq_session *s, const resq_entry *e, void *const *args,
                                   const int64_t *rows, resq_error *err) {
  int64_t n = 0, n_sequences = 0;
  const int32_t *positions = find_argument(e, "positions", args, rows, &n);
  const int32_t *sequences = find_argument(e, "sequences", args, rows, &n_sequences);
  if (!positions || !sequences)
    return true;
  return check_rewind(s, positions, sequences, n < n_sequences ? n : n_sequences, err) ||
         resq_fail_in(err, "@%s", e->function);
}

/// Extents as the signature says; *out_rows is the largest dynamic one, *out_equal whether all are
/// the same.
static bool check_extents(const resq_entry *e, void *const *args, const int64_t *rows,
                          int64_t *out_rows, bool *out_equal, resq_error *err) {
  int64_t largest = -1;
  *out_equal = true;
  for (int i = 0; i < e->n_args; ++i) {
    const resq_arg *a = &e->args[i];
    if (rows[i] < 0 || (a->rows >= 0 && rows[i] != a->rows))
      return resq_fail(err, RESQ_USAGE,
                       "@%s: argument '%s' has %" PRId64 " rows, expected %" PRId64, e->function,
                       a->name, rows[i], a->rows);
    if (!args[i] && rows[i])
      return resq_fail(err, RESQ_USAGE, "@%s: argument '%s' is NULL", e->function, a->name);
    if (a->rows >= 0)
      continue;
    if (largest >= 0 && rows[i] != largest)
      *out_equal = false;
    if (rows[i] > largest)
      largest = rows[i];
  }
  *out_rows = largest < 0 ? 0 : largest;
  return true;
}

//===-- Any function ------------------------------------------------------===//

static void *advance(const resq_arg *a, void *data, int64_t rows) {
  int64_t width = a->width ? a->width : 1;
  return a->rows >= 0 || !data ? data : (uint8_t *)data + rows * width * 4;
}

static bool has_row_lists(const resq_entry *e) {
  for (int i = 0; i < e->n_args; ++i)
    if (!strcmp(e->args[i].name, "logit_rows"))
      return true;
  return false;
}

static bool call_in_chunks(resq_session *s, const resq_entry *const *entries, int count,
                           void *const *args, const int64_t *rows, int n_args, resq_error *err) {
  const resq_entry *largest = entries[count - 1];
  int64_t total = 0;
  bool equal = true;
  if (n_args != largest->n_args)
    return resq_fail(err, RESQ_USAGE, "@%s takes %" PRId32 " arguments and results, %d given",
                     largest->function, largest->n_args, n_args);
  if (!check_extents(largest, args, rows, &total, &equal, err) ||
      !check_index_arguments(s, largest, args, rows, err))
    return false;
  const bool fits = total <= largest->max_rows;
  if (!fits && (!equal || has_row_lists(largest)))
    return resq_fail(err, RESQ_USAGE,
                     "@%s: %" PRId64 " rows, one call holds %" PRId64
                     " and arguments of other extents cannot be cut with it",
                     largest->function, total, largest->max_rows);
  if (!check_rewind_arguments(s, largest, args, rows, err))
    return false;
  if (fits)
    return run_entry(s, pick_entry(entries, count, total), args, rows, total, err);
  for (int64_t done = 0; done < total;) {
    int64_t n = total - done < largest->max_rows ? total - done : largest->max_rows;
    void *chunk_args[RESQ_MAX_ARGS];
    int64_t chunk_rows[RESQ_MAX_ARGS];
    for (int i = 0; i < n_args; ++i) {
      chunk_args[i] = advance(&largest->args[i], args[i], done);
      chunk_rows[i] = largest->args[i].rows >= 0 ? rows[i] : n;
    }
    if (!run_entry(s, pick_entry(entries, count, n), chunk_args, chunk_rows, n, err))
      return false;
    done += n;
  }
  return true;
}

bool resq_session_call(resq_session *s, const char *function, void *const *args,
                       const int64_t *rows, int n_args, resq_message *why) {
  resq_error err = {RESQ_FAILED, ""};
  int count;
  const resq_entry **entries = resq_session_entries(s, function, &count);
  bool ok = entries ? call_in_chunks(s, entries, count, args, rows, n_args, &err)
                    : resq_fail(&err, RESQ_USAGE, "the program has no function @%s", function);
  return ok || resq_tell(why, &err);
}

//===-- Language models ---------------------------------------------------===//

static bool check_forward(const resq_session *s, const int32_t *tokens, const int32_t *positions,
                          const int32_t *sequences, int64_t n_rows, const int32_t *logit_rows,
                          int64_t n_logit_rows, const float *logits, resq_error *err) {
  if (!s->forward)
    return resq_fail(err, RESQ_USAGE,
                     "the program is not a language model: it has no @forward(tokens, positions, "
                     "sequences, logit_rows) -> logits");
  if (n_rows < 1 || n_logit_rows < 0)
    return resq_fail(err, RESQ_USAGE, "@forward of %" PRId64 " rows and %" PRId64 " logit rows",
                     n_rows, n_logit_rows);
  if (n_logit_rows && !logits)
    return resq_fail(err, RESQ_USAGE, "logits is NULL, but %" PRId64 " rows of them are asked for",
                     n_logit_rows);
  if (!check_range("tokens", tokens, n_rows, resq_session_vocabulary(s), err) ||
      !check_range("positions", positions, n_rows, s->capacity, err) ||
      !check_range("sequences", sequences, n_rows, s->sequences, err) ||
      !check_range("logit_rows", logit_rows, n_logit_rows, n_rows, err))
    return false;
  for (int64_t i = 1; i < n_logit_rows; ++i)
    if (logit_rows[i] <= logit_rows[i - 1])
      return resq_fail(err, RESQ_USAGE,
                       "logit_rows[%" PRId64 "] is %" PRId32 " after %" PRId32 ", they must ascend",
                       i, logit_rows[i], logit_rows[i - 1]);
  return check_rewind(s, positions, sequences, n_rows, err);
}

bool resq_session_forward(resq_session *s, const int32_t *tokens, const int32_t *positions,
                          const int32_t *sequences, int64_t n_rows, const int32_t *logit_rows,
                          int64_t n_logit_rows, float *logits, resq_message *why) {
  resq_error err = {RESQ_FAILED, ""};
  if (!check_forward(s, tokens, positions, sequences, n_rows, logit_rows, n_logit_rows, logits,
                     &err))
    return resq_tell(why, &err);
  int64_t limit = resq_session_chunk(s), width = resq_session_vocabulary(s);
  int64_t next_logit = 0;
  for (int64_t done = 0; done < n_rows;) {
    int64_t n = n_rows - done < limit ? n_rows - done : limit;
    int64_t first_logit = next_logit;
    while (next_logit < n_logit_rows && logit_rows[next_logit] < done + n) {
      s->chunk_rows[next_logit - first_logit] = (int32_t)(logit_rows[next_logit] - done);
      ++next_logit;
    }
    // Compiled code takes pointers to const data as void *: args hold inputs and results alike.
    void *args[5] = {(void *)(uintptr_t)(tokens + done), (void *)(uintptr_t)(positions + done),
                     (void *)(uintptr_t)(sequences + done), s->chunk_rows,
                     logits ? logits + first_logit * width : NULL};
    int64_t n_logits = next_logit - first_logit;
    int64_t rows[5] = {n, n, n, n_logits, n_logits};
    if (!run_entry(s, pick_entry(s->forward, s->n_forward, n), args, rows, n, &err))
      return resq_tell(why, &err);
    done += n;
  }
  return true;
}
