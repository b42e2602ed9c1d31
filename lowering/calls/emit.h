//===-- emit.h - one function being lowered to kernel calls ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shared by walk.c (the walk over a function), places.c (where values live), stored.c (parameters), kernel_call.c
// (a call's arguments), row_op.c (those of row ops) and ops_*.c (one emitter an op): all of them know no device. A
// lower_device says what a call becomes: cpu_call.c on a CPU, gpu/launch.c on a GPU.
// Internal to lowering/calls, lowering/cpu and lowering/gpu.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_CALLS_EMIT_H
#define RESQ_LOWERING_CALLS_EMIT_H

#include "lowering/entries/entry.h"

//===-- Where a value lives -----------------------------------------------===//

typedef enum place_kind {
  PLACE_NONE,
  PLACE_WORKSPACE, ///< bytes [offset, offset + size) of the workspace
  PLACE_ARGUMENT,  ///< call->args[argument] + offset
  PLACE_PARAM,     ///< call->params + offset
} place_kind;

/// A value of the function: rows with a stride, or a parameter.
typedef struct place {
  MlirValue value;
  place_kind kind;
  int64_t offset;      ///< bytes: from the base to the first element (a view may start inside)
  int64_t begin, size; ///< workspace: the byte range of the whole buffer, for hazards
  int64_t stride;      ///< row stride, elements
  int64_t meta_offset; ///< quantised activations: where resq_quant_meta starts
  int argument;        ///< PLACE_ARGUMENT
  int rows_of;         ///< the argument whose extent is this value's row count
  int last_use;        ///< index of the last op that reads the buffer (views keep it alive)
  int owner;           ///< index of the place that owns the buffer (itself unless a view)
} place;

typedef struct lowering lowering;
typedef struct kernel_call kernel_call;

/// What a device adds to the walk.
typedef struct lower_device {
  const char *kind;                                       ///< "CPU", for messages
  MlirOperation (*open)(lowering *l, const char *symbol); ///< what the function becomes
  void (*issue)(kernel_call *k); ///< a complete call, named l->op_names[k->ticket]
  void (*close)(lowering *l);
} lower_device;

struct lowering {
  MlirContext ctx;
  const lower_device *device;
  MlirOperation module, source; ///< source: the func.func being lowered
  MlirOperation target;         ///< what device->open made
  resq_entries *entries;
  resq_lowered_entry *entry; ///< of entries: what the program table will say of the function
  const char *level;
  int64_t max_rows;
  resq_builder b;                                    ///< inside the new function
  MlirValue worker, call, params, workspace, caches; ///< CPU: loaded once at entry
  MlirValue *row_counts;                             ///< CPU: [n_args] i64, loaded at entry
  MlirValue *arg_pointers;                           ///< CPU: [n_args]
  MlirBlock after_phase;                             ///< CPU: behind the phase's ops; null before
  resq_gpu_launch *launches;                         ///< GPU: [ticket]
  int launches_capacity;
  int n_inputs, n_results;
  place *places;
  int n_places, places_capacity;
  int op_index;          ///< position of the op being lowered in the source block
  int32_t ticket;        ///< next op id of the ABI
  const char **op_names; ///< [ticket] in the memory of entries
  int op_names_capacity;
  int64_t workspace_bytes;
  struct {
    int64_t begin, end;
    int64_t last_use;
  } *live; ///< allocated workspace ranges
  int n_live, live_capacity;
  struct hazard {
    place_kind kind;
    int key;
    int64_t begin, end;
    bool write;
  } *since_barrier;
  int n_since, since_capacity;
  bool failed;
};

//===-- walk.c ------------------------------------------------------------===//

/// Lowers every public func.func of the module in place for one device and erases resq's symbols.
/// Adds an entry for each.
bool lower_functions(MlirOperation module, const lower_device *device, const char *level,
                     int64_t max_rows, resq_entries *entries);

//===-- places.c ----------------------------------------------------------===//

/// The place of a value; a param's is made at its resq.get. NULL after an error.
place *place_of(lowering *l, MlirValue v);
/// A new workspace buffer of `bytes` for v, alive until v's (and its views') last use.
place *place_allocate(lowering *l, MlirValue v, int64_t bytes, int64_t stride, int rows_of);
/// Rows of f32 [max_rows, width]: the common case; a returned value goes straight to its argument.
place *place_rows(lowering *l, MlirValue v, int rows_of);
/// v is `base` seen from column `column` (elements of 4 bytes).
place *place_view(lowering *l, MlirValue v, const place *base, int64_t column);
/// Releases buffers whose last use is before op_index.
void place_release(lowering *l);

//===-- stored.c ----------------------------------------------------------===//

/// The param that `get` reads has the bytes that its type takes; false after an error.
bool check_stored(lowering *l, MlirOperation get, MlirOperation param);

//===-- kernel_call.c -----------------------------------------------------===//

/// Where an argument of a kernel comes from.
typedef enum kernel_arg_kind {
  ARG_WORKSPACE, ///< workspace + i
  ARG_ARGUMENT,  ///< args[index] + i
  ARG_PARAM,     ///< params + i
  ARG_CACHE,     ///< storage of cache `index`
  ARG_NULL,
  ARG_ROWS,     ///< rows of argument `index`
  ARG_CAPACITY, ///< tokens a sequence holds
  ARG_TABLE,    ///< a constant array of the object
  ARG_CONST,    ///< i, a compile-time constant
  ARG_FLOAT,    ///< f, the same
} kernel_arg_kind;

typedef struct kernel_arg {
  kernel_arg_kind kind;
  int index;
  int64_t i;
  float f;
  const char *prefix;  ///< ARG_TABLE: what its symbol begins with
  MlirAttribute table; ///< ARG_TABLE: dense elements
} kernel_arg;

/// A call being put together in the order of the kernel's C signature.
struct kernel_call {
  lowering *l;
  MlirOperation op; ///< the op it computes
  char name[64];    ///< without the level
  int first;        ///< since_barrier[first ..] are this call's accesses
  int32_t ticket;   ///< op id, when complete
  kernel_arg args[40];
  int n_args;
};

typedef enum table_kind { TABLE_I8, TABLE_I32, TABLE_F32 } table_kind;

void kernel_begin(kernel_call *k, lowering *l, MlirOperation op, const char *name);
void kernel_read(kernel_call *k, const place *p);      ///< pointer argument, read
void kernel_read_meta(kernel_call *k, const place *p); ///< meta of a quantised activation
void kernel_write(kernel_call *k, const place *p);
void kernel_write_meta(kernel_call *k, const place *p);
void kernel_cache(kernel_call *k, MlirStringRef cache, bool write);
void kernel_null(kernel_call *k);
void kernel_rows(kernel_call *k, const place *p); ///< row count of a place
void kernel_capacity(kernel_call *k);
/// The address of a constant array; `data` is `bytes` long and copied.
void kernel_table(kernel_call *k, const char *prefix, const void *data, int64_t bytes,
                  table_kind kind);
void kernel_const(kernel_call *k, int64_t value);
void kernel_float(kernel_call *k, float value);
/// Names the call and hands it to the device.
void kernel_end(kernel_call *k);

/// True for what a wrapper has inside: kernels are specialised by these.
bool arg_is_constant(const kernel_arg *a);
/// <kernel>_<level>__<constants>: kernels specialised by shape, shared by all layers.
void wrapper_name(const kernel_call *k, char *out, size_t size);
/// True when the accesses of this call meet an earlier one since the last barrier.
bool needs_barrier(const kernel_call *k);
/// Makes this call's accesses the only ones since the last barrier.
void after_barrier(kernel_call *k);

void lower_fail(lowering *l, MlirOperation op, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

//===-- row_op.c ----------------------------------------------------------===//

/// The call of an op whose first operands and only result are rows of f32.
typedef struct row_op {
  kernel_call k;
  place y; ///< of the result
  int n_inputs;
} row_op;

/// Begins the call: places the result, of as many rows as operand `rows_from`, and reads the first
/// `n_inputs` operands. What else the kernel reads comes next.
void row_op_begin(row_op *r, lowering *l, MlirOperation op, const char *name, int n_inputs,
                  intptr_t rows_from);
/// Writes the result; then rows, and strides: the inputs', the result's. Constants come next, and
/// kernel_end.
void row_op_result(row_op *r);

/// Pointer argument: an operand of the call's op, read; null where the op has no such operand.
void kernel_operand(kernel_call *k, intptr_t index);
/// A whole call, for op: `width` columns of the rows at x to y.
void kernel_copy(lowering *l, MlirOperation op, const place *x, const place *y, int64_t width);

//===-- cpu_call.c --------------------------------------------------------===//

extern const lower_device cpu_device;
/// arith.constant of an argument with arg_is_constant that is no table.
MlirValue emit_constant_arg(const resq_builder *b, const kernel_arg *a);

//===-- ops_*.c: one emitter an op ----------------------------------------===//

typedef struct op_emitter {
  const char *name;
  void (*emit)(lowering *, MlirOperation);
} op_emitter;
extern const op_emitter model_op_emitters[];  ///< ops_model.c, ends with a NULL name
extern const op_emitter method_op_emitters[]; ///< ops_method.c

#endif // RESQ_LOWERING_CALLS_EMIT_H
