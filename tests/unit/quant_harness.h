//===-- quant_harness.h - what tests of quantised kernels share -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Threads that call a kernel as a compiled program does, seeded random numbers,
// aligned buffers, and quantised rows and packed weights made of random values.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TESTS_QUANT_HARNESS_H
#define RESQ_TESTS_QUANT_HARNESS_H

#include "kernels/layout/pack_layout.h"
#include <pthread.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define HARNESS_THREADS 4

typedef void (*kernel_call)(resq_worker *w, void *arguments);

typedef struct harness_thread {
  resq_worker worker;
  kernel_call call;
  void *arguments;
} harness_thread;

static inline void *aligned_bytes(size_t size) {
  void *p = NULL;
  assert_int_equal(posix_memalign(&p, 64, size + 64), 0);
  memset(p, 0xa5, size + 64);
  return p;
}

static void *harness_main(void *p) {
  harness_thread *t = p;
  t->call(&t->worker, t->arguments);
  return NULL;
}

/// `call` on `count` threads at once, as op 0 of a call.
static inline void run_kernel(kernel_call call, void *arguments, int count) {
  static uint8_t *scratch[HARNESS_THREADS]; // kept: a fresh one for each of many calls is slow
  int32_t ticket = 0;
  resq_call shared = {.tickets = &ticket};
  harness_thread threads[HARNESS_THREADS];
  pthread_t ids[HARNESS_THREADS];
  for (int i = 0; i < count; ++i) {
    if (!scratch[i])
      scratch[i] = aligned_bytes(RESQ_SCRATCH_BYTES);
    threads[i] = (harness_thread){{&shared, i, count, scratch[i]}, call, arguments};
  }
  for (int i = 1; i < count; ++i)
    assert_int_equal(pthread_create(&ids[i], NULL, harness_main, &threads[i]), 0);
  harness_main(&threads[0]);
  for (int i = 1; i < count; ++i)
    pthread_join(ids[i], NULL);
}

static inline uint32_t random_bits(uint64_t *state) {
  *state = *state * 6364136223846793005ull + 1442695040888963407ull;
  return (uint32_t)(*state >> 33) ^ (uint32_t)(*state >> 45);
}

/// Uniform in -1 .. 1.
static inline float random_unit(uint64_t *state) {
  return (float)(random_bits(state) & 0xffffff) / 8388608.0f - 1.0f;
}

static inline float *random_rows(int64_t count, float scale, uint64_t seed) {
  float *x = aligned_bytes((size_t)count * sizeof(float));
  for (int64_t i = 0; i < count; ++i)
    x[i] = random_unit(&seed) * scale;
  return x;
}

static inline float bf16_value(resq_bf16 bits) {
  const uint32_t word = (uint32_t)bits << 16;
  float value;
  memcpy(&value, &word, 4);
  return value;
}

/// A packed weight of random codes and scales.
static inline uint8_t *random_weight(int64_t n, int64_t k, int64_t group, int64_t wgroup,
                                     int64_t bits, uint64_t seed) {
  uint8_t *packed = aligned_bytes((size_t)resq_packed_weight_size(n, k, group, wgroup, bits));
  resq_pack_clear(packed, n, k, group, wgroup, bits);
  for (int64_t c = 0; c < n; ++c) {
    for (int64_t i = 0; i < k; ++i) {
      const int32_t code = (int32_t)(random_bits(&seed) & ((1u << bits) - 1));
      resq_pack_weight_code(packed, c, i, code - (1 << (bits - 1)), k, group, bits);
    }
    for (int64_t g = 0; g < k / wgroup; ++g)
      *resq_packed_scale(packed, c, g, n, k, group, bits) =
          (resq_bf16)(0x3c00 + (random_bits(&seed) & 0x1ff));
  }
  return packed;
}

static inline int has_avx512(void) {
  return __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw");
}

/// Levels that tests run side by side, each with what those before it have.
enum { LEVEL_GENERIC, LEVEL_AVX2, LEVEL_AVX512, TEST_LEVELS };
static inline int has_level(int level) {
  return level == LEVEL_GENERIC ||
         (level == LEVEL_AVX2 ? __builtin_cpu_supports("avx2") : has_avx512());
}

/// A kernel's function of a level.
#define AT_LEVEL(level, name)                                                                      \
  ((level) == LEVEL_AVX512 ? name##_avx512 : (level) == LEVEL_AVX2 ? name##_avx2 : name##_generic)

static inline int has_avx512vbmi(void) {
  return has_avx512() && __builtin_cpu_supports("avx512vbmi");
}

#endif // RESQ_TESTS_QUANT_HARNESS_H
