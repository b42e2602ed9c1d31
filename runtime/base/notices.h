//===-- notices.h - licences of what is linked in -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_BASE_NOTICES_H
#define RESQ_BASE_NOTICES_H

/// runtime/NOTICES.txt: what `--licenses` prints. Static storage.
const char *resq_notices(void);

#endif // RESQ_BASE_NOTICES_H
