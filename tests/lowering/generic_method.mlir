// Method ops become their definitions; a quantised value is codes, scales and zero points.
// RUN: resq-opt --resq-lower-generic --split-input-file %s | FileCheck %s --implicit-check-not=unrealized --implicit-check-not="resq."

// CHECK-LABEL: func.func @rotate(
// CHECK-SAME: %[[X:.*]]: tensor<?x12xf32>, %[[M:.*]]: tensor<2x3x3xf32>)
// CHECK: tensor.expand_shape %[[X]] {{.*}} : tensor<?x12xf32> into tensor<?x4x3xf32>
// CHECK: %[[C:.*]] = linalg.index 2
// CHECK: %[[K:.*]] = linalg.index 3
// CHECK: tensor.extract %[[M]][%{{.*}}, %[[C]], %[[K]]]
func.func @rotate(%x: tensor<?x12xf32>, %m: tensor<2x3x3xf32>) -> tensor<?x12xf32> {
  %y = resq.rotate %x, %m transposed : tensor<?x12xf32>, tensor<2x3x3xf32> -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

// -----

// One matrix for all blocks, rounded to f32.
// CHECK-LABEL: func.func @rotate_one(
// CHECK: arith.truncf {{.*}} : f64 to f32
// CHECK: linalg.generic
func.func @rotate_one(%x: tensor<?x12xf32>, %m: tensor<3x3xf64>) -> tensor<?x12xf32> {
  %y = resq.rotate %x, %m : tensor<?x12xf32>, tensor<3x3xf64> -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

// -----

// 24 = 12 x 2: one stage of butterflies and Paley's matrix of order 12.
// CHECK-LABEL: func.func @hadamard(
// CHECK: arith.constant {{.*}} : tensor<12x12xi8>
// CHECK: linalg.generic {{.*}} outs({{.*}} : tensor<?x24xf32>)
// CHECK: tensor<?x1x12x2xf32>, tensor<12x12xi8>
// CHECK: arith.mulf
func.func @hadamard(%x: tensor<?x24xf32>) -> tensor<?x24xf32> {
  %y = resq.hadamard %x size 24 : tensor<?x24xf32> -> tensor<?x24xf32>
  return %y : tensor<?x24xf32>
}

// -----

// CHECK-LABEL: func.func @moves(
// CHECK: dense<[1, 0, 3, 2, 5, 4, 7, 6]> : tensor<8xi32>
// CHECK-COUNT-7: linalg.generic
func.func @moves(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %l, %h = resq.split %x block 4 high 1 : tensor<?x8xf32> -> tensor<?x6xf32>, tensor<?x2xf32>
  %d = resq.add %l, %l : tensor<?x6xf32>
  %j = resq.join %d, %h block 4 high 1 : tensor<?x6xf32>, tensor<?x2xf32> -> tensor<?x8xf32>
  %p = resq.permute %j order [1, 0, 3, 2, 5, 4, 7, 6] : tensor<?x8xf32> -> tensor<?x8xf32>
  %a = resq.slice %p dim 1 begin 4 : tensor<?x8xf32> -> tensor<?x4xf32>
  %y = resq.concat %a, %a dim 1 : tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// CHECK-LABEL: func.func @quantize(
// CHECK: arith.minnumf
// CHECK: arith.maxnumf
// CHECK: arith.divf
// CHECK: math.roundeven
// CHECK: linalg.generic {{.*}} outs({{.*}} : tensor<?x2x4xi32>)
// CHECK: arith.divf
// CHECK-NEXT: math.roundeven
// CHECK: arith.subi
// CHECK-NEXT: arith.sitofp
// CHECK-NEXT: arith.mulf
func.func @quantize(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %q = resq.quantize %x {clip = 0.9 : f32} : tensor<?x8xf32> -> tensor<?x8x!resq.quant<bits = 4, group = 4, zero = true, layout = row>>
  %y = resq.dequantize %q : tensor<?x8x!resq.quant<bits = 4, group = 4, zero = true, layout = row>> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// A clip by a param is an argument; the definition is the same.
resq.param @clip : tensor<1xf32>
// CHECK-LABEL: func.func @quantize_clip_by(
// CHECK-SAME: %[[C:[a-z0-9]+]]: tensor<1xf32> {resq.param = "clip"}
// CHECK: %[[CLIP:.*]] = tensor.extract %[[C]]
// CHECK: arith.mulf %{{.*}}, %[[CLIP]]
func.func @quantize_clip_by(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %c = resq.get @clip : tensor<1xf32>
  %q = resq.quantize %x clip_by %c : tensor<1xf32> : tensor<?x8xf32> -> tensor<?x8x!resq.quant<bits = 4, group = 4, zero = true, layout = row>>
  %y = resq.dequantize %q : tensor<?x8x!resq.quant<bits = 4, group = 4, zero = true, layout = row>> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// E4M3: a symmetric scale, codes as bytes, products of floats in f32. Groups of 4 are stored as 8: 4 steps of 64 bytes, 16 scales.
resq.param @w : tensor<3x8x!resq.quant<bits = 8, group = 8, zero = false, layout = n16k4, codebook = e4m3, pack_group = 4, base = 8>>
// CHECK-LABEL: func.func @e4m3(
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<288xi8> {resq.param = "w"}
// CHECK-DAG: arith.constant 4.480000e+02 : f32
// CHECK: tensor.extract %[[W]]
// CHECK: math.absf
// CHECK: %[[P:.*]] = arith.mulf %in, %in_{{[0-9]+}} : f32
// CHECK-NEXT: arith.addf %out, %[[P]] : f32
func.func @e4m3(%x: tensor<?x8xf32>) -> tensor<?x3xf32> {
  %w = resq.get @w : tensor<3x8x!resq.quant<bits = 8, group = 8, zero = false, layout = n16k4, codebook = e4m3, pack_group = 4, base = 8>>
  %q = resq.quantize %x : tensor<?x8xf32> -> tensor<?x8x!resq.quant<bits = 8, group = 4, zero = false, layout = row, codebook = e4m3>>
  %d = resq.dequantize %q : tensor<?x8x!resq.quant<bits = 8, group = 4, zero = false, layout = row, codebook = e4m3>> -> tensor<?x8xf32>
  %q2 = resq.quantize %d : tensor<?x8xf32> -> tensor<?x8x!resq.quant<bits = 8, group = 4, zero = false, layout = row, codebook = e4m3>>
  %y = resq.qlinear %q2 by %w : tensor<?x8x!resq.quant<bits = 8, group = 4, zero = false, layout = row, codebook = e4m3>> by tensor<3x8x!resq.quant<bits = 8, group = 8, zero = false, layout = n16k4, codebook = e4m3, pack_group = 4, base = 8>> -> tensor<?x3xf32>
  return %y : tensor<?x3xf32>
}
