//===-- cuda_session_test.c - a session on the GPU, with a fake driver ----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/gpu/fake_program.h"

#include "exec/cuda_transfer.h"
#include "exec/session_access.h"

#include <string.h>
#include <sys/mman.h>

/// Calls @f or @g with x counting up, and checks y; `cache` is what the cache holds, `p` what the image adds.
static void call(resq_session *s, const char *function, int64_t rows, int cache, float p) {
  float *x = calloc((size_t)rows + 1, 3 * sizeof *x), *y = calloc((size_t)rows + 1, 3 * sizeof *y);
  for (int64_t i = 0; i < 3 * rows; ++i)
    x[i] = (float)(i % 4096);
  if (!resq_session_call(s, function, (void *[]){x, y}, (int64_t[]){rows, rows}, 2, &why))
    fail_msg("%s", why.text);
  for (int64_t i = 0; i < 3 * rows; ++i)
    if (y[i] != 2 * x[i] + p + (float)(capacity + cache))
      fail_msg("y[%d] is %g", (int)i, (double)y[i]);
  free(x);
  free(y);
}

static void runs_launches(void **state) {
  (void)state;
  resq_session *s = open_session("cuda");
  assert_string_equal(resq_session_level(s), "cuda");
  assert_null(resq_session_note(s));
  assert_string_equal(fake->image, ".target sm_90a");
  assert_int_equal(fake->modules, 1);
  assert_int_equal(fake->n_launches, 1);
  assert_string_equal(fake->launches[0].kernel, "prepare");
  // 5 rows need the large entry; the cache was cleared.
  fake->n_launches = fake->copies_in = fake->synchronised = 0;
  call(s, "f", 5, 0, 5);
  const fake_launch *l = fake->launches;
  assert_int_equal(fake->n_launches, n_kernels);
  assert_string_equal(l[0].kernel, "twice");
  assert_int_equal(l[0].grid[0], 2); // 10 items, 8 a block
  assert_int_equal(l[0].block[0], 32);
  assert_int_equal(l[1].grid[0], 4); // 2 blocks for each of 2 multiprocessors
  assert_int_equal(l[1].grid[1], 2);
  assert_int_equal(l[1].shared, 64 << 10);
  assert_int_equal(l[2].grid[0], 1);
  assert_int_equal(fake->copies_in, 1);
  assert_int_equal(fake->copies_out, 1);
  assert_int_equal(fake->synchronised, 1);
  // A kernel that waits itself may begin early, behind a kernel; "carry" does not.
  assert_false(l[0].early);
  assert_true(l[1].early);
  assert_false(l[2].early);
  // Longer than any entry: two chunks; the cache lives on.
  float x[large + 2][3] = {{0}}, y[large + 2][3];
  assert_true(
      resq_session_call(s, "f", (void *[]){x, y}, (int64_t[]){large + 2, large + 2}, 2, &why));
  assert_true(y[0][0] == capacity + 5 + 1 && y[large + 1][2] == capacity + 5 + 2);
  // No rows: only what is for all of them is launched.
  fake->n_launches = 0;
  call(s, "f", 0, 3, 5);
  assert_int_equal(fake->n_launches, 1);
  close_session(s);
}

static void replays_graphs(void **state) {
  (void)state;
  resq_session *s = open_session("cuda");
  int calls = 0;
  for (int i = 0; i < 5; ++i)
    call(s, "f", 3, calls++, 5);
  assert_int_equal(fake->captured, 1); // the second time
  assert_int_equal(fake->replayed, 4);
  assert_int_equal(fake->executables, 1);
  assert_int_equal(fake->graphs, 0);
  for (int i = 0; i < 3; ++i)
    call(s, "f", 1 + i % 2, calls++, 5);
  assert_int_equal(fake->captured, 2);
  // Many kinds of calls: the oldest ones go.
  for (int rows = 1; rows <= 40; ++rows)
    for (int i = 0; i < 2; ++i)
      call(s, "g", rows, calls++, 5);
  assert_int_equal(fake->executables, 32);
  const int captured = fake->captured;
  call(s, "g", 40, calls++, 5);
  call(s, "f", 3, calls++, 5);
  assert_int_equal(fake->captured, captured);
  close_session(s);
  setenv("RESQ_CUDA_GRAPH", "0", 1);
  s = open_session("cuda");
  unsetenv("RESQ_CUDA_GRAPH");
  for (int i = 0; i < 3; ++i)
    call(s, "f", 3, i, 5);
  assert_int_equal(fake->captured, captured);
  close_session(s);
}

/// Inputs and results of 3 to 12 MB, which go through the two buffers.
static void moves_large_arguments(void **state) {
  (void)state;
  static const int64_t rows[] = {huge, huge, huge / 4, huge / 4, huge - 1};
  resq_session *s = open_session("cuda");
  for (int i = 0; i < 5; ++i)
    call(s, "g", rows[i], i, 5);
  assert_int_equal(fake->captured, 2);
  close_session(s);
}

static void measures_ops(void **state) {
  (void)state;
  resq_session *s = open_session("cuda");
  char *text = NULL;
  size_t size;
  resq_session_profile(s, true);
  for (int i = 0; i < 4; ++i)
    call(s, "f", 1, i, 5);
  FILE *f = open_memstream(&text, &size);
  resq_session_profile_print(s, f);
  fclose(f);
  // A quarter of a millisecond for "twice", two of them for "shift" and "carry".
  const char *shift = strstr(text, "q: shift"), *twice = strstr(text, "norm: twice");
  if (!shift || !twice || !strstr(shift, " 500.0 ") || !strstr(twice, " 250.0 "))
    fail_msg("%s", text);
  free(text);
  assert_int_equal(fake->captured, 0);
  assert_int_equal(fake->events, 2 + n_launches + 1); // made once
  resq_session_profile(s, false);
  call(s, "f", 1, 4, 5);
  call(s, "f", 1, 5, 5);
  assert_int_equal(fake->captured, 1);
  close_session(s);
}

static void see(void *user, int32_t site, const float *x, int64_t rows, int64_t width, int64_t ld) {
  int *seen = user;
  assert_int_equal(site, 1);
  assert_int_equal(width, 2);
  assert_int_equal(ld, 3);
  for (int64_t r = 0; r < rows; ++r)
    assert_true(x[r * ld + 1] - x[r * ld] == 2.0f);
  *seen += (int)rows;
}

static void shows_sites(void **state) {
  (void)state;
  resq_session *s = open_session("cuda");
  int seen = 0;
  resq_session_observe(s, see, &seen);
  call(s, "f", 5, 0, 5);
  call(s, "f", 0, 1, 5);
  call(s, "f", 5, 1, 5);
  assert_int_equal(seen, 10);
  assert_int_equal(fake->captured, 0);
  resq_session_observe(s, NULL, NULL);
  call(s, "f", 5, 2, 5);
  call(s, "f", 5, 3, 5);
  assert_int_equal(seen, 10);
  assert_int_equal(fake->captured, 1);
  close_session(s);
}

static void chooses_image(void **state) {
  (void)state;
  fake->capability = 100; // what is exactly for 9.0 does not run on 10.0
  resq_session *s = open_session("cuda");
  assert_string_equal(fake->image, ".target sm_80");
  call(s, "f", 2, 0, 0);
  close_session(s);
  reset(NULL);
  setenv("RESQ_CUDA_CHIP", "sm_80", 1);
  s = open_session("cuda");
  assert_string_equal(fake->image, ".target sm_80");
  call(s, "f", 2, 0, 0);
  assert_true(fake->launches[1].early);
  close_session(s);
  fake->capability = 80; // kernels have no such instruction before 9.0
  fake->n_launches = 0;
  s = open_session("cuda");
  call(s, "f", 2, 0, 0);
  assert_false(fake->launches[1].early);
  close_session(s);
  setenv("RESQ_CUDA_CHIP", "sm_90a", 1);
  assert_null(try_session("cuda"));
  assert_int_equal(why.code, RESQ_NO_DEVICE);
  assert_non_null(
      strstr(why.text, "Fake GPU 7 has compute capability 8.0; the program's code is for: sm_90a"));
  setenv("RESQ_CUDA_CHIP", "sm_75", 1);
  assert_null(try_session("cuda"));
  assert_int_equal(why.code, RESQ_USAGE);
  assert_non_null(strstr(
      why.text, "RESQ_CUDA_CHIP is 'sm_75'; the program was compiled for the GPUs: sm_90a, sm_80"));
  unsetenv("RESQ_CUDA_CHIP");
  assert_clean();
}

/// The cubin where the driver takes it, else the PTX.
static void prefers_cubins(void **state) {
  (void)state;
  resq_gpu_image own[] = {images[0], images[1]};
  own[0].cubin = (const uint8_t *)"cubin";
  own[0].cubin_size = 6;
  resq_program p = program;
  p.gpu_images = own;
  resq_model *m = resq_model_open(&p, path, &why), *before = model;
  assert_non_null(m);
  model = m;
  resq_session *s = open_session("cuda");
  assert_string_equal(fake->image, "cubin");
  close_session(s);
  // One failure only: the first module.
  strcpy(fake->fail_call, "cuModuleLoadDataEx");
  fake->fail_result = 209;
  fake->fail_once = 1;
  s = open_session("cuda");
  assert_string_equal(fake->image, ".target sm_90a");
  close_session(s);
  resq_model_close(m);
  model = before;
}

//===-- Transfers ---------------------------------------------------------===//

/// A file larger than both buffers, mapped, to the device and back.
static void streams_files(void **state) {
  (void)state;
  enum { bytes = (37 << 20) + 12345 };
  resq_cuda_device d;
  resq_cuda_transfer t;
  resq_cuda_pointer there;
  resq_error err;
  char name[] = "/tmp/resq_cuda_file_XXXXXX";
  const int file = mkstemp(name);
  unlink(name);
  assert_int_equal(ftruncate(file, bytes), 0);
  uint32_t *writable = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  for (uint32_t i = 0; i < bytes / 4; ++i)
    writable[i] = i * 2654435761u;
  munmap(writable, bytes);
  const uint8_t *mapped = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, file, 0);
  uint8_t *back = malloc(bytes);
  resq_pool *pool = resq_pool_create(3, 0, &err);
  assert_true(resq_cuda_device_open(&d, &err));
  assert_true(resq_cuda_transfer_open(&t, &d, pool, bytes, &err));
  assert_int_equal(t.size, 16 << 20);
  assert_int_equal(fake->pinned, 2);
  assert_true(resq_cuda_allocate(&d, bytes, &there, "a file", &err));
  assert_true(resq_cuda_transfer_in(&t, there, mapped, bytes, true, &err));
  assert_true(resq_cuda_transfer_out(&t, back, there, bytes, &err));
  assert_memory_equal(back, mapped, bytes);
  assert_true(resq_cuda_wait(&d, &err, "the end"));
  resq_cuda_free(&d, &there);
  resq_cuda_transfer_close(&t);
  resq_cuda_device_close(&d);
  assert_clean();
  resq_pool_destroy(pool);
  free(back);
  munmap((void *)(uintptr_t)mapped, bytes);
  close(file);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(runs_launches, reset),
      cmocka_unit_test_setup(replays_graphs, reset),
      cmocka_unit_test_setup(moves_large_arguments, reset),
      cmocka_unit_test_setup(measures_ops, reset),
      cmocka_unit_test_setup(shows_sites, reset),
      cmocka_unit_test_setup(chooses_image, reset),
      cmocka_unit_test_setup(prefers_cubins, reset),
      cmocka_unit_test_setup(streams_files, reset),
  };
  return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
