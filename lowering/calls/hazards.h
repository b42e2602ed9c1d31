//===-- hazards.h - which calls must wait for which -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Between two barriers the threads of a call may be in different kernel calls. A call therefore needs a barrier in front
// of it when it touches memory that a call since the last barrier touches, and one of the two writes. Who reads and who
// writes is what kernels.def says of each argument.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_CALLS_HAZARDS_H
#define RESQ_LOWERING_CALLS_HAZARDS_H

#include <stdbool.h>
#include <stdint.h>

/// Memory that calls write. Parameters are none.
typedef enum resq_memory {
  RESQ_MEMORY_WORKSPACE,
  RESQ_MEMORY_ARGUMENT, ///< of the function; `index` says which
  RESQ_MEMORY_CACHE,    ///< likewise
} resq_memory;

typedef struct resq_access {
  resq_memory memory;
  int index;
  int64_t begin, end; ///< bytes; INT64_MAX: to the end
  bool write;
} resq_access;

/// Zero-initialized: no access. Ends with resq_hazards_free.
typedef struct resq_hazards {
  resq_access *accesses; ///< since the last barrier
  int count, capacity;
  int first; ///< accesses[first ..] are those of the call that is being put together
} resq_hazards;

/// The accesses from here on are those of a new call.
void resq_hazards_begin_call(resq_hazards *h);
void resq_hazards_touch(resq_hazards *h, resq_access access);
/// True when this call must wait for an earlier one since the last barrier.
bool resq_hazards_meet(const resq_hazards *h);
/// A barrier is put in front of this call: its accesses are the only ones since.
void resq_hazards_barrier(resq_hazards *h);
void resq_hazards_free(resq_hazards *h);

#endif // RESQ_LOWERING_CALLS_HAZARDS_H
