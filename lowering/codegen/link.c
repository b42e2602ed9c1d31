//===-- link.c ------------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#define _GNU_SOURCE
#include "lowering/codegen/link.h"
#include "dialect/memory.h"

#include "base/machine.h"
#include "base/system_error.h"
#include "command.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

static bool is_foreign(const char *architecture) {
  return strcmp(architecture, resq_cpu_architecture) != 0;
}

/// Where the archives are, below `root`: there or in its folder resq, and of those, for another
/// architecture than this program's, in the folder of its name. An absolute path, since the linker takes
/// a name that begins with - for an option.
static bool find_runtime(const char *root, const char *architecture, char *out, size_t size) {
  static const char *const below[] = {"", "/resq"};
  const bool foreign = is_foreign(architecture);
  char real[PATH_MAX], probe[PATH_MAX + 64];
  if (!realpath(root, real))
    return false;
  for (size_t i = 0; i < sizeof below / sizeof *below; i++) {
    int length = snprintf(out, size, "%s%s%s%s", real, below[i], foreign ? "/" : "",
                          foreign ? architecture : "");
    snprintf(probe, sizeof probe, "%s/libresq_runtime.a", out);
    if (length < (int)size && access(probe, R_OK) == 0)
      return true;
  }
  return false;
}

/// The folder of the program or library that this code is in.
static bool own_folder(char out[PATH_MAX]) {
  Dl_info info;
  struct link_map *map = NULL;
  if (!dladdr1((const void *)&resq_runtime_folder, &info, (void **)&map, RTLD_DL_LINKMAP) || !map)
    return false;
  // The program itself has no name there, and dli_fname is what it was called as.
  const char *path = map->l_name[0] ? map->l_name : "/proc/self/exe";
  if (!realpath(path, out))
    return false;
  char *slash = strrchr(out, '/');
  if (slash)
    *slash = 0;
  return slash != NULL;
}

bool resq_runtime_folder(const char *architecture, char *out, size_t size, resq_error *err) {
  const char *given = getenv("RESQ_LIBRARY_PATH");
  // What was asked for is taken or refused, never replaced by something else.
  if (given && *given)
    return find_runtime(given, architecture, out, size) ||
           resq_fail(
               err, RESQ_FAILED,
               "RESQ_LIBRARY_PATH=%s: no libresq_runtime.a for %s there or in its folder resq",
               given, architecture);
  char own[PATH_MAX] = "", beside[PATH_MAX + 8];
  if (own_folder(own))
    snprintf(beside, sizeof beside, "%s/../lib", own);
  else
    beside[0] = 0;
  return find_runtime(own, architecture, out, size) ||
         find_runtime(beside, architecture, out, size) ||
         resq_fail(
             err, RESQ_FAILED,
             "libresq_runtime.a for %s not found in %s or in lib beside it: set RESQ_LIBRARY_PATH "
             "to the folder that holds it",
             architecture, own);
}

//===-- What a shared library exports -------------------------------------===//

/// What resq/session.h marks with RESQ_API (lowering/CMakeLists.txt).
static const char *const session_names[] = {
#include "session_exports.inc"
};
static const char *const session_roots[] = {
#define RESQ_EXPORT_PREFIX "-Wl,--undefined="
#include "session_exports.inc"
};
enum { n_session_names = sizeof session_names / sizeof *session_names };

/// A version script: these names, and no other of the archives that are linked in.
static bool write_exports(const char *path, bool without_runtime, const char *program,
                          resq_error *err) {
  FILE *f = fopen(path, "we");
  if (!f)
    return resq_fail(err, resq_code_of_errno(errno), "%s: cannot be written (%s)", path,
                     strerror(errno));
  fputs("{ global: resq_program_v1;", f);
  if (program)
    fprintf(f, " %s;", program);
  for (int i = 0; !without_runtime && i < n_session_names; i++)
    fprintf(f, " %s;", session_names[i]);
  fputs(" local: *; };\n", f);
  bool failed = ferror(f);
  if (fclose(f) || failed)
    return resq_fail(err, resq_code_of_errno(errno), "%s: cannot be written (%s)", path,
                     strerror(errno));
  return true;
}

/// C compiler drivers to link with, in the order in which they are tried; NULL ends them. `room` and
/// `variable` hold what is made here.
static void choose_drivers(const char *architecture, char room[64], char variable[64],
                           const char *drivers[5]) {
  if (is_foreign(architecture)) {
    snprintf(variable, 64, "RESQ_CC_%s", architecture);
    snprintf(room, 64, "%s-linux-gnu-gcc", architecture);
  } else {
    snprintf(variable, 64, "RESQ_CC");
    snprintf(room, 64, "cc");
  }
  const char *chosen = getenv(variable);
  const char *const usual[] = {room, "gcc", "clang", "clang-22"};
  size_t n = chosen || is_foreign(architecture) ? 1 : sizeof usual / sizeof *usual;
  for (size_t i = 0; i < n; i++)
    drivers[i] = chosen ? chosen : usual[i];
  drivers[n] = NULL;
}

bool resq_link(resq_link_kind kind, bool without_runtime, const char *architecture,
               const char *program, const char *const *objects, int n_objects, const char *output,
               resq_error *err) {
  char folder[PATH_MAX] = "", runtime[PATH_MAX + 32], cli[PATH_MAX + 32], log[PATH_MAX + 8],
       exports[PATH_MAX + 8], script[PATH_MAX + 64];
  // Without a runtime of its own, a library's is the loading process's.
  if (!without_runtime && !resq_runtime_folder(architecture, folder, sizeof folder, err))
    return false;
  snprintf(runtime, sizeof runtime, "%s/libresq_runtime.a", folder);
  snprintf(cli, sizeof cli, "%s/libresq_command_line.a", folder);
  snprintf(log, sizeof log, "%s.log", output);

  snprintf(exports, sizeof exports, "%s.exports", output);
  snprintf(script, sizeof script, "--version-script=%s",
           exports); // behind -Xlinker: a path may have commas

  const char **argv = resq_new((size_t)n_objects + 32 + n_session_names, sizeof *argv);
  int n = 1;
  bool shared = kind == RESQ_LINK_SHARED;
  if (shared && !write_exports(exports, without_runtime, program, err)) {
    free(argv);
    return false;
  }
  if (shared) {
    argv[n++] = "-shared";
    argv[n++] = "-Wl,-Bsymbolic";
    argv[n++] = "-Xlinker";
    argv[n++] = script;
  }
  for (int i = 0; i < n_objects; i++)
    argv[n++] = objects[i];
  if (!without_runtime && shared) {
    // The session API is what the library offers; nothing refers to it from inside.
    for (int i = 0; i < n_session_names; i++)
      argv[n++] = session_roots[i];
    argv[n++] = runtime;
  } else if (!without_runtime) {
    argv[n++] = "-no-pie"; // libjansson.a of Debian is not position-independent
    argv[n++] = cli;
    argv[n++] = runtime;
  }
  // Names of functions stay: perf shows what a kernel was specialised for. They take some percent of
  // the code, and no memory when the file runs.
  static const char *const rest[] = {"-Wl,--gc-sections",
                                     "-Wl,-z,relro,-z,now",
                                     "-Wl,--build-id=none",
                                     "-Wl,--strip-debug",
                                     "-lm",
                                     "-pthread",
                                     "-o"};
  for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
    argv[n++] = rest[i];
  argv[n++] = output;

  char usual[64], variable[64];
  const char *drivers[5];
  choose_drivers(architecture, usual, variable, drivers);
  bool started = false, no_memory = false;
  int status = 0;
  for (size_t i = 0; drivers[i] && !started && !no_memory; i++) {
    argv[0] = drivers[i];
    started = resq_command_run((char *const *)argv, log, &status, &no_memory);
  }
  free(argv);
  bool ok = started && status == 0;
  if (no_memory)
    resq_fail(err, RESQ_NO_MEMORY, "%s: no memory to start a linker", output);
  else if (!started)
    resq_fail(err, RESQ_FAILED,
              "no C compiler driver to link with for %s (tried %s%s): install one, or set %s",
              architecture, drivers[0], drivers[1] ? ", gcc, clang, clang-22" : "", variable);
  else if (!ok) {
    char text[700];
    resq_command_said(log, text, sizeof text);
    // A full disk leaves no room for the linker's own words.
    struct statvfs disk = {0};
    statvfs(log, &disk);
    resq_fail(err, RESQ_FAILED, "linking %s failed (%llu kB free there): %s", output,
              (unsigned long long)disk.f_bavail * disk.f_frsize / 1024, text);
  }
  unlink(log);
  unlink(exports);
  return ok;
}
