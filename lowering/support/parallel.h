//===-- parallel.h - fixed tasks over threads -----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Work is cut into tasks that depend on the problem alone, never on the number of
// threads, and each task writes what no other does: the same bytes at any count.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_PARALLEL_H
#define RESQ_LOWERING_PARALLEL_H

#include <stdint.h>

/// `requested` threads; where it is 0 or less, the default, which counts affinity and quotas
/// (resq_cpus_default).
int resq_thread_count(int requested);

/// Runs run(user, t) once for each t in [0, tasks), in any order, on up to `threads` threads (0:
/// the default), the caller's among them. Threads that cannot be started are done without.
void resq_parallel(int threads, int64_t tasks, void (*run)(void *user, int64_t task), void *user);

#endif // RESQ_LOWERING_PARALLEL_H
