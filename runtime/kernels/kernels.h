//===-- kernels.h - the arithmetic and the layouts of all microkernels -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// kernels.def lists the kernels and their arguments; their prototypes are made of it at the end of this file. A kernel is
// freestanding C, one file per op and ISA: generic/<op>_generic.c, x86_64/<op>_avx512.c, nvptx/<op>_cuda.c. Where a CPU
// level has no file of its own it takes the generic one. A file is built twice for each CPU level: to LLVM bitcode,
// embedded in the compiler and specialised per shape, and natively, for tests and benchmarks. RESQ_KERNEL(name) adds the
// level's suffix, so all levels link side by side: resq_linear_f32_generic. A kernel that does not match its
// prototype, or has none, does not compile.
//
// Contract of all on a CPU: every thread of the call calls the kernel with the same
// arguments; chunks of work are handed out by resq_next_chunk(w, op); no barrier
// inside. No libc (mem* builtins are fine), no allocation, no globals
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

// Weight [n, k] symmetric, `bits` wide, groups along k (w_group = k or the activation's group):
//   [tiles of 16 channels][padded_k / 8 units of 8 inputs] then bf16 scales [k / w_group, n padded to 16].
// k is padded per ACTIVATION group as above (pad weights are zero). Channels past n hold zero weights and zero scales.
// A unit is 16 * bits bytes. Code i = 64h + 4c + j of unit s is w(c, 8s + 4h + j) + 2^(bits - 1). Its lowest `base` bits (2 of codes of 2 and
// 3 bits, 8 of those of 8, else 4) are field i / b of byte i % b, b = 16 * base; behind these bytes its bit base + p is bit i / 16 of byte
// 16 p + i % 16 of as many planes as there are bits left.
// Trellis codes (`trellis`, 3 or 4 bits): a code is one of trellis_weights.h, its state given by the codes of the same input in the
// channels before it, a tile's channels being a ring. Padding of k is code 2^(bits - 1) as of integers, no zero there: activation codes are 0
// where it stands, and sums of weights leave it out. Channels past n have the codes that close the ring.

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

//===-- E4M3 activations and weights --------------------------------------===//
// An activation row: codes (e4m3.h), placed, padded with zeros and strided as those of integers; behind all rows'
// codes a scale a group: [rows_max, code_stride] bytes, then [rows_max, width / group] f32.
// Weight [n, k]: as of 8 bits above, but a byte is the code itself, padding 0. It holds no NaN.

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

//===-- Prototypes --------------------------------------------------------===//
// RESQ_GPU_KERNELS, which the build defines for them: of the variants for a GPU.

#define READ(T, name) , const T *name
#define READ_OR_NULL(T, name) , const T *name
#define TABLE(T, name) , const T *name
#define TABLE_OR_NULL(T, name) , const T *name
#define WRITE(T, name) , T *name
#define UPDATE(T, name) , T *name
#define READ_BEHIND(T, name, codes) , const T *name
#define WRITE_BEHIND(T, name, codes) , T *name
#define CACHE_READ(name) , const uint8_t *name
#define CACHE_WRITE(name) , uint8_t *name
#define ROWS_OF(name, of) , int64_t name
#define STRIDE_OF(name, of) , int64_t name
#define CAPACITY(name) , int64_t name
#define CONSTANT(name) , int64_t name
#define CONSTANT_F32(name) , float name
#ifdef RESQ_GPU_KERNELS
#define RESQ_WITHOUT_FIRST(first, ...) __VA_ARGS__
#define RESQ_GPU_ARGUMENTS(...) RESQ_WITHOUT_FIRST(__VA_ARGS__)
#define KERNEL(name, ...)                                                                          \
  void RESQ_KERNEL(name)(RESQ_GPU_ARGUMENTS(__VA_ARGS__), int64_t variant, uint8_t *scratch);
#define KERNEL_BY_UNITS(name, ...)                                                                 \
  void RESQ_KERNEL(name)(RESQ_GPU_ARGUMENTS(__VA_ARGS__), int64_t variant, uint8_t *scratch,       \
                         int64_t threads, int64_t unit, int64_t units);
#else
#define KERNEL(name, ...) void RESQ_KERNEL(name)(resq_worker * w, int32_t op __VA_ARGS__);
#endif
#include "kernels.def"

#endif // RESQ_KERNELS_H
