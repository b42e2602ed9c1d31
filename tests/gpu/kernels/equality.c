//===-- equality.c - do a GPU's kernels have the CPU's bits, and how fast? -===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   equality IMAGE CAPABILITY [NAME]    IMAGE: cubin or PTX of case_kernels.c; NAME: part of names, or "odd", "steps"
//
// Each call runs at level "generic" on the CPU and, from equal buffers, on the GPU as its plan says; all buffers are then
// compared, bit for bit. "only NaN": results differ only in how a NaN is spelled. Of a step's heavy calls of many rows the
// CPU computes the first rows only. Calls of steps are timed. The last line is `N equal, N differ only in NaN, N differ`.
//===----------------------------------------------------------------------===//
#define RESQ_LEVEL cuda
#define RESQ_GPU_KERNELS
#define CALLS_OF_CPU
#include "calls.h"
#include "fills.c"

#include "../experiments/cuda_calls.h"

#define MOST_BUFFERS 8

typedef struct test_case {
  const char *name;
  int64_t rows, max_rows;
  int launches; ///< of a step; 0: not timed
  const fill *fills;
  void (*on_cpu)(resq_worker *w, void *const *b, int64_t rows);
  resq_gpu_plan (*plan)(void *const *b, int64_t rows, int64_t max_rows, int64_t capability);
  bool (*recode)(void *const *b, int64_t rows, const resq_gpu_plan *plan, int i,
                 resq_qlinear_recode_arguments *out);
} test_case;

#define CASE(name, rows_, fills, kernel, ...)                                                      \
  static void cpu_##name(resq_worker *w, void *const *b, int64_t rows) {                           \
    const kernel##_arguments a = {__VA_ARGS__};                                                    \
    kernel##_on_cpu(w, &a);                                                                        \
  }                                                                                                \
  static resq_gpu_plan plan_##name(void *const *b, int64_t rows, int64_t max_rows,                 \
                                   int64_t capability) {                                           \
    const kernel##_arguments a = {__VA_ARGS__};                                                    \
    return kernel##_planned(&a, max_rows, capability);                                             \
  }                                                                                                \
  static bool recode_##name(void *const *b, int64_t rows, const resq_gpu_plan *plan, int i,        \
                            resq_qlinear_recode_arguments *out) {                                  \
    const kernel##_arguments a = {__VA_ARGS__};                                                    \
    return CALLS_RECODE(&a, plan, i, out);                                                         \
  }
#define STEP(name, rows_, launches, fills, kernel, ...)                                            \
  CASE(name, rows_, fills, kernel, __VA_ARGS__)
#include "cases.h"
#include "steps.h"
#undef CASE
#undef STEP

enum { MOST_CPU_ROWS = 6 }; ///< of calls that take a CPU seconds

static CUstream stream;
static int capability, multiprocessors;
static int n_equal, n_nan, n_differ;

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
  if (strstr(name, "e4m3_special")) { // codes of NaN are 127 and 255
    size_t codes = 0;
    for (size_t i = 0; i < n; i++)
      codes += cpu[i] != gpu[i] && (cpu[i] & 127) == 127 && (gpu[i] & 127) == 127;
    if (codes == bytes)
      return 1;
  }
  uint32_t a = 0, b = 0;
  first &= ~(size_t)3;
  memcpy(&a, cpu + first, first + 4 <= n ? 4 : 1);
  memcpy(&b, gpu + first, first + 4 <= n ? 4 : 1);
  printf("  %s: buffer %d of %zu bytes: %zu bytes differ, the first at %zu: CPU %08x GPU %08x\n",
         name, buffer, n, bytes, first, a, b);
  return 2;
}

static void launch(CUfunction f, const resq_gpu_plan *plan, CUdeviceptr *buffers, int64_t rows) {
  void *arguments[MOST_BUFFERS + 1];
  int64_t blocks =
      resq_plan_ceil((plan->rows_together ? 1 : rows) * plan->items_per_row, plan->items_per_block);
  if (plan->blocks_per_sm)
    blocks = resq_plan_least(blocks, (int64_t)multiprocessors * plan->blocks_per_sm);
  for (int i = 0; i < MOST_BUFFERS; i++)
    arguments[i] = &buffers[i];
  arguments[MOST_BUFFERS] = &rows;
  CHECK(cu.cuLaunchKernel(f, (unsigned)blocks, 1, 1, (unsigned)plan->threads, 1, 1,
                          (unsigned)plan->shared_bytes, stream, arguments, NULL));
}

/// Whether buffer b, on the device, is a weight that the launch reads recoded. Then it is recoded.
static bool recode_buffer(CUmodule module, const test_case *c, const resq_gpu_plan *plan,
                          void *const *before, int b, CUdeviceptr at) {
  for (int i = 0; i < 2; i++) {
    resq_qlinear_recode_arguments a;
    if (!c->recode(before, c->rows, plan, i, &a) || a.weight != before[b])
      continue;
    const resq_gpu_plan own = resq_qlinear_recode_planned(&a, 1, capability);
    CUfunction f;
    void *arguments[] = {&at, &a.n, &a.k, &a.group};
    CHECK(cu.cuModuleGetFunction(&f, module, "recode"));
    CHECK(cu.cuLaunchKernel(f, (unsigned)resq_plan_ceil(own.items_per_row, own.items_per_block), 1,
                            1, (unsigned)own.threads, 1, 1, 0, stream, arguments, NULL));
    return true;
  }
  return false;
}

/// Microseconds of a launch, by events around several.
static double time_of(CUfunction f, const resq_gpu_plan *plan, CUdeviceptr *buffers, int64_t rows) {
  CUevent begin, end;
  double us[5];
  const int n = rows > 16 ? 4 : 16;
  CHECK(cu.cuEventCreate(&begin, 0));
  CHECK(cu.cuEventCreate(&end, 0));
  launch(f, plan, buffers, rows);
  for (int i = 0; i < 5; i++) {
    float ms;
    CHECK(cu.cuEventRecord(begin, stream));
    for (int j = 0; j < n; j++)
      launch(f, plan, buffers, rows);
    CHECK(cu.cuEventRecord(end, stream));
    CHECK(cu.cuEventSynchronize(end));
    CHECK(cu.cuEventElapsedTime(&ms, begin, end));
    us[i] = ms * 1000.0 / n;
  }
  return median(us, 5);
}

/// Whether a CPU takes long for all rows, and the rows are independent.
static bool is_heavy(const test_case *c) {
  return c->launches && c->rows > MOST_CPU_ROWS &&
         (strstr(c->name, "linear") || strstr(c->name, "attention") || strstr(c->name, "rotate"));
}

/// The time of a launch in a step, which is that many of them.
static double run_case(CUmodule module, const test_case *c) {
  CUfunction f;
  void *before[MOST_BUFFERS] = {0}, *cpu[MOST_BUFFERS] = {0}, *gpu[MOST_BUFFERS] = {0};
  CUdeviceptr device[MOST_BUFFERS] = {0};
  size_t bytes[MOST_BUFFERS];
  int n = 0, registers, local, worst = 0;
  double us = 0;
  CHECK(cu.cuModuleGetFunction(&f, module, c->name));
  CHECK(cu.cuFuncGetAttribute(&registers, CU_FUNC_ATTRIBUTE_NUM_REGS, f));
  CHECK(cu.cuFuncGetAttribute(&local, CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES, f));
  for (; c->fills[n].kind != FILL_NONE; n++) {
    before[n] = make_buffer(&c->fills[n], (uint64_t)n + 1, &bytes[n]);
    cpu[n] = room(bytes[n]);
    gpu[n] = room(bytes[n]);
    memcpy(cpu[n], before[n], bytes[n]);
    CHECK(cu.cuMemAlloc(&device[n], bytes[n] ? bytes[n] : 1));
    CHECK(cu.cuMemcpyHtoD(device[n], before[n], bytes[n]));
  }
  const resq_gpu_plan plan = c->plan(before, c->rows, c->max_rows, capability);
  if (plan.rows_together && c->rows > c->max_rows)
    return 0; // a plan for fewer rows, which no call of them has
  if (plan.shared_bytes > 48 * 1024)
    CHECK(cu.cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                                plan.shared_bytes));
  bool recoded[MOST_BUFFERS] = {0};
  for (int i = 0; i < n; i++)
    recoded[i] = recode_buffer(module, c, &plan, before, i, device[i]);
  launch(f, &plan, device, c->rows);
  CHECK(cu.cuStreamSynchronize(stream));
  const int64_t rows = is_heavy(c) ? MOST_CPU_ROWS : c->rows;
  c->on_cpu(alone(), cpu, rows);
  for (int i = 0; i < n; i++) {
    if (recoded[i])
      continue; // nothing writes it
    const bool some = rows < c->rows && c->fills[i].kind == FILL_OUT;
    CHECK(cu.cuMemcpyDtoH(gpu[i], device[i], bytes[i]));
    const int difference = compare(c->name, i, cpu[i], gpu[i],
                                   some ? bytes[i] / (size_t)c->rows * (size_t)rows : bytes[i]);
    worst = difference > worst ? difference : worst;
  }
  static const char *const words[] = {"equal", "only NaN", "DIFFERS"};
  printf("%-28s %-8s registers %3d local %6d threads %4d shared %6d", c->name, words[worst],
         registers, local, plan.threads, plan.shared_bytes);
  n_equal += worst == 0;
  n_nan += worst == 1;
  n_differ += worst == 2;
  if (c->launches) {
    us = time_of(f, &plan, device, c->rows);
    printf(" %10.1f us x %d", us, c->launches);
  }
  printf("\n");
  fflush(stdout);
  for (int i = 0; i < n; i++) {
    CHECK(cu.cuMemFree(device[i]));
    free(before[i]);
    free(cpu[i]);
    free(gpu[i]);
  }
  return us * c->launches;
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

static bool is_wanted(const test_case *c, const char *name) {
  return !name || strstr(c->name, name) || (!strcmp(name, "odd") && !c->launches) ||
         (!strcmp(name, "steps") && c->launches);
}

int main(int argc, char **argv) {
  const test_case cases[] = {
#define CASE(name, rows_, fills, kernel, ...)                                                      \
  {#name "_few", rows_, RESQ_GPU_FEW_ROWS, 0, fills, cpu_##name, plan_##name, recode_##name},      \
      {#name "_many", rows_, 2048, 0, fills, cpu_##name, plan_##name, recode_##name},
#define STEP(name, rows_, launches, fills, kernel, ...)                                            \
  {#name, rows_, rows_, launches, fills, cpu_##name, plan_##name, recode_##name},
#include "cases.h"
#include "steps.h"
  };
  const int n = sizeof cases / sizeof *cases;
  if (argc < 3) {
    printf("usage: equality IMAGE CAPABILITY [NAME]\n");
    return 2;
  }
  capability = atoi(argv[2]);
  const CUdevice device = cuda_open();
  CHECK(
      cu.cuDeviceGetAttribute(&multiprocessors, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, device));
  char *image = read_file(argv[1]);
  CUmodule module;
  const double start = now_us();
  CHECK(cu.cuModuleLoadData(&module, image));
  printf("module loaded in %.1f ms\n", (now_us() - start) / 1000);
  free(image);
  CHECK(cu.cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  double step = 0;
  for (int i = 0; i < n; i++) {
    if (is_wanted(&cases[i], argc > 3 ? argv[3] : NULL))
      step += run_case(module, &cases[i]);
    const char *next = i + 1 < n ? cases[i + 1].name : "";
    const size_t prefix = strcspn(cases[i].name, "_");
    if (step > 0 && strncmp(next, cases[i].name, prefix + 1)) { // the next step's, or none
      printf("step %.*s: %.2f ms\n", (int)prefix, cases[i].name, step / 1000);
      step = 0;
    }
  }
  printf("%d equal, %d differ only in NaN, %d differ\n", n_equal, n_nan, n_differ);
  return n_differ != 0;
}
