//===-- cases.h - calls of the portable kernels, for CPU and GPU ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// CASE(name, rows, launches, fills, call): `fills` says what buffers 0, 1, ... hold before the call
// (fills.h), `call` is the call, in terms of the worker w, the buffers b[] and `rows`.
// Every other size is a constant, as it is in a compiled model. `launches` is how many such calls
// one step of SmolLM2-135M with best-w4a8kv4 has (0: none, not timed). Included where CASE is
// defined, more than once.
//===----------------------------------------------------------------------===//

// Row operations. WILD: finite floats of every exponent, denormals among them; SPECIAL: also
// infinities and NaN.
CASE(add, 37, 0, FILLS(WILD(37 * 140), WILD(37 * 150), OUT(37 * 160 * 4)),
     resq_add_generic(w, 0, b[0], b[1], b[2], rows, 140, 150, 160, 131))
CASE(add_special, 3, 0, FILLS(SPECIAL(3 * 9001), SPECIAL(3 * 9001), OUT(3 * 9001 * 4)),
     resq_add_generic(w, 0, b[0], b[1], b[2], rows, 9001, 9001, 9001, 9001))
CASE(embed_f32, 13, 0, FILLS(TOKENS(13, 83), F32(96 * 51), OUT(13 * 60 * 4)),
     resq_embed_f32_generic(w, 0, b[0], b[1], b[2], rows, 60, 83, 51))
CASE(embed_bf16, 13, 0, FILLS(TOKENS(13, 83), BYTES(96 * 51 * 2), OUT(13 * 60 * 4)),
     resq_embed_bf16_generic(w, 0, b[0], b[1], b[2], rows, 60, 83, 51))
CASE(embed_f16, 13, 0, FILLS(TOKENS(13, 83), BYTES(96 * 51 * 2), OUT(13 * 60 * 4)),
     resq_embed_f16_generic(w, 0, b[0], b[1], b[2], rows, 60, 83, 51))
CASE(embed_codes8, 13, 0, FILLS(TOKENS(13, 83), WEIGHT(83, 60, 20, 20, 8), OUT(13 * 60 * 4)),
     resq_embed_codes_generic(w, 0, b[0], b[1], b[2], rows, 60, 83, 60, 20, 8))
CASE(embed_codes6, 13, 0, FILLS(TOKENS(13, 83), WEIGHT(83, 60, 20, 20, 6), OUT(13 * 60 * 4)),
     resq_embed_codes_generic(w, 0, b[0], b[1], b[2], rows, 60, 83, 60, 20, 6))
CASE(linear_f32, 5, 0, FILLS(F32(5 * 55), F32(48 * 51), F32(41), OUT(5 * 43 * 4)),
     resq_linear_f32_generic(w, 0, b[0], b[1], b[2], b[3], rows, 55, 43, 41, 51))
CASE(linear_f32_wild, 5, 0, FILLS(WILD(5 * 55), WILD(48 * 51), WILD(41), OUT(5 * 43 * 4)),
     resq_linear_f32_generic(w, 0, b[0], b[1], b[2], b[3], rows, 55, 43, 41, 51))
CASE(linear_bf16, 5, 0, FILLS(F32(5 * 55), HALVES(48 * 51, 0), OUT(5 * 43 * 4)),
     resq_linear_bf16_generic(w, 0, b[0], b[1], 0, b[2], rows, 55, 43, 41, 51))
CASE(linear_f16, 5, 0, FILLS(F32(5 * 55), HALVES(48 * 51, 1), OUT(5 * 43 * 4)),
     resq_linear_f16_generic(w, 0, b[0], b[1], 0, b[2], rows, 55, 43, 41, 51))
CASE(rms_norm, 9, 0, FILLS(F32(9 * 140), F32(131), OUT(9 * 133 * 4)),
     resq_rms_norm_generic(w, 0, b[0], b[1], b[2], rows, 140, 133, 131, 1e-5f))
CASE(rms_norm_wild, 9, 0, FILLS(WILD(9 * 131), OUT(9 * 131 * 4)),
     resq_rms_norm_generic(w, 0, b[0], 0, b[1], rows, 131, 131, 131, 1e-5f))
CASE(rms_norm_denormal, 9, 0, FILLS(TINY(9 * 131), F32(131), OUT(9 * 131 * 4)),
     resq_rms_norm_generic(w, 0, b[0], b[1], b[2], rows, 131, 131, 131, 0.0f))
CASE(rope_angles, 40, 0, FILLS(POSITIONS(40, 1 << 20), FREQUENCIES(32), OUT(40 * 64 * 4)),
     resq_rope_angles_generic(w, 0, b[0], b[1], 0, b[2], rows, 64))
CASE(rope_angles_factors, 40, 0,
     FILLS(POSITIONS(40, 131072), FREQUENCIES(32), UNIFORM(32, 1, 8), OUT(40 * 64 * 4)),
     resq_rope_angles_generic(w, 0, b[0], b[1], b[2], b[3], rows, 64))
CASE(rope, 11, 0, FILLS(F32(11 * 330), UNIFORM(11 * 48, -1, 1), OUT(11 * 325 * 4)),
     resq_rope_generic(w, 0, b[0], b[1], b[2], rows, 330, 325, 5, 64, 48))
CASE(silu_gate, 7, 0, FILLS(UNIFORM(7 * 140, -110, 110), F32(7 * 150), OUT(7 * 131 * 4)),
     resq_silu_gate_generic(w, 0, b[0], b[1], b[2], rows, 140, 150, 131, 131))
CASE(silu_gate_special, 3, 0, FILLS(SPECIAL(3 * 9001), SPECIAL(3 * 9001), OUT(3 * 9001 * 4)),
     resq_silu_gate_generic(w, 0, b[0], b[1], b[2], rows, 9001, 9001, 9001, 9001))
CASE(gather_rows, 19, 0, FILLS(F32(31 * 140), INDICES(19, 31), OUT(19 * 137 * 4)),
     resq_gather_rows_generic(w, 0, b[0], b[1], b[2], rows, 140, 137, 131))
CASE(permute, 19, 0, FILLS(F32(19 * 140), INDICES(131, 131), OUT(19 * 137 * 4)),
     resq_permute_generic(w, 0, b[0], b[1], b[2], rows, 140, 137, 131))
CASE(split, 19, 0, FILLS(F32(19 * 170), OUT(19 * 120 * 4), OUT(19 * 50 * 4)),
     resq_split_generic(w, 0, b[0], b[1], b[2], rows, 170, 120, 50, 165, 33, 9))
CASE(join, 19, 0, FILLS(F32(19 * 120), F32(19 * 50), OUT(19 * 170 * 4)),
     resq_join_generic(w, 0, b[0], b[1], b[2], rows, 120, 50, 170, 165, 33, 9))
CASE(rotate, 21, 0, FILLS(F32(21 * 140), F32(2 * 33 * 33), OUT(21 * 150 * 4)),
     resq_rotate_generic(w, 0, b[0], b[1], b[2], rows, 140, 150, 4, 33, 2))
CASE(rotate_wild, 5, 0, FILLS(WILD(5 * 66), WILD(33 * 33), OUT(5 * 66 * 4)),
     resq_rotate_generic(w, 0, b[0], b[1], b[2], rows, 66, 66, 2, 33, 1))
CASE(hadamard, 7, 0, FILLS(F32(7 * 500), SIGNS(20 * 20), OUT(7 * 490 * 4)),
     resq_hadamard_generic(w, 0, b[0], b[1], b[2], rows, 500, 490, 480, 160, 20))
CASE(hadamard_wild, 7, 0, FILLS(WILD(7 * 256), OUT(7 * 256 * 4)),
     resq_hadamard_generic(w, 0, b[0], 0, b[1], rows, 256, 256, 256, 128, 1))

// Activation codes.
CASE(quantize8, 41, 0, FILLS(F32(41 * 140), OUT(41 * 192), OUT(41 * 5 * 12)),
     resq_quantize_generic(w, 0, b[0], 0, b[1], b[2], rows, 140, 135, 27, 27, 8, 1.0f))
CASE(quantize4_range, 41, 0,
     FILLS(F32(41 * 140), UNIFORM(1, 0, 1), OUT(41 * 192), OUT(41 * 6 * 12)),
     resq_quantize_generic(w, 0, b[0], b[1], b[2], b[3], rows, 140, 132, 22, 66, 4, 0.9f))
CASE(quantize2_wild, 41, 0, FILLS(WILD(41 * 140), OUT(41 * 192), OUT(41 * 5 * 12)),
     resq_quantize_generic(w, 0, b[0], 0, b[1], b[2], rows, 140, 135, 27, 27, 2, 1.0f))
CASE(quantize8_special, 41, 0, FILLS(SPECIAL(41 * 140), OUT(41 * 192), OUT(41 * 5 * 12)),
     resq_quantize_generic(w, 0, b[0], 0, b[1], b[2], rows, 140, 135, 27, 27, 8, 1.0f))
CASE(quantize8_denormal, 41, 0, FILLS(TINY(41 * 140), OUT(41 * 192), OUT(41 * 5 * 12)),
     resq_quantize_generic(w, 0, b[0], 0, b[1], b[2], rows, 140, 135, 27, 27, 8, 1.0f))
CASE(quantize_e4m3, 41, 0, FILLS(F32(41 * 140), OUT(41 * 192), OUT(41 * 5 * 4)),
     resq_quantize_e4m3_generic(w, 0, b[0], b[1], b[2], rows, 140, 135, 27))
CASE(quantize_e4m3_special, 41, 0, FILLS(SPECIAL(41 * 140), OUT(41 * 192), OUT(41 * 5 * 4)),
     resq_quantize_e4m3_generic(w, 0, b[0], b[1], b[2], rows, 140, 135, 27))

// Quantised linears: two branches, padded groups, every width of code.
#define QLINEAR(name, a_bits, w_bits, trellis, wgroup)                                             \
  CASE(name, 3, 0,                                                                                 \
       FILLS(CODES(3, 108, 27, a_bits), METAS(3, 108, 27, a_bits),                                 \
             WEIGHT(41, 108, 27, wgroup, w_bits), CODES(3, 24, 12, 8), METAS(3, 24, 12, 8),        \
             WEIGHT(41, 24, 12, 24, 8), F32(41), OUT(3 * 43 * 4)),                                 \
       resq_qlinear_generic(w, 0, b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], rows, 43, 41,    \
                            108, 27, wgroup, a_bits, w_bits, trellis, 24, 12, 24, 8, 8, 0))
QLINEAR(qlinear_a8w4_trellis, 8, 4, 1, 108)
QLINEAR(qlinear_a4w4_trellis, 4, 4, 1, 108)
QLINEAR(qlinear_a8w2, 8, 2, 0, 27)
QLINEAR(qlinear_a4w3, 4, 3, 0, 108)
QLINEAR(qlinear_a8w4, 8, 4, 0, 27)
QLINEAR(qlinear_a8w5, 8, 5, 0, 108)
QLINEAR(qlinear_a8w6, 8, 6, 0, 27)
QLINEAR(qlinear_a7w7, 7, 7, 0, 108)
QLINEAR(qlinear_a8w8, 8, 8, 0, 27)
#undef QLINEAR
CASE(qlinear_e4m3, 3, 0,
     FILLS(CODES_E4M3(3, 108, 27), SCALES_E4M3(3, 108, 27), WEIGHT_E4M3(41, 108, 27, 27), F32(41),
           OUT(3 * 43 * 4)),
     resq_qlinear_e4m3_generic(w, 0, b[0], b[1], b[2], b[3], b[4], rows, 43, 41, 108, 27, 27, 0))
CASE(qlinear_e4m3_add, 3, 0,
     FILLS(CODES_E4M3(3, 108, 27), SCALES_E4M3(3, 108, 27), WEIGHT_E4M3(41, 108, 27, 108),
           F32(3 * 43)),
     resq_qlinear_e4m3_generic(w, 0, b[0], b[1], b[2], 0, b[3], rows, 43, 41, 108, 27, 108, 1))

// Caches: two sequences of which the second is shorter; head size 40, 2 heads for 6 of queries.
#define CACHE(name, k_kind, k_bits, k_high, k_rows, v_kind, v_bits, v_high)                        \
  CASE(append_##name, 9, 0,                                                                        \
       FILLS(F32(9 * 90), F32(9 * 85), I32(9, 70, 71, 72, 73, 74, 75, 3, 4, 5),                    \
             I32(9, 0, 0, 0, 0, 0, 0, 1, 1, 1), SKETCH(k_rows, 40 - k_high),                       \
             KV(2, 128, 2, 40, k_kind, k_bits, k_high, k_rows, v_kind, v_bits, v_high)),           \
       resq_kv_append_generic(w, 0, b[0], b[1], b[2], b[3], b[4], b[5], rows, 90, 85, 128, 2, 40,  \
                              k_kind, k_bits, k_high, k_rows, v_kind, v_bits, v_high))             \
  CASE(attention_##name, 5, 0,                                                                     \
       FILLS(F32(5 * 250), I32(5, 97, 98, 99, 40, 0), I32(5, 0, 0, 0, 1, 1),                       \
             SKETCH(k_rows, 40 - k_high),                                                          \
             KV(2, 128, 2, 40, k_kind, k_bits, k_high, k_rows, v_kind, v_bits, v_high),            \
             OUT(5 * 245 * 4)),                                                                    \
       resq_attention_generic(w, 0, b[0], b[1], b[2], b[3], b[4], b[5], rows, 250, 245, 128, 6, 2, \
                              40, 0.158f, k_kind, k_bits, k_high, k_rows, v_kind, v_bits, v_high))
CACHE(f32, RESQ_KV_F32, 0, 0, 0, RESQ_KV_F32, 0, 0)
CACHE(f16, RESQ_KV_F16, 0, 0, 0, RESQ_KV_F16, 0, 0)
CACHE(int4, RESQ_KV_INT, 4, 5, 0, RESQ_KV_INT, 4, 5)
CACHE(int2, RESQ_KV_INT, 2, 0, 0, RESQ_KV_INT, 3, 0)
CACHE(int5_8, RESQ_KV_INT, 5, 8, 0, RESQ_KV_INT, 8, 0)
CACHE(int6_7, RESQ_KV_INT, 6, 8, 0, RESQ_KV_INT, 7, 4)
CACHE(lm1_2, RESQ_KV_LM, 1, 0, 0, RESQ_KV_LM, 2, 5)
CACHE(lm3, RESQ_KV_LM, 3, 5, 0, RESQ_KV_LM, 3, 5)
CACHE(lm4, RESQ_KV_LM, 4, 8, 0, RESQ_KV_LM, 4, 0)
CACHE(qjl, RESQ_KV_QJL, 1, 5, 77, RESQ_KV_LM, 3, 5)
#undef CACHE
CASE(append_groups, 9, 0,
     FILLS(F32(9 * 90), F32(9 * 85), I32(9, 90, 91, 92, 93, 94, 95, 30, 31, 32),
           I32(9, 0, 0, 0, 0, 0, 0, 1, 1, 1), SKETCH(77, 40),
           KV_GROUPS(2, 128, 2, 40, 77, 5, 21, 32, 64, RESQ_KV_INT, 4, 5)),
     resq_kv_append_groups_generic(w, 0, b[0], b[1], b[2], b[3], b[4], b[5], rows, 90, 85, 128, 2,
                                   40, 77, 5, 21, 32, 64, RESQ_KV_INT, 4, 5))
CASE(attention_groups, 5, 0,
     FILLS(F32(5 * 250), I32(5, 97, 98, 99, 40, 0), I32(5, 0, 0, 0, 1, 1), SKETCH(77, 40),
           KV_GROUPS(2, 128, 2, 40, 77, 5, 21, 32, 64, RESQ_KV_INT, 4, 5), OUT(5 * 245 * 4)),
     resq_attention_groups_generic(w, 0, b[0], b[1], b[2], b[3], b[4], b[5], rows, 250, 245, 128, 6,
                                   2, 40, 0.158f, 77, 5, 21, 32, 64, RESQ_KV_INT, 4, 5))

// SmolLM2-135M, best-w4a8kv4, 30 layers: a token behind 511 others, and the last 128 rows of a
// prompt of 512.
#define CODES_OF(R, width, group) CODES(R, width, group, 8), METAS(R, width, group, 8)
#define LINEAR2(name, R, count, n, k_a, group_a, k_b, group_b)                                     \
  CASE(name, R, count,                                                                             \
       FILLS(CODES_OF(R, k_a, group_a), WEIGHT(n, k_a, group_a, k_a, 4),                           \
             CODES_OF(R, k_b, group_b), WEIGHT(n, k_b, group_b, k_b, 8), OUT(R * n * 4)),          \
       resq_qlinear_generic(w, 0, b[0], b[1], b[2], b[3], b[4], b[5], 0, b[6], rows, n, n, k_a,    \
                            group_a, k_a, 8, 4, 1, k_b, group_b, k_b, 8, 8, 0))
#define QUANTIZE(name, R, count, width, group)                                                     \
  CASE(                                                                                            \
      name, R, count,                                                                              \
      FILLS(F32(R *width), OUT(R *(((width / group) * ((group + 7) / 8 * 8) + 63) / 64 * 64)),     \
            OUT(R *width / group * 12)),                                                           \
      resq_quantize_generic(w, 0, b[0], 0, b[1], b[2], rows, width, width, group, group, 8, 1.0f))
#define CACHE_4 KV(1, 2048, 3, 64, RESQ_KV_INT, 4, 8, 0, RESQ_KV_INT, 4, 8)
#define STEP(P, R)                                                                                 \
  CASE(P##embed_codes, R, 1,                                                                       \
       FILLS(TOKENS(R, 49152), WEIGHT(49152, 576, 96, 96, 8), OUT(R * 576 * 4)),                   \
       resq_embed_codes_generic(w, 0, b[0], b[1], b[2], rows, 576, 49152, 576, 96, 8))             \
  CASE(P##rope_angles, R, 1, FILLS(RANGE(R, 512 - R, 1), FREQUENCIES(32), OUT(R * 64 * 4)),        \
       resq_rope_angles_generic(w, 0, b[0], b[1], 0, b[2], rows, 64))                              \
  CASE(P##rms_norm, R, 61, FILLS(F32(R * 576), F32(576), OUT(R * 576 * 4)),                        \
       resq_rms_norm_generic(w, 0, b[0], b[1], b[2], rows, 576, 576, 576, 1e-5f))                  \
  QUANTIZE(P##quantize_72, R, 60, 72, 72)                                                          \
  QUANTIZE(P##quantize_504, R, 60, 504, 504)                                                       \
  LINEAR2(P##qlinear_qkv, R, 30, 960, 504, 504, 72, 72)                                            \
  CASE(P##rope_q, R, 30, FILLS(F32(R * 960), UNIFORM(R * 64, -1, 1), OUT(R * 576 * 4)),            \
       resq_rope_generic(w, 0, b[0], b[1], b[2], rows, 960, 576, 9, 64, 64))                       \
  CASE(P##rope_k, R, 30, FILLS(F32(R * 960), UNIFORM(R * 64, -1, 1), OUT(R * 192 * 4)),            \
       resq_rope_generic(w, 0, b[0], b[1], b[2], rows, 960, 192, 3, 64, 64))                       \
  CASE(P##rotate_k, R, 30, FILLS(F32(R * 192), F32(3 * 64 * 64), OUT(R * 192 * 4)),                \
       resq_rotate_generic(w, 0, b[0], b[1], b[2], rows, 192, 192, 3, 64, 3))                      \
  CASE(P##kv_append, R, 30,                                                                        \
       FILLS(F32(R * 192), F32(R * 960), RANGE(R, 512 - R, 1), RANGE(R, 0, 0), CACHE_4),           \
       resq_kv_append_generic(w, 0, b[0], b[1], b[2], b[3], 0, b[4], rows, 192, 960, 2048, 3, 64,  \
                              RESQ_KV_INT, 4, 8, 0, RESQ_KV_INT, 4, 8))                            \
  CASE(P##rotate_q, R, 30, FILLS(F32(R * 576), F32(3 * 64 * 64), OUT(R * 576 * 4)),                \
       resq_rotate_generic(w, 0, b[0], b[1], b[2], rows, 576, 576, 9, 64, 3))                      \
  CASE(P##attention_512, R, 30,                                                                    \
       FILLS(F32(R * 576), RANGE(R, 512 - R, 1), RANGE(R, 0, 0), CACHE_4, OUT(R * 576 * 4)),       \
       resq_attention_generic(w, 0, b[0], b[1], b[2], 0, b[3], b[4], rows, 576, 576, 2048, 9, 3,   \
                              64, 0.125f, RESQ_KV_INT, 4, 8, 0, RESQ_KV_INT, 4, 8))                \
  CASE(P##split, R, 30, FILLS(F32(R * 576), OUT(R * 504 * 4), OUT(R * 72 * 4)),                    \
       resq_split_generic(w, 0, b[0], b[1], b[2], rows, 576, 504, 72, 576, 64, 8))                 \
  QUANTIZE(P##quantize_72_8, R, 30, 72, 8)                                                         \
  QUANTIZE(P##quantize_504_56, R, 30, 504, 56)                                                     \
  LINEAR2(P##qlinear_o, R, 30, 576, 504, 56, 72, 8)                                                \
  CASE(P##add, R, 60, FILLS(F32(R * 576), F32(R * 576), OUT(R * 576 * 4)),                         \
       resq_add_generic(w, 0, b[0], b[1], b[2], rows, 576, 576, 576, 576))                         \
  LINEAR2(P##qlinear_gateup, R, 30, 3072, 504, 504, 72, 72)                                        \
  CASE(P##silu_gate, R, 30, FILLS(F32(R * 3072), F32(R * 3072), OUT(R * 1536 * 4)),                \
       resq_silu_gate_generic(w, 0, b[0], b[1], b[2], rows, 3072, 3072, 1536, 1536))               \
  QUANTIZE(P##quantize_256, R, 30, 256, 256)                                                       \
  CASE(P##hadamard, R, 30, FILLS(F32(R * 1536), SIGNS(400), OUT(R * 1280 * 4)),                    \
       resq_hadamard_generic(w, 0, b[0], b[1], b[2], rows, 1536, 1280, 1280, 1280, 20))            \
  QUANTIZE(P##quantize_1280, R, 30, 1280, 1280)                                                    \
  LINEAR2(P##qlinear_down, R, 30, 576, 1280, 1280, 256, 256)                                       \
  CASE(P##rotate_head, R, 1, FILLS(F32(R * 576), F32(576 * 576), OUT(R * 576 * 4)),                \
       resq_rotate_generic(w, 0, b[0], b[1], b[2], rows, 576, 576, 1, 576, 1))                     \
  QUANTIZE(P##quantize_head, R, 1, 576, 96)                                                        \
  CASE(P##qlinear_head, R, 1,                                                                      \
       FILLS(CODES_OF(R, 576, 96), WEIGHT(49152, 576, 96, 96, 8), OUT(R * 49152 * 4)),             \
       resq_qlinear_generic(w, 0, b[0], b[1], b[2], 0, 0, 0, 0, b[3], rows, 49152, 49152, 576, 96, \
                            96, 8, 8, 0, 0, 0, 0, 0, 0, 0))
STEP(token_, 1)
STEP(chunk_, 128)
#undef STEP
#undef CACHE_4
#undef CODES_OF
#undef LINEAR2
#undef QUANTIZE
