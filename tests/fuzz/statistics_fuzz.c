// LINK: compiler
//===-- statistics_fuzz.c - any bytes as a file of statistics -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Hunts for sizes that overflow and for reads outside the file. Each input is read as it is, and
// again with its hashes and the place of its directory put right, so that the field checks behind
// them see arbitrary entries (the layout: lowering/numeric/statistics_file.c). What loads is
// read in full, by the same calls that a compile makes.
//===----------------------------------------------------------------------===//
#include "lowering/numeric/statistics.h"
#include "tests/fuzz/fuzz_file.h"

#include <string.h>
#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADER = 64, HASHED = 32, NUMBERS = 112, MAX_SITES = 8 };

static void put_hash(uint8_t *at, XXH128_hash_t hash) {
  memcpy(at, &hash.low64, 8);
  memcpy(at + 8, &hash.high64, 8);
}

static uint64_t number(const uint8_t *at) {
  uint64_t x;
  memcpy(&x, at, sizeof x);
  return x;
}

/// The bytes that a site's moment takes in the file (statistics_internal.h); 0 where the sizes are
/// refused anyway.
static uint64_t moment_bytes(uint64_t width, uint64_t block) {
  enum { TILE = 256, MOST = 1 << 12 };
  if (width < 1 || width > MOST || block < 1 || block > width || width % block)
    return 0;
  uint64_t elements = 0;
  for (uint64_t i = 0; i < block; i += TILE)
    for (uint64_t j = 0; j <= i; j += TILE)
      elements += (block - i < TILE ? block - i : TILE) * (block - j < TILE ? block - j : TILE);
  return width / block * elements * sizeof(double);
}

/// The hashes of what an entry names, where that lies in the file.
static void repair_entry(uint8_t *e, const uint8_t *bytes, uint64_t size) {
  uint64_t width = number(e), block = number(e + 8);
  uint64_t moment = number(e + 40), moment_size = moment_bytes(width, block);
  if (moment <= size && moment_size <= size - moment)
    put_hash(e + 64, XXH3_128bits(bytes + moment, moment_size));
  for (int i = 0; i < 2; ++i) { // samples, first rows
    uint64_t rows = number(e + 24 + 8 * i), place = number(e + 48 + 8 * i);
    uint64_t rows_size = rows <= size && width <= size ? rows * width * sizeof(float) : 0;
    if (place <= size && rows_size <= size - place)
      put_hash(e + 80 + 16 * i, XXH3_128bits(bytes + place, rows_size));
  }
}

static void repair(uint8_t *bytes, uint64_t size) {
  if (size < HEADER)
    return;
  uint32_t version = 3, sites;
  memcpy(bytes, "RESQSTAT", 8);
  memcpy(bytes + 8, &version, sizeof version);
  memcpy(&sites, bytes + 12, sizeof sites);
  sites %= MAX_SITES;
  memcpy(bytes + 12, &sites, sizeof sites);
  uint64_t directory_size = number(bytes + 24) % (size - HEADER + 1);
  uint64_t directory = size - directory_size;
  memcpy(bytes + 16, &directory, sizeof directory);
  memcpy(bytes + 24, &directory_size, sizeof directory_size);
  memset(bytes + 48, 0, HEADER - 48);
  uint64_t at = directory;
  for (uint32_t i = 0; i < sites; ++i) {
    uint32_t length;
    if (size - at < sizeof length)
      break;
    memcpy(&length, bytes + at, sizeof length);
    at += sizeof length;
    if (length > size - at || size - at - length < NUMBERS)
      break;
    repair_entry(bytes + at + length, bytes, directory);
    at += length + NUMBERS;
  }
  uint8_t *hashed = malloc(HASHED + directory_size);
  if (!hashed)
    abort();
  memcpy(hashed, bytes, HASHED);
  memcpy(hashed + HASHED, bytes + directory, directory_size);
  put_hash(bytes + 32, XXH3_128bits(hashed, HASHED + directory_size));
  free(hashed);
}

static void read_site(const resq_statistics *s, int32_t i) {
  enum { MOST = 1 << 10 };
  resq_error err;
  int64_t width = resq_statistics_width(s, i), block = resq_statistics_block(s, i);
  if (!resq_statistics_name(s, i)[0] || width < 1 || block < 1 || width % block ||
      resq_statistics_kept(s, i) > resq_statistics_rows(s, i))
    __builtin_trap();
  resq_statistics_find(s, resq_statistics_name(s, i));
  uint64_t digest[2];
  resq_statistics_digest(s, i, digest);
  resq_statistics_samples_digest(s, i, digest);
  if (width > MOST)
    return;
  double *moment = malloc((size_t)(width * block) * sizeof *moment);
  float *sample = malloc((size_t)width * sizeof *sample);
  if (!moment || !sample)
    abort();
  resq_statistics_moment(s, resq_statistics_name(s, i), width / block, block, 0, width, moment,
                         &err);
  for (int64_t row = 0; row < resq_statistics_kept(s, i); row += 1 + row)
    resq_statistics_samples(s, i, row, 1, sample, &err);
  free(moment);
  free(sample);
}

static void load(const uint8_t *bytes, size_t size) {
  const char *path;
  resq_error err = {0};
  fuzz_file(bytes, size, &path);
  resq_statistics *s = resq_statistics_load(path, &err);
  if (!s) {
    if (!err.message[0])
      __builtin_trap();
    return;
  }
  resq_statistics_weigh_first(s, 1 + (int64_t)(size % 100));
  for (int32_t i = 0; i < resq_statistics_sites(s); ++i)
    read_site(s, i);
  resq_statistics_destroy(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint8_t *bytes = malloc(size + 1);
  if (!bytes)
    return 0;
  if (size)
    memcpy(bytes, data, size);
  load(bytes, size);
  repair(bytes, size);
  load(bytes, size);
  free(bytes);
  return 0;
}
