//===-- launches.c - what small copies, launches, graphs and modules cost -===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   launches IMAGE             IMAGE: transfer_kernels.c
//   launches modules IMAGE...  how long each image, cubin or PTX, takes to load
//===----------------------------------------------------------------------===//
#include "../cuda_calls.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define MIB ((size_t)1 << 20)

static CUstream stream;

static void *need(void *p) {
  if (!p) {
    printf("no memory\n");
    exit(6);
  }
  return p;
}

//===-- Small copies, launches, graphs ------------------------------------===//

enum { REPEATS = 201 };

typedef struct small {
  CUfunction empty, dependent, copy;
  uint8_t *pinned, *pageable;
  CUdeviceptr device, pinned_device;
} small;

static void launch(CUfunction f, unsigned blocks, unsigned threads, CUdeviceptr a, CUdeviceptr b,
                   int64_t n, bool edge) {
  CUlaunchAttribute attribute = {.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION,
                                 .value.programmaticStreamSerializationAllowed = 1};
  CUlaunchConfig config = {.gridDimX = blocks,
                           .gridDimY = 1,
                           .gridDimZ = 1,
                           .blockDimX = threads,
                           .blockDimY = 1,
                           .blockDimZ = 1,
                           .hStream = stream,
                           .attrs = &attribute,
                           .numAttrs = edge};
  CUdeviceptr none = 0;
  void *arguments[] = {&a, &b, &none, &none, &n};
  CHECK(cu.cuLaunchKernelEx(&config, f, arguments, NULL));
}

#define MEASURE(what, ...)                                                                         \
  do {                                                                                             \
    double us_[REPEATS];                                                                           \
    for (int r_ = -20; r_ < REPEATS; r_++) {                                                       \
      const double start_ = now_us();                                                              \
      __VA_ARGS__;                                                                                 \
      CHECK(cu.cuStreamSynchronize(stream));                                                       \
      if (r_ >= 0)                                                                                 \
        us_[r_] = now_us() - start_;                                                               \
    }                                                                                              \
    printf("  %-66s %8.1f us\n", what, median(us_, REPEATS));                                      \
    fflush(stdout);                                                                                \
  } while (0)

static void small_copies(const small *s) {
  static const size_t in[] = {4, 64, 4096, 65536}, out[] = {4, 512, 196608, 525312};
  char what[96];
  for (int i = 0; i < 4; i++) {
    snprintf(what, sizeof what, "%zu bytes to the device, pageable", in[i]);
    MEASURE(what, CHECK(cu.cuMemcpyHtoDAsync(s->device, s->pageable, in[i], stream)));
    snprintf(what, sizeof what, "%zu bytes to the device, pinned", in[i]);
    MEASURE(what, CHECK(cu.cuMemcpyHtoDAsync(s->device, s->pinned, in[i], stream)));
  }
  for (int i = 0; i < 4; i++) {
    snprintf(what, sizeof what, "%zu bytes from the device, pageable", out[i]);
    MEASURE(what, CHECK(cu.cuMemcpyDtoHAsync(s->pageable, s->device, out[i], stream)));
    snprintf(what, sizeof what, "%zu bytes from the device, pinned", out[i]);
    MEASURE(what, CHECK(cu.cuMemcpyDtoHAsync(s->pinned, s->device, out[i], stream)));
    snprintf(what, sizeof what, "%zu bytes from the device, a kernel writes to pinned memory",
             out[i]);
    MEASURE(what, launch(s->copy, out[i] > 65536 ? 132 : 1, 256, s->pinned_device, s->device,
                         (int64_t)out[i] / 4, false));
    snprintf(what, sizeof what, "%zu bytes: pinned copy, then memcpy to the caller", out[i]);
    MEASURE(what, CHECK(cu.cuMemcpyDtoHAsync(s->pinned, s->device, out[i], stream));
            CHECK(cu.cuStreamSynchronize(stream)); memcpy(s->pageable, s->pinned, out[i]));
  }
  MEASURE("nothing but synchronize", (void)0);
  MEASURE("one empty kernel", launch(s->empty, 1, 32, 0, 0, 0, false));
}

/// A step of `launches` kernels, its copies among them or not.
static void enqueue(const small *s, int launches, unsigned blocks, bool edge, size_t out) {
  if (out)
    CHECK(cu.cuMemcpyHtoDAsync(s->device, s->pinned, 64, stream));
  for (int i = 0; i < launches; i++)
    launch(edge ? s->dependent : s->empty, blocks, 256, 0, 0, 0, edge && i > 0);
  if (out)
    CHECK(cu.cuMemcpyDtoHAsync(s->pinned + 65536, s->device, out, stream));
}

static void graphs_of(const small *s, int launches, unsigned blocks, bool edge, size_t out) {
  CUgraph graph;
  CUgraphExec exec;
  char what[128];
  snprintf(what, sizeof what, "%d launches of %u blocks%s%s", launches, blocks,
           edge ? ", programmatic edges" : "", out ? ", copies of tokens and 196,608 B" : "");
  printf("  %s\n", what);
  MEASURE("    launched one by one", enqueue(s, launches, blocks, edge, out));
  double start = now_us();
  CHECK(cu.cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  enqueue(s, launches, blocks, edge, out);
  CHECK(cu.cuStreamEndCapture(stream, &graph));
  const double captured = now_us();
  CHECK(cu.cuGraphInstantiateWithFlags(&exec, graph, 0));
  const double made = now_us();
  CHECK(cu.cuGraphUpload(exec, stream));
  CHECK(cu.cuStreamSynchronize(stream));
  const double uploaded = now_us();
  CHECK(cu.cuGraphLaunch(exec, stream));
  CHECK(cu.cuStreamSynchronize(stream));
  printf("      capture %.0f us, instantiate %.0f us, upload %.0f us, first launch %.0f us\n",
         captured - start, made - captured, uploaded - made, now_us() - uploaded);
  MEASURE("    graph: launch and wait", CHECK(cu.cuGraphLaunch(exec, stream)));
  double us[REPEATS];
  for (int r = 0; r < REPEATS; r++) {
    start = now_us();
    CHECK(cu.cuGraphLaunch(exec, stream));
    us[r] = now_us() - start;
    CHECK(cu.cuStreamSynchronize(stream));
  }
  printf("  %-66s %8.1f us\n", "    graph: of that, the call alone", median(us, REPEATS));
  CUevent begin, end;
  float ms;
  CHECK(cu.cuEventCreate(&begin, 0));
  CHECK(cu.cuEventCreate(&end, 0));
  CHECK(cu.cuEventRecord(begin, stream));
  for (int r = 0; r < 50; r++)
    CHECK(cu.cuGraphLaunch(exec, stream));
  CHECK(cu.cuEventRecord(end, stream));
  CHECK(cu.cuEventSynchronize(end));
  CHECK(cu.cuEventElapsedTime(&ms, begin, end));
  printf("  %-66s %8.1f us\n", "    graph: each of 50 in a row, by events", ms * 1000 / 50);
  CHECK(cu.cuGraphExecDestroy(exec));
  CHECK(cu.cuGraphDestroy(graph));
}

static char *read_file(const char *path, size_t *bytes) {
  FILE *f = fopen(path, "rb");
  if (!f || fseek(f, 0, SEEK_END)) {
    printf("cannot read %s\n", path);
    exit(5);
  }
  const long size = ftell(f);
  char *text = need(calloc((size_t)size + 1, 1));
  rewind(f);
  if (fread(text, 1, (size_t)size, f) != (size_t)size)
    exit(5);
  fclose(f);
  *bytes = (size_t)size;
  return text;
}

static void measure_small(const char *image) {
  small s;
  size_t bytes;
  CUmodule module;
  CHECK(cu.cuModuleLoadData(&module, read_file(image, &bytes)));
  CHECK(cu.cuModuleGetFunction(&s.empty, module, "empty"));
  CHECK(cu.cuModuleGetFunction(&s.dependent, module, "empty_dependent"));
  CHECK(cu.cuModuleGetFunction(&s.copy, module, "copy"));
  CHECK(cu.cuMemHostAlloc((void **)&s.pinned, MIB, CU_MEMHOSTALLOC_DEVICEMAP));
  s.pinned_device = (CUdeviceptr)s.pinned; // unified addressing
  s.pageable = need(malloc(MIB));
  memset(s.pageable, 1, MIB);
  memset(s.pinned, 1, MIB);
  CHECK(cu.cuMemAlloc(&s.device, MIB));
  small_copies(&s);
  static const int launches[] = {180, 960};
  for (int i = 0; i < 2; i++) {
    graphs_of(&s, launches[i], 132, false, 0);
    graphs_of(&s, launches[i], 132, true, 0);
  }
  graphs_of(&s, 180, 264, true, 0);
  graphs_of(&s, 180, 1, false, 0);
  graphs_of(&s, 180, 132, true, 196608);
  graphs_of(&s, 1, 1, false, 196608);
}

static void measure_modules(int n, char **images) {
  for (int i = 0; i < n; i++) {
    size_t bytes;
    char *image = read_file(images[i], &bytes);
    double first = 0;
    for (int r = 0; r < 2; r++) {
      CUmodule module;
      const double start = now_us();
      CHECK(cu.cuModuleLoadData(&module, image));
      const double us = now_us() - start;
      if (r == 0)
        first = us;
      else
        printf("  %-40s %9zu bytes: loaded in %.1f ms, again in %.1f ms\n", images[i], bytes,
               first / 1000, us / 1000);
      fflush(stdout);
      CHECK(cu.cuModuleUnload(module));
    }
    free(image);
  }
}

int main(int argc, char **argv) {
  if (argc < 2) {
    printf("usage: launches IMAGE, launches modules IMAGE...\n");
    return 2;
  }
  const double start = now_us();
  cuda_open();
  printf("driver opened, context made: %.0f ms\n", (now_us() - start) / 1000);
  CHECK(cu.cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  if (!strcmp(argv[1], "modules"))
    measure_modules(argc - 2, argv + 2);
  else
    measure_small(argv[1]);
  return 0;
}
