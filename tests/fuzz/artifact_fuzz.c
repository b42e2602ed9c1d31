//===-- artifact_fuzz.c - any bytes as an artifact ------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Hunts for reads outside the file: hash checks are satisfied first, so that the
// field checks behind them see arbitrary tables.
//===----------------------------------------------------------------------===//
#include "exec/artifact.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/// Makes the footer's magic, version and table hash right when its table lies in the file.
static void repair(uint8_t *bytes, size_t size) {
  resq_footer footer;
  if (size < sizeof footer)
    return;
  memcpy(&footer, bytes + size - sizeof footer, sizeof footer);
  memcpy(footer.magic, RESQ_ARTIFACT_MAGIC, sizeof footer.magic);
  footer.version = RESQ_ARTIFACT_VERSION;
  footer.section_count %= RESQ_MAX_SECTIONS + 4;
  uint64_t table = footer.section_count * sizeof(resq_section);
  if (table <= size - sizeof footer) {
    footer.table_offset = size - sizeof footer - table;
    footer.table_hash = XXH3_64bits(bytes + footer.table_offset, table);
  }
  memcpy(bytes + size - sizeof footer, &footer, sizeof footer);
}

static void read_all(const uint8_t *bytes, size_t size) {
  resq_artifact a;
  resq_error err;
  if (!resq_artifact_view(&a, bytes, size, &err))
    return;
  resq_artifact_verify(&a, &err);
  for (int kind = 0; kind < 5; ++kind) {
    resq_artifact_verify_section(&a, (resq_section_kind)kind, &err);
    const uint8_t *section;
    uint64_t section_size;
    if (resq_artifact_section(&a, (resq_section_kind)kind, &section, &section_size) &&
        section_size) {
      volatile uint8_t first = section[0], last = section[section_size - 1];
      (void)first, (void)last;
    }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // A copy of exactly `size` bytes: the sanitizer sees a read past its end.
  uint8_t *bytes = malloc(size ? size : 1);
  if (!bytes)
    return 0;
  memcpy(bytes, data, size);
  read_all(bytes, size);
  repair(bytes, size);
  read_all(bytes, size);
  free(bytes);
  return 0;
}
