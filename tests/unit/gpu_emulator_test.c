//===-- gpu_emulator_test.c - faults that the emulator of GPU kernels finds ===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each kernel here has one mistake, which may go unseen on a GPU; the emulator names it, whatever order
// the threads run in. The same kernels without it run through. Then what instructions compute.
#define RESQ_EMULATED "tests/gpu/emulator/device_host.h"
#include "kernels/nvptx/device.h"
#include "tests/gpu/emulator/emulator.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { THREADS = 64, SHARED = 512, SEEDS = 5 };

/// Mistakes, and what a kernel reads and writes.
typedef struct planted {
  _Alignas(16) uint32_t in[64];
  uint32_t out[THREADS];
  bool fault;
} planted;

/// Without a fault a kernel runs through; with it every seed gives a message that has `what`.
static void expect(void (*kernel)(void *), const char *what) {
  for (uint64_t seed = 0; seed < SEEDS; seed++) {
    planted p = {.fault = false};
    for (int i = 0; i < 64; i++)
      p.in[i] = 1000u + (uint32_t)i;
    const emulator_launch launch = {2, 1, THREADS, SHARED, seed};
    const char *fault = emulator_run(launch, kernel, &p);
    if (fault)
      fail_msg("%s", fault);
    p.fault = true;
    fault = emulator_run(launch, kernel, &p);
    if (!fault || !strstr(fault, what))
      fail_msg("wanted '%s', got '%s'", what, fault ? fault : "no fault");
  }
}

static uint32_t word(int i) { return resq_dynamic_shared() + 4 * (uint32_t)i; }

/// Written before, so that what goes wrong is the order alone.
static void clear(void) {
  resq_shared_store(word(resq_thread()), 0);
  resq_sync_block();
}

static void missing_block_barrier(void *argument) {
  planted *p = argument;
  clear();
  resq_shared_store(word(resq_thread()), 1);
  if (!p->fault)
    resq_sync_block();
  p->out[resq_thread()] = resq_shared_load(word((resq_thread() + 33) % THREADS));
}
static void missing_barrier_before_reuse(void *argument) {
  planted *p = argument;
  resq_shared_store(word(resq_thread()), 1);
  resq_sync_block();
  p->out[resq_thread()] = resq_shared_load(word(THREADS - 1 - resq_thread()));
  if (!p->fault)
    resq_sync_block();
  resq_shared_store(word(resq_thread()), 2);
}
static void missing_warp_barrier(void *argument) {
  planted *p = argument;
  clear();
  resq_shared_store(word(resq_thread()), 1);
  if (!p->fault)
    resq_sync_warp();
  p->out[resq_thread()] = resq_shared_load(word(resq_thread() ^ 1));
}
/// A shuffle orders no memory.
static void shuffle_for_a_barrier(void *argument) {
  planted *p = argument;
  clear();
  resq_shared_store(word(resq_thread()), 1);
  if (p->fault)
    resq_shuffle_xor(0, 1);
  else
    resq_sync_warp();
  p->out[resq_thread()] = resq_shared_load(word(resq_thread() ^ 1));
}
static void outside(void *argument) {
  const planted *p = argument;
  resq_shared_store(word(resq_thread() + (p->fault ? SHARED / 4 - THREADS + 1 : 0)), 1);
}
static void not_written(void *argument) {
  planted *p = argument;
  if (!p->fault)
    resq_shared_store(word(resq_thread()), 1);
  p->out[resq_thread()] = resq_shared_load(word(resq_thread()));
}
static void not_aligned(void *argument) {
  const planted *p = argument;
  resq_shared_store(word(resq_thread()) + (p->fault ? 2 : 0), 1);
}
static void apart_at_a_collective(void *argument) {
  planted *p = argument;
  if (p->fault && resq_thread() % 2)
    p->out[resq_thread()] = resq_ballot(true);
  else
    p->out[resq_thread()] = resq_shuffle_xor(1, 1);
}
static void collective_without_all(void *argument) {
  planted *p = argument;
  if (p->fault && resq_thread() == 5)
    return;
  p->out[resq_thread()] = resq_shuffle_xor(1, 1);
}
static void barrier_without_all(void *argument) {
  const planted *p = argument;
  if (p->fault && resq_thread() == THREADS - 1)
    return;
  resq_sync_block();
}

/// 64 words by a bulk copy; two threads read one of them.
static void copy(void *argument, bool waits, bool reader_waits) {
  planted *p = argument;
  const uint32_t barrier = word(0), to = word(4);
  if (resq_thread() == 0) {
    resq_mbarrier_init(barrier, 1);
    resq_mbarrier_init_fence();
    resq_mbarrier_expect(barrier, 256);
    resq_bulk_copy(to, p->in, 256, barrier);
  }
  resq_sync_block();
  if (waits && (reader_waits || resq_thread() < RESQ_WARP))
    resq_mbarrier_wait(barrier, 0);
  if (resq_thread() % RESQ_WARP == 3)
    p->out[resq_thread()] = resq_shared_load(to + 4 * (uint32_t)resq_thread());
  if (resq_thread() % RESQ_WARP == 3)
    assert_int_equal(p->out[resq_thread()], 1000 + resq_thread());
}
static void missing_wait(void *argument) {
  copy(argument, !((const planted *)argument)->fault, true);
}
/// One warp waits, the other does not: both may find the copy landed.
static void missing_wait_of_a_warp(void *argument) {
  copy(argument, true, !((const planted *)argument)->fault);
}
static void copy_over_what_is_read(void *argument) {
  planted *p = argument;
  const uint32_t barrier = word(0), to = word(4);
  if (resq_thread() == 0)
    resq_mbarrier_init(barrier, 1);
  resq_shared_store(to + 4 * (uint32_t)resq_thread(), 1);
  resq_sync_block();
  p->out[resq_thread()] = resq_shared_load(to + 4 * (uint32_t)(THREADS - 1 - resq_thread()));
  if (!p->fault)
    resq_sync_block();
  if (resq_thread() == 0) {
    resq_mbarrier_expect(barrier, 256);
    resq_bulk_copy(to, p->in, 256, barrier);
    resq_mbarrier_wait(barrier, 0);
  }
}
static void copy_never_announced(void *argument) {
  planted *p = argument;
  const uint32_t barrier = word(0);
  if (resq_thread() == 0) {
    resq_mbarrier_init(barrier, 1);
    resq_mbarrier_expect(barrier, p->fault ? 512 : 256);
    resq_bulk_copy(word(4), p->in, 256, barrier);
    resq_mbarrier_wait(barrier, 0);
  }
}

static void test_faults(void **state) {
  (void)state;
  expect(missing_block_barrier, "without a barrier between");
  expect(missing_barrier_before_reuse, "without a barrier between");
  expect(missing_warp_barrier, "without a barrier between");
  expect(shuffle_for_a_barrier, "without a barrier between");
  expect(outside, "outside the 512 bytes of shared memory");
  expect(not_written, "which nobody has written");
  expect(not_aligned, "are not aligned");
  expect(apart_at_a_collective, "while other lanes of its warp are at");
  expect(collective_without_all, "waits for a shuffle (xor), which nothing will end");
  expect(barrier_without_all, "waits for a barrier of the block, which nothing will end");
  expect(missing_wait, "while a copy to it is under way");
  expect(missing_wait_of_a_warp, "copy");
  expect(copy_over_what_is_read, "read without a barrier between");
  expect(copy_never_announced, "waits for an mbarrier, which nothing will end");
}

/// Lane l of A row g holds what resq_mma_s8 says; every product is checked against plain sums.
static void products(void *argument) {
  (void)argument;
  const int lane = resq_thread() % RESQ_WARP, g = lane / 4, q = lane % 4;
#define A(row, k) ((int8_t)((row) * 37 + (k) * 11 + 5))
#define B(k, column) ((int8_t)((k) * 29 - (column) * 53))
  uint32_t a[4] = {0}, b[2] = {0};
  for (int i = 0; i < 4; i++) {
    for (int h = 0; h < 4; h++)
      a[h] |= (uint32_t)(uint8_t)A(g + 8 * (h % 2), 16 * (h / 2) + 4 * q + i) << 8 * i;
    for (int h = 0; h < 2; h++)
      b[h] |= (uint32_t)(uint8_t)B(16 * h + 4 * q + i, g) << 8 * i;
  }
  int32_t c[4] = {1, 2, 3, 4};
  resq_mma_s8(c, a[0], a[1], a[2], a[3], b[0], b[1]);
  for (int i = 0; i < 4; i++) {
    int32_t want = i + 1;
    for (int k = 0; k < 32; k++)
      want += A(g + 8 * (i / 2), k) * B(k, 2 * q + i % 2);
    assert_int_equal(c[i], want);
  }
  uint32_t x[4], y[2];
  for (int h = 0; h < 4; h++)
    x[h] = resq_half2((float)A(g + 8 * (h % 2), 8 * (h / 2) + 2 * q),
                      (float)A(g + 8 * (h % 2), 8 * (h / 2) + 2 * q + 1));
  for (int h = 0; h < 2; h++)
    y[h] = resq_half2((float)B(8 * h + 2 * q, g), (float)B(8 * h + 2 * q + 1, g));
  float d[4] = {0.5f, 0, 0, 0};
  resq_mma_f16(d, x[0], x[1], x[2], x[3], y[0], y[1]);
  for (int i = 0; i < 4; i++) {
    float want = i ? 0 : 0.5f;
    for (int k = 0; k < 16; k++)
      want += (float)(A(g + 8 * (i / 2), k) * B(k, 2 * q + i % 2));
    assert_true(d[i] == want);
  }
  assert_int_equal(resq_dp4a(0x80ff017f, 0x80028101, 10), 10 + 127 - 127 - 2 + 16384);
  assert_int_equal(resq_pick_bytes(0x44332211, 0x88776655, 0xf940), 0xff005511 | 0x00000000);
  assert_int_equal(resq_ballot(lane % 3 == 0), 0x49249249);
  assert_int_equal(resq_warp_add(lane - 20), 496 - 640);
  assert_int_equal(resq_shuffle((uint32_t)lane, (lane + 1) % 32), (lane + 1) % 32);
}
static void test_products(void **state) {
  (void)state;
  const char *fault = emulator_run((emulator_launch){1, 1, RESQ_WARP, 64, 3}, products, NULL);
  if (fault)
    fail_msg("%s", fault);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_faults),
                                     cmocka_unit_test(test_products)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
