//===-- qlinear_trellis.h - 4-bit trellis codes for qlinear_fast.h --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Trellis codes are recoded once, in place, by resq_qlinear_recode: the bytes of up to 4 units, a step, become
//   byte 8 (units p + u) + i: the codes of channels 2 p and 2 p + 1 for input i of unit u of the step
// in which bit 7 is bit 0 of channel 2 p + 1's code, bit 1 that of channel 2 p, bits 2 to 4 are the upper bits of
// channel 2 p's code, and bits 5, 6 and 0 those of channel 2 p + 1's. A pair's byte before
// that of the pair below, masked, is then the address of both weights in a table of 1,024 pairs, of which each bank
// of shared memory has a copy.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_QLINEAR_TRELLIS_H
#define RESQ_KERNELS_NVPTX_QLINEAR_TRELLIS_H

#include "qlinear_plan.h"

/// Bits of a pair's byte.
RESQ_INLINE uint32_t resq_qpair_byte(uint32_t even, uint32_t odd) {
  return (even & 1) << 1 | (even >> 1 & 7) << 2 | (odd & 1) << 7 | (odd >> 1 & 3) << 5 | odd >> 3;
}
/// The weights of a pair's byte where the pair below has bits 7 and 1.
RESQ_INLINE uint32_t resq_qpair_weights(uint32_t pair, uint32_t bit7, uint32_t bit1) {
  const uint32_t even = pair >> 1 & 15, odd = pair >> 7 | (pair >> 5 & 3) << 1 | (pair & 1) << 3;
  const uint32_t at_even = (bit7 | bit1 << 1) << 4 | even;
  const uint32_t at_odd = ((even & 1) | bit7 << 1) << 4 | odd;
  const int8_t *values = resq_trellis_values(4);
  return (uint8_t)values[at_even] | (uint32_t)(uint8_t)values[at_odd] << 8;
}

RESQ_INLINE void resq_qmake_table(int threads) {
  for (int line = resq_thread(); line < 512; line += threads) {
    const uint32_t pair = (uint32_t)line >> 1, bit7 = line & 1;
    const uint32_t v = resq_qpair_weights(pair, bit7, 0) | resq_qpair_weights(pair, bit7, 1) << 16;
    RESQ_UNROLL
    for (int i = 0; i < 8; ++i) // in turns, for the sake of the banks
      resq_shared_store_x4(resq_dynamic_shared() + (uint32_t)line * 128 +
                               (uint32_t)((i + line) & 7) * 16,
                           (resq_u32x4){v, v, v, v});
  }
}

/// Recodes the steps of a weight of trellis codes in place; a thread does a step of a tile.
RESQ_INLINE void resq_qlinear_recode(uint8_t *weight, int64_t n, int64_t k, int64_t group,
                                     int64_t threads) {
  const int64_t units = (group + 7) / 8, steps = (units + RESQ_QSTEP_UNITS - 1) / RESQ_QSTEP_UNITS;
  const int64_t all = resq_qtiles(n) * (k / group) * steps;
  for (int64_t i = resq_block_x() * threads + resq_thread(); i < all;
       i += resq_blocks_x() * threads) {
    const int64_t first = i % steps * RESQ_QSTEP_UNITS;
    const int64_t count = units - first < RESQ_QSTEP_UNITS ? units - first : RESQ_QSTEP_UNITS;
    uint8_t *at = weight + (i / steps * units + first) * 64, old[RESQ_QSTEP_UNITS * 64];
    for (int64_t j = 0; j < count * 64; ++j)
      old[j] = at[j];
    for (int64_t j = 0; j < count * 64; ++j) {
      const int64_t pair = j / 8 / count, unit = j / 8 % count, input = j % 8;
      const uint8_t *codes = old + 64 * unit + 8 * pair + input % 4;
      const int shift = input < 4 ? 0 : 4;
      at[j] = (uint8_t)resq_qpair_byte(codes[0] >> shift & 15, codes[4] >> shift & 15);
    }
  }
}

#endif // RESQ_KERNELS_NVPTX_QLINEAR_TRELLIS_H
