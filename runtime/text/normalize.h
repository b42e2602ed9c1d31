//===-- normalize.h - Unicode normal form C -------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_TEXT_NORMALIZE_H
#define RESQ_TEXT_NORMALIZE_H

#include "text/tokenizer.h"

/// `text`, well-formed UTF-8, in normal form C. *out is malloc'ed. The work is linear, also in long
/// runs of marks. *work, when not NULL, grows by the marks that were moved or compared.
bool resq_normalize(resq_text text, char **out, size_t *out_size, uint64_t *work, resq_error *err);

#endif // RESQ_TEXT_NORMALIZE_H
