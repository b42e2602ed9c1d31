//===-- pace_test.c - when a pool shrinks and when it grows ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Traces of calls, with a clock of their own: the row "a busy core".
//===----------------------------------------------------------------------===//
#include "exec/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { call_ns = 2000000, slice_ns = 4000000 };

/// `calls` calls of 2 ms, each `lost_ns` longer where more than `cpus` threads run. Gives the share
/// of the calls that lost time.
static double play(resq_pace *p, int64_t *now, int calls, int cpus, int64_t lost_ns) {
  int lossy = 0;
  for (int i = 0; i < calls; ++i) {
    const int64_t lost = p->active > cpus ? lost_ns : 0;
    lossy += lost > 0;
    *now += call_ns + lost;
    resq_pace_after(p, *now, call_ns + lost, lost);
    assert_in_range(p->active, 1, p->most);
    assert_in_range(p->hold_ns, RESQ_PACE_LEAST_NS, RESQ_PACE_MOST_NS);
  }
  return (double)lossy / calls;
}

static void quiet_machine(void **state) {
  (void)state;
  int64_t now = 1000;
  resq_pace p = resq_pace_start(8, now);
  play(&p, &now, 5000, 8, 0);
  assert_int_equal(p.active, 8);
  assert_int_equal(p.hold_ns, RESQ_PACE_LEAST_NS);
  resq_pace_after(&p, now += call_ns, call_ns, call_ns / 8 - 1);
  resq_pace_after(&p, now += 60000, 60000, 60000);
  assert_int_equal(p.active, 8);
}

/// One hiccup: fewer threads for eight times as long, then all again.
static void hiccup(void **state) {
  (void)state;
  int64_t now = 0;
  resq_pace p = resq_pace_start(2, now);
  play(&p, &now, 1, 1, slice_ns);
  assert_int_equal(p.active, 1);
  play(&p, &now, 8 * slice_ns / call_ns - 1, 1, slice_ns);
  assert_int_equal(p.active, 1);
  play(&p, &now, 1, 2, 0);
  assert_int_equal(p.active, 2);
  play(&p, &now, 60, 2, 0);
  assert_int_equal(p.hold_ns, RESQ_PACE_LEAST_NS);
}

/// A neighbor that stays is tried ever more rarely, and all threads are back a second after it.
static void busy_core(void **state) {
  (void)state;
  int64_t now = 0;
  resq_pace p = resq_pace_start(2, now);
  play(&p, &now, 1500, 1, slice_ns); // three seconds, to learn it
  assert_true(play(&p, &now, 5000, 1, slice_ns) < 0.003);
  assert_int_equal(p.hold_ns, RESQ_PACE_MOST_NS);
  play(&p, &now, RESQ_PACE_MOST_NS / call_ns, 2, 0);
  assert_int_equal(p.active, 2);
  play(&p, &now, 2000, 2, 0); // and its memory fades
  assert_true(p.hold_ns < RESQ_PACE_MOST_NS / 2);
}

/// Long calls (prompts) know it after one: no second one is lost for sixteen times the loss.
static void busy_core_and_long_calls(void **state) {
  (void)state;
  int64_t now = 0, wall = 0, lost = 0;
  resq_pace p = resq_pace_start(2, now);
  for (int i = 0; i < 1000; ++i) {
    const int64_t loss = p.active > 1 ? 150000000 : 0;
    now += 300000000 + loss;
    resq_pace_after(&p, now, 300000000 + loss, loss);
    lost += loss;
    wall += 300000000 + loss;
  }
  assert_true(lost < wall / 14);
}

/// Many threads: as many are left as processors are, within a step.
static void busy_cores(void **state) {
  (void)state;
  for (int cpus = 1; cpus <= 64; ++cpus) {
    int64_t now = 0;
    resq_pace p = resq_pace_start(64, now);
    play(&p, &now, 3000, cpus, slice_ns);
    assert_true(play(&p, &now, 5000, cpus, slice_ns) < 0.01);
    double threads = 0;
    for (int i = 0; i < 5000; ++i) {
      play(&p, &now, 1, cpus, slice_ns);
      threads += p.active / 5000.0;
    }
    assert_true(threads > 0.7 * cpus);
    play(&p, &now, 7 * (RESQ_PACE_MOST_NS / call_ns), 64, 0);
    assert_int_equal(p.active, 64);
  }
}

/// Extreme times break nothing.
static void odd_times(void **state) {
  (void)state;
  resq_pace p = resq_pace_start(3, 0);
  resq_pace_after(&p, 0, 0, 0);
  resq_pace_after(&p, -5, 0, INT64_MAX); // a clock that went back
  assert_int_equal(p.active, 2);
  resq_pace_after(&p, INT64_MAX / 2, INT64_MAX, INT64_MAX);
  assert_int_equal(p.active, 1);
  resq_pace_after(&p, INT64_MAX - 1, INT64_MAX, INT64_MAX);
  assert_in_range(p.active, 1, 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(quiet_machine),
      cmocka_unit_test(hiccup),
      cmocka_unit_test(busy_core),
      cmocka_unit_test(busy_cores),
      cmocka_unit_test(busy_core_and_long_calls),
      cmocka_unit_test(odd_times),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
