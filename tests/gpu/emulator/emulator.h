//===-- emulator.h - blocks of GPU threads on a host ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs a device kernel, the same C that becomes PTX, on a machine without a GPU: a test defines
// RESQ_EMULATED as "tests/gpu/emulator/device_host.h" before it includes the kernel, and includes
// emulator.c once. Every thread of a block is a fiber; blocks run one after the other in an order
// that the seed chooses, and so does the order of warps. Beyond the results it finds what a GPU
// may or may not show:
//   - shared memory outside what the launch gave, or never written, is a fault;
//   - two accesses of shared memory, one of them a write, that no barrier orders are a fault (vector
//     clocks, a byte at a time), whatever order the fibers happened to run in;
//   - a bulk copy lands when somebody waits for its mbarrier and not before: reading it earlier, or
//     without having waited, is a fault;
//   - lanes of a warp that meet at different collectives, collectives and barriers that wait for a
//     thread that has left, and waits that nothing ends are faults;
//   - pointers to global memory are the host's, so that the address sanitizer watches them.
// Shuffles and matrix products order no memory, as on the device: only barriers do.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TESTS_EMULATOR_H
#define RESQ_TESTS_EMULATOR_H

#include <stdint.h>

enum { EMULATOR_MOST_THREADS = 1024 };

typedef struct emulator_launch {
  int blocks_x, blocks_y; ///< blocks of the grid
  int threads;            ///< of a block, along x
  uint32_t shared_bytes;  ///< of dynamic shared memory
  uint64_t seed;
} emulator_launch;

/// Runs kernel(argument) in every thread of every block. NULL, or the first fault in a sentence,
/// which stays valid until the next launch; a launch with a fault ends there.
const char *emulator_run(emulator_launch launch, void (*kernel)(void *), void *argument);

//===-- For device_host.h -------------------------------------------------===//

/// Where the calling thread stands.
typedef struct emulator_place {
  int thread, threads, block_x, block_y, blocks_x, blocks_y;
} emulator_place;
emulator_place emulator_here(void);

/// For wrappers of groups (lowering/gpu/gpu_wrapper.c), which are no C: a block's number, a barrier of the block.
int64_t emulator_block_x(void);
void emulator_sync_block(void);

/// What shared memory is read or written as; atomic accesses may meet each other.
typedef enum emulator_access { EMULATOR_READ, EMULATOR_WRITE, EMULATOR_ATOMIC } emulator_access;
/// The bytes at a shared address, checked.
uint8_t *emulator_shared(uint32_t at, uint32_t bytes, emulator_access access);

enum { EMULATOR_SHARED_BASE = 1024 }; ///< the first kilobyte is the system's

/// Named barrier: waits (or goes on) once it has arrived with `threads` others.
void emulator_barrier(int name, int threads, int wait);

/// A warp's collective: each lane brings up to 16 words, and gets up to 4 from `work`, which sees
/// all lanes' words once all have come. `what` names the kind of collective.
typedef void (*emulator_work)(const uint32_t (*in)[16], uint32_t (*out)[4]);
void emulator_collective(const char *what, emulator_work work, const uint32_t *in, int words,
                         uint32_t *out, int results);
/// The one that orders memory among the lanes.
void emulator_sync_warp(void);

void emulator_mbarrier_init(uint32_t at, uint32_t arrivals);
void emulator_mbarrier_arrive(uint32_t at, uint32_t announced_bytes);
void emulator_mbarrier_wait(uint32_t at, uint32_t parity);
void emulator_bulk_copy(uint32_t to, const void *from, uint32_t bytes, uint32_t barrier);

/// Ends the launch with a fault.
__attribute__((format(printf, 1, 2), noreturn)) void emulator_fault(const char *format, ...);

#endif // RESQ_TESTS_EMULATOR_H
