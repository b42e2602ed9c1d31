//===-- cuda_driver.c -----------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "exec/cuda_driver.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

bool resq_cuda_check(const resq_cuda_driver *driver, int result, resq_error *err,
                     const char *what) {
  if (result == 0)
    return true;
  const char *name = NULL, *text = NULL;
  driver->cuGetErrorName(result, &name);
  driver->cuGetErrorString(result, &text);
  resq_code code = result == RESQ_CUDA_OUT_OF_MEMORY ? RESQ_NO_MEMORY
                   : result == RESQ_CUDA_NO_DEVICE   ? RESQ_NO_DEVICE
                                                     : RESQ_FAILED;
  return resq_fail(err, code, "%s: %s (%s)", what, name ? name : "unknown CUDA error",
                   text ? text : "no description");
}

bool resq_cuda_driver_open(resq_cuda_driver *out, resq_error *err) {
  const char *given = getenv("RESQ_LIBCUDA");
  const char *path = given && *given ? given : "libcuda.so.1";
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return resq_fail(err, RESQ_NO_DEVICE, "NVIDIA's driver does not load: %s", dlerror());
  void *found;
#define RESQ_CUDA_LOAD(name, symbol, parameters)                                                   \
  found = dlsym(library, symbol);                                                                  \
  if (!found) {                                                                                    \
    dlclose(library);                                                                              \
    return resq_fail(err, RESQ_NO_DEVICE,                                                          \
                     "%s has no %s: the driver is too old, CUDA 12.0 or later is needed", path,    \
                     symbol);                                                                      \
  }                                                                                                \
  memcpy(&out->name, &found, sizeof found);
  RESQ_CUDA_FUNCTIONS(RESQ_CUDA_LOAD)
#undef RESQ_CUDA_LOAD
  return resq_cuda_check(out, out->cuInit(0), err, "cuInit");
}
