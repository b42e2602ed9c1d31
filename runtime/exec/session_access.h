//===-- session_access.h - what tools around a session need ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The command line and calibration look at a model and a session in a few ways that are no part of
// the public interface (resq/session.h): they read tables and sections, know how calls are cut, use the
// threads for loops of their own, and give memory back. This is all of it; the structures themselves
// are session_internal.h's, for runtime/exec alone.
//===----------------------------------------------------------------------===//
#ifndef RESQ_EXEC_SESSION_ACCESS_H
#define RESQ_EXEC_SESSION_ACCESS_H

#include "base/error.h"
#include "exec/artifact.h"
#include "exec/threads.h"
#include "resq/abi.h"
#include "resq/session.h"

/// The program table of a model.
const resq_program *resq_model_program(const resq_model *model);
/// The file of a model with its sections; NULL for a program without. It belongs to the model.
const resq_artifact *resq_model_artifact(const resq_model *model);
/// The program has parameters, and the file does not hold them (resqc --params=absent): sessions are
/// refused.
bool resq_model_params_absent(const resq_model *model);
/// Takes parameters out of this process's memory until they are read again.
void resq_model_drop_pages(const resq_model *model);

/// What a session with these options would run on here.
typedef struct resq_device {
  const char *level; ///< a string of the program
  bool is_gpu;
  char about[1024]; ///< what the GPU is, or why it is not used
} resq_device;
/// Starts nothing. False where no session would start, with its error.
bool resq_model_device(resq_model *model, const resq_session_options *options, resq_device *out,
                       resq_error *err);

/// Rows that one call of @forward takes at most; 0 when the module has none.
int64_t resq_session_chunk(const resq_session *session);
/// Tokens by which a sequence may go back in every cache; -1: all.
int64_t resq_session_rewind(const resq_session *session);
/// The session's threads, for loops between calls.
resq_pool *resq_session_pool(const resq_session *session);
/// Pauses or resumes a profile that resq_session_profile began; returns whether it was running.
/// Without one, nothing happens.
bool resq_session_profile_resume(resq_session *session, bool resume);

#endif // RESQ_EXEC_SESSION_ACCESS_H
