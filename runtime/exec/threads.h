//===-- threads.h - a pool for SPMD calls that waits for nobody absent ----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One call runs one function, the task, on several threads; the caller is thread 0.
//
// The task. A task is a sequence of phases, the same on every thread. Inside a phase
// threads share work by tickets: any thread may do any part, and one thread can do it
// all. A later phase may read what an earlier one wrote. Every phase begins with
//
//     if (resq_pool_phase(pool, index)) { take tickets until there are none }
//
// and a thread that is told false skips the phase: it is over, or was begun without
// this thread. A task without a call of resq_pool_phase is one phase.
//
// The promise. A phase is over when every thread that entered it has left it, and no
// one else is waited for. The caller enters every phase. A helper enters a phase only if
// it is there while the phase runs; a helper that the system has not scheduled, that
// sleeps or that is still in an earlier phase is done without. So a helper that loses
// its processor holds the others only if that happens inside a phase that it entered,
// and no longer than until it has finished the chunk in its hands.
//
// The protocol. One 64-bit word is the whole state of a call:
//
//     phase:42    of this pool, counting up over all phases of all calls
//     active:11   threads that may enter; 0: no call, or its last phase with the caller gone
//     inside:11   threads that entered the phase and have not left it
//
//   open   caller    (p, 0, 0)      -> (p, n, 1)      the task was written before
//   join   helper    (p, n, k)      -> (p, n, k + 1)  if its index < n, once a phase
//   leave  anyone    (p, n, k > 1)  -> (p, n, k - 1)
//          the last  (p, n, 1)      -> (p + 1, n, 1 or 2): the caller, and who made the step
//   end    caller    n becomes 0 in the step with which it leaves its last phase
//          the last  (p, 0, 1)      -> (p + 1, 0, 0)
//
// Every step is one compare-and-swap, so the word never shows a phase that is open with
// nobody inside. What follows from it:
//   - A phase ends once. Whoever ends it has seen all tickets of it taken (it came to the
//     end of the phase), and every thread that took one has left: all work is done.
//   - Steps are read-modify-writes of one word with acquire and release: what was written
//     in a phase is seen by whoever enters a later one.
//   - Task and context are read by joined threads alone, and a call ends when the last of
//     them has left: a late helper touches nothing of a call but the word and its own
//     member of the pool. It skips to the end of the function, then joins whatever runs.
//   - Each helper enters a phase at most once, so late joiners cannot prolong it for ever.
//
// The number of threads. A helper preempted inside a chunk does hold the others, for a
// slice of the scheduler. The caller sums up, over a call, the time that it slept while no
// helper ran and the time that it was without a processor itself; the system's clocks of
// what each thread ran tell these from a chunk that takes long. pace.h decides from the
// sum on how many threads the next call runs. `count` is the same for all threads of one
// call and may differ between calls; results must not depend on it. Helpers that are not
// wanted sleep.
//
// Waiting is spinning for a while, because the next phase or the next token comes soon,
// then sleeping (futex): a stolen processor costs a system call and not a slice.
//===----------------------------------------------------------------------===//
#ifndef RESQ_EXEC_THREADS_H
#define RESQ_EXEC_THREADS_H

#include "base/error.h"
#include <stdint.h>

#define RESQ_MAX_THREADS 1024
/// Spin budget of resq_pool_create's callers that have no opinion.
#define RESQ_SPIN_NS 50000

typedef struct resq_pool resq_pool;
/// Called on thread `index` of `count`. Not every index below `count` need come, and one that
/// comes may find nothing to do; 0, the caller, always does.
typedef void (*resq_task)(void *context, int index, int count);

/// `threads` 1 .. RESQ_MAX_THREADS, counting the caller. With more threads than processors
/// (resq_cpus_default) nobody spins. NULL on failure.
resq_pool *resq_pool_create(int threads, int64_t spin_ns, resq_error *err);
void resq_pool_destroy(resq_pool *pool);
/// Threads that the pool has; a call may run on fewer.
int resq_pool_count(const resq_pool *pool);
/// Runs a task; returns when its work is done and no thread is inside. One host thread at a time;
/// no allocation.
void resq_pool_run(resq_pool *pool, resq_task task, void *context);
/// Inside a task with count > 1, thread `index`: ends the phase before, then says whether the next
/// one is for this thread to work on. With count 1 it need not be called; the answer is true.
bool resq_pool_phase(resq_pool *pool, int index);

/// Monotonic nanoseconds.
int64_t resq_now_ns(void);

#endif // RESQ_EXEC_THREADS_H
