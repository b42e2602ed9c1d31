//===-- import.h - checkpoint files to resq modules -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_DIALECT_IMPORT_H
#define RESQ_DIALECT_IMPORT_H

#include "base/error.h"
#include "dialect/import/checkpoints.h"
#include "mlir-c/IR.h"

/// A checkpoint, which is a GGUF v2/v3 file, a part of a split one or a Hugging Face folder, of architecture llama or qwen2 as a module: @forward(tokens, positions, sequences, logit_rows) -> logits,
/// one resq.param a tensor (leaf; for q and k of a GGUF llama, deinterleave), one f16 kv_cache a layer, the tokenizer. Module attributes:
/// resq.version (i64), resq.context_length (i64), resq.name (string). Null module on failure.
/// Param names: "embedding", "head" (absent when tied: head reads @embedding), "final_norm",
/// "l<i>.attn_norm", "l<i>.q", "l<i>.k", "l<i>.v", "l<i>.o", "l<i>.mlp_norm", "l<i>.gate", "l<i>.up", "l<i>.down";
/// biases "l<i>.q_bias" etc.
/// Every op's location is a NameLoc "l<i>.q" etc. over the file.
/// It stays open in `checkpoints`.
MlirModule resq_import_checkpoint(MlirContext ctx, const char *path, resq_checkpoints *checkpoints,
                                  resq_error *err);

/// A config.json that says how large a model of architecture llama or qwen2 is
/// (huggingface/config.h), as the same module over a checkpoint of format `shape`, which has no tensors.
MlirModule resq_import_shape(MlirContext ctx, const char *path, resq_error *err);

/// A .mlir or bytecode module, parsed with depth and size limits (docs/dialect.md), diagnostics into err.
MlirModule resq_import_mlir(MlirContext ctx, const char *path, resq_error *err);
/// The same in this process alone. What resq_import_mlir reads bytecode with first is a process of
/// its own, because some damaged bytecode makes MLIR abort; this is for callers that may abort.
MlirModule resq_import_mlir_here(MlirContext ctx, const char *path, resq_error *err);

/// By content: a folder, "GGUF" magic, a JSON object, MLIR bytecode magic, or text.
MlirModule resq_import(MlirContext ctx, const char *path, resq_checkpoints *checkpoints,
                       resq_error *err);

#endif // RESQ_DIALECT_IMPORT_H
