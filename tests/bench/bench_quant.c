//===-- bench_quant.c - quantised kernels against the machine's roofs -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiles the AVX-512 kernels into itself with every shape a constant, as the
// compiler specialises them, and reports prefill against the measured vpdpbusd
// peak, decode against a streaming read, and the small kernels in nanoseconds a row.
//   bench_quant [peak|prefill|decode|small]
// Best and median of repeated runs: the machine may be shared.
//===----------------------------------------------------------------------===//
#include "kernels/x86_64/hadamard_avx512.c"
#include "kernels/x86_64/quantize_avx512.c"
#define block qlinear_block
#define group_product qlinear_group_product
#include "kernels/x86_64/qlinear_avx512.c"
#include "kernels/x86_64/rotate_avx512.c"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REPEATS 15

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

typedef struct timing {
  double best, median;
} timing;

static timing timing_of(double *seconds) {
  qsort(seconds, REPEATS, sizeof(double), by_value);
  return (timing){seconds[0], seconds[REPEATS / 2]};
}

static void *filled(size_t size, int byte) {
  void *p = NULL;
  if (posix_memalign(&p, 4096, size))
    exit(6);
  memset(p, byte, size);
  return p;
}

//===-- Threads: all start together, no barrier inside --------------------===//

typedef struct team {
  resq_call call;
  void (*body)(resq_worker *w, void *arguments);
  void *arguments;
  int count, tickets;
  int arrived;
} team;

typedef struct member {
  team *team;
  resq_worker worker;
  double start, end;
} member;

static void *member_main(void *p) {
  member *m = p;
  __atomic_fetch_add(&m->team->arrived, 1, __ATOMIC_ACQ_REL);
  while (__atomic_load_n(&m->team->arrived, __ATOMIC_ACQUIRE) < m->team->count)
    ;
  m->start = now();
  m->team->body(&m->worker, m->team->arguments);
  m->end = now();
  return NULL;
}

/// Seconds from the first start to the last end of `body` on `count` threads.
static double run_team(void (*body)(resq_worker *, void *), void *arguments, int count,
                       int tickets) {
  team t = {{.tickets = calloc((size_t)tickets, 4)}, body, arguments, count, tickets, 0};
  member members[8];
  pthread_t ids[8];
  for (int i = 0; i < count; ++i)
    members[i] = (member){&t, {&t.call, i, count, filled(RESQ_SCRATCH_BYTES, 0)}, 0, 0};
  for (int i = 1; i < count; ++i)
    pthread_create(&ids[i], NULL, member_main, &members[i]);
  member_main(&members[0]);
  double start = members[0].start, end = members[0].end;
  for (int i = 1; i < count; ++i) {
    pthread_join(ids[i], NULL);
    start = members[i].start < start ? members[i].start : start;
    end = members[i].end > end ? members[i].end : end;
  }
  for (int i = 0; i < count; ++i)
    free(members[i].worker.scratch);
  free(t.call.tickets);
  return end - start;
}

static timing time_team(void (*body)(resq_worker *, void *), void *arguments, int count,
                        int tickets) {
  double seconds[REPEATS];
  for (int i = 0; i < REPEATS; ++i)
    seconds[i] = run_team(body, arguments, count, tickets);
  return timing_of(seconds);
}

//===-- Roofs -------------------------------------------------------------===//

static void peak_body(resq_worker *w, void *arguments) {
  __m512i acc[24], x = _mm512_set1_epi8(w->index + 1), y = _mm512_set1_epi8(3);
  const int64_t rounds = *(int64_t *)arguments;
  RESQ_UNROLL for (int i = 0; i < 24; ++i) acc[i] = _mm512_set1_epi32(i);
  for (int64_t n = 0; n < rounds; ++n) {
    RESQ_UNROLL for (int i = 0; i < 24; ++i) acc[i] = _mm512_dpbusd_epi32(acc[i], x, y);
    __asm__ volatile("" : "+v"(x));
  }
  __m512i sum = acc[0];
  for (int i = 1; i < 24; ++i)
    sum = _mm512_add_epi32(sum, acc[i]);
  _mm512_storeu_si512(w->scratch, sum);
}

static double peak_gops(int threads) {
  int64_t rounds = 400000;
  const timing t = time_team(peak_body, &rounds, threads, 1);
  return 24.0 * 128 * (double)rounds * threads / t.best * 1e-9;
}

typedef struct stream {
  const uint8_t *data;
  int64_t size;
} stream;

static void stream_body(resq_worker *w, void *arguments) {
  const stream *s = arguments;
  const int64_t part = s->size / w->count / 512 * 512;
  const uint8_t *p = s->data + w->index * part;
  __m512i sum[8] = {_mm512_setzero_si512()};
  for (int64_t i = 0; i < part; i += 512)
    for (int j = 0; j < 8; ++j) {
      sum[j] = _mm512_add_epi32(sum[j], _mm512_loadu_si512(p + i + 64 * j));
      _mm_prefetch((const char *)(p + i + 64 * j + 4096), _MM_HINT_T0);
    }
  for (int j = 0; j < 8; ++j)
    _mm512_storeu_si512(w->scratch + 64 * j, sum[j]);
}

//===-- Linears -----------------------------------------------------------===//

typedef struct linear {
  int8_t *codes_a, *codes_b;
  resq_quant_meta *meta_a, *meta_b;
  uint8_t *weights;
  float *y;
  int64_t rows, layers;
} linear;

typedef struct linear_shape {
  const char *name;
  int64_t n, k_a, group_a, abits_a, wbits_a, trellis_a, k_b;
  void (*run)(resq_worker *w, void *arguments);
} linear_shape;

#define WEIGHT_BYTES(n, k_a, group_a, wbits_a, k_b)                                                \
  (resq_round_up(resq_packed_weight_size(n, k_a, group_a, k_a, wbits_a), 64) +                     \
   (k_b ? resq_round_up(resq_packed_weight_size(n, k_b, k_b, k_b, 8), 64) : 0))

/// One function a shape, everything constant but the rows.
#define LINEAR(id, n, k_a, group_a, abits_a, wbits_a, trellis_a, k_b)                              \
  __attribute__((flatten, noinline)) static void id(resq_worker *w, void *p) {                     \
    const linear *l = p;                                                                           \
    const int64_t bytes = WEIGHT_BYTES(n, k_a, group_a, wbits_a, k_b);                             \
    const int64_t size_a =                                                                         \
        resq_round_up(resq_packed_weight_size(n, k_a, group_a, k_a, wbits_a), 64);                 \
    for (int64_t i = 0; i < l->layers; ++i)                                                        \
      RESQ_KERNEL(resq_qlinear)(w, (int32_t)i, l->codes_a, l->meta_a, l->weights + i * bytes,      \
                                l->codes_b, l->meta_b, l->weights + i * bytes + size_a, NULL,      \
                                l->y, l->rows, n, n, k_a, group_a, k_a, abits_a, wbits_a,          \
                                trellis_a, k_b, k_b, k_b, 8, 8, 0);                                \
  }
#define SHAPES(X)                                                                                  \
  X(linear_qo, 576, 504, 504, 4, 4, 0, 72)                                                         \
  X(linear_trellis, 576, 504, 504, 4, 4, 1, 72)                                                    \
  X(linear_a8, 576, 504, 504, 8, 4, 0, 72)                                                         \
  X(linear_trellis_a8, 576, 504, 504, 8, 4, 1, 72)                                                 \
  X(linear_trellis3_a8, 576, 504, 504, 8, 3, 1, 72)                                                \
  X(linear_heads, 576, 504, 56, 4, 4, 0, 72)                                                       \
  X(linear_kv, 192, 504, 504, 4, 4, 0, 72)                                                         \
  X(linear_up, 1536, 504, 504, 4, 4, 0, 72)                                                        \
  X(linear_down, 576, 1536, 1536, 4, 4, 0, 0)                                                      \
  X(linear_split, 576, 1280, 1280, 4, 4, 0, 256)                                                   \
  X(linear_head, 49152, 576, 576, 8, 8, 0, 0)
#define DEFINE(id, ...) LINEAR(id, __VA_ARGS__)
SHAPES(DEFINE)
#define ROW(id, n, k_a, group_a, abits_a, wbits_a, trellis_a, k_b)                                 \
  {#id, n, k_a, group_a, abits_a, wbits_a, trellis_a, k_b, id},
static const linear_shape shapes[] = {SHAPES(ROW)};
#define N_SHAPES (int)(sizeof(shapes) / sizeof(*shapes))

static linear make_linear(const linear_shape *s, int64_t rows, int64_t layers) {
  linear l = {.rows = rows, .layers = layers};
  const int64_t bytes = WEIGHT_BYTES(s->n, s->k_a, s->group_a, s->wbits_a, s->k_b);
  l.codes_a = filled((size_t)(rows * resq_code_stride(s->k_a, s->group_a)), 1);
  l.meta_a = filled((size_t)(rows * (s->k_a / s->group_a)) * sizeof(resq_quant_meta), 0);
  l.codes_b = filled((size_t)(rows * 512), 1);
  l.meta_b = filled((size_t)rows * sizeof(resq_quant_meta), 0);
  l.weights = filled((size_t)(bytes * layers), 0x37);
  l.y = filled((size_t)(rows * s->n) * sizeof(float), 0);
  return l;
}

static void free_linear(linear *l) {
  free(l->codes_a);
  free(l->codes_b);
  free(l->meta_a);
  free(l->meta_b);
  free(l->weights);
  free(l->y);
}

static void bench_prefill(void) {
  const double peak = peak_gops(1);
  printf("vpdpbusd peak, 1 thread: %.0f GOP/s\n", peak);
  static const int64_t row_counts[] = {8, 16, 128, 512};
  for (int i = 0; i < N_SHAPES; ++i)
    for (int r = 0; r < 4; ++r) {
      const linear_shape *s = &shapes[i];
      const int64_t rows = row_counts[r];
      const double ops = 2.0 * (double)(rows * s->n * (s->k_a + s->k_b));
      const int64_t layers = 1 + (int64_t)(2e9 / ops);
      if (s->n > 10000 && rows == 512)
        continue;
      linear l = make_linear(s, rows, layers);
      const timing t = time_team(s->run, &l, 1, (int)layers);
      const double gops = ops * (double)layers * 1e-9;
      printf("prefill %-13s rows %3lld: best %6.0f (%2.0f%%) median %6.0f GOP/s\n", s->name,
             (long long)rows, gops / t.best, 100 * gops / t.best / peak, gops / t.median);
      free_linear(&l);
    }
}

/// A streaming read and 1, 2 and 4 rows in turn, so that what else the machine does hits all.
static void bench_decode_shape(const linear_shape *s, int threads) {
  const int64_t bytes = WEIGHT_BYTES(s->n, s->k_a, s->group_a, s->wbits_a, s->k_b);
  const int64_t layers = 96000000 / bytes + 1;
  const double gb = (double)(bytes * layers) * 1e-9;
  linear l = make_linear(s, 4, layers);
  stream read = {l.weights, bytes * layers};
  double seconds[4][REPEATS];
  for (int i = 0; i < REPEATS; ++i) {
    seconds[0][i] = run_team(stream_body, &read, threads, 1);
    for (int r = 1; r < 4; ++r) {
      l.rows = 1 << (r - 1);
      seconds[r][i] = run_team(s->run, &l, threads, (int)layers);
    }
  }
  timing t[4];
  for (int r = 0; r < 4; ++r)
    t[r] = timing_of(seconds[r]);
  printf("decode %-13s %d threads, read %4.1f (median %4.1f) GB/s:", s->name, threads,
         gb / t[0].best, gb / t[0].median);
  for (int r = 1; r < 4; ++r)
    printf("  rows %d %4.1f (%3.0f%%) median %4.1f (%3.0f%%)", 1 << (r - 1), gb / t[r].best,
           100 * t[0].best / t[r].best, gb / t[r].median, 100 * t[0].median / t[r].median);
  printf("\n");
  free_linear(&l);
}

static void bench_decode(void) {
  for (int threads = 1; threads <= 2; ++threads)
    for (int i = 0; i < N_SHAPES; ++i)
      bench_decode_shape(&shapes[i], threads);
}

//===-- Small kernels -----------------------------------------------------===//

typedef struct rows_task {
  float *x, *y, *matrix;
  int8_t *codes, *signs;
  resq_quant_meta *meta;
  int64_t rows, calls;
} rows_task;

#define SMALL(id, call)                                                                            \
  __attribute__((flatten, noinline)) static void id(resq_worker *w, void *p) {                     \
    const rows_task *t = p;                                                                        \
    for (int32_t i = 0; i < t->calls; ++i)                                                         \
      call;                                                                                        \
  }
#define QUANTIZE(width, group, bits)                                                               \
  RESQ_KERNEL(resq_quantize)(w, i, t->x, NULL, t->codes, t->meta, t->rows, width, width, group,    \
                             group, bits, 0.95f)
#define HADAMARD(width, size, order)                                                               \
  RESQ_KERNEL(resq_hadamard)(w, i, t->x, t->signs, t->y, t->rows, width, width, width, size, order)
#define ROTATE(groups, size, blocks)                                                               \
  RESQ_KERNEL(resq_rotate)(w, i, t->x, t->matrix, t->y, t->rows, (groups) * (size),                \
                           (groups) * (size), groups, size, blocks)
SMALL(quantize_576, QUANTIZE(576, 576, 4))
SMALL(quantize_504, QUANTIZE(504, 504, 4))
SMALL(quantize_heads, QUANTIZE(504, 56, 4))
SMALL(quantize_1536, QUANTIZE(1536, 1536, 8))
SMALL(hadamard_1536, HADAMARD(1536, 1536, 12))
SMALL(hadamard_1280, HADAMARD(1280, 1280, 20))
SMALL(hadamard_4096, HADAMARD(4096, 4096, 1))
SMALL(hadamard_heads, HADAMARD(576, 64, 1))
SMALL(rotate_heads, ROTATE(9, 64, 3))
SMALL(rotate_128, ROTATE(32, 128, 8))
SMALL(rotate_576, ROTATE(1, 576, 1))

static void bench_small(void) {
  static const struct {
    const char *name;
    void (*run)(resq_worker *w, void *arguments);
    double flops; ///< of a row, where it is a product
  } kernels[] = {{"quantize 576", quantize_576, 0},
                 {"quantize 504", quantize_504, 0},
                 {"quantize 9 x 56", quantize_heads, 0},
                 {"quantize 1536, 8 bits", quantize_1536, 0},
                 {"hadamard 12 x 128", hadamard_1536, 0},
                 {"hadamard 20 x 64", hadamard_1280, 0},
                 {"hadamard 4096", hadamard_4096, 0},
                 {"hadamard 9 heads of 64", hadamard_heads, 0},
                 {"rotate 9 x 64, 3 matrices", rotate_heads, 2.0 * 9 * 64 * 64},
                 {"rotate 32 x 128, 8 matrices", rotate_128, 2.0 * 32 * 128 * 128},
                 {"rotate 576", rotate_576, 2.0 * 576 * 576}};
  for (size_t k = 0; k < sizeof(kernels) / sizeof(*kernels); ++k)
    for (int64_t rows = 1; rows <= 128; rows *= 128) {
      rows_task t = {.rows = rows, .calls = rows == 1 ? 2000 : 100};
      t.x = filled((size_t)(rows * 4096 * 4), 0x3d);
      t.y = filled((size_t)(rows * 4096 * 4), 0);
      t.matrix = filled(576 * 576 * 4, 0x3c);
      t.codes = filled((size_t)(rows * 4096), 0);
      t.signs = filled(4096, 1);
      t.meta = filled((size_t)(rows * 64) * sizeof(resq_quant_meta), 0);
      const timing time = time_team(kernels[k].run, &t, 1, (int)t.calls);
      const double ns = time.best * 1e9 / (double)(t.calls * rows);
      printf("%-28s rows %3lld: %7.0f ns a row", kernels[k].name, (long long)rows, ns);
      printf(kernels[k].flops > 0 ? ", %.0f GFLOP/s\n" : "\n", kernels[k].flops / ns);
      free(t.x), free(t.y), free(t.matrix), free(t.codes), free(t.signs), free(t.meta);
    }
}

int main(int argc, char **argv) {
  const char *part = argc > 1 ? argv[1] : "";
  if (!*part || !strcmp(part, "peak"))
    printf("vpdpbusd: %.0f GOP/s with 1 thread, %.0f with 2\n", peak_gops(1), peak_gops(2));
  if (!*part || !strcmp(part, "prefill"))
    bench_prefill();
  if (!*part || !strcmp(part, "decode"))
    bench_decode();
  if (!*part || !strcmp(part, "small"))
    bench_small();
  return 0;
}
