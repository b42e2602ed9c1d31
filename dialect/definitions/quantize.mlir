//===-- quantize.mlir - activation codes and integer products -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A quantised value is three tensors: codes [rows, width] and zero points
// [rows, groups] in i32, scales [rows, groups] in f32. Codes are exact on all levels.
//===----------------------------------------------------------------------===//

// lo = min(0, min x) * clip, hi = max(0, max x) * clip; s = max((hi - lo) / top, 1e-8);
// z = rne(-lo / s); code = clamp(rne(x / s) + z, 0, top). NaN is no extreme, and codes as 0.
func.func @resq.def.quantize(%x: tensor<?x?xf32>, %group: index, %bits: i32, %clip: f32)
    -> (tensor<?x?xi32>, tensor<?x?xf32>, tensor<?x?xi32>) {
  %zero = arith.constant 0.0 : f32
  %least = arith.constant 1.0e-8 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %one = arith.constant 1 : i32
  %rows = tensor.dim %x, %c0 : tensor<?x?xf32>
  %width = tensor.dim %x, %c1 : tensor<?x?xf32>
  %groups = arith.divui %width, %group : index
  %levels = arith.shli %one, %bits : i32
  %top_i32 = arith.subi %levels, %one : i32
  %top = arith.sitofp %top_i32 : i32 to f32
  %parts = tensor.expand_shape %x [[0], [1, 2]] output_shape [%rows, %groups, %group]
      : tensor<?x?xf32> into tensor<?x?x?xf32>

  %low_empty = tensor.empty(%rows, %groups) : tensor<?x?xf32>
  %low_init = linalg.fill ins(%zero : f32) outs(%low_empty : tensor<?x?xf32>) -> tensor<?x?xf32>
  %low = linalg.generic {
      indexing_maps = [affine_map<(r, g, k) -> (r, g, k)>, affine_map<(r, g, k) -> (r, g)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%parts : tensor<?x?x?xf32>) outs(%low_init : tensor<?x?xf32>) {
  ^bb0(%e: f32, %so_far: f32):
    %next = arith.minnumf %e, %so_far : f32
    linalg.yield %next : f32
  } -> tensor<?x?xf32>
  %high_empty = tensor.empty(%rows, %groups) : tensor<?x?xf32>
  %high_init = linalg.fill ins(%zero : f32) outs(%high_empty : tensor<?x?xf32>) -> tensor<?x?xf32>
  %high = linalg.generic {
      indexing_maps = [affine_map<(r, g, k) -> (r, g, k)>, affine_map<(r, g, k) -> (r, g)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%parts : tensor<?x?x?xf32>) outs(%high_init : tensor<?x?xf32>) {
  ^bb0(%e: f32, %so_far: f32):
    %next = arith.maxnumf %e, %so_far : f32
    linalg.yield %next : f32
  } -> tensor<?x?xf32>

  %scale_init = tensor.empty(%rows, %groups) : tensor<?x?xf32>
  %scale = linalg.generic {
      indexing_maps = [affine_map<(r, g) -> (r, g)>, affine_map<(r, g) -> (r, g)>,
                       affine_map<(r, g) -> (r, g)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%low, %high : tensor<?x?xf32>, tensor<?x?xf32>) outs(%scale_init : tensor<?x?xf32>) {
  ^bb0(%l: f32, %h: f32, %out: f32):
    %lo = arith.mulf %l, %clip : f32
    %hi = arith.mulf %h, %clip : f32
    %range = arith.subf %hi, %lo : f32
    %step = arith.divf %range, %top : f32
    %s = arith.maxnumf %step, %least : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
  %point_init = tensor.empty(%rows, %groups) : tensor<?x?xi32>
  %point = linalg.generic {
      indexing_maps = [affine_map<(r, g) -> (r, g)>, affine_map<(r, g) -> (r, g)>,
                       affine_map<(r, g) -> (r, g)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%low, %scale : tensor<?x?xf32>, tensor<?x?xf32>) outs(%point_init : tensor<?x?xi32>) {
  ^bb0(%l: f32, %s: f32, %out: i32):
    %lo = arith.mulf %l, %clip : f32
    %minus = arith.negf %lo : f32
    %quotient = arith.divf %minus, %s : f32
    %rounded = math.roundeven %quotient : f32
    %above = arith.maxnumf %rounded, %zero : f32
    %inside = arith.minnumf %above, %top : f32
    %z = arith.fptosi %inside : f32 to i32
    linalg.yield %z : i32
  } -> tensor<?x?xi32>

  // The clamp is done on floats: sums of integers this small are exact, and no conversion overflows.
  %codes_init = tensor.empty(%rows, %groups, %group) : tensor<?x?x?xi32>
  %codes = linalg.generic {
      indexing_maps = [affine_map<(r, g, k) -> (r, g, k)>, affine_map<(r, g, k) -> (r, g)>,
                       affine_map<(r, g, k) -> (r, g)>, affine_map<(r, g, k) -> (r, g, k)>],
      iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%parts, %scale, %point : tensor<?x?x?xf32>, tensor<?x?xf32>, tensor<?x?xi32>)
      outs(%codes_init : tensor<?x?x?xi32>) {
  ^bb0(%e: f32, %s: f32, %z: i32, %out: i32):
    %quotient = arith.divf %e, %s : f32
    %rounded = math.roundeven %quotient : f32
    %offset = arith.sitofp %z : i32 to f32
    %sum = arith.addf %rounded, %offset : f32
    %above = arith.maxnumf %sum, %zero : f32
    %inside = arith.minnumf %above, %top : f32
    %code = arith.fptosi %inside : f32 to i32
    linalg.yield %code : i32
  } -> tensor<?x?x?xi32>
  %flat = tensor.collapse_shape %codes [[0], [1, 2]] : tensor<?x?x?xi32> into tensor<?x?xi32>
  return %flat, %scale, %point : tensor<?x?xi32>, tensor<?x?xf32>, tensor<?x?xi32>
}

// A scale and zero point for each of `times` groups that share them.
func.func @resq.def.repeat_by_group(%scale: tensor<?x?xf32>, %point: tensor<?x?xi32>, %times: index)
    -> (tensor<?x?xf32>, tensor<?x?xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = tensor.dim %scale, %c0 : tensor<?x?xf32>
  %ranges = tensor.dim %scale, %c1 : tensor<?x?xf32>
  %groups = arith.muli %ranges, %times : index
  %scale_init = tensor.empty(%rows, %groups) : tensor<?x?xf32>
  %point_init = tensor.empty(%rows, %groups) : tensor<?x?xi32>
  %s, %z = linalg.generic {
      indexing_maps = [affine_map<(r, g) -> (r, g)>, affine_map<(r, g) -> (r, g)>],
      iterator_types = ["parallel", "parallel"]}
      outs(%scale_init, %point_init : tensor<?x?xf32>, tensor<?x?xi32>) {
  ^bb0(%a: f32, %b: i32):
    %r = linalg.index 0 : index
    %g = linalg.index 1 : index
    %range = arith.divui %g, %times : index
    %x = tensor.extract %scale[%r, %range] : tensor<?x?xf32>
    %y = tensor.extract %point[%r, %range] : tensor<?x?xi32>
    linalg.yield %x, %y : f32, i32
  } -> (tensor<?x?xf32>, tensor<?x?xi32>)
  return %s, %z : tensor<?x?xf32>, tensor<?x?xi32>
}

// x = scale * (code - zero).
func.func @resq.def.dequantize(%codes: tensor<?x?xi32>, %scale: tensor<?x?xf32>,
                                       %point: tensor<?x?xi32>) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = tensor.dim %codes, %c0 : tensor<?x?xi32>
  %width = tensor.dim %codes, %c1 : tensor<?x?xi32>
  %groups = tensor.dim %scale, %c1 : tensor<?x?xf32>
  %group = arith.divui %width, %groups : index
  %init = tensor.empty(%rows, %width) : tensor<?x?xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(r, i) -> (r, i)>, affine_map<(r, i) -> (r, i)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%codes : tensor<?x?xi32>) outs(%init : tensor<?x?xf32>) {
  ^bb0(%code: i32, %out: f32):
    %r = linalg.index 0 : index
    %i = linalg.index 1 : index
    %g = arith.divui %i, %group : index
    %s = tensor.extract %scale[%r, %g] : tensor<?x?xf32>
    %z = tensor.extract %point[%r, %g] : tensor<?x?xi32>
    %difference = arith.subi %code, %z : i32
    %value = arith.sitofp %difference : i32 to f32
    %e = arith.mulf %s, %value : f32
    linalg.yield %e : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// What a qlinear starts from: the bias on each of the rows of %codes.
func.func @resq.def.bias_rows(%codes: tensor<?x?xi32>, %bias: tensor<?xf32>) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %rows = tensor.dim %codes, %c0 : tensor<?x?xi32>
  %n = tensor.dim %bias, %c0 : tensor<?xf32>
  %init = tensor.empty(%rows, %n) : tensor<?x?xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(r, n) -> (n)>, affine_map<(r, n) -> (r, n)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%bias : tensor<?xf32>) outs(%init : tensor<?x?xf32>) {
  ^bb0(%b: f32, %out: f32):
    linalg.yield %b : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// t[r, n, g] = (sum over k in g of (code - zero) * weight, exact in i32) * scale[r, g].
func.func @resq.def.group_products(%codes: tensor<?x?xi32>, %scale: tensor<?x?xf32>,
                                           %point: tensor<?x?xi32>, %weight: tensor<?x?xi32>)
    -> tensor<?x?x?xf32> {
  %zero = arith.constant 0 : i32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = tensor.dim %codes, %c0 : tensor<?x?xi32>
  %width = tensor.dim %codes, %c1 : tensor<?x?xi32>
  %n = tensor.dim %weight, %c0 : tensor<?x?xi32>
  %groups = tensor.dim %scale, %c1 : tensor<?x?xf32>
  %group = arith.divui %width, %groups : index
  %x = tensor.expand_shape %codes [[0], [1, 2]] output_shape [%rows, %groups, %group]
      : tensor<?x?xi32> into tensor<?x?x?xi32>
  %w = tensor.expand_shape %weight [[0], [1, 2]] output_shape [%n, %groups, %group]
      : tensor<?x?xi32> into tensor<?x?x?xi32>
  %sums_empty = tensor.empty(%rows, %n, %groups) : tensor<?x?x?xi32>
  %sums_init = linalg.fill ins(%zero : i32) outs(%sums_empty : tensor<?x?x?xi32>) -> tensor<?x?x?xi32>
  %sums = linalg.generic {
      indexing_maps = [affine_map<(r, n, g, k) -> (r, g, k)>, affine_map<(r, n, g, k) -> (r, g)>,
                       affine_map<(r, n, g, k) -> (n, g, k)>, affine_map<(r, n, g, k) -> (r, n, g)>],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %point, %w : tensor<?x?x?xi32>, tensor<?x?xi32>, tensor<?x?x?xi32>)
      outs(%sums_init : tensor<?x?x?xi32>) {
  ^bb0(%code: i32, %z: i32, %q: i32, %sum: i32):
    %difference = arith.subi %code, %z : i32
    %p = arith.muli %difference, %q : i32
    %next = arith.addi %sum, %p : i32
    linalg.yield %next : i32
  } -> tensor<?x?x?xi32>
  %init = tensor.empty(%rows, %n, %groups) : tensor<?x?x?xf32>
  %t = linalg.generic {
      indexing_maps = [affine_map<(r, n, g) -> (r, n, g)>, affine_map<(r, n, g) -> (r, g)>,
                       affine_map<(r, n, g) -> (r, n, g)>],
      iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%sums, %scale : tensor<?x?x?xi32>, tensor<?x?xf32>) outs(%init : tensor<?x?x?xf32>) {
  ^bb0(%sum: i32, %s: f32, %out: f32):
    %value = arith.sitofp %sum : i32 to f32
    %p = arith.mulf %value, %s : f32
    linalg.yield %p : f32
  } -> tensor<?x?x?xf32>
  return %t : tensor<?x?x?xf32>
}

// A branch whose weight scale serves the whole row: y + scale_w[n] * (t[0] + t[1] + ...).
func.func @resq.def.add_row_scaled(%y: tensor<?x?xf32>, %t: tensor<?x?x?xf32>,
                                   %weight_scale: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = tensor.dim %t, %c0 : tensor<?x?x?xf32>
  %n = tensor.dim %t, %c1 : tensor<?x?x?xf32>
  %empty = tensor.empty(%rows, %n) : tensor<?x?xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x?xf32>) -> tensor<?x?xf32>
  %sums = linalg.generic {
      indexing_maps = [affine_map<(r, n, g) -> (r, n, g)>, affine_map<(r, n, g) -> (r, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%t : tensor<?x?x?xf32>) outs(%init : tensor<?x?xf32>) {
  ^bb0(%p: f32, %sum: f32):
    %next = arith.addf %sum, %p : f32
    linalg.yield %next : f32
  } -> tensor<?x?xf32>
  %total_init = tensor.empty(%rows, %n) : tensor<?x?xf32>
  %total = linalg.generic {
      indexing_maps = [affine_map<(r, n) -> (r, n)>, affine_map<(r, n) -> (r, n)>,
                       affine_map<(r, n) -> (n, 0)>, affine_map<(r, n) -> (r, n)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%y, %sums, %weight_scale : tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>)
      outs(%total_init : tensor<?x?xf32>) {
  ^bb0(%before: f32, %sum: f32, %s: f32, %out: f32):
    %p = arith.mulf %s, %sum : f32
    %next = arith.addf %before, %p : f32
    linalg.yield %next : f32
  } -> tensor<?x?xf32>
  return %total : tensor<?x?xf32>
}

// A branch whose weight scales follow the activation's groups: y + scale_w[n, 0] * t[0] + ...
func.func @resq.def.add_group_scaled(%y: tensor<?x?xf32>, %t: tensor<?x?x?xf32>,
                                     %weight_scale: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %total = linalg.generic {
      indexing_maps = [affine_map<(r, n, g) -> (r, n, g)>, affine_map<(r, n, g) -> (n, g)>,
                       affine_map<(r, n, g) -> (r, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%t, %weight_scale : tensor<?x?x?xf32>, tensor<?x?xf32>) outs(%y : tensor<?x?xf32>) {
  ^bb0(%value: f32, %s: f32, %sum: f32):
    %p = arith.mulf %s, %value : f32
    %next = arith.addf %sum, %p : f32
    linalg.yield %next : f32
  } -> tensor<?x?xf32>
  return %total : tensor<?x?xf32>
}
