//===-- cuda_errors_test.c - what goes wrong on a GPU, with a fake driver -===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/gpu/fake_program.h"

#include "exec/choice.h"
#include "exec/session_access.h"

#include <string.h>

static void expect(resq_code code, const char *first, const char *second) {
  if (why.code != (int)code || !strstr(why.text, first) || !strstr(why.text, second))
    fail_msg("%s (%d): lacks '%s' or '%s' or code %d", why.text, why.code, first, second, code);
}

static void expect_refusal(resq_code code, const char *first, const char *second) {
  assert_null(try_session("cuda"));
  expect(code, first, second);
  assert_clean();
}

/// Of the `after`-th call of one of the driver's functions from now on, and of all later ones.
static void plan_failure(const char *call, int result, int after) {
  snprintf(fake->fail_call, sizeof fake->fail_call, "%s", call);
  fake->fail_result = result;
  fake->fail_after = after;
}

static bool call(resq_session *s) {
  float x[3] = {0}, y[3];
  return resq_session_call(s, "f", (void *[]){x, y}, (int64_t[]){1, 1}, 2, &why);
}

//===-- Before a session begins -------------------------------------------===//

static void refuses_devices(void **state) {
  (void)state;
  setenv("RESQ_LIBCUDA", "/nonexistent/libcuda.so.1", 1);
  expect_refusal(RESQ_NO_DEVICE, "device 'cuda': NVIDIA's driver does not load",
                 "/nonexistent/libcuda.so.1");
  setenv("RESQ_LIBCUDA", "libc.so.6", 1);
  expect_refusal(RESQ_NO_DEVICE, "libc.so.6 does not say its version", "too old");
  setenv("RESQ_LIBCUDA", RESQ_FAKE_CUDA, 1);
  fake->driver_version = 11080;
  expect_refusal(RESQ_NO_DEVICE, "is of CUDA 11.8: it is too old", "CUDA 12.0 or later");
  reset(NULL);
  fake->devices = 0;
  expect_refusal(RESQ_NO_DEVICE, "the driver sees no GPU", "");
  reset(NULL);
  plan_failure("cuInit", 100, 0);
  expect_refusal(RESQ_NO_DEVICE, "cuInit", "CUDA_ERROR_NO_DEVICE");
  reset(NULL);
  fake->capability = 75;
  expect_refusal(RESQ_NO_DEVICE, "Fake GPU 7 has compute capability 7.5", "8.0 or later");
}

static void refuses_memory_and_code(void **state) {
  (void)state;
  fake->memory = 20 << 20;
  expect_refusal(RESQ_NO_MEMORY,
                 "Fake GPU 7: 104.9 MB of its memory are needed (parameters 64 bytes, caches 1024 "
                 "bytes, workspace 12.6 MB, arguments and results 25.2 MB, prepared parameters 512 "
                 "bytes, the driver 67.1 MB), 21.0 MB of 21.0 MB are free",
                 "a smaller context");
  static const char *const wanted[] = {"the parameters: 64 bytes", "the workspace",
                                       "prepared parameters", "arguments and results",
                                       "cache 1 of 1: 1024 bytes"};
  for (int i = 0; i < 5; ++i) {
    reset(NULL);
    plan_failure("cuMemAlloc", 2, i);
    expect_refusal(RESQ_NO_MEMORY, wanted[i], "are free");
  }
  static const char *const pinned[] = {"for arguments", "for results", "for transfers"};
  for (int i = 0; i < 3; ++i) {
    reset(NULL);
    plan_failure("cuMemHostAlloc", 2, i);
    expect_refusal(RESQ_NO_MEMORY, "pinned host memory", pinned[i]);
  }
  reset(NULL);
  plan_failure("cuModuleLoadDataEx", 218, 0);
  expect_refusal(RESQ_BAD_INPUT, "the driver refuses the PTX for sm_90a: CUDA_ERROR_INVALID_PTX",
                 "line 9; fatal: nonsense");
  reset(NULL);
  plan_failure("cuModuleGetFunction", 500, 1);
  expect_refusal(RESQ_FAILED, "finding a kernel: prepare: CUDA_ERROR_NOT_FOUND", "");
}

//===-- The choice --------------------------------------------------------===//

static void expect_choice(const char *device, const char *level, int wanted,
                          const char *wanted_level) {
  resq_choice c;
  resq_error err;
  const bool ok = resq_choose(&c, device, level, &err);
  if (ok != (wanted >= 0) || (ok && ((int)c.device != wanted || !c.level != !wanted_level ||
                                     (c.level && strcmp(c.level, wanted_level)))))
    fail_msg("%s, %s", device ? device : "-", level ? level : "-");
}

static void chooses(void **state) {
  (void)state;
  enum { automatic = RESQ_DEVICE_AUTO, cpu = RESQ_DEVICE_CPU, cuda = RESQ_DEVICE_CUDA };
  expect_choice(NULL, NULL, automatic, NULL);
  expect_choice("cuda", NULL, cuda, NULL);
  expect_choice(NULL, "cuda", cuda, "cuda");
  expect_choice(NULL, "generic", cpu, "generic");
  expect_choice("auto", "generic", cpu, "generic");
  expect_choice("cuda", "generic", -1, NULL);
  expect_choice("cpu", "cuda", -1, NULL);
  expect_choice("gpu", NULL, -1, NULL);
  setenv("RESQ_LEVEL", "generic", 1);
  expect_choice(NULL, NULL, cpu, "generic");
  expect_choice("cpu", NULL, cpu, "generic");
  expect_choice("cuda", NULL, cuda, NULL); // the option outweighs it
  expect_choice(NULL, "cuda", cuda, "cuda");
  setenv("RESQ_DEVICE", "cuda", 1);
  expect_choice(NULL, NULL, -1, NULL); // both by variables
  expect_choice(NULL, "avx2", cpu, "avx2");
  expect_choice("cpu", NULL, cpu, "generic");
  unsetenv("RESQ_LEVEL");
  expect_choice(NULL, NULL, cuda, NULL);
  setenv("RESQ_DEVICE", "", 1);
  expect_choice(NULL, NULL, automatic, NULL);
  unsetenv("RESQ_DEVICE");
}

static void expect_device(const char *device, const char *level, const char *note) {
  const resq_session_options o = {.threads = 1, .device = device};
  resq_device d;
  resq_error err;
  resq_session *s = open_session(device);
  assert_string_equal(resq_session_level(s), level);
  assert_int_equal(resq_session_note(s) != NULL, note != NULL);
  if (note && !strstr(resq_session_note(s), note))
    fail_msg("%s", resq_session_note(s));
  close_session(s);
  assert_true(resq_model_device(model, &o, &d, &err));
  assert_string_equal(d.level, level);
  assert_int_equal(d.is_gpu, !strcmp(level, "cuda"));
  assert_clean();
  if (d.is_gpu)
    assert_string_equal(d.about, "Fake GPU 7, compute capability 9.0, code for sm_90a");
  else if (note && !strstr(d.about, note))
    fail_msg("%s", d.about);
}

/// "auto" takes the GPU, or says why not, and never fails for it.
static void falls_back(void **state) {
  (void)state;
  expect_device(NULL, "cuda", NULL);
  expect_device("auto", "cuda", NULL);
  expect_device("cpu", "generic", NULL);
  fake->memory = 20 << 20;
  expect_device(NULL, "generic", "device 'cuda': Fake GPU 7: 104.9 MB of its memory are needed");
  reset(NULL);
  plan_failure("cuInit", 100, 0);
  expect_device(NULL, "generic", "CUDA_ERROR_NO_DEVICE");
  reset(NULL);
  fake->devices = 0;
  expect_device("auto", "generic", "the driver sees no GPU");
  // A machine without a driver at all, and a program without code: nothing to wonder about.
  reset(NULL);
  void *real = dlopen("libcuda.so.1", RTLD_NOW);
  unsetenv("RESQ_LIBCUDA");
  if (!real)
    expect_device(NULL, "generic", NULL);
  setenv("RESQ_LIBCUDA", RESQ_FAKE_CUDA, 1);
  resq_program p = program;
  p.n_entries = 2;
  p.n_gpu_images = 0;
  resq_model *before = model;
  assert_non_null(model = resq_model_open(&p, path, &why));
  expect_device(NULL, "generic", NULL);
  assert_null(try_session("cuda"));
  expect(RESQ_USAGE, "level 'cuda' is not in this program; it was compiled for: generic", "");
  resq_model_close(model);
  // Code for GPUs alone: their error is the session's.
  p = program;
  p.entries += 2;
  p.n_entries = 3;
  assert_non_null(model = resq_model_open(&p, path, &why));
  expect_device(NULL, "cuda", NULL);
  fake->devices = 0;
  assert_null(try_session(NULL));
  expect(RESQ_NO_DEVICE, "device 'cuda': the driver sees no GPU", "");
  resq_model_close(model);
  model = before;
}

//===-- While it runs -----------------------------------------------------===//

static void names_the_op_that_fails(void **state) {
  (void)state;
  resq_session *s = open_session("cuda");
  plan_failure("cuLaunchKernelEx", 719, 1);
  fake->fail_once = 1;
  assert_false(call(s));
  expect(RESQ_FAILED,
         "@f: op 'l0.q: shift' (shift): cuLaunchKernelEx: CUDA_ERROR_LAUNCH_FAILED (unspecified "
         "launch failure)",
         "");
  assert_true(call(s)); // the driver got over it
  plan_failure("cuStreamSynchronize", 719, 0);
  fake->fail_once = 1;
  assert_false(call(s)); // found out at the end of the call
  expect(RESQ_FAILED, "@f: RESQ_CUDA_SYNC=1 says in which op: a kernel failed", "");
  close_session(s);
  setenv("RESQ_CUDA_SYNC", "1", 1);
  s = open_session("cuda");
  unsetenv("RESQ_CUDA_SYNC");
  plan_failure("cuStreamSynchronize", 719, 2);
  fake->fail_once = 1;
  assert_false(call(s));
  expect(RESQ_FAILED, "@f: op 'l0.q: shift' (shift): the kernel failed: CUDA_ERROR_LAUNCH_FAILED",
         "");
  plan_failure("cuMemcpyHtoDAsync", 719, 0);
  fake->fail_once = 1;
  assert_false(call(s));
  expect(RESQ_FAILED, "@f: copying arguments: cuMemcpyHtoDAsync", "");
  close_session(s);
}

/// A kernel that leaves its memory, in a graph too: the session is over, and says so.
static void loses_the_device(void **state) {
  (void)state;
  resq_gpu_launch list[n_launches];
  memcpy(list, launches[0], sizeof list);
  list[3].kernel = "stray";
  const resq_gpu_launches lists[] = {{n_launches, list, 64 + large * 12}, large_lists[1]};
  const resq_gpu_code own = {lists};
  resq_entry entry = entries[2];
  entry.gpu = &own;
  resq_program p = program;
  p.entries = &entry;
  p.n_entries = 1;
  resq_model *before = model;
  assert_non_null(model = resq_model_open(&p, path, &why));
  for (int watched = 0; watched < 2; ++watched) {
    reset(NULL);
    setenv("RESQ_CUDA_SYNC", watched ? "1" : "0", 1);
    resq_session *s = open_session("cuda");
    assert_false(call(s));
    expect(RESQ_FAILED, watched ? "op 'l0.q: shift' (stray): the kernel failed" : "a kernel failed",
           "CUDA_ERROR_ILLEGAL_ADDRESS (no description); the GPU is lost to this session");
    assert_non_null(strstr(fake->fault, "kernel stray: block 0, 0, thread 0: touches"));
    assert_false(call(s));
    expect(RESQ_FAILED, "this session has lost its GPU in an earlier call", "start another");
    close_session(s);
  }
  unsetenv("RESQ_CUDA_SYNC");
  resq_model_close(model);
  model = before;
}

//===-- Every call of the driver ------------------------------------------===//

static void see(void *user, int32_t site, const float *x, int64_t rows, int64_t width, int64_t ld) {
  (void)user, (void)site, (void)x, (void)rows, (void)width, (void)ld;
}

static void fail_at(int64_t n, bool for_ever) {
  why = (resq_message){{0}, 0};
  fake->fail_at = n;
  fake->fail_result = 719;
  fake->fail_for_ever = for_ever;
}

static void expect_sentence(int n) {
  if (!why.code || (!strstr(why.text, "CUDA_ERROR_LAUNCH_FAILED") && !strstr(why.text, "too old")))
    fail_msg("call %d: %s", n, why.text);
}

/// All that a session does with small arguments: graphs, a profile, an observer. Whether all of it went well.
static bool do_everything(void) {
  resq_session *s = try_session("cuda");
  if (!s)
    return false;
  bool ok = true;
  for (int i = 0; ok && i < 3; ++i)
    ok = call(s);
  resq_session_profile(s, true);
  ok = ok && call(s);
  resq_session_profile(s, false);
  resq_session_observe(s, see, NULL);
  ok = ok && call(s);
  resq_session_destroy(s);
  return ok;
}

/// Each of them fails once, or for ever: nothing leaks, nothing ends the process, and there is one clear sentence.
static void survives_every_failure(void **state) {
  (void)state;
  for (int for_ever = 0; for_ever < 2; ++for_ever)
    for (int n = 1, done = 0; !done; ++n) {
      reset(NULL);
      fail_at(n, for_ever);
      const bool ok = do_everything();
      assert_clean();
      done = fake->calls < n;
      if (done)
        assert_true(ok && n > 60 && n < 1000);
      else if (!ok) // what fails at the end of a session, when all is done, is nobody's business
        expect_sentence(n);
    }
}

/// The same for arguments that go through the two buffers. What failed once does not end the session.
static void survives_transfers(void **state) {
  (void)state;
  enum { rows = huge / 2 };
  static float x[rows][3], y[rows][3];
  for (int for_ever = 0; for_ever < 2; ++for_ever) {
    resq_session *s = open_session("cuda");
    for (int n = 1, ok = 0; !ok; ++n) {
      fail_at(fake->calls + n, for_ever);
      ok = resq_session_call(s, "g", (void *[]){x, y}, (int64_t[]){rows, rows}, 2, &why);
      if (ok)
        assert_true(n > 10 && n < 100);
      else
        expect_sentence(n);
      if (!for_ever)
        continue;
      close_session(s);
      reset(NULL);
      s = open_session("cuda");
    }
    close_session(s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(refuses_devices, reset),
      cmocka_unit_test_setup(refuses_memory_and_code, reset),
      cmocka_unit_test_setup(chooses, reset),
      cmocka_unit_test_setup(falls_back, reset),
      cmocka_unit_test_setup(names_the_op_that_fails, reset),
      cmocka_unit_test_setup(loses_the_device, reset),
      cmocka_unit_test_setup(survives_every_failure, reset),
      cmocka_unit_test_setup(survives_transfers, reset),
  };
  return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
