//===-- checkpoint.c - what is the same for all formats -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/import/checkpoint/checkpoint.h"

#include "dialect/memory.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

//===-- Files -------------------------------------------------------------===//

static atomic_int opened, digested;

resq_checkpoint_counts resq_checkpoint_counted(void) {
  return (resq_checkpoint_counts){atomic_load(&opened), atomic_load(&digested)};
}

resq_checkpoint *resq_checkpoint_create(const char *path) {
  resq_checkpoint *c = resq_new(1, sizeof *c);
  size_t size = strlen(path);
  while (size > 1 && path[size - 1] == '/')
    --size;
  c->path = resq_copy_part(path, size);
  return c;
}

bool resq_checkpoint_add_file(resq_checkpoint *c, const char *path, size_t *index,
                              resq_error *err) {
  resq_map map;
  atomic_fetch_add(&opened, 1);
  if (!resq_map_open(&map, path, err))
    return false;
  c->files = RESQ_GROW(c->files, c->n_files);
  c->files[c->n_files] = (resq_checkpoint_file){resq_copy_text(path), map};
  *index = c->n_files++;
  return true;
}

void resq_checkpoint_close(resq_checkpoint *c) {
  if (!c)
    return;
  if (c->driver)
    c->driver->close(c);
  for (size_t i = 0; i < c->n_files; ++i) {
    resq_map_close(&c->files[i].map);
    free(c->files[i].path);
  }
  free(c->files);
  free(c->path);
  free(c);
}

void resq_checkpoint_drop_pages(const resq_checkpoint *c) {
  for (size_t i = 0; i < c->n_files; ++i)
    resq_map_drop_pages(&c->files[i].map);
}

//===-- Digests -----------------------------------------------------------===//

/// Of a whole file, read piece by piece.
static XXH128_hash_t digest_map(const resq_map *map) {
  enum { PIECE = 16 << 20 };
  XXH3_state_t *state = XXH3_createState();
  if (!state) // the same number, at the price of pages
    return XXH3_128bits(map->data, map->size);
  XXH3_128bits_reset(state);
  for (uint64_t at = 0; at < map->size; at += PIECE) {
    uint64_t left = map->size - at;
    XXH3_128bits_update(state, map->data + at, left < PIECE ? left : PIECE);
    resq_map_drop_pages(map);
  }
  XXH128_hash_t hash = XXH3_128bits_digest(state);
  XXH3_freeState(state);
  return hash;
}

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

/// Of the names, with their NULs, and the canonical digests of all files.
static XXH128_hash_t digest_files(const resq_checkpoint *c) {
  size_t size = 0;
  char *all = NULL;
  for (size_t i = 0; i < c->n_files; ++i) {
    const char *name = base_name(c->files[i].path);
    XXH128_canonical_t digest;
    XXH128_canonicalFromHash(&digest, digest_map(&c->files[i].map));
    all = resq_resize(all, size + strlen(name) + 1 + sizeof digest, 1);
    memcpy(all + size, name, strlen(name) + 1);
    size += strlen(name) + 1;
    memcpy(all + size, &digest, sizeof digest);
    size += sizeof digest;
  }
  XXH128_hash_t hash = XXH3_128bits(all, size);
  free(all);
  return hash;
}

XXH128_hash_t resq_checkpoint_digest(resq_checkpoint *c) {
  if (!c->hashed) {
    atomic_fetch_add(&digested, 1);
    c->digest = c->n_files == 1 ? digest_map(&c->files[0].map) : digest_files(c);
  }
  c->hashed = true;
  return c->digest;
}

//===-- Tensors -----------------------------------------------------------===//

uint64_t resq_checkpoint_count(const resq_checkpoint *c) { return c->driver->count(c); }

resq_checkpoint_tensor resq_checkpoint_tensor_at(const resq_checkpoint *c, uint64_t index) {
  return c->driver->tensor_at(c, index);
}

bool resq_checkpoint_find(const resq_checkpoint *c, const char *name, resq_checkpoint_tensor *out) {
  uint64_t index;
  if (!c->driver->find(c, name, &index))
    return false;
  *out = c->driver->tensor_at(c, index);
  return true;
}

bool resq_checkpoint_view(const resq_checkpoint_tensor *tensor, uint32_t rank, const int64_t *shape,
                          resq_checkpoint_tensor *out) {
  if (rank < 1 || rank > RESQ_TENSOR_MAX_RANK)
    return false;
  // Dimensions of 1 on either side mean nothing.
  uint32_t i = 0, j = 0;
  for (;; ++i, ++j) {
    while (i < tensor->rank && tensor->shape[i] == 1)
      ++i;
    while (j < rank && shape[j] == 1)
      ++j;
    if (i == tensor->rank || j == rank)
      break;
    if (shape[j] < 1 || tensor->shape[i] != shape[j])
      return false;
  }
  if (i != tensor->rank || j != rank || shape[rank - 1] % tensor->block != 0)
    return false;
  *out = *tensor;
  out->rank = rank;
  memcpy(out->shape, shape, rank * sizeof *shape);
  return true;
}

/// Index of the first NaN or infinity, or `count`. In strides whose inner loop compilers turn into
/// vectors: without their signs, the bits of floats are ordered like integers, and those of infinity
/// and NaN are the largest.
static uint64_t first_not_finite(const float *values, uint64_t count) {
  enum { STRIDE = 64, INFINITY_BITS = 0x7f800000 };
  uint64_t i = 0;
  for (; i + STRIDE <= count; i += STRIDE) {
    int32_t largest = 0;
    for (int j = 0; j < STRIDE; ++j) {
      int32_t bits;
      memcpy(&bits, &values[i + (uint64_t)j], sizeof bits);
      bits &= INT32_MAX;
      largest = bits > largest ? bits : largest;
    }
    if (largest >= INFINITY_BITS)
      break;
  }
  while (i < count && isfinite(values[i]))
    ++i;
  return i;
}

bool resq_checkpoint_rows(const resq_checkpoint *c, const resq_checkpoint_tensor *tensor,
                          int64_t begin, int64_t end, float *out, resq_error *err) {
  int64_t rows = 1, width = tensor->shape[tensor->rank - 1];
  for (uint32_t i = 0; i + 1 < tensor->rank; ++i)
    rows *= tensor->shape[i]; // drivers refuse tensors whose number of elements does not fit
  if (begin < 0 || begin > end || end > rows)
    return resq_fail(err, RESQ_FAILED,
                     "%s: tensor '%s': rows %" PRId64 " to %" PRId64 " of %" PRId64, c->path,
                     tensor->name, begin, end, rows);
  assert(width % tensor->block == 0); // of tensors as they are stored, and of views
  uint64_t first = (uint64_t)(begin * width), count = (uint64_t)((end - begin) * width);
  c->driver->decode(c, tensor->index, first, count, out);
  uint64_t bad = first_not_finite(out, count);
  return bad == count || resq_fail(err, RESQ_BAD_INPUT,
                                   "%s: tensor '%s': element %" PRIu64 " of row %" PRIu64
                                   " is %f; weights must be finite",
                                   c->path, tensor->name, bad % (uint64_t)width,
                                   (uint64_t)begin + bad / (uint64_t)width, (double)out[bad]);
}

void resq_shape_text(uint32_t rank, const int64_t *shape, char out[RESQ_SHAPE_TEXT]) {
  size_t at = 0;
  out[0] = 0;
  for (uint32_t i = 0; i < rank && at < RESQ_SHAPE_TEXT; ++i)
    at += (size_t)snprintf(out + at, RESQ_SHAPE_TEXT - at, "%s%" PRId64, i ? ", " : "", shape[i]);
}

//===-- Tokenizers --------------------------------------------------------===//

bool resq_checkpoint_has_tokenizer(const resq_checkpoint *c) { return c->driver->has_tokenizer(c); }

bool resq_checkpoint_read_tokenizer(const resq_checkpoint *c, resq_checkpoint_tokenizer *out,
                                    resq_error *err) {
  *out = (resq_checkpoint_tokenizer){.source = {.bos = -1, .eos = -1}};
  if (c->driver->tokenizer(c, out, err))
    return true;
  resq_checkpoint_free_tokenizer(out);
  return false;
}

void resq_checkpoint_free_tokenizer(resq_checkpoint_tokenizer *tokenizer) {
  resq_tokenizer_source *s = &tokenizer->source;
  free((void *)s->tokens);
  free((void *)s->token_types);
  free((void *)s->merges);
  free((void *)s->ends);
  free((void *)s->pre);
  free((void *)s->chat_template);
  free(tokenizer->storage);
  *tokenizer = (resq_checkpoint_tokenizer){.source = {.bos = -1, .eos = -1}};
}

//===-- Sampling ----------------------------------------------------------===//

bool resq_generation_set(resq_generation_settings *settings, int which, double value,
                         const char *path, const char *key, resq_error *err) {
  static const struct {
    double low, high;
  } allowed[] = {
#define RESQ_SETTING(name, key, low, high) {low, high},
#include "text/generation_settings.def"
  };
  if (!(value >= allowed[which].low && value <= allowed[which].high))
    return resq_fail(err, RESQ_BAD_INPUT, "%s: %s is %g, allowed: %g to %g", path, key, value,
                     allowed[which].low, allowed[which].high);
  settings->given[which] = true;
  settings->value[which] = value;
  return true;
}
