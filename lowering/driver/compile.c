//===-- compile.c - the pipeline, from a model file to an artifact --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   import -> scheme's passes -> (calibrate) -> pack -> materialize -> code -> link -> artifact
//===----------------------------------------------------------------------===//
#define _GNU_SOURCE
#include "compile.h"

#include "base/version.h"
#include "dialect/attributes.h"
#include "base/levels.h"
#include "dialect/build.h"
#include "dialect/import/import.h"
#include "dialect/memory.h"
#include "dialect/ops.h"
#include "lowering/artifact/artifact_write.h"
#include "lowering/calibrate/calibrate.h"
#include "lowering/calibrate/calibration_text.h"
#include "lowering/calibrate/statistics_cache.h"
#include "lowering/codegen/chip.h"
#include "lowering/codegen/codegen.h"
#include "compile_checks.h"
#include "compile_files.h"
#include "compile_metadata.h"
#include "lowering/entries/header.h"
#include "lowering/recipes/materialize.h"
#include "lowering/artifact/module_chat_template.h"
#include "lowering/artifact/module_section.h"
#include "lowering/artifact/module_tokenizer.h"
#include "passes/pipeline.h"
#include "remarks.h"
#include "lowering/report/report.h"
#include "scheme.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SCHEME "best-w4a8kv4"

/// What a compile may leave: the output, the header beside a library, the report.
enum { OUT_MAIN, OUT_HEADER, OUT_REPORT, N_OUTS };

typedef struct compiling {
  const resq_compile_options *options;
  const char *scheme, *levels;
  resq_stages stages;
  resq_workdir work;
  MlirContext ctx;
  MlirModule module;
  resq_checkpoints *checkpoints; ///< that the module names, open as long as the compile runs
  resq_statistics *statistics;
  uint8_t *tokenizer; ///< the artifact's section; NULL: none
  uint64_t tokenizer_size;
  char *pipeline;   ///< that ran; NULL before
  resq_facts facts; ///< of the report
  resq_file_uses files;
  resq_chip chip;         ///< of level cuda in forms that are for one
  resq_out *outs[N_OUTS]; ///< written, to be committed together; NULL: none
} compiling;

static MlirOperation root(const compiling *c) { return mlirModuleGetOperation(c->module); }

static void say_remarks(compiling *c, resq_remarks *remarks) {
  if (remarks->count)
    resq_stages_clear(&c->stages);
  resq_remarks_print(remarks, stderr);
}

/// Warnings are for everyone, not for those alone who ask for remarks.
static void print_warning(void *user, const char *text) {
  compiling *c = user;
  resq_stages_clear(&c->stages);
  fprintf(stderr, "resqc: warning: %s\n", text);
}

/// Runs a pipeline on the module; with --verbose, its remarks are printed, too.
static bool run_passes(compiling *c, const char *pipeline, resq_error *err) {
  resq_remarks remarks = {0};
  bool ok = resq_run_pipeline(c->module, pipeline, c->options->verbose ? resq_remarks_add : NULL,
                              &remarks, err);
  say_remarks(c, &remarks);
  return ok;
}

/// Text to the output file, not committed yet, or standard output.
static bool write_bytes(compiling *c, const resq_bytes *bytes, resq_error *err) {
  const char *path = c->options->output;
  if (!strcmp(path, "-")) {
    if (fwrite(bytes->data, 1, bytes->size, stdout) == bytes->size && !fflush(stdout))
      return true;
    return resq_fail(err, RESQ_IO, "standard output: write failed");
  }
  c->outs[OUT_MAIN] = resq_out_create(path, 0644, err);
  return c->outs[OUT_MAIN] && resq_out_write(c->outs[OUT_MAIN], bytes->data, bytes->size, err);
}

static bool emit_text(compiling *c, resq_error *err) {
  resq_bytes text;
  resq_print_module(root(c), &text);
  bool ok = write_bytes(c, &text, err);
  resq_bytes_free(&text);
  return ok;
}

//===-- Stages ------------------------------------------------------------===//

/// The tokenizer is built first of all: a compile of hours does not end with an error of it.
static bool build_tokenizer(compiling *c, resq_error *err) {
  const resq_compile_options *o = c->options;
  resq_tokenizer_warnings warnings = {print_warning, c, o->pretokenizer != NULL};
  if (o->pretokenizer &&
      !resq_module_set_pretokenizer(root(c), o->pretokenizer, c->checkpoints, err))
    return false;
  if (o->emit != RESQ_EMIT_EXE && o->emit != RESQ_EMIT_SHARED)
    return true;
  return resq_module_tokenizer(root(c), c->checkpoints, &warnings, &c->tokenizer,
                               &c->tokenizer_size, err);
}

static bool import_module(compiling *c, resq_error *err) {
  resq_stage(&c->stages, "import");
  c->ctx = resqContextCreate();
  c->module = resq_import(c->ctx, c->options->input, c->checkpoints, err);
  return !mlirModuleIsNull(c->module) &&
         resq_module_chat_template(root(c), c->options->input, c->options->chat_template, err) &&
         build_tokenizer(c, err);
}

static bool find_statistics(compiling *c, MlirModule imported, const char *sites, resq_error *err) {
  const resq_compile_options *o = c->options;
  const resq_calibration_options how = {.text = o->calibration,
                                        .windows = o->calibration_windows,
                                        .seed = o->seed,
                                        .threads = o->threads,
                                        .checkpoints = c->checkpoints};
  char cached[PATH_MAX];
  bool cache = o->cache && resq_statistics_cache_path(imported, &how, o->cache, cached);
  if (c->options->statistics && !c->options->calibrate_only) {
    resq_stage(&c->stages, "statistics");
    c->statistics = resq_statistics_load(c->options->statistics, err);
    return c->statistics != NULL;
  }
  if (cache && (c->statistics = resq_statistics_load(cached, NULL)))
    return true; // a damaged file is as good as none
  // What is kept serves every scheme, and a report tells of every input: of all sites, whatever this scheme reads.
  bool kept = cache || c->options->calibrate_only || c->options->report;
  c->statistics = resq_calibrate(imported, kept ? "" : sites, &how, &c->work, &c->stages, err);
  if (!c->statistics)
    return false;
  // A cache that cannot be written costs the next compile time, not this one its result.
  resq_error why;
  if (cache && !resq_statistics_save(c->statistics, cached, &why))
    print_warning(c, why.message);
  return true;
}

/// The statistics of these options, their first rows weighed.
static bool get_statistics(compiling *c, MlirModule imported, const char *sites, resq_error *err) {
  if (!find_statistics(c, imported, sites, err))
    return false;
  resq_statistics_weigh_first(c->statistics, c->options->calibration_first);
  return true;
}

/// The scheme's passes on the module, and the statistics that its recipes ask for.
static bool apply_scheme(compiling *c, bool calibrate, resq_error *err) {
  const resq_compile_options *o = c->options;
  resq_scheme_choices choices = {
      .kv = o->kv, .method = o->method, .high = o->high, .seed = o->seed};
  c->pipeline =
      o->pipeline ? resq_copy_text(o->pipeline) : resq_scheme_pipeline(c->scheme, &choices, err);
  if (!c->pipeline)
    return false;
  MlirModule imported = mlirModuleFromOperation(mlirOperationClone(root(c)));
  resq_stage(&c->stages, "passes");
  bool ok = !*c->pipeline || run_passes(c, c->pipeline, err);
  char *sites = ok ? resq_recipe_sites(root(c)) : NULL;
  bool wanted =
      ok && (*sites || o->calibrate_only || (o->report && (o->statistics || o->calibration)));
  if (wanted && calibrate)
    ok = get_statistics(c, imported, sites, err);
  free(sites);
  mlirModuleDestroy(imported);
  return ok;
}

static bool pack(compiling *c, resq_error *err) {
  char *pipeline = resq_scheme_pack(c->scheme, c->options->weights, err);
  bool ok = pipeline && run_passes(c, pipeline, err);
  free(pipeline);
  return ok;
}

static void materialize_progress(void *user, int64_t done, int64_t total, const char *param) {
  resq_stage_progress(user, done, total, param);
}

//===-- The report --------------------------------------------------------===//

/// Before linears are fused: they are told one by one.
static bool collect_report(compiling *c, resq_error *err) {
  if (!c->options->report)
    return true;
  resq_stage(&c->stages, "report");
  resq_report_options options = {.statistics = c->statistics,
                                 .checkpoints = c->checkpoints,
                                 .cache_directory = c->options->cache,
                                 .threads = c->options->threads,
                                 .progress = materialize_progress,
                                 .progress_user = &c->stages};
  if (!resq_report_collect(c->module, &options, &c->facts, err))
    return false;
  for (int32_t i = 0; i < c->facts.n_linears; i++) {
    if (!c->facts.linears[i].unusual)
      continue;
    resq_stages_clear(&c->stages);
    fprintf(stderr, "resqc: remark: %s is unusually noisy: %s\n", c->facts.linears[i].name,
            c->facts.linears[i].why);
  }
  return true;
}

/// The last part of a path: a report does not depend on where files lay.
static const char *base_name(const char *path) {
  const char *slash = path ? strrchr(path, '/') : NULL;
  return slash ? slash + 1 : path;
}

/// Writes what becomes the report when all of the compile has succeeded.
static bool write_report(compiling *c, resq_error *err) {
  const resq_compile_options *o = c->options;
  if (!o->report)
    return true;
  resq_report_count(root(c), &c->facts);
  MlirStringRef text = resq_op_str(root(c), RESQ_ATTR_NAME);
  char *name = resq_copy_part(text.data, text.length);
  const char *calibration = o->statistics ? o->statistics : o->calibration;
  resq_report_origin origin = {.name = name,
                               .checkpoint = base_name(o->input),
                               .scheme = o->pipeline ? "none: passes were given" : c->scheme,
                               .pipeline = c->pipeline,
                               .calibration = base_name(calibration),
                               .seed = o->seed,
                               .version = "resqc " RESQ_VERSION};
  if (c->statistics && resq_statistics_sites(c->statistics)) {
    origin.sites = resq_statistics_sites(c->statistics);
    origin.rows = resq_statistics_rows(c->statistics, 0);
    origin.first_weight = resq_statistics_first_weight(c->statistics);
  }
  char *page = resq_report_page(&c->facts, &origin);
  free(name);
  resq_out *out = c->outs[OUT_REPORT] = resq_out_create(o->report, 0644, err);
  bool ok = out && resq_out_write(out, page, strlen(page), err);
  free(page);
  return ok;
}

//===-- Parameters --------------------------------------------------------===//

/// The parameters to the file at `path`, or with --params=absent their places alone.
static bool materialize(compiling *c, const char *path, resq_error *err) {
  resq_stage(&c->stages, "materialize");
  if (c->options->absent_params) {
    uint64_t size;
    return resq_lay_out_params(root(c), &size, err);
  }
  resq_out *out = resq_out_create(path, 0600, err);
  resq_materialize_options options = {.statistics = c->statistics,
                                      .checkpoints = c->checkpoints,
                                      .cache_directory = c->options->cache,
                                      .threads = c->options->threads,
                                      .progress = materialize_progress,
                                      .progress_user = &c->stages,
                                      .warn = print_warning,
                                      .warn_user = c};
  resq_remarks remarks = {0};
  if (c->options->verbose) {
    options.measured = resq_remarks_measure;
    options.measured_user = &remarks;
  }
  resq_listener listener;
  resq_error said = {.code = RESQ_OK};
  resq_listen_begin_remarks(&listener, c->ctx, &said, c->options->verbose ? resq_remarks_add : NULL,
                            &remarks);
  bool ok = out && resq_materialize(root(c), out, &options, err);
  (void)resq_listen_end(&listener); // what fails is in *err
  say_remarks(c, &remarks);
  if (!ok) {
    resq_out_discard(out);
    return false;
  }
  char note[64];
  snprintf(note, sizeof note, "%.1f MB of parameters", (double)resq_out_position(out) / 1e6);
  if (!resq_out_commit(out, err))
    return false;
  resq_stage_end(&c->stages, note);
  return write_report(c, err);
}

//===-- Artifact ----------------------------------------------------------===//

static resq_codegen_options codegen_options(const compiling *c) {
  const resq_compile_options *o = c->options;
  return (resq_codegen_options){.levels = c->levels,
                                .decode_rows = o->decode_rows ? o->decode_rows : 16,
                                .prefill_rows = o->prefill_rows ? o->prefill_rows : 128,
                                .gpu_rows = {o->gpu_rows[0], o->gpu_rows[1]},
                                .gpu_arithmetic = o->gpu_arithmetic,
                                .ptxas = o->ptxas,
                                .scheme = c->scheme,
                                .threads = o->threads};
}

static bool emit_artifact(compiling *c, resq_error *err) {
  const resq_compile_options *o = c->options;
  bool shared = o->emit == RESQ_EMIT_SHARED;
  char params[PATH_MAX], elf[PATH_MAX];
  resq_workdir_file(&c->work, "params", params);
  resq_workdir_file(&c->work, "elf", elf);
  char *metadata = NULL;
  bool ok = materialize(c, params, err);
  if (ok) {
    resq_stage(&c->stages, "code");
    resq_codegen_options codegen = codegen_options(c);
    char *program = shared ? resq_library_program(o->output) : NULL;
    codegen.program = program;
    ok = !shared || program ||
         resq_fail(err, RESQ_NO_MEMORY, "no memory for the name of the program");
    ok = ok && resq_codegen(root(c), &codegen, shared ? RESQ_LINK_SHARED : RESQ_LINK_EXECUTABLE,
                            false, &c->work, elf, &c->stages, err);
    free(program);
  }
  if (ok) {
    resq_stage(&c->stages, "write");
    metadata = resq_compile_metadata(root(c), c->scheme, o);
    uint8_t *module;
    uint64_t module_size;
    resq_module_section_make(root(c), &module, &module_size);
    const resq_artifact_parts parts = {.elf = elf,
                                       .params = o->absent_params ? NULL : params,
                                       .tokenizer = {c->tokenizer, c->tokenizer_size},
                                       .metadata = {metadata, strlen(metadata)},
                                       .module = {module, module_size}};
    resq_out *out = c->outs[OUT_MAIN] =
        resq_artifact_assemble(o->output, shared ? 0644 : 0755, &parts, err);
    free(module);
    ok = out && resq_out_complete(out, err);
    if (ok && shared)
      ok = (c->outs[OUT_HEADER] = resq_write_header(root(c), o->output, err)) != NULL;
    char note[64];
    snprintf(note, sizeof note, "%.1f MB", ok ? (double)resq_out_position(out) / 1e6 : 0);
    if (ok)
      resq_stage_end(&c->stages, note);
  }
  free(metadata);
  return ok;
}

static bool emit_one(compiling *c, resq_error *err) {
  char params[PATH_MAX];
  resq_workdir_file(&c->work, "params", params);
  if (!materialize(c, params, err))
    return false;
  resq_codegen_options codegen = codegen_options(c);
  codegen.chip = &c->chip.target;
  if (c->options->emit == RESQ_EMIT_PTX)
    codegen.levels = "cuda";
  resq_bytes out;
  resq_object_form form = c->options->emit == RESQ_EMIT_OBJ   ? RESQ_OBJECT_CODE
                          : c->options->emit == RESQ_EMIT_PTX ? RESQ_OBJECT_ASSEMBLY
                                                              : RESQ_OBJECT_LLVM;
  bool ok = resq_codegen_one(root(c), &codegen, c->options->emit == RESQ_EMIT_LOWERED, form,
                             &c->work, &out, err) &&
            write_bytes(c, &out, err);
  resq_bytes_free(&out);
  return ok;
}

static bool run(compiling *c, resq_error *err) {
  const resq_compile_options *o = c->options;
  if (o->calibrate_only && !o->statistics)
    return resq_fail(err, RESQ_USAGE, "--calibrate-only needs --statistics=FILE to write to");
  if (!resq_compile_check_options(o, err) || !resq_codegen_check_levels(c->levels, err) ||
      !resq_chip_open(o->chip, &c->chip, err) || !resq_compile_check_files(o, &c->files, err) ||
      !resq_workdir_create(&c->work, err) || !import_module(c, err) ||
      !resq_compile_check_shape(root(c), o, err) ||
      !resq_compile_check_module(root(c), &c->files, err))
    return false;
  if (o->emit == RESQ_EMIT_IMPORT)
    return emit_text(c, err);
  if (o->emit == RESQ_EMIT_EXE && !o->calibrate_only && !resq_compile_check_entry(root(c), o, err))
    return false;
  bool numbers = o->emit != RESQ_EMIT_RESQ && o->emit != RESQ_EMIT_GENERIC;
  if (!apply_scheme(c, (numbers && !o->absent_params) || o->calibrate_only, err))
    return false;
  if (o->calibrate_only)
    return resq_statistics_save(c->statistics, o->statistics, err);
  if (o->emit == RESQ_EMIT_GENERIC)
    return run_passes(c, "resq-lower-generic", err) && emit_text(c, err);
  if (!collect_report(c, err) || !pack(c, err))
    return false;
  if (o->emit == RESQ_EMIT_RESQ)
    return emit_text(c, err);
  if (o->emit == RESQ_EMIT_EXE || o->emit == RESQ_EMIT_SHARED)
    return emit_artifact(c, err);
  return emit_one(c, err);
}

/// All that takes time: what is left for commit cannot be interrupted.
static bool complete(compiling *c, resq_error *err) {
  bool ok = true;
  for (int i = 0; ok && i < N_OUTS; i++)
    ok = !c->outs[i] || resq_out_complete(c->outs[i], err);
  return ok;
}

/// All outputs appear at once, and none after an interrupt. Where that fails they are discarded.
static bool commit(compiling *c, resq_error *err) {
  sigset_t held;
  resq_hold_begin(&held);
  bool ok = resq_out_commit_all(c->outs, N_OUTS, err);
  if (ok)
    resq_process_finish();
  resq_hold_end(&held);
  return ok;
}

bool resq_compile(const resq_compile_options *options, resq_error *err) {
  compiling c = {.options = options, .checkpoints = resq_checkpoints_create()};
  c.scheme = options->scheme ? options->scheme : DEFAULT_SCHEME;
  c.levels = options->levels ? options->levels : resq_level_default();
  resq_stages_init(&c.stages, options->verbose);
  bool ok = run(&c, err) && complete(&c, err);
  if (ok)
    ok = commit(&c, err);
  else
    for (int i = 0; i < N_OUTS; i++)
      resq_out_discard(c.outs[i]);
  resq_stages_close(&c.stages, ok);
  resq_file_uses_free(&c.files);
  resq_facts_free(&c.facts);
  resq_chip_close(&c.chip);
  free(c.tokenizer);
  free(c.pipeline);
  if (c.statistics)
    resq_statistics_destroy(c.statistics);
  if (!mlirModuleIsNull(c.module))
    mlirModuleDestroy(c.module);
  if (!mlirContextIsNull(c.ctx))
    mlirContextDestroy(c.ctx);
  resq_checkpoints_destroy(c.checkpoints);
  resq_workdir_remove(&c.work);
  return ok;
}
