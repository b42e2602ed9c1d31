//===-- resq/session.h - running a compiled program from C ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The public run-time API: what `--emit=shared` exports and the command line uses.
// A model is immutable and may be shared by sessions; a session belongs to one
// host thread at a time and owns its caches, workspace and worker threads.
//===----------------------------------------------------------------------===//
#ifndef RESQ_SESSION_H
#define RESQ_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct resq_model resq_model;
typedef struct resq_session resq_session;
struct resq_program;

/// Why a call failed; static storage inside the caller's struct.
typedef struct resq_message {
  char text[1024];
  int code; ///< runtime/base/error.h's resq_code, also the exit code of tools
} resq_message;

/// `program` and the sections appended to the file at `path` (NULL: the file this code was loaded from). `path`
/// may lack sections when the program has no parameters. NULL on failure.
resq_model *resq_model_open(const struct resq_program *program, const char *path,
                            resq_message *why);
void resq_model_close(resq_model *model);

typedef struct resq_session_options {
  int threads;        ///< 0: as many as CPU affinity and cgroup quota allow. A busy machine makes calls use fewer
  int64_t sequences;  ///< 0: 1
  int64_t capacity;   ///< tokens a sequence; 0: the model's context length
  const char *level;  ///< NULL: $RESQ_LEVEL, or the best level that this CPU runs. "cuda": the first GPU
} resq_session_options;

/// NULL on failure (no level fits this CPU, no GPU for level "cuda", no memory, bad options).
resq_session *resq_session_create(resq_model *model, const resq_session_options *options,
                                  resq_message *why);
void resq_session_destroy(resq_session *session);

/// Calls `function` with inputs then results in args, leading extents in rows (see abi.h). When every dynamic
/// extent is the same and larger than the entry holds, the call is cut into chunks in order. Picks the
/// smallest entry that fits.
bool resq_session_call(resq_session *session, const char *function, void *const *args,
                       const int64_t *rows, int n_args, resq_message *why);

/// A language model's forward: rows of (token, position, sequence), and which rows need logits (ascending).
/// logits is [n_logit_rows, vocabulary]. Checks tokens, positions (< capacity) and sequences, and that no sequence goes
/// back further than its caches allow (resq_cache.rewind in abi.h). Any n_rows >= 1: cut into chunks. The module must define @forward(tokens, positions, sequences, logit_rows) -> logits.
bool resq_session_forward(resq_session *session, const int32_t *tokens,
                          const int32_t *positions, const int32_t *sequences,
                          int64_t n_rows, const int32_t *logit_rows,
                          int64_t n_logit_rows, float *logits, resq_message *why);

/// Logit width of @forward, 0 when the module has none.
int64_t resq_session_vocabulary(const resq_session *session);
int64_t resq_session_capacity(const resq_session *session);
const char *resq_session_level(const resq_session *session);

/// Calibration: every resq.observe hands its rows here, by the calling thread.
typedef void (*resq_site_observer)(void *user, int32_t site, const float *x, int64_t rows,
                                   int64_t width, int64_t ld);
void resq_session_observe(resq_session *session, resq_site_observer observe, void *user);

/// Time per op since the last reset, when enabled. seconds[i] for op i of the entry.
void resq_session_profile(resq_session *session, bool enable);
/// Prints a table per op name to `file` (a FILE *), aggregated by layer and by op.
void resq_session_profile_print(const resq_session *session, void *file);

#ifdef __cplusplus
}
#endif
#endif // RESQ_SESSION_H
