//===-- threads.c - a pool for SPMD calls that waits for nobody absent ----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The protocol, and why it is right, stands in threads.h. Waiting is built on one
// primitive, the event: a word that changes, that waiters watch first by spinning and
// then in the kernel (futex).
//===----------------------------------------------------------------------===//
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "exec/threads.h"
#include "base/cpus.h"
#include "base/machine.h"
#include "exec/pace.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

//===-- Events ------------------------------------------------------------===//

/// Alone on its cache line: waiters poll it while others write next to it.
typedef struct event {
  _Alignas(64) _Atomic uint64_t word;
  _Atomic uint32_t sleepers;
} event;

/// The futex is the word's low half, which changes whenever what waiters wait for does.
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the low half of a word comes first");

int64_t resq_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void futex(event *e, int operation, uint32_t value) {
  syscall(SYS_futex, &e->word, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

static uint64_t event_now(event *e) { return atomic_load_explicit(&e->word, memory_order_acquire); }

static void event_wake(event *e) {
  if (atomic_load(&e->sleepers))
    futex(e, FUTEX_WAKE, INT32_MAX);
}

static void event_signal(event *e) {
  atomic_fetch_add(&e->word, 1);
  event_wake(e);
}

/// True as soon as the bits `mask` of the word are no longer `old`; false when the time is spent.
static bool event_spin(event *e, uint64_t old, uint64_t mask, int64_t spin_ns) {
  int64_t deadline = 0;
  for (unsigned i = 1;; ++i) {
    if ((event_now(e) & mask) != old)
      return true;
    if (spin_ns <= 0)
      return false;
    resq_cpu_relax();
    if (i % 64)
      continue;
    int64_t now = resq_now_ns();
    if (!deadline)
      deadline = now + spin_ns;
    else if (now >= deadline)
      return false;
  }
}

static void event_sleep(event *e, uint64_t old, uint64_t mask) {
  // Either whoever changes the word sees this sleeper or the load below sees the change (both
  // sequentially consistent); a change between load and sleep is seen by the kernel.
  atomic_fetch_add(&e->sleepers, 1);
  for (uint64_t seen; ((seen = atomic_load(&e->word)) & mask) == old;)
    futex(e, FUTEX_WAIT, (uint32_t)seen);
  atomic_fetch_sub(&e->sleepers, 1);
}

static void event_wait(event *e, uint64_t old, uint64_t mask, int64_t spin_ns) {
  if (!event_spin(e, old, mask, spin_ns))
    event_sleep(e, old, mask);
}

//===-- The pool ----------------------------------------------------------===//

/// Where a thread is in a call; only the thread itself touches it.
typedef struct member {
  _Alignas(64) uint64_t at; ///< the phase of the task that it has come to
  uint64_t in;              ///< the phase that it is inside of, or LATE
  uint64_t left;            ///< the last phase that it left, which it does not enter again
  uint64_t first;           ///< of the call whose task it runs
  uint64_t entered;         ///< the state when it entered a later call than that; 0: it has not
  resq_pool *pool;
  pthread_t thread;
  clockid_t clock; ///< of the time that a helper has run
  int index;
} member;

#define LATE UINT64_MAX // the number of no phase

struct resq_pool {
  event state;                 ///< the call: see threads.h
  event work;                  ///< calls begun, and the end of the pool
  event more;                  ///< times that the number of active threads has grown, and the end
  _Alignas(64) uint64_t first; ///< the phase with which the call began
  resq_task task;
  void *context;
  member *members; ///< [count]
  int64_t spin_ns;
  int count;
  _Atomic int wanted; ///< threads of a call, as helpers see it that wait for one
  _Atomic bool closing;
  resq_pace pace;   ///< the caller's
  int64_t slept_ns; ///< of this call's caller
  int64_t lost_ns;  ///< of that, while no helper ran
};

// The state's fields. The phase comes first, so that the futex changes with it.
#define PHASE_BITS 42
#define COUNT_BITS 11
#define PHASE_MASK ((UINT64_C(1) << PHASE_BITS) - 1)
#define ACTIVE_ONE (UINT64_C(1) << PHASE_BITS)
#define ACTIVE_MASK (((UINT64_C(1) << COUNT_BITS) - 1) << PHASE_BITS)
#define INSIDE_ONE (UINT64_C(1) << (PHASE_BITS + COUNT_BITS))
_Static_assert(RESQ_MAX_THREADS < 1 << COUNT_BITS && PHASE_BITS + 2 * COUNT_BITS == 64,
               "a count of threads fits its field");

static uint64_t phase_of(uint64_t state) { return state & PHASE_MASK; }
static int active_of(uint64_t state) { return (int)((state & ACTIVE_MASK) >> PHASE_BITS); }

static uint64_t make_state(uint64_t phase, int active, int inside) {
  return (phase & PHASE_MASK) | (uint64_t)active * ACTIVE_ONE | (uint64_t)inside * INSIDE_ONE;
}

/// Leaves the phase that m is inside of. Where m is the last, the next one begins, with the caller
/// and, if `goes_on`, m inside; true then. The caller's leave with goes_on false ends the call.
static bool leave(resq_pool *pool, member *m, bool goes_on) {
  const bool is_caller = m->index == 0;
  uint64_t old = atomic_load_explicit(&pool->state.word, memory_order_relaxed), next;
  bool last;
  m->left = m->in;
  do {
    const int active = is_caller && !goes_on ? 0 : active_of(old);
    last = old < 2 * INSIDE_ONE;
    if (last)
      next = make_state(phase_of(old) + 1, active, active ? 1 + (goes_on && !is_caller) : 0);
    else
      next = ((old - INSIDE_ONE) & ~ACTIVE_MASK) | (uint64_t)active * ACTIVE_ONE;
  } while (!atomic_compare_exchange_weak(&pool->state.word, &old, next));
  if (last)
    event_wake(&pool->state);
  return last;
}

/// A helper enters the phase that runs. The state then; 0 when there is none, when m left it before
/// or when it wants no more threads.
static uint64_t join(resq_pool *pool, const member *m) {
  uint64_t old = event_now(&pool->state);
  do {
    if (m->index >= active_of(old) || phase_of(old) == m->left)
      return 0;
  } while (!atomic_compare_exchange_weak(&pool->state.word, &old, old + INSIDE_ONE));
  return old;
}

/// Time that a thread has run, as the system counts it.
static int64_t ran_ns(clockid_t clock) {
  struct timespec ran;
  return clock_gettime(clock, &ran) ? 0 : (int64_t)ran.tv_sec * 1000000000 + ran.tv_nsec;
}

static int64_t helpers_ran_ns(const resq_pool *pool) {
  int64_t sum = 0;
  for (int i = 1; i < pool->count; ++i)
    sum += ran_ns(pool->members[i].clock);
  return sum;
}

/// The caller's wait for the end of a phase; whoever ends it enters the caller into the next. Where
/// a helper works on its last chunk the time is well spent; where none runs, it is lost.
static void wait_as_caller(resq_pool *pool, uint64_t phase) {
  if (event_spin(&pool->state, phase, PHASE_MASK, pool->spin_ns))
    return;
  const int64_t start = resq_now_ns(), ran = helpers_ran_ns(pool);
  event_sleep(&pool->state, phase, PHASE_MASK);
  const int64_t slept = resq_now_ns() - start, used = helpers_ran_ns(pool) - ran;
  pool->slept_ns += slept;
  pool->lost_ns += used < slept ? slept - used : 0;
}

/// A helper that has left a phase enters the one that runs now, the next or a later one: true.
/// Where the call is over: false, and it is late for the rest of its task; the call that may run
/// now comes after that.
static bool join_again(resq_pool *pool, member *m) {
  const uint64_t entered = join(pool, m);
  m->in = LATE;
  if (entered && pool->first == m->first)
    m->in = phase_of(entered);
  else
    m->entered = entered;
  return m->in != LATE;
}

bool resq_pool_phase(resq_pool *pool, int index) {
  member *m = &pool->members[index];
  const uint64_t next = m->at = (m->at + 1) & PHASE_MASK;
  if (m->in == LATE)
    return false;
  // Phases from here to the one that m is inside of; one back, which is the greatest number of all,
  // when it comes out of that.
  const uint64_t ahead = (m->in - next) & PHASE_MASK;
  if (ahead != PHASE_MASK)
    return ahead == 0;
  if (!leave(pool, m, true)) {
    if (index == 0) {
      wait_as_caller(pool, m->left);
    } else {
      event_wait(&pool->state, m->left, PHASE_MASK, pool->spin_ns);
      return join_again(pool, m) && m->in == next;
    }
  }
  m->in = next;
  return true;
}

//===-- Calls -------------------------------------------------------------===//

static void *helper_main(void *argument) {
  member *m = argument;
  resq_pool *pool = m->pool;
  for (;;) {
    // Read first: what changes after this ends the waits below.
    const uint64_t work = event_now(&pool->work), more = event_now(&pool->more);
    if (atomic_load(&pool->closing))
      return NULL;
    const uint64_t entered = m->entered ? m->entered : join(pool, m);
    m->entered = 0;
    if (entered) {
      m->in = phase_of(entered);
      m->first = pool->first;
      m->at = m->first - 1;
      pool->task(pool->context, m->index, active_of(entered));
      if (m->in != LATE)
        leave(pool, m, false);
    } else if (m->index >= atomic_load(&pool->wanted)) {
      event_wait(&pool->more, more, UINT64_MAX, 0);
    } else {
      event_wait(&pool->work, work, UINT64_MAX, pool->spin_ns);
    }
  }
}

static void run_shared(resq_pool *pool, resq_task task, void *context, int active) {
  member *m = &pool->members[0];
  // Closed: no thread reads what is written here.
  const uint64_t phase = phase_of(event_now(&pool->state));
  pool->first = m->in = phase;
  m->at = phase - 1;
  pool->task = task;
  pool->context = context;
  atomic_store(&pool->state.word, make_state(phase, active, 1));
  event_signal(&pool->work);
  task(context, 0, active);
  if (!leave(pool, m, false))
    wait_as_caller(pool, m->left);
}

void resq_pool_run(resq_pool *pool, resq_task task, void *context) {
  if (pool->count == 1) {
    task(context, 0, 1);
    return;
  }
  const int active = pool->pace.active;
  const int64_t start = resq_now_ns();
  int64_t lost = 0;
  if (active == 1) {
    task(context, 0, 1);
  } else {
    pool->slept_ns = pool->lost_ns = 0;
    const int64_t ran = ran_ns(CLOCK_THREAD_CPUTIME_ID);
    run_shared(pool, task, context, active);
    // The caller may have been without a processor itself, and helpers have no other work then.
    const int64_t wall = resq_now_ns() - start, used = ran_ns(CLOCK_THREAD_CPUTIME_ID) - ran;
    const int64_t absent = wall - used - pool->slept_ns;
    lost = pool->lost_ns + (absent > 0 ? absent : 0);
  }
  const int64_t end = resq_now_ns();
  resq_pace_after(&pool->pace, end, end - start, lost);
  if (pool->pace.active == active)
    return;
  atomic_store(&pool->wanted, pool->pace.active);
  if (pool->pace.active > active)
    event_signal(&pool->more);
}

//===-- Making and ending a pool ------------------------------------------===//

/// Helpers take no signals: handlers run on the host's threads.
static int start_helper(member *m) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = pthread_create(&m->thread, NULL, helper_main, m);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return failed ? failed : pthread_getcpuclockid(m->thread, &m->clock);
}

resq_pool *resq_pool_create(int threads, int64_t spin_ns, resq_error *err) {
  if (threads < 1 || threads > RESQ_MAX_THREADS) {
    resq_fail(err, RESQ_USAGE, "%d threads, allowed: 1 to %d", threads, RESQ_MAX_THREADS);
    return NULL;
  }
  resq_pool *pool = aligned_alloc(_Alignof(resq_pool), sizeof *pool);
  member *members = aligned_alloc(_Alignof(member), (size_t)threads * sizeof *members);
  if (!pool || !members) {
    free(pool);
    free(members);
    resq_fail(err, RESQ_NO_MEMORY, "no memory for %d threads", threads);
    return NULL;
  }
  memset(pool, 0, sizeof *pool);
  pool->members = members;
  pool->spin_ns = threads > resq_cpus_default() ? 0 : spin_ns;
  pool->pace = resq_pace_start(threads, resq_now_ns());
  atomic_store(&pool->wanted, threads);
  for (int i = 0; i < threads; ++i) {
    members[i] = (member){.pool = pool, .index = i, .in = LATE, .left = LATE};
    int failed = i ? start_helper(&members[i]) : 0;
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
  atomic_store(&pool->closing, true);
  event_signal(&pool->work);
  event_signal(&pool->more);
  for (int i = 1; i < pool->count; ++i)
    pthread_join(pool->members[i].thread, NULL);
  free(pool->members);
  free(pool);
}

int resq_pool_count(const resq_pool *pool) { return pool->count; }
