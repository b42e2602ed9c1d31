//===-- quantize_e4m3.h - resq.quantize with E4M3 storage ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kernel of every level: one that includes this has defined
//   void quantize_row(x, codes, scales, width, group).
// A chunk is some rows.
//===----------------------------------------------------------------------===//
void RESQ_KERNEL(resq_quantize_e4m3)(resq_worker *w, int32_t op, const float *x, uint8_t *codes,
                                     float *scales, int64_t rows, int64_t ldx, int64_t width,
                                     int64_t group) {
  const int64_t step = resq_quantize_chunk_rows(rows);
  const int64_t stride = resq_code_stride(width, group);
  for (int64_t first; (first = resq_next_chunk(w, op) * step) < rows;)
    for (int64_t r = first; r < rows && r < first + step; ++r)
      quantize_row(x + r * ldx, codes + r * stride, scales + r * (width / group), width, group);
}
