//===-- gguf_rows.h - what the reader makes of a file in memory -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_TESTS_GGUF_ROWS_H
#define RESQ_TESTS_GGUF_ROWS_H

#include "dialect/import/gguf/gguf_checkpoint.h"
#include "tests/unit/gguf_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/// Rows of a file's last tensor.
static bool read_rows(gguf_bytes file, int64_t begin, int64_t end, float *out, resq_error *err) {
  resq_checkpoint *c = resq_gguf_checkpoint_parse(file.data, file.size, "test", err);
  assert_non_null(c);
  resq_checkpoint_tensor tensor = resq_checkpoint_tensor_at(c, resq_checkpoint_count(c) - 1);
  bool ok = resq_checkpoint_rows(c, &tensor, begin, end, out, err);
  resq_checkpoint_close(c);
  return ok;
}

#endif // RESQ_TESTS_GGUF_ROWS_H
