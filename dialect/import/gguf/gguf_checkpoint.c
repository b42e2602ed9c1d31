//===-- gguf_checkpoint.c - GGUF files as a checkpoint --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The first part of a split file has the metadata; all parts have tensors.
//===----------------------------------------------------------------------===//
#include "dialect/import/gguf/gguf_checkpoint.h"

#include "dialect/import/gguf/gguf_config.h"
#include "dialect/import/gguf/gguf_tokenizer.h"
#include "dialect/memory.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

typedef struct gguf_state {
  resq_gguf *parts; ///< in order
  size_t n_parts;
} gguf_state;

static const resq_gguf *metadata(const resq_checkpoint *c) {
  const gguf_state *s = c->state;
  return &s->parts[0];
}

//===-- Tensors -----------------------------------------------------------===//

static uint64_t count(const resq_checkpoint *c) {
  const gguf_state *s = c->state;
  uint64_t n = 0;
  for (size_t i = 0; i < s->n_parts; ++i)
    n += s->parts[i].n_tensors; // each at most 2^20, in at most 2^16 parts
  return n;
}

static const resq_gguf_tensor *stored(const resq_checkpoint *c, uint64_t index) {
  const gguf_state *s = c->state;
  size_t part = 0;
  while (index >= s->parts[part].n_tensors)
    index -= s->parts[part++].n_tensors;
  return &s->parts[part].tensors[index];
}

static resq_checkpoint_tensor tensor_at(const resq_checkpoint *c, uint64_t index) {
  const resq_gguf_tensor *t = stored(c, index);
  uint64_t elements, bytes;
  const char *name;
  if (!resq_gguf_type_block(t->type, &elements, &bytes, &name))
    assert(false); // the parser refuses types that are not decoded
  resq_checkpoint_tensor out = {
      .name = t->name, .type = name, .rank = t->n_dims, .block = (int64_t)elements, .index = index};
  for (uint32_t i = 0; i < t->n_dims; ++i)
    out.shape[i] = (int64_t)t->dims[t->n_dims - 1 - i]; // the parser refuses more than INT64_MAX
  return out;
}

static bool find(const resq_checkpoint *c, const char *name, uint64_t *index) {
  const gguf_state *s = c->state;
  uint64_t before = 0;
  for (size_t i = 0; i < s->n_parts; before += s->parts[i++].n_tensors) {
    const resq_gguf_tensor *t = resq_gguf_find(&s->parts[i], name);
    if (!t)
      continue;
    *index = before + (uint64_t)(t - s->parts[i].tensors);
    return true;
  }
  return false;
}

static void decode(const resq_checkpoint *c, uint64_t index, uint64_t first, uint64_t n,
                   float *out) {
  resq_gguf_decode(stored(c, index), first, n, out);
}

//===-- Metadata ----------------------------------------------------------===//

static bool config(const resq_checkpoint *c, resq_decoder_config *out, resq_error *err) {
  return resq_gguf_config(metadata(c), out, err);
}

static bool has_tokenizer(const resq_checkpoint *c) { return resq_gguf_has_tokenizer(metadata(c)); }

static bool tokenizer(const resq_checkpoint *c, resq_checkpoint_tokenizer *out, resq_error *err) {
  return resq_gguf_tokenizer(metadata(c), out, err);
}

/// A number of any type that writers use.
static bool read_number(const resq_gguf *gguf, const char *key, double *out, resq_error *err) {
  const resq_gguf_value *value = resq_gguf_get(gguf, key);
  if (value->kind == RESQ_GGUF_FLOAT32 || value->kind == RESQ_GGUF_FLOAT64)
    return resq_gguf_f64(gguf, key, out, err);
  uint64_t whole;
  if (!resq_gguf_u64(gguf, key, &whole, err))
    return false;
  *out = (double)whole;
  return true;
}

static bool generation(const resq_checkpoint *c, resq_generation_settings *out, resq_error *err) {
  static const char *const keys[RESQ_GENERATION_SETTINGS] = {
#define RESQ_SETTING(name, key, low, high) "general.sampling." key,
#include "text/generation_settings.def"
  };
  const resq_gguf *gguf = metadata(c);
  for (int i = 0; i < RESQ_GENERATION_SETTINGS; i++) {
    double value;
    if (!resq_gguf_get(gguf, keys[i]))
      continue;
    if (!read_number(gguf, keys[i], &value, err) ||
        !resq_generation_set(out, i, value, gguf->path, keys[i], err))
      return false;
  }
  return true;
}

static void close_parts(resq_checkpoint *c) {
  gguf_state *s = c->state;
  for (size_t i = 0; i < s->n_parts; ++i)
    resq_gguf_close(&s->parts[i]);
  free(s->parts);
  free(s);
}

static const resq_checkpoint_driver driver = {.count = count,
                                              .tensor_at = tensor_at,
                                              .find = find,
                                              .decode = decode,
                                              .config = config,
                                              .has_tokenizer = has_tokenizer,
                                              .tokenizer = tokenizer,
                                              .generation = generation,
                                              .close = close_parts};

//===-- Parts -------------------------------------------------------------===//

static bool add_part(resq_checkpoint *c, const void *data, uint64_t size, const char *path,
                     resq_error *err) {
  gguf_state *s = c->state;
  resq_gguf gguf;
  if (!resq_gguf_parse(&gguf, data, size, path, err))
    return false;
  s->parts = RESQ_GROW(s->parts, s->n_parts);
  s->parts[s->n_parts++] = gguf;
  return true;
}

static bool add_file(resq_checkpoint *c, const char *path, resq_error *err) {
  size_t file;
  return resq_checkpoint_add_file(c, path, &file, err) &&
         add_part(c, c->files[file].map.data, c->files[file].map.size, path, err);
}

/// A key of a split file, or `missing`.
static bool read_split(const resq_gguf *gguf, const char *key, uint64_t missing, uint64_t *out,
                       resq_error *err) {
  *out = missing;
  return !resq_gguf_get(gguf, key) || resq_gguf_u64(gguf, key, out, err);
}

enum { MAX_PARTS = 1 << 16, SUFFIX = sizeof "-00001-of-00002.gguf" - 1 };

/// The path of a part, from that of another one. False when the file is not named as parts are.
static bool name_part(const char *path, uint64_t part, uint64_t parts, char **out) {
  char suffix[64];
  uint64_t number, total;
  int end = 0;
  size_t size = strlen(path);
  if (size < SUFFIX ||
      sscanf(path + size - SUFFIX, "-%5" SCNu64 "-of-%5" SCNu64 ".gguf%n", &number, &total, &end) !=
          2 ||
      end != SUFFIX || total != parts)
    return false;
  snprintf(suffix, sizeof suffix, "-%05" PRIu64 "-of-%05" PRIu64 ".gguf", part + 1, parts);
  *out = resq_print_text("%.*s%s", (int)(size - SUFFIX), path, suffix);
  return true;
}

/// That part `i` is what the name of its file says.
static bool check_part(const resq_gguf *gguf, uint64_t i, uint64_t parts, resq_error *err) {
  uint64_t number, total;
  if (!read_split(gguf, "split.no", 0, &number, err) ||
      !read_split(gguf, "split.count", 1, &total, err))
    return false;
  return (number == i && total == parts) ||
         resq_fail(err, RESQ_BAD_INPUT,
                   "%s: keys 'split.no' and 'split.count' are %" PRIu64 " and %" PRIu64 "; %" PRIu64
                   " and %" PRIu64 " are needed in a file of this name",
                   gguf->path, number, total, i, parts);
}

/// What no part can tell by itself: a tensor that is twice there, and one that is lost.
static bool check_tensors(const resq_checkpoint *c, resq_error *err) {
  const gguf_state *s = c->state;
  uint64_t stated, n = count(c), before = 0, found;
  for (size_t i = 0; i < s->n_parts; before += s->parts[i++].n_tensors)
    for (uint64_t k = 0; k < s->parts[i].n_tensors; ++k)
      if (find(c, s->parts[i].tensors[k].name, &found) && found != before + k)
        return resq_fail(err, RESQ_BAD_INPUT, "%s: tensor '%s' is in another part, too",
                         s->parts[i].path, s->parts[i].tensors[k].name);
  if (!read_split(metadata(c), "split.tensors.count", n, &stated, err))
    return false;
  return stated == n || resq_fail(err, RESQ_BAD_INPUT,
                                  "%s: key 'split.tensors.count' is %" PRIu64
                                  ", but the parts have %" PRIu64 " tensors",
                                  metadata(c)->path, stated, n);
}

static bool open_split(resq_checkpoint *c, const char *path, uint64_t parts, resq_error *err) {
  bool ok = true;
  for (uint64_t i = 0; ok && i < parts; ++i) {
    char *part;
    if (!name_part(path, i, parts, &part))
      return resq_fail(err, RESQ_BAD_INPUT,
                       "%s: key 'split.count' is %" PRIu64
                       ", and the file is not named as a part of so many: NAME-00001-of-%05" PRIu64
                       ".gguf",
                       path, parts, parts);
    ok = add_file(c, part, err) && check_part(&((gguf_state *)c->state)->parts[i], i, parts, err);
    free(part);
  }
  return ok && check_tensors(c, err);
}

static resq_checkpoint *create(const char *path) {
  resq_checkpoint *c = resq_checkpoint_create(path);
  c->state = resq_new(1, sizeof(gguf_state));
  c->driver = &driver;
  return c;
}

static resq_checkpoint *finish(resq_checkpoint *c, bool ok) {
  if (ok)
    return c;
  resq_checkpoint_close(c);
  return NULL;
}

bool resq_gguf_recognize(const uint8_t *data, uint64_t size) {
  return size >= 4 && memcmp(data, "GGUF", 4) == 0;
}

resq_checkpoint *resq_gguf_checkpoint_open(const char *path, resq_error *err) {
  uint64_t parts = 1;
  resq_checkpoint *c = create(path);
  if (!add_file(c, path, err) || !read_split(metadata(c), "split.count", 1, &parts, err))
    return finish(c, false);
  if (parts <= 1)
    return c;
  if (parts > MAX_PARTS)
    return finish(c, resq_fail(err, RESQ_BAD_INPUT,
                               "%s: key 'split.count' is %" PRIu64 "; at most %d are allowed", path,
                               parts, MAX_PARTS));
  resq_checkpoint_close(c); // the parts are read in their order, whichever was given
  c = create(path);
  return finish(c, open_split(c, path, parts, err));
}

resq_checkpoint *resq_gguf_checkpoint_parse(const void *data, uint64_t size, const char *path,
                                            resq_error *err) {
  resq_checkpoint *c = create(path);
  return finish(c, add_part(c, data, size, path, err));
}
