//===-- gguf_decode.c - stored tensor rows to f32 -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One table of types; a decoder turns whole blocks into f32. The order of f32
// operations is ggml's, and the products that are added to are exact (a scale
// of 11 significant bits times at most 11 more), so a contracted multiply-add
// gives the same bits. Blocks are little-endian and unaligned.
//===----------------------------------------------------------------------===//
#include "dialect/import/gguf/gguf.h"
#include "kernels/half.h"

#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "GGUF decoding is written for little-endian hosts"
#endif

//===-- Numbers -----------------------------------------------------------===//

static inline uint16_t load_u16(const uint8_t *bytes) {
  uint16_t value;
  memcpy(&value, bytes, sizeof value);
  return value;
}

static inline float load_f16(const uint8_t *bytes) { return resq_f32_from_f16(load_u16(bytes)); }

//===-- Plain types: blocks of one element --------------------------------===//

static void decode_f32(const uint8_t *in, uint64_t count, float *out) {
  memcpy(out, in, (size_t)count * sizeof *out);
}

static void decode_f16(const uint8_t *in, uint64_t count, float *out) {
  for (uint64_t i = 0; i < count; ++i)
    out[i] = load_f16(in + 2 * i);
}

static void decode_bf16(const uint8_t *in, uint64_t count, float *out) {
  for (uint64_t i = 0; i < count; ++i)
    out[i] = resq_f32_from_bf16(load_u16(in + 2 * i));
}

//===-- Blocks of 32 ------------------------------------------------------===//
// Element j stands in the low half of byte j, element j + 16 in its high half. A fifth bit comes from a word of 32.

enum { SMALL_BLOCK = 32, HALF_BLOCK = 16 };

static void decode_q4_0(const uint8_t *in, uint64_t count, float *out) {
  for (uint64_t b = 0; b < count; ++b, in += 18, out += SMALL_BLOCK) {
    float scale = load_f16(in);
    for (int j = 0; j < HALF_BLOCK; ++j) {
      out[j] = (float)((in[2 + j] & 15) - 8) * scale;
      out[j + HALF_BLOCK] = (float)((in[2 + j] >> 4) - 8) * scale;
    }
  }
}

static void decode_q4_1(const uint8_t *in, uint64_t count, float *out) {
  for (uint64_t b = 0; b < count; ++b, in += 20, out += SMALL_BLOCK) {
    float scale = load_f16(in), minimum = load_f16(in + 2);
    for (int j = 0; j < HALF_BLOCK; ++j) {
      out[j] = (float)(in[4 + j] & 15) * scale + minimum;
      out[j + HALF_BLOCK] = (float)(in[4 + j] >> 4) * scale + minimum;
    }
  }
}

/// The 32 five-bit codes of a block: four bits from `low`, the fifth of element j from bit j of `high`.
static void unpack_five_bits(const uint8_t *high, const uint8_t *low, int codes[SMALL_BLOCK]) {
  uint32_t fifth;
  memcpy(&fifth, high, sizeof fifth);
  for (int j = 0; j < HALF_BLOCK; ++j) {
    codes[j] = (low[j] & 15) | (int)(fifth >> j & 1) << 4;
    codes[j + HALF_BLOCK] = low[j] >> 4 | (int)(fifth >> (j + HALF_BLOCK) & 1) << 4;
  }
}

static void decode_q5_0(const uint8_t *in, uint64_t count, float *out) {
  for (uint64_t b = 0; b < count; ++b, in += 22, out += SMALL_BLOCK) {
    int codes[SMALL_BLOCK];
    float scale = load_f16(in);
    unpack_five_bits(in + 2, in + 6, codes);
    for (int j = 0; j < SMALL_BLOCK; ++j)
      out[j] = (float)(codes[j] - 16) * scale;
  }
}

static void decode_q5_1(const uint8_t *in, uint64_t count, float *out) {
  for (uint64_t b = 0; b < count; ++b, in += 24, out += SMALL_BLOCK) {
    int codes[SMALL_BLOCK];
    float scale = load_f16(in), minimum = load_f16(in + 2);
    unpack_five_bits(in + 4, in + 8, codes);
    for (int j = 0; j < SMALL_BLOCK; ++j)
      out[j] = (float)codes[j] * scale + minimum;
  }
}

static void decode_q8_0(const uint8_t *in, uint64_t count, float *out) {
  for (uint64_t b = 0; b < count; ++b, in += 34, out += SMALL_BLOCK) {
    float scale = load_f16(in);
    for (int j = 0; j < SMALL_BLOCK; ++j)
      out[j] = (float)(int8_t)in[2 + j] * scale;
  }
}

//===-- Blocks of 256 -----------------------------------------------------===//

enum { LARGE_BLOCK = 256, K_SCALES = 12 };

/// Scale and minimum number j of 8: six bits each, packed in 12 bytes. The first four pairs lie in bytes 0-3 and 4-7; the
/// others have their low four bits in bytes 8-11 and their high two bits above the first four pairs.
static void unpack_scale(const uint8_t packed[K_SCALES], int j, int *scale, int *minimum) {
  if (j < 4) {
    *scale = packed[j] & 63;
    *minimum = packed[j + 4] & 63;
  } else {
    *scale = (packed[j + 4] & 15) | packed[j - 4] >> 6 << 4;
    *minimum = packed[j + 4] >> 4 | packed[j] >> 6 << 4;
  }
}

/// Q4_K, and Q5_K when `high` holds fifth bits: groups of 32 share a scale and a minimum; groups 2i and 2i + 1 are the low
/// and high halves of 32 bytes, and their fifth bits are bits 2i and 2i + 1 of the same 32 bytes of `high`.
static void decode_k_block(const uint8_t *in, const uint8_t *high, const uint8_t *low, float *out) {
  float scale = load_f16(in), minimum = load_f16(in + 2);
  for (int group = 0; group < LARGE_BLOCK / SMALL_BLOCK; ++group) {
    int group_scale, group_minimum;
    unpack_scale(in + 4, group, &group_scale, &group_minimum);
    float s = scale * (float)group_scale, m = minimum * (float)group_minimum;
    const uint8_t *codes = low + group / 2 * SMALL_BLOCK;
    int shift = group % 2 * 4;
    for (int j = 0; j < SMALL_BLOCK; ++j) {
      int code = codes[j] >> shift & 15;
      if (high)
        code |= (high[j] >> group & 1) << 4;
      out[group * SMALL_BLOCK + j] = s * (float)code - m;
    }
  }
}

static void decode_q4_k(const uint8_t *in, uint64_t count, float *out) {
  for (uint64_t b = 0; b < count; ++b, in += 144, out += LARGE_BLOCK)
    decode_k_block(in, NULL, in + 4 + K_SCALES, out);
}

static void decode_q5_k(const uint8_t *in, uint64_t count, float *out) {
  for (uint64_t b = 0; b < count; ++b, in += 176, out += LARGE_BLOCK)
    decode_k_block(in, in + 4 + K_SCALES, in + 4 + K_SCALES + SMALL_BLOCK, out);
}

/// Two halves of 128; within a half, element 32 q + l takes its low four bits from byte l (+ 32 for odd q) of `low`, the
/// lower nibble for q < 2, and two high bits from bits 2q of byte l of `high`. A scale serves 16 elements.
static void decode_q6_k(const uint8_t *in, uint64_t count, float *out) {
  for (uint64_t b = 0; b < count; ++b, in += 210) {
    const uint8_t *low = in, *high = in + 128, *scales = in + 192;
    float scale = load_f16(in + 208);
    for (int half = 0; half < 2; ++half, low += 64, high += 32, scales += 8, out += 128) {
      for (int q = 0; q < 4; ++q) {
        for (int l = 0; l < 32; ++l) {
          int code = (low[l + q % 2 * 32] >> (q / 2 * 4) & 15) | (high[l] >> (2 * q) & 3) << 4;
          out[32 * q + l] = scale * (float)(int8_t)scales[2 * q + l / 16] * (float)(code - 32);
        }
      }
    }
  }
}

//===-- The table ---------------------------------------------------------===//

typedef struct type_row {
  const char *name;
  uint16_t elements, bytes;                                      // of a block
  void (*decode)(const uint8_t *in, uint64_t count, float *out); // count blocks; NULL: named only
} type_row;

static const type_row types[] = {
    [RESQ_GGUF_F32] = {"F32", 1, 4, decode_f32},
    [RESQ_GGUF_F16] = {"F16", 1, 2, decode_f16},
    [RESQ_GGUF_Q4_0] = {"Q4_0", 32, 18, decode_q4_0},
    [RESQ_GGUF_Q4_1] = {"Q4_1", 32, 20, decode_q4_1},
    [RESQ_GGUF_Q5_0] = {"Q5_0", 32, 22, decode_q5_0},
    [RESQ_GGUF_Q5_1] = {"Q5_1", 32, 24, decode_q5_1},
    [RESQ_GGUF_Q8_0] = {"Q8_0", 32, 34, decode_q8_0},
    [9] = {.name = "Q8_1"},
    [10] = {.name = "Q2_K"},
    [11] = {.name = "Q3_K"},
    [RESQ_GGUF_Q4_K] = {"Q4_K", 256, 144, decode_q4_k},
    [RESQ_GGUF_Q5_K] = {"Q5_K", 256, 176, decode_q5_k},
    [RESQ_GGUF_Q6_K] = {"Q6_K", 256, 210, decode_q6_k},
    [15] = {.name = "Q8_K"},
    [16] = {.name = "IQ2_XXS"},
    [17] = {.name = "IQ2_XS"},
    [18] = {.name = "IQ3_XXS"},
    [19] = {.name = "IQ1_S"},
    [20] = {.name = "IQ4_NL"},
    [21] = {.name = "IQ3_S"},
    [22] = {.name = "IQ2_S"},
    [23] = {.name = "IQ4_XS"},
    [24] = {.name = "I8"},
    [25] = {.name = "I16"},
    [26] = {.name = "I32"},
    [27] = {.name = "I64"},
    [28] = {.name = "F64"},
    [29] = {.name = "IQ1_M"},
    [RESQ_GGUF_BF16] = {"BF16", 1, 2, decode_bf16},
    [34] = {.name = "TQ1_0"},
    [35] = {.name = "TQ2_0"},
    [39] = {.name = "MXFP4"},
};
enum { TYPES = sizeof types / sizeof types[0] };

const char *resq_gguf_type_list(void) {
  return "F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K and Q6_K";
}

const char *resq_gguf_type_name(resq_gguf_type type) {
  return (unsigned)type < TYPES && types[type].name ? types[type].name : "unknown";
}

bool resq_gguf_type_block(uint32_t type, uint64_t *out_elements, uint64_t *out_bytes,
                          const char **out_name) {
  *out_name = type < TYPES ? types[type].name : NULL;
  if (type >= TYPES || !types[type].decode)
    return false;
  *out_elements = types[type].elements;
  *out_bytes = types[type].bytes;
  return true;
}

void resq_gguf_decode(const resq_gguf_tensor *tensor, uint64_t first, uint64_t count, float *out) {
  const type_row *type = &types[tensor->type];
  // None of this overflows: the parser sized the tensor.
  type->decode(tensor->data + first / type->elements * type->bytes, count / type->elements, out);
}
