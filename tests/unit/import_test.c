// LINK: compiler
//===-- import_test.c - checkpoints and MLIR text to modules --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/import/import.h"
#include "dialect/build.h"
#include "dialect/text_buffer.h"
#include "tests/unit/gguf_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <unistd.h>

static MlirContext ctx;
static char path[64];

static int set_up(void **state) {
  (void)state;
  ctx = resqContextCreate();
  strcpy(path, "/tmp/resq-import-test-XXXXXX");
  int fd = mkstemp(path);
  return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state) {
  (void)state;
  mlirContextDestroy(ctx);
  return unlink(path);
}

static void write_bytes(const void *data, size_t size) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(data, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
}

static MlirModule import_bytes(const void *data, size_t size, resq_error *err) {
  write_bytes(data, size);
  *err = (resq_error){0};
  return resq_import(ctx, path, err);
}

static MlirModule import_writer(gguf_writer w, resq_error *err) {
  gguf_bytes bytes = gguf_writer_finish(&w);
  MlirModule module = import_bytes(bytes.data, bytes.size, err);
  free(bytes.data);
  return module;
}

static void expect_refused(MlirModule module, const resq_error *err, const char *why) {
  assert_true(mlirModuleIsNull(module));
  if (err->code != RESQ_BAD_INPUT || !strstr(err->message, why) || !strstr(err->message, path))
    fail_msg("wanted '%s', got code %d: %s", why, err->code, err->message);
}

static void expect_model_refused(gguf_writer w, const char *why) {
  resq_error err;
  MlirModule module = import_writer(w, &err);
  expect_refused(module, &err, why);
}

static void expect_text_refused(const char *text, const char *why) {
  resq_error err;
  MlirModule module = import_bytes(text, strlen(text), &err);
  expect_refused(module, &err, why);
}

static char *print(MlirModule module) {
  resq_text_buffer p = {0};
  mlirOperationPrint(mlirModuleGetOperation(module), resq_text_buffer_add, &p);
  return p.data;
}

static int count(const char *text, const char *what) {
  int n = 0;
  for (const char *at = text; (at = strstr(at, what)); ++at)
    ++n;
  return n;
}

//===-- Checkpoints -------------------------------------------------------===//

static void test_tiny_graph(void **state) {
  (void)state;
  resq_error err;
  MlirModule module = import_writer(gguf_tiny_llama(&(gguf_tiny_options){0}), &err);
  if (mlirModuleIsNull(module))
    fail_msg("%s", err.message);
  char *text = print(module);
  assert_int_equal(count(text, "resq.param @"), 2 + 2 * 9);
  assert_int_equal(count(text, "resq.linear "), 2 * 7);
  assert_int_equal(count(text, "resq.kv_cache @"), 2);
  assert_int_equal(count(text, "resq.deinterleave "), 4);
  assert_int_equal(count(text, "resq.rope_angles "), 1);
  assert_int_equal(count(text, "resq.get @embedding"), 2); // tied: embed and head
  assert_non_null(strstr(text, "resq.context_length = 128"));
  assert_non_null(strstr(text, "resq.name = \"tiny\""));
  assert_non_null(strstr(text, "resq.param @l1.k : tensor<32x64xf32>"));
  assert_non_null(strstr(text, "heads 2 : tensor<32x64xf32>"));
  assert_non_null(strstr(text, "-> tensor<?x260xf32>"));
  assert_non_null(strstr(text, "scale = 2.500000e-01"));
  assert_non_null(strstr(text, "add_bos = true, bos = 0"));
  // What is printed parses to the same text.
  MlirModule again = import_bytes(text, strlen(text), &err);
  if (mlirModuleIsNull(again))
    fail_msg("%s", err.message);
  char *text_again = print(again);
  assert_string_equal(text, text_again);
  free(text_again);
  free(text);
  mlirModuleDestroy(again);
  mlirModuleDestroy(module);
}

static void test_locations(void **state) {
  (void)state;
  resq_error err;
  MlirModule module = import_writer(gguf_tiny_llama(&(gguf_tiny_options){0}), &err);
  assert_false(mlirModuleIsNull(module));
  MlirOperation param = resq_symbol(mlirModuleGetOperation(module), resq_str("l1.q"));
  MlirLocation loc = mlirOperationGetLocation(param);
  assert_true(mlirLocationIsAName(loc));
  assert_true(resq_str_eq(mlirIdentifierStr(mlirLocationNameGetName(loc)), "l1.q"));
  MlirLocation file = mlirLocationNameGetChildLoc(loc);
  assert_true(resq_str_eq(mlirIdentifierStr(mlirLocationFileLineColRangeGetFilename(file)), path));
  mlirModuleDestroy(module);
}

static void test_variants(void **state) {
  (void)state;
  const gguf_tiny_options options = {
      .head = true, .biases = true, .rope_factors = true, .no_tokenizer = true};
  resq_error err;
  MlirModule module = import_writer(gguf_tiny_llama(&options), &err);
  if (mlirModuleIsNull(module))
    fail_msg("%s", err.message);
  char *text = print(module);
  assert_int_equal(count(text, "resq.param @"), 4 + 2 * (9 + 4));
  assert_int_equal(count(text, " bias "), 2 * 4);
  assert_int_equal(count(text, " factors "), 1);
  assert_int_equal(count(text, "resq.deinterleave "), 8); // the biases of q and k, too
  assert_int_equal(count(text, "resq.get @head"), 1);
  assert_int_equal(count(text, "resq.tokenizer"), 0);
  free(text);
  mlirModuleDestroy(module);
}

/// Another architecture is other keys, biases that must be there, and rows of q and k as they stand.
static void test_qwen2(void **state) {
  (void)state;
  const gguf_tiny_options good = {.architecture = "qwen2", .biases = true, .head = true};
  resq_error err;
  MlirModule module = import_writer(gguf_tiny_llama(&good), &err);
  if (mlirModuleIsNull(module))
    fail_msg("%s", err.message);
  char *text = print(module);
  assert_int_equal(count(text, "resq.param @"), 3 + 2 * (9 + 4));
  assert_int_equal(count(text, " bias "), 2 * 4);
  assert_int_equal(count(text, "resq.deinterleave "), 0);
  assert_int_equal(count(text, "resq.get @head"), 1);
  free(text);
  mlirModuleDestroy(module);

  gguf_tiny_options o = {.architecture = "qwen2"};
  expect_model_refused(gguf_tiny_llama(&o), "tensor 'blk.0.attn_q.bias' is missing");
  o = good, o.without = "blk.1.attn_v.bias";
  expect_model_refused(gguf_tiny_llama(&o), "tensor 'blk.1.attn_v.bias' is missing");
  o = good, o.without = "qwen2.block_count";
  expect_model_refused(gguf_tiny_llama(&o), "key 'qwen2.block_count' is missing");
  o = good, o.reshaped = "blk.1.attn_k.bias";
  expect_model_refused(gguf_tiny_llama(&o), "tensor 'blk.1.attn_k.bias' has shape [33]; the configuration calls for [32]");
  o = good, o.rope_factors = true;
  expect_model_refused(gguf_tiny_llama(&o), "tensor 'rope_freqs.weight' is no part of a qwen2 model");
  o = good, o.key = "qwen2.attention.head_count_kv", o.value = 3;
  expect_model_refused(gguf_tiny_llama(&o), "key 'qwen2.attention.head_count_kv' is 3; a divisor of the 4 heads");
  o = good, o.key = "qwen2.vocab_size", o.value = 261;
  expect_model_refused(gguf_tiny_llama(&o), "has 260 rows, but 'qwen2.vocab_size' says 261");
  // Keys of another architecture say nothing of this one.
  gguf_writer w = gguf_tiny_llama(&good);
  gguf_u32(&w, "llama.expert_count", 8);
  module = import_writer(w, &err);
  assert_false(mlirModuleIsNull(module));
  mlirModuleDestroy(module);
  w = gguf_tiny_llama(&good);
  gguf_u32(&w, "qwen2.expert_count", 8);
  expect_model_refused(w, "mixtures of experts");
  w = gguf_tiny_llama(&good);
  gguf_text(&w, "qwen2.rope.scaling.type", "yarn");
  expect_model_refused(w, "key 'qwen2.rope.scaling.type' is 'yarn'");
}

/// The width divided by the heads is a head's size only where the file says nothing else.
static void test_head_size(void **state) {
  (void)state;
  gguf_writer w = gguf_tiny_llama(&(gguf_tiny_options){.key = "llama.rope.dimension_count", .value = 32});
  gguf_u32(&w, "llama.attention.key_length", 32);
  gguf_u32(&w, "llama.attention.value_length", 32);
  expect_model_refused(w, "tensor 'blk.0.attn_q.weight' has shape [64, 64]; the configuration calls for [128, 64]");
  w = gguf_tiny_llama(&(gguf_tiny_options){.without = "llama.rope.dimension_count"});
  gguf_u32(&w, "llama.attention.key_length", 8);
  expect_model_refused(w, "tensor 'blk.0.attn_q.weight' has shape [64, 64]; the configuration calls for [32, 64]");
}

static void test_missing_parts(void **state) {
  (void)state;
  static const char *const parts[] = {
      "general.architecture", "llama.block_count", "llama.context_length",
      "llama.embedding_length", "llama.feed_forward_length", "llama.attention.head_count",
      "llama.attention.layer_norm_rms_epsilon", "token_embd.weight", "output_norm.weight",
      "blk.0.attn_norm.weight", "blk.1.ffn_down.weight"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; ++i) {
    char why[128];
    snprintf(why, sizeof why, "'%s' is missing", parts[i]);
    expect_model_refused(gguf_tiny_llama(&(gguf_tiny_options){.without = parts[i]}), why);
  }
}

static void test_contradictions(void **state) {
  (void)state;
  static const struct {
    const char *key;
    uint32_t value;
    const char *why;
  } cases[] = {
      {"llama.block_count", 0, "'llama.block_count' is 0; 1 to 4096 are allowed"},
      {"llama.block_count", UINT32_MAX, "is 4294967295; 1 to 4096"},
      {"llama.block_count", 3, "tensor 'blk.2.attn_norm.weight' is missing"},
      {"llama.block_count", 1, "tensor 'blk.1.attn_norm.weight' is no part of a llama model of 1 layers"},
      {"llama.embedding_length", 96, "RoPE turns 16 of 24 elements"},
      {"llama.attention.head_count", 6, "a divisor of 'llama.embedding_length' 64 is needed"},
      {"llama.attention.head_count", 0, "1 to 16384 are allowed"},
      {"llama.attention.head_count_kv", 3, "a divisor of the 4 heads"},
      {"llama.attention.head_count_kv", 4,
       "tensor 'blk.0.attn_k.weight' has shape [32, 64]; the configuration calls for [64, 64]"},
      {"llama.rope.dimension_count", 8, "RoPE turns 8 of 16 elements"},
      {"llama.feed_forward_length", 97, "has shape [96, 64]; the configuration calls for [97, 64]"},
      {"llama.vocab_size", 261, "has 260 rows, but 'llama.vocab_size' says 261"},
      {"llama.context_length", 0, "1 to 2147483647"},
      {"tokenizer.ggml.eos_token_id", 260, "the vocabulary has 260 tokens"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    const gguf_tiny_options o = {.key = cases[i].key, .value = cases[i].value};
    expect_model_refused(gguf_tiny_llama(&o), cases[i].why);
  }
  expect_model_refused(gguf_tiny_llama(&(gguf_tiny_options){.reshaped = "blk.1.attn_output.weight"}),
                       "tensor 'blk.1.attn_output.weight' has shape [65, 64]");
  expect_model_refused(gguf_tiny_llama(&(gguf_tiny_options){.reshaped = "token_embd.weight"}),
                       "has 261 rows, but 'llama.vocab_size' says 260");
  expect_model_refused(gguf_tiny_llama(&(gguf_tiny_options){.extra = "blk.0.attn_sub_norm.weight"}),
                       "tensor 'blk.0.attn_sub_norm.weight' is no part");
}

static void test_unsupported(void **state) {
  (void)state;
  gguf_writer w = gguf_tiny_llama(&(gguf_tiny_options){.without = "general.architecture"});
  gguf_text(&w, "general.architecture", "gemma3");
  expect_model_refused(w, "is 'gemma3'; resq compiles 'llama' and 'qwen2'");
  w = gguf_tiny_llama(&(gguf_tiny_options){0});
  gguf_u32(&w, "llama.expert_count", 8);
  expect_model_refused(w, "mixtures of experts");
  w = gguf_tiny_llama(&(gguf_tiny_options){0});
  gguf_text(&w, "llama.rope.scaling.type", "yarn");
  expect_model_refused(w, "is 'yarn'; 'none' is needed");
  w = gguf_tiny_llama(&(gguf_tiny_options){0});
  gguf_f32(&w, "llama.rope.scale_linear", 4.0f);
  expect_model_refused(w, "scale_linear' is 4; 1 is needed");
  w = gguf_tiny_llama(&(gguf_tiny_options){0});
  gguf_u32(&w, "split.count", 3);
  expect_model_refused(w, "models in one file");
  w = gguf_tiny_llama(&(gguf_tiny_options){0});
  gguf_bool(&w, "llama.attention.causal", 0);
  expect_model_refused(w, "true is needed");
  w = gguf_tiny_llama(&(gguf_tiny_options){0});
  gguf_u32(&w, "llama.attention.value_length", 32);
  expect_model_refused(w, "value_length' is 32; the keys' 16 is needed");
  w = gguf_tiny_llama(&(gguf_tiny_options){.without = "llama.attention.layer_norm_rms_epsilon"});
  gguf_f32(&w, "llama.attention.layer_norm_rms_epsilon", -1.0f);
  expect_model_refused(w, "a positive f32 is needed");
  w = gguf_tiny_llama(&(gguf_tiny_options){.without = "llama.feed_forward_length"});
  gguf_array(&w, "llama.feed_forward_length", GGUF_W_U32, 2), gguf_put_u64(&w.values, 0);
  expect_model_refused(w, "is an array of u32; an integer is needed");
}

//===-- MLIR --------------------------------------------------------------===//

static void test_text(void **state) {
  (void)state;
  resq_error err;
  static const char module[] = "module { func.func @f(%a: tensor<?x4xf32>) -> tensor<?x4xf32> {\n"
                               "  return %a : tensor<?x4xf32> } }";
  MlirModule m = import_bytes(module, sizeof module - 1, &err);
  if (mlirModuleIsNull(m))
    fail_msg("%s", err.message);
  mlirModuleDestroy(m);
  expect_text_refused("", "is empty");
  expect_text_refused("module {\n  func.func @f() { return %x }\n}", ":2:");
  expect_text_refused("module { \"no.such\"() : () -> () }", ":1:19: ");
  expect_text_refused("module attributes {resq.version = 2 : i64} {}", "resq.version is 2");
  expect_text_refused("module attributes {resq.version = \"1\"} {}", "this resq reads 1 to 1");
  resq_error null = {0};
  m = import_bytes("mod\0ule {}", 10, &null);
  expect_refused(m, &null, "a NUL byte at offset 3");
  expect_text_refused("PK\003\004 some archive", ":1:");
}

/// `n` times `piece` between `before` and `after`.
static void expect_repeated_refused(const char *before, const char *piece, int n, const char *after,
                                    const char *why) {
  resq_text_buffer p = {0};
  resq_text_buffer_add(resq_str(before), &p);
  for (int i = 0; i < n; ++i)
    resq_text_buffer_add(resq_str(piece), &p);
  resq_text_buffer_add(resq_str(after), &p);
  expect_text_refused(p.data, why);
  free(p.data);
}

static void test_depth(void **state) {
  (void)state;
  static const int depths[] = {2000, 16000, 1000000};
  for (size_t i = 0; i < sizeof depths / sizeof *depths; ++i) {
    int n = depths[i];
    expect_repeated_refused("", "module {\n", n, "", ":257:8: too many brackets");
    expect_repeated_refused("module attributes {a = ", "[", n, "", "too many brackets");
    expect_repeated_refused("module attributes {a = ", "tuple<", n, "", "too many brackets");
    expect_repeated_refused("module attributes {a = ", "{a=", n, "", "too many brackets");
    expect_repeated_refused("module attributes {a = ", "() -> (", n, "", "too many brackets");
    expect_repeated_refused("#m = affine_map<(d) -> (", "-", n, "d)>", "too many operators");
    expect_repeated_refused("#m = affine_map<(d) -> (d", " + d", n, ")>", "too many operators");
    expect_repeated_refused("#m = affine_map<(d) -> (d", " * 2", n, ")>", "too many operators");
    expect_repeated_refused("#m = affine_map<(d) -> (d", " floordiv 2", n, ")>", "too many operators");
    expect_repeated_refused("#m = affine_map<(d) -> (d", " + (d)", n, ")>", "too many operators");
    expect_repeated_refused("module attributes {a = \"", "[", n, "\" : ", ":1:"); // strings are free
    expect_repeated_refused("module attributes {a = ", "loc(callsite(\"a\" at ", n, "", "");
  }
}

/// `n` definitions "#a<i> = <form>" with #a<i-1> for each @ of the form, in lines or all in one.
static void expect_aliases_refused(int n, const char *form, const char *separator, const char *why) {
  resq_text_buffer p = {0};
  resq_text_buffer_add(resq_str("#a0 = []"), &p);
  for (int i = 1; i < n; ++i) {
    char piece[32];
    resq_text_buffer_add(resq_str(separator), &p);
    snprintf(piece, sizeof piece, "#a%d = ", i);
    resq_text_buffer_add(resq_str(piece), &p);
    snprintf(piece, sizeof piece, "#a%d", i - 1);
    for (const char *c = form; *c; ++c)
      resq_text_buffer_add(*c == '@' ? resq_str(piece) : mlirStringRefCreate(c, 1), &p);
  }
  resq_text_buffer_add(resq_str("\nmodule attributes {resq.a = #a"), &p);
  char last[32];
  snprintf(last, sizeof last, "%d} {}", n - 1);
  resq_text_buffer_add(resq_str(last), &p);
  expect_text_refused(p.data, why);
  free(p.data);
}

static void test_aliases(void **state) {
  (void)state;
  expect_aliases_refused(1000, "[@]", "\n", "aliases inside each other");
  expect_aliases_refused(1000, "[@]", " ", "aliases inside each other");
  expect_aliases_refused(1000, "{a = @}", "\n", "aliases inside each other");
  expect_aliases_refused(40, "[@, @]", "\n", "expands to too many others");
  expect_aliases_refused(40, "\n[@,\n@]", " ", "expands to too many others");
  expect_aliases_refused(70000, "[]", "\n", "too many aliases");
}

/// Nested 200 deep is fine; brackets in comments, strings and arrows don't count.
static void test_allowed_depth(void **state) {
  (void)state;
  resq_text_buffer p = {0};
  resq_text_buffer_add(resq_str("// [[[[ (((( <<<<\nmodule attributes {resq.s = \"\\\"<<<[[[\", resq.a = "), &p);
  for (int i = 0; i < 200; ++i)
    resq_text_buffer_add(resq_str("["), &p);
  for (int i = 0; i < 200; ++i)
    resq_text_buffer_add(resq_str("]"), &p);
  resq_text_buffer_add(resq_str("} {\n"), &p);
  for (int i = 0; i < 1000; ++i) {
    char line[80];
    snprintf(line, sizeof line, "func.func private @f%d(tensor<4xf32>) -> (tensor<4xf32>)\n", i);
    resq_text_buffer_add(resq_str(line), &p);
  }
  resq_text_buffer_add(resq_str("}"), &p);
  resq_error err;
  MlirModule module = import_bytes(p.data, p.size, &err);
  if (mlirModuleIsNull(module))
    fail_msg("%s", err.message);
  mlirModuleDestroy(module);
  free(p.data);
}

static void test_bytecode(void **state) {
  (void)state;
  resq_error err;
  MlirModule module = import_writer(gguf_tiny_llama(&(gguf_tiny_options){0}), &err);
  assert_false(mlirModuleIsNull(module));
  resq_text_buffer bytes = {0};
  mlirOperationWriteBytecode(mlirModuleGetOperation(module), resq_text_buffer_add, &bytes);
  MlirModule again = import_bytes(bytes.data, bytes.size, &err);
  if (mlirModuleIsNull(again))
    fail_msg("%s", err.message);
  char *text = print(module), *text_again = print(again);
  assert_string_equal(text, text_again);
  free(text);
  free(text_again);
  mlirModuleDestroy(again);
  mlirModuleDestroy(module);
  // Damage: an error or a module, never a crash.
  uint32_t noise = 1;
  for (int i = 0; i < 60; ++i) {
    size_t at = 4 + (size_t)((gguf_noise(&noise) + 0.5f) * (float)(bytes.size - 4));
    char kept = bytes.data[at];
    bytes.data[at] = (char)(kept ^ (1 << i % 8));
    MlirModule damaged = import_bytes(bytes.data, bytes.size, &err);
    if (!mlirModuleIsNull(damaged))
      mlirModuleDestroy(damaged);
    else
      assert_int_equal(err.code, RESQ_BAD_INPUT);
    bytes.data[at] = kept;
  }
  module = import_bytes(bytes.data, bytes.size / 2, &err);
  assert_true(mlirModuleIsNull(module));
  assert_int_equal(err.code, RESQ_BAD_INPUT);
  free(bytes.data);
}

static void test_unreadable(void **state) {
  (void)state;
  resq_error err = {0};
  assert_true(mlirModuleIsNull(resq_import(ctx, "/no/such/file", &err)));
  assert_int_equal(err.code, RESQ_IO);
  assert_true(mlirModuleIsNull(resq_import(ctx, "/tmp", &err)));
  assert_int_equal(err.code, RESQ_IO);
}

static void test_real_model(void **state) {
  (void)state;
  const char *model = getenv("RESQ_TEST_MODEL");
  if (!model) {
    print_message("skipped: RESQ_TEST_MODEL names no model\n");
    skip();
  }
  resq_error err = {0};
  MlirModule module = resq_import(ctx, model, &err);
  if (mlirModuleIsNull(module))
    fail_msg("%s", err.message);
  mlirModuleDestroy(module);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_tiny_graph),    TEST(test_locations),   TEST(test_variants),
      TEST(test_qwen2),         TEST(test_head_size),
      TEST(test_missing_parts), TEST(test_contradictions), TEST(test_unsupported),
      TEST(test_text),          TEST(test_depth),       TEST(test_aliases),     TEST(test_allowed_depth),
      TEST(test_bytecode),      TEST(test_unreadable),  TEST(test_real_model),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
