//===-- fills.c - what kind of numbers a stored param holds ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Numbers of a model's size: a linear of k inputs keeps the size of its rows when its weights have
// the standard deviation 1 / sqrt(k). Vectors (gains, factors, clips, biases) are ones.
//===----------------------------------------------------------------------===//
#include "evaluate.h"
#include "materialize.h"

#include <assert.h>
#include <math.h>

/// Numbers that are equally likely between -a and a have a standard deviation of a / sqrt(3).
static double spread_of(double deviation) { return deviation * sqrt(3.0); }

/// The standard deviation of codes whose bits are random.
static double code_deviation(resq_codebook c) {
  switch (c.kind) {
  case RESQ_CODE_E4M3: // with the mask below: numbers below 2, most of them far below
    return 0.5;
  case RESQ_CODE_TRELLIS: // int8 weights, about normal
    return 32;
  default:
    return ldexp(1.0, (int)c.bits) / sqrt(12.0);
  }
}

static resq_fill floats(const resq_tensor_info *info, uint64_t offset, uint64_t size) {
  static const resq_fill_kind kinds[] = {[RESQ_FLOAT_F32] = RESQ_FILL_F32,
                                         [RESQ_FLOAT_F64] = RESQ_FILL_F64,
                                         [RESQ_FLOAT_BF16] = RESQ_FILL_BF16,
                                         [RESQ_FLOAT_F16] = RESQ_FILL_F16};
  resq_fill f = {.kind = kinds[info->element], .offset = offset, .size = size};
  if (info->rank < 2)
    f.center = 1;
  else
    f.spread = spread_of(1 / sqrt((double)info->width));
  return f;
}

static int codes(const resq_tensor_info *info, uint64_t offset, uint64_t size,
                 resq_fill out[RESQ_MAX_FILLS]) {
  const resq_quant *q = &info->quant;
  const uint64_t bytes = (uint64_t)resq_packing_code_bytes(q->packing, info->rows, info->width);
  const double deviation = code_deviation(q->codebook) * sqrt((double)info->width);
  // Without its highest bit of exponent, E4M3 has no NaN.
  const unsigned mask = q->codebook.kind == RESQ_CODE_E4M3 ? 0xbf : 0xff;
  out[0] = (resq_fill){.kind = RESQ_FILL_BYTES, .offset = offset, .size = bytes, .mask = mask};
  out[1] = (resq_fill){.kind = RESQ_FILL_BF16,
                       .offset = offset + bytes,
                       .size = size - bytes,
                       .center = 1 / deviation,
                       .spread = 0.25 / deviation};
  return 2;
}

int resq_param_fills(MlirOperation param, resq_fill out[RESQ_MAX_FILLS]) {
  resq_tensor_info info;
  bool known = resq_tensor_info_get(resqParamOpGetType(param), &info, NULL);
  assert(known); // its size was computed from the same facts
  (void)known;
  const uint64_t offset = (uint64_t)resqParamOpGetOffset(param);
  const uint64_t size = (uint64_t)resqParamOpGetSize(param);
  switch (info.kind) {
  case RESQ_ELEMENT_QUANT:
    return codes(&info, offset, size, out);
  case RESQ_ELEMENT_I32:
    out[0] =
        (resq_fill){.kind = RESQ_FILL_I32, .offset = offset, .size = size, .modulo = info.width};
    return 1;
  default:
    out[0] = floats(&info, offset, size);
    return 1;
  }
}
