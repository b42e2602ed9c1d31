//===-- stream.h - the residual stream ------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Values joined by resq.add and resq.gather_rows are one stream: a change of basis of one is a
// change of basis of all. Found by structure, not by architecture: a parallel block has one, an MLP
// has none.
//===----------------------------------------------------------------------===//
#ifndef RESQ_PASSES_STREAM_H
#define RESQ_PASSES_STREAM_H

#include "dialect/ops.h"

typedef struct resq_stream {
  MlirValue *values; ///< members, in discovery order
  intptr_t count;
} resq_stream;

/// The stream of v (at least v itself). Free with resq_stream_free.
resq_stream resq_stream_of(MlirValue v);
bool resq_stream_holds(const resq_stream *s, MlirValue v);
void resq_stream_free(resq_stream *s);

/// The rms_norms that read members, in program order; malloc'ed.
MlirOperation *resq_stream_norms(const resq_stream *s, intptr_t *out_count);

#endif // RESQ_PASSES_STREAM_H
