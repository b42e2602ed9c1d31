//===-- embed_generic.c - rows of the token table ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A row of a panel is a column of its tile: one element every RESQ_TILE_N. A row of codes stands in
// the steps of its tile, 4 columns of it (or nibbles of 4 and 4) next to each other.
//===----------------------------------------------------------------------===//
#include "kernels/layout/pack_layout.h"
#include "kernels/templates/rows.h"

RESQ_INLINE int64_t row_of(int32_t token, int64_t vocabulary) {
  return token < 0 ? 0 : token < vocabulary ? token : vocabulary - 1;
}

RESQ_INLINE void embed(resq_worker *w, int32_t op, const int32_t *tokens, const void *panel,
                       float *y, int64_t rows, int64_t ldy, int64_t vocabulary, int64_t width,
                       int as) {
  resq_span span;
  while (resq_next_rows(w, op, rows, width, &span)) {
    for (int64_t r = span.begin; r < span.end; ++r) {
      const int64_t token = row_of(tokens[r], vocabulary);
      int64_t at = token / RESQ_TILE_N * RESQ_TILE_N * width + token % RESQ_TILE_N;
      for (int64_t i = 0; i < width; ++i)
        y[r * ldy + i] = resq_float_element(panel, at + i * RESQ_TILE_N, as);
    }
  }
}

RESQ_DECLARE_EMBED(float, f32) {
  embed(w, op, tokens, panel, y, rows, ldy, vocabulary, width, RESQ_AS_F32);
}

RESQ_DECLARE_EMBED(resq_bf16, bf16) {
  embed(w, op, tokens, panel, y, rows, ldy, vocabulary, width, RESQ_AS_BF16);
}

RESQ_DECLARE_EMBED(resq_f16, f16) {
  embed(w, op, tokens, panel, y, rows, ldy, vocabulary, width, RESQ_AS_F16);
}

void RESQ_KERNEL(resq_embed_codes)(resq_worker *w, int32_t op, const int32_t *tokens,
                                   const uint8_t *weight, float *y, int64_t rows, int64_t ldy,
                                   int64_t vocabulary, int64_t width, int64_t group, int64_t bits) {
  const resq_bf16 *scales =
      (const resq_bf16 *)(weight + resq_packed_scales_offset(vocabulary, width, group, bits));
  const int64_t padded = resq_round_up(vocabulary, RESQ_TILE_N);
  resq_span span;
  while (resq_next_rows(w, op, rows, width, &span)) {
    for (int64_t r = span.begin; r < span.end; ++r) {
      const int64_t token = row_of(tokens[r], vocabulary);
      for (int64_t g = 0; g < width / group; ++g) {
        const float scale = resq_f32_from_bf16(scales[g * padded + token]);
        for (int64_t i = g * group; i < (g + 1) * group; ++i)
          y[r * ldy + i] =
              scale * (float)resq_unpack_weight_code(weight, token, i, width, group, bits);
      }
    }
  }
}
