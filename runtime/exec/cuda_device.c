//===-- cuda_device.c -----------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "exec/cuda_device.h"

#include "base/checked.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define OLDEST_CAPABILITY 80

bool resq_cuda_ok(const resq_cuda_device *d, int result, resq_error *err, const char *what) {
  return resq_cuda_check(&d->driver, result, err, what);
}

bool resq_cuda_wait(const resq_cuda_device *d, resq_error *err, const char *what) {
  return resq_cuda_ok(d, d->driver.cuStreamSynchronize(d->stream), err, what);
}

//===-- Life --------------------------------------------------------------===//

static bool ask(const resq_cuda_device *d, int attribute, int *out, resq_error *err) {
  return resq_cuda_ok(d, d->driver.cuDeviceGetAttribute(out, attribute, d->ordinal), err, d->name);
}

static bool describe(resq_cuda_device *d, resq_error *err) {
  const resq_cuda_driver *c = &d->driver;
  int count = 0, major = 0, minor = 0;
  if (!resq_cuda_ok(d, c->cuDeviceGetCount(&count), err, "cuDeviceGetCount"))
    return false;
  if (count < 1)
    return resq_fail(err, RESQ_NO_DEVICE,
                     "the driver sees no GPU (is CUDA_VISIBLE_DEVICES empty?)");
  if (!resq_cuda_ok(d, c->cuDeviceGet(&d->ordinal, 0), err, "cuDeviceGet") ||
      !resq_cuda_ok(d, c->cuDeviceGetName(d->name, sizeof d->name, d->ordinal), err,
                    "cuDeviceGetName") ||
      !ask(d, RESQ_CUDA_CAPABILITY_MAJOR, &major, err) ||
      !ask(d, RESQ_CUDA_CAPABILITY_MINOR, &minor, err) ||
      !ask(d, RESQ_CUDA_MULTIPROCESSORS, &d->multiprocessors, err) ||
      !ask(d, RESQ_CUDA_MOST_SHARED, &d->most_shared, err))
    return false;
  d->capability = 10 * major + minor;
  return d->capability >= OLDEST_CAPABILITY ||
         resq_fail(err, RESQ_NO_DEVICE, "%s has compute capability %d.%d, needed is 8.0 or later",
                   d->name, major, minor);
}

bool resq_cuda_device_open(resq_cuda_device *d, resq_error *err) {
  const resq_cuda_driver *c = &d->driver;
  memset(d, 0, sizeof *d);
  return resq_cuda_driver_open(&d->driver, err) && describe(d, err) &&
         resq_cuda_ok(d, c->cuDevicePrimaryCtxRetain(&d->context, d->ordinal), err, d->name) &&
         resq_cuda_ok(d, c->cuCtxSetCurrent(d->context), err, "cuCtxSetCurrent") &&
         resq_cuda_ok(d, c->cuStreamCreate(&d->stream, RESQ_CUDA_STREAM_NON_BLOCKING), err,
                      "cuStreamCreate");
}

void resq_cuda_device_close(resq_cuda_device *d) {
  if (d->stream)
    d->driver.cuStreamDestroy(d->stream);
  if (d->context)
    d->driver.cuDevicePrimaryCtxRelease(d->ordinal);
  d->stream = d->context = NULL;
}

//===-- Memory ------------------------------------------------------------===//

typedef struct amount {
  char text[32];
} amount;

static amount amount_of(uint64_t bytes) {
  amount a;
  if (bytes < 10000)
    snprintf(a.text, sizeof a.text, "%" PRIu64 " bytes", bytes);
  else
    snprintf(a.text, sizeof a.text, "%.*f %cB", bytes < 10000000 ? 2 : 1,
             (double)bytes / (bytes < 1000000000 ? 1e6 : 1e9), bytes < 1000000000 ? 'M' : 'G');
  return a;
}

bool resq_cuda_has_room(const resq_cuda_device *d, const resq_cuda_need *needs, int count,
                        resq_error *err) {
  size_t free_bytes = 0, total = 0, used = 0;
  uint64_t sum = 0;
  char list[512] = "";
  for (int i = 0; i < count; ++i) {
    if (!resq_add_u64(sum, needs[i].bytes, &sum))
      sum = UINT64_MAX;
    if (needs[i].bytes && used < sizeof list)
      used += (size_t)snprintf(list + used, sizeof list - used, "%s%s %s", used ? ", " : "",
                               needs[i].what, amount_of(needs[i].bytes).text);
  }
  if (!resq_cuda_ok(d, d->driver.cuMemGetInfo(&free_bytes, &total), err, "cuMemGetInfo"))
    return false;
  return sum <= free_bytes ||
         resq_fail(err, RESQ_NO_MEMORY,
                   "%s: %s of its memory are needed (%s), %s of %s are free; a smaller context or "
                   "fewer sequences need less",
                   d->name, amount_of(sum).text, list, amount_of(free_bytes).text,
                   amount_of(total).text);
}

bool resq_cuda_allocate(const resq_cuda_device *d, uint64_t bytes, resq_cuda_pointer *out,
                        const char *what, resq_error *err) {
  *out = 0;
  if (bytes == 0)
    return true;
  int result = d->driver.cuMemAlloc(out, bytes);
  if (result == 0)
    return true;
  *out = 0;
  if (result != RESQ_CUDA_OUT_OF_MEMORY)
    return resq_cuda_ok(d, result, err, what);
  size_t free_bytes = 0, total = 0;
  d->driver.cuMemGetInfo(&free_bytes, &total);
  return resq_fail(err, RESQ_NO_MEMORY, "%s: no memory for %s: %s, %s of %s are free", d->name,
                   what, amount_of(bytes).text, amount_of(free_bytes).text, amount_of(total).text);
}

void resq_cuda_free(const resq_cuda_device *d, resq_cuda_pointer *pointer) {
  if (*pointer)
    d->driver.cuMemFree(*pointer);
  *pointer = 0;
}

bool resq_cuda_pin(const resq_cuda_device *d, uint64_t bytes, uint8_t **out, const char *what,
                   resq_error *err) {
  void *memory = NULL;
  *out = NULL;
  if (bytes == 0)
    return true;
  int result = d->driver.cuMemHostAlloc(&memory, bytes, 0);
  if (result == RESQ_CUDA_OUT_OF_MEMORY)
    return resq_fail(
        err, RESQ_NO_MEMORY,
        "the system gives no %s of pinned host memory for %s (its limit may be 'ulimit "
        "-l')",
        amount_of(bytes).text, what);
  if (!resq_cuda_ok(d, result, err, "cuMemHostAlloc"))
    return resq_fail_in(err, "pinned host memory for %s", what);
  *out = memory;
  return true;
}

void resq_cuda_unpin(const resq_cuda_device *d, uint8_t **memory) {
  if (*memory)
    d->driver.cuMemFreeHost(*memory);
  *memory = NULL;
}
