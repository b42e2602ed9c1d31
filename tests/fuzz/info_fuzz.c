// LINK: compiler
//===-- info_fuzz.c - any text as an artifact's description ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The metadata section is the compiler's JSON, and `info` reads it in any artifact. The compiler's
// own writer puts the input there, so that all hashes are right; damaged metadata is no error.
//===----------------------------------------------------------------------===//
#include "cli/cli.h"
#include "lowering/artifact/artifact_write.h"
#include "tests/unit/fake_program.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[64], elf[128], path[128];

static void remove_folder(void) {
  unlink(elf);
  unlink(path);
  rmdir(folder);
}

static void start(void) {
  strcpy(folder, access("/dev/shm", W_OK) ? "/tmp/resq-fuzz-XXXXXX" : "/dev/shm/resq-fuzz-XXXXXX");
  if (!mkdtemp(folder) || !freopen("/dev/null", "w", stdout))
    abort();
  atexit(remove_folder);
  snprintf(elf, sizeof elf, "%s/elf", folder);
  snprintf(path, sizeof path, "%s/artifact", folder);
  FILE *f = fopen(elf, "wb");
  if (!f || fwrite("\177ELF", 1, 4, f) != 4 || fclose(f))
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!folder[0])
    start();
  resq_error err = {0};
  const resq_artifact_parts parts = {.elf = elf,
                                     .metadata = {size ? (const char *)data : "", size}};
  resq_out *out = resq_artifact_assemble(path, 0644, &parts, &err);
  if (!out || !resq_out_commit(out, &err))
    abort();
  char name[] = "model", info[] = "info", json[] = "--json";
  char *argv[] = {name, info, json, NULL};
  if (resq_cli_main(&fake_program, path, 2, argv) || resq_cli_main(&fake_program, path, 3, argv))
    __builtin_trap();
  return 0;
}
