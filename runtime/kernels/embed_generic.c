//===-- embed_generic.c - rows of the token table ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A row of a panel is a column of its tile: one element every RESQ_TILE_N.
//===----------------------------------------------------------------------===//
#include "rows.h"

RESQ_INLINE void embed(resq_worker *w, int32_t op, const int32_t *tokens, const void *panel,
                       float *y, int64_t rows, int64_t ldy, int64_t vocabulary, int64_t width,
                       int as) {
  resq_span span;
  while (resq_next_rows(w, op, rows, width, &span)) {
    for (int64_t r = span.begin; r < span.end; ++r) {
      int64_t token = tokens[r] < 0 ? 0 : tokens[r] < vocabulary ? tokens[r] : vocabulary - 1;
      int64_t at = token / RESQ_TILE_N * RESQ_TILE_N * width + token % RESQ_TILE_N;
      for (int64_t i = 0; i < width; ++i)
        y[r * ldy + i] = resq_element(panel, at + i * RESQ_TILE_N, as);
    }
  }
}

RESQ_DECLARE_EMBED(float, f32) {
  embed(w, op, tokens, panel, y, rows, ldy, vocabulary, width,
        RESQ_AS_F32);
}

RESQ_DECLARE_EMBED(resq_bf16, bf16) {
  embed(w, op, tokens, panel, y, rows, ldy, vocabulary, width,
        RESQ_AS_BF16);
}

RESQ_DECLARE_EMBED(resq_f16, f16) {
  embed(w, op, tokens, panel, y, rows, ldy, vocabulary, width,
        RESQ_AS_F16);
}
