//===-- rope.mlir - rotary embedding --------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// resq.rope_angles and resq.rope.
//===----------------------------------------------------------------------===//

// inv_freq[i] = 1 / base^(2i / size): the power in f64, rounded once to f32, then divided by factors[i].
// The angle is an f32 product; its cosine and sine are taken in f64 and rounded.
func.func @resq.def.rope_angles(%positions: tensor<?xi32>, %factors: tensor<?xf32>, %base: f32)
    -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %one = arith.constant 1.0 : f64
  %two = arith.constant 2.0 : f64
  %rows = tensor.dim %positions, %c0 : tensor<?xi32>
  %half = tensor.dim %factors, %c0 : tensor<?xf32>
  %size = arith.muli %half, %c2 : index
  %size_i64 = arith.index_cast %size : index to i64
  %size_f64 = arith.sitofp %size_i64 : i64 to f64
  %base_f64 = arith.extf %base : f32 to f64
  %freq_init = tensor.empty(%half) : tensor<?xf32>
  %freq = linalg.generic {
      indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
      iterator_types = ["parallel"]}
      ins(%factors : tensor<?xf32>) outs(%freq_init : tensor<?xf32>) {
  ^bb0(%factor: f32, %out: f32):
    %i = linalg.index 0 : index
    %i_i64 = arith.index_cast %i : index to i64
    %i_f64 = arith.sitofp %i_i64 : i64 to f64
    %twice = arith.mulf %i_f64, %two : f64
    %exponent = arith.divf %twice, %size_f64 : f64
    %power = math.powf %base_f64, %exponent : f64
    %inverse = arith.divf %one, %power : f64
    %narrow = arith.truncf %inverse : f64 to f32
    %scaled = arith.divf %narrow, %factor : f32
    linalg.yield %scaled : f32
  } -> tensor<?xf32>
  %init = tensor.empty(%rows, %size) : tensor<?x?xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(r, i) -> (r)>, affine_map<(r, i) -> (r, i)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%positions : tensor<?xi32>) outs(%init : tensor<?x?xf32>) {
  ^bb0(%position: i32, %out: f32):
    %i = linalg.index 1 : index
    %index = arith.remui %i, %half : index
    %f = tensor.extract %freq[%index] : tensor<?xf32>
    %p = arith.sitofp %position : i32 to f32
    %angle = arith.mulf %p, %f : f32
    %wide = arith.extf %angle : f32 to f64
    %is_cosine = arith.cmpi ult, %i, %half : index
    %e = scf.if %is_cosine -> (f64) {
      %cosine = math.cos %wide : f64
      scf.yield %cosine : f64
    } else {
      %sine = math.sin %wide : f64
      scf.yield %sine : f64
    }
    %rounded = arith.truncf %e : f64 to f32
    linalg.yield %rounded : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// Pairs (i, i + size/2) of the first `size` elements of each head turn; the others pass.
func.func @resq.def.rope(%x: tensor<?x?xf32>, %angles: tensor<?x?xf32>, %head_size: index)
    -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %rows = tensor.dim %x, %c0 : tensor<?x?xf32>
  %width = tensor.dim %x, %c1 : tensor<?x?xf32>
  %size = tensor.dim %angles, %c1 : tensor<?x?xf32>
  %half = arith.divui %size, %c2 : index
  %init = tensor.empty(%rows, %width) : tensor<?x?xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (r, c)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<?x?xf32>) outs(%init : tensor<?x?xf32>) {
  ^bb0(%e: f32, %out: f32):
    %r = linalg.index 0 : index
    %c = linalg.index 1 : index
    %i = arith.remui %c, %head_size : index
    %turns = arith.cmpi ult, %i, %size : index
    %result = scf.if %turns -> (f32) {
      %is_first = arith.cmpi ult, %i, %half : index
      %ahead = arith.addi %c, %half : index
      %behind = arith.subi %c, %half : index
      %partner = arith.select %is_first, %ahead, %behind : index
      %pair = arith.remui %i, %half : index
      %pair_sine = arith.addi %pair, %half : index
      %o = tensor.extract %x[%r, %partner] : tensor<?x?xf32>
      %cosine = tensor.extract %angles[%r, %pair] : tensor<?x?xf32>
      %sine = tensor.extract %angles[%r, %pair_sine] : tensor<?x?xf32>
      %own = arith.mulf %e, %cosine : f32
      %other = arith.mulf %o, %sine : f32
      %minus = arith.subf %own, %other : f32
      %plus = arith.addf %own, %other : f32
      %turned = arith.select %is_first, %minus, %plus : f32
      scf.yield %turned : f32
    } else {
      scf.yield %e : f32
    }
    linalg.yield %result : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}
