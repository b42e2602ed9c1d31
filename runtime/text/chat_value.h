//===-- chat_value.h - values and memory of the template evaluator --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Private to runtime/text. Errors are sticky: the first one is kept, functions then
// return undefined, and loops stop when they see `failed`. Everything lives in one
// arena that ends with the rendering.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TEXT_CHAT_VALUE_H
#define RESQ_TEXT_CHAT_VALUE_H

#include "base/error.h"
#include "text/tokenizer.h"

enum {
  CHAT_MAX_DEPTH = 400,        ///< nesting of expressions, statements, values
  CHAT_MAX_STEPS = 20000000,   ///< nodes evaluated, elements compared, 16-byte units moved
  CHAT_MAX_MEMORY = 256 << 20, ///< bytes of the arena
  CHAT_MAX_TEMPLATE = 4 << 20, ///< bytes of the template's text
};

typedef struct chat_context {
  resq_error *err;
  bool failed;
  int line; ///< of the node being parsed or evaluated
  int depth;
  int64_t steps; ///< left
  size_t memory; ///< bytes taken
  void *blocks;  ///< arena: list of blocks
  char *free_at, *free_end;
} chat_context;

/// Records the first error as "chat template, line N: ...".
void chat_fail(chat_context *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/// Zeroed memory from the arena, NULL (and failed) past the limit.
void *chat_alloc(chat_context *c, size_t size);
void chat_free_all(chat_context *c);
/// Takes steps; false once they are used up.
bool chat_charge(chat_context *c, size_t steps);
/// Enters one level of nesting; chat_leave leaves it, also when enter failed.
bool chat_enter(chat_context *c);
void chat_leave(chat_context *c);

typedef enum chat_kind {
  CHAT_UNDEFINED,
  CHAT_NONE,
  CHAT_BOOL,
  CHAT_INT,
  CHAT_FLOAT,
  CHAT_STRING,
  CHAT_LIST,
  CHAT_DICT,
  CHAT_NAMESPACE, ///< a dict that `set ns.x` may change
  CHAT_FUNCTION,  ///< text: its name
  CHAT_MACRO,
} chat_kind;

struct chat_node;
typedef struct chat_value {
  chat_kind kind;
  union {
    bool truth;
    int64_t integer;
    double number;
    resq_text text; ///< strings; the name of undefined and functions
    struct chat_list *list;
    struct chat_dict *dict;
    const struct chat_node *macro;
  };
} chat_value;

typedef struct chat_list {
  chat_value *items;
  size_t count, capacity;
} chat_list;

typedef struct chat_dict { ///< insertion order; string keys
  resq_text *keys;
  chat_value *values;
  size_t count, capacity;
} chat_dict;

typedef struct chat_buffer {
  char *data;
  size_t size, capacity;
} chat_buffer;

static inline chat_value chat_undefined(resq_text name) {
  return (chat_value){.kind = CHAT_UNDEFINED, .text = name};
}
static inline chat_value chat_none(void) { return (chat_value){.kind = CHAT_NONE}; }
static inline chat_value chat_bool(bool x) { return (chat_value){.kind = CHAT_BOOL, .truth = x}; }
static inline chat_value chat_int(int64_t x) {
  return (chat_value){.kind = CHAT_INT, .integer = x};
}
static inline chat_value chat_float(double x) {
  return (chat_value){.kind = CHAT_FLOAT, .number = x};
}
static inline chat_value chat_string(resq_text x) {
  return (chat_value){.kind = CHAT_STRING, .text = x};
}
static inline bool chat_is_dict(chat_value v) {
  return v.kind == CHAT_DICT || v.kind == CHAT_NAMESPACE;
}
/// Int or bool as an integer (Python counts bools among the ints).
static inline bool chat_as_int(chat_value v, int64_t *out) {
  *out = v.kind == CHAT_BOOL ? v.truth : v.kind == CHAT_INT ? v.integer : 0;
  return v.kind == CHAT_BOOL || v.kind == CHAT_INT;
}
bool chat_as_number(chat_value v, double *out);

resq_text chat_text(const char *s);
bool chat_text_is(resq_text a, const char *b);
bool chat_text_equal(resq_text a, resq_text b);

chat_value chat_new_list(chat_context *c);
chat_value chat_new_dict(chat_context *c);
void chat_append(chat_context *c, chat_value list, chat_value item);
void chat_put(chat_context *c, chat_value dict, resq_text key, chat_value value);
/// NULL when absent.
chat_value *chat_get(chat_context *c, chat_value dict, resq_text key);

void chat_write(chat_context *c, chat_buffer *out, const char *data, size_t size);
void chat_write_text(chat_context *c, chat_buffer *out, const char *text);
static inline resq_text chat_buffer_text(const chat_buffer *b) {
  return (resq_text){b->data ? b->data : "", b->size};
}

bool chat_truth(chat_value v);
bool chat_equal(chat_context *c, chat_value a, chat_value b);
/// Python's type name, for messages.
const char *chat_kind_name(chat_value v);
/// Writes str(v), or repr(v) when `quoted`.
void chat_print(chat_context *c, chat_buffer *out, chat_value v, bool quoted);
resq_text chat_str(chat_context *c, chat_value v);
/// Writes json.dumps(v, ensure_ascii=False, indent=...); indent < 0: one line.
void chat_print_json(chat_context *c, chat_buffer *out, chat_value v, int indent, int level);
/// What a `for` walks over: list items, dict keys, characters.
chat_value chat_items_of(chat_context *c, chat_value v);
/// Code points in a text.
size_t chat_length(resq_text text);

#endif // RESQ_TEXT_CHAT_VALUE_H
