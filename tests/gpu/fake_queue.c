//===-- fake_queue.c - what is enqueued, and how it runs ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "tests/gpu/emulator/emulator.h"
#include "tests/gpu/fake_internal.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

//===-- Kernels -----------------------------------------------------------===//

static struct {
  __typeof__(&emulator_run) run;
  __typeof__(&emulator_fault) fault;
} emulator;

void *fake_kernels_open(void) {
  const char *path = getenv("RESQ_FAKE_KERNELS");
  void *library = path && *path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
  void *run = library ? dlsym(library, "emulator_run") : NULL;
  void *fault = library ? dlsym(library, "emulator_fault") : NULL;
  if (!run || !fault) {
    const char *why = dlerror();
    fprintf(stderr, "fake GPU: RESQ_FAKE_KERNELS is '%s': %s\n", path ? path : "",
            why ? why : "it names no library of kernels");
    return NULL;
  }
  memcpy(&emulator.run, &run, sizeof run);
  memcpy(&emulator.fault, &fault, sizeof fault);
  return library;
}

// clang-format off
#define EIGHT(a, i) a[i], a[i + 1], a[i + 2], a[i + 3], a[i + 4], a[i + 5], a[i + 6], a[i + 7]
#define U uint64_t
#define EIGHT_U U, U, U, U, U, U, U, U
typedef void (*any_kernel)(EIGHT_U, EIGHT_U, EIGHT_U, EIGHT_U, EIGHT_U, EIGHT_U, EIGHT_U, EIGHT_U);
// clang-format on

/// One thread. By the calling conventions of all machines that run this, more arguments than the function takes do no harm.
#ifdef __clang__
__attribute__((no_sanitize("function")))
#endif
static void run_thread(void *context) {
  const fake_operation *o = context;
  const uint64_t *a = o->arguments;
  any_kernel f;
  memcpy(&f, &o->kernel->function, sizeof f);
  f(EIGHT(a, 0), EIGHT(a, 8), EIGHT(a, 16), EIGHT(a, 24), EIGHT(a, 32), EIGHT(a, 40), EIGHT(a, 48),
    EIGHT(a, 56));
}

static volatile sig_atomic_t in_kernel;

/// A fence was touched. The thread's fiber is left for good, as in all faults: nothing returns from here, so the signal
/// must not have been blocked (SA_NODEFER).
static void on_signal(int number, siginfo_t *info, void *context) {
  (void)context;
  if (in_kernel)
    emulator.fault("touches %p, where the device has no memory", info->si_addr);
  signal(number, SIG_DFL); // not ours: it comes again
}

static int run_kernel(fake_operation *o) {
  fake_launch *l = &fake_cuda.launches[fake_cuda.n_launches++ % 64];
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_NODEFER};
  struct sigaction segv, bus;
  *l = o->launch;
  sigaction(SIGSEGV, &action, &segv);
  sigaction(SIGBUS, &action, &bus);
  in_kernel = 1;
  const char *fault = emulator.run((emulator_launch){.blocks_x = (int)l->grid[0],
                                                     .blocks_y = (int)l->grid[1],
                                                     .threads = (int)l->block[0],
                                                     .shared_bytes = l->shared,
                                                     .seed = (uint64_t)fake_cuda.n_launches},
                                   run_thread, o);
  in_kernel = 0;
  sigaction(SIGSEGV, &segv, NULL);
  sigaction(SIGBUS, &bus, NULL);
  if (!fault)
    return 0;
  snprintf(fake_cuda.fault, sizeof fake_cuda.fault, "kernel %.60s: %.180s", l->kernel, fault);
  fprintf(stderr, "fake GPU: %s\n", fake_cuda.fault);
  return FAKE_ILLEGAL_ADDRESS;
}

//===-- Queues ------------------------------------------------------------===//

void fake_enqueue(fake_queue *q, const fake_operation *o) {
  if (q->n == q->room) {
    q->room = q->room ? 2 * q->room : 64;
    q->items = realloc(q->items, q->room * sizeof *q->items);
    if (!q->items)
      abort(); // a test's machine has memory for a list
  }
  q->items[q->n++] = *o;
}

void fake_clear(fake_queue *q) {
  free(q->items);
  *q = (fake_queue){0};
}

static int run(fake_operation *o) {
  switch (o->kind) {
  case FAKE_KERNEL:
    return run_kernel(o);
  case FAKE_COPY:
    memcpy(o->to, o->from, o->bytes);
    return 0;
  case FAKE_SET:
    memset(o->to, o->value, o->bytes);
    return 0;
  case FAKE_RECORD:
    --o->event->pending;
    o->event->launches = fake_cuda.n_launches;
    return 0;
  }
  return FAKE_INVALID_VALUE;
}

int fake_run(fake_queue *q, const fake_event *until) {
  while (q->done < q->n && !fake_cuda.lost && (!until || until->pending))
    fake_cuda.lost = run(&q->items[q->done++]);
  if (q->done == q->n || fake_cuda.lost)
    q->n = q->done = 0;
  return fake_cuda.lost;
}
