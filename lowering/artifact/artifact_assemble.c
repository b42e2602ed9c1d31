//===-- artifact_assemble.c - all parts of an artifact into one file ------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "artifact_write.h"

enum { PIECE = 16 << 20 };

static bool write_params(resq_artifact_writer *w, const char *params, resq_error *err) {
  resq_map map;
  if (!resq_map_open(&map, params, err))
    return false;
  // Piece by piece: parameters are the bulk of a model, and not all of them need be in memory.
  bool ok = resq_artifact_begin(w, RESQ_SECTION_PARAMS, err);
  for (uint64_t at = 0, n; ok && at < map.size; at += n) {
    n = map.size - at < PIECE ? map.size - at : PIECE;
    ok = resq_artifact_bytes(w, map.data + at, n, err);
    resq_map_forget(&map);
  }
  resq_map_close(&map);
  return ok && resq_artifact_end(w, err);
}

resq_out *resq_artifact_assemble(const char *path, unsigned mode, const char *elf,
                                 const char *params, const uint8_t *tokenizer,
                                 uint64_t tokenizer_size, const char *metadata,
                                 uint64_t metadata_size, resq_error *err) {
  resq_out *out = resq_out_create(path, mode, err);
  if (!out)
    return NULL;
  resq_artifact_writer *w = NULL;
  bool ok = resq_artifact_write_elf(out, elf, err) && (w = resq_artifact_writer_create(out, err));
  ok = ok && (!params || write_params(w, params, err));
  ok = ok && (!tokenizer || resq_artifact_section_write(w, RESQ_SECTION_TOKENIZER, tokenizer,
                                                        tokenizer_size, err));
  ok = ok && (!metadata ||
              resq_artifact_section_write(w, RESQ_SECTION_METADATA, metadata, metadata_size, err));
  if (ok)
    ok = resq_artifact_finish(w, err);
  else
    resq_artifact_abandon(w);
  if (ok)
    return out;
  resq_out_discard(out);
  return NULL;
}
