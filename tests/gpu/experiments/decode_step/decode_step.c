//===-- decode_step.c - a whole decode step as a CUDA graph ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   decode_step FOLDER check     the row operations, kv_append and attention against level "generic"
//   decode_step FOLDER kernels   attention at 1k to 32k tokens, row operations; us
//   decode_step FOLDER steps     whole steps of Llama-3-8B's and SmolLM2's shapes, batch 1; ms
//
// FOLDER has step.cubin, attention.cubin and decode_ring.cubin (build.py). Weights and codes are
// random; steps compute what a decoder computes in shape only: the sums of linears are not checked
// here (../decode_linear does that).
//===----------------------------------------------------------------------===//
#include "../cuda_calls.h"
#include "decode_step.h"

CUstream stream;
static CUmodule modules[3];
static int multiprocessors;

void *need(void *p) {
  if (!p) {
    printf("no memory\n");
    exit(6);
  }
  return p;
}

static void load(int i, const char *folder, const char *name) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s.cubin", folder, name);
  FILE *f = fopen(path, "rb");
  if (!f) {
    printf("cannot read %s\n", path);
    exit(5);
  }
  char *image = need(malloc((size_t)16 << 20));
  const size_t n = fread(image, 1, ((size_t)16 << 20) - 1, f);
  image[n] = 0;
  fclose(f);
  CHECK(cu.cuModuleLoadData(&modules[i], image));
  free(image);
}

CUfunction function(const char *name) {
  CUfunction f;
  for (int i = 0; i < 3; i++)
    if (cu.cuModuleGetFunction(&f, modules[i], name) == CUDA_SUCCESS)
      return f;
  printf("no kernel %s\n", name);
  exit(1);
}

CUdeviceptr device_bytes(size_t n) {
  CUdeviceptr p;
  CHECK(cu.cuMemAlloc(&p, n + 256));
  return p;
}

void fill_bytes(CUdeviceptr p, size_t n, uint32_t seed) {
  int64_t words = (int64_t)(n / 4);
  void *arguments[] = {&p, &words, &seed};
  CHECK(cu.cuLaunchKernel(function("fill"), 1024, 1, 1, 256, 1, 1, 0, stream, arguments, NULL));
}

void launch(const launch_entry *l, bool edge) {
  CUlaunchAttribute attribute = {.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION,
                                 .value.programmaticStreamSerializationAllowed = 1};
  CUlaunchConfig config = {.gridDimX = l->x,
                           .gridDimY = l->y ? l->y : 1,
                           .gridDimZ = 1,
                           .blockDimX = l->threads,
                           .blockDimY = 1,
                           .blockDimZ = 1,
                           .sharedMemBytes = l->shared,
                           .hStream = stream,
                           .attrs = &attribute,
                           .numAttrs = edge};
  void *arguments[16];
  for (int i = 0; i < 16; i++)
    arguments[i] = (void *)&l->arguments[i];
  if (l->structure)
    arguments[0] = l->structure;
  CHECK(cu.cuLaunchKernelEx(&config, l->f, arguments, NULL));
}

launch_entry entry(const char *name, unsigned x, unsigned y, unsigned threads, size_t shared) {
  launch_entry l = {
      .f = function(name), .x = x, .y = y, .threads = threads, .shared = (unsigned)shared};
  if (shared > 48 * 1024)
    CHECK(cu.cuFuncSetAttribute(l.f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, (int)shared));
  return l;
}

double time_list(const launch_entry *list, int n, bool edges, int repeats) {
  CUgraph graph;
  CUgraphExec exec;
  CUevent start, stop;
  double us[64];
  CHECK(cu.cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  for (int i = 0; i < n; i++)
    launch(&list[i], edges);
  CHECK(cu.cuStreamEndCapture(stream, &graph));
  CHECK(cu.cuGraphInstantiateWithFlags(&exec, graph, 0));
  CHECK(cu.cuEventCreate(&start, 0));
  CHECK(cu.cuEventCreate(&stop, 0));
  for (int r = -3; r < repeats; r++) {
    CHECK(cu.cuEventRecord(start, stream));
    CHECK(cu.cuGraphLaunch(exec, stream));
    CHECK(cu.cuEventRecord(stop, stream));
    CHECK(cu.cuStreamSynchronize(stream));
    float ms;
    CHECK(cu.cuEventElapsedTime(&ms, start, stop));
    if (r >= 0)
      us[r] = ms * 1000.0;
  }
  CHECK(cu.cuGraphExecDestroy(exec));
  CHECK(cu.cuGraphDestroy(graph));
  return median(us, repeats);
}

#include "check.c"
#include "steps.c"

int device_multiprocessors(void) { return multiprocessors; }

int main(int argc, char **argv) {
  if (argc < 3) {
    printf("usage: decode_step FOLDER check|kernels|steps\n");
    return 2;
  }
  const CUdevice device = cuda_open();
  CHECK(
      cu.cuDeviceGetAttribute(&multiprocessors, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, device));
  CHECK(cu.cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  load(0, argv[1], "step");
  load(1, argv[1], "attention");
  load(2, argv[1], "decode_ring");
  int wrong = 0;
  for (int i = 2; i < argc; i++) {
    if (!strcmp(argv[i], "check"))
      wrong += check_kernels();
    else if (!strcmp(argv[i], "kernels"))
      time_kernels();
    else if (!strcmp(argv[i], "steps"))
      time_steps();
    fflush(stdout);
  }
  return wrong != 0;
}
