//===-- calibration_text.c ------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sampling costs a decode step a token, which reads all weights and caches: it runs on a program of
// 8 bits throughout, cache and head too, rounded to nearest behind random rotations, which needs no
// calibration itself; side by side for as many windows as a step holds. Only the tokens are kept;
// the exact program reads them afterwards, a window a call (calibrate.c).
//===----------------------------------------------------------------------===//
#include "lowering/calibration_text.h"

#include "base/file.h"
#include "lowering/materialize/parallel.h"
#include "lowering/pipeline.h"
#include "lowering/probe.h"
#include "text/sampler.h"

#include <stdlib.h>
#include <string.h>

enum {
  WINDOW = RESQ_CALIBRATION_WINDOW,
  BATCH = 16, ///< windows side by side
};

#define ROTATE "resq-split{basis=hadamard rotate-only=true},"
#define CACHE "resq-kv{keys=int8 values=int8},"
#define HADAMARD "resq-fold-rotations,resq-insert-hadamard,"
#define CODES                                                                                      \
  "resq-quantize{weights=8 activations=8 head=8 weights-method=rtn steps=1},"                      \
  "resq-fuse,resq-pack{head=f16}"

/// In order of preference: a width without a Hadamard matrix refuses the first, and nothing the
/// second, whose text is a little further from the model's own.
static const char *const pipelines[] = {"resq-fold-norm," ROTATE CACHE HADAMARD CODES,
                                        "resq-fold-norm," CACHE CODES};
enum { N_PIPELINES = sizeof pipelines / sizeof *pipelines };

void resq_windows_free(resq_windows *w) {
  free(w->ids);
  *w = (resq_windows){NULL, 0};
}

//===-- A file ------------------------------------------------------------===//

bool resq_windows_read(resq_windows *out, const resq_tokenizer *tokenizer, const char *path,
                       int64_t most, resq_error *err) {
  *out = (resq_windows){NULL, 0};
  resq_map map;
  if (!resq_map_open(&map, path, err))
    return false;
  int64_t count = 0;
  bool ok = resq_tokenizer_encode(tokenizer, (resq_text){(const char *)map.data, map.size}, false,
                                  &out->ids, &count, err);
  resq_map_close(&map);
  if (ok && count < WINDOW)
    ok = resq_fail(err, RESQ_BAD_INPUT, "%s: %lld tokens, calibration needs at least %d", path,
                   (long long)count, WINDOW);
  if (!ok) {
    resq_windows_free(out);
    return false;
  }
  out->count = count / WINDOW < most ? count / WINDOW : most;
  return true;
}

//===-- Sampling ----------------------------------------------------------===//

/// Windows [first, first + count) on their way.
typedef struct batch {
  resq_windows *windows;
  int64_t first, count;
  int64_t step; ///< tokens that each has
  int64_t vocabulary;
  float *logits; ///< [count][vocabulary]
  resq_sampler *samplers[BATCH];
  resq_error errors[BATCH];
  bool failed[BATCH];
} batch;

static int32_t *token_of(const batch *b, int64_t i, int64_t step) {
  return b->windows->ids + (b->first + i) * WINDOW + step;
}

/// A task a window: samplers share nothing.
static void draw(void *user, int64_t i) {
  batch *b = user;
  int32_t token = resq_sampler_next(b->samplers[i], b->logits + i * b->vocabulary, b->vocabulary,
                                    &b->errors[i]);
  *token_of(b, i, b->step) = token;
  b->failed[i] = token < 0;
}

static bool draw_all(batch *b, int threads, resq_error *err) {
  resq_parallel(threads, b->count, draw, b);
  for (int64_t i = 0; i < b->count; ++i)
    if (b->failed[i]) {
      *err = b->errors[i];
      return false;
    }
  return true;
}

/// The logits behind the last token of each window.
static bool forward(const batch *b, resq_session *session, resq_error *err) {
  int32_t tokens[BATCH], positions[BATCH], sequences[BATCH];
  for (int64_t i = 0; i < b->count; ++i) {
    tokens[i] = *token_of(b, i, b->step - 1);
    positions[i] = (int32_t)(b->step - 1);
    sequences[i] = (int32_t)i;
  }
  resq_message why;
  return resq_session_forward(session, tokens, positions, sequences, b->count, sequences, b->count,
                              b->logits, &why) ||
         resq_fail(err, RESQ_FAILED, "sampling of text: %s", why.text);
}

static bool start_samplers(batch *b, int64_t seed, resq_error *err) {
  for (int64_t i = 0; i < b->count; ++i) {
    resq_sampler_options options = resq_sampler_defaults();
    options.temperature = 1;
    options.repeat_window = 0;
    options.seed = (uint64_t)(seed + b->first + i + 1);
    if (!(b->samplers[i] = resq_sampler_create(&options, err)))
      return false;
  }
  return true;
}

static bool sample_batch(batch *b, resq_session *session, int32_t first_token,
                         const resq_sampling *how, resq_stages *stages, resq_error *err) {
  bool ok = start_samplers(b, how->seed, err);
  for (int64_t i = 0; i < b->count; ++i)
    *token_of(b, i, 0) = first_token;
  for (b->step = 1; ok && b->step < WINDOW; ++b->step) {
    resq_stage_progress(stages, b->first * WINDOW + b->step * b->count, how->windows * WINDOW,
                        "text sampled from the model");
    ok = forward(b, session, err) && draw_all(b, how->threads, err);
  }
  for (int64_t i = 0; i < b->count; ++i) {
    resq_sampler_destroy(b->samplers[i]);
    b->samplers[i] = NULL;
  }
  return ok;
}

static bool sample_all(resq_windows *out, resq_session *session, int32_t first_token,
                       const resq_sampling *how, resq_stages *stages, resq_error *err) {
  batch b = {.windows = out, .vocabulary = resq_session_vocabulary(session)};
  b.logits = malloc(sizeof *b.logits * (size_t)(BATCH * b.vocabulary));
  bool ok = b.logits || resq_fail(err, RESQ_NO_MEMORY, "no memory for logits");
  for (b.first = 0; ok && b.first < how->windows; b.first += BATCH) {
    b.count = how->windows - b.first < BATCH ? how->windows - b.first : BATCH;
    ok = sample_batch(&b, session, first_token, how, stages, err);
  }
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
                                .capacity = WINDOW,
                                .threads = how->threads};
  int32_t bos = resq_tokenizer_bos(tokenizer);
  bool ok = !mlirModuleIsNull(module) &&
            resq_probe_open(&probe, module, &options, work, stages, err) &&
            sample_all(out, probe.session, bos >= 0 ? bos : 0, how, stages, err);
  resq_probe_close(&probe);
  if (!mlirModuleIsNull(module))
    mlirModuleDestroy(module);
  if (!ok)
    resq_windows_free(out);
  return ok;
}
