//===-- parallel.c --------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Threads live for one call: tasks here last milliseconds, a thread start takes microseconds.
//===----------------------------------------------------------------------===//
#include "parallel.h"
#include "base/cpus.h"

#include <pthread.h>

enum { MAX_THREADS = 256 };

typedef struct job {
  void (*run)(void *user, int64_t task);
  void *user;
  int64_t tasks;
  int64_t next;
} job;

static void *work(void *opaque) {
  job *j = opaque;
  for (;;) {
    int64_t task = __atomic_fetch_add(&j->next, 1, __ATOMIC_RELAXED);
    if (task >= j->tasks)
      return NULL;
    j->run(j->user, task);
  }
}

static pthread_once_t asked = PTHREAD_ONCE_INIT;
static int default_count;
static void ask(void) { default_count = resq_cpus_default(); }

int resq_thread_count(int requested) {
  // Files of control groups are read once, not for each of thousands of loops.
  pthread_once(&asked, ask);
  int count = requested > 0 ? requested : default_count;
  return count > MAX_THREADS ? MAX_THREADS : count;
}

void resq_parallel(int threads, int64_t tasks, void (*run)(void *user, int64_t task), void *user) {
  job j = {run, user, tasks, 0};
  int64_t helpers = resq_thread_count(threads) - 1;
  if (helpers > tasks - 1)
    helpers = tasks - 1;
  pthread_t handles[MAX_THREADS];
  int64_t started = 0;
  while (started < helpers && pthread_create(&handles[started], NULL, work, &j) == 0)
    ++started;
  work(&j);
  for (int64_t i = 0; i < started; ++i)
    pthread_join(handles[i], NULL);
}
