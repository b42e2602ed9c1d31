//===-- fake_program.h - a language model in forty lines of C -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Entries as the compiler emits them, written by hand: @forward stores each token in
// the cache and gives, for each logit row, a function of all tokens before it. Wrong
// chunking, tickets, barriers or row lists change the numbers.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TESTS_FAKE_PROGRAM_H
#define RESQ_TESTS_FAKE_PROGRAM_H

#include "resq/abi.h"
#include <stddef.h>

enum { fake_vocabulary = 300, fake_small = 4, fake_large = 16, fake_site = 3 };

/// Rows of each call, written by thread 0.
static int64_t fake_log[64];
static int fake_calls;

static void fake_forward(resq_worker *w) {
  resq_call *c = w->call;
  const int32_t *tokens = c->args[0], *positions = c->args[1], *sequences = c->args[2],
                *logit_rows = c->args[3];
  float *logits = c->args[4];
  int64_t rows = c->rows[0], n_logits = c->rows[3];
  int32_t *cache = (int32_t *)(void *)c->caches[0];
  int32_t *workspace = (int32_t *)(void *)c->workspace;
  if (resq_barrier(w) && w->index == 0) {
    fake_log[fake_calls++ % 64] = rows;
    if (c->observe)
      c->observe(c->observe_user, fake_site, (const float *)(const void *)workspace, rows, 1, 1);
  }
  if (resq_barrier(w)) {
    for (int64_t r; (r = resq_next_chunk(w, 0)) < rows;) {
      w->scratch[RESQ_SCRATCH_BYTES - 1] = 1; // all of it is there
      workspace[r] = tokens[r] + 1;
    }
    resq_op_done(w, 0);
  }
  if (resq_barrier(w)) {
    for (int64_t r; (r = resq_next_chunk(w, 1)) < rows;)
      cache[sequences[r] * c->capacity + positions[r]] = workspace[r];
    resq_op_done(w, 1);
  }
  if (!resq_barrier(w))
    return;
  for (int64_t i; (i = resq_next_chunk(w, 2)) < n_logits;) {
    int32_t r = logit_rows[i];
    uint32_t hash = 0;
    for (int32_t p = 0; p <= positions[r]; ++p)
      hash = hash * 31 + (uint32_t)cache[sequences[r] * c->capacity + p];
    for (int v = 0; v < fake_vocabulary; ++v)
      logits[i * fake_vocabulary + v] = (float)((hash * 2654435761u + (uint32_t)v * 40503u) >> 20);
  }
  resq_op_done(w, 2);
}

/// @double: y = 2 x, [rows, 3].
static void fake_double(resq_worker *w) {
  const float *x = w->call->args[0];
  float *y = w->call->args[1];
  if (!resq_barrier(w))
    return;
  if (w->index == 0)
    fake_log[fake_calls++ % 64] = w->call->rows[0];
  for (int64_t r; (r = resq_next_chunk(w, 0)) < w->call->rows[0];)
    for (int i = 0; i < 3; ++i)
      y[r * 3 + i] = 2 * x[r * 3 + i];
  resq_op_done(w, 0);
}

static const resq_index_rule fake_token_rules[] = {{RESQ_RULE_BELOW, 0, fake_vocabulary}};
static const resq_index_rule fake_position_rules[] = {{RESQ_RULE_POSITION, 0, 0}};
static const resq_index_rule fake_sequence_rules[] = {{RESQ_RULE_SEQUENCE, 0, 0}};
static const resq_index_rule fake_row_rules[] = {{RESQ_RULE_ROW, 0, 0}};
static const resq_arg fake_forward_args[] = {
    {"tokens", RESQ_I32, 0, -1, 0, 0, 1, fake_token_rules},
    {"positions", RESQ_I32, 0, -1, 0, 0, 1, fake_position_rules},
    {"sequences", RESQ_I32, 0, -1, 0, 0, 1, fake_sequence_rules},
    {"logit_rows", RESQ_I32, 0, -1, 0, 3, 1, fake_row_rules},
    {"logits", RESQ_F32, 1, -1, fake_vocabulary, 3, 0, NULL},
};
static const resq_cache_use fake_uses[] = {{0, 1, 2, 1}, {0, 1, 2, 0}};
static const resq_arg fake_double_args[] = {{"x", RESQ_F32, 0, -1, 3, 0, 0, NULL},
                                            {"y", RESQ_F32, 1, -1, 3, 0, 0, NULL}};
static const char *const fake_forward_ops[] = {"embed: gather 300x1", "l0.k: kv_append",
                                               "l1.k: kv_append"};
static const char *const fake_double_ops[] = {"double"};
static const resq_entry fake_entries[] = {
    // Not sorted: the run time does that.
    {"forward", "generic", fake_forward, fake_large, 4096, 5, 3, fake_forward_args,
     fake_forward_ops, NULL, fake_uses, 2},
    {"double", "generic", fake_double, 8, 0, 2, 1, fake_double_args, fake_double_ops, NULL, NULL,
     0},
    {"forward", "generic", fake_forward, fake_small, 4096, 5, 3, fake_forward_args,
     fake_forward_ops, NULL, fake_uses, 2},
};
static const resq_cache fake_caches[] = {{"l0", 4, 0, -1, 32.0}};
static const char *const fake_sites[] = {"a", "b", "c", "d"};
static const resq_program fake_program = {
    .abi_version = RESQ_ABI_VERSION,
    .n_entries = 3,
    .n_caches = 1,
    .n_sites = 4,
    .entries = fake_entries,
    .caches = fake_caches,
    .sites = fake_sites,
    .scheme = "fake",
    .context_length = 100,
};

#endif // RESQ_TESTS_FAKE_PROGRAM_H
