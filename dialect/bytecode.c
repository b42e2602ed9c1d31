//===-- bytecode.c - bytecode is read in a child process first ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#define _GNU_SOURCE // pipe2
#include "dialect/bytecode.h"

#include "base/system_error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/// Bytes of address space that this process has; 0 when the system does not say.
static uint64_t address_space(void) {
  unsigned long long pages = 0;
  FILE *statm = fopen("/proc/self/statm", "r");
  if (!statm)
    return 0;
  if (fscanf(statm, "%llu", &pages) != 1)
    pages = 0;
  fclose(statm);
  return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/// What a reader of that many bytes may need beside what the process has: a few damaged bytes can ask for any
/// number of elements, and filling their gigabytes takes the time that the other limit is there to save.
static uint64_t memory_limit(uint64_t size) { return address_space() + (512ull << 20) + 64 * size; }

/// What the child does: parse within bounds, print nothing, and report why the file was refused. MLIR's reader writes to
/// memory that it freed when it gives up on some files; so the parent does not parse what the child refused.
static _Noreturn void try_bytecode(const char *path, resq_bytecode_parser *parses, void *user,
                                   rlim_t seconds, rlim_t bytes, int report) {
  const struct rlimit no_core = {0, 0}, cpu = {seconds, seconds}, memory = {bytes, bytes};
  setrlimit(RLIMIT_CORE, &no_core);
  setrlimit(RLIMIT_CPU, &cpu);
  setrlimit(RLIMIT_AS, &memory);
  int null = open("/dev/null", O_WRONLY);
  if (null >= 0)
    dup2(null, STDERR_FILENO); // LLVM's last words, with a stack trace
  resq_error refusal = {0};
  const bool refused = !parses(path, user, &refusal);
  if (refused && !refusal.message[0])
    resq_fail(&refusal, RESQ_BAD_INPUT, "MLIR does not parse this file and doesn't say why");
  if (refused && !strstr(refusal.message,
                         path)) // what is wrong may have a place in the text that it was made from
    resq_fail_in(&refusal, "%s", path);
  // Less than a pipe's buffer: this does not wait for the parent, which reads at the end.
  _Static_assert(sizeof refusal <= 4096, "what a pipe takes at once");
  _exit(refused && write(report, &refusal, sizeof refusal) != sizeof refusal);
}

/// Waits for the child, and fails with what it reported or with what ended it.
static bool judge_child(pid_t child, int report, const char *path, unsigned seconds,
                        resq_error *err) {
  int status;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR)
      return resq_fail(err, RESQ_FAILED, "%s: can't wait for the check of bytecode: %s", path,
                       strerror(errno));
  resq_error refusal;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return resq_fail(
        err, RESQ_BAD_INPUT,
        "%s: damaged MLIR bytecode: parsing it crashes, or takes longer than %u seconds or "
        "far more memory than its size",
        path, seconds);
  if (read(report, &refusal, sizeof refusal) == sizeof refusal)
    return resq_fail(err, refusal.code, "%s", refusal.message);
  return true;
}

bool resq_bytecode_is_harmless(const char *path, uint64_t size, resq_bytecode_parser *parses,
                               void *user, resq_error *err) {
  // Some damaged files keep the reader busy for ever; a good one takes a fraction of a second per megabyte.
  const unsigned seconds = 2 + (unsigned)(size >> 20);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC))
    return resq_fail(err, resq_code_of_errno(errno), "%s: can't open a pipe to check bytecode: %s",
                     path, strerror(errno));
  pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    try_bytecode(path, parses, user, seconds, memory_limit(size), ends[1]);
  }
  close(ends[1]);
  bool ok = child < 0
                ? resq_fail(err, RESQ_NO_MEMORY, "%s: can't start a process to check bytecode: %s",
                            path, strerror(errno))
                : judge_child(child, ends[0], path, seconds, err);
  close(ends[0]);
  return ok;
}
