//===-- threads.c - a fork-join pool for SPMD calls -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Everything is built on one primitive, the event: a counter that goes up, that
// waiters watch first by spinning and then in the kernel (futex). Fork is an event
// of the caller, join one of the last helper, a barrier's release one of its last
// arriver.
//===----------------------------------------------------------------------===//
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "exec/threads.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/// Alone on its cache line: waiters poll it while others write next to it.
typedef struct event {
  _Alignas(64) _Atomic uint32_t count;
  _Atomic uint32_t sleepers;
} event;

typedef struct helper {
  resq_pool *pool;
  pthread_t thread;
  int index;
} helper;

struct resq_pool {
  event work;                            ///< a new task, or the end of the pool
  event done;                            ///< the last helper has finished the task
  event released;                        ///< a barrier's phase
  _Alignas(64) _Atomic uint32_t arrived; ///< at the barrier
  _Alignas(64) _Atomic uint32_t running; ///< helpers inside the task
  _Alignas(64) resq_task task;
  void *context;
  helper *helpers; ///< [count - 1]
  int64_t spin_ns;
  int count;
  bool closing;
};

int64_t resq_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int resq_thread_default(void) {
  // The kernel's mask may be wider than cpu_set_t's 1024 bits.
  for (int cpus = 1024; cpus <= 1 << 20; cpus *= 4) {
    cpu_set_t *set = CPU_ALLOC(cpus);
    if (!set)
      return 1;
    size_t size = CPU_ALLOC_SIZE(cpus);
    int failed = sched_getaffinity(0, size, set);
    int n = failed ? 0 : CPU_COUNT_S(size, set);
    int wider = failed && errno == EINVAL;
    CPU_FREE(set);
    if (!wider)
      return n < 1 ? 1 : n > RESQ_MAX_THREADS ? RESQ_MAX_THREADS : n;
  }
  return 1;
}

static void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static void futex(_Atomic uint32_t *word, int operation, uint32_t value) {
  syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

/// True as soon as e's count is not `old`; false when the budget is spent.
static bool spin(event *e, uint32_t old, int64_t budget_ns) {
  int64_t deadline = 0;
  for (unsigned i = 1;; ++i) {
    if (atomic_load_explicit(&e->count, memory_order_acquire) != old)
      return true;
    if (budget_ns <= 0)
      return false;
    relax();
    if (i % 64)
      continue;
    int64_t now = resq_now_ns();
    if (!deadline)
      deadline = now + budget_ns;
    else if (now >= deadline)
      return false;
  }
}

static void event_wait(event *e, uint32_t old, int64_t budget_ns) {
  if (spin(e, old, budget_ns))
    return;
  // Either event_signal sees this sleeper or the load below sees its count (both sequentially
  // consistent); a change between load and sleep is seen by the kernel.
  atomic_fetch_add(&e->sleepers, 1);
  while (atomic_load(&e->count) == old)
    futex(&e->count, FUTEX_WAIT, old);
  atomic_fetch_sub(&e->sleepers, 1);
}

static void event_signal(event *e) {
  atomic_fetch_add(&e->count, 1);
  if (atomic_load(&e->sleepers))
    futex(&e->count, FUTEX_WAKE, INT32_MAX);
}

static uint32_t event_now(event *e) {
  return atomic_load_explicit(&e->count, memory_order_acquire);
}

static void *helper_main(void *argument) {
  helper *self = argument;
  resq_pool *pool = self->pool;
  // Created before the first task, so the events seen start at 0 and none is missed.
  for (uint32_t seen = 0;; ++seen) {
    event_wait(&pool->work, seen, pool->spin_ns);
    if (pool->closing)
      return NULL;
    pool->task(pool->context, self->index, pool->count);
    if (atomic_fetch_sub_explicit(&pool->running, 1, memory_order_acq_rel) == 1)
      event_signal(&pool->done);
  }
}

/// Helpers take no signals: handlers run on the host's threads.
static int start_helper(helper *h) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = pthread_create(&h->thread, NULL, helper_main, h);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return failed;
}

resq_pool *resq_pool_create(int threads, int64_t spin_ns, resq_error *err) {
  if (threads < 1 || threads > RESQ_MAX_THREADS) {
    resq_fail(err, RESQ_USAGE, "%d threads, allowed: 1 to %d", threads, RESQ_MAX_THREADS);
    return NULL;
  }
  resq_pool *pool = aligned_alloc(_Alignof(resq_pool), sizeof *pool);
  helper *helpers = calloc((size_t)threads, sizeof *helpers);
  if (!pool || !helpers) {
    free(pool);
    free(helpers);
    resq_fail(err, RESQ_NO_MEMORY, "no memory for %d threads", threads);
    return NULL;
  }
  memset(pool, 0, sizeof *pool);
  pool->helpers = helpers;
  pool->spin_ns = threads > resq_thread_default() ? 0 : spin_ns;
  pool->count = 1;
  for (int i = 1; i < threads; ++i) {
    helpers[i - 1] = (helper){.pool = pool, .index = i};
    int failed = start_helper(&helpers[i - 1]);
    if (failed) {
      // EAGAIN: no memory for its stack, or the system's limit of threads.
      resq_fail(err, failed == EAGAIN ? RESQ_NO_MEMORY : RESQ_FAILED,
                "cannot start thread %d of %d: %s", i + 1, threads, strerror(failed));
      resq_pool_destroy(pool);
      return NULL;
    }
    pool->count = i + 1;
  }
  return pool;
}

void resq_pool_destroy(resq_pool *pool) {
  if (!pool)
    return;
  pool->closing = true;
  event_signal(&pool->work);
  for (int i = 1; i < pool->count; ++i)
    pthread_join(pool->helpers[i - 1].thread, NULL);
  free(pool->helpers);
  free(pool);
}

int resq_pool_count(const resq_pool *pool) { return pool->count; }

void resq_pool_run(resq_pool *pool, resq_task task, void *context) {
  if (pool->count == 1) {
    task(context, 0, 1);
    return;
  }
  uint32_t before = event_now(&pool->done);
  pool->task = task;
  pool->context = context;
  atomic_store_explicit(&pool->running, (uint32_t)pool->count - 1, memory_order_relaxed);
  event_signal(&pool->work);
  task(context, 0, pool->count);
  event_wait(&pool->done, before, pool->spin_ns);
}

void resq_pool_barrier(resq_pool *pool) {
  if (pool->count == 1)
    return;
  // The phase cannot move before this thread arrives, so reading it first is safe.
  uint32_t phase = event_now(&pool->released);
  if (atomic_fetch_add_explicit(&pool->arrived, 1, memory_order_acq_rel) + 1 ==
      (uint32_t)pool->count) {
    atomic_store_explicit(&pool->arrived, 0, memory_order_relaxed);
    event_signal(&pool->released);
    return;
  }
  event_wait(&pool->released, phase, pool->spin_ns);
}
