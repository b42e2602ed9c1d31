//===-- param_cache.h - evaluated params on disk --------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One file an entry, named by its key: the bytes, then a footer with their hash.
// Written under a temporary name and renamed, so that a stopped compile leaves whole
// entries only. A damaged entry counts as absent; failing to write one is no error.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_PARAM_CACHE_H
#define RESQ_LOWERING_PARAM_CACHE_H

#include "base/error.h"
#include "base/file.h"
#include <stdint.h>

/// Part of every key: raised when an op's numbers or a stored layout change.
#define RESQ_PARAM_CACHE_VERSION 3

typedef struct resq_param_cache resq_param_cache;

/// Creates the directory (and its parents) when it is absent. NULL on failure.
resq_param_cache *resq_param_cache_open(const char *directory, resq_error *err);
void resq_param_cache_close(resq_param_cache *c);

/// Maps entry `key` when it is there, whole, and holds `size` bytes; they are view->data[0 ..
/// size). Close with resq_map_close.
bool resq_param_cache_load(resq_param_cache *c, const uint64_t key[2], uint64_t size,
                           resq_map *view);

/// Why the first entry that could not be kept was not; NULL when all were. A compile without them is right, but
/// the next one takes as long.
const char *resq_param_cache_complaint(const resq_param_cache *c);

/// An entry being written; NULL when the cache cannot take one.
typedef struct resq_param_entry resq_param_entry;
resq_param_entry *resq_param_cache_begin(resq_param_cache *c, const uint64_t key[2]);
/// All of these take NULL. A failed write makes commit drop the entry.
void resq_param_entry_write(resq_param_entry *entry, const void *data, uint64_t size);
void resq_param_entry_commit(resq_param_entry *entry);
void resq_param_entry_discard(resq_param_entry *entry);

#endif // RESQ_LOWERING_PARAM_CACHE_H
