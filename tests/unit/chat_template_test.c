//===-- chat_template_test.c - chat templates against Jinja ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Templates in the style of the model families, and expressions one by one; what
// jinja2 makes of them is stored beside (chat/), so no Python runs here.
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

static char *read_file(const char *name) {
  char path[512];
  snprintf(path, sizeof path, RESQ_SOURCE_DIR "/tests/unit/chat/%s", name);
  FILE *file = fopen(path, "rb");
  if (!file)
    fail_msg("cannot open %s", path);
  char *text = calloc(1, 1 << 16);
  assert_non_null(text);
  size_t size = fread(text, 1, (1 << 16) - 1, file);
  assert_true(size < (1 << 16) - 1);
  fclose(file);
  return text;
}

static char *render(const char *text, size_t conversation, bool prompt, resq_error *err) {
  return resq_chat_template_render(text, conversations[conversation].messages,
                                   conversations[conversation].count, prompt, "<s>", "</s>", NULL,
                                   err);
}

static void families(void **state) {
  (void)state;
  static const char *const names[] = {"chatml",  "smollm", "llama3", "qwen2",
                                      "mistral", "zephyr", "hermes"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i)
    for (size_t c = 0; c < 3; ++c)
      for (int prompt = 0; prompt < 2; ++prompt) {
        char name[64];
        resq_error err = {0};
        snprintf(name, sizeof name, "%s.jinja", names[i]);
        char *text = read_file(name);
        snprintf(name, sizeof name, "%s.%zu%s.txt", names[i], c, prompt ? "g" : "");
        char *wanted = read_file(name), *got = render(text, c, prompt, &err);
        if (!got)
          fail_msg("%s: %s", name, err.message);
        if (strcmp(got, wanted) != 0)
          fail_msg("%s\n--- wanted\n%s\n--- got\n%s", name, wanted, got);
        free(text);
        free(wanted);
        free(got);
      }
}

static const char *const snippets[][2] = {
#include "chat/snippets.inc"
};

static void expressions(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof snippets / sizeof snippets[0]; ++i) {
    resq_error err = {0};
    char *got = render(snippets[i][0], 1, true, &err);
    if (!got)
      fail_msg("%s: %s", snippets[i][0], err.message);
    if (strcmp(got, snippets[i][1]) != 0)
      fail_msg("%s\n--- wanted\n%s\n--- got\n%s", snippets[i][0], snippets[i][1], got);
    free(got);
  }
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
  char *got = resq_chat_template_render(text, first, 1, true, NULL, NULL, &size, &err);
  assert_non_null(got);
  assert_string_equal(got,
                      "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by "
                      "Hugging Face<|im_end|>\n<|im_start|>user\nWhat is the capital of "
                      "France?<|im_end|>\n<|im_start|>assistant\n");
  assert_int_equal(size, strlen(got));
  free(got);
}

static void refuses(const char *text, const char *wanted) {
  resq_error err = {0};
  char *got = render(text, 0, true, &err);
  if (got)
    fail_msg("%.200s was rendered: %.200s", text, got);
  if (!strstr(err.message, wanted))
    fail_msg("%.200s: \"%s\" does not say \"%s\"", text, err.message, wanted);
}

static void errors(void **state) {
  (void)state;
  refuses("a\nb\n{{ 1 + }}", "line 3");
  refuses("{% if %}", "an expression");
  refuses("x\n{% if true %}\n", "endif");
  refuses("{% for x in messages %}", "endfor");
  refuses("{% include 'x' %}", "include");
  refuses("{{ nope() }}", "nope");
  refuses("{{ nope.x }}", "'nope' is undefined");
  refuses("{{ 'a' | nope }}", "filter 'nope'");
  refuses("{{ 1 is nope }}", "test 'nope'");
  refuses("{{ 'a' + 1 }}", "between string and int");
  refuses("{{ 'abc", "without its closing");
  refuses("{{ a", "without its end");
  refuses("{# a", "{#");
  refuses("{{ a ? b }}", "'?'");
  refuses("{{ 1 // 0 }}", "division by zero");
  refuses("{{ 9223372036854775 * 9223372036854775 }}", "64 bits");
  refuses("{{ 99999999999999999999 }}", "digits");
  refuses("{{ raise_exception('no ' ~ 'way') }}", "no way");
  refuses("{{ range(1000000) }}", "range");
  refuses("{% break %}", "outside of a loop");
  refuses("{{ messages.append(1) }}", "no method append");
  refuses("{% set messages.x = 1 %}", "namespace");
}

static void limits(void **state) {
  (void)state;
  refuses("{% for a in range(9000) %}{% for b in range(9000) %}{% endfor %}{% endfor %}", "steps");
  refuses("{% set ns = namespace(x='aaaaaaaaaaaaaaaa') %}{% for i in range(64) %}"
          "{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
          "needs more than");
  refuses("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "nested deeper");
  refuses(
      "{% set ns = namespace(x=1) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}"
      "{{ ns.x }}",
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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(families),
      cmocka_unit_test(expressions),
      cmocka_unit_test(smollm2_reference),
      cmocka_unit_test(errors),
      cmocka_unit_test(limits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
