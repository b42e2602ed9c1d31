//===-- clip.h - recipes of static activation clips -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// --resq-quantize{clip=auto}: one ratio a quantised value, chosen by what the linears that read it
// make of the quantiser's error (resq.clip_ratio) on rows that calibration sampled at its site.
// Two steps, since the rows are brought to the value's coordinates by the float weight's recipe
// (replay.h), and the error is weighed by the codes that come of it.
//===----------------------------------------------------------------------===//
#ifndef RESQ_PASSES_CLIP_H
#define RESQ_PASSES_CLIP_H

#include "dialect/build.h"

/// Rows of a site that the search looks at.
#define RESQ_CLIP_SAMPLES 512

/// A new param "<linear>.clip", behind the weight of `linear` in the module, which yields the
/// sampled rows of x's site in x's coordinates; x is what linear reads, its weight is float yet.
/// Null where none can be made: with an error (*ok = false) when no named linear reads x, with a
/// remark when the weight's recipe cannot be followed.
MlirOperation resq_clip_samples(MlirOperation module, MlirOperation linear, MlirValue x, bool *ok);

/// Ends the recipe of such a param by the search over all qlinears that read `quantize`, and makes
/// it the op's clip_by. Returns the new quantize; the old one is gone.
MlirOperation resq_clip_by(MlirOperation module, MlirOperation quantize, MlirOperation param);

#endif // RESQ_PASSES_CLIP_H
