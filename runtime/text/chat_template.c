//===-- chat_template.c - messages to prompt text -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/chat_template.h"
#include "text/chat_syntax.h"

#include <stdlib.h>
#include <string.h>

static chat_value message_list(chat_context *c, const resq_chat_message *messages, size_t n) {
  chat_value list = chat_new_list(c);
  for (size_t i = 0; i < n && !c->failed; ++i) {
    chat_value message = chat_new_dict(c);
    const char *role = messages[i].role, *content = messages[i].content;
    chat_put(c, message, chat_text("role"), chat_string(chat_text(role ? role : "")));
    chat_put(c, message, chat_text("content"), chat_string(chat_text(content ? content : "")));
    chat_append(c, list, message);
  }
  return list;
}

static char *copy_out(const chat_buffer *out, size_t *out_size, resq_error *err) {
  char *text = malloc(out->size + 1);
  if (!text) {
    resq_fail(err, RESQ_NO_MEMORY, "chat template: no memory for %zu bytes", out->size);
    return NULL;
  }
  if (out->size)
    memcpy(text, out->data, out->size);
  text[out->size] = 0;
  if (out_size)
    *out_size = out->size;
  return text;
}

char *resq_chat_template_render(const char *template_text, const resq_chat_message *messages,
                                size_t n_messages, bool add_generation_prompt, const char *bos,
                                const char *eos, size_t *out_size, resq_error *err) {
  size_t size = strlen(template_text);
  if (size > CHAT_MAX_TEMPLATE) {
    resq_fail(err, RESQ_BAD_INPUT, "chat template: %zu bytes; at most %d are allowed", size,
              CHAT_MAX_TEMPLATE);
    return NULL;
  }
  chat_context c = {.err = err, .line = 1, .steps = CHAT_MAX_STEPS};
  chat_tokens tokens = {0};
  chat_buffer out = {0};
  chat_lex(&c, (resq_text){template_text, size}, &tokens);
  const chat_node *statements = chat_parse(&c, &tokens);
  chat_value globals = chat_new_dict(&c);
  chat_put(&c, globals, chat_text("messages"), message_list(&c, messages, n_messages));
  chat_put(&c, globals, chat_text("add_generation_prompt"), chat_bool(add_generation_prompt));
  chat_put(&c, globals, chat_text("bos_token"), chat_string(chat_text(bos ? bos : "")));
  chat_put(&c, globals, chat_text("eos_token"), chat_string(chat_text(eos ? eos : "")));
  chat_put(&c, globals, chat_text("tools"), chat_none());
  chat_put(&c, globals, chat_text("documents"), chat_none());
  if (!c.failed)
    chat_run(&c, statements, globals, &out);
  char *result = c.failed ? NULL : copy_out(&out, out_size, err);
  chat_free_all(&c);
  return result;
}
