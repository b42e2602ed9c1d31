//===-- emit_scale.c - an emitter of an op, as in lowering/calls/ops_*.c --===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What resq.td's `let hasEmitter = 1` asks for: here the same as what follows from the names.
#include "lowering/calls/kernel_call.h"

void resq_emitter_scale(resq_frame *f, MlirOperation op) {
  resq_kernel_call k;
  resq_call_begin_rows(&k, f, op, KERNEL_resq_scale, RESQ_SCALE_X); // y: as many rows as x
  resq_call_operand(&k, "x", RESQ_SCALE_X);
  resq_call_i64(&k, "width", resq_width(resqScaleOpGetX(op)));
  resq_call_f32(&k, "factor", resqScaleOpGetFactor(op));
  resq_call_end(&k); // rows and strides follow from kernels.def
}
