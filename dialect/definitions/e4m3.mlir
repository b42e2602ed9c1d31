//===-- e4m3.mlir - codes of OCP E4M3, and products of them ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sign, 4 bits of exponent with a bias of 7, 3 of mantissa; 0x7f and 0xff are NaN; no infinities.
// A quantised value is two tensors: codes [rows, width] in i32, 0 to 255, and scales
// [rows, groups] in f32. Codes and scales are exact on all levels; sums of products are f32.
//===----------------------------------------------------------------------===//

// 2^exponent, -126 to 127.
func.func @resq.def.power_of_two(%exponent: i32) -> f32 {
  %bias = arith.constant 127 : i32
  %place = arith.constant 23 : i32
  %biased = arith.addi %exponent, %bias : i32
  %bits = arith.shli %biased, %place : i32
  %y = arith.bitcast %bits : i32 to f32
  return %y : f32
}

// A number of exponent e >= -6 (2^e <= |x| < 2^(e+1), -6 for those below) is n = rne(|x| / 2^(e-3)) units, n = 8 to 16
// (0 to 8 below); its code is 8 (e + 6) + n. Beyond 448: 448. NaN: 0x7f. The sign is the eighth bit.
func.func @resq.def.e4m3_from_f32(%x: f32) -> i32 {
  %top = arith.constant 448.0 : f32
  %least = arith.constant -6 : i32
  %mantissa_bits = arith.constant 3 : i32
  %place = arith.constant 23 : i32
  %bias = arith.constant 127 : i32
  %nan = arith.constant 127 : i32
  %sign_place = arith.constant 24 : i32
  %sign_bit = arith.constant 128 : i32
  %positive = math.absf %x : f32
  %inside = arith.minnumf %positive, %top : f32
  %bits = arith.bitcast %inside : f32 to i32
  %biased = arith.shrui %bits, %place : i32
  %unlimited = arith.subi %biased, %bias : i32
  %exponent = arith.maxsi %unlimited, %least : i32
  %unit_exponent = arith.subi %exponent, %mantissa_bits : i32
  %unit = func.call @resq.def.power_of_two(%unit_exponent) : (i32) -> f32
  %quotient = arith.divf %inside, %unit : f32
  %rounded = math.roundeven %quotient : f32
  %n = arith.fptosi %rounded : f32 to i32
  %above = arith.subi %exponent, %least : i32
  %eights = arith.shli %above, %mantissa_bits : i32
  %number = arith.addi %eights, %n : i32
  %is_nan = arith.cmpf uno, %x, %x : f32
  %magnitude = arith.select %is_nan, %nan, %number : i32
  %all = arith.bitcast %x : f32 to i32
  %high = arith.shrui %all, %sign_place : i32
  %sign = arith.andi %high, %sign_bit : i32
  %code = arith.ori %magnitude, %sign : i32
  return %code : i32
}

// The inverse: m units of 2^-9 where the exponent field is 0, else 8 + m of 2^(field - 10).
func.func @resq.def.f32_from_e4m3(%code: i32) -> f32 {
  %zero = arith.constant 0 : i32
  %one = arith.constant 1 : i32
  %eight = arith.constant 8 : i32
  %seven = arith.constant 7 : i32
  %fifteen = arith.constant 15 : i32
  %ten = arith.constant 10 : i32
  %mantissa_bits = arith.constant 3 : i32
  %magnitude_bits = arith.constant 127 : i32
  %sign_bit = arith.constant 128 : i32
  %nan = arith.constant 0x7fc00000 : f32
  %mantissa = arith.andi %code, %seven : i32
  %shifted = arith.shrui %code, %mantissa_bits : i32
  %field = arith.andi %shifted, %fifteen : i32
  %is_subnormal = arith.cmpi eq, %field, %zero : i32
  %implicit = arith.select %is_subnormal, %zero, %eight : i32
  %n = arith.addi %implicit, %mantissa : i32
  %exponent = arith.maxsi %field, %one : i32
  %unit_exponent = arith.subi %exponent, %ten : i32
  %unit = func.call @resq.def.power_of_two(%unit_exponent) : (i32) -> f32
  %units = arith.sitofp %n : i32 to f32
  %number = arith.mulf %units, %unit : f32
  %magnitude = arith.andi %code, %magnitude_bits : i32
  %is_nan = arith.cmpi eq, %magnitude, %magnitude_bits : i32
  %positive = arith.select %is_nan, %nan, %number : f32
  %negative = arith.negf %positive : f32
  %sign = arith.andi %code, %sign_bit : i32
  %is_negative = arith.cmpi ne, %sign, %zero : i32
  %y = arith.select %is_negative, %negative, %positive : f32
  return %y : f32
}

// s = max(max |x| / 448, 1e-8); code = e4m3(x / s). NaN is no extreme.
func.func @resq.def.quantize_e4m3(%x: tensor<?x?xf32>, %group: index)
    -> (tensor<?x?xi32>, tensor<?x?xf32>) {
  %zero = arith.constant 0.0 : f32
  %least = arith.constant 1.0e-8 : f32
  %top = arith.constant 448.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = tensor.dim %x, %c0 : tensor<?x?xf32>
  %width = tensor.dim %x, %c1 : tensor<?x?xf32>
  %groups = arith.divui %width, %group : index
  %parts = tensor.expand_shape %x [[0], [1, 2]] output_shape [%rows, %groups, %group]
      : tensor<?x?xf32> into tensor<?x?x?xf32>
  %peak_empty = tensor.empty(%rows, %groups) : tensor<?x?xf32>
  %peak_init = linalg.fill ins(%zero : f32) outs(%peak_empty : tensor<?x?xf32>) -> tensor<?x?xf32>
  %peak = linalg.generic {
      indexing_maps = [affine_map<(r, g, k) -> (r, g, k)>, affine_map<(r, g, k) -> (r, g)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%parts : tensor<?x?x?xf32>) outs(%peak_init : tensor<?x?xf32>) {
  ^bb0(%e: f32, %so_far: f32):
    %magnitude = math.absf %e : f32
    %next = arith.maxnumf %magnitude, %so_far : f32
    linalg.yield %next : f32
  } -> tensor<?x?xf32>
  %scale_init = tensor.empty(%rows, %groups) : tensor<?x?xf32>
  %scale = linalg.generic {
      indexing_maps = [affine_map<(r, g) -> (r, g)>, affine_map<(r, g) -> (r, g)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%peak : tensor<?x?xf32>) outs(%scale_init : tensor<?x?xf32>) {
  ^bb0(%p: f32, %out: f32):
    %step = arith.divf %p, %top : f32
    %s = arith.maxnumf %step, %least : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
  %codes_init = tensor.empty(%rows, %groups, %group) : tensor<?x?x?xi32>
  %codes = linalg.generic {
      indexing_maps = [affine_map<(r, g, k) -> (r, g, k)>, affine_map<(r, g, k) -> (r, g)>,
                       affine_map<(r, g, k) -> (r, g, k)>],
      iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%parts, %scale : tensor<?x?x?xf32>, tensor<?x?xf32>) outs(%codes_init : tensor<?x?x?xi32>) {
  ^bb0(%e: f32, %s: f32, %out: i32):
    %quotient = arith.divf %e, %s : f32
    %code = func.call @resq.def.e4m3_from_f32(%quotient) : (f32) -> i32
    linalg.yield %code : i32
  } -> tensor<?x?x?xi32>
  %flat = tensor.collapse_shape %codes [[0], [1, 2]] : tensor<?x?x?xi32> into tensor<?x?xi32>
  return %flat, %scale : tensor<?x?xi32>, tensor<?x?xf32>
}

// x = scale * code.
func.func @resq.def.dequantize_e4m3(%codes: tensor<?x?xi32>, %scale: tensor<?x?xf32>)
    -> tensor<?x?xf32> {
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
    %value = func.call @resq.def.f32_from_e4m3(%code) : (i32) -> f32
    %e = arith.mulf %s, %value : f32
    linalg.yield %e : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// The numbers of codes, unscaled.
func.func @resq.def.e4m3_values(%codes: tensor<?x?xi32>) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = tensor.dim %codes, %c0 : tensor<?x?xi32>
  %width = tensor.dim %codes, %c1 : tensor<?x?xi32>
  %init = tensor.empty(%rows, %width) : tensor<?x?xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(r, i) -> (r, i)>, affine_map<(r, i) -> (r, i)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%codes : tensor<?x?xi32>) outs(%init : tensor<?x?xf32>) {
  ^bb0(%code: i32, %out: f32):
    %value = func.call @resq.def.f32_from_e4m3(%code) : (i32) -> f32
    linalg.yield %value : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// t[r, n, g] = (sum over k in g of code * weight, in f32, k rising) * scale[r, g].
func.func @resq.def.group_products_e4m3(%codes: tensor<?x?xi32>, %scale: tensor<?x?xf32>,
                                        %weight: tensor<?x?xi32>) -> tensor<?x?x?xf32> {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = tensor.dim %codes, %c0 : tensor<?x?xi32>
  %width = tensor.dim %codes, %c1 : tensor<?x?xi32>
  %n = tensor.dim %weight, %c0 : tensor<?x?xi32>
  %groups = tensor.dim %scale, %c1 : tensor<?x?xf32>
  %group = arith.divui %width, %groups : index
  %code_values = func.call @resq.def.e4m3_values(%codes) : (tensor<?x?xi32>) -> tensor<?x?xf32>
  %weight_values = func.call @resq.def.e4m3_values(%weight) : (tensor<?x?xi32>) -> tensor<?x?xf32>
  %x = tensor.expand_shape %code_values [[0], [1, 2]] output_shape [%rows, %groups, %group]
      : tensor<?x?xf32> into tensor<?x?x?xf32>
  %w = tensor.expand_shape %weight_values [[0], [1, 2]] output_shape [%n, %groups, %group]
      : tensor<?x?xf32> into tensor<?x?x?xf32>
  %sums_empty = tensor.empty(%rows, %n, %groups) : tensor<?x?x?xf32>
  %sums_init = linalg.fill ins(%zero : f32) outs(%sums_empty : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  %sums = linalg.generic {
      indexing_maps = [affine_map<(r, n, g, k) -> (r, g, k)>, affine_map<(r, n, g, k) -> (n, g, k)>,
                       affine_map<(r, n, g, k) -> (r, n, g)>],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<?x?x?xf32>, tensor<?x?x?xf32>) outs(%sums_init : tensor<?x?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %p = arith.mulf %a, %b : f32
    %next = arith.addf %sum, %p : f32
    linalg.yield %next : f32
  } -> tensor<?x?x?xf32>
  %init = tensor.empty(%rows, %n, %groups) : tensor<?x?x?xf32>
  %t = linalg.generic {
      indexing_maps = [affine_map<(r, n, g) -> (r, n, g)>, affine_map<(r, n, g) -> (r, g)>,
                       affine_map<(r, n, g) -> (r, n, g)>],
      iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%sums, %scale : tensor<?x?x?xf32>, tensor<?x?xf32>) outs(%init : tensor<?x?x?xf32>) {
  ^bb0(%sum: f32, %s: f32, %out: f32):
    %p = arith.mulf %sum, %s : f32
    linalg.yield %p : f32
  } -> tensor<?x?x?xf32>
  return %t : tensor<?x?x?xf32>
}
