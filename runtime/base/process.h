//===-- process.h - how a program begins, and ends before its time --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A program (resqc, resq-opt, the command line of a compiled model) calls resq_process_begin
// first in main and returns what resq_process_end gives. A library never calls them: descriptors
// and signals belong to its host. Everything else here may be called from anywhere; where no
// program has begun, noting what must not be left behind costs a little and does nothing.
//
// Temporary files and folders are *noted* while they exist. SIGINT, SIGTERM, SIGHUP and SIGXCPU
// (unless they were ignored when the program started, as nohup does), a mapped file that became
// shorter (SIGBUS) and memory that ran out remove what is noted and end the process at once.
//===----------------------------------------------------------------------===//
#ifndef RESQ_BASE_PROCESS_H
#define RESQ_BASE_PROCESS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

//===-- Programs ----------------------------------------------------------===//

/// Before anything else in main: opens descriptors 0 to 2 where they are closed, so that no file
/// gets their numbers (on /dev/null, in the direction that makes a use of them fail); makes
/// SIGPIPE and SIGXFSZ errors of the write that meets them; installs the handlers described above.
/// `name` begins messages ("resqc: error: ...") and must stay valid.
void resq_process_begin(const char *name);

/// The exit status: `status`, or RESQ_IO with a message when standard output did not take what was
/// printed. A reader that went away (EPIPE) gets the status without a message.
int resq_process_end(int status);

/// From here on everything is done: interrupts no longer undo anything, and are ignored.
void resq_process_finish(void);

/// Removes what is noted and ends the process at once. Async-signal-safe.
_Noreturn void resq_process_abandon(int status);

/// The end of a process that has no more memory where nothing can be unwound (bookkeeping of the
/// compiler, and MLIR, which has no other way): one message, then resq_process_abandon with
/// RESQ_NO_MEMORY.
_Noreturn void resq_process_out_of_memory(void);

/// A process group to be killed and waited for before files are removed, because it writes some
/// of them; 0 when it has ended.
void resq_process_child(pid_t group);

//===-- What must not be left behind --------------------------------------===//

typedef struct resq_note resq_note;

/// Each copies `path`, and gives NULL when there is no memory for that. Relative paths are as good
/// as absolute ones, since no program changes its folder.
resq_note *resq_note_file(const char *path);
/// The file of a folder that says that it has an owner.
#define RESQ_FOLDER_OWNER "owner"
/// A folder with the files in it, not with folders in it.
resq_note *resq_note_folder(const char *path);
/// Names the file in the message when [data, data + size) can no longer be read.
resq_note *resq_note_map(const char *path, const void *data, size_t size);
/// The note of the map that begins at `data`; NULL when there is none.
resq_note *resq_note_of_map(const void *data);
/// Forgets. NULL is fine.
void resq_note_drop(resq_note *note);

/// Removes the files of a folder, its owner file last, and the folder, as often as it takes while
/// other processes still put files there (some seconds at most). Async-signal-safe.
bool resq_remove_folder(const char *path);

/// Between these two, an interrupt waits: for the steps that must happen together, such as making
/// a file and noting it. Short; they may nest. `held` is the caller's, and goes to the end.
void resq_hold_begin(sigset_t *held);
void resq_hold_end(const sigset_t *held);

#endif // RESQ_BASE_PROCESS_H
