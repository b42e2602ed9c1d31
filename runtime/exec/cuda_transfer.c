//===-- cuda_transfer.c ---------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "exec/cuda_transfer.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BUFFER ((uint64_t)16 << 20)
/// Of a file, what the system may read before it is copied: a file may be larger than memory.
#define AHEAD (4 * BUFFER)
/// What a thread copies at a time.
#define PIECE ((uint64_t)256 << 10)

bool resq_cuda_transfer_open(resq_cuda_transfer *t, const resq_cuda_device *device, resq_pool *pool,
                             uint64_t most, resq_error *err) {
  *t = (resq_cuda_transfer){.device = device, .pool = pool, .size = most < BUFFER ? most : BUFFER};
  for (int i = 0; i < 2 && t->size; ++i)
    if (!resq_cuda_pin(device, t->size, &t->buffers[i], "transfers", err) ||
        !resq_cuda_ok(device,
                      device->driver.cuEventCreate(&t->ready[i], RESQ_CUDA_EVENT_WITHOUT_TIME), err,
                      "cuEventCreate"))
      return false;
  return true;
}

void resq_cuda_transfer_close(resq_cuda_transfer *t) {
  for (int i = 0; i < 2; ++i) {
    if (t->ready[i])
      t->device->driver.cuEventDestroy(t->ready[i]);
    if (t->buffers[i])
      resq_cuda_unpin(t->device, &t->buffers[i]);
    t->ready[i] = NULL;
  }
}

//===-- Host to host ------------------------------------------------------===//

typedef struct copying {
  uint8_t *to;
  const uint8_t *from;
  uint64_t bytes;
  uint64_t next; ///< atomic: where the next piece begins
} copying;

static void copy_pieces(void *context, int index, int count) {
  (void)index, (void)count;
  copying *c = context;
  for (uint64_t at; (at = __atomic_fetch_add(&c->next, PIECE, __ATOMIC_RELAXED)) < c->bytes;)
    memcpy(c->to + at, c->from + at, c->bytes - at < PIECE ? c->bytes - at : PIECE);
}

static void copy(const resq_cuda_transfer *t, uint8_t *to, const uint8_t *from, uint64_t bytes) {
  if (bytes <= PIECE)
    memcpy(to, from, bytes);
  else
    resq_pool_run(t->pool, copy_pieces, &(copying){to, from, bytes, 0});
}

/// What the system reads ahead of the copies, of a file.
static void read_ahead(const uint8_t *from, uint64_t bytes) {
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)from / page * page;
  madvise((void *)begin, (uintptr_t)from + bytes - begin, MADV_WILLNEED);
}

/// The whole pages in it leave this process. Nothing is lost: they are a file's, and never written to.
static void drop(const uint8_t *from, uint64_t bytes) {
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  const uintptr_t begin = ((uintptr_t)from + page - 1) / page * page;
  const uintptr_t end = ((uintptr_t)from + bytes) / page * page;
  if (begin < end)
    madvise((void *)begin, end - begin, MADV_DONTNEED);
}

//===-- Host to device and back -------------------------------------------===//

static bool wait_for(const resq_cuda_transfer *t, int which, resq_error *err) {
  return resq_cuda_ok(t->device, t->device->driver.cuEventSynchronize(t->ready[which]), err,
                      "cuEventSynchronize");
}

static bool mark(const resq_cuda_transfer *t, int which, resq_error *err) {
  return resq_cuda_ok(t->device,
                      t->device->driver.cuEventRecord(t->ready[which], t->device->stream), err,
                      "cuEventRecord");
}

bool resq_cuda_transfer_in(resq_cuda_transfer *t, resq_cuda_pointer to, const uint8_t *from,
                           uint64_t bytes, bool drop_behind, resq_error *err) {
  const resq_cuda_device *d = t->device;
  int which = 0;
  for (uint64_t at = 0; at < bytes; at += t->size, which = !which) {
    const uint64_t n = bytes - at < t->size ? bytes - at : t->size;
    if (drop_behind)
      read_ahead(from + at, bytes - at < AHEAD ? bytes - at : AHEAD);
    // An event that was never recorded is waited for at once.
    if (!wait_for(t, which, err))
      return false;
    copy(t, t->buffers[which], from + at, n);
    if (!resq_cuda_ok(d, d->driver.cuMemcpyHtoDAsync(to + at, t->buffers[which], n, d->stream), err,
                      "cuMemcpyHtoDAsync") ||
        !mark(t, which, err))
      return false;
    if (drop_behind)
      drop(from + at, n);
  }
  return true;
}

bool resq_cuda_transfer_out(resq_cuda_transfer *t, uint8_t *to, resq_cuda_pointer from,
                            uint64_t bytes, resq_error *err) {
  const resq_cuda_device *d = t->device;
  // Piece i leaves the device while piece i - 1 leaves its buffer.
  const uint64_t pieces = t->size ? (bytes + t->size - 1) / t->size : 0;
  for (uint64_t i = 0; i <= pieces; ++i) {
    if (i < pieces) {
      const uint64_t at = i * t->size, n = bytes - at < t->size ? bytes - at : t->size;
      if (!resq_cuda_ok(d, d->driver.cuMemcpyDtoHAsync(t->buffers[i % 2], from + at, n, d->stream),
                        err, "cuMemcpyDtoHAsync") ||
          !mark(t, (int)(i % 2), err))
        return false;
    }
    if (i > 0) {
      const uint64_t at = (i - 1) * t->size, n = bytes - at < t->size ? bytes - at : t->size;
      if (!wait_for(t, (int)((i - 1) % 2), err))
        return false;
      copy(t, to + at, t->buffers[(i - 1) % 2], n);
    }
  }
  return true;
}
