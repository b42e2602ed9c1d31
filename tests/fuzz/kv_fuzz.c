// LINK: compiler
//===-- kv_fuzz.c - any text as --kv, --scheme and their companions -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The first byte chooses the side, the scheme and what else is given; up to a NUL the text is the
// code of a cache, after it the name of a scheme, method, high code or weight type. A refusal has a
// message; what is accepted lies within its documented bounds, and a scheme's pipeline has no
// placeholder left.
//===----------------------------------------------------------------------===//
#include "lowering/driver/compile.h"
#include "lowering/driver/scheme.h"
#include "passes/kv_spec.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse_code(resq_kv_side side, const char *text, size_t length) {
  char message[128];
  resq_kv_spec spec;
  memset(message, 0, sizeof message);
  // A copy of exactly that length: the sanitizer sees a read past its end.
  char *exact = malloc(length ? length : 1);
  if (!exact)
    abort();
  memcpy(exact, text, length);
  if (!resq_kv_parse(side, exact, length, &spec, message, sizeof message)) {
    if (!message[0] || !memchr(message, 0, sizeof message))
      __builtin_trap();
  } else if (spec.kind > RESQ_KV_QJL_GROUPS || spec.bits > 8 || spec.signs > 16 ||
             (side == RESQ_KV_VALUES && spec.kind == RESQ_KV_QJL_GROUPS)) {
    __builtin_trap();
  }
  free(exact);
}

static void check_text(char *text, const resq_error *err) {
  if (text ? strchr(text, '$') != NULL : !err->message[0])
    __builtin_trap();
  free(text);
}

static void expand(uint8_t mode, const char *kv, const char *more) {
  int n = 0;
  while (resq_scheme_name(n))
    ++n;
  const char *scheme = mode & 1 ? more : resq_scheme_name((mode >> 4) % n);
  resq_scheme_choices choices = {.kv = mode & 2 ? kv : NULL,
                                 .method = mode & 4 ? more : NULL,
                                 .high = mode & 8 ? more : NULL,
                                 .seed = 1};
  resq_error err = {0};
  char *pipeline = resq_scheme_pipeline(scheme, &choices, &err);
  // What the user gives may hold no '$': the whole of it is refused by name.
  check_text(pipeline, &err);
  err.message[0] = 0;
  char *pack = resq_scheme_pack(scheme, mode & 4 ? more : NULL, &err);
  check_text(pack, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1)
    return 0;
  uint8_t mode = data[0];
  char *text = malloc(size + 1);
  if (!text)
    return 0;
  memcpy(text, data + 1, size - 1);
  text[size - 1] = text[size] = 0;
  size_t length = strlen(text);
  const char *more = length + 1 < size ? text + length + 1 : "";
  parse_code(mode & 1 ? RESQ_KV_VALUES : RESQ_KV_KEYS, text, length);
  expand(mode, text, more);
  free(text);
  return 0;
}
