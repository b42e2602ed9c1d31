//===-- pace.h - how many threads a call runs on --------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Other processes take processors away, and a thread without one holds the others
// wherever it was stopped. How busy a machine is nobody asks: what a call lost by it is
// measured, and this arithmetic draws the conclusion. It is a pure function of what it is
// told, times included.
//
//   A call that lost an eighth of its time or more    the next runs on a quarter fewer threads,
//                                                     or on those before the last growth, and
//                                                     hold_ns doubles, to 8 times the loss at
//                                                     least, 16 times it or the most at most
//   no such call for hold_ns                          a thread more; then two, four, ... more
//   the same with all threads                         hold_ns halves, down to the least
//
// An eighth: two threads that share one memory often gain little over one, so that a call
// which lost more could have been faster without the thread that was waited for. Less than
// RESQ_PACE_IGNORED_NS is nothing: slices of schedulers are milliseconds.
//
// So a single hiccup costs some dozens of milliseconds at fewer threads, a neighbor that
// stays costs its slice once a second and a sixteenth of the time at most, and when it goes,
// threads come back within a second or two.
//===----------------------------------------------------------------------===//
#ifndef RESQ_EXEC_PACE_H
#define RESQ_EXEC_PACE_H

#include <stdint.h>

#define RESQ_PACE_IGNORED_NS 100000
/// Least and most of hold_ns.
#define RESQ_PACE_LEAST_NS 8000000
#define RESQ_PACE_MOST_NS (128 * RESQ_PACE_LEAST_NS)

typedef struct resq_pace {
  int most;         ///< threads that there are
  int active;       ///< threads of the next call, 1 .. most
  int good;         ///< threads of calls that lost nothing for hold_ns; active falls back to it
  int step;         ///< by how many active grows next
  int64_t hold_ns;  ///< how long a number of threads is kept before more are tried
  int64_t since_ns; ///< when `active` last changed, or hold_ns was halved
} resq_pace;

/// All threads at first.
resq_pace resq_pace_start(int threads, int64_t now_ns);
/// What a call on p->active threads, which took `wall_ns` and ended at `now_ns`, says of the next.
/// `lost_ns` of it was lost: nobody ran whom the calling thread waited for, or it did not run
/// itself.
void resq_pace_after(resq_pace *p, int64_t now_ns, int64_t wall_ns, int64_t lost_ns);

#endif // RESQ_EXEC_PACE_H
