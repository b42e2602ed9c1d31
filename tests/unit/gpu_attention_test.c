//===-- gpu_attention_test.c - fast GPU attention and cache, emulated -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// kv_append_fast.h codes what level "generic" codes, bit for bit; attention_fast.h over that cache
// agrees with generic's over its own, at odd lengths, with several sequences, with splits that get
// nothing, and with memory that nobody wrote full of NaN.
#define RESQ_EMULATED "tests/gpu/emulator/device_host.h"
#include "kernels/nvptx/attention_fast.h"
#include "kernels/nvptx/kv_append_fast.h"
#include "tests/gpu/emulator/emulator.c"

#include "quant_harness.h"

enum { CAPACITY = 192, SEQUENCES = 2, KV_HEADS = 2 };

typedef struct attention_case {
  const char *name;
  resq_kv_format keys, values;
  int64_t group, size;
  int splits;
  double bound;
  // Made from these.
  int64_t rows;
  const float *k, *v, *q;
  const int32_t *positions, *sequences;
  uint8_t *cache;
  float *y, *partials;
  uint32_t *counters;
} attention_case;

static void append_generic(resq_worker *w, void *p) {
  const attention_case *c = p;
  resq_kv_append_generic(w, 0, c->k, c->v, c->positions, c->sequences, NULL, c->cache, c->rows,
                         KV_HEADS * c->size, KV_HEADS * c->size, CAPACITY, KV_HEADS, c->size,
                         c->keys.kind, c->keys.bits, c->keys.high, 0, c->values.kind,
                         c->values.bits, c->values.high);
}
static void append_fast(void *p) {
  const attention_case *c = p;
  resq_kv_append_fast(c->k, c->v, c->positions, c->sequences, c->cache, c->rows, KV_HEADS * c->size,
                      KV_HEADS * c->size, CAPACITY, KV_HEADS, c->size, c->keys.kind, c->keys.bits,
                      c->keys.high, c->values.kind, c->values.bits, c->values.high);
}
static float scale_of(const attention_case *c) { return c->size == 128 ? 0.088388f : 0.125f; }
static void attention_generic(resq_worker *w, void *p) {
  const attention_case *c = p;
  const int64_t heads = KV_HEADS * c->group, width = heads * c->size;
  resq_attention_generic(w, 0, c->q, c->positions, c->sequences, NULL, c->cache, c->y, c->rows,
                         width, width, CAPACITY, heads, KV_HEADS, c->size, scale_of(c),
                         c->keys.kind, c->keys.bits, c->keys.high, 0, c->values.kind,
                         c->values.bits, c->values.high);
}
static void attention_fast(void *p) {
  const attention_case *c = p;
  const int64_t heads = KV_HEADS * c->group, width = heads * c->size;
  resq_attention_fast(c->q, c->positions, c->sequences, c->cache, c->y, width, width, CAPACITY,
                      heads, KV_HEADS, c->size, scale_of(c), c->keys.kind, c->keys.bits,
                      c->keys.high, c->values.kind, c->values.bits, c->values.high, c->partials,
                      c->counters);
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
                           b.codes[resq_kv_word_offset(bytes, position, i)]);
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

enum { LENGTHS = 2 };
static const int lengths[LENGTHS] = {131, 17};

static void run_case(const char *name, resq_kv_format keys, resq_kv_format values, int64_t group,
                     int64_t size, int splits, double bound) {
  attention_case c = {.name = name,
                      .keys = keys,
                      .values = values,
                      .group = group,
                      .size = size,
                      .splits = splits,
                      .bound = bound};
  const int64_t width = KV_HEADS * c.size, queries = c.group * width;
  const int64_t rows = lengths[0] + lengths[1];
  uint64_t random = 7;
  int32_t *positions = aligned_bytes((size_t)rows * 4),
          *sequences = aligned_bytes((size_t)rows * 4);
  float *k = aligned_bytes((size_t)(rows * width) * 4),
        *v = aligned_bytes((size_t)(rows * width) * 4);
  for (int64_t r = 0; r < rows; r++) {
    sequences[r] = r >= lengths[0];
    positions[r] = (int32_t)(r - (sequences[r] ? lengths[0] : 0));
  }
  for (int64_t i = 0; i < rows * width; i++) {
    k[i] = (float)(int64_t)(next_random(&random) >> 40) / 0x1p23f - 1.0f + 0.1f * (float)(i % 3);
    v[i] = (float)(int64_t)(next_random(&random) >> 40) / 0x1p23f - 1.0f;
  }
  const size_t bytes = (size_t)((resq_kv_vector_bytes(c.keys) + resq_kv_vector_bytes(c.values)) *
                                KV_HEADS * CAPACITY * SEQUENCES);
  uint8_t *generic = aligned_bytes(bytes), *fast = aligned_bytes(bytes);
  memset(generic, 0xff, bytes);
  memset(fast, 0xff, bytes);
  c.rows = rows;
  c.k = k;
  c.v = v;
  c.positions = positions;
  c.sequences = sequences;
  c.cache = generic;
  run_kernel(append_generic, &c, 1);
  c.cache = fast;
  expect_no_fault(emulator_run((emulator_launch){.blocks_x = 3,
                                                 .blocks_y = 1,
                                                 .threads = 64,
                                                 .shared_bytes = 2 * RESQ_KV_APPEND_SHARED,
                                                 .seed = 1},
                               append_fast, &c));
  compare_caches(&c, generic, fast);

  // The last rows of both sequences, and one in the middle.
  int32_t at[] = {lengths[0] - 1, lengths[1] - 1, 63}, of[] = {0, 1, 0};
  c.rows = 3;
  c.positions = at;
  c.sequences = of;
  float *q = aligned_bytes((size_t)(3 * queries) * 4),
        *want = aligned_bytes((size_t)(3 * queries) * 4);
  float *got = aligned_bytes((size_t)(3 * queries) * 4);
  for (int64_t i = 0; i < 3 * queries; i++)
    q[i] = 3.0f * ((float)(int64_t)(next_random(&random) >> 40) / 0x1p23f - 1.0f);
  c.q = q;
  c.cache = generic;
  c.y = want;
  run_kernel(attention_generic, &c, 1);
  c.cache = fast;
  c.y = got;
  c.partials = aligned_bytes(
      (size_t)(3 * KV_HEADS * c.splits * resq_attention_partial(c.group, c.size)) * 4);
  c.counters = aligned_bytes(3 * KV_HEADS * 4);
  memset(c.counters, 0, 3 * KV_HEADS * 4);
  assert_true(resq_attention_takes(c.keys) && resq_attention_takes(c.values));
  const resq_attention_plan plan = resq_attention_plan_of(c.keys, c.values);
  expect_no_fault(emulator_run((emulator_launch){.blocks_x = c.splits,
                                                 .blocks_y = 3 * KV_HEADS,
                                                 .threads = plan.warps * RESQ_WARP,
                                                 .shared_bytes = plan.shared,
                                                 .seed = 2},
                               attention_fast, &c));
  const double d = distance(got, want, 3 * queries);
  if (!(d <= c.bound * c.bound))
    fail_msg("%s: the square of the distance is %g", c.name, d);
  for (int i = 0; i < 3 * KV_HEADS; i++)
    assert_int_equal(c.counters[i], 0);
  void *all[] = {positions, sequences, k, v, generic, fast, q, want, got, c.partials, c.counters};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    free(all[i]);
}

#define INT4(size, high) ((resq_kv_format){size, RESQ_KV_INT, 4, high, 0})
#define LM4(size, high) ((resq_kv_format){size, RESQ_KV_LM, 4, high, 0})
#define FLOAT(size, kind) ((resq_kv_format){size, kind, 0, 0, 0})

static void test_int4(void **state) {
  (void)state;
  run_case("8B", INT4(128, 16), INT4(128, 16), 4, 128, 2, 1e-5);
}
static void test_int4_small(void **state) {
  (void)state;
  run_case("SmolLM2", INT4(64, 8), INT4(64, 8), 3, 64, 5, 1e-5);
}
static void test_lloyd_max(void **state) {
  (void)state;
  run_case("lm", LM4(64, 8), LM4(64, 0), 7, 64, 1, 3e-4);
}
static void test_mixed(void **state) {
  (void)state;
  run_case("lm and int", LM4(128, 16), INT4(128, 0), 8, 128, 1, 3e-4);
}
static void test_floats(void **state) {
  (void)state;
  run_case("f16", FLOAT(64, RESQ_KV_F16), FLOAT(64, RESQ_KV_F16), 3, 64, 2, 1e-5);
  run_case("f32", FLOAT(64, RESQ_KV_F32), FLOAT(64, RESQ_KV_F32), 2, 64, 1, 1e-5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_int4),      cmocka_unit_test(test_int4_small),
      cmocka_unit_test(test_lloyd_max), cmocka_unit_test(test_mixed),
      cmocka_unit_test(test_floats),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
