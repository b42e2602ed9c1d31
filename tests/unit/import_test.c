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

/// As resq_import, with files of its own.
static MlirModule import_file(const char *file, resq_error *err) {
  resq_checkpoints *checkpoints = resq_checkpoints_create();
  MlirModule module = resq_import(ctx, file, checkpoints, err);
  resq_checkpoints_destroy(checkpoints);
  return module;
}

static MlirModule import_bytes(const void *data, size_t size, resq_error *err) {
  write_bytes(data, size);
  *err = (resq_error){0};
  return import_file(path, err);
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
  expect_model_refused(
      gguf_tiny_llama(&o),
      "tensor 'blk.1.attn_k.bias' has shape [33]; the configuration calls for [32]");
  o = good, o.rope_factors = true;
  expect_model_refused(gguf_tiny_llama(&o),
                       "tensor 'rope_freqs.weight' is no part of a qwen2 model");
  o = good, o.key = "qwen2.attention.head_count_kv", o.value = 3;
  expect_model_refused(gguf_tiny_llama(&o),
                       "key 'qwen2.attention.head_count_kv' is 3; a divisor of the 4 heads");
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
  gguf_writer w =
      gguf_tiny_llama(&(gguf_tiny_options){.key = "llama.rope.dimension_count", .value = 32});
  gguf_u32(&w, "llama.attention.key_length", 32);
  gguf_u32(&w, "llama.attention.value_length", 32);
  expect_model_refused(
      w, "tensor 'blk.0.attn_q.weight' has shape [64, 64]; the configuration calls for [128, 64]");
  w = gguf_tiny_llama(&(gguf_tiny_options){.without = "llama.rope.dimension_count"});
  gguf_u32(&w, "llama.attention.key_length", 8);
  expect_model_refused(
      w, "tensor 'blk.0.attn_q.weight' has shape [64, 64]; the configuration calls for [32, 64]");
}

static void test_missing_parts(void **state) {
  (void)state;
  static const char *const parts[] = {"general.architecture",
                                      "llama.block_count",
                                      "llama.context_length",
                                      "llama.embedding_length",
                                      "llama.feed_forward_length",
                                      "llama.attention.head_count",
                                      "llama.attention.layer_norm_rms_epsilon",
                                      "token_embd.weight",
                                      "output_norm.weight",
                                      "blk.0.attn_norm.weight",
                                      "blk.1.ffn_down.weight"};
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
      {"llama.block_count", 1,
       "tensor 'blk.1.attn_norm.weight' is no part of a llama model of 1 layers"},
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
  expect_model_refused(
      gguf_tiny_llama(&(gguf_tiny_options){.reshaped = "blk.1.attn_output.weight"}),
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
  gguf_u32(&w, "split.count", 3);
  expect_model_refused(w, "key 'split.count' is 3, and the file is not named as a part of so many");
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
  expect_model_refused(w, "is 0; 1 to 1048576 are allowed");
  w = gguf_tiny_llama(&(gguf_tiny_options){.without = "llama.feed_forward_length"});
  gguf_array(&w, "llama.feed_forward_length", GGUF_W_U32, 4);
  gguf_put_u64(&w.values, 96 | (uint64_t)96 << 32),
      gguf_put_u64(&w.values, 96 | (uint64_t)96 << 32);
  expect_model_refused(w, "is an array of 4 elements for 2 layers");
}

//===-- Nothing is ignored ------------------------------------------------===//

/// A tiny llama with one key more. `type` is that of `number`, or GGUF_W_STRING for `text`.
static gguf_writer with_key(const char *key, int type, double number, const char *text) {
  gguf_writer w = gguf_tiny_llama(&(gguf_tiny_options){0});
  if (type == GGUF_W_F32)
    gguf_f32(&w, key, (float)number);
  else if (type == GGUF_W_BOOL)
    gguf_bool(&w, key, number != 0);
  else if (type == GGUF_W_U32)
    gguf_u32(&w, key, (uint32_t)number);
  else
    gguf_text(&w, key, text);
  return w;
}

/// The case "RoPE factor" and its kind: each key of the architecture's and the tokenizer's namespaces is computed, harmless,
/// harmless at this value, or refused by name.
static void test_every_key(void **state) {
  (void)state;
  enum { U = GGUF_W_U32, F = GGUF_W_F32, B = GGUF_W_BOOL, T = GGUF_W_STRING };
  static const struct {
    const char *key;
    int type;
    double number;
    const char *text;
    const char *why; ///< NULL: accepted
  } cases[] = {
      {"llama.rope.scaling.type", T, 0, "none", NULL},
      {"llama.rope.scaling.type", T, 0, "linear", NULL},
      {"llama.rope.scaling.type", T, 0, "yarn",
       "scaling.type' is 'yarn'; 'none' and 'linear' are supported"},
      {"llama.rope.scaling.type", T, 0, "longrope", "is 'longrope'; 'none' and 'linear'"},
      {"llama.rope.scaling.type", T, 0, "dynamic", "is 'dynamic'; 'none' and 'linear'"},
      {"llama.rope.scaling.factor", F, 4, NULL, NULL},
      {"llama.rope.scaling.factor", F, 0, NULL, NULL},
      {"llama.rope.scaling.factor", F, -4, NULL, "scaling.factor' is -4; a positive f32 is needed"},
      {"llama.rope.scaling.factor", U, 4, NULL, "scaling.factor' is u32; f32 is needed"},
      {"llama.rope.scale_linear", F, 4, NULL, NULL},
      {"llama.rope.scaling.attn_factor", F, 0.5, NULL, NULL},
      {"llama.rope.scaling.attn_factor", F, 1e30, NULL, "scores would be multiplied by inf"},
      {"llama.rope.scaling.finetuned", B, 1, NULL, NULL},
      {"llama.rope.scaling.original_context_length", U, 8192, NULL, NULL},
      {"llama.rope.scaling.yarn_ext_factor", F, 0, NULL, NULL},
      {"llama.rope.scaling.yarn_ext_factor", F, 1, NULL, "yarn_ext_factor' is 1; 0 is supported"},
      {"llama.rope.scaling.yarn_attn_factor", F, 0.5, NULL,
       "yarn_attn_factor' is 0.5; 1 is supported"},
      {"llama.rope.scaling.alpha", F, 1000, NULL, "alpha' is 1000; 1 or 0 is supported"},
      {"llama.rope.dimension_sections", U, 1, NULL, "resq does not know this key"},
      {"llama.attention.scale", F, 0.1, NULL, NULL},
      {"llama.attention.scale", F, -1, NULL, "a positive f32 is needed"},
      {"llama.attention.causal", B, 1, NULL, NULL},
      {"llama.attention.causal", B, 0, NULL, "causal' is false; true is needed"},
      {"llama.attention.sliding_window", U, 0, NULL, NULL},
      {"llama.attention.sliding_window", U, 128, NULL, NULL}, // the context
      {"llama.attention.sliding_window", U, 127, NULL,
       "sliding_window' is 127; 0 or at least the context of 128"},
      {"llama.attention.clamp_kqv", F, 0, NULL, NULL},
      {"llama.attention.clamp_kqv", F, 8, NULL,
       "clamp_kqv' is 8; 0 is supported: resq does not clamp"},
      {"llama.attention.max_alibi_bias", F, 8, NULL, "max_alibi_bias' is 8; 0 is supported"},
      {"llama.attn_logit_softcapping", F, 50, NULL,
       "attn_logit_softcapping' is 50; 0 is supported"},
      {"llama.final_logit_softcapping", F, 30, NULL,
       "final_logit_softcapping' is 30; 0 is supported"},
      {"llama.attention.layer_norm_epsilon", F, 1e-5, NULL, "resq does not know this key"},
      {"llama.logit_scale", F, 1, NULL, NULL},
      {"llama.logit_scale", F, 0.25, NULL, "logit_scale' is 0.25; 1 or 0 is supported"},
      {"llama.residual_scale", F, 0.5, NULL, "residual_scale' is 0.5; 1 or 0 is supported"},
      {"llama.embedding_scale", F, 12, NULL, "embedding_scale' is 12; 1 or 0 is supported"},
      {"llama.expert_count", U, 0, NULL, NULL},
      {"llama.expert_count", U, 8, NULL,
       "expert_count' is 8; 0 is supported: resq does not compile mixtures of experts"},
      {"llama.expert_feed_forward_length", U, 64, NULL, "mixtures of experts"},
      {"llama.use_parallel_residual", B, 0, NULL, NULL},
      {"llama.use_parallel_residual", B, 1, NULL,
       "use_parallel_residual' is true; false is supported"},
      {"llama.pooling_type", U, 3, NULL, "pooling_type' is 3; 0 is supported"},
      {"llama.hidden_activation", T, 0, "silu", NULL},
      {"llama.hidden_activation", T, 0, "gelu",
       "hidden_activation' is 'gelu'; 'silu' or 'swish' is supported"},
      {"llama.tensor_data_layout", T, 0, "Meta AI original pth", NULL},
      {"llama.tensor_data_layout", T, 0, "transposed", "tensor_data_layout' is 'transposed'"},
      {"llama.of_tomorrow", F, 2.5, NULL,
       "key 'llama.of_tomorrow' is 2.5; resq does not know this key"},
      {"llama.of_tomorrow", T, 0, "yes", "key 'llama.of_tomorrow' is 'yes'; resq does not know"},
      {"llamas.of_tomorrow", F, 2.5, NULL, NULL}, // of nobody
      {"general.type", T, 0, "model", NULL},
      {"general.type", T, 0, "adapter", "general.type' is 'adapter'; resq compiles a 'model'"},
      {"general.quantization_version", U, 2, NULL, NULL},
      {"general.quantization_version", U, 1, NULL,
       "quantization_version' is 1; 2 or 0 is supported"},
      {"general.anything", T, 0, "said", NULL},
      {"quantize.imatrix.file", T, 0, "said", NULL},
      {"tokenizer.ggml.padding_token_id", U, 0, NULL, NULL},
      {"tokenizer.ggml.add_eos_token", B, 0, NULL, NULL},
      {"tokenizer.ggml.add_eos_token", B, 1, NULL, "add_eos_token' is true; false is supported"},
      {"tokenizer.ggml.add_space_prefix", B, 0, NULL, NULL},
      {"tokenizer.ggml.add_space_prefix", B, 1, NULL,
       "add_space_prefix' is true; false is supported"},
      {"tokenizer.ggml.remove_extra_whitespaces", B, 1, NULL, "remove_extra_whitespaces' is true"},
      {"tokenizer.ggml.normalizer.lowercase", B, 1, NULL, "lowercase' is true; false is supported"},
      {"tokenizer.ggml.precompiled_charsmap", T, 0, "x", "resq does not know this key"},
      {"tokenizer.chat_template.tool_use", T, 0, "x", NULL},
      {"split.count", U, 1, NULL, NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    gguf_writer w = with_key(cases[i].key, cases[i].type, cases[i].number, cases[i].text);
    resq_error err = {0};
    if (cases[i].why) {
      expect_model_refused(w, cases[i].why);
      continue;
    }
    MlirModule module = import_writer(w, &err);
    if (mlirModuleIsNull(module))
      fail_msg("case %zu, %s: %s", i, cases[i].key, err.message);
    mlirModuleDestroy(module);
  }
  // Two names of one number.
  gguf_writer w = with_key("llama.rope.scaling.factor", F, 4, NULL);
  gguf_f32(&w, "llama.rope.scale_linear", 2);
  expect_model_refused(w, "is 4, but 'llama.rope.scale_linear' is 2; they mean the same");
}

/// The module that a key gives has what stands for it.
static void expect_module_has(gguf_writer w, const char *what) {
  resq_error err;
  MlirModule module = import_writer(w, &err);
  if (mlirModuleIsNull(module))
    fail_msg("%s", err.message);
  char *text = print(module);
  if (!strstr(text, what))
    fail_msg("'%s' is not in the module", what);
  free(text);
  mlirModuleDestroy(module);
}

static void test_rope_factor(void **state) {
  (void)state;
  const char *four = "arith.constant dense<4.000000e+00> : tensor<8xf32>";
  expect_module_has(with_key("llama.rope.scaling.factor", GGUF_W_F32, 4, NULL), four);
  expect_module_has(with_key("llama.rope.scale_linear", GGUF_W_F32, 4, NULL), four);
  gguf_writer w = gguf_tiny_llama(&(gguf_tiny_options){.rope_factors = true});
  gguf_f32(&w, "llama.rope.scaling.factor", 4);
  expect_module_has(w, "resq.scale_columns");
  // 0.5 in queries and in keys: a quarter of 1 / sqrt(16).
  expect_module_has(with_key("llama.rope.scaling.attn_factor", GGUF_W_F32, 0.5, NULL),
                    "scale = 6.250000e-02");
  expect_module_has(with_key("llama.attention.scale", GGUF_W_F32, 0.125, NULL),
                    "scale = 1.250000e-01");
}

/// The case "part 2": a later part of a split file lacks the architecture, and gets the words that the first gets, where
/// its name does not tell the others.
static void test_part_2(void **state) {
  (void)state;
  gguf_writer w = gguf_writer_begin();
  gguf_u32(&w, "split.no", 1);
  gguf_u32(&w, "split.count", 2);
  gguf_random(&w, "blk.1.attn_q.weight", 64, 64);
  expect_model_refused(w, "key 'split.count' is 2, and the file is not named as a part of so many");
}

/// The case "harmless oddities": what other loaders overlook.
static void test_harmless_oddities(void **state) {
  (void)state;
  static const struct {
    uint32_t n_dims;
    uint64_t dims[4]; // innermost first
    const char *why;
  } shapes[] = {{2, {64, 1}, NULL},
                {2, {1, 64}, NULL},
                {4, {64, 1, 1, 1}, NULL},
                {4, {1, 1, 64, 1}, NULL},
                {2,
                 {32, 2},
                 "tensor 'output_norm.weight' has shape [2, 32]; the configuration calls for [64]"},
                {2, {64, 2}, "has shape [2, 64]"}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; ++i) {
    gguf_writer w = gguf_tiny_llama(&(gguf_tiny_options){.without = "output_norm.weight"});
    float norm[128] = {0};
    uint64_t count =
        shapes[i].dims[0] * shapes[i].dims[1] * (shapes[i].n_dims > 2 ? shapes[i].dims[2] : 1);
    gguf_tensor(&w, "output_norm.weight", 0, shapes[i].n_dims, shapes[i].dims, norm,
                count * sizeof *norm);
    if (shapes[i].why)
      expect_model_refused(w, shapes[i].why);
    else
      expect_module_has(w, "resq.param @final_norm : tensor<64xf32>");
  }
  gguf_writer w = with_key("llama.rope.scaling.type", GGUF_W_STRING, 0, "linear");
  gguf_f32(&w, "llama.rope.scaling.factor", 1);
  expect_module_has(w, "resq.rope_angles %arg1 {base");
  // One number for each layer, all the same.
  w = gguf_tiny_llama(&(gguf_tiny_options){.without = "llama.attention.head_count_kv"});
  gguf_array(&w, "llama.attention.head_count_kv", GGUF_W_U32, 2),
      gguf_put_u64(&w.values, 2 | (uint64_t)2 << 32);
  expect_module_has(w, "resq.param @l1.k : tensor<32x64xf32>");
  w = gguf_tiny_llama(&(gguf_tiny_options){.without = "llama.attention.head_count_kv"});
  gguf_array(&w, "llama.attention.head_count_kv", GGUF_W_U32, 2),
      gguf_put_u64(&w.values, 2 | (uint64_t)1 << 32);
  expect_model_refused(w, "is an array whose element 1 is 1 where the first is 2");
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
  expect_text_refused("module attributes {resq.version = 3 : i64} {}", "resq.version is 3");
  static const char older[] = "module attributes {resq.version = 1 : i64} {}";
  m = import_bytes(older, sizeof older - 1, &err);
  char *upgraded = print(m);
  assert_non_null(strstr(upgraded, "resq.version = 2"));
  free(upgraded);
  mlirModuleDestroy(m);
  static const char folded[] =
      "module attributes {resq.version = 1 : i64} { resq.param @w : tensor<4x8xf32> {\n"
      "  %0 = resq.eye : tensor<8x8xf32>\n"
      "  %1 = resq.hadamard %0 size 8 : tensor<8x8xf32> -> tensor<8x8xf32>\n"
      "  %2 = resq.slice %1 dim 0 begin 0 : tensor<8x8xf32> -> tensor<4x8xf32>\n"
      "  resq.yield %2 : tensor<4x8xf32> }\n"
      "func.func @f(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {\n"
      "  %w = resq.get @w : tensor<4x8xf32>\n"
      "  %y = resq.linear %x, %w : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>\n"
      "  return %y : tensor<?x4xf32> } }";
  expect_text_refused(folded, "does not say the basis of its folded weights, such as @w");
  expect_text_refused("module attributes {resq.version = \"1\"} {}",
                      "resq.version is \"1\": allowed is a 64-bit integer");
  // The case "attribute types", and what only lowerings leave.
  expect_text_refused(
      "module { func.func @f(%x: tensor<?x16xf32> {resq.name = 3 : i64}) { return } }",
      ":1:10: 'func.func' op argument 0: resq.name is 3 : i64: allowed is a string");
  expect_text_refused("module attributes {resq.context_length = \"8\"} {}",
                      "allowed is a 64-bit integer");
  expect_text_refused(
      "module { func.func private @f() attributes {resq.entry = {function = \"f\"}} }",
      "is what a lowering says of its result");
  expect_text_refused("module { func.func private @f(i32 {resq.param = \"p\"}) }",
                      "resq.param is what a lowering says of its result");
  resq_error null = {0};
  m = import_bytes("mod\0ule {}", 10, &null);
  expect_refused(m, &null, "a NUL byte at offset 3");
  expect_text_refused("PK\003\004 some archive", "looks like a zip archive");
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
    expect_repeated_refused("#m = affine_map<(d) -> (d", " floordiv 2", n, ")>",
                            "too many operators");
    expect_repeated_refused("#m = affine_map<(d) -> (d", " + (d)", n, ")>", "too many operators");
    expect_repeated_refused("module attributes {a = \"", "[", n,
                            "\" : ", ":1:"); // strings are free
    expect_repeated_refused("module attributes {a = ", "loc(callsite(\"a\" at ", n, "", "");
  }
}

/// `n` definitions "#a<i> = <form>" with #a<i-1> for each @ of the form, in lines or all in one.
static void expect_aliases_refused(int n, const char *form, const char *separator,
                                   const char *why) {
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
  resq_text_buffer_add(
      resq_str("// [[[[ (((( <<<<\nmodule attributes {arith.s = \"\\\"<<<[[[\", arith.a = "), &p);
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
  assert_true(mlirModuleIsNull(import_file("/no/such/file", &err)));
  assert_int_equal(err.code, RESQ_IO);
  assert_true(mlirModuleIsNull(import_file("/tmp", &err)));
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
  MlirModule module = import_file(model, &err);
  if (mlirModuleIsNull(module))
    fail_msg("%s", err.message);
  mlirModuleDestroy(module);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_tiny_graph),     TEST(test_locations),   TEST(test_variants),
      TEST(test_qwen2),          TEST(test_head_size),   TEST(test_missing_parts),
      TEST(test_contradictions), TEST(test_unsupported), TEST(test_every_key),
      TEST(test_rope_factor),    TEST(test_part_2),      TEST(test_harmless_oddities),
      TEST(test_text),           TEST(test_depth),       TEST(test_aliases),
      TEST(test_allowed_depth),  TEST(test_bytecode),    TEST(test_unreadable),
      TEST(test_real_model),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
