//===-- reference.h - another model's logits ------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Owns a child process, `BINARY logits --serve` (logits_stream.h), from open to close: every path
// ends in waitpid. Failures say how the child ended and the last line that it wrote to stderr.
//===----------------------------------------------------------------------===//
#ifndef RESQ_CLI_REFERENCE_H
#define RESQ_CLI_REFERENCE_H

#include "cli/cli.h"

typedef struct resq_reference resq_reference;

typedef struct resq_reference_options {
  int64_t capacity;   ///< tokens of a window
  int64_t threads;    ///< as --threads
  const char *device; ///< as --device; NULL: what it chooses
} resq_reference_options;

/// Starts BINARY and checks that its tokens are those of `context`, a started one: as many logits, and the same text
/// behind each id where both have a tokenizer. NULL on failure.
resq_reference *resq_reference_open(const char *path, const resq_model_context *context,
                                    const resq_reference_options *options, resq_error *err);
/// As resq_model_context_forward with logits of every row. After a failure only close is allowed.
bool resq_reference_forward(resq_reference *r, const int32_t *tokens, int64_t first, int64_t n,
                            float *logits, resq_error *err);
/// Ends the child, however busy it is. NULL is fine.
void resq_reference_close(resq_reference *r);

#endif // RESQ_CLI_REFERENCE_H
