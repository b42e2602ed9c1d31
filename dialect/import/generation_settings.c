//===-- generation_settings.c - what a checkpoint says of sampling --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/import/generation_settings.h"

#include "dialect/attributes.h"
#include "dialect/build.h"
#include "mlir-c/BuiltinAttributes.h"
#include "mlir-c/BuiltinTypes.h"

static const char *const names[RESQ_GENERATION_SETTINGS] = {
#define RESQ_SETTING(name, key, low, high) #name,
#include "text/generation_settings.def"
};

bool resq_import_generation_settings(const resq_checkpoint *checkpoint, MlirOperation module,
                                     resq_error *err) {
  MlirContext ctx = mlirOperationGetContext(module);
  MlirType f64 = mlirF64TypeGet(ctx);
  MlirNamedAttribute found[RESQ_GENERATION_SETTINGS];
  resq_generation_settings settings = {0};
  intptr_t n = 0;
  if (!checkpoint->driver->generation(checkpoint, &settings, err))
    return false;
  for (int i = 0; i < RESQ_GENERATION_SETTINGS; i++)
    if (settings.given[i])
      found[n++] = resq_attr(ctx, names[i], mlirFloatAttrDoubleGet(ctx, f64, settings.value[i]));
  if (n)
    mlirOperationSetDiscardableAttributeByName(module, resq_str(RESQ_ATTR_GENERATION),
                                               mlirDictionaryAttrGet(ctx, n, found));
  return true;
}
