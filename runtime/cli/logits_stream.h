//===-- logits_stream.h - logits from one process to another --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Two compiled models are two executables, and neither can be loaded into the other: so
// `perplexity --reference=BINARY` starts `BINARY logits --serve` and asks it over pipes. Numbers
// are in the machine's byte order; both ends run on one machine.
//
//   server: resq_stream_hello
//   client: resq_stream_request, int32 ids[rows]
//   server: float logits[rows * vocabulary], one row a token
//   ... until the client closes its end.
//
// One end works while the other waits, so they never want the same cores, and neither can block
// the other: a request is read whole before its answer is written. Rows of the whole vocabulary
// are 0.2 to 0.6 MB a token; a pipe moves gigabytes a second, a forward a few hundred tokens.
//===----------------------------------------------------------------------===//
#ifndef RESQ_CLI_LOGITS_STREAM_H
#define RESQ_CLI_LOGITS_STREAM_H

#include "base/error.h"
#include "cli/cli.h"

#define RESQ_STREAM_MAGIC "RESQLGT1"
/// The size that is asked for a pipe; what the kernel grants is good enough.
#define RESQ_STREAM_PIPE (1 << 20)

typedef struct resq_stream_hello {
  char magic[8]; ///< RESQ_STREAM_MAGIC, without NUL
  int64_t vocabulary;
  int64_t capacity;         ///< positions are below it
  uint64_t vocabulary_hash; ///< resq_tokenizer_vocabulary_hash; 0 without a tokenizer
} resq_stream_hello;

typedef struct resq_stream_request {
  int64_t first, rows; ///< positions [first, first + rows) of the one sequence
} resq_stream_request;

/// Fills *hello for a run that has been started.
void resq_stream_introduce(const resq_model_context *context, resq_stream_hello *hello);
/// Answers requests from standard input until it ends. A client that went away is no error to
/// report: RESQ_IO with an empty message.
bool resq_stream_serve(const resq_model_context *context, resq_error *err);

/// Whole buffers over a pipe. read: the bytes got, fewer than `size` at the end, -1 with errno.
int64_t resq_pipe_read(int fd, void *data, uint64_t size);
bool resq_pipe_write(int fd, const void *data, uint64_t size); ///< false with errno

#endif // RESQ_CLI_LOGITS_STREAM_H
