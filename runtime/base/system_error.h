//===-- system_error.h - the exit code for an errno -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_BASE_SYSTEM_ERROR_H
#define RESQ_BASE_SYSTEM_ERROR_H

#include "base/error.h"

/// What a call of the C library that opens, reads or writes left in errno: RESQ_NO_MEMORY for
/// ENOMEM, because such calls allocate (fopen its buffer), otherwise RESQ_IO.
resq_code resq_code_of_errno(int number);

#endif // RESQ_BASE_SYSTEM_ERROR_H
