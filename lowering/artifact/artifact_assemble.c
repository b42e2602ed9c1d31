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
    resq_map_drop_pages(&map);
  }
  resq_map_close(&map);
  return ok && resq_artifact_end(w, err);
}

static bool write_bytes(resq_artifact_writer *w, resq_section_kind kind,
                        const resq_section_bytes *bytes, resq_error *err) {
  return !bytes->data || resq_artifact_section_write(w, kind, bytes->data, bytes->size, err);
}

resq_out *resq_artifact_assemble(const char *path, unsigned mode, const resq_artifact_parts *parts,
                                 resq_error *err) {
  resq_out *out = resq_out_create(path, mode, err);
  if (!out)
    return NULL;
  resq_artifact_writer *w = NULL;
  bool ok = resq_artifact_write_elf(out, parts->elf, err) &&
            (w = resq_artifact_writer_create(out, err)) &&
            (!parts->params || write_params(w, parts->params, err)) &&
            write_bytes(w, RESQ_SECTION_TOKENIZER, &parts->tokenizer, err) &&
            write_bytes(w, RESQ_SECTION_METADATA, &parts->metadata, err) &&
            write_bytes(w, RESQ_SECTION_MODULE, &parts->module, err);
  if (ok)
    ok = resq_artifact_finish(w, err);
  else
    resq_artifact_abandon(w);
  if (ok)
    return out;
  resq_out_discard(out);
  return NULL;
}
