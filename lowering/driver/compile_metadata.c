//===-- compile_metadata.c ------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compile_metadata.h"

#include "base/process.h"
#include "dialect/attributes.h"
#include "dialect/build.h"
#include "text/utf8.h"

#include <jansson.h>

/// No fact is left out for lack of memory.
static void put(json_t *object, const char *key, json_t *value) {
  if (!value || json_object_set_new(object, key, value))
    resq_process_out_of_memory();
}

/// resq.generation as an object; entries that are no numbers are left out.
static json_t *generation_settings(MlirAttribute dictionary) {
  json_t *out = json_object();
  intptr_t n =
      mlirAttributeIsADictionary(dictionary) ? mlirDictionaryAttrGetNumElements(dictionary) : 0;
  for (intptr_t i = 0; i < n; i++) {
    MlirNamedAttribute entry = mlirDictionaryAttrGetElement(dictionary, i);
    MlirStringRef name = mlirIdentifierStr(entry.name); // ends in a NUL
    if (mlirAttributeIsAFloat(entry.attribute))
      put(out, name.data, json_real(mlirFloatAttrGetValueDouble(entry.attribute)));
  }
  return out;
}

char *resq_compile_metadata(MlirOperation module, const char *scheme, int64_t seed) {
  json_t *m = json_object();
  MlirStringRef name = resq_op_str(module, RESQ_ATTR_NAME);
  if (resq_utf8_valid_prefix(name.data, name.length) == name.length) // JSON holds no other text
    put(m, "name", json_stringn_nocheck(name.length ? name.data : "", name.length));
  put(m, "scheme", json_string(scheme));
  put(m, "seed", json_integer(seed));
  put(m, "version", json_string(RESQ_COMPILER_VERSION));
  put(m, "dialect_version", json_integer(RESQ_DIALECT_VERSION));
  if (resq_op_has(module, RESQ_ATTR_CONTEXT_LENGTH))
    put(m, "context_length", json_integer(resq_op_i64(module, RESQ_ATTR_CONTEXT_LENGTH)));
  MlirAttribute generation = resq_op_attr(module, RESQ_ATTR_GENERATION);
  if (!mlirAttributeIsNull(generation))
    put(m, "generation", generation_settings(generation));
  char *text = json_dumps(m, JSON_SORT_KEYS | JSON_COMPACT);
  if (!text)
    resq_process_out_of_memory();
  json_decref(m);
  return text;
}
