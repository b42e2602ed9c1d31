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

_Static_assert((int)RESQ_TRELLIS_STATES == (int)RESQ_TRELLIS_KERNEL_STATES,
               "the type of trellis codes says how many states the table of kernels has");

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

/// The codes of a column of places, 4 bytes apart. Channels past `rows` get those that lead to the
/// state of channel 0, so that the path is a ring.
static void pack_path(const code_job *p, const int8_t *places, int64_t rows, int shift,
                      uint8_t *at) {
  int state = places[0] / RESQ_TRELLIS_CODES;
  for (int64_t c = 0; c < RESQ_TILE_N; ++c) {
    unsigned code = RESQ_TRELLIS_PAD;
    if (c < rows)
      code = (unsigned)places[c * p->k] % RESQ_TRELLIS_CODES;
    else if (c >= RESQ_TILE_N - 2)
      code += (unsigned)(c == RESQ_TILE_N - 1 ? state & 1 : state >> 1);
    at[4 * c] = (uint8_t)((at[4 * c] & 0xf0 >> shift) | code << shift);
  }
}

/// A column of codes, `offset` added, that are nibbles or bytes: channel c of a tile stands 4 c
/// bytes behind channel 0.
static void pack_column(const code_job *p, const int8_t *codes, int64_t rows, int offset, int shift,
                        uint8_t *at) {
  uint8_t kept = p->codebook.bits == 8 ? 0 : (uint8_t)(0xf0 >> shift);
  for (int64_t c = 0; c < rows; ++c)
    at[4 * c] = (uint8_t)((at[4 * c] & kept) | (unsigned)(codes[c * p->k] + offset) << shift);
}

static void pack_code_tile(void *opaque, int64_t tile) {
  const code_job *p = opaque;
  const int bits = (int)p->codebook.bits;
  const int64_t group = p->packing.group, bytes = resq_packed_tile_bytes(p->k, group, bits);
  uint8_t *out = p->out + tile * bytes;
  bool as_they_are = p->codebook.kind == RESQ_CODE_E4M3;
  for (int64_t i = 0; i < bytes; ++i)
    out[i] = as_they_are ? 0 : resq_packed_zero(i, bits);
  int64_t first = tile * RESQ_TILE_N;
  int64_t rows = p->rows - first < RESQ_TILE_N ? p->rows - first : RESQ_TILE_N;
  for (int64_t k = 0; k < p->k; ++k) {
    const int8_t *codes = p->codes + first * p->k + k;
    resq_packed_place to = resq_packed_code_place(0, k, p->k, group, bits);
    if (p->codebook.kind == RESQ_CODE_TRELLIS)
      pack_path(p, codes, rows, to.shift, out + to.byte);
    else if (resq_packed_planes(bits))
      for (int64_t c = 0; c < rows; ++c)
        resq_pack_weight_code(out, c, k, codes[c * p->k], p->k, group, bits);
    else
      pack_column(p, codes, rows, as_they_are ? 0 : resq_packed_offset(bits), to.shift,
                  out + to.byte);
  }
}

void resq_pack_codes(int threads, const int8_t *codes, int64_t rows, int64_t k,
                     resq_packing packing, resq_codebook codebook, uint8_t *out) {
  // Types refuse another packing of these codes (resqVerifyQuant), and pack_layout.h lays out none.
  assert(resq_packing_has_kernels(packing, codebook.bits));
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
