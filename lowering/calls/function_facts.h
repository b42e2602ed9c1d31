//===-- function_facts.h - what a lowered function carries ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A lowering turns each func.func over row tensors into a sequence of calls of microkernels
// (runtime/kernels/kernels.h) on buffers of a planned workspace, with barriers where a later op reads
// what an earlier one wrote. Facts that the program table needs stay on the result as attributes:
//   resq.function, resq.level, resq.max_rows, resq.workspace, resq.op_names,
//   resq.args and resq.uses of lowering/entries/facts.h.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_CALLS_FUNCTION_FACTS_H
#define RESQ_LOWERING_CALLS_FUNCTION_FACTS_H

#include "dialect/build.h"
#include "resq/abi.h"

/// Names of the resq.observe sites of a module, in order of first appearance: site i of the ABI.
/// malloc'ed array of views into the module.
MlirStringRef *resq_sites(MlirOperation module, int32_t *out_count);

#endif // RESQ_LOWERING_CALLS_FUNCTION_FACTS_H
