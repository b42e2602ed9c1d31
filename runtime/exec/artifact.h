//===-- artifact.h - the trailer behind a compiled ELF file ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An artifact is an ELF executable or shared object followed by sections, each
// aligned to RESQ_SECTION_ALIGNMENT from the start of the file, a section table,
// and a fixed-size footer at the very end. Little-endian.
//
//   ELF | pad | section 0 | pad | section 1 ... | pad | table | footer
//
// Writer (lowering/artifact_write.c) and reader (runtime/exec/artifact.c) share this header.
//===----------------------------------------------------------------------===//
#ifndef RESQ_EXEC_ARTIFACT_H
#define RESQ_EXEC_ARTIFACT_H

#include "base/error.h"
#include "base/file.h"
#include <stdint.h>

#define RESQ_ARTIFACT_VERSION 1u
#define RESQ_ARTIFACT_MAGIC "RESQART1"
#define RESQ_SECTION_ALIGNMENT 4096u

/// Section kinds; one of each at most.
typedef enum resq_section_kind {
  RESQ_SECTION_PARAMS = 1,    ///< parameter bytes, resq_param.offset from its start
  RESQ_SECTION_TOKENIZER = 2, ///< runtime/text/tokenizer.h's blob
  RESQ_SECTION_METADATA = 3,  ///< JSON: model, scheme, versions, sizes, timings-free (deterministic)
} resq_section_kind;

typedef struct resq_section {
  uint32_t kind;
  uint32_t reserved; ///< 0
  uint64_t offset;   ///< from the start of the file
  uint64_t size;
  uint64_t hash;     ///< XXH3-64 of the section's bytes
} resq_section;

typedef struct resq_footer {
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

/// Maps `path` and checks footer, table, bounds, alignment and table hash. Sections' hashes are checked
/// by resq_artifact_verify (whole file read: `info --verify`).
bool resq_artifact_open(resq_artifact *out, const char *path, resq_error *err);
/// The same checks on bytes in memory, 8-aligned, which must outlive `out` and stay the caller's:
/// such an artifact is not closed.
bool resq_artifact_view(resq_artifact *out, const uint8_t *data, uint64_t size, resq_error *err);
/// Whether the bytes end in a footer at all (its contents unchecked).
bool resq_artifact_has_trailer(const uint8_t *data, uint64_t size);
bool resq_artifact_verify(const resq_artifact *a, resq_error *err);
/// Bytes of a section, or false with *out_size = 0 when absent.
bool resq_artifact_section(const resq_artifact *a, resq_section_kind kind,
                           const uint8_t **out_data, uint64_t *out_size);
void resq_artifact_close(resq_artifact *a);

#endif // RESQ_EXEC_ARTIFACT_H
