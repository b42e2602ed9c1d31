//===-- statistics.c ------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows wait in a window until a product pays; tiles of the product are the tasks.
//===----------------------------------------------------------------------===//
#include "statistics_internal.h"

#include "base/philox.h"
#include "linalg.h"
#include "parallel.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { TILE = 256, MAX_WIDTH = 1 << 20 };

//===-- Creation ----------------------------------------------------------===//

static bool check_site(int32_t n, const char *const *names, int64_t width, int64_t block,
                       resq_error *err) {
  if (!names[n] || !names[n][0])
    return resq_fail(err, RESQ_BAD_INPUT, "calibration site %d has no name", n);
  if (width < 1 || width > MAX_WIDTH || block < 1 || width % block != 0)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "calibration site '%s': blocks of %lld in rows of %lld; the block must divide "
                     "the width, which is 1 to %d",
                     names[n], (long long)block, (long long)width, MAX_WIDTH);
  for (int32_t i = 0; i < n; ++i)
    if (strcmp(names[i], names[n]) == 0)
      return resq_fail(err, RESQ_BAD_INPUT, "calibration site '%s' stands twice", names[n]);
  return true;
}

static bool allocate_site(resq_statistics_site *site, const char *name, int64_t width,
                          int64_t block, int64_t samples) {
  site->name = strdup(name);
  site->width = width;
  site->block = block;
  site->moment = calloc((size_t)width, (size_t)block * sizeof *site->moment);
  if (samples > 0) {
    site->samples = calloc((size_t)samples, (size_t)width * sizeof *site->samples);
    site->arrival = calloc((size_t)samples, sizeof *site->arrival);
  }
  return site->name && site->moment && (samples == 0 || (site->samples && site->arrival));
}

resq_statistics *resq_statistics_create(int32_t n_sites, const char *const *names,
                                        const int64_t *widths, const int64_t *blocks,
                                        const resq_statistics_options *options, resq_error *err) {
  resq_statistics *s = calloc(1, sizeof *s);
  if (s)
    s->sites = calloc(n_sites > 0 ? (size_t)n_sites : 1, sizeof *s->sites);
  if (!s || !s->sites) {
    free(s);
    resq_fail(err, RESQ_NO_MEMORY, "no memory for %d calibration sites", n_sites);
    return NULL;
  }
  s->n_sites = n_sites;
  if (options) {
    s->samples = options->samples > 0 ? options->samples : 0;
    s->seed = options->seed;
    s->threads = options->threads;
  }
  for (int32_t i = 0; i < n_sites; ++i) {
    bool ok = check_site(i, names, widths[i], blocks[i], err);
    if (ok && !allocate_site(&s->sites[i], names[i], widths[i], blocks[i], s->samples))
      ok = resq_fail(err, RESQ_NO_MEMORY, "no memory for calibration site '%s'", names[i]);
    if (!ok) {
      resq_statistics_destroy(s);
      return NULL;
    }
  }
  return s;
}

void resq_statistics_destroy(resq_statistics *s) {
  if (!s)
    return;
  for (int32_t i = 0; i < s->n_sites; ++i) {
    free(s->sites[i].name);
    free(s->sites[i].moment);
    free(s->sites[i].window);
    free(s->sites[i].samples);
    free(s->sites[i].arrival);
  }
  free(s->sites);
  free(s);
}

//===-- Moments -----------------------------------------------------------===//

typedef struct product {
  const float *x;
  int64_t rows, ld;
  resq_statistics_site *site;
  int64_t tiles; ///< along one side of a block
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

static void add_tile(void *opaque, int64_t task) {
  const product *p = opaque;
  int64_t n = p->site->block, triangle = p->tiles * (p->tiles + 1) / 2;
  int64_t block = task / triangle, i, j;
  tile_of(task % triangle, &i, &j);
  int64_t row = i * TILE, column = j * TILE;
  int64_t height = n - row < TILE ? n - row : TILE, width = n - column < TILE ? n - column : TILE;
  float tile[TILE * TILE];
  const float *x = p->x + block * n;
  if (i == j)
    cblas_ssyrk(CblasRowMajor, CblasLower, CblasTrans, (blasint)height, (blasint)p->rows, 1.0f,
                x + row, (blasint)p->ld, 0.0f, tile, TILE);
  else
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (blasint)height, (blasint)width,
                (blasint)p->rows, 1.0f, x + row, (blasint)p->ld, x + column, (blasint)p->ld, 0.0f,
                tile, TILE);
  double *sum = p->site->moment + block * n * n;
  for (int64_t r = 0; r < height; ++r) {
    int64_t end = i == j ? r + 1 : width;
    for (int64_t c = 0; c < end; ++c)
      sum[(row + r) * n + column + c] += (double)tile[r * TILE + c];
  }
}

/// Blocks of one element: squares, no matrix.
static void add_squares(resq_statistics_site *site, const float *x, int64_t rows, int64_t ld) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < site->width; ++c)
      site->moment[c] += (double)x[r * ld + c] * (double)x[r * ld + c];
}

static void add_window(const resq_statistics *s, resq_statistics_site *site, const float *x,
                       int64_t rows, int64_t ld) {
  if (site->block == 1) {
    add_squares(site, x, rows, ld);
    return;
  }
  resq_blas_init();
  product p = {x, rows, ld, site, (site->block + TILE - 1) / TILE};
  int64_t tasks = site->width / site->block * (p.tiles * (p.tiles + 1) / 2);
  resq_parallel(s->threads, tasks, add_tile, &p);
}

/// Without memory for a window the rows are multiplied as they come: the sums then differ in the
/// last bits only.
static bool wait_in_window(resq_statistics_site *site, const float *x, int64_t rows, int64_t ld) {
  if (!site->window)
    site->window = malloc((size_t)(RESQ_STATISTICS_WINDOW * site->width) * sizeof(float));
  if (!site->window)
    return false;
  for (int64_t r = 0; r < rows; ++r)
    memcpy(site->window + (site->waiting + r) * site->width, x + r * ld,
           (size_t)site->width * sizeof *x);
  site->waiting += rows;
  return true;
}

static void add_moment(const resq_statistics *s, resq_statistics_site *site, const float *x,
                       int64_t rows, int64_t ld) {
  while (rows > 0) {
    int64_t room = RESQ_STATISTICS_WINDOW - site->waiting, step = rows < room ? rows : room;
    if (site->block == 1 || step == RESQ_STATISTICS_WINDOW || !wait_in_window(site, x, step, ld))
      add_window(s, site, x, step, ld);
    else if (site->waiting == RESQ_STATISTICS_WINDOW) {
      add_window(s, site, site->window, site->waiting, site->width);
      site->waiting = 0;
    }
    x += step * ld;
    rows -= step;
  }
}

//===-- Sample ------------------------------------------------------------===//

/// Algorithm R: row number t replaces a random sample with probability samples / (t + 1).
static void sample_rows(const resq_statistics *s, resq_statistics_site *site, const float *x,
                        int64_t rows, int64_t ld) {
  uint64_t stream = s->seed ^ XXH3_64bits(site->name, strlen(site->name));
  for (int64_t r = 0; r < rows; ++r) {
    int64_t t = site->rows + r, place = t;
    if (t >= s->samples)
      place = (int64_t)(resq_philox_uniform(stream, (uint64_t)t) * (double)(t + 1));
    if (place >= s->samples)
      continue;
    memcpy(site->samples + place * site->width, x + r * ld, (size_t)site->width * sizeof *x);
    site->arrival[place] = t;
    if (site->kept <= place)
      site->kept = place + 1;
  }
}

/// Samples to the order of arrival, by selection: few swaps of long rows.
static void order_samples(resq_statistics_site *site) {
  for (int64_t i = 0; i < site->kept; ++i) {
    int64_t first = i;
    for (int64_t j = i + 1; j < site->kept; ++j)
      if (site->arrival[j] < site->arrival[first])
        first = j;
    if (first == i)
      continue;
    int64_t held = site->arrival[i];
    site->arrival[i] = site->arrival[first];
    site->arrival[first] = held;
    float *a = site->samples + i * site->width, *b = site->samples + first * site->width;
    for (int64_t c = 0; c < site->width; ++c) {
      float x = a[c];
      a[c] = b[c];
      b[c] = x;
    }
  }
}

void resq_statistics_add(resq_statistics *s, int32_t site, const float *x, int64_t rows,
                         int64_t ld) {
  if (site < 0 || site >= s->n_sites || rows <= 0 || s->finished)
    return;
  add_moment(s, &s->sites[site], x, rows, ld);
  if (s->samples > 0)
    sample_rows(s, &s->sites[site], x, rows, ld);
  s->sites[site].rows += rows;
}

//===-- Results -----------------------------------------------------------===//

static void mirror(double *moment, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < i; ++j)
      moment[j * n + i] = moment[i * n + j];
}

bool resq_statistics_finish(resq_statistics *s, resq_error *err) {
  if (s->finished)
    return true;
  s->finished = true;
  for (int32_t i = 0; i < s->n_sites; ++i) {
    resq_statistics_site *site = &s->sites[i];
    if (site->waiting > 0)
      add_window(s, site, site->window, site->waiting, site->width);
    site->waiting = 0;
    free(site->window);
    site->window = NULL;
    order_samples(site);
    for (int64_t b = 0; b < site->width / site->block; ++b)
      mirror(site->moment + b * site->block * site->block, site->block);
    if (resq_find_non_finite(site->moment, site->width * site->block) >= 0)
      return resq_fail(err, RESQ_FAILED,
                       "calibration site '%s': NaN or infinity among its %lld rows", site->name,
                       (long long)site->rows);
  }
  return true;
}

int32_t resq_statistics_sites(const resq_statistics *s) { return s->n_sites; }

const char *resq_statistics_name(const resq_statistics *s, int32_t site) {
  return s->sites[site].name;
}
int64_t resq_statistics_width(const resq_statistics *s, int32_t site) {
  return s->sites[site].width;
}
int64_t resq_statistics_block(const resq_statistics *s, int32_t site) {
  return s->sites[site].block;
}
int64_t resq_statistics_rows(const resq_statistics *s, int32_t site) { return s->sites[site].rows; }

int32_t resq_statistics_find(const resq_statistics *s, const char *name) {
  for (int32_t i = 0; i < s->n_sites; ++i)
    if (strcmp(s->sites[i].name, name) == 0)
      return i;
  return -1;
}

const double *resq_statistics_moment(const resq_statistics *s, const char *name, int64_t blocks,
                                     int64_t n, resq_error *err) {
  int32_t index = resq_statistics_find(s, name);
  if (index < 0) {
    resq_fail(err, RESQ_FAILED, "no statistics of site '%s' among the %d calibrated sites", name,
              s->n_sites);
    return NULL;
  }
  const resq_statistics_site *site = &s->sites[index];
  if (site->block != n || site->width != n * blocks) {
    resq_fail(
        err, RESQ_FAILED,
        "site '%s' was calibrated with %lld blocks of order %lld; %lld of order %lld are asked for",
        name, (long long)(site->width / site->block), (long long)site->block, (long long)blocks,
        (long long)n);
    return NULL;
  }
  if (site->rows == 0) {
    resq_fail(err, RESQ_FAILED, "site '%s' saw no rows in calibration", name);
    return NULL;
  }
  return site->moment;
}

const float *resq_statistics_samples(const resq_statistics *s, int32_t site, int64_t *rows) {
  *rows = s->sites[site].kept;
  return s->sites[site].kept > 0 ? s->sites[site].samples : NULL;
}

void resq_statistics_digest(const resq_statistics *s, int32_t site, uint64_t out[2]) {
  const resq_statistics_site *at = &s->sites[site];
  XXH128_hash_t hash = XXH3_128bits_withSeed(
      at->moment, (size_t)(at->width * at->block) * sizeof *at->moment, (XXH64_hash_t)at->block);
  out[0] = hash.low64;
  out[1] = hash.high64;
}

void resq_statistics_samples_digest(const resq_statistics *s, int32_t site, uint64_t out[2]) {
  const resq_statistics_site *at = &s->sites[site];
  XXH128_hash_t hash = XXH3_128bits_withSeed(
      at->samples, (size_t)(at->kept * at->width) * sizeof *at->samples, (XXH64_hash_t)at->width);
  out[0] = hash.low64;
  out[1] = hash.high64;
}
