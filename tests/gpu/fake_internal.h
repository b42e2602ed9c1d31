//===-- fake_internal.h - between the parts of the fake driver ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_TESTS_GPU_FAKE_INTERNAL_H
#define RESQ_TESTS_GPU_FAKE_INTERNAL_H

#include "tests/gpu/fake_cuda.h"

#include <stdbool.h>
#include <stddef.h>

extern fake_cuda_state fake_cuda;

/// As in cuda.h.
enum {
  FAKE_INVALID_VALUE = 1,
  FAKE_OUT_OF_MEMORY = 2,
  FAKE_NO_DEVICE = 100,
  FAKE_INVALID_DEVICE = 101,
  FAKE_INVALID_IMAGE = 200,
  FAKE_INVALID_PTX = 218,
  FAKE_NOT_FOUND = 500,
  FAKE_ILLEGAL_ADDRESS = 700,
  FAKE_LAUNCH_FAILED = 719,
  FAKE_CAPTURE_UNSUPPORTED = 900,
  FAKE_CAPTURE_INVALIDATED = 901,
};

//===-- fake_memory.c -----------------------------------------------------===//

typedef enum fake_place { FAKE_ON_DEVICE, FAKE_PINNED } fake_place;
/// Memory between pages that nobody may touch, filled with what is no sensible number. NULL: no more.
void *fake_new(size_t bytes, fake_place place);
/// False for what is no such memory.
bool fake_delete(void *memory, fake_place place);
/// Whether all the bytes are of one piece of memory.
bool fake_inside(const void *from, size_t bytes, fake_place place);

//===-- fake_queue.c ------------------------------------------------------===//

typedef struct fake_kernel {
  const char *name;
  void (*function)(void);
} fake_kernel;

typedef struct fake_event {
  int pending;      ///< records of it that are under way: the last one counts
  int64_t launches; ///< that had run when it came to pass
} fake_event;

enum { FAKE_MOST_ARGUMENTS = 64 };
typedef enum fake_kind { FAKE_KERNEL, FAKE_COPY, FAKE_SET, FAKE_RECORD } fake_kind;

typedef struct fake_operation {
  fake_kind kind;
  // KERNEL
  const fake_kernel *kernel;
  fake_launch launch;
  uint64_t arguments[FAKE_MOST_ARGUMENTS];
  // COPY, SET
  void *to;
  const void *from;
  size_t bytes;
  int value;
  // RECORD
  fake_event *event;
} fake_operation;

typedef struct fake_queue {
  fake_operation *items;
  size_t n, room, done;
} fake_queue;

void fake_enqueue(fake_queue *queue, const fake_operation *operation);
/// Until the event has come to pass; NULL: all of them. Returns what it ended in.
int fake_run(fake_queue *queue, const fake_event *until);
void fake_clear(fake_queue *queue);

/// The library of kernels, which stays open: its emulator keeps stacks. NULL, with a word on stderr, where there is none.
void *fake_kernels_open(void);

#endif // RESQ_TESTS_GPU_FAKE_INTERNAL_H
