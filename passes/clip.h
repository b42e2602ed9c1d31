//===-- clip.h - recipes of static activation clips -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// --resq-quantize{clip=auto}: one ratio a quantised value, chosen by what the linears that read it
// make of the quantiser's error (resq.clip_ratio) on rows that calibration sampled at its site.
// Two steps, since the rows are brought to the value's coordinates by the basis of the float weight
// (replay.h), and the error is weighed by the codes that come of it.
//===----------------------------------------------------------------------===//
#ifndef RESQ_PASSES_CLIP_H
#define RESQ_PASSES_CLIP_H

#include "dialect/build.h"

/// Rows of a site that the search looks at.
#define RESQ_CLIP_SAMPLES 512

/// A new param "<linear>.clip", behind the weight of `linear` in the module, which yields the
/// sampled rows of its input's site in the basis of that weight, which is float yet. Null after an
/// error where the linear has no site.
MlirOperation resq_clip_samples(MlirOperation module, MlirOperation linear);

/// Ends the recipe of such a param by the search over all qlinears that read `quantize`, and makes
/// it the op's clip_by. Returns the new quantize; the old one is gone.
MlirOperation resq_clip_by(MlirOperation module, MlirOperation quantize, MlirOperation param);

#endif // RESQ_PASSES_CLIP_H
