// Two branches of one split become one qlinear, any other linear one of one branch; embedding and head stay.
// RUN: resq-opt --resq-quantize --split-input-file --verify-diagnostics %s | FileCheck %s
// RUN: resq-opt --pass-pipeline="builtin.module(resq-quantize{weights=3 activations=6 high=int7 steps=1 norm=2.0 clip=0.9})" --split-input-file %s 2>/dev/null | FileCheck %s --check-prefix=BITS
// RUN: resq-opt --resq-quantize --resq-quantize --split-input-file %s 2>/dev/null | FileCheck %s
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-quantize{weights=1})" --split-input-file %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=WEIGHTS
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-quantize{high=int9})" --split-input-file %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=HIGH
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-quantize{steps=40 clip=1.5})" --split-input-file %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=STEPS
// WEIGHTS: resq-quantize: weights is '1', allowed: 2 to 8, tcq3, tcq4
// HIGH: resq-quantize: high is 'int9', allowed: int2 to int8, e4m3
// STEPS: resq-quantize: steps is 40 (allowed: 1 to 39), clip is 1.5 (allowed: above 0 to 1, or auto)

resq.checkpoint @ckpt "m.gguf", gguf
// CHECK-LABEL: resq.param @low : tensor<4x12x!resq.quant<bits = 4, group = 12, zero = false, layout = row>>
// CHECK: resq.quantize_weight {{.*}} : tensor<4x12xf32>
// BITS: resq.param @low : tensor<4x12x!resq.quant<bits = 3, group = 12, zero = false, layout = row>>
// BITS: resq.quantize_weight {{.*}} {norm = 2.000000e+00 : f32, steps = 1 : i64}
resq.param @low : tensor<4x12xf32> {
  %0 = resq.leaf @ckpt "low" : tensor<4x12xf32>
  resq.yield %0 : tensor<4x12xf32>
}
// BITS: resq.param @high : tensor<4x4x!resq.quant<bits = 7, group = 4, zero = false, layout = row>>
resq.param @high : tensor<4x4xf32> {
  %0 = resq.leaf @ckpt "high" : tensor<4x4xf32>
  resq.yield %0 : tensor<4x4xf32>
}
resq.param @b : tensor<4xf32>
// Per head: the split's block is 8, so its parts have groups of 6 and 2.
// CHECK-LABEL: func.func @branches
// CHECK: %[[L:.*]], %[[H:.*]] = resq.split
// CHECK-DAG: %[[QL:.*]] = resq.quantize %[[L]] : tensor<?x12xf32> -> tensor<?x12x!resq.quant<bits = 4, group = 6, zero = true, layout = row>>
// CHECK-DAG: %[[QH:.*]] = resq.quantize %[[H]] : tensor<?x4xf32> -> tensor<?x4x!resq.quant<bits = 8, group = 2, zero = true, layout = row>>
// CHECK: resq.qlinear %[[QL]], %[[QH]] by %{{.*}}, %{{.*}} bias %{{.*}} {name = "o", site = "o.in"}
// CHECK-NOT: resq.linear
// CHECK-NOT: resq.add
// CHECK: return
// BITS-DAG: resq.quantize {{.*}} {clip = 0.899999976 : f32} : tensor<?x12xf32> -> tensor<?x12x!resq.quant<bits = 6, group = 6
// BITS-DAG: resq.quantize {{.*}} {clip = 0.899999976 : f32} : tensor<?x4xf32> -> tensor<?x4x!resq.quant<bits = 7, group = 2
func.func @branches(%x: tensor<?x16xf32>) -> tensor<?x4xf32> {
  %l, %h = resq.split %x block 8 high 2 : tensor<?x16xf32> -> tensor<?x12xf32>, tensor<?x4xf32>
  %wl = resq.get @low : tensor<4x12xf32>
  %wh = resq.get @high : tensor<4x4xf32>
  %b = resq.get @b : tensor<4xf32>
  %yl = resq.linear %l, %wl bias %b : tensor<4xf32> {name = "o"} : tensor<?x12xf32>, tensor<4x12xf32> -> tensor<?x4xf32>
  %yh = resq.linear %h, %wh {name = "o"} : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %y = resq.add %yh, %yl : tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// Two readers of one value share its codes; a shared weight is quantised in copies, the head is left alone.
resq.checkpoint @ckpt "m.gguf", gguf
// CHECK: resq.param @w : tensor<4x16xf32>
// CHECK: resq.param @w_codes : tensor<4x16x!resq.quant
resq.param @w : tensor<4x16xf32> {
  %0 = resq.leaf @ckpt "w" : tensor<4x16xf32>
  resq.yield %0 : tensor<4x16xf32>
}
resq.param @v : tensor<4x16xf32> {
  %0 = resq.leaf @ckpt "v" : tensor<4x16xf32>
  resq.yield %0 : tensor<4x16xf32>
}
// CHECK-LABEL: func.func @shared
// CHECK: %[[Q:.*]] = resq.quantize %arg0
// CHECK-NOT: resq.quantize
// CHECK: resq.qlinear %[[Q]] by
// CHECK: resq.qlinear %[[Q]] by
// CHECK: resq.head %arg0
func.func @shared(%x: tensor<?x16xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %w = resq.get @w : tensor<4x16xf32>
  %v = resq.get @v : tensor<4x16xf32>
  %y = resq.linear %x, %w : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  %z = resq.linear %x, %v : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  %h = resq.head %x, %w : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  return %y, %z, %h : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

resq.param @external : tensor<4x16xf32>
func.func @no_recipe(%x: tensor<?x16xf32>) -> tensor<?x4xf32> {
  %w = resq.get @external : tensor<4x16xf32>
  // expected-remark @below {{not quantised: the weight has no recipe}}
  %y = resq.linear %x, %w : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}
