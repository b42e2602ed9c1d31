//===-- tokenizer_models_test.c - the tokenizers of real models -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// RESQ_TEST_MODEL (SmolLM2) and RESQ_TEST_MODEL_QWEN (Qwen2.5) name GGUF files; a test without its
// file is skipped. The ids of 641 texts are those of Hugging Face's `tokenizers` built from the
// files' own tokens and merges with the stages of the original
// (tests/tools/make_pretokenizer_ids.py). tests/e2e/model_test.py compares whole texts.
//===----------------------------------------------------------------------===//
#include "tests/unit/text_corpus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static resq_text text_of(const char *s) { return (resq_text){s, strlen(s)}; }

/// A trusting reader of GGUF metadata: test files only.
typedef struct gguf {
  const char *at;
} gguf;

static uint64_t take(gguf *g, size_t bytes) {
  uint64_t value = 0;
  memcpy(&value, g->at, bytes);
  g->at += bytes;
  return value;
}

static resq_text take_text(gguf *g) {
  size_t size = take(g, 8);
  resq_text text = {g->at, size};
  g->at += size;
  return text;
}

static const size_t sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

static bool is_key(resq_text key, const char *name) {
  return strlen(name) == key.size && memcmp(name, key.data, key.size) == 0;
}

static void take_array(gguf *g, resq_text key, resq_tokenizer_source *s) {
  uint32_t type = (uint32_t)take(g, 4);
  uint64_t count = take(g, 8);
  if (type != 8) {
    if (is_key(key, "tokenizer.ggml.token_type")) {
      int32_t *types = malloc(count * 4);
      memcpy(types, g->at, count * 4);
      s->token_types = types;
    }
    g->at += count * sizes[type];
    return;
  }
  resq_text *texts = malloc((count + 1) * sizeof *texts);
  for (uint64_t i = 0; i < count; ++i)
    texts[i] = take_text(g);
  if (is_key(key, "tokenizer.ggml.tokens")) {
    s->tokens = texts;
    s->n_tokens = (int64_t)count;
  } else if (is_key(key, "tokenizer.ggml.merges")) {
    s->merges = texts;
    s->n_merges = (int64_t)count;
  } else {
    free(texts);
  }
}

static resq_tokenizer_source read_gguf(const char *data, const char *pre) {
  resq_tokenizer_source s = {.pre = pre, .chat_template = "", .bos = 1, .eos = 2};
  gguf g = {data + 16};
  for (uint64_t n = take(&g, 8); n > 0; --n) {
    resq_text key = take_text(&g);
    uint32_t type = (uint32_t)take(&g, 4);
    if (type == 8)
      (void)take_text(&g);
    else if (type == 9)
      take_array(&g, key, &s);
    else
      g.at += sizes[type];
  }
  return s;
}

/// `text` becomes the ids of `wanted`, which end before a 0.
static void expect_ids(const resq_tokenizer *t, const char *text, const int32_t *wanted) {
  int32_t *ids;
  int64_t count, n = 0;
  while (wanted[n])
    ++n;
  assert_true(resq_tokenizer_encode(t, text_of(text), true, &ids, &count, NULL));
  assert_int_equal(count, n);
  assert_memory_equal(ids, wanted, (size_t)count * 4);
  free(ids);
}

/// The prompts of tests/e2e/Inputs/reference/smollm2-135m.json; the last one is the chat text.
static void reference_prompts(const resq_tokenizer *t) {
  static const struct {
    const char *text;
    int32_t ids[40];
  } cases[] = {
      {"The capital of France is", {504, 3575, 282, 4649, 314}},
      {"def fibonacci(n):\n", {1604, 3987, 46477, 24, 94, 727, 198}},
      {"Once upon a time, in a small village by the sea,",
       {6403, 1980, 253, 655, 28, 281, 253, 1165, 6560, 411, 260, 3426, 28}},
      {"Water boils at 100 degrees Celsius because",
       {12615, 36411, 418, 216, 33, 32, 32, 5027, 20590, 975}},
      {"<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
       "<|im_end|>\n<|im_start|>user\nWhat is the capital of "
       "France?<|im_end|>\n<|im_start|>assistant\n",
       {1,   9690, 198, 2683, 359,   253,  5356, 5646, 11173, 3365, 3511, 308,  34519,
        28,  7018, 411, 407,  19712, 8182, 2,    198,  1,     4093, 198,  1780, 314,
        260, 3575, 282, 4649, 47,    2,    198,  1,    520,   9531, 198}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i)
    expect_ids(t, cases[i].text, cases[i].ids);
}

/// The row "digits": the original splits digits one by one before the GPT-2 pattern.
static void digits(const resq_tokenizer *t) {
  static const struct {
    const char *text;
    int32_t ids[8];
  } cases[] = {
      {"x  1", {104, 256, 33}},
      {"\n\n1", {1116, 33}},
      {"\n 1", {3805, 33}},
      {"\n  1", {11181, 33}},
      {"1   2   3", {33, 333, 34, 333, 35}},
      {"    1. nested", {289, 33, 30, 26941}},
      {"  12  34", {256, 33, 34, 256, 35, 36}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i)
    expect_ids(t, cases[i].text, cases[i].ids);
}

typedef struct model {
  const char *variable, *pre, *ids;
  size_t width;
} model;

static void check_model(const model *m, void (*more)(const resq_tokenizer *t)) {
  const char *path = getenv(m->variable);
  size_t size;
  char *data = path ? corpus_read_file(path, &size) : NULL;
  if (!data) {
    fprintf(stderr, "skipped: %s names no model that can be read\n", m->variable);
    skip();
  }
  resq_tokenizer_source source = read_gguf(data, m->pre);
  resq_error err = {0};
  uint64_t blob_size;
  uint8_t *blob = resq_tokenizer_build(&source, &blob_size, &err);
  resq_tokenizer *t = blob ? resq_tokenizer_open(blob, blob_size, &err) : NULL;
  if (!t)
    fail_msg("%s", err.message);
  text_corpus corpus = corpus_open();
  assert_true(corpus.count >= 500);
  assert_int_equal(corpus_compare(&corpus, t, m->ids, m->width), 0);
  corpus_close(&corpus);
  if (more)
    more(t);
  resq_tokenizer_close(t);
  free(blob);
  free((void *)source.tokens);
  free((void *)source.merges);
  free((void *)source.token_types);
  free(data);
}

static void smollm2_more(const resq_tokenizer *t) {
  digits(t);
  reference_prompts(t);
}

static void test_digits(void **state) {
  (void)state;
  static const model smollm2 = {"RESQ_TEST_MODEL", "smollm", "smollm2", 2};
  check_model(&smollm2, smollm2_more);
}

static void qwen(void **state) {
  (void)state;
  static const model qwen25 = {"RESQ_TEST_MODEL_QWEN", "qwen2", "qwen2.5", 4};
  check_model(&qwen25, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_digits),
      cmocka_unit_test(qwen),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
