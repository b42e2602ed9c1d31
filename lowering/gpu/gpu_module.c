//===-- gpu_module.c ------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "gpu_module.h"

#include "mlir-c/Dialect/LLVM.h"

#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

/// The address space of a chip's global memory: on a CPU there is one alone.
static int address_space(const resq_gpu_target *chip) { return chip->target.emulated ? 0 : 1; }

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

bool resq_gpu_has_symbol(MlirOperation gpu_module, const char *name) {
  for (MlirOperation op = mlirBlockGetFirstOperation(body_of(gpu_module)); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op))
    if (resq_str_eq(resq_symbol_name(op), name))
      return true;
  return false;
}

void resq_gpu_add_symbol(MlirOperation gpu_module, const char *op, const char *name,
                         MlirRegion region, intptr_t n, const MlirNamedAttribute *attrs) {
  MlirOperationState state =
      mlirOperationStateGet(resq_str(op), mlirOperationGetLocation(gpu_module));
  MlirNamedAttribute symbol = resq_attr_symbol_name(mlirOperationGetContext(gpu_module), name);
  mlirOperationStateAddAttributes(&state, 1, &symbol);
  mlirOperationStateAddAttributes(&state, n, attrs);
  mlirOperationStateAddOwnedRegions(&state, 1, &region);
  mlirBlockAppendOwnedOperation(body_of(gpu_module), mlirOperationCreate(&state));
}

MlirOperation resq_gpu_add_function(MlirOperation after, MlirLocation loc, const char *name,
                                    bool is_private) {
  MlirContext ctx = mlirOperationGetContext(after);
  const MlirNamedAttribute attrs[] = {
      resq_attr_symbol_name(ctx, name),
      resq_attr(ctx, "function_type", mlirTypeAttrGet(mlirFunctionTypeGet(ctx, 0, NULL, 0, NULL))),
      resq_attr_str(ctx, "sym_visibility", "private"),
  };
  MlirOperationState state = mlirOperationStateGet(resq_str("func.func"), loc);
  mlirOperationStateAddAttributes(&state, is_private ? 3 : 2, attrs);
  MlirRegion region = mlirRegionCreate();
  mlirRegionAppendOwnedBlock(region, mlirBlockCreate(0, NULL, NULL));
  mlirOperationStateAddOwnedRegions(&state, 1, &region);
  MlirOperation function = mlirOperationCreate(&state);
  mlirBlockInsertOwnedOperationAfter(mlirOperationGetBlock(after), after, function);
  return function;
}

//===-- Constant arrays ---------------------------------------------------===//

void resq_gpu_name_table(const resq_actual *a, char *out) {
  const int64_t n = mlirElementsAttrGetNumElements(a->table);
  const unsigned bits =
      mlirTypeIsAF32(mlirShapedTypeGetElementType(mlirAttributeGetType(a->table)))
          ? 32
          : mlirIntegerTypeGetWidth(mlirShapedTypeGetElementType(mlirAttributeGetType(a->table)));
  const bool is_splat = mlirDenseElementsAttrIsSplat(a->table);
  const XXH64_hash_t hash =
      XXH3_64bits_withSeed(mlirDenseElementsAttrGetRawData(a->table),
                           (size_t)(is_splat ? 1 : n) * bits / 8, (XXH64_hash_t)n);
  snprintf(out, RESQ_TABLE_NAME, "%.40s_%016" PRIx64, a->prefix, (uint64_t)hash);
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
  resq_gpu_add_symbol(gpu_module, "llvm.mlir.global", name, mlirRegionCreate(),
                      sizeof attrs / sizeof *attrs, attrs);
}

MlirValue resq_gpu_build_table(const resq_builder *b, MlirOperation gpu_module,
                               const resq_gpu_target *chip, const resq_actual *a) {
  const int space = address_space(chip);
  char name[RESQ_TABLE_NAME];
  resq_gpu_name_table(a, name);
  if (!resq_gpu_has_symbol(gpu_module, name))
    make_table(gpu_module, a, space, name);
  MlirNamedAttribute symbol = resq_attr_sym(b->ctx, "global_name", name);
  MlirValue at = resq_build_value(b, "llvm.mlir.addressof", 0, NULL,
                                  mlirLLVMPointerTypeGet(b->ctx, (unsigned)space), 1, &symbol);
  if (space == 0)
    return at;
  return resq_build_value(b, "llvm.addrspacecast", 1, &at, mlirLLVMPointerTypeGet(b->ctx, 0), 0,
                          NULL);
}
