//===-- fake_memory.c -----------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "tests/gpu/fake_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, ALIGNMENT = 256, MOST = 4096 };

typedef struct piece {
  uint8_t *mapping, *memory;
  size_t mapped, bytes;
  fake_place place;
} piece;

static piece pieces[MOST];
static int n_pieces;

static size_t up(size_t bytes, size_t step) { return (bytes + step - 1) / step * step; }

void *fake_new(size_t bytes, fake_place place) {
  const size_t inner = up(bytes, PAGE), mapped = inner + 2 * PAGE;
  if (n_pieces == MOST)
    return NULL;
  uint8_t *p = mmap(NULL, mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED || mprotect(p + PAGE, inner, PROT_READ | PROT_WRITE))
    return NULL;
  // It ends at the fence, as far as its alignment allows.
  piece *const new = &pieces[n_pieces++];
  *new = (piece){p, p + PAGE + inner - up(bytes, ALIGNMENT), mapped, bytes, place};
  // The beginning of large ones is enough to be noticed, and costs less.
  memset(new->memory, 0xaa, bytes < PAGE ? bytes : PAGE);
  return new->memory;
}

bool fake_delete(void *memory, fake_place place) {
  for (int i = 0; i < n_pieces; ++i)
    if (pieces[i].memory == memory && pieces[i].place == place) {
      if (place == FAKE_ON_DEVICE)
        fake_cuda.used -= pieces[i].bytes;
      munmap(pieces[i].mapping, pieces[i].mapped);
      pieces[i] = pieces[--n_pieces];
      return true;
    }
  return false;
}

bool fake_inside(const void *from, size_t bytes, fake_place place) {
  const uint8_t *at = from;
  for (int i = 0; i < n_pieces; ++i)
    if (pieces[i].place == place && at >= pieces[i].memory &&
        at <= pieces[i].memory + pieces[i].bytes &&
        bytes <= (size_t)(pieces[i].memory + pieces[i].bytes - at))
      return true;
  return false;
}
