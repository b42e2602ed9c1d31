//===-- specials.c - finding special tokens in a text ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/specials.h"

#include <stdlib.h>

int resq_specials_compare(resq_text a, resq_text b) {
  size_t common = a.size < b.size ? a.size : b.size;
  for (size_t i = 1; i <= common; ++i) {
    unsigned char x = (unsigned char)a.data[a.size - i], y = (unsigned char)b.data[b.size - i];
    if (x != y)
      return x < y ? -1 : 1;
  }
  return (a.size > b.size) - (a.size < b.size);
}

static bool no_memory(resq_error *err, const char *what) {
  return resq_fail(err, RESQ_NO_MEMORY, "tokenizer: no memory for %s special tokens", what);
}

/// The tokens below a state: they end in the same `depth` bytes.
typedef struct range {
  size_t low, high, depth;
} range;

static unsigned byte_at(resq_text text, size_t depth) {
  return (unsigned char)text.data[text.size - 1 - depth];
}

/// Makes the children of node `parent`, and notes the token that ends there.
static uint32_t grow(resq_special_node *nodes, range *ranges, uint32_t parent, uint32_t count,
                     const resq_text *texts, const int32_t *ids, const bool *user) {
  range r = ranges[parent];
  resq_special_node *node = &nodes[parent];
  node->children = count;
  // The shortest come first. Of equals the first counts, among the user-defined ones, too.
  for (; r.low < r.high && texts[r.low].size == r.depth; ++r.low)
    for (int all = user[r.low] ? 0 : 1; all < 2; ++all)
      if (node->longest[all] < 0)
        node->longest[all] = ids[r.low];
  while (r.low < r.high) {
    size_t next = r.low;
    unsigned byte = byte_at(texts[r.low], r.depth);
    while (next < r.high && byte_at(texts[next], r.depth) == byte)
      ++next;
    nodes[count] = (resq_special_node){.longest = {-1, -1}, .byte = (uint8_t)byte};
    ranges[count++] = (range){r.low, next, r.depth + 1};
    ++node->n_children;
    r.low = next;
  }
  return count;
}

/// The child of a state by a byte, 0 for none.
static uint32_t child_of(const resq_specials *s, uint32_t state, unsigned byte) {
  if (state == 0)
    return s->root[byte];
  const resq_special_node *node = &s->nodes[state];
  uint32_t low = 0, high = node->n_children;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    unsigned found = s->nodes[node->children + middle].byte;
    if (found == byte)
      return node->children + middle;
    if (found < byte)
      low = middle + 1;
    else
      high = middle;
  }
  return 0;
}

/// The state behind `byte`. What it costs beyond one step is paid by steps that went deeper.
static uint32_t step(const resq_specials *s, uint32_t state, unsigned byte, uint64_t *work) {
  for (;;) {
    ++*work;
    uint32_t next = child_of(s, state, byte);
    if (next || !state)
      return next;
    state = s->nodes[state].fail;
  }
}

/// Fail links in the order of depth, which is that of the nodes; what a state ends in, its fail
/// state tells where the state itself is no token.
static void link_states(resq_specials *s, uint32_t count) {
  uint64_t work = 0;
  for (uint32_t parent = 0; parent < count; ++parent) {
    const resq_special_node *p = &s->nodes[parent];
    for (uint32_t i = 0; i < p->n_children; ++i) {
      resq_special_node *node = &s->nodes[p->children + i];
      node->fail = parent ? step(s, p->fail, node->byte, &work) : 0;
      for (int all = 0; all < 2; ++all)
        if (node->longest[all] < 0)
          node->longest[all] = s->nodes[node->fail].longest[all];
    }
  }
}

bool resq_specials_open(resq_specials *out, const resq_text *texts, const int32_t *ids,
                        const bool *user, size_t count, resq_error *err) {
  *out = (resq_specials){0};
  uint64_t most = 1; // a state per byte, and the root
  for (size_t i = 0; i < count; ++i)
    most += texts[i].size;
  if (most > UINT32_MAX)
    return resq_fail(err, RESQ_BAD_INPUT, "tokenizer: the special tokens have 2^32 bytes or more");
  resq_special_node *nodes = calloc(most, sizeof *nodes);
  range *ranges = malloc(most * sizeof *ranges);
  if (!nodes || !ranges) {
    free(nodes);
    free(ranges);
    return no_memory(err, "the");
  }
  nodes[0] = (resq_special_node){.longest = {-1, -1}};
  ranges[0] = (range){0, count, 0};
  uint32_t made = 1;
  for (uint32_t i = 0; i < made; ++i)
    made = grow(nodes, ranges, i, made, texts, ids, user);
  free(ranges);
  out->nodes = nodes;
  for (uint32_t i = 0; i < nodes[0].n_children; ++i)
    out->root[nodes[nodes[0].children + i].byte] = nodes[0].children + i;
  link_states(out, made);
  return true;
}

void resq_specials_close(resq_specials *specials) {
  free(specials->nodes);
  *specials = (resq_specials){0};
}

bool resq_specials_find(const resq_specials *s, resq_text text, bool all,
                        resq_special_hit **out_hits, size_t *out_count, uint64_t *work,
                        resq_error *err) {
  resq_special_hit *hits = NULL;
  size_t count = 0, capacity = 0;
  uint64_t done = 0;
  uint32_t state = 0;
  *out_hits = NULL;
  *out_count = 0;
  for (size_t at = text.size; at-- > 0;) {
    state = step(s, state, (unsigned char)text.data[at], &done);
    int32_t id = s->nodes[state].longest[all];
    if (id < 0)
      continue;
    if (count == capacity) {
      capacity = capacity ? 2 * capacity : 64;
      resq_special_hit *grown = realloc(hits, capacity * sizeof *grown);
      if (!grown) {
        free(hits);
        return no_memory(err, "a text's");
      }
      hits = grown;
    }
    hits[count++] = (resq_special_hit){(uint32_t)at, id};
  }
  for (size_t i = 0; i < count / 2; ++i) { // found from the right
    resq_special_hit swapped = hits[i];
    hits[i] = hits[count - 1 - i];
    hits[count - 1 - i] = swapped;
  }
  if (work)
    *work += done;
  *out_hits = hits;
  *out_count = count;
  return true;
}
