//===-- hazards.c ---------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "hazards.h"

#include "dialect/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void resq_hazards_begin_call(resq_hazards *h) { h->first = h->count; }

void resq_hazards_touch(resq_hazards *h, resq_access access) {
  assert(access.begin < access.end); // an empty range would meet nothing
  if (h->count == h->capacity) {
    h->capacity = h->capacity * 2 + 64;
    h->accesses = resq_resize(h->accesses, (size_t)h->capacity, sizeof *h->accesses);
  }
  h->accesses[h->count++] = access;
}

static bool meet(const resq_access *a, const resq_access *b) {
  return (a->write || b->write) && a->memory == b->memory && a->index == b->index &&
         a->begin < b->end && b->begin < a->end;
}

bool resq_hazards_meet(const resq_hazards *h) {
  for (int own = h->first; own < h->count; own++)
    for (int earlier = 0; earlier < h->first; earlier++)
      if (meet(&h->accesses[own], &h->accesses[earlier]))
        return true;
  return false;
}

void resq_hazards_barrier(resq_hazards *h) {
  assert(h->first <=
         h->count); // begin_call set it to an earlier count, and only this lowers counts
  const int own = h->count - h->first;
  if (own)
    memmove(h->accesses, h->accesses + h->first, (size_t)own * sizeof *h->accesses);
  h->count = own;
  h->first = 0;
}

void resq_hazards_free(resq_hazards *h) {
  free(h->accesses);
  *h = (resq_hazards){0};
}
