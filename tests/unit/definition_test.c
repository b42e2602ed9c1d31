// LINK: compiler
//===-- definition_test.c - the definitions, compiled and run -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Small modules go through --resq-lower-generic and resq_lower_definition to a shared
// object, and are compared with plain C loops that follow dialect/resq.td.
//===----------------------------------------------------------------------===//
#include "lowering/codegen/definition.h"
#include "lowering/entries/entry.h"
#include "lowering/codegen/object.h"
#include "mlir-c/Pass.h"
#include "kernels/layout/pack_layout.h"
#include "resq/abi.h"
#include <dlfcn.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
// cmocka wants the headers above first.
#include <cmocka.h>

//===-- Compiling and calling ---------------------------------------------===//

typedef void entry(resq_worker *);

/// The object of `text`'s @f, linked with a visible name for its hidden entry, loaded.
static entry *load(resq_bytes object) {
  char directory[] = "/tmp/resq-definition-XXXXXX", command[512], path[64];
  assert_non_null(mkdtemp(directory));
  snprintf(path, sizeof path, "%s/f.o", directory);
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(object.data, 1, object.size, f), object.size);
  fclose(f);
  snprintf(command, sizeof command,
           "cd %s && echo 'void f__definition__r16(void *); void run(void *w) { "
           "f__definition__r16(w); }' > run.c && "
           "cc -shared -fPIC run.c f.o -o f.so -lm",
           directory);
  assert_int_equal(system(command), 0);
  snprintf(path, sizeof path, "%s/f.so", directory);
  void *library = dlopen(path, RTLD_NOW);
  if (!library)
    fail_msg("%s", dlerror());
  snprintf(command, sizeof command, "rm -r %s", directory);
  assert_int_equal(system(command), 0);
  entry *run;
  *(void **)&run = dlsym(library, "run");
  assert_non_null(run);
  return run;
}

static entry *compile(const char *text) {
  MlirContext ctx = resqContextCreate();
  MlirModule module = mlirModuleCreateParse(ctx, mlirStringRefCreateFromCString(text));
  assert_false(mlirModuleIsNull(module));
  resq_entries entries = {0};
  assert_true(resq_entries_add(&entries, mlirModuleGetOperation(module), "definition", 16));
  MlirPassManager pm = mlirPassManagerCreate(ctx);
  assert_true(mlirLogicalResultIsSuccess(mlirOpPassManagerAddPipeline(
      mlirPassManagerGetAsOpPassManager(pm), resq_str("resq-lower-generic"), NULL, NULL)));
  assert_true(
      mlirLogicalResultIsSuccess(mlirPassManagerRunOnOp(pm, mlirModuleGetOperation(module))));
  mlirPassManagerDestroy(pm);
  resq_error err = {0};
  resq_bytes object = {NULL, 0};
  MlirOperation op = mlirModuleGetOperation(module);
  if (!resq_lower_definition(op, &entries, &err) ||
      !resq_object_emit(op, resq_level_find("definition"), RESQ_OBJECT_CODE, &object, &err))
    fail_msg("%s", err.message);
  resq_entries_free(&entries);
  mlirModuleDestroy(module);
  mlirContextDestroy(ctx);
  entry *run = load(object);
  resq_bytes_free(&object);
  return run;
}

static uint8_t params[1 << 16] __attribute__((aligned(64)));
static uint8_t cache[1 << 14];
enum { CAPACITY = 64 };

/// Calls with all extents `rows` (0-terminated args).
static void call(entry *run, int64_t rows, void *const *args) {
  int64_t extents[8] = {rows, rows, rows, rows, rows, rows, rows, rows};
  uint8_t *caches[] = {cache};
  resq_call c = {.params = params,
                 .caches = caches,
                 .capacity = CAPACITY,
                 .sequences = 2,
                 .args = args,
                 .rows = extents};
  resq_worker other = {&c, 1, 2, NULL}, first = {&c, 0, 2, NULL};
  run(&other); // returns at once
  run(&first);
}

static float noise(void) {
  static uint32_t state = 12345;
  state = state * 1664525u + 1013904223u;
  return (float)(int32_t)state / 2147483648.0f * 3;
}

static void fill(float *x, int n) {
  for (int i = 0; i < n; i++)
    x[i] = noise();
}

static void assert_close(const float *got, const float *want, int n, float bound) {
  for (int i = 0; i < n; i++)
    if (!(fabsf(got[i] - want[i]) <= bound))
      fail_msg("element %d: %.9g, expected %.9g", i, (double)got[i], (double)want[i]);
}

//===-- Float ops ---------------------------------------------------------===//

static uint16_t to_bf16(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  return (uint16_t)(bits >> 16);
}

static float from_bf16(uint16_t x) {
  uint32_t bits = (uint32_t)x << 16;
  float f;
  memcpy(&f, &bits, 4);
  return f;
}

static void embed_norm_linear(void **state) {
  (void)state;
  entry *run =
      compile("resq.param @t : tensor<20x6x!resq.panel<bf16>> attributes {offset = 0 : i64, size = "
              "384 : i64}\n"
              "resq.param @g : tensor<6xf32> attributes {offset = 1024 : i64, size = 24 : i64}\n"
              "resq.param @w : tensor<3x6xf32> attributes {offset = 2048 : i64, size = 72 : i64}\n"
              "resq.param @b : tensor<3xf32> attributes {offset = 3072 : i64, size = 12 : i64}\n"
              "func.func @f(%ids: tensor<?xi32>) -> (tensor<?x6xf32>, tensor<?x3xf32>) {\n"
              "  %t = resq.get @t : tensor<20x6x!resq.panel<bf16>>\n"
              "  %g = resq.get @g : tensor<6xf32>\n"
              "  %w = resq.get @w : tensor<3x6xf32>\n"
              "  %b = resq.get @b : tensor<3xf32>\n"
              "  %x = resq.embed %ids, %t : tensor<?xi32>, tensor<20x6x!resq.panel<bf16>> -> "
              "tensor<?x6xf32>\n"
              "  %n = resq.rms_norm %x gain %g : tensor<6xf32> {eps = 1.0e-5 : f32} : "
              "tensor<?x6xf32> -> tensor<?x6xf32>\n"
              "  %y = resq.linear %n, %w bias %b : tensor<3xf32> : tensor<?x6xf32>, "
              "tensor<3x6xf32> -> tensor<?x3xf32>\n"
              "  return %x, %y : tensor<?x6xf32>, tensor<?x3xf32>\n}\n");
  uint16_t *table = (uint16_t *)params;
  float *gain = (float *)(params + 1024), *w = (float *)(params + 2048),
        *bias = (float *)(params + 3072);
  for (int i = 0; i < 32 * 6; i++)
    table[i] = to_bf16(noise());
  fill(gain, 6), fill(w, 18), fill(bias, 3);
  int32_t ids[] = {3, 19, -5, 99};
  const int clamped[] = {3, 19, 0, 19};
  float x[4 * 6], y[4 * 3], want_x[4 * 6], want[4 * 3];
  call(run, 4, (void *[]){ids, x, y});
  for (int r = 0; r < 4; r++) {
    float sum = 0;
    for (int i = 0; i < 6; i++) {
      int n = clamped[r];
      want_x[r * 6 + i] = from_bf16(table[(n / 16 * 6 + i) * 16 + n % 16]);
      sum += want_x[r * 6 + i] * want_x[r * 6 + i];
    }
    float root = sqrtf(sum / 6 + 1.0e-5f);
    for (int n = 0; n < 3; n++) {
      float dot = 0;
      for (int i = 0; i < 6; i++)
        dot += want_x[r * 6 + i] / root * gain[i] * w[n * 6 + i];
      want[r * 3 + n] = dot + bias[n];
    }
  }
  assert_memory_equal(x, want_x, sizeof x);
  assert_close(y, want, 12, 1e-5f);
}

static void moves_and_gate(void **state) {
  (void)state;
  entry *run = compile(
      "func.func @f(%x: tensor<?x8xf32>, %list: tensor<?xi32>) -> (tensor<?x6xf32>, "
      "tensor<?x2xf32>, tensor<?x8xf32>,"
      " tensor<?x8xf32>) {\n"
      "  %l, %h = resq.split %x block 4 high 1 : tensor<?x8xf32> -> tensor<?x6xf32>, "
      "tensor<?x2xf32>\n"
      "  %j = resq.join %l, %h block 4 high 1 : tensor<?x6xf32>, tensor<?x2xf32> -> "
      "tensor<?x8xf32>\n"
      "  %p = resq.permute %j order [1, 2, 3, 0, 7, 6, 5, 4] : tensor<?x8xf32> -> tensor<?x8xf32>\n"
      "  %a = resq.slice %p dim 1 begin 3 : tensor<?x8xf32> -> tensor<?x5xf32>\n"
      "  %b = resq.slice %p dim 1 begin 0 : tensor<?x8xf32> -> tensor<?x3xf32>\n"
      "  %c = resq.concat %a, %b dim 1 : tensor<?x5xf32>, tensor<?x3xf32> -> tensor<?x8xf32>\n"
      "  %g = resq.gather_rows %c, %list : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>\n"
      "  %s = resq.gate %x, %x : tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>\n"
      "  %d = resq.add %s, %x : tensor<?x8xf32>\n"
      "  return %l, %h, %g, %d : tensor<?x6xf32>, tensor<?x2xf32>, tensor<?x8xf32>, "
      "tensor<?x8xf32>\n}\n");
  float x[24], low[18], high[6], g[24], d[24];
  int32_t list[] = {2, 0, 1};
  fill(x, 24);
  call(run, 3, (void *[]){x, list, low, high, g, d});
  const int order[] = {1, 2, 3, 0, 7, 6, 5, 4};
  for (int r = 0; r < 3; r++)
    for (int i = 0; i < 8; i++) {
      float e = x[r * 8 + i];
      assert_true(e == (i % 4 < 3 ? low[r * 6 + i / 4 * 3 + i % 4] : high[r * 2 + i / 4]));
      int from = order[i < 5 ? i + 3 : i - 5];
      assert_true(g[r * 8 + i] == x[list[r] * 8 + from]);
      assert_true(fabsf(d[r * 8 + i] - (e / (1 + expf(-e)) * e + e)) <= 1e-6f);
    }
}

static void rope_turns_heads(void **state) {
  (void)state;
  entry *run =
      compile("func.func @f(%p: tensor<?xi32>, %x: tensor<?x12xf32>) -> (tensor<?x4xf32>, "
              "tensor<?x12xf32>) {\n"
              "  %a = resq.rope_angles %p {base = 1.0e4 : f32} : tensor<?xi32> -> tensor<?x4xf32>\n"
              "  %y = resq.rope %x, %a head_size 6 : tensor<?x12xf32>, tensor<?x4xf32> -> "
              "tensor<?x12xf32>\n"
              "  return %a, %y : tensor<?x4xf32>, tensor<?x12xf32>\n}\n");
  int32_t positions[] = {0, 7, 1000};
  float x[36], a[12], y[36];
  fill(x, 36);
  call(run, 3, (void *[]){positions, x, a, y});
  for (int r = 0; r < 3; r++)
    for (int i = 0; i < 2; i++) {
      float angle = (float)positions[r] * (float)(1 / pow(1e4, i / 2.0));
      float c = (float)cos((double)angle), s = (float)sin((double)angle);
      assert_true(a[r * 4 + i] == c && a[r * 4 + 2 + i] == s);
      for (int h = 0; h < 2; h++) {
        const float *in = x + r * 12 + h * 6, *out = y + r * 12 + h * 6;
        assert_true(out[i] == in[i] * c - in[2 + i] * s);
        assert_true(out[2 + i] == in[2 + i] * c + in[i] * s);
        assert_true(out[4 + i] == in[4 + i]);
      }
    }
}

static void rotations(void **state) {
  (void)state;
  entry *run = compile(
      "resq.param @m : tensor<2x3x3xf32> attributes {offset = 0 : i64, size = 72 : i64}\n"
      "func.func @f(%x: tensor<?x12xf32>, %z: tensor<?x24xf32>) -> (tensor<?x12xf32>, "
      "tensor<?x12xf32>,"
      " tensor<?x24xf32>, tensor<?x24xf32>) {\n"
      "  %m = resq.get @m : tensor<2x3x3xf32>\n"
      "  %a = resq.rotate %x, %m : tensor<?x12xf32>, tensor<2x3x3xf32> -> tensor<?x12xf32>\n"
      "  %b = resq.rotate %x, %m transposed : tensor<?x12xf32>, tensor<2x3x3xf32> -> "
      "tensor<?x12xf32>\n"
      "  %h = resq.hadamard %z size 24 : tensor<?x24xf32> -> tensor<?x24xf32>\n"
      "  %i = resq.hadamard %h size 24 transposed : tensor<?x24xf32> -> tensor<?x24xf32>\n"
      "  return %a, %b, %h, %i : tensor<?x12xf32>, tensor<?x12xf32>, tensor<?x24xf32>, "
      "tensor<?x24xf32>\n}\n");
  float *m = (float *)params, x[24], z[48], a[24], b[24], h[48], back[48];
  fill(m, 18), fill(x, 24), fill(z, 48);
  call(run, 2, (void *[]){x, z, a, b, h, back});
  for (int r = 0; r < 2; r++)
    for (int j = 0; j < 4; j++)
      for (int c = 0; c < 3; c++) {
        float sum = 0, transposed = 0;
        for (int k = 0; k < 3; k++) {
          sum += x[r * 12 + j * 3 + k] * m[(j / 2 * 3 + k) * 3 + c];
          transposed += x[r * 12 + j * 3 + k] * m[(j / 2 * 3 + c) * 3 + k];
        }
        assert_true(a[r * 12 + j * 3 + c] == sum && b[r * 12 + j * 3 + c] == transposed);
      }
  int64_t order = resqHadamardOrder(24), length = 24 / order;
  int8_t signs[24 * 24];
  resqHadamardSigns(order, signs);
  for (int r = 0; r < 2; r++)
    for (int64_t i = 0; i < 24; i++) {
      double sum = 0;
      for (int64_t k = 0; k < 24; k++) {
        int odd = __builtin_popcountll((uint64_t)(i % length & k % length)) & 1;
        sum += (double)z[r * 24 + k] * signs[i / length * order + k / length] * (odd ? -1 : 1);
      }
      assert_true(fabs((double)h[r * 24 + i] - sum / sqrt(24)) <= 2e-6);
    }
  assert_close(back, z, 48, 4e-6f);
}

//===-- Integer products --------------------------------------------------===//

/// resq.quantize of one group, as the .td says it.
static void quantize(const float *x, int n, int bits, float clip, int32_t *codes, float *scale,
                     int32_t *zero) {
  float lo = 0, hi = 0, top = (float)((1 << bits) - 1);
  for (int i = 0; i < n; i++)
    lo = fminf(lo, x[i]), hi = fmaxf(hi, x[i]);
  lo *= clip, hi *= clip;
  *scale = fmaxf((hi - lo) / top, 1e-8f);
  *zero = (int32_t)rintf(-lo / *scale);
  for (int i = 0; i < n; i++)
    codes[i] = (int32_t)fminf(fmaxf(rintf(x[i] / *scale) + (float)*zero, 0), top);
}

/// A random weight [n, k] in `packed`; w gets its codes, s its scales [n, k / wgroup].
static void random_weight(uint8_t *packed, int n, int k, int group, int wgroup, int bits,
                          int32_t *w, float *s) {
  resq_pack_clear(packed, n, k, group, wgroup, bits);
  for (int i = 0; i < n; i++) {
    for (int j = 0; j < k; j++) {
      int half = 1 << (bits - 1);
      w[i * k + j] = (int32_t)floorf(noise() / 3 * (float)half);
      resq_pack_weight_code(packed, i, j, w[i * k + j], k, group, bits);
    }
    for (int g = 0; g < k / wgroup; g++) {
      resq_bf16 *scale = resq_packed_scale(packed, i, g, n, k, group, bits);
      *scale = to_bf16(0.01f + fabsf(noise()));
      s[i * (k / wgroup) + g] = from_bf16(*scale);
    }
  }
}

static const char branches[] =
    "!xa = tensor<?x20x!resq.quant<bits = 4, group = 5, zero = true, layout = row>>\n"
    "!xb = tensor<?x6x!resq.quant<bits = 8, group = 3, zero = true, layout = row>>\n"
    "!wa = tensor<19x20x!resq.quant<bits = 4, group = 20, zero = false, layout = n16k4, pack_group "
    "= 5, base = 4>>\n"
    "!wb = tensor<19x6x!resq.quant<bits = 8, group = 3, zero = false, layout = n16k4, pack_group = "
    "3, base = 8>>\n"
    "resq.param @a : !wa attributes {offset = 0 : i64, size = 0 : i64}\n"
    "resq.param @b : !wb attributes {offset = 8192 : i64, size = 0 : i64}\n"
    "resq.param @bias : tensor<19xf32> attributes {offset = 16384 : i64, size = 0 : i64}\n"
    "func.func @f(%x: tensor<?x20xf32>, %z: tensor<?x6xf32>)\n"
    "    -> (tensor<?x19xf32>, tensor<?x20xf32>) {\n"
    "  %a = resq.get @a : !wa\n"
    "  %b = resq.get @b : !wb\n"
    "  %bias = resq.get @bias : tensor<19xf32>\n"
    "  %qx = resq.quantize %x {clip = 0.9 : f32} : tensor<?x20xf32> -> !xa\n"
    "  %qz = resq.quantize %z : tensor<?x6xf32> -> !xb\n"
    "  %y = resq.qlinear %qx, %qz by %a, %b bias %bias : tensor<19xf32>\n"
    "      : !xa, !xb by !wa, !wb -> tensor<?x19xf32>\n"
    "  %d = resq.dequantize %qx : !xa -> tensor<?x20xf32>\n"
    "  return %y, %d : tensor<?x19xf32>, tensor<?x20xf32>\n"
    "}\n";

static void qlinear_is_exact(void **state) {
  (void)state;
  enum { N = 19, A = 20, B = 6 };
  entry *run = compile(branches);
  int32_t wa[N * A], wb[N * B];
  float sa[N], sb[N * 2], x[3 * A], z[3 * B], y[3 * N], d[3 * A], *bias = (float *)(params + 16384);
  random_weight(params, N, A, 5, A, 4, wa, sa);
  random_weight(params + 8192, N, B, 3, 3, 8, wb, sb);
  fill(bias, N), fill(x, 3 * A), fill(z, 3 * B);
  x[7] = 0, x[8] = 100;
  call(run, 3, (void *[]){x, z, y, d});
  for (int r = 0; r < 3; r++) {
    int32_t ca[A], cb[B], za[4], zb[2];
    float xa[4], xb[2];
    for (int g = 0; g < 4; g++)
      quantize(x + r * A + g * 5, 5, 4, 0.9f, ca + g * 5, &xa[g], &za[g]);
    for (int g = 0; g < 2; g++)
      quantize(z + r * B + g * 3, 3, 8, 1, cb + g * 3, &xb[g], &zb[g]);
    for (int i = 0; i < A; i++)
      assert_true(d[r * A + i] == xa[i / 5] * (float)(ca[i] - za[i / 5]));
    for (int n = 0; n < N; n++) {
      float total = bias[n], part = 0;
      for (int g = 0; g < 4; g++) {
        int32_t dot = 0;
        for (int k = g * 5; k < g * 5 + 5; k++)
          dot += (ca[k] - za[g]) * wa[n * A + k];
        part += (float)dot * xa[g];
      }
      total += sa[n] * part;
      for (int g = 0; g < 2; g++) {
        int32_t dot = 0;
        for (int k = g * 3; k < g * 3 + 3; k++)
          dot += (cb[k] - zb[g]) * wb[n * B + k];
        total += sb[n * 2 + g] * ((float)dot * xb[g]);
      }
      if (y[r * N + n] != total)
        fail_msg("row %d channel %d: %.9g, expected %.9g", r, n, (double)y[r * N + n],
                 (double)total);
    }
  }
}

//===-- Caches ------------------------------------------------------------===//

/// What a part of a vector is after the cache: scale in f16, codes in `bits`.
static void through_cache(float *x, int n, int bits) {
  float lo = 0, hi = 0, top = (float)((1 << bits) - 1);
  for (int i = 0; i < n; i++)
    lo = fminf(lo, x[i]), hi = fmaxf(hi, x[i]);
  _Float16 half = (_Float16)fmaxf((hi - lo) / top, 1e-8f);
  float s = half == 0 ? 0x1p-24f : (float)half;
  float z = fminf(rintf(-lo / s), top);
  for (int i = 0; i < n; i++)
    x[i] = s * (fminf(fmaxf(rintf(x[i] / s) + z, 0), top) - z);
}

/// Codes of the Lloyd-Max quantiser for N(0, 1), by search of the nearest centroid; the scale is
/// unbiased for keys, and the least-squares one for values.
static void through_lloyd_max(float *x, int n, int bits, bool is_key) {
  static const float half[4][8] = {{.797884561f},
                                   {.452780035f, 1.51041761f},
                                   {.245094179f, .756005281f, 1.34390928f, 2.1519457f},
                                   {.12839503f, .388048299f, .656759119f, .942340456f, 1.2562312f,
                                    1.61804639f, 2.06901723f, 2.73258957f}};
  double squares = 0, product = 0, centroids = 0;
  float c[16];
  for (int i = 0; i < n; i++)
    squares += (double)x[i] * x[i];
  for (int i = 0; i < n; i++) {
    double deviation = sqrt(squares / n), best = INFINITY;
    for (int j = 0; j < 1 << (bits - 1); j++)
      if (fabs(fabs(x[i]) - half[bits - 1][j] * deviation) < best) {
        best = fabs(fabs(x[i]) - half[bits - 1][j] * deviation);
        c[i] = copysignf(half[bits - 1][j], x[i]);
      }
    product += (double)x[i] * c[i];
    centroids += (double)c[i] * c[i];
  }
  for (int i = 0; i < n; i++)
    x[i] = (float)(_Float16)(is_key ? squares / product : product / centroids) * c[i];
}

/// Two calls: positions 0..2 of sequence 1, then 3 and 4, against attention over decoded vectors.
static void check_attention(const char *keys, const char *values, int k_bits, int k_high,
                            int v_bits) {
  enum { SIZE = 6, HEADS = 4, KV = 2, ROWS = 5 };
  char text[2048];
  snprintf(text, sizeof text,
           "resq.kv_cache @l0 heads 2 size 6 keys %s values %s\n"
           "func.func @f(%%q: tensor<?x24xf32>, %%k: tensor<?x12xf32>, %%v: tensor<?x12xf32>, %%p: "
           "tensor<?xi32>,"
           " %%s: tensor<?xi32>) -> tensor<?x24xf32> {\n"
           "  resq.kv_append @l0, %%k, %%v at %%p, %%s : tensor<?x12xf32>, tensor<?x12xf32>, "
           "tensor<?xi32>\n"
           "  %%y = resq.attention @l0, %%q at %%p, %%s {scale = 0.4 : f32} : tensor<?x24xf32>, "
           "tensor<?xi32> ->"
           " tensor<?x24xf32>\n"
           "  return %%y : tensor<?x24xf32>\n}\n",
           keys, values);
  entry *run = compile(text);
  float q[ROWS * 24], k[ROWS * 12], v[ROWS * 12], y[ROWS * 24];
  int32_t positions[] = {0, 1, 2, 3, 4}, sequences[] = {1, 1, 1, 1, 1};
  fill(q, ROWS * 24), fill(k, ROWS * 12), fill(v, ROWS * 12);
  memset(cache, 0xAA, sizeof cache);
  call(run, 3, (void *[]){q, k, v, positions, sequences, y});
  call(run, 2, (void *[]){q + 72, k + 36, v + 36, positions + 3, sequences, y + 72});
  for (int i = 0; i < ROWS * KV; i++) {
    if (strstr(keys, "lm"))
      through_lloyd_max(k + i * SIZE, SIZE - k_high, k_bits, true);
    else if (k_bits)
      through_cache(k + i * SIZE, SIZE - k_high, k_bits);
    if (k_high)
      through_cache(k + i * SIZE + SIZE - k_high, k_high, 8);
    if (strstr(values, "lm"))
      through_lloyd_max(v + i * SIZE, SIZE, v_bits, false);
    else if (v_bits)
      through_cache(v + i * SIZE, SIZE, v_bits);
    for (int j = 0; v_bits == 0 && strstr(values, "f16") && j < SIZE; j++)
      v[i * SIZE + j] = (float)(_Float16)v[i * SIZE + j];
  }
  for (int r = 0; r < ROWS; r++)
    for (int h = 0; h < HEADS; h++) {
      double p[ROWS], sum = 0;
      for (int t = 0; t <= r; t++) {
        double dot = 0;
        for (int d = 0; d < SIZE; d++)
          dot += (double)q[r * 24 + h * SIZE + d] * k[(t * KV + h / 2) * SIZE + d];
        sum += p[t] = exp(0.4 * dot);
      }
      for (int d = 0; d < SIZE; d++) {
        double mix = 0;
        for (int t = 0; t <= r; t++)
          mix += p[t] / sum * v[(t * KV + h / 2) * SIZE + d];
        if (!(fabs(mix - y[r * 24 + h * SIZE + d]) <= 5e-6))
          fail_msg("%s row %d head %d: %.9g, expected %.9g", keys, r, h,
                   (double)y[r * 24 + h * SIZE + d], mix);
      }
    }
}

static void attention_reads_what_was_appended(void **state) {
  (void)state;
  check_attention("#resq.kv_float<f32>", "#resq.kv_float<f16>", 0, 0, 0);
  check_attention("#resq.kv_int<bits = 3, high = 2>", "#resq.kv_int<bits = 4>", 3, 2, 4);
  check_attention("#resq.kv_int<bits = 2, high = 1>", "#resq.kv_int<bits = 8>", 2, 1, 8);
  check_attention("#resq.kv_int<bits = 5, high = 1>", "#resq.kv_lm<bits = 1>", 5, 1, 1);
  check_attention("#resq.kv_lm<bits = 3, high = 1>", "#resq.kv_lm<bits = 4>", 3, 1, 4);
  check_attention("#resq.kv_lm<bits = 2>", "#resq.kv_float<f32>", 2, 0, 0);
}

/// Signs of S k_low against the estimator of the paper, by hand: S is an argument, rows are odd.
static void attention_estimates_from_signs(void **state) {
  (void)state;
  enum { SIZE = 6, HIGH = 1, LOW = SIZE - HIGH, SIGNS = 11, ROWS = 4 };
  entry *run = compile(
      "resq.kv_cache @l0 heads 1 size 6 keys #resq.kv_qjl<rows = 11, high = 1> "
      "values #resq.kv_float<f32>\n"
      "func.func @f(%q: tensor<?x6xf32>, %k: tensor<?x6xf32>, %s: tensor<11x5xf32>, "
      "%p: tensor<?xi32>, %o: tensor<?xi32>) -> tensor<?x6xf32> {\n"
      "  resq.kv_append @l0, %k, %k at %p, %o sketch %s : tensor<11x5xf32> : tensor<?x6xf32>, "
      "tensor<?x6xf32>, tensor<?xi32>\n"
      "  %y = resq.attention @l0, %q at %p, %o sketch %s : tensor<11x5xf32> {scale = 0.4 : f32} : "
      "tensor<?x6xf32>, tensor<?xi32> -> tensor<?x6xf32>\n"
      "  return %y : tensor<?x6xf32>\n}\n");
  float q[ROWS * SIZE], k[ROWS * SIZE], sketch[SIGNS * LOW], y[ROWS * SIZE];
  int32_t positions[] = {0, 1, 2, 3}, sequences[] = {0, 0, 0, 0};
  fill(q, ROWS * SIZE), fill(k, ROWS * SIZE), fill(sketch, SIGNS * LOW);
  call(run, ROWS, (void *[]){q, k, sketch, positions, sequences, y});
  for (int r = 0; r < ROWS; r++) {
    double p[ROWS], sum = 0;
    for (int t = 0; t <= r; t++) {
      double norm = 0, signs = 0;
      for (int i = 0; i < LOW; i++)
        norm += (double)k[t * SIZE + i] * k[t * SIZE + i];
      for (int j = 0; j < SIGNS; j++) {
        double of_q = 0, of_k = 0;
        for (int i = 0; i < LOW; i++) {
          of_q += (double)sketch[j * LOW + i] * q[r * SIZE + i];
          of_k += (double)sketch[j * LOW + i] * k[t * SIZE + i];
        }
        signs += of_k > 0 ? of_q : -of_q;
      }
      float high = k[t * SIZE + LOW];
      through_cache(&high, 1, 8);
      double score = sqrt(M_PI / 2) / SIGNS * (double)(_Float16)sqrt(norm) * signs +
                     (double)q[r * SIZE + LOW] * high;
      sum += p[t] = exp(0.4 * score);
    }
    for (int d = 0; d < SIZE; d++) {
      double mix = 0;
      for (int t = 0; t <= r; t++)
        mix += p[t] / sum * k[t * SIZE + d];
      assert_true(fabs(mix - y[r * SIZE + d]) <= 5e-6);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(embed_norm_linear),
      cmocka_unit_test(moves_and_gate),
      cmocka_unit_test(rope_turns_heads),
      cmocka_unit_test(rotations),
      cmocka_unit_test(qlinear_is_exact),
      cmocka_unit_test(attention_reads_what_was_appended),
      cmocka_unit_test(attention_estimates_from_signs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
