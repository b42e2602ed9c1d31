//===-- insert_qjl.c - --resq-insert-qjl ----------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The QJL choice of --resq-kv (arXiv 2406.03482): keys as signs of a random sketch and a norm, the
// directions of most weight apart in 8 bits; values stay as the caches say.
//===----------------------------------------------------------------------===//
#include "passes/kv.h"

#include <stdio.h>
#include <string.h>

bool resq_pass_insert_qjl(MlirOperation module, resq_pass *pass) {
  MlirStringRef basis = resq_pass_string(pass, "basis"), per = resq_pass_string(pass, "per");
  char text[256], message[320];
  snprintf(text, sizeof text, "resq:qjl%s%lld:basis=%.*s:per=%.*s",
           resq_pass_bool(pass, "gaussian") ? "g" : "", (long long)resq_pass_int(pass, "signs"),
           (int)basis.length, basis.data, (int)per.length, per.data);
  resq_kv_spec keys;
  resq_kv_options options = {.keys = &keys,
                             .fraction = resq_pass_int(pass, "fraction"),
                             .seed = resq_pass_int(pass, "seed")};
  if (!resq_kv_parse(RESQ_KV_KEYS, text, strlen(text), &keys, message, sizeof message)) {
    resq_emit_error(module, "resq-insert-qjl: %s", message);
    return false;
  }
  return resq_rotation_parse(module, pass, "resq-insert-qjl", &options.rotation) &&
         resq_kv_apply(module, "resq-insert-qjl", &options);
}
