// LINK: compiler
//===-- materialize_test.c - recipes to bytes -----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Small modules over a GGUF file of noise; results against loops written here.
//===----------------------------------------------------------------------===//
#include "base/philox.h"
#include "dialect/build.h"
#include "kernels/layout/pack_layout.h"
#include "kernels/layout/trellis_weights.h"
#include "lowering/numeric/clip_ratio.h"
#include "lowering/numeric/gptq.h"
#include "lowering/recipes/materialize.h"
#include "lowering/numeric/quantize_weight.h"
#include "lowering/numeric/statistics.h"
#include "tests/unit/gguf_writer.h"

// Before cmocka.h, which does not include them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <math.h>
#include <unistd.h>

static char directory[] = "/tmp/resq_materialize_XXXXXX";
static char gguf_path[64], out_path[64], cache_path[64];
static MlirContext ctx;
static float *w, *gain, *table; ///< the file's tensors: [24, 16], [16], [9000, 48]
enum { OUT = 24, IN = 16, VOCABULARY = 9000, WIDTH = 48 };

//===-- Setup -------------------------------------------------------------===//

static float *noise(gguf_writer *writer, const char *name, uint64_t outer, uint64_t inner) {
  size_t before = writer->data.size;
  gguf_random(writer, name, outer, inner);
  size_t bytes = inner * (outer ? outer : 1) * sizeof(float);
  float *copy = malloc(bytes);
  before = (before + writer->alignment - 1) / writer->alignment * writer->alignment;
  memcpy(copy, writer->data.data + before, bytes);
  return copy;
}

static int set_up(void **state) {
  (void)state;
  if (!mkdtemp(directory))
    return -1;
  snprintf(gguf_path, sizeof gguf_path, "%s/m.gguf", directory);
  snprintf(out_path, sizeof out_path, "%s/out", directory);
  snprintf(cache_path, sizeof cache_path, "%s/cache/deep", directory);
  gguf_writer writer = gguf_writer_begin();
  w = noise(&writer, "w", OUT, IN);
  gain = noise(&writer, "gain", 0, IN);
  table = noise(&writer, "table", VOCABULARY, WIDTH);
  gguf_bytes bytes = gguf_writer_finish(&writer);
  FILE *file = fopen(gguf_path, "wb");
  fwrite(bytes.data, 1, bytes.size, file);
  free(bytes.data);
  ctx = resqContextCreate();
  return fclose(file);
}

static int tear_down(void **state) {
  (void)state;
  mlirContextDestroy(ctx);
  char command[128];
  snprintf(command, sizeof command, "rm -r %s", directory);
  free(w), free(gain), free(table);
  return system(command);
}

//===-- Running -----------------------------------------------------------===//

typedef struct result {
  bool ok;
  resq_error err;
  MlirModule module;
  resq_map bytes;
} result;

/// A leaf of tensor "=dense<...>" becomes that constant. The verifier of resq.param takes no
/// arith.constant, but passes that fold may leave one, and the evaluator knows it.
static void make_constant(MlirOperation leaf, void *user) {
  (void)user;
  MlirStringRef text = resq_op_str(leaf, "tensor");
  if (text.length == 0 || text.data[0] != '=')
    return;
  MlirType type = mlirValueGetType(mlirOperationGetResult(leaf, 0));
  MlirType element = mlirShapedTypeGetElementType(type);
  char attr[512];
  int at = snprintf(attr, sizeof attr, "%.*s : tensor<", (int)text.length - 1, text.data + 1);
  for (intptr_t i = 0; i < mlirShapedTypeGetRank(type); ++i)
    at += snprintf(attr + at, sizeof attr - (size_t)at, "%dx",
                   (int)mlirShapedTypeGetDimSize(type, i));
  snprintf(attr + at, sizeof attr - (size_t)at, "%s>",
           mlirTypeIsAF32(element)   ? "f32"
           : mlirTypeIsAF64(element) ? "f64"
                                     : "i32");
  resq_builder b = resq_build_before(leaf);
  MlirNamedAttribute value = resq_attr(ctx, "value", mlirAttributeParseGet(ctx, resq_str(attr)));
  MlirValue constant = resq_build_value(&b, "arith.constant", 0, NULL, type, 1, &value);
  resq_replace(leaf, 1, &constant);
}

/// A module of `params` and a function that gets each "name : type" of the NULL-terminated list.
static result run_with(const char *params, const char *const *gets,
                       const resq_materialize_options *options) {
  char text[16384];
  int at = snprintf(text, sizeof text, "resq.checkpoint @m \"%s\", gguf\n%s\nfunc.func @f() {\n",
                    gguf_path, params);
  for (int i = 0; gets[i]; ++i)
    at += snprintf(text + at, sizeof text - (size_t)at, "%%%d = resq.get @%s\n", i, gets[i]);
  snprintf(text + at, sizeof text - (size_t)at, "return\n}\n");
  result r = {.module = mlirModuleCreateParse(ctx, resq_str(text))};
  if (mlirModuleIsNull(r.module))
    fail_msg("does not parse:\n%s", text);
  resq_for_each(mlirModuleGetOperation(r.module), "resq.leaf", make_constant, NULL);
  resq_out *out = resq_out_create(out_path, 0644, &r.err);
  assert_non_null(out);
  r.ok = resq_materialize(mlirModuleGetOperation(r.module), out, options, &r.err);
  if (!r.ok) {
    resq_out_discard(out);
    return r;
  }
  assert_true(resq_out_commit(out, &r.err));
  assert_true(resq_map_open(&r.bytes, out_path, &r.err));
  return r;
}

static result run(const char *params, const char *const *gets) {
  static const resq_materialize_options two = {.threads = 2};
  result r = run_with(params, gets, &two);
  if (!r.ok)
    fail_msg("%s", r.err.message);
  return r;
}

static void finish(result *r) {
  if (r->ok)
    resq_map_close(&r->bytes);
  mlirModuleDestroy(r->module);
}

static const void *param(const result *r, const char *name, uint64_t *size) {
  MlirOperation op = resq_symbol(mlirModuleGetOperation(r->module), resq_str(name));
  assert_false(mlirOperationIsNull(op));
  int64_t offset = resq_op_i64(op, "offset");
  *size = (uint64_t)resq_op_i64(op, "size");
  assert_int_equal(offset % 64, 0);
  assert_true((uint64_t)offset + *size <= r->bytes.size);
  assert_true(mlirBlockIsNull(mlirRegionGetFirstBlock(mlirOperationGetRegion(op, 0))));
  return r->bytes.data + offset;
}

static const float *floats(const result *r, const char *name, int64_t count) {
  uint64_t size;
  const float *data = param(r, name, &size);
  assert_int_equal(size, (uint64_t)count * sizeof(float));
  return data;
}

static void expect_error(const char *params, const char *get, const char *why) {
  const char *gets[] = {get, NULL};
  result r = run_with(params, gets, NULL);
  if (r.ok || !strstr(r.err.message, why) || !strstr(r.err.message, "@p"))
    fail_msg("wanted '%s', got: %s", why, r.ok ? "success" : r.err.message);
  finish(&r);
}

//===-- Values ------------------------------------------------------------===//

static void test_leaves_and_module(void **state) {
  (void)state;
  result r =
      run("resq.param @w : tensor<24x16xf32> { %0 = resq.leaf @m \"w\" : tensor<24x16xf32>\n"
          "resq.yield %0 : tensor<24x16xf32> }\n"
          "resq.param @unused : tensor<4xf32> { %0 = resq.leaf @m \"absent\" : tensor<4xf32>\n"
          "resq.yield %0 : tensor<4xf32> }\n"
          "resq.param @h : tensor<16xbf16> { %0 = resq.leaf @m \"gain\" : tensor<16xf32>\n"
          "%1 = resq.cast %0 : tensor<16xf32> -> tensor<16xbf16>\n"
          "resq.yield %1 : tensor<16xbf16> }\n",
          (const char *const[]){"h : tensor<16xbf16>", "w : tensor<24x16xf32>", NULL});
  assert_memory_equal(floats(&r, "w", OUT * IN), w, sizeof(float[OUT * IN]));
  uint64_t size;
  const uint16_t *half = param(&r, "h", &size);
  assert_int_equal(size, 2 * IN);
  for (int i = 0; i < IN; ++i) {
    uint32_t wide = (uint32_t)half[i] << 16;
    float x;
    memcpy(&x, &wide, sizeof x);
    assert_true(x == resq_round_bf16(gain[i]));
  }
  MlirOperation module = mlirModuleGetOperation(r.module);
  assert_true(mlirOperationIsNull(resq_symbol(module, resq_str("unused"))));
  assert_true(mlirOperationVerify(module));
  finish(&r);
}

static void test_rotation_in_f64(void **state) {
  (void)state;
  result r = run(
      "resq.param @u : tensor<16x16xf64> {\n"
      "%0 = resq.random_orthogonal [12, 4] seed 3 : tensor<16x16xf64>\n"
      "resq.yield %0 : tensor<16x16xf64> }\n"
      "resq.param @y : tensor<24x16xf32> {\n"
      "%0 = resq.leaf @m \"w\" : tensor<24x16xf32>\n"
      "%g = resq.leaf @m \"gain\" : tensor<16xf32>\n"
      "%1 = resq.scale_columns %0, %g : tensor<24x16xf32>, tensor<16xf32> -> tensor<24x16xf32>\n"
      "%u = resq.get @u : tensor<16x16xf64>\n"
      "%2 = resq.rotate %1, %u : tensor<24x16xf32>, tensor<16x16xf64> -> tensor<24x16xf32>\n"
      "resq.yield %2 : tensor<24x16xf32> }\n"
      "resq.param @back : tensor<24x16xf32> {\n"
      "%0 = resq.get @y : tensor<24x16xf32>\n"
      "%u = resq.get @u : tensor<16x16xf64>\n"
      "%1 = resq.rotate %0, %u transposed : tensor<24x16xf32>, tensor<16x16xf64> -> "
      "tensor<24x16xf32>\n"
      "resq.yield %1 : tensor<24x16xf32> }\n",
      (const char *const[]){"u : tensor<16x16xf64>", "y : tensor<24x16xf32>",
                            "back : tensor<24x16xf32>", NULL});
  uint64_t size;
  const double *u = param(&r, "u", &size);
  assert_true(u[12] == 0 && u[12 * 16] == 0 && u[0] != 0);
  const float *y = floats(&r, "y", OUT * IN), *back = floats(&r, "back", OUT * IN);
  for (int i = 0; i < OUT; ++i)
    for (int j = 0; j < IN; ++j) {
      double sum = 0;
      for (int k = 0; k < IN; ++k)
        sum += (double)w[i * IN + k] * (double)gain[k] * u[k * IN + j];
      assert_true(fabs(sum - (double)y[i * IN + j]) <= 1e-7);
      assert_true(fabsf(back[i * IN + j] - w[i * IN + j] * gain[j]) <= 1e-6f);
    }
  finish(&r);
}

/// Ops that undo each other leave the leaf.
static void test_movement_round_trips(void **state) {
  (void)state;
  result r = run(
      "resq.param @p : tensor<24x16xf32> {\n"
      "%0 = resq.leaf @m \"w\" : tensor<24x16xf32>\n"
      "%low, %high = resq.split %0 block 8 high 3 : tensor<24x16xf32> -> tensor<24x10xf32>, "
      "tensor<24x6xf32>\n"
      "%1 = resq.join %low, %high block 8 high 3 : tensor<24x10xf32>, tensor<24x6xf32> -> "
      "tensor<24x16xf32>\n"
      "%2 = resq.transpose %1 : tensor<24x16xf32> -> tensor<16x24xf32>\n"
      "%a = resq.slice %2 dim 0 begin 0 : tensor<16x24xf32> -> tensor<5x24xf32>\n"
      "%b = resq.slice %2 dim 0 begin 5 : tensor<16x24xf32> -> tensor<11x24xf32>\n"
      "%3 = resq.concat %a, %b dim 0 : tensor<5x24xf32>, tensor<11x24xf32> -> tensor<16x24xf32>\n"
      "%4 = resq.transpose %3 : tensor<16x24xf32> -> tensor<24x16xf32>\n"
      "%c = resq.slice %4 dim 1 begin 9 : tensor<24x16xf32> -> tensor<24x7xf32>\n"
      "%d = resq.slice %4 dim 1 begin 0 : tensor<24x16xf32> -> tensor<24x9xf32>\n"
      "%5 = resq.concat %d, %c dim 1 : tensor<24x9xf32>, tensor<24x7xf32> -> tensor<24x16xf32>\n"
      "%6 = resq.permute %5 order [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0] : "
      "tensor<24x16xf32> -> tensor<24x16xf32>\n"
      "%i = resq.leaf @m \"=dense<[15, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]>\" : "
      "tensor<16xi32>\n"
      "%7 = resq.permute %6 by %i : tensor<16xi32> : tensor<24x16xf32> -> tensor<24x16xf32>\n"
      "resq.yield %7 : tensor<24x16xf32> }\n"
      "resq.param @d : tensor<24x16xf32> {\n"
      "%0 = resq.leaf @m \"w\" : tensor<24x16xf32>\n"
      "%1 = resq.deinterleave %0 heads 2 : tensor<24x16xf32> -> tensor<24x16xf32>\n"
      "resq.yield %1 : tensor<24x16xf32> }\n",
      (const char *const[]){"p : tensor<24x16xf32>", "d : tensor<24x16xf32>", NULL});
  assert_memory_equal(floats(&r, "p", OUT * IN), w, sizeof(float[OUT * IN]));
  const float *d = floats(&r, "d", OUT * IN);
  for (int row = 0; row < OUT; ++row) {
    int i = row % 12, old = row - i + (i < 6 ? 2 * i : 2 * (i - 6) + 1);
    assert_memory_equal(d + row * IN, w + old * IN, sizeof(float[IN]));
  }
  finish(&r);
}

static void test_matrix_ops(void **state) {
  (void)state;
  result r =
      run("resq.param @p : tensor<4x4xf64> {\n" // eigenbasis of the sum of two normalised blocks
          "%0 = resq.leaf @m \"=dense<[[[2.0, 1.0], [1.0, 2.0]], [[5.0, 0.0], [0.0, 3.0]]]>\" : "
          "tensor<2x2x2xf64>\n"
          "%1 = resq.normalize_trace %0 : tensor<2x2x2xf64>\n"
          "%2 = resq.sum_blocks %1 : tensor<2x2x2xf64> -> tensor<2x2xf64>\n"
          "%e = resq.eye : tensor<2x2xf64>\n"
          "%3 = resq.kron %e, %2 : tensor<2x2xf64>, tensor<2x2xf64> -> tensor<4x4xf64>\n"
          "%4 = resq.transpose %3 : tensor<4x4xf64> -> tensor<4x4xf64>\n"
          "%5 = resq.add %3, %4 : tensor<4x4xf64>\n"
          "resq.yield %5 : tensor<4x4xf64> }\n"
          "resq.param @q : tensor<2x2x2xf64> {\n"
          "%0 = resq.leaf @m \"=dense<[[[2.0, 1.0], [1.0, 2.0]], [[5.0, 0.0], [0.0, 3.0]]]>\" : "
          "tensor<2x2x2xf64>\n"
          "%1 = resq.eigenbasis %0 : tensor<2x2x2xf64>\n"
          "resq.yield %1 : tensor<2x2x2xf64> }\n"
          "resq.param @r : tensor<2x2x2xf64> {\n"
          "%0 = resq.get @q : tensor<2x2x2xf64>\n"
          "%c = resq.leaf @m \"=dense<2.0>\" : tensor<2x2xf64>\n"
          "%1 = resq.matmul %0, %c : tensor<2x2x2xf64>, tensor<2x2xf64> -> tensor<2x2x2xf64>\n"
          "resq.yield %1 : tensor<2x2x2xf64> }\n",
          (const char *const[]){"p : tensor<4x4xf64>", "q : tensor<2x2x2xf64>",
                                "r : tensor<2x2x2xf64>", NULL});
  uint64_t size;
  const double *p = param(&r, "p", &size), *q = param(&r, "q", &size), *s = param(&r, "r", &size);
  const double block[4] = {2 * (0.5 + 0.625), 2 * 0.25, 2 * 0.25, 2 * (0.5 + 0.375)};
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 4; ++j)
      assert_true(fabs(p[i * 4 + j] - (i / 2 == j / 2 ? block[i % 2 * 2 + j % 2] : 0)) < 1e-15);
  const double h = sqrt(0.5), vectors[8] = {h, h, -h, h, 0, 1, 1, 0};
  for (int i = 0; i < 8; ++i)
    assert_true(fabs(fabs(q[i]) - fabs(vectors[i])) < 1e-15);
  assert_true(q[5] == 1 && q[6] == 1);
  for (int i = 0; i < 4; ++i)
    assert_true(fabs(s[2 * i] - 2 * (q[2 * i] + q[2 * i + 1])) < 1e-15);
  finish(&r);
}

/// Neighbours sum to groups; the inverse transpose is that of each matrix.
static void test_pair_ops(void **state) {
  (void)state;
  result r = run("resq.param @p : tensor<2x2x2xf64> {\n"
                 "%0 = resq.leaf @m \"=dense<[[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0], [0.0, 1.0]], "
                 "[[0.0, 4.0], [1.0, 0.0]], [[5.0, 0.0], [0.0, 3.0]]]>\" : tensor<4x2x2xf64>\n"
                 "%1 = resq.sum_blocks %0 into 2 : tensor<4x2x2xf64> -> tensor<2x2x2xf64>\n"
                 "resq.yield %1 : tensor<2x2x2xf64> }\n"
                 "resq.param @q : tensor<2x2x2xf64> {\n"
                 "%0 = resq.get @p : tensor<2x2x2xf64>\n"
                 "%1 = resq.inverse_transpose %0 : tensor<2x2x2xf64> -> tensor<2x2x2xf64>\n"
                 "resq.yield %1 : tensor<2x2x2xf64> }\n",
                 (const char *const[]){"p : tensor<2x2x2xf64>", "q : tensor<2x2x2xf64>", NULL});
  assert_true(r.ok);
  uint64_t size;
  const double *p = param(&r, "p", &size), *q = param(&r, "q", &size);
  const double sums[8] = {2, 2, 0, 2, 5, 4, 1, 3};
  const double inverses[8] = {0.5, 0, -0.5, 0.5, 3. / 11, -1. / 11, -4. / 11, 5. / 11};
  assert_memory_equal(p, sums, sizeof sums);
  for (int i = 0; i < 8; ++i)
    assert_true(fabs(q[i] - inverses[i]) < 1e-15);
  finish(&r);
}

/// Blocks of each kind: what they are made of, and that nothing stands between them.
static void test_random_matrix(void **state) {
  (void)state;
  result r = run("resq.param @h : tensor<17x17xf64> {\n" // 12 known, 5 not: Haar
                 "%0 = resq.random_matrix [12, 5] hadamard seed 3 : tensor<17x17xf64>\n"
                 "resq.yield %0 : tensor<17x17xf64> }\n"
                 "resq.param @g : tensor<17x17xf64> {\n"
                 "%0 = resq.random_matrix [12, 5] gaussian seed 3 : tensor<17x17xf64>\n"
                 "resq.yield %0 : tensor<17x17xf64> }\n"
                 "resq.param @b : tensor<17x17xf64> {\n"
                 "%0 = resq.random_matrix [12, 5] bernoulli seed 3 : tensor<17x17xf64>\n"
                 "resq.yield %0 : tensor<17x17xf64> }\n",
                 (const char *const[]){"h : tensor<17x17xf64>", "g : tensor<17x17xf64>",
                                       "b : tensor<17x17xf64>", NULL});
  assert_true(r.ok);
  uint64_t size;
  const double *h = param(&r, "h", &size), *g = param(&r, "g", &size), *b = param(&r, "b", &size);
  for (int i = 0; i < 17; ++i)
    for (int j = 0; j < 17; ++j) {
      double dot = 0, unit = sqrt(1.0 / (i < 12 ? 12 : 5));
      for (int k = 0; k < 17; ++k)
        dot += h[k * 17 + i] * h[k * 17 + j];
      assert_true(fabs(dot - (i == j)) < 1e-14);
      bool inside = (i < 12) == (j < 12);
      if (inside && i < 12)
        assert_true(fabs(fabs(h[i * 17 + j]) - unit) < 1e-15);
      assert_true(fabs(fabs(b[i * 17 + j]) - (inside ? unit : 0)) < 1e-15);
      double normal = inside ? unit * resq_philox_normal(3, (uint64_t)(i * 17 + j)) : 0;
      assert_true(fabs(g[i * 17 + j] - normal) < 1e-15);
    }
  finish(&r);
}

static void take_warning(void *user, const char *text) { snprintf(user, 512, "%s", text); }

/// What is inverted and hardly can be is a warning, also when the cache holds the result.
static void test_condition(void **state) {
  (void)state;
  char said[512] = "";
  char folder[80];
  snprintf(folder, sizeof folder, "%s/condition", directory);
  resq_materialize_options options = {
      .cache_directory = folder, .warn = take_warning, .warn_user = said};
  for (int i = 0; i < 2; ++i) {
    said[0] = 0;
    result r =
        run_with("resq.param @p : tensor<2x2xf64> {\n"
                 "%0 = resq.leaf @m \"=dense<[[1.0, 0.0], [0.0, 1.0e-7]]>\" : tensor<2x2xf64>\n"
                 "%1 = resq.inverse_transpose %0 : tensor<2x2xf64> -> tensor<2x2xf64>\n"
                 "resq.yield %1 : tensor<2x2xf64> }\n",
                 (const char *const[]){"p : tensor<2x2xf64>", NULL}, &options);
    assert_true(r.ok);
    assert_string_equal(
        said, "@p: condition number 10000000.0: above 1e+06 its inverse is inexact in f32");
    finish(&r);
  }
  expect_error("resq.param @p : tensor<2x2xf64> {\n"
               "%0 = resq.leaf @m \"=dense<1.0>\" : tensor<2x2xf64>\n"
               "%1 = resq.inverse_transpose %0 : tensor<2x2xf64> -> tensor<2x2xf64>\n"
               "resq.yield %1 : tensor<2x2xf64> }\n",
               "p : tensor<2x2xf64>", "matrix 0 is singular");
  expect_error("resq.param @p : tensor<8x8xf64> {\n"
               "%0 = resq.random_matrix [8] gaussian seed 1 departure 0.5 : tensor<8x8xf64>\n"
               "resq.yield %0 : tensor<8x8xf64> }\n",
               "p : tensor<8x8xf64>", "departs from an orthogonal one");
}

/// The op and the matrix agree: hadamard x = rotate x by the matrix transposed.
static void test_hadamard_op_is_its_matrix(void **state) {
  (void)state;
  result r = run("resq.param @a : tensor<9000x48xf32> {\n"
                 "%0 = resq.leaf @m \"table\" : tensor<9000x48xf32>\n"
                 "%1 = resq.hadamard %0 size 48 : tensor<9000x48xf32> -> tensor<9000x48xf32>\n"
                 "resq.yield %1 : tensor<9000x48xf32> }\n"
                 "resq.param @b : tensor<9000x48xf32> {\n"
                 "%0 = resq.leaf @m \"table\" : tensor<9000x48xf32>\n"
                 "%h = resq.hadamard_matrix seed 0 : tensor<48x48xf64>\n"
                 "%1 = resq.rotate %0, %h transposed : tensor<9000x48xf32>, tensor<48x48xf64> -> "
                 "tensor<9000x48xf32>\n"
                 "resq.yield %1 : tensor<9000x48xf32> }\n",
                 (const char *const[]){"a : tensor<9000x48xf32>", "b : tensor<9000x48xf32>", NULL});
  const float *a = floats(&r, "a", VOCABULARY * WIDTH), *b = floats(&r, "b", VOCABULARY * WIDTH);
  for (int i = 0; i < VOCABULARY * WIDTH; ++i)
    assert_true(fabsf(a[i] - b[i]) < 1e-6f);
  finish(&r);
}

//===-- Packed weights ----------------------------------------------------===//

// Types of w's codes: in rows, and packed for an activation in groups of 4.
#define CODES(rows, bits, codebook)                                                                \
  "tensor<" rows "x16x!resq.quant<bits = " bits                                                    \
  ", group = 16, zero = false, layout = row" codebook ">>"
#define PACKED(rows, bits, codebook, base)                                                         \
  "tensor<" rows "x16x!resq.quant<bits = " bits                                                    \
  ", group = 16, zero = false, layout = n16k4" codebook ", pack_group = 4, base = " base ">>"

/// A param of the packed codes of `value`, %0.
#define QUANT_RECIPE(value, row, packed)                                                           \
  "resq.param @p : " packed " {\n" value                                                           \
  "%1 = resq.quantize_weight %0 : tensor<24x16xf32> -> " row "\n%2 = resq.pack %1 : " row          \
  " -> " packed "\nresq.yield %2 : " packed " }\n"
#define LEAF "%0 = resq.leaf @m \"w\" : tensor<24x16xf32>\n"

#define PACK_INTEGERS QUANT_RECIPE(LEAF, CODES("24", "4", ""), PACKED("24", "4", "", "4"))
#define QUANT_GET "p : " PACKED("24", "4", "", "4")

static void test_packed_codes(void **state) {
  (void)state;
  result r = run(PACK_INTEGERS, (const char *const[]){QUANT_GET, NULL});
  int8_t codes[OUT * IN];
  float scales[OUT];
  resq_weight_code how = {resq_codebook_of(RESQ_CODE_INTEGER, 4), IN, 28, 2.4f};
  resq_quantize_weight(1, w, OUT, IN, &how, codes, scales);
  uint64_t size;
  uint8_t *packed = (uint8_t *)(uintptr_t)param(&r, "p", &size);
  assert_int_equal(size, resq_packed_weight_size(OUT, IN, 4, IN, 4));
  for (int n = 0; n < 32; ++n) {
    for (int k = 0; k < IN; ++k)
      assert_int_equal(resq_unpack_weight_code(packed, n, k, IN, 4, 4),
                       n < OUT ? codes[n * IN + k] : 0);
    float scale;
    uint32_t bits = (uint32_t)*resq_packed_scale(packed, n, 0, OUT, IN, 4, 4) << 16;
    memcpy(&scale, &bits, sizeof scale);
    assert_true(scale == (n < OUT ? scales[n] : 0));
  }
  finish(&r);
}

#define E4M3_PACKED PACKED("24", "8", ", codebook = e4m3", "8")
#define E4M3_RECIPE(value) QUANT_RECIPE(value, CODES("24", "8", ", codebook = e4m3"), E4M3_PACKED)

static void test_packed_e4m3(void **state) {
  (void)state;
  result r = run(E4M3_RECIPE(LEAF), (const char *const[]){"p : " E4M3_PACKED, NULL});
  int8_t codes[OUT * IN];
  float scales[OUT];
  resq_weight_code how = {resq_codebook_of(RESQ_CODE_E4M3, 8), IN, 28, 2.4f};
  resq_quantize_weight(1, w, OUT, IN, &how, codes, scales);
  uint64_t size;
  uint8_t *packed = (uint8_t *)(uintptr_t)param(&r, "p", &size);
  assert_int_equal(size, resq_packed_weight_size(OUT, IN, 4, IN, 8));
  for (int n = 0; n < 32; ++n)
    for (int k = 0; k < IN; ++k) {
      int64_t at =
          resq_packed_unit_at(n, k, IN, 4, 8) + resq_packed_index(n, resq_packed_column(k, 4));
      assert_int_equal(packed[at], n < OUT ? (uint8_t)codes[n * IN + k] : 0);
    }
  finish(&r);
}

static void test_e4m3_of_no_numbers(void **state) {
  (void)state;
  expect_error(E4M3_RECIPE("%0 = resq.leaf @m \"=dense<0x7f800000>\" : tensor<24x16xf32>\n"),
               "p : " E4M3_PACKED, "must be finite");
}

/// Codes are the last bits of places; those of channels that do not exist close the ring.
static void check_packed_trellis(const char *recipe, const char *get, unsigned bits) {
  result r = run(recipe, (const char *const[]){get, NULL});
  int8_t places[OUT * IN];
  float scales[OUT];
  resq_weight_code how = {resq_codebook_of(RESQ_CODE_TRELLIS, bits), IN, 28, 2.0};
  resq_quantize_weight(1, w, OUT, IN, &how, places, scales);
  uint64_t size;
  const uint8_t *packed = param(&r, "p", &size);
  assert_int_equal(size, resq_packed_weight_size(OUT, IN, 4, IN, bits));
  for (int n = 0; n < OUT; ++n)
    for (int k = 0; k < IN; ++k) {
      int state = 0, code = 0;
      for (int back = resq_trellis_memory(bits); back >= 0; --back) {
        if (back < resq_trellis_memory(bits))
          state = resq_trellis_next(state, code, bits);
        code = resq_unpack_weight_code(packed, n / 16 * 16 + (n + 16 - back) % 16, k, IN, 4, bits) +
               resq_packed_offset(bits);
      }
      assert_int_equal(resq_trellis_place(state, code, bits), places[n * IN + k]);
    }
  finish(&r);
}

#define TRELLIS3 ", codebook = trellis, states = 8"
#define TRELLIS4 ", codebook = trellis, states = 4"
#define PACKED3 PACKED("24", "3", TRELLIS3, "2, planes = 1")
#define PACKED4 PACKED("24", "4", TRELLIS4, "4")

static void test_packed_trellis(void **state) {
  (void)state;
  check_packed_trellis(QUANT_RECIPE(LEAF, CODES("24", "3", TRELLIS3), PACKED3), "p : " PACKED3, 3);
  check_packed_trellis(QUANT_RECIPE(LEAF, CODES("24", "4", TRELLIS4), PACKED4), "p : " PACKED4, 4);
}

/// On top of each other they stay rings from multiples of 16 on alone.
static void test_piled_trellis(void **state) {
  (void)state;
  expect_error("resq.param @p : " PACKED(
                   "48", "4", TRELLIS4,
                   "4") " {\n" LEAF
                        "%1 = resq.quantize_weight %0 : tensor<24x16xf32> -> " CODES(
                            "24", "4",
                            TRELLIS4) "\n"
                                      "%2 = resq.concat %1, %1 dim 0 : " CODES("24", "4", TRELLIS4) ", " CODES(
                                          "24", "4",
                                          TRELLIS4) " -> " CODES("48", "4",
                                                                 TRELLIS4) "\n"
                                                                           "%3 = resq.pack %2 "
                                                                           ": " CODES("48", "4", TRELLIS4) " -> " PACKED(
                                                                               "48", "4", TRELLIS4,
                                                                               "4") "\n"
                                                                                    "resq.yield %3 "
                                                                                    ": " PACKED(
                                                                                        "48", "4",
                                                                                        TRELLIS4,
                                                                                        "4") " }\n",
               "p : " PACKED("48", "4", TRELLIS4, "4"),
               "begin at row 24, allowed: multiples of 16");
}

static void test_panel(void **state) {
  (void)state;
  result r = run("resq.param @p : tensor<9000x48x!resq.panel<f32>> {\n"
                 "%0 = resq.leaf @m \"table\" : tensor<9000x48xf32>\n"
                 "%1 = resq.pack %0 : tensor<9000x48xf32> -> tensor<9000x48x!resq.panel<f32>>\n"
                 "resq.yield %1 : tensor<9000x48x!resq.panel<f32>> }\n",
                 (const char *const[]){"p : tensor<9000x48x!resq.panel<f32>>", NULL});
  const float *p = floats(&r, "p", 9008 * WIDTH);
  for (int n = 0; n < 9008; n += 13)
    for (int k = 0; k < WIDTH; ++k)
      assert_true(p[((n / 16) * WIDTH + k) * 16 + n % 16] ==
                  (n < VOCABULARY ? table[n * WIDTH + k] : 0));
  MlirType type = mlirTypeParseGet(ctx, resq_str("tensor<9000x48x!resq.panel<f32>>"));
  assert_int_equal(resq_stored_size(type), 9008 * WIDTH * 4);
  assert_int_equal(resq_stored_size(mlirTypeParseGet(ctx, resq_str("tensor<3x5xf16>"))), 30);
  assert_int_equal(resq_stored_size(mlirTypeParseGet(ctx, resq_str("tensor<?x5xf16>"))), -1);
  assert_int_equal(resq_stored_size(mlirTypeParseGet(ctx, resq_str("tensor<3x5xi8>"))), -1);
  finish(&r);
}

//===-- Streaming, sharing, threads, cache --------------------------------===//

#define BIG(name, gain)                                                                            \
  "resq.param @" name " : tensor<9000x480xf32> {\n"                                                \
  "%t = resq.leaf @m \"table\" : tensor<9000x48xf32>\n"                                            \
  "%0 = resq.concat %t, %t, %t, %t, %t, %t, %t, %t, %t, %t dim 1 : tensor<9000x48xf32>, "          \
  "tensor<9000x48xf32>, tensor<9000x48xf32>, tensor<9000x48xf32>, tensor<9000x48xf32>, "           \
  "tensor<9000x48xf32>, tensor<9000x48xf32>, tensor<9000x48xf32>, tensor<9000x48xf32>, "           \
  "tensor<9000x48xf32> -> tensor<9000x480xf32>\n"                                                  \
  "%u = resq.random_orthogonal [480] seed 1 : tensor<480x480xf64>\n"                               \
  "%1 = resq.rotate %0, %u : tensor<9000x480xf32>, tensor<480x480xf64> -> tensor<9000x480xf32>\n"  \
  "%c = resq.leaf @m \"=dense<" gain ">\" : tensor<480xf32>\n"                                     \
  "%2 = resq.scale_columns %1, %c : tensor<9000x480xf32>, tensor<480xf32> -> "                     \
  "tensor<9000x480xf32>\n"                                                                         \
  "resq.yield %2 : tensor<9000x480xf32> }\n"

/// Alone the rotation is streamed in blocks; shared by two params it is kept whole: the same bytes,
/// at any thread count.
static void test_same_bytes_streamed_shared_threaded(void **state) {
  (void)state;
  const char *one[] = {"a : tensor<9000x480xf32>", NULL};
  const char *two[] = {"a : tensor<9000x480xf32>", "b : tensor<9000x480xf32>", NULL};
  resq_materialize_options single = {.threads = 1}, many = {.threads = 3};
  result r = run_with(BIG("a", "1.0"), one, &single);
  result s = run_with(BIG("a", "1.0") BIG("b", "2.0"), two, &many);
  assert_true(r.ok && s.ok);
  const float *a = floats(&r, "a", 9000 * 480), *b = floats(&s, "b", 9000 * 480);
  assert_memory_equal(a, floats(&s, "a", 9000 * 480), sizeof(float[9000 * 480]));
  for (int i = 0; i < 9000 * 480; i += 1001)
    assert_true(b[i] == 2 * a[i]);
  finish(&r);
  finish(&s);
}

static int cache_entries(void) {
  int n = 0;
  DIR *dir = opendir(cache_path);
  for (struct dirent *entry; dir && (entry = readdir(dir));)
    n += strstr(entry->d_name, ".param") != NULL;
  if (dir)
    closedir(dir);
  return n;
}

static void damage_cache(long place) {
  DIR *dir = opendir(cache_path);
  for (struct dirent *entry; (entry = readdir(dir));) {
    if (!strstr(entry->d_name, ".param"))
      continue;
    char path[512];
    snprintf(path, sizeof path, "%s/%s", cache_path, entry->d_name);
    FILE *file = fopen(path, "r+b");
    fseek(file, place, place < 0 ? SEEK_END : SEEK_SET);
    fputs("damage", file);
    fclose(file);
  }
  closedir(dir);
}

static void count_progress(void *user, int64_t done, int64_t total, const char *name) {
  (void)name;
  assert_true(done <= total);
  ++*(int *)user;
}

static void test_cache(void **state) {
  (void)state;
  int calls = 0;
  const char *gets[] = {QUANT_GET, NULL};
  result plain = run(PACK_INTEGERS, gets);
  resq_materialize_options options = {
      .cache_directory = cache_path, .progress = count_progress, .progress_user = &calls};
  const long damages[] = {0, 0, 10, -20, -3};
  for (int i = 0; i < 5; ++i) {
    if (i >= 2)
      damage_cache(damages[i]);
    result r = run_with(PACK_INTEGERS, gets, &options);
    if (!r.ok)
      fail_msg("%s", r.err.message);
    assert_int_equal(r.bytes.size, plain.bytes.size);
    assert_memory_equal(r.bytes.data, plain.bytes.data, plain.bytes.size);
    assert_int_equal(cache_entries(), 1);
    finish(&r);
  }
  assert_int_equal(calls, 10);
  // Another recipe is another entry; a basis that others get is kept as well.
  static const char basis[] =
      "resq.param @u : tensor<16x16xf64> {\n"
      "%0 = resq.random_orthogonal [16] seed 3 : tensor<16x16xf64>\n"
      "resq.yield %0 : tensor<16x16xf64> }\n"
      "resq.param @p : tensor<24x16xf32> {\n"
      "%0 = resq.leaf @m \"w\" : tensor<24x16xf32>\n"
      "%u = resq.get @u : tensor<16x16xf64>\n"
      "%1 = resq.rotate %0, %u : tensor<24x16xf32>, tensor<16x16xf64> -> tensor<24x16xf32>\n"
      "resq.yield %1 : tensor<24x16xf32> }\n";
  const char *rotated[] = {"p : tensor<24x16xf32>", NULL};
  result fresh = run(basis, rotated), cached = run_with(basis, rotated, &options);
  assert_true(cached.ok);
  assert_int_equal(cache_entries(), 3);
  assert_memory_equal(fresh.bytes.data, cached.bytes.data, fresh.bytes.size);
  finish(&cached);
  finish(&fresh);
  finish(&plain);
}

//===-- Calibration and errors --------------------------------------------===//

#define MOMENT                                                                                     \
  "resq.param @p : tensor<2x2x2xf64> {\n"                                                          \
  "%0 = resq.moment \"l0.k\" : tensor<2x2x2xf64>\nresq.yield %0 : tensor<2x2x2xf64> }\n"

static void test_moment(void **state) {
  (void)state;
  resq_error err;
  resq_statistics *s = resq_statistics_create(1, (const char *const[]){"l0.k"}, (int64_t[]){4},
                                              (int64_t[]){2}, NULL, &err);
  resq_statistics_add(s, 0, (const float[]){1, 2, 3, 4}, 1, 4);
  assert_true(resq_statistics_finish(s, &err));
  resq_materialize_options options = {.statistics = s};
  result r = run_with(MOMENT, (const char *const[]){"p : tensor<2x2x2xf64>", NULL}, &options);
  assert_true(r.ok);
  uint64_t size;
  const double expected[] = {1, 2, 2, 4, 9, 12, 12, 16};
  assert_memory_equal(param(&r, "p", &size), expected, sizeof expected);
  finish(&r);
  resq_statistics_destroy(s);
}

/// One site "s" of `width`, of which rows i * width + 0, 1, ... were kept.
static resq_statistics *count_up(int64_t width, int64_t rows) {
  resq_error err;
  resq_statistics_options keep = {.samples = rows, .seed = 1};
  resq_statistics *s =
      resq_statistics_create(1, (const char *const[]){"s"}, &width, &width, &keep, &err);
  float *x = malloc((size_t)(rows * width) * sizeof *x);
  for (int64_t i = 0; i < rows * width; ++i)
    x[i] = (float)i;
  resq_statistics_add(s, 0, x, rows, width);
  assert_true(resq_statistics_finish(s, &err));
  free(x);
  return s;
}

/// More rows than asked for: spread over all; fewer: each as often.
static void test_samples(void **state) {
  (void)state;
  resq_statistics *s = count_up(2, 5);
  resq_materialize_options options = {.statistics = s};
  result r = run_with(
      "resq.param @p : tensor<3x2xf32> {\n%0 = resq.samples \"s\" : tensor<3x2xf32>\n"
      "resq.yield %0 : tensor<3x2xf32> }\n"
      "resq.param @q : tensor<10x2xf32> {\n%0 = resq.samples \"s\" : tensor<10x2xf32>\n"
      "resq.yield %0 : tensor<10x2xf32> }\n",
      (const char *const[]){"p : tensor<3x2xf32>", "q : tensor<10x2xf32>", NULL}, &options);
  if (!r.ok)
    fail_msg("%s", r.err.message);
  uint64_t size;
  const float spread[] = {0, 1, 2, 3, 6, 7};
  assert_memory_equal(param(&r, "p", &size), spread, sizeof spread);
  const float *repeated = (const float *)(const void *)param(&r, "q", &size);
  for (int i = 0; i < 20; ++i)
    assert_true(repeated[i] == (float)(i / 4 * 2 + i % 2));
  finish(&r);
  result other =
      run_with("resq.param @p : tensor<3x4xf32> {\n%0 = resq.samples \"s\" : tensor<3x4xf32>\n"
               "resq.yield %0 : tensor<3x4xf32> }\n",
               (const char *const[]){"p : tensor<3x4xf32>", NULL}, &options);
  assert_false(other.ok);
  assert_non_null(strstr(other.err.message, "5 sampled rows of 2; rows of 4 are asked for"));
  finish(&other);
  resq_statistics_destroy(s);
}

/// Ascending, equal ones in their order.
static void test_diagonal_order(void **state) {
  (void)state;
  result r = run("resq.param @p : tensor<4xi32> {\n"
                 "%0 = arith.constant dense<[[3.0, 9.0, 9.0, 9.0], [0.0, 1.0, 9.0, 9.0], "
                 "[0.0, 0.0, 3.0, 9.0], [0.0, 0.0, 0.0, -2.0]]> : tensor<4x4xf64>\n"
                 "%1 = resq.diagonal_order %0 : tensor<4x4xf64> -> tensor<4xi32>\n"
                 "resq.yield %1 : tensor<4xi32> }\n",
                 (const char *const[]){"p : tensor<4xi32>", NULL});
  uint64_t size;
  const int32_t expected[] = {3, 1, 0, 2};
  assert_memory_equal(param(&r, "p", &size), expected, sizeof expected);
  assert_int_equal(size, sizeof expected);
  finish(&r);
}

//===-- Clip ratios -------------------------------------------------------===//

/// sum |(Q(x) - x) W^T|^2 in f64, straight from the words of resq.td.
static double clip_error(const float *x, int64_t rows, int64_t width,
                         const resq_clip_weight *weights, int n, const resq_clip_search *how,
                         float clip) {
  double sum = 0, *e = malloc((size_t)width * sizeof *e);
  const float top = (float)((1 << how->bits) - 1);
  for (int64_t r = 0; r < rows; ++r, x += width) {
    for (int64_t at = 0; at < width; at += how->group) {
      float low = 0, high = 0;
      for (int64_t i = at; i < at + how->group; ++i) {
        low = fminf(low, x[i]);
        high = fmaxf(high, x[i]);
      }
      const float scale = fmaxf((high * clip - low * clip) / top, 1e-8f);
      const float zero = nearbyintf(-(low * clip) / scale);
      for (int64_t i = at; i < at + how->group; ++i)
        e[i] = (double)(scale * (fminf(fmaxf(nearbyintf(x[i] / scale) + zero, 0), top) - zero)) -
               (double)x[i];
    }
    for (int w = 0; w < n; ++w)
      for (int64_t o = 0; o < weights[w].out; ++o) {
        double y = 0;
        for (int64_t i = 0; i < width; ++i)
          y += e[i] * (double)weights[w].data[o * width + i];
        sum += y * y;
      }
  }
  free(e);
  return sum;
}

/// Rows with a few large elements, so that clipping pays; each weight's product, and their Gram
/// matrix where outputs are many.
static void test_clip_ratio(void **state) {
  (void)state;
  const int64_t rows = 100, width = 48;
  float *x = malloc((size_t)(rows * width) * sizeof *x);
  for (int64_t i = 0; i < rows * width; ++i)
    x[i] = table[i] * (i % 31 ? 1.0f : 3.0f);
  const int64_t outs[][2] = {{10, 7}, {200, 3000}};
  for (int shape = 0; shape < 2; ++shape)
    for (int bits = 3; bits <= 6; ++bits) {
      const resq_clip_weight weights[] = {{table, outs[shape][0]},
                                          {table + 300 * width, outs[shape][1]}};
      const resq_clip_search how = {bits, bits % 2 ? 48 : 12, 15};
      float found[2];
      resq_error err;
      for (int threads = 1; threads <= 2; ++threads)
        assert_true(resq_search_clip_ratio(threads, x, rows, width, weights, 2, &how,
                                           &found[threads - 1], &err));
      assert_true(found[0] == found[1]);
      double best = 0, at_found = 0;
      bool is_candidate = false;
      for (int i = 0; i < how.steps; ++i) {
        const float clip = (float)(1.0 - i * RESQ_CLIP_STEP);
        double error = clip_error(x, rows, width, weights, 2, &how, clip);
        best = i == 0 || error < best ? error : best;
        if (clip == found[0]) {
          is_candidate = true;
          at_found = error;
        }
      }
      assert_true(is_candidate);
      assert_true(at_found <= best * (1 + 1e-5));
      assert_true(bits > 3 || found[0] < 1); // few codes: clipping pays
    }
  free(x);
}

/// The op: samples, codes as weights, a quantiser of groups.
static void test_clip_ratio_op(void **state) {
  (void)state;
  resq_statistics *s = count_up(4, 6);
  resq_materialize_options options = {.statistics = s};
  result r = run_with(
      "resq.param @p : tensor<1xf32> {\n%0 = resq.samples \"s\" : tensor<6x4xf32>\n"
      "%w = arith.constant dense<1.0> : tensor<2x4xf32>\n"
      "%1 = resq.clip_ratio %0 by %w, %w bits 4 group 2 {steps = 1 : i64} : tensor<6x4xf32> by "
      "tensor<2x4xf32>, tensor<2x4xf32> -> tensor<1xf32>\nresq.yield %1 : tensor<1xf32> }\n",
      (const char *const[]){"p : tensor<1xf32>", NULL}, &options);
  if (!r.ok)
    fail_msg("%s", r.err.message);
  uint64_t size;
  const float one = 1;
  assert_memory_equal(param(&r, "p", &size), &one, sizeof one);
  finish(&r);
  resq_statistics_destroy(s);
}

static void test_errors(void **state) {
  (void)state;
  expect_error(MOMENT, "p : tensor<2x2x2xf64>", "site 'l0.k' needs calibration");
  expect_error("resq.param @p : tensor<4xf32> { %0 = resq.leaf @m \"nope\" : tensor<4xf32>\n"
               "resq.yield %0 : tensor<4xf32> }",
               "p : tensor<4xf32>", "no tensor 'nope'");
  expect_error("resq.param @p : tensor<16x24xf32> { %0 = resq.leaf @m \"w\" : tensor<16x24xf32>\n"
               "resq.yield %0 : tensor<16x24xf32> }",
               "p : tensor<16x24xf32>", "has shape [24, 16], but the recipe says [16, 24]");
  expect_error("resq.param @p : tensor<4xf32>", "p : tensor<4xf32>", "no recipe");
  expect_error("resq.param @p : tensor<4xf32> attributes {offset = 0 : i64, size = 16 : i64}",
               "p : tensor<4xf32>", "materialized already");
  expect_error(
      "resq.param @p : tensor<2x2xf64> {\n%0 = resq.leaf @m \"=dense<-1.0>\" : tensor<2x2xf64>\n"
      "%1 = resq.normalize_trace %0 : tensor<2x2xf64>\nresq.yield %1 : tensor<2x2xf64> }",
      "p : tensor<2x2xf64>", "a sum of squares is not negative");
  expect_error(
      "resq.param @p : tensor<3xf32> {\n%0 = resq.leaf @m \"=dense<1.0>\" : tensor<3xf32>\n"
      "%i = resq.leaf @m \"=dense<[0, 2, 2]>\" : tensor<3xi32>\n"
      "%1 = resq.permute %0 by %i : tensor<3xi32> : tensor<3xf32> -> tensor<3xf32>\n"
      "resq.yield %1 : tensor<3xf32> }",
      "p : tensor<3xf32>", "no permutation");
}

//===-- Ops of several results --------------------------------------------===//

#define GPTQ_CODES(bits, group)                                                                    \
  "!resq.quant<bits = " bits ", group = " group ", zero = false, layout = "
#define GPTQ_ROWS(bits, k) "tensor<24x" k "x" GPTQ_CODES(bits, k) "row>>"
#define GPTQ_PACKED(bits, k)                                                                       \
  "tensor<24x" k "x" GPTQ_CODES(bits, k) "n16k4, pack_group = " k ", base = " bits ">>"
/// Codes of w's first 12 and last 4 columns, of which param `name` yields one.
#define GPTQ_RECIPE(name, k, bits, pick)                                                           \
  "resq.param @" name " : " GPTQ_PACKED(                                                           \
      bits,                                                                                        \
      k) " {\n"                                                                                    \
         "%w = resq.leaf @m \"w\" : tensor<24x16xf32>\n"                                           \
         "%a, %b = resq.split %w block 16 high 4 : tensor<24x16xf32> -> tensor<24x12xf32>, "       \
         "tensor<24x4xf32>\n"                                                                      \
         "%m = resq.moment \"x\" : tensor<16x16xf64>\n"                                            \
         "%o, %f = resq.gptq_factor %m parts [12, 4] : tensor<16x16xf64> -> tensor<16xi32>, "      \
         "tensor<16x16xf32>\n"                                                                     \
         "%c:2 = resq.gptq_weight %a, %b by %o, %f : tensor<24x12xf32>, tensor<24x4xf32> by "      \
         "tensor<16xi32>, tensor<16x16xf32> -> " GPTQ_ROWS("4", "12") ", " GPTQ_ROWS(              \
             "8", "4") "\n"                                                                        \
                       "%p = resq.pack %c#" pick " : " GPTQ_ROWS(bits, k) " -> " GPTQ_PACKED(      \
                           bits, k) "\n"                                                           \
                                    "resq.yield %p : " GPTQ_PACKED(bits, k) " }\n"
#define GPTQ_GET(name, k, bits) name " : " GPTQ_PACKED(bits, k)

static resq_statistics *observed(float scale) {
  resq_error err = {0};
  resq_statistics *s = resq_statistics_create(1, (const char *const[]){"x"}, (int64_t[]){IN},
                                              (int64_t[]){IN}, NULL, &err);
  float *x = malloc(64 * IN * sizeof *x);
  for (int i = 0; i < 64 * IN; ++i)
    x[i] = scale * (float)((i * 37 % 101) - 50 + (i / IN % 5) * (i % IN));
  resq_statistics_add(s, 0, x, 64, IN);
  assert_true(resq_statistics_finish(s, &err));
  free(x);
  return s;
}

static void check_packed(const result *r, const char *name, const resq_gptq_part *part) {
  uint64_t size;
  const uint8_t *packed = param(r, name, &size);
  for (int n = 0; n < OUT; ++n)
    for (int64_t k = 0; k < part->width; ++k)
      assert_int_equal(resq_unpack_weight_code(packed, n, k, part->width, part->width,
                                               (int)part->how.codes.bits),
                       part->codes[n * part->width + k]);
}

/// The case "library calls", perm.mlir: params that functions take for indices fit the ops that read them, each such op.
static void test_constant_indices(void **state) {
  (void)state;
  static const struct {
    const char *indices, *body, *why;
  } cases[] = {
      {"[3, 0, 2, 1]", "resq.permute %x by %o : tensor<4xi32> : tensor<?x4xf32> -> tensor<?x4xf32>",
       NULL},
      {"[900000000, 1, 2, 3]",
       "resq.permute %x by %o : tensor<4xi32> : tensor<?x4xf32> -> tensor<?x4xf32>",
       "element 0 is 900000000, but 'resq.permute' at"},
      {"[0, 1, 2, -1]",
       "resq.permute %x by %o : tensor<4xi32> : tensor<?x4xf32> -> tensor<?x4xf32>",
       "element 3 is -1"},
      {"[0, 1, 2, 1]", "resq.permute %x by %o : tensor<4xi32> : tensor<?x4xf32> -> tensor<?x4xf32>",
       "each of 0 to 3 once is allowed"},
      {"[0, 1, 2, 4]", "resq.permute %x by %o : tensor<4xi32> : tensor<?x4xf32> -> tensor<?x4xf32>",
       "0 to 3 are allowed"},
      {"[2, 2, 2, 2]", "resq.embed %o, %w : tensor<4xi32>, tensor<3x4xf32> -> tensor<4x4xf32>",
       NULL},
      {"[2, 3, 2, 2]", "resq.embed %o, %w : tensor<4xi32>, tensor<3x4xf32> -> tensor<4x4xf32>",
       "element 1 is 3, but 'resq.embed' at"},
      {"[0, 0, 7, 0]",
       "resq.gather_rows %w, %o : tensor<3x4xf32>, tensor<4xi32> -> tensor<4x4xf32>",
       "'resq.gather_rows' at"},
      {"[0, 0, -7, 0]",
       "resq.gather_rows %x, %o : tensor<?x4xf32>, tensor<4xi32> -> tensor<4x4xf32>",
       "0 or more is allowed"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    char text[2048];
    snprintf(text, sizeof text,
             "resq.param @p : tensor<4xi32> { %%c = arith.constant dense<%s> : tensor<4xi32>\n"
             "  resq.yield %%c : tensor<4xi32> }\n"
             "resq.param @w : tensor<3x4xf32> { %%c = arith.constant dense<1.0> : tensor<3x4xf32>\n"
             "  resq.yield %%c : tensor<3x4xf32> }\n"
             "func.func @f(%%x: tensor<?x4xf32>) {\n %%o = resq.get @p : tensor<4xi32>\n"
             " %%w = resq.get @w : tensor<3x4xf32>\n %%y = %s\n return\n}\n",
             cases[i].indices, cases[i].body);
    MlirModule module = mlirModuleCreateParse(ctx, resq_str(text));
    if (mlirModuleIsNull(module))
      fail_msg("does not parse:\n%s", text);
    resq_error err = {0};
    resq_out *out = resq_out_create(out_path, 0644, &err);
    bool ok = resq_materialize(mlirModuleGetOperation(module), out, NULL, &err);
    resq_out_discard(out);
    mlirModuleDestroy(module);
    if (ok != !cases[i].why || (!ok && !strstr(err.message, cases[i].why)))
      fail_msg("case %zu: %s", i, ok ? "accepted" : err.message);
  }
}

static void test_joint_results(void **state) {
  (void)state;
  resq_statistics *s = observed(1);
  resq_materialize_options options = {.statistics = s};
  result r =
      run_with(GPTQ_RECIPE("low", "12", "4", "0") GPTQ_RECIPE("high", "4", "8", "1"),
               (const char *const[]){GPTQ_GET("low", "12", "4"), GPTQ_GET("high", "4", "8"), NULL},
               &options);
  assert_true(r.ok);
  float low[OUT * 12], high[OUT * 4], scales[2][OUT], factor[IN * IN];
  int8_t low_codes[OUT * 12], high_codes[OUT * 4];
  for (int i = 0; i < OUT * IN; ++i)
    *(i % IN < 12 ? &low[i / IN * 12 + i % IN] : &high[i / IN * 4 + i % IN - 12]) = w[i];
  resq_gptq_part parts[] = {{low,
                             12,
                             {resq_codebook_of(RESQ_CODE_INTEGER, 4), 12, 28, (double)2.4f},
                             low_codes,
                             scales[0]},
                            {high,
                             4,
                             {resq_codebook_of(RESQ_CODE_INTEGER, 8), 4, 28, (double)2.4f},
                             high_codes,
                             scales[1]}};
  int32_t order[IN];
  double damping = (double)0.01f;
  resq_error err = {0};
  double moment[IN * IN];
  assert_true(resq_statistics_moment(s, "x", 1, IN, 0, IN, moment, &err));
  assert_true(
      resq_gptq_factor(1, moment, IN, 2, (int64_t[]){12, 4}, &damping, order, factor, &err));
  assert_true(resq_gptq_weight(1, OUT, 2, parts, order, factor, &err));
  check_packed(&r, "low", &parts[0]);
  check_packed(&r, "high", &parts[1]);
  finish(&r);
  resq_statistics_destroy(s);
}

/// The codes of the high part depend on those of the low part: with others there, they are another
/// entry of the cache.
static void test_joint_results_in_the_cache(void **state) {
  (void)state;
  char fewer[] = GPTQ_RECIPE("high", "4", "8", "1");
  char *low = strstr(fewer, "bits = 4, group = 12");
  assert_non_null(low);
  memcpy(low, "bits = 2", 8);
  const char *gets[] = {GPTQ_GET("high", "4", "8"), NULL};
  resq_statistics *s = observed(1);
  resq_materialize_options plain = {.statistics = s}, cached = plain;
  cached.cache_directory = cache_path;
  result four = run_with(GPTQ_RECIPE("high", "4", "8", "1"), gets, &cached);
  result two = run_with(fewer, gets, &cached), fresh = run_with(fewer, gets, &plain);
  assert_true(four.ok && two.ok && fresh.ok);
  assert_memory_equal(two.bytes.data, fresh.bytes.data, fresh.bytes.size);
  assert_memory_not_equal(two.bytes.data, four.bytes.data, fresh.bytes.size);
  finish(&four);
  finish(&two);
  finish(&fresh);
  resq_statistics_destroy(s);
}

static void test_zero_moment(void **state) {
  (void)state;
  resq_statistics *s = observed(0);
  resq_materialize_options options = {.statistics = s};
  result r = run_with(GPTQ_RECIPE("low", "12", "4", "0"),
                      (const char *const[]){GPTQ_GET("low", "12", "4"), NULL}, &options);
  if (!r.ok) // rounded to nearest: the case "small moments"
    fail_msg("%s", r.err.message);
  finish(&r);
  resq_statistics_destroy(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_leaves_and_module),
      cmocka_unit_test(test_rotation_in_f64),
      cmocka_unit_test(test_movement_round_trips),
      cmocka_unit_test(test_matrix_ops),
      cmocka_unit_test(test_pair_ops),
      cmocka_unit_test(test_random_matrix),
      cmocka_unit_test(test_condition),
      cmocka_unit_test(test_hadamard_op_is_its_matrix),
      cmocka_unit_test(test_packed_codes),
      cmocka_unit_test(test_packed_e4m3),
      cmocka_unit_test(test_e4m3_of_no_numbers),
      cmocka_unit_test(test_packed_trellis),
      cmocka_unit_test(test_piled_trellis),
      cmocka_unit_test(test_panel),
      cmocka_unit_test(test_same_bytes_streamed_shared_threaded),
      cmocka_unit_test(test_cache),
      cmocka_unit_test(test_moment),
      cmocka_unit_test(test_samples),
      cmocka_unit_test(test_diagonal_order),
      cmocka_unit_test(test_clip_ratio),
      cmocka_unit_test(test_clip_ratio_op),
      cmocka_unit_test(test_constant_indices),
      cmocka_unit_test(test_joint_results),
      cmocka_unit_test(test_joint_results_in_the_cache),
      cmocka_unit_test(test_zero_moment),
      cmocka_unit_test(test_errors),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
