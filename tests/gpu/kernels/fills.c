//===-- fills.c -----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "fills.h"

#include "kernels/half.h"
#include "kernels/kernels.h"
#include "kernels/layout/pack_layout.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t next(uint64_t *state) {
  uint64_t z = *state += 0x9E3779B97F4A7C15ull;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ z >> 27) * 0x94D049BB133111EBull;
  return z ^ z >> 31;
}
static double uniform(uint64_t *s) { return (double)(next(s) >> 11) * 0x1p-53; }
static float normal(uint64_t *s) {
  return (float)(sqrt(-2.0 * log(1.0 - uniform(s))) * cos(6.283185307179586 * uniform(s)));
}

static float wild(uint64_t *s, bool special) {
  const uint64_t r = next(s);
  if (r % 16 == 0) // zeros, and what a careless minimum or maximum confuses
    return r & 16 ? -0.0f : 0.0f;
  if (special && r % 16 == 1)
    return r & 16 ? (r & 32 ? INFINITY : -INFINITY)
                  : resq_float_of(0x7fc00000u | (uint32_t)(r >> 40));
  if (r % 4 < 2) // ordinary ones too: not every sum is its largest summand
    return normal(s);
  const uint32_t bits = (uint32_t)next(s);
  return (bits & 0x7f800000u) == 0x7f800000u ? 1.0f : resq_float_of(bits);
}

static void *room(size_t bytes) {
  void *p = malloc(bytes ? bytes : 1);
  if (!p) {
    fprintf(stderr, "no memory for %zu bytes\n", bytes);
    exit(6);
  }
  return p;
}

static resq_worker *alone(void) {
  static int32_t tickets[1];
  static resq_call call;
  static resq_worker w;
  static uint8_t *scratch;
  if (!scratch)
    scratch = room(RESQ_SCRATCH_BYTES);
  tickets[0] = 0;
  call.tickets = tickets;
  w = (resq_worker){.call = &call, .index = 0, .count = 1, .scratch = scratch};
  return &w;
}

static float *floats(int64_t n, uint64_t seed) {
  float *x = room((size_t)n * 4);
  for (int64_t i = 0; i < n; i++)
    x[i] = normal(&seed);
  return x;
}

/// The same seed for codes and metas: both come from the rows of `seed`.
static void *activations(const fill *f, size_t *bytes) {
  const int64_t rows = f->p[0], width = f->p[1], group = f->p[2], bits = f->p[3];
  const size_t codes = (size_t)(rows * resq_code_stride(width, group));
  const size_t metas = (size_t)(rows * (width / group)) * (bits ? sizeof(resq_quant_meta) : 4);
  float *x = floats(rows * width, (uint64_t)(width * 1000 + group));
  void *out[2] = {room(codes), room(metas)};
  if (bits)
    resq_quantize_generic(alone(), 0, x, NULL, out[0], out[1], rows, width, width, group, group,
                          bits, 1.0f);
  else
    resq_quantize_e4m3_generic(alone(), 0, x, out[0], out[1], rows, width, width, group);
  free(x);
  const int wanted = f->kind == FILL_METAS;
  free(out[!wanted]);
  *bytes = wanted ? metas : codes;
  return out[wanted];
}

static void *weight(const fill *f, uint64_t seed, size_t *bytes) {
  const int64_t n = f->p[0], k = f->p[1], group = f->p[2], wgroup = f->p[3];
  const int64_t bits = f->p[4] ? f->p[4] : 8;
  const int64_t codes = resq_packed_scales_offset(n, k, group, bits);
  *bytes = (size_t)resq_packed_weight_size(n, k, group, wgroup, bits);
  uint8_t *p = room(*bytes);
  for (int64_t i = 0; i < codes; i++) {
    p[i] = (uint8_t)next(&seed);
    if (!f->p[4])
      p[i] = (p[i] & 0x7f) == 0x7f || i % 5 == 0 ? 0 : p[i];
  }
  resq_bf16 *scales = (resq_bf16 *)(p + codes);
  for (size_t i = 0; i < (*bytes - (size_t)codes) / 2; i++)
    scales[i] = (resq_bf16)(resq_bits_of(0.001f + 0.02f * (float)uniform(&seed)) >> 16);
  return p;
}

static float *sketch_of(int64_t rows, int64_t elements) {
  return floats(resq_round_up(rows, RESQ_TILE_N) * elements, 77);
}

/// A cache in which every sequence holds all but the last 16 positions.
static void *cache(const fill *f, size_t *bytes) {
  const int64_t *p = f->p, sequences = p[0], capacity = p[1], heads = p[2], size = p[3];
  const bool grouped = f->kind == FILL_KV_GROUPS;
  const int64_t rows = capacity - 16, width = heads * size;
  const resq_kv_groups g = {size, p[4], p[5], p[6], p[7], p[8]};
  const resq_kv_format keys = {size, p[4], p[5], p[6], p[7]};
  const resq_kv_format values = {size, p[grouped ? 9 : 8], p[grouped ? 10 : 9],
                                 p[grouped ? 11 : 10], 0};
  const int64_t token = (grouped ? resq_kv_groups_bytes(g) : resq_kv_vector_bytes(keys)) +
                        resq_kv_vector_bytes(values);
  *bytes = (size_t)(sequences * heads * (capacity * token + (grouped ? 2 * g.window * size : 0)));
  uint8_t *out = room(*bytes);
  memset(out, 0x5a, *bytes);
  float *k = floats(rows * width, 5), *v = floats(rows * width, 6);
  float *sketch = grouped ? sketch_of(g.rows, size) : sketch_of(keys.rows, size - keys.high);
  int32_t *positions = room((size_t)rows * 4), *sequence = room((size_t)rows * 4);
  for (int64_t s = 0; s < sequences; s++) {
    for (int64_t r = 0; r < rows; r++) {
      positions[r] = (int32_t)r;
      sequence[r] = (int32_t)s;
    }
    if (grouped) // in pieces that the window holds
      for (int64_t r = 0; r < rows; r += 16)
        resq_kv_append_groups_generic(alone(), 0, k + r * width, v + r * width, positions + r,
                                      sequence + r, sketch, out, 16, width, width, capacity, heads,
                                      size, p[4], p[5], p[6], p[7], p[8], p[9], p[10], p[11]);
    else
      resq_kv_append_generic(alone(), 0, k, v, positions, sequence, sketch, out, rows, width, width,
                             capacity, heads, size, p[4], p[5], p[6], p[7], p[8], p[9], p[10]);
  }
  free(k);
  free(v);
  free(sketch);
  free(positions);
  free(sequence);
  return out;
}

static float one_float(const fill *f, int64_t i, uint64_t *s) {
  switch (f->kind) {
  case FILL_UNIFORM:
    return (float)(f->a + (f->b - f->a) * uniform(s));
  case FILL_WILD:
    return wild(s, false);
  case FILL_SPECIAL:
    return wild(s, true);
  case FILL_TINY:
    return normal(s) * (next(s) % 4 ? 0x1p-128f : 0x1p-120f);
  case FILL_FREQUENCIES:
    return (float)pow(10000.0, -(double)i / (double)f->count);
  default:
    return normal(s);
  }
}

static int32_t one_int(const fill *f, int64_t i, uint64_t *s) {
  if (f->kind == FILL_I32)
    return (int32_t)f->p[i];
  if (f->kind == FILL_RANGE)
    return (int32_t)(f->a + f->b * (double)i);
  return (int32_t)f->a + (int32_t)(next(s) % (uint64_t)(f->b - f->a));
}

void *make_buffer(const fill *f, uint64_t seed, size_t *bytes) {
  uint8_t *out;
  switch (f->kind) {
  case FILL_CODES:
  case FILL_METAS:
    return activations(f, bytes);
  case FILL_WEIGHT:
    return weight(f, seed, bytes);
  case FILL_KV:
  case FILL_KV_GROUPS:
    return cache(f, bytes);
  case FILL_SKETCH:
    *bytes = (size_t)(resq_round_up((int64_t)f->a, RESQ_TILE_N) * (int64_t)f->b * 4);
    return sketch_of((int64_t)f->a, (int64_t)f->b);
  case FILL_BYTES:
  case FILL_SIGNS:
  case FILL_OUT:
    out = room(*bytes = (size_t)f->count);
    for (int64_t i = 0; i < f->count; i++)
      out[i] = f->kind == FILL_OUT     ? 0xcd
               : f->kind == FILL_BYTES ? (uint8_t)next(&seed)
                                       : (uint8_t)(next(&seed) & 1 ? 1 : -1);
    return out;
  case FILL_HALVES:
    out = room(*bytes = (size_t)f->count * 2);
    for (int64_t i = 0; i < f->count; i++) {
      const float x = normal(&seed);
      ((uint16_t *)out)[i] = f->a > 0 ? resq_f16_from_f32(x) : (uint16_t)(resq_bits_of(x) >> 16);
    }
    return out;
  case FILL_I32:
  case FILL_RANGE:
  case FILL_RANDOM:
    out = room(*bytes = (size_t)f->count * 4);
    for (int64_t i = 0; i < f->count; i++)
      ((int32_t *)out)[i] = one_int(f, i, &seed);
    return out;
  default:
    out = room(*bytes = (size_t)f->count * 4);
    for (int64_t i = 0; i < f->count; i++)
      ((float *)out)[i] = one_float(f, i, &seed);
    return out;
  }
}
