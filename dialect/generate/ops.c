//===-- ops.c - C accessors of the dialect's ops, out of resq.td ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   resq-generate-ops (--header | --source) RECORDS.json FILE
//
// RECORDS.json is what llvm-tblgen --dump-json makes of resq.td. The header declares, in C, what
// dialect/ops.h describes; the source is a part of dialect.cpp and calls the methods that mlir-tblgen
// generated for the same ops, so that the C++ compiler checks each name and type. A kind of attribute
// that records.c does not know ends the build: it needs a row in the table there.
//===----------------------------------------------------------------------===//
#include "records.h"
#include "tables.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

//===-- Getters and setters -----------------------------------------------===//

static bool source; ///< bodies as well as prototypes

static name c_type(const field *f) {
  name out;
  if (f->form == ENUM)
    snprintf(out.text, sizeof out.text, "%.90s ", enum_type(f->enum_info).text);
  else
    snprintf(out.text, sizeof out.text, "%s",
             f->form == ATTRIBUTE ? "MlirAttribute "
             : f->form == NUMBERS ? "const int64_t *"
                                  : f->kind.c_type);
  return out;
}

/// Ends a prototype: with a semicolon, or with what `format` says as the body.
static __attribute__((format(printf, 1, 2))) void body(const char *format, ...) {
  if (!source) {
    puts(";");
    return;
  }
  va_list args;
  va_start(args, format);
  fputs(" { ", stdout);
  vprintf(format, args);
  puts(" }");
  va_end(args);
}

/// The attribute that a C value of the field makes; the context comes from `op`.
static void print_made(const field *f, const char *op, const char *value) {
  if (f->form == ENUM)
    printf("%s::get(%s.getContext(), (::resq::%s)%s)", f->storage, op,
           text(f->enum_info, "className"), value);
  else if (f->form == ATTRIBUTE)
    printf("cast_if_present<%s>(unwrap(%s))", f->storage, value);
  else if (f->form == NUMBERS)
    printf("makeNumbers(%s.getContext(), n_%s, %s)", op, value, value);
  else
    printf("%s(%s.getContext(), %s)", f->kind.make, op, value);
}

static void print_setter(const op *o, const field *f) {
  printf("void resq%sOpSet%s(MlirOperation op, ", o->class, camel(f->name).text);
  if (f->form == NUMBERS)
    printf("intptr_t n_value, ");
  printf("%svalue)", c_type(f).text);
  if (!source) {
    puts(";");
    return;
  }
  printf(" { auto it = as<%sOp>(op); it.set%sAttr(", o->class, camel(f->name).text);
  print_made(f, "it", "value");
  puts("); }");
}

static void print_attribute(const op *o, const field *f) {
  const char *class = o->class;
  name get = camel(f->name);
  if (f->shape == OPTIONAL) {
    printf("bool resq%sOpHas%s(MlirOperation op)", class, get.text);
    body("return (bool)as<%sOp>(op).get%sAttr();", class, get.text);
  }
  if (f->form == NUMBERS) {
    const char *otherwise = f->shape == OPTIONAL ? ".value_or(ArrayRef<int64_t>())" : "";
    printf("intptr_t resq%sOpGetNum%s(MlirOperation op)", class, get.text);
    body("return (intptr_t)as<%sOp>(op).get%s()%s.size();", class, get.text, otherwise);
    printf("const int64_t *resq%sOpGet%s(MlirOperation op)", class, get.text);
    body("return as<%sOp>(op).get%s()%s.data();", class, get.text, otherwise);
  } else {
    printf("%sresq%sOpGet%s(MlirOperation op)", c_type(f).text, class, get.text);
    if (f->form == ENUM)
      body("return (%s)as<%sOp>(op).get%s();", enum_type(f->enum_info).text, class, get.text);
    else if (f->form == ATTRIBUTE)
      body("return wrap(Attribute(as<%sOp>(op).get%sAttr()));", class, get.text);
    else if (f->shape == ONE)
      body("return %s(as<%sOp>(op).get%s());", f->kind.read, class, get.text);
    else if (f->form == TEXT)
      body("return wrap(as<%sOp>(op).get%s().value_or(StringRef()));", class, get.text);
    else
      body("return %s(present(as<%sOp>(op).get%s(), \"resq.%s has no %s\"));", f->kind.read, class,
           get.text, o->mnemonic, f->name);
  }
  print_setter(o, f);
}

static void print_value(const op *o, const field *f) {
  const char *class = o->class;
  name get = camel(f->name);
  if (f->shape == VARIADIC) {
    printf("intptr_t resq%sOpGetNum%s(MlirOperation op)", class, get.text);
    body("return (intptr_t)as<%sOp>(op).get%s().size();", class, get.text);
    printf("MlirValue resq%sOpGet%s(MlirOperation op, intptr_t i)", class, get.text);
    body("return wrap(element(as<%sOp>(op).get%s(), i));", class, get.text);
    return;
  }
  printf("MlirValue resq%sOpGet%s(MlirOperation op)", class, get.text);
  body("return wrap(Value(as<%sOp>(op).get%s()));", class, get.text);
}

//===-- Builders ----------------------------------------------------------===//

static bool is_asked(const field *f) {
  return !f->is_attribute || (f->shape == ONE && !f->has_default);
}

static void print_parameters(const op *o) {
  printf("resq%sOpBuild(const resq_builder *at", o->class);
  for (size_t i = 0; i < o->n; i++) {
    const field *f = &o->fields[i];
    if (!is_asked(f))
      continue;
    if (f->is_attribute && f->form == NUMBERS)
      printf(", intptr_t n_%s", f->name);
    if (f->is_attribute)
      printf(", %s%s", c_type(f).text, f->name);
    else if (f->shape == VARIADIC)
      printf(", intptr_t n_%s, const MlirValue *%s", f->name, f->name);
    else
      printf(", MlirValue %s", f->name);
  }
  for (size_t i = 0; i < o->n_results; i++)
    if (o->results[i].shape == VARIADIC)
      printf(", intptr_t n_%s, const MlirType *%s_types", o->results[i].name, o->results[i].name);
    else
      printf(", MlirType %s_type", o->results[i].name);
  printf(")");
}

static void print_operands(const op *o) {
  size_t i;
  for (i = 0; i < o->n; i++)
    if (!o->fields[i].is_attribute && o->fields[i].shape == VARIADIC)
      printf("  addOperands(state, n_%s, %s);\n", o->fields[i].name, o->fields[i].name);
    else if (!o->fields[i].is_attribute)
      printf("  addOperand(state, %s);\n", o->fields[i].name);
  if (!has_trait(o, "AttrSizedOperandSegments"))
    return;
  printf("  state.getOrAddProperties<%sOp::Properties>().operandSegmentSizes = {", o->class);
  const char *comma = "";
  for (i = 0; i < o->n; i++) {
    const field *f = &o->fields[i];
    if (f->is_attribute)
      continue;
    printf(f->shape == VARIADIC   ? "%s(int32_t)n_%s"
           : f->shape == OPTIONAL ? "%s%s.ptr ? 1 : 0"
                                  : "%s1 /*%s*/",
           comma, f->name);
    comma = ", ";
  }
  puts("};");
}

static void print_builder(const op *o) {
  bool single = o->n_results == 1 && o->results[0].shape == ONE;
  fputs(single ? "MlirValue " : "MlirOperation ", stdout);
  print_parameters(o);
  if (!source) {
    puts(";");
    return;
  }
  printf(" {\n  OperationState state = start<%sOp>(at);\n", o->class);
  print_operands(o);
  for (size_t i = 0; i < o->n_results; i++)
    if (o->results[i].shape == VARIADIC)
      printf("  addTypes(state, n_%s, %s_types);\n", o->results[i].name, o->results[i].name);
    else
      printf("  state.addTypes(unwrap(%s_type));\n", o->results[i].name);
  for (size_t i = json_array_size(json_object_get(json_object_get(o->record, "regions"), "args"));
       i > 0; i--)
    puts("  state.addRegion();");
  printf("  auto it = insert<%sOp>(at, state);\n", o->class);
  for (size_t i = 0; i < o->n; i++) {
    const field *f = &o->fields[i];
    if (!f->is_attribute || !is_asked(f))
      continue;
    printf("  it.set%sAttr(", camel(f->name).text);
    print_made(f, "it", f->name);
    puts(");");
  }
  if (single)
    printf("  return wrap(Value(it.get%s()));\n}\n", camel(o->results[0].name).text);
  else
    puts("  return wrap(it.getOperation());\n}");
}

//===-- Enums -------------------------------------------------------------===//

static void print_enum(json_t *info) {
  name type = enum_type(info);
  const char *class = text(info, "className");
  if (!source) {
    printf("\n/// %s.\ntypedef enum %s {\n", text(info, "summary"), type.text);
    size_t i;
    json_t *value;
    json_array_foreach(json_object_get(info, "enumerants"), i, value) {
      json_t *record = named(value);
      printf("  %s_%s = %d, ///< %s\n", upper(type.text).text,
             upper(snake(text(record, "symbol")).text).text,
             (int)json_integer_value(json_object_get(record, "value")), text(record, "str"));
    }
    printf("} %s;\n", type.text);
  }
  if (source)
    printf("RESQ_ENUM_TEXT(%s)\n", class);
  printf("MlirStringRef resq%sName(%s value)", class, type.text);
  body("return wrap(stringify%s((::resq::%s)value));", class, class);
}

/// The enums that attributes of ops have, each once.
static void print_enums(const op *ops, size_t n) {
  json_t *seen[64];
  size_t n_seen = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < ops[i].n; j++) {
      json_t *info = ops[i].fields[j].enum_info;
      size_t known = 0;
      while (known < n_seen && seen[known] != info)
        known++;
      if (!info || known < n_seen)
        continue;
      if (n_seen == sizeof seen / sizeof *seen)
        fail("ops have more than %zu enums", n_seen);
      seen[n_seen++] = info;
      print_enum(info);
    }
}

//===-- The files ---------------------------------------------------------===//

/// The numbers of operands, as far as they do not depend on how many a variadic one before is.
static void print_numbers(const op *o) {
  const char *before = "enum { ";
  for (size_t i = 0; i < o->n && o->fields[i].shape != VARIADIC; i++) {
    if (o->fields[i].is_attribute)
      continue;
    printf("%sRESQ_%s_%s", before, upper(o->mnemonic).text, upper(o->fields[i].name).text);
    before = ", ";
  }
  if (*before == ',')
    puts(" };");
}

static void print_op(const op *o) {
  if (!source)
    printf("\n/// resq.%s: %s.\n#define RESQ_OP_%s \"resq.%s\"\n", o->mnemonic,
           text(o->record, "summary"), upper(o->mnemonic).text, o->mnemonic);
  if (!source)
    print_numbers(o);
  printf("bool resqOpIs%s(MlirOperation op)", o->class);
  body("return op.ptr && isa<%sOp>(unwrap(op));", o->class);
  for (size_t i = 0; i < o->n; i++)
    (o->fields[i].is_attribute ? print_attribute : print_value)(o, &o->fields[i]);
  for (size_t i = 0; i < o->n_results; i++)
    print_value(o, &o->results[i]);
  print_builder(o);
}

int main(int argc, char **argv) {
  if (argc != 4 || (strcmp(argv[1], "--header") && strcmp(argv[1], "--source")))
    fail("usage: resq-generate-ops (--header | --source) RECORDS.json FILE");
  source = !strcmp(argv[1], "--source");
  size_t n;
  op *ops = read_ops(argv[2], &n);
  if (!freopen(argv[3], "w", stdout))
    fail("%s cannot be written", argv[3]);
  puts("// Generated from dialect/resq.td by dialect/generate/: do not edit.");
  print_enums(ops, n);
  for (size_t i = 0; i < n; i++)
    print_op(&ops[i]);
  if (!source)
    print_tables(ops, n);
  free_ops(ops);
  if (fflush(stdout) || ferror(stdout))
    fail("%s cannot be written", argv[3]);
  return 0;
}
