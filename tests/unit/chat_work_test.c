//===-- chat_work_test.c - the work of chat templates is bounded ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Case row "template time". Work is counted, not timed: it ends with an error at a
// limit, and grows as the texts do wherever jinja2's does.
//===----------------------------------------------------------------------===//
#include "text/chat_template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const resq_chat_message one[] = {{"user", "What is the capital of France?"}};

enum { MAX_WORK = 320000000 }; // of chat_value.h

/// *work: the limit, and then what it took.
static char *count(const char *text, int64_t *work, resq_error *err) {
  const resq_chat_request request = {one, 1, true, "<s>", "</s>", NULL};
  return resq_chat_template_render_counted(text, &request, NULL, work, err);
}

static void refuses_within(const char *text, const char *wanted, int64_t limit) {
  resq_error err = {0};
  int64_t work = limit;
  char *got = count(text, &work, &err);
  if (got)
    fail_msg("%.200s was rendered: %.200s", text, got);
  if (!strstr(err.message, wanted))
    fail_msg("%.200s: \"%s\" does not say \"%s\"", text, err.message, wanted);
  assert_true(work <= limit);
}

static void refuses(const char *text, const char *wanted) {
  refuses_within(text, wanted, MAX_WORK / 3);
}

/// The two templates of the case, and others that loop over costly operations.
static void template_time(void **state) {
  (void)state;
  refuses("{% set ns=namespace(s=' '*16) %}{% for i in range(20) %}{% set ns.s=ns.s+ns.s %}"
          "{% endfor %}{% for i in range(99999) %}{% for j in range(30) %}{% set x=ns.s.strip() %}"
          "{% endfor %}{% endfor %}",
          "units of work");
  static const char *const costly[] = {
      "s.strip()",
      "s.startswith(s)",
      "s.split('zz')",
      "s == s2",
      "s in s2",
      "s.replace('z','')",
      "s | tojson",
      "s | upper",
      "s | length",
      "s ~ s2",
      "s + s2",
      "[s, s2] | join",
      "s.find('zz')",
      "s.rfind('zz')",
      "s < s2",
      "{s: 1}",
      "{'a': 1}[s]",
      "s | title",
      "s[1:]",
      "s | list",
      "[s] | string",
      "s.splitlines()",
      "s | indent",
      "s.isalpha()",
      "'%s' % s",
      "s | wordcount",
      "s | sort",
      "s.rsplit('zz')",
      "s.partition('z')",
      "s.zfill(9)",
      "s | reverse",
      "s is lower",
      "m(s)",
      "s.join(['a','b'])",
      "[s, s2] | unique | list",
  };
  for (size_t i = 0; i < sizeof costly / sizeof costly[0]; ++i) {
    char text[600];
    snprintf(text, sizeof text,
             "{%% macro m(a) %%}{{ a }}{%% endmacro %%}"
             "{%% set ns = namespace(s='aaaaaaaaaaaaaaaa') %%}{%% for i in range(10) %%}"
             "{%% set ns.s = ns.s + ns.s %%}{%% endfor %%}{%% set s = ns.s %%}"
             "{%% set s2 = ns.s[:-1] ~ 'a' %%}{%% for i in range(90000) %%}"
             "{%% for j in range(30) %%}{%% set x = %s %%}{%% endfor %%}{%% endfor %%}",
             costly[i]);
    refuses_within(text, "units of work", MAX_WORK / 40);
  }
}

static void limits(void **state) {
  (void)state;
  refuses("{% for a in range(9000) %}{% for b in range(9000) %}{% endfor %}{% endfor %}", "work");
  refuses("{% set ns = namespace(x='aaaaaaaaaaaaaaaa') %}{% for i in range(64) %}"
          "{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
          "more than");
  // Four bytes of work, 24 of memory.
  refuses_within("{% set x = [1] * 9999999 %}", "needs more than 256 MiB", MAX_WORK);
  refuses("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "nested deeper");
  refuses(
      "{% set ns = namespace(x=1) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}"
      "{{ ns.x }}",
      "nested deeper");
  refuses("{% set ns = namespace(x=[1]) %}{% for i in range(9999) %}"
          "{% set ns.x = ns.x | map('string') %}{% endfor %}{{ ns.x | list }}",
          "nested deeper");
  enum { DEEP = 100000 };
  static const char *const openers[] = {"(",          "[",  "-",  "not ",
                                        "{% if 1 %}", "1+", "a[", "1 if 1 else "};
  static const char closers[] = ")]    ] ";
  for (size_t i = 0; i < sizeof openers / sizeof openers[0]; ++i) {
    size_t size = strlen(openers[i]);
    char *text = calloc(1, DEEP * (size + 1) + 16);
    assert_non_null(text);
    strcpy(text, openers[i][0] == '{' ? "" : "{{ ");
    size_t start = strlen(text);
    for (size_t k = 0; k < DEEP; ++k)
      memcpy(text + start + k * size, openers[i], size);
    text[start + DEEP * size] = '1';
    memset(text + start + DEEP * size + 1, closers[i], DEEP);
    strcpy(text + start + DEEP * (size + 1) + 1, openers[i][0] == '{' ? "" : "}}");
    refuses(text, "nested deeper");
    free(text);
  }
}

/// The work of a template with `size` in the place of each @.
static int64_t work_at(const char *pattern, int size) {
  char text[2000] = "";
  for (const char *at = pattern; *at; ++at) {
    size_t used = strlen(text);
    snprintf(text + used, sizeof text - used, *at == '@' ? "%d" : "%c", *at == '@' ? size : *at);
  }
  resq_error err = {0};
  int64_t work = MAX_WORK;
  char *got = count(text, &work, &err);
  if (!got)
    fail_msg("%s: %s", text, err.message);
  free(got);
  return work;
}

/// Four times the size costs at most five times the work.
static void linear(void **state) {
  (void)state;
  static const char *const patterns[] = {
      "{{ (' ' * @).strip() }}",
      "{{ ('ab' * @).strip('ba') }}",
      "{{ ('a' * @).strip('b' * @ + 'a') | length }}",
      "{{ ('é' * @).strip('日' * @ + 'é') | length }}",
      "{{ ('a' * @).startswith('a' * @) }}",
      "{{ ('a' * @).split('b') | length }}",
      "{{ ('a,' * @).split(',') | length }}",
      "{{ ('a ' * @).rsplit() | length }}",
      "{{ ('a' * @).rsplit('aaaaaaaa') | length }}",
      "{{ ('a' * @).rfind('a' * 50 + 'b') }}",
      "{{ ('a' * @).count('a' * 50 + 'b') }}",
      "{{ ('ab' * @).replace('a', 'ccc') | length }}",
      "{{ ('a' * @) == ('a' * @) }}{{ ('a' * @) < ('a' * @) }}",
      "{{ ('é' * @) | upper | title | length }}",
      "{{ ('Σ.' * @) | lower | length }}",
      "{{ ('a\n' * @).splitlines() | length }}",
      "{{ ([1] * @) | join(',') }}",
      "{{ ([1] * @) | tojson }}{{ [1] * @ }}",
      "{{ (['\n'] * @) | tojson(ensure_ascii=true, indent=1) | length }}",
      "{% for x in [1] * @ %}{{ loop.last }}{{ loop.length }}{% endfor %}",
      "{% for x in ([1] * @) | map('string') if x %}{{ loop.nextitem }}{% endfor %}",
      "{% for x in 'é' * @ %}{{ x }}{% endfor %}",
      // An index walks on from where the last one ended, and a text grows in place.
      "{% set s = 'é' * @ %}{% for i in range(@) %}{{ s[i] }}{% endfor %}",
      "{% set ns = namespace(s='') %}{% for i in range(@) %}{% set ns.s = ns.s + 'ab' %}"
      "{% endfor %}{{ ns.s }}",
      "{% set ns = namespace(s='') %}{% for i in range(@) %}{% set ns.s = ns.s ~ i ~ ',' %}"
      "{% endfor %}{{ ns.s }}",
      "{% set d = dict(([1] * @) | map('string') | batch(2, 1)) %}{{ d | length }}",
      "{% set s = namespace(d={}) %}{{ range(@) | unique | list | length }}",
      "{% macro m(a) %}{{ a }}{% endmacro %}{% for i in range(@) %}{{ m(i) }}{% endfor %}",
      "{{ '%s' % ('a' * @) }}{{ ('a%%' * @) % () }}",
      "{{ range(@) | groupby('x', default=1) | length }}",
  };
  for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; ++i) {
    int64_t small = work_at(patterns[i], 4000), large = work_at(patterns[i], 16000);
    if (large > 5 * small)
      fail_msg("%s: %lld units for 4000, %lld for 16000", patterns[i], (long long)small,
               (long long)large);
    // What is walked over is charged.
    assert_true(large > 16000);
  }
  // Sorting: a logarithm more.
  int64_t small = work_at("{{ ('zyxwabc' * @) | list | sort | length }}", 1000);
  assert_true(work_at("{{ ('zyxwabc' * @) | list | sort | length }}", 4000) < 6 * small);
}

/// Templates with many names, tokens and branches: their size is what they cost.
static void linear_parsing(void **state) {
  (void)state;
  static const char *const pieces[] = {"{% if a %}{% set x = 1 %}{% endif %}",
                                       "{{ a ~ b }}",
                                       "{# c #} {% raw %} d {% endraw %}",
                                       "{% macro m(a) %}{{ a }}{% endmacro %}",
                                       "{% set y = [1, 2, 3] %}",
                                       "{% for i in [1] %}{{ i }}{% endfor %}",
                                       "{ {% raw %}{ { %{% endraw %}"};
  for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; ++i) {
    int64_t work[2] = {MAX_WORK, MAX_WORK};
    for (int k = 0; k < 2; ++k) {
      size_t n = k ? 4000 : 1000, size = strlen(pieces[i]);
      char *text = calloc(1, n * size + 1);
      assert_non_null(text);
      for (size_t j = 0; j < n; ++j)
        memcpy(text + j * size, pieces[i], size);
      resq_error err = {0};
      char *got = count(text, &work[k], &err);
      if (!got)
        fail_msg("%s: %s", pieces[i], err.message);
      free(got);
      free(text);
    }
    if (work[1] > 5 * work[0])
      fail_msg("%s: %lld and %lld units", pieces[i], (long long)work[0], (long long)work[1]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(template_time),
      cmocka_unit_test(limits),
      cmocka_unit_test(linear),
      cmocka_unit_test(linear_parsing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
