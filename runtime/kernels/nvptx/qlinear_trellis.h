//===-- qlinear_trellis.h - 4-bit trellis codes as a GPU reads them -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// On a GPU trellis codes of 4 bits are recoded once, in place, by resq_qlinear_recode, and every kernel there reads them so. The
// bytes of up to 4 units of a group, a step, become
//   byte 8 (units p + u) + i: the codes of channels 2 p and 2 p + 1 for input i of unit u of the step
// in which bit 7 is bit 0 of channel 2 p + 1's code, bit 1 that of channel 2 p, bits 2 to 4 are the upper bits of
// channel 2 p's code, and bits 5, 6 and 0 those of channel 2 p + 1's. A pair's byte before that of the pair below is
// then all that decides about both weights: bits 7 to 15 and bit 1 are their place in a table of 1,024 pairs.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_QLINEAR_TRELLIS_H
#define RESQ_KERNELS_NVPTX_QLINEAR_TRELLIS_H

#include "device.h"
#include "qlinear_plan.h"

//===-- Recoding ----------------------------------------------------------===//

/// Bytes of pairs whose codes are the low nibbles of the bytes of `even` and `odd`.
RESQ_INLINE uint32_t resq_qpair_bytes(uint32_t even, uint32_t odd) {
  even &= 0x0f0f0f0f, odd &= 0x0f0f0f0f;
  return even << 1 | (odd & 0x01010101) << 7 | (odd & 0x06060606) << 4 | (odd & 0x08080808) >> 3;
}

/// Step `step` of a group whose units begin at `group`, by a warp.
RESQ_INLINE void resq_qrecode_step(uint8_t *group, int64_t units, int64_t step, int lane) {
  const int64_t first = step * RESQ_QSTEP_UNITS, left = units - first;
  const int count = (int)(left < RESQ_QSTEP_UNITS ? left : RESQ_QSTEP_UNITS);
  uint8_t *at = group + 64 * first;
  resq_u32x2 pair = {0, 0};
  if (lane <
      8 * count) // pair lane % 8 of unit lane / 8: 4 bytes of each channel, two inputs in each byte
    pair = resq_load_x2(at + 8 * lane);
  resq_sync_warp(); // all has been read
  if (lane < 8 * count)
    *(resq_u32x2 *)(at + 8 * (count * (lane % 8) + lane / 8)) = (resq_u32x2){
        resq_qpair_bytes(pair[0], pair[1]), resq_qpair_bytes(pair[0] >> 4, pair[1] >> 4)};
}

/// The share of a whole weight that is a block's, of `warps` warps.
RESQ_INLINE void resq_qrecode(uint8_t *weight, int64_t n, int64_t k, int64_t group, int64_t warps) {
  const int64_t units = (group + 7) / 8, steps = resq_qsteps(units);
  const int64_t all = resq_qrecode_steps(n, k, group);
  for (int64_t i = resq_block_x() * warps + resq_thread() / RESQ_WARP; i < all;
       i += resq_blocks_x() * warps)
    resq_qrecode_step(weight + i / steps * units * 64, units, i % steps, resq_thread() % RESQ_WARP);
}

//===-- The table ---------------------------------------------------------===//

/// The weights of a pair's byte where the pair below has bits 7 and 1.
RESQ_INLINE uint32_t resq_qpair_weights(uint32_t pair, uint32_t bit7, uint32_t bit1) {
  const uint32_t even = pair >> 1 & 15, odd = pair >> 7 | (pair >> 5 & 3) << 1 | (pair & 1) << 3;
  const uint32_t at_even = (bit7 | bit1 << 1) << 4 | even;
  const uint32_t at_odd = ((even & 1) | bit7 << 1) << 4 | odd;
  const int8_t *values = resq_trellis_values(4);
  return (uint32_t)(uint8_t)values[at_even] | (uint32_t)(uint8_t)values[at_odd] << 8;
}

/// Line `line`: both pairs of weights, that of bit 1 = 0 first.
RESQ_INLINE uint32_t resq_qpair_line(uint32_t line) {
  return resq_qpair_weights(line >> 1, line & 1, 0) | resq_qpair_weights(line >> 1, line & 1, 1)
                                                          << 16;
}

/// Pairs of weights e, one for each input, as resq_mma_s8 takes them: inputs 0 to 3 of both channels, then 4 to 7.
RESQ_INLINE void resq_qpairs_apart(const uint32_t *e, uint32_t *a) {
  RESQ_UNROLL
  for (int half = 0; half < 2; ++half) {
    const uint32_t m0 = resq_merge_halves(e[4 * half + 1], e[4 * half]);
    const uint32_t m1 = resq_merge_halves(e[4 * half + 3], e[4 * half + 2]);
    a[2 * half] = resq_pick_bytes(m0, m1, 0x6420);
    a[2 * half + 1] = resq_pick_bytes(m0, m1, 0x7531);
  }
}
/// Input i's byte of a pair, above, and of the pair below; what is above bit 15 means nothing.
RESQ_INLINE uint32_t resq_qpair_of_input(resq_u32x2 own, resq_u32x2 below, uint32_t i) {
  return resq_pick_bytes(below[i / 4], own[i / 4], (i % 4) | (4 + i % 4) << 4);
}

#endif // RESQ_KERNELS_NVPTX_QLINEAR_TRELLIS_H
