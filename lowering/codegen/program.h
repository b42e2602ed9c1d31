//===-- program.h - the table of what an artifact holds -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_PROGRAM_H
#define RESQ_LOWERING_PROGRAM_H

#include "lowering/entries/entry.h"
#include "object.h"

/// Collects facts while modules are lowered, then emits the object that defines `resq_program_v1` (resq/abi.h).
typedef struct resq_program_builder resq_program_builder;

/// Params, caches, sites and module attributes of the materialised module.
resq_program_builder *resq_program_begin(MlirOperation module, const char *scheme);
/// Adds the rows of what a lowering made of a module. Copies them.
void resq_program_add_entries(resq_program_builder *b, const resq_entries *entries);
/// Adds the prepare list of the next image, before all images. Copies it.
void resq_program_add_prepare(resq_program_builder *b, const resq_gpu_launches *launches);
/// Adds an image, whose prepare list was added, best first; of level cuda there is one for each of resq_gpu_targets. Copies it.
void resq_program_add_image(resq_program_builder *b, const resq_gpu_image *image);
/// For the architecture of `level`. `name`: a second name of the table, for programs that link several
/// libraries; NULL: none.
bool resq_program_emit(resq_program_builder *b, const resq_level *level, const char *name,
                       resq_bytes *out, resq_error *err);
void resq_program_free(resq_program_builder *b);

#endif // RESQ_LOWERING_PROGRAM_H
