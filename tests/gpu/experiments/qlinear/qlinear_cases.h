//===-- qlinear_cases.h - the linears that qlinear.c checks and times -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// X(name, channels, 4-bit inputs, their activation group, 8-bit inputs, their activation group), with scales by row.
//===----------------------------------------------------------------------===//
#ifndef RESQ_EXPERIMENTS_QLINEAR_CASES_H
#define RESQ_EXPERIMENTS_QLINEAR_CASES_H

// clang-format off
#ifdef RESQ_CHECK // what CI compiles
#define QLINEAR_SHAPES(X) X(s_o, 576, 504, 56, 72, 8) X(s_down, 576, 1280, 1280, 256, 256)
#define QLINEAR_ROWS(X, ...) X(1, __VA_ARGS__) X(16, __VA_ARGS__)
#else
#define QLINEAR_SHAPES(X) \
  X(b_qkv, 6144, 3584, 3584, 512, 512) \
  X(b_o, 4096, 3584, 112, 512, 16) \
  X(b_gateup, 28672, 3584, 3584, 512, 512) \
  X(b_down, 4096, 12288, 12288, 2048, 2048) \
  X(b_low, 28672, 4096, 4096, 0, 0) \
  X(s_qkv, 960, 504, 504, 72, 72) \
  X(s_o, 576, 504, 56, 72, 8) \
  X(s_gateup, 3072, 504, 504, 72, 72) \
  X(s_down, 576, 1280, 1280, 256, 256)
#define QLINEAR_ROWS(X, ...) X(1, __VA_ARGS__) X(4, __VA_ARGS__) X(8, __VA_ARGS__) X(16, __VA_ARGS__)
#endif
/// Warps, chunks that each has ahead, 64-byte units in a chunk.
#define QLINEAR_PLANS(X) X(0, 16, 2, 32) X(1, 8, 2, 32)
// clang-format on

#endif // RESQ_EXPERIMENTS_QLINEAR_CASES_H
