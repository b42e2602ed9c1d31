//===-- kernels.h - every microkernel, its arithmetic and its layouts -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Freestanding C, one file an op and ISA: kernels/<op>_generic.c and kernels/arch/x86_64/
// <op>_avx2.c (where it is missing, AVX2 takes the generic one) and <op>_avx512.c; what the
// last two have in common, on vec16.h, is <op>_wide.h. Each file is built twice a level: to LLVM
// bitcode, embedded in the compiler and specialised per shape (every int64_t after `rows` is
// a constant there), and natively, for tests and benchmarks. RESQ_KERNEL(name) adds
// the level's suffix, so all levels link side by side: resq_linear_f32_generic.
//
// Contract of all: every thread of the call calls the kernel with the same
// arguments; chunks of work are handed out by resq_next_chunk(w, op); no barrier
// inside. Pointers do not alias unless said. ld* are row strides in elements of
// the matrix named. No libc (mem* builtins are fine), no allocation, no globals
// with state. Generic kernels pin the arithmetic that the dialect documents:
// compile with -ffp-contract=off; float kernels of other levels may use FMA and reorder
// sums (bounds are stated in tests), integer results must agree exactly.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_H
#define RESQ_KERNELS_H

#include "kernels/layout/kv_kinds.h"
#include "resq/abi.h"
#include <stddef.h>

#ifndef RESQ_LEVEL
#define RESQ_LEVEL generic
#endif
#define RESQ_CAT_(a, b) a##_##b
#define RESQ_CAT(a, b) RESQ_CAT_(a, b)
#define RESQ_KERNEL(name) RESQ_CAT(name, RESQ_LEVEL)

typedef uint16_t resq_bf16;
typedef uint16_t resq_f16; // IEEE half bits

/// Output channels a panel tile.
#define RESQ_TILE_N 16

//===-- Float weights -----------------------------------------------------===//
// Panel of [n, k]: element (n, k) at ((n / 16) * k_total + k) * 16 + n % 16 of T;
// n padded with zeros to a multiple of 16. T is float, resq_bf16 or resq_f16.

/// y[r, 0..width) = table[clamp(token[r], 0, vocabulary - 1)], widened to f32.
#define RESQ_DECLARE_EMBED(T, suffix)                                                              \
  void RESQ_KERNEL(resq_embed_##suffix)(resq_worker * w, int32_t op, const int32_t *tokens,        \
                                        const T *panel, float *y, int64_t rows, int64_t ldy,       \
                                        int64_t vocabulary, int64_t width)
RESQ_DECLARE_EMBED(float, f32);
RESQ_DECLARE_EMBED(resq_bf16, bf16);
RESQ_DECLARE_EMBED(resq_f16, f16);

/// y[r, 0..width) = scale * code of row clamp(token[r], 0, vocabulary - 1) of a packed weight of
/// resq_qlinear (pack_layout.h): integer codes, `bits` wide, wgroup = group.
void RESQ_KERNEL(resq_embed_codes)(resq_worker *w, int32_t op, const int32_t *tokens,
                                   const uint8_t *weight, float *y, int64_t rows, int64_t ldy,
                                   int64_t vocabulary, int64_t width, int64_t group, int64_t bits);

/// y[r, 0..n) = x[r, 0..k) W^T + bias (NULL: none). Weights widened to f32.
/// rows is small (decode, 1..16) or a prefill chunk: two loops, one result bound.
#define RESQ_DECLARE_LINEAR(T, suffix)                                                             \
  void RESQ_KERNEL(resq_linear_##suffix)(                                                          \
      resq_worker * w, int32_t op, const float *x, const T *panel, const float *bias, float *y,    \
      int64_t rows, int64_t ldx, int64_t ldy, int64_t n, int64_t k)
RESQ_DECLARE_LINEAR(float, f32);
RESQ_DECLARE_LINEAR(resq_bf16, bf16);
RESQ_DECLARE_LINEAR(resq_f16, f16);

//===-- Row ops -----------------------------------------------------------===//

/// y = x / sqrt(mean(x^2) + eps) * gain (NULL: 1). y may be x.
void RESQ_KERNEL(resq_rms_norm)(resq_worker *w, int32_t op, const float *x, const float *gain,
                                float *y, int64_t rows, int64_t ldx, int64_t ldy, int64_t width,
                                float eps);

/// y[r, i] = cos a, y[r, size/2 + i] = sin a, a = (float)position * inv_freq[i];
/// inv_freq[i] = 1 / base^(2i/size), divided by factors[i] (NULL: 1). a up to 2^20: |error| <= 1e-6.
void RESQ_KERNEL(resq_rope_angles)(resq_worker *w, int32_t op, const int32_t *positions,
                                   const float *inv_freq, const float *factors, float *y,
                                   int64_t rows, int64_t size);

/// Half-split rotation of the first `size` elements of each head, the rest copied. y may be x.
void RESQ_KERNEL(resq_rope)(resq_worker *w, int32_t op, const float *x, const float *angles,
                            float *y, int64_t rows, int64_t ldx, int64_t ldy, int64_t heads,
                            int64_t head_size, int64_t size);

/// y = silu(gate) * up = gate / (1 + exp(-gate)) * up. y may be either.
void RESQ_KERNEL(resq_silu_gate)(resq_worker *w, int32_t op, const float *gate, const float *up,
                                 float *y, int64_t rows, int64_t ldg, int64_t ldu, int64_t ldy,
                                 int64_t width);

/// y = a + b. y may be either.
void RESQ_KERNEL(resq_add)(resq_worker *w, int32_t op, const float *a, const float *b, float *y,
                           int64_t rows, int64_t lda, int64_t ldb, int64_t ldy, int64_t width);

/// y[i] = x[index[i]] for i < rows; indices are valid (the runtime checks). index NULL: row i, to copy strided rows.
void RESQ_KERNEL(resq_gather_rows)(resq_worker *w, int32_t op, const float *x, const int32_t *index,
                                   float *y, int64_t rows, int64_t ldx, int64_t ldy, int64_t width);

/// y[r, i] = x[r, order[i]]. y is not x. order is i32 [width].
void RESQ_KERNEL(resq_permute)(resq_worker *w, int32_t op, const float *x, const int32_t *order,
                               float *y, int64_t rows, int64_t ldx, int64_t ldy, int64_t width);

/// low = first block - high elements of each block, high = the last: two dense outputs.
void RESQ_KERNEL(resq_split)(resq_worker *w, int32_t op, const float *x, float *low,
                             float *high_part, int64_t rows, int64_t ldx, int64_t ld_low,
                             int64_t ld_high, int64_t width, int64_t block, int64_t high);
/// The inverse of resq_split.
void RESQ_KERNEL(resq_join)(resq_worker *w, int32_t op, const float *low, const float *high_part,
                            float *y, int64_t rows, int64_t ld_low, int64_t ld_high, int64_t ldy,
                            int64_t width, int64_t block, int64_t high);

/// Thread 0 hands x to call->observe; others pass by. The next writer of x waits (a barrier of the compiler's).
void RESQ_KERNEL(resq_observe)(resq_worker *w, int32_t op, const float *x, int64_t rows,
                               int64_t site, int64_t width, int64_t ld);

//===-- Rotations ---------------------------------------------------------===//

/// Block j of x (groups blocks of size) times matrix[j * blocks / groups]:
/// matrix is [blocks, size, size] f32 row-major, y_j = x_j M. y is not x.
void RESQ_KERNEL(resq_rotate)(resq_worker *w, int32_t op, const float *x, const float *matrix,
                              float *y, int64_t rows, int64_t ldx, int64_t ldy, int64_t groups,
                              int64_t size, int64_t blocks);

/// Orthonormal Hadamard of each block of `size` of the row: block viewed as [order, size / order]
/// row-major, size / order a power of two: Sylvester butterflies along the last axis, the
/// order x order matrix (signs, i8 row-major, NULL when order is 1) along the first, / sqrt(size). y may be x.
void RESQ_KERNEL(resq_hadamard)(resq_worker *w, int32_t op, const float *x, const int8_t *signs,
                                float *y, int64_t rows, int64_t ldx, int64_t ldy, int64_t width,
                                int64_t size, int64_t order);

//===-- Quantised activations and weights ---------------------------------===//
// Activation row (bits b, groups of `group`, K = width): each group's codes padded to a
// multiple of 8 with zeros: padded_k = (width / group) * round_up(group, 8); row stride of codes
// is round_up(padded_k, 64). A stored code is
//   b <= 7:  q - z          (zero point removed; shift = 0)
//   b == 8:  q - 128        (shift = 128 - z)
// so that sum_k (q - z) qw = sum_k code qw + shift * sum_k qw.
// Each row has width / group resq_quant_meta, after all rows' codes; the buffer is
//   [rows_max, code_stride] int8, then [rows_max, width / group] resq_quant_meta.

typedef struct resq_quant_meta {
  float scale;
  int32_t shift; ///< 0, or 128 - zero point
  int32_t sum;   ///< sum of the group's stored codes
} resq_quant_meta;

static inline int64_t resq_round_up(int64_t x, int64_t step) {
  return (x + step - 1) / step * step;
}
/// Padded K of a quantised row or weight.
static inline int64_t resq_padded_k(int64_t width, int64_t group) {
  return width / group * resq_round_up(group, 8);
}
static inline int64_t resq_code_stride(int64_t width, int64_t group) {
  return resq_round_up(resq_padded_k(width, group), 64);
}

/// The quantiser of resq.quantize. bits 2..8. `range` elements share a scale and a zero point: a
/// multiple of `group` that divides width; the metas of its groups repeat them. clip_by: NULL, or the one clip that counts in place
/// of `clip`, a parameter.
void RESQ_KERNEL(resq_quantize)(resq_worker *w, int32_t op, const float *x, const float *clip_by,
                                int8_t *codes, resq_quant_meta *meta, int64_t rows, int64_t ldx,
                                int64_t width, int64_t group, int64_t range, int64_t bits,
                                float clip);

// Weight [n, k] symmetric, `bits` wide, groups along k (w_group = k or the activation's group):
//   [tiles of 16 channels][padded_k / 8 units of 8 inputs] then bf16 scales [k / w_group, n padded to 16].
// k is padded per ACTIVATION group as above (pad weights are zero). Channels past n hold zero weights and zero scales.
// bits <= 4: a unit is 64 bytes; of byte 4c + j, low nibble = w(c, 8s + j) + 8, high nibble = w(c, 8s + 4 + j) + 8.
// bits 5..7: a weight + 2^(bits - 1) has its low 4 bits so, the others in bits - 4 planes of 16 bytes behind: of nibbles in byte b, bit
//   b / 16 of byte b % 16 the low one's, bit 4 + b / 16 the high one's.
// 8 bits: a unit is 128 bytes; byte 64h + 4c + j: w(c, 8s + 4h + j) + 128.
// Trellis codes (`trellis`, 4 bits): the nibble is a code of trellis_weights.h, its state given by the nibbles of the same input in the two
// channels before it, a tile's channels being a ring. Padding of k is nibble 8 as of integers, no zero there: activation codes are 0 where it
// stands, and sums of weights leave it out. Channels past n have the codes that close the ring.

/// One branch of a qlinear.
typedef struct resq_qbranch {
  const int8_t *codes; ///< activation codes
  const resq_quant_meta *meta;
  const uint8_t *weight; ///< packed weight, scales behind the codes
} resq_qbranch;

/// Bytes of scratch that a branch takes at the level that needs most, in plain C; those of a call must
/// not be more than RESQ_SCRATCH_BYTES. Of codes in E4M3, too.
static inline int64_t resq_qlinear_scratch(int64_t k, int64_t group) {
  return 34 * resq_padded_k(k, group) + 64 * (k / group);
}

/// y = bias + sum over branches (1 or 2), see resq.qlinear. For branch i (a: first, b: second; k_b = 0: none):
/// k, activation group, weight group, activation bits, weight bits, 1 where weights are trellis codes.
/// Single rows and prefill alike.
void RESQ_KERNEL(resq_qlinear)(resq_worker *w, int32_t op, const int8_t *codes_a,
                               const resq_quant_meta *meta_a, const uint8_t *weight_a,
                               const int8_t *codes_b, const resq_quant_meta *meta_b,
                               const uint8_t *weight_b, const float *bias, float *y, int64_t rows,
                               int64_t ldy, int64_t n, int64_t k_a, int64_t group_a,
                               int64_t wgroup_a, int64_t abits_a, int64_t wbits_a,
                               int64_t trellis_a, int64_t k_b, int64_t group_b, int64_t wgroup_b,
                               int64_t abits_b, int64_t wbits_b, int64_t trellis_b);

//===-- E4M3 activations and weights --------------------------------------===//
// An activation row: codes (e4m3.h), placed, padded with zeros and strided as those of integers; behind all rows'
// codes a scale a group: [rows_max, code_stride] bytes, then [rows_max, width / group] f32.
// Weight [n, k]: as 8 bits above, but byte 4c + j is the code itself, padding 0. It holds no NaN.

/// The quantiser of resq.quantize with E4M3 storage. Codes and scales are equal on all levels.
void RESQ_KERNEL(resq_quantize_e4m3)(resq_worker *w, int32_t op, const float *x, uint8_t *codes,
                                     float *scales, int64_t rows, int64_t ldx, int64_t width,
                                     int64_t group);

/// y = bias (NULL: 0), or y where `add`, + one E4M3 branch of resq.qlinear. wgroup is k or group.
void RESQ_KERNEL(resq_qlinear_e4m3)(resq_worker *w, int32_t op, const uint8_t *codes,
                                    const float *scales, const uint8_t *weight, const float *bias,
                                    float *y, int64_t rows, int64_t ldy, int64_t n, int64_t k,
                                    int64_t group, int64_t wgroup, int64_t add);

//===-- Cache -------------------------------------------------------------===//
// A cache holds sequences * capacity * bytes_per_token bytes (grouped keys: more, below); sequence s starts at
// s * capacity * bytes_per_token. Inside a sequence: all keys of head 0, head 1, ...,
// then all values of head 0, ...: (head, position) vector-major, layout private to the
// two kernels of a code but with resq_kv_vector_bytes a vector; a sequence's region for one head is
// capacity (a multiple of 64) times that, so codes, scales and zeros may stand in separate planes or
// tiles of 16 tokens, whatever attention reads fastest.
//
// f32, f16: the elements. The others: codes of the low part, then of the high part (a byte each), and
// what each part is scaled by; the high part is always int's with 8 bits.
// int: asymmetric, an f16 scale and a u8 zero point a part. Quantiser of a part (bits b): as resq.quantize with
//   clip 1 but the scale rounded to f16 first (s16 = f16(s), nearest even; if it rounds to 0, the smallest
//   positive f16), then z = clamp(rne(-lo / s16), 0, 2^b - 1), code = clamp(rne(x / s16) + z, 0, 2^b - 1),
//   decoded as s16 * (code - z).
// lm: indices of Lloyd-Max centroids and an f16 scale: lloyd_max.h.
// qjl (keys): `rows` signs of S times the low part, and its norm in f16; see resq.attention. Row j of S gives the
//   sign of sum_i S[j, i] x[i], i rising, no FMA: bit 1 when it is above 0.

/// How a head's vector is coded; constants once specialised.
typedef struct resq_kv_format {
  int64_t size;       ///< elements
  int64_t kind;       ///< RESQ_KV_*
  int64_t bits, high; ///< of a low element; elements of the high part
  int64_t rows;       ///< qjl: signs
} resq_kv_format;

static inline int64_t resq_kv_low_bytes(resq_kv_format f) {
  int64_t bits = f.kind == RESQ_KV_QJL ? f.rows : (f.size - f.high) * f.bits;
  return (bits + 7) / 8;
}

static inline int64_t resq_kv_vector_bytes(resq_kv_format f) {
  if (f.kind == RESQ_KV_F32)
    return 4 * f.size;
  if (f.kind == RESQ_KV_F16)
    return 2 * f.size;
  int64_t low_scales = f.kind == RESQ_KV_INT ? 3 : 2, high_scales = f.high > 0 ? 3 : 0;
  return resq_kv_low_bytes(f) + f.high + low_scales + high_scales;
}

/// Row r's k and v (heads vectors each) coded to positions[r] of sequences[r]. sketch: the panel of S, [k_rows, low
/// elements]; NULL unless keys are qjl's.
void RESQ_KERNEL(resq_kv_append)(resq_worker *w, int32_t op, const float *k, const float *v,
                                 const int32_t *positions, const int32_t *sequences,
                                 const float *sketch, uint8_t *cache, int64_t rows, int64_t ldk,
                                 int64_t ldv, int64_t capacity, int64_t heads, int64_t head_size,
                                 int64_t k_kind, int64_t k_bits, int64_t k_high, int64_t k_rows,
                                 int64_t v_kind, int64_t v_bits, int64_t v_high);

/// Causal attention over the cache: see resq.attention. Online softmax over blocks of positions is fine.
/// Rows of the same sequence with consecutive positions may share the decoding of a block (prefill).
void RESQ_KERNEL(resq_attention)(resq_worker *w, int32_t op, const float *q,
                                 const int32_t *positions, const int32_t *sequences,
                                 const float *sketch, const uint8_t *cache, float *y, int64_t rows,
                                 int64_t ldq, int64_t ldy, int64_t capacity, int64_t heads,
                                 int64_t kv_heads, int64_t head_size, float scale, int64_t k_kind,
                                 int64_t k_bits, int64_t k_high, int64_t k_rows, int64_t v_kind,
                                 int64_t v_bits, int64_t v_high);

// Grouped keys (QJL as its authors hold them), 32 consecutive tokens of a head a group. `outliers` channels of a group
// are apart: those whose sum of squares over its tokens (f16 keys, tokens rising, no FMA) is largest, lower indices first
// among equals. A key is `rows` signs of S times the other channels (as above, outliers being zero), `outlier_rows` signs of
// the first rows of S times the outliers, and the norms of both in f16. The row at position p reads the key of
// token t in f16 when t >= buffer * floor((p + 1) / buffer), else by its codes, which are made when the group's last token
// is appended. Bytes of a vector: codes and norms, and ceil(outliers / 32) for the group's indices. A sequence
// has a window of f16 keys behind its tokens, 2 * window * head_size bytes a head: token t stands at t mod window.
// The next position of a sequence is one past its last, 0, or up to window - buffer back: what is further back has left
// the window.

enum { RESQ_KV_GROUP = 32 };

/// How grouped keys are coded; constants once specialised.
typedef struct resq_kv_groups {
  int64_t size, rows, outliers, outlier_rows; ///< of a head; signs; channels apart, and their signs
  int64_t buffer, window;                     ///< tokens, both multiples of 32
} resq_kv_groups;

static inline int64_t resq_kv_groups_bytes(resq_kv_groups g) {
  return (g.rows + 7) / 8 + (g.outlier_rows + 7) / 8 + 4 +
         (g.outliers + RESQ_KV_GROUP - 1) / RESQ_KV_GROUP;
}

/// resq_kv_append of grouped keys.
void RESQ_KERNEL(resq_kv_append_groups)(resq_worker *w, int32_t op, const float *k, const float *v,
                                        const int32_t *positions, const int32_t *sequences,
                                        const float *sketch, uint8_t *cache, int64_t rows,
                                        int64_t ldk, int64_t ldv, int64_t capacity, int64_t heads,
                                        int64_t head_size, int64_t k_rows, int64_t outliers,
                                        int64_t outlier_rows, int64_t buffer, int64_t window,
                                        int64_t v_kind, int64_t v_bits, int64_t v_high);

/// resq_attention over grouped keys.
void RESQ_KERNEL(resq_attention_groups)(resq_worker *w, int32_t op, const float *q,
                                        const int32_t *positions, const int32_t *sequences,
                                        const float *sketch, const uint8_t *cache, float *y,
                                        int64_t rows, int64_t ldq, int64_t ldy, int64_t capacity,
                                        int64_t heads, int64_t kv_heads, int64_t head_size,
                                        float scale, int64_t k_rows, int64_t outliers,
                                        int64_t outlier_rows, int64_t buffer, int64_t window,
                                        int64_t v_kind, int64_t v_bits, int64_t v_high);

#endif // RESQ_KERNELS_H
