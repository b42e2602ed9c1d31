//===-- calibrate.c -------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "calibrate.h"

#include "dialect/ops.h"
#include "dialect/memory.h"
#include "calibration_text.h"
#include "lowering/artifact/module_tokenizer.h"
#include "passes/pipeline.h"
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(RESQ_CALIBRATION_WINDOW % RESQ_STATISTICS_WINDOW == 0,
               "a call brings whole windows of rows: none wait in memory");

//===-- Sites -------------------------------------------------------------===//

typedef struct site_text {
  char *data;
  size_t size;
} site_text;

static void collect_site(MlirOperation op, void *user) {
  site_text *t = user;
  MlirStringRef site = resq_site_name(op);
  // Each once.
  for (const char *at = t->data; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
    if (strcspn(at, ",") == site.length && !memcmp(at, site.data, site.length))
      return;
  t->data = resq_resize(t->data, t->size + site.length + 2, 1);
  if (t->size)
    t->data[t->size++] = ',';
  memcpy(t->data + t->size, site.data, site.length);
  t->size += site.length;
  t->data[t->size] = 0;
}

char *resq_recipe_sites(MlirOperation module) {
  site_text t = {NULL, 0};
  resq_for_each(module, RESQ_OP_MOMENT, collect_site, &t);
  resq_for_each(module, RESQ_OP_SAMPLES, collect_site, &t);
  return t.data ? t.data : resq_copy_text("");
}

//===-- Statistics --------------------------------------------------------===//

typedef struct site_table {
  char **names;
  int64_t *widths, *blocks;
  bool *first;
  int32_t count;
} site_table;

static void describe_site(MlirOperation op, void *user) {
  site_table *t = user;
  MlirStringRef site = resqObserveOpGetSite(op);
  for (int32_t i = 0; i < t->count; i++)
    if (resq_str_eq(site, t->names[i]))
      return;
  t->names = RESQ_GROW(t->names, t->count);
  t->widths = RESQ_GROW(t->widths, t->count);
  t->blocks = RESQ_GROW(t->blocks, t->count);
  t->first = RESQ_GROW(t->first, t->count);
  t->names[t->count] = resq_copy_part(site.data, site.length);
  t->widths[t->count] = resq_width(resqObserveOpGetX(op));
  t->first[t->count] = resqObserveOpGetFirst(op);
  t->blocks[t->count++] = resqObserveOpGetBlock(op);
}

static resq_statistics *make_statistics(MlirOperation module, int64_t windows, int threads,
                                        const resq_workdir *work, resq_error *err) {
  site_table t = {0};
  resq_for_each(module, RESQ_OP_OBSERVE, describe_site, &t);
  resq_statistics_options options = {.samples = RESQ_CALIBRATION_SAMPLES,
                                     .seed = 1,
                                     .threads = threads,
                                     .directory = work->path,
                                     .first = t.first,
                                     .sequence = RESQ_CALIBRATION_WINDOW,
                                     .sequences = windows};
  resq_statistics *s = resq_statistics_create(t.count, (const char *const *)t.names, t.widths,
                                              t.blocks, &options, err);
  for (int32_t i = 0; i < t.count; i++)
    free(t.names[i]);
  free(t.names);
  free(t.widths);
  free(t.blocks);
  free(t.first);
  return s;
}

//===-- Running -----------------------------------------------------------===//

typedef struct observer {
  const resq_probe *probe;
  resq_statistics *statistics;
} observer;

/// Called by the one thread that takes the op's only chunk; no other thread goes past the phase before it returns.
/// Parameters read so far go out of memory with every site, so that what is resident follows a layer.
static void observe(void *user, int32_t site, const float *x, int64_t rows, int64_t width,
                    int64_t ld) {
  (void)width;
  const observer *o = user;
  resq_statistics_add(o->statistics, site, x, rows, ld);
  resq_probe_drop_pages(o->probe);
}

/// Windows of a call, each a sequence. The moments of all sites pass through memory once a call, and
/// stand in a file: more windows a call write less, and need more memory for activations.
enum { WINDOWS_A_CALL = 4, WINDOW = RESQ_CALIBRATION_WINDOW };

/// Every window from position 0; no logits.
static bool run_windows(const resq_probe *probe, const resq_windows *windows,
                        resq_statistics *statistics, const char *what, resq_stages *stages,
                        resq_error *err) {
  int32_t positions[WINDOWS_A_CALL * WINDOW], sequences[WINDOWS_A_CALL * WINDOW];
  for (int32_t i = 0; i < WINDOWS_A_CALL * WINDOW; i++) {
    positions[i] = i % WINDOW;
    sequences[i] = i / WINDOW;
  }
  observer o = {probe, statistics};
  resq_session_observe(probe->session, observe, &o);
  for (int64_t i = 0; i < windows->count; i += WINDOWS_A_CALL) {
    int64_t left = windows->count - i, count = left < WINDOWS_A_CALL ? left : WINDOWS_A_CALL;
    resq_message why;
    resq_stage_progress(stages, i, windows->count, what);
    if (!resq_session_forward(probe->session, windows->ids + i * WINDOW, positions, sequences,
                              count * WINDOW, NULL, 0, NULL, &why))
      return resq_fail(err, (resq_code)why.code, "calibration: %s", why.text);
  }
  return true;
}

/// The instrumented program over the windows. The module is consumed by its compilation.
static resq_statistics *collect(MlirModule module, const resq_windows *windows,
                                const resq_calibration_options *options, const resq_workdir *work,
                                resq_stages *stages, resq_error *err) {
  resq_statistics *statistics =
      make_statistics(mlirModuleGetOperation(module), windows->count, options->threads, work, err);
  if (!statistics)
    return NULL;
  resq_probe probe;
  resq_probe_options how = {.name = "calibration",
                            .rows = WINDOWS_A_CALL * WINDOW,
                            .sequences = WINDOWS_A_CALL,
                            .capacity = WINDOW,
                            .threads = options->threads,
                            .checkpoints = options->checkpoints};
  const char *what = options->text ? options->text : "sampled text";
  bool ok = resq_probe_open(&probe, module, &how, work, stages, err);
  if (ok) {
    ok = run_windows(&probe, windows, statistics, what, stages, err);
    resq_probe_close(&probe);
  }
  if (ok && resq_statistics_finish(statistics, err))
    return statistics;
  resq_statistics_destroy(statistics);
  return NULL;
}

//===-- The whole ---------------------------------------------------------===//

int64_t resq_calibration_windows(const resq_calibration_options *options) {
  return options->windows ? options->windows : options->text ? 64 : 16;
}

static bool instrument(MlirModule module, const char *sites, resq_error *err) {
  static const char format[] =
      "resq-fold-norm,resq-instrument{sites=%s},resq-fuse,resq-pack{weights=f32 head=f32}";
  char *pipeline = resq_print_text(format, sites);
  bool ok = resq_run_pipeline(module, pipeline, NULL, NULL, err);
  free(pipeline);
  return ok;
}

/// The module's tokenizer; NULL on failure. *blob is what it reads from, to be freed after it.
static resq_tokenizer *open_tokenizer(MlirModule module, resq_checkpoints *checkpoints,
                                      uint8_t **blob, resq_error *err) {
  uint64_t size = 0;
  if (!resq_module_tokenizer(mlirModuleGetOperation(module), checkpoints, NULL, blob, &size, err))
    return NULL;
  if (*blob)
    return resq_tokenizer_open(*blob, size, err);
  resq_fail(err, RESQ_BAD_INPUT,
            "the module has no resq.tokenizer, so it cannot be calibrated here: give --statistics");
  return NULL;
}

static bool get_windows(resq_windows *out, MlirModule imported,
                        const resq_calibration_options *options, const resq_workdir *work,
                        resq_stages *stages, resq_error *err) {
  *out = (resq_windows){NULL, 0};
  uint8_t *blob = NULL;
  resq_tokenizer *tokenizer = open_tokenizer(imported, options->checkpoints, &blob, err);
  int64_t count = resq_calibration_windows(options);
  bool ok = tokenizer != NULL;
  if (ok && options->text) {
    ok = resq_windows_read(out, tokenizer, options->text, count, err);
  } else if (ok) {
    resq_stage(stages, "sample");
    resq_sampling how = {.windows = count,
                         .seed = options->seed,
                         .threads = options->threads,
                         .checkpoints = options->checkpoints};
    ok = resq_windows_sample(out, imported, tokenizer, &how, work, stages, err);
  }
  if (tokenizer)
    resq_tokenizer_close(tokenizer);
  free(blob);
  return ok;
}

resq_statistics *resq_calibrate(MlirModule imported, const char *sites,
                                const resq_calibration_options *options, const resq_workdir *work,
                                resq_stages *stages, resq_error *err) {
  resq_windows windows;
  if (!get_windows(&windows, imported, options, work, stages, err))
    return NULL;
  resq_stage(stages, "calibrate");
  MlirModule copy = mlirModuleFromOperation(mlirOperationClone(mlirModuleGetOperation(imported)));
  resq_statistics *statistics =
      instrument(copy, sites, err) ? collect(copy, &windows, options, work, stages, err) : NULL;
  char note[96];
  snprintf(note, sizeof note, "%lld windows of %d tokens", (long long)windows.count,
           RESQ_CALIBRATION_WINDOW);
  if (statistics)
    resq_stage_end(stages, note);
  mlirModuleDestroy(copy);
  resq_windows_free(&windows);
  return statistics;
}
