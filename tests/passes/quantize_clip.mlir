// clip=auto: one ratio a low value, found on its sampled rows with all linears that read it.
// RUN: resq-opt --pass-pipeline="builtin.module(resq-quantize{clip=auto})" --split-input-file --verify-diagnostics %s | FileCheck %s
// RUN: resq-opt --pass-pipeline="builtin.module(resq-quantize{clip=auto activations=8})" --split-input-file %s 2>/dev/null | FileCheck %s --check-prefix=EIGHT
// EIGHT-NOT: clip
// RUN: echo 'module {}' > %t.empty.mlir
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-quantize{clip=best})" %t.empty.mlir 2>&1 | FileCheck %s --check-prefix=TEXT
// TEXT: clip is best (allowed: above 0 to 1, or auto)
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-quantize{clip=0.5x})" %t.empty.mlir 2>&1 | FileCheck %s --check-prefix=NUMBER
// NUMBER: clip is 0.5x (allowed: above 0 to 1, or auto)

// Two linears of a split read one low part; the basis of the weight is done to the samples too, the
// ratio is weighed by both codes. The high part is not clipped.
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @u : tensor<16x16xf64> {
  %0 = resq.random_orthogonal [16] seed 1 : tensor<16x16xf64>
  resq.yield %0 : tensor<16x16xf64>
}
// CHECK: resq.param @q.low : tensor<4x12x!resq.quant<bits = 4{{.*}} attributes {basis = [
// CHECK: resq.param @q.clip : tensor<1xf32>
// CHECK-NEXT: %[[S:.*]] = resq.samples "q.in" : tensor<512x16xf32>
// CHECK-NEXT: %[[U:.*]] = resq.get @u
// CHECK-NEXT: %[[R:.*]] = resq.rotate %[[S]], %[[U]] : tensor<512x16xf32>, tensor<16x16xf64>
// CHECK-NEXT: %[[X:.*]], %{{.*}} = resq.split %[[R]] block 8 high 2
// CHECK-NEXT: %[[Q:.*]] = resq.get @q.low
// CHECK-NEXT: %[[QF:.*]] = resq.dequantize %[[Q]]
// CHECK-NEXT: %[[K:.*]] = resq.get @k.low
// CHECK-NEXT: %[[KF:.*]] = resq.dequantize %[[K]]
// CHECK-NEXT: resq.clip_ratio %[[X]] by %[[QF]], %[[KF]] bits 4 group 6 : tensor<512x12xf32> by tensor<4x12xf32>, tensor<4x12xf32> -> tensor<1xf32>
resq.param @q.low : tensor<4x12xf32> attributes {basis = [#resq.basis_rotate<matrix = @u>, #resq.basis_part<part = low, block = 8, high = 2>]} {
  %0 = resq.leaf @ckpt "q" : tensor<4x16xf32>
  %1 = resq.get @u : tensor<16x16xf64>
  %2 = resq.rotate %0, %1 : tensor<4x16xf32>, tensor<16x16xf64> -> tensor<4x16xf32>
  %low, %high = resq.split %2 block 8 high 2 : tensor<4x16xf32> -> tensor<4x12xf32>, tensor<4x4xf32>
  resq.yield %low : tensor<4x12xf32>
}
resq.param @q.high : tensor<4x4xf32> attributes {basis = [#resq.basis_rotate<matrix = @u>, #resq.basis_part<part = high, block = 8, high = 2>]} {
  %0 = resq.leaf @ckpt "q" : tensor<4x16xf32>
  %1 = resq.get @u : tensor<16x16xf64>
  %2 = resq.rotate %0, %1 : tensor<4x16xf32>, tensor<16x16xf64> -> tensor<4x16xf32>
  %low, %high = resq.split %2 block 8 high 2 : tensor<4x16xf32> -> tensor<4x12xf32>, tensor<4x4xf32>
  resq.yield %high : tensor<4x4xf32>
}
resq.param @k.low : tensor<4x12xf32> attributes {basis = [#resq.basis_rotate<matrix = @u>, #resq.basis_part<part = low, block = 8, high = 2>]} {
  %0 = resq.leaf @ckpt "k" : tensor<4x16xf32>
  %1 = resq.get @u : tensor<16x16xf64>
  %2 = resq.rotate %0, %1 : tensor<4x16xf32>, tensor<16x16xf64> -> tensor<4x16xf32>
  %low, %high = resq.split %2 block 8 high 2 : tensor<4x16xf32> -> tensor<4x12xf32>, tensor<4x4xf32>
  resq.yield %low : tensor<4x12xf32>
}
resq.param @k.high : tensor<4x4xf32> attributes {basis = [#resq.basis_rotate<matrix = @u>, #resq.basis_part<part = high, block = 8, high = 2>]} {
  %0 = resq.leaf @ckpt "k" : tensor<4x16xf32>
  %1 = resq.get @u : tensor<16x16xf64>
  %2 = resq.rotate %0, %1 : tensor<4x16xf32>, tensor<16x16xf64> -> tensor<4x16xf32>
  %low, %high = resq.split %2 block 8 high 2 : tensor<4x16xf32> -> tensor<4x12xf32>, tensor<4x4xf32>
  resq.yield %high : tensor<4x4xf32>
}
// CHECK-LABEL: func.func @shared
// CHECK: %[[L:.*]], %[[H:.*]] = resq.split
// CHECK-DAG: %[[C:.*]] = resq.get @q.clip : tensor<1xf32>
// CHECK-DAG: %[[QL:.*]] = resq.quantize %[[L]] clip_by %[[C]] : tensor<1xf32> : tensor<?x12xf32>
// CHECK-DAG: %[[QH:.*]] = resq.quantize %[[H]] : tensor<?x4xf32>
// CHECK: resq.qlinear %[[QL]], %[[QH]] {{.*}} {name = "q", site = "q.in"}
// CHECK: resq.qlinear %[[QL]], %[[QH]] {{.*}} {name = "k", site = "q.in"}
func.func @shared(%x: tensor<?x16xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %l, %h = resq.split %x block 8 high 2 : tensor<?x16xf32> -> tensor<?x12xf32>, tensor<?x4xf32>
  %ql = resq.get @q.low : tensor<4x12xf32>
  %qh = resq.get @q.high : tensor<4x4xf32>
  %kl = resq.get @k.low : tensor<4x12xf32>
  %kh = resq.get @k.high : tensor<4x4xf32>
  %a = resq.linear %l, %ql {name = "q"} : tensor<?x12xf32>, tensor<4x12xf32> -> tensor<?x4xf32>
  %b = resq.linear %h, %qh {name = "q"} : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %q = resq.add %a, %b : tensor<?x4xf32>
  %c = resq.linear %l, %kl {name = "k"} : tensor<?x12xf32>, tensor<4x12xf32> -> tensor<?x4xf32>
  %d = resq.linear %h, %kh {name = "k"} : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %k = resq.add %c, %d : tensor<?x4xf32>
  return %q, %k : tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

// A weight without a basis meets what calibration saw, whatever its recipe is.
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @w : tensor<4x16xf32> {
  %0 = resq.leaf @ckpt "w" : tensor<4x16xf32>
  %1 = resq.hadamard %0 size 16 : tensor<4x16xf32> -> tensor<4x16xf32>
  %2 = resq.add %0, %1 : tensor<4x16xf32>
  resq.yield %2 : tensor<4x16xf32>
}
// CHECK-LABEL: resq.param @l.clip
// CHECK-NEXT: %[[S:.*]] = resq.samples "l.in" : tensor<512x16xf32>
// CHECK-NEXT: %[[W:.*]] = resq.get @w
// CHECK-NEXT: %[[F:.*]] = resq.dequantize %[[W]]
// CHECK-NEXT: resq.clip_ratio %[[S]] by %[[F]]
func.func @sum(%x: tensor<?x16xf32>) -> tensor<?x4xf32> {
  %w = resq.get @w : tensor<4x16xf32>
  %y = resq.linear %x, %w {name = "l"} : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

resq.checkpoint @ckpt "m.gguf", gguf
resq.param @w : tensor<4x16xf32> {
  %0 = resq.leaf @ckpt "w" : tensor<4x16xf32>
  resq.yield %0 : tensor<4x16xf32>
}
func.func @no_name(%x: tensor<?x16xf32>) -> tensor<?x4xf32> {
  %w = resq.get @w : tensor<4x16xf32>
  // expected-error @below {{resq-quantize: clip=auto needs the linear's `name` to find its calibration site}}
  %y = resq.linear %x, %w : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}
