//===-- decode_step.h - what the parts of decode_step share ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_EXPERIMENTS_DECODE_STEP_H
#define RESQ_EXPERIMENTS_DECODE_STEP_H

#include <cuda.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct launch_entry {
  CUfunction f;
  unsigned x, y, threads, shared;
  CUdeviceptr arguments[16]; ///< pointers and 8-byte integers alike
  void *structure;           ///< the only argument, where a kernel takes a structure
} launch_entry;

extern CUstream stream;
void *need(void *p);
CUfunction function(const char *name);
CUdeviceptr device_bytes(size_t n);
void fill_bytes(CUdeviceptr p, size_t n, uint32_t seed);
launch_entry entry(const char *name, unsigned x, unsigned y, unsigned threads, size_t shared);
void launch(const launch_entry *l, bool edge);
/// Median time of a graph of the launches, us.
double time_list(const launch_entry *list, int n, bool edges, int repeats);
int device_multiprocessors(void);

int check_kernels(void); ///< how many results differ
void time_kernels(void);
void time_steps(void);

/// Attention's launch for formats of keys and values as resq_attention_plan_of says.
typedef struct attention_launch {
  unsigned threads;
  size_t shared;
  size_t vector_bytes; ///< of a key and a value
} attention_launch;
attention_launch attention_of(const char *code, int64_t size);

#endif // RESQ_EXPERIMENTS_DECODE_STEP_H
