//===-- entry.h - what a lowering says of the code that it made -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A lowering (lowering/calls, codegen/definition.c) turns each public func.func into an entry: code
// in the module, and facts beside it. The facts are resq/abi.h's own structures, filled here once;
// codegen/program.c writes the same structures as constants, and the run time reads them. Nothing of
// them goes through attributes or words: resq_entries_describe puts a text for people onto the
// module, which nothing reads back.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_ENTRIES_ENTRY_H
#define RESQ_LOWERING_ENTRIES_ENTRY_H

#include "arena.h"
#include "dialect/build.h"
#include "facts.h"
#include "resq/abi.h"

/// An entry on its way from a lowering to the program table.
typedef struct resq_lowered_entry {
  const char *symbol; ///< of the function that is its code
  /// The row of the program table, complete but for `run`, which is the function `symbol`, and `gpu`, which holds the
  /// launches of all chips: code generation makes both.
  resq_entry row;
  resq_gpu_launches launches; ///< at level cuda: those of the chip that it was lowered for
} resq_lowered_entry;

/// The entries of one module at one level, in the order of its functions. Zero is empty.
typedef struct resq_entries {
  resq_lowered_entry *items;
  int count;
  resq_gpu_launches
      prepare; ///< at level cuda: the prepare list of the chip that the module was lowered for
  resq_arena memory; ///< of all that items and prepare point to
} resq_entries;

/// Adds the entry of a public function before it is lowered: facts of its ops, names, and at least
/// `max_rows` rows. What code it becomes is set by whoever lowers it. NULL after an emitted error. The
/// pointer holds until the next entry is added.
resq_lowered_entry *resq_entry_add(resq_entries *entries, MlirOperation module, MlirOperation func,
                                   const char *level, int64_t max_rows);
/// The same for every public function of the module, which must still be of the resq dialect.
bool resq_entries_add(resq_entries *entries, MlirOperation module, const char *level,
                      int64_t max_rows);
/// The entry whose code is `symbol`; NULL: none.
resq_lowered_entry *resq_entry_find(const resq_entries *entries, MlirStringRef symbol);
/// Sets the attribute resq.entry on each entry's code, for people who read the module as text. The
/// module must be as the lowering left it.
void resq_entries_describe(const resq_entries *entries, MlirOperation module);
void resq_entries_free(resq_entries *entries);

#endif // RESQ_LOWERING_ENTRIES_ENTRY_H
