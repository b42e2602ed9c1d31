//===-- decoder_tensors.h - the tensors that a configuration calls for ----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_DIALECT_IMPORT_CHECKPOINT_DECODER_TENSORS_H
#define RESQ_DIALECT_IMPORT_CHECKPOINT_DECODER_TENSORS_H

#include "dialect/import/checkpoint/decoder_config.h"

typedef struct resq_decoder_tensor {
  const char *site;       ///< ours: "q", a part of "l0.q"
  const char *stem;       ///< the checkpoint's: "attn_q" of "blk.0.attn_q.weight"
  uint32_t rank;          ///< 1 (norms) or 2
  int64_t shape[2];       ///< outermost first: [out, in]
  resq_decoder_bias bias; ///< "blk.0.attn_q.bias" of shape [out]
} resq_decoder_tensor;

void resq_decoder_layer_tensors(const resq_decoder_config *config,
                                resq_decoder_tensor out[RESQ_DECODER_SITES]);

enum { RESQ_DECODER_NAME = 96 };
/// "blk.0.attn_q.weight". `part` is "weight" or "bias".
void resq_decoder_tensor_name(const resq_decoder_config *config, int64_t layer, const char *stem,
                              const char *part, char out[RESQ_DECODER_NAME]);

/// Checks that the checkpoint holds every tensor that the configuration calls for, in shape, and no
/// others, and sets what tensors say (`tied`, where it is not stated, and `rope_factors`).
bool resq_decoder_check_tensors(const resq_checkpoint *c, resq_decoder_config *config,
                                resq_error *err);

/// The driver's configuration, and the check of the tensors.
bool resq_decoder_config_read(const resq_checkpoint *c, resq_decoder_config *out, resq_error *err);

#endif // RESQ_DIALECT_IMPORT_CHECKPOINT_DECODER_TENSORS_H
