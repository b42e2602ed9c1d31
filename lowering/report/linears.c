//===-- linears.c - noise of one linear -----------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights and codes of all branches are brought side by side, BLOCK rows at a time: the second
// moment of the input knows no branches.
//===----------------------------------------------------------------------===//
#include "lowering/report/collect.h"

#include "lowering/numeric/clip_ratio.h"
#include "lowering/numeric/linalg.h"
#include "lowering/numeric/quantize_weight.h"
#include "lowering/report/measures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = RESQ_TASK_ROWS };

/// Values of one linear; NULL where there are none.
typedef struct measuring {
  resq_collecting *c;
  const resq_linear_recipes *recipes;
  resq_report_linear *l;
  resq_value *weights[RESQ_REPORT_BRANCHES], *codes[RESQ_REPORT_BRANCHES]; ///< f32; codes
  resq_value *moment;                                                      ///< f64
  double *samples, *sample_errors; ///< [l->samples, width]; NULL: none
  double *w, *errors, *product;    ///< [BLOCK, width]
  double *outputs;                 ///< [samples, BLOCK]
  resq_noise output, activation;
} measuring;

static bool no_memory(const measuring *m) {
  return resq_fail(m->c->err, RESQ_NO_MEMORY, "%s: no memory for its report", m->l->name);
}

//===-- Weights -----------------------------------------------------------===//

static float decode(const resq_value *q, int64_t row, int64_t column) {
  float scale = q->scales[row * (q->width / q->group) + column / q->group];
  int8_t code = ((const int8_t *)q->data)[row * q->width + column];
  return scale * resq_weight_value(q->codebook, code);
}

static bool load_weights(measuring *m) {
  for (int i = 0; i < m->l->n_branches; ++i) {
    const resq_branch_recipes *r = &m->recipes->branches[i];
    int32_t codes = resq_report_node(m->c, r->codes);
    if (!(m->codes[i] = resq_report_value(m->c, codes, RESQ_VALUE_F32)) ||
        !(m->weights[i] = resq_report_floats(m->c, r->weight, RESQ_VALUE_F32)))
      return false;
  }
  return true;
}

/// Noise of each branch alone, and of all.
static bool measure_weights(measuring *m) {
  resq_noise all = {0, 0};
  float *coded = malloc((size_t)m->l->width * sizeof *coded);
  if (!coded)
    return no_memory(m);
  for (int i = 0; i < m->l->n_branches; ++i) {
    const resq_value *w = m->weights[i];
    resq_noise one = {0, 0};
    for (int64_t r = 0; r < w->rows; ++r) {
      for (int64_t j = 0; j < w->width; ++j)
        coded[j] = decode(m->codes[i], r, j);
      resq_add_noise(resq_f32(w) + r * w->width, coded, w->width, &one);
    }
    m->l->branches[i].weight_snr = resq_snr(one);
    all.signal += one.signal;
    all.noise += one.noise;
  }
  free(coded);
  m->l->weight_snr = resq_snr(all);
  return true;
}

//===-- Activations -------------------------------------------------------===//

/// The clip ratio of a branch: given, or found.
static bool load_clip(measuring *m, int i) {
  int32_t node = resq_report_node(m->c, m->recipes->branches[i].clip);
  if (node < 0)
    return true;
  resq_value *v = resq_report_value(m->c, node, RESQ_VALUE_F32);
  if (v)
    m->l->branches[i].clip = (double)resq_f32(v)[0];
  resq_value_release(v);
  return v != NULL;
}

/// Samples of branch i and what its quantiser does to them, to columns from `at` on.
static bool place_samples(measuring *m, int i, const resq_value *x, int64_t at) {
  resq_report_branch *b = &m->l->branches[i];
  float *errors = malloc((size_t)b->activation_group * sizeof *errors);
  if (!errors ||
      !resq_measure_outliers(resq_f32(x), x->rows, x->width, b->activation_group, &b->outliers)) {
    free(errors);
    return no_memory(m);
  }
  for (int64_t k = 0; k < x->rows * x->width; k += b->activation_group) {
    const float *group = resq_f32(x) + k;
    if (b->kind == RESQ_CODE_E4M3)
      resq_e4m3_group_errors(group, b->activation_group, errors);
    else
      resq_group_errors(group, b->activation_group, b->activation_bits, (float)b->clip, errors);
    for (int64_t j = 0; j < b->activation_group; ++j) {
      int64_t to = k / x->width * m->l->width + at + k % x->width + j;
      m->samples[to] = (double)group[j];
      m->sample_errors[to] = (double)errors[j];
    }
  }
  free(errors);
  return true;
}

/// False on failure. All branches have samples, or none is of use.
static bool load_samples(measuring *m) {
  int32_t input = resq_report_node(m->c, m->recipes->input);
  bool complete = input >= 0;
  for (int i = 0; i < m->l->n_branches; ++i)
    complete = complete && !mlirOperationIsNull(m->recipes->branches[i].samples);
  if (!complete)
    return true;
  resq_value *x = resq_report_floats(m->c, m->recipes->input, RESQ_VALUE_F32);
  if (!x)
    return false;
  int64_t rows = m->l->samples = x->rows;
  size_t size = (size_t)rows * (size_t)m->l->width * sizeof *m->samples;
  m->samples = malloc(size);
  m->sample_errors = malloc(size);
  m->outputs = malloc((size_t)rows * BLOCK * sizeof *m->outputs);
  bool ok = (m->samples && m->sample_errors && m->outputs &&
             resq_measure_outliers(resq_f32(x), rows, x->width, x->width, &m->l->before)) ||
            no_memory(m);
  resq_value_release(x);
  int64_t at = 0;
  for (int i = 0; ok && i < m->l->n_branches; ++i) {
    x = resq_report_floats(m->c, m->recipes->branches[i].samples, RESQ_VALUE_F32);
    ok = x && place_samples(m, i, x, at);
    at += m->l->branches[i].width;
    resq_value_release(x);
  }
  return ok;
}

//===-- Outputs -----------------------------------------------------------===//

/// w and errors: rows [begin, begin + rows) of all branches side by side.
static void place_weights(measuring *m, int64_t begin, int64_t rows) {
  int64_t at = 0, width = m->l->width;
  for (int i = 0; i < m->l->n_branches; at += m->l->branches[i++].width) {
    const resq_value *w = m->weights[i];
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t j = 0; j < w->width; ++j) {
        double exact = (double)resq_f32(w)[(begin + r) * w->width + j];
        m->w[r * width + at + j] = exact;
        m->errors[r * width + at + j] = exact - (double)decode(m->codes[i], begin + r, j);
      }
  }
}

/// sum of (x W^T)^2 over all samples x and the block's outputs.
static double output_energy(measuring *m, const double *x, int64_t rows) {
  int64_t width = m->l->width;
  resq_matmul_f64(m->c->e.threads, x, width, m->w, width, true, m->outputs, rows, m->l->samples,
                  rows, width);
  double sum = 0;
  for (int64_t i = 0; i < m->l->samples * rows; ++i)
    sum += m->outputs[i] * m->outputs[i];
  return sum;
}

static bool measure_outputs(measuring *m) {
  if (!m->moment && !m->samples)
    return true;
  size_t size = (size_t)BLOCK * (size_t)m->l->width * sizeof *m->w;
  m->w = malloc(size);
  m->errors = malloc(size);
  m->product = malloc(size);
  if (!m->w || !m->errors || !m->product)
    return no_memory(m);
  for (int64_t begin = 0; begin < m->l->rows; begin += BLOCK) {
    int64_t rows = m->l->rows - begin < BLOCK ? m->l->rows - begin : BLOCK;
    place_weights(m, begin, rows);
    if (m->moment)
      resq_add_weighted_noise(m->c->e.threads, m->w, m->errors, resq_f64(m->moment), rows,
                              m->l->width, m->product, &m->output);
    if (m->samples) {
      m->activation.signal += output_energy(m, m->samples, rows);
      m->activation.noise += output_energy(m, m->sample_errors, rows);
    }
  }
  if (m->moment)
    m->l->output_snr = resq_snr(m->output);
  if (m->samples)
    m->l->activation_snr = resq_snr(m->activation);
  return true;
}

static bool load_moment(measuring *m) {
  return mlirOperationIsNull(m->recipes->moment) ||
         (m->moment = resq_report_floats(m->c, m->recipes->moment, RESQ_VALUE_F64));
}

static void release(measuring *m) {
  for (int i = 0; i < RESQ_REPORT_BRANCHES; ++i) {
    resq_value_release(m->weights[i]);
    resq_value_release(m->codes[i]);
  }
  resq_value_release(m->moment);
  free(m->samples);
  free(m->sample_errors);
  free(m->w);
  free(m->errors);
  free(m->product);
  free(m->outputs);
}

bool resq_report_linear_figures(resq_collecting *c, int32_t index) {
  measuring m = {.c = c, .recipes = &c->recipes->linears[index], .l = &c->facts->linears[index]};
  for (int i = 0; i < m.l->n_branches; ++i)
    if (mlirOperationIsNull(m.recipes->branches[i].weight) || !m.l->branches[i].bits)
      return true; // floats, or codes that no known quantiser made
  bool ok = load_weights(&m) && measure_weights(&m);
  for (int i = 0; ok && i < m.l->n_branches; ++i)
    ok = load_clip(&m, i);
  ok = ok && load_moment(&m) && load_samples(&m) && measure_outputs(&m);
  release(&m);
  return ok;
}
