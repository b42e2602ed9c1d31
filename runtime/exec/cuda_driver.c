//===-- cuda_driver.c -----------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "exec/cuda_driver.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// As cuDriverGetVersion says it: 1000 * major + 10 * minor. The PTX of levels.def is of version 8.0, which
/// drivers of CUDA 12.0 are the first to read.
#define OLDEST_DRIVER 12000

static resq_code code_of(int result) {
  switch (result) {
  case RESQ_CUDA_OUT_OF_MEMORY:
    return RESQ_NO_MEMORY;
  case RESQ_CUDA_DEVICE_UNAVAILABLE:
  case RESQ_CUDA_NO_DEVICE:
  case RESQ_CUDA_INVALID_DEVICE:
  case RESQ_CUDA_ECC_UNCORRECTABLE:
  case RESQ_CUDA_UNSUPPORTED_PTX_VERSION:
    return RESQ_NO_DEVICE;
  case RESQ_CUDA_INVALID_IMAGE:
  case RESQ_CUDA_INVALID_PTX:
    return RESQ_BAD_INPUT;
  default:
    return RESQ_FAILED;
  }
}

bool resq_cuda_check(const resq_cuda_driver *driver, int result, resq_error *err,
                     const char *what) {
  if (result == 0)
    return true;
  const char *name = NULL, *text = NULL;
  driver->cuGetErrorName(result, &name);
  driver->cuGetErrorString(result, &text);
  return resq_fail(err, code_of(result), "%s: %s (%s)", what, name ? name : "unknown CUDA error",
                   text ? text : "no description");
}

/// The file that was asked for; NULL when none was.
static const char *given_path(void) {
  const char *given = getenv("RESQ_LIBCUDA");
  return given && *given ? given : NULL;
}

static void *open_library(const char **out_path) {
  const char *given = given_path();
  *out_path = given ? given : "libcuda.so.1";
  return dlopen(*out_path, RTLD_NOW | RTLD_LOCAL);
}

bool resq_cuda_driver_present(void) {
  const char *path;
  return given_path() || open_library(&path);
}

static bool refuse_age(const char *path, const char *why, resq_error *err) {
  return resq_fail(err, RESQ_NO_DEVICE,
                   "NVIDIA's driver %s %s: it is too old, one of CUDA 12.0 or later is needed",
                   path, why);
}

/// Before anything else is asked of the library: old ones lack functions.
static bool check_age(void *library, const char *path, resq_error *err) {
  int (*get_version)(int *) = NULL;
  void *found = dlsym(library, "cuDriverGetVersion");
  int version = 0;
  char why[48];
  memcpy(&get_version, &found, sizeof found);
  if (!get_version || get_version(&version))
    return refuse_age(path, "does not say its version", err);
  snprintf(why, sizeof why, "is of CUDA %d.%d", version / 1000, version % 1000 / 10);
  return version >= OLDEST_DRIVER || refuse_age(path, why, err);
}

bool resq_cuda_driver_open(resq_cuda_driver *out, resq_error *err) {
  const char *path;
  void *library = open_library(&path);
  if (!library)
    return resq_fail(err, RESQ_NO_DEVICE, "NVIDIA's driver does not load: %s", dlerror());
  void *found;
  if (!check_age(library, path, err)) {
    dlclose(library);
    return false;
  }
#define RESQ_CUDA_LOAD(name, symbol, parameters)                                                   \
  found = dlsym(library, symbol);                                                                  \
  if (!found) {                                                                                    \
    dlclose(library);                                                                              \
    return refuse_age(path, "has no " symbol, err);                                                \
  }                                                                                                \
  memcpy(&out->name, &found, sizeof found);
  RESQ_CUDA_FUNCTIONS(RESQ_CUDA_LOAD)
#undef RESQ_CUDA_LOAD
  return resq_cuda_check(out, out->cuInit(0), err, "cuInit");
}
