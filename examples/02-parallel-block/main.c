// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Calls the compiled block from C as a decoder would: one token at a time. Rows of 48 floats of one sequence on standard
// input, results on standard output.
#include "block.h"

#include <stdio.h>

enum { WIDTH = 48 };

int main(void) {
  float x[WIDTH], y[WIDTH];
  resq_message why;
  resq_model *model = resq_model_open(&block_program, NULL, &why);
  // Capacity: the tokens that a sequence may have.
  resq_session_options options = {.threads = 1, .sequences = 1, .capacity = 256};
  resq_session *session = model ? resq_session_create(model, &options, &why) : NULL;
  bool ok = session != NULL;
  const int64_t rows[4] = {1, 1, 1, 1};
  const int32_t sequence = 0;
  for (int32_t position = 0; ok && fread(x, sizeof x, 1, stdin) == 1; position++) {
    ok = block_block(session, x, &position, &sequence, y, rows, &why);
    if (ok)
      fwrite(y, sizeof y, 1, stdout);
  }
  if (!ok)
    fprintf(stderr, "%s\n", why.text);
  resq_session_destroy(session);
  resq_model_close(model);
  return ok ? 0 : 1;
}
