//===-- checkpoints.c -----------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/import/checkpoints.h"

#include "dialect/import/gguf/gguf_checkpoint.h"
#include "dialect/import/huggingface/folder.h"
#include "dialect/memory.h"

#include <stdlib.h>
#include <string.h>

struct resq_checkpoints {
  resq_checkpoint **open;
  char **paths; ///< as they were given
  size_t n;
};

resq_checkpoints *resq_checkpoints_create(void) { return resq_new(1, sizeof(resq_checkpoints)); }

void resq_checkpoints_destroy(resq_checkpoints *checkpoints) {
  if (!checkpoints)
    return;
  for (size_t i = 0; i < checkpoints->n; i++) {
    resq_checkpoint_close(checkpoints->open[i]);
    free(checkpoints->paths[i]);
  }
  free(checkpoints->open);
  free(checkpoints->paths);
  free(checkpoints);
}

resq_checkpoint *resq_checkpoints_open(resq_checkpoints *checkpoints, const char *path,
                                       resq_error *err) {
  for (size_t i = 0; i < checkpoints->n; i++)
    if (!strcmp(checkpoints->paths[i], path))
      return checkpoints->open[i];
  resq_checkpoint *c = resq_hugging_face_is_folder(path)
                           ? resq_hugging_face_checkpoint_open(path, err)
                           : resq_gguf_checkpoint_open(path, err);
  if (!c)
    return NULL;
  checkpoints->open = RESQ_GROW(checkpoints->open, checkpoints->n);
  checkpoints->paths = RESQ_GROW(checkpoints->paths, checkpoints->n);
  checkpoints->paths[checkpoints->n] = resq_copy_text(path);
  return checkpoints->open[checkpoints->n++] = c;
}

void resq_checkpoints_drop_pages(const resq_checkpoints *checkpoints) {
  for (size_t i = 0; i < checkpoints->n; i++)
    resq_checkpoint_drop_pages(checkpoints->open[i]);
}
