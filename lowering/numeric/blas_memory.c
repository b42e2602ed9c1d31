//===-- blas_memory.c - OpenBLAS without memory ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// OpenBLAS takes work buffers of 128 MB by blas_memory_alloc, in its own threads while the process
// is loaded and in ours at the first call. Where the system refuses one it asks again, for ever.
// These two functions stand before its own (a library comes before those that it needs when
// symbols are looked up, and OpenBLAS calls them by symbol): a buffer is tried first, and when it
// is not to be had the process ends with RESQ_NO_MEMORY. What OpenBLAS gave once is kept here and
// used again, so the trial costs nothing later. Where another copy is bound already, as in a
// process that had OpenBLAS before us, nothing changes.
//===----------------------------------------------------------------------===//
#define _GNU_SOURCE
#include "base/process.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>

/// OpenBLAS's own, of the same names.
typedef void *take_buffer(int position);
typedef void give_buffer(void *buffer);

__attribute__((visibility("default"))) take_buffer blas_memory_alloc;
__attribute__((visibility("default"))) give_buffer blas_memory_free;

enum {
  MAX_KEPT = 512,         ///< more than OpenBLAS has
  TRIED_SIZE = 160 << 20, ///< a buffer (BUFFER_SIZE, 32 << 22) and what threads map meanwhile
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void *kept[MAX_KEPT];
static int n_kept;
static take_buffer *take;
static give_buffer *give;

static void find_own(void) {
  // Through a union: ISO C has no conversion between pointers to data and to functions.
  union {
    void *data;
    take_buffer *take;
    give_buffer *give;
  } found;
  found.data = dlsym(RTLD_NEXT, "blas_memory_alloc");
  take = found.take;
  found.data = dlsym(RTLD_NEXT, "blas_memory_free");
  give = found.give;
}

static bool is_to_be_had(void) {
  void *p = mmap(NULL, TRIED_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return p != MAP_FAILED && munmap(p, TRIED_SIZE) == 0;
}

void *blas_memory_alloc(int position) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, find_own);
  pthread_mutex_lock(&lock);
  void *buffer = n_kept ? kept[--n_kept] : NULL;
  if (!buffer && (!take || !is_to_be_had()))
    resq_process_out_of_memory();
  if (!buffer)
    buffer = take(position);
  pthread_mutex_unlock(&lock);
  return buffer;
}

void blas_memory_free(void *buffer) {
  pthread_mutex_lock(&lock);
  bool full = n_kept == MAX_KEPT;
  if (!full)
    kept[n_kept++] = buffer;
  pthread_mutex_unlock(&lock);
  if (full)
    give(buffer);
}
