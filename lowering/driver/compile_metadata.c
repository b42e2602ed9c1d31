//===-- compile_metadata.c ------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compile_metadata.h"

#include "base/process.h"
#include "dialect/attributes.h"
#include "dialect/build.h"
#include "dialect/ops.h"
#include "lowering/recipes/materialize.h"
#include "lowering/support/levels.h"
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

static void append(json_t *array, json_t *value) {
  if (!value || json_array_append_new(array, value))
    resq_process_out_of_memory();
}

static json_t *fill_entry(const resq_fill *f) {
  json_t *out = json_array();
  append(out, json_string(resq_fill_words[f->kind].word));
  append(out, json_integer((json_int_t)f->offset));
  append(out, json_integer((json_int_t)f->size));
  if (f->kind == RESQ_FILL_BYTES) {
    append(out, json_integer((json_int_t)f->mask));
  } else if (f->kind == RESQ_FILL_I32) {
    append(out, json_integer(f->modulo));
  } else {
    append(out, json_real(f->center));
    append(out, json_real(f->spread));
  }
  return out;
}

static json_t *absent_params(MlirOperation module) {
  json_t *out = json_object(), *fills = json_array();
  int64_t size = 0;
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(module));
  for (MlirOperation op = mlirBlockGetFirstOperation(body); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op)) {
    if (!resqOpIsParam(op))
      continue;
    resq_fill parts[RESQ_MAX_FILLS];
    int n = resq_param_fills(op, parts);
    for (int i = 0; i < n; i++)
      append(fills, fill_entry(&parts[i]));
    size = resqParamOpGetOffset(op) + resqParamOpGetSize(op); // offsets rise
  }
  put(out, RESQ_ABSENT_SIZE, json_integer(size));
  put(out, RESQ_ABSENT_FILLS, fills);
  return out;
}

char *resq_compile_metadata(MlirOperation module, const char *scheme,
                            const resq_compile_options *options) {
  json_t *m = json_object();
  MlirStringRef name = resq_op_str(module, RESQ_ATTR_NAME);
  if (resq_utf8_valid_prefix(name.data, name.length) == name.length) // JSON holds no other text
    put(m, "name", json_stringn_nocheck(name.length ? name.data : "", name.length));
  put(m, "scheme", json_string(scheme));
  put(m, "seed", json_integer(options->seed));
  put(m, "gpu_arithmetic", json_string(resq_gpu_arithmetic_name(options->gpu_arithmetic)));
  put(m, "version", json_string(RESQ_COMPILER_VERSION));
  put(m, "dialect_version", json_integer(RESQ_DIALECT_VERSION));
  if (resq_op_has(module, RESQ_ATTR_CONTEXT_LENGTH))
    put(m, "context_length", json_integer(resq_op_i64(module, RESQ_ATTR_CONTEXT_LENGTH)));
  MlirAttribute generation = resq_op_attr(module, RESQ_ATTR_GENERATION);
  if (!mlirAttributeIsNull(generation))
    put(m, "generation", generation_settings(generation));
  if (options->absent_params)
    put(m, RESQ_ABSENT_PARAMS, absent_params(module));
  char *text = json_dumps(m, JSON_SORT_KEYS | JSON_COMPACT);
  if (!text)
    resq_process_out_of_memory();
  json_decref(m);
  return text;
}
