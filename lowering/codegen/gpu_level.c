//===-- gpu_level.c -------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels and the memory that they need differ from chip to chip, and so do launches: a function is lowered for each
// chip and size of calls. Of the entries, which are the same on all chips but for their launches, those of the first chip
// are kept.
//===----------------------------------------------------------------------===//
#include "gpu_level.h"

#include "dialect/memory.h"
#include "ptx.h"
#include "variant.h"

#include <assert.h>
#include <stdlib.h>

/// Lowers the module for one chip and each size of calls, and translates the kernels of all. *done of the variants are to
/// be freed, also after an error.
static bool lower_chip(MlirOperation module, const resq_level *level, const resq_gpu_lowering *how,
                       const int64_t *rows, int n_rows, resq_variant *variants, int *done,
                       resq_object_source *source, resq_error *err) {
  MlirOperation *modules = resq_new((size_t)n_rows, sizeof *modules);
  bool ok = true;
  for (int i = 0; ok && i < n_rows; i++) {
    ok = resq_variant_lower(module, level, how, rows[i], &variants[i], err);
    *done += ok;
    if (ok)
      modules[i] = variants[i].module;
  }
  ok = ok && resq_gpu_translate(modules, n_rows, how->chip, source, err);
  free(modules);
  return ok;
}

/// Gives the entries of `first` the launches of all chips, whose variants of the same rows are `stride` apart.
static void gather_launches(resq_variant *first, int stride) {
  resq_entries *entries = &first->entries;
  for (int i = 0; i < entries->count; i++) {
    resq_gpu_code *code = resq_arena_new(&entries->memory, 1, sizeof *code);
    resq_gpu_launches *all =
        resq_arena_new(&entries->memory, (size_t)resq_n_gpu_targets, sizeof *all);
    resq_entry *row = &entries->items[i].row;
    for (int chip = 0; chip < resq_n_gpu_targets; chip++) {
      assert(first[chip * stride].entries.count == entries->count); // of one module
      all[chip] = first[chip * stride].entries.items[i].launches;
      if (all[chip].workspace_bytes > row->workspace_bytes)
        row->workspace_bytes = all[chip].workspace_bytes;
    }
    code->launches = all;
    row->gpu = code;
  }
}

/// Gives the program the prepare list of each chip.
static void add_prepares(resq_program_builder *program, const resq_variant *variants, int stride) {
  for (int chip = 0; chip < resq_n_gpu_targets; chip++) {
    const resq_gpu_launches *list = &variants[chip * stride].entries.prepare;
    // What a plan wants recoded depends on a call's shape alone (nvptx/plan.h).
    for (int i = 1; i < stride; i++)
      assert(variants[chip * stride + i].entries.prepare.n == list->n);
    resq_program_add_prepare(program, list);
  }
}

bool resq_gpu_level_lower(MlirOperation module, const resq_level *level,
                          resq_gpu_arithmetic arithmetic, const int64_t *rows, int n_rows,
                          resq_program_builder *program, resq_object_source *sources,
                          resq_error *err) {
  resq_variant *variants = resq_new((size_t)(resq_n_gpu_targets * n_rows), sizeof *variants);
  bool ok = true;
  int done = 0, translated = 0;
  for (; ok && translated < resq_n_gpu_targets; translated += ok) {
    const resq_gpu_lowering how = {&resq_gpu_targets[translated], arithmetic};
    ok = lower_chip(module, level, &how, rows, n_rows, variants + done, &done, &sources[translated],
                    err);
  }
  if (ok)
    add_prepares(program, variants, n_rows);
  for (int i = 0; ok && i < n_rows; i++) {
    gather_launches(&variants[i], n_rows);
    resq_program_add_entries(program, &variants[i].entries);
  }
  for (int i = 0; !ok && i < translated; i++)
    resq_object_discard(&sources[i]);
  for (int i = 0; i < done; i++)
    resq_variant_free(&variants[i]);
  free(variants);
  return ok;
}

bool resq_gpu_level_kernels(MlirOperation module, const resq_level *level,
                            const resq_gpu_lowering *how, const int64_t *rows, int n_rows,
                            resq_object_source *source, resq_error *err) {
  resq_variant *variants = resq_new((size_t)n_rows, sizeof *variants);
  int done = 0;
  bool ok = lower_chip(module, level, how, rows, n_rows, variants, &done, source, err);
  for (int i = 0; i < done; i++)
    resq_variant_free(&variants[i]);
  free(variants);
  return ok;
}
