//===-- codegen.c ---------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "codegen.h"

#include "dialect/memory.h"
#include "dialect/ops.h"
#include "dialect/text_buffer.h"
#include "base/machine.h"
#include "gpu_level.h"
#include "ptxas.h"
#include "variant.h"
#include "lowering/support/parallel.h"
#include "program.h"
#include "resq/abi.h"

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

//===-- The whole ---------------------------------------------------------===//

/// An object or the PTX of a chip, to be compiled: all of a program's, side by side.
typedef struct job {
  resq_object_source source;
  const resq_gpu_target *chip; ///< NULL of an object
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
  j->ok = resq_object_compile(&j->source, j->chip ? RESQ_OBJECT_ASSEMBLY : RESQ_OBJECT_CODE,
                              &j->code, &j->err);
  pthread_mutex_lock(&jobs->lock);
  resq_stage_progress(jobs->stages, ++jobs->done, jobs->count, j->source.target->name);
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

/// PTX goes into the program table, with the chip's code in front of it where there is an assembler.
static bool add_image(resq_program_builder *program, const job *j, const char *ptxas,
                      const resq_workdir *work, resq_error *err) {
  resq_bytes cubin = {NULL, 0};
  if (ptxas && !resq_ptxas(ptxas, &j->chip->target, &j->code, work, &cubin, err))
    return false;
  const resq_gpu_image image = {.chip = j->chip->target.name,
                                .capability = j->chip->capability,
                                .exact = j->chip->exact,
                                .ptx = (const char *)j->code.data,
                                .cubin = cubin.data,
                                .cubin_size = cubin.size};
  resq_program_add_image(program, &image);
  resq_bytes_free(&cubin);
  return true;
}

static bool compile_jobs(job_list *jobs, const resq_codegen_options *options,
                         resq_program_builder *program, object_list *objects,
                         const resq_workdir *work, resq_error *err) {
  resq_parallel(options->threads, jobs->count, compile_job, jobs);
  bool ok = true;
  for (int i = 0; ok && i < jobs->count; i++) {
    job *j = &jobs->at[i];
    if (!j->ok && err)
      *err = j->err;
    ok = j->ok;
    if (ok)
      ok = j->chip ? add_image(program, j, options->ptxas, work, err)
                   : add_object(objects, work, &j->code, err);
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

static job *new_job(job_list *jobs) {
  jobs->at = RESQ_GROW(jobs->at, jobs->count);
  jobs->at[jobs->count] = (job){.ok = false};
  return &jobs->at[jobs->count];
}

/// One object of lowered modules, or one each where their functions are their own.
static bool add_jobs(const resq_variant *variants, int count, const resq_level *level,
                     job_list *jobs, resq_error *err) {
  MlirOperation modules[2];
  const int together = level->target.kernels ? count : 1;
  for (int i = 0; i < count; i++)
    modules[i] = variants[i].module;
  for (int i = 0; i < count; i += together) {
    if (!resq_object_translate(modules + i, together, level, &new_job(jobs)->source, err))
      return false;
    jobs->count++;
  }
  return true;
}

/// Entries of up to rows[0], rows[1], ... rows of a CPU's level.
static bool add_level(MlirOperation module, const resq_level *level, const int64_t *rows, int count,
                      resq_program_builder *program, job_list *jobs, resq_error *err) {
  resq_variant variants[2];
  int done = 0;
  bool ok = true;
  while (ok && done < count) {
    ok = check_windows(module, rows[done], err) &&
         resq_variant_lower(module, level, NULL, rows[done], &variants[done], err);
    if (ok)
      resq_program_add_entries(program, &variants[done++].entries);
  }
  ok = ok && add_jobs(variants, done, level, jobs, err);
  for (int i = 0; i < done; i++)
    resq_variant_free(&variants[i]);
  return ok;
}

/// The same of level cuda, with a job for each chip.
static bool add_gpu_level(MlirOperation module, const resq_level *level,
                          resq_gpu_arithmetic arithmetic, const int64_t *rows, int count,
                          resq_program_builder *program, job_list *jobs, resq_error *err) {
  for (int i = 0; i < count; i++)
    if (!check_windows(module, rows[i], err))
      return false;
  resq_object_source *sources = resq_new((size_t)resq_n_gpu_targets, sizeof *sources);
  bool ok = resq_gpu_level_lower(module, level, arithmetic, rows, count, program, sources, err);
  for (int i = 0; ok && i < resq_n_gpu_targets; i++, jobs->count++) {
    job *j = new_job(jobs);
    j->source = sources[i];
    j->chip = &resq_gpu_targets[i];
  }
  free(sources);
  return ok;
}

/// What a GPU has entries for, where nothing is said: a step of decoding, and a piece of a prompt as large as the windows
/// of the caches allow.
enum { GPU_FEW_ROWS = 16, GPU_MANY_ROWS = 2048 };

static int64_t most_gpu_rows(MlirOperation module) {
  int64_t most = GPU_MANY_ROWS;
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(module));
  for (MlirOperation op = mlirBlockGetFirstOperation(body); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op))
    if (resqOpIsKvCache(op) && resqKvCodeMostRows(resqKvCacheOpGetKeys(op)) < most)
      most = resqKvCodeMostRows(resqKvCacheOpGetKeys(op));
  return most;
}

/// The sizes of calls that a level has entries for, at most two: how many.
static int entry_rows(MlirOperation module, const resq_codegen_options *options,
                      const resq_level *level, int64_t rows[2]) {
  int64_t few = options->decode_rows, many = options->prefill_rows;
  if (level->gpu) {
    const int64_t most = most_gpu_rows(module);
    few = options->gpu_rows[0] ? options->gpu_rows[0] : most < GPU_FEW_ROWS ? most : GPU_FEW_ROWS;
    many = options->gpu_rows[1] ? options->gpu_rows[1] : most;
  }
  int count = 0;
  if (few > 0)
    rows[count++] = few;
  if (many > 0 && many != few)
    rows[count++] = many;
  return count;
}

bool resq_codegen(MlirOperation module, const resq_codegen_options *options, resq_link_kind kind,
                  bool without_runtime, const resq_workdir *work, const char *output,
                  resq_stages *stages, resq_error *err) {
  object_list objects = {NULL, 0};
  job_list jobs = {.stages = stages, .lock = PTHREAD_MUTEX_INITIALIZER};
  resq_program_builder *program = resq_program_begin(module, options->scheme);
  char name[64];
  bool ok = true;
  const resq_level *level = NULL; // any: all are of one architecture
  for (const char *rest = options->levels; ok && next_name(&rest, name, sizeof name);) {
    level = resq_level_find(name);
    int64_t rows[2];
    const int count = entry_rows(module, options, level, rows);
    ok = level->gpu ? add_gpu_level(module, level, options->gpu_arithmetic, rows, count, program,
                                    &jobs, err)
                    : add_level(module, level, rows, count, program, &jobs, err);
  }
  ok = ok && compile_jobs(&jobs, options, program, &objects, work, err);
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

/// The kernels of options->chip: PTX, its code where there is an assembler, LLVM IR, or an object of an emulated chip.
static bool emit_chip(MlirOperation module, const resq_codegen_options *options,
                      const resq_level *level, resq_object_form form, const resq_workdir *work,
                      resq_bytes *out, resq_error *err) {
  const resq_gpu_lowering how = {options->chip, options->gpu_arithmetic};
  const bool is_code = form == RESQ_OBJECT_CODE && !how.chip->target.emulated;
  int64_t rows[2];
  const int n_rows = entry_rows(module, options, level, rows);
  resq_object_source source;
  resq_bytes ptx;
  if (!resq_gpu_level_kernels(module, level, &how, rows, n_rows, &source, err))
    return false;
  if (!is_code || !options->ptxas)
    return resq_object_compile(&source, is_code ? RESQ_OBJECT_ASSEMBLY : form, out, err);
  bool ok = resq_object_compile(&source, RESQ_OBJECT_ASSEMBLY, &ptx, err) &&
            resq_ptxas(options->ptxas, &how.chip->target, &ptx, work, out, err);
  resq_bytes_free(&ptx);
  return ok;
}

bool resq_codegen_one(MlirOperation module, const resq_codegen_options *options, bool lowered_text,
                      resq_object_form form, const resq_workdir *work, resq_bytes *out,
                      resq_error *err) {
  char name[64];
  const char *rest = options->levels;
  next_name(&rest, name, sizeof name);
  const resq_level *level = resq_level_find(name);
  *out = (resq_bytes){NULL, 0};
  if (level->gpu && !lowered_text)
    return emit_chip(module, options, level, form, work, out, err);
  int64_t rows[2];
  entry_rows(module, options, level, rows);
  resq_variant v;
  const resq_gpu_lowering how = {options->chip, options->gpu_arithmetic};
  if (!resq_variant_lower(module, level, &how, rows[0], &v, err))
    return false;
  bool ok = true;
  if (lowered_text) {
    resq_entries_describe(&v.entries, v.module);
    resq_print_module(v.module, out);
  } else {
    ok = resq_object_emit(v.module, level, form, out, err);
  }
  resq_variant_free(&v);
  return ok;
}
