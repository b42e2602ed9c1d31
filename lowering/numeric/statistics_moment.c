//===-- statistics_moment.c - sums of x^T x, tile by tile -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A task is one tile of the product: an fp32 product of a window of rows in memory, added to the
// tile in storage. What is resident is a tile a thread.
//===----------------------------------------------------------------------===//
#include "statistics_internal.h"

#include "linalg.h"
#include "lowering/support/parallel.h"

#include <cblas.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TILE = RESQ_MOMENT_TILE, STRIP = 64 };

//===-- Layout ------------------------------------------------------------===//

static int64_t tiles_of(int64_t n) { return (n + TILE - 1) / TILE; }

static int64_t height_of(int64_t n, int64_t tile) {
  return n - tile * TILE < TILE ? n - tile * TILE : TILE;
}

/// Elements before tile (i, j), j <= i, of a block of order n: all rows of tiles above are high.
static int64_t tile_place(int64_t n, int64_t i, int64_t j) {
  return (int64_t)TILE * TILE * (i * (i + 1) / 2) + height_of(n, i) * j * TILE;
}

static int64_t block_elements(int64_t n) {
  int64_t last = tiles_of(n) - 1;
  return tile_place(n, last, last) + height_of(n, last) * height_of(n, last);
}

uint64_t resq_moment_bytes(int64_t width, int64_t block) {
  return (uint64_t)(width / block * block_elements(block)) * sizeof(double);
}

static uint64_t tile_offset(const resq_statistics_site *site, int64_t block, int64_t i, int64_t j) {
  int64_t n = site->block;
  return site->moment +
         (uint64_t)(block * block_elements(n) + tile_place(n, i, j)) * sizeof(double);
}

//===-- Adding ------------------------------------------------------------===//

typedef struct product {
  const resq_statistics *s;
  const resq_statistics_site *site;
  const float *x;
  int64_t rows, ld;
  int64_t tiles; ///< along one side of a block
  int failed;    ///< errno of a task that failed
} product;

/// Tile (i, j), j <= i, of task t of a block: tasks count row by row of the triangle.
static void tile_of(int64_t t, int64_t *i, int64_t *j) {
  int64_t row = 0;
  while (t > row) {
    t -= row + 1;
    ++row;
  }
  *i = row;
  *j = t;
}

/// tile = x_i^T x_j, [height, width].
static void multiply_tile(const product *p, const float *x, int64_t i, int64_t j, int64_t height,
                          int64_t width, float *tile) {
  if (i != j) {
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (blasint)height, (blasint)width,
                (blasint)p->rows, 1.0f, x + i * TILE, (blasint)p->ld, x + j * TILE, (blasint)p->ld,
                0.0f, tile, (blasint)width);
    return;
  }
  cblas_ssyrk(CblasRowMajor, CblasLower, CblasTrans, (blasint)height, (blasint)p->rows, 1.0f,
              x + i * TILE, (blasint)p->ld, 0.0f, tile, (blasint)height);
  for (int64_t r = 0; r < height; ++r)
    for (int64_t c = 0; c < r; ++c)
      tile[c * height + r] = tile[r * height + c];
}

static bool accumulate(const resq_storage *storage, uint64_t offset, const float *tile,
                       int64_t height, int64_t width, double *strip) {
  for (int64_t r = 0; r < height; r += STRIP) {
    int64_t count = (height - r < STRIP ? height - r : STRIP) * width;
    uint64_t at = offset + (uint64_t)(r * width) * sizeof *strip;
    uint64_t size = (uint64_t)count * sizeof *strip;
    if (!resq_storage_read(storage, at, strip, size))
      return false;
    for (int64_t c = 0; c < count; ++c)
      strip[c] += (double)tile[r * width + c];
    if (!resq_storage_write(storage, at, strip, size))
      return false;
  }
  return true;
}

static void add_tile(void *opaque, int64_t task) {
  product *p = opaque;
  int64_t n = p->site->block, triangle = p->tiles * (p->tiles + 1) / 2;
  int64_t block = task / triangle, i, j;
  tile_of(task % triangle, &i, &j);
  int64_t height = height_of(n, i), width = height_of(n, j);
  double *strip = malloc((size_t)(STRIP * width) * sizeof *strip);
  float *tile = malloc((size_t)(height * width) * sizeof *tile);
  bool ok = strip && tile;
  if (ok) {
    multiply_tile(p, p->x + block * n, i, j, height, width, tile);
    ok = accumulate(&p->s->storage, tile_offset(p->site, block, i, j), tile, height, width, strip);
  }
  if (!ok)
    __atomic_store_n(&p->failed, errno ? errno : EIO, __ATOMIC_RELAXED);
  free(strip);
  free(tile);
}

/// Blocks of one element: squares, no matrix.
static bool add_squares(const resq_statistics *s, const resq_statistics_site *site, const float *x,
                        int64_t rows, int64_t ld) {
  uint64_t size = (uint64_t)site->width * sizeof(double);
  double *sums = malloc(size);
  bool ok = sums && resq_storage_read(&s->storage, site->moment, sums, size);
  for (int64_t r = 0; ok && r < rows; ++r)
    for (int64_t c = 0; c < site->width; ++c)
      sums[c] += (double)x[r * ld + c] * (double)x[r * ld + c];
  ok = ok && resq_storage_write(&s->storage, site->moment, sums, size);
  int code = errno;
  free(sums);
  errno = code;
  return ok;
}

bool resq_moment_add(const resq_statistics *s, const resq_statistics_site *site, const float *x,
                     int64_t rows, int64_t ld) {
  if (site->block == 1)
    return add_squares(s, site, x, rows, ld);
  resq_blas_init();
  product p = {s, site, x, rows, ld, tiles_of(site->block), 0};
  int64_t tasks = site->width / site->block * (p.tiles * (p.tiles + 1) / 2);
  resq_parallel(s->threads, tasks, add_tile, &p);
  errno = p.failed;
  return p.failed == 0;
}

//===-- Reading -----------------------------------------------------------===//

/// Rows [first, first + rows) of one row of tiles of a block, to out, whose rows are n wide: tiles
/// left of the diagonal as they are, tiles right of it from their mirror images.
static bool read_tile_row(const resq_statistics *s, const resq_statistics_site *site, int64_t block,
                          int64_t i, int64_t first, int64_t rows, double *tile, double *out) {
  int64_t n = site->block, height = height_of(n, i);
  for (int64_t j = 0; j < tiles_of(n); ++j) {
    int64_t width = height_of(n, j);
    bool mirrored = j > i;
    uint64_t offset = mirrored ? tile_offset(site, block, j, i) : tile_offset(site, block, i, j);
    if (!resq_storage_read(&s->storage, offset, tile, (uint64_t)(height * width) * sizeof *tile))
      return false;
    for (int64_t r = 0; r < rows; ++r) {
      double *to = out + r * n + j * TILE;
      if (!mirrored)
        memcpy(to, tile + (first + r) * width, (size_t)width * sizeof *to);
      else
        for (int64_t c = 0; c < width; ++c)
          to[c] = tile[c * height + first + r];
    }
  }
  return true;
}

bool resq_moment_read(const resq_statistics *s, const resq_statistics_site *site, int64_t first,
                      int64_t rows, double *out) {
  int64_t n = site->block, side = n < TILE ? n : TILE;
  double *tile = malloc((size_t)(side * side) * sizeof *tile);
  bool ok = tile != NULL;
  while (ok && rows > 0) {
    int64_t row = first % n, inside = row % TILE, left = height_of(n, row / TILE) - inside;
    int64_t step = rows < left ? rows : left;
    ok = read_tile_row(s, site, first / n, row / TILE, inside, step, tile, out);
    out += step * n;
    first += step;
    rows -= step;
  }
  int code = errno;
  free(tile);
  errno = code;
  return ok;
}
