//===-- artifact_write.c --------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The writer of the trailer; runtime/exec/artifact.c is its reader.
//===----------------------------------------------------------------------===//
#include "artifact_write.h"
#include "dialect/memory.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file is little-endian");

struct resq_artifact_writer {
  resq_out *out;
  XXH3_state_t *hash;
  resq_section table[RESQ_MAX_SECTIONS];
  uint32_t count;
  uint64_t hashed; ///< bytes of the open section that went through resq_artifact_bytes
  bool open;
};

bool resq_artifact_write_elf(resq_out *out, const char *elf, resq_error *err) {
  if (resq_out_position(out) != 0)
    return resq_fail(err, RESQ_FAILED,
                     "an artifact begins with its ELF file, but %llu bytes stand before",
                     (unsigned long long)resq_out_position(out));
  resq_map map;
  if (!resq_map_open(&map, elf, err))
    return false;
  bool ok = map.size >= 4 && memcmp(map.data, "\177ELF", 4) == 0;
  if (ok)
    ok = resq_out_write(out, map.data, map.size, err);
  else
    resq_fail(err, RESQ_FAILED, "'%s' is not an ELF file", elf);
  resq_map_close(&map);
  return ok;
}

resq_artifact_writer *resq_artifact_writer_create(resq_out *out, resq_error *err) {
  resq_artifact_writer *w = resq_new(1, sizeof *w);
  w->hash = XXH3_createState();
  if (!w->hash) {
    free(w);
    resq_fail(err, RESQ_NO_MEMORY, "no memory to write an artifact");
    return NULL;
  }
  w->out = out;
  return w;
}

bool resq_artifact_begin(resq_artifact_writer *w, resq_section_kind kind, resq_error *err) {
  if (w->open)
    return resq_fail(err, RESQ_FAILED, "section %u begins before section %u has ended",
                     (unsigned)kind, w->table[w->count].kind);
  if ((unsigned)kind < 1 || (unsigned)kind > RESQ_LAST_SECTION_KIND)
    return resq_fail(err, RESQ_FAILED, "section kind %u; 1 to %d are known", (unsigned)kind,
                     RESQ_LAST_SECTION_KIND);
  for (uint32_t i = 0; i < w->count; ++i)
    if (w->table[i].kind == (uint32_t)kind)
      return resq_fail(err, RESQ_FAILED, "section %u is written twice; one of each is allowed",
                       (unsigned)kind);
  if (!resq_out_align(w->out, RESQ_SECTION_ALIGNMENT, err))
    return false;
  // Metadata and the module inform people and tools; nothing is computed from them.
  bool optional = kind == RESQ_SECTION_METADATA || kind == RESQ_SECTION_MODULE;
  uint32_t flags = optional ? RESQ_SECTION_OPTIONAL : 0;
  w->table[w->count] =
      (resq_section){.kind = (uint32_t)kind, .flags = flags, .offset = resq_out_position(w->out)};
  w->hashed = 0;
  w->open = true;
  XXH3_64bits_reset(w->hash);
  return true;
}

bool resq_artifact_bytes(resq_artifact_writer *w, const void *data, uint64_t size,
                         resq_error *err) {
  if (!w->open)
    return resq_fail(err, RESQ_FAILED, "bytes outside a section of an artifact");
  if (size == 0)
    return true;
  if (!resq_out_write(w->out, data, size, err))
    return false;
  XXH3_64bits_update(w->hash, data, size);
  w->hashed += size;
  return true;
}

/// Maps the first `size` bytes of what has been written so far, under out's temporary name.
static bool map_written(const resq_out *out, uint64_t size, resq_map *map, resq_error *err) {
  if (!resq_map_open(map, resq_out_temporary(out), err))
    return false;
  if (size <= map->size)
    return true;
  resq_map_close(map);
  return resq_fail(err, RESQ_IO, "'%s' is shorter than what was written to it",
                   resq_out_temporary(out));
}

/// The hash of [offset, offset + size), read back from the file.
static bool hash_written(const resq_out *out, uint64_t offset, uint64_t size, uint64_t *hash,
                         resq_error *err) {
  resq_map map;
  if (!map_written(out, offset + size, &map, err))
    return false;
  *hash = XXH3_64bits(map.data + offset, size);
  resq_map_close(&map);
  return true;
}

bool resq_artifact_end(resq_artifact_writer *w, resq_error *err) {
  if (!w->open)
    return resq_fail(err, RESQ_FAILED, "no section of the artifact is open");
  resq_section *section = &w->table[w->count];
  section->size = resq_out_position(w->out) - section->offset;
  section->hash = XXH3_64bits_digest(w->hash);
  if (section->size != w->hashed &&
      !hash_written(w->out, section->offset, section->size, &section->hash, err))
    return false;
  ++w->count;
  w->open = false;
  return true;
}

bool resq_artifact_section_write(resq_artifact_writer *w, resq_section_kind kind, const void *data,
                                 uint64_t size, resq_error *err) {
  return resq_artifact_begin(w, kind, err) && resq_artifact_bytes(w, data, size, err) &&
         resq_artifact_end(w, err);
}

static bool write_table(resq_artifact_writer *w, resq_error *err) {
  if (w->open)
    return resq_fail(err, RESQ_FAILED, "section %u of the artifact has not ended",
                     w->table[w->count].kind);
  if (!resq_out_align(w->out, RESQ_SECTION_ALIGNMENT, err))
    return false;
  uint64_t size = w->count * sizeof w->table[0];
  resq_footer footer = {.version = RESQ_ARTIFACT_VERSION,
                        .section_count = w->count,
                        .table_offset = resq_out_position(w->out),
                        .table_hash = XXH3_64bits(w->table, size)};
  memcpy(footer.magic, RESQ_ARTIFACT_MAGIC, sizeof footer.magic);
  resq_map map;
  if (!resq_out_write(w->out, w->table, size, err) ||
      !map_written(w->out, footer.table_offset + size, &map, err))
    return false;
  bool ok = resq_artifact_outside_hash(map.data, footer.table_offset + size, w->table, w->count,
                                       &footer, &footer.outside_hash, err);
  resq_map_close(&map);
  return ok && resq_out_write(w->out, &footer, sizeof footer, err);
}

bool resq_artifact_finish(resq_artifact_writer *w, resq_error *err) {
  bool ok = write_table(w, err);
  resq_artifact_abandon(w);
  return ok;
}

void resq_artifact_abandon(resq_artifact_writer *w) {
  if (!w)
    return;
  XXH3_freeState(w->hash);
  free(w);
}
