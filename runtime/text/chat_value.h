//===-- chat_value.h - values and memory of the template evaluator --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Private to runtime/text. Errors are sticky: the first one is kept, functions then
// return undefined, and loops stop when they see `failed`. Everything lives in one
// arena that ends with the rendering.
//
// Work is counted in one budget. The unit is about the cost of moving one byte, so
// that templates end with an error within a second whatever they do: evaluating a
// node costs CHAT_STEP, copying or comparing costs the bytes, and walking over text
// code point by code point costs CHAT_SCAN for each byte. A function charges before
// it works.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TEXT_CHAT_VALUE_H
#define RESQ_TEXT_CHAT_VALUE_H

#include "base/error.h"
#include "text/tokenizer.h"

enum {
  CHAT_MAX_DEPTH = 400,        ///< nesting of expressions, statements, values
  CHAT_MAX_WORK = 320000000,   ///< units of work of one rendering
  CHAT_STEP = 16,              ///< units of one node, item or look-up
  CHAT_SCAN = 8,               ///< units of one byte that is decoded
  CHAT_MAX_MEMORY = 256 << 20, ///< bytes of the arena
  CHAT_MAX_TEMPLATE = 4 << 20, ///< bytes of the template's text
};

struct chat_dict;

typedef struct chat_context {
  resq_error *err;
  bool failed;
  bool refused; ///< failed, by the template's own raise_exception
  int line;     ///< of the node being parsed or evaluated
  int depth;
  int64_t work; ///< units left
  int64_t max_work;
  size_t memory; ///< bytes taken
  void *blocks;  ///< arena: list of blocks
  char *free_at, *free_end;
  char *joined_end, *joined_limit; ///< where the last joined text ends, and its spare room
  /// Where the last look-up of a code point by number ended, so that a walk is linear.
  struct {
    const char *data;
    size_t index, at;
  } cursor;
  struct chat_dict *globals; ///< what the caller gives to the template
  const char *date;          ///< "YYYY-MM-DD", or NULL: today
} chat_context;

/// Records the first error as "chat template, line N: ...".
void chat_fail(chat_context *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/// Zeroed memory from the arena, NULL (and failed) past the limit.
void *chat_alloc(chat_context *c, size_t size);
/// The same for `count` elements; the product is checked.
void *chat_alloc_array(chat_context *c, size_t count, size_t size);
void chat_free_all(chat_context *c);
/// Takes units of work; false once they are used up, or when an error stands already.
bool chat_charge(chat_context *c, size_t units);
/// Enters one level of nesting (and charges a step); chat_leave leaves it, also when enter failed.
bool chat_enter(chat_context *c);
void chat_leave(chat_context *c);

typedef enum chat_kind {
  CHAT_UNDEFINED, ///< text: the name; a NULL name is a variable without a value
  CHAT_NONE,
  CHAT_BOOL,
  CHAT_INT,
  CHAT_FLOAT,
  CHAT_STRING,
  CHAT_LIST,
  CHAT_TUPLE,
  CHAT_KEYS, ///< the views of a dict: list
  CHAT_VALUES,
  CHAT_ITEMS,
  CHAT_DICT,
  CHAT_NAMESPACE, ///< a dict that `set ns.x` may change
  CHAT_RANGE,
  CHAT_ITERATOR, ///< can be walked over once, as Python's generators
  CHAT_LOOP,     ///< the variable `loop`
  CHAT_FUNCTION, ///< text: its name
  CHAT_METHOD,   ///< of a value
  CHAT_MACRO,
  CHAT_JOINER,
} chat_kind;

typedef struct chat_value {
  chat_kind kind;
  bool safe; ///< a string that went through the filter `safe`
  union {
    bool truth;
    int64_t integer;
    double number;
    resq_text text; ///< strings; the name of undefined and functions
    struct chat_list *list;
    struct chat_dict *dict;
    struct chat_range *range;
    struct chat_iterator *iterator;
    struct chat_loop *loop;
    struct chat_method *method;
    struct chat_macro *macro;
    struct chat_joiner *joiner;
  };
} chat_value;

typedef struct chat_list {
  chat_value *items;
  size_t count, capacity;
  bool grouped; ///< a tuple of groupby: its items are also grouper and list
} chat_list;

/// Keys in the order of their insertion, with a hash index above a few entries.
typedef struct chat_dict {
  chat_value *keys, *values;
  uint64_t *hashes;
  size_t count, capacity;
  uint32_t *index; ///< open addressing; entry number + 1, 0 is free; NULL while small
  size_t index_size;
} chat_dict;

typedef struct chat_range {
  int64_t start, stop, step;
} chat_range;

typedef struct chat_method {
  chat_value subject;
  resq_text name;
} chat_method;

/// Nothing at its first call, the separator at all others.
typedef struct chat_joiner {
  resq_text separator;
  bool called;
} chat_joiner;

typedef struct chat_iterator chat_iterator;
/// The next item, or false at the end (and after a failure).
typedef bool (*chat_next_function)(chat_context *c, chat_iterator *it, chat_value *out);
struct chat_iterator {
  chat_next_function next;
  chat_value source;    ///< what is walked over
  chat_iterator *inner; ///< or an iterator that this one draws from
  size_t at;
  void *state; ///< of filters
};

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
/// A list, tuple or view: a value whose items stand in v.list.
static inline bool chat_has_list(chat_value v) {
  return v.kind >= CHAT_LIST && v.kind <= CHAT_ITEMS;
}
static inline bool chat_is_sequence(chat_value v) {
  return v.kind == CHAT_LIST || v.kind == CHAT_TUPLE;
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
/// For "%.*s" in messages: at most 60 bytes.
#define CHAT_SHORT(t) (int)((t).size < 60 ? (t).size : 60), (t).data

// Lists and dicts.
chat_value chat_new_list(chat_context *c);
chat_value chat_new_tuple(chat_context *c, const chat_value *items, size_t count);
/// To a list or tuple that is being made.
void chat_append(chat_context *c, chat_value list, chat_value item);
chat_value chat_new_dict(chat_context *c);
/// Fails for keys that cannot be hashed.
void chat_put(chat_context *c, chat_dict *dict, chat_value key, chat_value value);
void chat_put_name(chat_context *c, chat_dict *dict, const char *key, chat_value value);
/// NULL when absent. A key that cannot be hashed fails.
chat_value *chat_get(chat_context *c, const chat_dict *dict, chat_value key);
chat_value *chat_get_text(chat_context *c, const chat_dict *dict, resq_text key);

void chat_write(chat_context *c, chat_buffer *out, const char *data, size_t size);
void chat_write_text(chat_context *c, chat_buffer *out, const char *text);
static inline resq_text chat_buffer_text(const chat_buffer *b) {
  return (resq_text){b->data ? b->data : "", b->size};
}
/// a and b as one text. A text that is built up piece by piece grows in place.
resq_text chat_join(chat_context *c, resq_text a, resq_text b);

// Comparison.
bool chat_truth(chat_value v);
bool chat_equal(chat_context *c, chat_value a, chat_value b);
/// Python's `a < b`, ...: the sign of the comparison; unordered: NaN. `op` is for the message.
int chat_order(chat_context *c, const char *op, chat_value a, chat_value b, bool *unordered);
bool chat_contains(chat_context *c, chat_value item, chat_value in);
/// The type's name in messages.
const char *chat_kind_name(chat_value v);

// Printing.
/// Writes str(v), or repr(v) when `quoted`.
void chat_print(chat_context *c, chat_buffer *out, chat_value v, bool quoted);
resq_text chat_str(chat_context *c, chat_value v);
typedef struct chat_json {
  bool ascii, sorted, pretty;
  resq_text indent, item_separator, key_separator;
} chat_json;
/// Writes json.dumps(v, ...).
void chat_print_json(chat_context *c, chat_buffer *out, chat_value v, const chat_json *form,
                     int level);

// Walking over values.
/// NULL, and failed, for a value that cannot be walked over.
chat_iterator *chat_iterate(chat_context *c, chat_value v);
chat_value chat_new_iterator(chat_context *c, chat_next_function next, chat_value source,
                             chat_iterator *inner, void *state);
/// The next item, or false at the end.
bool chat_next_item(chat_context *c, chat_iterator *it, chat_value *out);
/// All items as a fresh list; NULL when failed.
chat_list *chat_collect(chat_context *c, chat_value v);
/// len(v), false when it has none.
bool chat_size(chat_context *c, chat_value v, int64_t *out);
/// The i-th item of a list, tuple, range or string; false out of range (negative counts from the
/// end).
bool chat_item_at(chat_context *c, chat_value v, int64_t i, chat_value *out);
int64_t chat_range_count(const chat_range *r);

/// Sorts in place, stably, by keys[i]; equal-length arrays.
void chat_sort(chat_context *c, chat_value *keys, chat_value *items, size_t count, bool reverse);

#endif // RESQ_TEXT_CHAT_VALUE_H
