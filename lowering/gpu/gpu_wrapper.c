//===-- gpu_wrapper.c -----------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "gpu_wrapper.h"

#include "dialect/memory.h"
#include "mlir-c/Dialect/LLVM.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/// The address space of a chip's global memory: on a CPU there is one alone.
static int address_space(const resq_gpu_target *chip) { return chip->target.emulated ? 0 : 1; }

bool resq_gpu_is_inside(const resq_actual *a) {
  return resq_actual_is_constant(a) || a->kind == RESQ_ACTUAL_NULL || a->kind == RESQ_ACTUAL_TABLE;
}

//===-- The gpu.module ----------------------------------------------------===//

MlirOperation resq_gpu_module(MlirOperation module, const resq_gpu_target *chip) {
  MlirOperation found = resq_symbol(module, resq_str(chip->target.name));
  if (!mlirOperationIsNull(found))
    return found;
  MlirOperationState state =
      mlirOperationStateGet(resq_str("gpu.module"), mlirOperationGetLocation(module));
  MlirNamedAttribute name =
      resq_attr_symbol_name(mlirOperationGetContext(module), chip->target.name);
  mlirOperationStateAddAttributes(&state, 1, &name);
  MlirRegion region = mlirRegionCreate();
  mlirRegionAppendOwnedBlock(region, mlirBlockCreate(0, NULL, NULL));
  mlirOperationStateAddOwnedRegions(&state, 1, &region);
  MlirOperation made = mlirOperationCreate(&state);
  mlirBlockInsertOwnedOperation(mlirModuleGetBody(mlirModuleFromOperation(module)), 0, made);
  return made;
}

static MlirBlock body_of(MlirOperation gpu_module) {
  return mlirRegionGetFirstBlock(mlirOperationGetRegion(gpu_module, 0));
}

static bool has_symbol(MlirOperation gpu_module, const char *name) {
  for (MlirOperation op = mlirBlockGetFirstOperation(body_of(gpu_module)); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op))
    if (resq_str_eq(resq_symbol_name(op), name))
      return true;
  return false;
}

/// A function or a global in the gpu.module; a null body declares.
static void add_symbol(MlirOperation gpu_module, const char *op, const char *name, MlirBlock body,
                       intptr_t n, const MlirNamedAttribute *attrs) {
  MlirOperationState state =
      mlirOperationStateGet(resq_str(op), mlirOperationGetLocation(gpu_module));
  MlirNamedAttribute symbol = resq_attr_symbol_name(mlirOperationGetContext(gpu_module), name);
  mlirOperationStateAddAttributes(&state, 1, &symbol);
  mlirOperationStateAddAttributes(&state, n, attrs);
  MlirRegion region = mlirRegionCreate();
  if (!mlirBlockIsNull(body))
    mlirRegionAppendOwnedBlock(region, body);
  mlirOperationStateAddOwnedRegions(&state, 1, &region);
  mlirBlockAppendOwnedOperation(body_of(gpu_module), mlirOperationCreate(&state));
}

//===-- Constant arrays ---------------------------------------------------===//

enum { TABLE_NAME = 80 };

/// "inv_freq_0123456789abcdef": of equal arrays the same.
static void name_table(const resq_actual *a, char *out) {
  const int64_t n = mlirElementsAttrGetNumElements(a->table);
  const unsigned bits =
      mlirTypeIsAF32(mlirShapedTypeGetElementType(mlirAttributeGetType(a->table)))
          ? 32
          : mlirIntegerTypeGetWidth(mlirShapedTypeGetElementType(mlirAttributeGetType(a->table)));
  const bool is_splat = mlirDenseElementsAttrIsSplat(a->table);
  const XXH64_hash_t hash =
      XXH3_64bits_withSeed(mlirDenseElementsAttrGetRawData(a->table),
                           (size_t)(is_splat ? 1 : n) * bits / 8, (XXH64_hash_t)n);
  snprintf(out, TABLE_NAME, "%.40s_%016" PRIx64, a->prefix, (uint64_t)hash);
}

static void make_table(MlirOperation gpu_module, const resq_actual *a, int space,
                       const char *name) {
  MlirContext ctx = mlirOperationGetContext(gpu_module);
  MlirType tensor = mlirAttributeGetType(a->table);
  MlirType array = mlirLLVMArrayTypeGet(mlirShapedTypeGetElementType(tensor),
                                        (unsigned)mlirShapedTypeGetDimSize(tensor, 0));
  const MlirNamedAttribute attrs[] = {
      resq_attr(ctx, "global_type", mlirTypeAttrGet(array)),
      resq_attr(ctx, "linkage", mlirLLVMLinkageAttrGet(ctx, MlirLLVMLinkageInternal)),
      resq_attr_unit(ctx, "constant"),
      resq_attr(ctx, "value", a->table),
      resq_attr_i64(ctx, "alignment", RESQ_ALIGNMENT),
      resq_attr(ctx, "addr_space", mlirIntegerAttrGet(mlirIntegerTypeGet(ctx, 32), space)),
  };
  add_symbol(gpu_module, "llvm.mlir.global", name, (MlirBlock){NULL}, sizeof attrs / sizeof *attrs,
             attrs);
}

/// A pointer that kernels can have: what they get from launches has no address space of its own.
static MlirValue build_table(const resq_builder *b, MlirOperation gpu_module, int space,
                             const resq_actual *a) {
  char name[TABLE_NAME];
  name_table(a, name);
  if (!has_symbol(gpu_module, name))
    make_table(gpu_module, a, space, name);
  MlirNamedAttribute symbol = resq_attr_sym(b->ctx, "global_name", name);
  MlirValue at = resq_build_value(b, "llvm.mlir.addressof", 0, NULL,
                                  mlirLLVMPointerTypeGet(b->ctx, (unsigned)space), 1, &symbol);
  if (space == 0)
    return at;
  return resq_build_value(b, "llvm.addrspacecast", 1, &at, mlirLLVMPointerTypeGet(b->ctx, 0), 0,
                          NULL);
}

//===-- Wrappers ----------------------------------------------------------===//

/// The arguments of a microkernel: those of kernels.def, the plan's variant and the scratch memory.
enum { MOST = RESQ_MAX_FORMALS + 2 };

static void declare_kernel(const resq_kernel_call *k, MlirOperation gpu_module, const char *name) {
  if (has_symbol(gpu_module, name))
    return;
  MlirContext ctx = k->frame->ctx;
  MlirType types[MOST];
  intptr_t n = 0;
  for (int i = 0; i < k->kernel->n_formals; i++)
    types[n++] = resq_formal_type(ctx, &k->kernel->formals[i]);
  types[n++] = mlirIntegerTypeGet(ctx, 64);
  types[n++] = mlirLLVMPointerTypeGet(ctx, 0);
  const MlirNamedAttribute attrs[] = {
      resq_attr(ctx, "function_type", mlirTypeAttrGet(mlirFunctionTypeGet(ctx, n, types, 0, NULL))),
      resq_attr_str(ctx, "sym_visibility", "private"),
  };
  add_symbol(gpu_module, "func.func", name, (MlirBlock){NULL}, 2, attrs);
}

static MlirValue build_inside(const resq_builder *b, MlirOperation gpu_module, int space,
                              const resq_actual *a) {
  if (a->kind == RESQ_ACTUAL_NULL)
    return resq_build_null(b);
  if (a->kind == RESQ_ACTUAL_TABLE)
    return build_table(b, gpu_module, space, a);
  return resq_build_constant(b, a);
}

static void make_wrapper(const resq_kernel_call *k, const resq_gpu_target *chip,
                         const resq_gpu_plan *plan, MlirOperation gpu_module, const char *name) {
  const resq_frame *f = k->frame;
  char kernel[96];
  snprintf(kernel, sizeof kernel, "%s_%s", k->kernel->name, f->level);
  declare_kernel(k, gpu_module, kernel);
  MlirType types[MOST], pointer = mlirLLVMPointerTypeGet(f->ctx, 0);
  MlirLocation loc = mlirOperationGetLocation(f->source), locs[MOST];
  intptr_t n = 0;
  for (int i = 0; i < k->kernel->n_formals; i++)
    if (!resq_gpu_is_inside(&k->actuals[i]))
      types[n++] = resq_formal_type(f->ctx, &k->kernel->formals[i]);
  if (plan->scratch_bytes)
    types[n++] = pointer;
  for (intptr_t i = 0; i < n; i++)
    locs[i] = loc;
  MlirBlock body = mlirBlockCreate(n, types, locs);
  resq_builder b = resq_build_at_end(body, loc);
  b.ctx = f->ctx;
  MlirValue args[MOST];
  intptr_t given = 0, next = 0;
  for (int i = 0; i < k->kernel->n_formals; i++)
    args[given++] = resq_gpu_is_inside(&k->actuals[i])
                        ? build_inside(&b, gpu_module, address_space(chip), &k->actuals[i])
                        : mlirBlockGetArgument(body, next++);
  args[given++] = resq_build_i64(&b, plan->variant);
  args[given++] = plan->scratch_bytes ? mlirBlockGetArgument(body, next++) : resq_build_null(&b);
  assert(next == n); // as many arguments are passed on as the wrapper takes
  MlirNamedAttribute callee = resq_attr_sym(f->ctx, "callee", kernel);
  resq_build_op(&b, "func.call", given, args, 0, NULL, 1, &callee);
  resq_build_op(&b, chip->target.emulated ? "func.return" : "gpu.return", 0, NULL, 0, NULL, 0,
                NULL);
  const int32_t block[] = {plan->threads, 1, 1};
  MlirNamedAttribute attrs[] = {
      resq_attr(f->ctx, "function_type",
                mlirTypeAttrGet(mlirFunctionTypeGet(f->ctx, n, types, 0, NULL))),
      resq_attr_unit(f->ctx, "gpu.kernel"),
      resq_attr(f->ctx, "known_block_size", mlirDenseI32ArrayGet(f->ctx, 3, block)),
      resq_attr(f->ctx, "nvvm.minctasm",
                mlirIntegerAttrGet(mlirIntegerTypeGet(f->ctx, 32), plan->blocks_at_once)),
  };
  const intptr_t n_attrs = sizeof attrs / sizeof *attrs - (plan->blocks_at_once ? 0 : 1);
  if (chip->target.emulated)
    add_symbol(gpu_module, "func.func", name, body, 1, attrs);
  else
    add_symbol(gpu_module, "gpu.func", name, body, n_attrs, attrs);
}

enum { NAME = 1024 };

/// Adds what resq_wrapper_name does not say: null pointers, arrays, and what the plan chose. Plans of equal variants
/// have equal blocks.
static void name_wrapper(const resq_kernel_call *k, const resq_gpu_plan *plan, char *out,
                         size_t size) {
  resq_wrapper_name(k, out, size);
  size_t used = strlen(out);
  for (int i = 0; i < k->kernel->n_formals && used < size; i++) {
    char table[TABLE_NAME];
    if (k->actuals[i].kind == RESQ_ACTUAL_NULL) {
      used += (size_t)snprintf(out + used, size - used, "_null%d", i);
    } else if (k->actuals[i].kind == RESQ_ACTUAL_TABLE) {
      name_table(&k->actuals[i], table);
      used += (size_t)snprintf(out + used, size - used, "_%s", table);
    }
  }
  if (plan->variant && used < size)
    used += (size_t)snprintf(out + used, size - used, "_v%" PRId32, plan->variant);
  if (plan->scratch_bytes && used < size)
    used += (size_t)snprintf(out + used, size - used, "_scratch");
  // At most 32 arguments of 21 characters, or of an array's name, of which no kernel has more than one.
  assert(used < size);
}

resq_gpu_wrapper resq_gpu_wrapper_of(const resq_kernel_call *k, const resq_gpu_target *chip,
                                     const resq_gpu_plan *plan, MlirOperation gpu_module) {
  char name[NAME];
  name_wrapper(k, plan, name, sizeof name);
  if (!has_symbol(gpu_module, name))
    make_wrapper(k, chip, plan, gpu_module, name);
  MlirContext ctx = k->frame->ctx;
  MlirAttribute leaf = mlirFlatSymbolRefAttrGet(ctx, resq_str(name));
  return (resq_gpu_wrapper){.symbol =
                                mlirSymbolRefAttrGet(ctx, resq_symbol_name(gpu_module), 1, &leaf),
                            .takes_scratch = plan->scratch_bytes > 0};
}
