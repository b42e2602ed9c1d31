//===-- sites.c -----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "passes/sites.h"

#include "dialect/memory.h"

#include <stdlib.h>

//===-- Inputs of linears -------------------------------------------------===//

/// The linear that reads a value by this use; null where something else does.
static MlirOperation reading_linear(MlirOpOperand use) {
  MlirOperation user = mlirOpOperandGetOwner(use);
  const bool reads = mlirOpOperandGetOperandNumber(use) == RESQ_LINEAR_X && resqOpIsLinear(user);
  return reads ? user : (MlirOperation){NULL};
}

MlirStringRef resq_site_of(MlirValue v) {
  for (MlirOpOperand use = mlirValueGetFirstUse(v); !mlirOpOperandIsNull(use);
       use = mlirOpOperandGetNextUse(use)) {
    MlirOperation linear = reading_linear(use);
    if (!mlirOperationIsNull(linear) && resqLinearOpGetSite(linear).data)
      return resqLinearOpGetSite(linear);
  }
  return (MlirStringRef){NULL, 0};
}

/// Linears come in program order: the first one with a name gives it to all that read its input.
static void name_input(MlirOperation linear, void *user) {
  (void)user;
  const MlirStringRef name = resqLinearOpGetName(linear);
  const MlirValue x = resqLinearOpGetX(linear);
  if (resqLinearOpGetSite(linear).data)
    return;
  MlirStringRef site = resq_site_of(x);
  char *made = NULL;
  if (!site.data && name.length) {
    made = resq_print_text("%.*s.in", (int)name.length, name.data);
    site = resq_str(made);
  }
  for (MlirOpOperand use = mlirValueGetFirstUse(x); site.data && !mlirOpOperandIsNull(use);
       use = mlirOpOperandGetNextUse(use)) {
    MlirOperation reader = reading_linear(use);
    if (!mlirOperationIsNull(reader) && !resqLinearOpGetSite(reader).data)
      resqLinearOpSetSite(reader, site);
  }
  free(made);
}

MlirStringRef resq_input_name(MlirOperation linear) {
  const MlirStringRef name = resq_linear_name(linear);
  return name.length ? name : resq_linear_site(linear);
}

//===-- Caches ------------------------------------------------------------===//

static void name_side(MlirOperation cache, const char *side, MlirStringRef site,
                      void (*set)(MlirOperation, MlirStringRef)) {
  if (site.data)
    return;
  const MlirStringRef name = resq_symbol_name(cache);
  char *made = resq_print_text("%.*s.%s", (int)name.length, name.data, side);
  set(cache, resq_str(made));
  free(made);
}

static void name_cache(MlirOperation cache, void *user) {
  (void)user;
  name_side(cache, "keys", resqKvCacheOpGetKeysSite(cache), resqKvCacheOpSetKeysSite);
  name_side(cache, "values", resqKvCacheOpGetValuesSite(cache), resqKvCacheOpSetValuesSite);
  name_side(cache, "queries", resqKvCacheOpGetQueriesSite(cache), resqKvCacheOpSetQueriesSite);
}

void resq_name_sites(MlirOperation module) {
  resq_for_each(module, RESQ_OP_LINEAR, name_input, NULL);
  resq_for_each(module, RESQ_OP_KV_CACHE, name_cache, NULL);
}
