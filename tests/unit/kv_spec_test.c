// LINK: compiler
//===-- kv_spec_test.c - codes of keys= and values= -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "passes/kv_spec.h"

// Before cmocka.h, which does not include them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

typedef struct spec_case {
  resq_kv_side side;
  const char *text;
  resq_kv_spec spec;
} spec_case;

#define K RESQ_KV_KEYS
#define V RESQ_KV_VALUES

static const spec_case good[] = {
    {K, "f32", {.kind = RESQ_KV_F32}},
    {K, "f16", {.kind = RESQ_KV_F16}},
    {V, "f16", {.kind = RESQ_KV_F16, .per_head = true}},
    {K, "int2", {.kind = RESQ_KV_INT, .bits = 2}},
    {V, "int8", {.kind = RESQ_KV_INT, .bits = 8, .per_head = true}},
    {K, "lm1", {.kind = RESQ_KV_LM, .bits = 1}},
    {V, "lm4", {.kind = RESQ_KV_LM, .bits = 4, .per_head = true}},
    {K, "qjl2", {.kind = RESQ_KV_QJL, .signs = 2}},
    {K, "qjlg16", {.kind = RESQ_KV_QJL, .signs = 16, .gaussian = true}},
    {K, "resq", {.kind = RESQ_KV_INT, .bits = 4, .split = true, .basis = RESQ_KV_PCA}},
    {V,
     "resq",
     {.kind = RESQ_KV_INT, .bits = 4, .split = true, .basis = RESQ_KV_PCA, .per_head = true}},
    {K, "resq:int3", {.kind = RESQ_KV_INT, .bits = 3, .split = true, .basis = RESQ_KV_PCA}},
    {K,
     "qjl",
     {.kind = RESQ_KV_QJL_GROUPS, .signs = 2, .outlier_signs = 2, .buffer = 128, .window = 256}},
    {K,
     "qjlg:rows=4d:outlier-rows=1d:outliers=8:buffer=64:window=128:basis=random",
     {.kind = RESQ_KV_QJL_GROUPS,
      .gaussian = true,
      .signs = 4,
      .outlier_signs = 1,
      .outliers = 8,
      .buffer = 64,
      .window = 128,
      .basis = RESQ_KV_RANDOM}},
    {K, "resq:qjl3", {.kind = RESQ_KV_QJL, .signs = 3, .split = true, .basis = RESQ_KV_PCA}},
    {K,
     "resq:lm3:basis=balanced:per=head",
     {.kind = RESQ_KV_LM, .bits = 3, .split = true, .basis = RESQ_KV_BALANCED, .per_head = true}},
    {K,
     "resq:basis=random",
     {.kind = RESQ_KV_INT, .bits = 4, .split = true, .basis = RESQ_KV_RANDOM}},
    {V, "resq:per=layer:basis=none", {.kind = RESQ_KV_INT, .bits = 4, .split = true}},
    {K, "int4:basis=hadamard", {.kind = RESQ_KV_INT, .bits = 4, .basis = RESQ_KV_HADAMARD}},
    {K, "f32:basis=balanced", {.kind = RESQ_KV_F32, .basis = RESQ_KV_BALANCED}},
};

static void test_good(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    const spec_case *c = &good[i];
    resq_kv_spec s;
    char message[320] = "";
    if (!resq_kv_parse(c->side, c->text, strlen(c->text), &s, message, sizeof message))
      fail_msg("%s: %s", c->text, message);
    if (s.kind != c->spec.kind || s.bits != c->spec.bits || s.signs != c->spec.signs ||
        s.gaussian != c->spec.gaussian || s.split != c->spec.split || s.basis != c->spec.basis ||
        s.per_head != c->spec.per_head || s.outlier_signs != c->spec.outlier_signs ||
        s.outliers != c->spec.outliers || s.buffer != c->spec.buffer || s.window != c->spec.window)
      fail_msg("%s: %d %u %u %d %d %d %d", c->text, (int)s.kind, s.bits, s.signs, s.gaussian,
               s.split, s.basis, s.per_head);
  }
}

#define KEY_CODES "int2 to int8, lm1 to lm4, qjl1 to qjl16, qjlg1 to qjlg16"
#define VALUE_CODES "int2 to int8, lm1 to lm4"

static const struct {
  resq_kv_side side;
  const char *text, *message;
} bad[] = {
    {K, "", "keys is '', allowed: f32, f16, " KEY_CODES ", qjl, qjlg, resq"},
    {K, "int9", "keys is 'int9', allowed: f32, f16, " KEY_CODES ", qjl, qjlg, resq"},
    {K, "int", "keys is 'int', allowed: f32, f16, " KEY_CODES ", qjl, qjlg, resq"},
    {K, "int04", "keys is 'int04', allowed: f32, f16, " KEY_CODES ", qjl, qjlg, resq"},
    {K, "int400", "keys is 'int400', allowed: f32, f16, " KEY_CODES ", qjl, qjlg, resq"},
    {K, "lm5", "keys is 'lm5', allowed: f32, f16, " KEY_CODES ", qjl, qjlg, resq"},
    {K, "qjl0", "keys is 'qjl0', allowed: f32, f16, " KEY_CODES ", qjl, qjlg, resq"},
    {K, "qjl17", "keys is 'qjl17', allowed: f32, f16, " KEY_CODES ", qjl, qjlg, resq"},
    {K, "f32x", "keys is 'f32x', allowed: f32, f16, " KEY_CODES ", qjl, qjlg, resq"},
    {V, "int1", "values is 'int1', allowed: f32, f16, " VALUE_CODES ", resq"},
    {K, "qjl:rows=2", "keys: rows is '2', allowed: 1d to 16d"},
    {K, "qjl:rows=17d",
     "keys: rows is 17d and outlier-rows is 17d, allowed: 1d to 16d, and at most rows"},
    {K, "qjl:outlier-rows=3d",
     "keys: rows is 2d and outlier-rows is 3d, allowed: 1d to 16d, and at most rows"},
    {K, "qjl:outliers=0", "keys: outliers is '0', allowed: a number above 0"},
    {K, "qjl:buffer=48", "keys: buffer is '48', allowed: a multiple of 32"},
    {K, "qjl:window=64", "keys: window is 64 and buffer is 128, allowed: above buffer"},
    {K, "qjl:fish=1",
     "keys: option 'fish=1' is not known, allowed: rows=..., outlier-rows=..., outliers=..., "
     "buffer=..., window=..., basis=..., per=..."},
    {K, "resq:qjl", "keys: the low part is 'qjl', allowed: " KEY_CODES},
    {V, "qjl", "values: 'qjl' is a sketch, which is for keys, allowed: " VALUE_CODES},
    {V, "qjl3", "values: 'qjl3' is a sketch, which is for keys, allowed: " VALUE_CODES},
    {V, "resq:qjlg3", "values: 'qjlg3' is a sketch, which is for keys, allowed: " VALUE_CODES},
    {K, "resq:", "keys: the low part is '', allowed: " KEY_CODES},
    {K, "resq:f16", "keys: the low part is 'f16', allowed: " KEY_CODES},
    {K, "resq:int4:lm3", "keys: option 'lm3' is not known, allowed: basis=..., per=..."},
    {K, "int4:", "keys: option '' is not known, allowed: basis=..., per=..."},
    {K, "int4:high=2", "keys: option 'high=2' is not known, allowed: basis=..., per=..."},
    {K, "resq:basis=best", "keys: basis is 'best', allowed: pca, balanced, hadamard, random, none"},
    {K, "resq:basis=", "keys: basis is '', allowed: pca, balanced, hadamard, random, none"},
    {V, "resq:basis=balanced", "values: basis is 'balanced', allowed: pca, hadamard, random, none"},
    {K, "resq:per=token", "keys: per is 'token', allowed: head, layer"},
};

static void test_bad(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    resq_kv_spec s;
    char message[320] = "";
    assert_false(
        resq_kv_parse(bad[i].side, bad[i].text, strlen(bad[i].text), &s, message, sizeof message));
    assert_string_equal(message, bad[i].message);
  }
}

/// The text need not end in a NUL, and a message that does not fit is cut.
static void test_bounds(void **state) {
  (void)state;
  resq_kv_spec s;
  char message[8];
  assert_true(resq_kv_parse(K, "int45", 4, &s, message, sizeof message));
  assert_int_equal(s.bits, 4);
  assert_false(resq_kv_parse(K, "int9", 4, &s, message, sizeof message));
  assert_string_equal(message, "keys is");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_bad),
                                     cmocka_unit_test(test_bounds)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
