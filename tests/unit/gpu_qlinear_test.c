//===-- gpu_qlinear_test.c - the quantized linear of few rows, emulated ---===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// qlinear_fast.h gives level "generic"'s bits: one and two branches, integers and trellis codes,
// groups that are no multiple of a unit, scales by row and by group, fewer rows than a launch is made
// for, channels that fill no tile, and more or fewer chunks than warps. Nothing past n is written.
#define RESQ_EMULATED "tests/gpu/emulator/device_host.h"
#define RESQ_LEVEL cuda
#define RESQ_GPU_KERNELS
#define RESQ_SM 90
#include "kernels/nvptx/qlinear_fast.h"
#include "kernels/nvptx/qlinear_recode_cuda.c"
#include "tests/gpu/emulator/emulator.c"

#define CALLS_OF_CPU
#include "tests/gpu/kernels/calls.h"

#include "quant_harness.h"

typedef struct branch {
  int64_t k, group, wgroup, abits, wbits, trellis;
  int8_t *codes;
  resq_quant_meta *meta;
  uint8_t *weight;
} branch;

typedef struct linear_case {
  int64_t rows, most_rows, n, warps, stages, units;
  int blocks;
  branch b[2];
  bool bias;
  const float *bias_values;
  float *y;
  int64_t recode; ///< the branch that a recoding launch does
} linear_case;

enum { SPARE = 5 }; ///< elements behind a row of y

#define OF_BRANCH(b) (b).k, (b).group, (b).wgroup, (b).abits, (b).wbits, (b).trellis
#define OPERANDS(b) (b).codes, (b).meta, (b).weight

static void call_generic(resq_worker *w, void *p) {
  const linear_case *c = p;
  resq_qlinear_generic(w, 0, OPERANDS(c->b[0]), OPERANDS(c->b[1]), c->bias_values, c->y, c->rows,
                       c->n + SPARE, c->n, OF_BRANCH(c->b[0]), OF_BRANCH(c->b[1]));
}
static void call_fast(void *p) {
  const linear_case *c = p;
  const resq_qshape a = {OPERANDS(c->b[0]), c->n, OF_BRANCH(c->b[0])};
  const resq_qshape b = {OPERANDS(c->b[1]), c->n, OF_BRANCH(c->b[1])};
  resq_qlinear_fast(&a, &b, c->bias_values, c->y, c->rows, c->n + SPARE,
                    (resq_qplan){c->most_rows, c->warps, c->stages, c->units});
}
static void call_recode(void *p) {
  const linear_case *c = p;
  const branch *b = &c->b[c->recode];
  resq_qlinear_recode_cuda(b->weight, c->n, b->k, b->group, 0, NULL);
}
static void quantize_rows(resq_worker *w, void *p) {
  const linear_case *c = p;
  const branch *b = &c->b[0];
  resq_quantize_generic(w, 0, c->y, NULL, b->codes, b->meta, c->rows, b->k, b->k, b->group,
                        b->group, b->abits, 1.0f);
}

static void fill_branch(branch *b, int64_t rows, int64_t n, uint64_t seed) {
  float *x = random_rows(rows * b->k, 3.0f, seed);
  b->codes = aligned_bytes((size_t)(rows * resq_code_stride(b->k, b->group)));
  b->meta = aligned_bytes((size_t)(rows * (b->k / b->group)) * sizeof(resq_quant_meta));
  linear_case c = {.rows = rows, .b = {*b}, .y = x};
  run_kernel(quantize_rows, &c, 1);
  b->weight = random_weight(n, b->k, b->group, b->wgroup, b->wbits, seed + 1);
  free(x);
}

static void run_fast(linear_case *c) {
  const branch *a = &c->b[0], *b = &c->b[1];
  emulator_launch launch = {
      .blocks_x = 2, .blocks_y = 1, .threads = RESQ_QRECODE_THREADS, .seed = 3};
  const char *fault = NULL;
  for (c->recode = 0; c->recode < 2 && !fault; c->recode++)
    if (c->b[c->recode].k && c->b[c->recode].trellis)
      fault = emulator_run(launch, call_recode, c);
  launch.blocks_x = c->blocks;
  launch.threads = (int)c->warps * RESQ_WARP;
  launch.shared_bytes = (uint32_t)resq_qlinear_fast_shared(
      a->k, a->group, a->wbits, a->trellis, b->k, b->group, b->wbits, b->trellis, c->most_rows,
      c->warps, c->stages, c->units);
  if (!fault)
    fault = emulator_run(launch, call_fast, c);
  if (fault)
    fail_msg("%s", fault);
}

static void compare(linear_case c) {
  const size_t bytes = (size_t)(c.rows * (c.n + SPARE)) * 4;
  float *y[2] = {aligned_bytes(bytes), aligned_bytes(bytes)};
  float *bias = random_rows(c.n, 1.0f, 17);
  c.bias_values = c.bias ? bias : NULL;
  for (int i = 0; i < 2; i++)
    if (c.b[i].k)
      fill_branch(&c.b[i], c.rows, c.n, (uint64_t)(40 + 10 * i));
  c.y = y[0];
  run_kernel(call_generic, &c, 1);
  c.y = y[1];
  run_fast(&c);
  assert_memory_equal(y[0], y[1], bytes);
  for (int i = 0; i < 2; i++) {
    free(c.b[i].codes);
    free(c.b[i].meta);
    free(c.b[i].weight);
    free(y[i]);
  }
  free(bias);
}

static void one_row_of_integers(void **state) {
  (void)state;
  compare((linear_case){.rows = 1,
                        .most_rows = 1,
                        .n = 90,
                        .warps = 2,
                        .stages = 2,
                        .units = 8,
                        .blocks = 2,
                        .bias = true,
                        .b = {{.k = 260, .group = 260, .wgroup = 260, .abits = 8, .wbits = 4},
                              {.k = 72, .group = 72, .wgroup = 72, .abits = 8, .wbits = 8}}});
}

static void one_row_of_trellis_codes(void **state) {
  (void)state;
  compare((linear_case){
      .rows = 1,
      .most_rows = 1,
      .n = 80,
      .warps = 3,
      .stages = 3,
      .units = 16,
      .blocks = 2,
      .b = {{.k = 516, .group = 516, .wgroup = 516, .abits = 8, .wbits = 4, .trellis = 1},
            {.k = 64, .group = 64, .wgroup = 64, .abits = 8, .wbits = 8}}});
}

static void groups_of_heads(void **state) {
  (void)state;
  compare((linear_case){
      .rows = 3,
      .most_rows = 4,
      .n = 33,
      .warps = 4,
      .stages = 2,
      .units = 16,
      .blocks = 1,
      .bias = true,
      .b = {{.k = 5 * 54, .group = 54, .wgroup = 5 * 54, .abits = 8, .wbits = 4, .trellis = 1},
            {.k = 5 * 10, .group = 10, .wgroup = 5 * 10, .abits = 8, .wbits = 8}}});
}

static void scales_by_group(void **state) {
  (void)state;
  compare((linear_case){.rows = 7,
                        .most_rows = 8,
                        .n = 40,
                        .warps = 2,
                        .stages = 2,
                        .units = 8,
                        .blocks = 3,
                        .b = {{.k = 128, .group = 32, .wgroup = 32, .abits = 4, .wbits = 4}}});
}

static void sixteen_rows(void **state) {
  (void)state;
  compare((linear_case){.rows = 16,
                        .most_rows = 16,
                        .n = 48,
                        .warps = 8,
                        .stages = 2,
                        .units = 8,
                        .blocks = 1,
                        .bias = true,
                        .b = {{.k = 320, .group = 320, .wgroup = 320, .abits = 8, .wbits = 4},
                              {.k = 48, .group = 48, .wgroup = 48, .abits = 7, .wbits = 8}}});
}

static void eight_bits_first(void **state) {
  (void)state;
  compare((linear_case){
      .rows = 2,
      .most_rows = 4,
      .n = 17,
      .warps = 2,
      .stages = 2,
      .units = 8,
      .blocks = 2,
      .b = {{.k = 136, .group = 136, .wgroup = 136, .abits = 8, .wbits = 8},
            {.k = 100, .group = 20, .wgroup = 20, .abits = 8, .wbits = 4, .trellis = 1}}});
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_row_of_integers), cmocka_unit_test(one_row_of_trellis_codes),
      cmocka_unit_test(groups_of_heads),     cmocka_unit_test(scales_by_group),
      cmocka_unit_test(sixteen_rows),        cmocka_unit_test(eight_bits_first),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
