//===-- gpu_kernels_test.c - every kernel of a GPU, emulated --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All kernels of runtime/kernels/nvptx/*_cuda.c, launched as their plans say on the emulator, leave the same bytes in
// every buffer as level "generic" does, however NaN is spelled: plans of few and of many rows, on devices of one and
// of three multiprocessors, so that blocks stride over the work; those that run by units also with a block for each unit, of
// few and of many threads. Shared memory is as large as the plan says, and what a kernel does to it is checked.
#define RESQ_EMULATED "tests/gpu/emulator/device_host.h"
#define RESQ_LEVEL cuda
#define RESQ_GPU_KERNELS
#define RESQ_SM 90
#include "kernels/nvptx/add_cuda.c"
#include "kernels/nvptx/attention_cuda.c"
#include "kernels/nvptx/attention_groups_cuda.c"
#include "kernels/nvptx/embed_cuda.c"
#include "kernels/nvptx/gather_rows_cuda.c"
#include "kernels/nvptx/hadamard_cuda.c"
#include "kernels/nvptx/kv_append_cuda.c"
#include "kernels/nvptx/kv_append_groups_cuda.c"
#include "kernels/nvptx/linear_float_cuda.c"
#include "kernels/nvptx/permute_cuda.c"
#include "kernels/nvptx/qlinear_cuda.c"
#include "kernels/nvptx/qlinear_e4m3_cuda.c"
#include "kernels/nvptx/qlinear_recode_cuda.c"
#include "kernels/nvptx/quantize_cuda.c"
#include "kernels/nvptx/quantize_e4m3_cuda.c"
#include "kernels/nvptx/rms_norm_cuda.c"
#include "kernels/nvptx/rope_angles_cuda.c"
#include "kernels/nvptx/rope_cuda.c"
#include "kernels/nvptx/rotate_cuda.c"
#include "kernels/nvptx/silu_gate_cuda.c"
#include "kernels/nvptx/split_cuda.c"
#include "tests/gpu/emulator/emulator.c"
#define CALLS_OF_CPU
#include "tests/gpu/kernels/calls.h"
#include "tests/gpu/kernels/fills.c"

#include "quant_harness.h"

enum { MOST_BUFFERS = 8 };

typedef struct test_case {
  const char *name;
  int64_t rows;
  const fill *fills;
  void (*on_cpu)(resq_worker *w, void *const *b, int64_t rows);
  resq_gpu_plan (*plan)(void *const *b, int64_t rows, int64_t max_rows);
  void (*on_gpu)(void *const *b, int64_t rows, const resq_gpu_plan *plan);
  void (*of_unit)(void *const *b, int64_t rows, const resq_gpu_plan *plan, int64_t threads,
                  int64_t units);
  bool (*recode)(void *const *b, int64_t rows, const resq_gpu_plan *plan, int i,
                 resq_qlinear_recode_arguments *out);
} test_case;

#define CASE(name, rows_, fills, kernel, ...)                                                      \
  static void cpu_##name(resq_worker *w, void *const *b, int64_t rows) {                           \
    const kernel##_arguments a = {__VA_ARGS__};                                                    \
    (void)b, kernel##_on_cpu(w, &a);                                                               \
  }                                                                                                \
  static resq_gpu_plan plan_##name(void *const *b, int64_t rows, int64_t max_rows) {               \
    const kernel##_arguments a = {__VA_ARGS__};                                                    \
    return (void)b, kernel##_planned(&a, max_rows, RESQ_SM);                                       \
  }                                                                                                \
  static void gpu_##name(void *const *b, int64_t rows, const resq_gpu_plan *plan) {                \
    const kernel##_arguments a = {__VA_ARGS__};                                                    \
    (void)b, kernel##_on_gpu(&a, plan);                                                            \
  }                                                                                                \
  static void unit_##name(void *const *b, int64_t rows, const resq_gpu_plan *plan,                 \
                          int64_t threads, int64_t units) {                                        \
    const kernel##_arguments a = {__VA_ARGS__};                                                    \
    (void)b, kernel##_of_unit(&a, plan, threads, resq_block_x(), units);                           \
  }                                                                                                \
  static bool recode_##name(void *const *b, int64_t rows, const resq_gpu_plan *plan, int i,        \
                            resq_qlinear_recode_arguments *out) {                                  \
    const kernel##_arguments a = {__VA_ARGS__};                                                    \
    return (void)b, (void)rows, CALLS_RECODE(&a, plan, i, out);                                    \
  }
#include "tests/gpu/kernels/cases.h"
#undef CASE

/// A launch under way: what the emulator hands to every thread.
typedef struct launch {
  const test_case *c;
  void *const *buffers;
  const resq_gpu_plan *plan;
  int threads;
  int64_t units; ///< of a row, each a block's; 0: the grid shares the work
} launch;

static void thread_main(void *p) {
  const launch *l = p;
  if (l->units)
    l->c->of_unit(l->buffers, l->c->rows, l->plan, l->threads, l->units);
  else
    l->c->on_gpu(l->buffers, l->c->rows, l->plan);
}

static void recode_main(void *p) {
  const resq_gpu_plan plan = resq_qlinear_recode_planned(p, 1, RESQ_SM);
  resq_qlinear_recode_on_gpu(p, &plan);
}

/// What a session does with the parameters before such a launch, by launches of its own.
static void prepare(const test_case *c, const resq_gpu_plan *plan, void *const *buffers) {
  for (int i = 0; i < 2; i++) {
    resq_qlinear_recode_arguments a;
    if (!c->recode(buffers, c->rows, plan, i, &a))
      continue;
    const resq_gpu_plan own = resq_qlinear_recode_planned(&a, 1, RESQ_SM);
    const int64_t blocks = resq_plan_ceil(own.items_per_row, own.items_per_block);
    const emulator_launch grid = {.blocks_x = (int)resq_plan_least(blocks, own.blocks_per_sm),
                                  .blocks_y = 1,
                                  .threads = own.threads,
                                  .seed = 5};
    const char *fault = emulator_run(grid, recode_main, &a);
    if (fault)
      fail_msg("%s, recoding: %s", c->name, fault);
  }
}

static bool is_nan(const uint8_t *p) {
  uint32_t bits;
  memcpy(&bits, p, 4);
  return (bits & 0x7fffffffu) > 0x7f800000u;
}

/// Whether bytes of two levels differ only in how a NaN is spelled: of floats, or of E4M3 codes.
static bool differ_in_nan(const test_case *c, const uint8_t *a, const uint8_t *b, size_t at,
                          size_t n) {
  const size_t word = at / 4 * 4;
  if (!strncmp(c->name, "quantize_e4m3", 13) && (a[at] & 127) == 127 && (b[at] & 127) == 127)
    return true;
  return n % 4 == 0 && is_nan(a + word) && is_nan(b + word);
}

/// The buffers of a case.
typedef struct case_buffers {
  void *before[MOST_BUFFERS], *expected[MOST_BUFFERS];
  size_t bytes[MOST_BUFFERS];
  int n;
} case_buffers;

static void run_launch(launch l, emulator_launch grid, const case_buffers *of) {
  const test_case *c = l.c;
  void *buffers[MOST_BUFFERS] = {0}, *wanted[MOST_BUFFERS] = {0};
  for (int i = 0; i < of->n; i++) {
    buffers[i] = aligned_bytes(of->bytes[i]);
    memcpy(buffers[i], of->before[i], of->bytes[i]);
    wanted[i] = aligned_bytes(of->bytes[i]);
    memcpy(wanted[i], of->expected[i], of->bytes[i]);
  }
  prepare(c, l.plan, buffers);
  prepare(c, l.plan, wanted); // weights are compared, too
  l.buffers = buffers;
  const char *fault = emulator_run(grid, thread_main, &l);
  if (fault)
    fail_msg("%s, variant %d, %d threads, %d units: %s", c->name, l.plan->variant, l.threads,
             (int)l.units, fault);
  for (int i = 0; i < of->n; i++) {
    const uint8_t *a = wanted[i], *b = buffers[i];
    for (size_t at = 0; at < of->bytes[i]; at++)
      if (a[at] != b[at] && !differ_in_nan(c, a, b, at, of->bytes[i]))
        fail_msg("%s, variant %d, %d threads, %d units: byte %zu of buffer %d, of %zu, is %02x on "
                 "a GPU and %02x at level generic",
                 c->name, l.plan->variant, l.threads, (int)l.units, at, i, of->bytes[i], b[at],
                 a[at]);
    free(buffers[i]);
    free(wanted[i]);
  }
}

static void check_launch(const test_case *c, const resq_gpu_plan *plan, int multiprocessors,
                         const case_buffers *of) {
  const int64_t rows = plan->rows_together ? 1 : c->rows;
  int64_t blocks = resq_plan_ceil(rows * plan->items_per_row, plan->items_per_block);
  if (plan->blocks_per_sm)
    blocks = resq_plan_least(blocks, (int64_t)multiprocessors * plan->blocks_per_sm);
  assert_true(plan->threads > 0 && plan->threads % 32 == 0 && plan->threads <= 1024);
  assert_true(plan->shared_bytes >= 0 && plan->shared_bytes <= RESQ_GPU_MOST_SHARED);
  assert_int_equal(plan->scratch_bytes, 0);
  const launch l = {.c = c, .plan = plan, .threads = plan->threads};
  const emulator_launch grid = {.blocks_x = (int)blocks,
                                .blocks_y = 1,
                                .threads = plan->threads,
                                .shared_bytes = (uint32_t)plan->shared_bytes,
                                .seed = (uint64_t)(7 * multiprocessors + plan->variant)};
  run_launch(l, grid, of);
}

static void check_units(const test_case *c, const resq_gpu_plan *plan, int64_t units,
                        int64_t threads, const case_buffers *of) {
  const launch l = {.c = c, .plan = plan, .threads = (int)threads, .units = units};
  const emulator_launch grid = {.blocks_x = (int)(c->rows * units),
                                .blocks_y = 1,
                                .threads = (int)threads,
                                .shared_bytes = (uint32_t)plan->unit.shared_bytes,
                                .seed = (uint64_t)(units + threads)};
  run_launch(l, grid, of);
}

static void check_case(const test_case *c) {
  case_buffers of = {0};
  for (; c->fills[of.n].kind != FILL_NONE; of.n++) {
    const int i = of.n;
    of.before[i] = make_buffer(&c->fills[i], (uint64_t)i + 1, &of.bytes[i]);
    of.expected[i] = aligned_bytes(of.bytes[i]);
    memcpy(of.expected[i], of.before[i], of.bytes[i]);
  }
  c->on_cpu(alone(), of.expected, c->rows);
  const resq_gpu_plan few = c->plan(of.before, c->rows, RESQ_GPU_FEW_ROWS);
  const resq_gpu_plan many = c->plan(of.before, c->rows, 2048);
  assert_int_equal(few.recoded, many.recoded);            // of one session
  if (c->rows <= RESQ_GPU_FEW_ROWS || !few.rows_together) // others stride over any number of rows
    check_launch(c, &few, 1, &of);
  if (many.variant != few.variant)
    check_launch(c, &many, 3, &of);
  if (few.unit.most) {
    check_units(c, &few, 1, few.unit.most_threads, &of);
    check_units(c, &few, few.unit.most, 32, &of);
  }
  for (int i = 0; i < of.n; i++) {
    free(of.before[i]);
    free(of.expected[i]);
  }
}

static void every_kernel_has_the_bits_of_level_generic(void **state) {
  (void)state;
  const char *only = getenv("RESQ_TEST_CASE");
  const test_case cases[] = {
#define CASE(name, rows_, fills, kernel, ...)                                                      \
  {#name, rows_, fills, cpu_##name, plan_##name, gpu_##name, unit_##name, recode_##name},
#include "tests/gpu/kernels/cases.h"
#undef CASE
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (!only || strstr(cases[i].name, only))
      check_case(&cases[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_kernel_has_the_bits_of_level_generic),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
