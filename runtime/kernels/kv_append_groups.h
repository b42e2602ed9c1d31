//===-- kv_append_groups.h - grouped keys, and values, into a cache --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kernel of every level: one that includes this has included its own kv_code_*.h, which code
// the vectors. A chunk is some rows, all heads. The row that ends a group codes it, from the call's
// own rows where they are in it: those may not be in the window yet.
//===----------------------------------------------------------------------===//
#include "kv_code_groups.h"

enum { ROWS_A_CHUNK = 16 };

void RESQ_KERNEL(resq_kv_append_groups)(resq_worker *w, int32_t op, const float *k, const float *v,
                                        const int32_t *positions, const int32_t *sequences,
                                        const float *sketch, uint8_t *cache, int64_t rows,
                                        int64_t ldk, int64_t ldv, int64_t capacity, int64_t heads,
                                        int64_t head_size, int64_t k_rows, int64_t outliers,
                                        int64_t outlier_rows, int64_t buffer, int64_t window,
                                        int64_t v_kind, int64_t v_bits, int64_t v_high) {
  const resq_kv_groups g = {head_size, k_rows, outliers, outlier_rows, buffer, window};
  const resq_kv_format values = {head_size, v_kind, v_bits, v_high, 0};
  int64_t chunks = (rows + ROWS_A_CHUNK - 1) / ROWS_A_CHUNK, chunk;
  while ((chunk = resq_next_chunk(w, op)) < chunks) {
    for (int64_t r = chunk * ROWS_A_CHUNK; r < rows && r < (chunk + 1) * ROWS_A_CHUNK; ++r) {
      const int64_t position = positions[r];
      const int ends_group = position % RESQ_KV_GROUP == RESQ_KV_GROUP - 1;
      const float *source[RESQ_KV_GROUP];
      if (ends_group)
        resq_kv_find_group(k, ldk, positions, sequences, rows, r, source);
      for (int64_t h = 0; h < heads; ++h) {
        resq_kv_group_view head =
            resq_kv_group_head(cache, g, values, capacity, heads, sequences[r], h);
        resq_kv_store(&head.value, v + r * ldv + h * head_size, sketch, position, w->scratch);
        resq_kv_store_exact(&head.exact, window, position, k + r * ldk + h * head_size);
        if (ends_group)
          resq_kv_code_group((resq_kv_group_keys *)w->scratch, &head, g, position, source, sketch);
        for (int64_t t = 0; ends_group && t < RESQ_KV_GROUP; ++t)
          source[t] = source[t] ? source[t] + head_size : source[t];
      }
    }
  }
}
