// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Row *symbols*: a host that has names of what a library is made of, exported, keeps them to
// itself.
#include "times2.h"

#include <stdio.h>
#include <stdlib.h>

#define MINE(name)                                                                                 \
  void name(void);                                                                                 \
  void name(void) {                                                                                \
    fputs("the library called " #name " of its host\n", stderr);                                   \
    abort();                                                                                       \
  }
MINE(XXH3_64bits)
MINE(XXH3_64bits_withSeed)
MINE(resq_fail)
MINE(resq_fail_in)
MINE(resq_tell)
MINE(resq_map_open)
MINE(resq_map_close)
MINE(resq_artifact_open)
MINE(resq_artifact_section)
MINE(resq_cpu_choose)
MINE(resq_session_entries)
MINE(resq_check_arguments)
MINE(resq_pool_create)
MINE(resq_pool_run)
MINE(resq_pool_barrier)
MINE(resq_barrier)
MINE(resq_op_done)
MINE(chat_parse)
MINE(utf8proc_tolower)
MINE(pcre2_compile_8)
MINE(json_loads)
MINE(mlp__generic__r16)

int main(void) {
  resq_message why = {"", 0};
  resq_session_options options = {2, 0, 0, NULL, NULL};
  resq_model *model = resq_model_open(&times2_program, NULL, &why);
  resq_session *session = model ? resq_session_create(model, &options, &why) : NULL;
  float x[16] = {1.0f}, y[16] = {0};
  const int64_t rows[2] = {1, 1}, more[2] = {1, 2};
  if (!session || !times2_mlp(session, x, y, rows, &why)) {
    fprintf(stderr, "%s\n", why.text);
    return 1;
  }
  if (times2_mlp(session, x, y, more,
                 &why)) // an error message is made by the library's own resq_fail
    return 1;
  printf("%g; %s\n", (double)y[0], why.text);
  resq_session_destroy(session);
  resq_model_close(model);
  return 0;
}
