// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Rows *the generated header*, *a gap* and *library calls*: values that once crashed, or passed,
// are refused with a message. One line a call: its name, and what the library says, or "ran".
#include "kv.h"
#include "tiny.h"

#include <stdio.h>
#include <stdlib.h>

enum { VOCABULARY = 260 };

static resq_message why;

static resq_session *open_session(const struct resq_program *program, resq_model **model) {
  *model = resq_model_open(program, NULL, &why);
  resq_session *session = *model ? resq_session_create(*model, NULL, &why) : NULL;
  if (!session) {
    printf("%s\n", why.text);
    exit(1);
  }
  return session;
}

static void say(const char *call, bool ok) { printf("%s: %s\n", call, ok ? "ran" : why.text); }

/// One row of @forward.
static void forward(resq_session *s, const char *call, int32_t token, int32_t position,
                    int32_t sequence, int32_t logit_row) {
  const int64_t rows[5] = {1, 1, 1, 1, 1};
  float *logits = malloc(sizeof *logits * VOCABULARY);
  say(call, tiny_forward(s, &token, &position, &sequence, &logit_row, logits, rows, &why));
  free(logits);
}

static void language_model(void) {
  resq_model *model;
  resq_session *s = open_session(&tiny_program, &model);
  forward(s, "position 500000", 1, 500000, 0, 0);
  forward(s, "position -1", 1, -1, 0, 0);
  forward(s, "sequence 77", 1, 0, 77, 0);
  forward(s, "token 99999", 99999, 0, 0, 0);
  forward(s, "token -1", -1, 0, 0, 0);
  forward(s, "logit row 1 of 1", 1, 0, 0, 1);
  forward(s, "a gap", 1, 50, 0, 0);
  const int32_t two[2] = {0, 1}, zeros[2] = {0, 0};
  float *one = malloc(sizeof *one * VOCABULARY);
  const int64_t rows[5] = {2, 2, 2, 2, 1};
  say("1 result row for 2 logit rows", tiny_forward(s, two, two, zeros, two, one, rows, &why));
  const int32_t at = 50;
  say("a gap in resq_session_forward",
      resq_session_forward(s, two, &at, zeros, 1, zeros, 1, one, &why));
  say("no tokens in resq_session_forward",
      resq_session_forward(s, NULL, two, zeros, 2, zeros, 1, one, &why));
  free(one);
  forward(s, "right", 1, 0, 0, 0);
  resq_session_destroy(s);
  resq_model_close(model);
}

static void functions(void) {
  resq_model *model;
  resq_session *s = open_session(&kv_program, &model);
  float *x = calloc(16 * 300, sizeof *x), *y = calloc(16 * 300, sizeof *y);
  int32_t *ids = calloc(300, sizeof *ids);
  int32_t far = 500000000, negative = -1, seven = 7;
  const int32_t zero = 0;
  const int64_t one[4] = {1, 1, 1, 1}, no_result[4] = {2, 2, 2, 0}, no_positions[4] = {2, 0, 0, 2};
  const int64_t minus[4] = {-1, -1, -1, -1}, many[3] = {2, 300, 300};
  say("position 5e8", kv_f(s, x, &far, &zero, y, one, &why));
  say("sequence 7", kv_f(s, x, &zero, &seven, y, one, &why));
  say("0 result rows", kv_f(s, x, ids, ids, y, no_result, &why));
  say("positions of 0 rows beside keys of 2", kv_f(s, x, ids, ids, y, no_positions, &why));
  say("negative rows", kv_f(s, x, ids, ids, y, minus, &why));
  say("NULL keys", kv_f(s, NULL, &zero, &zero, y, one, &why));
  say("NULL positions", kv_f(s, x, NULL, &zero, y, one, &why));
  say("NULL result", kv_f(s, x, &zero, &zero, NULL, one, &why));
  say("NULL rows", resq_session_call(s, "f", (void *[]){x, ids, ids, y}, NULL, 4, &why));
  say("NULL args", resq_session_call(s, "f", NULL, one, 4, &why));
  say("3 args", resq_session_call(s, "f", (void *[]){x, ids, ids, y}, one, 3, &why));
  say("the result is the keys", kv_f(s, x, &zero, &zero, x, one, &why));
  say("gather row 7 of 1", kv_gather(s, x, &seven, y, one, &why));
  say("gather row -1", kv_gather(s, x, &negative, y, one, &why));
  say("gather 300 rows", kv_gather(s, x, ids, y, many, &why));
  say("right", kv_f(s, x, &zero, &zero, y, one, &why) && kv_gather(s, x, &zero, y, one, &why));
  free(x);
  free(y);
  free(ids);
  resq_session_destroy(s);
  resq_model_close(model);
}

int main(void) {
  language_model();
  functions();
  return 0;
}
