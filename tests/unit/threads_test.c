//===-- threads_test.c - the pool under stress, and what a call costs -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Many short calls at several thread counts, with and without spinning, more threads
// than CPUs included. `threads_test --measure` prints the cost of a call and a phase.
// What happens when a thread does not run: absent_thread_test.c.
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

enum { parts = 8, most_phases = 400, most_threads = 4 };

/// Work in phases of `parts` parts each, every part of a phase made of all parts of the phase
/// before: what is left out, done twice or not seen in order changes the numbers.
typedef struct work {
  resq_pool *pool;
  int phases, count;
  int tickets[most_phases];   // atomically
  int64_t done[most_threads]; // atomically: parts by thread
  uint64_t cells[2][parts];   // plain: the pool must order them
} work;

static uint64_t make_part(const uint64_t *before, int phase, int part) {
  uint64_t hash = (uint64_t)(phase * parts + part);
  for (int i = 0; i < parts; ++i)
    hash = hash * 6364136223846793005u + before[i];
  return hash;
}

static void work_in_phases(void *context, int index, int count) {
  work *w = context;
  for (int p = 0; p < w->phases; ++p) {
    if (count > 1 && !resq_pool_phase(w->pool, index))
      continue;
    for (int i; (i = __atomic_fetch_add(&w->tickets[p], 1, __ATOMIC_RELAXED)) < parts;) {
      w->cells[(p + 1) % 2][i] = make_part(w->cells[p % 2], p, i);
      __atomic_fetch_add(&w->done[index], 1, __ATOMIC_RELAXED);
    }
  }
  if (index == 0)
    w->count = count;
}

static void check_call(work *w) {
  uint64_t expected[2][parts] = {{0}};
  memset(w->tickets, 0, sizeof w->tickets);
  memset(w->done, 0, sizeof w->done);
  memset(w->cells, 0, sizeof w->cells);
  resq_pool_run(w->pool, work_in_phases, w);
  for (int p = 0; p < w->phases; ++p)
    for (int i = 0; i < parts; ++i)
      expected[(p + 1) % 2][i] = make_part(expected[p % 2], p, i);
  assert_memory_equal(w->cells[w->phases % 2], expected[w->phases % 2], sizeof expected[0]);
  int64_t done = 0;
  for (int i = 0; i < most_threads; ++i)
    done += w->done[i];
  assert_int_equal(done, (int64_t)w->phases * parts);
  assert_in_range(w->count, 1, resq_pool_count(w->pool));
}

static void stress(int threads, int64_t spin_ns, int calls, int phases) {
  resq_error err = {0};
  work w = {.pool = resq_pool_create(threads, spin_ns, &err), .phases = phases};
  assert_non_null(w.pool);
  assert_int_equal(resq_pool_count(w.pool), threads);
  // On a machine that others load, a call may cost a time slice: fewer calls then.
  const int64_t limit_ns = 1000000000;
  int64_t start = resq_now_ns();
  for (int i = 0; i < calls && resq_now_ns() - start < limit_ns; ++i)
    check_call(&w);
  resq_pool_destroy(w.pool);
}

static void many_short_calls(void **state) {
  (void)state;
  stress(1, RESQ_SPIN_NS, 20000, 1);
  stress(2, RESQ_SPIN_NS, 20000, 1);
  stress(4, RESQ_SPIN_NS, 5000, 2);
}

static void phases_order_memory(void **state) {
  (void)state;
  stress(1, RESQ_SPIN_NS, 100, 100);
  stress(2, RESQ_SPIN_NS, 1000, most_phases);
  stress(3, 0, 100, 100);
  stress(4, 1000, 200, 100);
}

static void sleepers_wake(void **state) {
  (void)state;
  work w = {.pool = resq_pool_create(2, 10000, NULL), .phases = 3};
  for (int i = 0; i < 30; ++i) {
    nanosleep(&(struct timespec){0, 2000000}, NULL); // helpers are asleep by now
    check_call(&w);
  }
  resq_pool_destroy(w.pool);
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
                   __builtin_cpu_supports("f16c") && __builtin_cpu_supports("bmi2") &&
                       __builtin_cpu_supports("bmi") && __builtin_cpu_supports("lzcnt"));
  assert_int_equal(!!(here & RESQ_CPU_AVX512F), !!__builtin_cpu_supports("avx512f"));
  assert_int_equal(!!(here & RESQ_CPU_AVX512VNNI), !!__builtin_cpu_supports("avx512vnni"));
  assert_int_equal(!!(here & RESQ_CPU_AVX512VBMI), !!__builtin_cpu_supports("avx512vbmi"));
#endif
}

//===-- Measuring ---------------------------------------------------------===//

static void empty(void *context, int index, int count) { (void)context, (void)index, (void)count; }

enum { phases_a_call = 1000 };
static void only_phases(void *context, int index, int count) {
  for (int i = 0; count > 1 && i < phases_a_call; ++i)
    resq_pool_phase(context, index);
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
    resq_pool_run(pool, only_phases, pool);
    times[i] = (resq_now_ns() - start) / phases_a_call;
  }
  qsort(times, 101, sizeof *times, compare);
  printf("; phase: median %lld ns, best %lld ns\n", (long long)times[50], (long long)times[0]);
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
      cmocka_unit_test(many_short_calls), cmocka_unit_test(phases_order_memory),
      cmocka_unit_test(sleepers_wake),    cmocka_unit_test(pools_come_and_go),
      cmocka_unit_test(refuses_counts),   cmocka_unit_test(levels),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
