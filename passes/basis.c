//===-- basis.c -----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "passes/basis.h"

#include <assert.h>

bool resq_basis_parse(MlirStringRef text, resq_basis_kind *out) {
  if (resq_str_eq(text, "pca"))
    *out = RESQ_BASIS_PCA;
  else if (resq_str_eq(text, "random"))
    *out = RESQ_BASIS_RANDOM;
  else if (resq_str_eq(text, "hadamard"))
    *out = RESQ_BASIS_HADAMARD;
  else
    return false;
  return true;
}

bool resq_rotation_parse(MlirOperation module, const resq_pass *pass, const char *flag,
                         resq_rotation *out) {
  static const char *const names[] = {[RESQ_ROTATION_HAAR] = "haar",
                                      [RESQ_ROTATION_HADAMARD] = "hadamard",
                                      [RESQ_ROTATION_GAUSSIAN] = "gaussian",
                                      [RESQ_ROTATION_BERNOULLI] = "bernoulli"};
  MlirStringRef text = resq_pass_string(pass, "rotation");
  double most = resq_pass_float(pass, "max-departure");
  out->departure = resq_pass_bool(pass, "allow-departure") ? 0 : most;
  if (!(most > 0)) {
    resq_emit_error(module, "%s: max-departure is %g, allowed: more than 0", flag, most);
    return false;
  }
  for (int i = 0; i <= RESQ_ROTATION_BERNOULLI; i++)
    if (resq_str_eq(text, names[i])) {
      out->kind = (resq_rotation_kind)i;
      return true;
    }
  resq_emit_error(module, "%s: rotation is '%.*s', allowed: haar, hadamard, gaussian, bernoulli",
                  flag, (int)text.length, text.data);
  return false;
}

static bool is_orthogonal(const resq_basis *basis) {
  return basis->kind == RESQ_BASIS_HADAMARD ||
         (basis->kind != RESQ_BASIS_BALANCED && (basis->rotation.kind == RESQ_ROTATION_HAAR ||
                                                 basis->rotation.kind == RESQ_ROTATION_HADAMARD));
}

//===-- Recipes -----------------------------------------------------------===//

static MlirType square(const resq_builder *b, const resq_basis *basis, bool blocked) {
  int64_t shape[] = {basis->blocks, basis->size, basis->size};
  return resq_tensor(mlirF64TypeGet(b->ctx), blocked ? 3 : 2, blocked ? shape : shape + 1);
}

static MlirValue random_part(const resq_builder *b, const resq_basis *basis) {
  int64_t sizes[] = {basis->size - basis->high, basis->high};
  const resq_rotation *r = &basis->rotation;
  MlirType type = square(b, basis, false);
  const intptr_t n = basis->high ? 2 : 1;
  if (r->kind == RESQ_ROTATION_HAAR)
    return resqRandomOrthogonalOpBuild(b, n, sizes, basis->seed, type);
  static const resq_random_kind kinds[] = {[RESQ_ROTATION_HADAMARD] = RESQ_RANDOM_KIND_HADAMARD,
                                           [RESQ_ROTATION_GAUSSIAN] = RESQ_RANDOM_KIND_GAUSSIAN,
                                           [RESQ_ROTATION_BERNOULLI] = RESQ_RANDOM_KIND_BERNOULLI};
  MlirValue random = resqRandomMatrixOpBuild(b, n, sizes, kinds[r->kind], basis->seed, type);
  if (r->kind != RESQ_ROTATION_HADAMARD && r->departure > 0)
    resqRandomMatrixOpSetDeparture(resq_defining_op(random), r->departure);
  return random;
}

/// x's shape with another element type.
static MlirType retyped(MlirValue x, MlirType element) {
  MlirType type = mlirValueGetType(x);
  int64_t shape[3];
  assert(mlirShapedTypeGetRank(type) <= 3); // a matrix, or one for each head
  for (intptr_t i = 0; i < mlirShapedTypeGetRank(type); i++)
    shape[i] = mlirShapedTypeGetDimSize(type, i);
  return resq_tensor(element, mlirShapedTypeGetRank(type), shape);
}

/// The sum over sites, each divided by its trace when asked, and over blocks.
static MlirValue summed_moments(const resq_builder *b, const resq_basis *basis) {
  MlirType type = square(b, basis, basis->blocks > 0);
  MlirValue sum = {NULL};
  assert(basis->n_sites > 0); // callers refuse an ordered basis without a site
  for (intptr_t i = 0; i < basis->n_sites; i++) {
    MlirValue m = resqMomentOpBuild(b, basis->sites[i], type);
    if (basis->normalize)
      m = resqNormalizeTraceOpBuild(b, m, type);
    sum = i ? resqAddOpBuild(b, sum, m, type) : m;
  }
  if (basis->blocks > 0 && basis->sum_blocks)
    return resqSumBlocksOpBuild(b, sum, square(b, basis, false));
  return sum;
}

/// The queries' moments, summed over the query heads of a kv head, or over all.
static MlirValue summed_queries(const resq_builder *b, const resq_basis *basis) {
  int64_t shape[] = {basis->query_blocks, basis->size, basis->size};
  MlirValue m = resqMomentOpBuild(b, basis->queries, resq_tensor(mlirF64TypeGet(b->ctx), 3, shape));
  if (basis->sum_blocks)
    return resqSumBlocksOpBuild(b, m, square(b, basis, false));
  if (basis->query_blocks == basis->blocks)
    return m;
  MlirValue sums = resqSumBlocksOpBuild(b, m, square(b, basis, true));
  resqSumBlocksOpSetInto(resq_defining_op(sums), basis->blocks);
  return sums;
}

static MlirValue ordered_part(const resq_builder *b, const resq_basis *basis) {
  MlirValue moment = summed_moments(b, basis);
  MlirType type = mlirValueGetType(moment);
  if (basis->kind == RESQ_BASIS_PCA)
    return resqEigenbasisOpBuild(b, moment, type);
  return resqBalancedBasisOpBuild(b, moment, summed_queries(b, basis), type);
}

static MlirValue make_basis(const resq_builder *b, void *user) {
  const resq_basis *basis = user;
  if (basis->kind == RESQ_BASIS_HADAMARD) {
    MlirValue h = resqHadamardMatrixOpBuild(b, basis->seed, square(b, basis, false));
    resqHadamardMatrixOpSetOrOrthogonal(resq_defining_op(h), true);
    return h;
  }
  bool ordered = basis->kind != RESQ_BASIS_RANDOM;
  MlirValue p = ordered ? ordered_part(b, basis) : (MlirValue){NULL};
  MlirValue m = random_part(b, basis);
  if (ordered)
    m = resq_make_matmul(b, p, m);
  if (is_orthogonal(basis))
    return m;
  return resqCastOpBuild(b, m, retyped(m, mlirF32TypeGet(b->ctx)));
}

static MlirValue make_dual(const resq_builder *b, void *user) {
  MlirOperation *matrix = user;
  MlirValue m = resq_get_param(b, *matrix);
  return resqInverseTransposeOpBuild(b, m, retyped(m, mlirF64TypeGet(b->ctx)));
}

resq_basis_pair resq_basis_params(MlirOperation module, MlirOperation anchor, const char *name,
                                  const char *dual, const resq_basis *basis) {
  MlirOperation matrix = resq_new_param(module, anchor, name, make_basis, (void *)basis);
  if (is_orthogonal(basis))
    return (resq_basis_pair){matrix, matrix};
  return (resq_basis_pair){matrix, resq_new_param(module, anchor, dual, make_dual, &matrix)};
}

//===-- Turning -----------------------------------------------------------===//

static bool is_pair(const resq_basis_pair *basis) {
  return !mlirOperationEqual(basis->matrix, basis->dual);
}

MlirValue resq_turn_to(const resq_builder *b, MlirValue x, const resq_basis_pair *basis) {
  return resq_make_rotate_pair(b, x, resq_get_param(b, basis->matrix), false, is_pair(basis));
}

MlirValue resq_turn_dual(const resq_builder *b, MlirValue w, const resq_basis_pair *basis) {
  return resq_make_rotate_pair(b, w, resq_get_param(b, basis->dual), false, is_pair(basis));
}

MlirValue resq_turn_back(const resq_builder *b, MlirValue y, const resq_basis_pair *basis) {
  return resq_make_rotate_pair(b, y, resq_get_param(b, basis->dual), true, is_pair(basis));
}
