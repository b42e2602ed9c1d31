//===-- remarks.h - what passes say, without saying it once a layer -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_REMARKS_H
#define RESQ_LOWERING_REMARKS_H

#include <stdint.h>
#include <stdio.h>

/// Remarks of a pipeline. Zero is empty. Equal texts are one remark, with the places they were said
/// at. So are measures of symbols that differ in their numbers, "@l0.q: condition number 1.5" and
/// "@l1.q: condition number 2.5" (or ranges, "1.5 .. 2.5"): one range of all, and where it ends.
typedef struct resq_remarks {
  struct resq_remark *items;
  int count, capacity;
  int *slots;       ///< hash table over the items' keys: index + 1, 0 is free
  int n_slots;      ///< a power of two, more than twice `count`
  int64_t compared; ///< keys compared so far: adding costs the same however many there are
} resq_remarks;

/// A resq_remark_handler; user is a resq_remarks.
void resq_remarks_add(const char *where, const char *what, void *user);
/// Prints them, a line each, in the order in which they came, and forgets them.
void resq_remarks_print(resq_remarks *remarks, FILE *out);
void resq_remarks_free(resq_remarks *remarks);

#endif // RESQ_LOWERING_REMARKS_H
