//===-- json.h - JSON that is whole ---------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Jansson answers a lack of memory with NULLs that its own functions take for "nothing to add", so
// an object would silently lack members, and its parser crashes on one. Here, in a program, an
// allocation of JSON that fails ends the process with RESQ_NO_MEMORY.
//===----------------------------------------------------------------------===//
#ifndef RESQ_CLI_JSON_H
#define RESQ_CLI_JSON_H

#include "base/error.h"

#include <jansson.h>

/// Before any JSON is made.
void resq_json_begin(void);
/// `json` with a newline on standard output; takes it. `flags` are json_dumps's.
bool resq_json_print(json_t *json, size_t flags, resq_error *err);

#endif // RESQ_CLI_JSON_H
