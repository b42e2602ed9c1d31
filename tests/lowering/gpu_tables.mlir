// Constant arrays are globals of the gpu.module, each once, and the kernels that read them are called by their content; rows go to an observer as a
// launch of their own, behind all that comes before.
// RUN: resq-opt --resq-lower-gpu=rows=4 %s | FileCheck %s
// RUN: resq-opt --resq-lower-gpu=rows=4 %s | %mlir_opt --pass-pipeline="builtin.module(gpu.module(convert-gpu-to-nvvm,reconcile-unrealized-casts))" | FileCheck %s --check-prefix=NVVM

// CHECK: llvm.mlir.global internal constant @[[TABLE:inv_freq_[0-9a-f]+]](dense<[1.000000e+00, 0.00999999977]> : tensor<2xf32>) {addr_space = 1 : i32, alignment = 64 : i64}
// CHECK: gpu.func @[[ANGLES:resq_rope_angles_cuda__4_inv_freq_[0-9a-f]+_null2]](%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64) kernel
// CHECK: %[[AT:.*]] = llvm.mlir.addressof @[[TABLE]] : !llvm.ptr<1>
// CHECK: %[[GENERIC:.*]] = llvm.addrspacecast %[[AT]] : !llvm.ptr<1> to !llvm.ptr
// CHECK: func.call @resq_rope_angles_cuda(%{{.*}}, %[[GENERIC]],
// CHECK: gpu.func @[[FORTH:resq_permute_cuda__4_4_4_order_[0-9a-f]+]](
// CHECK: gpu.func @[[BACK:resq_permute_cuda__4_4_4_order_[0-9a-f]+]](
// CHECK-LABEL: func.func @f__cuda__r4
// CHECK-NEXT: resq.launch 0 {{.*}}@[[ANGLES]]
// CHECK-NEXT: resq.launch_observe 1
// CHECK-NEXT: resq.launch 2 {{.*}}@[[ANGLES]]
// CHECK-NEXT: resq.launch_observe 3 ": observe" (argument 1) rows 0 site 1 width 4 stride 4
// CHECK-NEXT: resq.launch 4 {{.*}}@[[FORTH]]
// CHECK-NEXT: resq.launch_observe 5
// CHECK-NEXT: resq.launch 6 {{.*}}@[[BACK]]
// CHECK-NEXT: resq.launch_observe 7
// CHECK-NEXT: resq.launch 8 {{.*}}@[[FORTH]]
// CHECK-NEXT: resq.launch_observe 9 ": observe" (argument 2) rows 0 site 4 width 4 stride 4

// NVVM: llvm.func @resq_rope_angles_cuda__4_inv_freq_
// NVVM: llvm.mlir.addressof @inv_freq_
func.func @f(%p: tensor<?xi32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %a = resq.rope_angles %p {base = 10000.0 : f32} : tensor<?xi32> -> tensor<?x4xf32>
  resq.observe %a "1" block 4 : tensor<?x4xf32>
  %b = resq.rope_angles %p {base = 10000.0 : f32} : tensor<?xi32> -> tensor<?x4xf32>
  resq.observe %b "2" block 4 : tensor<?x4xf32>
  %c = resq.permute %a {order = array<i64: 3, 2, 1, 0>} : tensor<?x4xf32> -> tensor<?x4xf32>
  resq.observe %c "3" block 4 : tensor<?x4xf32>
  %d = resq.permute %c {order = array<i64: 1, 0, 3, 2>} : tensor<?x4xf32> -> tensor<?x4xf32>
  resq.observe %d "4" block 4 : tensor<?x4xf32>
  %e = resq.permute %d {order = array<i64: 3, 2, 1, 0>} : tensor<?x4xf32> -> tensor<?x4xf32>
  resq.observe %e "here" block 4 : tensor<?x4xf32>
  return %b, %e : tensor<?x4xf32>, tensor<?x4xf32>
}
