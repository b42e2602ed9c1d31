//===-- absent_thread_test.c - calls while a helper does not run ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The row "a busy core": a thread that the system does not schedule must not be waited
// for. Threads sleep in the kernel only where they are in no phase; the pool is compiled
// into this test with a futex of its own, in which a helper stays for as long as a gate is
// closed. What is tested is the order of events, never time.
//===----------------------------------------------------------------------===//
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

static long gated_syscall(long number, void *word, int operation, uint32_t value, void *time,
                          void *other, int mask);
#define syscall gated_syscall
#include "exec/threads.c"
#undef syscall

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static _Thread_local bool is_helper;
static _Atomic bool gate_closed;
static _Atomic int held; ///< helpers at the gate

static long gated_syscall(long number, void *word, int operation, uint32_t value, void *time,
                          void *other, int mask) {
  if (!is_helper || (operation & FUTEX_CMD_MASK) != FUTEX_WAIT)
    return syscall(number, word, operation, value, time, other, mask);
  // A helper polls instead of sleeping, so that it comes to the gate whenever that is closed.
  if (atomic_load(&gate_closed)) {
    atomic_fetch_add(&held, 1);
    while (atomic_load(&gate_closed))
      sched_yield();
    atomic_fetch_sub(&held, 1);
  }
  sched_yield();
  return 0; // awake: it looks at the word again
}

enum { phases = 50, parts = 4, absent_from = 10, back_in = 40 };

typedef struct call {
  resq_pool *pool;
  bool leaves;                 ///< the helper is held after phase absent_from
  bool comes_back;             ///< the gate opens in phase back_in
  _Atomic bool entered, go_on; ///< the helper is in phase absent_from; it may leave it
  _Atomic bool ended;
  _Atomic int tickets[phases];
  _Atomic int by_caller[phases], by_helper[phases];
  int value[phases]; ///< plain: each phase adds one to the last's
} call;

static void wait_for(const _Atomic bool *flag) {
  while (!atomic_load(flag))
    sched_yield();
}

static void wait_until_held(void) {
  while (!atomic_load(&held))
    sched_yield();
}

/// In phase absent_from both threads meet; then the helper leaves it, and is gone.
static void lose_helper(call *c, int index) {
  if (index) {
    atomic_store(&c->entered, true);
    wait_for(&c->go_on);
    return;
  }
  wait_for(&c->entered);
  atomic_store(&gate_closed, true);
  atomic_store(&c->go_on, true);
  wait_until_held();
}

static void run_phases(void *context, int index, int count) {
  call *c = context;
  is_helper = index > 0;
  for (int p = 0; p < phases; ++p) {
    if (count > 1 && !resq_pool_phase(c->pool, index))
      continue;
    if (c->leaves && p == absent_from)
      lose_helper(c, index);
    if (c->comes_back && p == back_in && index == 0)
      atomic_store(&gate_closed, false);
    for (int i; (i = atomic_fetch_add(&c->tickets[p], 1)) < parts;) {
      if (i == 0)
        c->value[p] = 1 + (p ? c->value[p - 1] : 0);
      atomic_fetch_add(index ? &c->by_helper[p] : &c->by_caller[p], 1);
    }
  }
}

static void check(const call *c) {
  for (int p = 0; p < phases; ++p) {
    assert_int_equal(c->value[p], p + 1);
    assert_int_equal(c->by_caller[p] + c->by_helper[p], parts);
  }
}

static void meet(void *context, int index, int count) {
  call *c = context;
  is_helper = index > 0;
  if (index)
    atomic_store(&c->entered, true);
  else if (count > 1)
    wait_for(&c->entered);
}

/// The next call is for two: this machine may be busy, too, and have shrunk the pool.
static void grow(resq_pool *pool) {
  while (pool->pace.active < 2)
    resq_pool_run(pool, meet, &(call){.pool = pool});
}

/// A pool of two whose helper runs, and knows that it is one.
static resq_pool *make_pool(void) {
  resq_pool *pool = resq_pool_create(2, 0, NULL);
  assert_non_null(pool);
  call c = {.pool = pool};
  resq_pool_run(pool, meet, &c);
  grow(pool);
  return pool;
}

/// Calls on two threads in which the helper takes part come again.
static void check_return(resq_pool *pool) {
  call c = {.pool = pool};
  while (!c.entered)
    resq_pool_run(pool, meet, &c);
  call again = {.pool = pool};
  resq_pool_run(pool, run_phases, &again);
  check(&again);
}

/// Held from before the call until after it.
static void busy_core_between_calls(void **state) {
  (void)state;
  resq_pool *pool = make_pool();
  atomic_store(&gate_closed, true);
  wait_until_held();
  for (int i = 0; i < 20; ++i) {
    grow(pool);
    call c = {.pool = pool};
    resq_pool_run(pool, run_phases, &c);
    check(&c);
    for (int p = 0; p < phases; ++p)
      assert_int_equal(c.by_helper[p], 0);
    assert_int_equal(held, 1);
    assert_int_equal(pool->slept_ns, 0); // never waited
  }
  atomic_store(&gate_closed, false);
  check_return(pool);
  resq_pool_destroy(pool);
}

/// Held from a phase in the middle of a call until after the call.
static void busy_core_within_a_call(void **state) {
  (void)state;
  resq_pool *pool = make_pool();
  call c = {.pool = pool, .leaves = true};
  resq_pool_run(pool, run_phases, &c);
  assert_int_equal(held, 1);
  check(&c);
  for (int p = absent_from + 1; p < phases; ++p)
    assert_int_equal(c.by_helper[p], 0);
  atomic_store(&gate_closed, false);
  check_return(pool);
  resq_pool_destroy(pool);
}

/// Back before the call ends: it skips what is over, without touching it.
static void late_thread_skips(void **state) {
  (void)state;
  resq_pool *pool = make_pool();
  for (int i = 0; i < 20; ++i) {
    call c = {.pool = pool, .leaves = true, .comes_back = true};
    grow(pool);
    resq_pool_run(pool, run_phases, &c);
    check(&c);
    for (int p = absent_from + 1; p < back_in; ++p)
      assert_int_equal(c.by_helper[p], 0);
  }
  check_return(pool);
  resq_pool_destroy(pool);
}

//===-- The number of threads ---------------------------------------------===//

typedef struct slow_call {
  resq_pool *pool;
  bool works;           ///< the helper runs while it is waited for
  _Atomic bool entered; ///< the helper is in the phase
  int count;
} slow_call;

/// The caller waits for a helper that keeps its chunk for 20 ms.
static void keep_chunk(void *context, int index, int count) {
  slow_call *c = context;
  if (index) {
    atomic_store(&c->entered, true);
    while (!atomic_load(&c->pool->state.sleepers)) // the caller waits
      sched_yield();
    if (!c->works)
      nanosleep(&(struct timespec){0, 20000000}, NULL);
    for (int64_t end = ran_ns(CLOCK_THREAD_CPUTIME_ID) + 20000000;
         c->works && ran_ns(CLOCK_THREAD_CPUTIME_ID) < end;)
      ;
    return;
  }
  c->count = count;
  if (count > 1)
    wait_for(&c->entered);
}

/// A chunk that takes long is no thread that does not run.
static void work_is_not_lost(void **state) {
  (void)state;
  resq_pool *pool = make_pool();
  slow_call c = {.pool = pool, .works = true};
  resq_pool_run(pool, keep_chunk, &c);
  assert_in_range(pool->slept_ns, 1, INT64_MAX);
  // Where this machine is busy the helper was away, too, but never for all of the time.
  assert_true(pool->lost_ns < pool->slept_ns - 15000000 || pool->lost_ns == 0);
  check_return(pool);
  resq_pool_destroy(pool);
}

static void busy_core_shrinks_the_pool(void **state) {
  (void)state;
  resq_pool *pool = make_pool();
  slow_call c;
  // Once, unless the caller itself was not running when it should have waited.
  do {
    c = (slow_call){.pool = pool};
    resq_pool_run(pool, keep_chunk, &c);
    assert_int_equal(c.count, 2);
  } while (pool->pace.active == 2);
  do { // it grows by itself
    c = (slow_call){.pool = pool};
    resq_pool_run(pool, keep_chunk, &c);
    assert_int_equal(resq_pool_count(pool), 2);
  } while (c.count == 1);
  check_return(pool);
  resq_pool_destroy(pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(busy_core_between_calls),    cmocka_unit_test(busy_core_within_a_call),
      cmocka_unit_test(late_thread_skips),          cmocka_unit_test(work_is_not_lost),
      cmocka_unit_test(busy_core_shrinks_the_pool),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
