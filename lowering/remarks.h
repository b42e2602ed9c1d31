//===-- remarks.h - what passes say, without saying it once a layer -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_REMARKS_H
#define RESQ_LOWERING_REMARKS_H

/// Remarks of a pipeline: equal texts are one, with the places they were said at. Zero is empty.
typedef struct resq_remarks {
  struct resq_remark *items;
  int count;
} resq_remarks;

/// A resq_remark_handler; user is a resq_remarks.
void resq_remarks_add(const char *where, const char *what, void *user);
/// Prints them to stderr, in the order in which they came, and forgets them.
void resq_remarks_print(resq_remarks *remarks);
void resq_remarks_free(resq_remarks *remarks);

#endif // RESQ_LOWERING_REMARKS_H
