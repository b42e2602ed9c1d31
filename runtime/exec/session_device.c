//===-- session_device.c - which device a session runs on -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The choice is made before the session begins and never changed: what fails on a GPU later is an error.
//===----------------------------------------------------------------------===//
#include "exec/choice.h"
#include "exec/cpu.h"
#include "exec/cuda_driver.h"
#include "exec/session_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GPU_LEVEL "cuda"

static int by_function_and_rows(const void *a, const void *b) {
  const resq_entry *x = *(const resq_entry *const *)a, *y = *(const resq_entry *const *)b;
  int order = strcmp(x->function, y->function);
  return order ? order : (x->max_rows > y->max_rows) - (x->max_rows < y->max_rows);
}

/// The entries of a level of the program.
static bool take_level(resq_session *s, const char *level, resq_error *err) {
  const resq_program *p = s->model->program;
  free(s->entries);
  s->level = level;
  s->n_entries = 0;
  s->entries = calloc((size_t)p->n_entries, sizeof *s->entries);
  if (!s->entries)
    return resq_fail(err, RESQ_NO_MEMORY, "no memory for %" PRId32 " entries", p->n_entries);
  for (int32_t i = 0; i < p->n_entries; ++i)
    if (!strcmp(p->entries[i].level, level))
      s->entries[s->n_entries++] = &p->entries[i];
  qsort(s->entries, (size_t)s->n_entries, sizeof *s->entries, by_function_and_rows);
  return true;
}

static const char *find_level(const resq_session *s, const char *wanted, resq_error *err) {
  return resq_cpu_choose(s->model->program, resq_cpu_features(), wanted, err);
}

/// level NULL: there is none, and the error is told.
static bool take_cpu(resq_session *s, const char *level, bool dry, resq_error *err) {
  if (!level || !take_level(s, level, err))
    return false;
  if (!dry)
    resq_model_read_ahead(s->model);
  return true;
}

static resq_cuda_options gpu_options(const resq_session *s) {
  return (resq_cuda_options){.program = s->model->program,
                             .entries = s->entries,
                             .n_entries = s->n_entries,
                             .params = s->model->params,
                             .params_size = s->model->params_size,
                             .cache_bytes = s->cache_bytes,
                             .capacity = s->capacity,
                             .pool = s->pool};
}

/// dry: only looks whether it could be started there. s->about becomes what the GPU is.
static bool take_gpu(resq_session *s, bool dry, resq_error *err) {
  const char *level = find_level(s, GPU_LEVEL, err);
  if (!level || !take_level(s, level, err))
    return false;
  const resq_cuda_options options = gpu_options(s);
  if (dry && resq_cuda_describe(&options, s->about, sizeof s->about, err))
    return true;
  if (!dry && (s->cuda = resq_cuda_create(&options, err))) {
    resq_cuda_about(s->cuda, s->about, sizeof s->about);
    return true;
  }
  return resq_fail_in(err, "device 'cuda'");
}

/// The GPU where it can be used. s->about says why not; s->fell_back, that somebody may wonder.
static bool take_best(resq_session *s, bool dry, resq_error *err) {
  const char *level = find_level(s, NULL, err);
  resq_error why = {RESQ_FAILED, ""};
  if (!find_level(s, GPU_LEVEL, &why))
    snprintf(s->about, sizeof s->about, "the program has no code for GPUs");
  else if (!level)
    return take_gpu(s, dry, err);
  else if (!resq_cuda_driver_present())
    snprintf(s->about, sizeof s->about, "this machine has no NVIDIA driver");
  else if (take_gpu(s, dry, &why))
    return true;
  else {
    snprintf(s->about, sizeof s->about, "%s", why.message);
    s->fell_back = true;
  }
  return take_cpu(s, level, dry, err);
}

bool resq_session_take_device(resq_session *s, const resq_session_options *o, bool dry,
                              resq_error *err) {
  resq_choice choice;
  if (!resq_choose(&choice, o->device, o->level, err))
    return false;
  if (choice.device == RESQ_DEVICE_AUTO)
    return take_best(s, dry, err);
  if (choice.device == RESQ_DEVICE_CUDA)
    return take_gpu(s, dry, err);
  snprintf(s->about, sizeof s->about, "as asked for");
  return take_cpu(s, find_level(s, choice.level, err), dry, err);
}
