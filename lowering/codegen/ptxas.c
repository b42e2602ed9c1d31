//===-- ptxas.c -----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ptxas.h"

#include "base/file.h"
#include "dialect/memory.h"
#include "command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool assemble(const char *path, const resq_target *chip, const char *ptx, const char *cubin,
                     const char *log, resq_error *err) {
  char arch[64], input[PATH_MAX], output[PATH_MAX], program[PATH_MAX];
  snprintf(program, sizeof program, "%s", path);
  snprintf(arch, sizeof arch, "-arch=%s", chip->name);
  snprintf(input, sizeof input, "%s", ptx);
  snprintf(output, sizeof output, "%s", cubin);
  char *const argv[] = {program, arch, input, (char[]){"-o"}, output, NULL};
  int status = 0;
  bool no_memory = false;
  if (!resq_command_run(argv, log, &status, &no_memory))
    return no_memory ? resq_fail(err, RESQ_NO_MEMORY, "no memory to start %s", path)
                     : resq_fail(err, RESQ_FAILED, "--ptxas=%s: the program cannot be run", path);
  if (status == 0)
    return true;
  char said[600];
  resq_command_said(log, said, sizeof said);
  return resq_fail(err, RESQ_FAILED, "%s refuses the PTX for %s (status %d)%s%s", path, chip->name,
                   status, *said ? ": " : "", said);
}

static bool read_file(const char *path, resq_bytes *out, resq_error *err) {
  resq_map map;
  if (!resq_map_open(&map, path, err))
    return false;
  *out = (resq_bytes){resq_new(map.size + 1, 1), map.size};
  if (map.size)
    memcpy(out->data, map.data, map.size);
  resq_map_close(&map);
  return true;
}

bool resq_ptxas(const char *path, const resq_target *chip, const resq_bytes *ptx,
                const resq_workdir *work, resq_bytes *cubin, resq_error *err) {
  char name[64], input[PATH_MAX], output[PATH_MAX], log[PATH_MAX];
  *cubin = (resq_bytes){NULL, 0};
  snprintf(name, sizeof name, "%s.ptx", chip->name);
  if (!resq_workdir_write(work, name, ptx->data, ptx->size, input, err))
    return false;
  snprintf(name, sizeof name, "%s.cubin", chip->name);
  resq_workdir_file(work, name, output);
  resq_workdir_file(work, "ptxas.log", log);
  bool ok = assemble(path, chip, input, output, log, err) && read_file(output, cubin, err);
  unlink(input);
  unlink(output);
  unlink(log);
  return ok;
}
