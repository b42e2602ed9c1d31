//===-- emulator.c --------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "emulator.h"

#include "context.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define EMULATOR_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EMULATOR_ASAN 1
#endif
#endif
#ifdef EMULATOR_ASAN
#include <sanitizer/common_interface_defs.h>

/// To look for uses of variables after their function's return, the sanitizer maps and unmaps a second stack for every
/// fiber, which takes longer than all else that the emulator does.
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "detect_stack_use_after_return=0"; }
#endif

enum { WARP = 32, STACK = 128 * 1024, NAMED_BARRIERS = 16, MOST_MBARRIERS = 64, MOST_COPIES = 256 };

/// Counts of the events of every thread of a block, and of its copies, that one of them has seen.
typedef uint32_t *clock_vector;

typedef struct fiber {
  emulator_context context;
  uint8_t *stack;
  void *fake_stack; ///< the address sanitizer's
  bool done;
  const uint32_t *waits_on; ///< NULL, or a counter that has to change
  uint32_t seen;            ///< its value when the wait began
  const char *waits_for;
  clock_vector clock;
} fiber;

typedef struct barrier {
  uint32_t generation;
  int expected, arrived;
  clock_vector clock, released; ///< of those that have arrived; of the last round
} barrier;

typedef struct warp_state {
  uint32_t generation;
  int arrived, lanes;
  const char *what;
  uint32_t in[WARP][16], out[WARP][4];
  clock_vector clock, released;
} warp_state;

typedef struct mbarrier {
  uint32_t at, phase;
  int count, pending;
  int64_t bytes; ///< announced and not landed
  clock_vector clock, released;
} mbarrier;

typedef struct bulk_copy {
  uint32_t to, bytes, barrier;
  const uint8_t *from;
} bulk_copy;

/// What is known of a byte of shared memory. Thread numbers are one too high; 0: nobody.
typedef struct shadow {
  uint32_t write_clock, read_clock[2];
  uint16_t writer, reader[2];
  bool written, in_flight, atomic;
} shadow;

static struct {
  emulator_launch launch;
  emulator_place place; ///< of the running fiber
  void (*kernel)(void *);
  void *argument;
  emulator_context scheduler;
  const void *scheduler_stack;
  size_t scheduler_stack_bytes;
  fiber fibers[EMULATOR_MOST_THREADS];
  barrier barriers[NAMED_BARRIERS];
  warp_state warps[EMULATOR_MOST_THREADS / WARP];
  mbarrier mbarriers[MOST_MBARRIERS];
  int n_mbarriers;
  bulk_copy copies[MOST_COPIES];
  int n_copies;
  uint8_t *shared;
  shadow *shadows;
  uint32_t *clocks; ///< all clock vectors
  uint32_t landed;  ///< copies of this block
  bool faulted;
  char fault[256];
} e;

//===-- Fibers ------------------------------------------------------------===//

static void switch_to_scheduler(fiber *f, bool last) {
#ifdef EMULATOR_ASAN
  __sanitizer_start_switch_fiber(last ? NULL : &f->fake_stack, e.scheduler_stack,
                                 e.scheduler_stack_bytes);
#else
  (void)last;
#endif
  emulator_context_switch(&f->context, &e.scheduler);
#ifdef EMULATOR_ASAN
  __sanitizer_finish_switch_fiber(f->fake_stack, NULL, NULL);
#endif
}

void emulator_fault(const char *format, ...) {
  va_list list;
  va_start(list, format);
  const int n = snprintf(e.fault, sizeof e.fault, "block %d, %d, thread %d: ", e.place.block_x,
                         e.place.block_y, e.place.thread);
  vsnprintf(e.fault + n, sizeof e.fault - (size_t)n, format, list);
  va_end(list);
  e.faulted = true;
  for (;;) // never scheduled again
    switch_to_scheduler(&e.fibers[e.place.thread], true);
}

static fiber *me(void) { return &e.fibers[e.place.thread]; }

/// Until *counter is no longer `seen`.
static void wait_on(const uint32_t *counter, uint32_t seen, const char *what) {
  fiber *f = me();
  while (*counter == seen) {
    f->waits_on = counter;
    f->seen = seen;
    f->waits_for = what;
    switch_to_scheduler(f, false);
  }
  f->waits_on = NULL;
}

static void fiber_main(void) {
#ifdef EMULATOR_ASAN
  __sanitizer_finish_switch_fiber(NULL, &e.scheduler_stack, &e.scheduler_stack_bytes);
#endif
  e.kernel(e.argument);
  me()->done = true;
  switch_to_scheduler(me(), true);
}

static void resume(int thread) {
  fiber *f = &e.fibers[thread];
  e.place.thread = thread;
#ifdef EMULATOR_ASAN
  void *fake;
  __sanitizer_start_switch_fiber(&fake, f->stack, STACK);
#endif
  emulator_context_switch(&e.scheduler, &f->context);
#ifdef EMULATOR_ASAN
  __sanitizer_finish_switch_fiber(fake, NULL, NULL);
#endif
}

emulator_place emulator_here(void) { return e.place; }

int64_t emulator_block_x(void) { return e.place.block_x; }
void emulator_sync_block(void) {
  emulator_barrier(0, (e.place.threads + WARP - 1) / WARP * WARP, 1);
}

//===-- Clocks ------------------------------------------------------------===//

static size_t clock_words(void) { return (size_t)e.launch.threads + 1; }

static void join(clock_vector to, const uint32_t *from) {
  for (size_t i = 0; i < clock_words(); i++)
    to[i] = from[i] > to[i] ? from[i] : to[i];
}

/// What the calling thread does from now on is another event.
static void tick(void) { me()->clock[e.place.thread]++; }

static void release(clock_vector to) {
  join(to, me()->clock);
  tick();
}

//===-- Shared memory -----------------------------------------------------===//

/// Whether the calling thread has seen event `clock` of `number - 1`.
static bool has_seen(uint16_t number, uint32_t clock) {
  return number == 0 || me()->clock[number - 1] >= clock;
}

static void check_write(const shadow *s, uint32_t at, bool atomic) {
  if (!(atomic && s->atomic) && !has_seen(s->writer, s->write_clock))
    emulator_fault("writes shared memory at %u, which thread %d wrote without a barrier between",
                   at, s->writer - 1);
  for (int i = 0; i < 2; i++)
    if (s->reader[i] != e.place.thread + 1 && !has_seen(s->reader[i], s->read_clock[i]))
      emulator_fault("writes shared memory at %u, which thread %d read without a barrier between",
                     at, s->reader[i] - 1);
}

static void note_read(shadow *s, uint32_t at) {
  if (!s->written)
    emulator_fault("reads shared memory at %u, which nobody has written", at);
  if (!has_seen(s->writer, s->write_clock))
    emulator_fault(
        s->writer == e.launch.threads + 1
            ? "reads shared memory at %u, which a copy filled that it has not waited for"
            : "reads shared memory at %u, which thread %d wrote without a barrier between",
        at, s->writer - 1);
  const uint16_t own = (uint16_t)(e.place.thread + 1);
  if (s->reader[0] != own) {
    s->reader[1] = s->reader[0];
    s->read_clock[1] = s->read_clock[0];
    s->reader[0] = own;
  }
  s->read_clock[0] = me()->clock[e.place.thread];
}

static void check_range(uint32_t at, uint32_t bytes) {
  if (at < EMULATOR_SHARED_BASE || bytes > e.launch.shared_bytes ||
      at - EMULATOR_SHARED_BASE > e.launch.shared_bytes - bytes)
    emulator_fault("%u bytes at %u are outside the %u bytes of shared memory", bytes, at,
                   e.launch.shared_bytes);
}

uint8_t *emulator_shared(uint32_t at, uint32_t bytes, emulator_access access) {
  check_range(at, bytes);
  if (at % bytes)
    emulator_fault("%u bytes at %u are not aligned", bytes, at);
  for (uint32_t i = at - EMULATOR_SHARED_BASE; i < at - EMULATOR_SHARED_BASE + bytes; i++) {
    shadow *s = &e.shadows[i];
    if (s->in_flight)
      emulator_fault("touches shared memory at %u while a copy to it is under way", at);
    if (access == EMULATOR_READ) {
      note_read(s, at);
      continue;
    }
    if (access == EMULATOR_ATOMIC && !s->written)
      emulator_fault("adds to shared memory at %u, which nobody has written", at);
    check_write(s, at, access == EMULATOR_ATOMIC);
    s->written = true;
    s->atomic = access == EMULATOR_ATOMIC;
    s->writer = (uint16_t)(e.place.thread + 1);
    s->write_clock = me()->clock[e.place.thread];
    s->reader[0] = s->reader[1] = 0;
  }
  return e.shared + at - EMULATOR_SHARED_BASE;
}

//===-- Barriers and collectives ------------------------------------------===//

void emulator_barrier(int name, int threads, int wait) {
  if (name < 0 || name >= NAMED_BARRIERS || threads <= 0 || threads % WARP ||
      threads > (e.launch.threads + WARP - 1) / WARP * WARP)
    emulator_fault("barrier %d of %d threads cannot be", name, threads);
  barrier *b = &e.barriers[name];
  if (b->arrived == 0)
    b->expected = threads;
  else if (b->expected != threads)
    emulator_fault("barrier %d is one of %d threads here and of %d elsewhere", name, threads,
                   b->expected);
  release(b->clock);
  const uint32_t generation = b->generation;
  if (++b->arrived == (threads < e.launch.threads ? threads : e.launch.threads)) {
    memcpy(b->released, b->clock, clock_words() * sizeof *b->clock);
    b->arrived = 0;
    b->generation++;
  }
  if (!wait)
    return;
  wait_on(&b->generation, generation, "a barrier of the block");
  join(me()->clock, b->released);
}

static void collective(const char *what, emulator_work work, const uint32_t *in, int words,
                       uint32_t *out, int results, bool orders) {
  const int lane = e.place.thread % WARP;
  warp_state *w = &e.warps[e.place.thread / WARP];
  if (w->arrived == 0)
    w->what = what;
  else if (strcmp(w->what, what))
    emulator_fault("is at %s while other lanes of its warp are at %s", what, w->what);
  for (int i = 0; i < words; i++)
    w->in[lane][i] = in[i];
  if (orders)
    release(w->clock);
  const uint32_t generation = w->generation;
  if (++w->arrived == w->lanes) {
    if (work)
      work(w->in, w->out);
    if (orders)
      memcpy(w->released, w->clock, clock_words() * sizeof *w->clock);
    w->arrived = 0;
    w->generation++;
  } else
    wait_on(&w->generation, generation, what);
  for (int i = 0; i < results; i++)
    out[i] = w->out[lane][i];
  if (orders)
    join(me()->clock, w->released);
}

void emulator_collective(const char *what, emulator_work work, const uint32_t *in, int words,
                         uint32_t *out, int results) {
  collective(what, work, in, words, out, results, false);
}

void emulator_sync_warp(void) { collective("a barrier of the warp", NULL, NULL, 0, NULL, 0, true); }

//===-- Copies ------------------------------------------------------------===//

static mbarrier *mbarrier_at(uint32_t at) {
  for (int i = 0; i < e.n_mbarriers; i++)
    if (e.mbarriers[i].at == at)
      return &e.mbarriers[i];
  emulator_fault("there is no mbarrier at %u", at);
}

void emulator_mbarrier_init(uint32_t at, uint32_t arrivals) {
  memset(emulator_shared(at, 8, EMULATOR_WRITE), 0, 8);
  if (e.n_mbarriers == MOST_MBARRIERS)
    emulator_fault("more than %d mbarriers", MOST_MBARRIERS);
  mbarrier *m = &e.mbarriers[e.n_mbarriers++];
  m->at = at;
  m->phase = 0;
  m->bytes = 0;
  m->count = m->pending = (int)arrivals;
}

/// Ends the phase if all that it waits for has come.
static void complete(mbarrier *m) {
  if (m->pending > 0 || m->bytes != 0)
    return;
  memcpy(m->released, m->clock, clock_words() * sizeof *m->clock);
  m->pending = m->count;
  m->phase++;
}

void emulator_mbarrier_arrive(uint32_t at, uint32_t announced_bytes) {
  emulator_shared(at, 8, EMULATOR_READ); // whoever made it has to be behind a barrier
  mbarrier *m = mbarrier_at(at);
  if (m->pending == 0)
    emulator_fault("arrives at the mbarrier at %u more often than it was made for", at);
  release(m->clock);
  m->bytes += announced_bytes;
  m->pending--;
  complete(m);
}

static void land(const bulk_copy *c, mbarrier *m) {
  memcpy(e.shared + c->to - EMULATOR_SHARED_BASE, c->from, c->bytes);
  e.landed++;
  for (uint32_t i = 0; i < c->bytes; i++) {
    shadow *s = &e.shadows[c->to - EMULATOR_SHARED_BASE + i];
    *s = (shadow){
        .writer = (uint16_t)(e.launch.threads + 1), .write_clock = e.landed, .written = true};
  }
  m->clock[e.launch.threads] = e.landed;
  m->bytes -= c->bytes;
}

void emulator_mbarrier_wait(uint32_t at, uint32_t parity) {
  emulator_shared(at, 8, EMULATOR_READ);
  mbarrier *m = mbarrier_at(at);
  for (;;) {
    if ((m->phase & 1) == parity) {
      int kept = 0;
      for (int i = 0; i < e.n_copies; i++)
        if (e.copies[i].barrier == at)
          land(&e.copies[i], m);
        else
          e.copies[kept++] = e.copies[i];
      e.n_copies = kept;
      complete(m);
    }
    if ((m->phase & 1) != parity)
      break;
    wait_on(&m->phase, m->phase, "an mbarrier");
  }
  join(me()->clock, m->released);
}

void emulator_bulk_copy(uint32_t to, const void *from, uint32_t bytes, uint32_t barrier_at) {
  check_range(to, bytes);
  if (to % 16 || bytes % 16 || (uintptr_t)from % 16)
    emulator_fault("a bulk copy of %u bytes to %u is not made of aligned 16 bytes", bytes, to);
  mbarrier_at(barrier_at);
  if (e.n_copies == MOST_COPIES)
    emulator_fault("more than %d copies under way", MOST_COPIES);
  for (uint32_t i = to - EMULATOR_SHARED_BASE; i < to - EMULATOR_SHARED_BASE + bytes; i++) {
    if (e.shadows[i].in_flight)
      emulator_fault("copies to shared memory at %u while another copy to it is under way", to);
    check_write(&e.shadows[i], to, false);
    e.shadows[i].in_flight = true;
    e.shared[i] = 0xcd;
  }
  e.copies[e.n_copies++] = (bulk_copy){to, bytes, barrier_at, from};
}

//===-- Launches ----------------------------------------------------------===//

static uint64_t next_random(uint64_t *state) {
  *state += 0x9e3779b97f4a7c15u;
  uint64_t z = *state;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

static void shuffle(int *order, int n, uint64_t *state) {
  for (int i = 0; i < n; i++)
    order[i] = i;
  for (int i = n - 1; i > 0; i--) {
    const int j = (int)(next_random(state) % (uint64_t)(i + 1)), t = order[i];
    order[i] = order[j];
    order[j] = t;
  }
}

static void *need(void *p) {
  if (!p) {
    fprintf(stderr, "emulator: no memory\n");
    exit(6);
  }
  return p;
}

static clock_vector take_clock(size_t *at) {
  clock_vector c = e.clocks + *at;
  *at += clock_words();
  return c;
}

static void begin_fiber(fiber *f) {
  f->done = false;
  f->waits_on = NULL;
  if (!f->stack)
    f->stack = need(malloc(STACK));
  emulator_context_begin(&f->context, f->stack, STACK, fiber_main);
}

/// All state as a block finds it.
static void begin_block(void) {
  const int threads = e.launch.threads, warps = (threads + WARP - 1) / WARP;
  const size_t vectors =
      (size_t)threads + 2 * NAMED_BARRIERS + 2 * (size_t)warps + 2 * MOST_MBARRIERS;
  size_t at = 0;
  memset(e.clocks, 0, vectors * clock_words() * sizeof *e.clocks);
  memset(e.shared, 0xcd, e.launch.shared_bytes);
  memset(e.shadows, 0, e.launch.shared_bytes * sizeof *e.shadows);
  memset(e.barriers, 0, sizeof e.barriers);
  memset(e.warps, 0, sizeof e.warps);
  e.n_mbarriers = e.n_copies = 0;
  e.landed = 0;
  for (int i = 0; i < threads; i++) {
    begin_fiber(&e.fibers[i]);
    e.fibers[i].clock = take_clock(&at);
    e.fibers[i].clock[i] = 1;
  }
  for (int i = 0; i < NAMED_BARRIERS; i++) {
    e.barriers[i].clock = take_clock(&at);
    e.barriers[i].released = take_clock(&at);
  }
  for (int i = 0; i < warps; i++) {
    e.warps[i].lanes = threads - i * WARP < WARP ? threads - i * WARP : WARP;
    e.warps[i].clock = take_clock(&at);
    e.warps[i].released = take_clock(&at);
  }
  for (int i = 0; i < MOST_MBARRIERS; i++) {
    e.mbarriers[i].clock = take_clock(&at);
    e.mbarriers[i].released = take_clock(&at);
  }
  assert(at == vectors * clock_words() && "as many vectors as were counted");
}

/// Frames that a fault left on a stack are never returned from; the address sanitizer would go on watching their
/// variables under the next fiber's.
static void drop_stacks(void) {
  for (int i = 0; i < e.launch.threads; i++) {
    free(e.fibers[i].stack);
    e.fibers[i].stack = NULL;
  }
}

/// All threads of a block, until they have left or there is a fault.
static void run_block(uint64_t *random) {
  const int threads = e.launch.threads, warps = (threads + WARP - 1) / WARP;
  int order[EMULATOR_MOST_THREADS / WARP];
  begin_block();
  for (;;) {
    bool moved = false, all_done = true;
    shuffle(order, warps, random);
    for (int w = 0; w < warps; w++)
      for (int i = order[w] * WARP; i < threads && i < (order[w] + 1) * WARP; i++) {
        fiber *f = &e.fibers[i];
        if (f->done)
          continue;
        all_done = false;
        if (f->waits_on && *f->waits_on == f->seen)
          continue;
        moved = true;
        resume(i);
        if (e.faulted)
          return;
      }
    if (all_done)
      return;
    for (int i = 0; !moved && i < threads; i++)
      if (!e.fibers[i].done) {
        snprintf(e.fault, sizeof e.fault,
                 "block %d, %d, thread %d: waits for %s, which nothing will end", e.place.block_x,
                 e.place.block_y, i, e.fibers[i].waits_for);
        e.faulted = true;
        return;
      }
  }
}

const char *emulator_run(emulator_launch launch, void (*kernel)(void *), void *argument) {
  assert(launch.threads > 0 && launch.threads <= EMULATOR_MOST_THREADS && "a test's launch");
  const int blocks = launch.blocks_x * launch.blocks_y;
  uint64_t random = launch.seed;
  e.launch = launch;
  e.kernel = kernel;
  e.argument = argument;
  e.faulted = false;
  e.shared = need(malloc(launch.shared_bytes + 16));
  e.shadows = need(malloc((launch.shared_bytes + 1) * sizeof *e.shadows));
  e.clocks =
      need(malloc(((size_t)launch.threads * 2 + 2 * NAMED_BARRIERS + 2 * MOST_MBARRIERS + 4) *
                  clock_words() * sizeof *e.clocks));
  int *order = need(malloc((size_t)blocks * sizeof *order));
  shuffle(order, blocks, &random);
  for (int i = 0; i < blocks && !e.faulted; i++) {
    e.place = (emulator_place){.threads = launch.threads,
                               .block_x = order[i] % launch.blocks_x,
                               .block_y = order[i] / launch.blocks_x,
                               .blocks_x = launch.blocks_x,
                               .blocks_y = launch.blocks_y};
    run_block(&random);
  }
  if (e.faulted)
    drop_stacks();
  free(order);
  free(e.clocks);
  free(e.shadows);
  free(e.shared);
  return e.faulted ? e.fault : NULL;
}
