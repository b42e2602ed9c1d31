//===-- qlinear_block_avx2.h - rows by a tile of a quantised linear -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The register block of qlinear_avx2.c: `rows` x 16 channels of int32 sums, fed by vpmaddwd.
// Weights are signed bytes, those of a channel's 4 inputs in one lane of 32 bits; shifts widen the
// even and the odd ones to 16 bits, so that inputs 0 and 2 are one pair and 1 and 3 the other, and
// activation codes are paired alike. 16 bits hold any product's operands: nothing saturates.
// acc = sum code w, and what is wanted is sum (code + shift) w = acc + shift sum w.
//===----------------------------------------------------------------------===//
#ifndef RESQ_QLINEAR_BLOCK_AVX2_H
#define RESQ_QLINEAR_BLOCK_AVX2_H

#include "kernels/templates/qlinear_shape.h"
#include <immintrin.h>

/// 12 accumulators of the 16 registers.
#define RESQ_BLOCK_ROWS 6
/// Bytes of a unit, 8 inputs by 16 channels, as signed weights.
#define RESQ_UNPACKED_UNIT 128
/// Pairs of codes that stand for a unit's inputs.
#define RESQ_UNIT_PAIRS 4
/// Packed weights are read as one stream and prefetched this far ahead.
#define RESQ_STREAM_AHEAD 1024

/// Weights of a unit: inputs 0..3 of channels 0..7 and 8..15, then inputs 4..7.
typedef struct resq_unit {
  __m256i at[4];
} resq_unit;

/// A branch and what a chunk made of it in scratch.
typedef struct resq_qwork {
  resq_qshape b;
  int32_t *pairs;    ///< [rows, units, RESQ_UNIT_PAIRS]: two codes of 16 bits each
  uint8_t *unpacked; ///< [units, RESQ_UNPACKED_UNIT] of one tile
  int32_t *sums;     ///< [groups, 16] sums of its weights, where activations have 8 bits
} resq_qwork;

/// Units of 8 inputs of all groups.
RESQ_INLINE int64_t resq_all_units(const resq_qshape *b) {
  return resq_qgroups(b) * resq_qunits(b);
}

//===-- Weights -----------------------------------------------------------===//

/// The first 16 places of a trellis, or the next 16, in both lanes.
RESQ_INLINE __m256i quarter_table(const resq_qshape *b, int quarter) {
  const int8_t *values = resq_trellis_values(b->wbits) + 16 * quarter;
  return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)values));
}

/// Trellis weights of places, given by their low four bits and, as masks, which have bits 4 and 5
/// set. By value(63 - place) = -value(place), those with bit 5 are looked up without.
RESQ_INLINE __m256i trellis_values(const resq_qshape *b, __m256i low, __m256i bit4, __m256i bit5) {
  const __m256i table = quarter_table(b, 0), other = _mm256_xor_si256(table, quarter_table(b, 1));
  const __m256i place = _mm256_xor_si256(low, _mm256_and_si256(bit5, _mm256_set1_epi8(15)));
  const __m256i change =
      _mm256_and_si256(_mm256_xor_si256(bit4, bit5), _mm256_shuffle_epi8(other, place));
  const __m256i value = _mm256_xor_si256(_mm256_shuffle_epi8(table, place), change);
  return _mm256_sub_epi8(_mm256_xor_si256(value, bit5), bit5);
}

/// Bytes in which `bit` is set, as a mask.
RESQ_INLINE __m256i bytes_with(__m256i v, __m256i bit) {
  return _mm256_cmpeq_epi8(_mm256_and_si256(v, bit), bit);
}

/// The bytes of channels 0..7 and 8..15, a channel being a lane of 32 bits, `back` channels before, 1
/// to 3: channels before 0 are 15, 14 and 13.
RESQ_INLINE void channels_before(const __m256i v[2], int back, __m256i out[2]) {
  const __m256i before_a = _mm256_permute2x128_si256(v[0], v[1], 0x03); // b's upper half, a's lower
  const __m256i before_b = _mm256_permute2x128_si256(v[0], v[1], 0x21); // a's upper half, b's lower
  out[0] = back == 1   ? _mm256_alignr_epi8(v[0], before_a, 12)
           : back == 2 ? _mm256_alignr_epi8(v[0], before_a, 8)
                       : _mm256_alignr_epi8(v[0], before_a, 4);
  out[1] = back == 1   ? _mm256_alignr_epi8(v[1], before_b, 12)
           : back == 2 ? _mm256_alignr_epi8(v[1], before_b, 8)
                       : _mm256_alignr_epi8(v[1], before_b, 4);
}

/// Codes to what they stand for. v: channels 0..7 and 8..15 as they are stored, with the last bits of
/// inputs 0..3 in bit 0 and of inputs 4..7 in bit 4.
RESQ_INLINE void trellis_unit(const resq_qshape *b, const __m256i v[2], resq_unit *u) {
  const int memory = resq_trellis_memory(b->wbits);
  const __m256i last[2] = {_mm256_set1_epi8(1), _mm256_set1_epi8(16)};
  __m256i before[4][2];
  RESQ_UNROLL for (int back = 1; back <= memory; ++back) channels_before(v, back, before[back]);
  RESQ_UNROLL for (int c = 0; c < 2; ++c) RESQ_UNROLL for (int h = 0; h < 2; ++h) {
    __m256i low = u->at[2 * h + c];
    if (memory == 3) { // the place's bit 3 is the code's before
      const __m256i one = _mm256_and_si256(before[1][c], last[h]);
      low = _mm256_or_si256(low, h ? _mm256_srli_epi16(one, 1) : _mm256_slli_epi16(one, 3));
    }
    u->at[2 * h + c] = trellis_values(b, low, bytes_with(before[memory - 1][c], last[h]),
                                      bytes_with(before[memory][c], last[h]));
  }
}

RESQ_INLINE __m256i load(const uint8_t *p) { return _mm256_loadu_si256((const __m256i *)p); }

/// u with the bits of a plane, whose 16 bytes hold bit i for each of the 16 bytes from 16 i on, as
/// bit `bit` of the codes.
RESQ_INLINE void add_plane(resq_unit *u, const uint8_t *plane, int bit) {
  const __m256i both = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)plane));
  const __m256i mask = _mm256_set1_epi8((char)(1 << bit));
  // Bits 2 i and 2 i + 1 of vector i: the upper half's first to where the lower half's stands.
  const __m256i even = _mm256_srlv_epi32(both, _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1));
  RESQ_UNROLL for (int i = 0; i < 4; ++i) {
    const int left = bit - 2 * i;
    const __m256i there =
        left >= 0 ? _mm256_slli_epi32(even, left) : _mm256_srli_epi32(even, -left);
    u->at[i] = _mm256_or_si256(u->at[i], _mm256_and_si256(there, mask));
  }
}

/// A unit as the artifact stores it.
RESQ_INLINE resq_unit packed_unit(const resq_qshape *b, const uint8_t *w) {
  const int base = (int)resq_packed_base(b->wbits);
  resq_unit u;
  if (base == 8) {
    RESQ_UNROLL for (int i = 0; i < 4; ++i) u.at[i] = load(w + 32 * i);
  } else {
    // Channels 0..7 and 8..15, inputs 0..3 from bit 0 on and 4..7 from bit 4.
    const __m256i first = load(w);
    const __m256i v[2] = {first, base == 4 ? load(w + 32) : _mm256_srli_epi16(first, 2)};
    const __m256i field = _mm256_set1_epi8((char)((1 << base) - 1));
    RESQ_UNROLL for (int c = 0; c < 2; ++c) {
      u.at[c] = _mm256_and_si256(v[c], field);
      u.at[2 + c] = _mm256_and_si256(_mm256_srli_epi16(v[c], 4), field);
    }
    RESQ_UNROLL for (int p = 0; p < (int)resq_packed_planes(b->wbits); ++p)
        add_plane(&u, w + resq_packed_planes_at(b->wbits) + RESQ_PLANE_BYTES * p, base + p);
    if (b->trellis) {
      trellis_unit(b, v, &u);
      return u;
    }
  }
  const __m256i offset = _mm256_set1_epi8((char)resq_packed_offset(b->wbits));
  RESQ_UNROLL for (int i = 0; i < 4; ++i) u.at[i] = _mm256_sub_epi8(u.at[i], offset);
  return u;
}

/// Even and odd bytes of 32, widened.
RESQ_INLINE __m256i even_of(__m256i v) { return _mm256_srai_epi16(_mm256_slli_epi16(v, 8), 8); }
RESQ_INLINE __m256i odd_of(__m256i v) { return _mm256_srai_epi16(v, 8); }

/// sums + the unit's weights, channels 0..7 and 8..15.
RESQ_INLINE void add_sums(resq_unit u, __m256i sums[2]) {
  const __m256i ones = _mm256_set1_epi16(1);
  RESQ_UNROLL for (int c = 0; c < 2; ++c) RESQ_UNROLL for (int h = 0; h < 2; ++h) {
    const __m256i pairs = _mm256_add_epi16(even_of(u.at[2 * h + c]), odd_of(u.at[2 * h + c]));
    sums[c] = _mm256_add_epi32(sums[c], _mm256_madd_epi16(pairs, ones));
  }
}

/// Weights of a tile as signed bytes, and their sums where they count.
RESQ_INLINE void unpack_tile(const resq_qwork *w, int64_t tile) {
  const resq_qshape *b = &w->b;
  uint8_t *out = w->unpacked;
  for (int64_t g = 0; g < resq_qgroups(b); ++g) {
    const uint8_t *from = resq_qweight(b, tile, g);
    __m256i sums[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    for (int64_t i = 0; i < resq_qunits(b); ++i, out += RESQ_UNPACKED_UNIT) {
      const resq_unit u = packed_unit(b, from + i * resq_qunit_bytes(b));
      RESQ_UNROLL for (int j = 0; j < 4; ++j)
          _mm256_storeu_si256((__m256i *)(out + 32 * j), u.at[j]);
      if (b->abits == 8)
        add_sums(u, sums);
    }
    if (b->abits == 8) {
      const __m256i padding = _mm256_set1_epi32(resq_qpadding_sum(b));
      RESQ_UNROLL for (int c = 0; c < 2; ++c) _mm256_storeu_si256(
          (__m256i *)(w->sums + g * RESQ_TILE_N + 8 * c), _mm256_sub_epi32(sums[c], padding));
    }
  }
}

//===-- Activation codes --------------------------------------------------===//

/// Rows [row, row + rows) paired into scratch.
RESQ_INLINE void pair_codes(const resq_qwork *w, int64_t row, int64_t rows) {
  // Bytes 0 2 1 3 4 6 5 7.
  const __m128i order = _mm_set1_epi64x(0x0705060403010200);
  for (int64_t r = 0; r < rows; ++r) {
    const int8_t *codes = resq_qcodes(&w->b, row + r, 0);
    int32_t *out = w->pairs + r * resq_all_units(&w->b) * RESQ_UNIT_PAIRS;
    for (int64_t u = 0; u < resq_all_units(&w->b); ++u) {
      const __m128i eight = _mm_loadl_epi64((const __m128i *)(codes + 8 * u));
      _mm_storeu_si128((__m128i *)(out + u * RESQ_UNIT_PAIRS),
                       _mm_cvtepi8_epi16(_mm_shuffle_epi8(eight, order)));
    }
  }
}

//===-- Products ----------------------------------------------------------===//

typedef __m256i resq_qacc[RESQ_BLOCK_ROWS][2];

/// acc += one unit; x: the pairs of the block's first row, `stride` from row to row.
RESQ_INLINE void unit_product(resq_unit u, const int32_t *x, int64_t stride, int rows,
                              resq_qacc acc) {
  RESQ_UNROLL for (int h = 0; h < 2; ++h) RESQ_UNROLL for (int odd = 0; odd < 2; ++odd) {
    const __m256i first = odd ? odd_of(u.at[2 * h]) : even_of(u.at[2 * h]);
    const __m256i second = odd ? odd_of(u.at[2 * h + 1]) : even_of(u.at[2 * h + 1]);
    RESQ_UNROLL for (int r = 0; r < rows; ++r) {
      const __m256i pair = _mm256_set1_epi32(x[r * stride + 2 * h + odd]);
      acc[r][0] = _mm256_add_epi32(acc[r][0], _mm256_madd_epi16(first, pair));
      acc[r][1] = _mm256_add_epi32(acc[r][1], _mm256_madd_epi16(second, pair));
    }
  }
}

/// Exact sums of group g of `rows` rows, the `at`th of the chunk first, with shifts.
RESQ_INLINE void group_product(const resq_qwork *w, int64_t row, int64_t at, int rows, int64_t tile,
                               int64_t g, int unpacked, resq_qacc acc) {
  const resq_qshape *b = &w->b;
  const int64_t units = resq_qunits(b), stride = resq_all_units(b) * RESQ_UNIT_PAIRS;
  const int32_t *x = w->pairs + at * stride + g * units * RESQ_UNIT_PAIRS;
  const uint8_t *from =
      unpacked ? w->unpacked + g * units * RESQ_UNPACKED_UNIT : resq_qweight(b, tile, g);
  __m256i sums[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
  RESQ_UNROLL for (int r = 0; r < rows; ++r) { acc[r][0] = acc[r][1] = _mm256_setzero_si256(); }
  for (int64_t i = 0; i < units; ++i, x += RESQ_UNIT_PAIRS) {
    resq_unit u;
    if (unpacked) {
      RESQ_UNROLL for (int j = 0; j < 4; ++j) u.at[j] = load(from + 32 * j);
      from += RESQ_UNPACKED_UNIT;
    } else {
      u = packed_unit(b, from);
      for (int64_t line = 0; line < resq_qunit_bytes(b); line += 64)
        _mm_prefetch((const char *)(from + RESQ_STREAM_AHEAD + line), _MM_HINT_T0);
      from += resq_qunit_bytes(b);
      if (b->abits == 8)
        add_sums(u, sums);
    }
    unit_product(u, x, stride, rows, acc);
  }
  if (b->abits != 8)
    return;
  const __m256i padding = _mm256_set1_epi32(resq_qpadding_sum(b));
  RESQ_UNROLL for (int c = 0; c < 2; ++c) {
    const __m256i sum = unpacked ? load((const uint8_t *)(w->sums + g * RESQ_TILE_N + 8 * c))
                                 : _mm256_sub_epi32(sums[c], padding);
    RESQ_UNROLL for (int r = 0; r < rows; ++r) {
      const __m256i shift = _mm256_set1_epi32(b->meta[(row + at + r) * resq_qgroups(b) + g].shift);
      acc[r][c] = _mm256_add_epi32(acc[r][c], _mm256_mullo_epi32(sum, shift));
    }
  }
}

RESQ_INLINE __m256 load_scales(const resq_bf16 *scales) {
  const __m256i bits = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)scales));
  return _mm256_castsi256_ps(_mm256_slli_epi32(bits, 16));
}

/// total += a branch's product, in the f32 steps of qlinear_shape.h: every one rounds.
RESQ_INLINE void resq_qblock_product(const resq_qwork *w, int64_t row, int64_t at, int rows,
                                     int64_t tile, int unpacked, __m256 total[RESQ_BLOCK_ROWS][2]) {
  const resq_qshape *b = &w->b;
  const int per_row = resq_qscale_per_row(b);
  __m256 part[RESQ_BLOCK_ROWS][2];
  RESQ_UNROLL for (int r = 0; r < rows; ++r) { part[r][0] = part[r][1] = _mm256_setzero_ps(); }
  for (int64_t g = 0; g < resq_qgroups(b); ++g) {
    resq_qacc acc;
    group_product(w, row, at, rows, tile, g, unpacked, acc);
    const int last = !per_row || g + 1 == resq_qgroups(b);
    const resq_bf16 *scales = resq_qscales(b, tile, per_row ? 0 : g);
    RESQ_UNROLL for (int c = 0; c < 2; ++c) {
      const __m256 scale = load_scales(scales + 8 * c);
      RESQ_UNROLL for (int r = 0; r < rows; ++r) {
        const float by = b->meta[(row + at + r) * resq_qgroups(b) + g].scale;
        const __m256 t = _mm256_mul_ps(_mm256_cvtepi32_ps(acc[r][c]), _mm256_set1_ps(by));
        part[r][c] = per_row && g > 0 ? _mm256_add_ps(part[r][c], t) : t;
        if (last)
          total[r][c] = _mm256_add_ps(total[r][c], _mm256_mul_ps(scale, part[r][c]));
      }
    }
  }
}

#endif // RESQ_QLINEAR_BLOCK_AVX2_H
