//===-- pack.c ------------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rounding to stored element types, panels, and tiles of codes.
//===----------------------------------------------------------------------===//
#include "pack.h"

#include "kernels/half.h"
#include "kernels/layout/pack_layout.h"
#include "kernels/layout/trellis_weights.h"
#include "lowering/support/parallel.h"

#include <assert.h>
#include <string.h>

//===-- Elements ----------------------------------------------------------===//

int64_t resq_float_size(resq_float element) {
  switch (element) {
  case RESQ_FLOAT_F32:
    return 4;
  case RESQ_FLOAT_F64:
    return 8;
  case RESQ_FLOAT_BF16:
  case RESQ_FLOAT_F16:
    return 2;
  }
  return 0;
}

/// f64 to f32 with the last bit set when inexact: a second rounding to 16 bits then rounds as one
/// would.
static float round_to_odd(double x) {
  float near = (float)x;
  if ((double)near == x || x != x)
    return near;
  uint32_t bits;
  memcpy(&bits, &near, sizeof bits);
  // Magnitudes order as integers; step back where rounding went away from zero.
  double back = near < 0 ? -(double)near : (double)near, magnitude = x < 0 ? -x : x;
  if (back > magnitude)
    --bits;
  bits |= 1;
  memcpy(&near, &bits, sizeof near);
  return near;
}

void resq_store_f64(resq_float element, double x, void *out) {
  float single = (float)x;
  uint16_t half;
  switch (element) {
  case RESQ_FLOAT_F32:
    memcpy(out, &single, sizeof single);
    return;
  case RESQ_FLOAT_F64:
    memcpy(out, &x, sizeof x);
    return;
  case RESQ_FLOAT_BF16:
    half = resq_bf16_from_f32(round_to_odd(x));
    break;
  case RESQ_FLOAT_F16:
    half = resq_f16_from_f32(round_to_odd(x));
    break;
  default:
    return;
  }
  memcpy(out, &half, sizeof half);
}

/// Element i of x, stored at index j of out.
static inline void store(resq_float element, const void *x, bool is_double, int64_t i, void *out,
                         int64_t j) {
  if (is_double) {
    resq_store_f64(element, ((const double *)x)[i], (char *)out + j * resq_float_size(element));
    return;
  }
  float value = ((const float *)x)[i];
  switch (element) {
  case RESQ_FLOAT_F32:
    ((float *)out)[j] = value;
    return;
  case RESQ_FLOAT_F64:
    ((double *)out)[j] = (double)value;
    return;
  case RESQ_FLOAT_BF16:
    ((uint16_t *)out)[j] = resq_bf16_from_f32(value);
    return;
  case RESQ_FLOAT_F16:
    ((uint16_t *)out)[j] = resq_f16_from_f32(value);
    return;
  }
}

void resq_store_rows(resq_float element, const void *x, bool is_double, int64_t count, void *out) {
  if (element == RESQ_FLOAT_F32 && !is_double) {
    memcpy(out, x, (size_t)count * sizeof(float));
    return;
  }
  for (int64_t i = 0; i < count; ++i)
    store(element, x, is_double, i, out, i);
}

//===-- Panels ------------------------------------------------------------===//

typedef struct panel_job {
  resq_float element;
  const void *x;
  bool is_double;
  int64_t rows, k;
  char *out;
} panel_job;

static void pack_panel_tile(void *opaque, int64_t tile) {
  const panel_job *p = opaque;
  int64_t first = tile * RESQ_TILE_N;
  char *out = p->out + first * p->k * resq_float_size(p->element);
  int64_t rows = p->rows - first < RESQ_TILE_N ? p->rows - first : RESQ_TILE_N;
  if (rows < RESQ_TILE_N)
    memset(out, 0, (size_t)(RESQ_TILE_N * p->k * resq_float_size(p->element)));
  for (int64_t c = 0; c < rows; ++c)
    for (int64_t k = 0; k < p->k; ++k)
      store(p->element, p->x, p->is_double, (first + c) * p->k + k, out, k * RESQ_TILE_N + c);
}

void resq_pack_panel(int threads, resq_float element, const void *x, bool is_double, int64_t rows,
                     int64_t k, void *out) {
  panel_job p = {element, x, is_double, rows, k, out};
  resq_parallel(threads, (rows + RESQ_TILE_N - 1) / RESQ_TILE_N, pack_panel_tile, &p);
}

//===-- Codes -------------------------------------------------------------===//

typedef struct code_job {
  const int8_t *codes;
  int64_t rows, k;
  resq_packing packing;
  resq_codebook codebook; ///< trellis codes are places of trellis_weights.h
  uint8_t *out;
} code_job;

/// A column of a tile as its codes are stored, a channel each.
typedef struct column {
  uint32_t stored[RESQ_TILE_N];
} column;

/// The codes of places. Channels past `rows` get those that lead to the state of channel 0, so that the
/// path is a ring.
static inline __attribute__((always_inline)) void
path_column(const code_job *p, const int8_t *places, int64_t rows, int bits, column *out) {
  const int state = places[0] >> bits, memory = resq_trellis_memory(bits);
  for (int64_t c = 0; c < RESQ_TILE_N; ++c) {
    const int64_t before = RESQ_TILE_N - c; // channels from here to channel 0 of the ring
    if (c < rows)
      out->stored[c] = (uint32_t)places[c * p->k] & ((1u << bits) - 1);
    else
      out->stored[c] = (uint32_t)(resq_trellis_pad(bits) | // whose last bit is 0
                                  (before <= memory ? state >> (before - 1) & 1 : 0));
  }
}

/// Tile `tile`; bits and kind are constants where it is called.
static inline __attribute__((always_inline)) void pack_tile(const code_job *p, int64_t tile,
                                                            int bits, resq_code_kind kind) {
  const int64_t group = p->packing.group, bytes = resq_packed_tile_bytes(p->k, group, bits);
  const int64_t first = tile * RESQ_TILE_N, left = p->rows - first;
  const int64_t rows = left < RESQ_TILE_N ? left : RESQ_TILE_N;
  const bool as_they_are = kind == RESQ_CODE_E4M3;
  uint8_t *out = p->out + tile * bytes;
  for (int64_t i = 0; i < bytes; ++i)
    out[i] = as_they_are ? 0 : resq_packed_zero(i, bits);
  for (int64_t k = 0; k < p->k; ++k) {
    const int8_t *codes = p->codes + first * p->k + k;
    const int64_t at = resq_packed_column(k, group);
    uint8_t *unit = out + at / 8 * resq_packed_unit_bytes(bits);
    column values;
    int64_t count = rows;
    if (kind == RESQ_CODE_TRELLIS) {
      path_column(p, codes, rows, bits, &values);
      count = RESQ_TILE_N;
    } else {
      for (int64_t c = 0; c < rows; ++c)
        values.stored[c] =
            (uint32_t)(codes[c * p->k] + (as_they_are ? 0 : resq_packed_offset(bits)));
    }
    for (int64_t c = 0; c < count; ++c)
      resq_pack_stored(unit, resq_packed_index(c, at), values.stored[c], bits);
  }
}

static void pack_integers(const code_job *p, int64_t tile) {
  switch (p->codebook.bits) {
#define CASE(bits)                                                                                 \
  case bits:                                                                                       \
    pack_tile(p, tile, bits, RESQ_CODE_INTEGER);                                                   \
    break;
    CASE(2)
    CASE(3)
    CASE(4)
    CASE(5)
    CASE(6)
    CASE(7)
    CASE(8)
#undef CASE
  }
}

static void pack_code_tile(void *opaque, int64_t tile) {
  const code_job *p = opaque;
  if (p->codebook.kind == RESQ_CODE_INTEGER)
    pack_integers(p, tile);
  else if (p->codebook.kind == RESQ_CODE_E4M3)
    pack_tile(p, tile, 8, RESQ_CODE_E4M3);
  else if (p->codebook.bits == 3)
    pack_tile(p, tile, 3, RESQ_CODE_TRELLIS);
  else
    pack_tile(p, tile, 4, RESQ_CODE_TRELLIS);
}

void resq_pack_codes(int threads, const int8_t *codes, int64_t rows, int64_t k,
                     resq_packing packing, resq_codebook codebook, uint8_t *out) {
  // Types refuse another packing of these codes (resqVerifyQuant), and pack_layout.h lays out none.
  assert(resq_packing_has_kernels(packing, codebook.bits) && resq_codebook_has_kernels(codebook));
  code_job p = {codes, rows, k, packing, codebook, out};
  resq_parallel(threads, (rows + RESQ_TILE_N - 1) / RESQ_TILE_N, pack_code_tile, &p);
}

void resq_pack_scales(const float *scales, int64_t rows, int64_t groups, int64_t first_row,
                      int64_t n, uint16_t *out) {
  int64_t stride = resq_round_up(n, RESQ_TILE_N);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t g = 0; g < groups; ++g)
      out[g * stride + first_row + r] = resq_bf16_from_f32(scales[r * groups + g]);
}
