//===-- qlinear_e4m3_avx512.c - linears of E4M3 codes on AVX-512 ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// CPUs without dot products of 8-bit floats: codes become bf16 in registers, exactly, then f32 by
// a shift, and FMAs sum them in an order of their own. Of a step's 4 inputs, 0 and 2 are one pair
// and 1 and 3 the other: even and odd bytes need no shuffle. Activation codes are widened once a
// chunk, in scratch, which must hold 32 bytes for each input (padded): padded k up to 32,768.
//===----------------------------------------------------------------------===//
#include "avx512.h"
#include "kernels/templates/qlinear_e4m3_shape.h"

#define BLOCK_ROWS 8
/// Rows up to which a call is cut by channels as well.
#define FEW_ROWS 64
/// A tile is read as one stream with the next and prefetched this far ahead.
#define STREAM_AHEAD 1024

/// Even and odd codes of 64 as bf16.
typedef struct bf16_pairs {
  __m512i even, odd;
} bf16_pairs;

/// The bf16 of codes in the lower bytes of lanes, their signs given in place.
RESQ_INLINE __m512i bf16_of(__m512i codes, __m512i signs) {
  // Subnormals, multiples of 2^-9, by table; 120 is the difference of the exponents' biases.
  const __m512i subnormal = _mm512_castsi128_si512(
      _mm_setr_epi16(0, 0x3b00, 0x3b80, 0x3bc0, 0x3c00, 0x3c20, 0x3c40, 0x3c60));
  const __m512i magnitude = _mm512_and_si512(codes, _mm512_set1_epi16(0x7f));
  __m512i v = _mm512_add_epi16(_mm512_slli_epi16(magnitude, 4), _mm512_set1_epi16(120 << 7));
  v = _mm512_mask_permutexvar_epi16(v, _mm512_cmplt_epu16_mask(magnitude, _mm512_set1_epi16(8)),
                                    magnitude, subnormal);
  v = _mm512_mask_mov_epi16(v, _mm512_cmpeq_epi16_mask(magnitude, _mm512_set1_epi16(RESQ_E4M3_NAN)),
                            _mm512_set1_epi16(0x7fc0));
  return _mm512_ternarylogic_epi32(signs, _mm512_set1_epi16((short)0x8000), v,
                                   0xea); // signs & top | v
}

RESQ_INLINE bf16_pairs widen(__m512i codes) {
  return (bf16_pairs){bf16_of(codes, _mm512_slli_epi16(codes, 8)),
                      bf16_of(_mm512_srli_epi16(codes, 8), codes)};
}

/// Of pairs of bf16: the first, and the second.
RESQ_INLINE __m512 first_of(__m512i pairs) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
}
RESQ_INLINE __m512 second_of(__m512i pairs) {
  return _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32((int32_t)0xffff0000)));
}

/// What all chunks share.
typedef struct e4m3_call {
  resq_e4m3_branch b;
  const float *bias;
  float *y;
  int64_t ldy, add;
  float *wide; ///< scratch: [BLOCK_ROWS, stride]
} e4m3_call;

/// Numbers a widened row takes.
RESQ_INLINE int64_t wide_stride(const e4m3_call *c) { return resq_code_stride(c->b.k, c->b.group); }

/// Where step s of a widened row stands: 16 steps together, inputs 0 of them, then 2, 1, 3.
RESQ_INLINE int64_t wide_index(int64_t step) { return step / 16 * 64 + step % 16; }

RESQ_INLINE void widen_rows(const e4m3_call *c, int64_t row, int64_t rows) {
  for (int64_t r = 0; r < rows; ++r) {
    const uint8_t *codes = resq_e4m3_codes(&c->b, row + r);
    float *out = c->wide + r * wide_stride(c);
    for (int64_t i = 0; i < wide_stride(c); i += 64, out += 64) {
      const bf16_pairs p = widen(_mm512_loadu_si512(codes + i));
      _mm512_storeu_ps(out, first_of(p.even));
      _mm512_storeu_ps(out + 16, second_of(p.even));
      _mm512_storeu_ps(out + 32, first_of(p.odd));
      _mm512_storeu_ps(out + 48, second_of(p.odd));
    }
  }
}

/// t[r] = scale * (sum over group g of x w), for `rows` rows of the block that begins at `first`.
RESQ_INLINE void group_product(const e4m3_call *c, int64_t row, int first, int rows, int64_t tile,
                               int64_t g, __m512 *t) {
  const int64_t steps = resq_e4m3_group_k(&c->b) / 4, groups = c->b.k / c->b.group;
  const uint8_t *w = resq_e4m3_weight(&c->b, tile);
  // Sums of even and of odd inputs, at any number of rows: neither waits for the other, and a row's
  // results do not depend on those beside it.
  __m512 even[BLOCK_ROWS], odd[BLOCK_ROWS];
  RESQ_UNROLL for (int r = 0; r < rows; ++r) { even[r] = odd[r] = _mm512_setzero_ps(); }
  for (int64_t s = g * steps; s < (g + 1) * steps; ++s) {
    const bf16_pairs p = widen(_mm512_loadu_si512(w + s * 64));
    _mm_prefetch((const char *)(w + s * 64 + STREAM_AHEAD), _MM_HINT_T0);
    const __m512 w0 = first_of(p.even), w1 = first_of(p.odd);
    const __m512 w2 = second_of(p.even), w3 = second_of(p.odd);
    const float *x = c->wide + first * wide_stride(c) + wide_index(s);
    RESQ_UNROLL for (int r = 0; r < rows; ++r, x += wide_stride(c)) {
      even[r] = _mm512_fmadd_ps(w0, _mm512_set1_ps(x[0]), even[r]);
      odd[r] = _mm512_fmadd_ps(w1, _mm512_set1_ps(x[32]), odd[r]);
      even[r] = _mm512_fmadd_ps(w2, _mm512_set1_ps(x[16]), even[r]);
      odd[r] = _mm512_fmadd_ps(w3, _mm512_set1_ps(x[48]), odd[r]);
    }
  }
  RESQ_UNROLL for (int r = 0; r < rows; ++r) {
    const __m512 scale = _mm512_set1_ps(c->b.scales[(row + first + r) * groups + g]);
    t[r] = _mm512_mul_ps(_mm512_add_ps(even[r], odd[r]), scale);
  }
}

RESQ_INLINE __m512 load_scales(const e4m3_call *c, int64_t tile, int64_t g) {
  return resq_load16(resq_e4m3_weight_scales(&c->b, tile, g), 0, RESQ_AS_BF16);
}

/// y of `rows` rows, from row + first on, by one tile.
RESQ_INLINE void block(const e4m3_call *c, int64_t row, int first, int rows, int64_t tile) {
  const resq_e4m3_branch *b = &c->b;
  const int64_t groups = b->k / b->group, channel = tile * RESQ_TILE_N;
  const __mmask16 lanes = resq_lanes(b->n - channel);
  const int per_row = b->wgroup == b->k;
  __m512 total[BLOCK_ROWS], part[BLOCK_ROWS], t[BLOCK_ROWS];
  RESQ_UNROLL for (int r = 0; r < rows; ++r) {
    part[r] = _mm512_setzero_ps();
    const float *y = c->y + (row + first + r) * c->ldy + channel;
    total[r] = c->add    ? _mm512_maskz_loadu_ps(lanes, y)
               : c->bias ? _mm512_maskz_loadu_ps(lanes, c->bias + channel)
                         : _mm512_setzero_ps();
  }
  for (int64_t g = 0; g < groups; ++g) {
    group_product(c, row, first, rows, tile, g, t);
    const int last = !per_row || g + 1 == groups;
    const __m512 scale = last ? load_scales(c, tile, per_row ? 0 : g) : _mm512_setzero_ps();
    RESQ_UNROLL for (int r = 0; r < rows; ++r) {
      part[r] = per_row ? _mm512_add_ps(part[r], t[r]) : t[r];
      if (last)
        total[r] = _mm512_fmadd_ps(scale, part[r], total[r]);
    }
  }
  RESQ_UNROLL for (int r = 0; r < rows; ++r) {
    _mm512_mask_storeu_ps(c->y + (row + first + r) * c->ldy + channel, lanes, total[r]);
  }
}

/// Up to BLOCK_ROWS rows, widened already, by one tile.
RESQ_INLINE void tile_rows(const e4m3_call *c, int64_t row, int64_t rows, int64_t tile) {
  int first = 0;
  if (rows == BLOCK_ROWS) {
    block(c, row, 0, BLOCK_ROWS, tile);
    return;
  }
  for (; first + 4 <= rows; first += 4)
    block(c, row, first, 4, tile);
  for (; first < rows; ++first)
    block(c, row, first, 1, tile);
}

void RESQ_KERNEL(resq_qlinear_e4m3)(resq_worker *w, int32_t op, const uint8_t *codes,
                                    const float *scales, const uint8_t *weight, const float *bias,
                                    float *y, int64_t rows, int64_t ldy, int64_t n, int64_t k,
                                    int64_t group, int64_t wgroup, int64_t add) {
  const e4m3_call c = {.b = {codes, scales, weight, n, k, group, wgroup},
                       .bias = bias,
                       .y = y,
                       .ldy = ldy,
                       .add = add,
                       .wide = (float *)w->scratch};
  // Blocks of rows; few of them: cut by runs of tiles, too, two a thread.
  const int64_t tiles = (n + RESQ_TILE_N - 1) / RESQ_TILE_N;
  const int64_t blocks = (rows + BLOCK_ROWS - 1) / BLOCK_ROWS;
  const int64_t wanted = rows > FEW_ROWS || w->count == 1 ? 1 : 2 * w->count;
  const int64_t runs = wanted < tiles ? wanted : tiles;
  for (int64_t i; (i = resq_next_chunk(w, op)) < blocks * runs;) {
    const int64_t row = i / runs * BLOCK_ROWS, run = i % runs;
    const int64_t count = rows - row < BLOCK_ROWS ? rows - row : BLOCK_ROWS;
    widen_rows(&c, row, count);
    for (int64_t tile = run * tiles / runs; tile < (run + 1) * tiles / runs; ++tile)
      tile_rows(&c, row, count, tile);
  }
}
