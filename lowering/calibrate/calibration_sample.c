//===-- calibration_sample.c ----------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sampling costs a decode step a token, which reads all weights and caches: it runs on a program of
// 8 bits throughout, cache and head too, rounded to nearest behind random rotations, which needs no
// calibration itself; side by side for as many windows as a step holds. Keys are turned too: a model
// with key biases (Qwen2.5) has channels so large that 8 bits of a whole head leave the others little.
// Only the tokens are kept; the exact program reads them afterwards, a window a sequence (calibrate.c).
//===----------------------------------------------------------------------===//
#include "calibration_documents.h"
#include "calibration_text.h"
#include "lowering/support/parallel.h"
#include "passes/pipeline.h"
#include "probe.h"

#include <stdlib.h>

enum {
  WINDOW = RESQ_CALIBRATION_WINDOW,
  BATCH = 16, ///< windows side by side
};

#define ROTATE "resq-split{basis=hadamard rotate-only=true},"
#define CACHE_TURNED "resq-kv{keys=int8:basis=hadamard values=int8},"
#define CACHE "resq-kv{keys=int8 values=int8},"
#define HADAMARD "resq-fold-rotations,resq-insert-hadamard,"
#define CODES                                                                                      \
  "resq-quantize{weights=8 activations=8 head=8 weights-method=rtn steps=1},"                      \
  "resq-fuse,resq-pack{head=f16}"

/// In order of preference: a head size without a Hadamard matrix refuses the first, a width without
/// one the second, and nothing the last, whose text is a little further from the model's own.
static const char *const pipelines[] = {"resq-fold-norm," ROTATE CACHE_TURNED HADAMARD CODES,
                                        "resq-fold-norm," ROTATE CACHE HADAMARD CODES,
                                        "resq-fold-norm," CACHE CODES};
enum { N_PIPELINES = sizeof pipelines / sizeof *pipelines };

/// Windows [first, first + count) on their way.
typedef struct batch {
  int32_t *ids; ///< [count][WINDOW]
  int64_t count, step;
  int64_t vocabulary;
  float *logits; ///< [count][vocabulary], behind the step before
  resq_document_window windows[BATCH];
  resq_error errors[BATCH];
} batch;

/// A task a window.
static void next(void *user, int64_t i) {
  batch *b = user;
  b->ids[i * WINDOW + b->step] = resq_document_window_next(
      &b->windows[i], b->logits + i * b->vocabulary, b->vocabulary, &b->errors[i]);
}

static bool next_all(batch *b, int threads, resq_error *err) {
  resq_parallel(threads, b->count, next, b);
  for (int64_t i = 0; i < b->count; ++i)
    if (b->ids[i * WINDOW + b->step] < 0) {
      *err = b->errors[i];
      return false;
    }
  return true;
}

/// The logits behind the last token of each window. A document begins at position 0 again, over what
/// the cache holds of the one before.
static bool forward(const batch *b, resq_session *session, resq_error *err) {
  int32_t tokens[BATCH], positions[BATCH], sequences[BATCH];
  for (int64_t i = 0; i < b->count; ++i) {
    tokens[i] = b->ids[i * WINDOW + b->step];
    positions[i] = resq_document_window_position(&b->windows[i]);
    sequences[i] = (int32_t)i;
  }
  resq_message why;
  return resq_session_forward(session, tokens, positions, sequences, b->count, sequences, b->count,
                              b->logits, &why) ||
         resq_fail(err, (resq_code)why.code, "sampling of text: %s", why.text);
}

static bool sample_batch(batch *b, int64_t first, const resq_opening_tokens *openings,
                         const resq_tokenizer *tokenizer, resq_session *session,
                         const resq_sampling *how, resq_stages *stages, resq_error *err) {
  bool ok = true;
  for (int64_t i = 0; ok && i < b->count; ++i)
    ok = resq_document_window_begin(&b->windows[i], openings, tokenizer, how->seed, first + i, err);
  for (b->step = 0; ok && b->step < WINDOW; ++b->step) {
    resq_stage_progress(stages, first * WINDOW + b->step * b->count, how->windows * WINDOW,
                        "text sampled from the model");
    ok = next_all(b, how->threads, err) && (b->step == WINDOW - 1 || forward(b, session, err));
  }
  for (int64_t i = 0; i < BATCH; ++i)
    resq_document_window_end(&b->windows[i]);
  return ok;
}

static bool sample_all(resq_windows *out, resq_session *session, const resq_tokenizer *tokenizer,
                       const resq_sampling *how, resq_stages *stages, resq_error *err) {
  resq_opening_tokens openings;
  batch b = {.vocabulary = resq_session_vocabulary(session)};
  b.logits = malloc((size_t)(BATCH * b.vocabulary) * sizeof *b.logits);
  bool ok = resq_opening_tokens_encode(&openings, tokenizer, err) &&
            (b.logits || resq_fail(err, RESQ_NO_MEMORY, "no memory for logits"));
  for (int64_t first = 0; ok && first < how->windows; first += BATCH) {
    b.ids = out->ids + first * WINDOW;
    b.count = how->windows - first < BATCH ? how->windows - first : BATCH;
    ok = sample_batch(&b, first, &openings, tokenizer, session, how, stages, err);
  }
  resq_opening_tokens_free(&openings);
  free(b.logits);
  return ok;
}

/// A quantised copy, packed; null, with an error, where no pipeline takes the model.
static MlirModule sampling_module(MlirModule imported, resq_error *err) {
  MlirOperation op = mlirModuleGetOperation(imported);
  for (int i = 0; i < N_PIPELINES; ++i) {
    MlirModule copy = mlirModuleFromOperation(mlirOperationClone(op));
    if (resq_run_pipeline(copy, pipelines[i], NULL, NULL, err))
      return copy;
    mlirModuleDestroy(copy);
  }
  return (MlirModule){NULL};
}

bool resq_windows_sample(resq_windows *out, MlirModule imported, const resq_tokenizer *tokenizer,
                         const resq_sampling *how, const resq_workdir *work, resq_stages *stages,
                         resq_error *err) {
  *out = (resq_windows){malloc((size_t)(how->windows * WINDOW) * sizeof *out->ids), how->windows};
  if (!out->ids)
    return resq_fail(err, RESQ_NO_MEMORY, "no memory for %lld windows of text",
                     (long long)how->windows);
  MlirModule module = sampling_module(imported, err);
  resq_probe probe = {0};
  resq_probe_options options = {.name = "sampling",
                                .rows = BATCH,
                                .sequences = how->windows < BATCH ? how->windows : BATCH,
                                .capacity = RESQ_DOCUMENT,
                                .threads = how->threads,
                                .checkpoints = how->checkpoints};
  bool ok = !mlirModuleIsNull(module) &&
            resq_probe_open(&probe, module, &options, work, stages, err) &&
            sample_all(out, probe.session, tokenizer, how, stages, err);
  resq_probe_close(&probe);
  if (!mlirModuleIsNull(module))
    mlirModuleDestroy(module);
  if (!ok)
    resq_windows_free(out);
  return ok;
}
