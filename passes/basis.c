//===-- basis.c -----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "passes/basis.h"

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

static MlirType square(const resq_builder *b, const resq_basis *basis, bool blocked) {
  int64_t shape[] = {basis->blocks, basis->size, basis->size};
  return resq_tensor(mlirF64TypeGet(b->ctx), blocked ? 3 : 2, blocked ? shape : shape + 1);
}

static MlirValue random_part(const resq_builder *b, const resq_basis *basis) {
  int64_t sizes[] = {basis->size - basis->high, basis->high};
  MlirNamedAttribute attrs[] = {
      resq_attr(b->ctx, "sizes", mlirDenseI64ArrayGet(b->ctx, basis->high ? 2 : 1, sizes)),
      resq_attr_i64(b->ctx, "seed", basis->seed)};
  return resq_build_value(b, "resq.random_orthogonal", 0, NULL, square(b, basis, false), 2, attrs);
}

/// The sum over sites, each divided by its trace when asked.
static MlirValue summed_moments(const resq_builder *b, const resq_basis *basis) {
  MlirType type = square(b, basis, basis->blocks > 0);
  MlirValue sum = {NULL};
  for (intptr_t i = 0; i < basis->n_sites; i++) {
    MlirNamedAttribute site = resq_attr_str(b->ctx, "site", basis->sites[i]);
    MlirValue m = resq_build_value(b, "resq.moment", 0, NULL, type, 1, &site);
    if (basis->normalize)
      m = resq_make_unary(b, "resq.normalize_trace", m, type);
    MlirValue both[] = {sum, m};
    sum = i ? resq_build_value(b, "resq.add", 2, both, type, 0, NULL) : m;
  }
  return sum;
}

static MlirValue make_basis(const resq_builder *b, void *user) {
  const resq_basis *basis = user;
  if (basis->kind == RESQ_BASIS_RANDOM)
    return random_part(b, basis);
  if (basis->kind == RESQ_BASIS_HADAMARD) {
    MlirNamedAttribute attrs[] = {resq_attr_i64(b->ctx, "seed", basis->seed),
                                  resq_attr_unit(b->ctx, "or_orthogonal")};
    return resq_build_value(b, "resq.hadamard_matrix", 0, NULL, square(b, basis, false), 2, attrs);
  }
  MlirValue moment = summed_moments(b, basis);
  bool blocked = basis->blocks > 0;
  if (blocked && basis->sum_blocks) {
    moment = resq_make_unary(b, "resq.sum_blocks", moment, square(b, basis, false));
    blocked = false;
  }
  MlirValue vectors = resq_make_unary(b, "resq.eigenbasis", moment, square(b, basis, blocked));
  return resq_make_matmul(b, vectors, random_part(b, basis));
}

MlirOperation resq_basis_param(MlirOperation module, MlirOperation anchor, const char *name,
                               const resq_basis *basis) {
  return resq_new_param(module, anchor, name, make_basis, (void *)basis);
}
