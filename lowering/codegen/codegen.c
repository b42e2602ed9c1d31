//===-- codegen.c ---------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "codegen.h"

#include "dialect/diagnostics.h"
#include "dialect/memory.h"
#include "dialect/ops.h"
#include "dialect/text_buffer.h"
#include "base/machine.h"
#include "lowering/cpu/lower_cpu.h"
#include "lowering/gpu/lower_gpu.h"
#include "definition.h"
#include "ptx.h"
#include "lowering/support/parallel.h"
#include "passes/pipeline.h"
#include "program.h"
#include "resq/abi.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

//===-- Text --------------------------------------------------------------===//

void resq_print_module(MlirOperation module, resq_bytes *out) {
  resq_text_buffer text = {0};
  mlirOperationPrint(module, resq_text_buffer_add, &text);
  *out = (resq_bytes){(uint8_t *)text.data, text.size};
}

//===-- Levels ------------------------------------------------------------===//

/// The next name of a comma-separated list into out; false at its end.
static bool next_name(const char **list, char *out, size_t size) {
  if (!**list)
    return false;
  size_t n = strcspn(*list, ",");
  snprintf(out, size, "%.*s", (int)n, *list);
  *list += n + ((*list)[n] == ',');
  return true;
}

bool resq_codegen_check_levels(const char *levels, resq_error *err) {
  char name[64], seen[256] = ",";
  const resq_level_row *first = NULL;
  if (!*levels)
    return resq_fail(err, RESQ_USAGE, "--levels is empty; allowed: %s",
                     resq_level_names(RESQ_LEVEL_ANY));
  for (const char *rest = levels; next_name(&rest, name, sizeof name);) {
    const resq_level_row *row = resq_level_row_find(name);
    if (!row)
      return resq_level_unknown(err, name, RESQ_LEVEL_ANY);
    first = first ? first : row;
    if (strcmp(row->architecture, first->architecture))
      return resq_fail(err, RESQ_USAGE,
                       "--levels: level '%s' is for %s and level '%s' for %s; one file runs on one "
                       "architecture",
                       first->name, first->architecture, name, row->architecture);
    char marked[80];
    snprintf(marked, sizeof marked, ",%s,", name);
    if (strstr(seen, marked))
      return resq_fail(err, RESQ_USAGE, "level '%s' appears twice in --levels", name);
    snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%s,", name);
  }
  return true;
}

const char *resq_codegen_architecture(const char *levels) {
  char name[64];
  const resq_level_row *row =
      next_name(&levels, name, sizeof name) ? resq_level_row_find(name) : NULL;
  return row ? row->architecture : resq_cpu_architecture;
}

/// A module as code of one level, for calls of up to so many rows.
typedef struct variant {
  MlirOperation module;
  resq_entries entries;
} variant;

static void free_variant(variant *v) {
  mlirOperationDestroy(v->module);
  resq_entries_free(&v->entries);
}

/// Calls the level's lowering on v->module; what it complains about is in *err.
static bool lower_at(variant *v, const resq_level *level, int64_t rows, resq_error *err) {
  resq_error said = {.code = RESQ_OK};
  resq_listener listener;
  resq_listen_begin(&listener, mlirOperationGetContext(v->module), &said);
  bool ok = level->gpu              ? resq_lower_gpu(v->module, rows, &v->entries)
            : level->target.kernels ? resq_lower_cpu(v->module, level->name, rows, &v->entries)
                                    : resq_entries_add(&v->entries, v->module, level->name, rows);
  bool silent = resq_listen_end(&listener);
  if (ok && silent)
    return level->gpu || level->target.kernels ||
           (resq_run_pipeline(mlirModuleFromOperation(v->module), "resq-lower-generic", NULL, NULL,
                              err) &&
            resq_lower_definition(v->module, &v->entries, err));
  assert(!silent); // a lowering that fails says why
  return resq_fail(err, said.code, "%s", said.message);
}

/// The module lowered for one level and size of calls, to be freed; false after an error.
static bool lower_variant(MlirOperation module, const resq_level *level, int64_t rows, variant *out,
                          resq_error *err) {
  *out = (variant){.module = mlirOperationClone(module)};
  bool ok = lower_at(out, level, rows, err);
  if (!ok)
    free_variant(out);
  return ok;
}

//===-- The whole ---------------------------------------------------------===//

/// An object to be compiled: all of a program's, side by side.
typedef struct job {
  resq_object_source source;
  resq_bytes code;
  bool ok;
  resq_error err;
} job;

typedef struct job_list {
  job *at;
  int count, done;
  resq_stages *stages;
  pthread_mutex_t lock; ///< of done and stages
} job_list;

static void compile_job(void *user, int64_t index) {
  job_list *jobs = user;
  job *j = &jobs->at[index];
  j->ok = resq_object_compile(&j->source, RESQ_OBJECT_CODE, &j->code, &j->err);
  pthread_mutex_lock(&jobs->lock);
  resq_stage_progress(jobs->stages, ++jobs->done, jobs->count, j->source.level->name);
  pthread_mutex_unlock(&jobs->lock);
}

static void free_jobs(job_list *jobs) {
  for (int i = 0; i < jobs->count; i++) {
    resq_object_discard(&jobs->at[i].source);
    resq_bytes_free(&jobs->at[i].code);
  }
  free(jobs->at);
  pthread_mutex_destroy(&jobs->lock);
}

typedef struct object_list {
  char **paths;
  int count;
} object_list;

static bool add_object(object_list *l, const resq_workdir *work, const resq_bytes *bytes,
                       resq_error *err) {
  char name[32], path[PATH_MAX];
  snprintf(name, sizeof name, "%d.o", l->count);
  if (!resq_workdir_write(work, name, bytes->data, bytes->size, path, err))
    return false;
  l->paths = RESQ_GROW(l->paths, l->count);
  l->paths[l->count++] = resq_copy_text(path);
  return true;
}

static bool compile_jobs(job_list *jobs, int threads, object_list *objects,
                         const resq_workdir *work, resq_error *err) {
  resq_parallel(threads, jobs->count, compile_job, jobs);
  bool ok = true;
  for (int i = 0; ok && i < jobs->count; i++) {
    job *j = &jobs->at[i];
    if (!j->ok && err)
      *err = j->err;
    ok = j->ok && add_object(objects, work, &j->code, err);
  }
  return ok;
}

/// The windows of grouped keys hold what each row of a call reads.
static bool check_windows(MlirOperation module, int64_t rows, resq_error *err) {
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(module));
  for (MlirOperation op = mlirBlockGetFirstOperation(body); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op)) {
    if (!resqOpIsKvCache(op) || rows <= resqKvCodeMostRows(resqKvCacheOpGetKeys(op)))
      continue;
    MlirStringRef name = resq_symbol_name(op);
    return resq_fail(err, RESQ_FAILED,
                     "an entry of %lld rows is more than the window of cache @%.*s allows: at most "
                     "%lld, window - buffer + 1",
                     (long long)rows, (int)name.length, name.data,
                     (long long)resqKvCodeMostRows(resqKvCacheOpGetKeys(op)));
  }
  return true;
}

/// One object of lowered modules, or one each where their functions are their own.
static bool add_jobs(const variant *variants, int count, const resq_level *level, job_list *jobs,
                     resq_error *err) {
  MlirOperation modules[2];
  const int together = level->target.kernels ? count : 1;
  for (int i = 0; i < count; i++)
    modules[i] = variants[i].module;
  for (int i = 0; i < count; i += together) {
    jobs->at = RESQ_GROW(jobs->at, jobs->count);
    jobs->at[jobs->count] = (job){.ok = false};
    if (!resq_object_translate(modules + i, together, level, &jobs->at[jobs->count].source, err))
      return false;
    jobs->count++;
  }
  return true;
}

/// The images of all entries of the GPU level, which are data in the program table.
static bool add_images(const variant *variants, int count, resq_program_builder *program,
                       resq_error *err) {
  MlirOperation modules[2];
  for (int i = 0; i < count; i++)
    modules[i] = variants[i].module;
  resq_gpu_image *images = resq_new((size_t)resq_n_gpu_targets, sizeof *images);
  resq_arena memory = {0};
  bool ok = resq_gpu_compile(modules, count, images, &memory, err);
  for (int i = 0; ok && i < resq_n_gpu_targets; i++)
    resq_program_add_image(program, &images[i]);
  resq_arena_free(&memory);
  free(images);
  return ok;
}

/// Entries of up to rows[0], rows[1], ... rows of one level.
static bool add_level(MlirOperation module, const resq_level *level, const int64_t *rows, int count,
                      resq_program_builder *program, job_list *jobs, resq_error *err) {
  variant variants[2];
  int done = 0;
  bool ok = true;
  while (ok && done < count) {
    ok = check_windows(module, rows[done], err) &&
         lower_variant(module, level, rows[done], &variants[done], err);
    if (ok)
      resq_program_add_entries(program, &variants[done++].entries);
  }
  if (ok)
    ok = level->gpu ? add_images(variants, done, program, err)
                    : add_jobs(variants, done, level, jobs, err);
  for (int i = 0; i < done; i++)
    free_variant(&variants[i]);
  return ok;
}

bool resq_codegen(MlirOperation module, const resq_codegen_options *options, resq_link_kind kind,
                  bool without_runtime, const resq_workdir *work, const char *output,
                  resq_stages *stages, resq_error *err) {
  object_list objects = {NULL, 0};
  job_list jobs = {.stages = stages, .lock = PTHREAD_MUTEX_INITIALIZER};
  resq_program_builder *program = resq_program_begin(module, options->scheme);
  int64_t rows[2];
  int count = 0;
  if (options->decode_rows > 0)
    rows[count++] = options->decode_rows;
  if (options->prefill_rows > 0 && options->prefill_rows != options->decode_rows)
    rows[count++] = options->prefill_rows;
  char name[64];
  bool ok = true;
  const resq_level *level = NULL; // any: all are of one architecture
  for (const char *rest = options->levels; ok && next_name(&rest, name, sizeof name);)
    ok = add_level(module, level = resq_level_find(name), rows, count, program, &jobs, err);
  ok = ok && compile_jobs(&jobs, options->threads, &objects, work, err);
  resq_bytes table = {NULL, 0};
  ok = ok && resq_program_emit(program, level, options->program, &table, err) &&
       add_object(&objects, work, &table, err);
  resq_bytes_free(&table);
  free_jobs(&jobs);
  ok = ok && resq_link(kind, without_runtime, level->row->architecture, options->program,
                       (const char *const *)objects.paths, objects.count, output, err);
  resq_program_free(program);
  for (int i = 0; i < objects.count; i++)
    free(objects.paths[i]);
  free(objects.paths);
  return ok;
}

bool resq_codegen_one(MlirOperation module, const resq_codegen_options *options, bool lowered_text,
                      resq_object_form form, resq_bytes *out, resq_error *err) {
  char name[64];
  const char *rest = options->levels;
  next_name(&rest, name, sizeof name);
  const resq_level *level = resq_level_find(name);
  int64_t rows = options->decode_rows ? options->decode_rows : options->prefill_rows;
  variant v;
  if (!lower_variant(module, level, rows, &v, err))
    return false;
  // Of a GPU's chips, the one that all later ones run, too.
  const resq_gpu_target *target = &resq_gpu_targets[resq_n_gpu_targets - 1];
  bool ok = true;
  if (lowered_text) {
    resq_entries_describe(&v.entries, v.module);
    resq_print_module(v.module, out);
  } else {
    ok = level->gpu ? resq_gpu_print(v.module, target, form, out, err)
                    : resq_object_emit(v.module, level, form, out, err);
  }
  free_variant(&v);
  return ok;
}
