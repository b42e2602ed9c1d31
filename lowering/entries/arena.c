//===-- arena.c -----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "arena.h"

#include "dialect/memory.h"

#include <stdlib.h>

static void *keep(resq_arena *arena, void *block) {
  arena->blocks = RESQ_GROW(arena->blocks, arena->n_blocks);
  return arena->blocks[arena->n_blocks++] = block;
}

void *resq_arena_new(resq_arena *arena, size_t count, size_t size) {
  return keep(arena, resq_new(count, size));
}

char *resq_arena_text(resq_arena *arena, const char *text, size_t length) {
  return keep(arena, resq_copy_part(text, length));
}

void resq_arena_free(resq_arena *arena) {
  for (size_t i = 0; i < arena->n_blocks; i++)
    free(arena->blocks[i]);
  free(arena->blocks);
  *arena = (resq_arena){NULL, 0};
}
