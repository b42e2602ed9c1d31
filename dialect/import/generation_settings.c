//===-- generation_settings.c - what a checkpoint says of sampling --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/attributes.h"
#include "dialect/import/generation_settings.h"

#include "dialect/build.h"
#include "mlir-c/BuiltinAttributes.h"
#include "mlir-c/BuiltinTypes.h"

#include <stdio.h>

typedef struct setting {
  const char *key;  ///< behind "general.sampling."
  const char *name; ///< in resq.generation
  double low, high; ///< allowed
} setting;

static const setting settings[] = {
#define RESQ_SETTING(name, key, low, high) {key, #name, low, high},
#include "text/generation_settings.def"
};
enum { n_settings = sizeof settings / sizeof settings[0] };

/// A number of any type that writers use.
static bool read_number(const resq_gguf *gguf, const char *key, double *out, resq_error *err) {
  const resq_gguf_value *value = resq_gguf_get(gguf, key);
  if (value->kind == RESQ_GGUF_FLOAT32 || value->kind == RESQ_GGUF_FLOAT64)
    return resq_gguf_f64(gguf, key, out, err);
  uint64_t whole;
  if (!resq_gguf_u64(gguf, key, &whole, err))
    return false;
  *out = (double)whole;
  return true;
}

bool resq_import_generation_settings(const resq_gguf *gguf, MlirOperation module, resq_error *err) {
  MlirContext ctx = mlirOperationGetContext(module);
  MlirType f64 = mlirF64TypeGet(ctx);
  MlirNamedAttribute found[n_settings];
  intptr_t n = 0;
  for (int i = 0; i < n_settings; i++) {
    const setting *s = &settings[i];
    char key[64];
    double value;
    snprintf(key, sizeof key, "general.sampling.%s", s->key);
    if (!resq_gguf_get(gguf, key))
      continue;
    if (!read_number(gguf, key, &value, err))
      return false;
    if (value < s->low || value > s->high)
      return resq_fail(err, RESQ_BAD_INPUT, "%s: %s is %g, allowed: %g to %g", gguf->path, key,
                       value, s->low, s->high);
    found[n++] = resq_attr(ctx, s->name, mlirFloatAttrDoubleGet(ctx, f64, value));
  }
  if (n)
    mlirOperationSetDiscardableAttributeByName(module, resq_str(RESQ_ATTR_GENERATION),
                                               mlirDictionaryAttrGet(ctx, n, found));
  return true;
}
