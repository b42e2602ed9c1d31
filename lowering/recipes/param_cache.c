//===-- param_cache.c -----------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Entries are files "<directory>/<32 hex digits>.param".
//===----------------------------------------------------------------------===//
#include "param_cache.h"
#include "dialect/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define MAGIC "RESQPARM"

typedef struct footer {
  uint64_t key[2];
  uint64_t hash[2]; ///< XXH3-128 of the bytes
  uint64_t size;
  uint32_t version;
  uint32_t reserved;
  char magic[8];
} footer;

_Static_assert(sizeof(footer) == 56, "written as it stands");

struct resq_param_cache {
  char *directory;
  resq_error why; ///< the first entry that could not be kept; RESQ_OK: none
};

struct resq_param_entry {
  resq_param_cache *cache;
  resq_out *out;
  XXH3_state_t *hash;
  uint64_t key[2];
  bool failed;
};

//===-- Directory ---------------------------------------------------------===//

resq_param_cache *resq_param_cache_open(const char *directory, resq_error *err) {
  if (!directory[0]) {
    resq_fail(err, RESQ_USAGE, "the cache directory has an empty name");
    return NULL;
  }
  resq_param_cache *c = resq_new(1, sizeof *c);
  c->directory = resq_copy_text(directory);
  if (resq_make_folders(c->directory, err))
    return c;
  resq_param_cache_close(c);
  return NULL;
}

void resq_param_cache_close(resq_param_cache *c) {
  if (!c)
    return;
  free(c->directory);
  free(c);
}

/// The caller frees it.
static char *entry_path(const resq_param_cache *c, const uint64_t key[2]) {
  return resq_print_text("%s/%016llx%016llx.param", c->directory, (unsigned long long)key[1],
                         (unsigned long long)key[0]);
}

//===-- Reading -----------------------------------------------------------===//

static bool is_whole(const resq_map *map, const uint64_t key[2], uint64_t size) {
  footer f;
  if (map->size < sizeof f || map->size - sizeof f != size)
    return false;
  memcpy(&f, map->data + size, sizeof f);
  if (memcmp(f.magic, MAGIC, sizeof f.magic) != 0 || f.version != RESQ_PARAM_CACHE_VERSION ||
      f.size != size || f.key[0] != key[0] || f.key[1] != key[1])
    return false;
  XXH128_hash_t hash = XXH3_128bits(map->data, size);
  return hash.low64 == f.hash[0] && hash.high64 == f.hash[1];
}

bool resq_param_cache_load(resq_param_cache *c, const uint64_t key[2], uint64_t size,
                           resq_map *view) {
  char *path = entry_path(c, key);
  bool ok = path && resq_map_open(view, path, NULL);
  free(path);
  if (ok && !is_whole(view, key, size)) {
    resq_map_close(view);
    ok = false;
  }
  return ok;
}

//===-- Writing -----------------------------------------------------------===//

/// Where the first error goes; NULL for later ones.
static resq_error *error_of(resq_param_cache *c) { return c->why.code == RESQ_OK ? &c->why : NULL; }

const char *resq_param_cache_complaint(const resq_param_cache *c) {
  return c && c->why.code != RESQ_OK ? c->why.message : NULL;
}

static void free_entry(resq_param_entry *entry) {
  XXH3_freeState(entry->hash);
  free(entry);
}

resq_param_entry *resq_param_cache_begin(resq_param_cache *c, const uint64_t key[2]) {
  resq_param_entry *entry = resq_new(1, sizeof *entry);
  char *path = entry_path(c, key);
  entry->hash = XXH3_createState();
  entry->out = entry->hash ? resq_out_create(path, 0644, error_of(c)) : NULL;
  free(path);
  if (!entry->out) {
    free_entry(entry);
    return NULL;
  }
  entry->cache = c;
  memcpy(entry->key, key, sizeof entry->key);
  XXH3_128bits_reset(entry->hash);
  return entry;
}

void resq_param_entry_write(resq_param_entry *entry, const void *data, uint64_t size) {
  if (!entry || entry->failed || size == 0)
    return;
  XXH3_128bits_update(entry->hash, data, size);
  entry->failed = !resq_out_write(entry->out, data, size, error_of(entry->cache));
}

void resq_param_entry_commit(resq_param_entry *entry) {
  if (!entry)
    return;
  footer f = {.size = resq_out_position(entry->out), .version = RESQ_PARAM_CACHE_VERSION};
  memcpy(f.magic, MAGIC, sizeof f.magic);
  memcpy(f.key, entry->key, sizeof f.key);
  XXH128_hash_t hash = XXH3_128bits_digest(entry->hash);
  f.hash[0] = hash.low64;
  f.hash[1] = hash.high64;
  resq_param_entry_write(entry, &f, sizeof f);
  if (entry->failed)
    resq_out_discard(entry->out);
  else
    resq_out_commit(entry->out, error_of(entry->cache));
  free_entry(entry);
}

void resq_param_entry_discard(resq_param_entry *entry) {
  if (!entry)
    return;
  resq_out_discard(entry->out);
  free_entry(entry);
}
