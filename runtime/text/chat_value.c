//===-- chat_value.c - values and memory of the template evaluator --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/chat_value.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail_code(chat_context *c, resq_code code, const char *text) {
  c->failed = true;
  resq_fail(c->err, code, "chat template, line %d: %s", c->line, text);
}

void chat_fail(chat_context *c, const char *format, ...) {
  if (c->failed)
    return;
  char text[800];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  fail_code(c, RESQ_BAD_INPUT, text);
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
      fail_code(c, RESQ_NO_MEMORY, "no memory for the rendering");
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

void *chat_alloc_array(chat_context *c, size_t count, size_t size) {
  if (count > CHAT_MAX_MEMORY / size)
    return chat_alloc(c, SIZE_MAX);
  return chat_alloc(c, count * size);
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

bool chat_charge(chat_context *c, size_t units) {
  if (c->failed)
    return false;
  if (units > (size_t)c->work) {
    chat_fail(c, "the rendering takes more than %lld units of work (about one for each byte moved)",
              (long long)c->max_work);
    return false;
  }
  c->work -= (int64_t)units;
  return true;
}

bool chat_enter(chat_context *c) {
  if (++c->depth > CHAT_MAX_DEPTH)
    chat_fail(c, "nested deeper than %d", CHAT_MAX_DEPTH);
  return chat_charge(c, CHAT_STEP);
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

/// A copy of an array with room for more, NULL past the limits.
static void *grow(chat_context *c, const void *old, size_t used, size_t capacity, size_t element) {
  if (!chat_charge(c, used * element / 4)) // amortized, and much cheaper than a step
    return NULL;
  void *fresh = chat_alloc_array(c, capacity, element);
  if (fresh && used)
    memcpy(fresh, old, used * element);
  return fresh;
}

chat_value chat_new_list(chat_context *c) {
  chat_list *list = chat_alloc(c, sizeof *list);
  return list ? (chat_value){.kind = CHAT_LIST, .list = list} : chat_none();
}

chat_value chat_new_tuple(chat_context *c, const chat_value *items, size_t count) {
  chat_value tuple = chat_new_list(c);
  for (size_t i = 0; i < count && !c->failed; ++i)
    chat_append(c, tuple, items[i]);
  if (!c->failed)
    tuple.kind = CHAT_TUPLE;
  return tuple;
}

void chat_append(chat_context *c, chat_value to, chat_value item) {
  if (c->failed || !chat_has_list(to))
    return;
  chat_list *list = to.list;
  if (list->count == list->capacity) {
    size_t capacity = list->capacity ? 2 * list->capacity : 4;
    chat_value *items = grow(c, list->items, list->count, capacity, sizeof *items);
    if (!items)
      return;
    list->items = items;
    list->capacity = capacity;
  }
  list->items[list->count++] = item;
}

//===----------------------------------------------------------------------===//
// Dicts
//===----------------------------------------------------------------------===//

enum { SMALL_DICT = 8 };

chat_value chat_new_dict(chat_context *c) {
  chat_dict *dict = chat_alloc(c, sizeof *dict);
  return dict ? (chat_value){.kind = CHAT_DICT, .dict = dict} : chat_none();
}

static uint64_t mix(uint64_t x) {
  x ^= x >> 32;
  x *= 0xD6E8FEB86659FD93u;
  x ^= x >> 32;
  return x * 0xD6E8FEB86659FD93u;
}

/// Equal keys have equal hashes: 1, 1.0 and True are one key.
static uint64_t hash_value(chat_context *c, chat_value v) {
  int64_t integer;
  uint64_t hash = 14695981039346656037u, bits;
  if (v.kind == CHAT_FLOAT && v.number >= -0x1p62 && v.number <= 0x1p62 &&
      v.number == (double)(int64_t)v.number)
    v = chat_int((int64_t)v.number);
  if (chat_as_int(v, &integer))
    return mix((uint64_t)integer + 1);
  switch (v.kind) {
  case CHAT_UNDEFINED:
  case CHAT_NONE:
    return mix(v.kind);
  case CHAT_FLOAT:
    memcpy(&bits, &v.number, sizeof bits);
    return mix(bits);
  case CHAT_STRING:
    if (chat_charge(c, v.text.size))
      for (size_t i = 0; i < v.text.size; ++i)
        hash = (hash ^ (unsigned char)v.text.data[i]) * 1099511628211u;
    return mix(hash);
  case CHAT_TUPLE:
    if (chat_enter(c))
      for (size_t i = 0; i < v.list->count && !c->failed; ++i)
        hash = mix(hash ^ hash_value(c, v.list->items[i]));
    chat_leave(c);
    return hash;
  case CHAT_LIST:
  case CHAT_DICT:
  case CHAT_KEYS:
  case CHAT_ITEMS:
    chat_fail(c, "a value of type %s cannot be a key", chat_kind_name(v));
    return 0;
  default: // by identity
    return mix((uint64_t)(uintptr_t)v.list);
  }
}

/// Entry of `key`, or SIZE_MAX.
static size_t find(chat_context *c, const chat_dict *dict, chat_value key, uint64_t hash) {
  if (!dict->index) {
    for (size_t i = 0; i < dict->count && chat_charge(c, 1); ++i)
      if (dict->hashes[i] == hash && chat_equal(c, dict->keys[i], key))
        return i;
    return SIZE_MAX;
  }
  for (size_t at = hash & (dict->index_size - 1); chat_charge(c, 1);
       at = (at + 1) & (dict->index_size - 1)) {
    uint32_t entry = dict->index[at];
    if (!entry)
      break;
    if (dict->hashes[entry - 1] == hash && chat_equal(c, dict->keys[entry - 1], key))
      return entry - 1;
  }
  return SIZE_MAX;
}

chat_value *chat_get(chat_context *c, const chat_dict *dict, chat_value key) {
  if (c->failed || !chat_charge(c, CHAT_STEP))
    return NULL;
  size_t entry = find(c, dict, key, hash_value(c, key));
  return c->failed || entry == SIZE_MAX ? NULL : &dict->values[entry];
}

chat_value *chat_get_text(chat_context *c, const chat_dict *dict, resq_text key) {
  return chat_get(c, dict, chat_string(key));
}

static void index_entry(chat_dict *dict, size_t entry) {
  size_t at = dict->hashes[entry] & (dict->index_size - 1);
  while (dict->index[at])
    at = (at + 1) & (dict->index_size - 1);
  dict->index[at] = (uint32_t)entry + 1;
}

static bool make_room(chat_context *c, chat_dict *dict) {
  size_t capacity = dict->capacity ? 2 * dict->capacity : 4;
  chat_value *keys = grow(c, dict->keys, dict->count, capacity, sizeof *keys);
  chat_value *values = grow(c, dict->values, dict->count, capacity, sizeof *values);
  uint64_t *hashes = grow(c, dict->hashes, dict->count, capacity, sizeof *hashes);
  if (!keys || !values || !hashes)
    return false;
  dict->keys = keys;
  dict->values = values;
  dict->hashes = hashes;
  dict->capacity = capacity;
  if (capacity <= SMALL_DICT)
    return true;
  dict->index = chat_alloc_array(c, 2 * capacity, sizeof *dict->index);
  dict->index_size = 2 * capacity;
  for (size_t i = 0; dict->index && i < dict->count; ++i)
    index_entry(dict, i);
  return dict->index != NULL;
}

void chat_put(chat_context *c, chat_dict *dict, chat_value key, chat_value value) {
  if (c->failed || !chat_charge(c, CHAT_STEP))
    return;
  uint64_t hash = hash_value(c, key);
  size_t entry = find(c, dict, key, hash);
  if (c->failed)
    return;
  if (entry != SIZE_MAX) {
    dict->values[entry] = value;
    return;
  }
  if (dict->count == dict->capacity && !make_room(c, dict))
    return;
  dict->keys[dict->count] = key;
  dict->values[dict->count] = value;
  dict->hashes[dict->count++] = hash;
  if (dict->index)
    index_entry(dict, dict->count - 1);
}

void chat_put_name(chat_context *c, chat_dict *dict, const char *key, chat_value value) {
  if (dict)
    chat_put(c, dict, chat_string(chat_text(key)), value);
}

//===----------------------------------------------------------------------===//
// Text that grows
//===----------------------------------------------------------------------===//

void chat_write(chat_context *c, chat_buffer *out, const char *data, size_t size) {
  if (size == 0 || !chat_charge(c, size))
    return;
  if (size > out->capacity - out->size) {
    if (size > CHAT_MAX_MEMORY) {
      chat_fail(c, "the rendering needs more than %d MiB", CHAT_MAX_MEMORY >> 20);
      return;
    }
    size_t capacity = out->size + size > 2 * out->capacity ? out->size + size : 2 * out->capacity;
    capacity = capacity < 64 ? 64 : capacity;
    char *grown = grow(c, out->data, out->size, capacity, 1);
    if (!grown)
      return;
    out->data = grown;
    out->capacity = capacity;
  }
  memcpy(out->data + out->size, data, size);
  out->size += size;
}

void chat_write_text(chat_context *c, chat_buffer *out, const char *text) {
  chat_write(c, out, text, strlen(text));
}

resq_text chat_join(chat_context *c, resq_text a, resq_text b) {
  if (a.size == 0 || b.size == 0)
    return a.size ? a : b;
  // Nobody sees the bytes behind the last joined text: it may grow into its spare room.
  if (a.data + a.size == c->joined_end && (size_t)(c->joined_limit - c->joined_end) >= b.size &&
      chat_charge(c, b.size)) {
    memcpy(c->joined_end, b.data, b.size);
    c->joined_end += b.size;
    return (resq_text){a.data, a.size + b.size};
  }
  if (!chat_charge(c, a.size + b.size))
    return (resq_text){"", 0};
  size_t size = a.size + b.size, room = size < 64 ? size : 2 * size;
  char *data = chat_alloc(c, room);
  if (!data)
    return (resq_text){"", 0};
  memcpy(data, a.data, a.size);
  memcpy(data + a.size, b.data, b.size);
  c->joined_end = data + size;
  c->joined_limit = data + room;
  return (resq_text){data, size};
}
