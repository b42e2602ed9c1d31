//===-- options_fuzz.c - any command line of a compiled model -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The first byte chooses the command, the lines behind it are its arguments. A line that begins with
// a byte below 32 is an option of the command's own table with the rest as its value, so that
// numbers and texts get that far. What is accepted is in the range of its table; what is refused has
// a message and the code of a wrong command line.
//===----------------------------------------------------------------------===//
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const resq_command *const commands[] = {
    &resq_cmd_generate, &resq_cmd_perplexity, &resq_cmd_logits,
    &resq_cmd_tokenize, &resq_cmd_bench,      &resq_cmd_info,
};
enum { MAX_ARGUMENTS = 24, MAX_ARGUMENT = 4096 };

static void check_flags(const resq_command *c, const void *values) {
  for (int i = 0; i < c->n_flags; ++i) {
    const resq_flag *f = &c->flags[i];
    const char *slot = (const char *)values + f->offset;
    const char *initial = (const char *)c->defaults + f->offset;
    bool number = f->type == RESQ_FLAG_INTEGER || f->type == RESQ_FLAG_REAL;
    if (!number || !memcmp(slot, initial, 8)) // a default may be outside: "not given"
      continue;
    int64_t integer;
    double real;
    memcpy(&integer, slot, sizeof integer);
    memcpy(&real, slot, sizeof real);
    double value = f->type == RESQ_FLAG_INTEGER ? (double)integer : real;
    if (!(value >= f->low && value <= f->high))
      __builtin_trap();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1)
    return 0;
  const resq_command *c = commands[data[0] % (sizeof commands / sizeof *commands)];
  char *lines = malloc(size), *argv[MAX_ARGUMENTS + 2], *owned[MAX_ARGUMENTS];
  void *values = malloc(c->values_size);
  if (!lines || !values)
    abort();
  memcpy(lines, data + 1, size - 1);
  lines[size - 1] = 0;
  int argc = 1, n_owned = 0;
  argv[0] = strdup(c->name);
  char *rest = lines;
  for (char *line; argc <= MAX_ARGUMENTS && (line = strsep(&rest, "\n"));) {
    if (line[0] > 0 && line[0] < 32 && c->n_flags) {
      const resq_flag *f = &c->flags[line[0] % c->n_flags];
      char *option = malloc(MAX_ARGUMENT);
      if (!option)
        abort();
      snprintf(option, MAX_ARGUMENT, f->type == RESQ_FLAG_BOOL ? "--%s" : "--%s=%s", f->name,
               line + 1);
      argv[argc++] = owned[n_owned++] = option;
    } else {
      argv[argc++] = line;
    }
  }
  argv[argc] = NULL;
  resq_error err = {0};
  if (resq_options_parse(c, argc, argv, values, &err))
    check_flags(c, values);
  else if (!err.message[0] || err.code != RESQ_USAGE)
    __builtin_trap();
  for (int i = 0; i < n_owned; ++i)
    free(owned[i]);
  free(argv[0]); // getopt moves operands behind options, and never argv[0]
  free(values);
  free(lines);
  return 0;
}
