//===-- launch_plan.c -----------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "lowering/gpu/launch_plan.h"

#include "kernels/nvptx/plans.h"

#include <assert.h>
#include <string.h>

#define KERNEL(name, ...)                                                                          \
  static resq_gpu_plan plan_of_##name(const int64_t *values, resq_gpu_setting setting) {           \
    name##_shape shape;                                                                            \
    memcpy(&shape, values, sizeof shape);                                                          \
    return name##_plan(&shape, setting);                                                           \
  }
#include "kernels/kernels.def"

typedef resq_gpu_plan (*plan_function)(const int64_t *values, resq_gpu_setting setting);
static const plan_function plans[] = {
#define KERNEL(name, ...) plan_of_##name,
#include "kernels/kernels.def"
};

resq_gpu_plan resq_launch_plan(const resq_kernel_call *k, const resq_gpu_lowering *how) {
  int64_t values[RESQ_MAX_FORMALS] = {0};
  int n = 0;
  for (int i = 0; i < k->kernel->n_formals; i++) {
    const resq_formal_kind kind = k->kernel->formals[i].kind;
    if (kind != RESQ_FORMAL_STRIDE && kind != RESQ_FORMAL_CONSTANT)
      continue;
    assert(k->actuals[i].kind == RESQ_ACTUAL_I64); // complete calls have constants there
    values[n++] = k->actuals[i].i;
  }
  const resq_gpu_setting setting = {k->frame->max_rows, how->chip->capability, how->arithmetic};
  return plans[k->kernel - resq_kernel_of((resq_kernel_id)0)](values, setting);
}
