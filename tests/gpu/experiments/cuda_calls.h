//===-- cuda_calls.h - the driver API, opened with dlopen -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For the experiments only: types are cuda.h's, any failure ends the program. Call as cu.Name(...).
//===----------------------------------------------------------------------===//
#ifndef RESQ_EXPERIMENTS_CUDA_CALLS_H
#define RESQ_EXPERIMENTS_CUDA_CALLS_H

#include <cuda.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

// clang-format off
#define CUDA_CALLS(X) \
  X(cuInit) X(cuDriverGetVersion) X(cuDeviceGet) X(cuDeviceGetName) X(cuDeviceGetAttribute) \
  X(cuDevicePrimaryCtxRetain) X(cuCtxSetCurrent) X(cuCtxSynchronize) X(cuGetErrorString) \
  X(cuMemAlloc) X(cuMemFree) X(cuMemHostAlloc) X(cuMemFreeHost) X(cuMemHostRegister) \
  X(cuMemHostUnregister) X(cuMemcpyHtoD) X(cuMemcpyDtoH) X(cuMemcpyHtoDAsync) \
  X(cuMemcpyDtoHAsync) X(cuMemsetD8Async) X(cuMemsetD8) X(cuModuleLoadData) X(cuModuleUnload) \
  X(cuModuleGetFunction) X(cuFuncGetAttribute) X(cuFuncSetAttribute) X(cuLaunchKernel) \
  X(cuLaunchKernelEx) X(cuStreamCreate) X(cuStreamSynchronize) X(cuEventCreate) \
  X(cuEventRecord) X(cuEventSynchronize) X(cuEventElapsedTime) X(cuStreamWaitEvent) \
  X(cuStreamBeginCapture) X(cuStreamEndCapture) X(cuGraphInstantiateWithFlags) X(cuGraphLaunch) \
  X(cuGraphExecDestroy) X(cuGraphDestroy) X(cuGraphUpload)
// clang-format on

#define CUDA_TEXT_(x) #x
#define CUDA_TEXT(x) CUDA_TEXT_(x)

static struct {
#define CUDA_MEMBER(name) __typeof__(&name) name;
  CUDA_CALLS(CUDA_MEMBER)
#undef CUDA_MEMBER
} cu;

#define CHECK(call) cuda_check((call), #call, __LINE__)
static inline void cuda_check(CUresult r, const char *call, int line) {
  if (r == CUDA_SUCCESS)
    return;
  const char *text = "?";
  cu.cuGetErrorString(r, &text);
  printf("line %d: %s: %s\n", line, call, text);
  fflush(stdout);
  exit(1);
}

/// Opens the driver and makes the first GPU current.
static inline CUdevice cuda_open(void) {
  void *library = dlopen("libcuda.so.1", RTLD_NOW);
  if (!library) {
    printf("%s\n", dlerror());
    exit(4);
  }
#define CUDA_LOAD(name)                                                                            \
  if (!(cu.name = (__typeof__(cu.name))dlsym(library, CUDA_TEXT(name)))) {                         \
    printf("the driver has no %s\n", CUDA_TEXT(name));                                             \
    exit(4);                                                                                       \
  }
  CUDA_CALLS(CUDA_LOAD)
#undef CUDA_LOAD
  CUdevice device;
  CUcontext context;
  char name[96];
  int version;
  CHECK(cu.cuInit(0));
  CHECK(cu.cuDeviceGet(&device, 0));
  CHECK(cu.cuDeviceGetName(name, sizeof name, device));
  CHECK(cu.cuDriverGetVersion(&version));
  CHECK(cu.cuDevicePrimaryCtxRetain(&context, device));
  CHECK(cu.cuCtxSetCurrent(context));
  printf("%s, driver for CUDA %d.%d\n", name, version / 1000, version % 1000 / 10);
  return device;
}

static inline double now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static int cuda_compare_doubles(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}
static inline double median(double *values, int n) {
  qsort(values, (size_t)n, sizeof *values, cuda_compare_doubles);
  return values[n / 2];
}

#endif // RESQ_EXPERIMENTS_CUDA_CALLS_H
