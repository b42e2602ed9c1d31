//===-- chat_value.c - values and memory of the template evaluator --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/chat_value.h"
#include "text/utf8.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void chat_fail(chat_context *c, const char *format, ...) {
  if (c->failed)
    return;
  c->failed = true;
  char text[800];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  resq_fail(c->err, RESQ_BAD_INPUT, "chat template, line %d: %s", c->line, text);
}

typedef struct block {
  struct block *next;
  max_align_t data[];
} block;

void *chat_alloc(chat_context *c, size_t size) {
  if (c->failed)
    return NULL;
  if (size > CHAT_MAX_MEMORY || c->memory + size > CHAT_MAX_MEMORY) {
    chat_fail(c, "the rendering needs more than %d MiB", CHAT_MAX_MEMORY >> 20);
    return NULL;
  }
  size = (size + 15) & ~(size_t)15;
  c->memory += size;
  if ((size_t)(c->free_end - c->free_at) < size) {
    size_t room = size > 32768 ? size : 65536;
    block *fresh = calloc(1, sizeof(block) + room);
    if (!fresh) {
      chat_fail(c, "no memory");
      if (c->err)
        c->err->code = RESQ_NO_MEMORY;
      return NULL;
    }
    fresh->next = c->blocks;
    c->blocks = fresh;
    if (size > 32768) // a block of its own: the rest of the current one stays in use
      return fresh->data;
    c->free_at = (char *)fresh->data;
    c->free_end = c->free_at + room;
  }
  void *result = c->free_at;
  c->free_at += size;
  return result;
}

void chat_free_all(chat_context *c) {
  for (block *b = c->blocks; b;) {
    block *next = b->next;
    free(b);
    b = next;
  }
  c->blocks = NULL;
  c->free_at = c->free_end = NULL;
}

bool chat_charge(chat_context *c, size_t steps) {
  if (c->failed)
    return false;
  if (steps > (size_t)c->steps) {
    chat_fail(c, "the rendering takes more than %d steps", CHAT_MAX_STEPS);
    return false;
  }
  c->steps -= (int64_t)steps;
  return true;
}

bool chat_enter(chat_context *c) {
  if (++c->depth > CHAT_MAX_DEPTH)
    chat_fail(c, "nested deeper than %d", CHAT_MAX_DEPTH);
  return chat_charge(c, 1);
}

void chat_leave(chat_context *c) { --c->depth; }

bool chat_as_number(chat_value v, double *out) {
  int64_t integer;
  bool is_int = chat_as_int(v, &integer);
  *out = v.kind == CHAT_FLOAT ? v.number : (double)integer;
  return is_int || v.kind == CHAT_FLOAT;
}

resq_text chat_text(const char *s) { return (resq_text){s, strlen(s)}; }
bool chat_text_is(resq_text a, const char *b) { return chat_text_equal(a, chat_text(b)); }
bool chat_text_equal(resq_text a, resq_text b) {
  return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

chat_value chat_new_list(chat_context *c) {
  chat_list *list = chat_alloc(c, sizeof *list);
  return list ? (chat_value){.kind = CHAT_LIST, .list = list} : chat_none();
}

chat_value chat_new_dict(chat_context *c) {
  chat_dict *dict = chat_alloc(c, sizeof *dict);
  return dict ? (chat_value){.kind = CHAT_DICT, .dict = dict} : chat_none();
}

/// A copy of an array with room for more, NULL past the limits.
static void *grow(chat_context *c, const void *old, size_t used, size_t capacity, size_t element) {
  void *fresh = chat_alloc(c, capacity * element);
  if (fresh && used)
    memcpy(fresh, old, used * element);
  return fresh;
}

void chat_append(chat_context *c, chat_value to, chat_value item) {
  if (c->failed || to.kind != CHAT_LIST)
    return;
  chat_list *list = to.list;
  if (list->count == list->capacity) {
    size_t capacity = list->capacity ? 2 * list->capacity : 8;
    chat_value *items = grow(c, list->items, list->count, capacity, sizeof *items);
    if (!items)
      return;
    list->items = items;
    list->capacity = capacity;
  }
  list->items[list->count++] = item;
}

chat_value *chat_get(chat_context *c, chat_value from, resq_text key) {
  if (c->failed || !chat_is_dict(from) || !chat_charge(c, from.dict->count / 8))
    return NULL;
  for (size_t i = 0; i < from.dict->count; ++i)
    if (chat_text_equal(from.dict->keys[i], key))
      return &from.dict->values[i];
  return NULL;
}

void chat_put(chat_context *c, chat_value to, resq_text key, chat_value value) {
  chat_value *old = chat_get(c, to, key);
  if (old)
    *old = value;
  if (old || c->failed || !chat_is_dict(to))
    return;
  chat_dict *dict = to.dict;
  if (dict->count == dict->capacity) {
    size_t capacity = dict->capacity ? 2 * dict->capacity : 8;
    resq_text *keys = grow(c, dict->keys, dict->count, capacity, sizeof *keys);
    chat_value *values = grow(c, dict->values, dict->count, capacity, sizeof *values);
    if (!keys || !values)
      return;
    dict->keys = keys;
    dict->values = values;
    dict->capacity = capacity;
  }
  dict->keys[dict->count] = key;
  dict->values[dict->count++] = value;
}

void chat_write(chat_context *c, chat_buffer *out, const char *data, size_t size) {
  if (size == 0 || !chat_charge(c, size / 16))
    return;
  if (size > out->capacity - out->size) {
    if (size > CHAT_MAX_MEMORY) {
      chat_fail(c, "the rendering needs more than %d MiB", CHAT_MAX_MEMORY >> 20);
      return;
    }
    size_t capacity = out->size + size > 2 * out->capacity ? out->size + size : 2 * out->capacity;
    char *grown = grow(c, out->data, out->size, capacity < 64 ? 64 : capacity, 1);
    if (!grown)
      return;
    out->data = grown;
    out->capacity = capacity < 64 ? 64 : capacity;
  }
  memcpy(out->data + out->size, data, size);
  out->size += size;
}

void chat_write_text(chat_context *c, chat_buffer *out, const char *text) {
  chat_write(c, out, text, strlen(text));
}

bool chat_truth(chat_value v) {
  switch (v.kind) {
  case CHAT_UNDEFINED:
  case CHAT_NONE:
    return false;
  case CHAT_BOOL:
    return v.truth;
  case CHAT_INT:
    return v.integer != 0;
  case CHAT_FLOAT:
    return v.number != 0;
  case CHAT_STRING:
    return v.text.size != 0;
  case CHAT_LIST:
    return v.list->count != 0;
  case CHAT_DICT:
    return v.dict->count != 0;
  default:
    return true;
  }
}

static bool equal_items(chat_context *c, chat_value a, chat_value b) {
  if (a.kind == CHAT_LIST) {
    bool equal = a.list->count == b.list->count;
    for (size_t i = 0; equal && i < a.list->count; ++i)
      equal = chat_equal(c, a.list->items[i], b.list->items[i]);
    return equal;
  }
  bool equal = a.dict->count == b.dict->count;
  for (size_t i = 0; equal && i < a.dict->count; ++i) {
    chat_value *other = chat_get(c, b, a.dict->keys[i]);
    equal = other && chat_equal(c, a.dict->values[i], *other);
  }
  return equal;
}

bool chat_equal(chat_context *c, chat_value a, chat_value b) {
  double x, y;
  int64_t i, j;
  if (chat_as_int(a, &i) && chat_as_int(b, &j))
    return i == j;
  if (chat_as_number(a, &x) && chat_as_number(b, &y))
    return x == y;
  if (a.kind != b.kind)
    return false;
  switch (a.kind) {
  case CHAT_UNDEFINED:
  case CHAT_NONE:
    return true;
  case CHAT_STRING:
  case CHAT_FUNCTION:
    return chat_charge(c, a.text.size / 16) && chat_text_equal(a.text, b.text);
  case CHAT_LIST:
  case CHAT_DICT: {
    bool equal = chat_enter(c) && equal_items(c, a, b);
    chat_leave(c);
    return equal;
  }
  case CHAT_NAMESPACE:
    return a.dict == b.dict;
  case CHAT_MACRO:
    return a.macro == b.macro;
  default:
    return false;
  }
}

const char *chat_kind_name(chat_value v) {
  static const char *const names[] = {"undefined", "none",     "bool", "int",
                                      "float",     "string",   "list", "dict",
                                      "namespace", "function", "macro"};
  return names[v.kind];
}

chat_value chat_items_of(chat_context *c, chat_value v) {
  if (v.kind == CHAT_LIST)
    return v;
  chat_value items = chat_new_list(c);
  if (v.kind == CHAT_DICT) {
    for (size_t i = 0; i < v.dict->count && !c->failed; ++i)
      chat_append(c, items, chat_string(v.dict->keys[i]));
  } else if (v.kind == CHAT_STRING) {
    for (size_t at = 0; at < v.text.size && !c->failed;) {
      uint32_t code;
      size_t length = resq_utf8_step(v.text.data + at, v.text.size - at, &code);
      chat_append(c, items, chat_string((resq_text){v.text.data + at, length}));
      at += length;
    }
  } else if (v.kind != CHAT_UNDEFINED) {
    chat_fail(c, "a value of type %s cannot be walked over; list, dict and string can",
              chat_kind_name(v));
  }
  return items;
}

size_t chat_length(resq_text text) {
  size_t count = 0;
  for (size_t at = 0; at < text.size; ++count) {
    uint32_t code;
    at += resq_utf8_step(text.data + at, text.size - at, &code);
  }
  return count;
}
