//===-- threads_test.c - the pool under stress, and what a call costs -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Many short calls at several thread counts, with and without spinning, more threads
// than CPUs included. `threads_test --measure` prints the cost of a call and a barrier.
//===----------------------------------------------------------------------===//
#include "exec/cpu.h"
#include "exec/threads.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

typedef struct tally {
  resq_pool *pool;
  int barriers;
  int64_t total;     // atomically
  int64_t slots[16]; // plain: the pool must order them
  bool wrong;
} tally;

static void count_up(void *context, int index, int count) {
  tally *t = context;
  if (count != resq_pool_count(t->pool))
    t->wrong = true;
  __atomic_fetch_add(&t->total, 1, __ATOMIC_RELAXED);
  for (int b = 0; b < t->barriers; ++b) {
    int64_t before = t->slots[(index + 1) % count];
    resq_pool_barrier(t->pool); // all have read
    t->slots[index] = before + 1;
    resq_pool_barrier(t->pool); // all have written
    // Every slot holds the number of rounds so far, whichever thread counted it.
    for (int i = 0; i < count; ++i)
      if (t->slots[i] != t->slots[index])
        __atomic_store_n(&t->wrong, true, __ATOMIC_RELAXED);
    resq_pool_barrier(t->pool);
  }
}

static void stress(int threads, int64_t spin_ns, int calls, int barriers) {
  resq_error err = {0};
  resq_pool *pool = resq_pool_create(threads, spin_ns, &err);
  assert_non_null(pool);
  tally t = {.pool = pool, .barriers = barriers};
  // On a machine that others load, a call may cost a time slice: fewer calls then.
  const int64_t limit_ns = 2000000000;
  int64_t start = resq_now_ns();
  int done = 0;
  while (done < calls && resq_now_ns() - start < limit_ns) {
    resq_pool_run(pool, count_up, &t);
    assert_int_equal(t.total, (int64_t)++done * threads);
  }
  assert_false(t.wrong);
  for (int i = 0; i < threads && barriers; ++i)
    assert_int_equal(t.slots[i], (int64_t)done * barriers);
  resq_pool_destroy(pool);
}

static void many_short_calls(void **state) {
  (void)state;
  stress(1, RESQ_SPIN_NS, 100000, 0);
  stress(2, RESQ_SPIN_NS, 100000, 0);
  stress(4, RESQ_SPIN_NS, 5000, 0);
}

static void barriers_order_memory(void **state) {
  (void)state;
  stress(1, RESQ_SPIN_NS, 1000, 3);
  stress(2, RESQ_SPIN_NS, 5000, 3);
  stress(3, 0, 500, 3);
  stress(4, 1000, 300, 3);
}

static void sleepers_wake(void **state) {
  (void)state;
  resq_pool *pool = resq_pool_create(2, 10000, NULL);
  tally t = {.pool = pool, .barriers = 1};
  for (int i = 0; i < 30; ++i) {
    nanosleep(&(struct timespec){0, 2000000}, NULL); // helpers are asleep by now
    resq_pool_run(pool, count_up, &t);
  }
  assert_int_equal(t.total, 60);
  resq_pool_destroy(pool);
}

static void pools_come_and_go(void **state) {
  (void)state;
  for (int i = 0; i < 60; ++i)
    stress(1 + i % 4, i % 2 ? RESQ_SPIN_NS : 0, i % 3, 1);
}

static void refuses_counts(void **state) {
  (void)state;
  resq_error err = {0};
  assert_null(resq_pool_create(0, 0, &err));
  assert_null(resq_pool_create(RESQ_MAX_THREADS + 1, 0, &err));
  assert_non_null(strstr(err.message, "1025"));
  assert_true(resq_thread_default() >= 1);
}

//===-- Levels ------------------------------------------------------------===//

static void nothing(resq_worker *w) { (void)w; }

static void levels(void **state) {
  (void)state;
  resq_entry both[] = {
      {.function = "f", .level = "generic", .run = nothing, .max_rows = 16},
      {.function = "f", .level = "avx512", .run = nothing, .max_rows = 16},
      {.function = "g", .level = "generic", .run = nothing, .max_rows = 16},
  };
  resq_program p = {.abi_version = RESQ_ABI_VERSION, .n_entries = 2, .entries = both};
  unsigned all = ~0u;
  resq_error err = {0};
  assert_string_equal(resq_cpu_choose(&p, all, NULL, &err), "avx512");
  assert_string_equal(resq_cpu_choose(&p, all & ~RESQ_CPU_AVX512VBMI, NULL, &err), "avx512");
  assert_string_equal(resq_cpu_choose(&p, all & ~RESQ_CPU_AVX512VNNI, NULL, &err), "generic");
  assert_string_equal(resq_cpu_best(all), "avx512vbmi");
  assert_string_equal(resq_cpu_best(all & ~RESQ_CPU_AVX512VBMI), "avx512");
  assert_string_equal(resq_cpu_best(RESQ_CPU_AVX2 | RESQ_CPU_FMA | RESQ_CPU_V3), "avx2");
  assert_string_equal(resq_cpu_best(RESQ_CPU_AVX2 | RESQ_CPU_FMA), "generic");
  assert_string_equal(resq_cpu_best(0), "generic");
  assert_string_equal(resq_cpu_choose(&p, all, "generic", &err), "generic");
  assert_null(resq_cpu_choose(&p, RESQ_CPU_AVX2, "avx512", &err));
  assert_int_equal(err.code, RESQ_NO_DEVICE);
  assert_non_null(strstr(err.message, "avx2"));
  assert_null(resq_cpu_choose(&p, all, "sse9", &err));
  assert_int_equal(err.code, RESQ_USAGE);
  assert_non_null(strstr(err.message, "generic, avx512"));
  p.n_entries = 3; // @g has no avx512 entry: the level is not complete
  assert_string_equal(resq_cpu_choose(&p, all, NULL, &err), "generic");
  both[0].level = both[2].level = "avx512";
  assert_null(resq_cpu_choose(&p, 0, NULL, &err));
  assert_int_equal(err.code, RESQ_NO_DEVICE);
  assert_non_null(strstr(err.message, "baseline"));
  // What the compiler believes about this CPU is what we found.
#if defined(__x86_64__)
  unsigned here = resq_cpu_features();
  assert_int_equal(!!(here & RESQ_CPU_AVX2), !!__builtin_cpu_supports("avx2"));
  assert_int_equal(!!(here & RESQ_CPU_V3),
                   __builtin_cpu_supports("f16c") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("bmi") &&
                       __builtin_cpu_supports("lzcnt"));
  assert_int_equal(!!(here & RESQ_CPU_AVX512F), !!__builtin_cpu_supports("avx512f"));
  assert_int_equal(!!(here & RESQ_CPU_AVX512VNNI), !!__builtin_cpu_supports("avx512vnni"));
  assert_int_equal(!!(here & RESQ_CPU_AVX512VBMI), !!__builtin_cpu_supports("avx512vbmi"));
#endif
}

//===-- Measuring ---------------------------------------------------------===//

static void empty(void *context, int index, int count) { (void)context, (void)index, (void)count; }

enum { barriers_a_call = 1000 };
static void only_barriers(void *context, int index, int count) {
  (void)index, (void)count;
  for (int i = 0; i < barriers_a_call; ++i)
    resq_pool_barrier(context);
}

static int compare(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

static void measure(int threads, int64_t pause_ns) {
  enum { n = 2001 };
  static int64_t times[n];
  resq_pool *pool = resq_pool_create(threads, RESQ_SPIN_NS, NULL);
  for (int i = 0; i < n; ++i) {
    int64_t start = resq_now_ns();
    while (resq_now_ns() - start < pause_ns)
      ;
    start = resq_now_ns();
    resq_pool_run(pool, empty, NULL);
    times[i] = resq_now_ns() - start;
  }
  qsort(times, n, sizeof *times, compare);
  printf("%d threads, call after %lld us: median %lld ns, 90%% %lld ns", threads,
         (long long)pause_ns / 1000, (long long)times[n / 2], (long long)times[n * 9 / 10]);
  for (int i = 0; i < 101; ++i) {
    int64_t start = resq_now_ns();
    resq_pool_run(pool, only_barriers, pool);
    times[i] = (resq_now_ns() - start) / barriers_a_call;
  }
  qsort(times, 101, sizeof *times, compare);
  printf("; barrier: median %lld ns, best %lld ns\n", (long long)times[50], (long long)times[0]);
  resq_pool_destroy(pool);
}

int main(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "--measure")) {
    measure(1, 0);
    measure(2, 0);
    measure(2, 20000);
    measure(2, 500000);
    measure(4, 0);
    return 0;
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(many_short_calls), cmocka_unit_test(barriers_order_memory),
      cmocka_unit_test(sleepers_wake),    cmocka_unit_test(pools_come_and_go),
      cmocka_unit_test(refuses_counts),   cmocka_unit_test(levels),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
