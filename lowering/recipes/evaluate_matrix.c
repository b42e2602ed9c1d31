//===-- evaluate_matrix.c -------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops on whole matrices, in f64 where they compute.
//===----------------------------------------------------------------------===//
#include "evaluate.h"
#include "lowering/numeric/linalg.h"
#include "lowering/numeric/moment.h"
#include "lowering/support/parallel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/// Extent `back` dimensions before the last; 1 beyond the first.
static int64_t extent(const resq_tensor_info *info, int back) {
  return back < info->rank ? info->shape[info->rank - 1 - back] : 1;
}

/// A writable f64 copy of a float operand.
static bool copy_f64(const resq_node *node, resq_value *from, resq_value **out, resq_error *err) {
  if (!resq_value_is_float(from) || from->rows != node->info.rows ||
      from->width != node->info.width)
    return resq_bad_shapes(node, err);
  resq_value *wide = resq_value_convert(from, RESQ_VALUE_F64);
  // Two references when nothing was converted: then it is not ours to write.
  *out = wide ? (wide == from ? NULL : resq_value_retain(wide)) : NULL;
  if (wide && !*out) {
    *out = resq_value_create(RESQ_VALUE_F64, from->rows, from->width);
    if (*out)
      memcpy((*out)->data, wide->data, (size_t)(from->rows * from->width) * sizeof(double));
  }
  resq_value_release(wide);
  return *out || resq_out_of_memory(err, &node->info);
}

bool resq_evaluate_normalize_trace(const resq_rule_call *call, resq_value **out, resq_error *err) {
  const resq_node *node = call->node;
  resq_value *const *operands = call->operands;
  int64_t n = node->info.width;
  if (node->info.rows % n != 0)
    return resq_bad_shapes(node, err);
  if (!copy_f64(node, operands[0], out, err))
    return false;
  for (int64_t m = 0; m < node->info.rows / n; ++m) {
    double *matrix = resq_f64(*out) + m * n * n, trace = 0;
    if (!resq_moment_trace(matrix, n, "resq.normalize_trace", &trace, err)) {
      resq_value_release(*out);
      *out = NULL;
      return false;
    }
    if (trace == 0) // zeros stay zeros: this input has no say
      continue;
    for (int64_t i = 0; i < n * n; ++i)
      matrix[i] /= trace;
  }
  return true;
}

/// Neighbours are summed: all blocks to one, or each group of them.
bool resq_evaluate_sum_blocks(const resq_rule_call *call, resq_value **out, resq_error *err) {
  resq_evaluator *e = call->e;
  const resq_node *node = call->node;
  resq_value *const *operands = call->operands;
  const resq_tensor_info *from = resq_operand_info(e, node, 0);
  int64_t n = node->info.width, block = n * n, groups = n ? node->info.rows / n : 0;
  if (from->width != n || groups < 1 || node->info.rows % n != 0 ||
      from->rows % node->info.rows != 0 || !resq_value_is_float(operands[0]))
    return resq_bad_shapes(node, err);
  int64_t size = from->rows / node->info.rows; // blocks of a group
  resq_value *x = resq_value_convert(operands[0], RESQ_VALUE_F64);
  bool ok = x && resq_new_value(node, RESQ_VALUE_F64, node->info.rows, out, err);
  if (!x)
    resq_out_of_memory(err, from);
  for (int64_t g = 0; ok && g < groups; ++g) {
    double *sum = resq_f64(*out) + g * block;
    const double *in = resq_f64(x) + g * size * block;
    memcpy(sum, in, (size_t)block * sizeof(double));
    for (int64_t b = 1; b < size; ++b)
      for (int64_t i = 0; i < block; ++i)
        sum[i] += in[b * block + i];
  }
  resq_value_release(x);
  return ok;
}

//===-- Order -------------------------------------------------------------===//

typedef struct channel {
  double key;
  int32_t index;
} channel;

/// Ascending; equal keys by index, so that any sort gives the one order.
static int compare_channels(const void *a, const void *b) {
  const channel *x = a, *y = b;
  if (x->key != y->key)
    return x->key < y->key ? -1 : 1;
  return x->index < y->index ? -1 : x->index > y->index;
}

bool resq_evaluate_diagonal_order(const resq_rule_call *call, resq_value **out, resq_error *err) {
  const resq_node *node = call->node;
  resq_value *const *operands = call->operands;
  int64_t n = node->info.width;
  if (operands[0]->rows != n || operands[0]->width != n || !resq_value_is_float(operands[0]))
    return resq_bad_shapes(node, err);
  resq_value *x = resq_value_convert(operands[0], RESQ_VALUE_F64);
  channel *channels = malloc((size_t)n * sizeof *channels);
  bool ok = (x && channels) || resq_out_of_memory(err, &node->info);
  ok = ok && resq_new_value(node, RESQ_VALUE_I32, 1, out, err);
  if (ok) {
    for (int64_t i = 0; i < n; ++i)
      channels[i] = (channel){resq_f64(x)[i * n + i], (int32_t)i};
    qsort(channels, (size_t)n, sizeof *channels, compare_channels);
    for (int64_t i = 0; i < n; ++i)
      resq_i32(*out)[i] = channels[i].index;
  }
  free(channels);
  resq_value_release(x);
  return ok;
}

//===-- Eigenvectors ------------------------------------------------------===//

typedef struct eigen_job {
  double *matrices;
  int64_t n;
  bool failed;
  resq_error first; ///< of the failed matrix of least index
  int64_t failed_at;
  char lock;
} eigen_job;

static void eigen_task(void *opaque, int64_t task) {
  eigen_job *job = opaque;
  resq_error err = {0};
  if (resq_eigenbasis(job->matrices + task * job->n * job->n, NULL, job->n, &err))
    return;
  while (__atomic_test_and_set(&job->lock, __ATOMIC_ACQUIRE))
    ;
  if (!job->failed || task < job->failed_at) {
    job->failed = true;
    job->failed_at = task;
    job->first = err;
  }
  __atomic_clear(&job->lock, __ATOMIC_RELEASE);
}

bool resq_evaluate_eigenbasis(const resq_rule_call *call, resq_value **out, resq_error *err) {
  resq_evaluator *e = call->e;
  const resq_node *node = call->node;
  resq_value *const *operands = call->operands;
  int64_t n = node->info.width;
  if (node->info.rows % n != 0)
    return resq_bad_shapes(node, err);
  if (!copy_f64(node, operands[0], out, err))
    return false;
  eigen_job job = {.matrices = resq_f64(*out), .n = n};
  resq_parallel(e->threads, node->info.rows / n, eigen_task, &job);
  if (!job.failed)
    return true;
  resq_value_release(*out);
  *out = NULL;
  return resq_fail(err, job.first.code, "matrix %lld: %s", (long long)job.failed_at,
                   job.first.message);
}

//===-- Balanced bases and inverses ---------------------------------------===//

bool resq_evaluate_balanced_basis(const resq_rule_call *call, resq_value **out, resq_error *err) {
  const resq_node *node = call->node;
  resq_value *const *operands = call->operands;
  int64_t n = node->info.width;
  resq_value *other = operands[RESQ_BALANCED_BASIS_QUERIES];
  if (node->info.rows % n != 0 || !resq_value_is_float(other) || other->rows != node->info.rows ||
      other->width != n)
    return resq_bad_shapes(node, err);
  resq_value *keys = NULL, *queries = resq_value_convert(other, RESQ_VALUE_F64);
  bool ok = queries ? copy_f64(node, operands[RESQ_BALANCED_BASIS_KEYS], &keys, err)
                    : resq_out_of_memory(err, &node->info);
  ok = ok && resq_new_value(node, RESQ_VALUE_F64, node->info.rows, out, err);
  for (int64_t i = 0; ok && i < node->info.rows / n; ++i) {
    resq_error why = {0};
    ok = resq_balanced_basis(resq_f64(keys) + i * n * n, resq_f64(queries) + i * n * n,
                             resq_f64(*out) + i * n * n, n, &why) ||
         resq_fail(err, why.code, "matrix %lld: %s", (long long)i, why.message);
  }
  if (!ok && *out) {
    resq_value_release(*out);
    *out = NULL;
  }
  resq_value_release(keys);
  resq_value_release(queries);
  return ok;
}

bool resq_evaluate_inverse_transpose(const resq_rule_call *call, resq_value **out,
                                     resq_error *err) {
  const resq_node *node = call->node;
  resq_value *const *operands = call->operands;
  int64_t n = node->info.width;
  if (node->info.rows % n != 0)
    return resq_bad_shapes(node, err);
  if (!copy_f64(node, operands[0], out, err))
    return false;
  for (int64_t i = 0; i < node->info.rows / n; ++i) {
    resq_error why = {0};
    if (resq_inverse_transpose(resq_f64(*out) + i * n * n, n, &why))
      continue;
    resq_value_release(*out);
    *out = NULL;
    return resq_fail(err, why.code, "matrix %lld: %s", (long long)i, why.message);
  }
  return true;
}

//===-- Products ----------------------------------------------------------===//

static bool multiply(resq_evaluator *e, const resq_node *node, const resq_value *a,
                     const resq_value *b, resq_value *y, resq_error *err) {
  const resq_tensor_info *ia = resq_operand_info(e, node, 0), *ib = resq_operand_info(e, node, 1);
  int64_t m = extent(ia, 1), k = extent(ia, 0), n = extent(ib, 0);
  int64_t batch_a = ia->rows / m, batch_b = ib->rows / extent(ib, 1);
  int64_t batch = batch_a > batch_b ? batch_a : batch_b;
  if (extent(ib, 1) != k || (batch_a != batch && batch_a != 1) ||
      (batch_b != batch && batch_b != 1) || node->info.rows != batch * m || node->info.width != n)
    return resq_bad_shapes(node, err);
  for (int64_t i = 0; i < batch; ++i)
    resq_matmul_f64(e->threads, resq_f64(a) + (batch_a > 1 ? i * m * k : 0), k,
                    resq_f64(b) + (batch_b > 1 ? i * k * n : 0), n, false, resq_f64(y) + i * m * n,
                    n, m, n, k);
  return true;
}

bool resq_evaluate_matmul(const resq_rule_call *call, resq_value **out, resq_error *err) {
  resq_evaluator *e = call->e;
  const resq_node *node = call->node;
  resq_value *const *operands = call->operands;
  if (!resq_value_is_float(operands[0]) || !resq_value_is_float(operands[1]))
    return resq_bad_shapes(node, err);
  resq_value *a = resq_value_convert(operands[0], RESQ_VALUE_F64);
  resq_value *b = resq_value_convert(operands[1], RESQ_VALUE_F64);
  bool ok = a && b;
  if (!ok)
    resq_out_of_memory(err, &node->info);
  ok = ok && resq_new_value(node, RESQ_VALUE_F64, node->info.rows, out, err);
  if (ok && !multiply(e, node, a, b, *out, err)) {
    resq_value_release(*out);
    *out = NULL;
    ok = false;
  }
  resq_value_release(a);
  resq_value_release(b);
  return ok;
}

bool resq_evaluate_kron(const resq_rule_call *call, resq_value **out, resq_error *err) {
  resq_evaluator *e = call->e;
  const resq_node *node = call->node;
  resq_value *const *operands = call->operands;
  const resq_tensor_info *ia = resq_operand_info(e, node, 0), *ib = resq_operand_info(e, node, 1);
  if (!resq_value_is_float(operands[0]) || !resq_value_is_float(operands[1]) ||
      node->info.rows != ia->rows * ib->rows || node->info.width != ia->width * ib->width)
    return resq_bad_shapes(node, err);
  resq_value *a = resq_value_convert(operands[0], RESQ_VALUE_F64);
  resq_value *b = resq_value_convert(operands[1], RESQ_VALUE_F64);
  bool ok = a && b;
  if (!ok)
    resq_out_of_memory(err, &node->info);
  ok = ok && resq_new_value(node, RESQ_VALUE_F64, node->info.rows, out, err);
  for (int64_t r = 0; ok && r < node->info.rows; ++r)
    for (int64_t c = 0; c < node->info.width; ++c)
      resq_f64(*out)[r * node->info.width + c] =
          resq_f64(a)[r / ib->rows * ia->width + c / ib->width] *
          resq_f64(b)[r % ib->rows * ib->width + c % ib->width];
  resq_value_release(a);
  resq_value_release(b);
  return ok;
}

//===-- Movement ----------------------------------------------------------===//

/// out [n, m] = in [m, n] transposed, by squares that stay in the cache.
#define TRANSPOSE(T, out, in, m, n)                                                                \
  do {                                                                                             \
    enum { SQUARE = 32 };                                                                          \
    for (int64_t i = 0; i < (m); i += SQUARE)                                                      \
      for (int64_t j = 0; j < (n); j += SQUARE)                                                    \
        for (int64_t r = i; r < (m) && r < i + SQUARE; ++r)                                        \
          for (int64_t c = j; c < (n) && c < j + SQUARE; ++c)                                      \
            ((T *)(out))[c * (m) + r] = ((const T *)(in))[r * (n) + c];                            \
  } while (0)

bool resq_evaluate_transpose(const resq_rule_call *call, resq_value **out, resq_error *err) {
  resq_evaluator *e = call->e;
  const resq_node *node = call->node;
  resq_value *const *operands = call->operands;
  const resq_tensor_info *from = resq_operand_info(e, node, 0);
  int64_t m = extent(from, 1), n = from->width;
  if (from->rank < 2 || node->info.width != m || node->info.rows * m != from->rows * n ||
      extent(&node->info, 1) != n || operands[0]->kind == RESQ_VALUE_QUANT)
    return resq_bad_shapes(node, err);
  *out = resq_value_create(operands[0]->kind, node->info.rows, node->info.width);
  if (!*out)
    return resq_out_of_memory(err, &node->info);
  int64_t element = resq_value_element_size(operands[0]->kind);
  for (int64_t b = 0; b < from->rows / m; ++b) {
    char *y = (char *)(*out)->data + b * m * n * element;
    const char *x = (const char *)operands[0]->data + b * m * n * element;
    if (element == 8)
      TRANSPOSE(double, y, x, m, n);
    else
      TRANSPOSE(float, y, x, m, n);
  }
  return true;
}

bool resq_evaluate_deinterleave(const resq_rule_call *call, resq_value **out, resq_error *err) {
  const resq_node *node = call->node;
  resq_value *const *operands = call->operands;
  // A vector's elements move as the rows of a matrix would.
  bool is_vector = node->info.rank == 1;
  int64_t rows = is_vector ? node->info.width : node->info.rows;
  int64_t width = is_vector ? 1 : node->info.width, heads = resqDeinterleaveOpGetHeads(node->op);
  const resq_value *x = operands[0];
  if (heads < 1 || rows % (2 * heads) != 0 || x->rows != node->info.rows ||
      x->width != node->info.width || x->kind == RESQ_VALUE_QUANT)
    return resq_bad_shapes(node, err);
  *out = resq_value_create(x->kind, node->info.rows, node->info.width);
  if (!*out)
    return resq_out_of_memory(err, &node->info);
  int64_t size = rows / heads, half = size / 2;
  int64_t bytes = width * resq_value_element_size(x->kind);
  for (int64_t r = 0; r < rows; ++r) {
    int64_t i = r % size, old = r - i + (i < half ? 2 * i : 2 * (i - half) + 1);
    memcpy((char *)(*out)->data + r * bytes, (const char *)x->data + old * bytes, (size_t)bytes);
  }
  return true;
}
