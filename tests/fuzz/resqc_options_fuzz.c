// LINK: compiler
//===-- resqc_options_fuzz.c - any command line of resqc ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each line is an argument. resqc's own main is compiled here, with a compile in place of the real
// one that checks what it is asked for, and with nothing to print on.
//===----------------------------------------------------------------------===//
#include "lowering/driver/compile.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool check_and_refuse(const resq_compile_options *o, resq_error *err) {
  if (!o->input || (!o->output && !o->calibrate_only) || o->seed < 1 || o->threads < 0 ||
      o->decode_rows < 0 || o->decode_rows > 256 || o->prefill_rows < 0 || o->prefill_rows > 4096 ||
      o->gpu_rows[0] < 0 || o->gpu_rows[0] > 256 || o->gpu_rows[1] < 0 || o->gpu_rows[1] > 4096)
    __builtin_trap();
  return resq_fail(err, RESQ_FAILED, "refused");
}

static FILE *nowhere;
#undef stderr
#define stderr nowhere
#undef stdout
#define stdout nowhere
#define printf(...) fprintf(nowhere, __VA_ARGS__)
#define resq_compile check_and_refuse
#define main resqc_main
int resqc_main(int argc, char **argv);
#include "tools/resqc/main.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  enum { MAX_ARGUMENTS = 32 };
  if (!nowhere && !(nowhere = fopen("/dev/null", "w")))
    abort();
  char *lines = malloc(size + 1), name[] = "resqc", *argv[MAX_ARGUMENTS + 2] = {name};
  if (!lines)
    abort();
  memcpy(lines, data, size);
  lines[size] = 0;
  int argc = 1;
  char *rest = lines;
  for (char *line; argc <= MAX_ARGUMENTS && (line = strsep(&rest, "\n"));)
    argv[argc++] = line;
  optind = 0; // GNU: the scanner starts over
  int code = resqc_main(argc, argv);
  if (code < 0 || code > 6)
    __builtin_trap();
  free(lines);
  return 0;
}
