//===-- qlinear_avx512.c - quantised linears on AVX-512 VNNI --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bit-equal to the generic level at any shape, row count and number of threads.
// Few rows (decode): bound by weight bytes, so each chunk is one contiguous run of
// tiles, streamed tile by tile with a prefetch ahead. Many rows (prefill): bound by
// vpdpbusd, so 12 rows x 2 tiles stay in registers, weights in L1, codes in L2, and weights that
// are no bytes are unpacked once for all blocks of a chunk.
//===----------------------------------------------------------------------===//
#include "qlinear_block_avx512.h"

/// Rows up to which a call is cut by channels only.
#define FEW_ROWS 16
/// Rows of a chunk beyond that: eight blocks, so that tile work is amortised.
#define PREFILL_ROWS 96
/// Decode chunks are no smaller than this if that leaves one a thread: every run of tiles
/// begins with a wait and ends with RESQ_STREAM_AHEAD bytes read for another thread.
#define CHUNK_BYTES 49152
/// Pairs of tiles are unpacked where they take no more of the scratch than this.
#define UNPACK_BYTES (400 << 10)

typedef struct qcall {
  resq_qshape a, b;
  const float *bias;
  float *y;
  int64_t ldy;
  uint8_t *scratch; ///< partial sums, then of a and of b: sums of weights, then: unpacked weights
} qcall;

RESQ_INLINE __m512i *sums_a(const qcall *c) {
  return (__m512i *)(c->scratch + RESQ_BLOCK_ROWS * RESQ_BLOCK_TILES * 64);
}

RESQ_INLINE __m512i *sums_b(const qcall *c) {
  return sums_a(c) + (c->a.abits == 8 ? resq_qgroups(&c->a) * RESQ_BLOCK_TILES : 0);
}

/// True where unpacking saves work and the result stays near.
RESQ_INLINE int worth_unpacking(const resq_qshape *b) {
  return b->wbits < 8 && RESQ_BLOCK_TILES * resq_unpacked_tile_bytes(b) <= UNPACK_BYTES;
}

RESQ_INLINE uint8_t *unpacked_a(const qcall *c) {
  return (uint8_t *)(sums_b(c) +
                     (c->b.k && c->b.abits == 8 ? resq_qgroups(&c->b) * RESQ_BLOCK_TILES : 0));
}

RESQ_INLINE uint8_t *unpacked_b(const qcall *c) {
  return unpacked_a(c) +
         (worth_unpacking(&c->a) ? RESQ_BLOCK_TILES * resq_unpacked_tile_bytes(&c->a) : 0);
}

RESQ_INLINE void block(const qcall *c, resq_qblock s, int64_t row, int64_t tile) {
  const int unpacked = s.unpacked;
  resq_qtask task = {
      (float *)c->scratch, sums_a(c), unpacked_a(c), c->bias, c->y, c->ldy, row, tile};
  s.unpacked = unpacked && worth_unpacking(&c->a);
  resq_qblock_product(&c->a, s, &task, 1);
  if (c->b.k) {
    task.sums = sums_b(c);
    task.unpacked = unpacked_b(c);
    s.unpacked = unpacked && worth_unpacking(&c->b);
    resq_qblock_product(&c->b, s, &task, 0);
  }
}

/// What all blocks of a pair of tiles share.
RESQ_INLINE void prepare_pair(const resq_qshape *b, int64_t tile, __m512i *sums,
                              uint8_t *unpacked) {
  if (worth_unpacking(b))
    resq_qtile_unpack(b, tile, unpacked, b->abits == 8 ? sums : NULL);
  else if (b->abits == 8)
    resq_qtile_sums(b, tile, RESQ_BLOCK_TILES, sums);
}

/// Rows [row, end) of one tile, up to four at a time.
RESQ_INLINE void single_tile(const qcall *c, int64_t row, int64_t end, int64_t tile) {
  const resq_qblock four = {4, 1, 2, 1, 0}, two = {2, 1, 4, 1, 0}, one = {1, 1, 8, 1, 0};
  for (; row + 4 <= end; row += 4)
    block(c, four, row, tile);
  if (row + 2 <= end) {
    block(c, two, row, tile);
    row += 2;
  }
  if (row < end)
    block(c, one, row, tile);
}

/// Two tiles, 12 rows at a time, then 8 and 4; returns the first row not done.
RESQ_INLINE int64_t tile_pair(const qcall *c, int64_t row, int64_t end, int64_t tile) {
  const resq_qblock twelve = {12, 2, 1, 0, 1}, eight = {8, 2, 1, 0, 1}, four = {4, 2, 1, 0, 1};
  prepare_pair(&c->a, tile, sums_a(c), unpacked_a(c));
  if (c->b.k)
    prepare_pair(&c->b, tile, sums_b(c), unpacked_b(c));
  for (; row + 12 <= end; row += 12)
    block(c, twelve, row, tile);
  if (row + 8 <= end) {
    block(c, eight, row, tile);
    row += 8;
  }
  if (row + 4 <= end) {
    block(c, four, row, tile);
    row += 4;
  }
  return row;
}

/// Asks for what the first tiles of a run would wait for: the prefetch of a stream serves only
/// what stands RESQ_STREAM_AHEAD behind its beginning.
RESQ_INLINE void start_streams(const resq_qshape *b, int64_t tile) {
  const uint8_t *w = resq_qweight(b, tile, 0);
  for (int64_t i = 0; i < RESQ_STREAM_AHEAD; i += 64)
    _mm_prefetch((const char *)(w + i), _MM_HINT_T1);
  for (int64_t t = 0; t < SCALES_AHEAD; t += 2)
    prefetch_scales(b, tile + t, 0);
}

/// Rows [row, end) of tiles [tile, tile_end).
RESQ_INLINE void rows_by_tiles(const qcall *c, int64_t row, int64_t end, int64_t tile,
                               int64_t tile_end) {
  for (; tile < tile_end; tile += RESQ_BLOCK_TILES) {
    const int paired = end - row > 4 && tile + RESQ_BLOCK_TILES <= tile_end;
    const int64_t left = paired ? tile_pair(c, row, end, tile) : row;
    for (int64_t t = tile; t < tile + RESQ_BLOCK_TILES && t < tile_end; ++t)
      single_tile(c, left, end, t);
  }
}

/// Runs that a call of few rows cuts `units` into: up to 8 a thread, long enough to stream.
RESQ_INLINE int64_t decode_runs(const qcall *c, int64_t threads, int64_t units) {
  int64_t bytes = resq_packed_scales_offset(c->a.n, c->a.k, c->a.group, c->a.wbits);
  if (c->b.k)
    bytes += resq_packed_scales_offset(c->b.n, c->b.k, c->b.group, c->b.wbits);
  if (threads == 1)
    return 1;
  const int64_t each = bytes / CHUNK_BYTES / threads;
  const int64_t runs = threads * (each < 1 ? 1 : each > 8 ? 8 : each);
  return runs < units ? runs : units;
}

RESQ_INLINE void multiply(resq_worker *w, int32_t op, resq_qshape a, resq_qshape b,
                          const float *bias, float *y, int64_t rows, int64_t ldy) {
  const qcall c = {a, b, bias, y, ldy, w->scratch};
  // Few rows: runs of tiles. Many: pairs of tiles by cuts of rows, rows fastest, so that a
  // pair's weights are read from memory once.
  const int64_t tiles = resq_qtiles(a.n), few = rows <= FEW_ROWS, unit = rows > 4 ? 2 : 1;
  const int64_t units = (tiles + unit - 1) / unit;
  const int64_t cuts = few ? 1 : (rows + PREFILL_ROWS - 1) / PREFILL_ROWS;
  const int64_t runs = few ? decode_runs(&c, w->count, units) : units;
  for (int64_t i; (i = resq_next_chunk(w, op)) < cuts * runs;) {
    const int64_t row = i % cuts * PREFILL_ROWS, run = i / cuts;
    const int64_t end = row + PREFILL_ROWS < rows ? row + PREFILL_ROWS : rows;
    const int64_t from = run * units / runs * unit, to = (run + 1) * units / runs * unit;
    if (few) {
      start_streams(&c.a, from);
      if (b.k)
        start_streams(&c.b, from);
    }
    rows_by_tiles(&c, row, end, from, to < tiles ? to : tiles);
  }
}

#include "kernels/templates/qlinear.inc"
