//===-- cpu_device.h - the CPU as a device of the walk --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_CPU_CPU_DEVICE_H
#define RESQ_LOWERING_CPU_CPU_DEVICE_H

#include "lowering/calls/frame.h"

/// A function becomes a func.func that every thread of a call runs: lower_cpu.h.
extern const resq_device resq_cpu_device;

#endif // RESQ_LOWERING_CPU_CPU_DEVICE_H
