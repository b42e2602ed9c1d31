//===-- fill_params.c - made-up parameters for a model without any --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   fill_params IN OUT [SEED]
//
// IN was compiled by `resqc --params=absent`. OUT is the same program with parameters: random codes,
// and floats about as large as a model's are, as the compiler describes them in the metadata
// (lowering/recipes/fill_kinds.h). Its text means nothing; its speed and its
// memory are those of a real model of this shape, which need not be carried to the machine.
//===----------------------------------------------------------------------===//
#include "base/checked.h"
#include "kernels/half.h"
#include "lowering/artifact/artifact_write.h"
#include "lowering/recipes/fill_kinds.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 4 << 20 };

/// A counter whose mixed value is random: SplitMix64 (Steele, Lea, Flood: Fast Splittable
/// Pseudorandom Number Generators, 2014).
static uint64_t next_random(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

/// -1 to 1.
static double next_signed(uint64_t *state) {
  return (double)(next_random(state) >> 11) * 0x1p-52 - 1;
}

//===-- One part ----------------------------------------------------------===//

typedef struct part {
  resq_fill_kind kind;
  uint64_t offset, size;
  double a, b; ///< mask; modulo; center, spread
} part;

/// RESQ_FILL_KIND_COUNT when no kind has this word.
static resq_fill_kind find_kind(const char *word) {
  unsigned kind = 0;
  while (kind < RESQ_FILL_KIND_COUNT && strcmp(word, resq_fill_words[kind].word))
    kind++;
  return (resq_fill_kind)kind;
}

static uint64_t element_size(const part *p) { return resq_fill_words[p->kind].element_size; }

static void fill_bytes(uint8_t *to, uint64_t size, uint64_t mask, uint64_t *state) {
  mask *= 0x0101010101010101u;
  for (uint64_t i = 0; i < size; i += 8) {
    const uint64_t v = next_random(state) & mask;
    memcpy(to + i, &v, size - i < 8 ? size - i : 8);
  }
}

/// Elements [first, first + count) of the part.
static void fill(const part *p, uint8_t *to, uint64_t first, uint64_t count, uint64_t *state) {
  if (p->kind == RESQ_FILL_BYTES) {
    fill_bytes(to, count, (uint64_t)p->a, state);
    return;
  }
  for (uint64_t i = 0; i < count; i++) {
    const double v = p->a + (p->b > 0 ? p->b * next_signed(state) : 0);
    switch (p->kind) {
    case RESQ_FILL_I32:
      ((int32_t *)(void *)to)[i] = (int32_t)((first + i) % (uint64_t)p->a);
      break;
    case RESQ_FILL_F32:
      ((float *)(void *)to)[i] = (float)v;
      break;
    case RESQ_FILL_F64:
      ((double *)(void *)to)[i] = v;
      break;
    case RESQ_FILL_BF16:
      ((uint16_t *)(void *)to)[i] = resq_bf16_from_f32((float)v);
      break;
    default: // F16: bytes are filled above, and no other kind is read
      ((uint16_t *)(void *)to)[i] = resq_f16_from_f32((float)v);
      break;
    }
  }
}

//===-- The description ---------------------------------------------------===//

static bool read_part(const json_t *entry, part *out, uint64_t size, resq_error *err) {
  const char *word = json_string_value(json_array_get(entry, 0));
  const resq_fill_kind kind = word ? find_kind(word) : RESQ_FILL_KIND_COUNT;
  const json_int_t offset = json_integer_value(json_array_get(entry, 1));
  const json_int_t bytes = json_integer_value(json_array_get(entry, 2));
  *out =
      (part){kind, (uint64_t)offset, (uint64_t)bytes, json_number_value(json_array_get(entry, 3)),
             json_number_value(json_array_get(entry, 4))};
  if (kind == RESQ_FILL_KIND_COUNT || offset < 0 || bytes < 0 ||
      !resq_inside_u64(out->offset, out->size, size) || out->size % element_size(out) ||
      (kind == RESQ_FILL_I32 && !(out->a >= 1)))
    return resq_fail(err, RESQ_BAD_INPUT, "the metadata describes a part that cannot be filled in");
  return true;
}

/// The metadata with the description; NULL after an error. *out_size: of all parameters.
static json_t *read_description(const resq_artifact *a, const json_t **out_fills,
                                uint64_t *out_size, resq_error *err) {
  const uint8_t *data;
  uint64_t size;
  json_t *root = NULL;
  if (resq_artifact_section(a, RESQ_SECTION_METADATA, &data, &size))
    root = json_loadb((const char *)data, size, 0, NULL);
  const json_t *absent = json_object_get(root, RESQ_ABSENT_PARAMS);
  *out_fills = json_object_get(absent, RESQ_ABSENT_FILLS);
  *out_size = (uint64_t)json_integer_value(json_object_get(absent, RESQ_ABSENT_SIZE));
  if (json_is_array(*out_fills) && !resq_artifact_section(a, RESQ_SECTION_PARAMS, &data, &size))
    return root;
  json_decref(root);
  resq_fail(
      err, RESQ_BAD_INPUT,
      "it has parameters, or was not compiled with --params=absent: nothing is to be filled in");
  return NULL;
}

//===-- The file ----------------------------------------------------------===//

static bool write_zeros(resq_artifact_writer *w, uint64_t size, uint8_t *piece, resq_error *err) {
  memset(piece, 0, size < PIECE ? size : PIECE);
  for (uint64_t n; size; size -= n) {
    n = size < PIECE ? size : PIECE;
    if (!resq_artifact_bytes(w, piece, n, err))
      return false;
  }
  return true;
}

static bool write_part(resq_artifact_writer *w, const part *p, uint8_t *piece, uint64_t *state,
                       resq_error *err) {
  const uint64_t element = element_size(p);
  for (uint64_t done = 0, n; done < p->size; done += n) {
    n = p->size - done < PIECE ? p->size - done : PIECE;
    fill(p, piece, done / element, n / element, state);
    if (!resq_artifact_bytes(w, piece, n, err))
      return false;
  }
  return true;
}

static bool write_params(resq_artifact_writer *w, const json_t *fills, uint64_t size, uint64_t seed,
                         resq_error *err) {
  uint8_t *piece = malloc(PIECE);
  if (!piece)
    return resq_fail(err, RESQ_NO_MEMORY, "no memory for %d bytes", PIECE);
  uint64_t at = 0;
  bool ok = resq_artifact_begin(w, RESQ_SECTION_PARAMS, err);
  for (size_t i = 0; ok && i < json_array_size(fills); i++) {
    part p;
    uint64_t state = seed * 0x2545f4914f6cdd1du + i;
    ok = read_part(json_array_get(fills, i), &p, size, err) &&
         (p.offset >= at || resq_fail(err, RESQ_BAD_INPUT, "parts overlap")) &&
         write_zeros(w, p.offset - at, piece, err) && write_part(w, &p, piece, &state, err);
    at = p.offset + p.size;
  }
  free(piece);
  return ok && resq_artifact_end(w, err);
}

/// All that lies before the first section, then the parameters, then the other sections.
static bool write_all(const resq_artifact *in, const json_t *fills, uint64_t size, uint64_t seed,
                      resq_out *out, resq_error *err) {
  uint64_t elf = in->map.size;
  for (uint32_t i = 0; i < in->count; i++)
    elf = in->table[i].offset < elf ? in->table[i].offset : elf;
  resq_artifact_writer *w = NULL;
  bool ok = resq_out_write(out, in->map.data, elf, err) &&
            (w = resq_artifact_writer_create(out, err)) && write_params(w, fills, size, seed, err);
  for (uint32_t i = 0; ok && i < in->count; i++)
    ok = resq_artifact_section_write(w, (resq_section_kind)in->table[i].kind,
                                     in->map.data + in->table[i].offset, in->table[i].size, err);
  if (ok)
    return resq_artifact_finish(w, err);
  resq_artifact_abandon(w);
  return false;
}

static bool run(const char *from, const char *to, uint64_t seed, resq_error *err) {
  resq_artifact in;
  if (!resq_artifact_open(&in, from, err))
    return false;
  const json_t *fills;
  uint64_t size;
  json_t *metadata = read_description(&in, &fills, &size, err);
  resq_out *out = metadata ? resq_out_create(to, 0755, err) : NULL;
  bool ok = out && write_all(&in, fills, size, seed, out, err);
  if (ok)
    ok = resq_out_commit(out, err);
  else
    resq_out_discard(out);
  json_decref(metadata);
  resq_artifact_close(&in);
  return ok || resq_fail_in(err, "%s", from);
}

int main(int argc, char **argv) {
  resq_error err = {RESQ_USAGE, "usage: fill_params IN OUT [SEED]"};
  if ((argc == 3 || argc == 4) &&
      run(argv[1], argv[2], argc == 4 ? strtoull(argv[3], NULL, 10) : 1, &err))
    return RESQ_OK;
  fprintf(stderr, "fill_params: error: %s\n", err.message);
  return err.code;
}
