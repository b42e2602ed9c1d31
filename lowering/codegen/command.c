//===-- command.c ---------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#define _GNU_SOURCE
#include "command.h"

#include "base/process.h"
#include "dialect/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

/// This environment with another TMPDIR: what a linker that is killed leaves lies in our folder.
/// The caller frees the array, not its texts.
static char **child_environment(char *temporary) {
  size_t n = 0, out = 0;
  while (environ[n])
    n++;
  char **copy = resq_new(n + 2, sizeof *copy);
  for (size_t i = 0; i < n; i++)
    if (strncmp(environ[i], "TMPDIR=", strlen("TMPDIR=")))
      copy[out++] = environ[i];
  copy[out] = temporary;
  return copy;
}

/// Starts the command in a group of its own, which an interrupt of this process ends. An errno.
static int start(char *const *argv, char *const *environment, const char *log, pid_t *pid) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t how;
  int failed = posix_spawn_file_actions_init(&actions);
  if (failed)
    return failed;
  failed = posix_spawnattr_init(&how);
  if (failed) {
    posix_spawn_file_actions_destroy(&actions);
    return failed;
  }
  sigset_t held;
  resq_hold_begin(&held);
  failed = posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (!failed)
    failed = posix_spawn_file_actions_adddup2(&actions, 2, 1);
  posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setpgroup(&how, 0);
  posix_spawnattr_setsigmask(&how, &held);
  if (!failed)
    failed = posix_spawnp(pid, argv[0], &actions, &how, argv, environment);
  if (!failed)
    resq_process_child(*pid);
  resq_hold_end(&held);
  posix_spawnattr_destroy(&how);
  posix_spawn_file_actions_destroy(&actions);
  return failed;
}

static bool wait_for(pid_t pid, int *status) {
  siginfo_t info;
  while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) && errno == EINTR)
    ;
  sigset_t held;
  resq_hold_begin(&held); // a number that is free again may become somebody else's
  pid_t ended;
  while ((ended = waitpid(pid, status, 0)) < 0 && errno == EINTR)
    ;
  resq_process_child(0);
  resq_hold_end(&held);
  return ended == pid;
}

bool resq_command_run(char *const *argv, const char *log, int *out_status, bool *no_memory) {
  char temporary[PATH_MAX + 16];
  const char *slash = strrchr(log, '/');
  snprintf(temporary, sizeof temporary, "TMPDIR=%.*s", slash ? (int)(slash - log) : 1,
           slash ? log : ".");
  char **environment = child_environment(temporary);
  pid_t pid;
  int status, failed = start(argv, environment, log, &pid);
  free(environment);
  *no_memory = failed == ENOMEM || failed == EAGAIN;
  if (failed || !wait_for(pid, &status))
    return false;
  *out_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  // 127: the shell's word for "no such command", which posix_spawn implementations may give.
  return *out_status != 127;
}

void resq_command_said(const char *log, char *out, size_t size) {
  FILE *f = fopen(log, "re");
  size_t n = f ? fread(out, 1, size - 1, f) : 0;
  out[n] = 0;
  if (f)
    fclose(f);
  while (n && (out[n - 1] == '\n' || out[n - 1] == ' '))
    out[--n] = 0;
}
