// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Calls the compiled MLP from C: rows of 64 floats on standard input, results on standard output.
#include "mlp.h"

#include <stdio.h>

enum { WIDTH = 64, MAX_ROWS = 256 };

int main(void) {
  static float x[MAX_ROWS * WIDTH], y[MAX_ROWS * WIDTH];
  resq_message why;
  resq_model *model = resq_model_open(&mlp_program, NULL, &why); // the library's own file
  resq_session_options options = {.threads = 2};
  resq_session *session = model ? resq_session_create(model, &options, &why) : NULL;
  if (!session) {
    fprintf(stderr, "%s\n", why.text);
    return 1;
  }
  // rows[i] is the number of rows of argument i: x, then y. More than an entry holds is cut into chunks.
  int64_t n = (int64_t)(fread(x, sizeof(float) * WIDTH, MAX_ROWS, stdin));
  int64_t rows[2] = {n, n};
  bool ok = mlp_mlp(session, x, y, rows, &why);
  if (ok)
    fwrite(y, sizeof(float) * WIDTH, (size_t)n, stdout);
  else
    fprintf(stderr, "%s\n", why.text);
  resq_session_destroy(session);
  resq_model_close(model);
  return ok ? 0 : 1;
}
