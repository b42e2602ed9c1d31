//===-- tokenizer_test.c - byte-level BPE ---------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Small vocabularies made here show each rule. tokenizer_models_test.c has real ones.
//===----------------------------------------------------------------------===//
#include "tests/unit/byte_alphabet.h"
#include "text/pretokenize.h"
#include "text/tokenizer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_TOKENS = 300 };

/// A vocabulary: the 256 bytes, then what a test adds.
typedef struct vocabulary {
  byte_alphabet alphabet;
  resq_text tokens[MAX_TOKENS], merges[64];
  int32_t types[MAX_TOKENS];
  resq_tokenizer_source source;
} vocabulary;

static int32_t add_token(vocabulary *v, const char *text, int type) {
  v->tokens[v->source.n_tokens] = (resq_text){text, strlen(text)};
  v->types[v->source.n_tokens] = type;
  return (int32_t)v->source.n_tokens++;
}

static void add_merge(vocabulary *v, const char *text) {
  v->merges[v->source.n_merges++] = (resq_text){text, strlen(text)};
}

static vocabulary *bytes_only(const char *pre) {
  vocabulary *v = calloc(1, sizeof *v);
  assert_non_null(v);
  v->source = (resq_tokenizer_source){.tokens = v->tokens,
                                      .token_types = v->types,
                                      .merges = v->merges,
                                      .pre = pre,
                                      .chat_template = "{{ hi }}",
                                      .bos = -1,
                                      .eos = -1};
  byte_alphabet_make(v->alphabet);
  for (int b = 0; b < 256; ++b)
    add_token(v, v->alphabet[b], 1);
  return v;
}

typedef struct opened {
  uint8_t *blob;
  resq_tokenizer *t;
} opened;

static opened open_source(const resq_tokenizer_source *source) {
  resq_error err = {0};
  uint64_t size;
  opened o = {resq_tokenizer_build(source, &size, &err), NULL};
  if (o.blob)
    o.t = resq_tokenizer_open(o.blob, size, &err);
  if (!o.t)
    fail_msg("%s", err.message);
  return o;
}

static void close_opened(opened o) {
  resq_tokenizer_close(o.t);
  free(o.blob);
}

/// Encodes and shows the tokens with | between.
static void shows(resq_tokenizer *t, resq_text text, bool special, const char *wanted) {
  int32_t *ids;
  int64_t count;
  char got[512] = "";
  assert_true(resq_tokenizer_encode(t, text, special, &ids, &count, NULL));
  for (int64_t i = 0; i < count; ++i) {
    resq_text bytes = resq_tokenizer_bytes(t, ids[i]);
    strcat(got, i ? "|" : "");
    strncat(got, bytes.data, bytes.size);
  }
  assert_string_equal(got, wanted);
  free(ids);
}

static resq_text text_of(const char *s) { return (resq_text){s, strlen(s)}; }

static void bytes_round_trip(void **state) {
  (void)state;
  vocabulary *v = bytes_only("gpt2");
  opened o = open_source(&v->source);
  char all[256];
  for (int b = 0; b < 256; ++b) {
    resq_text one = resq_tokenizer_bytes(o.t, b);
    assert_true(one.size == 1 && (unsigned char)one.data[0] == b);
    all[b] = (char)b;
  }
  int32_t *ids;
  int64_t count;
  assert_true(resq_tokenizer_encode(o.t, (resq_text){all, 256}, false, &ids, &count, NULL));
  assert_int_equal(count, 256);
  for (int b = 0; b < 256; ++b)
    assert_int_equal(ids[b], b);
  free(ids);
  assert_int_equal(resq_tokenizer_bytes(o.t, 256).size, 0);
  assert_int_equal(resq_tokenizer_bytes(o.t, -1).size, 0);
  assert_string_equal(resq_tokenizer_chat_template(o.t), "{{ hi }}");
  close_opened(o);
  free(v);
}

static void merges_by_rank(void **state) {
  (void)state;
  vocabulary *v = bytes_only("gpt2");
  static const char *const merged[] = {"bc", "ab", "abc", "aa", "aaaa", "Ġa"};
  static const char *const rules[] = {"b c", "a b", "a bc", "a a", "aa aa", "Ġ a"};
  for (int i = 0; i < 6; ++i) {
    add_token(v, merged[i], 1);
    add_merge(v, rules[i]);
  }
  opened o = open_source(&v->source);
  shows(o.t, text_of("abc"), false, "abc"); // b c first, then a bc
  shows(o.t, text_of("abab"), false, "ab|ab");
  shows(o.t, text_of("aaaaaaa"), false, "aaaa|aa|a"); // leftmost of equals
  shows(o.t, text_of("x abc"), false, "x| |abc");
  shows(o.t, text_of("x aa"), false, "x| |aa");
  shows(o.t, text_of(""), false, "");
  shows(o.t,
        (resq_text){"ab\xff"
                    "c",
                    4},
        false, "ab|\xff|c"); // no merge across ill-formed bytes
  close_opened(o);
  free(v);
}

static void special_tokens(void **state) {
  (void)state;
  vocabulary *v = bytes_only("gpt2");
  int32_t end = add_token(v, "<|im_end|>", 3);
  int32_t shorter = add_token(v, "<|im", 3);
  add_token(v, "<think>", 4);
  v->source.bos = shorter;
  v->source.add_bos = true;
  opened o = open_source(&v->source);
  shows(o.t, text_of("a<|im_end|>b<|imx"), true, "a|<|im_end|>|b|<|im|x");
  shows(o.t, text_of("<|im<think>"), false, "<|||i|m|<think>");
  shows(o.t, text_of("<|im_en"), true, "<|im|_|e|n");
  assert_true(resq_tokenizer_is_control(o.t, end) && !resq_tokenizer_is_control(o.t, 65));
  assert_true(resq_tokenizer_is_end(o.t, end) && !resq_tokenizer_is_end(o.t, shorter));
  assert_true(resq_tokenizer_add_bos(o.t) && resq_tokenizer_bos(o.t) == shorter);
  close_opened(o);
  free(v);
}

static void whole_pieces_and_normal_form(void **state) {
  (void)state;
  for (int i = 0; i < 2; ++i) {
    vocabulary *v = bytes_only(i ? "llama-bpe" : "qwen2");
    add_token(v, "abcd", 1); // no merges lead to it
    opened o = open_source(&v->source);
    shows(o.t, text_of("abcd"), false, i ? "abcd" : "a|b|c|d");
    int32_t *ids;
    int64_t count; // e and a combining acute: Qwen2 composes them, two bytes instead of three
    assert_true(resq_tokenizer_encode(o.t, text_of("e\xCC\x81"), false, &ids, &count, NULL));
    assert_int_equal(count, i ? 3 : 2);
    free(ids);
    close_opened(o);
    free(v);
  }
}

static void pieces(void **state) {
  (void)state;
  static const char *const cases[][3] = {
      {"gpt2", "I'm  he'LL 2024\n\n x\t", "I|'m| | he|'|LL| 2024|\n\n| x|\t"},
      {"smollm", " : \n\n 1", " :| \n\n |1"},
      {"starcoder", " : \n\n 12 \xC2\xBD", " :| \n\n |1|2| |\xC2\xBD"},
      {"llama3", "I'M 12345 \n\n  x", "I|'M| |123|45| \n\n| | x"},
      {"qwen2", "a.b 12 !\n", "a|.b| |1|2| !\n"},
      {"gpt2", "a\xC2\xA0 b\xE1\xA0\x8E",
       "a|\xC2\xA0| b|\xE1\xA0\x8E"}, // U+180E is not white space
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    resq_pretokenizer *pre = resq_pretokenizer_create(cases[i][0], NULL);
    assert_non_null(pre);
    resq_pieces p;
    char got[128] = "";
    const char *piece;
    size_t size;
    assert_true(resq_pieces_init(&p, pre, NULL));
    resq_pieces_start(&p, cases[i][1], strlen(cases[i][1]));
    while (resq_pieces_next(&p, &piece, &size, NULL) && size) {
      strcat(got, got[0] ? "|" : "");
      strncat(got, piece, size);
    }
    assert_string_equal(got, cases[i][2]);
    resq_pieces_free(&p);
    resq_pretokenizer_destroy(pre);
  }
}

static void build_refuses(const vocabulary *v, const char *wanted) {
  resq_error err = {0};
  uint64_t size;
  uint8_t *blob = resq_tokenizer_build(&v->source, &size, &err);
  assert_null(blob);
  if (!strstr(err.message, wanted))
    fail_msg("\"%s\" does not say \"%s\"", err.message, wanted);
}

static void bad_sources(void **state) {
  (void)state;
  vocabulary *v = bytes_only("nope");
  build_refuses(v, "pre-tokenizer \"nope\" is not known; known: gpt-2");
  v->source.pre = "gpt2";
  v->source.eos = 256;
  build_refuses(v, "eos id 256");
  v->source.eos = -1;
  add_token(v, "A", 1);
  build_refuses(v, "are both \"A\"");
  v->source.n_tokens = 256;
  add_merge(v, "ab");
  build_refuses(v, "two tokens with a space between");
  v->source.n_merges = 0;
  v->source.n_tokens = 0;
  build_refuses(v, "0 tokens");
  free(v);
}

/// The row "harmless oddities": type 0 is ordinary text, a merge that names no token is overlooked,
/// and empty tokens may be many, as in other loaders.
static void harmless_oddities(void **state) {
  (void)state;
  vocabulary *v = bytes_only("gpt2");
  resq_tokenizer_notes notes;
  v->source.notes = &notes;
  v->types['a'] = 0;
  v->types['z'] = 0;
  v->types['c'] = 6; // a byte is a byte, whatever it is called
  add_token(v, "", 5);
  add_token(v, "", 5);
  add_token(v, "ab", 0);
  add_merge(v, "b c");   // no result
  add_merge(v, "xyz b"); // no left side
  add_merge(v, "a b");
  add_merge(v, "ab xyz"); // no right side
  opened o = open_source(&v->source);
  shows(o.t, text_of("abcz"), false, "ab|c|z");
  assert_int_equal(notes.ignored_merges, 3);
  assert_int_equal(notes.first_ignored_merge, 0);
  close_opened(o);
  v->types['a'] = 7; // a lie stays one
  build_refuses(v, "type 7; 0 to 6 are allowed");
  free(v);
}

/// The row "end tokens": by name whatever the type, and by id whatever the name.
static void end_tokens(void **state) {
  (void)state;
  static const char *const names[] = {"<|im_end|>",
                                      "<EOT>",
                                      "<｜end▁of▁sentence｜>",
                                      "‹｜end▁of▁sentence｜›",
                                      "<|fim_pad|>",
                                      "<|repo_name|>",
                                      "<|file_sep|>",
                                      "<|call|>",
                                      "<end_of_utterance>",
                                      "[EOT]",
                                      "[EOS]",
                                      "<turn|>",
                                      "<|eot_id|>",
                                      "<|endoftext|>",
                                      "</s>"};
  enum { NAMES = sizeof names / sizeof names[0] };
  for (int type = 0; type <= 6; ++type) {
    vocabulary *v = bytes_only("gpt2");
    int32_t first = add_token(v, names[0], type);
    for (int i = 1; i < NAMES; ++i)
      add_token(v, names[i], type);
    const int32_t given[] = {add_token(v, "one", 1), add_token(v, "two", 4)};
    v->source.eos = add_token(v, "three", 1);
    v->source.ends = given;
    v->source.n_ends = 2;
    opened o = open_source(&v->source);
    for (int32_t id = 0; id < v->source.n_tokens; ++id)
      assert_int_equal(resq_tokenizer_is_end(o.t, id), id >= first);
    assert_false(resq_tokenizer_is_end(o.t, -1) || resq_tokenizer_is_end(o.t, 100000));
    // A chat template's text is the token; a prompt's is text.
    shows(o.t, text_of("x<|im_end|>y"), true, "x|<|im_end|>|y");
    shows(o.t, text_of("<EOT>"), false, "<|E|O|T|>");
    v->source.n_ends = 1;
    ((int32_t *)given)[0] = (int32_t)v->source.n_tokens;
    build_refuses(v, "end token 274");
    close_opened(o);
    free(v);
  }
}

/// Names that are no ends: <|end|> beside <|return|> and <|call|>, </s> beside <|tool_response>,
/// and what merges build.
static void no_end_tokens(void **state) {
  (void)state;
  vocabulary *v = bytes_only("gpt2");
  int32_t end = add_token(v, "<|end|>", 3), s = add_token(v, "</s>", 1);
  opened o = open_source(&v->source);
  assert_true(resq_tokenizer_is_end(o.t, end) && resq_tokenizer_is_end(o.t, s));
  close_opened(o);
  add_token(v, "<|return|>", 3);
  add_token(v, "<|call|>", 3);
  add_token(v, "<|tool_response>", 3);
  o = open_source(&v->source);
  assert_false(resq_tokenizer_is_end(o.t, end) || resq_tokenizer_is_end(o.t, s));
  close_opened(o);
  free(v);
  v = bytes_only("gpt2");
  add_token(v, "</", 1);
  add_token(v, "s>", 1);
  s = add_token(v, "</s>", 1);
  add_merge(v, "< /");
  add_merge(v, "s >");
  add_merge(v, "</ s>");
  o = open_source(&v->source);
  assert_false(resq_tokenizer_is_end(o.t, s));
  shows(o.t, text_of("</s>"), false, "</|s|>"); // the pattern cuts it
  close_opened(o);
  free(v);
}

/// Each cut and many single-byte changes: open refuses or encode copes.
static void damaged_blobs(void **state) {
  (void)state;
  vocabulary *v = bytes_only("gpt2");
  add_token(v, "ab", 1);
  add_merge(v, "a b");
  add_token(v, "<s>", 3);
  uint64_t size;
  uint8_t *blob = resq_tokenizer_build(&v->source, &size, NULL), *copy = malloc(size);
  assert_true(blob && copy);
  for (uint64_t cut = 0; cut < size; cut += 61)
    assert_null(resq_tokenizer_open(blob, cut, NULL));
  for (uint64_t at = 0; at < size; at += at < 256 ? 1 : 7)
    for (int bit = 0; bit < 8; bit += 7) {
      int32_t *ids;
      int64_t count;
      memcpy(copy, blob, size);
      copy[at] ^= (uint8_t)(1 << bit);
      resq_tokenizer *t = resq_tokenizer_open(copy, size, NULL);
      if (t && resq_tokenizer_encode(t, text_of("abab <s> x"), true, &ids, &count, NULL))
        free(ids);
      resq_tokenizer_close(t);
    }
  free(copy);
  free(blob);
  free(v);
}

/// Long runs of one character, which quadratic work would not end; pretokenizer_test.c has all
/// patterns.
static void long_runs(void **state) {
  (void)state;
  enum { N = 1000000 };
  static const char *const pres[] = {"gpt2", "smollm", "llama3", "qwen2"};
  char *text = malloc(N);
  assert_non_null(text);
  for (size_t k = 0; k < 4; ++k) {
    vocabulary *v = bytes_only(pres[k]);
    add_token(v, "aa", 1);
    add_merge(v, "a a");
    add_token(v, "ĠĠ", 1);
    add_merge(v, "Ġ Ġ");
    opened o = open_source(&v->source);
    for (const char *c = "a 1!\n\xff"; *c; ++c) {
      int32_t *ids;
      int64_t count;
      size_t n = *c == 'a' ? N : N / 8;
      memset(text, *c, n);
      assert_true(resq_tokenizer_encode(o.t, (resq_text){text, n}, false, &ids, &count, NULL));
      assert_int_equal(count, *c == 'a' || *c == ' ' ? n / 2 : n);
      free(ids);
    }
    close_opened(o);
    free(v);
  }
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bytes_round_trip),
      cmocka_unit_test(merges_by_rank),
      cmocka_unit_test(special_tokens),
      cmocka_unit_test(whole_pieces_and_normal_form),
      cmocka_unit_test(pieces),
      cmocka_unit_test(bad_sources),
      cmocka_unit_test(harmless_oddities),
      cmocka_unit_test(end_tokens),
      cmocka_unit_test(no_end_tokens),
      cmocka_unit_test(damaged_blobs),
      cmocka_unit_test(long_runs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
