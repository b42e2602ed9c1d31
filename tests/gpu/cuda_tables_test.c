//===-- cuda_tables_test.c - tables and calls that are refused ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/gpu/fake_program.h"

#include <string.h>

static void expect(const char *first, const char *second) {
  assert_int_equal(why.code, RESQ_BAD_INPUT);
  if (!strstr(why.text, first) || !strstr(why.text, second))
    fail_msg("%s: lacks '%s' or '%s'", why.text, first, second);
}

/// Each damage to the table is refused when the model opens.
static void refuses_tables(void **state) {
  (void)state;
  resq_gpu_arg arg = twice_args[0];
  resq_gpu_launch launch = launches[0][1];
  launch.n_args = 1;
  launch.args = &arg;
  resq_gpu_launches list = {1, &launch, 64};
  resq_gpu_code own = {&list};
  resq_gpu_image image = images[0];
  resq_entry entry = entries[2];
  entry.gpu = &own;
  resq_program p = program;
  p.n_entries = 1;
  p.entries = &entry;
  p.n_gpu_images = 1;
  p.gpu_images = &image;
  resq_model *m = resq_model_open(&p, path, &why);
  assert_non_null(m);
  resq_model_close(m);
#define REFUSE(place, value, words)                                                                \
  do {                                                                                             \
    const __typeof__(place) before = place;                                                        \
    place = value;                                                                                 \
    assert_null(resq_model_open(&p, path, &why));                                                  \
    expect(words, "malformed");                                                                    \
    memcpy(&place, &before, sizeof before);                                                        \
  } while (0)
  REFUSE(entry.gpu, NULL, "entry 0");
  REFUSE(entry.run, cpu_run, "entry 0");
  REFUSE(p.n_gpu_images, -1, "GPU images");
  REFUSE(p.gpu_images, NULL, "GPU images");
  REFUSE(image.ptx, NULL, "GPU image 0");
  REFUSE(image.cubin_size, 1, "GPU image 0");
  REFUSE(image.prepared_bytes, 256, "@prepare: launch 0");
  REFUSE(p.n_gpu_images, 0, "@f: the GPU code");
  REFUSE(own.launches, NULL, "@f: the GPU code");
  REFUSE(list.items, NULL, "@f: the launch list for sm_90a");
  REFUSE(list.workspace_bytes, 1 << 20, "@f: the launch list");
#define LAUNCH "@f: launch 0 for sm_90a"
  REFUSE(launch.kind, RESQ_GPU_LAUNCH_OBSERVE + 1, LAUNCH);
  REFUSE(launch.kind, RESQ_GPU_LAUNCH_OBSERVE, LAUNCH); // without a width
  REFUSE(launch.kernel, NULL, LAUNCH);
  REFUSE(launch.op, 2, LAUNCH);
  REFUSE(launch.rows_of, -2, LAUNCH);
  REFUSE(launch.rows_of, 2, LAUNCH);
  REFUSE(launch.items_per_row, 0, LAUNCH);
  REFUSE(launch.items_per_block, 0, LAUNCH);
  REFUSE(launch.blocks_per_sm, -1, LAUNCH);
  REFUSE(launch.grid_y, 65536, LAUNCH);
  REFUSE(launch.threads, 1025, LAUNCH);
  REFUSE(launch.n_args, 65, LAUNCH);
  REFUSE(arg.kind, RESQ_GPU_CAPACITY + 1, LAUNCH);
  REFUSE(arg.index, 2, LAUNCH);
  REFUSE(arg.offset, -1, LAUNCH);
  arg = (resq_gpu_arg){RESQ_GPU_CACHE, 1, 0};
  assert_null(resq_model_open(&p, path, &why));
  arg = (resq_gpu_arg){RESQ_GPU_WORKSPACE, 0, 64};
  assert_null(resq_model_open(&p, path, &why));
  arg = (resq_gpu_arg){RESQ_GPU_PARAM, 0, 64}; // the section's size is known to the session only
  m = resq_model_open(&p, path, &why);
  assert_non_null(m);
  assert_null(resq_session_create(m, &(resq_session_options){.threads = 1}, &why));
  expect("@f: a kernel reads parameters at 64, there are 64 bytes", "");
  resq_model_close(m);
  assert_clean();
}

/// Calls of a GPU's entries are checked as all are, before anything is copied; a cache of which a call that failed may
/// have written a part begins again.
static void checks_calls(void **state) {
  (void)state;
  static const resq_index_rule position[] = {{RESQ_RULE_POSITION, 0, 0}};
  static const resq_index_rule sequence[] = {{RESQ_RULE_SEQUENCE, 0, 0}};
  static const resq_arg own_args[] = {{"x", RESQ_F32, 0, -1, 3, 0, 0, NULL},
                                      {"y", RESQ_F32, 1, -1, 3, 0, 0, NULL},
                                      {"p", RESQ_I32, 0, -1, 0, 0, 1, position},
                                      {"s", RESQ_I32, 0, -1, 0, 0, 1, sequence}};
  static const resq_cache_use uses[] = {{0, 2, 3, 1}};
  resq_entry entry = entries[2];
  entry.n_args = 4;
  entry.args = own_args;
  entry.uses = uses;
  entry.n_uses = 1;
  resq_program p = program;
  p.n_entries = 1;
  p.entries = &entry;
  resq_model *m = resq_model_open(&p, path, &why);
  assert_non_null(m);
  resq_session *s = resq_session_create(m, &(resq_session_options){.threads = 1}, &why);
  assert_non_null(s);
  float x[3] = {0}, y[3];
  int32_t at = 0, of = 0;
  void *data[] = {x, y, &at, &of};
#define CALL() resq_session_call(s, "f", data, (int64_t[]){1, 1, 1, 1}, 4, &why)
  const struct {
    int32_t at, of;
    const char *words;
  } bad[] = {{500000, 0, "p[0] is 500000, allowed: 0 to 127"},
             {0, 1, "s[0] is 1, allowed: 0 to 0"},
             {50, 0, "p[0] is 50: sequence 0 holds 0 tokens in cache 'l0'"}};
  fake->copies_in = fake->n_launches = 0;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
    at = bad[i].at;
    of = bad[i].of;
    assert_false(CALL());
    assert_int_equal(why.code, RESQ_USAGE);
    assert_non_null(strstr(why.text, bad[i].words));
  }
  assert_false(resq_session_call(s, "f", data, (int64_t[]){1, 2, 1, 1}, 4, &why));
  assert_int_equal(fake->copies_in, 0);
  assert_int_equal(fake->n_launches, 0);
  at = of = 0;
  assert_true(CALL());
  at = 1;
  strcpy(fake->fail_call, "cuGraphLaunch");
  fake->fail_result = 719;
  fake->fail_once = 1;
  assert_false(CALL());
  assert_non_null(strstr(why.text, "@f: cuGraphLaunch: CUDA_ERROR_LAUNCH_FAILED"));
  assert_false(CALL());
  assert_non_null(strstr(why.text, "holds 0 tokens"));
  at = 0;
  assert_true(CALL());
#undef CALL
  close_session(s);
  resq_model_close(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(refuses_tables, reset),
      cmocka_unit_test_setup(checks_calls, reset),
  };
  return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
