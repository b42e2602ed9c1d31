//===-- device_host.h - device.h's functions on a host --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Included by device.h where RESQ_EMULATED names this file. Everything has the meaning of the PTX that
// it stands for; what memory it touches is checked by the emulator. wgmma has no twin yet.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TESTS_DEVICE_HOST_H
#define RESQ_TESTS_DEVICE_HOST_H

#include "emulator.h"
#include "kernels/half.h"

#include <math.h>
#include <string.h>

//===-- Threads and blocks ------------------------------------------------===//

static inline int resq_thread(void) { return emulator_here().thread; }
static inline int resq_threads(void) { return emulator_here().threads; }
static inline int64_t resq_block_x(void) { return emulator_here().block_x; }
static inline int64_t resq_block_y(void) { return emulator_here().block_y; }
static inline int64_t resq_blocks_x(void) { return emulator_here().blocks_x; }

static inline int emulator_whole_block(void) {
  return (emulator_here().threads + RESQ_WARP - 1) / RESQ_WARP * RESQ_WARP;
}
static inline void resq_sync_block(void) { emulator_barrier(0, emulator_whole_block(), 1); }
static inline void resq_sync_warp(void) { emulator_sync_warp(); }
static inline void resq_barrier_sync(int name, int threads) { emulator_barrier(name, threads, 1); }
static inline void resq_barrier_arrive(int name, int threads) {
  emulator_barrier(name, threads, 0);
}
static inline void resq_fence_block(void) {}
static inline void resq_fence_gpu(void) {}

//===-- Collectives -------------------------------------------------------===//

static inline void emulator_work_xor(const uint32_t (*in)[16], uint32_t (*out)[4]) {
  for (int i = 0; i < RESQ_WARP; i++)
    out[i][0] = in[i ^ (int)in[i][1]][0];
}
static inline uint32_t resq_shuffle_xor(uint32_t v, int distance) {
  const uint32_t in[] = {v, (uint32_t)distance};
  uint32_t out;
  emulator_collective("a shuffle (xor)", emulator_work_xor, in, 2, &out, 1);
  return out;
}

static inline void emulator_work_index(const uint32_t (*in)[16], uint32_t (*out)[4]) {
  for (int i = 0; i < RESQ_WARP; i++)
    out[i][0] = in[in[i][1] % RESQ_WARP][0];
}
static inline uint32_t resq_shuffle(uint32_t v, int lane) {
  const uint32_t in[] = {v, (uint32_t)lane};
  uint32_t out;
  emulator_collective("a shuffle (index)", emulator_work_index, in, 2, &out, 1);
  return out;
}

static inline void emulator_work_ballot(const uint32_t (*in)[16], uint32_t (*out)[4]) {
  uint32_t all = 0;
  for (int i = 0; i < RESQ_WARP; i++)
    all |= in[i][0] << i;
  for (int i = 0; i < RESQ_WARP; i++)
    out[i][0] = all;
}
static inline uint32_t resq_ballot(bool v) {
  const uint32_t in = v;
  uint32_t out;
  emulator_collective("a ballot", emulator_work_ballot, &in, 1, &out, 1);
  return out;
}

static inline void emulator_work_add(const uint32_t (*in)[16], uint32_t (*out)[4]) {
  uint32_t sum = 0;
  for (int i = 0; i < RESQ_WARP; i++)
    sum += in[i][0];
  for (int i = 0; i < RESQ_WARP; i++)
    out[i][0] = sum;
}
static inline int32_t resq_warp_add(int32_t v) {
  const uint32_t in = (uint32_t)v;
  uint32_t out;
  emulator_collective("a sum of the warp", emulator_work_add, &in, 1, &out, 1);
  return (int32_t)out;
}

//===-- Bits and numbers --------------------------------------------------===//

static inline const void *resq_hide(const void *p) { return p; }
static inline uint32_t resq_shift_left(uint32_t high, uint32_t low, uint32_t count) {
  return count ? high << count | low >> (32 - count) : high;
}
static inline uint32_t resq_pick_bytes(uint32_t a, uint32_t b, uint32_t select) {
  uint32_t r = 0;
  for (int i = 0; i < 4; i++) {
    const uint32_t nibble = select >> (4 * i) & 15;
    const uint32_t byte = (nibble & 4 ? b : a) >> (8 * (nibble & 3)) & 255;
    r |= (nibble & 8 ? (byte & 128 ? 255u : 0u) : byte) << (8 * i);
  }
  return r;
}
static inline uint32_t resq_merge_halves(uint32_t high, uint32_t low) {
  return high * 65536u + low;
}

static inline int32_t emulator_signed_byte(uint32_t word, int i) {
  return (int8_t)(word >> (8 * i) & 255);
}
static inline int32_t resq_dp4a(uint32_t a, uint32_t b, int32_t c) {
  uint32_t sum = (uint32_t)c; // wraps
  for (int i = 0; i < 4; i++)
    sum += (uint32_t)(emulator_signed_byte(a, i) * emulator_signed_byte(b, i));
  return (int32_t)sum;
}

static inline float resq_half_low(uint32_t v) { return resq_f32_from_f16((uint16_t)v); }
static inline uint32_t resq_half2(float low, float high) {
  return resq_f16_from_f32(low) | (uint32_t)resq_f16_from_f32(high) << 16;
}
/// Products and sums of f16 are exact in double, and what comes out of f32 here is an f16 or far
/// from half way between two: kernels multiply small integers.
static inline uint32_t resq_half2_fma(uint32_t a, uint32_t b, uint32_t c) {
  float r[2];
  for (int i = 0; i < 2; i++)
    r[i] = (float)((double)resq_half_low(a >> 16 * i) * (double)resq_half_low(b >> 16 * i) +
                   (double)resq_half_low(c >> 16 * i));
  return resq_half2(r[0], r[1]);
}
static inline uint32_t resq_half2_add(uint32_t a, uint32_t b) {
  return resq_half2_fma(a, 0x3c003c00u, b);
}
static inline float resq_exp2(float x) { return x < -126.0f ? 0.0f : exp2f(x); }

//===-- Memory ------------------------------------------------------------===//

static inline uint32_t resq_dynamic_shared(void) { return EMULATOR_SHARED_BASE; }

static inline uint32_t resq_shared_load_u8(uint32_t at) {
  return *emulator_shared(at, 1, EMULATOR_READ);
}
static inline uint32_t resq_shared_load_u16(uint32_t base, uint32_t offset) {
  uint16_t v;
  memcpy(&v, emulator_shared(base + offset, 2, EMULATOR_READ), 2);
  return v;
}
static inline uint32_t resq_shared_load(uint32_t at) {
  uint32_t v;
  memcpy(&v, emulator_shared(at, 4, EMULATOR_READ), 4);
  return v;
}
static inline resq_u32x2 resq_shared_load_x2(uint32_t at) {
  resq_u32x2 v;
  memcpy(&v, emulator_shared(at, 8, EMULATOR_READ), 8);
  return v;
}
static inline resq_u32x4 resq_shared_load_x4(uint32_t at) {
  resq_u32x4 v;
  memcpy(&v, emulator_shared(at, 16, EMULATOR_READ), 16);
  return v;
}
static inline void resq_shared_store_u8(uint32_t at, uint32_t v) {
  *emulator_shared(at, 1, EMULATOR_WRITE) = (uint8_t)v;
}
static inline void resq_shared_store(uint32_t at, uint32_t v) {
  memcpy(emulator_shared(at, 4, EMULATOR_WRITE), &v, 4);
}
static inline void resq_shared_store_x2(uint32_t at, resq_u32x2 v) {
  memcpy(emulator_shared(at, 8, EMULATOR_WRITE), &v, 8);
}
static inline void resq_shared_store_x4(uint32_t at, resq_u32x4 v) {
  memcpy(emulator_shared(at, 16, EMULATOR_WRITE), &v, 16);
}
static inline void resq_shared_add(uint32_t at, int32_t v) {
  uint32_t sum;
  uint8_t *p = emulator_shared(at, 4, EMULATOR_ATOMIC);
  memcpy(&sum, p, 4);
  sum += (uint32_t)v;
  memcpy(p, &sum, 4);
}

/// Lands at once: emulator.c finds a missing barrier, not a missing wait.
static inline void resq_copy_ahead_x2(uint32_t to, const void *from, bool there) {
  uint8_t *at = emulator_shared(to, 8, EMULATOR_WRITE);
  if (there)
    memcpy(at, from, 8);
  else
    memset(at, 0, 8);
}
static inline void resq_copies_end_group(void) {}
static inline void resq_copies_wait(int pending) { (void)pending; }
static inline void resq_prefetch(const void *p) { (void)p; }
static inline uint32_t resq_load(const void *p) { return *(const uint32_t *)p; }
static inline float resq_load_f32(const float *p) { return *p; }
static inline resq_u32x2 resq_load_x2(const void *p) { return *(const resq_u32x2 *)p; }
static inline resq_u32x2 resq_load_constant_x2(const void *p) { return *(const resq_u32x2 *)p; }
static inline void resq_global_add(int32_t *to, int32_t v) {
  *to = (int32_t)((uint32_t)*to + (uint32_t)v);
}
static inline uint32_t resq_count_up(uint32_t *counter, uint32_t last) {
  const uint32_t before = *counter;
  *counter = before >= last ? 0 : before + 1;
  return before;
}

//===-- Matrix products ---------------------------------------------------===//
// A lane's words: c0 to c3, a0 to a3, b0, b1.

static inline void emulator_work_mma_s8(const uint32_t (*in)[16], uint32_t (*out)[4]) {
  for (int lane = 0; lane < RESQ_WARP; lane++)
    for (int i = 0; i < 4; i++) {
      const int row = lane / 4 + 8 * (i / 2), column = 2 * (lane % 4) + i % 2;
      uint32_t sum = in[lane][i];
      for (int k = 0; k < 32; k++) {
        const int of = k % 16 / 4;
        const uint32_t a = in[4 * (row % 8) + of][4 + row / 8 + 2 * (k / 16)];
        const uint32_t b = in[4 * column + of][8 + k / 16];
        sum += (uint32_t)(emulator_signed_byte(a, k % 4) * emulator_signed_byte(b, k % 4));
      }
      out[lane][i] = sum;
    }
}
static inline void resq_mma_s8(int32_t *c, uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3,
                               uint32_t b0, uint32_t b1) {
  const uint32_t in[] = {
      (uint32_t)c[0], (uint32_t)c[1], (uint32_t)c[2], (uint32_t)c[3], a0, a1, a2, a3, b0, b1};
  uint32_t out[4];
  emulator_collective("a matrix product of int8", emulator_work_mma_s8, in, 10, out, 4);
  memcpy(c, out, sizeof out);
}

static inline void emulator_work_mma_f16(const uint32_t (*in)[16], uint32_t (*out)[4]) {
  for (int lane = 0; lane < RESQ_WARP; lane++)
    for (int i = 0; i < 4; i++) {
      const int row = lane / 4 + 8 * (i / 2), column = 2 * (lane % 4) + i % 2;
      double sum = resq_float_of(in[lane][i]);
      for (int k = 0; k < 16; k++) {
        const int of = k % 8 / 2;
        const uint32_t a = in[4 * (row % 8) + of][4 + row / 8 + 2 * (k / 8)];
        const uint32_t b = in[4 * column + of][8 + k / 8];
        sum += (double)resq_half_low(a >> 16 * (k % 2)) * (double)resq_half_low(b >> 16 * (k % 2));
      }
      out[lane][i] = resq_bits_of((float)sum);
    }
}
static inline void resq_mma_f16(float *c, uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3,
                                uint32_t b0, uint32_t b1) {
  uint32_t in[] = {0, 0, 0, 0, a0, a1, a2, a3, b0, b1}, out[4];
  memcpy(in, c, sizeof out);
  emulator_collective("a matrix product of f16", emulator_work_mma_f16, in, 10, out, 4);
  memcpy(c, out, sizeof out);
}

//===-- Order of launches, bulk copies ------------------------------------===//

static inline void resq_let_next_launch_start(void) {}
static inline void resq_wait_for_launches(void) {}
static inline void resq_mbarrier_init(uint32_t barrier, uint32_t arrivals) {
  emulator_mbarrier_init(barrier, arrivals);
}
static inline void resq_mbarrier_init_fence(void) {}
static inline void resq_mbarrier_arrive(uint32_t barrier) { emulator_mbarrier_arrive(barrier, 0); }
static inline void resq_mbarrier_expect(uint32_t barrier, uint32_t bytes) {
  emulator_mbarrier_arrive(barrier, bytes);
}
static inline void resq_mbarrier_wait(uint32_t barrier, uint32_t parity) {
  emulator_mbarrier_wait(barrier, parity);
}
static inline void resq_bulk_copy(uint32_t to, const void *from, uint32_t bytes, uint32_t barrier) {
  emulator_bulk_copy(to, from, bytes, barrier);
}
static inline void resq_bulk_copy_once(uint32_t to, const void *from, uint32_t bytes,
                                       uint32_t barrier) {
  emulator_bulk_copy(to, from, bytes, barrier);
}

#endif // RESQ_TESTS_DEVICE_HOST_H
