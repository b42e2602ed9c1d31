// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Row *two models*: two libraries linked into one program, each with a function @mlp. C and C++.
#include "times2.h"
#include "times3.h"

#include <stdio.h>

static resq_session *open_session(const struct resq_program *program, resq_model **model) {
  resq_message why;
  resq_session *session = NULL;
  *model = resq_model_open(program, NULL, &why);
  if (*model)
    session = resq_session_create(*model, NULL, &why);
  if (!session)
    fprintf(stderr, "%s\n", why.text);
  return session;
}

int main(void) {
  resq_model *models[2];
  resq_session *two = open_session(&times2_program, &models[0]);
  resq_session *three = open_session(&times3_program, &models[1]);
  float x[40 * 16], a[40 * 16], b[40 * 16];
  const int64_t rows[2] = {40, 40};
  resq_message why;
  for (int i = 0; i < 40 * 16; i++)
    x[i] = 1.0f;
  if (!two || !three)
    return 1;
  if (!times2_mlp(two, x, a, rows, &why) || !times3_mlp(three, x, b, rows, &why)) {
    fprintf(stderr, "%s\n", why.text);
    return 1;
  }
  printf("%g %g\n", (double)a[39 * 16], (double)b[39 * 16]);
  resq_session_destroy(two);
  resq_session_destroy(three);
  resq_model_close(models[0]);
  resq_model_close(models[1]);
  return 0;
}
