//===-- json.c - JSON that is whole ---------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "cli/json.h"

#include "base/process.h"
#include "cli/cli.h"

#include <stdlib.h>

static void *allocate(size_t size) {
  void *p = malloc(size);
  if (!p)
    resq_process_out_of_memory();
  return p;
}

void resq_json_begin(void) { json_set_alloc_funcs(allocate, free); }

bool resq_json_print(json_t *json, size_t flags, resq_error *err) {
  char *text = json_dumps(json, flags);
  bool ok = text ? resq_printf(err, "%s\n", text)
                 : resq_fail(err, RESQ_FAILED, "the JSON to print is not valid UTF-8");
  free(text);
  json_decref(json);
  return ok;
}
