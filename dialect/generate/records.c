//===-- records.c - ops as resq.td defines them ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "records.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

//===-- Records -----------------------------------------------------------===//

static json_t *records;

void fail(const char *format, ...) {
  va_list args;
  va_start(args, format);
  fputs("resq-generate-ops: ", stderr);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
  exit(1);
}

json_t *named(json_t *value) {
  return json_object_get(records, json_string_value(json_object_get(value, "def")));
}

const char *text(json_t *record, const char *field) {
  const char *found = json_string_value(json_object_get(record, field));
  return found ? found : "";
}

bool flag(json_t *record, const char *field) {
  return json_integer_value(json_object_get(record, field)) != 0;
}

bool is_a(json_t *record, const char *class) {
  size_t i;
  json_t *super;
  json_array_foreach(json_object_get(record, "!superclasses"), i, super) {
    if (!strcmp(json_string_value(super), class))
      return true;
  }
  return false;
}

//===-- Names -------------------------------------------------------------===//

name camel(const char *snake) {
  name out = {""};
  size_t n = 0;
  bool upper = true;
  for (; *snake && n + 1 < sizeof out.text; snake++) {
    if (*snake == '_') {
      upper = true;
      continue;
    }
    out.text[n++] = (char)(upper ? toupper((unsigned char)*snake) : *snake);
    upper = false;
  }
  return out;
}

name snake(const char *camel_case) {
  name out = {""};
  size_t n = 0;
  for (const char *c = camel_case; *c && n + 2 < sizeof out.text; c++) {
    if (c != camel_case && isupper((unsigned char)*c) && !isupper((unsigned char)c[-1]))
      out.text[n++] = '_';
    out.text[n++] = (char)tolower((unsigned char)*c);
  }
  return out;
}

name upper(const char *any) {
  name out = {""};
  for (size_t n = 0; any[n] && n + 1 < sizeof out.text; n++)
    out.text[n] = (char)toupper((unsigned char)any[n]);
  return out;
}

name enum_type(json_t *info) {
  name out;
  snprintf(out.text, sizeof out.text, "resq_%.80s", snake(text(info, "className")).text);
  return out;
}

//===-- Attributes, operands and results ----------------------------------===//

static const kind kinds[] = {
    {"::mlir::IntegerAttr", "I64", "int64_t ", "makeI64", "(int64_t)"},
    {"::mlir::FloatAttr", "F32", "float ", "makeF32", "toFloat"},
    {"::mlir::FloatAttr", "F64", "double ", "makeF64", "toDouble"},
    {"::mlir::UnitAttr", "NoneType", "bool ", "makeUnit", ""},
    {"::mlir::BoolAttr", "I1", "bool ", "makeBool", ""},
    {"::mlir::StringAttr", "NoneType", "MlirStringRef ", "makeString", "wrap"},
    {"::mlir::FlatSymbolRefAttr", "NoneType", "MlirStringRef ", "makeSymbol", "wrap"},
    {"::mlir::TypeAttr", "NoneType", "MlirType ", "makeType", "wrap"},
};

static const char *trim(const char *s) { return s + strspn(s, " "); }

static bool same_word(const char *a, const char *b) {
  a = trim(a);
  return strlen(b) == strcspn(a, " ") && !strncmp(a, b, strlen(b));
}

static void read_attribute(json_t *record, field *out) {
  out->is_attribute = true;
  out->has_default = json_is_string(json_object_get(record, "defaultValue"));
  out->shape = flag(record, "isOptional") && !out->has_default ? OPTIONAL : ONE;
  for (json_t *base; (base = named(json_object_get(record, "baseAttr"))) != NULL;)
    record = base;
  const char *storage = trim(text(record, "storageType"));
  const char *value_type = text(json_object_get(record, "valueType"), "def");
  out->storage = storage;
  if (is_a(record, "EnumAttr")) {
    out->form = ENUM;
    out->enum_info = named(json_object_get(record, "enum"));
    return;
  }
  if (same_word(storage, "::mlir::DenseI64ArrayAttr")) {
    out->form = NUMBERS;
    return;
  }
  if (!strncmp(storage, "::resq::", 8) || same_word(storage, "::mlir::Attribute") ||
      same_word(storage, "::mlir::SymbolRefAttr") || same_word(storage, "::mlir::ArrayAttr")) {
    out->form = ATTRIBUTE;
    return;
  }
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (same_word(storage, kinds[i].storage) && !strcmp(value_type, kinds[i].value_type)) {
      out->kind = kinds[i];
      out->form = strncmp(kinds[i].c_type, "MlirStringRef", 13) ? VALUE : TEXT;
      return;
    }
  fail("attribute %s is a %s of %s: allowed are those of the table in dialect/generate/records.c",
       out->name, storage, value_type);
}

/// Field i of an op's arguments or results.
static field read_field(json_t *dag, size_t i) {
  json_t *pair = json_array_get(json_object_get(dag, "args"), i);
  field out = {.name = json_string_value(json_array_get(pair, 1))};
  json_t *record = named(json_array_get(pair, 0));
  if (!out.name || !record)
    fail("an argument or result %zu has no name", i);
  if (is_a(record, "AttrConstraint")) {
    read_attribute(record, &out);
    return out;
  }
  out.shape = is_a(record, "Variadic") ? VARIADIC : is_a(record, "Optional") ? OPTIONAL : ONE;
  out.type =
      text(out.shape == ONE ? json_array_get(pair, 0) : json_object_get(record, "baseType"), "def");
  return out;
}

static op read_op(const char *def) {
  op out = {.record = json_object_get(records, def)};
  out.mnemonic = text(out.record, "opName");
  size_t length = strlen(def);
  if (length < 8 || strncmp(def, "Resq_", 5) || strcmp(def + length - 2, "Op"))
    fail("an op is called %s: allowed is Resq_<Name>Op", def);
  snprintf(out.class, sizeof out.class, "%.*s", (int)(length - 7), def + 5);
  json_t *arguments = json_object_get(out.record, "arguments");
  json_t *results = json_object_get(out.record, "results");
  out.n = json_array_size(json_object_get(arguments, "args"));
  out.n_results = json_array_size(json_object_get(results, "args"));
  if (out.n > MOST || out.n_results > MOST)
    fail("resq.%s has more than %d arguments or results", out.mnemonic, MOST);
  for (size_t i = 0; i < out.n; i++)
    out.fields[i] = read_field(arguments, i);
  for (size_t i = 0; i < out.n_results; i++)
    out.results[i] = read_field(results, i);
  return out;
}

op *read_ops(const char *path, size_t *n) {
  json_error_t error;
  records = json_load_file(path, 0, &error);
  if (!records)
    fail("%s: %s", path, error.text);
  json_t *names = json_object_get(json_object_get(records, "!instanceof"), "Resq_Op");
  *n = json_array_size(names);
  op *ops = calloc(*n + 1, sizeof *ops);
  if (!ops)
    fail("out of memory");
  for (size_t i = 0; i < *n; i++)
    ops[i] = read_op(json_string_value(json_array_get(names, i)));
  return ops;
}

void free_ops(op *ops) {
  free(ops);
  json_decref(records);
}

bool has_trait(const op *o, const char *def) {
  size_t i;
  json_t *trait;
  json_array_foreach(json_object_get(o->record, "traits"), i, trait) {
    if (!strcmp(text(trait, "def"), def))
      return true;
  }
  return false;
}
