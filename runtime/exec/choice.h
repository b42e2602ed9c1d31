//===-- choice.h - what a session is asked to run on ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_EXEC_CHOICE_H
#define RESQ_EXEC_CHOICE_H

#include "base/error.h"

typedef enum resq_device_kind {
  RESQ_DEVICE_AUTO, ///< the GPU where it can be used, else the CPU
  RESQ_DEVICE_CPU,
  RESQ_DEVICE_CUDA,
} resq_device_kind;

typedef struct resq_choice {
  resq_device_kind device;
  const char *level; ///< the level asked for by name; NULL: the best of the device
} resq_choice;

/// From the two options of a session, NULL where they are not given, and $RESQ_DEVICE and $RESQ_LEVEL, which stand for
/// the one that is not given. A level says the device, too: "cuda" the GPU, all others the CPU. An option outweighs a
/// variable that contradicts it. RESQ_USAGE: an unknown device, or a contradiction of equals.
bool resq_choose(resq_choice *out, const char *device, const char *level, resq_error *err);

#endif // RESQ_EXEC_CHOICE_H
