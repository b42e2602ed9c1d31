//===-- calls.h - calls of every kernel as data, for CPU and GPU ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Of each kernel K of kernels.def:
//   K_arguments                            its arguments, in their order
//   K_planned(arguments, max_rows, capability)   its launch, with exact arithmetic
//   K_on_gpu(arguments, plan)              calls the kernel for a GPU, all blocks sharing its work
//   K_of_unit(arguments, plan, threads, unit, units)   calls it for one unit, where it has any
//   CALLS_RECODE(arguments, plan, i, out)  how weight i is recoded before, if it is
//   K_on_cpu(worker, arguments)            calls level "generic" (with CALLS_OF_CPU)
// Whoever includes this has defined RESQ_LEVEL as cuda and RESQ_GPU_KERNELS, as the build of those kernels does.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TESTS_GPU_CALLS_H
#define RESQ_TESTS_GPU_CALLS_H

#include "kernels/kernels.h"
#include "kernels/nvptx/plans.h"

#include <stdbool.h>

#define CALLS_TAIL(first, ...) __VA_ARGS__
#define CALLS_BEHIND_FIRST(...) CALLS_TAIL(__VA_ARGS__)

// The arguments.
#define READ(T, x) const T *x;
#define READ_OR_NULL(T, x) const T *x;
#define TABLE(T, x) const T *x;
#define TABLE_OR_NULL(T, x) const T *x;
#define WRITE(T, x) T *x;
#define UPDATE(T, x) T *x;
#define READ_BEHIND(T, x, of) const T *x;
#define WRITE_BEHIND(T, x, of) T *x;
#define CACHE_READ(x) const uint8_t *x;
#define CACHE_WRITE(x) uint8_t *x;
#define ROWS_OF(x, of) int64_t x;
#define STRIDE_OF(x, of) int64_t x;
#define CAPACITY(x) int64_t x;
#define CONSTANT(x) int64_t x;
#define CONSTANT_F32(x) float x;
#define KERNEL(name, ...)                                                                          \
  typedef struct name##_arguments {                                                                \
    __VA_ARGS__                                                                                    \
  } name##_arguments;
#include "kernels/kernels.def"

// The launches.
#define READ(T, x)
#define READ_OR_NULL(T, x)
#define TABLE(T, x)
#define TABLE_OR_NULL(T, x)
#define WRITE(T, x)
#define UPDATE(T, x)
#define READ_BEHIND(T, x, of)
#define WRITE_BEHIND(T, x, of)
#define CACHE_READ(x)
#define CACHE_WRITE(x)
#define ROWS_OF(x, of)
#define STRIDE_OF(x, of) a->x,
#define CAPACITY(x)
#define CONSTANT(x) a->x,
#define CONSTANT_F32(x)
#define KERNEL(name, ...)                                                                          \
  static inline resq_gpu_plan name##_planned(const name##_arguments *a, int64_t max_rows,          \
                                             int64_t capability) {                                 \
    const name##_shape shape = {__VA_ARGS__};                                                      \
    return name##_plan(&shape, (resq_gpu_setting){max_rows, capability, RESQ_GPU_EXACT});          \
  }
#include "kernels/kernels.def"

// The calls. Nobody calls resq_observe_on_gpu: observing is no kernel of a GPU.
#define READ(T, x) , a->x
#define READ_OR_NULL(T, x) , a->x
#define TABLE(T, x) , a->x
#define TABLE_OR_NULL(T, x) , a->x
#define WRITE(T, x) , a->x
#define UPDATE(T, x) , a->x
#define READ_BEHIND(T, x, of) , a->x
#define WRITE_BEHIND(T, x, of) , a->x
#define CACHE_READ(x) , a->x
#define CACHE_WRITE(x) , a->x
#define ROWS_OF(x, of) , a->x
#define STRIDE_OF(x, of) , a->x
#define CAPACITY(x) , a->x
#define CONSTANT(x) , a->x
#define CONSTANT_F32(x) , a->x
#define KERNEL(name, ...)                                                                          \
  static inline void name##_on_gpu(const name##_arguments *a, const resq_gpu_plan *plan) {         \
    name##_cuda(CALLS_BEHIND_FIRST(__VA_ARGS__), plan->variant, (uint8_t *)0);                     \
  }                                                                                                \
  static inline void name##_of_unit(const name##_arguments *a, const resq_gpu_plan *plan,          \
                                    int64_t threads, int64_t unit, int64_t units) {                \
    (void)a, (void)plan, (void)threads, (void)unit, (void)units;                                   \
  }
#define KERNEL_BY_UNITS(name, ...)                                                                 \
  static inline void name##_on_gpu(const name##_arguments *a, const resq_gpu_plan *plan) {         \
    name##_cuda(CALLS_BEHIND_FIRST(__VA_ARGS__), plan->variant, (uint8_t *)0, plan->threads, 0,    \
                0);                                                                                \
  }                                                                                                \
  static inline void name##_of_unit(const name##_arguments *a, const resq_gpu_plan *plan,          \
                                    int64_t threads, int64_t unit, int64_t units) {                \
    name##_cuda(CALLS_BEHIND_FIRST(__VA_ARGS__), plan->unit.variant, (uint8_t *)0, threads, unit,  \
                units);                                                                            \
  }
#include "kernels/kernels.def"

/// Whether a call under this plan reads its weight `i` recoded: by the call *out.
static inline bool calls_recode_nothing(const void *a, const resq_gpu_plan *plan, int i,
                                        resq_qlinear_recode_arguments *out) {
  (void)a, (void)plan, (void)i, (void)out;
  return false;
}
static inline bool calls_recode_qlinear(const void *p, const resq_gpu_plan *plan, int i,
                                        resq_qlinear_recode_arguments *out) {
  const resq_qlinear_arguments *a = p;
  *out = i ? (resq_qlinear_recode_arguments){(uint8_t *)(uintptr_t)a->weight_b, a->n, a->k_b,
                                             a->group_b}
           : (resq_qlinear_recode_arguments){(uint8_t *)(uintptr_t)a->weight_a, a->n, a->k_a,
                                             a->group_a};
  return plan->recoded >> i & 1;
}
#define CALLS_RECODE(a, plan, i, out)                                                              \
  _Generic((a),                                                                                    \
      const resq_qlinear_arguments *: calls_recode_qlinear,                                        \
      default: calls_recode_nothing)(a, plan, i, out)

#ifdef CALLS_OF_CPU
#define READ(T, x) , const T *x
#define READ_OR_NULL(T, x) , const T *x
#define TABLE(T, x) , const T *x
#define TABLE_OR_NULL(T, x) , const T *x
#define WRITE(T, x) , T *x
#define UPDATE(T, x) , T *x
#define READ_BEHIND(T, x, of) , const T *x
#define WRITE_BEHIND(T, x, of) , T *x
#define CACHE_READ(x) , const uint8_t *x
#define CACHE_WRITE(x) , uint8_t *x
#define ROWS_OF(x, of) , int64_t x
#define STRIDE_OF(x, of) , int64_t x
#define CAPACITY(x) , int64_t x
#define CONSTANT(x) , int64_t x
#define CONSTANT_F32(x) , float x
#define KERNEL(name, ...) void name##_generic(resq_worker *w, int32_t op __VA_ARGS__);
#include "kernels/kernels.def"

#define READ(T, x) , a->x
#define READ_OR_NULL(T, x) , a->x
#define TABLE(T, x) , a->x
#define TABLE_OR_NULL(T, x) , a->x
#define WRITE(T, x) , a->x
#define UPDATE(T, x) , a->x
#define READ_BEHIND(T, x, of) , a->x
#define WRITE_BEHIND(T, x, of) , a->x
#define CACHE_READ(x) , a->x
#define CACHE_WRITE(x) , a->x
#define ROWS_OF(x, of) , a->x
#define STRIDE_OF(x, of) , a->x
#define CAPACITY(x) , a->x
#define CONSTANT(x) , a->x
#define CONSTANT_F32(x) , a->x
#define KERNEL(name, ...)                                                                          \
  static inline void name##_on_cpu(resq_worker *w, const name##_arguments *a) {                    \
    name##_generic(w, 0 __VA_ARGS__);                                                              \
  }
#include "kernels/kernels.def"
#endif // CALLS_OF_CPU

#endif // RESQ_TESTS_GPU_CALLS_H
