//===-- statistics.c ------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "statistics_internal.h"

#include "base/system_error.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

//===-- Creation ----------------------------------------------------------===//

static bool check_site(int32_t n, const char *const *names, int64_t width, int64_t block,
                       resq_error *err) {
  if (!names[n] || !names[n][0])
    return resq_fail(err, RESQ_BAD_INPUT, "calibration site %d has no name", n);
  if (width < 1 || width > RESQ_STATISTICS_MAX_WIDTH || block < 1 || width % block != 0)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "calibration site '%s': blocks of %lld in rows of %lld; the block must divide "
                     "the width, which is 1 to %d",
                     names[n], (long long)block, (long long)width, RESQ_STATISTICS_MAX_WIDTH);
  for (int32_t i = 0; i < n; ++i)
    if (strcmp(names[i], names[n]) == 0)
      return resq_fail(err, RESQ_BAD_INPUT, "calibration site '%s' appears twice", names[n]);
  return true;
}

static bool describe_site(resq_statistics_site *site, const char *name, int64_t width,
                          int64_t block, int64_t samples) {
  site->name = strdup(name);
  site->width = width;
  site->block = block;
  site->arrival = samples > 0 ? calloc((size_t)samples, sizeof *site->arrival) : NULL;
  return site->name && (samples == 0 || site->arrival);
}

static bool describe_sites(resq_statistics *s, const char *const *names, const int64_t *widths,
                           const int64_t *blocks, resq_error *err) {
  for (int32_t i = 0; i < s->n_sites; ++i) {
    if (!check_site(i, names, widths[i], blocks[i], err))
      return false;
    if (!describe_site(&s->sites[i], names[i], widths[i], blocks[i], s->samples))
      return resq_fail(err, RESQ_NO_MEMORY, "no memory for calibration site '%s'", names[i]);
  }
  return true;
}

resq_statistics *resq_statistics_create(int32_t n_sites, const char *const *names,
                                        const int64_t *widths, const int64_t *blocks,
                                        const resq_statistics_options *options, resq_error *err) {
  static const resq_statistics_options defaults = {0};
  if (!options)
    options = &defaults;
  resq_statistics *s = calloc(1, sizeof *s);
  if (s)
    s->sites = calloc(n_sites > 0 ? (size_t)n_sites : 1, sizeof *s->sites);
  if (!s || !s->sites) {
    free(s);
    resq_fail(err, RESQ_NO_MEMORY, "no memory for %d calibration sites", n_sites);
    return NULL;
  }
  s->n_sites = n_sites;
  s->storage.fd = -1;
  s->samples = options->samples > 0 ? options->samples : 0;
  s->seed = options->seed;
  s->threads = options->threads;
  s->first_weight = 1;
  s->sequence = options->sequence;
  s->sequences = options->sequences;
  for (int32_t i = 0; options->first && i < n_sites; ++i)
    s->sites[i].keeps_first = options->first[i];
  if (!describe_sites(s, names, widths, blocks, err) ||
      !resq_storage_create(&s->storage, options->directory, resq_statistics_lay_out(s), err)) {
    resq_statistics_destroy(s);
    return NULL;
  }
  return s;
}

void resq_statistics_destroy(resq_statistics *s) {
  if (!s)
    return;
  for (int32_t i = 0; i < s->n_sites; ++i) {
    free(s->sites[i].name);
    free(s->sites[i].window);
    free(s->sites[i].arrival);
  }
  resq_storage_close(&s->storage);
  free(s->sites);
  free(s);
}

//===-- Adding ------------------------------------------------------------===//

/// Copies rows behind those that wait. False with errno.
static bool wait_in_window(resq_statistics_site *site, const float *x, int64_t rows, int64_t ld) {
  assert(site->waiting + rows <= RESQ_STATISTICS_WINDOW); // add_rows cuts rows at a window's end
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

static bool add_window(const resq_statistics *s, resq_statistics_site *site) {
  int64_t rows = site->waiting;
  site->waiting = 0;
  return rows == 0 || resq_moment_add(s, site, site->window, rows, site->width);
}

/// Products are formed of whole windows, counted from the first row, however the rows come.
static bool add_rows(const resq_statistics *s, resq_statistics_site *site, const float *x,
                     int64_t rows, int64_t ld) {
  bool ok = true;
  while (ok && rows > 0) {
    int64_t room = RESQ_STATISTICS_WINDOW - site->waiting, step = rows < room ? rows : room;
    if (step == RESQ_STATISTICS_WINDOW) {
      ok = resq_moment_add(s, site, x, step, ld);
    } else {
      ok = wait_in_window(site, x, step, ld);
      if (ok && site->waiting == RESQ_STATISTICS_WINDOW)
        ok = add_window(s, site);
    }
    x += step * ld;
    rows -= step;
  }
  return ok;
}

void resq_statistics_add(resq_statistics *s, int32_t site, const float *x, int64_t rows,
                         int64_t ld) {
  if (site < 0 || site >= s->n_sites || rows <= 0 || s->finished || s->failed)
    return;
  resq_statistics_site *at = &s->sites[site];
  if (!add_rows(s, at, x, rows, ld) || (s->samples > 0 && !resq_samples_add(s, at, x, rows, ld)) ||
      (at->keeps_first && !resq_firsts_add(s, at, x, rows, ld)))
    s->failed = errno ? errno : EIO;
  at->rows += rows;
}

bool resq_statistics_finish(resq_statistics *s, resq_error *err) {
  if (s->finished)
    return true;
  s->finished = true;
  for (int32_t i = 0; i < s->n_sites; ++i) {
    resq_statistics_site *site = &s->sites[i];
    if (!s->failed && (!add_window(s, site) || !resq_samples_order(s, site)))
      s->failed = errno ? errno : EIO;
    free(site->window);
    free(site->arrival);
    site->window = NULL;
    site->arrival = NULL;
  }
  if (s->failed)
    return resq_fail(err, resq_code_of_errno(s->failed), "calibration sums cannot be kept: %s",
                     strerror(s->failed));
  return resq_statistics_seal(s, err);
}

//===-- Results -----------------------------------------------------------===//

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
int64_t resq_statistics_kept(const resq_statistics *s, int32_t site) { return s->sites[site].kept; }
int64_t resq_statistics_firsts(const resq_statistics *s, int32_t site) {
  return s->sites[site].firsts;
}

void resq_statistics_weigh_first(resq_statistics *s, int64_t weight) {
  assert(weight >= 0); // the callers' options allow no other
  s->first_weight = weight ? weight : RESQ_STATISTICS_FIRST_WEIGHT;
}

int64_t resq_statistics_first_weight(const resq_statistics *s) { return s->first_weight; }

int32_t resq_statistics_find(const resq_statistics *s, const char *name) {
  for (int32_t i = 0; i < s->n_sites; ++i)
    if (strcmp(s->sites[i].name, name) == 0)
      return i;
  return -1;
}

static bool fail_to_read(const resq_statistics_site *site, resq_error *err) {
  return resq_fail(err, resq_code_of_errno(errno), "statistics of site '%s' cannot be read: %s",
                   site->name, strerror(errno));
}

bool resq_statistics_moment(const resq_statistics *s, const char *name, int64_t blocks, int64_t n,
                            int64_t first, int64_t rows, double *out, resq_error *err) {
  int32_t index = resq_statistics_find(s, name);
  if (index < 0)
    return resq_fail(err, RESQ_FAILED, "no statistics of site '%s' among the %d calibrated sites",
                     name, s->n_sites);
  const resq_statistics_site *site = &s->sites[index];
  if (site->block != n || site->width != n * blocks)
    return resq_fail(
        err, RESQ_FAILED,
        "site '%s' was calibrated with %lld blocks of order %lld; %lld of order %lld are asked for",
        name, (long long)(site->width / site->block), (long long)site->block, (long long)blocks,
        (long long)n);
  if (site->rows == 0)
    return resq_fail(err, RESQ_FAILED, "site '%s' saw no rows in calibration", name);
  if (first < 0 || rows < 0 || first > site->width || rows > site->width - first)
    return resq_fail(err, RESQ_FAILED, "site '%s': rows %lld to %lld of a moment with %lld", name,
                     (long long)first, (long long)(first + rows), (long long)site->width);
  return (resq_moment_read(s, site, first, rows, out) &&
          resq_firsts_weigh(s, site, first, rows, out)) ||
         fail_to_read(site, err);
}

bool resq_statistics_samples(const resq_statistics *s, int32_t site, int64_t first, int64_t rows,
                             float *out, resq_error *err) {
  const resq_statistics_site *at = &s->sites[site];
  if (first < 0 || rows < 0 || first > at->kept || rows > at->kept - first)
    return resq_fail(err, RESQ_FAILED, "site '%s': sampled rows %lld to %lld of %lld", at->name,
                     (long long)first, (long long)(first + rows), (long long)at->kept);
  uint64_t row = (uint64_t)at->width * sizeof *out;
  return resq_storage_read(&s->storage, at->samples + (uint64_t)first * row, out,
                           (uint64_t)rows * row) ||
         fail_to_read(at, err);
}

void resq_statistics_digest(const resq_statistics *s, int32_t site, uint64_t out[2]) {
  const resq_statistics_site *at = &s->sites[site];
  memcpy(out, at->moment_hash, sizeof at->moment_hash);
  if (s->first_weight == 1 || at->firsts == 0)
    return;
  const uint64_t parts[] = {at->moment_hash[0], at->moment_hash[1], at->first_hash[0],
                            at->first_hash[1], (uint64_t)s->first_weight};
  const XXH128_hash_t hash = XXH3_128bits(parts, sizeof parts);
  out[0] = hash.low64;
  out[1] = hash.high64;
}

void resq_statistics_samples_digest(const resq_statistics *s, int32_t site, uint64_t out[2]) {
  memcpy(out, s->sites[site].samples_hash, sizeof s->sites[site].samples_hash);
}
