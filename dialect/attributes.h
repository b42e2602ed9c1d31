//===-- attributes.h - attributes that ops of any dialect may carry -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Their names, from attributes.def: RESQ_ATTR_VERSION is "resq.version". A verified module has each
// of them only where it may be, and of the kind that it must be, so that readers need not check.
//===----------------------------------------------------------------------===//
#ifndef RESQ_DIALECT_ATTRIBUTES_H
#define RESQ_DIALECT_ATTRIBUTES_H

#ifdef __cplusplus
extern "C" {
#endif

#define ROW(id, name, place, kind, least, most) extern const char RESQ_ATTR_##id[];
#include "dialect/attributes.def"

#ifdef __cplusplus
}
#endif
#endif // RESQ_DIALECT_ATTRIBUTES_H
