//===-- attention_groups.h - attention over grouped keys -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kernel of every level: one that includes this has defined
//   MOST_ROWS                                rows of a chunk at most,
//   int64_t most_queries(resq_kv_groups)     that scratch has room for, at least 1,
//   void attend(scratch, groups, view, queries).
//===----------------------------------------------------------------------===//
#include "attention_cut.h"
#include "kv_groups.h"

void RESQ_KERNEL(resq_attention_groups)(resq_worker *w, int32_t op, const float *q,
                                        const int32_t *positions, const int32_t *sequences,
                                        const float *sketch, const uint8_t *cache, float *y,
                                        int64_t rows, int64_t ldq, int64_t ldy, int64_t capacity,
                                        int64_t heads, int64_t kv_heads, int64_t head_size,
                                        float scale, int64_t k_rows, int64_t outliers,
                                        int64_t outlier_rows, int64_t buffer, int64_t window,
                                        int64_t v_kind, int64_t v_bits, int64_t v_high) {
  const resq_kv_groups g = {head_size, k_rows, outliers, outlier_rows, buffer, window};
  const resq_kv_format values = {head_size, v_kind, v_bits, v_high, 0};
  const resq_queries call = {q, y, ldq, ldy, rows, heads, 0, sketch, scale};
  const resq_cut c =
      resq_cut_call(w, most_queries(g), MOST_ROWS, positions, sequences, rows, heads, kv_heads);
  int64_t chunk;
  while ((chunk = resq_next_chunk(w, op)) < c.chunks) {
    const resq_cut_span p = resq_cut_chunk(&c, positions, sequences, rows, chunk);
    const resq_kv_group_view view = resq_kv_group_head((uint8_t *)cache, g, values, capacity,
                                                       kv_heads, sequences[p.begin], p.kv_head);
    const resq_queries queries = resq_cut_queries(&call, &p, head_size, positions);
    attend(w->scratch, g, &view, &queries);
  }
}
