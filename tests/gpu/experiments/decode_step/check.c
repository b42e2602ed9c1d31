//===-- check.c - kernels against level "generic", and timed alone --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "../cuda_calls.h"
#include "decode_step.h"

#include "kernels/layout/kv_layout.h"

#include <math.h>

/// attention_fast.h is for device compilers; its plan is plain C.
#define RESQ_EMULATED "tests/gpu/emulator/device_host.h"
#include "kernels/nvptx/attention_fast.h"
#include "kernels/nvptx/row_ops_fast.h"

static uint64_t state = 11;
static float random_float(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (float)(int64_t)(state >> 40) / 0x1p23f - 1.0f;
}
static float *floats(int64_t n, float scale) {
  float *p = need(malloc((size_t)n * 4));
  for (int64_t i = 0; i < n; i++)
    p[i] = scale * random_float();
  return p;
}

static CUdeviceptr upload(const void *p, size_t n) {
  const CUdeviceptr d = device_bytes(n);
  CHECK(cu.cuMemcpyHtoD(d, p, n));
  return d;
}

static resq_worker *worker(void) {
  static uint8_t scratch[RESQ_SCRATCH_BYTES];
  static uint32_t tickets[8];
  static resq_call call;
  static resq_worker w;
  memset(tickets, 0, sizeof tickets);
  call.tickets = (__typeof__(call.tickets))tickets;
  w = (resq_worker){.call = &call, .index = 0, .count = 1, .scratch = scratch};
  return &w;
}

#define ARGUMENTS(e, ...)                                                                          \
  do {                                                                                             \
    const CUdeviceptr all_[] = {__VA_ARGS__};                                                      \
    memcpy((e)->arguments, all_, sizeof all_);                                                     \
  } while (0)

/// Runs the launch twice and compares `n` bytes at `got` with `want`.
static int same(const char *name, launch_entry e, CUdeviceptr got, const void *want, size_t n) {
  uint8_t *back = need(malloc(n));
  int64_t wrong = 0;
  for (int i = 0; i < 2; i++) {
    CHECK(cu.cuMemsetD8Async(got, 0xff, n, stream));
    launch(&e, i == 1);
    CHECK(cu.cuStreamSynchronize(stream));
    CHECK(cu.cuMemcpyDtoH(back, got, n));
    for (size_t j = 0; j < n; j++)
      wrong += back[j] != ((const uint8_t *)want)[j];
  }
  printf("%-24s %s\n", name, wrong ? "DIFFERS" : "equal");
  free(back);
  return wrong != 0;
}

enum { ROWS = 3 };

/// The wrappers of step_kernels.c at 3 rows.
static int check_rows(void) {
  int wrong = 0;
  const int64_t h = 4096, low = 3584, f_low = 12288;
  float *x = floats(ROWS * 28672, 3.0f), *gain = floats(14336, 1.0f);
  float *y = need(malloc(ROWS * 28672 * 4));
  const CUdeviceptr dx = upload(x, ROWS * 28672 * 4), dg = upload(gain, 14336 * 4);
  const CUdeviceptr dy = device_bytes(ROWS * 28672 * 4), dz = device_bytes(ROWS * 28672 * 4);
  launch_entry e = entry("norm_8b", ROWS, 1, 512, (size_t)resq_rms_norm_shared(h));
  ARGUMENTS(&e, dx, dg, dy, ROWS);
  resq_rms_norm_generic(worker(), 0, x, gain, y, ROWS, h, h, h, 1e-5f);
  wrong += same("rms_norm 4096", e, dy, y, (size_t)(ROWS * h * 4));

  int8_t *codes = need(malloc(ROWS * 28672));
  resq_quant_meta *meta = need(malloc(ROWS * 4096 * sizeof *meta));
  const struct {
    const char *name;
    int64_t width, group;
  } quantizers[] = {{"quantize_low_8b", low, low},   {"quantize_o_low_8b", 3584, 112},
                    {"quantize_o_high_8b", 512, 16}, {"quantize_f_low_8b", f_low, f_low},
                    {"quantize_o_high_smol", 72, 8}, {"quantize_o_low_smol", 504, 56}};
  for (size_t i = 0; i < sizeof quantizers / sizeof *quantizers; i++) {
    const int64_t width = quantizers[i].width, group = quantizers[i].group;
    resq_quantize_generic(worker(), 0, x, NULL, codes, meta, ROWS, width, width, group, group, 8,
                          1.0f);
    e = entry(quantizers[i].name, ROWS, 1, 512, 384);
    ARGUMENTS(&e, dx, dy, dz, ROWS);
    wrong +=
        same(quantizers[i].name, e, dy, codes, (size_t)(ROWS * resq_code_stride(width, group)));
    wrong += same("  its metas", e, dz, meta, (size_t)(ROWS * width / group) * sizeof *meta);
  }

  int8_t signs[400];
  for (int i = 0; i < 400; i++)
    signs[i] = random_float() > 0 ? 1 : -1;
  const CUdeviceptr ds = upload(signs, sizeof signs);
  resq_hadamard_generic(worker(), 0, x, signs, y, ROWS, f_low, f_low, f_low, f_low, 12);
  e = entry("hadamard_8b", ROWS, 1, 1024, (size_t)resq_hadamard_shared(f_low, 12));
  ARGUMENTS(&e, dx, ds, dy, ROWS);
  wrong += same("hadamard 12 x 1024", e, dy, y, (size_t)(ROWS * f_low * 4));
  resq_hadamard_generic(worker(), 0, x, signs, y, ROWS, 1280, 1280, 1280, 1280, 20);
  e = entry("hadamard_smol", ROWS, 1, 256, (size_t)resq_hadamard_shared(1280, 20));
  ARGUMENTS(&e, dx, ds, dy, ROWS);
  wrong += same("hadamard 20 x 64", e, dy, y, ROWS * 1280 * 4);

  resq_silu_gate_generic(worker(), 0, x, x + 14336, y, ROWS, 28672, 28672, 14336, 14336);
  e = entry("silu_8b", 132, 1, 256, 0);
  ARGUMENTS(&e, dx, dx + 14336 * 4, dy, ROWS);
  wrong += same("silu_gate", e, dy, y, ROWS * 14336 * 4);
  resq_add_generic(worker(), 0, x, x + h, y, ROWS, h, h, h, h);
  e = entry("add_8b", 48, 1, 256, 0);
  ARGUMENTS(&e, dx, dx + (CUdeviceptr)h * 4, dy, ROWS);
  wrong += same("add", e, dy, y, (size_t)(ROWS * h * 4));
  resq_rope_generic(worker(), 0, x, gain, y, ROWS, 6144, 4096, 32, 128, 128);
  e = entry("rope_q_8b", 24, 1, 256, 0);
  ARGUMENTS(&e, dx, dg, dy, ROWS);
  wrong += same("rope", e, dy, y, ROWS * 4096 * 4);
  float *matrix = floats(8 * 128 * 128, 0.1f);
  const CUdeviceptr dm = upload(matrix, 8 * 128 * 128 * 4);
  resq_rotate_generic(worker(), 0, x, matrix, y, ROWS, 4096, 4096, 32, 128, 8);
  e = entry("rotate_q_8b", 96, 1, 128, 0);
  ARGUMENTS(&e, dx, dm, dy, ROWS);
  wrong += same("rotate", e, dy, y, ROWS * 4096 * 4);
  return wrong;
}

typedef struct code {
  const char *name;
  int64_t kind, bits;
} code;
static const code codes_of[] = {{"int4", RESQ_KV_INT, 4},
                                {"lm4", RESQ_KV_LM, 4},
                                {"f16", RESQ_KV_F16, 0},
                                {"f32", RESQ_KV_F32, 0}};

static resq_kv_format format_of(const char *name, int64_t size) {
  for (size_t i = 0; i < sizeof codes_of / sizeof *codes_of; i++)
    if (!strcmp(codes_of[i].name, name))
      return (resq_kv_format){size, codes_of[i].kind, codes_of[i].bits,
                              codes_of[i].bits ? size / 8 : 0, 0};
  exit(1);
}

attention_launch attention_of(const char *name, int64_t size) {
  const resq_kv_format f = format_of(name, size);
  const resq_attention_plan p = resq_attention_plan_of(f, f);
  return (attention_launch){(unsigned)(p.warps * RESQ_WARP), p.shared,
                            2 * (size_t)resq_kv_vector_bytes(f)};
}

/// Append some rows of two sequences on both sides, then attend with the last of each.
static int check_attention(const char *name, const char *m, int64_t heads, int64_t kv_heads,
                           int64_t size, int64_t capacity, double bound) {
  enum { FIRST = 700, SECOND = 77, ALL = FIRST + SECOND };
  const resq_kv_format f = format_of(name, size);
  const int64_t kv = kv_heads * size, q = heads * size, ld = q + 2 * kv;
  const size_t bytes = 2 * (size_t)(resq_kv_vector_bytes(f) * kv_heads * capacity * 2);
  int32_t positions[ALL], sequences[ALL];
  for (int i = 0; i < ALL; i++) {
    sequences[i] = i >= FIRST;
    positions[i] = i < FIRST ? i : i - FIRST;
  }
  float *x = floats(ALL * ld, 1.0f), *queries = floats(2 * ld, 3.0f);
  float *want = need(malloc((size_t)(2 * q) * 4)), *got = need(malloc((size_t)(2 * q) * 4));
  uint8_t *cache = need(malloc(bytes));
  const CUdeviceptr dx = upload(x, (size_t)(ALL * ld) * 4), dc = device_bytes(bytes);
  CUdeviceptr dp = upload(positions, sizeof positions), ds = upload(sequences, sizeof sequences);
  memset(cache, 0, bytes);
  resq_kv_append_generic(worker(), 0, x, x + kv, positions, sequences, NULL, cache, ALL, ld, ld,
                         capacity, kv_heads, size, f.kind, f.bits, f.high, 0, f.kind, f.bits,
                         f.high);
  char full[64];
  snprintf(full, sizeof full, "append_%s_%s", name, m);
  launch_entry e = entry(full, 256, 1, 256, 8 * 512);
  CHECK(cu.cuMemsetD8(dc, 0xff, bytes));
  ARGUMENTS(&e, dx, dx + (CUdeviceptr)kv * 4, dp, ds, dc, ALL);
  launch(&e, false);
  CHECK(cu.cuStreamSynchronize(stream));
  const int32_t at[2] = {FIRST - 1, SECOND - 1}, of[2] = {0, 1};
  resq_attention_generic(worker(), 0, queries, at, of, NULL, cache, want, 2, ld, q, capacity, heads,
                         kv_heads, size, 0.088388f, f.kind, f.bits, f.high, 0, f.kind, f.bits,
                         f.high);
  dp = upload(at, sizeof at);
  ds = upload(of, sizeof of);
  const attention_launch a = attention_of(name, size);
  const CUdeviceptr dq = upload(queries, (size_t)(2 * ld) * 4),
                    dy = device_bytes((size_t)(2 * q) * 4);
  const CUdeviceptr partials = device_bytes(16 << 20), counters = device_bytes(4096);
  CHECK(cu.cuMemsetD8(counters, 0, 4096));
  snprintf(full, sizeof full, "attention_%s_%s", name, m);
  double worst = 0;
  for (unsigned splits = 1; splits <= 16; splits *= 4) {
    e = entry(full, splits, (unsigned)(2 * kv_heads), a.threads, a.shared);
    ARGUMENTS(&e, dq, dp, ds, dc, dy, partials, counters);
    CHECK(cu.cuMemsetD8(dy, 0xff, (size_t)(2 * q) * 4));
    launch(&e, splits > 1);
    CHECK(cu.cuStreamSynchronize(stream));
    CHECK(cu.cuMemcpyDtoH(got, dy, (size_t)(2 * q) * 4));
    double square = 0, norm = 0;
    for (int64_t i = 0; i < 2 * q; i++) {
      square += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
      norm += (double)want[i] * want[i];
    }
    const double d = sqrt(square / norm);
    worst = d <= worst ? worst : d;
  }
  printf("%-24s distance %.2e: %s\n", full, worst, worst <= bound ? "within bounds" : "TOO FAR");
  CHECK(cu.cuMemFree(dc));
  return !(worst <= bound);
}

int check_kernels(void) {
  int wrong = check_rows();
  for (size_t i = 0; i < sizeof codes_of / sizeof *codes_of; i++)
    wrong += check_attention(codes_of[i].name, "8b", 32, 8, 128, 32768,
                             codes_of[i].kind == RESQ_KV_LM ? 3e-4 : 1e-5);
  wrong += check_attention("int4", "smol", 9, 3, 64, 2048, 1e-5);
  wrong += check_attention("lm4", "smol", 9, 3, 64, 2048, 3e-4);
  printf("%d wrong\n", wrong);
  return wrong;
}

/// Attention of 8B's shape, over the caches of so many layers that no cache of the chip holds them.
void time_kernels(void) {
  enum { LAYERS = 32 };
  launch_entry list[LAYERS];
  const size_t most = (size_t)12 << 30;
  const CUdeviceptr caches = device_bytes(most), q = device_bytes(1 << 20),
                    y = device_bytes(1 << 20);
  const CUdeviceptr partials = device_bytes(64 << 20), counters = device_bytes(4096);
  const CUdeviceptr positions = device_bytes(256), sequences = device_bytes(256);
  CHECK(cu.cuMemsetD8(caches, 0x23, most));
  CHECK(cu.cuMemsetD8(q, 0x3c, 1 << 20));
  CHECK(cu.cuMemsetD8(counters, 0, 4096));
  CHECK(cu.cuMemsetD8(sequences, 0, 256));
  for (size_t i = 0; i < sizeof codes_of / sizeof *codes_of - 1; i++)
    for (int tokens = 1024; tokens <= 32768; tokens *= tokens == 1024 ? 8 : 4)
      for (int rows = 1; rows <= 4; rows *= 4) {
        const attention_launch a = attention_of(codes_of[i].name, 128);
        const size_t cache = a.vector_bytes * 8 * 32768;
        int32_t at[4], of[4] = {0};
        for (int r = 0; r < 4; r++) {
          at[r] = tokens - 1;
          of[r] = r;
        }
        if (rows * cache * 8 > most)
          continue;
        const int layers = (int)(most / (cache * (size_t)rows)) < LAYERS
                               ? (int)(most / (cache * (size_t)rows))
                               : LAYERS;
        CHECK(cu.cuMemcpyHtoD(positions, at, sizeof at));
        CHECK(cu.cuMemcpyHtoD(sequences, of, sizeof of));
        char name[64];
        snprintf(name, sizeof name, "attention_%s_8b", codes_of[i].name);
        const double bytes = (double)a.vector_bytes * 8 * tokens * rows;
        printf("%s, %d tokens, %d sequences, %.1f MB, floor %.1f us:", name, tokens, rows,
               bytes / 1e6, bytes / 4.6e6);
        for (unsigned splits = 4; splits <= 64; splits *= 2) {
          for (int l = 0; l < LAYERS; l++) {
            list[l] = entry(name, splits, (unsigned)(8 * rows), a.threads, a.shared);
            ARGUMENTS(&list[l], q, positions, sequences,
                      caches + (size_t)(l % layers) * cache * (size_t)rows, y, partials, counters);
          }
          printf(" %u splits %.1f us;", splits, time_list(list, LAYERS, true, 9) / LAYERS);
        }
        printf("\n");
        fflush(stdout);
      }
  CHECK(cu.cuMemFree(caches));
  CHECK(cu.cuMemFree(partials));
}
