//===-- reference.c -------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef _GNU_SOURCE
#define _GNU_SOURCE // pipe2, memfd_create
#endif
#include "cli/reference.h"

#include "base/system_error.h"
#include "cli/logits_stream.h"
#include "exec/session_access.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/// How long a child that closed its pipe may take to end before it is made to.
enum { GRACE_MS = 2000, STEP_MS = 5 };

struct resq_reference {
  char *path;
  pid_t pid;             ///< 0: not running
  int requests, answers; ///< our ends of the pipes; -1: closed
  int complaints; ///< what the child writes to stderr: a file in memory, which never fills up
  int64_t vocabulary;
};

//===-- Ends --------------------------------------------------------------===//

static void close_fd(int *fd) {
  if (*fd >= 0)
    close(*fd);
  *fd = -1;
}

/// Waits for the child, for GRACE_MS at most when it was left alone, and kills it then.
static int reap(resq_reference *r, bool now) {
  int status = 0;
  const struct timespec step = {0, STEP_MS * 1000000L};
  for (int waited = 0; !now && waited < GRACE_MS; waited += STEP_MS) {
    pid_t ended = waitpid(r->pid, &status, WNOHANG);
    if (ended == r->pid || (ended < 0 && errno != EINTR)) {
      r->pid = 0;
      return status;
    }
    nanosleep(&step, NULL);
  }
  kill(r->pid, SIGKILL);
  while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
    ;
  r->pid = 0;
  return status;
}

/// The last line that the child wrote to stderr, "" when none.
static void last_complaint(const resq_reference *r, char *out, size_t size) {
  char tail[512];
  off_t end = lseek(r->complaints, 0, SEEK_END);
  off_t from = end > (off_t)sizeof tail - 1 ? end - (off_t)sizeof tail + 1 : 0;
  ssize_t n = end > 0 ? pread(r->complaints, tail, sizeof tail - 1, from) : 0;
  n = n > 0 ? n : 0;
  while (n > 0 && (tail[n - 1] == '\n' || tail[n - 1] == ' '))
    --n;
  tail[n] = 0;
  const char *line = memrchr(tail, '\n', (size_t)n);
  snprintf(out, size, "%s", line ? line + 1 : tail);
}

/// The child hung up: says how it ended.
static bool fail_ended(resq_reference *r, const char *when, resq_error *err) {
  close_fd(&r->requests);
  close_fd(&r->answers);
  int status = reap(r, false);
  char how[64], why[512];
  if (WIFSIGNALED(status))
    snprintf(how, sizeof how, "was killed by signal %d", WTERMSIG(status));
  else
    snprintf(how, sizeof how, "ended with status %d", WEXITSTATUS(status));
  last_complaint(r, why, sizeof why);
  return resq_fail(err, RESQ_FAILED, "--reference=%s: it %s %s%s%s", r->path, how, when,
                   why[0] ? ": " : "", why);
}

void resq_reference_close(resq_reference *r) {
  if (!r)
    return;
  close_fd(&r->requests);
  close_fd(&r->answers);
  if (r->pid)
    reap(r, true); // it holds nothing that an orderly end would save
  close_fd(&r->complaints);
  free(r->path);
  free(r);
}

//===-- Start -------------------------------------------------------------===//

/// Spawns the child with its ends of both pipes as standard input and output.
static bool spawn(resq_reference *r, const resq_reference_options *o, const int requests[2],
                  const int answers[2], resq_error *err) {
  char *path = r->path, context[40], count[40], device[120];
  snprintf(context, sizeof context, "--context=%" PRId64, o->capacity);
  snprintf(count, sizeof count, "--threads=%" PRId64, o->threads);
  snprintf(device, sizeof device, "--device=%.100s", o->device ? o->device : "");
  static char logits[] = "logits", serve[] = "--serve";
  char *argv[] = {path, logits, serve, context, count, o->device ? device : NULL, NULL};
  posix_spawn_file_actions_t actions;
  int code = posix_spawn_file_actions_init(&actions);
  if (!code) {
    // All others are close-on-exec: the child must not hold our ends open.
    code = posix_spawn_file_actions_adddup2(&actions, requests[0], STDIN_FILENO);
    code = code ? code : posix_spawn_file_actions_adddup2(&actions, answers[1], STDOUT_FILENO);
    code = code ? code : posix_spawn_file_actions_adddup2(&actions, r->complaints, STDERR_FILENO);
    code = code ? code : posix_spawn(&r->pid, path, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
  }
  if (!code)
    return true;
  r->pid = 0;
  return resq_fail(err, resq_code_of_errno(code), "--reference=%s: cannot be started: %s", r->path,
                   strerror(code));
}

static bool start(resq_reference *r, const resq_reference_options *o, resq_error *err) {
  int requests[2] = {-1, -1}, answers[2] = {-1, -1};
  r->complaints = memfd_create("reference", MFD_CLOEXEC);
  bool ok = r->complaints >= 0 && !pipe2(requests, O_CLOEXEC) && !pipe2(answers, O_CLOEXEC);
  if (!ok)
    resq_fail(err, resq_code_of_errno(errno), "--reference=%s: no pipe to it: %s", r->path,
              strerror(errno));
  ok = ok && spawn(r, o, requests, answers, err);
  r->requests = requests[1];
  r->answers = answers[0];
  close_fd(&requests[0]);
  close_fd(&answers[1]);
  return ok;
}

static bool greet(resq_reference *r, const resq_model_context *context, resq_error *err) {
  resq_stream_hello ours, theirs;
  int64_t got = resq_pipe_read(r->answers, &theirs, sizeof theirs);
  if (got != (int64_t)sizeof theirs)
    return fail_ended(r, "before it gave a logit", err);
  if (memcmp(theirs.magic, RESQ_STREAM_MAGIC, sizeof theirs.magic))
    return resq_fail(err, RESQ_BAD_INPUT,
                     "--reference=%s: not a model compiled by this version of resq: it does not "
                     "answer 'logits --serve' as one",
                     r->path);
  resq_stream_introduce(context, &ours);
  if (theirs.vocabulary != ours.vocabulary)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "--reference=%s: its vocabulary has %" PRId64 " tokens, this model's %" PRId64
                     "; distributions over the same tokens are needed",
                     r->path, theirs.vocabulary, ours.vocabulary);
  if (theirs.vocabulary_hash && ours.vocabulary_hash &&
      theirs.vocabulary_hash != ours.vocabulary_hash)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "--reference=%s: as many tokens, but other ones: its tokenizer's are not this "
                     "model's",
                     r->path);
  if (!theirs.vocabulary_hash != !ours.vocabulary_hash)
    fprintf(stderr, "note: %s has no tokenizer: only the number of tokens was compared\n",
            theirs.vocabulary_hash ? "this model" : r->path);
  r->vocabulary = theirs.vocabulary;
  return true;
}

resq_reference *resq_reference_open(const char *path, const resq_model_context *context,
                                    const resq_reference_options *options, resq_error *err) {
  resq_reference *r = calloc(1, sizeof *r);
  if (r)
    *r = (resq_reference){.path = strdup(path), .requests = -1, .answers = -1, .complaints = -1};
  if (!r || !r->path) {
    free(r);
    resq_fail(err, RESQ_NO_MEMORY, "no memory");
    return NULL;
  }
  if (start(r, options, err) && greet(r, context, err))
    return r;
  resq_reference_close(r);
  return NULL;
}

//===-- Logits ------------------------------------------------------------===//

bool resq_reference_forward(resq_reference *r, const int32_t *tokens, int64_t first, int64_t n,
                            float *logits, resq_error *err) {
  resq_stream_request request = {first, n};
  int64_t size = n * r->vocabulary * (int64_t)sizeof *logits;
  if (resq_pipe_write(r->requests, &request, sizeof request) &&
      resq_pipe_write(r->requests, tokens, (uint64_t)n * sizeof *tokens) &&
      resq_pipe_read(r->answers, logits, (uint64_t)size) == size)
    return true;
  return fail_ended(r, "in the middle of the text", err);
}
