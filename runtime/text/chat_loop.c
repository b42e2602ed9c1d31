//===-- chat_loop.c - what the variable `loop` knows ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/chat_syntax.h"

int64_t chat_loop_length(chat_context *c, chat_loop *loop) {
  if (loop->has_length)
    return loop->length;
  if (!chat_size(c, loop->over, &loop->length)) {
    // Without a length: what is left is drawn now and walked over later.
    chat_value rest = {.kind = CHAT_ITERATOR, .iterator = loop->it};
    chat_list *items = chat_collect(c, rest);
    if (!items)
      return 0;
    loop->it = chat_iterate(c, (chat_value){.kind = CHAT_LIST, .list = items});
    loop->length = (int64_t)items->count + loop->index0 + 1 + loop->has_after;
  }
  loop->has_length = true;
  return loop->length;
}

/// Draws the next item early.
static bool peek(chat_context *c, chat_loop *loop) {
  if (!loop->has_after && loop->it)
    loop->has_after = chat_next_item(c, loop->it, &loop->after);
  return loop->has_after;
}

bool chat_loop_attribute(chat_context *c, chat_loop *loop, resq_text name, chat_value *out) {
  int64_t at = loop->index0;
  if (chat_text_is(name, "index"))
    *out = chat_int(at + 1);
  else if (chat_text_is(name, "index0"))
    *out = chat_int(at);
  else if (chat_text_is(name, "revindex"))
    *out = chat_int(chat_loop_length(c, loop) - at);
  else if (chat_text_is(name, "revindex0"))
    *out = chat_int(chat_loop_length(c, loop) - at - 1);
  else if (chat_text_is(name, "first"))
    *out = chat_bool(at == 0);
  else if (chat_text_is(name, "last"))
    *out = chat_bool(!peek(c, loop));
  else if (chat_text_is(name, "length"))
    *out = chat_int(chat_loop_length(c, loop));
  else if (chat_text_is(name, "depth"))
    *out = chat_int(1);
  else if (chat_text_is(name, "depth0"))
    *out = chat_int(0);
  else if (chat_text_is(name, "previtem"))
    *out = at > 0 ? loop->before : chat_undefined(chat_text("the previous item"));
  else if (chat_text_is(name, "nextitem"))
    *out = peek(c, loop) ? loop->after : chat_undefined(chat_text("the next item"));
  else if (chat_text_is(name, "cycle") || chat_text_is(name, "changed")) {
    chat_method *method = chat_alloc(c, sizeof *method);
    if (!method)
      return false;
    *method = (chat_method){{.kind = CHAT_LOOP, .loop = loop}, name};
    *out = (chat_value){.kind = CHAT_METHOD, .method = method};
  } else {
    return false;
  }
  return true;
}
