//===-- decode_ring.c - the variants of both headers ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#define NAME decode_1_apart
#define ROWS 1
#define MERGED 0
#include "decode_ring.h"
#define NAME decode_1_merged
#define ROWS 1
#define MERGED 1
#include "decode_ring.h"
#define NAME decode_4_apart
#define ROWS 4
#define MERGED 0
#include "decode_ring.h"
#define NAME decode_4_merged
#define ROWS 4
#define MERGED 1
#include "decode_ring.h"
#define NAME decode_8
#define ROWS 8
#include "decode_ring.h"
#define NAME decode_16
#define ROWS 16
#include "decode_ring.h"

#define NAME wgmma_8_merged
#define ROWS 8
#define SLICES 1
#include "decode_wgmma.h"
#define NAME wgmma_8_halves
#define ROWS 8
#define SLICES 2
#include "decode_wgmma.h"
#define NAME wgmma_8_apart
#define ROWS 8
#define SLICES 4
#include "decode_wgmma.h"
#define NAME wgmma_16_merged
#define ROWS 16
#define SLICES 1
#include "decode_wgmma.h"
#define NAME wgmma_16_halves
#define ROWS 16
#define SLICES 2
#include "decode_wgmma.h"
#define NAME wgmma_16_apart
#define ROWS 16
#define SLICES 4
#include "decode_wgmma.h"

/// Filled by the host.
uint32_t pair_lines[512];
