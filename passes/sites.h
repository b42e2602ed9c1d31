//===-- sites.h - the names under which calibration knows values ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A site is a value of the model as it was imported (docs/passes.md). Ops that read such a value
// have the site as an attribute, so that it outlives the names and the values it was made of: here
// is the one place where it is made of a name.
//===----------------------------------------------------------------------===//
#ifndef RESQ_PASSES_SITES_H
#define RESQ_PASSES_SITES_H

#include "dialect/ops.h"

/// Names the sites that have no name yet. Of a value that linears read: "<linear>.in", by the first
/// of them in program order that has a name, on all of them; where one has a site, the others take
/// it. Of a cache: "<cache>.keys", "<cache>.values" and "<cache>.queries". Every pass that reads
/// sites, or that changes what a linear reads or which linears there are, begins with this.
void resq_name_sites(MlirOperation module);

/// The site of the linears that read v; {NULL, 0} where they have none.
MlirStringRef resq_site_of(MlirValue v);

/// What params that are made of a linear's input are named after: the linear, or the site of one
/// without a name.
MlirStringRef resq_input_name(MlirOperation linear);

#endif // RESQ_PASSES_SITES_H
