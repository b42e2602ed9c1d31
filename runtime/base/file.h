//===-- file.h - mapped input, atomic output ------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_BASE_FILE_H
#define RESQ_BASE_FILE_H

#include "base/error.h"
#include <stdint.h>
#include <stdio.h>

/// A folder with those above it, as mkdir -p makes it. False (RESQ_IO) with the part that cannot be made.
bool resq_make_folders(const char *path, resq_error *err);

/// A regular file mapped read-only. data is NULL when size is 0.
typedef struct resq_map {
  const uint8_t *data;
  uint64_t size;
} resq_map;

/// Maps a regular file; a directory, device or pipe is refused (RESQ_IO).
bool resq_map_open(resq_map *out_map, const char *path, resq_error *err);
void resq_map_close(resq_map *map);
/// Takes what was read so far out of this process's memory; it is read from the file again, usually from the system's
/// cache, when touched. For passes over files larger than memory. Other threads may read meanwhile.
void resq_map_drop_pages(const resq_map *map);

/// An output file, written under a temporary name beside `path` and renamed by commit. The temporary
/// file is locked (flock) while its maker lives, and noted (base/process.h): an interrupt removes it,
/// and what a killed process left is removed by the next that writes the same file.
typedef struct resq_out resq_out;

/// Creates the temporary file with `mode` (0644, 0755 for executables). NULL on failure.
resq_out *resq_out_create(const char *path, unsigned mode, resq_error *err);
/// Appends. Short writes, EINTR and a full disk are handled; false leaves only `discard` to call.
bool resq_out_write(resq_out *out, const void *data, uint64_t size, resq_error *err);
/// Appends zeros up to a multiple of `alignment`.
bool resq_out_align(resq_out *out, uint64_t alignment, resq_error *err);
/// Bytes written so far.
uint64_t resq_out_position(const resq_out *out);
/// The temporary name, for tools that write the file themselves (a linker); valid until commit or discard.
const char *resq_out_temporary(const resq_out *out);
/// fsync: afterwards only the name is missing. Commit does it where it was not done; where it was, a
/// commit takes no time.
bool resq_out_complete(resq_out *out, resq_error *err);
/// Completes, renames to the final name; frees out. On failure the temporary file is removed.
bool resq_out_commit(resq_out *out, resq_error *err);
/// The same for several files that belong together: all are complete on disk before the first gets
/// its name, and an interrupt comes before or after all renames. NULLs are left out. Frees all.
bool resq_out_commit_all(resq_out *const *outs, int n, resq_error *err);
/// Removes the temporary file; frees out. NULL is fine.
void resq_out_discard(resq_out *out);

#endif // RESQ_BASE_FILE_H
