//===-- gpu_rows_test.c - row operations of the GPU, emulated -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// row_ops_fast.h and quantize_fast.h give level "generic"'s bits at odd shapes, with rows that are
// not dense, in place where generic allows it.
#define RESQ_EMULATED "tests/gpu/emulator/device_host.h"
#include "kernels/nvptx/row_ops_fast.h"
#include "kernels/nvptx/quantize_fast.h"
#include "tests/gpu/emulator/emulator.c"

#include "quant_harness.h"

enum { ROWS = 3, MOST = 4096, LD_X = 1900, LD_Y = 1950 };

/// What a call reads and writes; `y` of both levels are compared.
typedef struct row_case {
  float *x, *other;
  int8_t *signs;
  float *y;
  int8_t *codes;
  resq_quant_meta *meta;
  int64_t width, group, range, bits, size, order;
  int threads;
} row_case;

static void norm_generic(resq_worker *w, void *p) {
  const row_case *c = p;
  resq_rms_norm_generic(w, 0, c->x, c->other, c->y, ROWS, LD_X, LD_Y, c->width, 1e-5f);
}
static void norm_fast(void *p) {
  const row_case *c = p;
  resq_rms_norm_fast(c->x, c->other, c->y, ROWS, LD_X, LD_Y, c->width, 1e-5f,
                     resq_whole(c->threads));
}
static void hadamard_generic(resq_worker *w, void *p) {
  const row_case *c = p;
  resq_hadamard_generic(w, 0, c->x, c->order > 1 ? c->signs : NULL, c->y, ROWS, LD_X, LD_Y,
                        c->width, c->size, c->order);
}
static void hadamard_fast(void *p) {
  const row_case *c = p;
  resq_hadamard_fast(c->x, c->signs, c->y, ROWS, LD_X, LD_Y, c->width, c->size, c->order,
                     resq_whole(c->threads));
}
static void rotate_generic(resq_worker *w, void *p) {
  const row_case *c = p;
  resq_rotate_generic(w, 0, c->x, c->other, c->y, ROWS, LD_X, LD_Y, 4, c->size, 2);
}
static void rotate_fast(void *p) {
  const row_case *c = p;
  resq_rotate_fast(c->x, c->other, c->y, ROWS, LD_X, LD_Y, 4, c->size, 2, resq_whole(c->threads));
}
static void rope_generic(resq_worker *w, void *p) {
  const row_case *c = p;
  resq_rope_generic(w, 0, c->x, c->other, c->y, ROWS, LD_X, LD_Y, 5, 40, 24);
}
static void rope_fast(void *p) {
  const row_case *c = p;
  resq_rope_fast(c->x, c->other, c->y, ROWS, LD_X, LD_Y, 5, 40, 24, resq_whole(c->threads));
}
static void silu_generic(resq_worker *w, void *p) {
  const row_case *c = p;
  resq_silu_gate_generic(w, 0, c->x, c->other, c->y, ROWS, LD_X, 700, LD_Y, 633);
}
static void silu_fast(void *p) {
  const row_case *c = p;
  resq_silu_gate_fast(c->x, c->other, c->y, ROWS, LD_X, 700, LD_Y, 633, resq_whole(c->threads));
}
static void add_generic(resq_worker *w, void *p) {
  const row_case *c = p;
  resq_add_generic(w, 0, c->x, c->other, c->y, ROWS, LD_X, 700, LD_Y, 633);
}
static void add_fast(void *p) {
  const row_case *c = p;
  resq_add_fast(c->x, c->other, c->y, ROWS, LD_X, 700, LD_Y, 633, resq_whole(c->threads));
}
static void split_generic(resq_worker *w, void *p) {
  const row_case *c = p;
  resq_split_generic(w, 0, c->x, c->y, c->y + ROWS * LD_Y / 2, ROWS, LD_X, 500, 130, 165, 33, 9);
}
static void split_fast(void *p) {
  const row_case *c = p;
  resq_split_fast(c->x, c->y, c->y + ROWS * LD_Y / 2, ROWS, LD_X, 500, 130, 165, 33, 9,
                  resq_whole(c->threads));
}
static void quantize_generic(resq_worker *w, void *p) {
  const row_case *c = p;
  resq_quantize_generic(w, 0, c->x, c->other, c->codes, c->meta, ROWS, LD_X, c->width, c->group,
                        c->range, c->bits, 1.0f);
}
static void quantize_fast(void *p) {
  const row_case *c = p;
  resq_quantize_fast(c->x, c->other, c->codes, c->meta, ROWS, LD_X, c->width, c->group, c->range,
                     c->bits, 1.0f, resq_whole(c->threads));
}

static float *mixed_rows(int64_t count, uint64_t seed) {
  float *x = aligned_bytes((size_t)count * 4);
  for (int64_t i = 0; i < count; i++) {
    x[i] = (float)(int64_t)(next_random(&seed) >> 40) / 0x1p22f - 2.0f;
    if (i % 97 == 0)
      x[i] *= 1e-39f; // denormal
    if (i % 89 == 0)
      x[i] *= 100.0f;
  }
  return x;
}

static void compare(row_case c, kernel_call generic, void (*fast)(void *), int blocks,
                    int64_t shared) {
  const size_t bytes = ROWS * LD_Y * 4, codes = ROWS * 2 * LD_X,
               metas = ROWS * LD_X * sizeof(resq_quant_meta);
  uint8_t *of[2][3];
  c.x = mixed_rows(ROWS * LD_X, 3);
  c.other = mixed_rows(20000, 5);
  c.signs = aligned_bytes(MOST);
  for (int i = 0; i < MOST; i++)
    c.signs[i] = i * 7 % 5 < 2 ? -1 : 1;
  for (int i = 0; i < 2; i++) {
    c.y = (float *)(of[i][0] = aligned_bytes(bytes));
    c.codes = (int8_t *)(of[i][1] = aligned_bytes(codes));
    c.meta = (resq_quant_meta *)(of[i][2] = aligned_bytes(metas));
    if (i == 0) {
      run_kernel(generic, &c, 1);
      continue;
    }
    const char *fault = emulator_run((emulator_launch){.blocks_x = blocks,
                                                       .blocks_y = 1,
                                                       .threads = c.threads,
                                                       .shared_bytes = (uint32_t)shared,
                                                       .seed = 9},
                                     fast, &c);
    if (fault)
      fail_msg("%s", fault);
  }
  assert_memory_equal(of[0][0], of[1][0], bytes);
  assert_memory_equal(of[0][1], of[1][1], codes);
  assert_memory_equal(of[0][2], of[1][2], metas);
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 3; j++)
      free(of[i][j]);
  free(c.x);
  free(c.other);
  free(c.signs);
}

static void test_norm(void **state) {
  (void)state;
  const int64_t widths[] = {131, 576, 1, 16, 1888};
  for (int i = 0; i < 5; i++)
    compare((row_case){.width = widths[i], .threads = 128}, norm_generic, norm_fast, 2,
            resq_rms_norm_shared(widths[i]));
}
static void test_hadamard(void **state) {
  (void)state;
  const int64_t shapes[][3] = {{1280, 1280, 20}, {480, 160, 20}, {512, 128, 1},  {768, 768, 12},
                               {1792, 1792, 28}, {32, 16, 1},    {1024, 1024, 1}};
  for (int i = 0; i < 7; i++)
    compare(
        (row_case){
            .width = shapes[i][0], .size = shapes[i][1], .order = shapes[i][2], .threads = 128},
        hadamard_generic, hadamard_fast, 2, resq_hadamard_shared(shapes[i][1], shapes[i][2]));
}
static void test_elements(void **state) {
  (void)state;
  compare((row_case){.threads = 64}, rope_generic, rope_fast, 3, 0);
  compare((row_case){.threads = 96}, silu_generic, silu_fast, 3, 0);
  compare((row_case){.threads = 96}, add_generic, add_fast, 3, 0);
  compare((row_case){.threads = 96}, split_generic, split_fast, 3, 0);
  compare((row_case){.threads = 64, .size = 33}, rotate_generic, rotate_fast, 7, 0);
}
static void test_quantize(void **state) {
  (void)state;
  // width, group, range, bits: groups that share a range, long ranges, many short groups.
  const int64_t shapes[][4] = {{135, 27, 27, 8},     {132, 22, 66, 4}, {1280, 1280, 1280, 8},
                               {72, 8, 8, 8},        {504, 56, 56, 8}, {1100, 550, 1100, 4},
                               {1037, 1037, 1037, 2}};
  for (int i = 0; i < 7; i++)
    compare((row_case){.width = shapes[i][0],
                       .group = shapes[i][1],
                       .range = shapes[i][2],
                       .bits = shapes[i][3],
                       .threads = 96},
            quantize_generic, quantize_fast, 2, RESQ_QUANTIZE_SHARED);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_norm), cmocka_unit_test(test_hadamard),
                                     cmocka_unit_test(test_elements),
                                     cmocka_unit_test(test_quantize)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
