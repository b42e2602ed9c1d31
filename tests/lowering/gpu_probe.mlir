// A function becomes kernels, specialised by shape, and the list of their launches: data for the runtime.
// RUN: resq-opt --resq-lower-gpu=rows=16 %s | FileCheck %s
// The same module, at the same time, for a CPU.
// RUN: resq-opt --resq-lower-cpu=rows=16 %s | FileCheck %s --check-prefix=CPU
// Stock MLIR, which loads the dialect, takes the kernels on.
// RUN: resq-opt --resq-lower-gpu=rows=16 %s | %mlir_opt --pass-pipeline="builtin.module(gpu.module(convert-gpu-to-nvvm,reconcile-unrealized-casts))" \
// RUN:   | FileCheck %s --check-prefix=NVVM

!g = tensor<576xf32>
!w = tensor<1536x576x!resq.panel<f32>>
!s = tensor<576x1536x!resq.panel<f32>>
resq.param @gain : !g attributes {offset = 0 : i64, size = 2304 : i64}
resq.param @up : !w attributes {offset = 2304 : i64, size = 3538944 : i64}
resq.param @down : !s attributes {offset = 3541248 : i64, size = 3538944 : i64}

// CHECK: gpu.module @sm_80
// CHECK: func.func private @resq_rms_norm_cuda(!llvm.ptr, !llvm.ptr, !llvm.ptr, i64, i64, i64, i64, f32, i64, !llvm.ptr, i64, i64, i64)
// CHECK: gpu.func @[[NORM:resq_rms_norm_cuda__576_576_576_f3727c5ac]](%[[X:.*]]: !llvm.ptr, %[[G:.*]]: !llvm.ptr, %[[Y:.*]]: !llvm.ptr, %[[R:.*]]: i64) kernel attributes {known_block_size = array<i32: 96, 1, 1>} {
// CHECK: func.call @resq_rms_norm_cuda(%[[X]], %[[G]], %[[Y]], %[[R]], %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}})
// CHECK-NEXT: gpu.return
// CHECK: gpu.func @[[UP:resq_linear_f32_cuda__576_1536_1536_576_null2]]
// CHECK: gpu.func @[[DOWN:resq_linear_f32_cuda__1536_576_576_1536_null2]]
// CHECK-NOT: gpu.func
// CHECK: func.func @probe__cuda__r16() attributes {resq.entry = {args = [{dtype = "f32", is_result = false, name = "x", rows = -1 : i64, rows_as = 0 : i64, rules = [], width = 576 : i64}, {{.*}}is_result = true
// CHECK-SAME: function = "probe", level = "cuda", max_rows = 16 : i64, op_names = ["first: rms_norm", "up: linear_f32", "down: linear_f32", "second: rms_norm"], uses = [], workspace = 135168 : i64
// CHECK-NEXT: resq.launch 0 "first: rms_norm" @sm_80::@[[NORM]] (argument 0, param 0, workspace 0, rows 0) items 1 of rows 0 by 1 threads 96 shared {{[0-9]+$}}
// CHECK-NEXT: resq.launch 1 "up: linear_f32" @sm_80::@[[UP]] (workspace 0, param 2304, workspace 36864, rows 0) items 96 of rows 0
// CHECK-NEXT: resq.launch 2 "down: linear_f32" @sm_80::@[[DOWN]] (workspace 36864, param 3541248, workspace 0, rows 0) items 36 of rows 0
// A kernel for the same shape is made once: the second norm names the first's, and writes the result.
// CHECK-NEXT: resq.launch 3 "second: rms_norm" @sm_80::@[[NORM]] (workspace 0, param 0, argument 1, rows 0) items 1 of rows 0
// CHECK-NEXT: return

// A chip that lets launches overlap.
// RUN: resq-opt --resq-lower-gpu="rows=16 chip=sm_90a" %s | FileCheck %s --check-prefix=HOPPER
// HOPPER: resq.launch 3 "second: rms_norm" @sm_90a::@resq_rms_norm_cuda__576_576_576_f3727c5ac ({{.*}} early

// CPU: call @resq_rms_norm_avx512__576_576_576_f3727c5ac(
// CPU: call @resq_linear_f32_avx512__576_1536_1536_576(

// NVVM: llvm.func @resq_rms_norm_cuda__576_576_576_f3727c5ac({{.*}}) attributes {{{.*}}gpu.kernel{{.*}}nvvm.kernel
func.func @probe(%x: tensor<?x576xf32> {resq.name = "x"}) -> tensor<?x576xf32> {
  %g = resq.get @gain : !g
  %n = resq.rms_norm %x gain %g : !g {eps = 1.0e-5 : f32} : tensor<?x576xf32> -> tensor<?x576xf32> loc("first")
  %u = resq.get @up : !w
  %y = resq.linear %n, %u {name = "up"} : tensor<?x576xf32>, !w -> tensor<?x1536xf32>
  %d = resq.get @down : !s
  %z = resq.linear %y, %d {name = "down"} : tensor<?x1536xf32>, !s -> tensor<?x576xf32>
  %r = resq.rms_norm %z gain %g : !g {eps = 1.0e-5 : f32} : tensor<?x576xf32> -> tensor<?x576xf32> loc("second")
  return %r : tensor<?x576xf32>
}
