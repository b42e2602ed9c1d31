//===-- notices.c - licences of what is linked in -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "base/notices.h"

extern const unsigned char resq_notices_text[]; // cmake/ResqEmbed.cmake: followed by a NUL

const char *resq_notices(void) { return (const char *)resq_notices_text; }
