//===-- sites.c -----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "sites.h"

#include "dialect/memory.h"
#include "dialect/ops.h"

typedef struct site_list {
  MlirStringRef *names;
  int32_t count;
} site_list;

static void collect_site(MlirOperation op, void *user) {
  site_list *sites = user;
  MlirStringRef name = resqObserveOpGetSite(op);
  for (int32_t i = 0; i < sites->count; i++)
    if (mlirStringRefEqual(sites->names[i], name))
      return;
  sites->names = RESQ_GROW(sites->names, sites->count);
  sites->names[sites->count++] = name;
}

MlirStringRef *resq_sites(MlirOperation module, int32_t *out_count) {
  site_list sites = {NULL, 0};
  resq_for_each(module, RESQ_OP_OBSERVE, collect_site, &sites);
  *out_count = sites.count;
  return sites.names;
}
