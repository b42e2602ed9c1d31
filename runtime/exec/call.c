//===-- call.c - running an entry on all threads --------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Has a call checked (check.c), cuts what is longer than an entry holds into chunks, and forks.
//===----------------------------------------------------------------------===//
#include "exec/session_internal.h"

#include <inttypes.h>
#include <string.h>

//===-- What compiled code calls, through resq_call -----------------------===//

/// Time since the last look goes to op.
static void charge(resq_profile *profile, int32_t op) {
  int64_t now = resq_now_ns();
  profile->op_ns[op] += now - profile->last_ns;
  profile->last_ns = now;
}

int32_t resq_call_phase(resq_worker *w) {
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

void resq_call_op_done(resq_worker *w, int32_t op) {
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
    const resq_cuda_call call = {args, rows, times ? times->op_ns : NULL, s->call.observe,
                                 s->call.observe_user};
    if (!resq_cuda_run(s->cuda, index, &call, err))
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

//===-- Any function ------------------------------------------------------===//

static void *advance(const resq_arg *a, void *data, int64_t rows) {
  int64_t width = a->width ? a->width : 1;
  return a->rows >= 0 || !data ? data : (uint8_t *)data + rows * width * 4;
}

/// Rows of other arguments are named by index: a part of the call would lack some of them.
static bool has_row_lists(const resq_entry *e) {
  for (int i = 0; i < e->n_args; ++i)
    for (int32_t r = 0; r < e->args[i].n_rules; ++r)
      if (e->args[i].rules[r].kind == RESQ_RULE_ROW)
        return true;
  return false;
}

/// The largest dynamic extent, 0 when there is none; *out_equal: whether all of them are the same.
static int64_t dynamic_rows(const resq_entry *e, const int64_t *rows, bool *out_equal) {
  int64_t largest = -1;
  *out_equal = true;
  for (int i = 0; i < e->n_args; ++i) {
    if (e->args[i].rows >= 0)
      continue;
    if (largest >= 0 && rows[i] != largest)
      *out_equal = false;
    if (rows[i] > largest)
      largest = rows[i];
  }
  return largest < 0 ? 0 : largest;
}

static bool run_chunks(resq_session *s, const resq_entry *const *entries, int count,
                       void *const *args, const int64_t *rows, int64_t total, resq_error *err) {
  const resq_entry *largest = entries[count - 1];
  for (int64_t done = 0; done < total;) {
    int64_t n = total - done < largest->max_rows ? total - done : largest->max_rows;
    void *chunk_args[RESQ_MAX_ARGS];
    int64_t chunk_rows[RESQ_MAX_ARGS];
    for (int i = 0; i < largest->n_args; ++i) {
      chunk_args[i] = advance(&largest->args[i], args[i], done);
      chunk_rows[i] = largest->args[i].rows >= 0 ? rows[i] : n;
    }
    if (!run_entry(s, pick_entry(entries, count, n), chunk_args, chunk_rows, n, err))
      return false;
    done += n;
  }
  return true;
}

static bool call_function(resq_session *s, const resq_entry *const *entries, int count,
                          void *const *args, const int64_t *rows, int n_args, resq_error *err) {
  const resq_entry *largest = entries[count - 1];
  bool equal;
  if (!resq_check_arguments(s, largest, args, rows, n_args, err))
    return false;
  const int64_t total = dynamic_rows(largest, rows, &equal);
  const bool fits = total <= largest->max_rows;
  if (!fits && (!equal || has_row_lists(largest)))
    return resq_fail(err, RESQ_USAGE,
                     "@%s: %" PRId64 " rows, one call holds %" PRId64
                     " and arguments of other extents cannot be cut with it",
                     largest->function, total, largest->max_rows);
  if (!resq_check_caches(s, largest, args, rows, largest->max_rows, err))
    return false;
  if (fits ? run_entry(s, pick_entry(entries, count, total), args, rows, total, err)
           : run_chunks(s, entries, count, args, rows, total, err))
    return true;
  resq_forget_rows(s, largest, args, rows);
  return false;
}

bool resq_session_call(resq_session *s, const char *function, void *const *args,
                       const int64_t *rows, int n_args, resq_message *why) {
  resq_error err = {RESQ_FAILED, ""};
  int count;
  if (!s || !function) {
    resq_fail(&err, RESQ_USAGE, "resq_session_call: the %s is NULL", s ? "function" : "session");
    return resq_tell(why, &err);
  }
  const resq_entry **entries = resq_session_entries(s, function, &count);
  bool ok = entries ? call_function(s, entries, count, args, rows, n_args, &err)
                    : resq_fail(&err, RESQ_USAGE, "the program has no function @%s", function);
  return ok || resq_tell(why, &err);
}

//===-- Language models ---------------------------------------------------===//

static bool check_logit_rows(const int32_t *logit_rows, int64_t n, resq_error *err) {
  for (int64_t i = 1; i < n; ++i)
    if (logit_rows[i] <= logit_rows[i - 1])
      return resq_fail(err, RESQ_USAGE,
                       "logit_rows[%" PRId64 "] is %" PRId32 " after %" PRId32 ", they must ascend",
                       i, logit_rows[i], logit_rows[i - 1]);
  return true;
}

/// The whole call, before any of it runs.
static bool check_forward(resq_session *s, void *const *args, const int64_t *rows,
                          resq_error *err) {
  if (!s->forward)
    return resq_fail(err, RESQ_USAGE,
                     "the program is not a language model: it has no @forward(tokens, positions, "
                     "sequences, logit_rows) -> logits");
  if (rows[0] < 1 || rows[3] < 0)
    return resq_fail(err, RESQ_USAGE, "@forward of %" PRId64 " rows and %" PRId64 " logit rows",
                     rows[0], rows[3]);
  const resq_entry *largest = s->forward[s->n_forward - 1];
  return resq_check_arguments(s, largest, args, rows, largest->n_args, err) &&
         check_logit_rows(args[3], rows[3], err) &&
         resq_check_caches(s, largest, args, rows, largest->max_rows, err);
}

static bool forward_in_chunks(resq_session *s, void *const *args, const int64_t *rows,
                              resq_error *err) {
  const int64_t limit = resq_session_chunk(s), width = resq_session_vocabulary(s);
  const int32_t *logit_rows = args[3];
  int64_t next_logit = 0;
  for (int64_t done = 0, n; done < rows[0]; done += n) {
    n = rows[0] - done < limit ? rows[0] - done : limit;
    const int64_t first = next_logit;
    for (; next_logit < rows[3] && logit_rows[next_logit] < done + n; ++next_logit)
      s->chunk_rows[next_logit - first] = (int32_t)(logit_rows[next_logit] - done);
    void *chunk_args[5] = {NULL, NULL, NULL, s->chunk_rows,
                           args[4] ? (float *)args[4] + first * width : NULL};
    for (int i = 0; i < 3; ++i)
      chunk_args[i] = (int32_t *)args[i] + done;
    const int64_t n_logits = next_logit - first;
    const int64_t chunk_rows[5] = {n, n, n, n_logits, n_logits};
    if (!run_entry(s, pick_entry(s->forward, s->n_forward, n), chunk_args, chunk_rows, n, err))
      return false;
  }
  return true;
}

bool resq_session_forward(resq_session *s, const int32_t *tokens, const int32_t *positions,
                          const int32_t *sequences, int64_t n_rows, const int32_t *logit_rows,
                          int64_t n_logit_rows, float *logits, resq_message *why) {
  resq_error err = {RESQ_FAILED, ""};
  // Compiled code takes pointers to const data as void *: args hold inputs and results alike.
  void *const args[5] = {(void *)(uintptr_t)tokens, (void *)(uintptr_t)positions,
                         (void *)(uintptr_t)sequences, (void *)(uintptr_t)logit_rows, logits};
  const int64_t rows[5] = {n_rows, n_rows, n_rows, n_logit_rows, n_logit_rows};
  if (!s)
    resq_fail(&err, RESQ_USAGE, "resq_session_forward: the session is NULL");
  if (!s || !check_forward(s, args, rows, &err))
    return resq_tell(why, &err);
  if (forward_in_chunks(s, args, rows, &err))
    return true;
  resq_forget_rows(s, s->forward[0], args, rows);
  return resq_tell(why, &err);
}
