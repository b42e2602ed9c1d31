//===-- probe.c -----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#define _GNU_SOURCE
#include "probe.h"

#include "exec/cpu.h"
#include "exec/session_access.h"
#include "lowering/artifact/artifact_write.h"
#include "lowering/codegen/codegen.h"
#include "lowering/recipes/materialize.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/// Names of a probe's files.
typedef struct files {
  char elf[PATH_MAX], params[PATH_MAX], artifact[PATH_MAX];
} files;

static void name_file(const resq_workdir *work, const char *probe, const char *suffix,
                      char out[PATH_MAX]) {
  char name[64];
  snprintf(name, sizeof name, "%s.%s", probe, suffix);
  resq_workdir_file(work, name, out);
}

/// Parameters are laid out before code is made, and stand behind it in the file.
static bool build(MlirOperation module, const resq_probe_options *options, const files *f,
                  const resq_workdir *work, resq_stages *stages, resq_error *err) {
  resq_out *parameters = resq_out_create(f->params, 0600, err);
  resq_materialize_options materialize = {.threads = options->threads,
                                          .checkpoints = options->checkpoints};
  if (!parameters || !resq_materialize(module, parameters, &materialize, err)) {
    resq_out_discard(parameters);
    return false;
  }
  resq_codegen_options codegen = {.levels = resq_cpu_best(resq_cpu_features()),
                                  .prefill_rows = options->rows,
                                  .scheme = options->name,
                                  .threads = options->threads};
  if (!resq_out_commit(parameters, err) ||
      !resq_codegen(module, &codegen, RESQ_LINK_SHARED, true, work, f->elf, stages, err))
    return false;
  const resq_artifact_parts parts = {.elf = f->elf, .params = f->params};
  resq_out *artifact = resq_artifact_assemble(f->artifact, 0700, &parts, err);
  return artifact && resq_out_commit(artifact, err);
}

static bool load(resq_probe *p, const resq_probe_options *options, const char *artifact,
                 resq_error *err) {
  p->library = dlopen(artifact, RTLD_NOW | RTLD_LOCAL);
  const resq_program *program = p->library ? dlsym(p->library, "resq_program_v1") : NULL;
  if (!program)
    return resq_fail(err, RESQ_FAILED, "the %s program does not load: %s", options->name,
                     dlerror());
  resq_message why;
  p->model = resq_model_open(program, artifact, &why);
  resq_session_options session = {.threads = options->threads,
                                  .sequences = options->sequences,
                                  .capacity = options->capacity,
                                  .device = "cpu"};
  p->session = p->model ? resq_session_create(p->model, &session, &why) : NULL;
  return p->session || resq_fail(err, (resq_code)why.code, "%s: %s", options->name, why.text);
}

bool resq_probe_open(resq_probe *p, MlirModule module, const resq_probe_options *options,
                     const resq_workdir *work, resq_stages *stages, resq_error *err) {
  memset(p, 0, sizeof *p);
  files f;
  name_file(work, options->name, "elf", f.elf);
  name_file(work, options->name, "params", f.params);
  name_file(work, options->name, "so", f.artifact);
  bool ok = build(mlirModuleGetOperation(module), options, &f, work, stages, err) &&
            load(p, options, f.artifact, err);
  // What is mapped stays; the disk's space is free as soon as the probe is closed.
  unlink(f.elf);
  unlink(f.params);
  unlink(f.artifact);
  if (!ok)
    resq_probe_close(p);
  return ok;
}

void resq_probe_drop_pages(const resq_probe *p) { resq_model_drop_pages(p->model); }

void resq_probe_close(resq_probe *p) {
  if (p->session)
    resq_session_destroy(p->session);
  if (p->model)
    resq_model_close(p->model);
  if (p->library)
    dlclose(p->library);
  memset(p, 0, sizeof *p);
}
