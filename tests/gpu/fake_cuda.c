//===-- fake_cuda.c - a CUDA driver without a GPU -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "exec/cuda_driver.h"
#include "tests/gpu/fake_internal.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

fake_cuda_state fake_cuda = {.devices = 1};

enum { DEVICE = 7, JIT_ERROR_LOG = 5 };

static fake_queue stream;
static fake_queue *capturing; ///< where the stream's operations go instead; NULL: they run
static bool invalidated;

/// What this call ends in at once; 0: it goes on.
static int planned(const char *name) {
  ++fake_cuda.calls;
  if (fake_cuda.lost)
    return fake_cuda.lost;
  if (fake_cuda.calls != fake_cuda.fail_at &&
      (strcmp(fake_cuda.fail_call, name) || fake_cuda.fail_after-- > 0))
    return 0;
  if (fake_cuda.fail_once)
    fake_cuda.fail_call[0] = 0;
  if (fake_cuda.fail_for_ever)
    fake_cuda.lost = fake_cuda.fail_result;
  return fake_cuda.fail_result;
}

#define FAKE(name)                                                                                 \
  do {                                                                                             \
    const int result_ = planned(#name);                                                            \
    if (result_)                                                                                   \
      return result_;                                                                              \
  } while (0)
/// While a stream is captured, drivers refuse what takes memory or waits.
#define FAKE_OUTSIDE_CAPTURE(name)                                                                 \
  do {                                                                                             \
    FAKE(name);                                                                                    \
    if (capturing) {                                                                               \
      invalidated = true;                                                                          \
      return FAKE_CAPTURE_UNSUPPORTED;                                                             \
    }                                                                                              \
  } while (0)

static int need(bool ok) { return ok ? 0 : FAKE_INVALID_VALUE; }

//===-- Errors ------------------------------------------------------------===//

int cuGetErrorName(int result, const char **out) {
  static const struct {
    int result;
    const char *name;
  } names[] = {{FAKE_OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY"},
               {FAKE_NO_DEVICE, "CUDA_ERROR_NO_DEVICE"},
               {FAKE_INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE"},
               {FAKE_INVALID_PTX, "CUDA_ERROR_INVALID_PTX"},
               {FAKE_NOT_FOUND, "CUDA_ERROR_NOT_FOUND"},
               {FAKE_ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS"},
               {FAKE_LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED"}};
  *out = NULL;
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i)
    if (names[i].result == result)
      *out = names[i].name;
  return need(*out);
}
int cuGetErrorString(int result, const char **out) {
  *out = result == FAKE_LAUNCH_FAILED ? "unspecified launch failure" : NULL;
  return need(*out);
}

//===-- Device ------------------------------------------------------------===//

int cuDriverGetVersion(int *out) {
  FAKE(cuDriverGetVersion);
  *out = fake_cuda.driver_version ? fake_cuda.driver_version : 13000;
  return 0;
}
int cuInit(unsigned flags) {
  FAKE(cuInit);
  return need(!flags);
}
int cuDeviceGetCount(int *out) {
  FAKE(cuDeviceGetCount);
  *out = fake_cuda.devices;
  return 0;
}
int cuDeviceGet(int *out, int ordinal) {
  FAKE(cuDeviceGet);
  *out = DEVICE + ordinal;
  return ordinal < fake_cuda.devices ? 0 : FAKE_INVALID_DEVICE;
}
int cuDeviceGetName(char *out, int size, int device) {
  FAKE(cuDeviceGetName);
  snprintf(out, (size_t)size, "Fake GPU %d", device);
  return 0;
}
int cuDeviceGetAttribute(int *out, int attribute, int device) {
  FAKE(cuDeviceGetAttribute);
  const char *given = getenv("RESQ_FAKE_CAPABILITY");
  const int capability = fake_cuda.capability ? fake_cuda.capability : given ? atoi(given) : 90;
  const int values[][2] = {{16, 2}, {75, capability / 10}, {76, capability % 10}, {97, 232448}};
  for (int i = 0; i < 4; ++i)
    if (values[i][0] == attribute) {
      *out = values[i][1];
      return need(device == DEVICE);
    }
  return FAKE_INVALID_VALUE;
}
int cuDevicePrimaryCtxRetain(void **out, int device) {
  FAKE(cuDevicePrimaryCtxRetain);
  *out = &fake_cuda;
  ++fake_cuda.contexts;
  return device == DEVICE ? 0 : FAKE_INVALID_DEVICE;
}
int cuDevicePrimaryCtxRelease_v2(int device) {
  --fake_cuda.contexts;
  FAKE(cuDevicePrimaryCtxRelease);
  return device == DEVICE ? 0 : FAKE_INVALID_DEVICE;
}
int cuCtxSetCurrent(void *context) {
  FAKE(cuCtxSetCurrent);
  return need(context == &fake_cuda);
}

//===-- Memory ------------------------------------------------------------===//

static uint64_t memory(void) { return fake_cuda.memory ? fake_cuda.memory : (uint64_t)1 << 40; }

int cuMemGetInfo_v2(size_t *out_free, size_t *out_total) {
  FAKE(cuMemGetInfo);
  *out_free = memory() - fake_cuda.used;
  *out_total = memory();
  return 0;
}
int cuMemAlloc_v2(uint64_t *out, size_t bytes) {
  FAKE_OUTSIDE_CAPTURE(cuMemAlloc);
  if (bytes > memory() - fake_cuda.used)
    return FAKE_OUT_OF_MEMORY;
  void *p = bytes ? fake_new(bytes, FAKE_ON_DEVICE) : NULL;
  if (!p)
    return bytes ? FAKE_OUT_OF_MEMORY : FAKE_INVALID_VALUE;
  *out = (uint64_t)(uintptr_t)p;
  fake_cuda.used += bytes;
  ++fake_cuda.allocations;
  return 0;
}
int cuMemFree_v2(uint64_t pointer) {
  const bool known = fake_delete((void *)(uintptr_t)pointer, FAKE_ON_DEVICE);
  fake_cuda.allocations -= known;
  FAKE(cuMemFree);
  return need(known);
}
int cuMemHostAlloc(void **out, size_t bytes, unsigned flags) {
  FAKE_OUTSIDE_CAPTURE(cuMemHostAlloc);
  *out = bytes && !flags ? fake_new(bytes, FAKE_PINNED) : NULL;
  fake_cuda.pinned += *out != NULL;
  return need(*out);
}
int cuMemFreeHost(void *pointer) {
  const bool known = fake_delete(pointer, FAKE_PINNED);
  fake_cuda.pinned -= known;
  FAKE(cuMemFreeHost);
  return need(known);
}

//===-- Stream ------------------------------------------------------------===//

static bool is_stream(const void *handle) { return handle == &stream && fake_cuda.streams > 0; }

static int enqueue(const void *handle, const fake_operation *o) {
  if (!is_stream(handle))
    return FAKE_INVALID_VALUE;
  fake_enqueue(capturing ? capturing : &stream, o);
  return 0;
}

int cuStreamCreate(void **out, unsigned flags) {
  FAKE(cuStreamCreate);
  *out = &stream;
  ++fake_cuda.streams;
  return need(flags == 1);
}
int cuStreamDestroy_v2(void *handle) {
  const bool known = is_stream(handle);
  fake_cuda.streams -= known;
  fake_clear(&stream);
  capturing = NULL;
  FAKE(cuStreamDestroy);
  return need(known);
}
int cuStreamSynchronize(void *handle) {
  FAKE_OUTSIDE_CAPTURE(cuStreamSynchronize);
  ++fake_cuda.synchronised;
  return is_stream(handle) ? fake_run(&stream, NULL) : FAKE_INVALID_VALUE;
}
int cuMemsetD8Async(uint64_t to, unsigned char value, size_t bytes, void *handle) {
  FAKE(cuMemsetD8Async);
  void *p = (void *)(uintptr_t)to;
  if (!fake_inside(p, bytes, FAKE_ON_DEVICE))
    return FAKE_INVALID_VALUE;
  return enqueue(handle,
                 &(fake_operation){.kind = FAKE_SET, .to = p, .value = value, .bytes = bytes});
}

static int copy(void *to, fake_place place, const void *from, size_t bytes, const void *handle) {
  const fake_place other = place == FAKE_PINNED ? FAKE_ON_DEVICE : FAKE_PINNED;
  if (!fake_inside(to, bytes, place) || !fake_inside(from, bytes, other))
    return FAKE_INVALID_VALUE;
  return enqueue(handle,
                 &(fake_operation){.kind = FAKE_COPY, .to = to, .from = from, .bytes = bytes});
}

int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *handle) {
  FAKE(cuMemcpyHtoDAsync);
  ++fake_cuda.copies_in;
  return copy((void *)(uintptr_t)to, FAKE_ON_DEVICE, from, bytes, handle);
}
int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *handle) {
  FAKE(cuMemcpyDtoHAsync);
  ++fake_cuda.copies_out;
  return copy(to, FAKE_PINNED, (const void *)(uintptr_t)from, bytes, handle);
}

//===-- Events ------------------------------------------------------------===//

int cuEventCreate(void **out, unsigned flags) {
  FAKE_OUTSIDE_CAPTURE(cuEventCreate);
  *out = calloc(1, sizeof(fake_event));
  ++fake_cuda.events;
  return need(*out && (flags == 0 || flags == 2));
}
int cuEventDestroy_v2(void *event) {
  free(event);
  --fake_cuda.events;
  FAKE(cuEventDestroy);
  return 0;
}
int cuEventRecord(void *event, void *handle) {
  FAKE_OUTSIDE_CAPTURE(cuEventRecord);
  ++((fake_event *)event)->pending;
  return enqueue(handle, &(fake_operation){.kind = FAKE_RECORD, .event = event});
}
int cuEventSynchronize(void *event) {
  FAKE_OUTSIDE_CAPTURE(cuEventSynchronize);
  return fake_run(&stream, event);
}
/// Every launch takes a quarter of a millisecond, and nothing else any time.
int cuEventElapsedTime(float *out_ms, void *start, void *end) {
  FAKE(cuEventElapsedTime);
  const fake_event *a = start, *b = end;
  *out_ms = 0.25f * (float)(b->launches - a->launches);
  return need(!a->pending && !b->pending);
}

//===-- Graphs ------------------------------------------------------------===//

int cuStreamBeginCapture_v2(void *handle, int mode) {
  FAKE(cuStreamBeginCapture);
  if (!is_stream(handle) || capturing || mode != 1)
    return FAKE_INVALID_VALUE;
  capturing = calloc(1, sizeof *capturing);
  invalidated = false;
  return need(capturing);
}
int cuStreamEndCapture(void *handle, void **out) {
  const int result = planned("cuStreamEndCapture");
  fake_queue *graph = capturing;
  capturing = NULL;
  *out = NULL;
  if (graph && !result && !invalidated && is_stream(handle)) {
    *out = graph;
    ++fake_cuda.graphs;
    ++fake_cuda.captured;
    return 0;
  }
  if (graph)
    fake_clear(graph);
  free(graph);
  return result ? result : FAKE_CAPTURE_INVALIDATED;
}
int cuGraphInstantiateWithFlags(void **out, void *graph, unsigned long long flags) {
  FAKE(cuGraphInstantiateWithFlags);
  const fake_queue *from = graph;
  fake_queue *executable = calloc(1, sizeof *executable);
  for (size_t i = 0; executable && i < from->n; ++i)
    fake_enqueue(executable, &from->items[i]);
  *out = executable;
  ++fake_cuda.executables;
  return need(executable && !flags);
}
int cuGraphLaunch(void *executable, void *handle) {
  FAKE_OUTSIDE_CAPTURE(cuGraphLaunch);
  const fake_queue *q = executable;
  int result = 0;
  ++fake_cuda.replayed;
  for (size_t i = 0; i < q->n && !result; ++i)
    result = enqueue(handle, &q->items[i]);
  return result;
}
int cuGraphDestroy(void *graph) {
  fake_clear(graph);
  free(graph);
  --fake_cuda.graphs;
  FAKE(cuGraphDestroy);
  return 0;
}
int cuGraphExecDestroy(void *executable) {
  fake_clear(executable);
  free(executable);
  --fake_cuda.executables;
  FAKE(cuGraphExecDestroy);
  return 0;
}

//===-- Modules and launches ----------------------------------------------===//

enum { MOST_KERNELS = 4096 };
typedef struct fake_module {
  void *library;
  int n;
  fake_kernel kernels[MOST_KERNELS];
} fake_module;

int cuModuleLoadDataEx(void **out, const void *image, unsigned n, int *options, void **values) {
  const int result = planned("cuModuleLoadDataEx");
  for (unsigned i = 0; result && i < n; ++i)
    if (options[i] == JIT_ERROR_LOG)
      snprintf(values[i], 100, "ptxas application ptx input, line 9; fatal: nonsense");
  if (result)
    return result;
  fake_module *m = calloc(1, sizeof *m);
  if (!m || !(m->library = fake_kernels_open())) {
    free(m);
    return FAKE_INVALID_IMAGE;
  }
  snprintf(fake_cuda.image, sizeof fake_cuda.image, "%s", (const char *)image);
  *out = m;
  ++fake_cuda.modules;
  return 0;
}
int cuModuleUnload(void *module) {
  free(module);
  --fake_cuda.modules;
  FAKE(cuModuleUnload);
  return 0;
}
int cuModuleGetFunction(void **out, void *module, const char *name) {
  FAKE(cuModuleGetFunction);
  fake_module *m = module;
  void *found = dlsym(m->library, name);
  if (!found || m->n == MOST_KERNELS)
    return FAKE_NOT_FOUND;
  fake_kernel *k = &m->kernels[m->n++];
  k->name = name;
  memcpy(&k->function, &found, sizeof found);
  *out = k;
  return 0;
}
int cuFuncSetAttribute(void *function, int attribute, int value) {
  FAKE(cuFuncSetAttribute);
  return need(function && attribute == 8 && value > 0);
}

/// The driver knows how many arguments a kernel takes; here they end in NULL.
int cuLaunchKernelEx(const resq_cuda_launch_config *c, void *function, void **arguments,
                     void **extra) {
  FAKE(cuLaunchKernelEx);
  fake_operation o = {.kind = FAKE_KERNEL, .kernel = function};
  fake_launch *l = &o.launch;
  memcpy(l->grid, c->grid, sizeof l->grid);
  memcpy(l->block, c->block, sizeof l->block);
  l->shared = c->shared_bytes;
  snprintf(l->kernel, sizeof l->kernel, "%s", o.kernel->name);
  for (unsigned i = 0; i < c->n_attributes; ++i)
    l->early |= c->attributes[i].id == 6 && c->attributes[i].value[0] == 1;
  for (int i = 0; arguments[i]; ++i)
    o.arguments[i] = *(const uint64_t *)arguments[i];
  if (!l->grid[0] || !l->grid[1] || l->grid[2] != 1 || !l->block[0] || l->block[1] != 1 || extra)
    return FAKE_INVALID_VALUE;
  return enqueue(c->stream, &o);
}
