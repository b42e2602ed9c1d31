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

/// Marks what a compiled shared library exports: these functions, resq_program_v1 and <library>_program (the
/// compiler reads this file when it is built).
#define RESQ_API __attribute__((visibility("default")))

typedef struct resq_model resq_model;
typedef struct resq_session resq_session;
struct resq_program;

/// Why a call failed: memory of the caller's. Any `why` below may be NULL.
typedef struct resq_message {
  char text[1024]; ///< one line, ends in NUL
  int code; ///< as the exit codes of tools: 1 failed, 2 a wrong argument, 3 bad contents of a file, 4 no suitable
            ///< device, 5 input or output, 6 no memory
} resq_message;

/// `program` and the sections appended to the file at `path` (NULL: the file that the program was loaded from).
/// `path` may lack sections when the program has no parameters. The model is the caller's, to be closed after its
/// sessions are destroyed; sessions may share it. NULL on failure.
RESQ_API resq_model *resq_model_open(const struct resq_program *program, const char *path,
                                     resq_message *why);
RESQ_API void resq_model_close(resq_model *model);

typedef struct resq_session_options {
  int threads; ///< 0: as many as CPU affinity and cgroup quota allow. A busy machine makes calls use fewer
  int64_t sequences; ///< 0: 1
  int64_t capacity;  ///< tokens a sequence; 0: the model's context length
  const char *level; ///< NULL: $RESQ_LEVEL, or the best that the device runs
  const char *
      device; ///< "auto": the first GPU where driver, code and memory suffice, else the CPU; "cpu"; "cuda".
              ///< NULL: $RESQ_DEVICE, or "auto"
} resq_session_options;

/// NULL on failure (no level fits this CPU, no GPU for device "cuda", no memory, bad options).
RESQ_API resq_session *resq_session_create(resq_model *model, const resq_session_options *options,
                                           resq_message *why);
RESQ_API void resq_session_destroy(resq_session *session);

/// Calls `function`: args has its inputs, then its results, rows the number of rows of each; all stay the caller's.
/// Arrays are dense and row-major, f32 or int32, aligned to 4 bytes; results overlap nothing.
/// Everything that compiled code relies on is checked first, by what the function's ops need (resq_arg, resq_cache_use in
/// abi.h): the number of arguments, rows that must agree, results' sizes, indices (tokens, rows, positions, sequences),
/// and that tokens of a sequence follow each other. A row of a sequence takes the position after its last one, or goes
/// back: what stood behind is then gone. 0 begins the sequence again. Where a cache keeps recent keys exactly, it goes
/// back by resq_cache.rewind tokens at most, or to 0.
/// When every dynamic extent is the same and larger than the entry holds, the call is cut into chunks in order. Picks
/// the smallest entry that fits. False on failure; a call that was refused (code 2) changed nothing, and after another
/// failure the sequences that it named begin again at 0.
RESQ_API bool resq_session_call(resq_session *session, const char *function, void *const *args,
                                const int64_t *rows, int n_args, resq_message *why);

/// A language model's forward: rows of (token, position, sequence), and which rows need logits (ascending).
/// logits is [n_logit_rows, vocabulary]. Checked as a call of @forward is. Any n_rows >= 1: cut into chunks.
/// The module must define @forward(tokens, positions, sequences, logit_rows) -> logits, in which logit_rows pick rows.
RESQ_API bool resq_session_forward(resq_session *session, const int32_t *tokens,
                                   const int32_t *positions, const int32_t *sequences,
                                   int64_t n_rows, const int32_t *logit_rows, int64_t n_logit_rows,
                                   float *logits, resq_message *why);

/// Logit width of @forward, 0 when the module has none.
RESQ_API int64_t resq_session_vocabulary(const resq_session *session);
RESQ_API int64_t resq_session_capacity(const resq_session *session);
RESQ_API const char *resq_session_level(const resq_session *session);
/// Why device "auto" is the CPU on a machine with an NVIDIA driver, in one line; NULL where nobody need wonder.
RESQ_API const char *resq_session_note(const resq_session *session);

/// Calibration: every resq.observe hands its rows here, by the calling thread.
typedef void (*resq_site_observer)(void *user, int32_t site, const float *x, int64_t rows,
                                   int64_t width, int64_t ld);
RESQ_API void resq_session_observe(resq_session *session, resq_site_observer observe, void *user);

/// Time per op since the last reset, when enabled. seconds[i] for op i of the entry.
RESQ_API void resq_session_profile(resq_session *session, bool enable);
/// Prints a table per op name to `file` (a FILE *), aggregated by layer and by op.
RESQ_API void resq_session_profile_print(const resq_session *session, void *file);

#ifdef __cplusplus
}
#endif
#endif // RESQ_SESSION_H
