//===-- kv_words.h - where a cached vector's bytes are on a GPU -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A cache has one layout in all launches of a program and chip: resq_gpu_kv_layout_of, which the plans of what appends
// and of what reads ask, is the only place that chooses it. Planes of scales and zero points are those of
// layout/kv_layout.h in each. Plain C.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_KV_WORDS_H
#define RESQ_KERNELS_NVPTX_KV_WORDS_H

#include "kernels/layout/kv_layout.h"
#include "plan.h"
#include <stdbool.h>

typedef enum resq_gpu_kv_layout {
  /// As layout/kv_layout.h has it: level "generic"'s bytes, which exact kernels read.
  RESQ_GPU_KV_TILES,
  /// Codes of keys and of values alike are in tiles of 16 tokens whose unit is a word of 4 bytes: word w of token t is at
  /// 64 w + 4 t of the tile, so that a thread loads a word of four tokens at once, and neighboring tiles are one piece of
  /// memory. Bytes behind a vector's last whole word follow the tile's words, token after token.
  RESQ_GPU_KV_WORDS,
} resq_gpu_kv_layout;

enum { RESQ_ATTENTION_MOST_SIZE = 128 }; ///< elements of a head that fast kernels take

/// Whether the fast kernels take vectors of this format.
static inline bool resq_attention_takes(resq_kv_format f) {
  const int64_t low = f.size - f.high;
  if (f.size > RESQ_ATTENTION_MOST_SIZE || f.size % 8)
    return false;
  if (f.kind == RESQ_KV_F32 || f.kind == RESQ_KV_F16)
    return true;
  return (f.kind == RESQ_KV_INT || f.kind == RESQ_KV_LM) && f.bits == 4 && low > 0 &&
         low % 8 == 0 && f.high <= 16;
}

/// Fast kernels copy by bulk, which came with 9.0.
static inline resq_gpu_kv_layout resq_gpu_kv_layout_of(resq_kv_format keys, resq_kv_format values,
                                                       resq_gpu_setting g) {
  return g.arithmetic == RESQ_GPU_FAST && g.capability >= 90 && resq_attention_takes(keys) &&
                 resq_attention_takes(values)
             ? RESQ_GPU_KV_WORDS
             : RESQ_GPU_KV_TILES;
}

/// Bytes of a vector's codes, without scales and zero points.
RESQ_INLINE int64_t resq_kv_code_bytes(const resq_kv_view *v) { return v->units * v->unit; }

/// Where byte `byte` of the codes of the vector of `position` is.
RESQ_INLINE uint8_t *resq_gpu_kv_byte(const resq_kv_view *v, resq_gpu_kv_layout layout,
                                      int64_t position, int64_t byte) {
  if (layout == RESQ_GPU_KV_TILES)
    return resq_kv_unit(v, position, byte / v->unit) + byte % v->unit;
  const int64_t bytes = resq_kv_code_bytes(v), t = position % RESQ_KV_TILE, whole = bytes / 4 * 4;
  const int64_t inside = byte < whole ? byte / 4 * (4 * RESQ_KV_TILE) + 4 * t + byte % 4
                                      : RESQ_KV_TILE * whole + t * (bytes - whole) + byte - whole;
  return v->codes + position / RESQ_KV_TILE * RESQ_KV_TILE * bytes + inside;
}

#endif // RESQ_KERNELS_NVPTX_KV_WORDS_H
