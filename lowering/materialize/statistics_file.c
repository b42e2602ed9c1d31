//===-- statistics_file.c -------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Statistics on disk, little-endian:
//
//   "RESQSTAT", u32 version, u32 sites
//   per site: u32 length and bytes of the name, i64 width, block, rows, samples;
//             lower triangles of the moment's blocks, row by row, f64; samples f32
//   XXH3-128 of all before (16 bytes)
//===----------------------------------------------------------------------===//
#include "statistics_internal.h"

#include "base/checked.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define MAGIC "RESQSTAT"
enum { VERSION = 1, MAX_NAME = 4096, MAX_SITES = 1 << 20 };

//===-- Writing -----------------------------------------------------------===//

typedef struct writer {
  resq_out *out;
  XXH3_state_t *hash;
  resq_error *err;
} writer;

static bool put(writer *w, const void *data, uint64_t size) {
  XXH3_128bits_update(w->hash, data, size);
  return resq_out_write(w->out, data, size, w->err);
}

/// The lower triangle of a matrix, packed a row at a time into one buffer.
static bool put_triangle(writer *w, const double *matrix, int64_t n) {
  uint64_t size = (uint64_t)n * (uint64_t)(n + 1) / 2 * sizeof(double);
  double *packed = malloc(size);
  if (!packed)
    return resq_fail(w->err, RESQ_NO_MEMORY, "no memory to write statistics");
  double *at = packed;
  for (int64_t i = 0; i < n; ++i) {
    memcpy(at, matrix + i * n, (size_t)(i + 1) * sizeof *at);
    at += i + 1;
  }
  bool ok = put(w, packed, size);
  free(packed);
  return ok;
}

static bool put_site(writer *w, const resq_statistics_site *site) {
  uint32_t length = (uint32_t)strlen(site->name);
  int64_t numbers[4] = {site->width, site->block, site->rows, site->kept};
  bool ok = put(w, &length, sizeof length) && put(w, site->name, length) &&
            put(w, numbers, sizeof numbers);
  for (int64_t b = 0; ok && b < site->width / site->block; ++b)
    ok = put_triangle(w, site->moment + b * site->block * site->block, site->block);
  if (ok && site->kept > 0)
    ok = put(w, site->samples, (uint64_t)(site->kept * site->width) * sizeof(float));
  return ok;
}

static bool put_all(writer *w, const resq_statistics *s) {
  uint32_t header[2] = {VERSION, (uint32_t)s->n_sites};
  bool ok = put(w, MAGIC, 8) && put(w, header, sizeof header);
  for (int32_t i = 0; ok && i < s->n_sites; ++i)
    ok = put_site(w, &s->sites[i]);
  if (!ok)
    return false;
  XXH128_hash_t hash = XXH3_128bits_digest(w->hash);
  uint64_t words[2] = {hash.low64, hash.high64};
  return resq_out_write(w->out, words, sizeof words, w->err);
}

bool resq_statistics_save(const resq_statistics *s, const char *path, resq_error *err) {
  if (!s->finished)
    return resq_fail(err, RESQ_FAILED, "statistics are saved before they are finished");
  resq_out *out = resq_out_create(path, 0644, err);
  if (!out)
    return false;
  writer w = {out, XXH3_createState(), err};
  bool ok = w.hash != NULL;
  if (!ok)
    resq_fail(err, RESQ_NO_MEMORY, "no memory to write '%s'", path);
  if (ok) {
    XXH3_128bits_reset(w.hash);
    ok = put_all(&w, s);
  }
  XXH3_freeState(w.hash);
  if (!ok) {
    resq_out_discard(out);
    return false;
  }
  return resq_out_commit(out, err);
}

//===-- Reading -----------------------------------------------------------===//

typedef struct reader {
  const uint8_t *data;
  uint64_t size, at;
} reader;

/// The next `size` bytes, NULL when the file ends before.
static const uint8_t *take(reader *r, uint64_t size) {
  if (!resq_inside_u64(r->at, size, r->size))
    return NULL;
  const uint8_t *bytes = r->data + r->at;
  r->at += size;
  return bytes;
}

static void fill_triangle(double *matrix, const uint8_t *packed, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    memcpy(matrix + i * n, packed, (size_t)(i + 1) * sizeof *matrix);
    packed += (size_t)(i + 1) * sizeof *matrix;
    for (int64_t j = 0; j < i; ++j)
      matrix[j * n + i] = matrix[i * n + j];
  }
}

/// Sizes were checked against the file before anything of their size is allocated.
static bool fill_site(resq_statistics_site *site, const uint8_t *moment, const uint8_t *samples) {
  int64_t n = site->block, blocks = site->width / n;
  site->moment = malloc((size_t)(site->width * n) * sizeof *site->moment);
  if (!site->moment)
    return false;
  for (int64_t b = 0; b < blocks; ++b)
    fill_triangle(site->moment + b * n * n,
                  moment + (size_t)(b * (n * (n + 1) / 2)) * sizeof(double), n);
  if (site->kept == 0)
    return true;
  uint64_t size = (uint64_t)(site->kept * site->width) * sizeof *site->samples;
  site->samples = malloc(size);
  if (site->samples)
    memcpy(site->samples, samples, size);
  return site->samples != NULL;
}

static bool read_site(reader *r, resq_statistics_site *site, const char *path, resq_error *err) {
  const uint8_t *bytes = take(r, sizeof(uint32_t));
  uint32_t length = 0;
  if (bytes)
    memcpy(&length, bytes, sizeof length);
  const uint8_t *name = bytes && length > 0 && length <= MAX_NAME ? take(r, length) : NULL;
  int64_t numbers[4];
  bytes = name ? take(r, sizeof numbers) : NULL;
  if (!bytes)
    return resq_fail(err, RESQ_BAD_INPUT, "'%s': a site's header is damaged", path);
  memcpy(numbers, bytes, sizeof numbers);
  site->name = strndup((const char *)name, length);
  if (!site->name)
    return resq_fail(err, RESQ_NO_MEMORY, "no memory to read '%s'", path);
  site->width = numbers[0], site->block = numbers[1];
  site->rows = numbers[2], site->kept = numbers[3];
  if (site->width < 1 || site->width > 1 << 20 || site->block < 1 ||
      site->width % site->block != 0 || site->rows < 0 || site->kept < 0 || site->kept > site->rows)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "'%s': site '%s' has width %lld, block %lld, %lld rows and %lld samples", path,
                     site->name, (long long)site->width, (long long)site->block,
                     (long long)site->rows, (long long)site->kept);
  uint64_t triangles = (uint64_t)site->width * (uint64_t)(site->block + 1) / 2 * sizeof(double);
  uint64_t samples;
  const uint8_t *moment = take(r, triangles), *rows = NULL;
  bool fits =
      moment && resq_mul_u64((uint64_t)site->kept, (uint64_t)site->width * sizeof(float), &samples);
  if (fits)
    rows = take(r, samples);
  if (!rows)
    return resq_fail(err, RESQ_BAD_INPUT, "'%s': site '%s' ends beyond the file", path, site->name);
  if (!fill_site(site, moment, rows))
    return resq_fail(err, RESQ_NO_MEMORY, "no memory for site '%s' of '%s'", site->name, path);
  return true;
}

static bool check_frame(const resq_map *map, const char *path, uint32_t *sites, resq_error *err) {
  uint32_t header[2];
  if (map->size < 32 || memcmp(map->data, MAGIC, 8) != 0)
    return resq_fail(err, RESQ_BAD_INPUT, "'%s' is not a file of resq statistics", path);
  memcpy(header, map->data + 8, sizeof header);
  if (header[0] != VERSION)
    return resq_fail(err, RESQ_BAD_INPUT, "'%s': statistics of version %u; %d is read", path,
                     header[0], VERSION);
  XXH128_hash_t hash = XXH3_128bits(map->data, map->size - 16);
  uint64_t words[2] = {hash.low64, hash.high64};
  if (memcmp(words, map->data + map->size - 16, sizeof words) != 0)
    return resq_fail(err, RESQ_BAD_INPUT, "'%s' is damaged: its hash does not match", path);
  if (header[1] > MAX_SITES)
    return resq_fail(err, RESQ_BAD_INPUT, "'%s': %u sites; at most %d are read", path, header[1],
                     MAX_SITES);
  *sites = header[1];
  return true;
}

static bool read_all(resq_statistics *s, const resq_map *map, uint32_t sites, const char *path,
                     resq_error *err) {
  s->sites = calloc(sites > 0 ? sites : 1, sizeof *s->sites);
  if (!s->sites)
    return resq_fail(err, RESQ_NO_MEMORY, "no memory to read '%s'", path);
  reader r = {map->data, map->size - 16, 16};
  for (uint32_t i = 0; i < sites; ++i) {
    s->n_sites = (int32_t)i + 1;
    if (!read_site(&r, &s->sites[i], path, err))
      return false;
  }
  if (r.at != r.size)
    return resq_fail(err, RESQ_BAD_INPUT, "'%s': %llu bytes behind the last site", path,
                     (unsigned long long)(r.size - r.at));
  s->finished = true;
  return true;
}

resq_statistics *resq_statistics_load(const char *path, resq_error *err) {
  resq_map map;
  if (!resq_map_open(&map, path, err))
    return NULL;
  uint32_t sites = 0;
  resq_statistics *s = NULL;
  if (check_frame(&map, path, &sites, err)) {
    s = calloc(1, sizeof *s);
    if (!s)
      resq_fail(err, RESQ_NO_MEMORY, "no memory to read '%s'", path);
    else if (!read_all(s, &map, sites, path, err)) {
      resq_statistics_destroy(s);
      s = NULL;
    }
  }
  resq_map_close(&map);
  return s;
}
