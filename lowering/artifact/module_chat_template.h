//===-- module_chat_template.h - the chat template of a module ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_MODULE_CHAT_TEMPLATE_H
#define RESQ_LOWERING_MODULE_CHAT_TEMPLATE_H

#include "base/error.h"
#include "mlir-c/IR.h"

/// Puts the text of the file `option` in the place of the chat template of the module's
/// resq.tokenizer (none, when it is "none"; as it is, when NULL), and checks that the template can
/// be used: what it names is known, and it renders a conversation. An error names the line and the
/// feature, and the option that replaces the template. `input` is the model's name, for messages.
bool resq_module_chat_template(MlirOperation module, const char *input, const char *option,
                               resq_error *err);

#endif // RESQ_LOWERING_MODULE_CHAT_TEMPLATE_H
