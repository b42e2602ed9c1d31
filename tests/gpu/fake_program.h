//===-- fake_program.h - a program for the fake driver --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// @f(x [rows, 3]) -> y [rows, 3], with kernels of fake_kernels.c:
//   y = 2 x + p + cache[0] + capacity, and cache[0] counts calls
// where p is params[0] (0) in the image for sm_80, and params[0] + 5, made when the session starts, in that for
// sm_90a. Its entries hold 4 and 16 rows, @g's a million.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TESTS_GPU_FAKE_PROGRAM_H
#define RESQ_TESTS_GPU_FAKE_PROGRAM_H

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

enum { small = 4, large = 16, huge = 1 << 20, capacity = 128 };
enum { n_launches = 5, n_kernels = 3 };

static const resq_gpu_arg tmp[] = {{RESQ_GPU_WORKSPACE, 0, 64}};
static const resq_gpu_arg twice_args[] = {
    {RESQ_GPU_ARGUMENT, 0, 0}, {RESQ_GPU_WORKSPACE, 0, 64}, {RESQ_GPU_ROWS, 0, 0}};
static const resq_gpu_arg shift_args[][6] = {{{RESQ_GPU_WORKSPACE, 0, 64},
                                              {RESQ_GPU_PREPARED, 0, 256},
                                              {RESQ_GPU_CACHE, 0, 0},
                                              {RESQ_GPU_ARGUMENT, 1, 0},
                                              {RESQ_GPU_ROWS, 1, 0},
                                              {RESQ_GPU_CAPACITY, 0, 0}},
                                             {{RESQ_GPU_WORKSPACE, 0, 64},
                                              {RESQ_GPU_PARAM, 0, 0},
                                              {RESQ_GPU_CACHE, 0, 0},
                                              {RESQ_GPU_ARGUMENT, 1, 0},
                                              {RESQ_GPU_ROWS, 1, 0},
                                              {RESQ_GPU_CAPACITY, 0, 0}}};
static const resq_gpu_arg carry_args[] = {{RESQ_GPU_CACHE, 0, 0}};
static const resq_gpu_arg observe_args[] = {{RESQ_GPU_ARGUMENT, 1, 0}};
static const resq_gpu_arg prepare_args[] = {{RESQ_GPU_PREPARED, 0, 256}, {RESQ_GPU_PARAM, 0, 0}};

#define KERNEL(name, arguments, y, ...)                                                            \
  {                                                                                                \
      .kind = RESQ_GPU_LAUNCH_KERNEL,                                                              \
      .kernel = name,                                                                              \
      .n_args = sizeof(arguments) / sizeof(resq_gpu_arg),                                          \
      .args = arguments,                                                                           \
      .grid_y = y,                                                                                 \
      __VA_ARGS__,                                                                                 \
  }
#define LAUNCHES(image)                                                                            \
  {                                                                                                \
      {.kind = RESQ_GPU_LAUNCH_ZERO, .n_args = 1, .args = tmp, .bytes = 12},                       \
      KERNEL("twice", twice_args, 1, .rows_of = 0, .threads = 32, .items_per_row = 2,              \
             .items_per_block = 8, .blocks_per_sm = 4, .flags = RESQ_GPU_EARLY),                   \
      KERNEL("shift", shift_args[image], 2, .op = 1, .rows_of = 1, .threads = 32,                  \
             .blocks_per_sm = 2, .items_per_row = 1, .items_per_block = 1,                         \
             .shared_bytes = 64 << 10, .flags = RESQ_GPU_EARLY),                                   \
      KERNEL("carry", carry_args, 1, .op = 1, .rows_of = -1, .threads = 1, .items_per_row = 1,     \
             .items_per_block = 1),                                                                \
      {.kind = RESQ_GPU_LAUNCH_OBSERVE,                                                            \
       .op = 1,                                                                                    \
       .rows_of = 1,                                                                               \
       .n_args = 1,                                                                                \
       .args = observe_args,                                                                       \
       .site = 1,                                                                                  \
       .width = 2,                                                                                 \
       .ld = 3},                                                                                   \
  }
static const resq_gpu_launch launches[][n_launches] = {LAUNCHES(0), LAUNCHES(1)};
static const resq_gpu_launch prepare[] = {KERNEL("prepare", prepare_args, 1, .rows_of = -1,
                                                 .threads = 32, .items_per_row = 1,
                                                 .items_per_block = 1)};
static const resq_gpu_image images[] = {
    {.chip = "sm_90a",
     .capability = 90,
     .exact = 1,
     .ptx = ".target sm_90a",
     .prepare = {1, prepare, 0},
     .prepared_bytes = 512},
    {.chip = "sm_80", .capability = 80, .ptx = ".target sm_80"}};
#define LISTS(rows)                                                                                \
  {{n_launches, launches[0], 64 + (rows) * 12}, {n_launches, launches[1], 64 + (rows) * 12}}
static const resq_gpu_launches small_lists[] = LISTS(small), large_lists[] = LISTS(large),
                               huge_lists[] = LISTS(huge);
static const resq_gpu_code codes[] = {{small_lists}, {large_lists}, {huge_lists}};
static const resq_arg args[] = {{"x", RESQ_F32, 0, -1, 3, 0, 0, NULL},
                                {"y", RESQ_F32, 1, -1, 3, 0, 0, NULL}};
static const char *const names[] = {"l0.norm: twice", "l0.q: shift"};

static void cpu_run(resq_worker *w) { (void)w; }

static resq_entry entries[] = {
    {"f", "generic", cpu_run, large, 0, 2, 2, args, names, NULL, NULL, 0},
    {"g", "generic", cpu_run, huge, 0, 2, 2, args, names, NULL, NULL, 0},
    {"f", "cuda", NULL, large, 64 + large * 12, 2, 2, args, names, &codes[1], NULL, 0},
    {"f", "cuda", NULL, small, 64 + small * 12, 2, 2, args, names, &codes[0], NULL, 0},
    {"g", "cuda", NULL, huge, 64 + huge * 12, 2, 2, args, names, &codes[2], NULL, 0},
};
static const resq_cache caches[] = {{"l0", 8, 0, -1, 32.0}};
static const resq_param params[] = {{"p", "tensor<16xf32>", 0, 64, 16}};
static const char *const sites[] = {"a", "b"};
static const resq_program program = {.abi_version = RESQ_ABI_VERSION,
                                     .n_entries = 5,
                                     .n_caches = 1,
                                     .n_params = 1,
                                     .n_sites = 2,
                                     .entries = entries,
                                     .caches = caches,
                                     .params = params,
                                     .sites = sites,
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
  setenv("RESQ_FAKE_KERNELS", RESQ_FAKE_KERNELS, 1);
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

static inline resq_session *try_session(const char *device) {
  return resq_session_create(model, &(resq_session_options){.threads = 2, .device = device}, &why);
}

static inline resq_session *open_session(const char *device) {
  resq_session *s = try_session(device);
  if (!s)
    fail_msg("%s", why.text);
  return s;
}

/// Nothing of the device is held any more.
static void assert_clean(void) {
  assert_int_equal(fake->allocations, 0);
  assert_int_equal(fake->pinned, 0);
  assert_int_equal(fake->modules, 0);
  assert_int_equal(fake->streams, 0);
  assert_int_equal(fake->contexts, 0);
  assert_int_equal(fake->events, 0);
  assert_int_equal(fake->graphs, 0);
  assert_int_equal(fake->executables, 0);
}

static inline void close_session(resq_session *s) {
  resq_session_destroy(s);
  assert_clean();
}

#endif // RESQ_TESTS_GPU_FAKE_PROGRAM_H
