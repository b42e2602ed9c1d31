//===-- options.c - command lines from tables -----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// getopt_long_only over the command's table and the common one, in order, so that
// the word being looked at is always known. Numbers are taken whole and in range, or
// refused.
//===----------------------------------------------------------------------===//
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "cli/options.h"

#include "base/file_use.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define AT(member) offsetof(resq_run_options, member)

static const char level_help[] = "instruction-set level (default: the best of the device):"
#define RESQ_LEVEL_ROW(name, ...) " " #name
#include "base/levels.def"
    ;

static const resq_flag common_flags[] = {
    {"help", 'h', RESQ_FLAG_BOOL, NULL, "show this help", 0, 0, AT(help)},
    {"threads", 't', RESQ_FLAG_INTEGER, "N",
     "threads; 0 (default): as many as CPU affinity and cgroup quota allow", 0, 1024, AT(threads)},
    {"context", 'c', RESQ_FLAG_INTEGER, "N",
     "tokens that the cache holds; 0: the model's (default)", 0, 1 << 30, AT(context)},
    {"level", 0, RESQ_FLAG_TEXT, "NAME", level_help, 0, 0, AT(level)},
    {"device", 0, RESQ_FLAG_TEXT, "NAME",
     "auto (default): the GPU where driver, code and memory suffice, else the CPU; cpu; cuda", 0, 0,
     AT(device)},
    {"profile", 0, RESQ_FLAG_BOOL, NULL, "print the time per operation and layer to stderr", 0, 0,
     AT(profile)},
};
enum { n_common_flags = sizeof common_flags / sizeof common_flags[0] };
static const resq_alias common_aliases[] = {{"ctx-size", "context"}};
enum { n_common_aliases = sizeof common_aliases / sizeof common_aliases[0] };
enum { max_flags = 40, max_aliases = 16, long_base = 256 };

/// Flag i of both tables; NULL past the end. A command that starts nothing has --help only.
static const resq_flag *flag_at(const resq_command *c, int i) {
  int n_common = c->runs ? n_common_flags : 1;
  if (i < c->n_flags)
    return &c->flags[i];
  return i - c->n_flags < n_common ? &common_flags[i - c->n_flags] : NULL;
}

static bool parse_integer(const resq_flag *f, const char *text, int64_t *out, resq_error *err) {
  char *end;
  errno = 0;
  long long v = strtoll(text, &end, 10);
  bool whole = end != text && !*end && (text[0] == '-' || (text[0] >= '0' && text[0] <= '9'));
  if (!whole || errno || (double)v < f->low || (double)v > f->high)
    return resq_fail(err, RESQ_USAGE, "--%s: '%.100s' is not a whole number from %.0f to %.0f",
                     f->name, text, f->low, f->high);
  *out = v;
  return true;
}

static bool parse_real(const resq_flag *f, const char *text, double *out, resq_error *err) {
  char *end;
  errno = 0;
  double v = strtod(text, &end);
  // Decimal only: strtod would also take hexadecimal, infinities and NaN.
  bool whole = end != text && !*end && strspn(text, "+-.0123456789eE") == strlen(text);
  if (!whole || errno || !isfinite(v) || v < f->low || v > f->high)
    return resq_fail(err, RESQ_USAGE, "--%s: '%.100s' is not a number from %g to %g", f->name, text,
                     f->low, f->high);
  *out = v;
  return true;
}

/// A whole number, or one that the system draws.
static bool parse_seed(const resq_flag *f, const char *text, resq_seed *out, resq_error *err) {
  out->drawn = !strcmp(text, "random");
  if (!out->drawn)
    return parse_integer(f, text, &out->value, err);
  uint64_t bits;
  if (getrandom(&bits, sizeof bits, 0) != sizeof bits)
    return resq_fail(err, RESQ_IO, "--%s: the system gave no random number: %s", f->name,
                     strerror(errno));
  out->value = (int64_t)(bits % ((uint64_t)f->high + 1));
  return true;
}

static bool store(const resq_flag *f, const char *text, void *values, resq_error *err) {
  void *slot = (char *)values + f->offset;
  switch (f->type) {
  case RESQ_FLAG_BOOL:
    *(bool *)slot = true;
    return true;
  case RESQ_FLAG_INTEGER:
    return parse_integer(f, text, slot, err);
  case RESQ_FLAG_REAL:
    return parse_real(f, text, slot, err);
  case RESQ_FLAG_TEXT:
  case RESQ_FLAG_READS:
  case RESQ_FLAG_WRITES:
    *(const char **)slot = text;
    return true;
  case RESQ_FLAG_SEED:
    return parse_seed(f, text, slot, err);
  case RESQ_FLAG_TEXTS: {
    resq_texts *texts = slot;
    if (texts->count == RESQ_MAX_TEXTS)
      return resq_fail(err, RESQ_USAGE, "--%s: more than %d given", f->name, RESQ_MAX_TEXTS);
    texts->items[texts->count++] = text;
    return true;
  }
  }
  return false;
}

/// The index of the option of that name; there is one.
static int flag_named(const resq_command *c, const char *name) {
  int i = 0;
  while (strcmp(flag_at(c, i)->name, name))
    ++i;
  return i;
}

/// getopt's tables. `letters` begins with '-' (operands come in order, as option 1) and ':' (a missing value has
/// a code of its own).
typedef struct option_tables {
  struct option longs[max_flags + max_aliases + 1];
  char letters[2 * max_flags + 3];
} option_tables;

static void add_aliases(const resq_command *c, const resq_alias *aliases, int count,
                        option_tables *t, int *n) {
  for (int i = 0; i < count; ++i) {
    int flag = flag_named(c, aliases[i].name);
    int argument = flag_at(c, flag)->type == RESQ_FLAG_BOOL ? no_argument : required_argument;
    t->longs[(*n)++] = (struct option){aliases[i].alias, argument, NULL, long_base + flag};
  }
}

static void make_tables(const resq_command *c, option_tables *t) {
  const resq_flag *f;
  size_t used = 2;
  int n = 0;
  memset(t, 0, sizeof *t);
  t->letters[0] = '-';
  t->letters[1] = ':';
  for (; n < max_flags && (f = flag_at(c, n)); ++n) {
    int argument = f->type == RESQ_FLAG_BOOL ? no_argument : required_argument;
    t->longs[n] = (struct option){f->name, argument, NULL, long_base + n};
    if (!f->letter)
      continue;
    t->letters[used++] = f->letter;
    if (argument == required_argument)
      t->letters[used++] = ':';
  }
  add_aliases(c, c->aliases, c->n_aliases, t, &n);
  if (c->runs)
    add_aliases(c, common_aliases, n_common_aliases, t, &n);
}

static bool take_operand(const resq_command *c, const char *word, resq_run_options *common,
                         resq_error *err) {
  if (!c->operand || common->operand)
    return resq_fail(err, RESQ_USAGE, "%s: unexpected argument '%.100s'", c->name, word);
  common->operand = word;
  return true;
}

/// "-ngl" is no `-n gl`: a number glued to its letter looks like one.
static bool is_glued_word(const resq_flag *f, const char *word) {
  bool number = f->type == RESQ_FLAG_INTEGER || f->type == RESQ_FLAG_REAL;
  return number && optarg && optarg == word + 2 && !strchr("0123456789.-+", optarg[0]);
}

/// One result of getopt for the word `word`.
static bool take(const resq_command *c, int got, const char *word, void *values, resq_error *err) {
  if (got == 1)
    return take_operand(c, optarg, values, err);
  const resq_flag *f = NULL;
  if (got >= long_base)
    f = flag_at(c, got - long_base);
  else if (got != '?' && got != ':')
    for (int i = 0; (f = flag_at(c, i))->letter != got;)
      ++i;
  if (f && !is_glued_word(f, word))
    return store(f, optarg, values, err);
  return resq_fail(err, RESQ_USAGE, "%s: %s '%.100s'; see '%s --help'", c->name,
                   got == ':' ? "no value after" : "unknown, ambiguous or misused option", word,
                   c->name);
}

bool resq_options_parse(const resq_command *c, int argc, char **argv, void *values,
                        resq_error *err) {
  option_tables tables;
  make_tables(c, &tables);
  resq_run_options *common = values;
  memcpy(values, c->defaults, c->values_size);
  optind = 0; // GNU: start over, also the scanner's hidden state
  opterr = 0;
  // getopt stays at a word while it finds letters in it ("-fa"): the word that is wrong is the one that it was
  // at, not the one before the next.
  int at = 1;
  for (int got;; at = optind) {
    got = getopt_long_only(argc, argv, tables.letters, tables.longs, NULL);
    if (got == -1)
      break;
    if (!take(c, got, argv[at], values, err))
      return false;
  }
  for (int i = optind; i < argc && !common->help; ++i) // behind "--"
    if (!take_operand(c, argv[i], common, err))
      return false;
  if (!common->operand && c->operand && c->operand[0] != '[' && !common->help)
    return resq_fail(err, RESQ_USAGE, "%s: %s is missing", c->name, c->operand);
  return true;
}

bool resq_options_check_files(const resq_command *c, const char *artifact, const void *values,
                              resq_error *err) {
  resq_file_uses uses = {NULL, 0};
  const char *operand = ((const resq_run_options *)values)->operand;
  bool ok = resq_file_use_add(&uses, RESQ_READS, "the operand", operand, err) &&
            resq_file_use_add(&uses, RESQ_READS, "the model", artifact, err);
  const resq_flag *f;
  for (int i = 0; ok && (f = flag_at(c, i)); ++i) {
    if (f->type != RESQ_FLAG_READS && f->type != RESQ_FLAG_WRITES)
      continue;
    char role[64];
    snprintf(role, sizeof role, "--%s", f->name);
    ok = resq_file_use_add(&uses, f->type == RESQ_FLAG_READS ? RESQ_READS : RESQ_WRITES, role,
                           *(const char *const *)((const char *)values + f->offset), err);
  }
  ok = ok && resq_file_use_add_self(&uses, err);
  resq_file_uses_free(&uses);
  return ok;
}

void resq_options_help(const char *program, const resq_command *c, FILE *f) {
  fprintf(f, "usage: %s %s [options]%s%s\n%s\n\n", program, c->name, c->operand ? " " : "",
          c->operand ? c->operand : "", c->summary);
  const resq_flag *flag;
  for (int i = 0; (flag = flag_at(c, i)); ++i) {
    char left[64];
    const char *separator = flag->value ? " " : "";
    snprintf(left, sizeof left, "%c%c%c --%s%s%s", flag->letter ? '-' : ' ',
             flag->letter ? flag->letter : ' ', flag->letter ? ',' : ' ', flag->name, separator,
             flag->value ? flag->value : "");
    fprintf(f, "  %-26s %s\n", left, flag->help);
  }
}
