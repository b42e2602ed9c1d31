//===-- device.h - what device kernels are written with -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Freestanding C for clang's nvptx64 target, one file per op: <op>_cuda.c. A kernel takes the arguments that kernels.def
// lists, then the variant and the scratch memory that its plan (plans.h) asks for; its constants are constants once the
// compiler has put it into its wrapper, the .entry. Blocks stride over the work by the grid, which is one-dimensional
// but for kernels that no plan launches yet. Pointers are what the launch list says: device memory.
//
// This is the only file with PTX in it. Build with -fconvergent-functions: in plain C, clang would
// otherwise take inline PTX for code that may be moved into or out of branches, which no barrier,
// no shuffle and no matrix product survives. Shared memory is addressed by 32-bit numbers, as the
// hardware does it: a pointer would be 64 bits wide.
//
// Tests run the same kernels on a machine without a GPU: RESQ_EMULATED names the header that stands
// in for the PTX, tests/gpu/emulator/device_host.h, which checks what kernels do to shared memory.
// Kernels that shall be checked so keep shared memory in the launch's dynamic part and touch it
// through the functions below.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_DEVICE_H
#define RESQ_KERNELS_NVPTX_DEVICE_H

#include "kernels/half.h"
#include "kernels/inline.h"
#include "kernels/kernels.h"
#include <stdbool.h>
#include <stdint.h>

enum { RESQ_WARP = 32 };

typedef uint32_t resq_u32x2 __attribute__((vector_size(8)));
typedef uint32_t resq_u32x4 __attribute__((vector_size(16)));

#ifdef RESQ_EMULATED
#include RESQ_EMULATED
#else

//===-- Threads and blocks ------------------------------------------------===//

static inline int resq_thread(void) { return __nvvm_read_ptx_sreg_tid_x(); }
static inline int resq_threads(void) { return __nvvm_read_ptx_sreg_ntid_x(); }
static inline int64_t resq_block_x(void) { return (uint32_t)__nvvm_read_ptx_sreg_ctaid_x(); }
static inline int64_t resq_block_y(void) { return (uint32_t)__nvvm_read_ptx_sreg_ctaid_y(); }
static inline int64_t resq_blocks_x(void) { return (uint32_t)__nvvm_read_ptx_sreg_nctaid_x(); }

static inline void resq_sync_block(void) { __syncthreads(); }
static inline void resq_sync_warp(void) { __nvvm_bar_warp_sync(0xffffffffu); }

/// Named barriers, 1 to 15: `threads` of the block, a multiple of 32, arrive; those that sync wait
/// for all.
RESQ_INLINE void resq_barrier_sync(int name, int threads) {
  __asm__ volatile("bar.sync %0, %1;" ::"r"(name), "r"(threads) : "memory");
}
RESQ_INLINE void resq_barrier_arrive(int name, int threads) {
  __asm__ volatile("bar.arrive %0, %1;" ::"r"(name), "r"(threads) : "memory");
}

/// What this thread wrote before is seen by its block before what it writes after.
static inline void resq_fence_block(void) { __nvvm_membar_cta(); }

/// What this thread wrote before is seen by the whole GPU before what it writes after.
RESQ_INLINE void resq_fence_gpu(void) { __asm__ volatile("fence.acq_rel.gpu;" ::: "memory"); }

/// The v of the lane whose number differs in the bits of `distance`; of lane `lane`.
static inline uint32_t resq_shuffle_xor(uint32_t v, int distance) {
  return (uint32_t)__nvvm_shfl_sync_bfly_i32(0xffffffffu, (int)v, distance, RESQ_WARP - 1);
}
static inline uint32_t resq_shuffle(uint32_t v, int lane) {
  return (uint32_t)__nvvm_shfl_sync_idx_i32(0xffffffffu, (int)v, lane, RESQ_WARP - 1);
}
/// Bit i: what lane i says. The sum of all lanes' v.
RESQ_INLINE uint32_t resq_ballot(bool v) {
  uint32_t r;
  __asm__ volatile("{ .reg .pred p;\n"
                   "setp.ne.u32 p, %1, 0;\n"
                   "vote.sync.ballot.b32 %0, p, 0xffffffff; }"
                   : "=r"(r)
                   : "r"((uint32_t)v));
  return r;
}
RESQ_INLINE int32_t resq_warp_add(int32_t v) {
  int32_t r;
  __asm__ volatile("redux.sync.add.s32 %0, %1, 0xffffffff;" : "=r"(r) : "r"(v));
  return r;
}

//===-- Bits --------------------------------------------------------------===//

/// p, of which the compiler knows nothing: what is added to it is added where it is used, and not held in a register for
/// each place.
RESQ_INLINE const void *resq_hide(const void *p) {
  const void *r;
  __asm__ volatile("mov.u64 %0, %1;" : "=l"(r) : "l"(p));
  return r;
}

/// The upper word of (high, low) << count, count below 32.
RESQ_INLINE uint32_t resq_shift_left(uint32_t high, uint32_t low, uint32_t count) {
  return __builtin_elementwise_fshl(high, low, count);
}

/// Byte i is that of the 8 bytes (b, a), a's first, which nibble i of `select` names.
RESQ_INLINE uint32_t resq_pick_bytes(uint32_t a, uint32_t b, uint32_t select) {
  uint32_t r;
  __asm__("prmt.b32 %0, %1, %2, %3;" : "=r"(r) : "r"(a), "r"(b), "r"(select));
  return r;
}

/// high << 16 | low of numbers below 2^16, by the multiplier, which decoding leaves idle.
RESQ_INLINE uint32_t resq_merge_halves(uint32_t high, uint32_t low) {
  uint32_t r;
  __asm__("mad.lo.u32 %0, %1, 65536, %2;" : "=r"(r) : "r"(high), "r"(low));
  return r;
}

/// c + the four products of signed bytes.
RESQ_INLINE int32_t resq_dp4a(uint32_t a, uint32_t b, int32_t c) {
  int32_t r;
  __asm__("dp4a.s32.s32 %0, %1, %2, %3;" : "=r"(r) : "r"(a), "r"(b), "r"(c));
  return r;
}

//===-- Numbers -----------------------------------------------------------===//

/// Two f16, the first in the lower half: rounded to nearest even, and a * b + c rounded once.
RESQ_INLINE uint32_t resq_half2(float low, float high) {
  uint32_t r;
  __asm__("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
  return r;
}
RESQ_INLINE uint32_t resq_half2_fma(uint32_t a, uint32_t b, uint32_t c) {
  uint32_t r;
  __asm__("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(r) : "r"(a), "r"(b), "r"(c));
  return r;
}
RESQ_INLINE uint32_t resq_half2_add(uint32_t a, uint32_t b) {
  uint32_t r;
  __asm__("add.rn.f16x2 %0, %1, %2;" : "=r"(r) : "r"(a), "r"(b));
  return r;
}
RESQ_INLINE float resq_half_low(uint32_t v) {
  float r;
  __asm__("{ .reg .b16 l, h;\n"
          "mov.b32 {l, h}, %1;\n"
          "cvt.f32.f16 %0, l; }"
          : "=f"(r)
          : "r"(v));
  return r;
}
/// 2^x within 2^-22 of it; denormal results are 0.
RESQ_INLINE float resq_exp2(float x) {
  float r;
  __asm__("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
  return r;
}

//===-- Shared memory, by 32-bit addresses --------------------------------===//

/// Where a launch's dynamic shared memory begins; the kernel declares no other.
RESQ_INLINE uint32_t resq_dynamic_shared(void) {
  extern __attribute__((address_space(3), aligned(128))) uint8_t resq_dynamic_shared_memory[];
  return (uint32_t)(uintptr_t)(__attribute__((address_space(3))) void *)resq_dynamic_shared_memory;
}

/// At base + offset, where base is the same for all threads: the load itself adds the two. Were the
/// sum written in C, LLVM would add the base to whatever part of the offset a loop leaves alone, at
/// the price of an instruction here.
RESQ_INLINE uint32_t resq_shared_load_u16(uint32_t base, uint32_t offset) {
  uint16_t r;
  __asm__ volatile("{ .reg .u32 at;\n"
                   "add.u32 at, %1, %2;\n"
                   "ld.shared.u16 %0, [at]; }"
                   : "=h"(r)
                   : "r"(base), "r"(offset)
                   : "memory");
  return r;
}
RESQ_INLINE uint32_t resq_shared_load(uint32_t at) {
  uint32_t r;
  __asm__ volatile("ld.shared.u32 %0, [%1];" : "=r"(r) : "r"(at) : "memory");
  return r;
}
RESQ_INLINE uint32_t resq_shared_load_u8(uint32_t at) {
  uint32_t r;
  __asm__ volatile("ld.shared.u8 %0, [%1];" : "=r"(r) : "r"(at) : "memory");
  return r;
}
RESQ_INLINE void resq_shared_store_u8(uint32_t at, uint32_t v) {
  __asm__ volatile("st.shared.u8 [%0], %1;" ::"r"(at), "r"(v) : "memory");
}
RESQ_INLINE resq_u32x4 resq_shared_load_x4(uint32_t at) {
  uint32_t a, b, c, d;
  __asm__ volatile("ld.shared.v4.u32 {%0,%1,%2,%3}, [%4];"
                   : "=r"(a), "=r"(b), "=r"(c), "=r"(d)
                   : "r"(at)
                   : "memory");
  return (resq_u32x4){a, b, c, d};
}
RESQ_INLINE resq_u32x2 resq_shared_load_x2(uint32_t at) {
  uint32_t a, b;
  __asm__ volatile("ld.shared.v2.u32 {%0,%1}, [%2];" : "=r"(a), "=r"(b) : "r"(at) : "memory");
  return (resq_u32x2){a, b};
}
RESQ_INLINE void resq_shared_store(uint32_t at, uint32_t v) {
  __asm__ volatile("st.shared.u32 [%0], %1;" ::"r"(at), "r"(v) : "memory");
}
RESQ_INLINE void resq_shared_store_x2(uint32_t at, resq_u32x2 v) {
  __asm__ volatile("st.shared.v2.u32 [%0], {%1,%2};" ::"r"(at), "r"(v[0]), "r"(v[1]) : "memory");
}
RESQ_INLINE void resq_shared_store_x4(uint32_t at, resq_u32x4 v) {
  __asm__ volatile("st.shared.v4.u32 [%0], {%1,%2,%3,%4};" ::"r"(at), "r"(v[0]), "r"(v[1]),
                   "r"(v[2]), "r"(v[3])
                   : "memory");
}
RESQ_INLINE void resq_shared_add(uint32_t at, int32_t v) {
  __asm__ volatile("red.shared.add.u32 [%0], %1;" ::"r"(at), "r"(v) : "memory");
}

//===-- Global memory -----------------------------------------------------===//

/// Of memory that nobody writes while the kernel runs.
RESQ_INLINE resq_u32x2 resq_load_constant_x2(const void *p) {
  uint32_t a, b;
  __asm__("ld.global.nc.v2.u32 {%0,%1}, [%2];" : "=r"(a), "=r"(b) : "l"(p));
  return (resq_u32x2){a, b};
}
/// The same where a kernel before this one may have written: stays behind resq_wait_for_launches.
RESQ_INLINE resq_u32x2 resq_load_x2(const void *p) {
  uint32_t a, b;
  __asm__ volatile("ld.global.v2.u32 {%0,%1}, [%2];" : "=r"(a), "=r"(b) : "l"(p) : "memory");
  return (resq_u32x2){a, b};
}
RESQ_INLINE uint32_t resq_load(const void *p) {
  uint32_t r;
  __asm__ volatile("ld.global.u32 %0, [%1];" : "=r"(r) : "l"(p) : "memory");
  return r;
}
/// 8 bytes of global memory on their way to shared memory, zeros where not `there`. A thread's copies since the last
/// end of a group are a group; it waits until at most `pending` (a constant) of its groups are under way. What other threads
/// copied is there behind their wait and a barrier.
RESQ_INLINE void resq_copy_ahead_x2(uint32_t to, const void *from, bool there) {
  __asm__ volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;" ::"r"(to), "l"(from),
                   "r"(there ? 8 : 0)
                   : "memory");
}
RESQ_INLINE void resq_copies_end_group(void) {
  __asm__ volatile("cp.async.commit_group;" ::: "memory");
}
RESQ_INLINE void resq_copies_wait(int pending) {
  __asm__ volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}
/// The line of p on its way to the L2 cache.
RESQ_INLINE void resq_prefetch(const void *p) {
  __asm__ volatile("prefetch.global.L2 [%0];" ::"l"(p));
}
/// What other blocks of this launch have written, past the multiprocessor's own cache: loads one after
/// the other are under way together. Behind a fence.
RESQ_INLINE float resq_load_f32(const float *p) {
  float r;
  __asm__ volatile("ld.relaxed.gpu.global.f32 %0, [%1];" : "=f"(r) : "l"(p));
  return r;
}
/// *counter goes up by one, from `last` to 0; the value before. Orders what this thread has seen and
/// done before what others see and do after theirs.
RESQ_INLINE uint32_t resq_count_up(uint32_t *counter, uint32_t last) {
  uint32_t r;
  __asm__ volatile("atom.acq_rel.gpu.global.inc.u32 %0, [%1], %2;"
                   : "=r"(r)
                   : "l"(counter), "r"(last)
                   : "memory");
  return r;
}
RESQ_INLINE void resq_global_add(int32_t *to, int32_t v) {
  __asm__ volatile("red.global.add.u32 [%0], %1;" ::"l"(to), "r"(v) : "memory");
}

//===-- Tensor cores ------------------------------------------------------===//

/// c += A B of 16 x 32 and 32 x 8 int8. Lane 4 g + q holds of A rows g (a0, a2) and g + 8 (a1, a3),
/// inputs 4 q .. (a0, a1) and 16 + 4 q .. (a2, a3); of B column g, the same inputs; of C columns 2
/// q, 2 q + 1 of row g (c0, c1) and of row g + 8.
RESQ_INLINE void resq_mma_s8(int32_t *c, uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3,
                             uint32_t b0, uint32_t b1) {
  __asm__("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 "
          "{%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
          : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
          : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

/// The same of f16, 16 x 16 and 16 x 8, summed in f32 in an order of the hardware's. Lane 4 g + q
/// holds of A, in pairs, columns 2 q (a0) and 8 + 2 q (a2) of row g and of row g + 8 (a1, a3); of B
/// column g, rows 2 q (b0) and 8 + 2 q (b1); C as above.
RESQ_INLINE void resq_mma_f16(float *c, uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3,
                              uint32_t b0, uint32_t b1) {
  __asm__("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
          "{%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
          : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
          : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

//===-- Hopper: order of launches, bulk copies ----------------------------===//
#if RESQ_SM >= 90

/// The next launch of the stream may start; until its wait it must not touch what this one writes.
RESQ_INLINE void resq_let_next_launch_start(void) {
  __asm__ volatile("griddepcontrol.launch_dependents;");
}
/// All launches before this one have ended and what they wrote is seen.
RESQ_INLINE void resq_wait_for_launches(void) {
  __asm__ volatile("griddepcontrol.wait;" ::: "memory");
}

/// An mbarrier is 8 bytes of shared memory; a phase of it ends when `arrivals` threads have arrived
/// and the bytes that they announced have landed. One thread makes it, then fences.
RESQ_INLINE void resq_mbarrier_init(uint32_t barrier, uint32_t arrivals) {
  __asm__ volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}
RESQ_INLINE void resq_mbarrier_init_fence(void) {
  __asm__ volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
RESQ_INLINE void resq_mbarrier_arrive(uint32_t barrier) {
  __asm__ volatile("mbarrier.arrive.shared.b64 _, [%0];" ::"r"(barrier) : "memory");
}
/// Arrives, and announces copies of so many bytes.
RESQ_INLINE void resq_mbarrier_expect(uint32_t barrier, uint32_t bytes) {
  __asm__ volatile("mbarrier.arrive.expect_tx.shared.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
                   : "memory");
}
/// Until the phase of this parity has ended: 0, then 1, 0, ...
RESQ_INLINE void resq_mbarrier_wait(uint32_t barrier, uint32_t parity) {
  __asm__ volatile("{ .reg .pred p;\n"
                   "again: mbarrier.try_wait.parity.shared.b64 p, [%0], %1;\n"
                   "@!p bra again; }" ::"r"(barrier),
                   "r"(parity)
                   : "memory");
}
/// One thread copies `bytes`, a multiple of 16, to shared memory; they count for the barrier.
RESQ_INLINE void resq_bulk_copy(uint32_t to, const void *from, uint32_t bytes, uint32_t barrier) {
  __asm__ volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes "
                   "[%0], [%1], %2, [%3];" ::"r"(to),
                   "l"(from), "r"(bytes), "r"(barrier)
                   : "memory");
}
/// The same of what is read once: the L2 cache forgets it first.
RESQ_INLINE void resq_bulk_copy_once(uint32_t to, const void *from, uint32_t bytes,
                                     uint32_t barrier) {
  uint64_t policy;
  __asm__("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
  __asm__ volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint "
      "[%0], [%1], %2, [%3], %4;" ::"r"(to),
      "l"(from), "r"(bytes), "r"(barrier), "l"(policy)
      : "memory");
}

//===-- Hopper: matrix products of a warpgroup ----------------------------===//
// Four warps, the first a multiple of four, make a product of 64 rows: warp w rows 16 w .., laid
// out in A and C as resq_mma_s8 has them. B stands in shared memory. Between the fence and the
// wait, A and C are the hardware's.

/// B of int8, [columns, 32 inputs], in core matrices of 8 columns by 16 bytes: `apart` bytes from
/// one with inputs 0 .. to that with 16 .., 128 from one to that of the next 8 columns.
RESQ_INLINE uint64_t resq_wgmma_operand(uint32_t shared, uint32_t apart) {
  return (uint64_t)(shared >> 4 & 0x3fff) | (uint64_t)(apart >> 4) << 16 |
         (uint64_t)(128 >> 4) << 32;
}
RESQ_INLINE void resq_wgmma_fence(void) {
  __asm__ volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
RESQ_INLINE void resq_wgmma_commit(void) {
  __asm__ volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
/// Until at most `pending` (a constant) committed groups are under way.
RESQ_INLINE void resq_wgmma_wait(int pending) {
  __asm__ volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(pending) : "memory");
}
/// c += A B of 64 x 32 and 32 x 8, 16 or 32.
RESQ_INLINE void resq_wgmma_s8_n8(int32_t *c, const uint32_t *a, uint64_t b) {
  __asm__ volatile("wgmma.mma_async.sync.aligned.m64n8k32.s32.s8.s8 {%0,%1,%2,%3},"
                   "{%4,%5,%6,%7}, %8, 1;"
                   : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
                   : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}
RESQ_INLINE void resq_wgmma_s8_n16(int32_t *c, const uint32_t *a, uint64_t b) {
  __asm__ volatile("wgmma.mma_async.sync.aligned.m64n16k32.s32.s8.s8 {%0,%1,%2,%3,%4,%5,%6,%7},"
                   "{%8,%9,%10,%11}, %12, 1;"
                   : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3]), "+r"(c[4]), "+r"(c[5]),
                     "+r"(c[6]), "+r"(c[7])
                   : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}
RESQ_INLINE void resq_wgmma_s8_n32(int32_t *c, const uint32_t *a, uint64_t b) {
  __asm__ volatile("wgmma.mma_async.sync.aligned.m64n32k32.s32.s8.s8 {%0,%1,%2,%3,%4,%5,%6,%7,"
                   "%8,%9,%10,%11,%12,%13,%14,%15}, {%16,%17,%18,%19}, %20, 1;"
                   : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3]), "+r"(c[4]), "+r"(c[5]),
                     "+r"(c[6]), "+r"(c[7]), "+r"(c[8]), "+r"(c[9]), "+r"(c[10]), "+r"(c[11]),
                     "+r"(c[12]), "+r"(c[13]), "+r"(c[14]), "+r"(c[15])
                   : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}

#else

RESQ_INLINE void resq_let_next_launch_start(void) {}
RESQ_INLINE void resq_wait_for_launches(void) {}

#endif // RESQ_SM >= 90
#endif // RESQ_EMULATED

//===-- Made of the above -------------------------------------------------===//

RESQ_INLINE float resq_shuffle_xor_f32(float v, int distance) {
  return resq_float_of(resq_shuffle_xor(resq_bits_of(v), distance));
}
RESQ_INLINE float resq_shared_load_f32(uint32_t at) { return resq_float_of(resq_shared_load(at)); }
RESQ_INLINE void resq_shared_store_f32(uint32_t at, float v) {
  resq_shared_store(at, resq_bits_of(v));
}
RESQ_INLINE float resq_half_high(uint32_t v) { return resq_half_low(v >> 16); }

/// The sum of v over the 32 lanes of a warp, in every lane, the same bits in each.
static inline float resq_warp_sum(float v) {
  for (int distance = RESQ_WARP / 2; distance > 0; distance /= 2)
    v += resq_shuffle_xor_f32(v, distance);
  return v;
}

#endif // RESQ_KERNELS_NVPTX_DEVICE_H
