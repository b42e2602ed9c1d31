//===-- gguf.c - GGUF files: opening, hashing, views ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/import/gguf.h"

#include <stdatomic.h>
#include <stdlib.h>

//===-- Opening and closing -----------------------------------------------===//

static atomic_int opened, digested;

resq_gguf_counts resq_gguf_counted(void) {
  return (resq_gguf_counts){atomic_load(&opened), atomic_load(&digested)};
}

bool resq_gguf_open(resq_gguf *out, const char *path, resq_error *err) {
  atomic_fetch_add(&opened, 1);
  *out = (resq_gguf){0};
  resq_map map;
  if (!resq_map_open(&map, path, err))
    return false;
  if (!resq_gguf_parse(out, map.data, map.size, path, err)) {
    resq_map_close(&map);
    return false;
  }
  out->owns_map = true;
  return true;
}

void resq_gguf_close(resq_gguf *gguf) {
  free(gguf->path);
  free(gguf->values);
  free(gguf->tensors);
  free(gguf->values_by_key);
  free(gguf->tensors_by_name);
  free(gguf->names);
  if (gguf->owns_map)
    resq_map_close(&gguf->map);
  *gguf = (resq_gguf){0};
}

//===-- Memory ------------------------------------------------------------===//

void resq_gguf_drop_pages(const resq_gguf *gguf) {
  // Bytes of somebody else's may be no file's: taken out, they would be lost.
  if (gguf->owns_map)
    resq_map_drop_pages(&gguf->map);
}

XXH128_hash_t resq_gguf_digest(const resq_gguf *gguf) {
  enum { PIECE = 16 << 20 };
  atomic_fetch_add(&digested, 1);
  XXH3_state_t *state = XXH3_createState();
  if (!state) // the same number, at the price of pages
    return XXH3_128bits(gguf->map.data, gguf->map.size);
  XXH3_128bits_reset(state);
  for (uint64_t at = 0; at < gguf->map.size; at += PIECE) {
    uint64_t left = gguf->map.size - at;
    XXH3_128bits_update(state, gguf->map.data + at, left < PIECE ? left : PIECE);
    resq_gguf_drop_pages(gguf);
  }
  XXH128_hash_t hash = XXH3_128bits_digest(state);
  XXH3_freeState(state);
  return hash;
}

//===-- Shapes ------------------------------------------------------------===//

bool resq_gguf_view(const resq_gguf_tensor *tensor, uint32_t rank, const int64_t *shape,
                    resq_gguf_tensor *out) {
  if (rank < 1 || rank > RESQ_GGUF_MAX_DIMS)
    return false;
  // Outermost first; dimensions of 1 on either side mean nothing.
  uint32_t i = 0, j = 0;
  for (;; ++i, ++j) {
    while (i < tensor->n_dims && resq_gguf_outer_dim(tensor, i) == 1)
      ++i;
    while (j < rank && shape[j] == 1)
      ++j;
    if (i == tensor->n_dims || j == rank)
      break;
    if (shape[j] < 1 || resq_gguf_outer_dim(tensor, i) != (uint64_t)shape[j])
      return false;
  }
  if (i != tensor->n_dims || j != rank)
    return false;
  uint64_t row = (uint64_t)shape[rank - 1], block_elements, block_bytes;
  const char *name;
  if (!resq_gguf_type_block(tensor->type, &block_elements, &block_bytes, &name) ||
      row % block_elements != 0)
    return false;
  *out = *tensor;
  out->n_dims = rank;
  for (uint32_t k = 0; k < RESQ_GGUF_MAX_DIMS; ++k)
    out->dims[k] = k < rank ? (uint64_t)shape[rank - 1 - k] : 1;
  out->row_size = row / block_elements * block_bytes;
  out->n_rows = tensor->size / out->row_size;
  return true;
}
