//===-- cli.c - finds the command, runs it, reports its error -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "cli/cli.h"

#include "base/levels.h"
#include "base/notices.h"
#include "base/process.h"

#include <stdlib.h>
#include <string.h>

static const resq_command *const commands[] = {
    &resq_cmd_generate, &resq_cmd_perplexity, &resq_cmd_logits,
    &resq_cmd_tokenize, &resq_cmd_bench,      &resq_cmd_info,
};
enum { n_commands = sizeof commands / sizeof commands[0] };

static void print_usage(const char *name, FILE *f) {
  fprintf(f, "usage: %s COMMAND [options]\nA language model compiled by resq.\n\ncommands:\n",
          name);
  for (int i = 0; i < n_commands; ++i)
    fprintf(f, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
  fprintf(
      f,
      "\n'%s COMMAND --help' lists a command's options; --version prints the version, --licenses "
      "the\n"
      "licenses of the libraries inside.\n"
      "Environment: RESQ_DEVICE=NAME chooses the device (auto, cpu, cuda) and\n"
      "RESQ_LEVEL=NAME the instruction-set level (%s), where no option does;\n"
      "RESQ_SPIN_US=N how long idle threads spin before they sleep (default 50).\n"
      "Exit codes: 0 done, 1 failed, 2 command line, 3 bad file contents, 4 CPU or GPU\n"
      "lacks what is needed, 5 cannot read or write, 6 no memory.\n",
      name, resq_level_names(RESQ_LEVEL_ANY));
}

static const resq_command *find_command(const char *name) {
  for (int i = 0; i < n_commands; ++i)
    if (!strcmp(commands[i]->name, name))
      return commands[i];
  return NULL;
}

static bool run_command(const resq_cli *cli, const resq_command *c, int argc, char **argv,
                        resq_error *err) {
  void *values = malloc(c->values_size);
  if (!values)
    return resq_fail(err, RESQ_NO_MEMORY, "no memory");
  bool ok = resq_options_parse(c, argc, argv, values, err);
  if (ok && ((resq_run_options *)values)->help)
    resq_options_help(cli->name, c, stdout);
  else if (ok)
    ok = resq_options_check_files(c, cli->path, values, err) && c->run(cli, values, err);
  free(values);
  return ok && resq_print_flush(err);
}

static bool print_version(const resq_cli *cli, resq_error *err) {
  return resq_printf(err, "resq %s, ABI %d, scheme %s\n", RESQ_VERSION, RESQ_ABI_VERSION,
                     cli->program->scheme ? cli->program->scheme : "unknown");
}

/// Words instead of a command: help, version and licenses.
static bool run_word(const resq_cli *cli, int argc, char **argv, resq_error *err) {
  const char *word = argv[1];
  bool ok = true;
  if (!strcmp(word, "--version")) {
    ok = print_version(cli, err);
  } else if (!strcmp(word, "--licenses")) {
    ok = resq_print(resq_notices(), strlen(resq_notices()), err);
  } else if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help")) {
    const resq_command *c = argc > 2 ? find_command(argv[2]) : NULL;
    if (c)
      resq_options_help(cli->name, c, stdout);
    else
      print_usage(cli->name, stdout);
  } else {
    return resq_fail(err, RESQ_USAGE, "no command '%.100s'; see '%s --help'", word, cli->name);
  }
  return ok && resq_print_flush(err);
}

static int run(const resq_cli *cli, int argc, char **argv) {
  if (argc < 2) {
    print_usage(cli->name, stderr);
    return RESQ_USAGE;
  }
  const resq_command *command = find_command(argv[1]);
  resq_error err = {RESQ_FAILED, ""};
  if (command ? run_command(cli, command, argc - 1, argv + 1, &err)
              : run_word(cli, argc, argv, &err))
    return RESQ_OK;
  fflush(stdout);
  if (err.message[0])
    fprintf(stderr, "%s: error: %s\n", cli->name, err.message);
  return err.code == RESQ_OK ? RESQ_FAILED : err.code;
}

int resq_cli_main(const resq_program *program, const char *path, int argc, char **argv) {
  const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
  resq_cli cli = {program, path, slash ? slash + 1 : argc > 0 ? argv[0] : "resq"};
  resq_process_begin(cli.name);
  return resq_process_end(run(&cli, argc, argv));
}
