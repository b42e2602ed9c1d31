//===-- bench_float.c - float linears and attention against the roofs -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiles the AVX-512 kernels into itself with every shape a constant, as the compiler
// specialises them. One thread, the shapes of SmolLM2-135M: linears against the measured
// FMA peak (prefill) and streaming read (decode, weights from memory), attention in
// microseconds and nanoseconds a position and kv head.
//   bench_float [prefill|decode|attention|small]
// The best of repeated runs: the machine may be shared. Build with the flags of
// cmake/ResqKernels.cmake for avx512, -DRESQ_LEVEL=bench.
//===----------------------------------------------------------------------===//
#include "kernels/x86_64/attention_avx512.c"
#include "kernels/x86_64/kv_append_avx512.c"
#include "kernels/x86_64/linear_float_avx512.c"
#include "kernels/x86_64/rms_norm_avx512.c"
#include "kernels/x86_64/rope_avx512.c"
#include "kernels/x86_64/silu_gate_avx512.c"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { REPEATS = 15 };
static const size_t pool_bytes = (size_t)192 << 20; ///< of weights: well past any L3

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); // others may share the core
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *memory(size_t bytes) {
  void *p = NULL;
  if (posix_memalign(&p, 4096, bytes + 4096))
    exit(6);
  memset(p, 0, bytes + 4096);
  return p;
}

static float *numbers(int64_t count) {
  float *x = memory((size_t)count * sizeof(float));
  for (int64_t i = 0; i < count; ++i)
    x[i] = (float)(i * 37 % 101) / 50.0f - 1.0f;
  return x;
}

/// A fresh call of one thread.
static resq_worker *worker(void) {
  static int32_t ticket;
  static resq_call call = {.tickets = &ticket};
  static resq_worker w = {.call = &call, .count = 1};
  if (!w.scratch)
    w.scratch = memory(RESQ_SCRATCH_BYTES);
  ticket = 0;
  return &w;
}

/// Seconds of the best of some runs of `expression`.
#define BEST(result, expression)                                                                   \
  do {                                                                                             \
    result = 1e9;                                                                                  \
    for (int repeat_ = 0; repeat_ < REPEATS; ++repeat_) {                                          \
      double start_ = now();                                                                       \
      expression;                                                                                  \
      double took_ = now() - start_;                                                               \
      result = took_ < result ? took_ : result;                                                    \
    }                                                                                              \
  } while (0)

//===-- Roofs -------------------------------------------------------------===//

static __attribute__((noinline)) float multiply_adds(int64_t rounds) {
  __m512 sums[24], x = _mm512_set1_ps(0.5f);
#pragma GCC unroll 24
  for (int i = 0; i < 24; ++i)
    sums[i] = _mm512_set1_ps((float)i);
  for (int64_t n = 0; n < rounds; ++n) {
#pragma GCC unroll 24
    for (int i = 0; i < 24; ++i)
      sums[i] = _mm512_fmadd_ps(sums[i], x, x);
    __asm__ volatile("" : "+v"(x));
  }
#pragma GCC unroll 24
  for (int i = 1; i < 24; ++i)
    sums[0] = _mm512_add_ps(sums[0], sums[i]);
  return _mm512_reduce_add_ps(sums[0]);
}

static double peak_flops(void) {
  const int64_t rounds = 200000;
  volatile float sink;
  double seconds;
  BEST(seconds, sink = multiply_adds(rounds));
  (void)sink;
  return 24.0 * 32.0 * (double)rounds / seconds;
}

static __attribute__((noinline)) float read_all(const float *p, size_t count) {
  __m512 sums[4] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(),
                    _mm512_setzero_ps()};
  for (size_t i = 0; i < count; i += 64) {
#pragma GCC unroll 4
    for (size_t j = 0; j < 4; ++j) {
      sums[j] = _mm512_add_ps(sums[j], _mm512_load_ps(p + i + j * 16));
      _mm_prefetch((const char *)(p + i + j * 16) + 2048, _MM_HINT_T0);
    }
  }
  return _mm512_reduce_add_ps(
      _mm512_add_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3])));
}

static double peak_read(const void *pool) {
  volatile float sink;
  double seconds;
  BEST(seconds, sink = read_all(pool, pool_bytes / 4));
  (void)sink;
  return (double)pool_bytes / seconds;
}

//===-- Linear ------------------------------------------------------------===//

typedef void (*linear_call)(const float *x, const void *panel, float *y, int64_t rows);

#define LINEAR(name, n, k, as)                                                                     \
  static void name(const float *x, const void *panel, float *y, int64_t rows) {                    \
    linear(worker(), 0, x, panel, NULL, y, rows, k, n, n, k, as);                                  \
  }
LINEAR(square_f32, 576, 576, RESQ_AS_F32)
LINEAR(square_f16, 576, 576, RESQ_AS_F16)
LINEAR(square_bf16, 576, 576, RESQ_AS_BF16)
LINEAR(up_f32, 1536, 576, RESQ_AS_F32)
LINEAR(up_bf16, 1536, 576, RESQ_AS_BF16)
LINEAR(down_f32, 576, 1536, RESQ_AS_F32)
LINEAR(head_f32, 49152, 576, RESQ_AS_F32)
LINEAR(head_bf16, 49152, 576, RESQ_AS_BF16)
LINEAR(head_f16, 49152, 576, RESQ_AS_F16)

static const struct {
  const char *name;
  linear_call call;
  int64_t n, k, bytes;
} linears[] = {
    {"576x576 f32", square_f32, 576, 576, 4},   {"576x576 f16", square_f16, 576, 576, 2},
    {"576x576 bf16", square_bf16, 576, 576, 2}, {"1536x576 f32", up_f32, 1536, 576, 4},
    {"1536x576 bf16", up_bf16, 1536, 576, 2},   {"576x1536 f32", down_f32, 576, 1536, 4},
    {"49152x576 f32", head_f32, 49152, 576, 4}, {"49152x576 bf16", head_bf16, 49152, 576, 2},
    {"49152x576 f16", head_f16, 49152, 576, 2},
};
enum { LINEARS = sizeof linears / sizeof *linears };

static void bench_prefill(const uint8_t *pool) {
  double peak = peak_flops(), seconds;
  printf("FMA peak %.1f GFLOP/s\n", peak * 1e-9);
  for (int i = 0; i < LINEARS; ++i) {
    for (int64_t rows = 128; rows <= 512; rows *= 4) {
      if (linears[i].n > 10000 && rows > 128)
        continue;
      float *x = numbers(rows * linears[i].k), *y = numbers(rows * linears[i].n);
      BEST(seconds, linears[i].call(x, pool, y, rows));
      double flops = 2.0 * (double)(rows * linears[i].n * linears[i].k) / seconds;
      printf("prefill %3d rows %-15s %7.1f GFLOP/s  %.0f%% of peak\n", (int)rows, linears[i].name,
             flops * 1e-9, 100 * flops / peak);
      free(x);
      free(y);
    }
  }
}

/// All matrices that fit the pool, one after the other, as the layers of a model.
static void stream_pool(int i, const uint8_t *pool, const float *x, float *y, int64_t rows) {
  size_t bytes = (size_t)(linears[i].n * linears[i].k * linears[i].bytes);
  for (size_t at = 0; at + bytes <= pool_bytes; at += bytes)
    linears[i].call(x, pool + at, y, rows);
}

static void bench_decode(const uint8_t *pool) {
  double peak = peak_read(pool), seconds;
  printf("streaming read %.1f GB/s\n", peak * 1e-9);
  for (int i = 0; i < LINEARS; ++i) {
    size_t bytes = (size_t)(linears[i].n * linears[i].k * linears[i].bytes);
    for (int64_t rows = 1; rows <= 16; rows *= 4) {
      float *x = numbers(rows * linears[i].k), *y = numbers(rows * linears[i].n);
      BEST(seconds, stream_pool(i, pool, x, y, rows));
      double rate = (double)(pool_bytes / bytes * bytes) / seconds;
      printf("decode %2d rows %-15s %6.1f GB/s  %.0f%% of the read\n", (int)rows, linears[i].name,
             rate * 1e-9, 100 * rate / peak);
      free(x);
      free(y);
    }
  }
}

//===-- Attention ---------------------------------------------------------===//

enum { CAPACITY = 4096 + 512, HEADS = 9, KV_HEADS = 3, SIZE = 64, MOST = 512 };
static float *sketch; ///< of the sign codes

#define ATTENTION(name, kind, bits, high, signs)                                                   \
  static void append_##name(const float *k, const float *v, const int32_t *positions,              \
                            const int32_t *sequences, uint8_t *cache, int64_t rows) {              \
    resq_kv_append_bench(worker(), 0, k, v, positions, sequences, sketch, cache, rows,             \
                         KV_HEADS * SIZE, KV_HEADS * SIZE, CAPACITY, KV_HEADS, SIZE, kind, bits,   \
                         high, signs, signs ? RESQ_KV_F16 : kind, bits, signs ? 0 : high);         \
  }                                                                                                \
  static void attend_##name(const float *q, const int32_t *positions, const int32_t *sequences,    \
                            uint8_t *cache, float *y, int64_t rows) {                              \
    const resq_kv_format keys = {SIZE, kind, bits, high, signs};                                   \
    const resq_kv_format values = {SIZE, signs ? RESQ_KV_F16 : kind, bits, signs ? 0 : high, 0};   \
    attention(worker(), 0, q, positions, sequences, sketch, cache, y, rows, HEADS * SIZE,          \
              HEADS * SIZE, CAPACITY, HEADS, KV_HEADS, keys, values, 0.125f);                      \
  }
ATTENTION(f32, RESQ_KV_F32, 0, 0, 0)
ATTENTION(f16, RESQ_KV_F16, 0, 0, 0)
ATTENTION(int4, RESQ_KV_INT, 4, 8, 0)
ATTENTION(int3, RESQ_KV_INT, 3, 8, 0)
ATTENTION(int8, RESQ_KV_INT, 8, 0, 0)
ATTENTION(lm4, RESQ_KV_LM, 4, 8, 0)
ATTENTION(lm3, RESQ_KV_LM, 3, 8, 0)
ATTENTION(qjl1, RESQ_KV_QJL, 0, 8, SIZE - 8)
ATTENTION(qjl3, RESQ_KV_QJL, 0, 8, 3 * (SIZE - 8))

static const struct {
  const char *name;
  void (*append)(const float *, const float *, const int32_t *, const int32_t *, uint8_t *,
                 int64_t);
  void (*attend)(const float *, const int32_t *, const int32_t *, uint8_t *, float *, int64_t);
} codes[] = {{"f32", append_f32, attend_f32},
             {"f16", append_f16, attend_f16},
             {"int4 high 8", append_int4, attend_int4},
             {"int3 high 8", append_int3, attend_int3},
             {"int8", append_int8, attend_int8},
             {"lm4 high 8", append_lm4, attend_lm4},
             {"lm3 high 8", append_lm3, attend_lm3},
             {"qjl 1 x, values f16", append_qjl1, attend_qjl1},
             {"qjl 3 x, values f16", append_qjl3, attend_qjl3}};
enum { CODES = sizeof codes / sizeof *codes };

static void bench_attention(double peak) {
  int32_t *positions = memory(CAPACITY * 4), *sequences = memory(CAPACITY * 4);
  float *k = numbers(CAPACITY * KV_HEADS * SIZE), *v = numbers(CAPACITY * KV_HEADS * SIZE);
  float *q = numbers(MOST * HEADS * SIZE), *y = numbers(MOST * HEADS * SIZE);
  uint8_t *cache = memory((size_t)CAPACITY * KV_HEADS * SIZE * 8);
  double seconds;
  sketch = numbers(resq_round_up(3 * SIZE, 16) * SIZE);
  for (int c = 0; c < CODES; ++c) {
    for (int i = 0; i < CAPACITY; ++i)
      positions[i] = i;
    BEST(seconds, codes[c].append(k, v, positions, sequences, cache, CAPACITY));
    printf("%-12s append %.0f ns a token\n", codes[c].name, seconds * 1e9 / CAPACITY);
    for (int depth = 512; depth <= 4096; depth *= 8) {
      positions[0] = depth - 1;
      BEST(seconds, codes[c].attend(q, positions, sequences, cache, y, 1));
      printf("%-12s depth %4d decode %8.1f us  %.1f ns a position and kv head\n", codes[c].name,
             depth, seconds * 1e6, seconds * 1e9 / depth / KV_HEADS);
      for (int i = 0; i < MOST; ++i)
        positions[i] = depth - MOST + i;
      BEST(seconds, codes[c].attend(q, positions, sequences, cache, y, MOST));
      double flops = 4.0 * HEADS * SIZE * MOST * (depth - MOST / 2.0 + 0.5) / seconds;
      printf("%-12s depth %4d prefill %d rows %8.1f us  %.1f GFLOP/s  %.0f%% of peak\n",
             codes[c].name, depth, MOST, seconds * 1e6, flops * 1e-9, 100 * flops / peak);
    }
  }
}

//===-- Row ops -----------------------------------------------------------===//

static void bench_small(void) {
  enum { ROWS = 256, WIDE = 1536 };
  float *x = numbers(ROWS * WIDE), *y = numbers(ROWS * WIDE), *gain = numbers(WIDE);
  int32_t *positions = memory(ROWS * 4);
  double seconds;
  BEST(seconds, resq_rms_norm_bench(worker(), 0, x, gain, y, ROWS, 576, 576, 576, 1e-5f));
  printf("rms_norm 576: %.0f ns a row\n", seconds * 1e9 / ROWS);
  BEST(seconds, resq_silu_gate_bench(worker(), 0, x, x, y, ROWS, WIDE, WIDE, WIDE, WIDE));
  printf("silu_gate 1536: %.0f ns a row\n", seconds * 1e9 / ROWS);
  BEST(seconds, resq_rope_angles_bench(worker(), 0, positions, gain, NULL, y, ROWS, 64));
  printf("rope_angles 64: %.0f ns a row\n", seconds * 1e9 / ROWS);
  BEST(seconds, resq_rope_bench(worker(), 0, x, y, x, ROWS, 576, 576, 9, 64, 64));
  printf("rope 9x64: %.0f ns a row\n", seconds * 1e9 / ROWS);
}

int main(int argc, char **argv) {
  const char *only = argc > 1 ? argv[1] : "";
  uint8_t *pool = memory(pool_bytes);
  if (!*only || !strcmp(only, "prefill"))
    bench_prefill(pool);
  if (!*only || !strcmp(only, "decode"))
    bench_decode(pool);
  if (!*only || !strcmp(only, "attention"))
    bench_attention(peak_flops());
  if (!*only || !strcmp(only, "small"))
    bench_small();
  return 0;
}
