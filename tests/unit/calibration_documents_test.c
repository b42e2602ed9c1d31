//===-- calibration_documents_test.c - LINK: compiler ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "lowering/calibrate/calibration_documents.h"
#include "tests/unit/byte_alphabet.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BYTES = 256, END = BYTES, VOCABULARY = BYTES + 1, TOKENS = 4096 };

/// 256 bytes, and one token that begins a sequence (where `bos`) and ends it.
typedef struct model {
  byte_alphabet alphabet;
  uint8_t *blob;
  resq_tokenizer *tokenizer;
  resq_opening_tokens openings;
  float logits[VOCABULARY];
} model;

static model *make_model(bool bos) {
  model *m = calloc(1, sizeof *m);
  resq_text tokens[VOCABULARY] = {[END] = {"<|endoftext|>", 13}};
  int32_t types[VOCABULARY] = {[END] = 3};
  byte_alphabet_make(m->alphabet);
  for (int b = 0; b < BYTES; ++b) {
    const char *text = m->alphabet[b];
    tokens[b] = (resq_text){text, strlen(text)};
    types[b] = 1;
  }
  resq_tokenizer_source source = {.tokens = tokens,
                                  .token_types = types,
                                  .n_tokens = VOCABULARY,
                                  .pre = "gpt2",
                                  .chat_template = "",
                                  .bos = bos ? END : -1,
                                  .eos = END};
  resq_error err = {0};
  uint64_t size;
  m->blob = resq_tokenizer_build(&source, &size, &err);
  assert_non_null(m->blob);
  m->tokenizer = resq_tokenizer_open(m->blob, size, &err);
  assert_non_null(m->tokenizer);
  assert_true(resq_opening_tokens_encode(&m->openings, m->tokenizer, &err));
  return m;
}

static void free_model(model *m) {
  resq_opening_tokens_free(&m->openings);
  resq_tokenizer_close(m->tokenizer);
  free(m->blob);
  free(m);
}

/// Tokens of a window, and the position of each.
static void write_window(const model *m, int64_t seed, int64_t number, int32_t ids[TOKENS],
                         int32_t positions[TOKENS]) {
  resq_document_window w;
  resq_error err = {0};
  assert_true(resq_document_window_begin(&w, &m->openings, m->tokenizer, seed, number, &err));
  for (int i = 0; i < TOKENS; ++i) {
    ids[i] = resq_document_window_next(&w, i ? m->logits : NULL, VOCABULARY, &err);
    assert_in_range(ids[i], 0, VOCABULARY - 1);
    positions[i] = resq_document_window_position(&w);
  }
  resq_document_window_end(&w);
}

static bool is_opening(const model *m, const int32_t *ids, int64_t left) {
  for (int i = 0; i < RESQ_OPENINGS; ++i) {
    int64_t count = m->openings.counts[i] < left ? m->openings.counts[i] : left;
    if (!memcmp(ids, m->openings.ids[i], (size_t)count * sizeof *ids))
      return true;
  }
  return false;
}

/// Every document begins with an opening, ends behind its last token, and no end token is within.
static int check_documents(const model *m, const int32_t *ids, const int32_t *positions) {
  int documents = 0;
  assert_int_equal(positions[0], 0);
  for (int i = 0; i < TOKENS; ++i) {
    assert_in_range(positions[i], 0, RESQ_DOCUMENT - 1);
    assert_true(!positions[i] || positions[i] == positions[i - 1] + 1);
    if (!positions[i])
      assert_true(is_opening(m, ids + i, TOKENS - i));
    else
      assert_int_not_equal(ids[i], END);
    documents += !positions[i];
  }
  return documents;
}

static void openings_fit(void **state) {
  (void)state;
  for (int bos = 0; bos <= 1; ++bos) {
    model *m = make_model(bos);
    for (int i = 0; i < RESQ_OPENINGS; ++i) {
      assert_in_range(m->openings.counts[i], 1, RESQ_DOCUMENT / 2);
      assert_int_equal(m->openings.ids[i][0], bos ? END : (unsigned char)resq_openings[i][0]);
      size_t n = strlen(resq_openings[i]);
      assert_true(n && resq_openings[i][n - 1] != ' ');
      for (int k = 0; k < i; ++k)
        assert_string_not_equal(resq_openings[i], resq_openings[k]);
    }
    free_model(m);
  }
}

/// Documents of a window, all checked, of a model with that logit for its end and 0 for every byte.
static int documents_of(bool bos, float end_logit) {
  static int32_t ids[TOKENS], positions[TOKENS];
  model *m = make_model(bos);
  m->logits[END] = end_logit;
  write_window(m, 1, 0, ids, positions);
  int documents = check_documents(m, ids, positions);
  free_model(m);
  return documents;
}

/// A model that never ends a document fills all of them.
static void ends_at_the_limit(void **state) {
  (void)state;
  for (int bos = 0; bos <= 1; ++bos)
    assert_int_equal(documents_of(bos, -1e9f), TOKENS / RESQ_DOCUMENT);
}

/// One that ends a document with every other token writes many.
static void ends_where_the_model_ends(void **state) {
  (void)state;
  for (int bos = 0; bos <= 1; ++bos)
    assert_in_range(documents_of(bos, 5.5f), 2 * TOKENS / RESQ_DOCUMENT, TOKENS);
}

/// Neither the next window nor that of the next seed is a copy: seeds differ in all of their text.
static void streams_are_apart(void **state) {
  (void)state;
  enum { SEEDS = 4, NUMBERS = 4 };
  static int32_t ids[SEEDS * NUMBERS + 1][TOKENS], positions[TOKENS];
  model *m = make_model(true);
  for (int i = 0; i < SEEDS * NUMBERS; ++i)
    write_window(m, i / NUMBERS, i % NUMBERS, ids[i], positions);
  for (int i = 0; i < SEEDS * NUMBERS; ++i)
    for (int k = 0; k < i; ++k)
      assert_memory_not_equal(ids[i], ids[k], sizeof ids[i]);
  write_window(m, 1, 2, ids[SEEDS * NUMBERS], positions);
  assert_memory_equal(ids[SEEDS * NUMBERS], ids[NUMBERS + 2], sizeof ids[0]);
  free_model(m);
}

static void says_why_it_fails(void **state) {
  (void)state;
  model *m = make_model(true);
  for (int i = 0; i < VOCABULARY; ++i)
    m->logits[i] = NAN;
  resq_document_window w;
  resq_error err = {0};
  assert_true(resq_document_window_begin(&w, &m->openings, m->tokenizer, 1, 0, &err));
  int32_t token = 0;
  for (int i = 0; i < RESQ_DOCUMENT && token >= 0; ++i)
    token = resq_document_window_next(&w, m->logits, VOCABULARY, &err);
  assert_int_equal(token, -1);
  assert_non_null(strstr(err.message, "logit"));
  resq_document_window_end(&w);
  free_model(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(openings_fit),
      cmocka_unit_test(ends_at_the_limit),
      cmocka_unit_test(ends_where_the_model_ends),
      cmocka_unit_test(streams_are_apart),
      cmocka_unit_test(says_why_it_fails),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
