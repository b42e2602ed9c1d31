//===-- session_internal.h - what the parts of a session share ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Behind resq/session.h: the structures, and what the command line needs beyond the
// public API (sections of the artifact, the pool for its own parallel loops).
//===----------------------------------------------------------------------===//
#ifndef RESQ_EXEC_SESSION_INTERNAL_H
#define RESQ_EXEC_SESSION_INTERNAL_H

#include "base/error.h"
#include "exec/artifact.h"
#include "exec/cuda.h"
#include "exec/threads.h"
#include "resq/abi.h"
#include "resq/session.h"

/// More than any signature needs; arrays of a call live on the stack.
#define RESQ_MAX_ARGS 64

struct resq_model {
  const resq_program *program;
  resq_artifact artifact;
  bool has_artifact;
  const uint8_t *params; ///< in the artifact's map; NULL when there are none
  uint64_t params_size;
};

/// Time of one entry's calls, filled by thread 0.
typedef struct resq_entry_times {
  int64_t calls, rows, total_ns;
  int64_t *op_ns; ///< [n_ops]
} resq_entry_times;

/// What resq_call.profile points to during a profiled call.
typedef struct resq_profile {
  int64_t last_ns;
  int32_t last_op; ///< -1 before the first
  int64_t *op_ns;
} resq_profile;

struct resq_session {
  resq_model *model;
  const char *level;
  const resq_entry **entries; ///< at the level, by function, then max_rows ascending
  int n_entries;
  const resq_entry **forward; ///< the part of entries called "forward", NULL when absent
  int n_forward;
  int64_t capacity, sequences;
  resq_cuda *cuda;       ///< the GPU at level "cuda", which then has caches and workspace; else NULL
  uint8_t **caches;      ///< [n_caches]
  uint64_t *cache_bytes; ///< [n_caches]
  int64_t rewind;        ///< the least of all caches, -1: none is limited
  int32_t *held;         ///< [sequences] tokens since the sequence began at 0; NULL: not limited
  int32_t *next_held;    ///< [sequences] the same, while a call is checked
  uint8_t *workspace;    ///< for the largest entry
  uint64_t workspace_bytes;
  uint8_t *scratch; ///< RESQ_SCRATCH_BYTES a thread
  uint64_t scratch_bytes;
  int32_t *tickets;     ///< for the entry with the most ops
  int32_t *chunk_rows;  ///< [forward's largest max_rows], logit rows of a chunk
  resq_worker *workers; ///< [threads]
  resq_pool *pool;
  resq_call call;
  resq_entry_times *times; ///< [n_entries], NULL until profiled
  resq_profile profile;
  bool profiling;
};

/// Copies a failure to the public struct (either may be NULL); returns false.
bool resq_tell(resq_message *why, const resq_error *err);
/// The file that the code of `program` was loaded from.
bool resq_program_file(const resq_program *program, char *out, size_t size, resq_error *err);
/// Refuses a program whose tables do not hold together: a compiler's defect or another version.
bool resq_program_check(const resq_program *program, resq_error *err);

/// Takes parameters out of this process's memory until they are read again.
void resq_model_forget(const resq_model *model);

/// The entries of `function`, smallest first; *count = 0 when the program has none.
const resq_entry **resq_session_entries(const resq_session *s, const char *function, int *count);
/// Rows that one call of @forward takes at most; 0 when the module has none.
int64_t resq_session_chunk(const resq_session *s);
bool resq_profile_start(resq_session *s);

/// Zeroed pages, given when touched; NULL when refused. size 0 gives one page.
uint8_t *resq_pages_new(uint64_t size);
void resq_pages_free(uint8_t *pages, uint64_t size);

#endif // RESQ_EXEC_SESSION_INTERNAL_H
