//===-- fake_cuda.c - a CUDA driver without a GPU -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/gpu/fake_cuda.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// As in cuda.h.
enum {
  OUT_OF_MEMORY = 2,
  INVALID_VALUE = 1,
  NO_DEVICE = 100,
  INVALID_PTX = 218,
  NOT_FOUND = 500,
  LAUNCH_FAILED = 719
};
enum { JIT_ERROR_LOG = 5 };

extern fake_cuda_state fake_cuda;
fake_cuda_state fake_cuda = {.devices = 1, .capability = 90};

/// True when this call is to fail; *result says how.
static int fails(const char *name, int *result) {
  if (strcmp(fake_cuda.fail_call, name))
    return 0;
  if (fake_cuda.fail_after-- > 0)
    return 0;
  *result = fake_cuda.fail_result;
  return 1;
}

#define FAKE(name)                                                                                 \
  do {                                                                                             \
    int planned;                                                                                   \
    if (fails(#name, &planned))                                                                    \
      return planned;                                                                              \
  } while (0)

//===-- Kernels -----------------------------------------------------------===//

/// tmp[r, 0..3) = 2 x[r, 0..3); (x, tmp, rows)
static void kernel_twice(void **a) {
  const float *x = *(const float **)a[0];
  float *tmp = *(float **)a[1];
  for (int64_t i = 0; i < 3 * *(const int64_t *)a[2]; ++i)
    tmp[i] = 2 * x[i];
}

/// y = tmp + param[0] + cache[0] + capacity, and cache[0] += 1; (tmp, param, cache, y, rows,
/// capacity)
static void kernel_shift(void **a) {
  const float *tmp = *(const float **)a[0], *param = *(const float **)a[1];
  float *cache = *(float **)a[2], *y = *(float **)a[3];
  for (int64_t i = 0; i < 3 * *(const int64_t *)a[4]; ++i)
    y[i] = tmp[i] + param[0] + cache[0] + (float)*(const int64_t *)a[5];
  cache[0] += 1;
}

static const struct kernel {
  const char *name;
  void (*run)(void **arguments);
} kernels[] = {{"twice", kernel_twice}, {"shift", kernel_shift}};

//===-- Driver ------------------------------------------------------------===//

int cuInit(unsigned flags) {
  FAKE(cuInit);
  return flags ? INVALID_VALUE : 0;
}

int cuGetErrorName(int result, const char **out) {
  *out = result == OUT_OF_MEMORY   ? "CUDA_ERROR_OUT_OF_MEMORY"
         : result == NO_DEVICE     ? "CUDA_ERROR_NO_DEVICE"
         : result == INVALID_PTX   ? "CUDA_ERROR_INVALID_PTX"
         : result == NOT_FOUND     ? "CUDA_ERROR_NOT_FOUND"
         : result == LAUNCH_FAILED ? "CUDA_ERROR_LAUNCH_FAILED"
                                   : NULL;
  return *out ? 0 : INVALID_VALUE;
}
int cuGetErrorString(int result, const char **out) {
  *out = result == LAUNCH_FAILED ? "unspecified launch failure" : NULL;
  return *out ? 0 : INVALID_VALUE;
}

int cuDeviceGetCount(int *out) {
  FAKE(cuDeviceGetCount);
  *out = fake_cuda.devices;
  return 0;
}
int cuDeviceGet(int *out, int ordinal) {
  *out = 7 + ordinal;
  return ordinal < fake_cuda.devices ? 0 : 101;
}
int cuDeviceGetName(char *out, int size, int device) {
  snprintf(out, (size_t)size, "Fake GPU %d", device);
  return 0;
}
int cuDeviceGetAttribute(int *out, int attribute, int device) {
  *out = attribute == 75   ? fake_cuda.capability / 10
         : attribute == 76 ? fake_cuda.capability % 10
                           : 2; // multiprocessors
  return (attribute == 16 || attribute == 75 || attribute == 76) && device == 7 ? 0 : INVALID_VALUE;
}

int cuDevicePrimaryCtxRetain(void **out, int device) {
  FAKE(cuDevicePrimaryCtxRetain);
  *out = &fake_cuda;
  ++fake_cuda.contexts;
  return device == 7 ? 0 : 101;
}
int cuDevicePrimaryCtxRelease_v2(int device) {
  --fake_cuda.contexts;
  return device == 7 ? 0 : 101;
}
int cuCtxSetCurrent(void *context) { return context == &fake_cuda ? 0 : INVALID_VALUE; }

int cuMemGetInfo_v2(size_t *out_free, size_t *out_total) {
  *out_free = 1000;
  *out_total = 2000;
  return 0;
}
int cuMemAlloc_v2(uint64_t *out, size_t bytes) {
  FAKE(cuMemAlloc);
  void *p = malloc(bytes);
  memset(p, 0xaa, bytes); // nothing is zero by itself
  *out = (uint64_t)(uintptr_t)p;
  ++fake_cuda.allocations;
  return bytes ? 0 : INVALID_VALUE;
}
int cuMemFree_v2(uint64_t pointer) {
  free((void *)(uintptr_t)pointer);
  --fake_cuda.allocations;
  return 0;
}
int cuMemsetD8_v2(uint64_t to, unsigned char value, size_t bytes) {
  memset((void *)(uintptr_t)to, value, bytes);
  return 0;
}
int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t bytes) {
  memcpy((void *)(uintptr_t)to, from, bytes);
  return 0;
}
int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *stream) {
  FAKE(cuMemcpyHtoDAsync);
  ++fake_cuda.copies_in;
  memcpy((void *)(uintptr_t)to, from, bytes);
  return stream ? 0 : INVALID_VALUE;
}
int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *stream) {
  ++fake_cuda.copies_out;
  memcpy(to, (const void *)(uintptr_t)from, bytes);
  return stream ? 0 : INVALID_VALUE;
}

int cuStreamCreate(void **out, unsigned flags) {
  *out = &fake_cuda.streams;
  ++fake_cuda.streams;
  return flags == 1 ? 0 : INVALID_VALUE;
}
int cuStreamDestroy_v2(void *stream) {
  --fake_cuda.streams;
  return stream == &fake_cuda.streams ? 0 : INVALID_VALUE;
}
int cuStreamSynchronize(void *stream) {
  FAKE(cuStreamSynchronize);
  ++fake_cuda.synchronised;
  return stream == &fake_cuda.streams ? 0 : INVALID_VALUE;
}

int cuModuleLoadDataEx(void **out, const void *image, unsigned n, int *options, void **values) {
  int planned;
  if (fails("cuModuleLoadDataEx", &planned)) {
    for (unsigned i = 0; i < n; ++i)
      if (options[i] == JIT_ERROR_LOG)
        snprintf(values[i], 100, "ptxas application ptx input, line 9; fatal: nonsense");
    return planned;
  }
  snprintf(fake_cuda.image, sizeof fake_cuda.image, "%s", (const char *)image);
  *out = &fake_cuda.modules;
  ++fake_cuda.modules;
  return 0;
}
int cuModuleUnload(void *module) {
  --fake_cuda.modules;
  return module == &fake_cuda.modules ? 0 : INVALID_VALUE;
}
int cuModuleGetFunction(void **out, void *module, const char *name) {
  for (size_t i = 0; i < sizeof kernels / sizeof *kernels; ++i)
    if (!strcmp(kernels[i].name, name)) {
      *out = (void *)(uintptr_t)&kernels[i];
      return module == &fake_cuda.modules ? 0 : INVALID_VALUE;
    }
  return NOT_FOUND;
}
int cuFuncSetAttribute(void *function, int attribute, int value) {
  return function && attribute == 8 && value > 0 ? 0 : INVALID_VALUE;
}
int cuLaunchKernel(void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                   unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,
                   void *stream, void **arguments, void **extra) {
  FAKE(cuLaunchKernel);
  const struct kernel *k = function;
  fake_launch *l = &fake_cuda.launches[fake_cuda.n_launches++ % 64];
  *l = (fake_launch){
      .grid = {grid_x, grid_y, grid_z}, .block = {block_x, block_y, block_z}, .shared = shared};
  snprintf(l->kernel, sizeof l->kernel, "%s", k->name);
  k->run(arguments);
  return grid_x && stream && !extra ? 0 : INVALID_VALUE;
}
