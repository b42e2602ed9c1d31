//===-- cmd_tokenize.c - text to token ids --------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "cli/cli.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct tokenize_options {
  resq_run_options common;
  const char *prompt, *output;
  bool ids_only, special;
} tokenize_options;

#define AT(member) offsetof(tokenize_options, member)
static const resq_flag flags[] = {
    {"prompt", 'p', RESQ_FLAG_TEXT, "TEXT", "the text itself, instead of a file", 0, 0, AT(prompt)},
    {"output", 'o', RESQ_FLAG_WRITES, "FILE", "write ids as little-endian 32-bit words", 0, 0,
     AT(output)},
    {"ids-only", 0, RESQ_FLAG_BOOL, NULL, "print ids only, one a line", 0, 0, AT(ids_only)},
    {"special", 0, RESQ_FLAG_BOOL, NULL, "the text of control tokens becomes control tokens", 0, 0,
     AT(special)},
};

/// A token's bytes in quotes, what is not printable escaped.
static bool print_token(const resq_tokenizer *t, int32_t id, resq_error *err) {
  resq_text bytes = resq_tokenizer_bytes(t, id);
  if (!resq_printf(err, "%" PRId32 "\t\"", id))
    return false;
  for (size_t i = 0; i < bytes.size; ++i) {
    unsigned char c = (unsigned char)bytes.data[i];
    bool ok = c == '\n'               ? resq_print("\\n", 2, err)
              : c == '"' || c == '\\' ? resq_printf(err, "\\%c", c)
              : isprint(c)            ? resq_print(&c, 1, err)
                                      : resq_printf(err, "\\x%02x", c);
    if (!ok)
      return false;
  }
  return resq_print("\"\n", 2, err);
}

static bool write_ids(const char *path, const int32_t *ids, int64_t n, resq_error *err) {
  resq_out *out = resq_out_create(path, 0644, err);
  if (!out)
    return false;
  enum { AT_ONCE = 4096 };
  uint8_t bytes[4 * AT_ONCE];
  bool ok = true;
  for (int64_t i = 0; ok && i < n;) {
    size_t size = 0;
    for (; i < n && size < sizeof bytes; ++i)
      for (int shift = 0; shift < 32; shift += 8)
        bytes[size++] = (uint8_t)((uint32_t)ids[i] >> shift);
    ok = resq_out_write(out, bytes, size, err);
  }
  if (ok)
    return resq_out_commit(out, err);
  resq_out_discard(out);
  return false;
}

static bool print_ids(const resq_tokenizer *t, const tokenize_options *o, const int32_t *ids,
                      int64_t n, resq_error *err) {
  if (o->output)
    return write_ids(o->output, ids, n, err);
  bool ok = true;
  for (int64_t i = 0; ok && i < n; ++i)
    ok = o->ids_only ? resq_printf(err, "%" PRId32 "\n", ids[i]) : print_token(t, ids[i], err);
  return ok;
}

static bool run(const resq_cli *cli, void *values, resq_error *err) {
  const tokenize_options *o = values;
  if (!o->prompt == !o->common.operand)
    return resq_fail(err, RESQ_USAGE, "tokenize: give either -p TEXT or FILE");
  resq_model_context r;
  if (!resq_model_context_open(&r, cli, err))
    return false;
  resq_input in = {0};
  int32_t *ids = NULL;
  int64_t n = 0;
  bool ok = resq_model_context_need_tokenizer(&r, err);
  if (ok && o->prompt)
    in.text = (resq_text){o->prompt, strlen(o->prompt)};
  else if (ok)
    ok = resq_input_open(&in, o->common.operand, err);
  ok = ok && resq_tokenizer_encode(r.tokenizer, in.text, o->special, &ids, &n, err) &&
       print_ids(r.tokenizer, o, ids, n, err);
  free(ids);
  resq_input_close(&in);
  resq_model_context_close(&r);
  return ok;
}

static const tokenize_options defaults;
const resq_command resq_cmd_tokenize = {
    .name = "tokenize",
    .operand = "[FILE]",
    .summary = "token ids of a text or file (- is standard input)",
    .flags = flags,
    .n_flags = sizeof flags / sizeof flags[0],
    .values_size = sizeof defaults,
    .defaults = &defaults,
    .run = run,
};
