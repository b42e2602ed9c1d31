//===-- emit.h - one function being lowered to kernel calls ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shared by lower_cpu.c (the walk), places.c (where values live), kernel_call.c (calls,
// wrappers, constants) and ops_*.c (one emitter an op). Internal to lowering/cpu.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_CPU_EMIT_H
#define RESQ_LOWERING_CPU_EMIT_H

#include "lowering/cpu/lower_cpu.h"

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
  int64_t offset;       ///< bytes: from the base to the first element (a view may start inside)
  int64_t begin, size;  ///< workspace: the byte range of the whole buffer, for hazards
  int64_t stride;       ///< row stride, elements
  int64_t meta_offset;  ///< quantised activations: where resq_quant_meta starts
  int argument;         ///< PLACE_ARGUMENT
  int rows_of;          ///< the argument whose extent is this value's row count
  int last_use;         ///< index of the last op that reads the buffer (views keep it alive)
  int owner;            ///< index of the place that owns the buffer (itself unless a view)
} place;

typedef struct lowering {
  MlirContext ctx;
  MlirOperation module, source; ///< source: the func.func being lowered
  const char *level;
  int64_t max_rows;
  resq_builder b;               ///< inside the new function
  MlirValue worker, call, params, workspace, args, rows, caches; ///< loaded once at entry
  MlirValue *row_counts;        ///< [n_args] i64, loaded at entry
  MlirValue *arg_pointers;      ///< [n_args]
  int n_inputs, n_results;
  place *places;
  int n_places, places_capacity;
  int op_index;                 ///< position of the op being lowered in the source block
  int32_t ticket;               ///< next op id of the ABI
  MlirAttribute *op_names;      ///< [ticket]
  int op_names_capacity;
  int64_t workspace_bytes;
  struct { int64_t begin, end; int64_t last_use; } *live; ///< allocated workspace ranges
  int n_live, live_capacity;
  struct hazard { place_kind kind; int key; int64_t begin, end; bool write; } *since_barrier;
  int n_since, since_capacity;
  bool failed;
} lowering;

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
/// The pointer to a place's first element.
MlirValue place_pointer(lowering *l, const place *p);
MlirValue place_meta_pointer(lowering *l, const place *p);

//===-- kernel_call.c -----------------------------------------------------===//

/// A call being put together in the order of the kernel's C signature.
typedef struct kernel_call {
  lowering *l;
  MlirOperation op;      ///< the op it computes
  char name[64];         ///< without the level
  int first;             ///< since_barrier[first ..] are this call's accesses
  struct { MlirValue dynamic; bool is_constant, is_float; int64_t i; float f; } args[40];
  int n_args;
} kernel_call;

void kernel_begin(kernel_call *k, lowering *l, MlirOperation op, const char *name);
void kernel_read(kernel_call *k, const place *p);       ///< pointer argument, read
void kernel_read_meta(kernel_call *k, const place *p);  ///< meta of a quantised activation
void kernel_write(kernel_call *k, const place *p);
void kernel_write_meta(kernel_call *k, const place *p);
void kernel_cache(kernel_call *k, MlirStringRef cache, bool write);
void kernel_null(kernel_call *k);
void kernel_value(kernel_call *k, MlirValue v);         ///< any other run-time argument
void kernel_rows(kernel_call *k, const place *p);       ///< row count of a place
void kernel_const(kernel_call *k, int64_t value);
void kernel_float(kernel_call *k, float value);
/// Barrier if needed, the call through its wrapper, resq_op_done.
void kernel_end(kernel_call *k);

MlirValue emit_i64(lowering *l, int64_t value);
MlirValue emit_load(lowering *l, MlirValue pointer, int64_t byte_offset, MlirType type);
MlirValue emit_offset(lowering *l, MlirValue pointer, int64_t bytes);
typedef enum table_kind { TABLE_I8, TABLE_I32, TABLE_F32 } table_kind;
/// The address of a constant array in the object; `data` is `bytes` long.
MlirValue emit_table(lowering *l, const char *prefix, const void *data, int64_t bytes, table_kind kind);
/// Declares (once) a function in the module.
void declare_function(lowering *l, const char *name, intptr_t n, const MlirType *inputs);

void lower_fail(lowering *l, MlirOperation op, const char *format, ...) __attribute__((format(printf, 3, 4)));

//===-- ops_*.c: one emitter an op ----------------------------------------===//

typedef struct op_emitter { const char *name; void (*emit)(lowering *, MlirOperation); } op_emitter;
extern const op_emitter model_op_emitters[];  ///< ops_model.c, ends with a NULL name
extern const op_emitter method_op_emitters[]; ///< ops_method.c

#endif // RESQ_LOWERING_CPU_EMIT_H
