//===-- emit_scale.c - an op's emitter, as in lowering/calls/ops_*.c ------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "lowering/calls/kernel_call.h"

static void emit_scale(resq_frame *f, MlirOperation op) {
  resq_kernel_call k;
  resq_call_begin_rows(&k, f, op, KERNEL_resq_scale, 0); // y: result 0, as many rows as operand 0
  resq_call_operand(&k, "x", 0);
  resq_call_i64(&k, "width", resq_width(mlirOperationGetOperand(op, 0)));
  resq_call_f32(&k, "factor", 2.0f);
  resq_call_end(&k); // rows and strides follow from kernels.def
}

const resq_emitter emitters[] = {{"resq.scale", emit_scale}, {NULL, NULL}};
