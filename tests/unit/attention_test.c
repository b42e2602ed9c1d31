//===-- attention_test.c - the cache's codes, and attention over them -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Appended vectors decode as the quantisers' formulas say, code for code, and both levels
// write the same bytes. Attention agrees with softmax in double over the decoded cache:
// |error| <= BOUND * max |v|. Rows of several sequences, odd positions, one and two threads.
//===----------------------------------------------------------------------===//
#include "kernels/layout/kv_layout.h"
#include "quant_harness.h"
#include <math.h>
#include <stdbool.h>

__typeof__(resq_kv_append_generic) resq_kv_append_avx2, resq_kv_append_avx512;
__typeof__(resq_attention_generic) resq_attention_avx2, resq_attention_avx512;

#define BOUND 1e-5

enum { CAPACITY = 192, SEQUENCES = 3, MOST_COLUMNS = 1100 };

/// A cache, the rows that go into it, and the queries.
typedef struct kv_case {
  int level;
  resq_kv_format keys, values;
  int64_t heads, kv_heads, size, rows;
  const float *k, *v, *q, *sketch;
  const int32_t *positions, *sequences;
  uint8_t *cache;
  float *y;
} kv_case;

static void call_append(resq_worker *w, void *p) {
  const kv_case *c = p;
  AT_LEVEL(c->level, resq_kv_append)(
      w, 0, c->k, c->v, c->positions, c->sequences, c->sketch, c->cache, c->rows,
      c->kv_heads * c->size, c->kv_heads * c->size, CAPACITY, c->kv_heads, c->size, c->keys.kind,
      c->keys.bits, c->keys.high, c->keys.rows, c->values.kind, c->values.bits, c->values.high);
}

static float scale_of(int64_t size) { return 1.0f / sqrtf((float)size); }

static void call_attention(resq_worker *w, void *p) {
  const kv_case *c = p;
  AT_LEVEL(c->level, resq_attention)(w, 0, c->q, c->positions, c->sequences, c->sketch, c->cache,
                                     c->y, c->rows, c->heads * c->size, c->heads * c->size,
                                     CAPACITY, c->heads, c->kv_heads, c->size, scale_of(c->size),
                                     c->keys.kind, c->keys.bits, c->keys.high, c->keys.rows,
                                     c->values.kind, c->values.bits, c->values.high);
}

static size_t cache_bytes(const kv_case *c) {
  int64_t vector = resq_kv_vector_bytes(c->keys) + resq_kv_vector_bytes(c->values);
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

/// The sum of `count` products in the order of lloyd_max.h.
static float sum_in_lanes(const float *a, const float *b, int64_t count) {
  float lanes[16] = {0};
  for (int64_t i = 0; i < count; ++i)
    lanes[i % 16] += a[i] * b[i];
  for (int width = 8; width; width /= 2)
    for (int j = 0; j < width; ++j)
      lanes[j] += lanes[j + width];
  return lanes[0];
}

/// Lloyd-Max: each element has the nearest of the centroids times its vector's deviation. The scale
/// keeps <x, coded x> = |x|^2 for keys, and for values it is that of the least squared error.
static void check_lloyd_max(const resq_kv_view *v, int64_t position, const float *x) {
  float squares = sum_in_lanes(x, x, v->low), chosen[1024];
  double deviation = sqrt((double)squares / (double)v->low);
  for (int64_t i = 0; i < v->low; ++i) {
    int32_t code = resq_kv_code_of(v, position, i);
    chosen[i] = resq_lm_centroid(v->bits, code);
    for (int64_t other = 0; other < 1 << v->bits; ++other)
      assert_true(fabs(x[i] - deviation * chosen[i]) <=
                  fabs(x[i] - deviation * resq_lm_centroid(v->bits, other)) + 1e-6 * deviation);
  }
  float product = sum_in_lanes(x, chosen, v->low);
  float scale = v->is_key ? squares / product : product / sum_in_lanes(chosen, chosen, v->low);
  assert_true(resq_kv_scale(v, position, 0) == (squares > 0 ? (float)(_Float16)scale : 0));
  for (int64_t i = 0; i < v->low; ++i)
    assert_true(resq_kv_decode(v, position, i) == resq_kv_scale(v, position, 0) * chosen[i]);
}

/// Signs of the sketch's rows times the low part, and its norm.
static void check_signs(const resq_kv_view *v, int64_t position, const float *x,
                        const float *sketch) {
  for (int64_t j = 0; j < v->low; ++j) {
    float dot = 0;
    for (int64_t i = 0; i < v->elements; ++i)
      dot += sketch[(j / 16 * v->elements + i) * 16 + j % 16] * x[i];
    assert_int_equal(resq_kv_code_of(v, position, j), dot > 0);
  }
  float norm = sqrtf(sum_in_lanes(x, x, v->elements));
  assert_true(resq_kv_scale(v, position, 0) == (float)(_Float16)norm);
}

static void check_vector(const resq_kv_view *v, int64_t position, const float *x,
                         const float *sketch) {
  if (v->kind == RESQ_KV_F32 || v->kind == RESQ_KV_F16) {
    for (int64_t i = 0; i < v->size; ++i)
      assert_true(resq_kv_decode(v, position, i) ==
                  (v->kind == RESQ_KV_F32 ? x[i] : (float)(_Float16)x[i]));
    return;
  }
  if (v->kind == RESQ_KV_LM)
    check_lloyd_max(v, position, x);
  else if (v->kind == RESQ_KV_QJL)
    check_signs(v, position, x, sketch);
  else
    check_part(v, position, x, 0, v->low, (int)v->bits, 0);
  if (v->high)
    check_part(v, position, x + v->elements, v->low, v->high, 8, 1);
}

/// For values; keys have the sign codes, too.
static const resq_kv_format formats[] = {
    {0, RESQ_KV_F32, 0, 0, 0},   {0, RESQ_KV_F16, 0, 0, 0},  {0, RESQ_KV_INT, 4, 0, 0},
    {0, RESQ_KV_INT, 2, 1, 0},   {0, RESQ_KV_INT, 3, 5, 0},  {0, RESQ_KV_INT, 8, 0, 0},
    {0, RESQ_KV_INT, 8, 3, 0},   {0, RESQ_KV_INT, 3, 0, 0},  {0, RESQ_KV_INT, 4, 2, 0},
    {0, RESQ_KV_INT, 2, 0, 0},   {0, RESQ_KV_INT, 5, 0, 0},  {0, RESQ_KV_INT, 6, 3, 0},
    {0, RESQ_KV_INT, 7, 1, 0},   {0, RESQ_KV_LM, 1, 0, 0},   {0, RESQ_KV_LM, 2, 1, 0},
    {0, RESQ_KV_LM, 3, 5, 0},    {0, RESQ_KV_LM, 4, 0, 0},   {0, RESQ_KV_LM, 4, 3, 0},
    {0, RESQ_KV_LM, 3, 0, 0},    {0, RESQ_KV_QJL, 0, 0, 64}, {0, RESQ_KV_QJL, 0, 5, 27},
    {0, RESQ_KV_QJL, 0, 1, 300},
};
enum { FORMATS = sizeof formats / sizeof *formats, VALUE_FORMATS = FORMATS - 3 };

static resq_kv_format value_format(int index, int64_t size) {
  resq_kv_format f = formats[index % VALUE_FORMATS];
  f.size = size;
  return f;
}

static resq_kv_format key_format(int index, int64_t size) {
  resq_kv_format f = formats[index % FORMATS];
  f.size = size;
  return f;
}

/// The panel of a Gaussian sketch of keys, its padding rows zero; to be freed.
static float *make_sketch(resq_kv_format keys) {
  int64_t low = keys.size - keys.high, tiles = (keys.rows + 15) / 16;
  float *panel = random_rows(tiles * 16 * low + 1, 1, 9);
  for (int64_t j = keys.rows; j < tiles * 16; ++j)
    for (int64_t i = 0; i < low; ++i)
      panel[(j / 16 * low + i) * 16 + j % 16] = 0;
  return panel;
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
  float *v = random_rows(33 * c->kv_heads * c->size, 0.01f, 2), *sketch = make_sketch(c->keys);
  memset(v, 0, (size_t)(c->kv_heads * c->size) * sizeof(float)); // a row of zeros
  for (int64_t i = 0; i < c->size; ++i)
    k[i] = 1 + fabsf(k[i]); // a vector of one sign
  c->k = k;
  c->v = v;
  c->sketch = sketch;
  size_t bytes = cache_bytes(c);
  uint8_t *first = NULL;
  for (int level = 0; level < TEST_LEVELS && has_level(level); ++level) {
    c->level = level;
    c->cache = aligned_bytes(bytes);
    run_kernel(call_append, c, threads);
    for (int64_t r = 0; r < 33; ++r) {
      for (int64_t h = 0; h < c->kv_heads; ++h) {
        resq_kv_view key = view_of(c, sequences[r], h, 1), value = view_of(c, sequences[r], h, 0);
        check_vector(&key, positions[r], k + (r * c->kv_heads + h) * c->size, sketch);
        check_vector(&value, positions[r], v + (r * c->kv_heads + h) * c->size, NULL);
      }
    }
    if (first) // the same bytes, and none written but the rows'
      assert_memory_equal(first, c->cache, bytes);
    else
      first = memcpy(aligned_bytes(bytes), c->cache, bytes);
    free(c->cache);
  }
  free(first);
  free(sketch);
  free(k);
  free(v);
}

static void test_codes(void **state) {
  (void)state;
  static const int64_t sizes[] = {8, 19, 40, 64, 80, 128};
  for (size_t s = 0; s < 6; ++s)
    for (int f = 0; f < FORMATS; ++f) {
      kv_case c = {.keys = key_format(f, sizes[s]),
                   .values = value_format(f + 3, sizes[s]),
                   .kv_heads = 3,
                   .size = sizes[s]};
      check_codes(&c, 1 + f % 2);
    }
}

/// Values no scale can hold, infinities and NaN: finite codes, the same on both levels.
static void check_hostile(int format, int count) {
  static const float hostile[16] = {INFINITY, -INFINITY, NAN,   1e30f, -1e30f, 1e-40f,
                                    -0.0f,    1e-9f,     65504, 1e38f, -3e38f, NAN,
                                    0,        1,         2,     3};
  int32_t position = 5, sequence = 0;
  uint8_t *caches[TEST_LEVELS] = {NULL};
  for (int level = 0; level < TEST_LEVELS && has_level(level); ++level) {
    kv_case c = {.level = level,
                 .keys = key_format(format, 16),
                 .values = value_format(8, 16),
                 .kv_heads = 1,
                 .size = 16,
                 .rows = 1,
                 .positions = &position,
                 .sequences = &sequence};
    float x[16] = {0}, *sketch = make_sketch(c.keys);
    memcpy(x, hostile + 16 - count, (size_t)count * sizeof(float));
    c.k = c.v = x;
    c.sketch = sketch;
    c.cache = caches[level] = aligned_bytes(cache_bytes(&c));
    run_kernel(call_append, &c, 1);
    resq_kv_view key = view_of(&c, 0, 0, 1);
    for (int64_t i = 0; i < key.size; ++i)
      assert_true(isfinite(resq_kv_decode(&key, position, i)));
    assert_memory_equal(caches[0], caches[level], cache_bytes(&c));
    free(sketch);
  }
  for (int level = 0; level < TEST_LEVELS; ++level)
    free(caches[level]);
}

static void test_hostile_values(void **state) {
  (void)state;
  for (int format = 2; format < FORMATS; ++format)
    for (int count = 1; count <= 16; ++count)
      check_hostile(format, count);
}

//===-- Attention ---------------------------------------------------------===//

/// The columns of a query (kv_layout.h), in double.
static void query_columns(const kv_case *c, const resq_kv_view *key, const float *q,
                          double *columns) {
  int64_t signs = key->kind == RESQ_KV_QJL ? key->low : 0, elements = signs ? key->elements : 0;
  for (int64_t j = 0; j < signs; ++j) {
    columns[j] = 0;
    for (int64_t i = 0; i < elements; ++i)
      columns[j] += (double)c->sketch[(j / 16 * elements + i) * 16 + j % 16] * q[i];
  }
  for (int64_t i = 0; i < key->size - signs; ++i)
    columns[signs + i] = q[elements + i];
}

/// Of a key's column: what multiplies the query's, with the constant of the signs in double.
static double key_column(const resq_kv_view *key, int64_t position, int64_t i) {
  if (key->kind != RESQ_KV_QJL || i >= key->low)
    return resq_kv_decode(key, position, i);
  double weight = sqrt(M_PI / 2) / (double)key->low * resq_kv_scale(key, position, 0);
  return resq_kv_code_of(key, position, i) ? weight : -weight;
}

/// Softmax in double over the decoded cache for row r and head h, into wanted; returns max |v|.
static double reference(const kv_case *c, int64_t r, int64_t h, double *wanted) {
  double p[CAPACITY], q[MOST_COLUMNS], largest = -INFINITY, sum = 0, most = 0;
  int64_t head = h / (c->heads / c->kv_heads), sequence = c->sequences[r];
  resq_kv_view key = view_of(c, sequence, head, 1), value = view_of(c, sequence, head, 0);
  query_columns(c, &key, c->q + (r * c->heads + h) * c->size, q);
  for (int64_t t = 0; t <= c->positions[r]; ++t) {
    p[t] = 0;
    for (int64_t i = 0; i < key.size; ++i)
      p[t] += q[i] * key_column(&key, t, i);
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
  static const struct {
    int64_t rows, from;
    bool mixed;
  } runs[] = {{1, 0, false},  {1, 76, false},  {3, 62, false},
              {33, 0, false}, {17, 130, true}, {16, 127, false}};
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
  for (int level = 0; level < TEST_LEVELS && has_level(level); ++level)
    for (int f = 0; f < FORMATS; ++f)
      for (int s = f % 2; s < 5; s += 2) {
        int64_t group = groups[(s + f) % 3];
        kv_case c = {.level = level,
                     .keys = key_format(f, sizes[s]),
                     .values = value_format(f + 3 * s, sizes[s]),
                     .kv_heads = 2,
                     .heads = 2 * group,
                     .size = sizes[s]};
        float *sketch = make_sketch(c.keys);
        c.sketch = sketch;
        c.cache = aligned_bytes(cache_bytes(&c));
        check_shapes(&c, 1 + f % 2);
        free(c.cache);
        free(sketch);
      }
}

/// A row gives the same bits alone and in a prefill, on one thread and on four.
static void check_rows_apart(int level, int format) {
  enum { ROWS = 33, HEADS = 6, SIZE = 40 };
  int32_t positions[ROWS], sequences[ROWS];
  kv_case c = {.level = level,
               .keys = key_format(format, SIZE),
               .values = value_format(8, SIZE),
               .kv_heads = 2,
               .heads = HEADS,
               .size = SIZE};
  float *sketch = make_sketch(c.keys);
  c.sketch = sketch;
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
  free(sketch);
}

static void test_rows_apart(void **state) {
  (void)state;
  static const int kinds[] = {4, 11, 15, 20};
  for (int level = 0; level < TEST_LEVELS && has_level(level); ++level)
    for (int i = 0; i < 4; ++i)
      check_rows_apart(level, kinds[i]);
}

/// More query heads than scratch holds at once share a kv head.
static void test_many_heads(void **state) {
  (void)state;
  enum { HEADS = 240, SIZE = 24 };
  for (int level = 0; level < TEST_LEVELS && has_level(level); ++level) {
    int32_t positions[2], sequences[2];
    kv_case c = {.level = level,
                 .keys = key_format(FORMATS - 1, SIZE),
                 .values = value_format(1, SIZE),
                 .kv_heads = 1,
                 .heads = HEADS,
                 .size = SIZE};
    c.keys.rows = 1024;
    float *sketch = make_sketch(c.keys), *q = random_rows(2 * HEADS * SIZE, 3, 5);
    c.sketch = sketch;
    c.q = q;
    c.cache = aligned_bytes(cache_bytes(&c));
    c.y = aligned_bytes(2 * HEADS * SIZE * sizeof(float));
    place_rows(&c, positions, sequences, 2, 70, false);
    fill_cache(&c, 72);
    run_kernel(call_attention, &c, 2);
    check_attention(&c);
    free(c.cache);
    free(c.y);
    free(q);
    free(sketch);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_codes),      cmocka_unit_test(test_hostile_values),
      cmocka_unit_test(test_attention),  cmocka_unit_test(test_rows_apart),
      cmocka_unit_test(test_many_heads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
