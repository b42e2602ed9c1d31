//===-- embed_cuda.c - rows of the token table ------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "elements.h"
#include "kernels/half.h"
#include "kernels/layout/pack_layout.h"

RESQ_INLINE int64_t resq_embed_row(int32_t token, int64_t vocabulary) {
  return token < 0 ? 0 : token < vocabulary ? token : vocabulary - 1;
}

RESQ_INLINE void resq_embed_panel(const int32_t *tokens, const void *panel, float *y, int64_t rows,
                                  int64_t ldy, int64_t vocabulary, int64_t width, int as,
                                  resq_part part) {
  const resq_turns turns = resq_element_turns(part, rows, width);
  resq_begin();
  RESQ_EACH_ELEMENT(turns, width, r, i) {
    const int64_t token = resq_embed_row(tokens[r], vocabulary);
    const int64_t at = token / RESQ_TILE_N * RESQ_TILE_N * width + token % RESQ_TILE_N;
    y[r * ldy + i] = resq_float_element(panel, at + i * RESQ_TILE_N, as);
  }
}

void RESQ_KERNEL(resq_embed_f32)(const int32_t *tokens, const float *panel, float *y, int64_t rows,
                                 int64_t ldy, int64_t vocabulary, int64_t width, int64_t variant,
                                 uint8_t *scratch, int64_t threads, int64_t unit, int64_t units) {
  const resq_part part = {(int)threads, unit, units};
  (void)variant, (void)scratch;
  resq_embed_panel(tokens, panel, y, rows, ldy, vocabulary, width, RESQ_AS_F32, part);
}

void RESQ_KERNEL(resq_embed_bf16)(const int32_t *tokens, const resq_bf16 *panel, float *y,
                                  int64_t rows, int64_t ldy, int64_t vocabulary, int64_t width,
                                  int64_t variant, uint8_t *scratch, int64_t threads, int64_t unit,
                                  int64_t units) {
  const resq_part part = {(int)threads, unit, units};
  (void)variant, (void)scratch;
  resq_embed_panel(tokens, panel, y, rows, ldy, vocabulary, width, RESQ_AS_BF16, part);
}

void RESQ_KERNEL(resq_embed_f16)(const int32_t *tokens, const resq_f16 *panel, float *y,
                                 int64_t rows, int64_t ldy, int64_t vocabulary, int64_t width,
                                 int64_t variant, uint8_t *scratch, int64_t threads, int64_t unit,
                                 int64_t units) {
  const resq_part part = {(int)threads, unit, units};
  (void)variant, (void)scratch;
  resq_embed_panel(tokens, panel, y, rows, ldy, vocabulary, width, RESQ_AS_F16, part);
}

void RESQ_KERNEL(resq_embed_codes)(const int32_t *tokens, const uint8_t *weight, float *y,
                                   int64_t rows, int64_t ldy, int64_t vocabulary, int64_t width,
                                   int64_t group, int64_t bits, int64_t variant, uint8_t *scratch,
                                   int64_t threads, int64_t unit, int64_t units) {
  const resq_part part = {(int)threads, unit, units};
  const resq_bf16 *scales =
      (const resq_bf16 *)(weight + resq_packed_scales_offset(vocabulary, width, group, bits));
  const int64_t padded = resq_round_up(vocabulary, RESQ_TILE_N);
  (void)variant, (void)scratch;
  const resq_turns turns = resq_element_turns(part, rows, width / group * group);
  resq_begin();
  RESQ_EACH_ELEMENT(turns, width / group * group, r, i) {
    const int64_t token = resq_embed_row(tokens[r], vocabulary);
    const float scale = resq_f32_from_bf16(scales[i / group * padded + token]);
    y[r * ldy + i] = scale * (float)resq_unpack_weight_code(weight, token, i, width, group, bits);
  }
}
