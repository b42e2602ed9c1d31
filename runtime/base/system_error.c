//===-- system_error.c ----------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "base/system_error.h"

#include <errno.h>

resq_code resq_code_of_errno(int number) { return number == ENOMEM ? RESQ_NO_MEMORY : RESQ_IO; }
