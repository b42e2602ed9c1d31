//===-- philox.h - a counter-based random generator -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3").
// A draw is a pure function of (seed, counter): any thread may compute any draw in
// any order, so random matrices and samples are the same at every thread count.
//===----------------------------------------------------------------------===//
#ifndef RESQ_BASE_PHILOX_H
#define RESQ_BASE_PHILOX_H

#include <math.h>
#include <stdint.h>

/// Ten rounds over a 128-bit counter with a 64-bit key. `out` may be `counter`.
static inline void resq_philox4x32_10(const uint32_t counter[4], const uint32_t key[2],
                                      uint32_t out[4]) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  uint32_t k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; ++round) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c0;
    uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
    c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    c1 = (uint32_t)p1;
    c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c3 = (uint32_t)p0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/// Four words of the stream `seed` at position `counter`.
static inline void resq_philox(uint64_t seed, uint64_t counter, uint32_t out[4]) {
  const uint32_t position[4] = {(uint32_t)counter, (uint32_t)(counter >> 32), 0, 0};
  const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  resq_philox4x32_10(position, key, out);
}

/// Two words to a double strictly inside (0, 1). The offset of half a unit keeps 0 out, and 52 bits
/// are all that leave room for it: with 53 the largest value would round to 1.
static inline double resq_philox_open_unit(uint32_t high, uint32_t low) {
  uint64_t bits = ((uint64_t)high << 32 | low) >> 12;
  return ((double)bits + 0.5) * 0x1p-52;
}

/// One uniform in (0, 1).
static inline double resq_philox_uniform(uint64_t seed, uint64_t counter) {
  uint32_t words[4];
  resq_philox(seed, counter, words);
  return resq_philox_open_unit(words[0], words[1]);
}

/// Two independent standard normals (Box-Muller). Element i of a normal stream is out[i % 2] of
/// counter i / 2.
static inline void resq_philox_normal2(uint64_t seed, uint64_t counter, double out[2]) {
  uint32_t words[4];
  resq_philox(seed, counter, words);
  double radius = sqrt(-2.0 * log(resq_philox_open_unit(words[0], words[1])));
  double angle = 6.283185307179586476925286766559 * resq_philox_open_unit(words[2], words[3]);
  out[0] = radius * cos(angle);
  out[1] = radius * sin(angle);
}

/// One standard normal: element `index` of the normal stream.
static inline double resq_philox_normal(uint64_t seed, uint64_t index) {
  double pair[2];
  resq_philox_normal2(seed, index / 2, pair);
  return pair[index % 2];
}

#endif // RESQ_BASE_PHILOX_H
