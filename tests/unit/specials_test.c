//===-- specials_test.c - special tokens, found in linear time ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/specials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_TOKENS = 12 };

typedef struct tokens {
  resq_text texts[MAX_TOKENS];
  int32_t ids[MAX_TOKENS];
  bool user[MAX_TOKENS];
  size_t count;
} tokens;

/// Puts a token in its place of the order.
static void add(tokens *t, resq_text text, bool user) {
  size_t at = t->count;
  for (; at > 0 && resq_specials_compare(text, t->texts[at - 1]) < 0; --at) {
    t->texts[at] = t->texts[at - 1];
    t->ids[at] = t->ids[at - 1];
    t->user[at] = t->user[at - 1];
  }
  t->texts[at] = text;
  t->ids[at] = (int32_t)t->count++;
  t->user[at] = user;
}

/// The longest token at the start of a text, by trying all of them; -1 for none.
static int longest(const tokens *t, resq_text text, bool all) {
  int found = -1;
  for (size_t i = 0; i < t->count; ++i)
    if ((all || t->user[i]) && t->texts[i].size <= text.size &&
        memcmp(t->texts[i].data, text.data, t->texts[i].size) == 0 &&
        (found < 0 || t->texts[i].size > t->texts[found].size))
      found = (int)i;
  return found;
}

static uint32_t draw(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 16;
}

/// Random tokens and texts of two letters: the hits are those of a search that tries every token
/// at every place.
static void equals_naive_search(void **state) {
  (void)state;
  uint32_t seed = 5;
  for (int round = 0; round < 2000; ++round) {
    char letters[MAX_TOKENS][8], text[48];
    tokens t = {.count = 0};
    size_t n = 1 + draw(&seed) % MAX_TOKENS, size = draw(&seed) % sizeof text;
    for (size_t i = 0; i < n; ++i) {
      size_t length = 1 + draw(&seed) % (round % 2 ? 3 : sizeof letters[0]);
      for (size_t k = 0; k < length; ++k)
        letters[i][k] = draw(&seed) % 4 ? 'a' : 'b';
      add(&t, (resq_text){letters[i], length}, draw(&seed) % 2);
    }
    for (size_t i = 0; i < size; ++i)
      text[i] = draw(&seed) % 4 ? 'a' : 'b';
    resq_specials s;
    assert_true(resq_specials_open(&s, t.texts, t.ids, t.user, t.count, NULL));
    for (int all = 0; all < 2; ++all) {
      resq_special_hit *hits;
      size_t count, taken = 0;
      assert_true(resq_specials_find(&s, (resq_text){text, size}, all, &hits, &count, NULL, NULL));
      for (size_t at = 0; at < size; ++at) {
        int wanted = longest(&t, (resq_text){text + at, size - at}, all);
        if (wanted < 0)
          continue;
        assert_true(taken < count && hits[taken].at == at);
        // Of equal tokens any will do here: the first counts when a tokenizer is opened.
        resq_text text_found = {NULL, 0};
        for (size_t i = 0; i < t.count; ++i)
          if (t.ids[i] == hits[taken].id)
            text_found = t.texts[i];
        assert_int_equal(text_found.size, t.texts[wanted].size);
        ++taken;
      }
      assert_int_equal(taken, count);
      free(hits);
    }
    resq_specials_close(&s);
  }
}

static uint64_t work_of(const resq_specials *s, size_t size) {
  char *text = malloc(size);
  assert_non_null(text);
  memset(text, 'a', size);
  resq_special_hit *hits;
  size_t count;
  uint64_t work = 0;
  assert_true(resq_specials_find(s, (resq_text){text, size}, true, &hits, &count, &work, NULL));
  free(hits);
  free(text);
  return work;
}

/// The row "special tokens": a user token of 60,001 bytes, a...ab or ba...a, and a text of a's; and
/// the same beside a token "a", where a search forward would begin again behind each one.
static void work_is_linear(void **state) {
  (void)state;
  enum { LONG = 60000 };
  char *text = malloc(LONG + 1);
  assert_non_null(text);
  for (int which = 0; which < 4; ++which) {
    memset(text, 'a', LONG + 1);
    text[which % 2 ? 0 : LONG] = 'b';
    tokens t = {.count = 0};
    add(&t, (resq_text){text, LONG + 1}, true);
    if (which >= 2)
      add(&t, (resq_text){"a", 1}, true);
    resq_specials s;
    assert_true(resq_specials_open(&s, t.texts, t.ids, t.user, t.count, NULL));
    for (size_t size = 100000; size <= 400000; size *= 2)
      assert_true(work_of(&s, size) <= 2 * size);
    resq_specials_close(&s);
  }
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equals_naive_search),
      cmocka_unit_test(work_is_linear),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
