//===-- frame.h - one function on its way to kernel calls -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A function of the resq dialect becomes a sequence of kernel calls. walk.c goes through its ops; the emitter of an
// op (emit.c, ops_*.c) gives each value a place and puts calls together (kernel_call.h); a device says what a call becomes. The
// frame is what all of them share about the one function: its values' places, the plan of its workspace
// (workspace.h), and which calls must wait (hazards.h). Nothing here knows a device: what one keeps for a function is its
// own, behind device_state.
//
// An error is reported once, with resq_lower_fail; the walk then stops. resq_lower_functions of walk.c is the only maker.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_CALLS_FRAME_H
#define RESQ_LOWERING_CALLS_FRAME_H

#include "dialect/ops.h"
#include "hazards.h"
#include "kernel_table.h"
#include "lowering/entries/entry.h"
#include "workspace.h"

typedef struct resq_frame resq_frame;
typedef struct resq_kernel_call resq_kernel_call;

//===-- Devices -----------------------------------------------------------===//

/// What a device adds to the walk.
typedef struct resq_device {
  const char *kind;    ///< "CPU", for messages
  const void *options; ///< the device's own
  /// Makes f->target, the op that the function becomes, and f->device_state.
  void (*open)(resq_frame *f, const char *symbol);
  /// A complete call, named f->op_names[call->ticket]. May report an error. A device that takes it together with those
  /// before it copies it, sets f->held_from, and may give its ticket back (f->n_calls).
  void (*issue)(resq_kernel_call *call);
  /// Finishes the target, also after an error, and frees device_state.
  void (*close)(resq_frame *f);
} resq_device;

//===-- Where a value lives -----------------------------------------------===//

typedef enum resq_place_kind {
  RESQ_PLACE_WORKSPACE, ///< workspace + offset
  RESQ_PLACE_ARGUMENT,  ///< call->args[argument] + offset
  RESQ_PLACE_PARAM,     ///< call->params + offset
} resq_place_kind;

/// Rows with a stride, or a parameter.
typedef struct resq_place {
  MlirValue value;
  resq_place_kind kind;
  resq_element_id element; ///< what a pointer to it points to
  int64_t offset;          ///< bytes to the first element: a view may begin inside its buffer
  resq_range buffer;       ///< WORKSPACE: all bytes of the buffer, for hazards
  int64_t stride;          ///< elements from a row to the next; 0 of a parameter
  int64_t behind; ///< quantized rows: offset of the metas or scales behind the codes, else 0
  int argument;   ///< ARGUMENT: of the function, results behind inputs
  int rows_of;    ///< the argument that has as many rows as this
} resq_place;

struct resq_frame {
  MlirContext ctx;
  MlirOperation module;
  MlirOperation source; ///< the func.func that is lowered
  const char *level;
  int64_t max_rows; ///< of a call, at most
  int n_inputs, n_results;
  resq_entries *entries;
  resq_lowered_entry *entry; ///< of entries: what the program table will say of the function

  const resq_device *device;
  void *device_state;   ///< the device's own: opened and closed by it
  MlirOperation target; ///< what device->open made

  resq_place **places; ///< each stays where it is until the frame is freed
  int n_places, places_capacity;
  resq_workspace workspace;
  resq_hazards hazards;

  int op_index; ///< position of the op being lowered in its block; only rises
  int held_from; ///< the device still has calls to launch, from the op at this position on: what they use is kept.
                 ///< INT_MAX: none
  const char **op_names; ///< [n_calls], in the memory of entries: what profiles show
  int32_t n_calls;       ///< calls so far: the next one's op id in the ABI
  int op_names_capacity;
  bool failed; ///< an error has been reported
};

/// Reports an error at op.
void resq_lower_fail(resq_frame *f, MlirOperation op, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

//===-- places.c ----------------------------------------------------------===//
// Places are the frame's: pointers to them are valid until it is freed.

/// The place of a value that has one; NULL of another.
const resq_place *resq_place_of(const resq_frame *f, MlirValue v);
/// A place for v, rows of f32: the argument that v is returned as, or new bytes of the workspace
/// until the last use of v and of its views.
const resq_place *resq_place_rows(resq_frame *f, MlirValue v, int rows_of);
/// A place for v, quantized rows: max_rows * stride bytes of codes and, aligned behind them, max_rows
/// * behind bytes of what they are scaled by.
const resq_place *resq_place_codes(resq_frame *f, MlirValue v, int64_t stride, int64_t behind,
                                   int rows_of);
/// v is the rows at `base` from column `column` on (elements of 4 bytes).
const resq_place *resq_place_view(resq_frame *f, MlirValue v, const resq_place *base,
                                  int64_t column);
/// v is an input of the function.
void resq_place_input(resq_frame *f, MlirValue v, int argument);
/// v is a parameter, `offset` bytes into the parameter section.
void resq_place_param(resq_frame *f, MlirValue v, int64_t offset);
/// What the function gives back as its result `result`: a place without a value.
resq_place resq_place_of_result(const resq_frame *f, int result, int64_t stride, int rows_of);
void resq_places_free(resq_frame *f);

//===-- stored.c ----------------------------------------------------------===//

/// The param that `get` reads has the bytes that its type takes; false after an error.
bool resq_check_stored(resq_frame *f, MlirOperation get, MlirOperation param);

//===-- emit.c, ops_*.c: what computes an op ------------------------------===//
// An emitter places the results of its op and makes calls of kernels. resq.td says which ops have one of
// their own (hasEmitter); the others call the kernel of their name.

#define RESQ_DECLARE_EMITTER(op) void resq_emitter_##op(resq_frame *f, MlirOperation op);
RESQ_OPS_WITH_EMITTER(RESQ_DECLARE_EMITTER)
#undef RESQ_DECLARE_EMITTER

/// The op's own emitter, or resq_emit_by_name of the kernel resq_<variant> (dialect/signature.h).
void resq_emit_op(resq_frame *f, MlirOperation op);
/// Places the results of an op of functions, each with as many rows as its first operand that has
/// rows, and calls `kernel` with what the op has, under the names of resq.td.
void resq_emit_by_name(resq_frame *f, MlirOperation op, resq_kernel_id kernel);

//===-- walk.c ------------------------------------------------------------===//

/// Lowers every public func.func of the module in place for one device, adds an entry for each, and
/// erases resq's symbols. False after an emitted error.
bool resq_lower_functions(MlirOperation module, const resq_device *device, const char *level,
                          int64_t max_rows, resq_entries *entries);

#endif // RESQ_LOWERING_CALLS_FRAME_H
