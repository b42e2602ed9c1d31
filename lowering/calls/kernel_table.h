//===-- kernel_table.h - kernels.def as data ------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// runtime/kernels/kernels.def says what each kernel takes. Here it is a table: a call is checked against it when a model
// is compiled (kernel_call.h), and so are the types of linked bitcode (lowering/codegen/kernel_types.h). The rows are
// constant data; nothing here allocates or fails.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_CALLS_KERNEL_TABLE_H
#define RESQ_LOWERING_CALLS_KERNEL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// The C types that kernels have pointers to.
#define RESQ_ELEMENTS(X)                                                                           \
  X(float) X(int32_t) X(int8_t) X(uint8_t) X(resq_bf16) X(resq_f16) X(resq_quant_meta)

typedef enum resq_element_id {
  RESQ_ELEMENT_NONE, ///< what no kernel reads as it stands
#define RESQ_ELEMENT_ENUMERATOR(T) RESQ_ELEMENT_##T,
  RESQ_ELEMENTS(RESQ_ELEMENT_ENUMERATOR)
#undef RESQ_ELEMENT_ENUMERATOR
} resq_element_id;

/// "float"; "something else" of RESQ_ELEMENT_NONE.
const char *resq_element_word(resq_element_id element);

/// The forms of an argument: kernels.def explains each.
typedef enum resq_formal_kind {
  RESQ_FORMAL_READ,
  RESQ_FORMAL_TABLE,
  RESQ_FORMAL_WRITE,
  RESQ_FORMAL_UPDATE,
  RESQ_FORMAL_READ_BEHIND,
  RESQ_FORMAL_WRITE_BEHIND,
  RESQ_FORMAL_CACHE_READ,
  RESQ_FORMAL_CACHE_WRITE,
  RESQ_FORMAL_ROWS,
  RESQ_FORMAL_STRIDE,
  RESQ_FORMAL_CAPACITY,
  RESQ_FORMAL_CONSTANT,
  RESQ_FORMAL_CONSTANT_F32,
} resq_formal_kind;

/// An argument as its kernel declares it.
typedef struct resq_formal {
  const char *name;
  resq_formal_kind kind;
  bool nullable;
  resq_element_id element; ///< what a pointer points to, but for caches
  const char *of;          ///< ROWS, STRIDE and the two BEHIND: the argument that it belongs to
} resq_formal;

typedef struct resq_kernel {
  const char *name; ///< without the level: "resq_add"
  const resq_formal *formals;
  int n_formals;
  bool by_units; ///< on a GPU a block may do a unit alone
} resq_kernel;

/// No kernel has more arguments than this: kernel_table.c asserts it of each row.
#define RESQ_MAX_FORMALS 32

typedef enum resq_kernel_id {
#define KERNEL(name, ...) KERNEL_##name,
#include "kernels/kernels.def"
  RESQ_KERNEL_COUNT
} resq_kernel_id;

const resq_kernel *resq_kernel_of(resq_kernel_id id);
/// The kernel of that name, without a level; RESQ_KERNEL_COUNT when there is none.
resq_kernel_id resq_kernel_named(const char *name);
/// The kernel whose name begins `symbol` of `length` bytes; the rest must be "_" and the level. NULL
/// when there is none.
const resq_kernel *resq_kernel_find(const char *symbol, size_t length, const char *level);
/// The index of a kernel's argument, -1 when it has none of that name.
int resq_formal_find(const resq_kernel *kernel, const char *name);

static inline bool resq_formal_is_written(const resq_formal *f) {
  return f->kind == RESQ_FORMAL_WRITE || f->kind == RESQ_FORMAL_UPDATE ||
         f->kind == RESQ_FORMAL_WRITE_BEHIND || f->kind == RESQ_FORMAL_CACHE_WRITE;
}
/// True of an int64_t.
static inline bool resq_formal_is_number(const resq_formal *f) {
  return f->kind == RESQ_FORMAL_ROWS || f->kind == RESQ_FORMAL_STRIDE ||
         f->kind == RESQ_FORMAL_CAPACITY || f->kind == RESQ_FORMAL_CONSTANT;
}
/// What a call may give for it: "a pointer to float that is read, or null". For messages.
const char *resq_formal_describe(const resq_formal *f, char *out, size_t size);

#endif // RESQ_LOWERING_CALLS_KERNEL_TABLE_H
