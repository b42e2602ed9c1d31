//===-- arena.h - memory that ends together -------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_ENTRIES_ARENA_H
#define RESQ_LOWERING_ENTRIES_ARENA_H

#include <stddef.h>

/// Blocks that are freed at once: tables whose rows point into each other have one owner. Zero is
/// empty.
typedef struct resq_arena {
  void **blocks;
  size_t n_blocks;
} resq_arena;

/// `count` elements of `size` bytes, all zero, until the arena is freed. Never NULL (dialect/memory.h).
void *resq_arena_new(resq_arena *arena, size_t count, size_t size)
    __attribute__((returns_nonnull, alloc_size(2, 3)));
/// A copy of `length` bytes, with a NUL behind.
char *resq_arena_text(resq_arena *arena, const char *text, size_t length)
    __attribute__((returns_nonnull));
/// Frees all blocks; the arena is empty afterwards.
void resq_arena_free(resq_arena *arena);

#endif // RESQ_LOWERING_ENTRIES_ARENA_H
