//===-- threads.h - a fork-join pool for SPMD calls -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One call runs one function on every thread; the caller is thread 0. Helpers spin
// for a moment after a call, because the next one (the next token) comes soon, then
// sleep. Waiting never spins longer than the budget, so a stolen core costs a
// system call and not a time slice.
//===----------------------------------------------------------------------===//
#ifndef RESQ_EXEC_THREADS_H
#define RESQ_EXEC_THREADS_H

#include "base/error.h"
#include <stdint.h>

#define RESQ_MAX_THREADS 1024
/// Spin budget of resq_pool_create's callers that have no opinion.
#define RESQ_SPIN_NS 50000

typedef struct resq_pool resq_pool;
typedef void (*resq_task)(void *context, int index, int count);

/// CPUs this process may use (sched_getaffinity), at least 1.
int resq_thread_default(void);
/// `threads` 1 .. RESQ_MAX_THREADS, counting the caller. With more threads than CPUs nobody spins.
/// NULL on failure.
resq_pool *resq_pool_create(int threads, int64_t spin_ns, resq_error *err);
void resq_pool_destroy(resq_pool *pool);
int resq_pool_count(const resq_pool *pool);
/// task(context, i, count) on every thread; returns when all have. One host thread at a time; no
/// allocation.
void resq_pool_run(resq_pool *pool, resq_task task, void *context);
/// Inside a task: waits for all threads of the pool.
void resq_pool_barrier(resq_pool *pool);

/// Monotonic nanoseconds.
int64_t resq_now_ns(void);

#endif // RESQ_EXEC_THREADS_H
