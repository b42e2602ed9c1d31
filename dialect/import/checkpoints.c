//===-- checkpoints.c -----------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/import/checkpoints.h"

#include "dialect/memory.h"

#include <stdlib.h>
#include <string.h>

struct resq_checkpoints {
  resq_checkpoint_file **files; ///< each in its own block: users hold pointers
  size_t n_files;
};

resq_checkpoints *resq_checkpoints_create(void) { return resq_new(1, sizeof(resq_checkpoints)); }

void resq_checkpoints_destroy(resq_checkpoints *checkpoints) {
  if (!checkpoints)
    return;
  for (size_t i = 0; i < checkpoints->n_files; i++) {
    resq_gguf_close(&checkpoints->files[i]->gguf);
    free(checkpoints->files[i]);
  }
  free(checkpoints->files);
  free(checkpoints);
}

resq_checkpoint_file *resq_checkpoints_open(resq_checkpoints *checkpoints, const char *path,
                                            resq_error *err) {
  for (size_t i = 0; i < checkpoints->n_files; i++)
    if (!strcmp(checkpoints->files[i]->gguf.path, path))
      return checkpoints->files[i];
  resq_gguf gguf;
  if (!resq_gguf_open(&gguf, path, err))
    return NULL;
  resq_checkpoint_file *file = resq_new(1, sizeof *file);
  file->gguf = gguf;
  checkpoints->files = RESQ_GROW(checkpoints->files, checkpoints->n_files);
  return checkpoints->files[checkpoints->n_files++] = file;
}

XXH128_hash_t resq_checkpoint_file_digest(resq_checkpoint_file *file) {
  if (!file->hashed)
    file->digest = resq_gguf_digest(&file->gguf);
  file->hashed = true;
  return file->digest;
}

void resq_checkpoints_drop_pages(const resq_checkpoints *checkpoints) {
  for (size_t i = 0; i < checkpoints->n_files; i++)
    resq_gguf_drop_pages(&checkpoints->files[i]->gguf);
}
