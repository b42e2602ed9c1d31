//===-- folder.c - a Hugging Face folder as a checkpoint ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/import/huggingface/folder.h"

#include "dialect/import/huggingface/config.h"
#include "dialect/import/huggingface/generation_config.h"
#include "dialect/import/huggingface/json_reader.h"
#include "dialect/import/huggingface/safetensors.h"
#include "dialect/import/huggingface/tokenizer.h"
#include "dialect/memory.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define WEIGHTS "model.safetensors"
#define INDEX "model.safetensors.index.json"

enum { MAX_JSON = 256 << 20, MAX_INDEX = 64 << 20, MAX_SHARDS = 1 << 16 };

typedef struct place {
  const resq_safetensors_tensor *tensor;
  size_t shard;
} place;

typedef struct folder {
  size_t file[RESQ_HUGGING_FACE_FILES]; ///< one more than the number of the file; 0: not there
  resq_safetensors *shards;
  char **shard_names;
  size_t n_shards;
  place *tensors; ///< of all shards, by name
  uint64_t n_tensors;
} folder;

static const char *const file_names[RESQ_HUGGING_FACE_FILES] = {
    [RESQ_HUGGING_FACE_CONFIG] = "config.json",
    [RESQ_HUGGING_FACE_GENERATION] = "generation_config.json",
    [RESQ_HUGGING_FACE_TOKENIZER] = "tokenizer.json",
    [RESQ_HUGGING_FACE_TOKENIZER_CONFIG] = "tokenizer_config.json",
    [RESQ_HUGGING_FACE_SPECIAL_TOKENS] = "special_tokens_map.json",
    [RESQ_HUGGING_FACE_CHAT_TEMPLATE] = "chat_template.jinja",
};

//===-- Files -------------------------------------------------------------===//

bool resq_hugging_face_is_folder(const char *path) {
  struct stat about;
  return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static char *path_of(const resq_checkpoint *c, const char *name) {
  return resq_print_text("%s/%s", c->path, name);
}

static bool exists(const resq_checkpoint *c, const char *name) {
  struct stat about;
  char *path = path_of(c, name);
  bool found = stat(path, &about) == 0;
  free(path);
  return found;
}

static bool add_file(resq_checkpoint *c, const char *name, size_t *index, resq_error *err) {
  char *path = path_of(c, name);
  bool ok = resq_checkpoint_add_file(c, path, index, err);
  free(path);
  return ok;
}

const resq_checkpoint_file *resq_hugging_face_file_get(const resq_checkpoint *c,
                                                       resq_hugging_face_file which) {
  const folder *f = c->state;
  return f->file[which] ? &c->files[f->file[which] - 1] : NULL;
}

bool resq_hugging_face_json(const resq_checkpoint *c, resq_hugging_face_file which, json_t **out,
                            resq_error *err) {
  const resq_checkpoint_file *file = resq_hugging_face_file_get(c, which);
  *out = file ? resq_json_parse(file->path, file->map.data, file->map.size, MAX_JSON, err) : NULL;
  return !file || *out;
}

//===-- The driver --------------------------------------------------------===//

static uint64_t count(const resq_checkpoint *c) { return ((const folder *)c->state)->n_tensors; }

static resq_checkpoint_tensor tensor_at(const resq_checkpoint *c, uint64_t index) {
  const folder *f = c->state;
  const resq_safetensors_tensor *t = f->tensors[index].tensor;
  resq_checkpoint_tensor out = {.name = t->name,
                                .type = resq_safetensors_type_name(t->type),
                                .rank = t->rank,
                                .block = 1,
                                .index = index};
  memcpy(out.shape, t->shape, sizeof out.shape);
  return out;
}

static int compare_places(const void *a, const void *b) {
  return strcmp(((const place *)a)->tensor->name, ((const place *)b)->tensor->name);
}

static const place *find_place(const folder *f, const char *name) {
  const resq_safetensors_tensor key = {.name = (char *)(uintptr_t)name};
  const place wanted = {.tensor = &key};
  return f->n_tensors ? bsearch(&wanted, f->tensors, f->n_tensors, sizeof wanted, compare_places)
                      : NULL;
}

static bool find(const resq_checkpoint *c, const char *name, uint64_t *index) {
  const folder *f = c->state;
  const place *found = find_place(f, name);
  if (found)
    *index = (uint64_t)(found - f->tensors);
  return found != NULL;
}

static void decode(const resq_checkpoint *c, uint64_t index, uint64_t first, uint64_t n,
                   float *out) {
  resq_safetensors_decode(((const folder *)c->state)->tensors[index].tensor, first, n, out);
}

static bool config(const resq_checkpoint *c, resq_decoder_config *out, resq_error *err) {
  const resq_checkpoint_file *file = resq_hugging_face_file_get(c, RESQ_HUGGING_FACE_CONFIG);
  if (!resq_decoder_shape_parse(file->path, file->map.data, file->map.size, out, err))
    return false;
  const char *slash = strrchr(c->path, '/');
  const char *name = slash && slash[1] ? slash + 1 : c->path;
  out->name = (resq_text){name, strlen(name)};
  return true;
}

static void close_folder(resq_checkpoint *c) {
  folder *f = c->state;
  for (size_t i = 0; i < f->n_shards; ++i) {
    resq_safetensors_close(&f->shards[i]);
    free(f->shard_names[i]);
  }
  free(f->shards);
  free(f->shard_names);
  free(f->tensors);
  free(f);
}

static const resq_checkpoint_driver driver = {.count = count,
                                              .tensor_at = tensor_at,
                                              .find = find,
                                              .decode = decode,
                                              .config = config,
                                              .has_tokenizer = resq_hugging_face_has_tokenizer,
                                              .tokenizer = resq_hugging_face_tokenizer,
                                              .generation = resq_hugging_face_generation,
                                              .close = close_folder};

//===-- Weights -----------------------------------------------------------===//

static bool add_shard(resq_checkpoint *c, const char *name, resq_error *err) {
  folder *f = c->state;
  size_t file;
  resq_safetensors shard;
  if (!add_file(c, name, &file, err) ||
      !resq_safetensors_parse(&shard, c->files[file].map.data, c->files[file].map.size,
                              c->files[file].path, err))
    return false;
  f->shards = RESQ_GROW(f->shards, f->n_shards);
  f->shard_names = RESQ_GROW(f->shard_names, f->n_shards);
  f->shard_names[f->n_shards] = resq_copy_text(name);
  f->shards[f->n_shards++] = shard;
  return true;
}

static bool index_tensors(resq_checkpoint *c, resq_error *err) {
  folder *f = c->state;
  uint64_t n = 0;
  for (size_t i = 0; i < f->n_shards; ++i)
    n += f->shards[i].n_tensors;
  f->tensors = resq_new(n, sizeof *f->tensors);
  for (size_t i = 0; i < f->n_shards; ++i)
    for (uint64_t k = 0; k < f->shards[i].n_tensors; ++k)
      f->tensors[f->n_tensors++] = (place){&f->shards[i].tensors[k], i};
  if (n)
    qsort(f->tensors, n, sizeof *f->tensors, compare_places);
  for (uint64_t i = 1; i < n; ++i)
    if (!compare_places(&f->tensors[i - 1], &f->tensors[i]))
      return resq_fail(err, RESQ_BAD_INPUT, "%s: tensor '%s' is in '%s' and in '%s'", c->path,
                       f->tensors[i].tensor->name, f->shard_names[f->tensors[i - 1].shard],
                       f->shard_names[f->tensors[i].shard]);
  return true;
}

/// A file of this folder, and no other.
static bool is_file_name(const char *name) {
  return name && *name && !strchr(name, '/') && strcmp(name, ".") && strcmp(name, "..");
}

static bool has_shard(const folder *f, const char *name) {
  for (size_t i = f->n_shards; i-- > 0;) // names of one file usually follow each other
    if (!strcmp(f->shard_names[i], name))
      return true;
  return false;
}

static bool add_shards(resq_checkpoint *c, const char *path, json_t *map, resq_error *err) {
  const folder *f = c->state;
  const char *name;
  json_t *value;
  json_object_foreach(map, name, value) {
    const char *file = json_string_value(value);
    if (!is_file_name(file))
      return resq_fail(err, RESQ_BAD_INPUT,
                       "%s: tensor '%s': '%.64s' is not the name of a file in this folder", path,
                       name, file ? file : "");
    if (has_shard(f, file))
      continue;
    if (f->n_shards == MAX_SHARDS)
      return resq_fail(err, RESQ_BAD_INPUT, "%s: more than %d files", path, MAX_SHARDS);
    if (!add_shard(c, file, err))
      return false;
  }
  return true;
}

/// Index and files must agree on where each tensor is: otherwise one of them is of another download.
static bool check_index(const resq_checkpoint *c, const char *path, json_t *map, resq_error *err) {
  const folder *f = c->state;
  const char *name;
  json_t *value;
  json_object_foreach(map, name, value) {
    const place *found = find_place(f, name);
    if (!found || strcmp(f->shard_names[found->shard], json_string_value(value)))
      return resq_fail(err, RESQ_BAD_INPUT, "%s: tensor '%s' is not in '%s'", path, name,
                       json_string_value(value));
  }
  for (uint64_t i = 0; i < f->n_tensors; ++i)
    if (!json_object_get(map, f->tensors[i].tensor->name))
      return resq_fail(err, RESQ_BAD_INPUT, "%s: tensor '%s' of '%s' is not in the index", path,
                       f->tensors[i].tensor->name, f->shard_names[f->tensors[i].shard]);
  return true;
}

static bool open_index(resq_checkpoint *c, resq_error *err) {
  size_t file;
  if (!add_file(c, INDEX, &file, err))
    return false;
  // The paths are blocks of their own: they stay where they are as files are added.
  const char *path = c->files[file].path;
  json_t *index =
      resq_json_parse(path, c->files[file].map.data, c->files[file].map.size, MAX_INDEX, err);
  json_t *map = json_object_get(index, "weight_map");
  bool ok = index != NULL;
  if (ok && !json_is_object(map))
    ok = resq_fail(err, RESQ_BAD_INPUT,
                   "%s: key 'weight_map' is no object of tensors and their files", path);
  ok = ok && add_shards(c, path, map, err) && index_tensors(c, err) &&
       check_index(c, path, map, err);
  json_decref(index);
  return ok;
}

static bool open_weights(resq_checkpoint *c, resq_error *err) {
  if (exists(c, WEIGHTS))
    return add_shard(c, WEIGHTS, err) && index_tensors(c, err);
  if (exists(c, INDEX))
    return open_index(c, err);
  bool pickled = exists(c, "pytorch_model.bin") || exists(c, "pytorch_model.bin.index.json");
  return resq_fail(err, RESQ_IO, "%s: neither '" WEIGHTS "' nor '" INDEX "' is there%s", c->path,
                   pickled ? "; pytorch_model.bin is a pickle, which resq does not read: save the "
                             "model as safetensors (transformers: save_pretrained)"
                           : "");
}

//===-- Opening -----------------------------------------------------------===//

static bool open_files(resq_checkpoint *c, resq_error *err) {
  folder *f = c->state;
  for (int i = 0; i < RESQ_HUGGING_FACE_FILES; ++i) {
    if (!exists(c, file_names[i]))
      continue;
    size_t file;
    if (!add_file(c, file_names[i], &file, err))
      return false;
    f->file[i] = file + 1;
  }
  if (!f->file[RESQ_HUGGING_FACE_CONFIG])
    return resq_fail(err, RESQ_IO,
                     "cannot read '%s': it is a directory without a config.json, no Hugging Face "
                     "checkpoint; give one, a GGUF file or an MLIR module",
                     c->path);
  return open_weights(c, err);
}

resq_checkpoint *resq_hugging_face_checkpoint_open(const char *path, resq_error *err) {
  resq_checkpoint *c = resq_checkpoint_create(path);
  c->state = resq_new(1, sizeof(folder));
  c->driver = &driver;
  if (open_files(c, err))
    return c;
  resq_checkpoint_close(c);
  return NULL;
}
