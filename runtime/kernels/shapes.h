//===-- shapes.h - the constants of each kernel's calls -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// resq_<op>_shape: the STRIDE_OF and CONSTANT arguments of kernels.def in their order, and nothing else, so that an
// array of int64_t in this order is one. Everything that how a GPU launch is cut depends on (nvptx/plans.h).
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_SHAPES_H
#define RESQ_KERNELS_SHAPES_H

#include <stdint.h>

#define READ(T, name)
#define READ_OR_NULL(T, name)
#define TABLE(T, name)
#define TABLE_OR_NULL(T, name)
#define WRITE(T, name)
#define UPDATE(T, name)
#define READ_BEHIND(T, name, codes)
#define WRITE_BEHIND(T, name, codes)
#define CACHE_READ(name)
#define CACHE_WRITE(name)
#define ROWS_OF(name, of)
#define STRIDE_OF(name, of) int64_t name;
#define CAPACITY(name)
#define CONSTANT(name) int64_t name;
#define CONSTANT_F32(name)
#define KERNEL(name, ...)                                                                          \
  typedef struct name##_shape {                                                                    \
    __VA_ARGS__                                                                                    \
  } name##_shape;
#include "kernels.def"

#endif // RESQ_KERNELS_SHAPES_H
