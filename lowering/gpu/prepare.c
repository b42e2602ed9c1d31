//===-- prepare.c ---------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "prepare.h"

#include "dialect/ops.h"
#include "gpu_module.h"
#include "gpu_wrapper.h"
#include "launch.h"
#include "lowering/calls/kernel_call.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

//===-- The function ------------------------------------------------------===//

static const char *function_name(const resq_gpu_target *chip, char *out, size_t size) {
  snprintf(out, size, "prepare__cuda__%s", chip->target.name);
  return out;
}

static MlirOperation find_function(MlirOperation module, const resq_gpu_target *chip) {
  char name[64];
  return resq_symbol(module, resq_str(function_name(chip, name, sizeof name)));
}

static MlirBlock body_of(MlirOperation function) {
  return mlirRegionGetFirstBlock(mlirOperationGetRegion(function, 0));
}

/// An empty one behind the kernels; of no entry.
static MlirOperation make_function(const resq_gpu_target *chip, MlirOperation kernels) {
  MlirLocation loc = mlirOperationGetLocation(kernels);
  char name[64];
  MlirOperation function =
      resq_gpu_add_function(kernels, loc, function_name(chip, name, sizeof name), true);
  resq_builder b = resq_build_at_end(body_of(function), loc);
  resq_build_op(&b, "func.return", 0, NULL, 0, NULL, 0, NULL);
  return function;
}

//===-- Who reads a parameter ---------------------------------------------===//

static bool reads_param(MlirOperation launch, int64_t offset) {
  const intptr_t n = resqLaunchOpGetNumArgs(launch);
  const int64_t *numbers = resqLaunchOpGetArgs(launch);
  for (intptr_t i = 0; i < n; i += 3)
    if (numbers[i] == RESQ_GPU_PARAM && numbers[i + 2] == offset)
      return true;
  return false;
}

/// The first launch of the function that has the parameter as an argument; null: none has.
static MlirOperation find_launch(MlirOperation function, int64_t offset) {
  MlirOperation op = mlirBlockGetFirstOperation(body_of(function));
  while (!mlirOperationIsNull(op) && !(resqOpIsLaunch(op) && reads_param(op, offset)))
    op = mlirOperationGetNextInBlock(op);
  return op;
}

/// Whether a launch of any function has the parameter: those of earlier calls.
static bool was_read(MlirOperation module, int64_t offset) {
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(module));
  for (MlirOperation op = mlirBlockGetFirstOperation(body); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op)) {
    if (!resq_op_is(op, "func.func") ||
        mlirBlockIsNull(mlirRegionGetFirstBlock(mlirOperationGetRegion(op, 0))))
      continue;
    if (!mlirOperationIsNull(find_launch(op, offset)))
      return true;
  }
  return false;
}

static void refuse(const resq_kernel_call *k, const resq_actual *a) {
  const MlirStringRef param = resqGetOpGetParam(resq_defining_op(a->place.value));
  resq_lower_fail(
      k->frame, k->op,
      "parameter @%.*s is read by one kernel as the file has it and by another recoded; "
      "allowed is one form of a parameter's bytes",
      (int)param.length, param.data);
}

//===-- Launches ----------------------------------------------------------===//

/// What each recoded argument of a kernel is: the constants of its layout.
static const struct recoded {
  resq_kernel_id kernel;
  int bit; ///< of resq_gpu_plan.recoded
  const char *weight, *k, *group;
} recoded_arguments[] = {
    {KERNEL_resq_qlinear, 0, "weight_a", "k_a", "group_a"},
    {KERNEL_resq_qlinear, 1, "weight_b", "k_b", "group_b"},
};
enum { N_RECODED = sizeof recoded_arguments / sizeof *recoded_arguments };

static int index_of(const resq_kernel *kernel, const char *name) {
  const int i = resq_formal_find(kernel, name);
  assert(i >= 0); // kernels.def has it
  return i;
}
static void hand_over(const resq_kernel_call *from, const char *name, resq_kernel_call *to,
                      const char *as) {
  to->actuals[index_of(to->kernel, as)] = from->actuals[index_of(from->kernel, name)];
}

/// The call of resq_qlinear_recode for an argument of k, which is not issued: it belongs to no entry.
static resq_kernel_call recoding(const resq_kernel_call *k, const struct recoded *r) {
  resq_kernel_call c = {
      .frame = k->frame, .op = k->op, .kernel = resq_kernel_of(KERNEL_resq_qlinear_recode)};
  hand_over(k, r->weight, &c, "weight");
  hand_over(k, "n", &c, "n");
  hand_over(k, r->k, &c, "k");
  hand_over(k, r->group, &c, "group");
  return c;
}

static void add_launch(const resq_kernel_call *c, const resq_gpu_lowering *how,
                       MlirOperation kernels, MlirOperation function) {
  const resq_gpu_plan plan = resq_launch_plan(c, how);
  const resq_gpu_wrapper wrapper = resq_gpu_wrapper_of(c, how->chip, &plan, kernels);
  const resq_actual *weight = &c->actuals[index_of(c->kernel, "weight")];
  const MlirStringRef param = resqGetOpGetParam(resq_defining_op(weight->place.value));
  const int64_t args[] = {RESQ_GPU_PARAM, 0, weight->i};
  char label[160];
  snprintf(label, sizeof label, "%.*s: %s", (int)param.length, param.data,
           c->kernel->name + strlen("resq_"));
  const resq_builder at = resq_build_before(mlirBlockGetTerminator(body_of(function)));
  MlirOperation op = resqLaunchOpBuild(&at, 0, resq_str(label), wrapper.symbol, 3, args,
                                       plan.items_per_row, plan.items_per_block, plan.threads);
  resqLaunchOpSetBlocksPerSm(op, plan.blocks_per_sm);
}

static const struct recoded *find_recoded(const resq_kernel_call *k, const resq_gpu_plan *plan,
                                          int formal) {
  for (int i = 0; i < N_RECODED; i++) {
    const struct recoded *r = &recoded_arguments[i];
    if (k->kernel == resq_kernel_of(r->kernel) && plan->recoded >> r->bit & 1 &&
        !strcmp(k->kernel->formals[formal].name, r->weight))
      return r;
  }
  return NULL;
}

void resq_prepare_params(const resq_kernel_call *k, const resq_gpu_lowering *how,
                         const resq_gpu_plan *plan, MlirOperation kernels) {
  MlirOperation module = k->frame->module, function = find_function(module, how->chip);
  for (int i = 0; i < k->kernel->n_formals && !k->frame->failed; i++) {
    const resq_actual *a = &k->actuals[i];
    if (a->kind != RESQ_ACTUAL_PARAM)
      continue;
    const struct recoded *r = find_recoded(k, plan, i);
    const bool is_there =
        !mlirOperationIsNull(function) && !mlirOperationIsNull(find_launch(function, a->i));
    if (!r == !is_there)
      continue;
    if (!r || was_read(module, a->i)) {
      refuse(k, a);
      return;
    }
    if (mlirOperationIsNull(function))
      function = make_function(how->chip, kernels);
    const resq_kernel_call c = recoding(k, r);
    add_launch(&c, how, kernels, function);
  }
}

resq_gpu_launches resq_prepare_launches(MlirOperation module, const resq_gpu_target *chip,
                                        resq_arena *memory) {
  MlirOperation function = find_function(module, chip);
  if (mlirOperationIsNull(function))
    return (resq_gpu_launches){0};
  return resq_gpu_launches_of(function, memory);
}
