// LINK: compiler
//===-- param_cache_fuzz.c - any bytes as an entry of --cache -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The first byte chooses the size that is asked for; the rest is the file. It is read as it is, and
// again with the footer's magic, version, key, size and hash put right one after the other: only
// all of them together may be accepted.
//===----------------------------------------------------------------------===//
#include "lowering/recipes/param_cache.h"
#include "tests/fuzz/fuzz_file.h"

#include <string.h>
#include <unistd.h>
#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint64_t key[2] = {0x0123456789abcdef, 0xfedcba9876543210};
static char folder[64], path[128];

static void remove_folder(void) {
  unlink(path);
  rmdir(folder);
}

static resq_param_cache *open_cache(void) {
  static resq_param_cache *cache;
  if (cache)
    return cache;
  strcpy(folder, access("/dev/shm", W_OK) ? "/tmp/resq-fuzz-XXXXXX" : "/dev/shm/resq-fuzz-XXXXXX");
  cache = mkdtemp(folder) ? resq_param_cache_open(folder, NULL) : NULL;
  if (!cache)
    abort();
  atexit(remove_folder);
  snprintf(path, sizeof path, "%s/%016llx%016llx.param", folder, (unsigned long long)key[1],
           (unsigned long long)key[0]);
  return cache;
}

static bool load(const uint8_t *bytes, size_t size, uint64_t wanted) {
  FILE *f = fopen(path, "wb");
  if (!f || fwrite(bytes, 1, size, f) != size || fclose(f))
    abort();
  resq_map view;
  if (!resq_param_cache_load(open_cache(), key, wanted, &view))
    return false;
  volatile uint8_t seen = 0;
  for (uint64_t i = 0; i < wanted; ++i)
    seen = (uint8_t)(seen + view.data[i]);
  resq_map_close(&view);
  return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  enum { FOOTER = 56 };
  if (size < 1)
    return 0;
  open_cache();
  uint64_t wanted = data[0];
  ++data, --size;
  load(data, size, wanted);
  if (size < FOOTER)
    return 0;
  uint8_t *bytes = malloc(size);
  if (!bytes)
    return 0;
  memcpy(bytes, data, size);
  uint64_t held = size - FOOTER;
  uint8_t *footer = bytes + held;
  uint32_t version[2] = {RESQ_PARAM_CACHE_VERSION, 0};
  XXH128_hash_t hash = XXH3_128bits(bytes, held);
  uint64_t sums[2] = {hash.low64, hash.high64};
  memcpy(footer + 48, "RESQPARM", 8);
  load(bytes, size, held);
  memcpy(footer + 40, version, sizeof version);
  load(bytes, size, held);
  memcpy(footer, key, sizeof key);
  load(bytes, size, held);
  memcpy(footer + 32, &held, sizeof held);
  load(bytes, size, held);
  memcpy(footer + 16, sums, sizeof sums);
  if (!load(bytes, size, held) || load(bytes, size, held + 1))
    __builtin_trap();
  free(bytes);
  return 0;
}
