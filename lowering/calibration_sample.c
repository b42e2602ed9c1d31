//===-- calibration_sample.c ----------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text of short documents, one behind the other: each begins with an opening, and ends where the
// model ends it or after DOCUMENT tokens. A small model repeats itself sooner or later; a loop that
// fills a window leaves moments of little else.
//
// Sampling costs a decode step a token, which reads all weights and caches: it runs on a program of
// 8 bits throughout, cache and head too, rounded to nearest behind random rotations, which needs no
// calibration itself; side by side for as many windows as a step holds. Only the tokens are kept;
// the exact program reads them afterwards, a window a sequence (calibrate.c).
//===----------------------------------------------------------------------===//
#include "base/philox.h"
#include "lowering/calibration_openings.h"
#include "lowering/calibration_text.h"
#include "lowering/materialize/parallel.h"
#include "lowering/pipeline.h"
#include "lowering/probe.h"
#include "text/sampler.h"

#include <stdlib.h>
#include <string.h>

enum {
  WINDOW = RESQ_CALIBRATION_WINDOW,
  DOCUMENT = 128, ///< most tokens of a document, its opening among them
  BATCH = 16,     ///< windows side by side
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

//===-- Openings ----------------------------------------------------------===//

/// The openings' tokens, each behind the first token of a sequence where the model has one.
typedef struct openings {
  int32_t *ids[RESQ_OPENINGS];
  int64_t counts[RESQ_OPENINGS];
} openings;

static void openings_free(openings *o) {
  for (int i = 0; i < RESQ_OPENINGS; ++i)
    free(o->ids[i]);
}

static bool encode_opening(openings *o, int i, const resq_tokenizer *tokenizer, resq_error *err) {
  resq_text text = {resq_openings[i], strlen(resq_openings[i])};
  int64_t bos = resq_tokenizer_bos(tokenizer), first = bos >= 0, count = 0;
  int32_t *ids = NULL;
  if (!resq_tokenizer_encode(tokenizer, text, false, &ids, &count, err))
    return false;
  // A tokenizer of few merges makes more of it: what is over has no place.
  count = count < DOCUMENT / 2 ? count : DOCUMENT / 2;
  o->ids[i] = malloc((size_t)(first + count + 1) * sizeof *ids);
  if (o->ids[i]) {
    o->ids[i][0] = (int32_t)bos;
    memcpy(o->ids[i] + first, ids, (size_t)count * sizeof *ids);
    o->counts[i] = first + count;
  }
  free(ids);
  return o->ids[i] || resq_fail(err, RESQ_NO_MEMORY, "no memory for the openings of text");
}

static bool openings_encode(openings *o, const resq_tokenizer *tokenizer, resq_error *err) {
  *o = (openings){0};
  bool ok = true;
  for (int i = 0; ok && i < RESQ_OPENINGS; ++i)
    ok = encode_opening(o, i, tokenizer, err);
  return ok;
}

//===-- A window ----------------------------------------------------------===//

/// A window on its way. Windows share nothing that changes.
typedef struct window {
  int32_t *ids;      ///< [WINDOW]
  int64_t start;     ///< step at which the last document began
  int64_t documents; ///< begun so far
  int opening;       ///< of the last document
  uint64_t stream;   ///< of random numbers
  resq_sampler *sampler;
  resq_error error;
  bool failed;
} window;

/// Windows of all seeds have streams of their own; documents count down from a stream's end, the
/// sampler up from its beginning.
static bool window_start(window *w, int32_t *ids, int64_t seed, int64_t number, resq_error *err) {
  uint32_t words[4];
  resq_philox((uint64_t)seed, (uint64_t)number, words);
  *w = (window){.ids = ids, .stream = (uint64_t)words[0] << 32 | words[1]};
  resq_sampler_options options = resq_sampler_defaults();
  options.temperature = 1;
  options.repeat_window = 0;
  options.seed = w->stream;
  w->sampler = resq_sampler_create(&options, err);
  return w->sampler != NULL;
}

static void begin_document(window *w, int64_t step) {
  uint64_t draw = UINT64_MAX - (uint64_t)w->documents++;
  w->start = step;
  w->opening = (int)(resq_philox_uniform(w->stream, draw) * RESQ_OPENINGS);
}

/// The token at `step`: of the opening, or drawn from the logits behind the token before. Where the
/// model ends its document the next one's first token stands.
static void write_token(window *w, int64_t step, const openings *o, const resq_tokenizer *tokenizer,
                        const float *logits, int64_t vocabulary) {
  if (step == 0 || step - w->start == DOCUMENT)
    begin_document(w, step);
  if (step - w->start >= o->counts[w->opening]) {
    int32_t token = resq_sampler_next(w->sampler, logits, vocabulary, &w->error);
    w->failed = token < 0;
    w->ids[step] = token;
    if (w->failed || !resq_tokenizer_is_end(tokenizer, token))
      return;
    begin_document(w, step);
  }
  w->ids[step] = o->ids[w->opening][step - w->start];
}

//===-- Windows side by side ----------------------------------------------===//

typedef struct batch {
  window windows[BATCH];
  int64_t count, step;
  const openings *openings;
  const resq_tokenizer *tokenizer;
  int64_t vocabulary;
  float *logits; ///< [count][vocabulary], of the step before
} batch;

static void write_window(void *user, int64_t i) {
  batch *b = user;
  write_token(&b->windows[i], b->step, b->openings, b->tokenizer, b->logits + i * b->vocabulary,
              b->vocabulary);
}

static bool write_all(batch *b, int threads, resq_error *err) {
  resq_parallel(threads, b->count, write_window, b);
  for (int64_t i = 0; i < b->count; ++i)
    if (b->windows[i].failed) {
      *err = b->windows[i].error;
      return false;
    }
  return true;
}

/// The logits behind the last token of each window. A document begins at position 0, over what is
/// left of the one before.
static bool forward(const batch *b, resq_session *session, resq_error *err) {
  int32_t tokens[BATCH], positions[BATCH], sequences[BATCH];
  for (int64_t i = 0; i < b->count; ++i) {
    tokens[i] = b->windows[i].ids[b->step];
    positions[i] = (int32_t)(b->step - b->windows[i].start);
    sequences[i] = (int32_t)i;
  }
  resq_message why;
  return resq_session_forward(session, tokens, positions, sequences, b->count, sequences, b->count,
                              b->logits, &why) ||
         resq_fail(err, RESQ_FAILED, "sampling of text: %s", why.text);
}

/// Windows [first, first + b->count) of *out.
static bool sample_batch(batch *b, resq_windows *out, int64_t first, resq_session *session,
                         const resq_sampling *how, resq_stages *stages, resq_error *err) {
  bool ok = true;
  for (int64_t i = 0; i < b->count; ++i)
    b->windows[i] = (window){0};
  for (int64_t i = 0; ok && i < b->count; ++i)
    ok = window_start(&b->windows[i], out->ids + (first + i) * WINDOW, how->seed, first + i, err);
  for (b->step = 0; ok && b->step < WINDOW; ++b->step) {
    resq_stage_progress(stages, first * WINDOW + b->step * b->count, how->windows * WINDOW,
                        "text sampled from the model");
    ok = write_all(b, how->threads, err) &&
         (b->step == WINDOW - 1 || forward(b, session, err));
  }
  for (int64_t i = 0; i < b->count; ++i)
    resq_sampler_destroy(b->windows[i].sampler);
  return ok;
}

static bool sample_all(resq_windows *out, resq_session *session, const resq_tokenizer *tokenizer,
                       const resq_sampling *how, resq_stages *stages, resq_error *err) {
  openings texts;
  batch b = {.openings = &texts,
             .tokenizer = tokenizer,
             .vocabulary = resq_session_vocabulary(session)};
  b.logits = calloc((size_t)(BATCH * b.vocabulary), sizeof *b.logits);
  bool ok = openings_encode(&texts, tokenizer, err) &&
            (b.logits || resq_fail(err, RESQ_NO_MEMORY, "no memory for logits"));
  for (int64_t first = 0; ok && first < how->windows; first += BATCH) {
    b.count = how->windows - first < BATCH ? how->windows - first : BATCH;
    ok = sample_batch(&b, out, first, session, how, stages, err);
  }
  openings_free(&texts);
  free(b.logits);
  return ok;
}

//===-- The whole ---------------------------------------------------------===//

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
                                .capacity = DOCUMENT,
                                .threads = how->threads};
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
