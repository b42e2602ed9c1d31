//===-- kv_code_groups.h - a group of keys coded ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For the kernels of all levels: the lanes of every sum are channels or sketch rows side by side,
// which the compiler makes vectors of.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_KV_CODE_GROUPS_H
#define RESQ_KERNELS_KV_CODE_GROUPS_H

#include "kernels/layout/kv_groups.h"

enum { RESQ_KV_MOST_CHANNELS = 256 };

/// A group on its way: its keys, and what is apart in them.
typedef struct resq_kv_group_keys {
  float keys[RESQ_KV_GROUP][RESQ_KV_MOST_CHANNELS]; ///< as f16 has them
  float part[RESQ_KV_MOST_CHANNELS];                ///< one key without some channels
  uint32_t squares[RESQ_KV_MOST_CHANNELS];          ///< bits of the channels' sums of squares
  uint8_t apart[RESQ_KV_MOST_CHANNELS];             ///< 1: an outlier
  uint8_t indices[RESQ_KV_MOST_CHANNELS];
} resq_kv_group_keys;

/// A key to the window.
RESQ_INLINE void resq_kv_store_exact(const resq_kv_view *exact, int64_t window, int64_t position,
                                     const float *key) {
  for (int64_t i = 0; i < exact->size; ++i) {
    uint16_t half = resq_f16_from_f32(key[i]);
    __builtin_memcpy(resq_kv_unit(exact, position % window, i), &half, sizeof(half));
  }
}

/// The group's outliers: channels with fewer than `outliers` before them, by the bits of their sums
/// of squares (which order as the sums do), then by index.
RESQ_INLINE void resq_kv_choose_outliers(resq_kv_group_keys *k, resq_kv_groups g) {
  float sums[RESQ_KV_MOST_CHANNELS] = {0};
  for (int64_t t = 0; t < RESQ_KV_GROUP; ++t)
    for (int64_t i = 0; i < g.size; ++i)
      sums[i] += k->keys[t][i] * k->keys[t][i];
  for (int64_t i = 0; i < g.size; ++i)
    k->squares[i] = resq_bits_of(sums[i]);
  int64_t found = 0;
  for (int64_t i = 0; i < g.size; ++i) {
    int32_t before = 0;
    for (int64_t j = 0; j < g.size; ++j)
      before += k->squares[j] > k->squares[i] || (k->squares[j] == k->squares[i] && j < i);
    k->apart[i] = before < g.outliers;
    if (k->apart[i])
      k->indices[found++] = (uint8_t)i;
  }
}

/// Signs and norm of the part of key t that has `apart` channels, or the others.
RESQ_INLINE void resq_kv_store_signs(resq_kv_group_keys *k, const resq_kv_view *v, int64_t position,
                                     int64_t t, uint8_t apart, const float *sketch) {
  const int64_t size = v->elements;
  for (int64_t i = 0; i < size; ++i)
    k->part[i] = k->apart[i] == apart ? k->keys[t][i] : 0.0f;
  for (int64_t tile = 0; tile < v->low; tile += RESQ_TILE_N) {
    const float *panel = sketch + tile * size;
    float sums[RESQ_TILE_N] = {0};
    for (int64_t i = 0; i < size; ++i)
      for (int64_t j = 0; j < RESQ_TILE_N; ++j)
        sums[j] += panel[i * RESQ_TILE_N + j] * k->part[i];
    uint32_t bits = 0;
    for (int64_t j = 0; j < RESQ_TILE_N && tile + j < v->low; ++j)
      bits |= (uint32_t)(sums[j] > 0.0f) << j;
    for (int64_t u = tile / 8; u < v->low_bytes && u < tile / 8 + 2; ++u)
      *resq_kv_unit(v, position, u) = (uint8_t)(bits >> (u - tile / 8) * 8);
  }
  uint16_t norm = resq_finite_half(__builtin_sqrtf(resq_sum_squares(k->part, size)));
  __builtin_memcpy(v->scales[0] + 2 * position, &norm, sizeof(norm));
}

/// The group that ends with `last`, of rows of k where src says so, else of the window.
RESQ_INLINE void resq_kv_code_group(resq_kv_group_keys *keys, const resq_kv_group_view *v,
                                    resq_kv_groups g, int64_t last, const float *const *source,
                                    const float *sketch) {
  const int64_t first = last + 1 - RESQ_KV_GROUP;
  for (int64_t t = 0; t < RESQ_KV_GROUP; ++t)
    for (int64_t i = 0; i < g.size; ++i)
      keys->keys[t][i] = source[t] ? resq_f32_from_f16(resq_f16_from_f32(source[t][i]))
                                   : resq_f32_from_f16(resq_kv_load_half(
                                         resq_kv_unit(&v->exact, (first + t) % g.window, i)));
  resq_kv_choose_outliers(keys, g);
  __builtin_memcpy(resq_kv_group_indices(v, first), keys->indices, (size_t)g.outliers);
  for (int64_t t = 0; t < RESQ_KV_GROUP; ++t) {
    resq_kv_store_signs(keys, &v->inliers, first + t, t, 0, sketch);
    resq_kv_store_signs(keys, &v->outliers, first + t, t, 1, sketch);
  }
}

/// Keys of head 0 of the group that ends with row r of the call, where it has them; else null.
RESQ_INLINE void resq_kv_find_group(const float *k, int64_t ldk, const int32_t *positions,
                                    const int32_t *sequences, int64_t rows, int64_t r,
                                    const float **source) {
  for (int64_t t = 0; t < RESQ_KV_GROUP; ++t)
    source[t] = (const float *)0;
  for (int64_t other = 0; other < rows; ++other) {
    int64_t back = (int64_t)positions[r] - positions[other];
    if (sequences[other] == sequences[r] && back >= 0 && back < RESQ_KV_GROUP)
      source[RESQ_KV_GROUP - 1 - back] = k + other * ldk;
  }
}

#endif // RESQ_KERNELS_KV_CODE_GROUPS_H
