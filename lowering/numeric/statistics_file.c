//===-- statistics_file.c -------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Statistics on disk, little-endian:
//
//   64 bytes: "RESQSTAT", u32 version, u32 sites, u64 offset and size of the directory, XXH3-128 of
//             the 32 bytes before and the directory, zeros
//   per site, each at a multiple of 4,096: the moment in tiles (statistics_internal.h), f64; samples,
//             [kept, width] f32; the first rows of sequences, [firsts, width] f32
//   directory, per site: u32 length and bytes of the name; i64 width, block, rows, kept, firsts; u64
//             offset of the moment, of the samples and of the first rows; XXH3-128 of each
//
// Nothing is read whole: all goes through buffers of a megabyte.
//===----------------------------------------------------------------------===//
#include "statistics_internal.h"

#include "base/checked.h"
#include "base/file.h"
#include "base/system_error.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define MAGIC "RESQSTAT"
enum { VERSION = 3, MAX_NAME = 4096, MAX_SITES = 1 << 20, ALIGNMENT = 4096, CHUNK = 1 << 20 };

typedef struct header {
  char magic[8];
  uint32_t version, sites;
  uint64_t directory, directory_size;
  uint64_t hash[2];
  uint64_t zeros[2];
} header;
_Static_assert(sizeof(header) == 64, "the header has no padding");
enum { HASHED_HEADER = 32 };

/// The numbers of a site, as they stand behind its name.
typedef struct entry {
  int64_t width, block, rows, kept, firsts;
  uint64_t moment, samples, first_rows;
  uint64_t moment_hash[2], samples_hash[2], first_hash[2];
} entry;
_Static_assert(sizeof(entry) == 112, "an entry has no padding");

//===-- Layout ------------------------------------------------------------===//

static uint64_t aligned(uint64_t offset) {
  return (offset + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static uint64_t rows_bytes(int64_t rows, int64_t width) {
  return (uint64_t)rows * (uint64_t)width * sizeof(float);
}

uint64_t resq_statistics_lay_out(resq_statistics *s) {
  uint64_t end = sizeof(header);
  for (int32_t i = 0; i < s->n_sites; ++i) {
    resq_statistics_site *site = &s->sites[i];
    site->moment = aligned(end);
    site->samples = aligned(site->moment + resq_moment_bytes(site->width, site->block));
    site->first_rows = aligned(site->samples + rows_bytes(s->samples, site->width));
    end = site->first_rows + rows_bytes(site->keeps_first ? s->sequences : 0, site->width);
  }
  return s->end = end;
}

//===-- Hashes ------------------------------------------------------------===//

static bool all_finite(const double *x, uint64_t count) {
  double sum = 0;
  for (uint64_t i = 0; i < count; ++i)
    sum += x[i] - x[i]; // 0, or NaN from then on
  return sum == 0;
}

/// XXH3-128 of [offset, offset + size); *finite, where not NULL: no NaN or infinity among its f64s.
static bool hash_range(const resq_storage *storage, uint64_t offset, uint64_t size, uint64_t out[2],
                       bool *finite) {
  XXH3_state_t *state = XXH3_createState();
  uint8_t *buffer = malloc(CHUNK);
  bool ok = state && buffer;
  if (ok)
    XXH3_128bits_reset(state);
  for (uint64_t at = 0; ok && at < size; at += CHUNK) {
    uint64_t n = size - at < CHUNK ? size - at : CHUNK;
    ok = resq_storage_read(storage, offset + at, buffer, n);
    if (!ok)
      break;
    XXH3_128bits_update(state, buffer, n);
    if (finite)
      *finite = *finite && all_finite((const double *)(const void *)buffer, n / sizeof(double));
  }
  if (ok) {
    XXH128_hash_t hash = XXH3_128bits_digest(state);
    out[0] = hash.low64;
    out[1] = hash.high64;
  }
  int code = errno;
  XXH3_freeState(state);
  free(buffer);
  errno = code;
  return ok;
}

typedef struct site_hashes {
  uint64_t moment[2], samples[2], first[2];
} site_hashes;

static bool hash_site(const resq_statistics *s, const resq_statistics_site *site, site_hashes *out,
                      bool *finite) {
  return hash_range(&s->storage, site->moment, resq_moment_bytes(site->width, site->block),
                    out->moment, finite) &&
         hash_range(&s->storage, site->samples, rows_bytes(site->kept, site->width), out->samples,
                    NULL) &&
         hash_range(&s->storage, site->first_rows, rows_bytes(site->firsts, site->width),
                    out->first, NULL);
}

bool resq_statistics_seal(resq_statistics *s, resq_error *err) {
  for (int32_t i = 0; i < s->n_sites; ++i) {
    resq_statistics_site *site = &s->sites[i];
    bool finite = true;
    site_hashes hashes;
    if (!hash_site(s, site, &hashes, &finite))
      return resq_fail(err, resq_code_of_errno(errno), "calibration site '%s': %s", site->name,
                       strerror(errno));
    memcpy(site->moment_hash, hashes.moment, sizeof hashes.moment);
    memcpy(site->samples_hash, hashes.samples, sizeof hashes.samples);
    memcpy(site->first_hash, hashes.first, sizeof hashes.first);
    if (!finite)
      return resq_fail(err, RESQ_FAILED,
                       "calibration site '%s': NaN or infinity among its %lld rows", site->name,
                       (long long)site->rows);
  }
  return true;
}

//===-- Directory ---------------------------------------------------------===//

/// malloc'ed; NULL without memory.
static uint8_t *make_directory(const resq_statistics *s, uint64_t *out_size) {
  uint64_t size = 0;
  for (int32_t i = 0; i < s->n_sites; ++i)
    size += sizeof(uint32_t) + strlen(s->sites[i].name) + sizeof(entry);
  uint8_t *bytes = malloc(size ? size : 1), *at = bytes;
  for (int32_t i = 0; bytes && i < s->n_sites; ++i) {
    const resq_statistics_site *site = &s->sites[i];
    uint32_t length = (uint32_t)strlen(site->name);
    entry e = {.width = site->width,
               .block = site->block,
               .rows = site->rows,
               .kept = site->kept,
               .firsts = site->firsts,
               .moment = site->moment,
               .samples = site->samples,
               .first_rows = site->first_rows};
    memcpy(e.moment_hash, site->moment_hash, sizeof e.moment_hash);
    memcpy(e.samples_hash, site->samples_hash, sizeof e.samples_hash);
    memcpy(e.first_hash, site->first_hash, sizeof e.first_hash);
    memcpy(at, &length, sizeof length);
    memcpy(at + sizeof length, site->name, length);
    memcpy(at + sizeof length + length, &e, sizeof e);
    at += sizeof length + length + sizeof e;
  }
  *out_size = size;
  return bytes;
}

static bool hash_directory(const header *h, const uint8_t *directory, uint64_t out[2]) {
  XXH3_state_t *state = XXH3_createState();
  if (!state)
    return false;
  XXH3_128bits_reset(state);
  XXH3_128bits_update(state, h, HASHED_HEADER);
  XXH3_128bits_update(state, directory, h->directory_size);
  XXH128_hash_t hash = XXH3_128bits_digest(state);
  XXH3_freeState(state);
  out[0] = hash.low64;
  out[1] = hash.high64;
  return true;
}

//===-- Writing -----------------------------------------------------------===//

static bool copy_data(const resq_statistics *s, resq_out *out, resq_error *err) {
  uint8_t *buffer = malloc(CHUNK);
  bool ok = buffer || resq_fail(err, RESQ_NO_MEMORY, "no memory to write statistics");
  for (uint64_t at = sizeof(header), n; ok && at < s->end; at += n) {
    n = s->end - at < CHUNK ? s->end - at : CHUNK;
    if (!resq_storage_read(&s->storage, at, buffer, n))
      ok = resq_fail(err, resq_code_of_errno(errno), "calibration sums cannot be read back: %s",
                     strerror(errno));
    ok = ok && resq_out_write(out, buffer, n, err);
  }
  free(buffer);
  return ok;
}

bool resq_statistics_save(const resq_statistics *s, const char *path, resq_error *err) {
  if (!s->finished)
    return resq_fail(err, RESQ_FAILED, "statistics are saved before they are finished");
  header h = {.version = VERSION, .sites = (uint32_t)s->n_sites, .directory = s->end};
  memcpy(h.magic, MAGIC, sizeof h.magic);
  uint8_t *directory = make_directory(s, &h.directory_size);
  bool ok = (directory && hash_directory(&h, directory, h.hash)) ||
            resq_fail(err, RESQ_NO_MEMORY, "no memory to write '%s'", path);
  resq_out *out = ok ? resq_out_create(path, 0644, err) : NULL;
  ok = out && resq_out_write(out, &h, sizeof h, err) && copy_data(s, out, err) &&
       resq_out_write(out, directory, h.directory_size, err);
  free(directory);
  if (ok)
    return resq_out_commit(out, err);
  resq_out_discard(out);
  return false;
}

//===-- Reading -----------------------------------------------------------===//

typedef struct reader {
  const uint8_t *data;
  uint64_t size, at;
} reader;

/// The next `size` bytes, NULL when the directory ends before.
static const uint8_t *take(reader *r, uint64_t size) {
  if (!resq_inside_u64(r->at, size, r->size))
    return NULL;
  const uint8_t *bytes = r->data + r->at;
  r->at += size;
  return bytes;
}

/// Sizes are checked against the file before anything of their size is allocated.
static bool check_entry(const entry *e, const char *name, uint64_t end, const char *path,
                        resq_error *err) {
  if (e->width < 1 || e->width > RESQ_STATISTICS_MAX_WIDTH || e->block < 1 ||
      e->width % e->block != 0 || e->rows < 0 || e->kept < 0 || e->kept > e->rows ||
      e->firsts < 0 || e->firsts > e->rows)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "'%s': site '%s' has width %lld, block %lld, %lld rows, %lld samples and %lld "
                     "first rows",
                     path, name, (long long)e->width, (long long)e->block, (long long)e->rows,
                     (long long)e->kept, (long long)e->firsts);
  uint64_t row = (uint64_t)e->width * sizeof(float), samples, firsts;
  if (!resq_inside_u64(e->moment, resq_moment_bytes(e->width, e->block), end) ||
      !resq_mul_u64((uint64_t)e->kept, row, &samples) ||
      !resq_inside_u64(e->samples, samples, end) ||
      !resq_mul_u64((uint64_t)e->firsts, row, &firsts) ||
      !resq_inside_u64(e->first_rows, firsts, end))
    return resq_fail(err, RESQ_BAD_INPUT, "'%s': site '%s' ends beyond the file's data", path,
                     name);
  return true;
}

static bool read_site(reader *r, resq_statistics_site *site, uint64_t end, const char *path,
                      resq_error *err) {
  uint32_t length = 0;
  const uint8_t *bytes = take(r, sizeof length);
  if (bytes)
    memcpy(&length, bytes, sizeof length);
  const uint8_t *name = bytes && length > 0 && length <= MAX_NAME ? take(r, length) : NULL;
  entry e;
  // A name that holds a NUL would be another one, or none, when it is read back as text.
  bytes = name && !memchr(name, 0, length) ? take(r, sizeof e) : NULL;
  if (!bytes)
    return resq_fail(err, RESQ_BAD_INPUT, "'%s': an entry of its directory is damaged", path);
  memcpy(&e, bytes, sizeof e);
  site->name = strndup((const char *)name, length);
  if (!site->name)
    return resq_fail(err, RESQ_NO_MEMORY, "no memory to read '%s'", path);
  site->width = e.width, site->block = e.block, site->rows = e.rows, site->kept = e.kept;
  site->firsts = e.firsts, site->keeps_first = e.firsts > 0;
  site->moment = e.moment, site->samples = e.samples, site->first_rows = e.first_rows;
  memcpy(site->moment_hash, e.moment_hash, sizeof e.moment_hash);
  memcpy(site->samples_hash, e.samples_hash, sizeof e.samples_hash);
  memcpy(site->first_hash, e.first_hash, sizeof e.first_hash);
  return check_entry(&e, site->name, end, path, err);
}

static bool check_header(const header *h, uint64_t size, const char *path, resq_error *err) {
  if (memcmp(h->magic, MAGIC, sizeof h->magic) != 0)
    return resq_fail(err, RESQ_BAD_INPUT, "'%s' is not a file of resq statistics", path);
  if (h->version != VERSION)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "'%s': statistics of version %u; %d is read: calibrate again", path,
                     h->version, VERSION);
  if (h->sites > MAX_SITES)
    return resq_fail(err, RESQ_BAD_INPUT, "'%s': %u sites; at most %d are read", path, h->sites,
                     MAX_SITES);
  if (h->directory < sizeof *h || !resq_inside_u64(h->directory, h->directory_size, size) ||
      h->directory + h->directory_size != size || h->zeros[0] || h->zeros[1])
    return resq_fail(err, RESQ_BAD_INPUT,
                     "'%s' is damaged: its directory, at %llu, has %llu of the file's %llu bytes",
                     path, (unsigned long long)h->directory, (unsigned long long)h->directory_size,
                     (unsigned long long)size);
  return true;
}

static bool read_directory(resq_statistics *s, const header *h, const uint8_t *directory,
                           const char *path, resq_error *err) {
  uint64_t hash[2];
  if (!hash_directory(h, directory, hash))
    return resq_fail(err, RESQ_NO_MEMORY, "no memory to read '%s'", path);
  if (memcmp(hash, h->hash, sizeof hash) != 0)
    return resq_fail(err, RESQ_BAD_INPUT, "'%s' is damaged: its directory's hash does not match",
                     path);
  s->sites = calloc(h->sites > 0 ? h->sites : 1, sizeof *s->sites);
  if (!s->sites)
    return resq_fail(err, RESQ_NO_MEMORY, "no memory to read '%s'", path);
  reader r = {directory, h->directory_size, 0};
  for (uint32_t i = 0; i < h->sites; ++i) {
    s->n_sites = (int32_t)i + 1;
    if (!read_site(&r, &s->sites[i], h->directory, path, err))
      return false;
  }
  if (r.at != r.size)
    return resq_fail(err, RESQ_BAD_INPUT, "'%s': %llu bytes behind the last site's entry", path,
                     (unsigned long long)(r.size - r.at));
  return true;
}

static bool check_data(const resq_statistics *s, const char *path, resq_error *err) {
  for (int32_t i = 0; i < s->n_sites; ++i) {
    const resq_statistics_site *site = &s->sites[i];
    site_hashes h;
    if (!hash_site(s, site, &h, NULL))
      return resq_fail(err, resq_code_of_errno(errno), "cannot read '%s': %s", path,
                       strerror(errno));
    if (memcmp(h.moment, site->moment_hash, sizeof h.moment) != 0 ||
        memcmp(h.samples, site->samples_hash, sizeof h.samples) != 0 ||
        memcmp(h.first, site->first_hash, sizeof h.first) != 0)
      return resq_fail(err, RESQ_BAD_INPUT, "'%s' is damaged: the hash of site '%s' does not match",
                       path, site->name);
  }
  return true;
}

static bool read_all(resq_statistics *s, const char *path, resq_error *err) {
  header h;
  if (!resq_storage_open(&s->storage, path, err))
    return false;
  if (s->storage.size < sizeof h || !resq_storage_read(&s->storage, 0, &h, sizeof h))
    return resq_fail(err, RESQ_BAD_INPUT, "'%s' is not a file of resq statistics", path);
  if (!check_header(&h, s->storage.size, path, err))
    return false;
  uint8_t *directory = malloc(h.directory_size ? h.directory_size : 1);
  bool ok = directory || resq_fail(err, RESQ_NO_MEMORY, "no memory to read '%s'", path);
  if (ok && !resq_storage_read(&s->storage, h.directory, directory, h.directory_size))
    ok = resq_fail(err, resq_code_of_errno(errno), "cannot read '%s': %s", path, strerror(errno));
  ok = ok && read_directory(s, &h, directory, path, err) && check_data(s, path, err);
  free(directory);
  s->end = h.directory;
  s->finished = true;
  return ok;
}

resq_statistics *resq_statistics_load(const char *path, resq_error *err) {
  resq_statistics *s = calloc(1, sizeof *s);
  if (!s) {
    resq_fail(err, RESQ_NO_MEMORY, "no memory to read '%s'", path);
    return NULL;
  }
  s->storage.fd = -1;
  s->first_weight = 1;
  if (read_all(s, path, err))
    return s;
  resq_statistics_destroy(s);
  return NULL;
}
