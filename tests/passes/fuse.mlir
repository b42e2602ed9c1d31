// Linears that read the same rows become one, their results slices of it.
// RUN: resq-opt --resq-fuse --split-input-file %s | FileCheck %s
// RUN: resq-opt --resq-fuse --resq-fuse --split-input-file %s | FileCheck %s

resq.checkpoint @ckpt "m.gguf", gguf
resq.param @q : tensor<8x16xf32> {
  %0 = resq.leaf @ckpt "q" : tensor<8x16xf32>
  resq.yield %0 : tensor<8x16xf32>
}
resq.param @k : tensor<4x16xf32> {
  %0 = resq.leaf @ckpt "k" : tensor<4x16xf32>
  resq.yield %0 : tensor<4x16xf32>
}
resq.param @bias : tensor<4xf32> {
  %0 = resq.leaf @ckpt "b" : tensor<4xf32>
  resq.yield %0 : tensor<4xf32>
}
// CHECK: resq.param @"l0.q+k.weight" : tensor<12x16xf32>
// CHECK-NEXT: %[[Q:.*]] = resq.get @q
// CHECK-NEXT: %[[K:.*]] = resq.get @k
// CHECK-NEXT: resq.concat %[[Q]], %[[K]] dim 0
// CHECK-LABEL: func.func @same_input
// CHECK: %[[Y:.*]] = resq.linear %arg0, %{{.*}} {name = "l0.q+k", site = "l0.q.in"} : tensor<?x16xf32>, tensor<12x16xf32> -> tensor<?x12xf32>
// CHECK: %[[A:.*]] = resq.slice %[[Y]] dim 1 begin 0 : tensor<?x12xf32> -> tensor<?x8xf32>
// CHECK: %[[B:.*]] = resq.slice %[[Y]] dim 1 begin 8 : tensor<?x12xf32> -> tensor<?x4xf32>
// A bias, another input: not fused.
// CHECK: %[[C:.*]] = resq.linear %arg0, {{.*}} bias
// CHECK: %[[D:.*]] = resq.linear %arg1
// CHECK: return %[[A]], %[[B]], %[[C]], %[[D]]
func.func @same_input(%x: tensor<?x16xf32>, %z: tensor<?x16xf32>) -> (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %wq = resq.get @q : tensor<8x16xf32>
  %wk = resq.get @k : tensor<4x16xf32>
  %b = resq.get @bias : tensor<4xf32>
  %q = resq.linear %x, %wq {name = "l0.q"} : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
  %k = resq.linear %x, %wk {name = "l0.k"} : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  %c = resq.linear %x, %wk bias %b : tensor<4xf32> : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  %d = resq.linear %z, %wk : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  return %q, %k, %c, %d : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

// Biases are put together like the weights, of linears and of qlinears.
!a = tensor<?x16x!resq.quant<bits = 4, group = 16, zero = true, layout = row>>
!w = tensor<4x16x!resq.quant<bits = 4, group = 16, zero = false, layout = row>>
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @q : tensor<8x16xf32> {
  %0 = resq.leaf @ckpt "q" : tensor<8x16xf32>
  resq.yield %0 : tensor<8x16xf32>
}
resq.param @q_bias : tensor<8xf32> {
  %0 = resq.leaf @ckpt "q.bias" : tensor<8xf32>
  resq.yield %0 : tensor<8xf32>
}
resq.param @k : tensor<4x16xf32> {
  %0 = resq.leaf @ckpt "k" : tensor<4x16xf32>
  resq.yield %0 : tensor<4x16xf32>
}
resq.param @k_bias : tensor<4xf32> {
  %0 = resq.leaf @ckpt "k.bias" : tensor<4xf32>
  resq.yield %0 : tensor<4xf32>
}
resq.param @c : !w {
  %0 = resq.leaf @ckpt "c" : tensor<4x16xf32>
  %1 = resq.quantize_weight %0 : tensor<4x16xf32> -> !w
  resq.yield %1 : !w
}
resq.param @external : tensor<4xf32>
// CHECK: resq.param @k_bias
// CHECK: resq.param @"l0.c+d.bias" : tensor<8xf32>
// CHECK: resq.param @"l0.q+k.bias" : tensor<12xf32>
// CHECK-NEXT: %[[Q:.*]] = resq.get @q_bias
// CHECK-NEXT: %[[K:.*]] = resq.get @k_bias
// CHECK-NEXT: resq.concat %[[Q]], %[[K]] dim 0 : tensor<8xf32>, tensor<4xf32> -> tensor<12xf32>
// CHECK-LABEL: func.func @biases
// CHECK: resq.linear %arg0, %{{.*}} bias %{{.*}} : tensor<12xf32> {name = "l0.q+k", site = "l0.q.in"}
// CHECK: resq.qlinear %{{.*}} by %{{.*}} bias %{{.*}} : tensor<8xf32> {name = "l0.c+d"}
// A bias without a recipe: not fused.
// CHECK: resq.linear %arg0, %{{.*}} bias %{{.*}} : tensor<4xf32> {name = "l0.e", site = "l0.q.in"}
// CHECK: return
func.func @biases(%x: tensor<?x16xf32>) -> (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %wq = resq.get @q : tensor<8x16xf32>
  %bq = resq.get @q_bias : tensor<8xf32>
  %wk = resq.get @k : tensor<4x16xf32>
  %bk = resq.get @k_bias : tensor<4xf32>
  %be = resq.get @external : tensor<4xf32>
  %wc = resq.get @c : !w
  %q = resq.linear %x, %wq bias %bq : tensor<8xf32> {name = "l0.q"} : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
  %k = resq.linear %x, %wk bias %bk : tensor<4xf32> {name = "l0.k"} : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  %codes = resq.quantize %x : tensor<?x16xf32> -> !a
  %c = resq.qlinear %codes by %wc bias %bk : tensor<4xf32> {name = "l0.c"} : !a by !w -> tensor<?x4xf32>
  %d = resq.qlinear %codes by %wc bias %bk : tensor<4xf32> {name = "l0.d"} : !a by !w -> tensor<?x4xf32>
  %e = resq.linear %x, %wk bias %be : tensor<4xf32> {name = "l0.e"} : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  return %q, %k, %c, %d, %e : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

// Quantised: branch by branch; other bits do not fuse, and an external weight does not.
!a = tensor<?x16x!resq.quant<bits = 4, group = 16, zero = true, layout = row>>
!h = tensor<?x4x!resq.quant<bits = 8, group = 4, zero = true, layout = row>>
!w = tensor<4x16x!resq.quant<bits = 4, group = 16, zero = false, layout = row>>
!wh = tensor<4x4x!resq.quant<bits = 8, group = 4, zero = false, layout = row>>
!w3 = tensor<4x16x!resq.quant<bits = 3, group = 16, zero = false, layout = row>>
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @g : !w {
  %0 = resq.leaf @ckpt "g" : tensor<4x16xf32>
  %1 = resq.quantize_weight %0 : tensor<4x16xf32> -> !w
  resq.yield %1 : !w
}
resq.param @gh : !wh {
  %0 = resq.leaf @ckpt "gh" : tensor<4x4xf32>
  %1 = resq.quantize_weight %0 : tensor<4x4xf32> -> !wh
  resq.yield %1 : !wh
}
resq.param @w3 : !w3 {
  %0 = resq.leaf @ckpt "w3" : tensor<4x16xf32>
  %1 = resq.quantize_weight %0 : tensor<4x16xf32> -> !w3
  resq.yield %1 : !w3
}
resq.param @external : !w
// CHECK: resq.param @"gate+up.low" : tensor<8x16x!resq.quant<bits = 4, group = 16
// CHECK: resq.param @"gate+up.high" : tensor<8x4x!resq.quant<bits = 8, group = 4
// CHECK-LABEL: func.func @quantised
// CHECK: resq.qlinear %{{.*}}, %{{.*}} by %{{.*}}, %{{.*}} {name = "gate+up"}
// CHECK: resq.qlinear
// CHECK: resq.qlinear
// CHECK-NOT: resq.qlinear
func.func @quantised(%x: tensor<?x16xf32>, %y: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %q = resq.quantize %x : tensor<?x16xf32> -> !a
  %r = resq.quantize %y : tensor<?x4xf32> -> !h
  %g = resq.get @g : !w
  %gh = resq.get @gh : !wh
  %w3 = resq.get @w3 : !w3
  %e = resq.get @external : !w
  %1 = resq.qlinear %q, %r by %g, %gh {name = "gate"} : !a, !h by !w, !wh -> tensor<?x4xf32>
  %2 = resq.qlinear %q, %r by %g, %gh {name = "up"} : !a, !h by !w, !wh -> tensor<?x4xf32>
  %3 = resq.qlinear %q by %w3 : !a by !w3 -> tensor<?x4xf32>
  %4 = resq.qlinear %q by %e : !a by !w -> tensor<?x4xf32>
  return %1, %2, %3, %4 : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

// Trellis codes are rings of 16 channels: whole ones fuse, others stay apart.
!a = tensor<?x16x!resq.quant<bits = 4, group = 16, zero = true, layout = row>>
!w32 = tensor<32x16x!resq.quant<bits = 4, group = 16, zero = false, layout = row, codebook = trellis, states = 4>>
!w20 = tensor<20x16x!resq.quant<bits = 4, group = 16, zero = false, layout = row, codebook = trellis, states = 4>>
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @g : !w32 {
  %0 = resq.leaf @ckpt "g" : tensor<32x16xf32>
  %1 = resq.quantize_weight %0 : tensor<32x16xf32> -> !w32
  resq.yield %1 : !w32
}
resq.param @k : !w20 {
  %0 = resq.leaf @ckpt "k" : tensor<20x16xf32>
  %1 = resq.quantize_weight %0 : tensor<20x16xf32> -> !w20
  resq.yield %1 : !w20
}
// CHECK-LABEL: func.func @rings
// CHECK: resq.qlinear {{.*}} {name = "gate+up"} : {{.*}} -> tensor<?x64xf32>
// CHECK: resq.qlinear {{.*}} {name = "k"} : {{.*}} -> tensor<?x20xf32>
// CHECK: resq.qlinear {{.*}} {name = "v"} : {{.*}} -> tensor<?x20xf32>
func.func @rings(%x: tensor<?x16xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x20xf32>, tensor<?x20xf32>) {
  %q = resq.quantize %x : tensor<?x16xf32> -> !a
  %g = resq.get @g : !w32
  %k = resq.get @k : !w20
  %1 = resq.qlinear %q by %g {name = "gate"} : !a by !w32 -> tensor<?x32xf32>
  %2 = resq.qlinear %q by %g {name = "up"} : !a by !w32 -> tensor<?x32xf32>
  %3 = resq.qlinear %q by %k {name = "k"} : !a by !w20 -> tensor<?x20xf32>
  %4 = resq.qlinear %q by %k {name = "v"} : !a by !w20 -> tensor<?x20xf32>
  return %1, %2, %3, %4 : tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x20xf32>, tensor<?x20xf32>
}

// -----

// What is fused has the basis of its parts and the site of the first; weights of different bases stay apart. Fused before it is
// quantized, a linear is calibrated as each of its parts would be.
// RUN: resq-opt --pass-pipeline="builtin.module(resq-fuse,resq-quantize{weights-method=gptq})" --split-input-file %s 2>/dev/null | FileCheck %s --check-prefix=QUANTIZED
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @a : tensor<8x16xf32> attributes {basis = [#resq.basis_hadamard<size = 16>]} {
  %0 = resq.leaf @ckpt "a" : tensor<8x16xf32>
  resq.yield %0 : tensor<8x16xf32>
}
resq.param @b : tensor<4x16xf32> attributes {basis = [#resq.basis_hadamard<size = 16>]} {
  %0 = resq.leaf @ckpt "b" : tensor<4x16xf32>
  resq.yield %0 : tensor<4x16xf32>
}
resq.param @c : tensor<4x16xf32> attributes {basis = [#resq.basis_hadamard<size = 4>]} {
  %0 = resq.leaf @ckpt "c" : tensor<4x16xf32>
  resq.yield %0 : tensor<4x16xf32>
}
// CHECK: resq.param @"a+b.weight" : tensor<12x16xf32> attributes {basis = [#resq.basis_hadamard<size = 16>]}
// CHECK-LABEL: func.func @bases
// CHECK: resq.linear %arg0, %{{.*}} {name = "a+b", site = "a.in"}
// CHECK: resq.linear %arg0, %{{.*}} {name = "c", site = "a.in"}
// QUANTIZED: resq.param @a.in.moment
// QUANTIZED-NEXT: %[[C:.*]] = resq.moment "a.in"
// QUANTIZED-NEXT: resq.hadamard %[[C]] size 16
func.func @bases(%x: tensor<?x16xf32>) -> (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %wa = resq.get @a : tensor<8x16xf32>
  %wb = resq.get @b : tensor<4x16xf32>
  %wc = resq.get @c : tensor<4x16xf32>
  %a = resq.linear %x, %wa {name = "a"} : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
  %b = resq.linear %x, %wb {name = "b"} : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  %c = resq.linear %x, %wc {name = "c"} : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  return %a, %b, %c : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}
