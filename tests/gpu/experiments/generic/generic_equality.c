//===-- generic_equality.c - are the portable kernels' bits the same? -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   generic_equality IMAGE [NAME|untimed]      IMAGE: cubin or PTX of case_kernels.c
//
// Each case runs on the CPU and, from equal buffers, on the GPU with three grids; all buffers are
// then compared, bit for bit. "only NaN": floats differ only in how a NaN is spelled. Cases of a
// model's step are timed. The last line is `N equal, N differ only in NaN, N differ`.
//===----------------------------------------------------------------------===//
#include "../cuda_calls.h"
#include "fills.h"
#include "kernels/kernels.h"

#include <stdbool.h>
#include <string.h>

#define MOST_BUFFERS 8
#define MOST_THREADS 33792

typedef struct test_case {
  const char *name;
  int64_t rows;
  int launches;
  const fill *fills;
  void (*run)(resq_worker *w, void *const *b, int64_t rows);
} test_case;

#define CASE(name, rows_, launches, fills, call)                                                   \
  static void run_##name(resq_worker *w, void *const *b, int64_t rows) { call; }
#include "cases.h"
#undef CASE

typedef struct grid {
  unsigned blocks, threads;
} grid;
static const grid checked[] = {{256, 1}, {1, 1}, {32, 32}};
static const grid timed[] = {{256, 1}, {1024, 1}, {132, 4}, {32, 32}, {128, 32}, {264, 128}};
enum { N_CHECKED = sizeof checked / sizeof *checked, N_TIMED = sizeof timed / sizeof *timed };

static CUdeviceptr scratch;
static CUstream stream;
static int n_equal, n_nan, n_differ;
static double step_us[2][N_TIMED + 1]; // of a token, of a chunk; last: the CPU's

static bool is_nan(uint32_t bits) { return (bits & 0x7fffffffu) > 0x7f800000u; }

/// 0: equal, 1: only NaN, 2: other differences, of which the first is printed.
static int compare(const char *name, int buffer, const uint8_t *cpu, const uint8_t *gpu, size_t n) {
  if (!memcmp(cpu, gpu, n))
    return 0;
  size_t words = 0, nans = 0, bytes = 0, first = n;
  for (size_t i = 0; i < n; i++) {
    bytes += cpu[i] != gpu[i];
    first = cpu[i] != gpu[i] && first == n ? i : first;
  }
  for (size_t i = 0; i + 4 <= n; i += 4) {
    uint32_t a, b;
    memcpy(&a, cpu + i, 4);
    memcpy(&b, gpu + i, 4);
    words += a != b;
    nans += a != b && is_nan(a) && is_nan(b);
  }
  if (n % 4 == 0 && nans == words)
    return 1;
  uint32_t a = 0, b = 0;
  first &= ~(size_t)3;
  memcpy(&a, cpu + first, first + 4 <= n ? 4 : 1);
  memcpy(&b, gpu + first, first + 4 <= n ? 4 : 1);
  printf("  %s: buffer %d of %zu bytes: %zu bytes differ, the first at %zu: CPU %08x GPU %08x\n",
         name, buffer, n, bytes, first, a, b);
  return 2;
}

static void launch(CUfunction f, CUdeviceptr *buffers, int64_t rows, grid g) {
  void *arguments[MOST_BUFFERS + 2];
  for (int i = 0; i < MOST_BUFFERS; i++)
    arguments[i] = &buffers[i];
  arguments[MOST_BUFFERS] = &rows;
  arguments[MOST_BUFFERS + 1] = &scratch;
  CHECK(cu.cuLaunchKernel(f, g.blocks, 1, 1, g.threads, 1, 1, 0, stream, arguments, NULL));
}

/// Microseconds of a launch, by events around several.
static double time_of(CUfunction f, CUdeviceptr *buffers, int64_t rows, grid g) {
  CUevent begin, end;
  double us[5];
  const int n = rows > 1 ? 1 : 4;
  CHECK(cu.cuEventCreate(&begin, 0));
  CHECK(cu.cuEventCreate(&end, 0));
  launch(f, buffers, rows, g);
  for (int i = 0; i < 5; i++) {
    float ms;
    CHECK(cu.cuEventRecord(begin, stream));
    for (int j = 0; j < n; j++)
      launch(f, buffers, rows, g);
    CHECK(cu.cuEventRecord(end, stream));
    CHECK(cu.cuEventSynchronize(end));
    CHECK(cu.cuEventElapsedTime(&ms, begin, end));
    us[i] = ms * 1000.0 / n;
    if (us[i] > 20000) // slow ones: one measurement of one launch
      return us[i];
  }
  return median(us, 5);
}

static double run_on_cpu(const test_case *c, void *const *buffers) {
  static uint8_t memory[RESQ_SCRATCH_BYTES + 64];
  int32_t tickets[1] = {0};
  resq_call call = {.tickets = tickets};
  resq_worker w = {.call = &call,
                   .index = 0,
                   .count = 1,
                   .scratch = memory + (64 - (uintptr_t)memory % 64) % 64};
  const double start = now_us();
  c->run(&w, buffers, c->rows);
  return now_us() - start;
}

static void run_case(CUmodule module, const test_case *c) {
  CUfunction f;
  void *before[MOST_BUFFERS] = {0}, *cpu[MOST_BUFFERS] = {0}, *gpu[MOST_BUFFERS] = {0};
  CUdeviceptr device[MOST_BUFFERS] = {0};
  size_t bytes[MOST_BUFFERS];
  int n = 0, registers, local, worst = 0;
  CHECK(cu.cuModuleGetFunction(&f, module, c->name));
  CHECK(cu.cuFuncGetAttribute(&registers, CU_FUNC_ATTRIBUTE_NUM_REGS, f));
  CHECK(cu.cuFuncGetAttribute(&local, CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES, f));
  for (; c->fills[n].kind != FILL_NONE; n++) {
    before[n] = make_buffer(&c->fills[n], (uint64_t)n + 1, &bytes[n]);
    cpu[n] = malloc(bytes[n] + 1);
    gpu[n] = malloc(bytes[n] + 1);
    memcpy(cpu[n], before[n], bytes[n]);
    CHECK(cu.cuMemAlloc(&device[n], bytes[n] ? bytes[n] : 1));
  }
  double cpu_us = run_on_cpu(c, cpu);
  for (int g = 0; g < N_CHECKED; g++) {
    if (checked[g].blocks == 1 && c->launches)
      continue; // one thread for a whole prompt's chunk
    for (int i = 0; i < n; i++)
      CHECK(cu.cuMemcpyHtoD(device[i], before[i], bytes[i]));
    CHECK(cu.cuMemsetD8Async(scratch, 0xff, (size_t)256 * RESQ_SCRATCH_BYTES, stream));
    launch(f, device, c->rows, checked[g]);
    CHECK(cu.cuStreamSynchronize(stream));
    for (int i = 0; i < n; i++) {
      CHECK(cu.cuMemcpyDtoH(gpu[i], device[i], bytes[i]));
      const int difference = compare(c->name, i, cpu[i], gpu[i], bytes[i]);
      worst = difference > worst ? difference : worst;
    }
  }
  static const char *const words[] = {"equal", "only NaN", "DIFFERS"};
  printf("%-24s %-8s registers %3d local %6d cpu %9.1f us", c->name, words[worst], registers, local,
         cpu_us);
  n_equal += worst == 0;
  n_nan += worst == 1;
  n_differ += worst == 2;
  if (c->launches) {
    const int chunk = c->rows > 1;
    if (!chunk) // the first run was cold
      for (int i = 0; i < 3; i++) {
        const double again = run_on_cpu(c, cpu);
        cpu_us = again < cpu_us ? again : cpu_us;
      }
    step_us[chunk][N_TIMED] += cpu_us * c->launches;
    printf(" x%2d (cpu warm %9.1f) gpu us:", c->launches, cpu_us);
    for (int g = 0; g < N_TIMED; g++) {
      const double us = time_of(f, device, c->rows, timed[g]);
      step_us[chunk][g] += us * c->launches;
      printf(" %9.1f", us);
    }
  }
  printf("\n");
  fflush(stdout);
  for (int i = 0; i < n; i++) {
    CHECK(cu.cuMemFree(device[i]));
    free(before[i]);
    free(cpu[i]);
    free(gpu[i]);
  }
}

static char *read_file(const char *path) {
  FILE *f = fopen(path, "rb");
  if (!f || fseek(f, 0, SEEK_END)) {
    printf("cannot read %s\n", path);
    exit(5);
  }
  const long size = ftell(f);
  char *text = calloc((size_t)size + 1, 1);
  rewind(f);
  if (!text || fread(text, 1, (size_t)size, f) != (size_t)size)
    exit(5);
  fclose(f);
  return text;
}

int main(int argc, char **argv) {
  if (argc < 2) {
    printf("usage: generic_equality IMAGE [NAME|untimed]\n");
    return 2;
  }
  cuda_open();
  char *image = read_file(argv[1]);
  CUmodule module;
  const double start = now_us();
  CHECK(cu.cuModuleLoadData(&module, image));
  printf("module loaded in %.1f ms\n", (now_us() - start) / 1000);
  free(image);
  CHECK(cu.cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  CHECK(cu.cuMemAlloc(&scratch, (size_t)MOST_THREADS * RESQ_SCRATCH_BYTES));
  const test_case cases[] = {
#define CASE(name, rows_, launches, fills, call) {#name, rows_, launches, fills, run_##name},
#include "cases.h"
#undef CASE
  };
  printf("grids timed:");
  for (int g = 0; g < N_TIMED; g++)
    printf(" %ux%u", timed[g].blocks, timed[g].threads);
  printf("\n");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (argc < 3 || strstr(cases[i].name, argv[2]) ||
        (!strcmp(argv[2], "untimed") && !cases[i].launches))
      run_case(module, &cases[i]);
  for (int chunk = 0; chunk < 2; chunk++) {
    printf(chunk ? "128 rows:" : "a token:");
    for (int g = 0; g < N_TIMED; g++)
      printf(" %ux%u %.1f ms,", timed[g].blocks, timed[g].threads, step_us[chunk][g] / 1000);
    printf(" CPU, one thread %.1f ms\n", step_us[chunk][N_TIMED] / 1000);
  }
  printf("%d equal, %d differ only in NaN, %d differ\n", n_equal, n_nan, n_differ);
  return n_differ != 0;
}
