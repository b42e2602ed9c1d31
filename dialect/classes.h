//===-- classes.h - the generated C++ classes of the dialect --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For dialect.cpp, which holds the bodies of the dialect and its ops, and types.cpp, which holds those of
// its types and attributes: the only C++ of the dialect.
//===----------------------------------------------------------------------===//
#ifndef RESQ_DIALECT_CLASSES_H
#define RESQ_DIALECT_CLASSES_H

#ifndef __clang__
// clang-format off
#error "libMLIR.so is built with clang, and g++ names traits otherwise: use clang++-22"
// clang-format on
#endif
#include "mlir/IR/Dialect.h"
#include "dialect/hooks.h"
#include "dialect/ops.h"
#include "mlir/Bytecode/BytecodeImplementation.h"
#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Registration.h"
#include "mlir/CAPI/Support.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "resq/dialect.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"

#include "ResqDialect.h.inc"
#include "ResqEnums.h.inc"
#define GET_TYPEDEF_CLASSES
#include "ResqTypes.h.inc"
#define GET_ATTRDEF_CLASSES
#include "ResqAttrs.h.inc"
#define GET_OP_CLASSES
#include "ResqOps.h.inc"

/// A cache code in the text of an op.
mlir::ParseResult parseKvCode(mlir::OpAsmParser &parser, mlir::Attribute &code);
void printKvCode(mlir::OpAsmPrinter &printer, mlir::Operation *op, mlir::Attribute code);
/// The arguments of a launch: (workspace 64, argument 1 + 4, rows 0, capacity).
mlir::ParseResult parseGpuArgs(mlir::OpAsmParser &parser, mlir::DenseI64ArrayAttr &args);
void printGpuArgs(mlir::OpAsmPrinter &printer, mlir::Operation *op, mlir::DenseI64ArrayAttr args);

#endif // RESQ_DIALECT_CLASSES_H
