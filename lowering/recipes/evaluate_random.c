//===-- evaluate_random.c -------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Matrices that come from a seed.
//===----------------------------------------------------------------------===//
#include "evaluate.h"
#include "lowering/numeric/linalg.h"

#include "base/philox.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void drop(resq_value **out) {
  resq_value_release(*out);
  *out = NULL;
}

static bool create_square(const resq_node *node, const char *what, resq_value **out,
                          resq_error *err) {
  if (node->info.rank != 2 || node->info.rows != node->info.width ||
      node->info.kind != RESQ_ELEMENT_FLOAT)
    return resq_fail(err, RESQ_BAD_INPUT, "%s makes a square matrix of f64", what);
  if (!resq_new_value(node, RESQ_VALUE_F64, node->info.rows, out, err))
    return false;
  memset((*out)->data, 0, (size_t)(node->info.rows * node->info.width) * sizeof(double));
  return true;
}

//===-- Hadamard ----------------------------------------------------------===//

static void fill_hadamard(double *out, int64_t ld, const int8_t *signs, int64_t order, int64_t n,
                          const double *row_signs) {
  int64_t span = n / order;
  double unit = 1.0 / sqrt((double)n);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j) {
      int sign = signs[i / span * order + j / span];
      if (__builtin_parityll((unsigned long long)(i % span & j % span)))
        sign = -sign;
      out[i * ld + j] = sign * row_signs[i] * unit;
    }
}

/// diag(row_signs) H_n, of a known order.
static bool make_hadamard(double *out, int64_t ld, int64_t n, const double *row_signs,
                          resq_error *err) {
  int64_t order = resqHadamardOrder(n);
  int8_t *signs = malloc((size_t)(order * order));
  if (!signs)
    return resq_fail(err, RESQ_NO_MEMORY, "no memory for a Hadamard matrix of %lld",
                     (long long)order);
  resqHadamardSigns(order, signs);
  fill_hadamard(out, ld, signs, order, n, row_signs);
  free(signs);
  return true;
}

bool resq_evaluate_hadamard_matrix(const resq_rule_call *call, resq_value **out, resq_error *err) {
  const resq_node *node = call->node;
  if (!create_square(node, "resq.hadamard_matrix", out, err))
    return false;
  int64_t n = node->info.width, order = resqHadamardOrder(n);
  uint64_t seed = (uint64_t)resqHadamardMatrixOpGetSeed(node->op);
  bool ok;
  if (order == 0 && !resqHadamardMatrixOpGetOrOrthogonal(node->op)) {
    ok = resq_fail(err, RESQ_BAD_INPUT, "no Hadamard matrix of order %lld is known", (long long)n);
  } else if (order == 0) {
    ok = resq_haar(resq_f64(*out), n, n, seed, 0, err);
  } else {
    double *row_signs = malloc((size_t)n * sizeof *row_signs);
    ok = row_signs || resq_out_of_memory(err, &node->info);
    if (ok) {
      resq_random_signs(row_signs, n, seed);
      ok = make_hadamard(resq_f64(*out), n, n, row_signs, err);
    }
    free(row_signs);
  }
  if (!ok)
    drop(out);
  return ok;
}

//===-- Blocks ------------------------------------------------------------===//

/// One diagonal block of `size`, at row and column `at` of *whole.
typedef struct block {
  double *data; ///< its first entry
  int64_t ld, size, at;
  uint64_t first; ///< element of the normal stream that it begins with
} block;

typedef bool (*make_block)(const resq_node *node, const block *b, uint64_t seed, resq_error *err);

/// What the two ops of random blocks say.
typedef struct random_blocks {
  const char *name;
  const int64_t *sizes;
  intptr_t n;
  int64_t seed;
} random_blocks;

/// Blocks take their normals from one stream, one after another; each starts at an even place.
static bool make_blocks(const resq_node *node, const random_blocks *blocks, make_block make,
                        resq_value **out, resq_error *err) {
  if (!create_square(node, blocks->name, out, err))
    return false;
  int64_t n = node->info.width;
  block b = {.ld = n};
  bool ok = true;
  for (intptr_t i = 0; ok && i < blocks->n; ++i) {
    b.size = blocks->sizes[i];
    ok = b.size >= 0 && b.size <= n - b.at;
    if (!ok)
      break;
    b.data = resq_f64(*out) + b.at * n + b.at;
    if (!make(node, &b, (uint64_t)blocks->seed, err)) {
      drop(out);
      return false;
    }
    b.first += (uint64_t)(b.size * b.size + 1) / 2 * 2;
    b.at += b.size;
  }
  if (ok && b.at == n)
    return true;
  drop(out);
  return resq_fail(err, RESQ_BAD_INPUT, "%s: sizes must sum to %lld", blocks->name, (long long)n);
}

static bool haar_block(const resq_node *node, const block *b, uint64_t seed, resq_error *err) {
  (void)node;
  return resq_haar(b->data, b->ld, b->size, seed, b->first, err);
}

bool resq_evaluate_random_orthogonal(const resq_rule_call *call, resq_value **out,
                                     resq_error *err) {
  const resq_node *node = call->node;
  const random_blocks blocks = {RESQ_OP_RANDOM_ORTHOGONAL, resqRandomOrthogonalOpGetSizes(node->op),
                                resqRandomOrthogonalOpGetNumSizes(node->op),
                                resqRandomOrthogonalOpGetSeed(node->op)};
  return make_blocks(node, &blocks, haar_block, out, err);
}

static bool hadamard_block(const resq_node *node, const block *b, uint64_t seed, resq_error *err) {
  if (!resqHadamardOrder(b->size))
    return haar_block(node, b, seed, err);
  // Signs belong to rows of the whole matrix: no two blocks share them.
  double *signs = malloc((size_t)(b->at + b->size) * sizeof *signs);
  if (!signs)
    return resq_out_of_memory(err, &node->info);
  resq_random_signs(signs, b->at + b->size, seed);
  bool ok = make_hadamard(b->data, b->ld, b->size, signs + b->at, err);
  free(signs);
  return ok;
}

static bool gaussian_block(const resq_node *node, const block *b, uint64_t seed, resq_error *err) {
  (void)err;
  double unit = 1.0 / sqrt((double)b->size);
  for (int64_t i = 0; i < b->size; ++i)
    for (int64_t j = 0; j < b->size; ++j)
      b->data[i * b->ld + j] =
          unit * resq_philox_normal(seed, (uint64_t)((b->at + i) * node->info.width + b->at + j));
  return true;
}

static bool bernoulli_block(const resq_node *node, const block *b, uint64_t seed, resq_error *err) {
  (void)err;
  double unit = 1.0 / sqrt((double)b->size);
  for (int64_t i = 0; i < b->size; ++i)
    for (int64_t j = 0; j < b->size; ++j) {
      uint32_t words[4];
      resq_philox(seed, (uint64_t)((b->at + i) * node->info.width + b->at + j), words);
      b->data[i * b->ld + j] = words[0] & 1 ? -unit : unit;
    }
  return true;
}

bool resq_evaluate_random_matrix(const resq_rule_call *call, resq_value **out, resq_error *err) {
  const resq_node *node = call->node;
  static const make_block makers[] = {[RESQ_RANDOM_KIND_HADAMARD] = hadamard_block,
                                      [RESQ_RANDOM_KIND_GAUSSIAN] = gaussian_block,
                                      [RESQ_RANDOM_KIND_BERNOULLI] = bernoulli_block};
  const random_blocks blocks = {RESQ_OP_RANDOM_MATRIX, resqRandomMatrixOpGetSizes(node->op),
                                resqRandomMatrixOpGetNumSizes(node->op),
                                resqRandomMatrixOpGetSeed(node->op)};
  return make_blocks(node, &blocks, makers[resqRandomMatrixOpGetKind(node->op)], out, err);
}

//===-- Sketches ----------------------------------------------------------===//

bool resq_evaluate_sketch_matrix(const resq_rule_call *call, resq_value **out, resq_error *err) {
  const resq_node *node = call->node;
  if (!resq_new_value(node, RESQ_VALUE_F64, node->info.rows, out, err))
    return false;
  if (resq_sketch(resq_f64(*out), node->info.rows, node->info.width,
                  (uint64_t)resqSketchMatrixOpGetSeed(node->op),
                  resqSketchMatrixOpGetGaussian(node->op), err))
    return true;
  drop(out);
  return false;
}
