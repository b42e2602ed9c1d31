//===-- version.h - the version of resq -----------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Here and nowhere else: CMakeLists.txt reads it from this file.
//===----------------------------------------------------------------------===//
#ifndef RESQ_BASE_VERSION_H
#define RESQ_BASE_VERSION_H

#define RESQ_VERSION "0.1.0"

#endif // RESQ_BASE_VERSION_H
