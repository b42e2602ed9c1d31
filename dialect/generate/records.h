//===-- records.h - ops as resq.td defines them ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads what llvm-tblgen --dump-json makes of resq.td. Everything that a function here returns lives
// until free_ops; what it cannot read ends the program, and so the build.
//===----------------------------------------------------------------------===//
#ifndef RESQ_DIALECT_GENERATE_RECORDS_H
#define RESQ_DIALECT_GENERATE_RECORDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum shape { ONE, OPTIONAL, VARIADIC } shape;

/// How the C value of an attribute is made and read: VALUE and TEXT by functions of `kind`, the
/// others by rules of their own (NUMBERS: array<i64>; ATTRIBUTE: any attribute of the dialect, or a
/// list of them).
typedef enum form { VALUE, TEXT, NUMBERS, ENUM, ATTRIBUTE } form;

/// A row of the table of kinds: the attribute's class and the type of its value in ODS, the C type
/// with a space behind, the function of dialect.cpp that makes the attribute of a C value, and the
/// one that makes a C value of what the C++ getter gives.
typedef struct kind {
  const char *storage, *value_type, *c_type, *make, *read;
} kind;

/// An operand, an attribute or a result.
typedef struct field {
  const char *name;
  shape shape;
  bool is_attribute;
  bool has_default; ///< of an attribute: it has an ODS default (a flag has: false)
  form form;
  kind kind;
  json_t *enum_info;   ///< of an ENUM, else NULL
  const char *storage; ///< the C++ class of an attribute
  const char *type;    ///< of an operand or a result: the constraint in resq.td, "Resq_Rows"
} field;

enum { MOST = 16 }; ///< arguments of an op, and results

typedef struct op {
  json_t *record;
  const char *mnemonic; ///< "rope"
  char class[64];       ///< "Rope": the C++ class without the "Op" behind it
  size_t n, n_results;
  field fields[MOST], results[MOST];
} op;

/// All ops, in the order of their names.
op *read_ops(const char *path, size_t *n);
void free_ops(op *ops);

/// The record that a value of a field names; NULL where it names none.
json_t *named(json_t *value);
/// A field of a record; "" and false where there is none.
const char *text(json_t *record, const char *field);
bool flag(json_t *record, const char *field);
bool is_a(json_t *record, const char *class);

/// The op has the trait that is called so in ODS.
bool has_trait(const op *o, const char *def);

typedef struct name {
  char text[96];
} name;
name camel(const char *snake);     ///< head_size to HeadSize, as mlir-tblgen names methods
name snake(const char *camel);     ///< RandomKind to random_kind
name upper(const char *any);       ///< random_kind to RANDOM_KIND
name enum_type(json_t *enum_info); ///< resq_random_kind

/// Ends the program with a message.
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif // RESQ_DIALECT_GENERATE_RECORDS_H
