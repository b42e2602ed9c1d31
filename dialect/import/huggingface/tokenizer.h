//===-- tokenizer.h - what a Hugging Face folder says of its tokenizer ----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tokenizer.json has tokens, merges and stages. Which tokens begin and end a text, and the chat template,
// are in tokenizer_config.json, chat_template.jinja, generation_config.json, config.json and
// special_tokens_map.json.
//===----------------------------------------------------------------------===//
#ifndef RESQ_DIALECT_IMPORT_HUGGINGFACE_TOKENIZER_H
#define RESQ_DIALECT_IMPORT_HUGGINGFACE_TOKENIZER_H

#include "dialect/import/checkpoint/checkpoint.h"

/// The driver's functions. A folder with a tokenizer_config.json alone has a tokenizer that can't be read.
bool resq_hugging_face_has_tokenizer(const resq_checkpoint *c);
bool resq_hugging_face_tokenizer(const resq_checkpoint *c, resq_checkpoint_tokenizer *out,
                                 resq_error *err);

#endif // RESQ_DIALECT_IMPORT_HUGGINGFACE_TOKENIZER_H
