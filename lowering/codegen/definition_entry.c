//===-- definition_entry.c - from the ABI's pointers to memrefs -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The entry point is written as text, which reads like what it does, and parsed. It
// makes a memref of every pointer of the call, calls the function, copies its results.
//===----------------------------------------------------------------------===//
#include "dialect/memory.h"
#include "dialect/text_buffer.h"
#include "definition.h"
#include "passes/generic_argument.h"
#include "resq/abi.h"
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

//===-- Text --------------------------------------------------------------===//

/// @"name", escaped as MLIR's text wants it.
static void print_symbol(FILE *out, const char *name, size_t length) {
  fputs("@\"", out);
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)name[i];
    if (c < 32 || c > 126 || c == '"' || c == '\\')
      fprintf(out, "\\%02X", c);
    else
      fputc(c, out);
  }
  fputc('"', out);
}

static void print_type(FILE *out, MlirType type) { mlirTypePrint(type, resq_text_to_file, out); }

/// %name = the value of type `type` at `offset` bytes from %base.
static void print_load(FILE *out, const char *name, int index, const char *base, size_t offset,
                       const char *type) {
  fprintf(out, "      %%%s%d_at = llvm.getelementptr %%%s[%zu] : (!llvm.ptr) -> !llvm.ptr, i8\n",
          name, index, base, offset);
  fprintf(out, "      %%%s%d = llvm.load %%%s%d_at : !llvm.ptr -> %s\n", name, index, name, index,
          type);
}

/// %<name><index> = memref of `type` at %<name>_p<index>; its dynamic extent, the first, is
/// %<name>_n<index>.
static void print_memref(FILE *out, const char *name, int index, MlirType type) {
  int rank = (int)mlirShapedTypeGetRank(type);
  char structure[128];
  snprintf(structure, sizeof structure,
           "!llvm.struct<(ptr, ptr, i64, array<%d x i64>, array<%d x i64>)>", rank, rank);
  int step = 0;
#define INSERT(value, ...)                                                                         \
  do {                                                                                             \
    fprintf(out, "      %%%s%d_d%d = llvm.insertvalue ", name, index, step + 1);                   \
    fprintf(out, __VA_ARGS__);                                                                     \
    fprintf(out, ", %%%s%d_d%d[%s] : %s\n", name, index, step, value, structure);                  \
    step++;                                                                                        \
  } while (0)
  fprintf(out, "      %%%s%d_d0 = llvm.mlir.poison : %s\n", name, index, structure);
  INSERT("0", "%%%s_p%d", name, index);
  INSERT("1", "%%%s_p%d", name, index);
  INSERT("2", "%%zero");
  int64_t stride = 1;
  for (int d = rank - 1; d >= 0; d--) {
    char at[16];
    bool dynamic = mlirShapedTypeIsDynamicDim(type, d);
    int64_t extent = dynamic ? 0 : mlirShapedTypeGetDimSize(type, d);
    fprintf(out, "      %%%s%d_c%d = llvm.mlir.constant(%" PRId64 " : i64) : i64\n", name, index, d,
            extent);
    fprintf(out, "      %%%s%d_s%d = llvm.mlir.constant(%" PRId64 " : i64) : i64\n", name, index, d,
            stride);
    snprintf(at, sizeof at, "3, %d", d);
    if (dynamic)
      INSERT(at, "%%%s_n%d", name, index);
    else
      INSERT(at, "%%%s%d_c%d", name, index, d);
    snprintf(at, sizeof at, "4, %d", d);
    INSERT(at, "%%%s%d_s%d", name, index, d);
    stride *= extent;
  }
#undef INSERT
  fprintf(out, "      %%%s%d = builtin.unrealized_conversion_cast %%%s%d_d%d : %s to ", name, index,
          name, index, step, structure);
  print_type(out, type);
  fputc('\n', out);
}

/// A memref of the call's argument `place`.
static void print_own(FILE *out, const char *name, int index, intptr_t place, MlirType type) {
  char part[32];
  snprintf(part, sizeof part, "%s_p", name);
  print_load(out, part, index, "args", (size_t)place * sizeof(void *), "!llvm.ptr");
  snprintf(part, sizeof part, "%s_n", name);
  print_load(out, part, index, "rows", (size_t)place * sizeof(int64_t), "i64");
  print_memref(out, name, index, type);
}

static bool print_param(FILE *out, int index, const resq_generic_argument *param, MlirType type,
                        resq_error *err) {
  if (param->offset < 0)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "parameter @%.*s has no offset: materialise the module first",
                     (int)param->name.length, param->name.data);
  fprintf(out,
          "      %%m_p%d = llvm.getelementptr %%params0[%" PRId64
          "] : (!llvm.ptr) -> !llvm.ptr, i8\n",
          index, param->offset);
  print_memref(out, "m", index, type);
  return true;
}

static void print_cache(FILE *out, int index, const resq_generic_argument *cache, MlirType type) {
  print_load(out, "m_p", index, "caches0", (size_t)cache->index * sizeof(void *), "!llvm.ptr");
  fprintf(out, "      %%token%d = llvm.mlir.constant(%" PRId64 " : i64) : i64\n", index,
          cache->token_bytes);
  fprintf(out, "      %%fixed%d = llvm.mlir.constant(%" PRId64 " : i64) : i64\n", index,
          cache->sequence_bytes);
  fprintf(out, "      %%tokens%d = arith.muli %%capacity0, %%token%d : i64\n", index, index);
  fprintf(out, "      %%each%d = arith.addi %%tokens%d, %%fixed%d : i64\n", index, index, index);
  fprintf(out, "      %%m_n%d = arith.muli %%each%d, %%sequences0 : i64\n", index, index);
  print_memref(out, "m", index, type);
}

/// The memref, or number, that argument `index` of the function is.
static bool print_argument(FILE *out, MlirOperation func, int index, MlirType type,
                           resq_error *err) {
  const resq_generic_argument argument = resq_generic_argument_read(func, index);
  switch (argument.kind) {
  case RESQ_GENERIC_OWN:
    print_own(out, "m", index, index, type);
    break;
  case RESQ_GENERIC_PARAM:
    return print_param(out, index, &argument, type, err);
  case RESQ_GENERIC_CACHE:
    print_cache(out, index, &argument, type);
    break;
  case RESQ_GENERIC_CAPACITY:
    fprintf(out, "      %%m%d = arith.index_cast %%capacity0 : i64 to index\n", index);
    break;
  }
  return true;
}

static void print_list(FILE *out, intptr_t n, const char *format) {
  for (intptr_t i = 0; i < n; i++) {
    fputs(i ? ", " : "", out);
    fprintf(out, format, (int)i);
  }
}

static void print_call(FILE *out, MlirStringRef function, MlirType type) {
  intptr_t n_results = mlirFunctionTypeGetNumResults(type);
  fputs("      ", out);
  if (n_results)
    fprintf(out, "%%y:%d = ", (int)n_results);
  fputs("func.call ", out);
  print_symbol(out, function.data, function.length);
  fputc('(', out);
  print_list(out, mlirFunctionTypeGetNumInputs(type), "%%m%d");
  fputs(") : ", out);
  print_type(out, type);
  fputc('\n', out);
}

/// Results are fresh buffers: ownership-based deallocation sees to it.
static void print_results(FILE *out, MlirType type, intptr_t n_own) {
  for (int i = 0; i < mlirFunctionTypeGetNumResults(type); i++) {
    MlirType t = mlirFunctionTypeGetResult(type, i);
    print_own(out, "r", i, n_own + i, t);
    fprintf(out, "      memref.copy %%y#%d, %%r%d : ", i, i);
    print_type(out, t);
    fputs(" to ", out);
    print_type(out, t);
    fprintf(out, "\n      memref.dealloc %%y#%d : ", i);
    print_type(out, t);
    fputc('\n', out);
  }
}

static void print_open(FILE *out, const char *entry) {
  fputs("  func.func ", out);
  print_symbol(out, entry, strlen(entry));
  fputs("(%worker: !llvm.ptr) {\n", out);
  fprintf(out, "    %%none = llvm.mlir.constant(0 : i32) : i32\n");
  fprintf(out, "    %%zero = llvm.mlir.constant(0 : i64) : i64\n");
  print_load(out, "thread", 0, "worker", offsetof(resq_worker, index), "i32");
  fprintf(out,
          "    %%is_first = arith.cmpi eq, %%thread0, %%none : i32\n    scf.if %%is_first {\n");
  print_load(out, "call", 0, "worker", offsetof(resq_worker, call), "!llvm.ptr");
  static const struct {
    const char *name, *type;
    size_t offset;
  } fields[] = {{"params", "!llvm.ptr", offsetof(resq_call, params)},
                {"caches", "!llvm.ptr", offsetof(resq_call, caches)},
                {"capacity", "i64", offsetof(resq_call, capacity)},
                {"sequences", "i64", offsetof(resq_call, sequences)}};
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    print_load(out, fields[i].name, 0, "call0", fields[i].offset, fields[i].type);
  fprintf(out, "      %%args_at = llvm.getelementptr %%call0[%zu] : (!llvm.ptr) -> !llvm.ptr, i8\n",
          offsetof(resq_call, args));
  fprintf(out, "      %%args = llvm.load %%args_at : !llvm.ptr -> !llvm.ptr\n");
  fprintf(out, "      %%rows_at = llvm.getelementptr %%call0[%zu] : (!llvm.ptr) -> !llvm.ptr, i8\n",
          offsetof(resq_call, rows));
  fprintf(out, "      %%rows = llvm.load %%rows_at : !llvm.ptr -> !llvm.ptr\n");
}

/// The whole module text: a declaration of the function, and its entry.
static bool print_entry(FILE *out, MlirOperation func, intptr_t n_own, const char *entry,
                        resq_error *err) {
  MlirStringRef name = resq_symbol_name(func);
  MlirType type = mlirTypeAttrGetValue(resq_op_attr(func, "function_type"));
  fprintf(out, "module {\n");
  print_open(out, entry);
  bool ok = true;
  for (int i = 0; ok && i < mlirFunctionTypeGetNumInputs(type); i++)
    ok = print_argument(out, func, i, mlirFunctionTypeGetInput(type, i), err);
  print_call(out, name, type);
  print_results(out, type, n_own);
  fputs("    }\n    return\n  }\n  func.func private ", out);
  print_symbol(out, name.data, name.length);
  // A function type prints as (A, B) -> C: what a declaration wants.
  print_type(out, type);
  fprintf(out, "\n}\n");
  return ok;
}

MlirOperation resq_definition_entry(MlirOperation func, intptr_t n_own, const char *entry,
                                    resq_error *err) {
  MlirOperation none = {NULL};
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  if (!out) {
    resq_fail(err, RESQ_NO_MEMORY, "out of memory");
    return none;
  }
  bool ok = print_entry(out, func, n_own, entry, err);
  bool whole = !ferror(out);
  if ((fclose(out) != 0 || !whole) && ok)
    ok = resq_fail(err, RESQ_NO_MEMORY, "out of memory");
  if (ok) {
    MlirModule module =
        mlirModuleCreateParse(mlirOperationGetContext(func), mlirStringRefCreate(text, size));
    if (mlirModuleIsNull(module)) {
      resq_fail(err, RESQ_FAILED, "the entry point @%s does not parse", entry);
    } else {
      MlirOperation op = mlirBlockGetFirstOperation(mlirModuleGetBody(module));
      mlirOperationMoveAfter(op, func);
      mlirModuleDestroy(module);
      none = op;
    }
  }
  free(text);
  return none;
}
