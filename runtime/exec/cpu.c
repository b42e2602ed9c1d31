//===-- cpu.c - the choice of a level -------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "exec/cpu.h"

#include <stdio.h>
#include <string.h>

void resq_cpu_describe(unsigned features, char *out, size_t size) {
  size_t used = 0;
  if (size)
    out[0] = 0;
  for (int i = 0; i < RESQ_N_CPU_FEATURES && used < size; ++i)
    if (features & 1u << i)
      used += (size_t)snprintf(out + used, size - used, "%s%s", used ? " " : "",
                               resq_cpu_feature_names[i]);
  if (!used)
    snprintf(out, size, "the %s baseline only", resq_cpu_architecture);
}

static bool runs(unsigned features, const resq_level_row *l) {
  return !strcmp(l->architecture, resq_cpu_architecture) && (features & l->needs) == l->needs;
}

bool resq_cpu_runs(unsigned features, const char *name) {
  const resq_level_row *l = resq_level_row_find(name);
  return l && runs(features, l);
}

/// Level number i of all, best first: the last of the kernels; then definitions; then a GPU's.
static const resq_level_row *level_by_rank(int i) {
  for (resq_level_kind kind = RESQ_LEVEL_KERNELS; kind < RESQ_LEVEL_ANY; kind++)
    for (int row = resq_n_level_rows - 1; row >= 0; row--)
      if (resq_level_rows[row].kind == kind && i-- == 0)
        return &resq_level_rows[row];
  return NULL;
}

const char *resq_cpu_best(unsigned features) {
  for (int i = 0; i < resq_n_level_rows; ++i)
    if (runs(features, level_by_rank(i)))
      return level_by_rank(i)->name;
  return NULL;
}

/// The program's own string for a level that every one of its functions has; NULL when there is
/// none.
static const char *level_of_program(const resq_program *program, const char *name) {
  const char *found = NULL;
  for (int32_t i = 0; i < program->n_entries; ++i) {
    bool has = false;
    for (int32_t j = 0; j < program->n_entries && !has; ++j)
      has = !strcmp(program->entries[j].function, program->entries[i].function) &&
            !strcmp(program->entries[j].level, name);
    if (!has)
      return NULL;
    if (!strcmp(program->entries[i].level, name))
      found = program->entries[i].level;
  }
  return found;
}

/// The program's levels, each once: "avx512, generic".
static void list_levels(const resq_program *program, char *out, size_t size) {
  size_t used = 0;
  out[0] = 0;
  for (int32_t i = 0; i < program->n_entries && used < size; ++i) {
    bool before = false;
    for (int32_t j = 0; j < i && !before; ++j)
      before = !strcmp(program->entries[j].level, program->entries[i].level);
    if (!before)
      used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "",
                               program->entries[i].level);
  }
}

const char *resq_cpu_choose(const resq_program *program, unsigned features, const char *wanted,
                            resq_error *err) {
  char has[256], list[256];
  resq_cpu_describe(features, has, sizeof has);
  list_levels(program, list, sizeof list);
  if (wanted) {
    const char *found = level_of_program(program, wanted);
    if (!resq_level_row_find(wanted)) {
      resq_level_unknown(err, wanted, RESQ_LEVEL_ANY);
      resq_fail_in(err, "this program was compiled for %s", list);
    } else if (!found)
      resq_fail(err, RESQ_USAGE, "level '%s' is not in this program; it was compiled for: %s",
                wanted, list);
    else if (!resq_cpu_runs(features, wanted))
      resq_fail(err, RESQ_NO_DEVICE, "this CPU cannot run level '%s'; it has: %s", wanted, has);
    else
      return found;
    return NULL;
  }
  for (int i = 0; i < resq_n_level_rows; ++i) {
    const resq_level_row *l = level_by_rank(i);
    const char *found = level_of_program(program, l->name);
    if (found && runs(features, l) && l->kind != RESQ_LEVEL_GPU)
      return found;
  }
  resq_fail(err, RESQ_NO_DEVICE,
            "this CPU runs none of the levels that the program was compiled for (%s); it has: %s",
            list, has);
  return NULL;
}
