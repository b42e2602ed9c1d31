//===-- qlinear_block_avx512.h - rows by tiles of a quantised linear ------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The register block of qlinear_avx512.c: `rows` x `tiles` accumulators of 16
// channels fed by vpdpbusd, weights the unsigned operand (with an offset: integers as stored,
// trellis codes looked up in a table of 64 bytes), activation codes the signed one, broadcast
// four at a time from memory. Weights come as stored or, where many blocks take the same tiles,
// unpacked: as bytes that are operands already. With
// acc = sum (w + offset) code, what is wanted is
//   sum code w + shift sum w = acc - offset sum code + shift (sum (w + offset) - offset K),
// so accumulators start at -offset * meta.sum, and only 8-bit activations, whose
// shift is not 0, need the sums of weights.
//===----------------------------------------------------------------------===//
#ifndef RESQ_QLINEAR_BLOCK_AVX512_H
#define RESQ_QLINEAR_BLOCK_AVX512_H

#include "kernels/templates/qlinear_shape.h"
#include <immintrin.h>

#define RESQ_BLOCK_ROWS 12
#define RESQ_BLOCK_TILES 2
#define RESQ_BLOCK_CHAINS 8

/// A single tile is read as one stream with its neighbours and prefetched this far ahead.
#define RESQ_STREAM_AHEAD 4096

/// Bytes of an unpacked unit: 8 inputs by 16 channels.
#define RESQ_UNPACKED_UNIT 128

/// How a block is computed: constants where it is called.
typedef struct resq_qblock {
  int rows, tiles;
  int chains;   ///< accumulators a row and tile, to hide latency: 1, 2, 4 or 8
  int sums;     ///< 1: sum weights on the way, 0: the sums of resq_qtile_sums stand in scratch
  int unpacked; ///< 1: weights are those that resq_qtile_unpack left
} resq_qblock;

/// What one block reads and writes.
typedef struct resq_qtask {
  float *part;             ///< [rows, tiles, 16] partial sums over groups
  const __m512i *sums;     ///< [groups, RESQ_BLOCK_TILES] sums of weights
  const uint8_t *unpacked; ///< [RESQ_BLOCK_TILES, groups, units, RESQ_UNPACKED_UNIT]
  const float *bias;
  float *y;
  int64_t ldy, row, tile;
} resq_qtask;

/// What an operand of vpdpbusd has more than its weight.
RESQ_INLINE int32_t weight_offset(const resq_qshape *b) {
  return b->trellis ? 128 : resq_packed_offset(b->wbits);
}

/// Bits of a where the mask has them, else of b.
RESQ_INLINE __m512i select_bits(__m512i mask, __m512i a, __m512i b) {
  return _mm512_ternarylogic_epi32(mask, a, b, 0xca);
}

/// For each byte, that of the table of 64 which the low six bits of `place` name.
RESQ_INLINE __m512i look_up_64(__m512i place, __m512i table) {
#ifdef __AVX512VBMI__
  return _mm512_permutexvar_epi8(place, table);
#else
  // Four tables of 16, the place's bits 4 and 5 as masks of their own.
  const __m512i low = _mm512_and_si512(place, _mm512_set1_epi8(15));
  const __mmask64 bit4 = _mm512_movepi8_mask(_mm512_slli_epi16(place, 3));
  const __mmask64 bit5 = _mm512_movepi8_mask(_mm512_slli_epi16(place, 2));
  const __m512i quarter[4] = {
      _mm512_shuffle_i32x4(table, table, 0x00), _mm512_shuffle_i32x4(table, table, 0x55),
      _mm512_shuffle_i32x4(table, table, 0xaa), _mm512_shuffle_i32x4(table, table, 0xff)};
  __m512i first = _mm512_shuffle_epi8(quarter[0], low),
          second = _mm512_shuffle_epi8(quarter[2], low);
  first = _mm512_mask_shuffle_epi8(first, bit4, quarter[1], low);
  second = _mm512_mask_shuffle_epi8(second, bit4, quarter[3], low);
  return _mm512_mask_mov_epi8(first, bit5, second);
#endif
}

/// Operands with the bits of a plane as bit `bit`; its 16 bytes hold bit i for each of the 16 bytes from
/// 16 i on, those of `high` behind those of `low`.
RESQ_INLINE void add_plane(const uint8_t *plane, int bit, __m512i *low, __m512i *high) {
  const __m512i all = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)plane));
  const __m512i mask = _mm512_set1_epi8((char)(1 << bit));
  const __m512i left =
      _mm512_setr_epi32(0, 0, 0, 0, -1, -1, -1, -1, -2, -2, -2, -2, -3, -3, -3, -3);
  const __m512i first = _mm512_rolv_epi32(all, _mm512_add_epi32(left, _mm512_set1_epi32(bit)));
  *low = select_bits(mask, first, *low);
  *high = select_bits(mask, _mm512_ror_epi32(first, 4), *high); // four bits of the plane's byte on
}

/// The base of the codes of a unit of fewer than 8 bits: inputs 0..3 from bit 0 of a byte on, inputs 4..7
/// from bit 4, with bits of other codes between.
RESQ_INLINE __m512i load_base(const resq_qshape *b, const uint8_t *w) {
  if (resq_packed_base(b->wbits) == 4)
    return _mm512_loadu_si512(w);
  const __m512i all = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)w));
  return _mm512_srlv_epi32(all, _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 2, 2, 2));
}

/// The states of both halves, from bits 0 and 4 on: last bits of the codes before. A channel is a lane of
/// 32 bits, so the channels before it are the vector rotated by lanes.
RESQ_INLINE __m512i trellis_states(const resq_qshape *b, __m512i v) {
  const __m512i one = _mm512_alignr_epi32(v, v, 15), two = _mm512_alignr_epi32(v, v, 14);
  __m512i above = _mm512_slli_epi16(two, 1);
  if (resq_trellis_memory(b->wbits) == 3)
    above = select_bits(_mm512_set1_epi8(0x22), above,
                        _mm512_slli_epi16(_mm512_alignr_epi32(v, v, 13), 2));
  return select_bits(_mm512_set1_epi8(0x11), one, above);
}

/// Codes of trellises, with bits of other codes above them, to their weights with that offset. v: as
/// load_base gives it. A lookup sees the six bits of a place.
RESQ_INLINE void trellis_operands(const resq_qshape *b, __m512i v, __m512i *low, __m512i *high) {
  const int bits = (int)b->wbits;
  const __m512i table =
      _mm512_xor_si512(_mm512_loadu_si512(resq_trellis_values(bits)), _mm512_set1_epi8(-128));
  const __m512i code = _mm512_set1_epi8((char)((1 << bits) - 1)), states = trellis_states(b, v);
  const __m512i below = bits == 4 ? _mm512_slli_epi16(states, 4) : _mm512_slli_epi16(states, 3);
  const __m512i above = bits == 4 ? states : _mm512_srli_epi16(states, 1);
  *low = look_up_64(select_bits(code, *low, below), table);
  *high = look_up_64(select_bits(code, *high, above), table);
}

/// Weights of one unit (8 inputs): inputs 0..3 and 4..7 of 16 channels, offset.
RESQ_INLINE void load_unit(const resq_qshape *b, const uint8_t *w, __m512i *low, __m512i *high) {
  const int base = (int)resq_packed_base(b->wbits);
  if (base == 8) {
    *low = _mm512_loadu_si512(w);
    *high = _mm512_loadu_si512(w + 64);
    return;
  }
  const __m512i v = load_base(b, w), above = _mm512_srli_epi16(v, 4);
  const __m512i field = _mm512_set1_epi8((char)((1 << base) - 1));
  *low = b->trellis ? v : _mm512_and_si512(v, field);
  *high = b->trellis ? above : _mm512_and_si512(above, field);
  RESQ_UNROLL for (int p = 0; p < (int)resq_packed_planes(b->wbits); ++p)
      add_plane(w + resq_packed_planes_at(b->wbits) + RESQ_PLANE_BYTES * p, base + p, low, high);
  if (b->trellis)
    trellis_operands(b, v, low, high);
}

/// acc + the sums of both halves of a unit, per channel.
RESQ_INLINE __m512i add_unit(const resq_qshape *b, __m512i acc, __m512i low, __m512i high) {
  const __m512i ones = _mm512_set1_epi8(1);
  if (b->wbits < 8 && !b->trellis) // two of up to 7 bits do not leave a byte
    return _mm512_dpbusd_epi32(acc, _mm512_add_epi8(low, high), ones);
  return _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(acc, low, ones), high, ones);
}

/// sum w of a group from sum (w + offset), which counts the padding.
RESQ_INLINE __m512i without_offset(const resq_qshape *b, __m512i sum) {
  const int32_t offsets = (int32_t)resq_qunits(b) * 8 * weight_offset(b);
  return _mm512_sub_epi32(sum, _mm512_set1_epi32(offsets + resq_qpadding_sum(b)));
}

/// Bytes of the unpacked weights of one tile.
RESQ_INLINE int64_t resq_unpacked_tile_bytes(const resq_qshape *b) {
  return resq_qgroups(b) * resq_qunits(b) * RESQ_UNPACKED_UNIT;
}

/// Weights of a tile pair as operands, and their sums if `sums` is not NULL.
RESQ_INLINE void resq_qtile_unpack(const resq_qshape *b, int64_t tile, uint8_t *unpacked,
                                   __m512i *sums) {
  for (int t = 0; t < RESQ_BLOCK_TILES; ++t)
    for (int64_t g = 0; g < resq_qgroups(b); ++g) {
      const uint8_t *w = resq_qweight(b, tile + t, g);
      __m512i acc = _mm512_setzero_si512(), low, high;
      for (int64_t u = 0; u < resq_qunits(b); ++u, unpacked += RESQ_UNPACKED_UNIT) {
        load_unit(b, w + u * resq_qunit_bytes(b), &low, &high);
        _mm512_store_si512(unpacked, low);
        _mm512_store_si512(unpacked + 64, high);
        if (sums)
          acc = add_unit(b, acc, low, high);
      }
      if (sums)
        sums[g * RESQ_BLOCK_TILES + t] = without_offset(b, acc);
    }
}

/// Sums of the weights of `tiles` tiles, every group.
RESQ_INLINE void resq_qtile_sums(const resq_qshape *b, int64_t tile, int tiles, __m512i *sums) {
  for (int64_t g = 0; g < resq_qgroups(b); ++g)
    for (int t = 0; t < tiles; ++t) {
      const uint8_t *w = resq_qweight(b, tile + t, g);
      __m512i acc = _mm512_setzero_si512(), low, high;
      for (int64_t u = 0; u < resq_qunits(b); ++u) {
        load_unit(b, w + u * resq_qunit_bytes(b), &low, &high);
        acc = add_unit(b, acc, low, high);
      }
      sums[g * RESQ_BLOCK_TILES + t] = without_offset(b, acc);
    }
}

typedef __m512i resq_qacc[RESQ_BLOCK_ROWS][RESQ_BLOCK_TILES][RESQ_BLOCK_CHAINS];

RESQ_INLINE __m512i broadcast4(const int8_t *codes) {
  int32_t four;
  __builtin_memcpy(&four, codes, 4);
  return _mm512_set1_epi32(four);
}

/// One unit of 8 inputs; the low half goes to chain `chain`, the high half to the next.
RESQ_INLINE void unit_product(const resq_qshape *b, resq_qblock s, const int8_t *codes,
                              const uint8_t *w, int chain, resq_qacc acc, __m512i *sums) {
  const int64_t stride = resq_code_stride(b->k, b->group);
  const int64_t tile_bytes =
      s.unpacked ? resq_unpacked_tile_bytes(b) : resq_packed_tile_bytes(b->k, b->group, b->wbits);
  const int64_t ahead = s.tiles > 1 ? s.tiles * tile_bytes : RESQ_STREAM_AHEAD;
  __m512i half[2][RESQ_BLOCK_TILES];
  RESQ_UNROLL for (int t = 0; t < s.tiles; ++t) {
    const uint8_t *at = w + t * tile_bytes;
    if (s.unpacked) {
      half[0][t] = _mm512_load_si512(at);
      half[1][t] = _mm512_load_si512(at + 64);
      continue;
    }
    load_unit(b, at, &half[0][t], &half[1][t]);
    // Into L2: prefetches to L1 run out of its few miss buffers.
    for (int64_t line = 0; line < resq_qunit_bytes(b); line += 64)
      _mm_prefetch((const char *)(at + ahead + line), _MM_HINT_T1);
    if (s.sums && b->abits == 8)
      sums[t] = add_unit(b, sums[t], half[0][t], half[1][t]);
  }
  RESQ_UNROLL for (int h = 0; h < 2; ++h) {
    const int c = (chain + h) % s.chains;
    RESQ_UNROLL for (int r = 0; r < s.rows; ++r) {
      const __m512i x = broadcast4(codes + r * stride + 4 * h);
      RESQ_UNROLL for (int t = 0; t < s.tiles; ++t) acc[r][t][c] =
          _mm512_dpbusd_epi32(acc[r][t][c], half[h][t], x);
    }
  }
}

/// Scales are a stream of their own, one line in two tiles, that hardware does not foresee.
#define SCALES_AHEAD 8
RESQ_INLINE void prefetch_scales(const resq_qshape *b, int64_t tile, int64_t g) {
  _mm_prefetch((const char *)resq_qscales(b, tile, g), _MM_HINT_T0);
}

/// Exact sums of group g: acc[r][t][0].
RESQ_INLINE void group_product(const resq_qshape *b, resq_qblock s, const resq_qtask *task,
                               int64_t g, resq_qacc acc) {
  const int8_t *codes = resq_qcodes(b, task->row, g);
  const resq_quant_meta *meta = b->meta + task->row * resq_qgroups(b) + g;
  const int64_t bytes = s.unpacked ? RESQ_UNPACKED_UNIT : resq_qunit_bytes(b),
                units = resq_qunits(b);
  const uint8_t *w =
      s.unpacked ? task->unpacked + g * units * RESQ_UNPACKED_UNIT : resq_qweight(b, task->tile, g);
  const int step = s.chains > 1 ? s.chains / 2 : 1;
  __m512i sums[RESQ_BLOCK_TILES] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
  if (g == 0 || !resq_qscale_per_row(b))
    prefetch_scales(b, task->tile + SCALES_AHEAD, resq_qscale_per_row(b) ? 0 : g);
  RESQ_UNROLL for (int r = 0; r < s.rows; ++r) {
    const uint32_t start = (uint32_t)meta[r * resq_qgroups(b)].sum * (uint32_t)weight_offset(b);
    RESQ_UNROLL for (int t = 0; t < s.tiles; ++t) {
      acc[r][t][0] = _mm512_set1_epi32((int32_t)(0u - start));
      RESQ_UNROLL for (int c = 1; c < s.chains; ++c) acc[r][t][c] = _mm512_setzero_si512();
    }
  }
  int64_t u = 0;
  for (; u + step <= units; u += step) {
    RESQ_UNROLL for (int i = 0; i < step; ++i)
        unit_product(b, s, codes + (u + i) * 8, w + (u + i) * bytes, 2 * i, acc, sums);
  }
  if (step > 1)
    for (; u < units; ++u)
      unit_product(b, s, codes + u * 8, w + u * bytes, 0, acc, sums);
  RESQ_UNROLL for (int r = 0; r < s.rows; ++r) RESQ_UNROLL for (int t = 0; t < s.tiles; ++t) {
    RESQ_UNROLL for (int c = 1; c < s.chains; ++c) acc[r][t][0] =
        _mm512_add_epi32(acc[r][t][0], acc[r][t][c]);
    if (b->abits == 8) {
      const __m512i sum =
          s.sums ? without_offset(b, sums[t]) : task->sums[g * RESQ_BLOCK_TILES + t];
      const __m512i shift = _mm512_set1_epi32(meta[r * resq_qgroups(b)].shift);
      acc[r][t][0] = _mm512_add_epi32(acc[r][t][0], _mm512_mullo_epi32(sum, shift));
    }
  }
}

/// The lanes of tile `tile` that are channels.
RESQ_INLINE __mmask16 channel_mask(int64_t n, int64_t tile) {
  const int64_t left = n - tile * RESQ_TILE_N;
  return (__mmask16)(left >= RESQ_TILE_N ? 0xffff : (1u << left) - 1);
}

RESQ_INLINE __m512 load_scales(const resq_bf16 *scales) {
  const __m256i v = _mm256_loadu_si256((const __m256i *)scales);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(v), 16));
}

/// The f32 steps of group g, in the order of qlinear_shape.h. No FMA: every step rounds.
RESQ_INLINE void group_add(const resq_qshape *b, resq_qblock s, const resq_qtask *task, int first,
                           int64_t g, resq_qacc acc) {
  const int per_row = resq_qscale_per_row(b), last = g + 1 == resq_qgroups(b);
  const resq_quant_meta *meta = b->meta + task->row * resq_qgroups(b) + g;
  RESQ_UNROLL for (int t = 0; t < s.tiles; ++t) {
    const __m512 scale = load_scales(resq_qscales(b, task->tile + t, per_row ? 0 : g));
    const __mmask16 mask = channel_mask(b->n, task->tile + t);
    const int64_t channel = (task->tile + t) * RESQ_TILE_N;
    const __m512 bias =
        task->bias ? _mm512_maskz_loadu_ps(mask, task->bias + channel) : _mm512_setzero_ps();
    RESQ_UNROLL for (int r = 0; r < s.rows; ++r) {
      float *part = task->part + (r * RESQ_BLOCK_TILES + t) * 16;
      __m512 v = _mm512_cvtepi32_ps(acc[r][t][0]);
      v = _mm512_mul_ps(v, _mm512_set1_ps(meta[r * resq_qgroups(b)].scale));
      if (per_row && g > 0)
        v = _mm512_add_ps(_mm512_load_ps(part), v);
      if (per_row && !last) {
        _mm512_store_ps(part, v);
        continue;
      }
      float *y = task->y + (task->row + r) * task->ldy + channel;
      const int start = first && (per_row || g == 0);
      const __m512 before = start ? bias : _mm512_maskz_loadu_ps(mask, y);
      _mm512_mask_storeu_ps(y, mask, _mm512_add_ps(before, _mm512_mul_ps(scale, v)));
    }
  }
}

/// One branch of a block; the first starts from the bias, the next adds to y.
RESQ_INLINE void resq_qblock_product(const resq_qshape *b, resq_qblock s, const resq_qtask *task,
                                     int first) {
  for (int64_t g = 0; g < resq_qgroups(b); ++g) {
    resq_qacc acc;
    group_product(b, s, task, g, acc);
    group_add(b, s, task, first, g, acc);
  }
}

#endif // RESQ_QLINEAR_BLOCK_AVX512_H
