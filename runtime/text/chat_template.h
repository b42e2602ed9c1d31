//===-- chat_template.h - messages to prompt text -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The part of Jinja that chat templates use, with the settings of Hugging Face
// (trim_blocks, lstrip_blocks). Templates come from files: time, depth, memory and
// output are bounded, and no template can reach anything but its own variables.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TEXT_CHAT_TEMPLATE_H
#define RESQ_TEXT_CHAT_TEMPLATE_H

#include "base/error.h"
#include <stddef.h>

typedef struct resq_chat_message {
  const char *role; ///< "system", "user", "assistant", ...
  const char *content;
} resq_chat_message;

/// The prompt (malloc, NUL-terminated, *out_size without the NUL); NULL on failure, and err names
/// the line. A template sees `messages`, `add_generation_prompt`, `bos_token`, `eos_token`, and
/// `tools`, `documents` (none). bos and eos may be NULL (empty). out_size may be NULL.
char *resq_chat_template_render(const char *template_text, const resq_chat_message *messages,
                                size_t n_messages, bool add_generation_prompt, const char *bos,
                                const char *eos, size_t *out_size, resq_error *err);

#endif // RESQ_TEXT_CHAT_TEMPLATE_H
