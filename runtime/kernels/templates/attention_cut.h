//===-- attention_cut.h - how attention is cut into chunks -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A chunk is a kv head, some of the query heads that share it, and a run: rows that continue each
// other in one sequence, so that a key is decoded once for all of them. Rows do not mix: no result
// depends on the cut.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_ATTENTION_CUT_H
#define RESQ_KERNELS_ATTENTION_CUT_H

#include "kernels/half.h"
#include "kernels/kernels.h"

RESQ_INLINE int64_t resq_smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/// Rows [begin, end) that continue each other; the `index`th such run of at most `most` rows
/// counted from row 0, or how many there are when index is past the last.
RESQ_INLINE int64_t resq_find_run(const int32_t *positions, const int32_t *sequences, int64_t rows,
                                  int64_t most, int64_t index, int64_t *begin, int64_t *end) {
  int64_t found = 0;
  *begin = *end = 0;
  for (int64_t r = 1; r <= rows; ++r) {
    if (r < rows && r - *begin < most && sequences[r] == sequences[r - 1] &&
        positions[r] == positions[r - 1] + 1)
      continue;
    *end = r;
    if (found++ == index)
      return found;
    *begin = r;
  }
  return found;
}

/// How a call is cut.
typedef struct resq_cut {
  int64_t group, kv_heads;     ///< query heads a kv head
  int64_t most;                ///< rows of a run
  int64_t runs, piece, pieces; ///< a group's heads are shared out in pieces
  int64_t chunks;
} resq_cut;

/// `room`: queries, a row and a head each, that a chunk may have; `most_rows`: the same of rows.
RESQ_INLINE resq_cut resq_cut_call(const resq_worker *w, int64_t room, int64_t most_rows,
                                   const int32_t *positions, const int32_t *sequences, int64_t rows,
                                   int64_t heads, int64_t kv_heads) {
  resq_cut c = {.group = heads / kv_heads, .kv_heads = kv_heads};
  int64_t begin, end;
  c.piece = resq_smaller(c.group, room);
  c.most = resq_smaller(most_rows, room / c.piece);
  c.runs = resq_find_run(positions, sequences, rows, c.most, rows, &begin, &end);
  // Few chunks for the threads: the query heads of a group are shared out, too.
  while (c.piece > 1 && c.runs * kv_heads * ((c.group + c.piece - 1) / c.piece) < w->count)
    c.piece = (c.piece + 1) / 2;
  c.pieces = (c.group + c.piece - 1) / c.piece;
  c.chunks = c.runs * kv_heads * c.pieces;
  return c;
}

/// Rows [begin, end), query heads [head, head + heads) of kv head kv_head.
typedef struct resq_cut_span {
  int64_t begin, end, kv_head, head, heads;
} resq_cut_span;

RESQ_INLINE resq_cut_span resq_cut_chunk(const resq_cut *c, const int32_t *positions,
                                         const int32_t *sequences, int64_t rows, int64_t chunk) {
  resq_cut_span p;
  // The last rows read the most positions: they go first.
  int64_t run = c->runs - 1 - chunk / (c->kv_heads * c->pieces);
  resq_find_run(positions, sequences, rows, c->most, run, &p.begin, &p.end);
  int64_t first = chunk % c->pieces * c->piece;
  p.kv_head = chunk / c->pieces % c->kv_heads;
  p.heads = resq_smaller(c->piece, c->group - first);
  p.head = p.kv_head * c->group + first;
  return p;
}

/// Queries of a call or a chunk: `heads` side by side in each of `rows` rows, and their results.
typedef struct resq_queries {
  const float *q;   ///< of the first row and head
  float *y;         ///< likewise
  int64_t ldq, ldy; ///< from row to row
  int64_t rows, heads;
  int64_t position; ///< of a chunk's first row
  const float *sketch;
  float scale;
} resq_queries;

RESQ_INLINE resq_queries resq_cut_queries(const resq_queries *call, const resq_cut_span *p,
                                          int64_t head_size, const int32_t *positions) {
  resq_queries chunk = *call;
  chunk.q += p->begin * call->ldq + p->head * head_size;
  chunk.y += p->begin * call->ldy + p->head * head_size;
  chunk.rows = p->end - p->begin;
  chunk.heads = p->heads;
  chunk.position = positions[p->begin];
  return chunk;
}

#endif // RESQ_KERNELS_ATTENTION_CUT_H
