//===-- generic_argument.c ------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "passes/generic_argument.h"

#include "dialect/attributes.h"

MlirAttribute resq_generic_argument_write(MlirContext ctx, const resq_generic_argument *argument) {
  MlirNamedAttribute facts[4];
  intptr_t n = 0;
  switch (argument->kind) {
  case RESQ_GENERIC_OWN:
    break;
  case RESQ_GENERIC_PARAM:
    facts[n++] = resq_attr(ctx, RESQ_ATTR_PARAM, mlirStringAttrGet(ctx, argument->name));
    if (argument->offset >= 0)
      facts[n++] = resq_attr_i64(ctx, RESQ_ATTR_OFFSET, argument->offset);
    break;
  case RESQ_GENERIC_CACHE:
    facts[n++] = resq_attr(ctx, RESQ_ATTR_CACHE, mlirStringAttrGet(ctx, argument->name));
    facts[n++] = resq_attr_i64(ctx, RESQ_ATTR_INDEX, argument->index);
    facts[n++] = resq_attr_i64(ctx, RESQ_ATTR_SEQUENCE_BYTES, argument->sequence_bytes);
    facts[n++] = resq_attr_i64(ctx, RESQ_ATTR_TOKEN_BYTES, argument->token_bytes);
    break;
  case RESQ_GENERIC_CAPACITY:
    facts[n++] = resq_attr_unit(ctx, RESQ_ATTR_CAPACITY);
    break;
  }
  return mlirDictionaryAttrGet(ctx, n, facts);
}

static MlirAttribute find(MlirAttribute facts, const char *name) {
  return mlirDictionaryAttrGetElementByName(facts, resq_str(name));
}

/// `otherwise` where there is none: hooks_attributes.c sees to the type of one that is there.
static int64_t number(MlirAttribute facts, const char *name, int64_t otherwise) {
  MlirAttribute value = find(facts, name);
  return mlirAttributeIsNull(value) ? otherwise : mlirIntegerAttrGetValueInt(value);
}

resq_generic_argument resq_generic_argument_read(MlirOperation func, intptr_t i) {
  resq_generic_argument out = {.kind = RESQ_GENERIC_OWN};
  MlirAttribute all = resq_op_attr(func, "arg_attrs");
  if (mlirAttributeIsNull(all))
    return out;
  MlirAttribute facts = mlirArrayAttrGetElement(all, i);
  MlirAttribute param = find(facts, RESQ_ATTR_PARAM), cache = find(facts, RESQ_ATTR_CACHE);
  if (!mlirAttributeIsNull(param))
    return (resq_generic_argument){.kind = RESQ_GENERIC_PARAM,
                                   .name = mlirStringAttrGetValue(param),
                                   .offset = number(facts, RESQ_ATTR_OFFSET, -1)};
  if (!mlirAttributeIsNull(cache))
    return (resq_generic_argument){.kind = RESQ_GENERIC_CACHE,
                                   .name = mlirStringAttrGetValue(cache),
                                   .index = number(facts, RESQ_ATTR_INDEX, 0),
                                   .token_bytes = number(facts, RESQ_ATTR_TOKEN_BYTES, 0),
                                   .sequence_bytes = number(facts, RESQ_ATTR_SEQUENCE_BYTES, 0)};
  if (!mlirAttributeIsNull(find(facts, RESQ_ATTR_CAPACITY)))
    out.kind = RESQ_GENERIC_CAPACITY;
  return out;
}
