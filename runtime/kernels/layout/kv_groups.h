//===-- kv_groups.h - where grouped keys stand -----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A sequence: the keys of all heads, the values of all heads (kv_layout.h), then the windows of
// all heads. A head's keys are `capacity` vectors of bytes in tiles of 16 tokens, signs of the
// inliers, then of the outliers; planes: f16 norms of the inliers, of the outliers; then
// 32 * ceil(outliers / 32) bytes a group, the first of which are the group's outliers, rising.
// A head's window has the layout of f16 keys in a cache of `window` tokens.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_KV_GROUPS_H
#define RESQ_KERNELS_KV_GROUPS_H

#include "kv_layout.h"

/// One head of one sequence.
typedef struct resq_kv_group_view {
  resq_kv_view inliers;  ///< signs and norms as qjl's
  resq_kv_view outliers; ///< likewise; shares tiles with the inliers
  resq_kv_view exact;    ///< the window, at position modulo its tokens
  resq_kv_view value;
  uint8_t *indices;    ///< of group 0
  int64_t index_bytes; ///< from group to group
} resq_kv_group_view;

RESQ_INLINE resq_kv_group_view resq_kv_group_head(uint8_t *cache, resq_kv_groups g,
                                                  resq_kv_format values, int64_t capacity,
                                                  int64_t heads, int64_t sequence, int64_t head) {
  const int64_t key_bytes = resq_kv_groups_bytes(g), value_bytes = resq_kv_vector_bytes(values);
  const int64_t window_bytes = 2 * g.window * g.size;
  const int64_t in_bytes = (g.rows + 7) / 8, out_bytes = (g.outlier_rows + 7) / 8;
  uint8_t *base = cache + sequence * heads * (capacity * (key_bytes + value_bytes) + window_bytes);
  uint8_t *region = base + head * capacity * key_bytes;
  uint8_t *planes = region + capacity * (in_bytes + out_bytes);
  const resq_kv_format exact = {g.size, RESQ_KV_F16, 0, 0, 0};
  resq_kv_group_view v;
  v.inliers = (resq_kv_view){.codes = region,
                             .scales = {planes, planes},
                             .kind = RESQ_KV_QJL,
                             .bits = 1,
                             .size = g.rows,
                             .low = g.rows,
                             .elements = g.size,
                             .low_bytes = in_bytes,
                             .unit = 1,
                             .units = in_bytes + out_bytes,
                             .is_key = 1};
  v.outliers = v.inliers;
  v.outliers.codes = region + in_bytes * RESQ_KV_TILE;
  v.outliers.scales[0] = v.outliers.scales[1] = planes + 2 * capacity;
  v.outliers.size = v.outliers.low = g.outlier_rows;
  v.outliers.low_bytes = out_bytes;
  v.indices = planes + 4 * capacity;
  v.index_bytes = (g.outliers + RESQ_KV_GROUP - 1) / RESQ_KV_GROUP * RESQ_KV_GROUP;
  v.value = resq_kv_view_at(base + capacity * (heads * key_bytes + head * value_bytes), values,
                            capacity, 0);
  v.exact =
      resq_kv_view_at(base + heads * capacity * (key_bytes + value_bytes) + head * window_bytes,
                      exact, g.window, 1);
  return v;
}

RESQ_INLINE uint8_t *resq_kv_group_indices(const resq_kv_group_view *v, int64_t position) {
  return v->indices + position / RESQ_KV_GROUP * v->index_bytes;
}

/// Tokens from this one on are read exactly by the row at `position`.
RESQ_INLINE int64_t resq_kv_flushed(resq_kv_groups g, int64_t position) {
  return (position + 1) / g.buffer * g.buffer;
}

#endif // RESQ_KERNELS_KV_GROUPS_H
