//===-- qlinear_e4m3_avx512.c - linears of E4M3 codes on AVX-512 BF16 -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// CPUs without dot products of 8-bit floats: codes become bf16 in registers, exactly, by table
// (vpermi2b looks 64 of them up in 128 bytes), and vdpbf16ps multiplies pairs, which sums in f32 in
// an order of its own. Of a step's 4 inputs, 0 and 2 are one pair and 1 and 3 the other: even and
// odd bytes need no shuffle. Activation codes are widened once a chunk, in that order, in scratch.
// Scratch must hold 16 bytes for each input (padded): padded k up to 65,536.
//===----------------------------------------------------------------------===//
#include "avx512.h"
#include "qlinear_e4m3_shape.h"

#ifdef __clang__
#define RESQ_UNROLL _Pragma("unroll")
#else
#define RESQ_UNROLL _Pragma("GCC unroll 16")
#endif

#define BLOCK_ROWS 8
/// Rows up to which a call is cut by channels as well.
#define FEW_ROWS 64
/// A tile is read as one stream with the next and prefetched this far ahead.
#define STREAM_AHEAD 1024

/// Of the bf16 of codes 0 to 127: low bytes, then high bytes.
typedef struct bf16_tables {
  __m512i low[2], high[2];
} bf16_tables;

/// Even or odd codes of 64 as bf16.
typedef struct bf16_pairs {
  __m512i even, odd;
} bf16_pairs;

RESQ_INLINE bf16_tables make_tables(void) {
  uint8_t low[128], high[128];
  for (int i = 0; i < 128; ++i) {
    const uint32_t bits = resq_bits_of(resq_f32_from_e4m3((uint8_t)i));
    low[i] = (uint8_t)(bits >> 16);
    high[i] = (uint8_t)(bits >> 24);
  }
  return (bf16_tables){{_mm512_loadu_si512(low), _mm512_loadu_si512(low + 64)},
                       {_mm512_loadu_si512(high), _mm512_loadu_si512(high + 64)}};
}

RESQ_INLINE bf16_pairs widen(const bf16_tables *t, __m512i codes) {
  // Both look-ups take 7 bits of a code; the eighth is the sign.
  const __m512i sign = _mm512_and_si512(codes, _mm512_set1_epi8((char)0x80));
  const __m512i low = _mm512_permutex2var_epi8(t->low[0], codes, t->low[1]);
  const __m512i high =
      _mm512_or_si512(_mm512_permutex2var_epi8(t->high[0], codes, t->high[1]), sign);
  const __mmask64 odd = 0xaaaaaaaaaaaaaaaa;
  return (bf16_pairs){_mm512_mask_blend_epi8(odd, low, _mm512_slli_epi16(high, 8)),
                      _mm512_mask_blend_epi8(odd, _mm512_srli_epi16(low, 8), high)};
}

/// What all chunks share.
typedef struct e4m3_call {
  resq_e4m3_branch b;
  bf16_tables tables;
  const float *bias;
  float *y;
  int64_t ldy, add;
  uint32_t *pairs; ///< scratch: [BLOCK_ROWS, stride / 2]
} e4m3_call;

/// Words a row of pairs takes.
RESQ_INLINE int64_t pair_stride(const e4m3_call *c) {
  return resq_code_stride(c->b.k, c->b.group) / 2;
}

/// Pairs of step q: 16 even ones, then 16 odd ones of every 16 steps.
RESQ_INLINE int64_t pair_index(int64_t step) { return step / 16 * 32 + step % 16; }

RESQ_INLINE void widen_rows(const e4m3_call *c, int64_t row, int64_t rows) {
  for (int64_t r = 0; r < rows; ++r) {
    const uint8_t *codes = resq_e4m3_codes(&c->b, row + r);
    uint32_t *out = c->pairs + r * pair_stride(c);
    for (int64_t i = 0; i < resq_code_stride(c->b.k, c->b.group); i += 64, out += 32) {
      const bf16_pairs p = widen(&c->tables, _mm512_loadu_si512(codes + i));
      _mm512_storeu_si512(out, p.even);
      _mm512_storeu_si512(out + 16, p.odd);
    }
  }
}

RESQ_INLINE __m512bh broadcast_pair(const uint32_t *pair) {
  return (__m512bh)_mm512_set1_epi32((int32_t)*pair);
}

/// t[r] = scale * (sum over group g of x w), for `rows` rows of the block that begins at `first`.
RESQ_INLINE void group_product(const e4m3_call *c, int64_t row, int first, int rows, int64_t tile,
                               int64_t g, __m512 *t) {
  const int64_t steps = resq_e4m3_group_k(&c->b) / 4, groups = c->b.k / c->b.group;
  const uint8_t *w = resq_e4m3_weight(&c->b, tile);
  // Sums of even and of odd pairs, at any number of rows: neither waits for the other, and a row's
  // results do not depend on those beside it.
  __m512 even[BLOCK_ROWS], odd[BLOCK_ROWS];
  RESQ_UNROLL for (int r = 0; r < rows; ++r) {
    even[r] = odd[r] = _mm512_setzero_ps();
  }
  for (int64_t s = g * steps; s < (g + 1) * steps; ++s) {
    const bf16_pairs p = widen(&c->tables, _mm512_loadu_si512(w + s * 64));
    _mm_prefetch((const char *)(w + s * 64 + STREAM_AHEAD), _MM_HINT_T0);
    const uint32_t *x = c->pairs + first * pair_stride(c) + pair_index(s);
    RESQ_UNROLL for (int r = 0; r < rows; ++r, x += pair_stride(c)) {
      even[r] = _mm512_dpbf16_ps(even[r], (__m512bh)p.even, broadcast_pair(x));
      odd[r] = _mm512_dpbf16_ps(odd[r], (__m512bh)p.odd, broadcast_pair(x + 16));
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
                       .tables = make_tables(),
                       .bias = bias,
                       .y = y,
                       .ldy = ldy,
                       .add = add,
                       .pairs = (uint32_t *)w->scratch};
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
