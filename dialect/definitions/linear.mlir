//===-- linear.mlir - products with float weights -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// resq.linear, resq.head, resq.embed and resq.rotate: sums run over increasing k,
// from zero, products and sums rounded apart.
//===----------------------------------------------------------------------===//

// y = x W^T + bias. resq.head and a linear without bias: see product.
func.func @resq.def.linear(%x: tensor<?x?xf32>, %w: tensor<?x?xf32>, %bias: tensor<?xf32>)
    -> tensor<?x?xf32> {
  %product = func.call @resq.def.product(%x, %w)
      : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = tensor.dim %product, %c0 : tensor<?x?xf32>
  %n = tensor.dim %product, %c1 : tensor<?x?xf32>
  %init = tensor.empty(%rows, %n) : tensor<?x?xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(r, n) -> (r, n)>, affine_map<(r, n) -> (n)>,
                       affine_map<(r, n) -> (r, n)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%product, %bias : tensor<?x?xf32>, tensor<?xf32>) outs(%init : tensor<?x?xf32>) {
  ^bb0(%p: f32, %b: f32, %out: f32):
    %sum = arith.addf %p, %b : f32
    linalg.yield %sum : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

func.func @resq.def.product(%x: tensor<?x?xf32>, %w: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %rows = tensor.dim %x, %c0 : tensor<?x?xf32>
  %n = tensor.dim %w, %c0 : tensor<?x?xf32>
  %empty = tensor.empty(%rows, %n) : tensor<?x?xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x?xf32>) -> tensor<?x?xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(r, n, k) -> (r, k)>, affine_map<(r, n, k) -> (n, k)>,
                       affine_map<(r, n, k) -> (r, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<?x?xf32>, tensor<?x?xf32>) outs(%init : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %p = arith.mulf %a, %b : f32
    %next = arith.addf %sum, %p : f32
    linalg.yield %next : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// y[r, i] = scale[t, i / group] * codes[t, i], t = clamp(token[r]).
func.func @resq.def.embed_codes(%tokens: tensor<?xi32>, %codes: tensor<?x?xi32>, %scale: tensor<?x?xf32>)
    -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = tensor.dim %tokens, %c0 : tensor<?xi32>
  %vocabulary = tensor.dim %codes, %c0 : tensor<?x?xi32>
  %width = tensor.dim %codes, %c1 : tensor<?x?xi32>
  %groups = tensor.dim %scale, %c1 : tensor<?x?xf32>
  %group = arith.divui %width, %groups : index
  %last = arith.subi %vocabulary, %c1 : index
  %init = tensor.empty(%rows, %width) : tensor<?x?xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(r, i) -> (r)>, affine_map<(r, i) -> (r, i)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%tokens : tensor<?xi32>) outs(%init : tensor<?x?xf32>) {
  ^bb0(%token: i32, %out: f32):
    %i = linalg.index 1 : index
    %g = arith.divui %i, %group : index
    %id = arith.index_cast %token : i32 to index
    %low = arith.maxsi %id, %c0 : index
    %row = arith.minsi %low, %last : index
    %code = tensor.extract %codes[%row, %i] : tensor<?x?xi32>
    %s = tensor.extract %scale[%row, %g] : tensor<?x?xf32>
    %value = arith.sitofp %code : i32 to f32
    %e = arith.mulf %s, %value : f32
    linalg.yield %e : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// y[r, :] = table[clamp(token[r]), :].
func.func @resq.def.embed(%tokens: tensor<?xi32>, %table: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = tensor.dim %tokens, %c0 : tensor<?xi32>
  %vocabulary = tensor.dim %table, %c0 : tensor<?x?xf32>
  %width = tensor.dim %table, %c1 : tensor<?x?xf32>
  %last = arith.subi %vocabulary, %c1 : index
  %init = tensor.empty(%rows, %width) : tensor<?x?xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(r, i) -> (r)>, affine_map<(r, i) -> (r, i)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%tokens : tensor<?xi32>) outs(%init : tensor<?x?xf32>) {
  ^bb0(%token: i32, %out: f32):
    %i = linalg.index 1 : index
    %id = arith.index_cast %token : i32 to index
    %low = arith.maxsi %id, %c0 : index
    %row = arith.minsi %low, %last : index
    %e = tensor.extract %table[%row, %i] : tensor<?x?xf32>
    linalg.yield %e : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// Block j of x times matrix[j * blocks / g], or its transpose.
func.func @resq.def.rotate(%x: tensor<?x?xf32>, %matrix: tensor<?x?x?xf32>, %transposed: i1)
    -> tensor<?x?xf32> {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = tensor.dim %x, %c0 : tensor<?x?xf32>
  %width = tensor.dim %x, %c1 : tensor<?x?xf32>
  %blocks = tensor.dim %matrix, %c0 : tensor<?x?x?xf32>
  %size = tensor.dim %matrix, %c1 : tensor<?x?x?xf32>
  %g = arith.divui %width, %size : index
  %split = tensor.expand_shape %x [[0], [1, 2]] output_shape [%rows, %g, %size]
      : tensor<?x?xf32> into tensor<?x?x?xf32>
  %empty = tensor.empty(%rows, %g, %size) : tensor<?x?x?xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  %turned = linalg.generic {
      indexing_maps = [affine_map<(r, j, c, k) -> (r, j, k)>, affine_map<(r, j, c, k) -> (r, j, c)>],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%split : tensor<?x?x?xf32>) outs(%init : tensor<?x?x?xf32>) {
  ^bb0(%a: f32, %sum: f32):
    %j = linalg.index 1 : index
    %c = linalg.index 2 : index
    %k = linalg.index 3 : index
    %scaled = arith.muli %j, %blocks : index
    %block = arith.divui %scaled, %g : index
    %row = arith.select %transposed, %c, %k : index
    %column = arith.select %transposed, %k, %c : index
    %m = tensor.extract %matrix[%block, %row, %column] : tensor<?x?x?xf32>
    %p = arith.mulf %a, %m : f32
    %next = arith.addf %sum, %p : f32
    linalg.yield %next : f32
  } -> tensor<?x?x?xf32>
  %y = tensor.collapse_shape %turned [[0], [1, 2]] : tensor<?x?x?xf32> into tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}
