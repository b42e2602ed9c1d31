//===-- cuda_driver.h - the CUDA driver, opened when it is asked for ------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An artifact links no CUDA library: libcuda.so.1 is opened when a session wants the GPU
// ($RESQ_LIBCUDA names another file: tests). Only the entry points below are used; their types are
// restated here, so no CUDA headers are needed to build.
//===----------------------------------------------------------------------===//
#ifndef RESQ_EXEC_CUDA_DRIVER_H
#define RESQ_EXEC_CUDA_DRIVER_H

#include "base/error.h"
#include <stdint.h>

typedef uint64_t resq_cuda_pointer; ///< CUdeviceptr
typedef void *resq_cuda_handle;     ///< CUcontext, CUmodule, CUfunction, CUstream, CUevent, CUgraph

/// CUlaunchAttribute: the value is a union of 64 bytes, of which we use the first int.
typedef struct resq_cuda_attribute {
  int id, unused;
  int value[16];
} resq_cuda_attribute;

/// CUlaunchConfig.
typedef struct resq_cuda_launch_config {
  unsigned grid[3], block[3], shared_bytes;
  resq_cuda_handle stream;
  resq_cuda_attribute *attributes;
  unsigned n_attributes;
} resq_cuda_launch_config;

_Static_assert(sizeof(resq_cuda_attribute) == 72 && sizeof(resq_cuda_launch_config) == 56,
               "cuda.h's structures");

/// F(name, exported symbol, parameters): all return a CUresult, 0 for success.
#define RESQ_CUDA_FUNCTIONS(F)                                                                     \
  F(cuInit, "cuInit", (unsigned flags))                                                            \
  F(cuGetErrorName, "cuGetErrorName", (int result, const char **out))                              \
  F(cuGetErrorString, "cuGetErrorString", (int result, const char **out))                          \
  F(cuDeviceGetCount, "cuDeviceGetCount", (int *out))                                              \
  F(cuDeviceGet, "cuDeviceGet", (int *out, int ordinal))                                           \
  F(cuDeviceGetName, "cuDeviceGetName", (char *out, int size, int device))                         \
  F(cuDeviceGetAttribute, "cuDeviceGetAttribute", (int *out, int attribute, int device))           \
  F(cuDevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain", (resq_cuda_handle * out, int device))    \
  F(cuDevicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2", (int device))                       \
  F(cuCtxSetCurrent, "cuCtxSetCurrent", (resq_cuda_handle context))                                \
  F(cuMemGetInfo, "cuMemGetInfo_v2", (size_t *out_free, size_t *out_total))                        \
  F(cuMemAlloc, "cuMemAlloc_v2", (resq_cuda_pointer * out, size_t bytes))                          \
  F(cuMemFree, "cuMemFree_v2", (resq_cuda_pointer pointer))                                        \
  F(cuMemHostAlloc, "cuMemHostAlloc", (void **out, size_t bytes, unsigned flags))                  \
  F(cuMemFreeHost, "cuMemFreeHost", (void *memory))                                                \
  F(cuMemsetD8Async, "cuMemsetD8Async",                                                            \
    (resq_cuda_pointer to, unsigned char value, size_t bytes, resq_cuda_handle stream))            \
  F(cuMemcpyHtoDAsync, "cuMemcpyHtoDAsync_v2",                                                     \
    (resq_cuda_pointer to, const void *from, size_t bytes, resq_cuda_handle stream))               \
  F(cuMemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2",                                                     \
    (void *to, resq_cuda_pointer from, size_t bytes, resq_cuda_handle stream))                     \
  F(cuStreamCreate, "cuStreamCreate", (resq_cuda_handle * out, unsigned flags))                    \
  F(cuStreamDestroy, "cuStreamDestroy_v2", (resq_cuda_handle stream))                              \
  F(cuStreamSynchronize, "cuStreamSynchronize", (resq_cuda_handle stream))                         \
  F(cuStreamBeginCapture, "cuStreamBeginCapture_v2", (resq_cuda_handle stream, int mode))          \
  F(cuStreamEndCapture, "cuStreamEndCapture", (resq_cuda_handle stream, resq_cuda_handle * out))   \
  F(cuGraphInstantiateWithFlags, "cuGraphInstantiateWithFlags",                                    \
    (resq_cuda_handle * out, resq_cuda_handle graph, unsigned long long flags))                    \
  F(cuGraphLaunch, "cuGraphLaunch", (resq_cuda_handle executable, resq_cuda_handle stream))        \
  F(cuGraphDestroy, "cuGraphDestroy", (resq_cuda_handle graph))                                    \
  F(cuGraphExecDestroy, "cuGraphExecDestroy", (resq_cuda_handle executable))                       \
  F(cuEventCreate, "cuEventCreate", (resq_cuda_handle * out, unsigned flags))                      \
  F(cuEventDestroy, "cuEventDestroy_v2", (resq_cuda_handle event))                                 \
  F(cuEventRecord, "cuEventRecord", (resq_cuda_handle event, resq_cuda_handle stream))             \
  F(cuEventSynchronize, "cuEventSynchronize", (resq_cuda_handle event))                            \
  F(cuEventElapsedTime, "cuEventElapsedTime",                                                      \
    (float *out_ms, resq_cuda_handle start, resq_cuda_handle end))                                 \
  F(cuModuleLoadDataEx, "cuModuleLoadDataEx",                                                      \
    (resq_cuda_handle * out, const void *image, unsigned n, int *options, void **values))          \
  F(cuModuleUnload, "cuModuleUnload", (resq_cuda_handle module))                                   \
  F(cuModuleGetFunction, "cuModuleGetFunction",                                                    \
    (resq_cuda_handle * out, resq_cuda_handle module, const char *name))                           \
  F(cuFuncSetAttribute, "cuFuncSetAttribute",                                                      \
    (resq_cuda_handle function, int attribute, int value))                                         \
  F(cuLaunchKernelEx, "cuLaunchKernelEx",                                                          \
    (const resq_cuda_launch_config *config, resq_cuda_handle function, void **arguments,           \
     void **extra))

/// Numbers of cuda.h that we need.
enum {
  RESQ_CUDA_OUT_OF_MEMORY = 2,
  RESQ_CUDA_DEVICE_UNAVAILABLE = 46,
  RESQ_CUDA_NO_DEVICE = 100,
  RESQ_CUDA_INVALID_DEVICE = 101,
  RESQ_CUDA_INVALID_IMAGE = 200,
  RESQ_CUDA_ECC_UNCORRECTABLE = 214,
  RESQ_CUDA_INVALID_PTX = 218,
  RESQ_CUDA_UNSUPPORTED_PTX_VERSION = 222,
  RESQ_CUDA_MULTIPROCESSORS = 16, ///< CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT
  RESQ_CUDA_CAPABILITY_MAJOR = 75,
  RESQ_CUDA_CAPABILITY_MINOR = 76,
  RESQ_CUDA_MOST_SHARED = 97, ///< CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
  RESQ_CUDA_STREAM_NON_BLOCKING = 1,
  RESQ_CUDA_CAPTURE_THREAD_LOCAL = 1,
  RESQ_CUDA_EVENT_WITHOUT_TIME = 2,
  RESQ_CUDA_JIT_ERROR_LOG = 5, ///< CU_JIT_ERROR_LOG_BUFFER
  RESQ_CUDA_JIT_ERROR_LOG_SIZE = 6,
  RESQ_CUDA_MAX_DYNAMIC_SHARED = 8,         ///< CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
  RESQ_CUDA_PROGRAMMATIC_SERIALIZATION = 6, ///< a launch attribute
};

typedef struct resq_cuda_driver {
#define RESQ_CUDA_MEMBER(name, symbol, parameters) int(*name) parameters;
  RESQ_CUDA_FUNCTIONS(RESQ_CUDA_MEMBER)
#undef RESQ_CUDA_MEMBER
} resq_cuda_driver;

/// Whether this machine has a driver at all, of any age; always true where $RESQ_LIBCUDA names one.
bool resq_cuda_driver_present(void);

/// Opens the library, refuses one that is too old for the PTX that resqc writes, and calls cuInit. The
/// library stays open until the process ends: drivers keep threads.
bool resq_cuda_driver_open(resq_cuda_driver *out, resq_error *err);

/// True for 0; else fills err with "WHAT: CUDA_ERROR_X (its description)". The code is RESQ_NO_MEMORY,
/// RESQ_NO_DEVICE where it is the device or the driver, RESQ_BAD_INPUT where it is the image, else RESQ_FAILED.
bool resq_cuda_check(const resq_cuda_driver *driver, int result, resq_error *err, const char *what);

#endif // RESQ_EXEC_CUDA_DRIVER_H
