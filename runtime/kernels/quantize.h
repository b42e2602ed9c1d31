//===-- quantize.h - resq.quantize: asymmetric activation codes ---------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kernel of every level: one that includes this has defined
//   void quantize_row(x, codes, meta, width, group, range, bits, clip).
// A chunk is some rows.
//===----------------------------------------------------------------------===//
void RESQ_KERNEL(resq_quantize)(resq_worker *w, int32_t op, const float *x, const float *clip_by,
                                int8_t *codes, resq_quant_meta *meta, int64_t rows, int64_t ldx,
                                int64_t width, int64_t group, int64_t range, int64_t bits,
                                float clip) {
  if (clip_by)
    clip = *clip_by;
  const int64_t step = resq_quantize_chunk_rows(rows);
  const int64_t stride = resq_code_stride(width, group);
  for (int64_t first; (first = resq_next_chunk(w, op) * step) < rows;)
    for (int64_t r = first; r < rows && r < first + step; ++r)
      quantize_row(x + r * ldx, codes + r * stride, meta + r * (width / group), width, group, range,
                   bits, clip);
}
