//===-- options.h - command lines from tables -----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A command describes its options once; parsing, checking and --help follow from the
// table. Values land in the command's own struct, which begins with resq_run_options.
//===----------------------------------------------------------------------===//
#ifndef RESQ_CLI_OPTIONS_H
#define RESQ_CLI_OPTIONS_H

#include "base/error.h"
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum resq_flag_type {
  RESQ_FLAG_BOOL,    ///< bool, no value
  RESQ_FLAG_INTEGER, ///< int64_t in [low, high]
  RESQ_FLAG_REAL,    ///< double in [low, high]
  RESQ_FLAG_TEXT,    ///< const char *
  RESQ_FLAG_READS,   ///< const char *, a file that is read
  RESQ_FLAG_WRITES,  ///< const char *, a file that is written: never one that is read
  RESQ_FLAG_TEXTS,   ///< resq_texts: may be repeated
  RESQ_FLAG_SEED,    ///< resq_seed: a whole number in [low, high], or "random"
} resq_flag_type;

#define RESQ_MAX_TEXTS 16
typedef struct resq_texts {
  const char *items[RESQ_MAX_TEXTS];
  int count;
} resq_texts;

typedef struct resq_seed {
  int64_t value;
  bool drawn; ///< by the system: "random" was asked for
} resq_seed;

typedef struct resq_flag {
  const char *name; ///< long name without dashes
  char letter;      ///< 0: none
  resq_flag_type type;
  const char *value; ///< "N", shown by --help
  const char *help;
  double low, high;
  size_t offset; ///< of the value in the command's struct
} resq_flag;

/// Another name for an option, as users of other programs type it: `--alias` and `-alias`. Not listed by --help.
typedef struct resq_alias {
  const char *alias;
  const char *name; ///< the option's long name
} resq_alias;

/// What every command begins with.
typedef struct resq_run_options {
  bool help;
  int64_t threads;            ///< 0: all CPUs
  int64_t context;            ///< 0: the model's
  const char *level, *device; ///< NULL: as the session chooses
  bool profile;
  const char *operand; ///< the one argument that is no option
} resq_run_options;

struct resq_cli;

typedef struct resq_command {
  const char *name;
  const char *operand; ///< "FILE", "[FILE]" when it may be missing, NULL when none is taken
  const char *summary;
  const resq_flag *flags;
  int n_flags;
  const resq_alias *aliases; ///< of `flags`; NULL with n_aliases 0: none
  int n_aliases;
  bool runs; ///< starts a session: takes --threads, --level, --device, --context, --profile
  size_t values_size;
  const void *defaults; ///< values_size bytes
  bool (*run)(const struct resq_cli *cli, void *values, resq_error *err);
} resq_command;

/// Long options are recognized behind one dash, too (`-temperature 0.5`), as llama.cpp's users type them. An error
/// names the word of the command line that was wrong.
/// Parses argv[1 ..] into `values`, which starts as a copy of the defaults. RESQ_USAGE on failure.
bool resq_options_parse(const resq_command *command, int argc, char **argv, void *values,
                        resq_error *err);
/// Refuses (RESQ_USAGE) a file to be written that is another file of the command line, the artifact
/// (NULL: this program), this program or a library of it.
bool resq_options_check_files(const resq_command *command, const char *artifact, const void *values,
                              resq_error *err);
void resq_options_help(const char *program, const resq_command *command, FILE *f);

#endif // RESQ_CLI_OPTIONS_H
