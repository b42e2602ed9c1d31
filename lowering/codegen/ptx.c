//===-- ptx.c -------------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions come in gpu.modules, each of which is compiled by itself, to text: a driver assembles PTX for
// the chip that it has.
//===----------------------------------------------------------------------===//
#include "ptx.h"

#include "dialect/build.h"
#include "passes/pipeline.h"
#include "mlir-c/Target/LLVMIR.h"

#include <llvm-c/Core.h>

static bool to_llvm_dialect(MlirOperation module, resq_error *err) {
  static const char pipeline[] =
      "builtin.module(gpu.module(convert-gpu-to-nvvm{use-bare-ptr-memref-call-conv=true},"
      "reconcile-unrealized-casts))";
  if (resq_run_pipeline(mlirModuleFromOperation(module), pipeline, NULL, NULL, err))
    return true;
  resq_fail_in(err, "lowering of GPU code to the LLVM dialect");
  return false;
}

/// One gpu.module in the LLVM dialect, for one target; appended to out.
static bool compile(MlirOperation gpu_module, const resq_target *target, resq_object_form form,
                    resq_bytes *out, resq_error *err) {
  LLVMContextRef ctx = LLVMContextCreate();
  LLVMModuleRef module = mlirTranslateModuleToLLVMIR(gpu_module, ctx);
  if (form == RESQ_OBJECT_CODE) // a driver's, of PTX
    form = RESQ_OBJECT_ASSEMBLY;
  bool ok = module ? resq_backend_compile(module, target, form, out, err)
                   : resq_fail(err, RESQ_FAILED, "translation of GPU code to LLVM IR failed");
  if (module)
    LLVMDisposeModule(module);
  LLVMContextDispose(ctx);
  return ok;
}

//===-- All functions -----------------------------------------------------===//

typedef bool (*gpu_visitor)(MlirOperation gpu_module, void *user, resq_error *err);

static bool for_each_function(MlirOperation module, gpu_visitor visit, void *user,
                              resq_error *err) {
  bool ok = to_llvm_dialect(module, err);
  MlirOperation op = mlirBlockGetFirstOperation(mlirModuleGetBody(mlirModuleFromOperation(module)));
  for (; ok && !mlirOperationIsNull(op); op = mlirOperationGetNextInBlock(op))
    if (resq_op_is(op, "gpu.module") && resq_op_has(op, "resq.function"))
      ok = visit(op, user, err);
  return ok;
}

static bool add_images(MlirOperation gpu_module, void *user, resq_error *err) {
  (void)user;
  MlirContext ctx = mlirOperationGetContext(gpu_module);
  MlirAttribute images[16];
  for (int i = 0; i < resq_n_gpu_targets; i++) {
    const resq_gpu_target *t = &resq_gpu_targets[i];
    resq_bytes ptx = {NULL, 0};
    bool ok = compile(gpu_module, &t->target, RESQ_OBJECT_ASSEMBLY, &ptx, err);
    if (ok) {
      MlirNamedAttribute fields[] = {
          resq_attr_i64(ctx, "capability", t->capability),
          resq_attr_str(ctx, "chip", t->target.name),
          resq_attr(ctx, "exact", mlirBoolAttrGet(ctx, t->exact)),
          resq_attr(ctx, "ptx",
                    mlirStringAttrGet(ctx, mlirStringRefCreate((const char *)ptx.data, ptx.size))),
      };
      images[i] = mlirDictionaryAttrGet(ctx, sizeof fields / sizeof *fields, fields);
    }
    resq_bytes_free(&ptx);
    if (!ok)
      return false;
  }
  mlirOperationSetDiscardableAttributeByName(gpu_module, resq_str("resq.images"),
                                             mlirArrayAttrGet(ctx, resq_n_gpu_targets, images));
  return true;
}

bool resq_gpu_compile(MlirOperation module, resq_error *err) {
  return for_each_function(module, add_images, NULL, err);
}

typedef struct printing {
  const resq_gpu_target *target;
  resq_object_form form;
  resq_bytes *out;
} printing;

static bool print_one(MlirOperation gpu_module, void *user, resq_error *err) {
  const printing *p = user;
  return compile(gpu_module, &p->target->target, p->form, p->out, err);
}

bool resq_gpu_print(MlirOperation module, const resq_gpu_target *target, resq_object_form form,
                    resq_bytes *out, resq_error *err) {
  *out = (resq_bytes){NULL, 0};
  bool ok = for_each_function(module, print_one, &(printing){target, form, out}, err);
  if (!ok)
    resq_bytes_free(out);
  return ok;
}
