//===-- kernel_table.c ----------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "kernel_table.h"

#include <stdio.h>
#include <string.h>

const char *resq_element_word(resq_element_id element) {
  static const char *const words[] = {"something else",
#define RESQ_ELEMENT_WORD(T) #T,
                                      RESQ_ELEMENTS(RESQ_ELEMENT_WORD)
#undef RESQ_ELEMENT_WORD
  };
  return words[element];
}

//===-- The arguments of each kernel --------------------------------------===//

#define POINTER(T, name, kind, nullable, of)                                                       \
  {#name, RESQ_FORMAL_##kind, nullable, RESQ_ELEMENT_##T, of},
#define OTHER(name, kind, of) {#name, RESQ_FORMAL_##kind, false, RESQ_ELEMENT_NONE, of},

#define READ(T, name) POINTER(T, name, READ, false, NULL)
#define READ_OR_NULL(T, name) POINTER(T, name, READ, true, NULL)
#define TABLE(T, name) POINTER(T, name, TABLE, false, NULL)
#define TABLE_OR_NULL(T, name) POINTER(T, name, TABLE, true, NULL)
#define WRITE(T, name) POINTER(T, name, WRITE, false, NULL)
#define UPDATE(T, name) POINTER(T, name, UPDATE, false, NULL)
#define READ_BEHIND(T, name, of) POINTER(T, name, READ_BEHIND, false, #of)
#define WRITE_BEHIND(T, name, of) POINTER(T, name, WRITE_BEHIND, false, #of)
#define CACHE_READ(name) OTHER(name, CACHE_READ, NULL)
#define CACHE_WRITE(name) OTHER(name, CACHE_WRITE, NULL)
#define ROWS_OF(name, of) OTHER(name, ROWS, #of)
#define STRIDE_OF(name, of) OTHER(name, STRIDE, #of)
#define CAPACITY(name) OTHER(name, CAPACITY, NULL)
#define CONSTANT(name) OTHER(name, CONSTANT, NULL)
#define CONSTANT_F32(name) OTHER(name, CONSTANT_F32, NULL)
#define KERNEL(name, ...) static const resq_formal formals_of_##name[] = {__VA_ARGS__};
#include "kernels/kernels.def"

#define COUNT(name) (sizeof formals_of_##name / sizeof *formals_of_##name)
#define KERNEL(name, ...)                                                                          \
  _Static_assert(COUNT(name) <= RESQ_MAX_FORMALS, #name " has too many arguments");
#include "kernels/kernels.def"

//===-- The kernels -------------------------------------------------------===//

static const resq_kernel kernels[] = {
#define KERNEL(name, ...) {#name, formals_of_##name, (int)COUNT(name), false},
#define KERNEL_BY_UNITS(name, ...) {#name, formals_of_##name, (int)COUNT(name), true},
#include "kernels/kernels.def"
};

const resq_kernel *resq_kernel_of(resq_kernel_id id) { return &kernels[id]; }

resq_kernel_id resq_kernel_named(const char *name) {
  int id = 0;
  while (id < RESQ_KERNEL_COUNT && strcmp(kernels[id].name, name))
    id++;
  return (resq_kernel_id)id;
}

const resq_kernel *resq_kernel_find(const char *symbol, size_t length, const char *level) {
  const size_t suffix = strlen(level) + 1;
  if (length <= suffix || symbol[length - suffix] != '_' ||
      strncmp(symbol + length - suffix + 1, level, suffix - 1))
    return NULL;
  for (int i = 0; i < RESQ_KERNEL_COUNT; i++)
    if (strlen(kernels[i].name) == length - suffix &&
        !strncmp(kernels[i].name, symbol, length - suffix))
      return &kernels[i];
  return NULL;
}

int resq_formal_find(const resq_kernel *kernel, const char *name) {
  for (int i = 0; i < kernel->n_formals; i++)
    if (!strcmp(kernel->formals[i].name, name))
      return i;
  return -1;
}

const char *resq_formal_describe(const resq_formal *f, char *out, size_t size) {
  const char *null = f->nullable ? ", or null" : "", *element = resq_element_word(f->element);
  switch (f->kind) {
  case RESQ_FORMAL_READ:
    snprintf(out, size, "a pointer to %s that is read%s", element, null);
    break;
  case RESQ_FORMAL_TABLE:
    snprintf(out, size, "a constant array of %s%s", element, null);
    break;
  case RESQ_FORMAL_WRITE:
    snprintf(out, size, "rows of %s that are written", element);
    break;
  case RESQ_FORMAL_UPDATE:
    snprintf(out, size, "rows of %s that are read and written", element);
    break;
  case RESQ_FORMAL_READ_BEHIND:
  case RESQ_FORMAL_WRITE_BEHIND:
    snprintf(out, size, "nothing: it is the %s behind the codes of '%s'", element, f->of);
    break;
  case RESQ_FORMAL_CACHE_READ:
    snprintf(out, size, "a cache that is read");
    break;
  case RESQ_FORMAL_CACHE_WRITE:
    snprintf(out, size, "a cache that is written");
    break;
  case RESQ_FORMAL_ROWS:
    snprintf(out, size, "nothing: it is the number of rows of '%s'", f->of);
    break;
  case RESQ_FORMAL_STRIDE:
    snprintf(out, size, "nothing: it is the row stride of '%s'", f->of);
    break;
  case RESQ_FORMAL_CAPACITY:
    snprintf(out, size, "nothing: it is the number of tokens that a sequence holds");
    break;
  case RESQ_FORMAL_CONSTANT:
    snprintf(out, size, "an integer constant");
    break;
  case RESQ_FORMAL_CONSTANT_F32:
    snprintf(out, size, "a constant of f32");
    break;
  }
  return out;
}
