//===-- qlinear.c - the quantized linear of few rows, checked and timed ---===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   qlinear FOLDER check [PLAN...]   against level "generic", bit for bit
//   qlinear FOLDER times [PLAN...]   us: each linear, and all four of a layer
//   qlinear FOLDER plain [PLAN...]   one launch of each, for compute-sanitizer
//
// FOLDER has qlinear_PLAN.cubin. A time is that of a graph of 32 launches with programmatic edges over as many
// copies of the weights as a pool of 1.2 GB has ("layers": 16 times the four linears), divided; the
// median of 9.
//===----------------------------------------------------------------------===//
#include "../cuda_calls.h"
#include "kernels/layout/pack_layout.h"
#include "qlinear_cases.h"

#include <string.h>

#define RESQ_EMULATED "tests/gpu/emulator/device_host.h" // its sizes are plain C
#include "kernels/nvptx/qlinear_fast.h"

typedef struct shape {
  const char *name;
  int64_t n, k[2], group[2];
} shape;
#define SHAPE(name, n, k_a, group_a, k_b, group_b) {#name, n, {k_a, k_b}, {group_a, group_b}},
static const shape shapes[] = {QLINEAR_SHAPES(SHAPE)};
enum { SHAPES = sizeof shapes / sizeof *shapes };
static const int all_rows[] = {1, 4, 8, 16};
typedef struct plan {
  int warps, stages, units;
} plan;
#define PLAN(i, warps, stages, units) {warps, stages, units},
static const plan plans[] = {QLINEAR_PLANS(PLAN)};
enum { PLANS = sizeof plans / sizeof *plans };

static CUmodule modules[PLANS];
static CUstream stream;
static int multiprocessors;
static CUdeviceptr pool, codes[2], metas[2], y;
static const size_t pool_bytes = (size_t)1200 << 20;

static void *need(void *p) {
  if (!p) {
    printf("no memory\n");
    exit(6);
  }
  return p;
}

static const int64_t bits[2] = {4, 8};
static int64_t weight_bytes(const shape *s, int i) {
  if (s->k[i] == 0)
    return 0;
  return resq_round_up(resq_packed_weight_size(s->n, s->k[i], s->group[i], s->k[i], bits[i]), 256);
}
static int64_t codes_bytes(const shape *s, int i, int rows) {
  return s->k[i] ? rows * resq_code_stride(s->k[i], s->group[i]) : 0;
}
static int64_t metas_of(const shape *s, int i, int rows) {
  return s->k[i] ? rows * (s->k[i] / s->group[i]) : 0;
}

static CUfunction function(int p, const char *name) {
  CUfunction f;
  if (cu.cuModuleGetFunction(&f, modules[p], name) != CUDA_SUCCESS) {
    printf("no kernel %s\n", name);
    exit(1);
  }
  return f;
}

/// One linear's launch; weights are where `weight` says.
typedef struct linear {
  CUfunction f;
  unsigned blocks, threads, shared;
  CUdeviceptr weight[2];
  int64_t rows;
} linear;

static linear linear_of(const shape *s, int p, int trellis, int rows, int per, CUdeviceptr at) {
  char name[64];
  snprintf(name, sizeof name, "q_%s_%d_%d", s->name, trellis, rows);
  const int64_t tiles = (s->n + 15) / 16, most = (int64_t)per * multiprocessors;
  linear l = {.f = function(p, name),
              .blocks = (unsigned)(tiles < most ? tiles : most),
              .threads = (unsigned)plans[p].warps * 32,
              .shared = (unsigned)resq_qlinear_fast_shared(
                  s->k[0], s->group[0], 4, trellis, s->k[1], s->group[1], 8, 0, rows,
                  plans[p].warps, plans[p].stages, plans[p].units),
              .weight = {at, at + (CUdeviceptr)weight_bytes(s, 0)},
              .rows = rows};
  CHECK(cu.cuFuncSetAttribute(l.f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, (int)l.shared));
  return l;
}

static void launch(const linear *l, bool edge) {
  CUlaunchAttribute attribute = {.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION,
                                 .value.programmaticStreamSerializationAllowed = 1};
  CUlaunchConfig config = {.gridDimX = l->blocks,
                           .gridDimY = 1,
                           .gridDimZ = 1,
                           .blockDimX = l->threads,
                           .blockDimY = 1,
                           .blockDimZ = 1,
                           .sharedMemBytes = l->shared,
                           .hStream = stream,
                           .attrs = &attribute,
                           .numAttrs = edge};
  const CUdeviceptr values[] = {codes[0],     metas[0], l->weight[0],        codes[1], metas[1],
                                l->weight[1], y,        (CUdeviceptr)l->rows};
  void *arguments[8];
  for (int i = 0; i < 8; i++)
    arguments[i] = (void *)&values[i];
  CHECK(cu.cuLaunchKernelEx(&config, l->f, arguments, NULL));
}

static void recode(const shape *s, CUdeviceptr at) {
  int64_t n = s->n, k = s->k[0], group = s->group[0];
  void *arguments[] = {&at, &n, &k, &group};
  CHECK(cu.cuLaunchKernel(function(0, "recode"), 264, 1, 1, 256, 1, 1, 0, stream, arguments, NULL));
}

//===-- Checks ------------------------------------------------------------===//

static uint64_t state = 5;
static uint32_t random_word(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 32);
}

static resq_worker *worker(void) {
  static uint8_t scratch[RESQ_SCRATCH_BYTES];
  static int32_t ticket;
  static resq_call call;
  static resq_worker w;
  ticket = 0;
  call.tickets = &ticket;
  w = (resq_worker){.call = &call, .index = 0, .count = 1, .scratch = scratch};
  return &w;
}

void resq_qlinear_generic(resq_worker *, int32_t, const int8_t *, const resq_quant_meta *,
                          const uint8_t *, const int8_t *, const resq_quant_meta *, const uint8_t *,
                          const float *, float *, int64_t, int64_t, int64_t, int64_t, int64_t,
                          int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
                          int64_t, int64_t);

/// Random operands of a branch, here and on the device.
typedef struct operands {
  uint8_t *weight;
  int8_t *codes;
  resq_quant_meta *meta;
} operands;

static operands make_operands(const shape *s, int i, int rows, CUdeviceptr weight) {
  operands o = {0};
  if (s->k[i] == 0)
    return o;
  const int64_t bytes = weight_bytes(s, i), padded = resq_padded_k(s->k[i], s->group[i]);
  const int64_t scales = resq_packed_scales_offset(s->n, s->k[i], s->group[i], bits[i]);
  const int64_t stride = resq_code_stride(s->k[i], s->group[i]), count = metas_of(s, i, rows);
  const int64_t units = resq_round_up(s->group[i], 8);
  o.weight = need(malloc((size_t)bytes));
  o.codes = need(calloc((size_t)(rows * stride), 1));
  o.meta = need(malloc((size_t)count * sizeof *o.meta));
  for (int64_t j = 0; j < scales; j++)
    o.weight[j] = (uint8_t)(random_word() >> 13);
  for (int64_t j = scales; j < bytes; j += 2)
    *(uint16_t *)(o.weight + j) = (uint16_t)(0x3c00 + (random_word() >> 9 & 0x1ff));
  for (int64_t r = 0; r < rows; r++)
    for (int64_t j = 0; j < padded; j++)
      if (j % units < s->group[i])
        o.codes[r * stride + j] = (int8_t)(random_word() >> 11);
  for (int64_t j = 0; j < count; j++)
    o.meta[j] = (resq_quant_meta){.scale = 0.001f * (float)(1 + random_word() % 99),
                                  .shift = (int32_t)(random_word() % 256) - 127};
  CHECK(cu.cuMemcpyHtoD(weight, o.weight, (size_t)bytes));
  CHECK(cu.cuMemcpyHtoD(codes[i], o.codes, (size_t)(rows * stride)));
  CHECK(cu.cuMemcpyHtoD(metas[i], o.meta, (size_t)count * sizeof *o.meta));
  return o;
}

static int check(const shape *s, int p, int trellis, int rows, int per) {
  const linear l = linear_of(s, p, trellis, rows, per, pool);
  operands o[2];
  for (int i = 0; i < 2; i++)
    o[i] = make_operands(s, i, rows, l.weight[i]);
  const size_t bytes = (size_t)(rows * s->n) * 4;
  float *want = need(malloc(bytes)), *got = need(malloc(bytes));
  resq_qlinear_generic(worker(), 0, o[0].codes, o[0].meta, o[0].weight, o[1].codes, o[1].meta,
                       o[1].weight, NULL, want, rows, s->n, s->n, s->k[0], s->group[0], s->k[0], 8,
                       4, trellis, s->k[1], s->group[1], s->k[1], 8, 8, 0);
  if (trellis)
    recode(s, l.weight[0]);
  int wrong = 0;
  for (int i = 0; i < 2; i++) {
    CHECK(cu.cuMemsetD8Async(y, 0xff, bytes, stream));
    launch(&l, i == 1);
    CHECK(cu.cuStreamSynchronize(stream));
    CHECK(cu.cuMemcpyDtoH(got, y, bytes));
    for (int64_t j = 0; j < rows * s->n; j++)
      wrong += memcmp(&got[j], &want[j], 4) != 0;
  }
  for (int i = 0; i < 2; i++) {
    free(o[i].weight);
    free(o[i].codes);
    free(o[i].meta);
  }
  free(want);
  free(got);
  if (wrong)
    printf("plan %d, %d for each multiprocessor, %s, %s, %d rows: %d DIFFER\n", p, per, s->name,
           trellis ? "trellis" : "int4", rows, wrong);
  return wrong != 0;
}

static int check_plan(int p) {
  int wrong = 0, done = 0;
  for (int i = 0; i < SHAPES; i++)
    for (int trellis = 0; trellis < 2; trellis++)
      for (int r = 0; r < 4; r++) {
        if (shapes[i].n > 10000 && (r != 3 || p > 0))
          continue; // the CPU takes a second for each
        wrong += check(&shapes[i], p, trellis, all_rows[r], 1 + r % 2), done++;
      }
  printf("plan %d: %d linears, %d differ from generic\n", p, done, wrong);
  return wrong;
}

//===-- Times -------------------------------------------------------------===//

static double time_list(const linear *list, int n) {
  CUgraph graph;
  CUgraphExec exec;
  CUevent start, stop;
  double us[9];
  CHECK(cu.cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  for (int i = 0; i < n; i++)
    launch(&list[i], true);
  CHECK(cu.cuStreamEndCapture(stream, &graph));
  CHECK(cu.cuGraphInstantiateWithFlags(&exec, graph, 0));
  CHECK(cu.cuEventCreate(&start, 0));
  CHECK(cu.cuEventCreate(&stop, 0));
  for (int r = -2; r < 9; r++) {
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
  return median(us, 9);
}

static int64_t all_weight_bytes(const shape *s) { return weight_bytes(s, 0) + weight_bytes(s, 1); }

/// us a launch of one linear; over the four of a layer where `layer`.
static double time_shapes(int first, int count, int p, int trellis, int rows, int per) {
  linear list[64];
  CUdeviceptr at = pool;
  for (int i = 0; i < 16 * (count == 1 ? 2 : count); i++) {
    const shape *s = &shapes[first + i % count];
    if (at + (CUdeviceptr)all_weight_bytes(s) > pool + pool_bytes)
      at = pool;
    list[i] = linear_of(s, p, trellis, rows, per, at);
    at += (CUdeviceptr)all_weight_bytes(s);
  }
  return time_list(list, 16 * (count == 1 ? 2 : count)) / (count == 1 ? 32 : 16);
}

static bool fits(int p, int per, const shape *s, int trellis, int rows) {
  return per == 1 ||
         2 * (resq_qlinear_fast_shared(s->k[0], s->group[0], 4, trellis, s->k[1], s->group[1], 8, 0,
                                       rows, plans[p].warps, plans[p].stages, plans[p].units) +
              1024) <=
             228 * 1024;
}

static void time_plan(int p) {
  for (int r = 0; r < 4; r++)
    for (int trellis = 0; trellis < 2; trellis++)
      for (int per = 1; per <= 2; per++) {
        printf("plan %d x%d %-7s %2d rows:", p, per, trellis ? "trellis" : "int4", all_rows[r]);
        for (int i = 0; i < SHAPES; i++) {
          if (!fits(p, per, &shapes[i], trellis, all_rows[r])) {
            printf(" %s -", shapes[i].name);
            continue;
          }
          const double us = time_shapes(i, 1, p, trellis, all_rows[r], per);
          printf(" %s %.2f", shapes[i].name, us);
          if (shapes[i].name[0] == 'b')
            printf(" (%.2f)", (double)all_weight_bytes(&shapes[i]) / us / 1e6);
        }
        if (fits(p, per, &shapes[1], trellis, all_rows[r]))
          printf("; layers: 8B %.2f, SmolLM2 %.2f", time_shapes(0, 4, p, trellis, all_rows[r], per),
                 time_shapes(5, 4, p, trellis, all_rows[r], per));
        printf("\n");
        fflush(stdout);
      }
}

static void load(int p, const char *folder) {
  char path[512];
  snprintf(path, sizeof path, "%s/qlinear_%d.cubin", folder, p);
  FILE *f = fopen(path, "rb");
  if (!f) {
    printf("cannot read %s\n", path);
    exit(5);
  }
  char *image = need(calloc((size_t)32 << 20, 1));
  if (fread(image, 1, ((size_t)32 << 20) - 1, f) == 0)
    exit(5);
  fclose(f);
  CHECK(cu.cuModuleLoadData(&modules[p], image));
  free(image);
}

int main(int argc, char **argv) {
  if (argc < 3) {
    printf("usage: qlinear FOLDER check|times|plain [PLAN...]\n");
    return 2;
  }
  const CUdevice device = cuda_open();
  CHECK(
      cu.cuDeviceGetAttribute(&multiprocessors, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, device));
  CHECK(cu.cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  bool wanted[PLANS] = {0};
  for (int i = 3; i < argc; i++)
    wanted[atoi(argv[i]) % PLANS] = true;
  for (int p = 0; p < PLANS; p++) {
    wanted[p] |= argc == 3;
    if (wanted[p] || p == 0)
      load(p, argv[1]);
  }
  CHECK(cu.cuMemAlloc(&pool, pool_bytes + 4096));
  CHECK(cu.cuMemAlloc(&y, 4 << 20));
  for (int i = 0; i < 2; i++) {
    CHECK(cu.cuMemAlloc(&codes[i], 1 << 20));
    CHECK(cu.cuMemAlloc(&metas[i], 1 << 20));
    CHECK(cu.cuMemsetD8(codes[i], 3, 1 << 20));
    CHECK(cu.cuMemsetD8(metas[i], 0, 1 << 20));
  }
  int wrong = 0;
  if (strcmp(argv[2], "times") == 0) {
    int64_t words = (int64_t)pool_bytes / 4;
    uint32_t seed = 1;
    void *arguments[] = {&pool, &words, &seed};
    CHECK(
        cu.cuLaunchKernel(function(0, "fill"), 1024, 1, 1, 256, 1, 1, 0, stream, arguments, NULL));
  }
  for (int p = 0; p < PLANS; p++) {
    if (!wanted[p])
      continue;
    if (strcmp(argv[2], "check") == 0)
      wrong += check_plan(p);
    else if (strcmp(argv[2], "times") == 0)
      time_plan(p);
    else
      for (int i = 5; i < SHAPES; i++)
        for (int r = 0; r < 4; r += 3)
          wrong += check(&shapes[i], p, 1, all_rows[r], 2);
  }
  printf("%d wrong\n", wrong);
  return wrong != 0;
}
