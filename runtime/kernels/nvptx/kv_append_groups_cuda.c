//===-- kv_append_groups_cuda.c - grouped keys, and values, into a cache ----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A block is a head of a row: a warp stores the value, all threads the key to the window. The row that ends a group codes
// it, from the call's own rows where they are in it: those may not be in the window yet.
//===----------------------------------------------------------------------===//
#include "kernels/layout/kv_groups.h"
#include "elements.h"
#include "kv_vector.h"

/// A group on its way, in shared memory.
typedef struct resq_group_keys {
  uint32_t keys;    ///< [32][size] f32, as f16 has them
  uint32_t squares; ///< [size]: bits of the channels' sums of squares
  uint32_t apart;   ///< [size]: 1, an outlier
  uint32_t rows;    ///< [32]: the row of the call that has a token's key, -1: the window has it
  uint32_t codes;   ///< of the value's warp
} resq_group_keys;

RESQ_INLINE resq_group_keys resq_group_keys_at(uint32_t shared, int64_t size) {
  resq_group_keys k = {.keys = shared};
  k.squares = k.keys + 4 * (uint32_t)(RESQ_KV_GROUP * size);
  k.apart = k.squares + 4 * (uint32_t)size;
  k.rows = k.apart + 4 * (uint32_t)size;
  k.codes = k.rows + 4 * RESQ_KV_GROUP;
  return k;
}

/// Which rows of the call have keys of the group that ends with row r: the last of equal ones.
RESQ_INLINE void resq_group_find(const resq_group_keys *k, const int32_t *positions,
                                 const int32_t *sequences, int64_t rows, int64_t r) {
  if (resq_thread() < RESQ_KV_GROUP) {
    const int64_t position = (int64_t)positions[r] - (RESQ_KV_GROUP - 1) + resq_thread();
    int32_t found = -1;
    for (int64_t other = 0; other < rows; ++other)
      if (sequences[other] == sequences[r] && positions[other] == position)
        found = (int32_t)other;
    resq_shared_store(k->rows + 4 * (uint32_t)resq_thread(), (uint32_t)found);
  }
  resq_sync_block();
}

/// `key`: the keys of the head in row 0.
RESQ_INLINE void resq_group_load(const resq_group_keys *k, const resq_kv_group_view *v,
                                 resq_kv_groups g, int64_t first, const float *key, int64_t ldk,
                                 int threads) {
  for (int64_t at = resq_thread(); at < RESQ_KV_GROUP * g.size; at += threads) {
    const int64_t t = at / g.size, i = at % g.size;
    const int32_t row = (int32_t)resq_shared_load(k->rows + 4 * (uint32_t)t);
    const uint16_t half =
        row >= 0 ? resq_f16_from_f32(key[row * ldk + i])
                 : resq_kv_load_half(resq_kv_unit(&v->exact, (first + t) % g.window, i));
    resq_shared_store_f32(k->keys + 4 * (uint32_t)at, resq_f32_from_f16(half));
  }
  resq_sync_block();
}

/// The channels with fewer than `outliers` before them, by the bits of their sums of squares, then by index.
RESQ_INLINE void resq_group_outliers(const resq_group_keys *k, resq_kv_groups g, uint8_t *indices,
                                     int threads) {
  for (int64_t i = resq_thread(); i < g.size; i += threads) {
    float sum = 0.0f;
    for (int64_t t = 0; t < RESQ_KV_GROUP; ++t) {
      const float x = resq_shared_load_f32(k->keys + 4 * (uint32_t)(t * g.size + i));
      sum += x * x;
    }
    resq_shared_store_f32(k->squares + 4 * (uint32_t)i, sum);
  }
  resq_sync_block();
  for (int64_t i = resq_thread(); i < g.size; i += threads) {
    const uint32_t own = resq_shared_load(k->squares + 4 * (uint32_t)i);
    int64_t before = 0;
    for (int64_t j = 0; j < g.size; ++j) {
      const uint32_t other = resq_shared_load(k->squares + 4 * (uint32_t)j);
      before += other > own || (other == own && j < i);
    }
    resq_shared_store(k->apart + 4 * (uint32_t)i, before < g.outliers);
  }
  resq_sync_block();
  for (int64_t i = resq_thread(); i < g.size; i += threads) {
    int64_t place = 0;
    for (int64_t j = 0; j < i; ++j)
      place += resq_shared_load(k->apart + 4 * (uint32_t)j);
    if (resq_shared_load(k->apart + 4 * (uint32_t)i))
      indices[place] = (uint8_t)i;
  }
}

/// Element i of key t if it is `apart`, else 0.
RESQ_INLINE float resq_group_element(const resq_group_keys *k, resq_kv_groups g, int64_t t,
                                     int64_t i, uint32_t apart) {
  const float x = resq_shared_load_f32(k->keys + 4 * (uint32_t)(t * g.size + i));
  return resq_shared_load(k->apart + 4 * (uint32_t)i) == apart ? x : 0.0f;
}

/// Signs and norms of the parts of all keys that have `apart` channels, or the others: one warp for each key.
RESQ_INLINE void resq_group_signs(const resq_group_keys *k, resq_kv_groups g, const resq_kv_view *v,
                                  int64_t first, uint32_t apart, const float *sketch, int threads) {
  const int lane = resq_thread() % RESQ_WARP;
  for (int64_t t = resq_thread() / RESQ_WARP; t < RESQ_KV_GROUP; t += threads / RESQ_WARP) {
    for (int64_t j = 0; j < v->low; j += RESQ_WARP) {
      const int64_t own = j + lane;
      float sum = 0.0f;
      if (own < v->low) {
        const float *row = sketch + own / RESQ_TILE_N * RESQ_TILE_N * g.size + own % RESQ_TILE_N;
        for (int64_t i = 0; i < g.size; ++i)
          sum += row[i * RESQ_TILE_N] * resq_group_element(k, g, t, i, apart);
      }
      const uint32_t bits = resq_ballot(sum > 0.0f);
      if (lane < 4 && j / 8 + lane < v->low_bytes)
        *resq_kv_unit(v, first + t, j / 8 + lane) = (uint8_t)(bits >> 8 * lane);
    }
    float squares = 0.0f;
    for (int64_t i = lane % RESQ_SUM_LANES; i < g.size; i += RESQ_SUM_LANES) {
      const float x = resq_group_element(k, g, t, i, apart);
      squares += x * x;
    }
    squares = resq_kv_fold(squares);
    if (lane == 0)
      *(uint16_t *)(v->scales[0] + 2 * (first + t)) = resq_finite_half(__builtin_sqrtf(squares));
  }
}

void RESQ_KERNEL(resq_kv_append_groups)(const float *k, const float *v, const int32_t *positions,
                                        const int32_t *sequences, const float *sketch,
                                        uint8_t *cache, int64_t rows, int64_t ldk, int64_t ldv,
                                        int64_t capacity, int64_t heads, int64_t head_size,
                                        int64_t k_rows, int64_t outliers, int64_t outlier_rows,
                                        int64_t buffer, int64_t window, int64_t v_kind,
                                        int64_t v_bits, int64_t v_high, int64_t variant,
                                        uint8_t *scratch) {
  const resq_kv_groups g = {head_size, k_rows, outliers, outlier_rows, buffer, window};
  const resq_kv_format values = {head_size, v_kind, v_bits, v_high, 0};
  const resq_group_keys keys = resq_group_keys_at(resq_dynamic_shared(), head_size);
  const int threads = RESQ_KV_GROUPS_THREADS, lane = resq_thread() % RESQ_WARP;
  (void)variant, (void)scratch;
  resq_begin();
  for (int64_t item = resq_block_x(); item < rows * heads; item += resq_blocks_x()) {
    const int64_t r = item / heads, h = item % heads, position = positions[r];
    const resq_kv_group_view head =
        resq_kv_group_head(cache, g, values, capacity, heads, sequences[r], h);
    if (resq_thread() < RESQ_WARP)
      resq_kv_warp_store(&head.value, RESQ_GPU_KV_TILES, v + r * ldv + h * head_size, sketch,
                         position, keys.codes, lane);
    for (int64_t i = resq_thread(); i < head_size; i += threads)
      *(uint16_t *)resq_kv_unit(&head.exact, position % window, i) =
          resq_f16_from_f32(k[r * ldk + h * head_size + i]);
    if (position % RESQ_KV_GROUP != RESQ_KV_GROUP - 1)
      continue; // the whole block
    const int64_t first = position + 1 - RESQ_KV_GROUP;
    resq_group_find(&keys, positions, sequences, rows, r);
    resq_group_load(&keys, &head, g, first, k + h * head_size, ldk, threads);
    resq_group_outliers(&keys, g, resq_kv_group_indices(&head, first), threads);
    resq_group_signs(&keys, g, &head.inliers, first, 0, sketch, threads);
    resq_group_signs(&keys, g, &head.outliers, first, 1, sketch, threads);
    resq_sync_block(); // before the next group's keys
  }
}
