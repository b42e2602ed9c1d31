//===-- quant_codes.h - families of codes, and how packed ones are stored --===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the dialect's types, the compiler's packer and the kernels agree on: what the codes of a
// quantized tensor stand for (a codebook), in which order they are stored (a layout), and of how many
// bits a packed one is made (a packing). Every size of packed codes is computed here. A new family or
// a new way of storing codes begins with resq_codebook_has_kernels and resq_packing_has_kernels.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_QUANT_CODES_H
#define RESQ_KERNELS_QUANT_CODES_H

#include <stdbool.h>
#include <stdint.h>

/// What a code stands for, times the scale of its group.
typedef enum resq_code_kind {
  RESQ_CODE_INTEGER, ///< itself
  RESQ_CODE_E4M3,    ///< a number of f8E4M3FN
  RESQ_CODE_TABLE,   ///< an entry of a table, such as Lloyd-Max centroids
  RESQ_CODE_TRELLIS, ///< a step of a path through states (trellis_weights.h); weights alone
} resq_code_kind;

/// A family of codes and its member.
typedef struct resq_codebook {
  resq_code_kind kind;
  unsigned bits;   ///< of a code
  unsigned states; ///< of a trellis; else 0
} resq_codebook;

/// States of the trellises that there are kernels for, by bits of a code.
enum { RESQ_TRELLIS_STATES_3 = 8, RESQ_TRELLIS_STATES_4 = 4 };

/// Those of the trellis of codes of `bits`; 0: there is none.
static inline unsigned resq_trellis_states(unsigned bits) {
  return bits == 3 ? RESQ_TRELLIS_STATES_3 : bits == 4 ? RESQ_TRELLIS_STATES_4 : 0;
}

/// The member of `bits` of a family, with as many states as kernels know.
static inline resq_codebook resq_codebook_of(resq_code_kind kind, unsigned bits) {
  const unsigned states = kind == RESQ_CODE_TRELLIS ? resq_trellis_states(bits) : 0;
  return (resq_codebook){kind, bits, states};
}

static inline bool resq_codebook_equal(resq_codebook a, resq_codebook b) {
  return a.kind == b.kind && a.bits == b.bits && a.states == b.states;
}

/// Whether kernels read such codes: what types may say.
static inline bool resq_codebook_has_kernels(resq_codebook c) {
  switch (c.kind) {
  case RESQ_CODE_INTEGER:
    return c.bits >= 2 && c.bits <= 8 && c.states == 0;
  case RESQ_CODE_E4M3:
    return c.bits == 8 && c.states == 0;
  case RESQ_CODE_TRELLIS:
    return c.states != 0 && c.states == resq_trellis_states(c.bits);
  case RESQ_CODE_TABLE:
    break;
  }
  return false;
}

/// The order in which codes are stored.
typedef enum resq_layout {
  RESQ_LAYOUT_ROW,   ///< row by row: activations, and weights that are not packed yet
  RESQ_LAYOUT_N16K4, ///< tiles of 16 output channels by 4 inputs (docs/artifact-format.md)
} resq_layout;

/// How packed codes are stored; of other layouts all fields are 0. The inputs of a weight are cut
/// into the activation's groups of `group`, each padded to a multiple of 8. The lowest `base` bits of
/// the codes (2, 4 or 8) stand together, the others in `planes` of one bit behind them: every code
/// takes as many bits as it has.
typedef struct resq_packing {
  int64_t group;
  int64_t base, planes;
} resq_packing;

/// How kernels read codes of `bits` that are packed for an activation in groups of `group`.
static inline resq_packing resq_packing_of(int64_t group, int64_t bits) {
  const int64_t base = bits == 8 ? 8 : bits >= 4 ? 4 : 2;
  return (resq_packing){group, base, bits - base};
}

/// Whether kernels read codes of `bits` that are stored so.
static inline bool resq_packing_has_kernels(resq_packing p, int64_t bits) {
  const resq_packing read = resq_packing_of(p.group, bits);
  return p.base == read.base && p.planes == read.planes;
}

enum {
  RESQ_UNIT_CHANNELS = 16, ///< a unit holds so many output channels, a tile,
  RESQ_UNIT_INPUTS = 8,    ///< by so many inputs
  RESQ_PLANE_BYTES = 16,   ///< bytes of a plane: a bit for each code of a unit
};

/// Bytes of the codes of a unit, planes included.
static inline int64_t resq_packing_unit_bytes(resq_packing p) {
  return RESQ_PLANE_BYTES * (p.base + p.planes);
}

/// Bytes of the codes of one tile of `k` inputs.
static inline int64_t resq_packing_tile_bytes(resq_packing p, int64_t k) {
  const int64_t units = (p.group + RESQ_UNIT_INPUTS - 1) / RESQ_UNIT_INPUTS;
  return k / p.group * units * resq_packing_unit_bytes(p);
}

/// Tiles of `n` output channels.
static inline int64_t resq_packing_tiles(int64_t n) {
  return (n + RESQ_UNIT_CHANNELS - 1) / RESQ_UNIT_CHANNELS;
}

/// Bytes of the codes of an [n, k] weight: where its scales begin.
static inline int64_t resq_packing_code_bytes(resq_packing p, int64_t n, int64_t k) {
  return resq_packing_tiles(n) * resq_packing_tile_bytes(p, k);
}

/// Bytes of an [n, k] weight with a bf16 scale for every channel and `scale_group` inputs.
static inline int64_t resq_packing_weight_bytes(resq_packing p, int64_t n, int64_t k,
                                                int64_t scale_group) {
  return resq_packing_code_bytes(p, n, k) +
         k / scale_group * resq_packing_tiles(n) * RESQ_UNIT_CHANNELS * 2;
}

#endif // RESQ_KERNELS_QUANT_CODES_H
