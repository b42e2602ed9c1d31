//===-- artifact.c - reads the trailer behind a compiled ELF file ---------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Nothing in the file is believed before it is checked: a truncated download, a
// flipped bit or a hostile file ends in one error that names the file and the field.
//===----------------------------------------------------------------------===//
#include "exec/artifact.h"

#include "base/checked.h"
#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

/// More kinds than exist: room for later ones, small enough that a lying count stops here.
#define MAX_SECTIONS 16u

_Static_assert(sizeof(resq_section) == 32, "the section table is a file format");
_Static_assert(sizeof(resq_footer) == 32, "the footer is a file format");

bool resq_artifact_has_trailer(const uint8_t *data, uint64_t size) {
  if (size < sizeof(resq_footer))
    return false;
  return memcmp(data + size - sizeof(resq_footer), RESQ_ARTIFACT_MAGIC, 8) == 0;
}

static const char *kind_name(uint32_t kind) {
  switch (kind) {
  case RESQ_SECTION_PARAMS:
    return "parameters";
  case RESQ_SECTION_TOKENIZER:
    return "tokenizer";
  case RESQ_SECTION_METADATA:
    return "metadata";
  default:
    return "unknown";
  }
}

/// Finds the table: footer fields first, so that later arithmetic cannot overflow.
static bool check_footer(const uint8_t *data, uint64_t size, resq_footer *footer, resq_error *err) {
  if (!resq_artifact_has_trailer(data, size))
    return resq_fail(err, RESQ_BAD_INPUT,
                     "no " RESQ_ARTIFACT_MAGIC " footer in the last %zu of %" PRIu64
                     " bytes: not a resq artifact, or cut short",
                     sizeof *footer, size);
  memcpy(footer, data + size - sizeof *footer, sizeof *footer);
  if (footer->version != RESQ_ARTIFACT_VERSION)
    return resq_fail(err, RESQ_BAD_INPUT, "artifact version %" PRIu32 ", this program reads %u",
                     footer->version, RESQ_ARTIFACT_VERSION);
  if (footer->section_count > MAX_SECTIONS)
    return resq_fail(err, RESQ_BAD_INPUT, "%" PRIu32 " sections in the footer, at most %u allowed",
                     footer->section_count, MAX_SECTIONS);
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

/// Sections lie in order, aligned, before the table, and each kind once.
static bool check_sections(const resq_section *table, const resq_footer *footer, resq_error *err) {
  uint64_t end = 0;
  uint32_t seen = 0;
  for (uint32_t i = 0; i < footer->section_count; ++i) {
    const resq_section *s = &table[i];
    if (s->kind < RESQ_SECTION_PARAMS || s->kind > RESQ_SECTION_METADATA)
      return resq_fail(err, RESQ_BAD_INPUT,
                       "section %" PRIu32 " is of kind %" PRIu32 ", known: %d to %d", i, s->kind,
                       RESQ_SECTION_PARAMS, RESQ_SECTION_METADATA);
    if (seen & (1u << s->kind))
      return resq_fail(err, RESQ_BAD_INPUT, "two %s sections, one allowed", kind_name(s->kind));
    seen |= 1u << s->kind;
    if (s->reserved != 0)
      return resq_fail(err, RESQ_BAD_INPUT, "%s section: reserved field is %" PRIu32 ", must be 0",
                       kind_name(s->kind), s->reserved);
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

bool resq_artifact_verify(const resq_artifact *a, resq_error *err) {
  for (uint32_t i = 0; i < a->count; ++i) {
    const resq_section *s = &a->table[i];
    if (XXH3_64bits(a->map.data + s->offset, s->size) != s->hash)
      return resq_fail(err, RESQ_BAD_INPUT,
                       "%s section (%" PRIu64 " bytes at offset %" PRIu64
                       "): contents do not match their hash, the file is damaged",
                       kind_name(s->kind), s->size, s->offset);
  }
  return true;
}

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
