//===-- pretokenizer_test.c - every accepted pre-tokenizer, token by token ===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A small vocabulary whose merges cross the boundaries of every pattern, over 641 texts with
// digits, blanks, line ends, CJK, Arabic, emoji, combining marks, contractions and code. The ids
// are those of Hugging Face's `tokenizers` with the stages of the original, and where llama.cpp
// does the same, those of llama.cpp, too; tests/tools/make_pretokenizer_ids.py made them.
//===----------------------------------------------------------------------===//
#include "tests/unit/byte_alphabet.h"
#include "tests/unit/text_corpus.h"
#include "text/pretokenize.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { NFC = 1, WHOLE = 2, BOS = 4 };

static const struct {
  const char *name, *pattern;
  unsigned flags;
} rows[] = {
#define WS ""
#define RESQ_PRETOKENIZER(name, pattern, flags) {name, #pattern, flags},
#include "text/pretokenizers.def"
};
enum { ROWS = sizeof rows / sizeof rows[0] };

typedef struct vocabulary {
  byte_alphabet alphabet;
  char *lines, *joined;
  resq_text *tokens, *merges;
  int64_t n_tokens, n_merges;
} vocabulary;

/// merges.txt: lines "left right", and tokens that no merge leads to, without a space.
static void read_vocabulary(vocabulary *v) {
  size_t size = 0;
  v->lines = corpus_file("merges.txt", &size);
  assert_non_null(v->lines);
  v->joined = malloc(size);
  v->tokens = calloc(size, sizeof *v->tokens);
  v->merges = calloc(size, sizeof *v->merges);
  assert_true(v->joined && v->tokens && v->merges);
  byte_alphabet_make(v->alphabet);
  for (int b = 0; b < 256; ++b)
    v->tokens[v->n_tokens++] = (resq_text){v->alphabet[b], strlen(v->alphabet[b])};
  char *out = v->joined;
  for (char *at = v->lines, *end; at < v->lines + size; at = end + 1) {
    end = strchr(at, '\n');
    assert_non_null(end);
    resq_text line = {at, (size_t)(end - at)}, token = {out, 0};
    const char *space = memchr(at, ' ', line.size);
    if (space)
      v->merges[v->n_merges++] = line;
    for (; at < end; ++at)
      if (*at != ' ')
        *out++ = *at;
    token.size = (size_t)(out - token.data);
    bool known = false;
    for (int64_t i = 0; i < v->n_tokens; ++i)
      known |=
          v->tokens[i].size == token.size && memcmp(v->tokens[i].data, token.data, token.size) == 0;
    if (!known)
      v->tokens[v->n_tokens++] = token;
  }
}

static void every_pretokenizer(void **state) {
  (void)state;
  static vocabulary v;
  read_vocabulary(&v);
  text_corpus corpus = corpus_open();
  assert_true(corpus.count >= 500);
  for (size_t i = 0; i < ROWS; ++i) {
    const resq_tokenizer_source source = {.tokens = v.tokens,
                                          .n_tokens = v.n_tokens,
                                          .merges = v.merges,
                                          .n_merges = v.n_merges,
                                          .pre = rows[i].name,
                                          .bos = -1,
                                          .eos = -1};
    resq_error err = {0};
    uint64_t size;
    uint8_t *blob = resq_tokenizer_build(&source, &size, &err);
    resq_tokenizer *t = blob ? resq_tokenizer_open(blob, size, &err) : NULL;
    if (!t)
      fail_msg("%s: %s", rows[i].name, err.message);
    char file[64];
    snprintf(file, sizeof file, "%s%s%s", rows[i].pattern, rows[i].flags & NFC ? "-nfc" : "",
             rows[i].flags & WHOLE ? "-whole" : "");
    int differ = corpus_compare(&corpus, t, file, 2);
    if (differ)
      fail_msg("%s: %d texts differ from %s.ids", rows[i].name, differ, file);
    resq_tokenizer_close(t);
    free(blob);
  }
  corpus_close(&corpus);
  free(v.lines);
  free(v.joined);
  free(v.tokens);
  free(v.merges);
}

/// Long runs of what the patterns tell apart: pieces cover the text, and the work is linear (at
/// this size, quadratic work would take hours).
static void long_runs(void **state) {
  (void)state;
  static const char *const units[] = {
      "a",  "A",   "1",  "!",  " ",         "\n",           "\xE4\xB8\xAD", "\xCC\x81",
      "aA", " \n", " a", "! ", "A\xCC\x81", "\xE3\x80\x80", "\x01"};
  enum { SIZE = 1 << 18 };
  char *text = malloc(SIZE + 8);
  assert_non_null(text);
  for (size_t i = 0; i < ROWS; ++i) {
    if (i && strcmp(rows[i].pattern, rows[i - 1].pattern) == 0)
      continue;
    resq_pretokenizer *pre = resq_pretokenizer_create(rows[i].name, NULL);
    resq_pieces pieces;
    assert_true(pre && resq_pieces_init(&pieces, pre, NULL));
    for (size_t u = 0; u < sizeof units / sizeof units[0]; ++u) {
      size_t unit = strlen(units[u]), size = 0, covered = 0, piece_size;
      const char *piece;
      for (; size < SIZE; size += unit)
        memcpy(text + size, units[u], unit);
      text[size++] = 'x';
      resq_pieces_start(&pieces, text, size);
      for (;;) {
        assert_true(resq_pieces_next(&pieces, &piece, &piece_size, NULL));
        if (!piece_size)
          break;
        assert_ptr_equal(piece, text + covered);
        covered += piece_size;
      }
      assert_int_equal(covered, size);
    }
    resq_pieces_free(&pieces);
    resq_pretokenizer_destroy(pre);
  }
  free(text);
}

/// The names in messages and in docs/ are those of the table.
static void names(void **state) {
  (void)state;
  size_t size = 0;
  char *page = corpus_read_file(RESQ_SOURCE_DIR "/docs/tokenizers.md", &size);
  assert_non_null(page);
  for (size_t i = 0; i < ROWS; ++i) {
    char listed[64];
    assert_true(resq_pretokenizer_known(rows[i].name));
    assert_int_equal(resq_pretokenizer_means_bos(rows[i].name), (rows[i].flags & BOS) != 0);
    assert_non_null(strstr(resq_pretokenizer_names(), rows[i].name));
    snprintf(listed, sizeof listed, "`%s`", rows[i].name);
    if (!strstr(page, listed))
      fail_msg("docs/tokenizers.md does not list %s", listed);
  }
  assert_false(resq_pretokenizer_known("nosuch") || resq_pretokenizer_means_bos("nosuch"));
  free(page);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_pretokenizer),
      cmocka_unit_test(long_runs),
      cmocka_unit_test(names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
