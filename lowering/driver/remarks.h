//===-- remarks.h - what passes say, without saying it once a layer -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_REMARKS_H
#define RESQ_LOWERING_REMARKS_H

#include "lowering/recipes/materialize.h"

#include <stdint.h>
#include <stdio.h>

/// Remarks of a compile. Zero is empty. Equal texts are one remark, with the places they were said
/// at. So are measures of one kind whose params differ in their numbers alone, @l0.q and @l12.q: one
/// range of all, and where it ends.
typedef struct resq_remarks {
  struct resq_remark *items;
  int count, capacity;
  int *slots;       ///< hash table over the items' keys: index + 1, 0 is free
  int n_slots;      ///< a power of two, more than twice `count`
  int64_t compared; ///< keys compared so far: adding costs the same however many there are
} resq_remarks;

/// A resq_remark_handler; user is a resq_remarks.
void resq_remarks_add(const char *where, const char *what, void *user);
/// resq_materialize_options.measured; user is a resq_remarks.
void resq_remarks_measure(void *user, const resq_measure *measure);
/// Prints them, a line each, in the order in which they came, and forgets them.
void resq_remarks_print(resq_remarks *remarks, FILE *out);
void resq_remarks_free(resq_remarks *remarks);

#endif // RESQ_LOWERING_REMARKS_H
