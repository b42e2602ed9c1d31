//===-- opt_files.c - what resq-opt's command line reads and writes -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// LLVM's options have no types that tell a file's name from another text, and there are hundreds.
// Those that write are listed; whatever else names an existing file counts as read.
//===----------------------------------------------------------------------===//
#include "passes/opt_files.h"

#include "base/file_use.h"

#include <string.h>
#include <sys/stat.h>

static const char *const writing[] = {"o",
                                      "log-actions-to",
                                      "profile-actions-to",
                                      "mlir-generate-reproducer",
                                      "mlir-pass-pipeline-crash-reproducer",
                                      "remarks-output-file",
                                      "info-output-file",
                                      "lto-pass-remarks-output"};

/// The text behind a writing option's name ("" when it is the next word); NULL for another word.
static const char *written_value(const char *word) {
  if (word[0] != '-' || !word[1])
    return NULL;
  const char *name = word + (word[1] == '-' ? 2 : 1);
  for (size_t i = 0; i < sizeof writing / sizeof *writing; i++) {
    size_t length = strlen(writing[i]);
    if (!strncmp(name, writing[i], length) && (!name[length] || name[length] == '='))
      return name[length] ? name + length + 1 : "";
  }
  // One letter takes its value without a sign, too.
  return word[1] == 'o' ? word + 2 : NULL;
}

static bool exists(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

static bool add_word(resq_file_uses *uses, int argc, char *const *argv, int *i, resq_error *err) {
  const char *word = argv[*i], *value = written_value(word);
  if (value && !*value && *i + 1 < argc)
    value = argv[++*i];
  if (value && *value) {
    // Where -oWORD is another option that begins with o, its rest names no file.
    bool named = word[1] == '-' || strchr(word, '=') || !word[2] || exists(value);
    return !named || resq_file_use_add(uses, RESQ_WRITES, word, value, err);
  }
  const char *sign = word[0] == '-' ? strchr(word, '=') : NULL, *path = sign ? sign + 1 : word;
  return !exists(path) || resq_file_use_add(uses, RESQ_READS, sign ? word : "the input", path, err);
}

bool resq_opt_check_files(int argc, char *const *argv, resq_error *err) {
  resq_file_uses uses = {NULL, 0};
  bool ok = true;
  for (int i = 1; ok && i < argc; i++)
    ok = add_word(&uses, argc, argv, &i, err);
  ok = ok && resq_file_use_add_self(&uses, err);
  resq_file_uses_free(&uses);
  return ok;
}
