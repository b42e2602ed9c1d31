//===-- cases.h - odd calls of every kernel, for CPU and GPU --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// CASE(name, rows, fills, kernel, arguments): `fills` says what buffers 0, 1, ... hold before the call (fills.h), the
// arguments are those of kernels.def, in terms of the buffers b[] and `rows`; every other is a constant, as it is in
// a compiled model. Included where CASE is defined, more than once.
//===----------------------------------------------------------------------===//

// Row operations. WILD: finite floats of every exponent, denormals among them; SPECIAL: also
// infinities and NaN.
CASE(add, 37, FILLS(WILD(37 * 140), WILD(37 * 150), OUT(37 * 160 * 4)), resq_add, b[0], b[1], b[2],
     rows, 140, 150, 160, 131)
CASE(add_special, 3, FILLS(SPECIAL(3 * 9001), SPECIAL(3 * 9001), OUT(3 * 9001 * 4)), resq_add, b[0],
     b[1], b[2], rows, 9001, 9001, 9001, 9001)
CASE(embed_f32, 13, FILLS(TOKENS(13, 83), F32(96 * 51), OUT(13 * 60 * 4)), resq_embed_f32, b[0],
     b[1], b[2], rows, 60, 83, 51)
CASE(embed_bf16, 13, FILLS(TOKENS(13, 83), BYTES(96 * 51 * 2), OUT(13 * 60 * 4)), resq_embed_bf16,
     b[0], b[1], b[2], rows, 60, 83, 51)
CASE(embed_f16, 13, FILLS(TOKENS(13, 83), BYTES(96 * 51 * 2), OUT(13 * 60 * 4)), resq_embed_f16,
     b[0], b[1], b[2], rows, 60, 83, 51)
CASE(embed_codes8, 13, FILLS(TOKENS(13, 83), WEIGHT(83, 60, 20, 20, 8), OUT(13 * 60 * 4)),
     resq_embed_codes, b[0], b[1], b[2], rows, 60, 83, 60, 20, 8)
CASE(embed_codes6, 13, FILLS(TOKENS(13, 83), WEIGHT(83, 60, 20, 20, 6), OUT(13 * 60 * 4)),
     resq_embed_codes, b[0], b[1], b[2], rows, 60, 83, 60, 20, 6)
CASE(linear_f32, 5, FILLS(F32(5 * 55), F32(48 * 51), F32(41), OUT(5 * 43 * 4)), resq_linear_f32,
     b[0], b[1], b[2], b[3], rows, 55, 43, 41, 51)
CASE(linear_f32_wild, 5, FILLS(WILD(5 * 55), WILD(48 * 51), WILD(41), OUT(5 * 43 * 4)),
     resq_linear_f32, b[0], b[1], b[2], b[3], rows, 55, 43, 41, 51)
CASE(linear_bf16, 5, FILLS(F32(5 * 55), HALVES(48 * 51, 0), OUT(5 * 43 * 4)), resq_linear_bf16,
     b[0], b[1], 0, b[2], rows, 55, 43, 41, 51)
CASE(linear_f16, 5, FILLS(F32(5 * 55), HALVES(48 * 51, 1), OUT(5 * 43 * 4)), resq_linear_f16, b[0],
     b[1], 0, b[2], rows, 55, 43, 41, 51)
CASE(rms_norm, 9, FILLS(F32(9 * 140), F32(131), OUT(9 * 133 * 4)), resq_rms_norm, b[0], b[1], b[2],
     rows, 140, 133, 131, 1e-5f)
CASE(rms_norm_wild, 9, FILLS(WILD(9 * 131), OUT(9 * 131 * 4)), resq_rms_norm, b[0], 0, b[1], rows,
     131, 131, 131, 1e-5f)
CASE(rms_norm_denormal, 9, FILLS(TINY(9 * 131), F32(131), OUT(9 * 131 * 4)), resq_rms_norm, b[0],
     b[1], b[2], rows, 131, 131, 131, 0.0f)
CASE(rope_angles, 40, FILLS(POSITIONS(40, 1 << 20), FREQUENCIES(32), OUT(40 * 64 * 4)),
     resq_rope_angles, b[0], b[1], 0, b[2], rows, 64)
CASE(rope_angles_factors, 40,
     FILLS(POSITIONS(40, 131072), FREQUENCIES(32), UNIFORM(32, 1, 8), OUT(40 * 64 * 4)),
     resq_rope_angles, b[0], b[1], b[2], b[3], rows, 64)
CASE(rope, 11, FILLS(F32(11 * 330), UNIFORM(11 * 48, -1, 1), OUT(11 * 325 * 4)), resq_rope, b[0],
     b[1], b[2], rows, 330, 325, 5, 64, 48)
CASE(silu_gate, 7, FILLS(UNIFORM(7 * 140, -110, 110), F32(7 * 150), OUT(7 * 131 * 4)),
     resq_silu_gate, b[0], b[1], b[2], rows, 140, 150, 131, 131)
CASE(silu_gate_special, 3, FILLS(SPECIAL(3 * 9001), SPECIAL(3 * 9001), OUT(3 * 9001 * 4)),
     resq_silu_gate, b[0], b[1], b[2], rows, 9001, 9001, 9001, 9001)
CASE(gather_rows, 19, FILLS(F32(31 * 140), INDICES(19, 31), OUT(19 * 137 * 4)), resq_gather_rows,
     b[0], b[1], b[2], rows, 140, 137, 131)
CASE(permute, 19, FILLS(F32(19 * 140), INDICES(131, 131), OUT(19 * 137 * 4)), resq_permute, b[0],
     b[1], b[2], rows, 140, 137, 131)
CASE(split, 19, FILLS(F32(19 * 170), OUT(19 * 120 * 4), OUT(19 * 50 * 4)), resq_split, b[0], b[1],
     b[2], rows, 170, 120, 50, 165, 33, 9)
CASE(join, 19, FILLS(F32(19 * 120), F32(19 * 50), OUT(19 * 170 * 4)), resq_join, b[0], b[1], b[2],
     rows, 120, 50, 170, 165, 33, 9)
CASE(rotate, 21, FILLS(F32(21 * 140), F32(2 * 33 * 33), OUT(21 * 150 * 4)), resq_rotate, b[0], b[1],
     b[2], rows, 140, 150, 4, 33, 2)
CASE(rotate_wild, 5, FILLS(WILD(5 * 66), WILD(33 * 33), OUT(5 * 66 * 4)), resq_rotate, b[0], b[1],
     b[2], rows, 66, 66, 2, 33, 1)
CASE(hadamard, 7, FILLS(F32(7 * 500), SIGNS(20 * 20), OUT(7 * 490 * 4)), resq_hadamard, b[0], b[1],
     b[2], rows, 500, 490, 480, 160, 20)
CASE(hadamard_wild, 7, FILLS(WILD(7 * 256), OUT(7 * 256 * 4)), resq_hadamard, b[0], 0, b[1], rows,
     256, 256, 256, 128, 1)

// Activation codes.
CASE(quantize8, 41, FILLS(F32(41 * 140), OUT(41 * 192), OUT(41 * 5 * 12)), resq_quantize, b[0], 0,
     b[1], b[2], rows, 140, 135, 27, 27, 8, 1.0f)
CASE(quantize4_range, 41, FILLS(F32(41 * 140), UNIFORM(1, 0, 1), OUT(41 * 192), OUT(41 * 6 * 12)),
     resq_quantize, b[0], b[1], b[2], b[3], rows, 140, 132, 22, 66, 4, 0.9f)
CASE(quantize2_wild, 41, FILLS(WILD(41 * 140), OUT(41 * 192), OUT(41 * 5 * 12)), resq_quantize,
     b[0], 0, b[1], b[2], rows, 140, 135, 27, 27, 2, 1.0f)
CASE(quantize8_special, 41, FILLS(SPECIAL(41 * 140), OUT(41 * 192), OUT(41 * 5 * 12)),
     resq_quantize, b[0], 0, b[1], b[2], rows, 140, 135, 27, 27, 8, 1.0f)
CASE(quantize8_denormal, 41, FILLS(TINY(41 * 140), OUT(41 * 192), OUT(41 * 5 * 12)), resq_quantize,
     b[0], 0, b[1], b[2], rows, 140, 135, 27, 27, 8, 1.0f)
CASE(quantize_e4m3, 41, FILLS(F32(41 * 140), OUT(41 * 192), OUT(41 * 5 * 4)), resq_quantize_e4m3,
     b[0], b[1], b[2], rows, 140, 135, 27)
CASE(quantize_e4m3_special, 41, FILLS(SPECIAL(41 * 140), OUT(41 * 192), OUT(41 * 5 * 4)),
     resq_quantize_e4m3, b[0], b[1], b[2], rows, 140, 135, 27)

// Quantised linears: two branches, padded groups, every width of code.
#define QLINEAR(name, a_bits, w_bits, trellis, wgroup)                                             \
  CASE(name, 3,                                                                                    \
       FILLS(CODES(3, 108, 27, a_bits), METAS(3, 108, 27, a_bits),                                 \
             WEIGHT(41, 108, 27, wgroup, w_bits), CODES(3, 24, 12, 8), METAS(3, 24, 12, 8),        \
             WEIGHT(41, 24, 12, 24, 8), F32(41), OUT(3 * 43 * 4)),                                 \
       resq_qlinear, b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], rows, 43, 41, 108, 27,        \
       wgroup, a_bits, w_bits, trellis, 24, 12, 24, 8, 8, 0)
QLINEAR(qlinear_a8w4_trellis, 8, 4, 1, 108)
QLINEAR(qlinear_a4w4_trellis, 4, 4, 1, 108)
QLINEAR(qlinear_a8w3_trellis, 8, 3, 1, 27)
QLINEAR(qlinear_a4w3_trellis, 4, 3, 1, 108)
QLINEAR(qlinear_a8w2, 8, 2, 0, 27)
QLINEAR(qlinear_a4w3, 4, 3, 0, 108)
QLINEAR(qlinear_a8w4, 8, 4, 0, 27)
QLINEAR(qlinear_a8w5, 8, 5, 0, 108)
QLINEAR(qlinear_a8w6, 8, 6, 0, 27)
QLINEAR(qlinear_a7w7, 7, 7, 0, 108)
QLINEAR(qlinear_a8w8, 8, 8, 0, 27)
#undef QLINEAR
CASE(qlinear_e4m3, 3,
     FILLS(CODES_E4M3(3, 108, 27), SCALES_E4M3(3, 108, 27), WEIGHT_E4M3(41, 108, 27, 27), F32(41),
           OUT(3 * 43 * 4)),
     resq_qlinear_e4m3, b[0], b[1], b[2], b[3], b[4], rows, 43, 41, 108, 27, 27, 0)
CASE(qlinear_e4m3_add, 3,
     FILLS(CODES_E4M3(3, 108, 27), SCALES_E4M3(3, 108, 27), WEIGHT_E4M3(41, 108, 27, 108),
           F32(3 * 43)),
     resq_qlinear_e4m3, b[0], b[1], b[2], 0, b[3], rows, 43, 41, 108, 27, 108, 1)

// Caches: two sequences of which the second is shorter; head size 40, 2 heads for 6 of queries.
#define CACHE(name, k_kind, k_bits, k_high, k_rows, v_kind, v_bits, v_high)                        \
  CASE(append_##name, 9,                                                                           \
       FILLS(F32(9 * 90), F32(9 * 85), I32(9, 70, 71, 72, 73, 74, 75, 3, 4, 5),                    \
             I32(9, 0, 0, 0, 0, 0, 0, 1, 1, 1), SKETCH(k_rows, 40 - k_high),                       \
             KV(2, 128, 2, 40, k_kind, k_bits, k_high, k_rows, v_kind, v_bits, v_high)),           \
       resq_kv_append, b[0], b[1], b[2], b[3], b[4], b[5], rows, 90, 85, 128, 2, 40, k_kind,       \
       k_bits, k_high, k_rows, v_kind, v_bits, v_high)                                             \
  CASE(attention_##name, 2,                                                                        \
       FILLS(F32(2 * 250), I32(2, 97, 40), I32(2, 0, 1), SKETCH(k_rows, 40 - k_high),              \
             KV(2, 128, 2, 40, k_kind, k_bits, k_high, k_rows, v_kind, v_bits, v_high),            \
             OUT(2 * 245 * 4)),                                                                    \
       resq_attention, b[0], b[1], b[2], b[3], b[4], b[5], rows, 250, 245, 128, 6, 2, 40, 0.158f,  \
       k_kind, k_bits, k_high, k_rows, v_kind, v_bits, v_high)
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
CASE(append_groups, 9,
     FILLS(F32(9 * 90), F32(9 * 85), I32(9, 90, 91, 92, 93, 94, 95, 30, 31, 32),
           I32(9, 0, 0, 0, 0, 0, 0, 1, 1, 1), SKETCH(77, 40),
           KV_GROUPS(2, 128, 2, 40, 77, 5, 21, 32, 64, RESQ_KV_INT, 4, 5)),
     resq_kv_append_groups, b[0], b[1], b[2], b[3], b[4], b[5], rows, 90, 85, 128, 2, 40, 77, 5, 21,
     32, 64, RESQ_KV_INT, 4, 5)
CASE(attention_groups, 5,
     FILLS(F32(5 * 250), I32(5, 97, 98, 99, 40, 0), I32(5, 0, 0, 0, 1, 1), SKETCH(77, 40),
           KV_GROUPS(2, 128, 2, 40, 77, 5, 21, 32, 64, RESQ_KV_INT, 4, 5), OUT(5 * 245 * 4)),
     resq_attention_groups, b[0], b[1], b[2], b[3], b[4], b[5], rows, 250, 245, 128, 6, 2, 40,
     0.158f, 77, 5, 21, 32, 64, RESQ_KV_INT, 4, 5)

// Shapes of which a block does tiles, more rows than a tile has.
CASE(linear_f32_tiles, 70, FILLS(WILD(70 * 75), WILD(80 * 67), F32(70), OUT(70 * 71 * 4)),
     resq_linear_f32, b[0], b[1], b[2], b[3], rows, 75, 71, 70, 67)
CASE(linear_f16_tiles, 70, FILLS(F32(70 * 140), HALVES(80 * 140, 1), OUT(70 * 71 * 4)),
     resq_linear_f16, b[0], b[1], 0, b[2], rows, 140, 71, 70, 140)
CASE(rotate_tiles, 70, FILLS(F32(70 * 150), F32(70 * 70), OUT(70 * 150 * 4)), resq_rotate, b[0],
     b[1], b[2], rows, 150, 150, 2, 70, 1)
CASE(qlinear_tiles, 70,
     FILLS(CODES(70, 216, 108, 8), METAS(70, 216, 108, 8), WEIGHT(70, 216, 108, 216, 4),
           CODES(70, 24, 12, 8), METAS(70, 24, 12, 8), WEIGHT(70, 24, 12, 12, 8), F32(70),
           OUT(70 * 73 * 4)),
     resq_qlinear, b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], rows, 73, 70, 216, 108, 216, 8,
     4, 1, 24, 12, 12, 8, 8, 0)
CASE(qlinear_tiles_w3, 70, // a trellis in each branch
     FILLS(CODES(70, 216, 108, 8), METAS(70, 216, 108, 8), WEIGHT(70, 216, 108, 216, 3),
           CODES(70, 24, 12, 8), METAS(70, 24, 12, 8), WEIGHT(70, 24, 12, 12, 4), F32(70),
           OUT(70 * 73 * 4)),
     resq_qlinear, b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], rows, 73, 70, 216, 108, 216, 8,
     3, 1, 24, 12, 12, 8, 4, 1)
CASE(qlinear_slots, 3, // more groups than a block has sums for
     FILLS(CODES(3, 560, 8, 4), METAS(3, 560, 8, 4), WEIGHT(19, 560, 8, 560, 4), OUT(3 * 19 * 4)),
     resq_qlinear, b[0], b[1], b[2], 0, 0, 0, 0, b[3], rows, 19, 19, 560, 8, 560, 4, 4, 0, 0, 0, 0,
     0, 0, 0)
CASE(qlinear_e4m3_tiles, 70,
     FILLS(CODES_E4M3(70, 108, 27), SCALES_E4M3(70, 108, 27), WEIGHT_E4M3(70, 108, 27, 27), F32(70),
           OUT(70 * 73 * 4)),
     resq_qlinear_e4m3, b[0], b[1], b[2], b[3], b[4], rows, 73, 70, 108, 27, 27, 0)
CASE(rms_norm_long, 2, FILLS(F32(2 * 16500), F32(16500), OUT(2 * 16500 * 4)), resq_rms_norm, b[0],
     b[1], b[2], rows, 16500, 16500, 16500, 1e-5f)
CASE(hadamard_orders, 2, FILLS(F32(2 * 272), SIGNS(68 * 68), OUT(2 * 272 * 4)), resq_hadamard, b[0],
     b[1], b[2], rows, 272, 272, 272, 272, 68)
CASE(quantize4_long, 3, FILLS(F32(3 * 1208), OUT(3 * 1216), OUT(3 * 2 * 12)), resq_quantize, b[0],
     0, b[1], b[2], rows, 1208, 1208, 604, 604, 4, 1.0f)
CASE(quantize_e4m3_long, 3, FILLS(F32(3 * 1208), OUT(3 * 1216), OUT(3 * 2 * 4)), resq_quantize_e4m3,
     b[0], b[1], b[2], rows, 1208, 1208, 604)
// A head of 136 elements, whose values come in two parts, rows of four sequences in one tile.
CASE(attention_wide, 16,
     FILLS(F32(16 * 408), RANGE(16, 60, 1), RANGE(16, 0, 0.2),
           KV(4, 128, 1, 136, RESQ_KV_INT, 4, 17, 0, RESQ_KV_INT, 4, 17), OUT(16 * 408 * 4)),
     resq_attention, b[0], b[1], b[2], 0, b[3], b[4], rows, 408, 408, 128, 3, 1, 136, 0.1f,
     RESQ_KV_INT, 4, 17, 0, RESQ_KV_INT, 4, 17)
// More heads for a kv head than a block has queries.
CASE(attention_heads, 2,
     FILLS(F32(2 * 160), RANGE(2, 5, 1), RANGE(2, 0, 0),
           KV(1, 64, 1, 8, RESQ_KV_F16, 0, 0, 0, RESQ_KV_F16, 0, 0), OUT(2 * 160 * 4)),
     resq_attention, b[0], b[1], b[2], 0, b[3], b[4], rows, 160, 160, 64, 20, 1, 8, 0.3f,
     RESQ_KV_F16, 0, 0, 0, RESQ_KV_F16, 0, 0)
