//===-- profile.c - time per op and layer ---------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Op names come from locations, "l0.q: qlinear 576x576": the part before the first
// dot names the layer, the rest is the same in every layer. Two tables an entry:
// by op over all layers, and by layer.
//===----------------------------------------------------------------------===//
#include "exec/session_internal.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool resq_profile_start(resq_session *s) {
  if (!s->times) {
    s->times = calloc((size_t)s->n_entries, sizeof *s->times);
    if (!s->times)
      return false;
  }
  for (int i = 0; i < s->n_entries; ++i) {
    resq_entry_times *t = &s->times[i];
    size_t ops = s->entries[i]->n_ops ? (size_t)s->entries[i]->n_ops : 1;
    if (!t->op_ns)
      t->op_ns = calloc(ops, sizeof *t->op_ns);
    if (!t->op_ns)
      return false;
    memset(t->op_ns, 0, ops * sizeof *t->op_ns);
    t->calls = t->rows = t->total_ns = 0;
  }
  return true;
}

void resq_session_profile(resq_session *s, bool enable) {
  // Without memory for the counters the session still runs, unprofiled.
  s->profiling = enable && resq_profile_start(s);
}

bool resq_session_profile_resume(resq_session *s, bool resume) {
  bool before = s->profiling;
  s->profiling = resume && s->times;
  return before;
}

/// Length of the layer prefix with its dot ("l12." is 4), 0 when the op is in no layer.
static size_t layer_prefix(const char *name) {
  size_t i = 0, digits = 0;
  while (isalpha((unsigned char)name[i]) || name[i] == '_')
    ++i;
  while (isdigit((unsigned char)name[i + digits]))
    ++digits;
  return digits && name[i + digits] == '.' ? i + digits + 1 : 0;
}

/// A row of a table: ops whose key text is the same.
typedef struct group {
  const char *key;
  size_t key_size;
  int64_t ns;
  int ops;
} group;

static void add_to_group(group *groups, int *n, const char *key, size_t size, int64_t ns) {
  int i = 0;
  while (i < *n && (groups[i].key_size != size || memcmp(groups[i].key, key, size)))
    ++i;
  if (i == *n)
    groups[(*n)++] = (group){key, size, 0, 0};
  groups[i].ns += ns;
  groups[i].ops += 1;
}

static int by_time(const void *a, const void *b) {
  const group *x = a, *y = b;
  if (x->ns != y->ns)
    return x->ns < y->ns ? 1 : -1;
  // Equal times: program order, so that output is stable.
  return (x->key > y->key) - (x->key < y->key);
}

static void print_groups(FILE *f, const char *title, const group *groups, int n,
                         const resq_entry_times *t) {
  fprintf(f, "  %-44s %6s %12s %7s\n", title, "ops", "us/call", "%");
  for (int i = 0; i < n; ++i)
    fprintf(f, "  %-44.*s %6d %12.1f %7.1f\n", (int)groups[i].key_size, groups[i].key,
            groups[i].ops, (double)groups[i].ns / 1e3 / (double)t->calls,
            t->total_ns ? 100.0 * (double)groups[i].ns / (double)t->total_ns : 0.0);
}

static void print_entry(FILE *f, const resq_entry *e, const resq_entry_times *t) {
  group *groups = calloc((size_t)e->n_ops + 1, sizeof *groups);
  if (!groups || !t->calls) {
    free(groups);
    return;
  }
  fprintf(f,
          "@%s, up to %" PRId64 " rows, level %s: %" PRId64 " calls, %" PRId64
          " rows, %.3f ms a call\n",
          e->function, e->max_rows, e->level, t->calls, t->rows,
          (double)t->total_ns / 1e6 / (double)t->calls);
  int n = 0;
  int64_t in_ops = 0;
  for (int32_t i = 0; i < e->n_ops; ++i) {
    const char *name = e->op_names && e->op_names[i] ? e->op_names[i] : "?";
    size_t skip = layer_prefix(name);
    add_to_group(groups, &n, name + skip, strlen(name + skip), t->op_ns[i]);
    in_ops += t->op_ns[i];
  }
  qsort(groups, (size_t)n, sizeof *groups, by_time);
  add_to_group(groups, &n, "(start, end)", 12, t->total_ns - in_ops);
  print_groups(f, "op", groups, n, t);
  n = 0;
  for (int32_t i = 0; i < e->n_ops; ++i) {
    const char *name = e->op_names && e->op_names[i] ? e->op_names[i] : "?";
    size_t prefix = layer_prefix(name);
    if (prefix)
      add_to_group(groups, &n, name, prefix - 1, t->op_ns[i]);
    else
      add_to_group(groups, &n, "(no layer)", 10, t->op_ns[i]);
  }
  print_groups(f, "layer", groups, n, t);
  free(groups);
}

void resq_session_profile_print(const resq_session *s, void *file) {
  for (int i = 0; s->times && i < s->n_entries; ++i)
    print_entry(file, s->entries[i], &s->times[i]);
}
