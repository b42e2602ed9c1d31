//===-- artifact.h - the trailer behind a compiled ELF file ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An artifact is an ELF executable or shared object followed by sections, each
// aligned to RESQ_SECTION_ALIGNMENT from the start of the file, a section table,
// and a fixed-size footer at the very end. Little-endian.
//
//   ELF | pad | section 0 | pad | section 1 ... | pad | table | footer
//
// Every byte of the file is covered by one hash: a section's bytes by the hash in
// its table entry, all the rest (ELF, padding, table, the footer's other fields) by
// footer.outside_hash. The hashes find damage, not tampering: whoever changes a file
// on purpose can change its hashes, too (SECURITY.md).
//
// Version 2 reads later files as long as what they add may be skipped: a section of
// an unknown kind whose flags say RESQ_SECTION_OPTIONAL is checked, counted and
// otherwise ignored; one without that flag is refused.
//
// Writer (lowering/artifact/artifact_write.c) and reader (runtime/exec/artifact.c) share this header.
//===----------------------------------------------------------------------===//
#ifndef RESQ_EXEC_ARTIFACT_H
#define RESQ_EXEC_ARTIFACT_H

#include "base/error.h"
#include "base/file.h"
#include <stdint.h>

#define RESQ_ARTIFACT_VERSION 2u
/// The same in every version, and the last 32 bytes begin with it.
#define RESQ_ARTIFACT_MAGIC "RESQART1"
#define RESQ_SECTION_ALIGNMENT 4096u
/// More than there are kinds: room for later ones, and a lying count ends here.
#define RESQ_MAX_SECTIONS 64u

/// Section kinds; one of each known kind at most.
typedef enum resq_section_kind {
  RESQ_SECTION_PARAMS = 1,    ///< parameter bytes, resq_param.offset from its start
  RESQ_SECTION_TOKENIZER = 2, ///< runtime/text/tokenizer.h's blob
  RESQ_SECTION_METADATA = 3, ///< JSON: model, scheme, versions, sizes; nothing that differs between
                             ///< two compiles of the same input
  RESQ_SECTION_MODULE = 4, ///< the packed module as MLIR bytecode, without parameters; the runtime
                           ///< reads none of it (lowering/artifact/module_section.h)
} resq_section_kind;
#define RESQ_LAST_SECTION_KIND RESQ_SECTION_MODULE

/// resq_section.flags.
enum {
  RESQ_SECTION_OPTIONAL = 1u, ///< a reader that does not know the kind may do without it
};

typedef struct resq_section {
  uint32_t kind;   ///< resq_section_kind, or a later kind; never 0
  uint32_t flags;  ///< RESQ_SECTION_OPTIONAL or 0
  uint64_t offset; ///< from the start of the file
  uint64_t size;
  uint64_t hash; ///< XXH3-64 of the section's bytes
} resq_section;

/// The last 40 bytes. All fields behind outside_hash have kept their place since version 1.
typedef struct resq_footer {
  uint64_t outside_hash; ///< XXH3-64 of all bytes outside the sections, but for this field
  char magic[8];
  uint32_t version;
  uint32_t section_count;
  uint64_t table_offset;
  uint64_t table_hash; ///< XXH3-64 of the table
} resq_footer;

/// A mapped artifact. `section(kind)` views point into the map.
typedef struct resq_artifact {
  resq_map map;
  const resq_section *table;
  uint32_t count;
} resq_artifact;

/// Maps `path` and checks footer, table, bounds, alignment and the table's hash, reading no more than that. The
/// bytes of code and sections are checked by the functions below.
bool resq_artifact_open(resq_artifact *out, const char *path, resq_error *err);
/// The same checks on bytes in memory, 8-aligned, which must outlive `out` and stay the caller's:
/// such an artifact is not closed.
bool resq_artifact_view(resq_artifact *out, const uint8_t *data, uint64_t size, resq_error *err);
/// Whether the bytes end in a footer at all (its contents unchecked).
bool resq_artifact_has_trailer(const uint8_t *data, uint64_t size);

/// Whether all bytes outside the sections (code, padding, table, footer) are those that were written. Reads them:
/// a few megabytes, which the process that runs the artifact has mapped anyway.
bool resq_artifact_verify_outside(const resq_artifact *a, resq_error *err);
/// Whether the section's bytes are those that were written; true when there is none.
bool resq_artifact_verify_section(const resq_artifact *a, resq_section_kind kind, resq_error *err);
/// Both, for every section, of known kinds or not: reads the whole file (`info --verify`).
bool resq_artifact_verify(const resq_artifact *a, resq_error *err);

/// Bytes of a section, or false with *out_size = 0 when absent.
bool resq_artifact_section(const resq_artifact *a, resq_section_kind kind, const uint8_t **out_data,
                           uint64_t *out_size);
void resq_artifact_close(resq_artifact *a);

/// footer.outside_hash of a file whose sections lie, in order, where `table` says: the bytes of `data` up to the
/// footer, without the sections', then the footer's fields behind outside_hash. `data` ends where the footer begins.
bool resq_artifact_outside_hash(const uint8_t *data, uint64_t size, const resq_section *table,
                                uint32_t count, const resq_footer *footer, uint64_t *out_hash,
                                resq_error *err);

#endif // RESQ_EXEC_ARTIFACT_H
