// high=e4m3: the high branch of a split linear is E4M3 on both sides, without a zero point; the low one stays integers, and so do linears that are not split.
// RUN: resq-opt --pass-pipeline="builtin.module(resq-quantize{high=e4m3 head=8 clip=0.9})" %s | FileCheck %s
// RUN: resq-opt --pass-pipeline="builtin.module(resq-quantize{high=e4m3 head=8})" %s | resq-opt --emit-bytecode | resq-opt | FileCheck %s --check-prefix=BYTES
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-quantize{high=e5m2})" %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=E5M2
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-quantize{high=8})" %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=BARE
// E5M2: resq-quantize: high is 'e5m2', allowed: int2 to int8, e4m3
// BARE: resq-quantize: high is '8', allowed: int2 to int8, e4m3
// BYTES: !resq.quant<bits = 8, group = 2, zero = false, layout = row, codebook = e4m3>

resq.checkpoint @ckpt "m.gguf", gguf
// CHECK-LABEL: resq.param @low : tensor<4x12x!resq.quant<bits = 4, group = 12, zero = false, layout = row>>
resq.param @low : tensor<4x12xf32> {
  %0 = resq.leaf @ckpt "low" : tensor<4x12xf32>
  resq.yield %0 : tensor<4x12xf32>
}
// CHECK-LABEL: resq.param @high : tensor<4x4x!resq.quant<bits = 8, group = 4, zero = false, layout = row, codebook = e4m3>>
// CHECK: resq.quantize_weight {{.*}} -> tensor<4x4x!resq.quant<bits = 8, group = 4, zero = false, layout = row, codebook = e4m3>>
resq.param @high : tensor<4x4xf32> {
  %0 = resq.leaf @ckpt "high" : tensor<4x4xf32>
  resq.yield %0 : tensor<4x4xf32>
}
// CHECK-LABEL: resq.param @w : tensor<8x4x!resq.quant<bits = 8, group = 4, zero = false, layout = row>>
resq.param @w : tensor<8x4xf32> {
  %0 = resq.leaf @ckpt "w" : tensor<8x4xf32>
  resq.yield %0 : tensor<8x4xf32>
}
// Per head: the split's block is 8, so its parts have groups of 6 and 2. The clip is the low part's.
// CHECK-LABEL: func.func @branches
// CHECK: %[[L:.*]], %[[H:.*]] = resq.split
// CHECK-DAG: %[[QL:.*]] = resq.quantize %[[L]] {clip = 0.899999976 : f32} : tensor<?x12xf32> -> tensor<?x12x!resq.quant<bits = 4, group = 6, zero = true, layout = row>>
// CHECK-DAG: %[[QH:.*]] = resq.quantize %[[H]] : tensor<?x4xf32> -> tensor<?x4x!resq.quant<bits = 8, group = 2, zero = false, layout = row, codebook = e4m3>>
// CHECK: resq.qlinear %[[QL]], %[[QH]] by
// CHECK: resq.quantize %{{.*}} : tensor<?x4xf32> -> tensor<?x4x!resq.quant<bits = 8, group = 4, zero = true, layout = row>>
// CHECK: resq.qlinear {{.*}} {name = "head"}
func.func @branches(%x: tensor<?x16xf32>) -> tensor<?x8xf32> {
  %l, %h = resq.split %x block 8 high 2 : tensor<?x16xf32> -> tensor<?x12xf32>, tensor<?x4xf32>
  %wl = resq.get @low : tensor<4x12xf32>
  %wh = resq.get @high : tensor<4x4xf32>
  %yl = resq.linear %l, %wl {name = "o"} : tensor<?x12xf32>, tensor<4x12xf32> -> tensor<?x4xf32>
  %yh = resq.linear %h, %wh {name = "o"} : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %y = resq.add %yl, %yh : tensor<?x4xf32>
  %w = resq.get @w : tensor<8x4xf32>
  %z = resq.head %y, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}
