//===-- session_internal.h - what the parts of a session share ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Behind resq/session.h: the structures. Internal to runtime/exec, and to tests of it; what is above
// has session_access.h.
//===----------------------------------------------------------------------===//
#ifndef RESQ_EXEC_SESSION_INTERNAL_H
#define RESQ_EXEC_SESSION_INTERNAL_H

#include "base/error.h"
#include "exec/artifact.h"
#include "exec/cuda.h"
#include "exec/session_access.h"
#include "exec/threads.h"
#include "resq/abi.h"
#include "resq/session.h"

struct resq_model {
  const resq_program *program;
  resq_artifact artifact;
  bool has_artifact;
  const uint8_t *params; ///< in the artifact's map; NULL when there are none
  uint64_t params_size;
  bool params_absent; ///< the program has parameters, and the file does not hold them
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

/// What is known of one sequence in one cache.
typedef struct resq_held {
  int32_t next;    ///< tokens that it holds: where its next row goes, at most
  int32_t reached; ///< the most that it held since it began at 0: older exact keys may be gone
  int64_t stamp;   ///< the last use that wrote it: resq_session.stamp
} resq_held;

struct resq_session {
  resq_model *model;
  const char *level;
  const resq_entry **entries; ///< at the level, by function, then max_rows ascending
  int n_entries;
  const resq_entry **forward; ///< the part of entries called "forward", NULL when absent
  int n_forward;
  int64_t capacity, sequences;
  resq_cuda *cuda;  ///< the GPU at level "cuda", which then has caches and workspace; else NULL
  char about[1024]; ///< what the GPU is, or why it is not used
  bool fell_back;   ///< to the CPU, though there is a driver and code for a GPU
  uint8_t **caches; ///< [n_caches]
  uint64_t *cache_bytes; ///< [n_caches]
  int64_t rewind;        ///< the least of all caches, -1: none is limited
  resq_held *held;       ///< [n_caches, sequences]
  resq_held *next_held;  ///< the same, while a call is checked
  int32_t
      *alike; ///< [n_caches] the first cache that every function uses as this one: it stands for it
  int64_t stamp;      ///< uses of caches so far, over all calls
  uint8_t *workspace; ///< for the largest entry
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

/// Lets the system read all parameters, for a session that uses them where they are mapped.
void resq_model_read_ahead(const resq_model *model);
/// Copies a failure to the public struct (either may be NULL); returns false.
bool resq_tell(resq_message *why, const resq_error *err);
/// The file that the code of `program` was loaded from.
bool resq_program_file(const resq_program *program, char *out, size_t size, resq_error *err);
/// Refuses a program whose tables do not hold together: a compiler's defect or another version.
bool resq_program_check(const resq_program *program, resq_error *err);

/// The entries of `function`, smallest first; *count = 0 when the program has none.
const resq_entry **resq_session_entries(const resq_session *s, const char *function, int *count);
//===-- session_device.c: the device --------------------------------------===//

/// Takes the entries of the level to run at and, on a GPU, starts there: capacity, cache_bytes and pool are known. dry:
/// starts nothing. Fills level, entries, about, fell_back and cuda.
bool resq_session_take_device(resq_session *s, const resq_session_options *o, bool dry,
                              resq_error *err);

//===-- call.c: what compiled code calls ----------------------------------===//

int32_t resq_call_phase(resq_worker *w);
void resq_call_op_done(resq_worker *w, int32_t op);

//===-- check.c: what would make compiled code leave its memory -----------===//

/// Arguments as the entry's function needs them: how many, their extents, where they are, and the values
/// of indices. An error names the function and the argument.
bool resq_check_arguments(const resq_session *s, const resq_entry *e, void *const *args,
                          const int64_t *rows, int n_args, resq_error *err);
/// Positions follow each other in every cache that the entry uses, and nothing is read that was not
/// written, for a call that runs `limit` rows at a time. Arguments are checked. When all is well the
/// rows count as held, else nothing changes.
bool resq_check_caches(resq_session *s, const resq_entry *e, void *const *args, const int64_t *rows,
                       int64_t limit, resq_error *err);
/// After a call that did not end: nobody knows what the caches have of its sequences, so they begin
/// again at 0.
void resq_forget_rows(resq_session *s, const resq_entry *e, void *const *args, const int64_t *rows);
/// Fills s->alike. The layers of a model are alike: one of them is checked for all.
void resq_find_alike_caches(resq_session *s);
/// Refuses facts of an entry that do not hold together.
bool resq_check_facts(const resq_entry *e, int32_t n_caches, resq_error *err);

bool resq_profile_start(resq_session *s);

/// Zeroed pages, given when touched; NULL when refused. size 0 gives one page.
uint8_t *resq_pages_new(uint64_t size);
void resq_pages_free(uint8_t *pages, uint64_t size);

#endif // RESQ_EXEC_SESSION_INTERNAL_H
