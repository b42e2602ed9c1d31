//===-- model.c - a compiled program and its file -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Parameters are used where the file is mapped: nothing is copied, and processes that
// run the same artifact share its pages.
//===----------------------------------------------------------------------===//
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "base/checked.h"
#include "exec/cuda_check.h"
#include "exec/session_internal.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

bool resq_tell(resq_message *why, const resq_error *err) {
  if (why) {
    snprintf(why->text, sizeof why->text, "%s", err->message);
    why->code = err->code;
  }
  return false;
}

bool resq_program_file(const resq_program *program, char *out, size_t size, resq_error *err) {
  Dl_info program_object, executable;
  // By what the program points to: the struct itself may be a copy in the executable (a copy relocation).
  bool known = dladdr(program->entries, &program_object) != 0;
  // The dynamic linker knows an executable only by argv[0]: ask the kernel instead.
  bool in_executable = !known || (dladdr((void *)getauxval(AT_ENTRY), &executable) &&
                                  executable.dli_fbase == program_object.dli_fbase);
  const char *path = in_executable ? "/proc/self/exe" : program_object.dli_fname;
  int n = snprintf(out, size, "%s", path);
  if (n < 0 || (size_t)n >= size)
    return resq_fail(err, RESQ_IO, "the path of the compiled model is longer than %zu bytes", size);
  return true;
}

static bool check_entry(const resq_entry *e, int32_t index, int32_t n_caches, resq_error *err) {
  if (!e->function || !e->level || !e->run == !e->gpu || e->max_rows < 1 ||
      e->workspace_bytes < 0 || e->n_ops < 0 || e->n_args < 0 || e->n_args > RESQ_MAX_ARGS ||
      (e->n_args && !e->args))
    return resq_fail(err, RESQ_BAD_INPUT,
                     "entry %" PRId32 " of the program is malformed (rows %" PRId64
                     ", workspace %" PRId64 ", %" PRId32 " ops, %" PRId32
                     " of at most %d arguments)",
                     index, e->max_rows, e->workspace_bytes, e->n_ops, e->n_args, RESQ_MAX_ARGS);
  for (int32_t i = 0; i < e->n_args; ++i) {
    const resq_arg *a = &e->args[i];
    if (!a->name || a->rows < -1 || a->width < 0 || (a->dtype != RESQ_F32 && a->dtype != RESQ_I32))
      return resq_fail(err, RESQ_BAD_INPUT, "@%s: argument %" PRId32 " is malformed", e->function,
                       i);
  }
  return resq_check_facts(e, n_caches, err);
}

/// Entries of one function differ in level and size only.
static bool check_same_signature(const resq_entry *a, const resq_entry *b, resq_error *err) {
  bool same = a->n_args == b->n_args;
  for (int32_t i = 0; same && i < a->n_args; ++i)
    same = a->args[i].dtype == b->args[i].dtype && a->args[i].width == b->args[i].width &&
           a->args[i].rows == b->args[i].rows && !a->args[i].is_result == !b->args[i].is_result &&
           a->args[i].rows_as == b->args[i].rows_as;
  if (!same)
    return resq_fail(err, RESQ_BAD_INPUT, "@%s: entries of level %s and %s have other arguments",
                     a->function, a->level, b->level);
  return true;
}

bool resq_program_check(const resq_program *p, resq_error *err) {
  if (p->abi_version != RESQ_ABI_VERSION)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "the program was compiled for run-time ABI %" PRIu32 ", this run time has %d",
                     p->abi_version, RESQ_ABI_VERSION);
  if (p->n_entries < 1 || p->n_caches < 0 || p->n_params < 0 || p->n_sites < 0 || !p->entries ||
      (p->n_caches && !p->caches) || (p->n_params && !p->params))
    return resq_fail(err, RESQ_BAD_INPUT, "the program's tables are malformed");
  for (int32_t i = 0; i < p->n_entries; ++i)
    if (!check_entry(&p->entries[i], i, p->n_caches, err))
      return false;
  for (int32_t i = 0; i < p->n_entries; ++i)
    for (int32_t j = 0; j < i; ++j)
      if (!strcmp(p->entries[i].function, p->entries[j].function) &&
          !check_same_signature(&p->entries[i], &p->entries[j], err))
        return false;
  for (int32_t i = 0; i < p->n_caches; ++i)
    if (p->caches[i].bytes_per_token < 0 || p->caches[i].bytes_per_sequence < 0 ||
        p->caches[i].rewind < -1)
      return resq_fail(err, RESQ_BAD_INPUT,
                       "cache %" PRId32 " takes %" PRId64 " bytes a token and %" PRId64
                       " a sequence, which may go back by %" PRId64 " tokens",
                       i, p->caches[i].bytes_per_token, p->caches[i].bytes_per_sequence,
                       p->caches[i].rewind);
  return resq_cuda_check_program(p, err);
}

/// Every parameter lies, aligned, in the parameter section.
static bool check_params(const resq_program *p, uint64_t section_size, resq_error *err) {
  for (int32_t i = 0; i < p->n_params; ++i) {
    const resq_param *q = &p->params[i];
    if (!resq_inside_u64(q->offset, q->size, section_size) || q->offset % RESQ_ALIGNMENT)
      return resq_fail(err, RESQ_BAD_INPUT,
                       "parameter '%s': %" PRIu64 " bytes at offset %" PRIu64
                       ", the parameter section has %" PRIu64 " bytes, alignment is %d",
                       q->name, q->size, q->offset, section_size, RESQ_ALIGNMENT);
  }
  return true;
}

/// Maps the file when it has sections; a program without parameters may do without.
static bool open_sections(resq_model *m, const char *path, resq_error *err) {
  const resq_program *p = m->program;
  resq_map map;
  if (!resq_map_open(&map, path, err))
    return false;
  bool present = resq_artifact_has_trailer(map.data, map.size);
  resq_map_close(&map);
  if (!present && p->n_params == 0)
    return true;
  if (!resq_artifact_open(&m->artifact, path, err))
    return false;
  m->has_artifact = true;
  // A few megabytes, most of them in memory since the code in them runs. The parameters are only checked on
  // request (`info --verify`): reading all of them would make every start as slow as the disk.
  if (!resq_artifact_verify_outside(&m->artifact, err))
    return resq_fail_in(err, "%s", path);
  uint64_t size;
  // Without the section a model can be looked at, and session.c refuses to run it.
  bool absent = !resq_artifact_section(&m->artifact, RESQ_SECTION_PARAMS, &m->params, &size);
  m->params_size = size;
  m->params_absent = absent && p->n_params > 0;
  if (!m->params_absent && !check_params(p, size, err))
    return resq_fail_in(err, "%s", path);
  return true;
}

resq_model *resq_model_open(const resq_program *program, const char *path, resq_message *why) {
  resq_error err = {RESQ_FAILED, ""};
  char self[4096];
  if (!program) {
    resq_fail(&err, RESQ_USAGE, "resq_model_open: the program is NULL");
    resq_tell(why, &err);
    return NULL;
  }
  resq_model *m = calloc(1, sizeof *m);
  bool ok = m ? resq_program_check(program, &err)
              : resq_fail(&err, RESQ_NO_MEMORY, "no memory to open a model");
  if (ok && !path) {
    ok = resq_program_file(program, self, sizeof self, &err);
    path = self;
  }
  if (ok) {
    m->program = program;
    ok = open_sections(m, path, &err);
  }
  if (ok)
    return m;
  resq_tell(why, &err);
  resq_model_close(m);
  return NULL;
}

const resq_program *resq_model_program(const resq_model *model) { return model->program; }

const resq_artifact *resq_model_artifact(const resq_model *model) {
  return model->has_artifact ? &model->artifact : NULL;
}

void resq_model_read_ahead(const resq_model *model) {
  // A failure only costs time.
  if (model->params_size)
    madvise((void *)(uintptr_t)model->params, model->params_size, MADV_WILLNEED);
}

bool resq_model_params_absent(const resq_model *model) { return model->params_absent; }

void resq_model_drop_pages(const resq_model *model) {
  if (model->has_artifact)
    resq_map_drop_pages(&model->artifact.map);
}

void resq_model_close(resq_model *model) {
  if (!model)
    return;
  if (model->has_artifact)
    resq_artifact_close(&model->artifact);
  free(model);
}
