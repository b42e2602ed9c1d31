//===-- hooks_attributes.c - attributes of the dialect on any op ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An op of any dialect may carry `resq.name` and the like, and code reads them with the
// type that they must have. They are checked here, once, when a module is verified: each
// has a row that says where it stands, and of what type it is.
//===----------------------------------------------------------------------===//
#include "dialect/attributes.h"
#include "dialect/check.h"
#include "dialect/hooks.h"
#include "dialect/text_buffer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef enum attribute_kind { TEXT, NUMBER, UNIT, FIELDS, SETTINGS } attribute_kind;
static const char *const kind_names[] = {"a string", "a 64-bit integer", "a unit", "a dictionary",
                                         "a dictionary of f64"};

/// Who may carry it. A user's module has the attributes of MODULE and NAMED alone; all others are
/// what passes and lowerings say to each other.
typedef enum attribute_place {
  MODULE,   ///< the module
  NAMED,    ///< an argument or result of a function, or the module
  LOWERED,  ///< a lowered function or gpu.module
  ARGUMENT, ///< an argument of a lowered function
} attribute_place;

typedef struct attribute_rule {
  const char *name;
  attribute_place place;
  attribute_kind kind;
  int64_t least, most; ///< of a NUMBER
} attribute_rule;

#define ROW(id, name, place, kind, least, most) const char RESQ_ATTR_##id[] = name;
#include "dialect/attributes.def"

static const attribute_rule rules[] = {
#define ROW(id, name, place, kind, least, most) {RESQ_ATTR_##id, place, kind, least, most},
#include "dialect/attributes.def"
};

static const attribute_rule *find_rule(MlirStringRef name) {
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
    if (resq_str_eq(name, rules[i].name))
      return &rules[i];
  return NULL;
}

//===-- Refusing ----------------------------------------------------------===//

/// Texts of attributes in messages are cut.
enum { SHOWN = 60 };

static bool refuse_value(MlirOperation op, const char *where, const attribute_rule *rule,
                         MlirAttribute value, const char *allowed) {
  resq_text_buffer text = {0};
  mlirAttributePrint(value, resq_text_buffer_add, &text);
  resq_refuse(op, "%s%s is %.*s%s: allowed is %s", where, rule->name, SHOWN,
              resq_text_buffer_text(&text), text.size > SHOWN ? "..." : "", allowed);
  resq_text_buffer_free(&text);
  return false;
}

static bool is_settings(MlirAttribute value) {
  bool ok = mlirAttributeIsADictionary(value);
  for (intptr_t i = 0; ok && i < mlirDictionaryAttrGetNumElements(value); i++) {
    MlirAttribute number = mlirDictionaryAttrGetElement(value, i).attribute;
    ok = mlirAttributeIsAFloat(number) && mlirTypeIsAF64(mlirAttributeGetType(number));
  }
  return ok;
}

static bool has_kind(MlirAttribute value, attribute_kind kind) {
  switch (kind) {
  case TEXT:
    return mlirAttributeIsAString(value);
  case NUMBER:
    return mlirAttributeIsAInteger(value) && mlirTypeIsAInteger(mlirAttributeGetType(value)) &&
           mlirIntegerTypeGetWidth(mlirAttributeGetType(value)) == 64;
  case UNIT:
    return mlirAttributeIsAUnit(value);
  case FIELDS:
    return mlirAttributeIsADictionary(value);
  case SETTINGS:
    return is_settings(value);
  }
  return false;
}

static bool verify_value(MlirOperation op, const char *where, const attribute_rule *rule,
                         MlirAttribute value) {
  if (!has_kind(value, rule->kind))
    return refuse_value(op, where, rule, value, kind_names[rule->kind]);
  if (rule->kind != NUMBER)
    return true;
  int64_t number = mlirIntegerAttrGetValueInt(value);
  char allowed[64];
  snprintf(allowed, sizeof allowed, "%" PRId64 " to %" PRId64, rule->least, rule->most);
  return (number >= rule->least && number <= rule->most) ||
         refuse_value(op, where, rule, value, allowed);
}

static bool refuse_place(MlirOperation op, const char *where, MlirStringRef name) {
  return resq_refuse(op, "%s%.*s: there is no such attribute of this dialect here", where,
                     (int)(name.length < SHOWN ? name.length : SHOWN), name.data);
}

//===-- Hooks -------------------------------------------------------------===//

bool resqVerifyOperationAttribute(MlirOperation op, MlirStringRef name, MlirAttribute value) {
  const attribute_rule *rule = find_rule(name);
  bool module = resq_op_is(op, "builtin.module");
  if (!rule || rule->place == ARGUMENT || (rule->place <= NAMED && !module))
    return refuse_place(op, "", name);
  return verify_value(op, "", rule, value);
}

bool resqVerifyValueAttribute(MlirOperation op, const char *what, unsigned index,
                              MlirStringRef name, MlirAttribute value) {
  const attribute_rule *rule = find_rule(name);
  char where[32];
  snprintf(where, sizeof where, "%s %u: ", what, index);
  if (!rule || (rule->place != NAMED && rule->place != ARGUMENT))
    return refuse_place(op, where, name);
  return verify_value(op, where, rule, value);
}

//===-- Modules from users ------------------------------------------------===//

/// The first attribute that only passes give, in a dictionary; null when there is none.
static MlirStringRef foreign_attribute(MlirNamedAttribute (*get)(const void *, intptr_t),
                                       const void *from, intptr_t n) {
  for (intptr_t i = 0; i < n; i++) {
    MlirStringRef name = mlirIdentifierStr(get(from, i).name);
    const attribute_rule *rule = find_rule(name);
    if (rule && rule->place > NAMED)
      return name;
  }
  return (MlirStringRef){NULL, 0};
}

static MlirNamedAttribute attribute_of_op(const void *from, intptr_t i) {
  return mlirOperationGetDiscardableAttribute(*(const MlirOperation *)from, i);
}
static MlirNamedAttribute attribute_of_dictionary(const void *from, intptr_t i) {
  return mlirDictionaryAttrGetElement(*(const MlirAttribute *)from, i);
}

static MlirWalkResult check_source(MlirOperation op, void *user) {
  bool *ok = user;
  MlirStringRef found =
      foreign_attribute(attribute_of_op, &op, mlirOperationGetNumDiscardableAttributes(op));
  MlirAttribute arguments = resq_op_attr(op, "arg_attrs");
  bool listed = !mlirAttributeIsNull(arguments) && mlirAttributeIsAArray(arguments);
  for (intptr_t i = 0; listed && !found.data && i < mlirArrayAttrGetNumElements(arguments); i++) {
    MlirAttribute facts = mlirArrayAttrGetElement(arguments, i);
    if (mlirAttributeIsADictionary(facts))
      found = foreign_attribute(attribute_of_dictionary, &facts,
                                mlirDictionaryAttrGetNumElements(facts));
  }
  if (!found.data)
    return MlirWalkResultAdvance;
  resq_refuse(op, "%.*s is what a lowering says of its result: a module to compile has none",
              (int)found.length, found.data);
  *ok = false;
  return MlirWalkResultInterrupt;
}

bool resq_check_source_attributes(MlirOperation module) {
  bool ok = true;
  mlirOperationWalk(module, check_source, &ok, MlirWalkPreOrder);
  return ok;
}
