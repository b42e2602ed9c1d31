//===-- gguf_value.c - typed reading of GGUF metadata ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writers differ in the integer widths they use for one key, so integers are
// read by value; everything else must have the type that the key calls for.
//===----------------------------------------------------------------------===//
#include "base/checked.h"
#include "dialect/import/gguf/gguf.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

static const resq_gguf_value *require(const resq_gguf *gguf, const char *key, resq_error *err) {
  const resq_gguf_value *value = resq_gguf_get(gguf, key);
  if (!value)
    resq_fail(err, RESQ_BAD_INPUT, "%s: key '%s' is missing", gguf->path, key);
  return value;
}

static bool fail_kind(const resq_gguf *gguf, const resq_gguf_value *value, const char *wanted,
                      resq_error *err) {
  bool array = value->kind == RESQ_GGUF_ARRAY;
  return resq_fail(err, RESQ_BAD_INPUT, "%s: key '%s' is %s%s; %s is needed", gguf->path,
                   value->key, array ? "an array of " : "", resq_gguf_kind_name(value->element),
                   wanted);
}

/// The integer at `data`; *negative tells the sign. False when the kind is no integer.
static bool load_integer(resq_gguf_kind kind, const uint8_t *data, uint64_t *out, bool *negative) {
  int64_t value = 0;
  *negative = false;
#define RESQ_LOAD(TYPE)                                                                            \
  {                                                                                                \
    TYPE loaded;                                                                                   \
    memcpy(&loaded, data, sizeof loaded);                                                          \
    value = (int64_t)loaded;                                                                       \
    break;                                                                                         \
  }
  switch (kind) {
  case RESQ_GGUF_U8:
    RESQ_LOAD(uint8_t)
  case RESQ_GGUF_I8:
    RESQ_LOAD(int8_t)
  case RESQ_GGUF_U16:
    RESQ_LOAD(uint16_t)
  case RESQ_GGUF_I16:
    RESQ_LOAD(int16_t)
  case RESQ_GGUF_U32:
    RESQ_LOAD(uint32_t)
  case RESQ_GGUF_I32:
    RESQ_LOAD(int32_t)
  case RESQ_GGUF_I64:
    RESQ_LOAD(int64_t)
  case RESQ_GGUF_U64:
    memcpy(out, data, sizeof *out);
    return true;
  default:
    return false;
  }
#undef RESQ_LOAD
  *negative = value < 0;
  *out = (uint64_t)value;
  return true;
}

bool resq_gguf_u64(const resq_gguf *gguf, const char *key, uint64_t *out, resq_error *err) {
  const resq_gguf_value *value = require(gguf, key, err);
  if (!value)
    return false;
  bool negative;
  if (!load_integer(value->kind, value->data, out, &negative))
    return fail_kind(gguf, value, "an integer", err);
  if (negative)
    return resq_fail(err, RESQ_BAD_INPUT, "%s: key '%s' is %" PRId64 "; it can't be negative",
                     gguf->path, key, (int64_t)*out);
  return true;
}

bool resq_gguf_u64_per_layer(const resq_gguf *gguf, const char *key, uint64_t layers, uint64_t *out,
                             resq_error *err) {
  const resq_gguf_value *value = require(gguf, key, err);
  if (!value || value->kind != RESQ_GGUF_ARRAY || value->element >= RESQ_GGUF_KINDS)
    return value && resq_gguf_u64(gguf, key, out, err);
  uint64_t item = value->count ? value->size / value->count : 0;
  bool negative = false;
  for (uint64_t i = 0; i < value->count; ++i) {
    uint64_t other;
    if (!load_integer(value->element, value->data + i * item, i ? &other : out, &negative))
      return fail_kind(gguf, value, "an integer, or an array of them,", err);
    if (negative || (i && other != *out))
      return resq_fail(err, RESQ_BAD_INPUT,
                       "%s: key '%s' is an array whose element %" PRIu64 " is %" PRId64
                       " where the first is %" PRId64
                       "; resq compiles models whose layers are alike",
                       gguf->path, key, i, (int64_t)(i ? other : *out), (int64_t)*out);
  }
  return value->count == layers ||
         resq_fail(err, RESQ_BAD_INPUT,
                   "%s: key '%s' is an array of %" PRIu64 " elements for %" PRIu64 " layers",
                   gguf->path, key, value->count, layers);
}

static bool load_float(const resq_gguf_value *value, double *out) {
  if (value->kind == RESQ_GGUF_FLOAT32) {
    float narrow;
    memcpy(&narrow, value->data, sizeof narrow);
    *out = (double)narrow;
    return true;
  }
  if (value->kind == RESQ_GGUF_FLOAT64)
    memcpy(out, value->data, sizeof *out);
  return value->kind == RESQ_GGUF_FLOAT64;
}

bool resq_gguf_f64(const resq_gguf *gguf, const char *key, double *out, resq_error *err) {
  const resq_gguf_value *value = require(gguf, key, err);
  if (!value)
    return false;
  if (!load_float(value, out))
    return fail_kind(gguf, value, "f32", err);
  if (!isfinite(*out))
    return resq_fail(err, RESQ_BAD_INPUT, "%s: key '%s' is %f; a finite number is needed",
                     gguf->path, key, *out);
  return true;
}

bool resq_gguf_bool(const resq_gguf *gguf, const char *key, bool *out, resq_error *err) {
  const resq_gguf_value *value = require(gguf, key, err);
  if (!value)
    return false;
  if (value->kind != RESQ_GGUF_BOOL)
    return fail_kind(gguf, value, "bool", err);
  *out = *value->data != 0;
  return true;
}

/// The string at *at, which then points behind it. The parser has checked that it ends inside the file.
static resq_text next_string(const uint8_t **at) {
  uint64_t size;
  memcpy(&size, *at, sizeof size);
  resq_text text = {(const char *)*at + sizeof size, (size_t)size};
  *at += sizeof size + size;
  return text;
}

bool resq_gguf_string(const resq_gguf *gguf, const char *key, resq_text *out, resq_error *err) {
  const resq_gguf_value *value = require(gguf, key, err);
  if (!value)
    return false;
  if (value->kind != RESQ_GGUF_STRING)
    return fail_kind(gguf, value, "a string", err);
  const uint8_t *at = value->data;
  *out = next_string(&at);
  return true;
}

bool resq_gguf_number(const resq_gguf_value *value, double *out) {
  uint64_t integer;
  bool negative;
  if (value->kind == RESQ_GGUF_BOOL)
    *out = *value->data != 0;
  else if (load_integer(value->kind, value->data, &integer, &negative))
    *out = negative ? (double)(int64_t)integer : (double)integer;
  else
    return load_float(value, out);
  return true;
}

void resq_gguf_value_text(const resq_gguf_value *value, char out[RESQ_GGUF_VALUE_TEXT]) {
  double number;
  if (value->kind == RESQ_GGUF_STRING) {
    const uint8_t *at = value->data;
    resq_text text = next_string(&at);
    snprintf(out, RESQ_GGUF_VALUE_TEXT, text.size <= 64 ? "'%.*s'" : "'%.*s...'",
             text.size <= 64 ? (int)text.size : 64, text.data);
  } else if (value->kind == RESQ_GGUF_BOOL) {
    snprintf(out, RESQ_GGUF_VALUE_TEXT, "%s", *value->data ? "true" : "false");
  } else if (resq_gguf_number(value, &number)) {
    snprintf(out, RESQ_GGUF_VALUE_TEXT, "%.10g", number);
  } else {
    snprintf(out, RESQ_GGUF_VALUE_TEXT, "an array of %" PRIu64 " %s", value->count,
             resq_gguf_kind_name(value->element));
  }
}

/// Room for `count` items of `size` bytes; NULL for none. False without memory.
static bool allocate_items(const resq_gguf *gguf, const resq_gguf_value *value, uint64_t size,
                           void **out, resq_error *err) {
  uint64_t bytes;
  *out = NULL;
  if (value->count == 0)
    return true;
  if (resq_mul_u64(value->count, size, &bytes) && bytes <= PTRDIFF_MAX)
    *out = malloc((size_t)bytes);
  return *out ? true
              : resq_fail(err, RESQ_NO_MEMORY, "%s: no memory for the %" PRIu64 " elements of '%s'",
                          gguf->path, value->count, value->key);
}

bool resq_gguf_strings(const resq_gguf *gguf, const char *key, resq_text **out, int64_t *out_count,
                       resq_error *err) {
  const resq_gguf_value *value = require(gguf, key, err);
  if (!value)
    return false;
  if (value->kind != RESQ_GGUF_ARRAY || value->element != RESQ_GGUF_STRING)
    return fail_kind(gguf, value, "an array of strings", err);
  void *items;
  if (!allocate_items(gguf, value, sizeof **out, &items, err))
    return false;
  *out = items;
  *out_count = (int64_t)value->count;
  const uint8_t *at = value->data;
  for (uint64_t i = 0; i < value->count; ++i)
    (*out)[i] = next_string(&at);
  return true;
}

bool resq_gguf_i32s(const resq_gguf *gguf, const char *key, int32_t **out, int64_t *out_count,
                    resq_error *err) {
  const resq_gguf_value *value = require(gguf, key, err);
  if (!value)
    return false;
  if (value->kind != RESQ_GGUF_ARRAY ||
      (value->element != RESQ_GGUF_I32 && value->element != RESQ_GGUF_U32))
    return fail_kind(gguf, value, "an array of i32", err);
  void *items;
  if (!allocate_items(gguf, value, sizeof **out, &items, err))
    return false;
  *out = items;
  *out_count = (int64_t)value->count;
  if (value->count)
    memcpy(*out, value->data, (size_t)value->size);
  return true;
}
