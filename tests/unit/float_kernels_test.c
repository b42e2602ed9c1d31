//===-- float_kernels_test.c - float kernels, against double and each other ===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every float op at every level against a reference in double: odd rows, widths and
// strides, in place, one and two threads. Bounds are relative to the sum of the
// magnitudes that were added; moves are exact. Nothing outside the result is written.
//===----------------------------------------------------------------------===//
#include "quant_harness.h"
#include "kernels/scalar_math.h"
#include <math.h>
#include <stdbool.h>

#define OTHER_LEVEL(name) __typeof__(name##_generic) name##_avx2, name##_avx512
OTHER_LEVEL(resq_embed_f32);
OTHER_LEVEL(resq_embed_bf16);
OTHER_LEVEL(resq_embed_f16);
OTHER_LEVEL(resq_embed_codes);
OTHER_LEVEL(resq_linear_f32);
OTHER_LEVEL(resq_linear_bf16);
OTHER_LEVEL(resq_linear_f16);
OTHER_LEVEL(resq_rms_norm);
OTHER_LEVEL(resq_rope_angles);
OTHER_LEVEL(resq_rope);
OTHER_LEVEL(resq_silu_gate);
OTHER_LEVEL(resq_add);
OTHER_LEVEL(resq_gather_rows);
OTHER_LEVEL(resq_permute);
OTHER_LEVEL(resq_split);
OTHER_LEVEL(resq_join);

#define CALL(name, ...) AT_LEVEL(c->level, name)(__VA_ARGS__)

/// Operands of any op here; strides are widths plus PAD.
typedef struct op_case {
  int level;
  int as;
  const float *a, *b, *gain;
  const int32_t *ids;
  const void *panel;
  float *y, *y2;
  int64_t rows, width, n, block, high, lda, ldy;
} op_case;

enum { PAD = 3 };

static const int64_t widths[] = {1, 7, 16, 17, 64, 576};
static const int64_t row_counts[] = {0, 1, 2, 3, 16, 17, 33};

#define EACH(variable, list)                                                                       \
  for (size_t variable##_i = 0; variable##_i < sizeof(list) / sizeof *(list); ++variable##_i)      \
    for (int64_t variable = (list)[variable##_i], once_##variable = 1; once_##variable;            \
         once_##variable = 0)

/// A result of 0xa5 bytes, as aligned_bytes leaves it.
static float *fresh(int64_t count) { return aligned_bytes((size_t)count * sizeof(float)); }

static void run(kernel_call call, op_case *c, int threads) {
  // Constants: gcc's -Wmaybe-uninitialized does not see that there is always a thread.
  if (threads == 1)
    run_kernel(call, c, 1);
  else
    run_kernel(call, c, threads == 2 ? 2 : HARNESS_THREADS);
}

/// The gap behind each row is as it was.
static void check_gaps(const float *y, int64_t rows, int64_t width, int64_t ld) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = width; i < ld; ++i)
      assert_true(resq_bits_of(y[r * ld + i]) == 0xa5a5a5a5u);
}

static void check_near(float got, double wanted, double bound) {
  if (!(fabs(got - wanted) <= bound))
    fail_msg("got %.9g, wanted %.9g, allowed to differ by %.3g", got, wanted, bound);
}

/// Runs `test` on each level (where the CPU has it) and on 1 and 2 threads.
static void each_level(void (*test)(int level, int threads)) {
  for (int level = 0; level < TEST_LEVELS; ++level)
    for (int threads = 1; threads < 3 && has_level(level); ++threads)
      test(level, threads);
}

//===-- Linear and embed --------------------------------------------------===//

static uint16_t half_bits(float x, int as) {
  return as == RESQ_AS_F16 ? resq_f16_from_f32(x) : (uint16_t)(resq_bits_of(x) >> 16);
}

static double widened(float x, int as) {
  if (as == RESQ_AS_F32)
    return x;
  uint16_t h = half_bits(x, as);
  return as == RESQ_AS_F16 ? resq_f32_from_f16(h) : resq_f32_from_bf16(h);
}

/// [n, k] in tiles of 16 channels.
static void *panel_of(const float *weight, int64_t n, int64_t k, int as) {
  int64_t padded = resq_round_up(n, RESQ_TILE_N), size = as == RESQ_AS_F32 ? 4 : 2;
  uint8_t *panel = aligned_bytes((size_t)(padded * k * size));
  memset(panel, 0, (size_t)(padded * k * size));
  for (int64_t c = 0; c < n; ++c) {
    for (int64_t i = 0; i < k; ++i) {
      int64_t at = (c / RESQ_TILE_N * k + i) * RESQ_TILE_N + c % RESQ_TILE_N;
      if (as == RESQ_AS_F32)
        ((float *)panel)[at] = weight[c * k + i];
      else
        ((uint16_t *)panel)[at] = half_bits(weight[c * k + i], as);
    }
  }
  return panel;
}

static void call_linear(resq_worker *w, void *p) {
  const op_case *c = p;
  if (c->as == RESQ_AS_F32)
    CALL(resq_linear_f32, w, 0, c->a, c->panel, c->gain, c->y, c->rows, c->lda, c->ldy, c->n,
         c->width);
  else if (c->as == RESQ_AS_F16)
    CALL(resq_linear_f16, w, 0, c->a, c->panel, c->gain, c->y, c->rows, c->lda, c->ldy, c->n,
         c->width);
  else
    CALL(resq_linear_bf16, w, 0, c->a, c->panel, c->gain, c->y, c->rows, c->lda, c->ldy, c->n,
         c->width);
}

static void check_linear(op_case *c, const float *weight, int threads) {
  c->panel = panel_of(weight, c->n, c->width, c->as);
  c->y = fresh(c->rows * c->ldy);
  run(call_linear, c, threads);
  for (int64_t r = 0; r < c->rows; ++r) {
    for (int64_t o = 0; o < c->n; ++o) {
      double sum = c->gain ? c->gain[o] : 0.0, size = fabs(sum);
      for (int64_t i = 0; i < c->width; ++i) {
        double term = c->a[r * c->lda + i] * widened(weight[o * c->width + i], c->as);
        sum += term;
        size += fabs(term);
      }
      check_near(c->y[r * c->ldy + o], sum, 2e-6 * size + 1e-30);
    }
  }
  check_gaps(c->y, c->rows, c->n, c->ldy);
  free(c->y);
  free((void *)c->panel);
}

static void linear_on(int level, int threads) {
  static const int64_t outputs[] = {1, 17, 136};
  EACH(rows, row_counts) EACH(k, widths) EACH(n, outputs) {
    if (k == 576 && rows != 1 && rows != 17)
      continue;
    float *x = random_rows(rows * (k + PAD), 1, 1), *weight = random_rows(n * k, 1, 2);
    float *bias = random_rows(n, 1, 3);
    for (int as = RESQ_AS_F32; as <= RESQ_AS_BF16; ++as) {
      op_case c = {.level = level,
                   .as = as,
                   .a = x,
                   .gain = as == RESQ_AS_F16 ? NULL : bias,
                   .rows = rows,
                   .width = k,
                   .n = n,
                   .lda = k + PAD,
                   .ldy = n + PAD};
      check_linear(&c, weight, threads);
    }
    free(x);
    free(weight);
    free(bias);
  }
}

static void test_linear(void **state) {
  (void)state;
  each_level(linear_on);
}

/// A row gives the same bits alone, in a batch past one chunk's rows, and on more threads.
static void test_linear_rows_apart(void **state) {
  (void)state;
  enum { ROWS = 101, K = 100, N = 150 };
  float *x = random_rows(ROWS * K, 1, 1), *weight = random_rows(N * K, 1, 2);
  void *panel = panel_of(weight, N, K, RESQ_AS_F32);
  for (int level = 0; level < TEST_LEVELS && has_level(level); ++level) {
    float *all = fresh(ROWS * N), *one = fresh(N);
    op_case c = {.level = level,
                 .a = x,
                 .panel = panel,
                 .y = all,
                 .rows = ROWS,
                 .width = K,
                 .n = N,
                 .lda = K,
                 .ldy = N};
    run(call_linear, &c, 4);
    for (int64_t r = 0; r < ROWS; r += 5) {
      op_case single = c;
      single.a = x + r * K;
      single.y = one;
      single.rows = 1;
      run(call_linear, &single, 1);
      assert_memory_equal(one, all + r * N, N * sizeof(float));
    }
    free(all);
    free(one);
  }
  free(x);
  free(weight);
  free(panel);
}

static void call_embed(resq_worker *w, void *p) {
  const op_case *c = p;
  if (c->as == RESQ_AS_F32)
    CALL(resq_embed_f32, w, 0, c->ids, c->panel, c->y, c->rows, c->ldy, c->n, c->width);
  else if (c->as == RESQ_AS_F16)
    CALL(resq_embed_f16, w, 0, c->ids, c->panel, c->y, c->rows, c->ldy, c->n, c->width);
  else
    CALL(resq_embed_bf16, w, 0, c->ids, c->panel, c->y, c->rows, c->ldy, c->n, c->width);
}

static void embed_on(int level, int threads) {
  enum { VOCABULARY = 37 };
  static const int32_t ids[] = {0, 36, 17, 16, 15, -5, 99};
  EACH(width, widths) {
    float *table = random_rows(VOCABULARY * width, 1, 4);
    for (int as = RESQ_AS_F32; as <= RESQ_AS_BF16; ++as) {
      op_case c = {.level = level,
                   .as = as,
                   .ids = ids,
                   .y = fresh(7 * (width + PAD)),
                   .rows = 7,
                   .panel = panel_of(table, VOCABULARY, width, as),
                   .n = VOCABULARY,
                   .width = width,
                   .ldy = width + PAD};
      run(call_embed, &c, threads);
      for (int64_t r = 0; r < 7; ++r) {
        int64_t id = ids[r] < 0 ? 0 : ids[r] > 36 ? 36 : ids[r];
        for (int64_t i = 0; i < width; ++i)
          assert_true(c.y[r * c.ldy + i] == widened(table[id * width + i], as));
      }
      check_gaps(c.y, 7, width, c.ldy);
      free(c.y);
      free((void *)c.panel);
    }
    free(table);
  }
}

static void test_embed(void **state) {
  (void)state;
  each_level(embed_on);
}

static void call_embed_codes(resq_worker *w, void *p) {
  const op_case *c = p;
  CALL(resq_embed_codes, w, 0, c->ids, c->panel, c->y, c->rows, c->ldy, c->n, c->width, c->block,
       c->high);
}

/// A code that depends on where it stands, and fits `bits`.
static int32_t code_at(int64_t token, int64_t i, int64_t bits) {
  const int32_t range = 1 << bits;
  return (int32_t)((token * 31 + i * 7) % range) - range / 2;
}

static float scale_at(int64_t token, int64_t g) { return (float)(1 + token + 2 * g) / 64; }

static void embed_codes_on(int level, int threads) {
  enum { VOCABULARY = 37 };
  static const int32_t ids[] = {0, 36, 17, 16, 15, -5, 99};
  static const int64_t shapes[][2] = {{1, 1},   {7, 7},  {17, 17}, {24, 8},
                                      {64, 64}, {45, 9}, {96, 32}};
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; ++s)
    for (int64_t bits = 2; bits <= 8; bits += 3) {
      const int64_t width = shapes[s][0], group = shapes[s][1];
      uint8_t *table =
          aligned_bytes((size_t)resq_packed_weight_size(VOCABULARY, width, group, group, bits));
      resq_pack_clear(table, VOCABULARY, width, group, group, bits);
      for (int64_t t = 0; t < VOCABULARY; ++t) {
        for (int64_t i = 0; i < width; ++i)
          resq_pack_weight_code(table, t, i, code_at(t, i, bits), width, group, bits);
        for (int64_t g = 0; g < width / group; ++g)
          *resq_packed_scale(table, t, g, VOCABULARY, width, group, bits) =
              (resq_bf16)(resq_bits_of(scale_at(t, g)) >> 16);
      }
      for (int64_t rows = 0; rows <= 7; rows += 7) {
        op_case c = {.level = level,
                     .ids = ids,
                     .y = fresh(7 * (width + PAD)),
                     .rows = rows,
                     .panel = table,
                     .n = VOCABULARY,
                     .width = width,
                     .block = group,
                     .high = bits,
                     .ldy = width + PAD};
        run(call_embed_codes, &c, threads);
        for (int64_t r = 0; r < rows; ++r) {
          int64_t id = ids[r] < 0 ? 0 : ids[r] > 36 ? 36 : ids[r];
          for (int64_t i = 0; i < width; ++i)
            assert_true(c.y[r * c.ldy + i] ==
                        scale_at(id, i / group) * (float)code_at(id, i, bits));
        }
        check_gaps(c.y, rows, width, c.ldy);
        free(c.y);
      }
      free(table);
    }
}

static void test_embed_codes(void **state) {
  (void)state;
  each_level(embed_codes_on);
}

//===-- Norm, gate, sum ---------------------------------------------------===//

enum { EPSILON_INVERSE = 100000 };

static void call_norm(resq_worker *w, void *p) {
  const op_case *c = p;
  CALL(resq_rms_norm, w, 0, c->a, c->gain, c->y, c->rows, c->lda, c->ldy, c->width,
       1.0f / EPSILON_INVERSE);
}

static void call_gate(resq_worker *w, void *p) {
  const op_case *c = p;
  CALL(resq_silu_gate, w, 0, c->a, c->b, c->y, c->rows, c->lda, c->lda, c->ldy, c->width);
}

static void call_add(resq_worker *w, void *p) {
  const op_case *c = p;
  CALL(resq_add, w, 0, c->a, c->b, c->y, c->rows, c->lda, c->lda, c->ldy, c->width);
}

static double norm_factor(const op_case *c, int64_t r) {
  double squares = 0;
  for (int64_t i = 0; i < c->width; ++i)
    squares += (double)c->a[r * c->lda + i] * c->a[r * c->lda + i];
  return 1 / sqrt(squares / (double)c->width + 1.0 / EPSILON_INVERSE);
}

static void check_elementwise(op_case *c, int threads) {
  int64_t count = c->rows * c->ldy;
  for (int gained = 0; gained < 2; ++gained) {
    op_case plain = *c;
    plain.gain = gained ? c->gain : NULL;
    run(call_norm, &plain, threads);
    for (int64_t r = 0; r < c->rows; ++r)
      for (int64_t i = 0; i < c->width; ++i) {
        double wanted = c->a[r * c->lda + i] * norm_factor(c, r) * (gained ? c->gain[i] : 1);
        check_near(c->y[r * c->ldy + i], wanted, 2e-6 * fabs(wanted));
      }
  }
  memset(c->y, 0xa5, (size_t)count * sizeof(float));
  run(call_gate, c, threads);
  for (int64_t r = 0; r < c->rows; ++r)
    for (int64_t i = 0; i < c->width; ++i) {
      double g = c->a[r * c->lda + i], wanted = g / (1 + exp(-g)) * c->b[r * c->lda + i];
      check_near(c->y[r * c->ldy + i], wanted, 1e-6 * fabs(wanted) + 1e-36);
    }
  run(call_add, c, threads);
  for (int64_t r = 0; r < c->rows; ++r)
    for (int64_t i = 0; i < c->width; ++i)
      assert_true(c->y[r * c->ldy + i] == c->a[r * c->lda + i] + c->b[r * c->lda + i]);
  check_gaps(c->y, c->rows, c->width, c->ldy);
}

/// The in-place results equal those beside, bit for bit.
static void check_in_place(op_case *c, kernel_call call) {
  run(call, c, 1);
  float *x = fresh(c->rows * c->lda);
  memcpy(x, c->a, (size_t)(c->rows * c->lda) * sizeof(float));
  op_case inside = *c;
  inside.a = inside.y = x;
  inside.ldy = c->lda;
  run(call, &inside, 1);
  for (int64_t r = 0; r < c->rows; ++r)
    assert_memory_equal(x + r * c->lda, c->y + r * c->ldy, (size_t)c->width * sizeof(float));
  free(x);
}

static void elementwise_on(int level, int threads) {
  static const int64_t more_widths[] = {1, 7, 16, 17, 64, 576, 9001};
  EACH(rows, row_counts) EACH(width, more_widths) {
    if (width > 1000 && rows != 1 && rows != 3)
      continue;
    op_case c = {
        .level = level, .rows = rows, .width = width, .lda = width + PAD, .ldy = width + PAD + 2};
    c.a = random_rows(rows * c.lda, 20, 5);
    c.b = random_rows(rows * c.lda, 1, 6);
    c.gain = random_rows(width, 2, 7);
    c.y = fresh(rows * c.ldy);
    check_elementwise(&c, threads);
    check_in_place(&c, call_norm);
    check_in_place(&c, call_gate);
    check_in_place(&c, call_add);
    free((void *)c.a);
    free((void *)c.b);
    free((void *)c.gain);
    free(c.y);
  }
}

static void test_elementwise(void **state) {
  (void)state;
  each_level(elementwise_on);
}

/// Gates far out: no NaN, the limits of silu.
static void gate_limits_on(int level, int threads) {
  static const float gates[] = {-1e30f, -200, -104, -88, 0, 88, 104, 200, 1e30f};
  static const float ups[] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
  float y[9];
  op_case c = {
      .level = level, .rows = 1, .width = 9, .a = gates, .b = ups, .y = y, .lda = 9, .ldy = 9};
  run(call_gate, &c, threads);
  for (int i = 0; i < 9; ++i)
    check_near(y[i], gates[i] > 80 ? gates[i] : 0, gates[i] > 80 ? 1e-6 * gates[i] : 1e-34);
}

static void test_exponential(void **state) {
  (void)state;
  each_level(gate_limits_on);
  for (float x = -86; x < 88; x += 0.0137f)
    check_near(resq_exp(x), exp(x), 2.0 * 0x1p-23 * exp(x));
  assert_true(resq_exp(-INFINITY) < 1e-44f);
  assert_true(isinf(resq_exp(100)));
  assert_true(isnan(resq_exp(NAN)));
}

/// All halves survive the way to f32 and back; f32 rounds as the hardware does.
static void test_halves(void **state) {
  (void)state;
  for (uint32_t h = 0; h < 65536; ++h) {
    float x = resq_f32_from_f16((uint16_t)h);
    if ((h & 0x7fff) > 0x7c00)
      assert_true(isnan(x));
    else
      assert_int_equal(resq_f16_from_f32(x), h);
  }
  uint64_t seed = 9;
  for (int i = 0; i < 300000; ++i) {
    float x = resq_float_of(random_bits(&seed));
    _Float16 wanted = (_Float16)x;
    uint16_t bits;
    memcpy(&bits, &wanted, sizeof(bits));
    if (!isnan(x))
      assert_int_equal(resq_f16_from_f32(x), bits);
  }
}

//===-- Rotary embedding --------------------------------------------------===//

static void call_angles(resq_worker *w, void *p) {
  const op_case *c = p;
  CALL(resq_rope_angles, w, 0, c->ids, c->a, NULL, c->y, c->rows, c->width);
}

static void angles_on(int level, int threads) {
  enum { SIZE = 10, ROWS = 4000 };
  static const float inv_freq[SIZE / 2] = {1.0f, 0.177827941f, 0.0123f, 3.1e-5f, 0.99999994f};
  int32_t *positions = aligned_bytes(ROWS * sizeof(int32_t));
  for (int i = 0; i < ROWS; ++i)
    positions[i] = i < 2000 ? i : (1 << 20) - (i - 2000) * 523;
  op_case c = {.level = level,
               .ids = positions,
               .a = inv_freq,
               .y = fresh(ROWS * SIZE),
               .rows = ROWS,
               .width = SIZE};
  run(call_angles, &c, threads);
  for (int64_t r = 0; r < ROWS; ++r)
    for (int64_t i = 0; i < SIZE / 2; ++i) {
      double angle = (float)positions[r] * inv_freq[i];
      check_near(c.y[r * SIZE + i], cos(angle), 1e-7);
      check_near(c.y[r * SIZE + SIZE / 2 + i], sin(angle), 1e-7);
    }
  free(positions);
  free(c.y);
}

static void call_rope(resq_worker *w, void *p) {
  const op_case *c = p;
  CALL(resq_rope, w, 0, c->a, c->b, c->y, c->rows, c->lda, c->ldy, c->n, c->block, c->high);
}

/// block: the head's size; high: how much of it turns.
static void check_rope(op_case *c) {
  for (int64_t i = 0; i < c->rows * c->width; ++i) {
    int64_t r = i / c->width, at = i % c->width, e = at % c->block, half = c->high / 2;
    const float *head = c->a + r * c->lda + at - e, *angles = c->b + r * c->high;
    double wanted = head[e], size = 0;
    if (e < c->high) {
      int64_t pair = e % half;
      double x = head[pair], y = head[half + pair], co = angles[pair], si = angles[half + pair];
      wanted = e < half ? x * co - y * si : y * co + x * si;
      size = fabs(x) + fabs(y);
    }
    check_near(c->y[r * c->ldy + at], wanted, 2e-7 * size);
  }
  check_gaps(c->y, c->rows, c->width, c->ldy);
}

static void rope_on(int level, int threads) {
  static const int64_t sizes[] = {8, 40, 64, 80, 128};
  EACH(rows, row_counts) EACH(size, sizes) for (int64_t kept = 0; kept < 7; kept += 6) {
    op_case c = {.level = level,
                 .rows = rows,
                 .n = 3,
                 .block = size,
                 .high = size - kept,
                 .width = 3 * size,
                 .lda = 3 * size + PAD,
                 .ldy = 3 * size + PAD + 1};
    c.a = random_rows(rows * c.lda, 3, 8);
    c.b = random_rows(rows * size, 1, 9);
    c.y = fresh(rows * c.ldy);
    run(call_rope, &c, threads);
    check_rope(&c);
    check_in_place(&c, call_rope);
    free((void *)c.a);
    free((void *)c.b);
    free(c.y);
  }
}

static void test_rope(void **state) {
  (void)state;
  each_level(angles_on);
  each_level(rope_on);
}

//===-- Moves -------------------------------------------------------------===//

static void call_gather(resq_worker *w, void *p) {
  const op_case *c = p;
  CALL(resq_gather_rows, w, 0, c->a, c->ids, c->y, c->rows, c->lda, c->ldy, c->width);
}

static void call_permute(resq_worker *w, void *p) {
  const op_case *c = p;
  CALL(resq_permute, w, 0, c->a, c->ids, c->y, c->rows, c->lda, c->ldy, c->width);
}

static void call_split(resq_worker *w, void *p) {
  const op_case *c = p;
  int64_t blocks = c->width / c->block, high = blocks * c->high;
  CALL(resq_split, w, 0, c->a, c->y, c->y2, c->rows, c->lda, c->width - high + PAD, high + PAD,
       c->width, c->block, c->high);
}

static void call_join(resq_worker *w, void *p) {
  const op_case *c = p;
  int64_t blocks = c->width / c->block, high = blocks * c->high;
  CALL(resq_join, w, 0, c->a, c->b, c->y, c->rows, c->width - high + PAD, high + PAD, c->ldy,
       c->width, c->block, c->high);
}

static void moves_on(int level, int threads) {
  EACH(rows, row_counts) EACH(width, widths) {
    op_case c = {.level = level,
                 .rows = rows,
                 .width = width,
                 .lda = width + PAD,
                 .ldy = width + PAD + 1,
                 .y = fresh(rows * (width + PAD + 1))};
    int32_t *ids = aligned_bytes((size_t)(rows + width) * sizeof(int32_t));
    c.a = random_rows(rows * c.lda, 1, 10);
    c.ids = ids;
    for (int64_t i = 0; i < rows; ++i)
      ids[i] = (int32_t)(rows - 1 - i);
    run(call_gather, &c, threads);
    for (int64_t r = 0; r < rows; ++r)
      assert_memory_equal(c.y + r * c.ldy, c.a + ids[r] * c.lda, (size_t)width * sizeof(float));
    for (int64_t i = 0; i < width; ++i)
      ids[i] = (int32_t)((i * 5 + 3) % width);
    run(call_permute, &c, threads);
    for (int64_t i = 0; i < rows * width; ++i)
      assert_true(c.y[i / width * c.ldy + i % width] == c.a[i / width * c.lda + ids[i % width]]);
    check_gaps(c.y, rows, width, c.ldy);
    free((void *)c.a);
    free(c.y);
    free(ids);
  }
}

static void split_on(int level, int threads) {
  static const int64_t blocks[] = {2, 7, 64, 576};
  EACH(rows, row_counts) EACH(block, blocks) {
    int64_t width = 3 * block, high = block / 4 + 1;
    op_case c = {.level = level,
                 .rows = rows,
                 .width = width,
                 .block = block,
                 .high = high,
                 .lda = width + PAD,
                 .ldy = width + PAD};
    float *x = random_rows(rows * c.lda, 1, 11), *back = fresh(rows * c.ldy);
    c.a = x;
    c.y = fresh(rows * (width - 3 * high + PAD));
    c.y2 = fresh(rows * (3 * high + PAD));
    run(call_split, &c, threads);
    check_gaps(c.y, rows, width - 3 * high, width - 3 * high + PAD);
    check_gaps(c.y2, rows, 3 * high, 3 * high + PAD);
    if (rows)
      assert_true(c.y2[0] == x[block - high]);
    op_case j = c;
    j.a = c.y;
    j.b = c.y2;
    j.y = back;
    run(call_join, &j, threads);
    for (int64_t r = 0; r < rows; ++r)
      assert_memory_equal(back + r * c.ldy, x + r * c.lda, (size_t)width * sizeof(float));
    check_gaps(back, rows, width, c.ldy);
    free(x);
    free(back);
    free(c.y);
    free(c.y2);
  }
}

static void test_moves(void **state) {
  (void)state;
  each_level(moves_on);
  each_level(split_on);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_halves),      cmocka_unit_test(test_exponential),
      cmocka_unit_test(test_linear),      cmocka_unit_test(test_linear_rows_apart),
      cmocka_unit_test(test_embed),       cmocka_unit_test(test_embed_codes),
      cmocka_unit_test(test_elementwise), cmocka_unit_test(test_rope),
      cmocka_unit_test(test_moves),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
