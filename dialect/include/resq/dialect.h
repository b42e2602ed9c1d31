//===-- resq/dialect.h - the resq dialect from C --------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_DIALECT_H
#define RESQ_DIALECT_H

#include "kernels/layout/kv_kinds.h"
#include "kernels/layout/quant_codes.h"
#include "mlir-c/IR.h"
#include "mlir-c/BuiltinAttributes.h"
#include "mlir-c/BuiltinTypes.h"
#include "mlir-c/Support.h"
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Of the text and the bytecode of modules. 2: a packed type says its pack group, a folded weight its
/// basis.
#define RESQ_DIALECT_VERSION 2

MLIR_DECLARE_CAPI_DIALECT_REGISTRATION(Resq, resq);

//===-- Types and attributes ----------------------------------------------===//
/// What a !resq.quant says (resq.td).
typedef struct resq_quant {
  resq_codebook codebook;
  int64_t group; ///< elements that share a scale
  bool zero;     ///< with zero points
  resq_layout layout;
  resq_packing packing; ///< zeros where the layout is not a packed one
} resq_quant;

bool resqTypeIsQuant(MlirType type);
/// Null after an error, here and below.
MlirType resqQuantTypeGet(MlirContext ctx, const resq_quant *quant);
resq_quant resqQuantTypeRead(MlirType type);
/// Integers with zero points, row by row: what an activation becomes.
MlirType resqQuantTypeGetAsymmetric(MlirContext ctx, unsigned bits, int64_t group);
/// Codes without zero points, row by row.
MlirType resqQuantTypeGetSymmetric(MlirContext ctx, resq_codebook codebook, int64_t group);
/// The codes of a type in row layout, packed for an activation in groups of `pack_group`.
MlirType resqQuantTypePack(MlirType type, int64_t pack_group);
unsigned resqQuantTypeGetBits(MlirType type);
int64_t resqQuantTypeGetGroup(MlirType type);
bool resqQuantTypeGetZero(MlirType type);
resq_code_kind resqQuantTypeGetKind(MlirType type);
bool resqQuantTypeIsE4M3(MlirType type);
bool resqQuantTypeIsPacked(MlirType type);
resq_packing resqQuantTypeGetPacking(MlirType type);
/// Bytes of a packed [n, k] tensor of quantized elements with its scales; -1 where it has no such form: where it is not
/// packed, its pack group or its group does not divide k, or it has more than 2^40 elements.
int64_t resqPackedTensorBytes(MlirType tensor);

bool resqTypeIsPanel(MlirType type);
MlirType resqPanelTypeGet(MlirType element);
MlirType resqPanelTypeGetElement(MlirType type);

bool resqAttrIsKvCode(MlirAttribute attr);
/// One function for each kind of cache code; kv_float is of kind f32 or f16. Null after an error.
MlirAttribute resqKvFloatAttrGet(MlirContext ctx, resq_kv_kind kind);
MlirAttribute resqKvIntAttrGet(MlirContext ctx, unsigned bits, unsigned high);
MlirAttribute resqKvLmAttrGet(MlirContext ctx, unsigned bits, unsigned high);
MlirAttribute resqKvQjlAttrGet(MlirContext ctx, unsigned rows, unsigned high);
MlirAttribute resqKvQjlGroupsAttrGet(MlirContext ctx, unsigned rows, unsigned outliers,
                                     unsigned outlier_rows, unsigned buffer, unsigned window);
resq_kv_kind resqKvCodeAttrGetKind(MlirAttribute attr);
/// Parameters of a code; 0 where its kind has no such parameter.
unsigned resqKvCodeAttrGetBits(MlirAttribute attr);
unsigned resqKvCodeAttrGetHigh(MlirAttribute attr);
unsigned resqKvCodeAttrGetRows(MlirAttribute attr);
unsigned resqKvCodeAttrGetOutliers(MlirAttribute attr);
unsigned resqKvCodeAttrGetOutlierRows(MlirAttribute attr);
unsigned resqKvCodeAttrGetBuffer(MlirAttribute attr);
unsigned resqKvCodeAttrGetWindow(MlirAttribute attr);

//===-- Shared facts ------------------------------------------------------===//
/// The word for a kind: "f32", "qjl_groups".
const char *resqKvKindName(resq_kv_kind kind);
/// True of codes by signs, which take a sketch.
bool resqKvCodeHasSketch(MlirAttribute code);
/// Bytes of one head vector of head_size elements in a cache, scales and zero points included.
int64_t resqKvCodeBytes(MlirAttribute code, int64_t head_size);
/// Bytes of a head besides those, a sequence: its window of exact keys.
int64_t resqKvCodeWindowBytes(MlirAttribute code, int64_t head_size);
/// Those of a resq.kv_cache: bytes of a token, and of a sequence besides its tokens.
int64_t resqKvCacheTokenBytes(MlirOperation cache);
int64_t resqKvCacheSequenceBytes(MlirOperation cache);
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
