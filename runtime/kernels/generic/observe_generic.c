//===-- observe_generic.c - rows handed to calibration --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "kernels/kernels.h"

void RESQ_KERNEL(resq_observe)(resq_worker *w, int32_t op, const float *x, int64_t rows,
                               int64_t site, int64_t width, int64_t ld) {
  (void)op;
  if (w->index == 0 && w->call->observe && rows > 0)
    w->call->observe(w->call->observe_user, (int32_t)site, x, rows, width, ld);
}
