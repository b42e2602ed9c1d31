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

/// The digest that the module states must be the file's: weights of another file would go
/// unnoticed.
static bool check_digest(resq_checkpoint *c, resq_checkpoint_file *file, MlirStringRef stated,
                         resq_error *err) {
  XXH128_hash_t hash = resq_checkpoint_file_digest(file);
  char hex[33];
  snprintf(hex, sizeof hex, "%016llx%016llx", (unsigned long long)hash.high64,
           (unsigned long long)hash.low64);
  c->digest[0] = hash.low64;
  c->digest[1] = hash.high64;
  if (stated.length != 32 || strncasecmp(stated.data, hex, 32) != 0)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "'%s' has changed: its digest is %s, but the module was made from %.*s",
                     file->gguf.path, hex, (int)(stated.length < 64 ? stated.length : 64),
                     stated.data);
  return true;
}

/// Without a digest: path, size and time of change stand for the contents.
static bool identify_by_name(resq_checkpoint *c, const char *path, resq_error *err) {
  struct stat info;
  if (stat(path, &info) != 0)
    return resq_fail(err, RESQ_IO, "cannot inspect '%s'", path);
  char *real = realpath(path, NULL);
  const char *name = real ? real : path;
  int64_t facts[3] = {(int64_t)info.st_size, (int64_t)info.st_mtim.tv_sec,
                      (int64_t)info.st_mtim.tv_nsec};
  XXH128_hash_t hash = XXH3_128bits_withSeed(name, strlen(name), XXH3_64bits(facts, sizeof facts));
  free(real);
  c->digest[0] = hash.low64;
  c->digest[1] = hash.high64;
  return true;
}

static bool open_gguf(resq_evaluator *e, resq_checkpoint *c, const char *path, MlirStringRef digest,
                      resq_error *err) {
  if (!e->files) {
    e->files = resq_checkpoints_create();
    e->owns_files = true;
  }
  resq_checkpoint_file *file = resq_checkpoints_open(e->files, path, err);
  bool ok = file && (digest.length > 0 ? check_digest(c, file, digest, err)
                                       : identify_by_name(c, path, err));
  if (ok)
    c->gguf = &file->gguf;
  return ok;
}

static bool open_checkpoint(resq_evaluator *e, resq_checkpoint *c, MlirOperation op,
                            resq_error *err) {
  MlirStringRef text = resqCheckpointOpGetPath(op);
  char *path = resq_copy_part(text.data, text.length);
  bool ok = resqCheckpointOpGetFormat(op) == RESQ_CHECKPOINT_FORMAT_SHAPE
                ? identify_by_name(c, path, err) // no value is read from it
                : open_gguf(e, c, path, resqCheckpointOpGetDigest(op), err);
  free(path);
  return ok;
}

resq_checkpoint *resq_checkpoint_get(resq_evaluator *e, MlirStringRef name, resq_error *err) {
  for (int32_t i = 0; i < e->n_checkpoints; ++i)
    if (resq_str_eq(name, e->checkpoints[i].symbol))
      return &e->checkpoints[i];
  MlirOperation op = resq_symbol(e->module, name);
  if (mlirOperationIsNull(op) || !resqOpIsCheckpoint(op)) {
    resq_fail(err, RESQ_BAD_INPUT, "no resq.checkpoint @%.*s", (int)name.length, name.data);
    return NULL;
  }
  resq_checkpoint c = {0};
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
