//===-- hadamard.mlir - orthonormal Hadamard transform --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Blocks of `size` are [order, size / order]: `stages` = log2(size / order)
// butterflies of growing stride along the last axis, then the order x order signs
// (the transpose for the inverse) along the first, then times 1 / sqrt(size), which
// is taken in f64 and rounded once. Equal to the kernels bit for bit.
//===----------------------------------------------------------------------===//

func.func @resq.def.hadamard(%x: tensor<?x?xf32>, %signs: tensor<?x?xi8>, %size: index,
                                     %stages: index) -> tensor<?x?xf32> {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = tensor.dim %x, %c0 : tensor<?x?xf32>
  %width = tensor.dim %x, %c1 : tensor<?x?xf32>
  %order = tensor.dim %signs, %c0 : tensor<?x?xi8>
  %length = arith.divui %size, %order : index
  %blocks = arith.divui %width, %size : index
  %size_i64 = arith.index_cast %size : index to i64
  %size_f64 = arith.sitofp %size_i64 : i64 to f64
  %root = math.sqrt %size_f64 : f64
  %one = arith.constant 1.0 : f64
  %inverse = arith.divf %one, %root : f64
  %scale = arith.truncf %inverse : f64 to f32

  %mixed = scf.for %s = %c0 to %stages step %c1 iter_args(%v = %x) -> (tensor<?x?xf32>) {
    %stride = arith.shli %c1, %s : index
    %init = tensor.empty(%rows, %width) : tensor<?x?xf32>
    %next = linalg.generic {
        indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (r, c)>],
        iterator_types = ["parallel", "parallel"]}
        ins(%v : tensor<?x?xf32>) outs(%init : tensor<?x?xf32>) {
    ^bb0(%e: f32, %out: f32):
      %r = linalg.index 0 : index
      %c = linalg.index 1 : index
      %i = arith.remui %c, %length : index
      %bit = arith.andi %i, %stride : index
      %is_first = arith.cmpi eq, %bit, %c0 : index
      %ahead = arith.addi %c, %stride : index
      %behind = arith.subi %c, %stride : index
      %partner = arith.select %is_first, %ahead, %behind : index
      %o = tensor.extract %v[%r, %partner] : tensor<?x?xf32>
      %plus = arith.addf %e, %o : f32
      %minus = arith.subf %o, %e : f32
      %turned = arith.select %is_first, %plus, %minus : f32
      linalg.yield %turned : f32
    } -> tensor<?x?xf32>
    scf.yield %next : tensor<?x?xf32>
  }

  %parts = tensor.expand_shape %mixed [[0], [1, 2, 3]]
      output_shape [%rows, %blocks, %order, %length]
      : tensor<?x?xf32> into tensor<?x?x?x?xf32>
  %sums_empty = tensor.empty(%rows, %blocks, %order, %length) : tensor<?x?x?x?xf32>
  %sums_init = linalg.fill ins(%zero : f32) outs(%sums_empty : tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %sums = linalg.generic {
      indexing_maps = [affine_map<(r, b, i, c, k) -> (r, b, k, c)>,
                       affine_map<(r, b, i, c, k) -> (i, k)>,
                       affine_map<(r, b, i, c, k) -> (r, b, i, c)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%parts, %signs : tensor<?x?x?x?xf32>, tensor<?x?xi8>)
      outs(%sums_init : tensor<?x?x?x?xf32>) {
  ^bb0(%e: f32, %sign: i8, %sum: f32):
    %factor = arith.sitofp %sign : i8 to f32
    %p = arith.mulf %e, %factor : f32
    %next = arith.addf %sum, %p : f32
    linalg.yield %next : f32
  } -> tensor<?x?x?x?xf32>
  %flat = tensor.collapse_shape %sums [[0], [1, 2, 3]] : tensor<?x?x?x?xf32> into tensor<?x?xf32>
  %init = tensor.empty(%rows, %width) : tensor<?x?xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (r, c)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%flat : tensor<?x?xf32>) outs(%init : tensor<?x?xf32>) {
  ^bb0(%e: f32, %out: f32):
    %scaled = arith.mulf %e, %scale : f32
    linalg.yield %scaled : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}
