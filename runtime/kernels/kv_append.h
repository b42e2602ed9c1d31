//===-- kv_append.h - keys and values coded into a cache -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kernel of every level: one that includes this has included its own kv_code_*.h, which code
// the vectors. A chunk is some rows, all heads.
//===----------------------------------------------------------------------===//
enum { ROWS_A_CHUNK = 16 };

void RESQ_KERNEL(resq_kv_append)(resq_worker *w, int32_t op, const float *k, const float *v,
                                 const int32_t *positions, const int32_t *sequences,
                                 const float *sketch, uint8_t *cache, int64_t rows, int64_t ldk,
                                 int64_t ldv, int64_t capacity, int64_t heads, int64_t head_size,
                                 int64_t k_kind, int64_t k_bits, int64_t k_high, int64_t k_rows,
                                 int64_t v_kind, int64_t v_bits, int64_t v_high) {
  const resq_kv_format keys = {head_size, k_kind, k_bits, k_high, k_rows};
  const resq_kv_format values = {head_size, v_kind, v_bits, v_high, 0};
  int64_t chunks = (rows + ROWS_A_CHUNK - 1) / ROWS_A_CHUNK, chunk;
  while ((chunk = resq_next_chunk(w, op)) < chunks) {
    for (int64_t r = chunk * ROWS_A_CHUNK; r < rows && r < (chunk + 1) * ROWS_A_CHUNK; ++r) {
      for (int64_t h = 0; h < heads; ++h) {
        resq_kv_view key = resq_kv_head(cache, keys, values, capacity, heads, sequences[r], h, 1);
        resq_kv_view value = resq_kv_head(cache, keys, values, capacity, heads, sequences[r], h, 0);
        resq_kv_store(&key, k + r * ldk + h * head_size, sketch, positions[r], w->scratch);
        resq_kv_store(&value, v + r * ldv + h * head_size, sketch, positions[r], w->scratch);
      }
    }
  }
}
