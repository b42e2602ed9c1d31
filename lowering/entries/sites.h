//===-- sites.h - where a module calls an observer ------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_ENTRIES_SITES_H
#define RESQ_LOWERING_ENTRIES_SITES_H

#include "dialect/build.h"

/// Names of the resq.observe sites of a module, in order of first appearance: site i of the ABI.
/// malloc'ed array of views into the module.
MlirStringRef *resq_sites(MlirOperation module, int32_t *out_count);

#endif // RESQ_LOWERING_ENTRIES_SITES_H
