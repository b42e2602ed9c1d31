//===-- pace.c - how many threads a call runs on --------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "exec/pace.h"

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

resq_pace resq_pace_start(int threads, int64_t now_ns) {
  return (resq_pace){.most = threads,
                     .active = threads,
                     .good = threads,
                     .step = 1,
                     .hold_ns = RESQ_PACE_LEAST_NS,
                     .since_ns = now_ns};
}

void resq_pace_after(resq_pace *p, int64_t now_ns, int64_t wall_ns, int64_t lost_ns) {
  if (p->active > 1 && lost_ns >= RESQ_PACE_IGNORED_NS && lost_ns >= wall_ns / 8) {
    p->active = p->good < p->active ? p->good : p->active - (p->active + 3) / 4;
    p->good = p->active;
    p->step = 1;
    const int64_t lost = smaller(lost_ns, 10000000000);
    p->hold_ns = smaller(larger(2 * p->hold_ns, 8 * lost), larger(RESQ_PACE_MOST_NS, 16 * lost));
    p->since_ns = now_ns;
    return;
  }
  if (now_ns - p->since_ns < p->hold_ns)
    return;
  p->since_ns = now_ns;
  p->good = p->active;
  if (p->active < p->most) {
    p->active = p->step < p->most - p->active ? p->active + p->step : p->most;
    p->step *= 2;
  } else if (p->hold_ns > RESQ_PACE_LEAST_NS) {
    p->hold_ns /= 2;
  }
}
