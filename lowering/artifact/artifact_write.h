//===-- artifact_write.h - sections behind an ELF file --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes what runtime/exec/artifact.h describes. Sections are streamed and hashed on
// the way, so parameters need not stand in memory:
//
//   resq_artifact_write_elf(out, "linked.tmp", &err);      // `out` is new and empty
//   w = resq_artifact_writer_create(out, &err);
//   resq_artifact_begin(w, RESQ_SECTION_PARAMS, &err);
//   resq_artifact_bytes(w, data, size, &err);              // or resq_materialize(module, out, ...)
//   resq_artifact_end(w, &err);
//   resq_artifact_section_write(w, RESQ_SECTION_TOKENIZER, blob, size, &err);
//   resq_artifact_finish(w, &err);  resq_out_commit(out, &err);
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_ARTIFACT_WRITE_H
#define RESQ_LOWERING_ARTIFACT_WRITE_H

#include "base/error.h"
#include "base/file.h"
#include "exec/artifact.h"

typedef struct resq_artifact_writer resq_artifact_writer;

/// Appends the ELF file at `elf` to out, which must be empty. An input without the ELF magic is
/// refused.
bool resq_artifact_write_elf(resq_out *out, const char *elf, resq_error *err);

/// Sections follow at out's position. NULL when out of memory. `out` stays the caller's.
resq_artifact_writer *resq_artifact_writer_create(resq_out *out, resq_error *err);

/// Opens a section at the next multiple of RESQ_SECTION_ALIGNMENT. A kind written before, or a
/// section still open, is refused.
bool resq_artifact_begin(resq_artifact_writer *w, resq_section_kind kind, resq_error *err);
/// Appends to the open section.
bool resq_artifact_bytes(resq_artifact_writer *w, const void *data, uint64_t size, resq_error *err);
/// Closes it. Bytes that others wrote to `out` in between (resq_materialize) belong to the section:
/// they are read back and hashed.
bool resq_artifact_end(resq_artifact_writer *w, resq_error *err);

/// A whole section at once.
bool resq_artifact_section_write(resq_artifact_writer *w, resq_section_kind kind, const void *data,
                                 uint64_t size, resq_error *err);

/// Table and footer; frees w, also on failure. `out` is then to be committed.
bool resq_artifact_finish(resq_artifact_writer *w, resq_error *err);
/// Frees w without finishing. NULL is fine.
void resq_artifact_abandon(resq_artifact_writer *w);

/// A section in memory; data NULL: absent.
typedef struct resq_section_bytes {
  const void *data;
  uint64_t size;
} resq_section_bytes;

/// What an artifact is made of.
typedef struct resq_artifact_parts {
  const char *elf;    ///< file
  const char *params; ///< file; NULL: absent
  resq_section_bytes tokenizer, metadata, module;
} resq_artifact_parts;

/// All parts to `path`. The caller commits it; NULL on failure.
resq_out *resq_artifact_assemble(const char *path, unsigned mode, const resq_artifact_parts *parts,
                                 resq_error *err);

#endif // RESQ_LOWERING_ARTIFACT_WRITE_H
