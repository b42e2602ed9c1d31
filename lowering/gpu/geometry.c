//===-- geometry.c --------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A row here is what makes a kernel of runtime/kernels/nvptx known to --resq-lower-gpu.
//===----------------------------------------------------------------------===//
#include "lowering/gpu/geometry.h"

#include "kernels/nvptx/geometry.h"

#include <string.h>

/// No second dimension.
#define ROWS_ONLY -1, 1

typedef struct kernel_geometry {
  const char *kernel;
  int threads, rows_per_block;
  int columns_argument; ///< which argument of the kernel is cut along grid_y, -1: none
  int64_t columns_per_block;
} kernel_geometry;

static const kernel_geometry geometries[] = {
    {"resq_rms_norm", RESQ_NORM_THREADS, RESQ_NORM_ROWS, ROWS_ONLY},
    // x, panel, bias, y, rows, ldx, ldy, n, k
    {"resq_linear_f32", RESQ_LINEAR_THREADS, RESQ_LINEAR_ROWS, 7, RESQ_LINEAR_CHANNELS},
};

bool gpu_grid_of(const kernel_call *k, gpu_grid *out) {
  const kernel_geometry *g = NULL;
  for (size_t i = 0; i < sizeof geometries / sizeof *geometries && !g; i++)
    if (!strcmp(geometries[i].kernel, k->name))
      g = &geometries[i];
  if (!g)
    return false;
  *out = (gpu_grid){.rows_of = 0,
                    .rows_per_block = g->rows_per_block,
                    .grid_y = 1,
                    .grid_z = 1,
                    .threads = g->threads};
  for (int i = 0; i < k->n_args; i++)
    if (k->args[i].kind == ARG_ROWS)
      out->rows_of = k->args[i].index;
  if (g->columns_argument >= 0)
    out->grid_y =
        (k->args[g->columns_argument].i + g->columns_per_block - 1) / g->columns_per_block;
  return true;
}
