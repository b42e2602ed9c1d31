//===-- attention_test.c - the cache's codes, and attention over them -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Appended vectors decode as the quantiser's formula says, code for code, and both levels
// write the same bytes. Attention agrees with softmax in double over the decoded cache:
// |error| <= BOUND * max |v|. Rows of several sequences, odd positions, one and two threads.
//===----------------------------------------------------------------------===//
#include "quant_harness.h"
#include "kernels/kv_layout.h"
#include <math.h>
#include <stdbool.h>

__typeof__(resq_kv_append_generic) resq_kv_append_avx512;
__typeof__(resq_attention_generic) resq_attention_avx512;

#define BOUND 1e-5

enum { CAPACITY = 192, SEQUENCES = 3 };

/// A cache, the rows that go into it, and the queries.
typedef struct kv_case {
  bool wide;
  resq_kv_format keys, values;
  int64_t heads, kv_heads, size, rows;
  const float *k, *v, *q;
  const int32_t *positions, *sequences;
  uint8_t *cache;
  float *y;
} kv_case;

static bool has_level(bool wide) {
  return !wide || (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vbmi") &&
                   __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bf16"));
}

static void call_append(resq_worker *w, void *p) {
  const kv_case *c = p;
  (c->wide ? resq_kv_append_avx512 : resq_kv_append_generic)(
      w, 0, c->k, c->v, c->positions, c->sequences, c->cache, c->rows, c->kv_heads * c->size,
      c->kv_heads * c->size, CAPACITY, c->kv_heads, c->size, c->keys.kind, c->keys.bits,
      c->keys.high, c->values.kind, c->values.bits, c->values.high);
}

static float scale_of(int64_t size) { return 1.0f / sqrtf((float)size); }

static void call_attention(resq_worker *w, void *p) {
  const kv_case *c = p;
  (c->wide ? resq_attention_avx512 : resq_attention_generic)(
      w, 0, c->q, c->positions, c->sequences, c->cache, c->y, c->rows, c->heads * c->size,
      c->heads * c->size, CAPACITY, c->heads, c->kv_heads, c->size, scale_of(c->size),
      c->keys.kind, c->keys.bits, c->keys.high, c->values.kind, c->values.bits, c->values.high);
}

static size_t cache_bytes(const kv_case *c) {
  int64_t vector = resq_kv_vector_bytes(c->keys.kind, c->keys.bits, c->keys.high, c->size) +
                   resq_kv_vector_bytes(c->values.kind, c->values.bits, c->values.high, c->size);
  return (size_t)(vector * c->kv_heads * CAPACITY * SEQUENCES);
}

static resq_kv_view view_of(const kv_case *c, int64_t sequence, int64_t head, int is_key) {
  return resq_kv_head(c->cache, c->keys, c->values, CAPACITY, c->kv_heads, sequence, head, is_key);
}

//===-- Codes -------------------------------------------------------------===//

/// The formula of kernels.h on one part, with libm and the compiler's own f16.
static void check_part(const resq_kv_view *v, int64_t position, const float *x, int64_t first,
                       int64_t count, int bits, int part) {
  float lo = 0, hi = 0, most = (float)((1 << bits) - 1);
  for (int64_t i = 0; i < count; ++i) {
    lo = fminf(lo, x[i]);
    hi = fmaxf(hi, x[i]);
  }
  float s = (float)(_Float16)fmaxf((hi - lo) / most, 1e-8f);
  s = s == 0 ? 0x1p-24f : s;
  float zero = fminf(fmaxf(rintf(-lo / s), 0), most);
  assert_true(resq_kv_scale(v, position, part) == s);
  assert_true((float)v->zeros[part][position] == zero);
  for (int64_t i = 0; i < count; ++i) {
    float code = fminf(fmaxf(rintf(x[i] / s) + zero, 0), most);
    assert_true((float)resq_kv_code_of(v, position, first + i) == code);
    assert_true(resq_kv_decode(v, position, first + i) == s * (code - zero));
  }
}

static void check_vector(const resq_kv_view *v, int64_t position, const float *x) {
  if (v->kind == RESQ_KV_INT) {
    check_part(v, position, x, 0, v->low, (int)v->bits, 0);
    if (v->high)
      check_part(v, position, x + v->low, v->low, v->high, 8, 1);
    return;
  }
  for (int64_t i = 0; i < v->size; ++i)
    assert_true(resq_kv_decode(v, position, i) ==
                (v->kind == RESQ_KV_F32 ? x[i] : (float)(_Float16)x[i]));
}

static const resq_kv_format formats[] = {
    {0, RESQ_KV_F32, 0, 0}, {0, RESQ_KV_F16, 0, 0}, {0, RESQ_KV_INT, 4, 0}, {0, RESQ_KV_INT, 2, 1},
    {0, RESQ_KV_INT, 3, 5}, {0, RESQ_KV_INT, 8, 0}, {0, RESQ_KV_INT, 8, 3}, {0, RESQ_KV_INT, 3, 0},
    {0, RESQ_KV_INT, 4, 2}, {0, RESQ_KV_INT, 2, 0},
};
enum { FORMATS = sizeof formats / sizeof *formats };

static resq_kv_format format_of(int index, int64_t size) {
  resq_kv_format f = formats[index % FORMATS];
  f.size = size;
  return f;
}

/// Rows: `rows` positions of sequence 1 from `from` on; then each fifth row moves to sequence 2.
static void place_rows(kv_case *c, int32_t *positions, int32_t *sequences, int64_t rows,
                       int64_t from, bool mixed) {
  for (int64_t r = 0; r < rows; ++r) {
    positions[r] = (int32_t)(from + r);
    sequences[r] = mixed && r % 5 == 4 ? 2 : 1;
  }
  c->positions = positions;
  c->sequences = sequences;
  c->rows = rows;
}

static void check_codes(kv_case *c, int threads) {
  int32_t positions[33], sequences[33];
  place_rows(c, positions, sequences, 33, 101, true);
  float *k = random_rows(33 * c->kv_heads * c->size, 5, 1);
  float *v = random_rows(33 * c->kv_heads * c->size, 0.01f, 2);
  memset(v, 0, (size_t)(c->kv_heads * c->size) * sizeof(float)); // a row of zeros
  for (int64_t i = 0; i < c->size; ++i)
    k[i] = 1 + fabsf(k[i]); // a vector of one sign
  c->k = k;
  c->v = v;
  size_t bytes = cache_bytes(c);
  uint8_t *first = NULL;
  for (int wide = 0; wide < 2 && has_level(wide); ++wide) {
    c->wide = wide;
    c->cache = aligned_bytes(bytes);
    run_kernel(call_append, c, threads);
    for (int64_t r = 0; r < 33; ++r) {
      for (int64_t h = 0; h < c->kv_heads; ++h) {
        resq_kv_view key = view_of(c, sequences[r], h, 1), value = view_of(c, sequences[r], h, 0);
        check_vector(&key, positions[r], k + (r * c->kv_heads + h) * c->size);
        check_vector(&value, positions[r], v + (r * c->kv_heads + h) * c->size);
      }
    }
    if (first) // the same bytes, and none written but the rows'
      assert_memory_equal(first, c->cache, bytes);
    else
      first = memcpy(aligned_bytes(bytes), c->cache, bytes);
    free(c->cache);
  }
  free(first);
  free(k);
  free(v);
}

static void test_codes(void **state) {
  (void)state;
  static const int64_t sizes[] = {8, 19, 40, 64, 80, 128};
  for (size_t s = 0; s < 6; ++s)
    for (int f = 0; f < FORMATS; ++f) {
      kv_case c = {.keys = format_of(f, sizes[s]), .values = format_of(f + 3, sizes[s]),
                   .kv_heads = 3, .size = sizes[s]};
      check_codes(&c, 1 + f % 2);
    }
}

/// Values no scale can hold, infinities and NaN: finite codes, the same on both levels.
static void test_hostile_values(void **state) {
  (void)state;
  static const float hostile[16] = {INFINITY, -INFINITY, NAN, 1e30f, -1e30f, 1e-40f, -0.0f, 1e-9f,
                                    65504,    1e38f,     -3e38f, NAN, 0, 1, 2, 3};
  int32_t position = 5, sequence = 0;
  for (int count = 1; count <= 16; ++count) {
    uint8_t *caches[2] = {NULL, NULL};
    for (int wide = 0; wide < 2 && has_level(wide); ++wide) {
      kv_case c = {.wide = wide, .keys = format_of(4, 16), .values = format_of(8, 16),
                   .kv_heads = 1, .size = 16, .rows = 1, .positions = &position, .sequences = &sequence};
      float x[16] = {0};
      memcpy(x, hostile + 16 - count, (size_t)count * sizeof(float));
      c.k = c.v = x;
      c.cache = caches[wide] = aligned_bytes(cache_bytes(&c));
      run_kernel(call_append, &c, 1);
      resq_kv_view key = view_of(&c, 0, 0, 1);
      for (int i = 0; i < 16; ++i)
        assert_true(isfinite(resq_kv_decode(&key, position, i)));
      if (wide)
        assert_memory_equal(caches[0], caches[1], cache_bytes(&c));
    }
    free(caches[0]);
    free(caches[1]);
  }
}

//===-- Attention ---------------------------------------------------------===//

/// Softmax in double over the decoded cache for row r and head h, into wanted; returns max |v|.
static double reference(const kv_case *c, int64_t r, int64_t h, double *wanted) {
  double p[CAPACITY], largest = -INFINITY, sum = 0, most = 0;
  int64_t head = h / (c->heads / c->kv_heads), sequence = c->sequences[r];
  resq_kv_view key = view_of(c, sequence, head, 1), value = view_of(c, sequence, head, 0);
  for (int64_t t = 0; t <= c->positions[r]; ++t) {
    p[t] = 0;
    for (int64_t i = 0; i < c->size; ++i)
      p[t] += (double)c->q[(r * c->heads + h) * c->size + i] * resq_kv_decode(&key, t, i);
    p[t] *= scale_of(c->size);
    largest = fmax(largest, p[t]);
  }
  for (int64_t t = 0; t <= c->positions[r]; ++t)
    sum += p[t] = exp(p[t] - largest);
  for (int64_t i = 0; i < c->size; ++i) {
    wanted[i] = 0;
    for (int64_t t = 0; t <= c->positions[r]; ++t) {
      double element = resq_kv_decode(&value, t, i);
      wanted[i] += p[t] / sum * element;
      most = fmax(most, fabs(element));
    }
  }
  return most;
}

static void check_attention(const kv_case *c) {
  for (int64_t r = 0; r < c->rows; ++r) {
    for (int64_t h = 0; h < c->heads; ++h) {
      double wanted[128], most = reference(c, r, h, wanted);
      for (int64_t i = 0; i < c->size; ++i) {
        float got = c->y[(r * c->heads + h) * c->size + i];
        if (!(fabs(got - wanted[i]) <= BOUND * most))
          fail_msg("row %d head %d element %d: got %.9g, wanted %.9g", (int)r, (int)h, (int)i, got,
                   wanted[i]);
      }
    }
  }
}

/// Fills positions 0..CAPACITY-1 of all sequences. The rest of the cache stays as garbage.
static void fill_cache(kv_case *c, int64_t upto) {
  int64_t rows = upto * SEQUENCES, width = c->kv_heads * c->size;
  int32_t *positions = aligned_bytes((size_t)rows * 4);
  int32_t *sequences = aligned_bytes((size_t)rows * 4);
  float *k = random_rows(rows * width, 2, 3), *v = random_rows(rows * width, 1, 4);
  for (int64_t r = 0; r < rows; ++r) {
    positions[r] = (int32_t)(r % upto);
    sequences[r] = (int32_t)(r / upto);
  }
  kv_case all = *c;
  all.k = k;
  all.v = v;
  all.positions = positions;
  all.sequences = sequences;
  all.rows = rows;
  run_kernel(call_append, &all, 1);
  free(positions);
  free(sequences);
  free(k);
  free(v);
}

/// Decode, prefill from 0, prefill at depth, and rows of several sequences.
static void check_shapes(kv_case *c, int threads) {
  static const struct { int64_t rows, from; bool mixed; } runs[] = {
      {1, 0, false}, {1, 76, false}, {3, 62, false}, {33, 0, false},
      {17, 130, true}, {16, 127, false}};
  int32_t positions[33], sequences[33];
  for (size_t i = 0; i < sizeof runs / sizeof *runs; ++i) {
    place_rows(c, positions, sequences, runs[i].rows, runs[i].from, runs[i].mixed);
    memset(c->cache, 0xff, cache_bytes(c)); // past the end: NaN
    fill_cache(c, runs[i].from + runs[i].rows);
    float *q = random_rows(c->rows * c->heads * c->size, 3, 5);
    c->q = q;
    c->y = aligned_bytes((size_t)(c->rows * c->heads * c->size) * sizeof(float));
    run_kernel(call_attention, c, threads);
    check_attention(c);
    free(q);
    free(c->y);
  }
}

static void test_attention(void **state) {
  (void)state;
  static const int64_t sizes[] = {8, 40, 64, 80, 128}, groups[] = {1, 3, 8};
  for (int wide = 0; wide < 2 && has_level(wide); ++wide)
    for (int s = 0; s < 5; ++s)
      for (int f = 0; f < FORMATS; ++f) {
        int64_t group = groups[(s + f) % 3];
        kv_case c = {.wide = wide, .keys = format_of(f, sizes[s]),
                     .values = format_of(f + 3 * s, sizes[s]), .kv_heads = 2, .heads = 2 * group,
                     .size = sizes[s]};
        c.cache = aligned_bytes(cache_bytes(&c));
        check_shapes(&c, 1 + f % 2);
        free(c.cache);
      }
}

/// A row gives the same bits alone and in a prefill, on one thread and on four.
static void test_rows_apart(void **state) {
  (void)state;
  enum { ROWS = 33, HEADS = 6, SIZE = 40 };
  for (int wide = 0; wide < 2 && has_level(wide); ++wide) {
    int32_t positions[ROWS], sequences[ROWS];
    kv_case c = {.wide = wide, .keys = format_of(4, SIZE), .values = format_of(8, SIZE),
                 .kv_heads = 2, .heads = HEADS, .size = SIZE};
    c.cache = aligned_bytes(cache_bytes(&c));
    place_rows(&c, positions, sequences, ROWS, 50, false);
    fill_cache(&c, 50 + ROWS);
    float *q = random_rows(ROWS * HEADS * SIZE, 3, 5), one[HEADS * SIZE];
    c.q = q;
    c.y = aligned_bytes(ROWS * HEADS * SIZE * sizeof(float));
    run_kernel(call_attention, &c, 1);
    for (int64_t r = 0; r < ROWS; ++r) {
      kv_case single = c;
      single.q = q + r * HEADS * SIZE;
      single.positions = positions + r;
      single.sequences = sequences + r;
      single.rows = 1;
      single.y = one;
      run_kernel(call_attention, &single, 4);
      assert_memory_equal(one, c.y + r * HEADS * SIZE, sizeof one);
    }
    free(c.cache);
    free(c.y);
    free(q);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_codes),
      cmocka_unit_test(test_hostile_values),
      cmocka_unit_test(test_attention),
      cmocka_unit_test(test_rows_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
