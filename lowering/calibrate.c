//===-- calibrate.c -------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#define _GNU_SOURCE
#include "lowering/calibrate.h"

#include "base/philox.h"
#include "dialect/build.h"
#include "exec/cpu.h"
#include "lowering/artifact_write.h"
#include "lowering/codegen.h"
#include "lowering/cpu/lower_cpu.h"
#include "lowering/materialize/materialize.h"
#include "lowering/module_tokenizer.h"
#include "lowering/scheme.h"
#include "resq/session.h"
#include "text/sampler.h"
#include "text/tokenizer.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// Sequences sampled side by side when there is no text: one decode entry's rows.
#define SAMPLED_SEQUENCES 16

//===-- Sites -------------------------------------------------------------===//

typedef struct site_text {
  char *data;
  size_t size;
} site_text;

static void collect_site(MlirOperation op, void *user) {
  site_text *t = user;
  MlirStringRef site = resq_op_str(op, "site");
  // Each once.
  for (const char *at = t->data; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
    if (strcspn(at, ",") == site.length && !memcmp(at, site.data, site.length))
      return;
  t->data = realloc(t->data, t->size + site.length + 2);
  if (t->size)
    t->data[t->size++] = ',';
  memcpy(t->data + t->size, site.data, site.length);
  t->size += site.length;
  t->data[t->size] = 0;
}

char *resq_recipe_sites(MlirOperation module) {
  site_text t = {NULL, 0};
  resq_for_each(module, "resq.moment", collect_site, &t);
  resq_for_each(module, "resq.samples", collect_site, &t);
  return t.data ? t.data : strdup("");
}

//===-- The instrumented program ------------------------------------------===//

typedef struct probe {
  void *library;
  resq_model *model;
  resq_session *session;
  resq_statistics *statistics;
  resq_tokenizer *tokenizer;
  uint8_t *blob;
} probe;

static void close_probe(probe *p) {
  if (p->session)
    resq_session_destroy(p->session);
  if (p->model)
    resq_model_close(p->model);
  if (p->library)
    dlclose(p->library);
  if (p->tokenizer)
    resq_tokenizer_close(p->tokenizer);
  free(p->blob);
  memset(p, 0, sizeof *p);
}

typedef struct site_table {
  char **names;
  int64_t *widths, *blocks;
  int32_t count;
} site_table;

static void describe_site(MlirOperation op, void *user) {
  site_table *t = user;
  MlirStringRef site = resq_op_str(op, "site");
  for (int32_t i = 0; i < t->count; i++)
    if (resq_str_eq(site, t->names[i]))
      return;
  size_t n = (size_t)t->count + 1;
  t->names = realloc(t->names, n * sizeof *t->names);
  t->widths = realloc(t->widths, n * sizeof *t->widths);
  t->blocks = realloc(t->blocks, n * sizeof *t->blocks);
  t->names[t->count] = strndup(site.data, site.length);
  t->widths[t->count] = resq_width(mlirOperationGetOperand(op, 0));
  t->blocks[t->count++] = resq_op_i64(op, "block");
}

static resq_statistics *make_statistics(MlirOperation module, int threads, resq_error *err) {
  site_table t = {0};
  resq_for_each(module, "resq.observe", describe_site, &t);
  resq_statistics_options options = {
      .samples = RESQ_CALIBRATION_SAMPLES, .seed = 1, .threads = threads};
  resq_statistics *s = resq_statistics_create(t.count, (const char *const *)t.names, t.widths,
                                              t.blocks, &options, err);
  for (int32_t i = 0; i < t.count; i++)
    free(t.names[i]);
  free(t.names);
  free(t.widths);
  free(t.blocks);
  return s;
}

/// The best level that this CPU runs: calibration runs here and now.
static const char *own_level(void) {
  return resq_cpu_runs(resq_cpu_features(), "avx512") ? "avx512" : "generic";
}

static bool load_probe(probe *p, MlirModule module, const resq_compile_options *options,
                       int64_t sequences, const resq_workdir *work, resq_stages *stages,
                       resq_error *err) {
  MlirOperation op = mlirModuleGetOperation(module);
  char elf[PATH_MAX], artifact[PATH_MAX];
  resq_workdir_file(work, "probe.elf", elf);
  resq_workdir_file(work, "probe.so", artifact);
  // The parameters must be laid out before code is made, and stand behind it in the file.
  char params[PATH_MAX];
  resq_workdir_file(work, "probe.params", params);
  resq_out *parameters = resq_out_create(params, 0600, err);
  resq_materialize_options materialize = {.cache_directory = NULL, .threads = options->threads};
  if (!parameters || !resq_materialize(op, parameters, &materialize, err)) {
    resq_out_discard(parameters);
    return false;
  }
  if (!resq_out_commit(parameters, err))
    return false;
  resq_codegen_options codegen = {.levels = own_level(),
                                  .decode_rows = SAMPLED_SEQUENCES,
                                  .prefill_rows = 128,
                                  .scheme = "calibration",
                                  .threads = options->threads};
  if (!resq_codegen(op, &codegen, RESQ_LINK_SHARED, true, work, elf, stages, err) ||
      !resq_artifact_assemble(artifact, 0700, elf, params, NULL, 0, NULL, 0, err))
    return false;
  p->statistics = make_statistics(op, options->threads, err);
  if (!p->statistics)
    return false;
  p->library = dlopen(artifact, RTLD_NOW | RTLD_LOCAL);
  const resq_program *program = p->library ? dlsym(p->library, "resq_program_v1") : NULL;
  if (!program)
    return resq_fail(err, RESQ_FAILED, "the calibration program does not load: %s", dlerror());
  resq_message why;
  p->model = resq_model_open(program, artifact, &why);
  resq_session_options session = {
      .threads = options->threads, .sequences = sequences, .capacity = RESQ_CALIBRATION_WINDOW};
  p->session = p->model ? resq_session_create(p->model, &session, &why) : NULL;
  return p->session || resq_fail(err, RESQ_FAILED, "calibration: %s", why.text);
}

static void observe(void *user, int32_t site, const float *x, int64_t rows, int64_t width,
                    int64_t ld) {
  (void)width;
  resq_statistics_add(user, site, x, rows, ld);
}

//===-- Text --------------------------------------------------------------===//

static bool run_text(probe *p, const resq_compile_options *options, resq_stages *stages,
                     resq_error *err) {
  int64_t wanted = options->calibration_windows ? options->calibration_windows : 64;
  resq_map map;
  if (!resq_map_open(&map, options->calibration, err))
    return false;
  int32_t *ids = NULL;
  int64_t count = 0;
  bool ok = resq_tokenizer_encode(p->tokenizer, (resq_text){(const char *)map.data, map.size},
                                  false, &ids, &count, err);
  resq_map_close(&map);
  int64_t windows = count / RESQ_CALIBRATION_WINDOW;
  if (ok && windows == 0)
    ok = resq_fail(err, RESQ_BAD_INPUT, "%s: %lld tokens, calibration needs at least %d",
                   options->calibration, (long long)count, RESQ_CALIBRATION_WINDOW);
  windows = windows > wanted ? wanted : windows;
  int32_t positions[RESQ_CALIBRATION_WINDOW], sequences[RESQ_CALIBRATION_WINDOW] = {0};
  for (int i = 0; i < RESQ_CALIBRATION_WINDOW; i++)
    positions[i] = i;
  resq_session_observe(p->session, observe, p->statistics);
  for (int64_t i = 0; ok && i < windows; i++) {
    resq_message why;
    resq_stage_progress(stages, i, windows, options->calibration);
    if (!resq_session_forward(p->session, ids + i * RESQ_CALIBRATION_WINDOW, positions, sequences,
                              RESQ_CALIBRATION_WINDOW, NULL, 0, NULL, &why))
      ok = resq_fail(err, RESQ_FAILED, "calibration: %s", why.text);
  }
  free(ids);
  return ok;
}

/// Text that the model makes itself: 16 sequences from their first token on, at temperature 1.
static bool run_sampled(probe *p, const resq_compile_options *options, resq_stages *stages,
                        resq_error *err) {
  int64_t windows = options->calibration_windows ? options->calibration_windows : SAMPLED_SEQUENCES;
  int64_t vocabulary = resq_session_vocabulary(p->session);
  int64_t bos = resq_tokenizer_bos(p->tokenizer);
  int32_t tokens[SAMPLED_SEQUENCES], positions[SAMPLED_SEQUENCES], sequences[SAMPLED_SEQUENCES],
      rows[SAMPLED_SEQUENCES];
  float *logits = malloc(sizeof *logits * (size_t)(SAMPLED_SEQUENCES * vocabulary));
  resq_sampler *sampler[SAMPLED_SEQUENCES] = {NULL};
  bool ok = logits || resq_fail(err, RESQ_NO_MEMORY, "no memory for logits");
  resq_session_observe(p->session, observe, p->statistics);
  for (int64_t done = 0; ok && done < windows; done += SAMPLED_SEQUENCES) {
    int64_t n = windows - done < SAMPLED_SEQUENCES ? windows - done : SAMPLED_SEQUENCES;
    for (int64_t i = 0; i < n; i++) {
      resq_sampler_options sampling = resq_sampler_defaults();
      sampling.temperature = 1;
      sampling.seed = (uint64_t)(options->seed + done + i + 1);
      sampler[i] = resq_sampler_create(&sampling, err);
      ok = ok && sampler[i];
      tokens[i] = (int32_t)(bos >= 0 ? bos : 0);
      sequences[i] = rows[i] = (int32_t)i;
    }
    for (int32_t t = 0; ok && t < RESQ_CALIBRATION_WINDOW; t++) {
      resq_message why;
      resq_stage_progress(stages, done * RESQ_CALIBRATION_WINDOW + t * n,
                          windows * RESQ_CALIBRATION_WINDOW, "text sampled from the model");
      for (int64_t i = 0; i < n; i++)
        positions[i] = t;
      if (!resq_session_forward(p->session, tokens, positions, sequences, n, rows, n, logits, &why))
        ok = resq_fail(err, RESQ_FAILED, "calibration: %s", why.text);
      for (int64_t i = 0; ok && i < n; i++)
        ok = (tokens[i] =
                  resq_sampler_next(sampler[i], logits + i * vocabulary, vocabulary, err)) >= 0;
    }
    for (int64_t i = 0; i < n; i++) {
      resq_sampler_destroy(sampler[i]);
      sampler[i] = NULL;
    }
  }
  free(logits);
  return ok;
}

//===-- The whole ---------------------------------------------------------===//

resq_statistics *resq_calibrate(MlirModule imported, const char *sites,
                                const resq_compile_options *options, const resq_workdir *work,
                                resq_stages *stages, resq_error *err) {
  size_t size = strlen(sites) + 256;
  char *pipeline = malloc(size);
  snprintf(pipeline, size,
           "resq-fold-norm,resq-instrument{sites=%s},resq-fuse,resq-pack{weights=f32 head=f32}",
           sites);
  MlirModule copy = mlirModuleFromOperation(mlirOperationClone(mlirModuleGetOperation(imported)));
  probe p = {0};
  uint64_t blob_size = 0;
  bool sampled = !options->calibration;
  bool ok = resq_run_pipeline(copy, pipeline, NULL, NULL, err) &&
            resq_module_tokenizer(mlirModuleGetOperation(copy), &p.blob, &blob_size, err);
  free(pipeline);
  if (ok && !p.blob)
    ok = resq_fail(
        err, RESQ_BAD_INPUT,
        "the module has no resq.tokenizer, so it cannot be calibrated here: give --statistics");
  if (ok) {
    p.tokenizer = resq_tokenizer_open(p.blob, blob_size, err);
    ok = p.tokenizer &&
         load_probe(&p, copy, options, sampled ? SAMPLED_SEQUENCES : 1, work, stages, err);
  }
  ok = ok && (sampled ? run_sampled(&p, options, stages, err) : run_text(&p, options, stages, err));
  resq_statistics *statistics = p.statistics;
  close_probe(&p);
  mlirModuleDestroy(copy);
  if (ok && resq_statistics_finish(statistics, err))
    return statistics;
  if (statistics)
    resq_statistics_destroy(statistics);
  return NULL;
}
