//===-- artifact.c - reads the trailer behind a compiled ELF file ---------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Nothing in the file is believed before it is checked: a truncated download, a
// flipped bit or a hostile file ends in one error that names the file and the field.
//===----------------------------------------------------------------------===//
#include "exec/artifact.h"

#include "base/checked.h"
#include <elf.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <xxhash.h>

_Static_assert(sizeof(resq_section) == 32, "the section table is a file format");
_Static_assert(sizeof(resq_footer) == 40 && offsetof(resq_footer, magic) == 8,
               "the footer is a file format; its last 32 bytes are those of version 1");

/// The part of the footer that every version has, at the very end of the file.
enum {
  FOOTER_HEAD = offsetof(resq_footer, magic),
  FOOTER_TAIL = sizeof(resq_footer) - FOOTER_HEAD
};

bool resq_artifact_has_trailer(const uint8_t *data, uint64_t size) {
  return size >= FOOTER_TAIL && memcmp(data + size - FOOTER_TAIL, RESQ_ARTIFACT_MAGIC, 8) == 0;
}

static const char *kind_name(uint32_t kind) {
  switch (kind) {
  case RESQ_SECTION_PARAMS:
    return "parameters";
  case RESQ_SECTION_TOKENIZER:
    return "tokenizer";
  case RESQ_SECTION_METADATA:
    return "metadata";
  case RESQ_SECTION_MODULE:
    return "module";
  default:
    return "unknown";
  }
}

//===-- A file without a trailer ------------------------------------------===//

/// Where the ELF part ends by its own headers, 0 when the bytes are no 64-bit ELF file.
static uint64_t elf_end(const uint8_t *data, uint64_t size) {
  Elf64_Ehdr header;
  if (size < sizeof header)
    return 0;
  memcpy(&header, data, sizeof header);
  if (memcmp(header.e_ident, ELFMAG, SELFMAG) || header.e_ident[EI_CLASS] != ELFCLASS64)
    return 0;
  uint64_t end, table = (uint64_t)header.e_shnum * header.e_shentsize;
  return resq_add_u64(header.e_shoff, table, &end) ? end : 0;
}

/// Sections cut off where the ELF part ends, as `strip` and `objcopy` do, or a shortened file. Always false.
static bool fail_without_trailer(const uint8_t *data, uint64_t size, resq_error *err) {
  uint64_t end = elf_end(data, size);
  if (end == size && size)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "the file ends with its ELF part (%" PRIu64 " bytes): what follows it in a "
                     "compiled model (parameters, tokenizer) is gone, as after `strip` or "
                     "`objcopy`; take the file that resqc wrote, which holds no debug sections",
                     size);
  return resq_fail(err, RESQ_BAD_INPUT,
                   "no " RESQ_ARTIFACT_MAGIC " footer in the last %d of %" PRIu64
                   " bytes: not a compiled model, or cut short",
                   (int)FOOTER_TAIL, size);
}

//===-- Footer and table --------------------------------------------------===//

/// Finds the table: footer fields first, so that later arithmetic cannot overflow.
static bool check_footer(const uint8_t *data, uint64_t size, resq_footer *footer, resq_error *err) {
  if (!resq_artifact_has_trailer(data, size))
    return fail_without_trailer(data, size, err);
  memcpy((uint8_t *)footer + FOOTER_HEAD, data + size - FOOTER_TAIL, FOOTER_TAIL);
  if (footer->version != RESQ_ARTIFACT_VERSION)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "artifact version %" PRIu32 ", this program reads %u: compile the model again",
                     footer->version, RESQ_ARTIFACT_VERSION);
  if (size < sizeof *footer)
    return resq_fail(err, RESQ_BAD_INPUT, "%" PRIu64 " bytes, a footer alone has %zu", size,
                     sizeof *footer);
  memcpy(footer, data + size - sizeof *footer, sizeof *footer);
  if (footer->section_count > RESQ_MAX_SECTIONS)
    return resq_fail(err, RESQ_BAD_INPUT, "%" PRIu32 " sections in the footer, at most %u allowed",
                     footer->section_count, RESQ_MAX_SECTIONS);
  uint64_t table_size = footer->section_count * sizeof(resq_section);
  uint64_t table_end = size - sizeof *footer;
  if (table_size > table_end || footer->table_offset != table_end - table_size)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "section table of %" PRIu64 " bytes at offset %" PRIu64
                     " does not end at the footer (offset %" PRIu64 ")",
                     table_size, footer->table_offset, table_end);
  if (footer->table_offset % _Alignof(resq_section))
    return resq_fail(err, RESQ_BAD_INPUT,
                     "section table at offset %" PRIu64 ", which is not a multiple of %zu",
                     footer->table_offset, _Alignof(resq_section));
  if (XXH3_64bits(data + footer->table_offset, table_size) != footer->table_hash)
    return resq_fail(err, RESQ_BAD_INPUT, "the section table's hash does not match the footer's");
  return true;
}

static bool is_known(uint32_t kind) {
  return kind >= RESQ_SECTION_PARAMS && kind <= RESQ_LAST_SECTION_KIND;
}

static bool check_kind(const resq_section *table, uint32_t i, resq_error *err) {
  const resq_section *s = &table[i];
  if (s->flags & ~(uint32_t)RESQ_SECTION_OPTIONAL)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "%s section of kind %" PRIu32 ": flags are 0x%" PRIx32 ", known: 0x%x",
                     kind_name(s->kind), s->kind, s->flags, RESQ_SECTION_OPTIONAL);
  if (s->kind == 0 || (!is_known(s->kind) && !(s->flags & RESQ_SECTION_OPTIONAL)))
    return resq_fail(err, RESQ_BAD_INPUT,
                     "section %" PRIu32 " is of kind %" PRIu32
                     " and not optional; this program knows kinds %d to %d",
                     i, s->kind, RESQ_SECTION_PARAMS, RESQ_LAST_SECTION_KIND);
  for (uint32_t j = 0; j < i && is_known(s->kind); ++j)
    if (table[j].kind == s->kind)
      return resq_fail(err, RESQ_BAD_INPUT, "two %s sections, one allowed", kind_name(s->kind));
  return true;
}

/// Sections lie in order, aligned, before the table.
static bool check_sections(const resq_section *table, const resq_footer *footer, resq_error *err) {
  uint64_t end = 0;
  for (uint32_t i = 0; i < footer->section_count; ++i) {
    const resq_section *s = &table[i];
    if (!check_kind(table, i, err))
      return false;
    if (s->offset % RESQ_SECTION_ALIGNMENT)
      return resq_fail(err, RESQ_BAD_INPUT,
                       "%s section at offset %" PRIu64 ", which is not a multiple of %u",
                       kind_name(s->kind), s->offset, RESQ_SECTION_ALIGNMENT);
    if (s->offset < end || !resq_inside_u64(s->offset, s->size, footer->table_offset))
      return resq_fail(err, RESQ_BAD_INPUT,
                       "%s section of %" PRIu64 " bytes at offset %" PRIu64
                       " leaves the room from %" PRIu64 " to %" PRIu64,
                       kind_name(s->kind), s->size, s->offset, end, footer->table_offset);
    end = s->offset + s->size;
  }
  return true;
}

bool resq_artifact_view(resq_artifact *out, const uint8_t *data, uint64_t size, resq_error *err) {
  *out = (resq_artifact){{NULL, 0}, NULL, 0};
  resq_footer footer;
  if (!check_footer(data, size, &footer, err))
    return false;
  const resq_section *table = (const resq_section *)(const void *)(data + footer.table_offset);
  if (!check_sections(table, &footer, err))
    return false;
  out->map.data = data;
  out->map.size = size;
  out->table = table;
  out->count = footer.section_count;
  return true;
}

bool resq_artifact_open(resq_artifact *out, const char *path, resq_error *err) {
  *out = (resq_artifact){{NULL, 0}, NULL, 0};
  resq_map map;
  if (!resq_map_open(&map, path, err))
    return false;
  if (!resq_artifact_view(out, map.data, map.size, err)) {
    resq_map_close(&map);
    return resq_fail_in(err, "%s", path);
  }
  return true;
}

//===-- Hashes ------------------------------------------------------------===//

bool resq_artifact_outside_hash(const uint8_t *data, uint64_t size, const resq_section *table,
                                uint32_t count, const resq_footer *footer, uint64_t *out_hash,
                                resq_error *err) {
  XXH3_state_t *hash = XXH3_createState();
  if (!hash)
    return resq_fail(err, RESQ_NO_MEMORY, "no memory to hash an artifact");
  XXH3_64bits_reset(hash);
  uint64_t at = 0;
  for (uint32_t i = 0; i < count; ++i) {
    XXH3_64bits_update(hash, data + at, table[i].offset - at);
    at = table[i].offset + table[i].size;
  }
  XXH3_64bits_update(hash, data + at, size - at);
  XXH3_64bits_update(hash, (const uint8_t *)footer + FOOTER_HEAD, FOOTER_TAIL);
  *out_hash = XXH3_64bits_digest(hash);
  XXH3_freeState(hash);
  return true;
}

bool resq_artifact_verify_outside(const resq_artifact *a, resq_error *err) {
  resq_footer footer;
  uint64_t size = a->map.size - sizeof footer, hash;
  memcpy(&footer, a->map.data + size, sizeof footer);
  if (!resq_artifact_outside_hash(a->map.data, size, a->table, a->count, &footer, &hash, err))
    return false;
  return hash == footer.outside_hash ||
         resq_fail(err, RESQ_BAD_INPUT,
                   "the bytes outside the sections (code, tables) do not match their hash: the "
                   "file is damaged, or a tool has changed its ELF part");
}

static bool verify_section(const resq_artifact *a, const resq_section *s, resq_error *err) {
  return XXH3_64bits(a->map.data + s->offset, s->size) == s->hash ||
         resq_fail(err, RESQ_BAD_INPUT,
                   "%s section (%" PRIu64 " bytes at offset %" PRIu64
                   "): contents do not match their hash, the file is damaged",
                   kind_name(s->kind), s->size, s->offset);
}

bool resq_artifact_verify_section(const resq_artifact *a, resq_section_kind kind, resq_error *err) {
  for (uint32_t i = 0; i < a->count; ++i)
    if (a->table[i].kind == (uint32_t)kind)
      return verify_section(a, &a->table[i], err);
  return true;
}

bool resq_artifact_verify(const resq_artifact *a, resq_error *err) {
  for (uint32_t i = 0; i < a->count; ++i)
    if (!verify_section(a, &a->table[i], err))
      return false;
  return resq_artifact_verify_outside(a, err);
}

//===-- Sections ----------------------------------------------------------===//

bool resq_artifact_section(const resq_artifact *a, resq_section_kind kind, const uint8_t **out_data,
                           uint64_t *out_size) {
  *out_data = NULL;
  *out_size = 0;
  for (uint32_t i = 0; i < a->count; ++i) {
    if (a->table[i].kind != (uint32_t)kind)
      continue;
    *out_data = a->map.data + a->table[i].offset;
    *out_size = a->table[i].size;
    return true;
  }
  return false;
}

void resq_artifact_close(resq_artifact *a) {
  resq_map_close(&a->map);
  *a = (resq_artifact){{NULL, 0}, NULL, 0};
}
