//===-- quantize_weight.c -------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// 28 candidates a weight and a power each: the inner loops are written to be
// vectorised by the compiler, without branches, calls or fused multiply-adds, and are
// compiled for AVX2 and for the baseline. Every operation is an IEEE one in a fixed
// order (16 running sums), so both give the same bits.
//===----------------------------------------------------------------------===//
#include "quantize_weight.h"

#include "kernels/e4m3.h"
#include "kernels/half.h"
#include "lowering/support/parallel.h"
#include "trellis.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "same_bits.h" // last

enum {
  ROWS_A_TASK = 16, // a tile
  LANES = 16,       // running sums, whatever the vector length
  PIECE = 256,      // elements whose errors are summed in f32 before f64 takes over
};

/// 2^23 + 2^22: added and taken away again, it rounds |x| < 2^22 to an integer, ties to even.
#define ROUNDER 12582912.0f

float resq_round_bf16(float x) { return resq_f32_from_bf16(resq_bf16_from_f32(x)); }

static inline __attribute__((always_inline)) float clamp_round(float t, float low, float high) {
  t = t < low ? low : t;
  t = t > high ? high : t;
  return (t + ROUNDER) - ROUNDER;
}

/// d^norm for d >= 0: 2^(norm log2 d), relative error about 1e-6 for 2^-12 < d < 2^5, at least
/// 2^-126.
static inline __attribute__((always_inline)) float power(float d, float norm) {
  uint32_t bits;
  memcpy(&bits, &d, sizeof bits);
  // d = 2^e m with sqrt(1/2) <= m < sqrt(2): 0x3504f3 is what the mantissa of sqrt(2) exceeds.
  int32_t exponent = (int32_t)((bits + (0x3f800000u - 0x3f3504f3u)) >> 23) - 127;
  uint32_t mantissa = bits - (uint32_t)exponent * 0x800000u;
  float m;
  memcpy(&m, &mantissa, sizeof m);
  // log2 m = 2 / ln 2 * atanh((m - 1) / (m + 1)); the series' next term is below 1e-9.
  float s = (m - 1.0f) / (m + 1.0f), q = s * s;
  float series = ((0.3205988980f * q + 0.4121985831f) * q + 0.5770780164f) * q + 0.9617966939f;
  float log2 = (series * q + 2.8853900818f) * s + (float)exponent;
  float y = norm * log2;
  y = y < -126.0f ? -126.0f : y;
  y = y > 126.0f ? 126.0f : y;
  // 2^y = 2^round(y) 2^r, |r| <= 1/2: the Taylor series of exp(r ln 2), its next term is below
  // 6e-9.
  float whole = (y + ROUNDER) - ROUNDER, r = y - whole;
  float p = ((1.5252734e-5f * r + 1.5403530e-4f) * r + 1.3333558e-3f) * r + 9.6181291e-3f;
  p = ((p * r + 5.5504109e-2f) * r + 2.4022651e-1f) * r + 6.9314718e-1f;
  p = p * r + 1.0f;
  uint32_t scale_bits = (uint32_t)((int32_t)whole + 127) << 23;
  float scale;
  memcpy(&scale, &scale_bits, sizeof scale);
  return p * scale;
}

/// t to the nearest number of E4M3: within [2^e, 2^(e+1)) they are 2^(e-3) apart, and below 2^-6 as
/// far as there. Added and taken away again, 1.5 * 2^(e+20) rounds to that.
static inline __attribute__((always_inline)) float round_e4m3(float t) {
  t = t < -RESQ_E4M3_TOP ? -RESQ_E4M3_TOP : t;
  t = t > RESQ_E4M3_TOP ? RESQ_E4M3_TOP : t;
  uint32_t bits;
  memcpy(&bits, &t, sizeof bits);
  int32_t exponent = (int32_t)(bits & 0x7f800000u), least = (127 - 6) << 23;
  exponent = exponent < least ? least : exponent;
  bits = ((uint32_t)exponent + (20u << 23)) | 0x400000u;
  float rounder;
  memcpy(&rounder, &bits, sizeof rounder);
  return (t + rounder) - rounder;
}

/// The sum of errors, which has room up to a multiple of LANES.
static inline __attribute__((always_inline)) double sum_piece(float *errors, int64_t n) {
  float sums[LANES] = {0};
  double total = 0;
  for (int64_t i = n; i < (n + LANES - 1) / LANES * LANES; ++i)
    errors[i] = 0;
  for (int64_t i = 0; i < n; i += LANES)
    for (int lane = 0; lane < LANES; ++lane)
      sums[lane] += errors[i + lane];
  for (int lane = 0; lane < LANES; ++lane)
    total += (double)sums[lane];
  return total;
}

/// How far t is from the nearest value of a code; low and high are those of integers.
static inline __attribute__((always_inline)) float distance(float t, resq_code_kind kind, float low,
                                                            float high) {
  if (kind == RESQ_CODE_E4M3)
    return fabsf(t - round_e4m3(t));
  return fabsf(t - clamp_round(t, low, high));
}

/// Sum over the group of |w / s - nearest value|^norm; the kind is a constant where it is called.
static inline __attribute__((always_inline)) double sum_distances(const float *w, int64_t count,
                                                                  float inverse, float norm,
                                                                  resq_code_kind kind, float low,
                                                                  float high) {
  double total = 0;
  for (int64_t begin = 0; begin < count; begin += PIECE) {
    float errors[PIECE];
    int64_t n = count - begin < PIECE ? count - begin : PIECE;
    for (int64_t i = 0; i < n; ++i)
      errors[i] = power(distance(w[begin + i] * inverse, kind, low, high), norm);
    total += sum_piece(errors, n);
  }
  return total;
}

RESQ_CLONES
static double integer_error(const float *w, int64_t count, float inverse, float norm, float top) {
  return sum_distances(w, count, inverse, norm, RESQ_CODE_INTEGER, -top - 1, top);
}

RESQ_CLONES
static double e4m3_error(const float *w, int64_t count, float inverse, float norm) {
  return sum_distances(w, count, inverse, norm, RESQ_CODE_E4M3, 0, 0);
}

/// The largest value of a code, of integers above 0.
static float top_of(const resq_weight_code *how) {
  return how->codes.kind == RESQ_CODE_E4M3 ? RESQ_E4M3_TOP
                                           : (float)((1 << (how->codes.bits - 1)) - 1);
}

/// In units of s^norm.
static double group_error(const float *w, int64_t count, float scale, const resq_weight_code *how) {
  float norm = (float)how->norm, inverse = 1.0f / scale;
  return how->codes.kind == RESQ_CODE_E4M3 ? e4m3_error(w, count, inverse, norm)
                                           : integer_error(w, count, inverse, norm, top_of(how));
}

RESQ_CLONES
static float largest_magnitude(const float *w, int64_t count) {
  float lanes[LANES] = {0};
  int64_t i = 0;
  for (; i + LANES <= count; i += LANES)
    for (int lane = 0; lane < LANES; ++lane) {
      float a = fabsf(w[i + lane]);
      lanes[lane] = a > lanes[lane] ? a : lanes[lane];
    }
  for (; i < count; ++i)
    lanes[0] = fabsf(w[i]) > lanes[0] ? fabsf(w[i]) : lanes[0];
  for (int lane = 1; lane < LANES; ++lane)
    lanes[0] = lanes[lane] > lanes[0] ? lanes[lane] : lanes[0];
  return lanes[0];
}

RESQ_CLONES
static void encode_integers(const float *w, int64_t count, float scale, float low, float high,
                            int8_t *codes) {
  for (int64_t i = 0; i < count; ++i)
    codes[i] = (int8_t)(int32_t)clamp_round(w[i] / scale, low, high);
}

RESQ_CLONES
static void encode_e4m3(const float *w, int64_t count, float scale, int8_t *codes) {
  for (int64_t i = 0; i < count; ++i)
    codes[i] = (int8_t)resq_e4m3_from_f32(w[i] / scale);
}

static void encode(const float *w, float scale, const resq_weight_code *how, int8_t *codes) {
  float top = top_of(how);
  if (how->codes.kind == RESQ_CODE_E4M3)
    encode_e4m3(w, how->group, scale, codes);
  else
    encode_integers(w, how->group, scale, -top - 1, top, codes);
}

float resq_weight_value(resq_codebook codes, int8_t code) {
  switch (codes.kind) {
  case RESQ_CODE_E4M3:
    return resq_f32_from_e4m3((uint8_t)code);
  case RESQ_CODE_TRELLIS:
    return (float)resq_trellis_values(codes.bits)[code];
  default:
    return (float)code;
  }
}

int8_t resq_weight_code_of(const resq_weight_code *how, float t) {
  if (how->codes.kind == RESQ_CODE_E4M3)
    return (int8_t)resq_e4m3_from_f32(t);
  float top = top_of(how), code = rintf(t);
  code = code > -top - 1 ? code < top ? code : top : -top - 1; // NaN too becomes a code
  return (int8_t)code;
}

bool resq_codes_are_numbers(const int8_t *codes, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    if ((codes[i] & 0x7f) == RESQ_E4M3_NAN)
      return false;
  return true;
}

/// The candidate scale of step i: bf16(p * peak / top), p = 1 - i * 0.025, computed in f64 and
/// rounded to f32 on the way.
static float candidate(float peak, int step, float top) {
  return resq_round_bf16((float)((1.0 - step * 0.025) * (double)peak / (double)top));
}

static float best_scale(const float *w, int64_t count, float peak, const resq_weight_code *how) {
  float top = top_of(how), best = candidate(peak, 0, top), previous = best;
  if (how->steps <= 1)
    return best;
  double least = group_error(w, count, best, how) * pow((double)best, how->norm);
  for (int step = 1; step < how->steps; ++step) {
    float scale = candidate(peak, step, top);
    if (scale == previous || !(scale > 0) || !isfinite(1.0f / scale))
      continue;
    previous = scale;
    double error = group_error(w, count, scale, how) * pow((double)scale, how->norm);
    if (error < least) {
      least = error;
      best = scale;
    }
  }
  return best;
}

static void quantize_group(const float *w, const resq_weight_code *how, int8_t *codes,
                           float *scale) {
  float peak = largest_magnitude(w, how->group);
  float first = candidate(peak, 0, top_of(how));
  // Too small for a normal reciprocal: as good as zero.
  if (!(first > 0) || !isfinite(1.0f / first)) {
    *scale = 0;
    memset(codes, 0, (size_t)how->group);
    return;
  }
  *scale = best_scale(w, how->group, peak, how);
  encode(w, *scale, how, codes);
}

//===-- All rows ----------------------------------------------------------===//

typedef struct job {
  const float *x;
  int64_t rows, width;
  const resq_weight_code *how;
  int8_t *codes;
  float *scales;
} job;

static void quantize_rows(void *opaque, int64_t task) {
  const job *j = opaque;
  int64_t groups = j->width / j->how->group, first = task * ROWS_A_TASK;
  int64_t last = first + ROWS_A_TASK < j->rows ? first + ROWS_A_TASK : j->rows;
  for (int64_t g = 0; g < groups; ++g) {
    int64_t at = first * j->width + g * j->how->group;
    float *scales = &j->scales[first * groups + g];
    if (j->how->codes.kind == RESQ_CODE_TRELLIS) {
      resq_trellis_tile t = {j->how->codes.bits,  j->x + at,     j->width, j->how->group,
                             (int)(last - first), j->codes + at, scales,   groups};
      resq_trellis_quantize(&t, j->how->steps);
      continue;
    }
    for (int64_t r = 0; r < last - first; ++r)
      quantize_group(j->x + at + r * j->width, j->how, j->codes + at + r * j->width,
                     scales + r * groups);
  }
}

void resq_quantize_weight(int threads, const float *x, int64_t rows, int64_t width,
                          const resq_weight_code *how, int8_t *codes, float *scales) {
  // Types allow no other codes and no other group; evaluate_codes.c and evaluate_gptq.c check the width.
  assert(resq_codebook_has_kernels(how->codes) && width % how->group == 0);
  _Static_assert((int)ROWS_A_TASK == RESQ_TRELLIS_LENGTH, "a task is a tile of a trellis");
  job j = {x, rows, width, how, codes, scales};
  resq_parallel(threads, (rows + ROWS_A_TASK - 1) / ROWS_A_TASK, quantize_rows, &j);
}
