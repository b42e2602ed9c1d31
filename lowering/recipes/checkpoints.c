//===-- checkpoints.c -----------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The files behind resq.checkpoint, and what identifies their contents.
//===----------------------------------------------------------------------===//
#include "evaluate.h"

#include "dialect/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <xxhash.h>

static void set_digest(resq_named_checkpoint *c, XXH128_hash_t hash) {
  c->digest[0] = hash.low64;
  c->digest[1] = hash.high64;
}

/// The digest that the module states must be the checkpoint's: weights of another one would go
/// unnoticed.
static bool check_digest(resq_named_checkpoint *c, resq_checkpoint *opened, MlirStringRef stated,
                         resq_error *err) {
  XXH128_hash_t hash = resq_checkpoint_digest(opened);
  char hex[33];
  snprintf(hex, sizeof hex, "%016llx%016llx", (unsigned long long)hash.high64,
           (unsigned long long)hash.low64);
  set_digest(c, hash);
  if (stated.length != 32 || strncasecmp(stated.data, hex, 32) != 0)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "'%s' has changed: its digest is %s, but the module was made from %.*s",
                     opened->path, hex, (int)(stated.length < 64 ? stated.length : 64),
                     stated.data);
  return true;
}

/// Without a digest: path, size and time of change stand for the contents.
static bool hash_name(const char *path, XXH128_hash_t *hash, resq_error *err) {
  struct stat info;
  if (stat(path, &info) != 0)
    return resq_fail(err, RESQ_IO, "cannot inspect '%s'", path);
  char *real = realpath(path, NULL);
  const char *name = real ? real : path;
  int64_t facts[3] = {(int64_t)info.st_size, (int64_t)info.st_mtim.tv_sec,
                      (int64_t)info.st_mtim.tv_nsec};
  *hash = XXH3_128bits_withSeed(name, strlen(name), XXH3_64bits(facts, sizeof facts));
  free(real);
  return true;
}

static bool identify_by_names(resq_named_checkpoint *c, const resq_checkpoint *opened,
                              resq_error *err) {
  XXH128_hash_t all = {0, 0}, file;
  for (size_t i = 0; i < opened->n_files; ++i) {
    if (!hash_name(opened->files[i].path, &file, err))
      return false;
    const uint64_t both[4] = {all.low64, all.high64, file.low64, file.high64};
    all = i ? XXH3_128bits(both, sizeof both) : file;
  }
  set_digest(c, all);
  return true;
}

static bool open_tensors(resq_evaluator *e, resq_named_checkpoint *c, const char *path,
                         MlirStringRef digest, resq_error *err) {
  if (!e->files) {
    e->files = resq_checkpoints_create();
    e->owns_files = true;
  }
  resq_checkpoint *opened = resq_checkpoints_open(e->files, path, err);
  bool ok = opened && (digest.length > 0 ? check_digest(c, opened, digest, err)
                                         : identify_by_names(c, opened, err));
  if (ok)
    c->checkpoint = opened;
  return ok;
}

/// No value is read from a shape.
static bool open_shape(resq_named_checkpoint *c, const char *path, resq_error *err) {
  XXH128_hash_t hash;
  if (!hash_name(path, &hash, err))
    return false;
  set_digest(c, hash);
  return true;
}

static bool open_checkpoint(resq_evaluator *e, resq_named_checkpoint *c, MlirOperation op,
                            resq_error *err) {
  MlirStringRef text = resqCheckpointOpGetPath(op);
  char *path = resq_copy_part(text.data, text.length);
  bool ok = resqCheckpointOpGetFormat(op) == RESQ_CHECKPOINT_FORMAT_SHAPE
                ? open_shape(c, path, err)
                : open_tensors(e, c, path, resqCheckpointOpGetDigest(op), err);
  free(path);
  return ok;
}

resq_named_checkpoint *resq_named_checkpoint_get(resq_evaluator *e, MlirStringRef name,
                                                 resq_error *err) {
  for (int32_t i = 0; i < e->n_checkpoints; ++i)
    if (resq_str_eq(name, e->checkpoints[i].symbol))
      return &e->checkpoints[i];
  MlirOperation op = resq_symbol(e->module, name);
  if (mlirOperationIsNull(op) || !resqOpIsCheckpoint(op)) {
    resq_fail(err, RESQ_BAD_INPUT, "no resq.checkpoint @%.*s", (int)name.length, name.data);
    return NULL;
  }
  resq_named_checkpoint c = {0};
  if (!open_checkpoint(e, &c, op, err))
    return NULL;
  c.symbol = resq_copy_part(name.data, name.length);
  e->checkpoints = RESQ_GROW(e->checkpoints, e->n_checkpoints);
  e->checkpoints[e->n_checkpoints] = c;
  return &e->checkpoints[e->n_checkpoints++];
}

void resq_evaluator_drop_pages(const resq_evaluator *e) {
  if (e->files)
    resq_checkpoints_drop_pages(e->files);
}

void resq_evaluator_close_checkpoints(resq_evaluator *e) {
  for (int32_t i = 0; i < e->n_checkpoints; ++i)
    free(e->checkpoints[i].symbol);
  free(e->checkpoints);
  resq_evaluator_drop_pages(e);
  if (e->owns_files)
    resq_checkpoints_destroy(e->files);
}
