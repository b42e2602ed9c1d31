//===-- generation_config.h - generation_config.json ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_DIALECT_IMPORT_HUGGINGFACE_GENERATION_CONFIG_H
#define RESQ_DIALECT_IMPORT_HUGGINGFACE_GENERATION_CONFIG_H

#include "dialect/import/checkpoint/checkpoint.h"

/// What the folder says of sampling: the driver's `generation`. With "do_sample": false the
/// temperature is 0. Keys that would change what is drawn are computed, or refused by name.
bool resq_hugging_face_generation(const resq_checkpoint *c, resq_generation_settings *out,
                                  resq_error *err);

#endif // RESQ_DIALECT_IMPORT_HUGGINGFACE_GENERATION_CONFIG_H
