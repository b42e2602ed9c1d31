//===-- gguf_parse.c - a strict GGUF parser -------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One pass over the header, then checks over the tables (gguf_index.c): names are unique, and tensors
// are aligned, inside the file and apart from each other. Memory is bounded by the file's size.
//===----------------------------------------------------------------------===//
#include "base/checked.h"
#include "dialect/import/gguf/gguf.h"
#include "dialect/import/gguf/gguf_index.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

//===-- Reading the header ------------------------------------------------===//

/// A position in the file that never passes its end.
typedef struct cursor {
  const uint8_t *data;
  uint64_t size;
  uint64_t at;
} cursor;

static bool take(cursor *in, uint64_t size, const uint8_t **out) {
  if (!resq_inside_u64(in->at, size, in->size))
    return false;
  *out = in->data + in->at;
  in->at += size;
  return true;
}

static bool take_u32(cursor *in, uint32_t *out) {
  const uint8_t *bytes;
  if (!take(in, sizeof *out, &bytes))
    return false;
  memcpy(out, bytes, sizeof *out);
  return true;
}

static bool take_u64(cursor *in, uint64_t *out) {
  const uint8_t *bytes;
  if (!take(in, sizeof *out, &bytes))
    return false;
  memcpy(out, bytes, sizeof *out);
  return true;
}

static bool take_text(cursor *in, resq_text *out) {
  uint64_t size;
  const uint8_t *bytes;
  if (!take_u64(in, &size) || !take(in, size, &bytes))
    return false;
  *out = (resq_text){(const char *)bytes, (size_t)size};
  return true;
}

static bool fail_truncated(const cursor *in, resq_error *err, const char *what) {
  return resq_fail(err, RESQ_BAD_INPUT,
                   "the file ends inside %s (%" PRIu64 " bytes, at %" PRIu64 ")", what, in->size,
                   in->at);
}

/// What is under construction: the file, and where the next name's copy goes. Names are copied to end them with NUL;
/// each one took at least 8 bytes (its length) more in the file, so the file's size bounds their sum.
typedef struct parser {
  cursor in;
  resq_gguf *out;
  char *next_name;
  size_t room; ///< bytes of out->names
  resq_error *err;
} parser;

/// Names go into messages and symbols: no control characters, which also keeps NUL out.
static bool is_printable(resq_text text) {
  for (size_t i = 0; i < text.size; ++i)
    if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f)
      return false;
  return true;
}

static bool parse_name(parser *p, const char *what, uint64_t index, uint64_t limit,
                       const char **out) {
  resq_text text;
  uint64_t begin = p->in.at;
  if (!take_text(&p->in, &text)) {
    uint64_t length = 0;
    p->in.at = begin;
    if (take_u64(&p->in, &length))
      return resq_fail(p->err, RESQ_BAD_INPUT,
                       "%s %" PRIu64 ": a name of %" PRIu64 " bytes, but %" PRIu64 " are left",
                       what, index, length, p->in.size - p->in.at);
    return fail_truncated(&p->in, p->err, what);
  }
  if (text.size == 0 || text.size > limit)
    return resq_fail(p->err, RESQ_BAD_INPUT,
                     "%s %" PRIu64 ": a name of %zu bytes; 1 to %" PRIu64 " are allowed", what,
                     index, text.size, limit);
  if (!is_printable(text))
    return resq_fail(p->err, RESQ_BAD_INPUT, "%s %" PRIu64 ": a control character in its name",
                     what, index);
  // allocate_tables made room for every name at its longest, or for as many bytes as the file has; a name has 8 bytes more
  // there, its length, than the NUL that it gets here.
  assert((size_t)(p->next_name - p->out->names) + text.size < p->room);
  memcpy(p->next_name, text.data, text.size);
  p->next_name[text.size] = '\0';
  *out = p->next_name;
  p->next_name += text.size + 1;
  return true;
}

//===-- Metadata ----------------------------------------------------------===//

/// Bytes of one element in the file; strings are variable.
static const struct {
  const char *name;
  uint64_t size;
} kinds[RESQ_GGUF_KINDS] = {
    [RESQ_GGUF_U8] = {"u8", 1},         [RESQ_GGUF_I8] = {"i8", 1},
    [RESQ_GGUF_U16] = {"u16", 2},       [RESQ_GGUF_I16] = {"i16", 2},
    [RESQ_GGUF_U32] = {"u32", 4},       [RESQ_GGUF_I32] = {"i32", 4},
    [RESQ_GGUF_FLOAT32] = {"f32", 4},   [RESQ_GGUF_BOOL] = {"bool", 1},
    [RESQ_GGUF_STRING] = {"string", 0}, [RESQ_GGUF_ARRAY] = {"array", 0},
    [RESQ_GGUF_U64] = {"u64", 8},       [RESQ_GGUF_I64] = {"i64", 8},
    [RESQ_GGUF_FLOAT64] = {"f64", 8},
};

const char *resq_gguf_kind_name(resq_gguf_kind kind) {
  return (unsigned)kind < RESQ_GGUF_KINDS ? kinds[kind].name : "unknown";
}

static bool parse_kind(parser *p, const char *key, resq_gguf_kind *out) {
  uint32_t kind;
  if (!take_u32(&p->in, &kind))
    return fail_truncated(&p->in, p->err, key);
  if (kind >= RESQ_GGUF_KINDS)
    return resq_fail(p->err, RESQ_BAD_INPUT, "key '%s': value type %" PRIu32 "; 0 to %d are known",
                     key, kind, RESQ_GGUF_KINDS - 1);
  *out = (resq_gguf_kind)kind;
  return true;
}

static bool skip_strings(parser *p, resq_gguf_value *value) {
  for (uint64_t i = 0; i < value->count; ++i) {
    resq_text text;
    if (!take_text(&p->in, &text))
      return resq_fail(p->err, RESQ_BAD_INPUT,
                       "key '%s': string %" PRIu64 " of %" PRIu64 " passes the end of the file",
                       value->key, i, value->count);
  }
  return true;
}

static bool skip_numbers(parser *p, resq_gguf_value *value) {
  uint64_t size;
  const uint8_t *bytes;
  if (!resq_mul_u64(value->count, kinds[value->element].size, &size) || !take(&p->in, size, &bytes))
    return resq_fail(p->err, RESQ_BAD_INPUT,
                     "key '%s': %" PRIu64 " elements of %s pass the end of the file", value->key,
                     value->count, kinds[value->element].name);
  if (value->element == RESQ_GGUF_BOOL)
    for (uint64_t i = 0; i < size; ++i)
      if (bytes[i] > 1)
        return resq_fail(p->err, RESQ_BAD_INPUT, "key '%s': a bool of value %u; 0 or 1 is allowed",
                         value->key, bytes[i]);
  return true;
}

static bool parse_value(parser *p, uint64_t index) {
  resq_gguf_value *value = &p->out->values[index];
  if (!parse_name(p, "metadata key", index, RESQ_GGUF_MAX_KEY, &value->key) ||
      !parse_kind(p, value->key, &value->kind))
    return false;
  value->element = value->kind;
  value->count = 1;
  if (value->kind == RESQ_GGUF_ARRAY) {
    if (!parse_kind(p, value->key, &value->element))
      return false;
    if (value->element == RESQ_GGUF_ARRAY)
      return resq_fail(p->err, RESQ_BAD_INPUT, "key '%s': an array of arrays; resq reads flat ones",
                       value->key);
    if (!take_u64(&p->in, &value->count))
      return fail_truncated(&p->in, p->err, value->key);
  }
  uint64_t begin = p->in.at;
  value->data = p->in.data + begin;
  bool ok = value->element == RESQ_GGUF_STRING ? skip_strings(p, value) : skip_numbers(p, value);
  value->size = p->in.at - begin;
  return ok;
}

//===-- The tensor table --------------------------------------------------===//

static bool parse_type(parser *p, resq_gguf_tensor *tensor, uint64_t *block_elements,
                       uint64_t *block_bytes) {
  uint32_t type;
  if (!take_u32(&p->in, &type))
    return fail_truncated(&p->in, p->err, "the tensor table");
  const char *name;
  if (!resq_gguf_type_block(type, block_elements, block_bytes, &name))
    return resq_fail(p->err, RESQ_BAD_INPUT, "tensor '%s': type %s (%" PRIu32 "); resq reads %s",
                     tensor->name, name ? name : "unknown", type, resq_gguf_type_list());
  tensor->type = (resq_gguf_type)type;
  return true;
}

static bool parse_shape(parser *p, resq_gguf_tensor *tensor) {
  if (!take_u32(&p->in, &tensor->n_dims))
    return fail_truncated(&p->in, p->err, "the tensor table");
  if (tensor->n_dims == 0 || tensor->n_dims > RESQ_GGUF_MAX_DIMS)
    return resq_fail(p->err, RESQ_BAD_INPUT,
                     "tensor '%s': %" PRIu32 " dimensions; 1 to %d are allowed", tensor->name,
                     tensor->n_dims, RESQ_GGUF_MAX_DIMS);
  for (uint32_t i = 0; i < RESQ_GGUF_MAX_DIMS; ++i) {
    tensor->dims[i] = 1;
    if (i < tensor->n_dims && !take_u64(&p->in, &tensor->dims[i]))
      return fail_truncated(&p->in, p->err, "the tensor table");
    if (tensor->dims[i] == 0 || tensor->dims[i] > INT64_MAX)
      return resq_fail(p->err, RESQ_BAD_INPUT, "tensor '%s': dimension %" PRIu32 " is %" PRId64,
                       tensor->name, i, (int64_t)tensor->dims[i]);
  }
  return true;
}

static bool size_tensor(parser *p, resq_gguf_tensor *tensor, uint64_t block_elements,
                        uint64_t block_bytes) {
  if (tensor->dims[0] % block_elements != 0)
    return resq_fail(p->err, RESQ_BAD_INPUT,
                     "tensor '%s': rows of %" PRIu64 " elements; %s needs a multiple of %" PRIu64,
                     tensor->name, tensor->dims[0], resq_gguf_type_name(tensor->type),
                     block_elements);
  uint64_t elements;
  if (!resq_mul_u64(tensor->dims[1], tensor->dims[2], &tensor->n_rows) ||
      !resq_mul_u64(tensor->n_rows, tensor->dims[3], &tensor->n_rows) ||
      !resq_mul_u64(tensor->n_rows, tensor->dims[0], &elements) || elements > INT64_MAX ||
      !resq_mul_u64(tensor->dims[0] / block_elements, block_bytes, &tensor->row_size) ||
      !resq_mul_u64(tensor->n_rows, tensor->row_size, &tensor->size))
    return resq_fail(p->err, RESQ_BAD_INPUT,
                     "tensor '%s': its size (%" PRIu64 " x %" PRIu64 " x %" PRIu64 " x %" PRIu64
                     " elements) overflows",
                     tensor->name, tensor->dims[0], tensor->dims[1], tensor->dims[2],
                     tensor->dims[3]);
  return true;
}

/// The offset counts from the data section, whose place is known after the last table entry: it waits in `data`'s stead.
static bool parse_tensor(parser *p, uint64_t index, uint64_t *offset) {
  resq_gguf_tensor *tensor = &p->out->tensors[index];
  uint64_t block_elements, block_bytes;
  if (!parse_name(p, "tensor", index, RESQ_GGUF_MAX_NAME, &tensor->name) ||
      !parse_shape(p, tensor) || !parse_type(p, tensor, &block_elements, &block_bytes) ||
      !size_tensor(p, tensor, block_elements, block_bytes))
    return false;
  if (!take_u64(&p->in, offset))
    return fail_truncated(&p->in, p->err, "the tensor table");
  if (*offset % p->out->alignment != 0)
    return resq_fail(p->err, RESQ_BAD_INPUT,
                     "tensor '%s': offset %" PRIu64 "; a multiple of %" PRIu64 " is needed",
                     tensor->name, *offset, p->out->alignment);
  return true;
}

static bool place_tensor(parser *p, resq_gguf_tensor *tensor, uint64_t base, uint64_t offset) {
  uint64_t begin;
  if (!resq_add_u64(base, offset, &begin) || !resq_inside_u64(begin, tensor->size, p->in.size))
    return resq_fail(p->err, RESQ_BAD_INPUT,
                     "tensor '%s': %" PRIu64 " bytes at offset %" PRIu64 " of the data, which has "
                     "%" PRIu64 " bytes (is the file cut off?)",
                     tensor->name, tensor->size, offset, p->in.size > base ? p->in.size - base : 0);
  tensor->data = p->in.data + begin;
  return true;
}

//===-- The whole file ----------------------------------------------------===//

static bool parse_prologue(parser *p, uint64_t *n_tensors, uint64_t *n_values) {
  const uint8_t *magic;
  uint32_t version;
  if (!take(&p->in, 4, &magic) || memcmp(magic, "GGUF", 4) != 0)
    return resq_fail(p->err, RESQ_BAD_INPUT, "not a GGUF file: it does not begin with 'GGUF'");
  if (!take_u32(&p->in, &version))
    return fail_truncated(&p->in, p->err, "the header");
  if (version != 0 && (version & 0xffff) == 0)
    return resq_fail(p->err, RESQ_BAD_INPUT,
                     "GGUF version %" PRIu32 " in big-endian order; resq reads little-endian files",
                     __builtin_bswap32(version));
  if (version != 2 && version != 3)
    return resq_fail(p->err, RESQ_BAD_INPUT, "GGUF version %" PRIu32 "; resq reads 2 and 3",
                     version);
  p->out->version = version;
  if (!take_u64(&p->in, n_tensors) || !take_u64(&p->in, n_values))
    return fail_truncated(&p->in, p->err, "the header");
  // The least that one takes in the file: key 8 + 1, type 4, value 1; tensor 8 + 1, dims 4 + 8, type 4, offset 8.
  uint64_t left = p->in.size - p->in.at;
  if (*n_values > RESQ_GGUF_MAX_COUNT || *n_values > left / 14)
    return resq_fail(p->err, RESQ_BAD_INPUT,
                     "%" PRIu64 " metadata keys in a file of %" PRIu64 " bytes; at most %" PRIu32
                     " are allowed",
                     *n_values, p->in.size, RESQ_GGUF_MAX_COUNT);
  if (*n_tensors > RESQ_GGUF_MAX_COUNT || *n_tensors > left / 33)
    return resq_fail(p->err, RESQ_BAD_INPUT,
                     "%" PRIu64 " tensors in a file of %" PRIu64 " bytes; at most %" PRIu32
                     " are allowed",
                     *n_tensors, p->in.size, RESQ_GGUF_MAX_COUNT);
  return true;
}

/// Room for every name: no name is longer than its limit, and together they are shorter than the file.
static bool allocate_tables(parser *p, uint64_t n_tensors, uint64_t n_values) {
  resq_gguf *out = p->out;
  uint64_t names = n_values * (RESQ_GGUF_MAX_KEY + 1) + n_tensors * (RESQ_GGUF_MAX_NAME + 1) + 1;
  if (names > p->in.size)
    names = p->in.size;
  out->names = malloc((size_t)names);
  out->values = calloc((size_t)n_values + 1, sizeof *out->values);
  out->tensors = calloc((size_t)n_tensors + 1, sizeof *out->tensors);
  if (!out->names || !out->values || !out->tensors)
    return resq_fail(p->err, RESQ_NO_MEMORY,
                     "no memory for %" PRIu64 " keys and %" PRIu64 " tensors", n_values, n_tensors);
  out->n_values = n_values;
  out->n_tensors = n_tensors;
  p->next_name = out->names;
  p->room = (size_t)names;
  return true;
}

static bool read_alignment(parser *p) {
  p->out->alignment = 32;
  const resq_gguf_value *value = resq_gguf_get(p->out, "general.alignment");
  if (!value)
    return true;
  if (value->kind != RESQ_GGUF_U32)
    return resq_fail(p->err, RESQ_BAD_INPUT, "key 'general.alignment' is %s; u32 is needed",
                     resq_gguf_kind_name(value->kind));
  uint32_t alignment;
  memcpy(&alignment, value->data, sizeof alignment);
  if (alignment == 0 || (alignment & (alignment - 1)) != 0 || alignment > RESQ_GGUF_MAX_ALIGNMENT)
    return resq_fail(p->err, RESQ_BAD_INPUT,
                     "key 'general.alignment' is %" PRIu32 "; a power of two up to %" PRIu32
                     " is needed",
                     alignment, RESQ_GGUF_MAX_ALIGNMENT);
  p->out->alignment = alignment;
  return true;
}

static bool parse_tensors(parser *p) {
  resq_gguf *out = p->out;
  uint64_t *offsets = malloc(((size_t)out->n_tensors + 1) * sizeof *offsets);
  if (!offsets)
    return resq_fail(p->err, RESQ_NO_MEMORY, "no memory for the tensor table");
  bool ok = true;
  for (uint64_t i = 0; ok && i < out->n_tensors; ++i)
    ok = parse_tensor(p, i, &offsets[i]);
  uint64_t base = p->in.at + (out->alignment - p->in.at % out->alignment) % out->alignment;
  for (uint64_t i = 0; ok && i < out->n_tensors; ++i)
    ok = place_tensor(p, &out->tensors[i], base, offsets[i]);
  free(offsets);
  return ok && resq_gguf_index_tensors(out, p->err);
}

static bool parse_file(parser *p) {
  uint64_t n_tensors = 0, n_values = 0;
  if (!parse_prologue(p, &n_tensors, &n_values) || !allocate_tables(p, n_tensors, n_values))
    return false;
  for (uint64_t i = 0; i < n_values; ++i)
    if (!parse_value(p, i))
      return false;
  return resq_gguf_index_values(p->out, p->err) && read_alignment(p) && parse_tensors(p);
}

void resq_gguf_close(resq_gguf *gguf) {
  free(gguf->path);
  free(gguf->values);
  free(gguf->tensors);
  free(gguf->values_by_key);
  free(gguf->tensors_by_name);
  free(gguf->names);
  *gguf = (resq_gguf){0};
}

bool resq_gguf_parse(resq_gguf *out, const void *data, uint64_t size, const char *path,
                     resq_error *err) {
  *out = (resq_gguf){.path = strdup(path)};
  parser p = {.in = {data, size, 0}, .out = out, .err = err};
  if (!out->path)
    return resq_fail(err, RESQ_NO_MEMORY, "no memory to read '%s'", path);
  if (parse_file(&p))
    return true;
  resq_gguf_close(out);
  return resq_fail_in(err, "%s", path);
}
