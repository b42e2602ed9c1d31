//===-- resq/dialect.h - the resq dialect from C --------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_DIALECT_H
#define RESQ_DIALECT_H

#include "mlir-c/IR.h"
#include "mlir-c/BuiltinAttributes.h"
#include "mlir-c/BuiltinTypes.h"
#include "mlir-c/Support.h"
#include "resq/code_kind.h"
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RESQ_DIALECT_VERSION 1

MLIR_DECLARE_CAPI_DIALECT_REGISTRATION(Resq, resq);

//===-- Types and attributes ----------------------------------------------===//
bool resqTypeIsQuant(MlirType type);
/// Of integers.
MlirType resqQuantTypeGet(MlirContext ctx, unsigned bits, int64_t group, bool zero,
                          MlirStringRef layout);
/// Without zero points: what a kind's codes stand for, times the scale. Kinds but integers have their own bits.
MlirType resqQuantTypeGetSymmetric(MlirContext ctx, resq_code_kind kind, unsigned bits,
                                   int64_t group, MlirStringRef layout);
unsigned resqQuantTypeGetBits(MlirType type);
int64_t resqQuantTypeGetGroup(MlirType type);
bool resqQuantTypeGetZero(MlirType type);
MlirStringRef resqQuantTypeGetLayout(MlirType type);
resq_code_kind resqQuantTypeGetKind(MlirType type);
bool resqQuantTypeIsE4M3(MlirType type);
/// The same codes in another storage order.
MlirType resqQuantTypeWithLayout(MlirType type, MlirStringRef layout);

bool resqTypeIsPanel(MlirType type);
MlirType resqPanelTypeGet(MlirType element);
MlirType resqPanelTypeGetElement(MlirType type);

bool resqAttrIsKvCode(MlirAttribute attr);
MlirAttribute resqKvCodeAttrGet(MlirContext ctx, MlirStringRef kind, unsigned bits, unsigned high,
                                unsigned high_bits, unsigned rows);
MlirStringRef resqKvCodeAttrGetKind(MlirAttribute attr);
unsigned resqKvCodeAttrGetBits(MlirAttribute attr);
unsigned resqKvCodeAttrGetHigh(MlirAttribute attr);
unsigned resqKvCodeAttrGetHighBits(MlirAttribute attr);
unsigned resqKvCodeAttrGetRows(MlirAttribute attr);
/// Of kind "qjl_groups".
MlirAttribute resqKvGroupsAttrGet(MlirContext ctx, unsigned rows, unsigned outliers,
                                  unsigned outlier_rows, unsigned buffer, unsigned window);
unsigned resqKvCodeAttrGetOutliers(MlirAttribute attr);
unsigned resqKvCodeAttrGetOutlierRows(MlirAttribute attr);
unsigned resqKvCodeAttrGetBuffer(MlirAttribute attr);
unsigned resqKvCodeAttrGetWindow(MlirAttribute attr);

//===-- Shared facts ------------------------------------------------------===//
/// The kind of a cache code as definitions and kernels number it: f32, f16, int, lm, qjl, qjl_groups.
int64_t resqKvCodeNumber(MlirAttribute code);
/// True of codes by signs, which take a sketch.
bool resqKvCodeHasSketch(MlirAttribute code);
/// Bytes of one head vector of head_size elements in a cache, scales and zero points included.
int64_t resqKvCodeBytes(MlirAttribute code, int64_t head_size);
/// Bytes of a head besides those, a sequence: its window of exact keys.
int64_t resqKvCodeWindowBytes(MlirAttribute code, int64_t head_size);
/// Rows of one sequence that a call may hold at most, so that the window has what each of them reads.
int64_t resqKvCodeMostRows(MlirAttribute code);
/// The smallest order K (1 or a Paley order) with size / K a power of two and a known Hadamard matrix of order K;
/// 0 when there is none. Paley: K = q + 1 (q prime, 3 mod 4) or 2(q + 1) (q prime, 1 mod 4), K <= 1024.
int64_t resqHadamardOrder(int64_t size);
/// The +-1 matrix of such an order, row-major [K, K] (K = 1: {1}). out has K * K entries.
void resqHadamardSigns(int64_t order, int8_t *out);

/// A context with the resq dialect, every upstream dialect and every resq and upstream pass registered.
/// Threading of MLIR is off: output is the same at any thread count. Destroy with mlirContextDestroy.
MlirContext resqContextCreate(void);

#ifdef __cplusplus
}
#endif
#endif // RESQ_DIALECT_H
