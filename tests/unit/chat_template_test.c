//===-- chat_template_test.c - chat templates against Jinja ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What jinja2 makes of templates in the style of the model families, and of thousands
// of expressions, is stored in chat/corpus.txt (tests/tools/make_chat_corpus.py made
// it), so no Python runs here.
//===----------------------------------------------------------------------===//
#include "text/chat_template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static const resq_chat_message first[] = {{"user", "What is the capital of France?"}};
static const resq_chat_message second[] = {{"system", " Be brief.\nAlways. "},
                                           {"user", "Hi there"},
                                           {"assistant", " Hello! <think>x</think>\n\nyes "},
                                           {"user", "Ünïcödé 日本 🙂\n\n  two"}};
static const resq_chat_message third[] = {{"user", ""},
                                          {"assistant", "a"},
                                          {"user", "b"},
                                          {"assistant", "c {{ x }} {% y %}"},
                                          {"user", "<tool_response>z</tool_response>"}};
static const struct {
  const resq_chat_message *messages;
  size_t count;
} conversations[] = {{first, 1}, {second, 4}, {third, 5}};

static char *render_on(const char *text, int conversation, bool prompt, const char *date,
                       size_t *size, resq_error *err) {
  const resq_chat_request request = {conversations[conversation].messages,
                                     conversations[conversation].count,
                                     prompt,
                                     "<s>",
                                     "</s>",
                                     date};
  return resq_chat_template_render(text, &request, size, err);
}

static char *take(FILE *file, long size) {
  char *text = calloc(1, (size_t)size + 1);
  assert_non_null(text);
  assert_int_equal(fread(text, 1, (size_t)size, file), size);
  return text;
}

/// Case row "template arguments": all that is accepted writes what jinja2 writes; what jinja2
/// refuses is refused.
static void template_arguments(void **state) {
  (void)state;
  FILE *file = fopen(RESQ_SOURCE_DIR "/tests/unit/chat/corpus.txt", "rb");
  assert_non_null(file);
  int conversation, prompt, cases = 0, wrong = 0;
  long size, wanted_size;
  while (fscanf(file, "%d %d %ld %ld", &conversation, &prompt, &size, &wanted_size) == 4) {
    assert_int_equal(fgetc(file), '\n');
    char *text = take(file, size), *wanted = take(file, wanted_size < 0 ? 0 : wanted_size);
    resq_error err = {0};
    size_t got_size = 0;
    char *got = render_on(text, conversation, prompt != 0, "2024-07-26", &got_size, &err);
    bool good = wanted_size < 0
                    ? !got
                    : got && got_size == (size_t)wanted_size && memcmp(got, wanted, got_size) == 0;
    if (!good && wrong++ < 20)
      print_error("case %d, conversation %d:\n%s\n--- wanted\n%s\n--- got\n%s\n", cases,
                  conversation, text, wanted_size < 0 ? "an error" : wanted,
                  got ? got : err.message);
    free(text);
    free(wanted);
    free(got);
    ++cases;
  }
  fclose(file);
  assert_int_equal(wrong, 0);
  assert_true(cases > 5000);
}

/// The text of shared/data/reference/smollm2-135m.json, with the checkpoint's own template.
static void smollm2_reference(void **state) {
  (void)state;
  const char *text =
      "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ "
      "'<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging "
      "Face<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + "
      "message['content'] + "
      "'<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' "
      "}}{% "
      "endif %}";
  resq_error err = {0};
  size_t size = 0;
  const resq_chat_request request = {first, 1, true, NULL, NULL, NULL};
  char *got = resq_chat_template_render(text, &request, &size, &err);
  assert_non_null(got);
  assert_string_equal(got,
                      "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by "
                      "Hugging Face<|im_end|>\n<|im_start|>user\nWhat is the capital of "
                      "France?<|im_end|>\n<|im_start|>assistant\n");
  assert_int_equal(size, strlen(got));
  free(got);
}

static void renders(const char *text, const char *date, const char *wanted) {
  resq_error err = {0};
  char *got = render_on(text, 0, true, date, NULL, &err);
  if (!got)
    fail_msg("%s: %s", text, err.message);
  assert_string_equal(got, wanted);
  free(got);
}

/// Case row "date".
static void date(void **state) {
  (void)state;
  renders("{{ strftime_now('%d %b %Y') }}", "2024-07-26", "26 Jul 2024");
  renders("{% if strftime_now is defined %}{% set d = strftime_now('%d %B %Y') %}{% else %}"
          "{% set d = 'never' %}{% endif %}{{ d }}",
          "2024-02-29", "29 February 2024");
  renders("{{ strftime_now('%A %j') }}", "2026-11-30", "Monday 334");
  // Without the option it is today, by the local clock; the day may change meanwhile.
  char before[64], after[64];
  time_t now = time(NULL);
  strftime(before, sizeof before, "%d %b %Y", localtime(&now));
  resq_error err = {0};
  char *got = render_on("{{ strftime_now('%d %b %Y') }}", 0, true, NULL, NULL, &err);
  now = time(NULL);
  strftime(after, sizeof after, "%d %b %Y", localtime(&now));
  assert_non_null(got);
  assert_true(!strcmp(got, before) || !strcmp(got, after));
  free(got);
  static const char *const wrong[] = {"2024-13-01", "2024-02-30", "24-01-01",   "2024-1-1",
                                      "today",      "",           "2024-01-01x"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; ++i) {
    assert_false(resq_chat_date_check(wrong[i], &err));
    assert_int_equal(err.code, RESQ_USAGE);
  }
  assert_true(resq_chat_date_check("2024-12-31", &err));
}

static void refuses(const char *text, const char *wanted) {
  resq_error err = {0};
  char *got = render_on(text, 0, true, NULL, NULL, &err);
  if (got)
    fail_msg("%.200s was rendered: %.200s", text, got);
  if (!strstr(err.message, wanted))
    fail_msg("%.200s: \"%s\" does not say \"%s\"", text, err.message, wanted);
  assert_int_equal(err.code, RESQ_BAD_INPUT);
}

static void errors(void **state) {
  (void)state;
  refuses("a\nb\n{{ 1 + }}", "line 3");
  refuses("{% if %}", "an expression");
  refuses("x\n{% if true %}\n", "endif");
  refuses("{% for x in messages %}", "endfor");
  refuses("{{ nope() }}", "nope");
  refuses("{{ nope.x }}", "'nope' is undefined");
  refuses("{{ 'a' + 1 }}", "between string and int");
  refuses("{{ 'abc", "without its closing");
  refuses("{{ a", "without its end");
  refuses("\n{# a", "line 2: a comment {#");
  refuses("\n{% raw %} a\n", "line 2: {% raw %} without");
  refuses("{{ a ? b }}", "'?'");
  refuses("{{ 1 // 0 }}", "division by zero");
  refuses("{{ 9223372036854775 * 9223372036854775 }}", "64 bits");
  refuses("{{ 99999999999999999999 }}", "64 bits");
  refuses("{{ raise_exception('no ' ~ 'way') }}", "no way");
  refuses("{{ range(1000000) }}", "range");
  refuses("{% break %}", "outside of a loop");
  refuses("{{ messages.append(1) }}", "append");
  refuses("{% set messages.x = 1 %}", "namespace");
}

/// What is not supported is refused by name and line when the template is parsed, also where it
/// would never be reached.
static void refused_by_name(void **state) {
  (void)state;
#define NEVER "\n{% if false %}\n"
  refuses(NEVER "{{ 'a' | nope }}{% endif %}", "line 3: filter 'nope'");
  refuses(NEVER "{{ 'a' | urlencode }}{% endif %}", "line 3: filter 'urlencode'");
  refuses(NEVER "{{ x | map('xmlattr') | list }}{% endif %}", "line 3: filter 'xmlattr'");
  refuses(NEVER "{{ 1 is nope }}{% endif %}", "line 3: test 'nope'");
  refuses(NEVER "{{ x | select('nope') }}{% endif %}", "line 3: test 'nope'");
  refuses(NEVER "{{ x | tojson(default=1) }}{% endif %}", "line 3: tojson has no argument called "
                                                          "default");
  refuses(NEVER "{{ x | trim('a', 'b') }}{% endif %}", "line 3: trim: 2 arguments");
  refuses(NEVER "{{ x | replace('a') }}{% endif %}",
          "line 3: replace: the argument new is missing");
  refuses(NEVER "{{ lipsum() }}{% endif %}", "line 3: the function lipsum");
  refuses(NEVER "{{ 'a'.encode() }}{% endif %}", "line 3: the method encode");
  refuses(NEVER "{{ '{}'.format(1) }}{% endif %}", "line 3: the method format");
  refuses(NEVER "{{ raise_exception() }}{% endif %}", "line 3: raise_exception");
  refuses(NEVER "{% include 'x' %}{% endif %}", "\"include\"");
  refuses(NEVER "{% extends 'x' %}{% endif %}", "\"extends\"");
  refuses(NEVER "{% block x %}{% endblock %}{% endif %}", "\"block\"");
  refuses(NEVER "{% autoescape true %}{% endautoescape %}{% endif %}", "\"autoescape\"");
  refuses(NEVER "{% for x in y recursive %}{% endfor %}{% endif %}", "line 3: recursive loops");
  refuses("{{ '\\ud83d' }}", "not a code point");
  refuses("{{ '\\N{DASH}' }}", "\\N");
  refuses("{{ ('a' | safe) + '<' }}", "safe");
  refuses("{{ 'a' is sameas 'a' }}", "sameas");
  refuses("{{ strftime_now('%Q') }}", "%Q");
  refuses("{{ messages | map('upper') }}", "generator");
  refuses("{{ (5).real }}", "real");
}

static void check_says(const char *text, const char *wanted) {
  resq_error err = {0};
  bool good = resq_chat_template_check(text, "<s>", "</s>", &err);
  if (good != !wanted)
    fail_msg("%s: %s", text, good ? "accepted" : err.message);
  if (wanted && !strstr(err.message, wanted))
    fail_msg("%s: \"%s\" does not say \"%s\"", text, err.message, wanted);
}

/// Case row "late template": the check at compile time (tests/e2e has it through resqc).
static void late_template(void **state) {
  (void)state;
  check_says("{{ messages[0].content }}", NULL);
  check_says("x\n{{ 'a' | nope }}", "line 2: filter 'nope'");
  // It fails only when it runs.
  check_says("{% if messages[0].role == 'system' %}{{ 1 + messages }}{% endif %}", "operator +");
  check_says("{% if messages[0].role == 'user' %}{{ nope.x }}{% endif %}", "'nope' is undefined");
  // A template may refuse what it is given.
  check_says("{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}",
             NULL);
  check_says("{{ raise_exception('tools only') }}", NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(template_arguments),
      cmocka_unit_test(smollm2_reference),
      cmocka_unit_test(date),
      cmocka_unit_test(errors),
      cmocka_unit_test(refused_by_name),
      cmocka_unit_test(late_template),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
