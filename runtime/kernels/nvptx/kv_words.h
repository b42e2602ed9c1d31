//===-- kv_words.h - where a cached vector's bytes stand on a GPU ---------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// As layout/kv_layout.h has it, planes of scales and zero points included, but the codes of keys and
// of values alike stand in tiles of 16 tokens whose unit is a word of 4 bytes: word w of token t at
// 64 w + 4 t of the tile, so that a thread loads a word of four tokens at once, and a block of 64
// tokens is one piece of memory. Bytes behind a vector's last whole word follow the tile's words,
// token after token. Codes and bytes of a vector are those of the other levels.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_KV_WORDS_H
#define RESQ_KERNELS_NVPTX_KV_WORDS_H

#include "kernels/layout/kv_layout.h"

/// Bytes of a vector's codes, scales and zero points left out.
RESQ_INLINE int64_t resq_kv_code_bytes(const resq_kv_view *v) { return v->units * v->unit; }

/// Where byte `byte` of the vector of `position` stands, of `bytes` a vector.
RESQ_INLINE int64_t resq_kv_word_offset(int64_t bytes, int64_t position, int64_t byte) {
  const int64_t t = position % RESQ_KV_TILE, whole = bytes / 4 * 4;
  const int64_t inside = byte < whole ? byte / 4 * (4 * RESQ_KV_TILE) + 4 * t + byte % 4
                                      : RESQ_KV_TILE * whole + t * (bytes - whole) + byte - whole;
  return position / RESQ_KV_TILE * RESQ_KV_TILE * bytes + inside;
}

#endif // RESQ_KERNELS_NVPTX_KV_WORDS_H
