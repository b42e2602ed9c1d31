// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The decode linear of ring codes: the prototype in CUDA C++ beside the same in C (decode_ring.h,
// decode_wgmma.h), checked against a plain kernel, then timed in turns in graphs with programmatic
// edges.
//
//   decode_linear IMAGE [ROUNDS]      IMAGE: decode_ring.cubin
//
// Sums are left to the consumer. "low": ring codes only; else an eighth of the inputs has 8-bit
// weights. A graph is 32 launches over as many layers as 1.3 GB hold, a "layer" 16 times the four
// linears of one, "8 in 1" a launch of eight layers' gate+up, by layer: what a launch costs,
// divided by eight. A figure is the median of rounds, each the median of 9 graph launches. With 0
// rounds, everything is only checked.
#include "prototype.cuh"
#undef CHECK
namespace sums_only {
#define FLAGS NO_FINISH
#include "prototype.cuh"
} // namespace sums_only

#include <cuda.h>
#include <dlfcn.h>
#include <functional>

static uint4 *pool;
static size_t pool_bytes = (size_t)1280 << 20;
static uint2 *xs, *expanded;
static float *sc, *out, *want;
static int *sums, *wrong;
static unsigned *arrived;
static cudaStream_t stream;
static int sms;
static double copy_rate;

struct Linear {
  const char *name;
  int channels, inputs;
};
static const Linear qkv = {"qkv", 6144, 4096}, o = {"o", 4096, 4096},
                    gateup = {"gate+up", 28672, 4096}, down = {"down", 4096, 14336},
                    eight = {"eight gate+up", 229376, 4096};
static const Linear *const layer[4] = {&qkv, &o, &gateup, &down};

struct Kernel {
  std::string name;
  int rows, shared;
  int slices; // of decode_wgmma.h, else 0
  const void *cuda;
  CUfunction c;
  void (*settle)(Args);
  std::vector<double> us[9];
};

// clang-format off
#define DRIVER(X) \
  X(cuModuleLoadData) X(cuModuleGetFunction) X(cuModuleGetGlobal) X(cuFuncSetAttribute) \
  X(cuLaunchKernelEx) X(cuFuncGetAttribute) X(cuOccupancyMaxActiveBlocksPerMultiprocessor)
// clang-format on
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
namespace driver {
#define MEMBER(name) static decltype(&::name) p_##name;
DRIVER(MEMBER)
static void open() {
  void *library = dlopen("libcuda.so.1", RTLD_NOW);
#define LOAD(name)                                                                                 \
  if (!library || !(p_##name = (decltype(p_##name))dlsym(library, TEXT(name)))) {                  \
    printf("no %s in the driver\n", TEXT(name));                                                   \
    exit(4);                                                                                       \
  }
  DRIVER(LOAD)
}
} // namespace driver
#define CU(name, ...)                                                                              \
  do {                                                                                             \
    CUresult r_ = driver::p_##name(__VA_ARGS__);                                                   \
    if (r_) {                                                                                      \
      printf("%s:%d %s: %d\n", __FILE__, __LINE__, #name, r_);                                     \
      exit(1);                                                                                     \
    }                                                                                              \
  } while (0)

static size_t bytes_of(const Linear &l, bool high) {
  return (size_t)l.channels * l.inputs / 16 * (high ? 9 : 8);
}

static Args args_of(const Kernel &k, const Linear &l, bool high, int layer) {
  Args a = {};
  size_t bytes = bytes_of(l, high), n = pool_bytes / bytes;
  a.weights = (const uint4 *)((const char *)pool + (layer % n) * bytes);
  a.x = k.slices ? expanded : xs;
  a.scale_high = sc, a.scale_low = sc + 300000, a.row_scale = sc + 600000;
  a.out = out, a.sums = sums, a.arrived = arrived;
  a.superblocks = l.channels / 128 / (k.slices ? 4 : 1);
  a.high = high ? l.inputs / 256 : 0, a.low = l.inputs / 32 - a.high;
  a.channels = l.channels;
  a.zero = xs + (1 << 17) - 8;
  a.stream = (const float4 *)want;
  a.flags = NO_FINISH;
  return a;
}

static void launch(const Kernel &k, Args a, bool edge) {
  if (k.c) {
    CUlaunchAttribute attribute = {};
    attribute.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
    attribute.value.programmaticStreamSerializationAllowed = 1;
    CUlaunchConfig c = {};
    c.gridDimX = sms * 2, c.gridDimY = c.gridDimZ = 1, c.blockDimX = 256,
    c.blockDimY = c.blockDimZ = 1;
    c.sharedMemBytes = k.shared, c.hStream = stream, c.attrs = &attribute, c.numAttrs = edge;
    void *arguments[] = {&a};
    CU(cuLaunchKernelEx, &c, k.c, arguments, nullptr);
    return;
  }
  cudaLaunchConfig_t c = {};
  c.gridDim = sms * 2, c.blockDim = 256, c.dynamicSmemBytes = k.shared, c.stream = stream;
  cudaLaunchAttribute attribute;
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  c.attrs = &attribute, c.numAttrs = edge;
  void *arguments[] = {&a};
  CHECK(cudaLaunchKernelExC(&c, k.cuda, arguments));
}

// What a quantiser would write for decode_wgmma.h: core matrices of B, by step and slice.
__global__ void expand(const uint2 *x, uint8_t *to, int steps, int rows, int slices) {
  const int columns = slices == 1 ? rows : 2 * rows, slice = columns * 32;
  for (long i = blockIdx.x * (long)blockDim.x + threadIdx.x; i < (long)steps * slices * slice;
       i += (long)gridDim.x * blockDim.x) {
    const int at = i % slice, s = i / slice % slices, step = i / slice / slices;
    const int half = at / (slice / 2), column = at % (slice / 2) / 128 * 8 + at % 128 / 16,
              byte = at % 16;
    const int q = byte / 4, j = byte % 4, row = slices == 1 ? column : column / 2,
              parity = column & 1;
    const int input = slices == 1   ? 4 * half + j
                      : slices == 2 ? 4 * s + 2 * half + j / 2
                                    : 2 * s + half;
    const bool there = slices == 1 || (slices == 2 ? j % 2 == parity : j == parity);
    const uint8_t *codes = (const uint8_t *)(x + ((size_t)step * rows + row) * 4 + q);
    to[i] = there ? codes[input] : 0;
  }
}

template <int ROWS, int SLICES> __global__ void settle_wgmma(Args a) {
  constexpr int E = 128 * ROWS, COLUMNS = SLICES == 1 ? ROWS : 2 * ROWS, HOLDS = COLUMNS / 2;
  for (int e = threadIdx.x; e < 4 * E; e += blockDim.x) {
    const int block = e / E, k = e % E / 32, lane = e % 32, set = k / HOLDS, i = k % HOLDS;
    const int column = i / 4 * 8 + lane % 4 * 2 + (i & 1), lower = i >> 1 & 1;
    const int row = SLICES == 1 ? column : column / 2;
    const int inside =
        lane / 4 * 16 + (SLICES == 1 ? 2 * set + lower : 4 * set + 2 * lower + (column & 1));
    const int channel = (blockIdx.x * 4 + block) * 128 + inside;
    int *p = a.sums + (((size_t)blockIdx.x * 4 + block) * 2 + 1) * E + e % E;
    const float s = __fadd_rn(0.0f, __fmul_rn((float)*p, a.scale_low[channel]));
    a.out[(size_t)row * a.channels + channel] = __fmul_rn(s, a.row_scale[row]);
    *p = 0;
  }
}

static void prepare(const Kernel &k) {
  if (k.slices)
    expand<<<sms * 4, 256, 0, stream>>>(xs, (uint8_t *)expanded, 14336 / 32, k.rows, k.slices);
}

static int check(const Kernel &k, const Linear &l, bool high) {
  int n = l.channels * k.rows, count = 0;
  for (int t = 0; t < 2; ++t) { // twice: settle leaves the sums zero
    Args a = args_of(k, l, high, t), plain = a;
    plain.x = xs;
    CHECK(cudaMemsetAsync(out, 0xff, n * 4, stream));
    CHECK(cudaMemsetAsync(wrong, 0, 4, stream));
    launch(k, a, false);
    k.settle<<<a.superblocks, 128, 0, stream>>>(a);
    reference<<<(n + 127) / 128, 128, 0, stream>>>(plain, TABLE, k.rows, k.slices ? 4 : 1, want);
    differs<<<(n + 127) / 128, 128, 0, stream>>>(out, want, n, wrong);
    int c;
    CHECK(cudaMemcpyAsync(&c, wrong, 4, cudaMemcpyDeviceToHost, stream));
    CHECK(cudaStreamSynchronize(stream));
    CHECK(cudaGetLastError());
    count += c;
  }
  return count;
}

static double graph_us(const std::function<void()> &f, int reps = 9) {
  cudaGraph_t g;
  cudaGraphExec_t e;
  cudaEvent_t s, t;
  std::vector<float> ms;
  CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  f();
  CHECK(cudaStreamEndCapture(stream, &g));
  CHECK(cudaGraphInstantiate(&e, g, 0));
  CHECK(cudaEventCreate(&s));
  CHECK(cudaEventCreate(&t));
  for (int i = 0; i < reps + 2; ++i) {
    CHECK(cudaEventRecord(s, stream));
    CHECK(cudaGraphLaunch(e, stream));
    CHECK(cudaEventRecord(t, stream));
    CHECK(cudaStreamSynchronize(stream));
    float m;
    CHECK(cudaEventElapsedTime(&m, s, t));
    if (i >= 2)
      ms.push_back(m);
  }
  std::sort(ms.begin(), ms.end());
  CHECK(cudaGraphExecDestroy(e));
  CHECK(cudaGraphDestroy(g));
  return ms[ms.size() / 2] * 1000;
}

template <int MERGE, int ROWS> static Kernel prototype(const char *name, bool sums = false) {
  Kernel k = {};
  k.name = std::string("CUDA C++ ") + name + (sums ? " sums" : "");
  k.rows = ROWS, k.shared = Shape<TABLE, MERGE, ROWS, 8, 2, 1, 2>::bytes;
  k.cuda = sums ? (const void *)sums_only::gemv<(sums_only::Mode)TABLE, MERGE, ROWS, 8, 2, 1, 2>
                : (const void *)gemv<TABLE, MERGE, ROWS, 8, 2, 1, 2>;
  k.settle = settle<TABLE, ROWS, 1>;
  CHECK(cudaFuncSetAttribute(k.cuda, cudaFuncAttributeMaxDynamicSharedMemorySize, k.shared));
  cudaFuncAttributes at;
  CHECK(cudaFuncGetAttributes(&at, k.cuda));
  printf("%-24s %3d registers, %zu local, %d bytes shared\n", k.name.c_str(), at.numRegs,
         at.localSizeBytes, k.shared);
  return k;
}

static CUmodule module;
static Kernel in_c(const char *name, int rows, int slices, void (*settle)(Args)) {
  Kernel k = {};
  k.name = std::string("C ") + name, k.rows = rows, k.slices = slices, k.settle = settle;
  if (slices) { // as decode_wgmma.h lays its shared memory out
    const int step = slices * (slices == 1 ? rows : 2 * rows) * 32;
    k.shared = 65536 + 4 * 8192 + 2 * (step <= 1024 ? 4 : 2) * step + 256;
  } else
    k.shared = 65536 + (rows == 1 ? 4 : 1) * 2 * 128 * rows * 4 + 8 * 2 * 2048 + 8 * 2 * 8;
  CU(cuModuleGetFunction, &k.c, module, name);
  CU(cuFuncSetAttribute, k.c, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, k.shared);
  int registers, local, active;
  CU(cuFuncGetAttribute, &registers, CU_FUNC_ATTRIBUTE_NUM_REGS, k.c);
  CU(cuFuncGetAttribute, &local, CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES, k.c);
  CU(cuOccupancyMaxActiveBlocksPerMultiprocessor, &active, k.c, 256, k.shared);
  printf("%-24s %3d registers, %d local, %d bytes shared, %d blocks a multiprocessor\n",
         k.name.c_str(), registers, local, k.shared, active);
  return k;
}

int main(int argc, char **argv) {
  if (argc < 2) {
    printf("usage: decode_linear IMAGE [ROUNDS]\n");
    return 2;
  }
  const int rounds = argc > 2 ? atoi(argv[2]) : 5;
  cudaDeviceProp prop;
  CHECK(cudaGetDeviceProperties(&prop, 0));
  sms = prop.multiProcessorCount;
  CHECK(cudaStreamCreate(&stream));
  printf("%s, %d multiprocessors, %d MB of L2\n", prop.name, sms, prop.l2CacheSize >> 20);
  driver::open();
  CHECK(cudaMalloc(&pool, pool_bytes));
  CHECK(cudaMalloc(&xs, 1 << 20));
  CHECK(cudaMalloc(&expanded, 16 << 20));
  CHECK(cudaMalloc(&sc, 4 << 20));
  CHECK(cudaMalloc(&out, 16 << 20));
  CHECK(cudaMalloc(&want, 16 << 20));
  CHECK(cudaMalloc(&sums, 64 << 20));
  CHECK(cudaMalloc(&arrived, 1 << 20));
  CHECK(cudaMalloc(&wrong, 4));
  CHECK(cudaMemset(sums, 0, 64 << 20));
  CHECK(cudaMemset(arrived, 0, 1 << 20));
  fill<<<sms * 4, 512>>>((uint32_t *)pool, pool_bytes / 4, 1);
  fill<<<sms, 512>>>((uint32_t *)xs, 1 << 18, 2);
  CHECK(cudaMemset(xs + (1 << 17) - 8, 0, 64));
  scales<<<2048, 512>>>(sc, 1 << 20);
  uint32_t lines[512];
  auto pair = [](int hi, int b7, int b1) { // the byte of a pair, bits of the byte before
    int even = (hi >> 1 & 15), odd = (hi >> 7 & 1) | (hi >> 5 & 3) << 1 | (hi & 1) << 3;
    int se = b7 | b1 << 1, so = (even & 1) | b7 << 1;
    return (uint32_t)(uint8_t)values_host[16 * se + even] |
           (uint32_t)(uint8_t)values_host[16 * so + odd] << 8;
  };
  for (int l = 0; l < 512; ++l)
    lines[l] = pair(l >> 1, l & 1, 0) | pair(l >> 1, l & 1, 1) << 16;
  CHECK(cudaMemcpyToSymbol(pair_lines, lines, sizeof lines));
  CHECK(cudaMemcpyToSymbol(sums_only::pair_lines, lines, sizeof lines));
  CHECK(cudaMemcpyToSymbol(values, values_host, 64));
  FILE *f = fopen(argv[1], "rb");
  if (!f) {
    printf("cannot read %s\n", argv[1]);
    return 5;
  }
  std::vector<char> image((size_t)16 << 20);
  image[fread(image.data(), 1, image.size() - 1, f)] = 0;
  fclose(f);
  CU(cuModuleLoadData, &module, image.data());
  CUdeviceptr table;
  size_t table_bytes;
  CU(cuModuleGetGlobal, &table, &table_bytes, module, "pair_lines");
  CHECK(cudaMemcpy((void *)table, lines, sizeof lines, cudaMemcpyHostToDevice));
  CHECK(cudaDeviceSynchronize());
  const size_t half = pool_bytes / 2;
  double us =
      graph_us([&] { copy_all<<<sms * 4, 512, 0, stream>>>(pool + half / 16, pool, half / 16); });
  copy_rate = 2.0 * half / us / 1e6;
  us = graph_us(
      [&] { read_all<<<sms * 4, 512, 0, stream>>>(pool, pool_bytes / 16, (uint32_t *)wrong); });
  printf("copy %.3f TB/s (read and written), read %.3f TB/s\n", copy_rate, pool_bytes / us / 1e6);
  fill<<<sms * 4, 512>>>((uint32_t *)pool, pool_bytes / 4, 1);
  CHECK(cudaDeviceSynchronize());

  std::vector<Kernel> kernels = {
      prototype<M_UNMERGED, 1>("1 apart"),
      prototype<M_UNMERGED, 1>("1 apart", true),
      in_c("decode_1_apart", 1, 0, settle<TABLE, 1, 1>),
      prototype<M_STUFF, 1>("1 merged"),
      prototype<M_STUFF, 1>("1 merged", true),
      in_c("decode_1_merged", 1, 0, settle<TABLE, 1, 1>),
      prototype<M_UNMERGED, 4>("4 apart"),
      prototype<M_UNMERGED, 4>("4 apart", true),
      in_c("decode_4_apart", 4, 0, settle<TABLE, 4, 1>),
      prototype<M_STUFF, 4>("4 merged"),
      prototype<M_STUFF, 4>("4 merged", true),
      in_c("decode_4_merged", 4, 0, settle<TABLE, 4, 1>),
      prototype<M_IMAD, 8>("8"),
      prototype<M_IMAD, 8>("8", true),
      in_c("decode_8", 8, 0, settle<TABLE, 8, 1>),
      in_c("wgmma_8_merged", 8, 1, settle_wgmma<8, 1>),
      in_c("wgmma_8_halves", 8, 2, settle_wgmma<8, 2>),
      in_c("wgmma_8_apart", 8, 4, settle_wgmma<8, 4>),
      prototype<M_IMAD, 16>("16"),
      prototype<M_IMAD, 16>("16", true),
      in_c("decode_16", 16, 0, settle<TABLE, 16, 1>),
      in_c("wgmma_16_merged", 16, 1, settle_wgmma<16, 1>),
      in_c("wgmma_16_halves", 16, 2, settle_wgmma<16, 2>),
      in_c("wgmma_16_apart", 16, 4, settle_wgmma<16, 4>),
  };
  for (Kernel &k : kernels) {
    prepare(k);
    int bad = check(k, gateup, false) + check(k, o, false);
    if (!k.slices)
      bad += check(k, gateup, true) + check(k, qkv, true) + check(k, down, true);
    printf("%-24s %s (%d wrong)\n", k.name.c_str(), bad ? "WRONG" : "exact", bad);
    fflush(stdout);
  }
  if (rounds == 0)
    return 0;
  static const char *const series[] = {"gate+up low", "gate+up",   "qkv",           "o",     "down",
                                       "layer",       "layer low", "low, no edges", "8 in 1"};
  for (int round = 0; round < rounds; ++round)
    for (Kernel &k : kernels) {
      prepare(k);
      CHECK(cudaStreamSynchronize(stream));
      auto one = [&](const Linear &l, bool high, bool edge) {
        return graph_us([&] {
                 for (int i = 0; i < 32; ++i)
                   launch(k, args_of(k, l, high, i), edge);
               }) /
               32;
      };
      auto four = [&](bool high) {
        return graph_us([&] {
                 for (int i = 0; i < 64; ++i)
                   launch(k, args_of(k, *layer[i % 4], high, i / 4), true);
               }) /
               16;
      };
      k.us[0].push_back(one(gateup, false, true));
      k.us[6].push_back(four(false));
      k.us[8].push_back(graph_us([&] {
                          for (int i = 0; i < 2; ++i)
                            launch(k, args_of(k, eight, false, i), true);
                        }) /
                        16);
      if (round == 0)
        k.us[7].push_back(one(gateup, false, false));
      if (!k.slices) {
        k.us[1].push_back(one(gateup, true, true));
        k.us[5].push_back(four(true));
        if (round == 0) {
          k.us[2].push_back(one(qkv, true, true));
          k.us[3].push_back(one(o, true, true));
          k.us[4].push_back(one(down, true, true));
        }
      }
      CHECK(cudaMemsetAsync(sums, 0, 64 << 20, stream));
      CHECK(cudaStreamSynchronize(stream));
    }
  printf("%-24s", "us a launch or layer");
  for (const char *s : series)
    printf(" %13s", s);
  printf("  TB/s of gate+up low\n");
  for (Kernel &k : kernels) {
    printf("%-24s", k.name.c_str());
    for (auto &v : k.us) {
      std::sort(v.begin(), v.end());
      if (v.empty())
        printf(" %13s", "-");
      else
        printf(" %13.2f", v[v.size() / 2]);
    }
    printf("  %.2f, spread %.2f us\n", bytes_of(gateup, false) / k.us[0][k.us[0].size() / 2] / 1e6,
           k.us[0].back() - k.us[0].front());
  }
  return 0;
}
