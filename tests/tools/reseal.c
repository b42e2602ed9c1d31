//===-- reseal.c - makes the hashes of a changed artifact right -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   reseal FILE
//
// For tests that change a compiled model's bytes on purpose, to see what happens
// behind the check of its hashes: writes the hash of each section and the hash of
// everything outside them, in place. Offsets and sizes must be as the writer made them.
//===----------------------------------------------------------------------===//
#include "exec/artifact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static bool reseal(uint8_t *data, uint64_t size, resq_error *err) {
  resq_footer footer;
  uint64_t body = size - sizeof footer;
  memcpy(&footer, data + body, sizeof footer);
  resq_section *table = (resq_section *)(void *)(data + footer.table_offset);
  for (uint32_t i = 0; i < footer.section_count; ++i)
    table[i].hash = XXH3_64bits(data + table[i].offset, table[i].size);
  footer.table_hash = XXH3_64bits(table, footer.section_count * sizeof *table);
  bool ok = resq_artifact_outside_hash(data, body, table, footer.section_count, &footer,
                                       &footer.outside_hash, err);
  memcpy(data + body, &footer, sizeof footer);
  return ok;
}

static bool run(const char *path, resq_error *err) {
  resq_artifact a;
  if (!resq_artifact_open(&a, path, err))
    return false;
  uint64_t size = a.map.size;
  uint8_t *data = aligned_alloc(4096, (size + 4095) / 4096 * 4096);
  if (data)
    memcpy(data, a.map.data, size);
  resq_artifact_close(&a);
  if (!data)
    return resq_fail(err, RESQ_NO_MEMORY, "%s: no memory for it", path);
  bool ok = reseal(data, size, err);
  FILE *file = ok ? fopen(path, "r+b") : NULL;
  ok = file && fwrite(data, 1, size, file) == size;
  ok = file && fclose(file) == 0 && ok;
  free(data);
  return ok || resq_fail(err, RESQ_IO, "cannot write %s", path);
}

int main(int argc, char **argv) {
  resq_error err = {RESQ_USAGE, "usage: reseal FILE"};
  if (argc == 2 && run(argv[1], &err))
    return RESQ_OK;
  fprintf(stderr, "reseal: error: %s\n", err.message);
  return err.code;
}
