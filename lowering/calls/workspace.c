//===-- workspace.c -------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "workspace.h"

#include "dialect/memory.h"
#include "resq/abi.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int64_t end_of(const struct resq_live_range *r) { return r->range.begin + r->range.size; }

/// Two values that are alive at once must not share a byte: kernels run on both.
__attribute__((unused)) static bool is_disjoint(const resq_workspace *w) {
  for (int i = 1; i < w->n_live; i++)
    if (end_of(&w->live[i - 1]) > w->live[i].range.begin)
      return false;
  return true;
}

resq_range resq_workspace_allocate(resq_workspace *w, int64_t bytes, int last_use) {
  assert(bytes > 0); // a function has at least one row, and every value at least one column
  resq_range range = {0, (bytes + RESQ_ALIGNMENT - 1) / RESQ_ALIGNMENT * RESQ_ALIGNMENT};
  int at = 0;
  for (; at < w->n_live; at++) {
    if (w->live[at].range.begin >= range.begin + range.size)
      break;
    if (end_of(&w->live[at]) > range.begin)
      range.begin = end_of(&w->live[at]);
  }
  if (w->n_live == w->capacity) {
    w->capacity = w->capacity * 2 + 16;
    w->live = resq_resize(w->live, (size_t)w->capacity, sizeof *w->live);
  }
  memmove(w->live + at + 1, w->live + at, (size_t)(w->n_live - at) * sizeof *w->live);
  w->n_live++;
  w->live[at] = (struct resq_live_range){range, last_use};
  if (range.begin + range.size > w->bytes)
    w->bytes = range.begin + range.size;
  assert(is_disjoint(w)); // the loop above stopped in front of the first range that is too near
  return range;
}

void resq_workspace_release(resq_workspace *w, int op_index) {
  int kept = 0;
  for (int i = 0; i < w->n_live; i++)
    if (w->live[i].last_use >= op_index)
      w->live[kept++] = w->live[i];
  w->n_live = kept;
}

void resq_workspace_free(resq_workspace *w) {
  free(w->live);
  *w = (resq_workspace){0};
}
