//===-- io.c - files in, standard output ----------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "cli/cli.h"
#include "base/system_error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/// Standard input ends somewhere: a text larger than this is a mistake.
#define MAX_STDIN ((size_t)1 << 30)

static bool read_stdin(resq_input *in, resq_error *err) {
  size_t size = 0, room = 0;
  char *data = NULL;
  for (;;) {
    if (size == room) {
      room = room ? room * 2 : 1 << 16;
      char *more = room > MAX_STDIN ? NULL : realloc(data, room);
      if (!more) {
        free(data);
        return resq_fail(err, RESQ_NO_MEMORY, "standard input: more than %zu bytes", size);
      }
      data = more;
    }
    size_t n = fread(data + size, 1, room - size, stdin);
    size += n;
    if (n == 0)
      break;
  }
  if (ferror(stdin)) {
    free(data);
    return resq_fail(err, resq_code_of_errno(errno), "standard input: %s", strerror(errno));
  }
  in->owned = data;
  in->text = (resq_text){data, size};
  return true;
}

bool resq_input_open(resq_input *in, const char *path, resq_error *err) {
  memset(in, 0, sizeof *in);
  if (!strcmp(path, "-"))
    return read_stdin(in, err);
  if (!resq_map_open(&in->map, path, err))
    return false;
  in->text = (resq_text){in->map.size ? (const char *)in->map.data : "", in->map.size};
  return true;
}

void resq_input_close(resq_input *in) {
  resq_map_close(&in->map);
  free(in->owned);
  memset(in, 0, sizeof *in);
}

bool resq_read_ids(const char *path, int32_t **out_ids, int64_t *out_count, resq_error *err) {
  resq_input in;
  if (!resq_input_open(&in, path, err))
    return false;
  bool ok = in.text.size && in.text.size % 4 == 0;
  if (!ok)
    resq_fail(err, RESQ_BAD_INPUT, "%s: %zu bytes, token ids are 4 bytes each, at least one", path,
              in.text.size);
  int32_t *ids = ok ? malloc(in.text.size) : NULL;
  if (ok && !ids)
    ok = resq_fail(err, RESQ_NO_MEMORY, "%s: no memory for %zu bytes", path, in.text.size);
  int64_t n = (int64_t)(in.text.size / 4);
  for (int64_t i = 0; ok && i < n; ++i) {
    const unsigned char *b = (const unsigned char *)in.text.data + 4 * i;
    uint32_t id = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
    if (id > INT32_MAX)
      ok = resq_fail(err, RESQ_BAD_INPUT, "%s: token %" PRId64 " is %" PRIu32 ", at most %d", path,
                     i, id, INT32_MAX);
    ids[i] = (int32_t)id;
  }
  resq_input_close(&in);
  if (!ok) {
    free(ids);
    return false;
  }
  *out_ids = ids;
  *out_count = n;
  return true;
}

static bool output_failed(resq_error *err) {
  if (errno == EPIPE)
    return resq_fail(err, RESQ_IO, "%s", "");
  return resq_fail(err, resq_code_of_errno(errno), "standard output: %s", strerror(errno));
}

bool resq_print(const void *data, size_t size, resq_error *err) {
  return fwrite(data, 1, size, stdout) == size || output_failed(err);
}

bool resq_printf(resq_error *err, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int n = vfprintf(stdout, format, args);
  va_end(args);
  return n >= 0 || output_failed(err);
}

bool resq_print_flush(resq_error *err) { return fflush(stdout) == 0 || output_failed(err); }
