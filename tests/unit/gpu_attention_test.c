//===-- gpu_attention_test.c - fast GPU attention and cache, emulated -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Launched as plans of fast arithmetic say, kv_append codes what level "generic" codes, bit for bit, and attention over
// that cache agrees with generic's over its own: kernels of few and of many rows, at odd lengths, with several
// sequences, with splits, with more heads than a block takes, and with memory that nobody wrote full of NaN.
#define RESQ_EMULATED "tests/gpu/emulator/device_host.h"
#define RESQ_LEVEL cuda
#define RESQ_GPU_KERNELS
#define RESQ_SM 90
#include "kernels/nvptx/attention_cuda.c"
#include "kernels/nvptx/kv_append_cuda.c"
#include "tests/gpu/emulator/emulator.c"
#define CALLS_OF_CPU
#include "tests/gpu/kernels/calls.h"

#include "quant_harness.h"

enum { CAPACITY = 320, SEQUENCES = 2, KV_HEADS = 2 };

typedef struct attention_case {
  const char *name;
  resq_kv_format keys, values;
  int64_t group;
  double bound;
  // Made from these.
  int64_t rows;
  const float *k, *v, *q;
  const int32_t *positions, *sequences;
  uint8_t *cache;
  float *y;
  uint8_t *scratch;
  int64_t variant;
} attention_case;

#define FORMATS(c)                                                                                 \
  c->keys.kind, c->keys.bits, c->keys.high, 0, c->values.kind, c->values.bits, c->values.high
static void append_generic(resq_worker *w, void *p) {
  const attention_case *c = p;
  const int64_t width = KV_HEADS * c->keys.size;
  resq_kv_append_generic(w, 0, c->k, c->v, c->positions, c->sequences, NULL, c->cache, c->rows,
                         width, width, CAPACITY, KV_HEADS, c->keys.size, FORMATS(c));
}
static void append_fast(void *p) {
  const attention_case *c = p;
  const int64_t width = KV_HEADS * c->keys.size;
  resq_kv_append_cuda(c->k, c->v, c->positions, c->sequences, NULL, c->cache, c->rows, width, width,
                      CAPACITY, KV_HEADS, c->keys.size, FORMATS(c), c->variant, NULL,
                      RESQ_KV_APPEND_THREADS, 0, 0);
}
static float scale_of(const attention_case *c) { return c->keys.size == 128 ? 0.088388f : 0.125f; }
static void attention_generic(resq_worker *w, void *p) {
  const attention_case *c = p;
  const int64_t heads = KV_HEADS * c->group, width = heads * c->keys.size;
  resq_attention_generic(w, 0, c->q, c->positions, c->sequences, NULL, c->cache, c->y, c->rows,
                         width, width, CAPACITY, heads, KV_HEADS, c->keys.size, scale_of(c),
                         FORMATS(c));
}
static void attention_fast(void *p) {
  const attention_case *c = p;
  const int64_t heads = KV_HEADS * c->group, width = heads * c->keys.size;
  resq_attention_cuda(c->q, c->positions, c->sequences, NULL, c->cache, c->y, c->rows, width, width,
                      CAPACITY, heads, KV_HEADS, c->keys.size, scale_of(c), FORMATS(c), c->variant,
                      c->scratch);
}

static void expect_no_fault(const char *fault) {
  if (fault)
    fail_msg("%s", fault);
}

/// Both caches hold the same vectors at every position that was written.
static void compare_caches(const attention_case *c, uint8_t *generic, uint8_t *fast) {
  for (int64_t r = 0; r < c->rows; r++)
    for (int64_t h = 0; h < KV_HEADS; h++)
      for (int is_key = 0; is_key < 2; is_key++) {
        const int64_t position = c->positions[r];
        const resq_kv_view a = resq_kv_head(generic, c->keys, c->values, CAPACITY, KV_HEADS,
                                            c->sequences[r], h, is_key);
        const resq_kv_view b =
            resq_kv_head(fast, c->keys, c->values, CAPACITY, KV_HEADS, c->sequences[r], h, is_key);
        const int64_t bytes = resq_kv_code_bytes(&a);
        for (int64_t i = 0; i < bytes; i++)
          assert_int_equal(resq_kv_unit(&a, position, i / a.unit)[i % a.unit],
                           *resq_gpu_kv_byte(&b, RESQ_GPU_KV_WORDS, position, i));
        for (int part = 0; part < 2; part++) {
          if (a.scales[part] && (part == 0 || a.high > 0))
            assert_memory_equal(a.scales[part] + 2 * position, b.scales[part] + 2 * position, 2);
          if (a.zeros[part] && (part == 0 ? a.kind == RESQ_KV_INT : a.high > 0))
            assert_int_equal(a.zeros[part][position], b.zeros[part][position]);
        }
      }
}

/// |a - b| / |b|, infinite where a is not a number.
static double distance(const float *a, const float *b, int64_t n) {
  double square = 0, norm = 0;
  for (int64_t i = 0; i < n; i++) {
    square += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    norm += (double)b[i] * b[i];
  }
  const double d = square / norm;
  return d == d ? d : 1e30;
}

static float next_float(uint64_t *random) {
  return (float)(int64_t)(next_random(random) >> 40) / 0x1p23f - 1.0f;
}

/// Runs a kernel as its plan says on a chip of `multiprocessors`, unless it needs fewer blocks.
static void launch(const resq_gpu_plan *plan, int64_t multiprocessors, void (*kernel)(void *),
                   attention_case *c) {
  const int64_t items = c->rows * plan->items_per_row;
  const int64_t blocks = resq_plan_ceil(items, plan->items_per_block);
  c->variant = plan->variant;
  c->scratch = aligned_bytes((size_t)plan->scratch_bytes + 1);
  expect_no_fault(
      emulator_run((emulator_launch){.blocks_x = (int)resq_plan_least(blocks, multiprocessors),
                                     .blocks_y = 1,
                                     .threads = plan->threads,
                                     .shared_bytes = (uint32_t)plan->shared_bytes,
                                     .seed = 2},
                   kernel, c));
  free(c->scratch);
}

/// Probabilities are one f16 in the kernel of many rows where values are codes.
static void check_distance(const attention_case *c, const char *how, const float *got,
                           const float *want, int64_t n) {
  const double d = distance(got, want, n);
  const bool is_rounded =
      c->variant == RESQ_ATTENTION_MANY && resq_attention_is_coded(c->values) && c->bound < 5e-4;
  const double bound = is_rounded ? 5e-4 : c->bound;
  if (!(d <= bound * bound))
    fail_msg("%s, %s: the square of the distance is %g", c->name, how, d);
}

enum { LONG = 301, SHORT = 17, ROWS = LONG + SHORT, MANY = 26 };

/// Attention of all rows, and of some, against generic's.
static void compare_attention(attention_case *c, uint8_t *generic, uint8_t *fast,
                              const float *queries) {
  const int64_t width = KV_HEADS * c->group * c->keys.size;
  const resq_attention_shape shape = {width,    width,        KV_HEADS * c->group,
                                      KV_HEADS, c->keys.size, FORMATS(c)};
  float *want = aligned_bytes((size_t)(ROWS * width) * 4);
  float *got = aligned_bytes((size_t)(ROWS * width) * 4);
  // Of both sequences the last rows, and one in the middle; then neighbors of both, as in a piece of a prompt.
  const int32_t some[] = {LONG - 1, SHORT - 1, 63}, of[] = {0, 1, 0};
  int32_t many[MANY], of_many[MANY];
  for (int i = 0; i < MANY; i++) {
    of_many[i] = i >= 19;
    many[i] = of_many[i] ? i - 19 : 230 + i;
  }
  const struct {
    const char *how;
    const int32_t *positions, *sequences;
    int64_t rows, max_rows, multiprocessors;
  } calls[] = {{"few rows", some, of, 3, 16, 6 * 2},
               {"few rows, fewer blocks than rows", some, of, 3, 16, 2},
               {"many rows", many, of_many, MANY, 2048, 3}};
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    c->rows = calls[i].rows;
    c->positions = calls[i].positions;
    c->sequences = calls[i].sequences;
    c->q = queries;
    c->cache = generic;
    c->y = want;
    run_kernel(attention_generic, c, 1);
    c->cache = fast;
    c->y = got;
    const resq_gpu_plan plan =
        resq_attention_plan(&shape, (resq_gpu_setting){calls[i].max_rows, 90, RESQ_GPU_FAST});
    assert_int_equal(plan.variant,
                     calls[i].max_rows == 16 ? RESQ_ATTENTION_FEW : RESQ_ATTENTION_MANY);
    memset(got, 0xff, (size_t)(c->rows * width) * 4);
    launch(&plan, calls[i].multiprocessors, attention_fast, c);
    check_distance(c, calls[i].how, got, want, c->rows * width);
  }
  free(want);
  free(got);
}

static void run_case(const char *name, resq_kv_format keys, resq_kv_format values, int64_t group,
                     double bound) {
  attention_case c = {.name = name, .keys = keys, .values = values, .group = group, .bound = bound};
  const int64_t width = KV_HEADS * keys.size;
  uint64_t random = 7;
  int32_t *positions = aligned_bytes(ROWS * 4), *sequences = aligned_bytes(ROWS * 4);
  float *k = aligned_bytes((size_t)(ROWS * width) * 4),
        *v = aligned_bytes((size_t)(ROWS * width) * 4),
        *q = aligned_bytes((size_t)(MANY * group * width) * 4);
  for (int r = 0; r < ROWS; r++) {
    sequences[r] = r >= LONG;
    positions[r] = r - (sequences[r] ? LONG : 0);
  }
  for (int64_t i = 0; i < ROWS * width; i++) {
    k[i] = next_float(&random) + 0.1f * (float)(i % 3);
    v[i] = next_float(&random);
  }
  for (int64_t i = 0; i < MANY * group * width; i++)
    q[i] = 3.0f * next_float(&random);
  const size_t bytes = (size_t)((resq_kv_vector_bytes(keys) + resq_kv_vector_bytes(values)) *
                                KV_HEADS * CAPACITY * SEQUENCES);
  uint8_t *generic = aligned_bytes(bytes), *fast = aligned_bytes(bytes);
  memset(generic, 0xff, bytes);
  memset(fast, 0xff, bytes);
  c.rows = ROWS;
  c.k = k;
  c.v = v;
  c.positions = positions;
  c.sequences = sequences;
  c.cache = generic;
  run_kernel(append_generic, &c, 1);
  c.cache = fast;
  const resq_kv_append_shape shape = {width, width, KV_HEADS, keys.size, FORMATS((&c))};
  const resq_gpu_plan plan = resq_kv_append_plan(&shape, (resq_gpu_setting){16, 90, RESQ_GPU_FAST});
  assert_int_equal(plan.variant, RESQ_GPU_KV_WORDS);
  launch(&plan, 3, append_fast, &c);
  compare_caches(&c, generic, fast);
  compare_attention(&c, generic, fast, q);
  void *all[] = {positions, sequences, k, v, q, generic, fast};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    free(all[i]);
}

#define INT4(size, high) ((resq_kv_format){size, RESQ_KV_INT, 4, high, 0})
#define LM4(size, high) ((resq_kv_format){size, RESQ_KV_LM, 4, high, 0})
#define FLOAT(size, kind) ((resq_kv_format){size, kind, 0, 0, 0})

static void test_int4(void **state) {
  (void)state;
  run_case("8B", INT4(128, 16), INT4(128, 16), 4, 1e-5);
}
static void test_int4_small(void **state) {
  (void)state;
  run_case("SmolLM2", INT4(64, 8), INT4(64, 8), 3, 1e-5);
  run_case("odd", INT4(48, 8), INT4(48, 0), 9, 1e-5); // in two pieces
}
static void test_lloyd_max(void **state) {
  (void)state;
  run_case("lm", LM4(64, 8), LM4(64, 0), 7, 5e-4);
}
static void test_mixed(void **state) {
  (void)state;
  run_case("lm and int", LM4(128, 16), INT4(128, 0), 8, 5e-4);
  run_case("int and f32", INT4(64, 16), FLOAT(64, RESQ_KV_F32), 1, 1e-5);
}
static void test_floats(void **state) {
  (void)state;
  run_case("f16", FLOAT(64, RESQ_KV_F16), FLOAT(64, RESQ_KV_F16), 3, 1e-5);
  run_case("f32", FLOAT(32, RESQ_KV_F32), FLOAT(32, RESQ_KV_F32), 2, 1e-5);
}

/// One layout for what appends and what reads, in entries of any size; other formats and chips keep generic's.
static void test_layouts(void **state) {
  (void)state;
  const resq_kv_format good = INT4(64, 8), odd = {64, RESQ_KV_INT, 3, 8, 0};
  const struct {
    resq_kv_format keys, values;
    resq_gpu_setting setting;
    resq_gpu_kv_layout layout;
  } cases[] = {
      {good, good, {16, 90, RESQ_GPU_FAST}, RESQ_GPU_KV_WORDS},
      {good, good, {2048, 90, RESQ_GPU_FAST}, RESQ_GPU_KV_WORDS},
      {good, odd, {16, 90, RESQ_GPU_FAST}, RESQ_GPU_KV_TILES},
      {good, good, {16, 90, RESQ_GPU_EXACT}, RESQ_GPU_KV_TILES},
      {good, good, {16, 80, RESQ_GPU_FAST}, RESQ_GPU_KV_TILES},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const attention_case c = {.keys = cases[i].keys, .values = cases[i].values};
    const resq_kv_append_shape append = {128, 128, 2, 64, FORMATS((&c))};
    const resq_attention_shape attention = {256, 256, 4, 2, 64, FORMATS((&c))};
    assert_int_equal(resq_kv_append_plan(&append, cases[i].setting).variant, cases[i].layout);
    assert_int_equal(resq_attention_plan(&attention, cases[i].setting).variant < 4,
                     cases[i].layout == RESQ_GPU_KV_WORDS);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_int4),      cmocka_unit_test(test_int4_small),
      cmocka_unit_test(test_lloyd_max), cmocka_unit_test(test_mixed),
      cmocka_unit_test(test_floats),    cmocka_unit_test(test_layouts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
