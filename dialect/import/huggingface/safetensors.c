//===-- safetensors.c -----------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/import/huggingface/safetensors.h"

#include "base/checked.h"
#include "dialect/import/huggingface/json_reader.h"
#include "dialect/memory.h"
#include "kernels/half.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors are read in place on little-endian hosts"
#endif

//===-- Types -------------------------------------------------------------===//

static const struct {
  const char *name;
  uint64_t size; ///< bytes of an element
} types[RESQ_SAFETENSORS_TYPES] = {[RESQ_SAFETENSORS_F32] = {"F32", 4},
                                   [RESQ_SAFETENSORS_F16] = {"F16", 2},
                                   [RESQ_SAFETENSORS_BF16] = {"BF16", 2}};

const char *resq_safetensors_type_name(resq_safetensors_type type) { return types[type].name; }

void resq_safetensors_decode(const resq_safetensors_tensor *tensor, uint64_t first, uint64_t count,
                             float *out) {
  const uint8_t *in = tensor->data + first * types[tensor->type].size;
  if (tensor->type == RESQ_SAFETENSORS_F32) {
    memcpy(out, in, (size_t)count * sizeof *out);
    return;
  }
  for (uint64_t i = 0; i < count; ++i) {
    uint16_t half;
    memcpy(&half, in + 2 * i, sizeof half);
    out[i] =
        tensor->type == RESQ_SAFETENSORS_F16 ? resq_f32_from_f16(half) : resq_f32_from_bf16(half);
  }
}

//===-- One tensor --------------------------------------------------------===//

typedef struct parser {
  const char *path;
  const uint8_t *data; ///< behind the header
  uint64_t size;
  resq_error *err;
} parser;

/// Names go into messages and symbols: no control characters.
static bool check_name(const parser *p, const char *name) {
  size_t size = strlen(name);
  bool printable = true;
  for (size_t i = 0; i < size; ++i)
    printable &= (unsigned char)name[i] >= 0x20 && name[i] != 0x7f;
  if (size < 1 || size > RESQ_SAFETENSORS_MAX_NAME)
    return resq_fail(p->err, RESQ_BAD_INPUT,
                     "%s: a tensor's name has %zu bytes; 1 to %d are allowed", p->path, size,
                     RESQ_SAFETENSORS_MAX_NAME);
  return printable || resq_fail(p->err, RESQ_BAD_INPUT,
                                "%s: tensor '%s': a control character in its name", p->path, name);
}

static bool parse_type(const parser *p, const json_t *entry, resq_safetensors_tensor *t) {
  const char *text = json_string_value(json_object_get(entry, "dtype"));
  for (int i = 0; text && i < RESQ_SAFETENSORS_TYPES; ++i)
    if (!strcmp(text, types[i].name)) {
      t->type = (resq_safetensors_type)i;
      return true;
    }
  return resq_fail(p->err, RESQ_BAD_INPUT,
                   "%s: tensor '%s': type %.32s; resq reads F32, F16 and BF16", p->path, t->name,
                   text ? text : "is missing");
}

/// Sets *elements.
static bool parse_shape(const parser *p, const json_t *entry, resq_safetensors_tensor *t,
                        uint64_t *elements) {
  const json_t *shape = json_object_get(entry, "shape");
  size_t rank = json_array_size(shape);
  if (!json_is_array(shape) || rank < 1 || rank > RESQ_TENSOR_MAX_RANK)
    return resq_fail(p->err, RESQ_BAD_INPUT, "%s: tensor '%s': %zu dimensions; 1 to %d are allowed",
                     p->path, t->name, rank, RESQ_TENSOR_MAX_RANK);
  *elements = 1;
  t->rank = (uint32_t)rank;
  for (size_t i = 0; i < rank; ++i) {
    const json_t *extent = json_array_get(shape, i);
    t->shape[i] = json_integer_value(extent);
    if (!json_is_integer(extent) || t->shape[i] < 1)
      return resq_fail(p->err, RESQ_BAD_INPUT,
                       "%s: tensor '%s': dimension %zu is no integer of at least 1", p->path,
                       t->name, i);
    if (!resq_mul_u64(*elements, (uint64_t)t->shape[i], elements) || *elements > INT64_MAX)
      return resq_fail(p->err, RESQ_BAD_INPUT, "%s: tensor '%s': its number of elements overflows",
                       p->path, t->name);
  }
  return true;
}

static bool parse_place(const parser *p, const json_t *entry, resq_safetensors_tensor *t,
                        uint64_t elements) {
  const json_t *offsets = json_object_get(entry, "data_offsets");
  const json_t *first = json_array_get(offsets, 0), *last = json_array_get(offsets, 1);
  if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(last) ||
      json_integer_value(first) < 0 || json_integer_value(last) < json_integer_value(first))
    return resq_fail(p->err, RESQ_BAD_INPUT,
                     "%s: tensor '%s': key 'data_offsets' is no pair of offsets", p->path, t->name);
  uint64_t begin = (uint64_t)json_integer_value(first), end = (uint64_t)json_integer_value(last);
  t->size = end - begin;
  uint64_t needed;
  if (!resq_mul_u64(elements, types[t->type].size, &needed) || needed != t->size)
    return resq_fail(p->err, RESQ_BAD_INPUT,
                     "%s: tensor '%s': %" PRIu64 " bytes for %" PRIu64 " elements of %s", p->path,
                     t->name, t->size, elements, types[t->type].name);
  if (!resq_inside_u64(begin, t->size, p->size))
    return resq_fail(p->err, RESQ_BAD_INPUT,
                     "%s: tensor '%s': bytes %" PRIu64 " to %" PRIu64
                     " of the data, which has %" PRIu64 " bytes (is the file cut off?)",
                     p->path, t->name, begin, end, p->size);
  t->data = p->data + begin;
  return true;
}

static bool parse_tensor(const parser *p, const char *name, const json_t *entry,
                         resq_safetensors_tensor *t) {
  uint64_t elements = 0;
  if (!check_name(p, name))
    return false;
  t->name = resq_copy_text(name);
  if (json_object_size(entry) != 3)
    return resq_fail(p->err, RESQ_BAD_INPUT,
                     "%s: tensor '%s': an object of dtype, shape and data_offsets is needed",
                     p->path, name);
  return parse_type(p, entry, t) && parse_shape(p, entry, t, &elements) &&
         parse_place(p, entry, t, elements);
}

//===-- The table ---------------------------------------------------------===//

static int compare_places(const void *a, const void *b) {
  const resq_safetensors_tensor *x = a, *y = b;
  return (x->data > y->data) - (x->data < y->data);
}

static int compare_names(const void *a, const void *b) {
  const resq_safetensors_tensor *x = a, *y = b;
  return strcmp(x->name, y->name);
}

/// The tensors follow each other without gap, as the format asks: bytes of none could be anything.
static bool check_places(const parser *p, resq_safetensors *out) {
  const uint8_t *at = p->data;
  if (out->n_tensors)
    qsort(out->tensors, out->n_tensors, sizeof *out->tensors, compare_places);
  for (uint64_t i = 0; i < out->n_tensors; ++i) {
    const resq_safetensors_tensor *t = &out->tensors[i];
    if (t->data < at)
      return resq_fail(p->err, RESQ_BAD_INPUT, "%s: tensors '%s' and '%s' overlap", p->path,
                       out->tensors[i - 1].name, t->name);
    if (t->data > at)
      return resq_fail(p->err, RESQ_BAD_INPUT,
                       "%s: %td bytes before tensor '%s' belong to no tensor", p->path,
                       t->data - at, t->name);
    at += t->size;
  }
  return at == p->data + p->size ||
         resq_fail(p->err, RESQ_BAD_INPUT,
                   "%s: %td bytes behind the last tensor belong to no tensor", p->path,
                   p->data + p->size - at);
}

static bool parse_table(const parser *p, const json_t *header, resq_safetensors *out) {
  // The iterator of jansson takes what is not const, and changes nothing.
  json_t *object = (json_t *)(uintptr_t)header, *entry;
  const char *name;
  if (json_object_size(header) > RESQ_SAFETENSORS_MAX_TENSORS)
    return resq_fail(p->err, RESQ_BAD_INPUT, "%s: %zu tensors; at most %u are allowed", p->path,
                     json_object_size(header), RESQ_SAFETENSORS_MAX_TENSORS);
  out->tensors = resq_new(json_object_size(header), sizeof *out->tensors);
  json_object_foreach(object, name, entry) {
    if (!strcmp(name, "__metadata__"))
      continue; // texts about the file
    if (!parse_tensor(p, name, entry, &out->tensors[out->n_tensors++]))
      return false;
  }
  if (!check_places(p, out))
    return false;
  if (out->n_tensors)
    qsort(out->tensors, out->n_tensors, sizeof *out->tensors, compare_names);
  return true;
}

bool resq_safetensors_parse(resq_safetensors *out, const void *data, uint64_t size,
                            const char *path, resq_error *err) {
  uint64_t length;
  *out = (resq_safetensors){0};
  if (size < sizeof length)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "%s: %" PRIu64 " bytes; a safetensors file begins with 8 bytes, the length of "
                     "its header",
                     path, size);
  memcpy(&length, data, sizeof length);
  if (length > RESQ_SAFETENSORS_MAX_HEADER)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "%s: a header of %" PRIu64
                     " bytes; at most %u are allowed (is it a safetensors file?)",
                     path, length, RESQ_SAFETENSORS_MAX_HEADER);
  if (length > size - sizeof length)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "%s: a header of %" PRIu64 " bytes, but %" PRIu64
                     " are left (is the file cut off?)",
                     path, length, size - sizeof length);
  const uint8_t *begin = (const uint8_t *)data + sizeof length;
  json_t *header = resq_json_parse(path, begin, length, RESQ_SAFETENSORS_MAX_HEADER, err);
  const parser p = {path, begin + length, size - sizeof length - length, err};
  bool ok = header && parse_table(&p, header, out);
  json_decref(header);
  if (!ok)
    resq_safetensors_close(out);
  return ok;
}

void resq_safetensors_close(resq_safetensors *file) {
  for (uint64_t i = 0; i < file->n_tensors; ++i)
    free(file->tensors[i].name);
  free(file->tensors);
  *file = (resq_safetensors){0};
}

const resq_safetensors_tensor *resq_safetensors_find(const resq_safetensors *file,
                                                     const char *name) {
  const resq_safetensors_tensor key = {.name = (char *)(uintptr_t)name};
  return file->n_tensors ? bsearch(&key, file->tensors, file->n_tensors, sizeof key, compare_names)
                         : NULL;
}
