// weights=tcq4, or tcq3: weights of low branches, and of linears that are not split, are trellis codes, their scales searched by least squares; high branches, the head and activations stay integers.
// RUN: resq-opt --pass-pipeline="builtin.module(resq-quantize{weights=tcq4 head=8})" %s | FileCheck %s
// RUN: resq-opt --pass-pipeline="builtin.module(resq-quantize{weights=tcq4 norm=2.4})" %s | FileCheck %s --check-prefix=NORM
// RUN: resq-opt --pass-pipeline="builtin.module(resq-quantize{weights=tcq4 group=8},resq-fuse,resq-pack)" %s | FileCheck %s --check-prefix=GROUP
// RUN: resq-opt --pass-pipeline="builtin.module(resq-quantize{weights=tcq4})" %s | resq-opt --emit-bytecode | resq-opt | FileCheck %s --check-prefix=BYTES
// RUN: resq-opt --pass-pipeline="builtin.module(resq-quantize{weights=tcq4},resq-pack,resq-lower-generic)" %s | FileCheck %s --check-prefix=GENERIC
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-quantize{weights=tcq5})" %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=TCQ5
// RUN: resq-opt --pass-pipeline="builtin.module(resq-quantize{weights=tcq3},resq-pack)" %s | FileCheck %s --check-prefix=TCQ3
// RUN: resq-opt --pass-pipeline="builtin.module(resq-quantize{weights=tcq3},resq-pack,resq-lower-generic)" %s | FileCheck %s --check-prefix=GENERIC3
// TCQ3-LABEL: resq.param @low : tensor<4x16x!resq.quant<bits = 3, group = 16, zero = false, layout = n16k4, codebook = trellis, states = 8, pack_group = 16, base = 2, planes = 1>>
// TCQ3: resq.quantize_weight %{{.*}} {norm = 2.000000e+00 : f32} : tensor<4x16xf32>
// TCQ3-LABEL: resq.param @high : tensor<4x4x!resq.quant<bits = 8, group = 4, zero = false, layout = n16k4
// GENERIC3: arith.constant dense<[-103, -54, -31, {{.*}}, 31, 54, 103]> : tensor<64xi32>
// TCQ5: resq-quantize: weights is 'tcq5', allowed: 2 to 8, tcq3, tcq4
// BYTES: !resq.quant<bits = 4, group = 16, zero = false, layout = row, codebook = trellis, states = 4>
// The definition multiplies what codes stand for.
// GENERIC: arith.constant dense<[-127, -82, -63, {{.*}}, 63, 82, 127]> : tensor<64xi32>

resq.checkpoint @ckpt "m.gguf", gguf
// CHECK-LABEL: resq.param @low : tensor<4x16x!resq.quant<bits = 4, group = 16, zero = false, layout = row, codebook = trellis, states = 4>>
// CHECK: resq.quantize_weight %{{.*}} {norm = 2.000000e+00 : f32} : tensor<4x16xf32> -> tensor<4x16x!resq.quant<bits = 4, group = 16, zero = false, layout = row, codebook = trellis, states = 4>>
// NORM-LABEL: resq.param @low
// NORM: resq.quantize_weight %{{.*}} : tensor<4x16xf32>
// GROUP-LABEL: resq.param @low : tensor<4x16x!resq.quant<bits = 4, group = 8, zero = false, layout = n16k4, codebook = trellis, states = 4, pack_group = 8, base = 4>>
// GROUP: resq.pack %{{.*}} pack_group = 8, base = 4>>
resq.param @low : tensor<4x16xf32> {
  %0 = resq.leaf @ckpt "low" : tensor<4x16xf32>
  resq.yield %0 : tensor<4x16xf32>
}
// CHECK-LABEL: resq.param @high : tensor<4x4x!resq.quant<bits = 8, group = 4, zero = false, layout = row>>
resq.param @high : tensor<4x4xf32> {
  %0 = resq.leaf @ckpt "high" : tensor<4x4xf32>
  resq.yield %0 : tensor<4x4xf32>
}
// CHECK-LABEL: resq.param @one : tensor<4x4x!resq.quant<bits = 4, group = 4, zero = false, layout = row, codebook = trellis, states = 4>>
resq.param @one : tensor<4x4xf32> {
  %0 = resq.leaf @ckpt "one" : tensor<4x4xf32>
  resq.yield %0 : tensor<4x4xf32>
}
// CHECK-LABEL: resq.param @w : tensor<8x4x!resq.quant<bits = 8, group = 4, zero = false, layout = row>>
// CHECK: resq.quantize_weight %{{.*}} : tensor<8x4xf32>
resq.param @w : tensor<8x4xf32> {
  %0 = resq.leaf @ckpt "w" : tensor<8x4xf32>
  resq.yield %0 : tensor<8x4xf32>
}
// CHECK-LABEL: func.func @branches
// CHECK: resq.quantize {{.*}} -> tensor<?x16x!resq.quant<bits = 4, group = 16, zero = true, layout = row>>
// CHECK: resq.qlinear {{.*}} by tensor<4x16x!resq.quant<bits = 4, {{.*}} codebook = trellis, states = 4>>, tensor<4x4x!resq.quant<bits = 8, group = 4, zero = false, layout = row>>
// GROUP-LABEL: func.func @branches
// GROUP: resq.quantize {{.*}} -> tensor<?x16x!resq.quant<bits = 4, group = 8, zero = true, layout = row>>
func.func @branches(%x: tensor<?x20xf32>) -> tensor<?x8xf32> {
  %l, %h = resq.split %x block 20 high 4 : tensor<?x20xf32> -> tensor<?x16xf32>, tensor<?x4xf32>
  %wl = resq.get @low : tensor<4x16xf32>
  %wh = resq.get @high : tensor<4x4xf32>
  %yl = resq.linear %l, %wl {name = "o"} : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  %yh = resq.linear %h, %wh {name = "o"} : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %y = resq.add %yl, %yh : tensor<?x4xf32>
  %one = resq.get @one : tensor<4x4xf32>
  %z = resq.linear %y, %one {name = "p"} : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %w = resq.get @w : tensor<8x4xf32>
  %v = resq.head %z, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  return %v : tensor<?x8xf32>
}
