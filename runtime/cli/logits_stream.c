//===-- logits_stream.c - the serving end ---------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef _GNU_SOURCE
#define _GNU_SOURCE // F_SETPIPE_SZ
#endif
#include "cli/logits_stream.h"

#include "base/system_error.h"

#include "exec/session_access.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int64_t resq_pipe_read(int fd, void *data, uint64_t size) {
  uint64_t done = 0;
  while (done < size) {
    ssize_t n = read(fd, (char *)data + done, size - done);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return -1;
    if (n == 0)
      break;
    done += (uint64_t)n;
  }
  return (int64_t)done;
}

bool resq_pipe_write(int fd, const void *data, uint64_t size) {
  for (uint64_t done = 0; done < size;) {
    ssize_t n = write(fd, (const char *)data + done, size - done);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return false;
    done += (uint64_t)n;
  }
  return true;
}

void resq_stream_introduce(const resq_model_context *context, resq_stream_hello *hello) {
  memset(hello, 0, sizeof *hello);
  memcpy(hello->magic, RESQ_STREAM_MAGIC, sizeof hello->magic);
  hello->vocabulary = resq_session_vocabulary(context->session);
  hello->capacity = resq_session_capacity(context->session);
  if (context->tokenizer)
    hello->vocabulary_hash = resq_tokenizer_vocabulary_hash(context->tokenizer);
}

/// Memory of one request, grown to the largest.
typedef struct buffers {
  int32_t *ids;
  float *logits;
  int64_t room;
} buffers;

static bool make_room(buffers *b, int64_t rows, int64_t width, resq_error *err) {
  if (rows <= b->room)
    return true;
  free(b->ids);
  free(b->logits);
  b->ids = malloc((size_t)rows * sizeof *b->ids);
  b->logits = malloc((size_t)rows * (size_t)width * sizeof *b->logits);
  b->room = b->ids && b->logits ? rows : 0;
  return b->room ||
         resq_fail(err, RESQ_NO_MEMORY, "no memory for %" PRId64 " rows of logits", rows);
}

static bool hung_up(resq_error *err, const char *doing) {
  if (errno == EPIPE)
    return resq_fail(err, RESQ_IO, "%s", "");
  return resq_fail(err, resq_code_of_errno(errno), "logits --serve: %s: %s", doing,
                   strerror(errno));
}

static bool answer(const resq_model_context *context, const resq_stream_hello *hello,
                   const resq_stream_request *request, buffers *b, resq_error *err) {
  if (request->rows < 1 || request->first < 0 || request->first > hello->capacity ||
      request->rows > hello->capacity - request->first)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "logits --serve: asked for %" PRId64 " rows from position %" PRId64
                     ", the cache holds %" PRId64,
                     request->rows, request->first, hello->capacity);
  if (!make_room(b, request->rows, hello->vocabulary, err))
    return false;
  uint64_t size = (uint64_t)request->rows * sizeof *b->ids;
  if (resq_pipe_read(STDIN_FILENO, b->ids, size) != (int64_t)size)
    return resq_fail(err, RESQ_IO, "logits --serve: the request ends before its ids");
  return resq_model_context_forward(context, b->ids, request->first, request->rows, request->rows,
                                    b->logits, err) &&
         (resq_pipe_write(STDOUT_FILENO, b->logits,
                          (uint64_t)request->rows * (uint64_t)hello->vocabulary *
                              sizeof *b->logits) ||
          hung_up(err, "answering"));
}

bool resq_stream_serve(const resq_model_context *context, resq_error *err) {
  if (isatty(STDIN_FILENO) || isatty(STDOUT_FILENO))
    return resq_fail(err, RESQ_USAGE,
                     "logits --serve talks to a program (perplexity --reference) through pipes, "
                     "not to a terminal");
  (void)fcntl(STDOUT_FILENO, F_SETPIPE_SZ, RESQ_STREAM_PIPE); // no pipe, no room: as it is
  resq_stream_hello hello;
  resq_stream_introduce(context, &hello);
  if (!resq_pipe_write(STDOUT_FILENO, &hello, sizeof hello))
    return hung_up(err, "greeting");
  buffers b = {NULL, NULL, 0};
  bool ok = true;
  for (resq_stream_request request; ok;) {
    int64_t got = resq_pipe_read(STDIN_FILENO, &request, sizeof request);
    if (got == 0)
      break;
    ok = got == (int64_t)sizeof request ? answer(context, &hello, &request, &b, err)
         : got < 0                      ? hung_up(err, "reading")
                                        : resq_fail(err, RESQ_IO, "logits --serve: half a request");
  }
  free(b.ids);
  free(b.logits);
  return ok;
}
