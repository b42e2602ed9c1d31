//===-- chat_template.h - messages to prompt text -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The part of Jinja that chat templates use, with the settings of Hugging Face: an
// immutable sandbox with trim_blocks, lstrip_blocks, break and continue, tojson as
// transformers has it, raise_exception and strftime_now. What is accepted writes what
// jinja2 writes; what is not supported is refused by name, or undefined.
//
// Templates come from files: work, depth, memory and output are bounded, and no
// template can reach anything but its own variables.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TEXT_CHAT_TEMPLATE_H
#define RESQ_TEXT_CHAT_TEMPLATE_H

#include "base/error.h"
#include <stddef.h>
#include <stdint.h>

typedef struct resq_chat_message {
  const char *role; ///< "system", "user", "assistant", ...
  const char *content;
} resq_chat_message;

/// What a template sees: `messages`, `add_generation_prompt`, `bos_token`, `eos_token`, and
/// `tools`, `documents` (none).
typedef struct resq_chat_request {
  const resq_chat_message *messages;
  size_t n_messages;
  bool add_generation_prompt;
  const char *bos, *eos; ///< text of the tokens; NULL: empty
  const char *date;      ///< "YYYY-MM-DD" for strftime_now; NULL: today, by the local clock
} resq_chat_request;

/// The prompt (malloc, NUL-terminated, *out_size without the NUL); NULL on failure, and err names
/// the line. out_size may be NULL.
char *resq_chat_template_render(const char *template_text, const resq_chat_request *request,
                                size_t *out_size, resq_error *err);

/// The same with a limit of *work units (chat_value.h says what a unit is; at most
/// CHAT_MAX_WORK, which render uses). Afterwards *work is what it took, also on failure.
char *resq_chat_template_render_counted(const char *template_text, const resq_chat_request *request,
                                        size_t *out_size, int64_t *work, resq_error *err);

/// Whether the template can be used: it parses, all that it names is supported, and it renders a
/// conversation of a system and a user message, or one of a user message. A template that refuses
/// both by raise_exception has told what it wants, and is good. err names line and feature.
bool resq_chat_template_check(const char *template_text, const char *bos, const char *eos,
                              resq_error *err);

/// Whether `date` is a day, written as YYYY-MM-DD; fails with the option --date.
bool resq_chat_date_check(const char *date, resq_error *err);

#endif // RESQ_TEXT_CHAT_TEMPLATE_H
