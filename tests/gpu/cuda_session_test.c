//===-- cuda_session_test.c - level "cuda" of a session, on a fake driver -===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "resq/session.h"
#include "tests/gpu/fake_cuda.h"
#include "tests/unit/fake_artifact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "resq/abi.h"

#include <dlfcn.h>
#include <unistd.h>

//===-- A program ---------------------------------------------------------===//

enum { small = 4, large = 16, capacity = 128 };

static const resq_gpu_arg twice_args[] = {
    {RESQ_GPU_ARGUMENT, 0, 0}, {RESQ_GPU_WORKSPACE, 0, 64}, {RESQ_GPU_ROWS, 0, 0}};
static const resq_gpu_arg shift_args[] = {{RESQ_GPU_WORKSPACE, 0, 64}, {RESQ_GPU_PARAM, 0, 0},
                                          {RESQ_GPU_CACHE, 0, 0},      {RESQ_GPU_ARGUMENT, 1, 0},
                                          {RESQ_GPU_ROWS, 1, 0},       {RESQ_GPU_CAPACITY, 0, 0}};
static const resq_gpu_launch launches[] = {
    {.kernel = "twice",
     .op = 0,
     .rows_of = 0,
     .threads = 128,
     .grid_y = 1,
     .items_per_row = 2,
     .items_per_block = 8,
     .n_args = 3,
     .args = twice_args},
    {.kernel = "shift",
     .op = 1,
     .rows_of = 1,
     .threads = 32,
     .blocks_per_sm = 2,
     .grid_y = 2,
     .items_per_row = 1,
     .items_per_block = 1,
     .shared_bytes = 64 << 10,
     .n_args = 6,
     .args = shift_args},
};
static const resq_gpu_image images[] = {
    {.chip = "sm_90a", .capability = 90, .exact = 1, .ptx = ".target sm_90a"},
    {.chip = "sm_80", .capability = 80, .ptx = ".target sm_80"}};
static const resq_gpu_launches lists[] = {{2, launches, 64 + small * 12},
                                          {2, launches, 64 + small * 12}};
static const resq_gpu_code code = {lists};
static const resq_arg args[] = {{"x", RESQ_F32, 0, -1, 3, 0, 0, NULL},
                                {"y", RESQ_F32, 1, -1, 3, 0, 0, NULL}};
static const char *const names[] = {"l0.norm: twice", "l0.q: shift"};

static void cpu_run(resq_worker *w) { (void)w; }

static resq_entry entries[] = {
    {"f", "generic", cpu_run, large, 0, 2, 2, args, names, NULL, NULL, 0},
    {"f", "cuda", NULL, large, 64 + large * 12, 2, 2, args, names, &code, NULL, 0},
    {"f", "cuda", NULL, small, 64 + small * 12, 2, 2, args, names, &code, NULL, 0},
};
static const resq_cache caches[] = {{"l0", 8, 0, -1, 32.0}};
static const resq_param params[] = {{"p", "tensor<16xf32>", 0, 64, 16}};
static const resq_program program = {.abi_version = RESQ_ABI_VERSION,
                                     .n_entries = 3,
                                     .n_caches = 1,
                                     .n_params = 1,
                                     .entries = entries,
                                     .caches = caches,
                                     .params = params,
                                     .scheme = "fake",
                                     .context_length = 100,
                                     .n_gpu_images = 2,
                                     .gpu_images = images};

//===-- Fixtures ----------------------------------------------------------===//

static char path[] = "/tmp/resq_cuda_test_XXXXXX";
static fake_cuda_state *fake;
static resq_model *model;
static resq_message why;

static int set_up_all(void **state) {
  (void)state;
  resq_error err;
  close(mkstemp(path));
  if (!fake_artifact_write(path, 0, &err))
    return 1;
  setenv("RESQ_LIBCUDA", RESQ_FAKE_CUDA, 1);
  void *library = dlopen(RESQ_FAKE_CUDA, RTLD_NOW);
  fake = library ? dlsym(library, "fake_cuda") : NULL;
  model = fake ? resq_model_open(&program, path, &why) : NULL;
  return model ? 0 : 1;
}

static int tear_down_all(void **state) {
  (void)state;
  resq_model_close(model);
  return unlink(path);
}

static int reset(void **state) {
  (void)state;
  *fake = (fake_cuda_state){.devices = 1, .capability = 90};
  return 0;
}

static resq_session *open_session(const char *level) {
  return resq_session_create(model, &(resq_session_options){.threads = 1, .level = level}, &why);
}

/// Nothing of the device is held any more.
static void assert_clean(void) {
  assert_int_equal(fake->allocations, 0);
  assert_int_equal(fake->modules, 0);
  assert_int_equal(fake->streams, 0);
  assert_int_equal(fake->contexts, 0);
}

//===-- Tests -------------------------------------------------------------===//

static void runs_launches(void **state) {
  (void)state;
  resq_session *s = open_session("cuda");
  if (!s)
    fail_msg("%s", why.text);
  assert_string_equal(resq_session_level(s), "cuda");
  assert_string_equal(fake->image, ".target sm_90a");
  assert_int_equal(fake->modules, 1); // of all entries
  float x[large + 2][3], y[large + 2][3];
  for (int i = 0; i < 3 * (large + 2); ++i)
    x[i / 3][i % 3] = (float)i;
  void *data[] = {x, y};
  // 5 rows need the large entry: two launches, grids by rows.
  assert_true(resq_session_call(s, "f", data, (int64_t[]){5, 5}, 2, &why));
  assert_int_equal(fake->n_launches, 2);
  assert_string_equal(fake->launches[0].kernel, "twice");
  assert_int_equal(fake->launches[0].grid[0], 2);
  assert_int_equal(fake->launches[0].block[0], 128);
  assert_int_equal(fake->launches[1].grid[0], 4); // 2 blocks for each of 2 multiprocessors
  assert_int_equal(fake->launches[1].grid[1], 2);
  assert_int_equal(fake->launches[1].grid[2], 1);
  assert_int_equal(fake->launches[1].shared, 64 << 10);
  assert_int_equal(fake->copies_in, 1);
  assert_int_equal(fake->copies_out, 1);
  assert_int_equal(fake->synchronised, 1);
  for (int i = 0; i < 15; ++i) // the cache was zero: cleared
    assert_true(y[i / 3][i % 3] == 2.0f * (float)i + capacity);
  // Longer than any entry: two chunks; the cache lives on.
  assert_true(resq_session_call(s, "f", data, (int64_t[]){large + 2, large + 2}, 2, &why));
  for (int i = 0; i < 3 * (large + 2); ++i)
    assert_true(y[i / 3][i % 3] == 2.0f * (float)i + capacity + (i < 3 * large ? 1 : 2));
  // No rows: nothing is launched.
  fake->n_launches = 0;
  assert_true(resq_session_call(s, "f", data, (int64_t[]){0, 0}, 2, &why));
  assert_int_equal(fake->n_launches, 0);
  // A profile waits for each op.
  fake->synchronised = 0;
  resq_session_profile(s, true);
  assert_true(resq_session_call(s, "f", data, (int64_t[]){1, 1}, 2, &why));
  assert_int_equal(fake->synchronised, 4);
  resq_session_destroy(s);
  assert_clean();
}

static void chooses_level_and_image(void **state) {
  (void)state;
  resq_session *s = open_session(NULL);
  assert_string_equal(resq_session_level(s), "generic"); // never a GPU unasked
  resq_session_destroy(s);
  assert_int_equal(fake->modules, 0);
  setenv("RESQ_LEVEL", "cuda", 1);
  fake->capability = 100; // what is exactly for 9.0 does not run on 10.0
  s = open_session(NULL);
  unsetenv("RESQ_LEVEL");
  assert_non_null(s);
  assert_string_equal(fake->image, ".target sm_80");
  resq_session_destroy(s);
  assert_clean();
}

static void expect_refusal(int code_wanted, const char *first, const char *second) {
  assert_null(open_session("cuda"));
  assert_int_equal(why.code, code_wanted);
  if (!strstr(why.text, first) || !strstr(why.text, second))
    fail_msg("%s: lacks '%s' or '%s'", why.text, first, second);
  assert_clean();
}

static void plan_failure(const char *call, int result, int after) {
  reset(NULL);
  snprintf(fake->fail_call, sizeof fake->fail_call, "%s", call);
  fake->fail_result = result;
  fake->fail_after = after;
}

static void refuses_devices(void **state) {
  (void)state;
  setenv("RESQ_LIBCUDA", "/nonexistent/libcuda.so.1", 1);
  expect_refusal(RESQ_NO_DEVICE, "level 'cuda': NVIDIA's driver does not load",
                 "/nonexistent/libcuda.so.1");
  setenv("RESQ_LIBCUDA", "libc.so.6", 1);
  expect_refusal(RESQ_NO_DEVICE, "libc.so.6 has no cuInit", "too old");
  setenv("RESQ_LIBCUDA", RESQ_FAKE_CUDA, 1);
  fake->devices = 0;
  expect_refusal(RESQ_NO_DEVICE, "the driver sees no GPU", "");
  plan_failure("cuInit", 100, 0);
  expect_refusal(RESQ_NO_DEVICE, "cuInit", "CUDA_ERROR_NO_DEVICE");
  reset(NULL);
  fake->capability = 75;
  expect_refusal(RESQ_NO_DEVICE, "Fake GPU 7 has compute capability 7.5", "8.0 or later");
}

static void refuses_memory_and_code(void **state) {
  (void)state;
  static const char *const wanted[] = {"the parameters: 64 bytes", "the workspace",
                                       "cache 1 of 1: 1024 bytes", "arguments and results"};
  for (int i = 0; i < 4; ++i) {
    plan_failure("cuMemAlloc", 2, i);
    expect_refusal(RESQ_NO_MEMORY, wanted[i], "1000 of 2000 are free");
  }
  plan_failure("cuModuleLoadDataEx", 218, 0);
  expect_refusal(RESQ_FAILED, "the driver refuses the PTX for sm_90a: CUDA_ERROR_INVALID_PTX",
                 "line 9; fatal: nonsense");
}

static void names_the_op_that_fails(void **state) {
  (void)state;
  float x[3] = {0}, y[3];
  void *data[] = {x, y};
  resq_session *s = open_session("cuda");
  plan_failure("cuLaunchKernel", 719, 1);
  assert_false(resq_session_call(s, "f", data, (int64_t[]){1, 1}, 2, &why));
  assert_non_null(strstr(
      why.text, "@f: op 'l0.q: shift' (kernel shift): cuLaunchKernel: CUDA_ERROR_LAUNCH_FAILED "
                "(unspecified launch failure)"));
  plan_failure("cuStreamSynchronize", 719, 0); // found out at the end of the call
  assert_false(resq_session_call(s, "f", data, (int64_t[]){1, 1}, 2, &why));
  assert_non_null(strstr(why.text, "RESQ_CUDA_SYNC=1"));
  setenv("RESQ_CUDA_SYNC", "1", 1);
  resq_session_destroy(s);
  s = open_session("cuda");
  unsetenv("RESQ_CUDA_SYNC");
  plan_failure("cuStreamSynchronize", 719, 1);
  assert_false(resq_session_call(s, "f", data, (int64_t[]){1, 1}, 2, &why));
  assert_non_null(strstr(why.text, "op 'l0.norm: twice' (kernel twice): cuStreamSynchronize"));
  plan_failure("cuMemcpyHtoDAsync", 719, 0);
  assert_false(resq_session_call(s, "f", data, (int64_t[]){1, 1}, 2, &why));
  assert_non_null(strstr(why.text, "copying an argument: x"));
  resq_session_destroy(s);
}

/// Calls of a GPU's entries are checked as all are, before anything is copied; a cache of which a
/// call that failed may have written a part begins again.
static void checks_calls(void **state) {
  (void)state;
  static const resq_index_rule position[] = {{RESQ_RULE_POSITION, 0, 0}};
  static const resq_index_rule sequence[] = {{RESQ_RULE_SEQUENCE, 0, 0}};
  static const resq_arg own_args[] = {{"x", RESQ_F32, 0, -1, 3, 0, 0, NULL},
                                      {"y", RESQ_F32, 1, -1, 3, 0, 0, NULL},
                                      {"p", RESQ_I32, 0, -1, 0, 0, 1, position},
                                      {"s", RESQ_I32, 0, -1, 0, 0, 1, sequence}};
  static const resq_cache_use uses[] = {{0, 2, 3, 1}};
  resq_entry entry = entries[1];
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
  plan_failure("cuLaunchKernel", 719, 1);
  assert_false(CALL());
  reset(NULL);
  assert_false(CALL());
  assert_non_null(strstr(why.text, "holds 0 tokens"));
  at = 0;
  assert_true(CALL());
#undef CALL
  resq_session_destroy(s);
  resq_model_close(m);
}

/// Each damage to the table is refused when the model opens.
static void refuses_tables(void **state) {
  (void)state;
  resq_gpu_arg arg = twice_args[0];
  resq_gpu_launch launch = launches[0];
  launch.n_args = 1;
  launch.args = &arg;
  resq_gpu_launches list = {1, &launch, 64};
  resq_gpu_code own = {&list};
  resq_gpu_image image = images[0];
  resq_entry entry = entries[1];
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
    assert_int_equal(why.code, RESQ_BAD_INPUT);                                                    \
    assert_non_null(strstr(why.text, words));                                                      \
    memcpy(&place, &before, sizeof before);                                                        \
  } while (0)
  REFUSE(entry.gpu, NULL, "malformed");
  REFUSE(entry.run, cpu_run, "malformed");
  REFUSE(p.n_gpu_images, -1, "GPU images are malformed");
  REFUSE(p.gpu_images, NULL, "GPU images are malformed");
  REFUSE(image.ptx, NULL, "GPU image 0 of the program is empty");
  REFUSE(p.n_gpu_images, 0, "there is no GPU code");
  REFUSE(own.launches, NULL, "there is no GPU code");
  REFUSE(list.items, NULL, "GPU code for sm_90a is malformed");
  REFUSE(list.workspace_bytes, 1 << 20, "GPU code for sm_90a is malformed");
  REFUSE(launch.kind, RESQ_GPU_LAUNCH_OBSERVE + 1, "launch 0");
  REFUSE(launch.kernel, NULL, "launch 0");
  REFUSE(launch.op, 2, "launch 0");
  REFUSE(launch.rows_of, -2, "launch 0");
  REFUSE(launch.rows_of, 2, "launch 0");
  REFUSE(launch.items_per_row, 0, "launch 0");
  REFUSE(launch.items_per_block, 0, "launch 0");
  REFUSE(launch.blocks_per_sm, -1, "launch 0");
  REFUSE(launch.grid_y, 65536, "launch 0");
  REFUSE(launch.threads, 1025, "launch 0");
  REFUSE(launch.n_args, 65, "launch 0");
  REFUSE(arg.kind, RESQ_GPU_CAPACITY + 1, "launch 0");
  REFUSE(arg.index, 2, "launch 0");
  REFUSE(arg.offset, -1, "launch 0 for sm_90a");
  arg = (resq_gpu_arg){RESQ_GPU_CACHE, 1, 0};
  assert_null(resq_model_open(&p, path, &why));
  arg = (resq_gpu_arg){RESQ_GPU_WORKSPACE, 0, 1 << 20};
  assert_null(resq_model_open(&p, path, &why));
  arg = (resq_gpu_arg){RESQ_GPU_PARAM, 0, 64}; // the section's size is known to the session only
  m = resq_model_open(&p, path, &why);
  assert_non_null(m);
  assert_null(resq_session_create(m, &(resq_session_options){.threads = 1}, &why));
  assert_non_null(strstr(why.text, "a kernel reads parameters at 64, there are 64 bytes"));
  resq_model_close(m);
  assert_clean();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(runs_launches, reset),
      cmocka_unit_test_setup(chooses_level_and_image, reset),
      cmocka_unit_test_setup(refuses_devices, reset),
      cmocka_unit_test_setup(refuses_memory_and_code, reset),
      cmocka_unit_test_setup(names_the_op_that_fails, reset),
      cmocka_unit_test_setup(checks_calls, reset),
      cmocka_unit_test_setup(refuses_tables, reset),
  };
  return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
