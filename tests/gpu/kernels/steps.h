//===-- steps.h - the calls of a step of two models -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// STEP(name, rows, launches, fills, kernel, arguments): as CASE of cases.h; `launches` is how many such calls a step of
// the model has. Models: SmolLM2-135M (30 layers) with best-w4a8kv4 (s<rows>_) and with "none" (n<rows>_), and an 8B
// model of Llama's shape (32 layers) with best-w4a8kv4 (b<rows>_), whose head is cut to a quarter. A row stands behind
// 511 others, or rows are the last of a prompt. Included where STEP is defined, more than once.
//===----------------------------------------------------------------------===//

#define CODES_OF(R, width, group) CODES(R, width, group, 8), METAS(R, width, group, 8)
#define PROMPT(R) ((R) < 512 ? 512 : (R))
#define POSITIONS_OF(R) RANGE(R, PROMPT(R) - (R), 1), RANGE(R, 0, 0)
#define LINEAR2(name, R, count, n, k_a, group_a, k_b, group_b)                                     \
  STEP(name, R, count,                                                                             \
       FILLS(CODES_OF(R, k_a, group_a), WEIGHT(n, k_a, group_a, k_a, 4),                           \
             CODES_OF(R, k_b, group_b), WEIGHT(n, k_b, group_b, k_b, 8), OUT((int64_t)R * n * 4)), \
       resq_qlinear, b[0], b[1], b[2], b[3], b[4], b[5], 0, b[6], rows, n, n, k_a, group_a, k_a,   \
       8, 4, 1, k_b, group_b, k_b, 8, 8, 0)
#define LINEAR(name, R, count, n, k)                                                               \
  STEP(name, R, count, FILLS(F32(R *k), F32((int64_t)n *k), OUT((int64_t)R * n * 4)),              \
       resq_linear_f32, b[0], b[1], 0, b[2], rows, k, n, n, k)
#define QUANTIZE(name, R, count, width, group)                                                     \
  STEP(name, R, count,                                                                             \
       FILLS(F32(R *width), OUT(R *(((width / group) * ((group + 7) / 8 * 8) + 63) / 64 * 64)),    \
             OUT(R *width / group * 12)),                                                          \
       resq_quantize, b[0], 0, b[1], b[2], rows, width, width, group, group, 8, 1.0f)

// Row operations and the cache of a model: hidden, heads, kv heads, head size, elements of 8 bits of a head.
#define SHARED_STEPS(P, R, L, D, H, K, S, HIGH)                                                    \
  STEP(P##rope_angles, R, 1,                                                                       \
       FILLS(RANGE(R, PROMPT(R) - R, 1), FREQUENCIES(S / 2), OUT(R * S * 4)), resq_rope_angles,    \
       b[0], b[1], 0, b[2], rows, S)                                                               \
  STEP(P##rms_norm, R, 2 * L + 1, FILLS(F32(R * D), F32(D), OUT(R * D * 4)), resq_rms_norm, b[0],  \
       b[1], b[2], rows, D, D, D, 1e-5f)                                                           \
  STEP(P##rope_q, R, L, FILLS(F32(R *(H + 2 * K) * S), UNIFORM(R *S, -1, 1), OUT(R * H * S * 4)),  \
       resq_rope, b[0], b[1], b[2], rows, (H + 2 * K) * S, H * S, H, S, S)                         \
  STEP(P##rope_k, R, L, FILLS(F32(R *(H + 2 * K) * S), UNIFORM(R *S, -1, 1), OUT(R * K * S * 4)),  \
       resq_rope, b[0], b[1], b[2], rows, (H + 2 * K) * S, K * S, K, S, S)                         \
  STEP(P##add, R, 2 * L, FILLS(F32(R * D), F32(R * D), OUT(R * D * 4)), resq_add, b[0], b[1],      \
       b[2], rows, D, D, D, D)
#define CODED_STEPS(P, R, L, D, H, K, S, HIGH)                                                     \
  STEP(P##rotate_k, R, L, FILLS(F32(R * K * S), F32(K * S * S), OUT(R * K * S * 4)), resq_rotate,  \
       b[0], b[1], b[2], rows, K *S, K *S, K, S, K)                                                \
  STEP(P##rotate_q, R, L, FILLS(F32(R * H * S), F32(K * S * S), OUT(R * H * S * 4)), resq_rotate,  \
       b[0], b[1], b[2], rows, H *S, H *S, H, S, K)                                                \
  STEP(P##kv_append, R, L,                                                                         \
       FILLS(F32(R * K * S), F32(R *(H + 2 * K) * S), POSITIONS_OF(R),                             \
             KV(1, 2112, K, S, RESQ_KV_INT, 4, HIGH, 0, RESQ_KV_INT, 4, HIGH)),                    \
       resq_kv_append, b[0], b[1], b[2], b[3], 0, b[4], rows, K *S, (H + 2 * K) * S, 2112, K, S,   \
       RESQ_KV_INT, 4, HIGH, 0, RESQ_KV_INT, 4, HIGH)                                              \
  STEP(P##attention, R, L,                                                                         \
       FILLS(F32(R * H * S), POSITIONS_OF(R),                                                      \
             KV(1, 2112, K, S, RESQ_KV_INT, 4, HIGH, 0, RESQ_KV_INT, 4, HIGH),                     \
             OUT(R * H * S * 4)),                                                                  \
       resq_attention, b[0], b[1], b[2], 0, b[3], b[4], rows, H *S, H *S, 2112, H, K, S, 0.1f,     \
       RESQ_KV_INT, 4, HIGH, 0, RESQ_KV_INT, 4, HIGH)                                              \
  STEP(P##split, R, L, FILLS(F32(R *D), OUT(R *D / 8 * 7 * 4), OUT(R *D / 8 * 4)), resq_split,     \
       b[0], b[1], b[2], rows, D, D / 8 * 7, D / 8, D, S, S / 8)

#define SMALL(P, R)                                                                                \
  SHARED_STEPS(P, R, 30, 576, 9, 3, 64, 8)                                                         \
  CODED_STEPS(P, R, 30, 576, 9, 3, 64, 8)                                                          \
  STEP(P##embed_codes, R, 1,                                                                       \
       FILLS(TOKENS(R, 49152), WEIGHT(49152, 576, 96, 96, 8), OUT(R * 576 * 4)), resq_embed_codes, \
       b[0], b[1], b[2], rows, 576, 49152, 576, 96, 8)                                             \
  QUANTIZE(P##quantize_72, R, 60, 72, 72)                                                          \
  QUANTIZE(P##quantize_504, R, 60, 504, 504)                                                       \
  QUANTIZE(P##quantize_72_8, R, 30, 72, 8)                                                         \
  QUANTIZE(P##quantize_504_56, R, 30, 504, 56)                                                     \
  QUANTIZE(P##quantize_256, R, 30, 256, 256)                                                       \
  QUANTIZE(P##quantize_1280, R, 30, 1280, 1280)                                                    \
  LINEAR2(P##qlinear_qkv, R, 30, 960, 504, 504, 72, 72)                                            \
  LINEAR2(P##qlinear_o, R, 30, 576, 504, 56, 72, 8)                                                \
  LINEAR2(P##qlinear_gateup, R, 30, 3072, 504, 504, 72, 72)                                        \
  LINEAR2(P##qlinear_down, R, 30, 576, 1280, 1280, 256, 256)                                       \
  STEP(P##silu_gate, R, 30, FILLS(F32(R * 3072), F32(R * 3072), OUT(R * 1536 * 4)),                \
       resq_silu_gate, b[0], b[1], b[2], rows, 3072, 3072, 1536, 1536)                             \
  STEP(P##hadamard, R, 30, FILLS(F32(R * 1536), SIGNS(400), OUT(R * 1280 * 4)), resq_hadamard,     \
       b[0], b[1], b[2], rows, 1536, 1280, 1280, 1280, 20)                                         \
  STEP(P##rotate_head, R, 1, FILLS(F32(R * 576), F32(576 * 576), OUT(R * 576 * 4)), resq_rotate,   \
       b[0], b[1], b[2], rows, 576, 576, 1, 576, 1)                                                \
  QUANTIZE(P##quantize_head, R, 1, 576, 96)                                                        \
  STEP(P##qlinear_head, R, 1,                                                                      \
       FILLS(CODES_OF(R, 576, 96), WEIGHT(49152, 576, 96, 96, 8), OUT((int64_t)R * 49152 * 4)),    \
       resq_qlinear, b[0], b[1], b[2], 0, 0, 0, 0, b[3], rows, 49152, 49152, 576, 96, 96, 8, 8, 0, \
       0, 0, 0, 0, 0, 0)

#define PLAIN(P, R)                                                                                \
  SHARED_STEPS(P, R, 30, 576, 9, 3, 64, 8)                                                         \
  LINEAR(P##linear_qkv, R, 30, 960, 576)                                                           \
  LINEAR(P##linear_o, R, 30, 576, 576)                                                             \
  LINEAR(P##linear_gateup, R, 30, 3072, 576)                                                       \
  LINEAR(P##linear_down, R, 30, 576, 1536)                                                         \
  LINEAR(P##linear_head, R, 1, 49152, 576)                                                         \
  STEP(P##embed_f32, R, 1, FILLS(TOKENS(R, 49152), F32(49152 * 576), OUT(R * 576 * 4)),            \
       resq_embed_f32, b[0], b[1], b[2], rows, 576, 49152, 576)                                    \
  STEP(P##kv_append, R, 30,                                                                        \
       FILLS(F32(R * 192), F32(R * 960), POSITIONS_OF(R),                                          \
             KV(1, 2112, 3, 64, RESQ_KV_F32, 0, 0, 0, RESQ_KV_F32, 0, 0)),                         \
       resq_kv_append, b[0], b[1], b[2], b[3], 0, b[4], rows, 192, 960, 2112, 3, 64, RESQ_KV_F32,  \
       0, 0, 0, RESQ_KV_F32, 0, 0)                                                                 \
  STEP(P##attention, R, 30,                                                                        \
       FILLS(F32(R * 576), POSITIONS_OF(R),                                                        \
             KV(1, 2112, 3, 64, RESQ_KV_F32, 0, 0, 0, RESQ_KV_F32, 0, 0), OUT(R * 576 * 4)),       \
       resq_attention, b[0], b[1], b[2], 0, b[3], b[4], rows, 576, 576, 2112, 9, 3, 64, 0.125f,    \
       RESQ_KV_F32, 0, 0, 0, RESQ_KV_F32, 0, 0)                                                    \
  STEP(P##silu_gate, R, 30, FILLS(F32(R * 3072), F32(R * 3072), OUT(R * 1536 * 4)),                \
       resq_silu_gate, b[0], b[1], b[2], rows, 3072, 3072, 1536, 1536)

#define LARGE(P, R)                                                                                \
  SHARED_STEPS(P, R, 32, 4096, 32, 8, 128, 16)                                                     \
  CODED_STEPS(P, R, 32, 4096, 32, 8, 128, 16)                                                      \
  QUANTIZE(P##quantize_512, R, 64, 512, 512)                                                       \
  QUANTIZE(P##quantize_3584, R, 64, 3584, 3584)                                                    \
  QUANTIZE(P##quantize_512_16, R, 32, 512, 16)                                                     \
  QUANTIZE(P##quantize_3584_112, R, 32, 3584, 112)                                                 \
  QUANTIZE(P##quantize_2048, R, 32, 2048, 2048)                                                    \
  QUANTIZE(P##quantize_12288, R, 32, 12288, 12288)                                                 \
  LINEAR2(P##qlinear_qkv, R, 32, 6144, 3584, 3584, 512, 512)                                       \
  LINEAR2(P##qlinear_o, R, 32, 4096, 3584, 112, 512, 16)                                           \
  LINEAR2(P##qlinear_gateup, R, 32, 28672, 3584, 3584, 512, 512)                                   \
  LINEAR2(P##qlinear_down, R, 32, 4096, 12288, 12288, 2048, 2048)                                  \
  STEP(P##silu_gate, R, 32, FILLS(F32(R * 28672), F32(R * 28672), OUT((int64_t)R * 14336 * 4)),    \
       resq_silu_gate, b[0], b[1], b[2], rows, 28672, 28672, 14336, 14336)                         \
  STEP(P##hadamard, R, 32, FILLS(F32(R * 14336), SIGNS(144), OUT((int64_t)R * 12288 * 4)),         \
       resq_hadamard, b[0], b[1], b[2], rows, 14336, 12288, 12288, 12288, 12)                      \
  STEP(P##qlinear_head, R, 4,                                                                      \
       FILLS(CODES_OF(R, 4096, 128), WEIGHT(32064, 4096, 128, 128, 8),                             \
             OUT((int64_t)R * 32064 * 4)),                                                         \
       resq_qlinear, b[0], b[1], b[2], 0, 0, 0, 0, b[3], rows, 32064, 32064, 4096, 128, 128, 8, 8, \
       0, 0, 0, 0, 0, 0, 0)

SMALL(s1_, 1)
SMALL(s16_, 16)
SMALL(s128_, 128)
SMALL(s2048_, 2048)
PLAIN(n1_, 1)
PLAIN(n16_, 16)
PLAIN(n128_, 128)
PLAIN(n2048_, 2048)
LARGE(b1_, 1)
LARGE(b16_, 16)
LARGE(b128_, 128)
LARGE(b2048_, 2048)

#undef SMALL
#undef PLAIN
#undef LARGE
#undef SHARED_STEPS
#undef CODED_STEPS
#undef POSITIONS_OF
#undef PROMPT
#undef CODES_OF
#undef LINEAR2
#undef LINEAR
#undef QUANTIZE
