//===-- chat_template.c - messages to prompt text -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/chat_template.h"
#include "text/chat_syntax.h"

#include <stdlib.h>
#include <string.h>

static chat_value text_value(const char *text) { return chat_string(chat_text(text ? text : "")); }

static chat_value message_list(chat_context *c, const resq_chat_message *messages, size_t n) {
  chat_value list = chat_new_list(c);
  for (size_t i = 0; i < n && !c->failed; ++i) {
    chat_value message = chat_new_dict(c);
    if (c->failed)
      break;
    chat_put_name(c, message.dict, "role", text_value(messages[i].role));
    chat_put_name(c, message.dict, "content", text_value(messages[i].content));
    chat_append(c, list, message);
  }
  return list;
}

static void fill_globals(chat_context *c, const resq_chat_request *r) {
  chat_value globals = chat_new_dict(c);
  if (c->failed)
    return;
  c->globals = globals.dict;
  chat_put_name(c, c->globals, "messages", message_list(c, r->messages, r->n_messages));
  chat_put_name(c, c->globals, "add_generation_prompt", chat_bool(r->add_generation_prompt));
  chat_put_name(c, c->globals, "bos_token", text_value(r->bos));
  chat_put_name(c, c->globals, "eos_token", text_value(r->eos));
  chat_put_name(c, c->globals, "tools", chat_none());
  chat_put_name(c, c->globals, "documents", chat_none());
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

/// Renders; c->refused says whether the template itself refused.
static char *render(chat_context *c, const char *template_text, const resq_chat_request *request,
                    int64_t work, size_t *out_size, resq_error *err) {
  size_t size = strlen(template_text);
  *c = (chat_context){.err = err, .line = 1, .work = work, .max_work = work, .date = request->date};
  if (size > CHAT_MAX_TEMPLATE) {
    resq_fail(err, RESQ_BAD_INPUT, "chat template: %zu bytes; at most %d are allowed", size,
              CHAT_MAX_TEMPLATE);
    return NULL;
  }
  chat_tokens tokens = {0};
  chat_buffer out = {0};
  chat_lex(c, (resq_text){template_text, size}, &tokens);
  chat_node *statements = chat_parse(c, &tokens);
  chat_scope *scope = chat_resolve(c, statements);
  fill_globals(c, request);
  if (!c->failed)
    chat_run(c, statements, scope, &out);
  char *result = c->failed ? NULL : copy_out(&out, out_size, err);
  chat_free_all(c);
  return result;
}

char *resq_chat_template_render(const char *template_text, const resq_chat_request *request,
                                size_t *out_size, resq_error *err) {
  chat_context c;
  return render(&c, template_text, request, CHAT_MAX_WORK, out_size, err);
}

char *resq_chat_template_render_counted(const char *template_text, const resq_chat_request *request,
                                        size_t *out_size, int64_t *work, resq_error *err) {
  chat_context c;
  char *text = render(&c, template_text, request, *work, out_size, err);
  *work -= c.work;
  return text;
}

bool resq_chat_template_check(const char *template_text, const char *bos, const char *eos,
                              resq_error *err) {
  static const resq_chat_message messages[] = {{"system", "Be brief."}, {"user", "Hello"}};
  for (int from = 0; from < 2; ++from) {
    chat_context c;
    resq_chat_request request = {.messages = messages + from,
                                 .n_messages = 2 - (size_t)from,
                                 .add_generation_prompt = true,
                                 .bos = bos,
                                 .eos = eos};
    char *text = render(&c, template_text, &request, CHAT_MAX_WORK, NULL, err);
    free(text);
    if (!text && !c.refused)
      return false;
  }
  return true;
}
