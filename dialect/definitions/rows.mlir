//===-- rows.mlir - element-wise ops and moves of rows --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// resq.rms_norm, gate, add, gather_rows, permute, split, join, slice and concat.
//===----------------------------------------------------------------------===//

// y = x / sqrt(mean(x^2) + eps) * gain; the squares are summed in order.
func.func @resq.def.rms_norm(%x: tensor<?x?xf32>, %gain: tensor<?xf32>, %eps: f32)
    -> tensor<?x?xf32> {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = tensor.dim %x, %c0 : tensor<?x?xf32>
  %width = tensor.dim %x, %c1 : tensor<?x?xf32>
  %width_i64 = arith.index_cast %width : index to i64
  %count = arith.sitofp %width_i64 : i64 to f32
  %sums_empty = tensor.empty(%rows) : tensor<?xf32>
  %sums_init = linalg.fill ins(%zero : f32) outs(%sums_empty : tensor<?xf32>) -> tensor<?xf32>
  %sums = linalg.generic {
      indexing_maps = [affine_map<(r, i) -> (r, i)>, affine_map<(r, i) -> (r)>],
      iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<?x?xf32>) outs(%sums_init : tensor<?xf32>) {
  ^bb0(%e: f32, %sum: f32):
    %square = arith.mulf %e, %e : f32
    %next = arith.addf %sum, %square : f32
    linalg.yield %next : f32
  } -> tensor<?xf32>
  %roots_init = tensor.empty(%rows) : tensor<?xf32>
  %roots = linalg.generic {
      indexing_maps = [affine_map<(r) -> (r)>, affine_map<(r) -> (r)>],
      iterator_types = ["parallel"]}
      ins(%sums : tensor<?xf32>) outs(%roots_init : tensor<?xf32>) {
  ^bb0(%sum: f32, %out: f32):
    %mean = arith.divf %sum, %count : f32
    %above = arith.addf %mean, %eps : f32
    %root = math.sqrt %above : f32
    linalg.yield %root : f32
  } -> tensor<?xf32>
  %init = tensor.empty(%rows, %width) : tensor<?x?xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(r, i) -> (r, i)>, affine_map<(r, i) -> (r)>,
                       affine_map<(r, i) -> (i)>, affine_map<(r, i) -> (r, i)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%x, %roots, %gain : tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32>)
      outs(%init : tensor<?x?xf32>) {
  ^bb0(%e: f32, %root: f32, %g: f32, %out: f32):
    %normal = arith.divf %e, %root : f32
    %scaled = arith.mulf %normal, %g : f32
    linalg.yield %scaled : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// y = gate / (1 + exp(-gate)) * up.
func.func @resq.def.silu_gate(%gate: tensor<?x?xf32>, %up: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %one = arith.constant 1.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = tensor.dim %gate, %c0 : tensor<?x?xf32>
  %width = tensor.dim %gate, %c1 : tensor<?x?xf32>
  %init = tensor.empty(%rows, %width) : tensor<?x?xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(r, i) -> (r, i)>, affine_map<(r, i) -> (r, i)>,
                       affine_map<(r, i) -> (r, i)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%gate, %up : tensor<?x?xf32>, tensor<?x?xf32>) outs(%init : tensor<?x?xf32>) {
  ^bb0(%g: f32, %u: f32, %out: f32):
    %minus = arith.negf %g : f32
    %power = math.exp %minus : f32
    %below = arith.addf %one, %power : f32
    %silu = arith.divf %g, %below : f32
    %p = arith.mulf %silu, %u : f32
    linalg.yield %p : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

func.func @resq.def.add(%a: tensor<?x?xf32>, %b: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = tensor.dim %a, %c0 : tensor<?x?xf32>
  %width = tensor.dim %a, %c1 : tensor<?x?xf32>
  %init = tensor.empty(%rows, %width) : tensor<?x?xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(r, i) -> (r, i)>, affine_map<(r, i) -> (r, i)>,
                       affine_map<(r, i) -> (r, i)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%a, %b : tensor<?x?xf32>, tensor<?x?xf32>) outs(%init : tensor<?x?xf32>) {
  ^bb0(%u: f32, %v: f32, %out: f32):
    %sum = arith.addf %u, %v : f32
    linalg.yield %sum : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// y[i, :] = x[index[i], :].
func.func @resq.def.gather_rows(%x: tensor<?x?xf32>, %index: tensor<?xi32>) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = tensor.dim %index, %c0 : tensor<?xi32>
  %width = tensor.dim %x, %c1 : tensor<?x?xf32>
  %init = tensor.empty(%rows, %width) : tensor<?x?xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(r, i) -> (r)>, affine_map<(r, i) -> (r, i)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%index : tensor<?xi32>) outs(%init : tensor<?x?xf32>) {
  ^bb0(%from: i32, %out: f32):
    %i = linalg.index 1 : index
    %row = arith.index_cast %from : i32 to index
    %e = tensor.extract %x[%row, %i] : tensor<?x?xf32>
    linalg.yield %e : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// y[r, i] = x[r, order[i]].
func.func @resq.def.permute(%x: tensor<?x?xf32>, %order: tensor<?xi32>) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = tensor.dim %x, %c0 : tensor<?x?xf32>
  %width = tensor.dim %x, %c1 : tensor<?x?xf32>
  %init = tensor.empty(%rows, %width) : tensor<?x?xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(r, i) -> (i)>, affine_map<(r, i) -> (r, i)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%order : tensor<?xi32>) outs(%init : tensor<?x?xf32>) {
  ^bb0(%from: i32, %out: f32):
    %r = linalg.index 0 : index
    %column = arith.index_cast %from : i32 to index
    %e = tensor.extract %x[%r, %column] : tensor<?x?xf32>
    linalg.yield %e : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// Of each block of `block` columns those from `begin`, `count` of them: both halves of resq.split.
func.func @resq.def.split_part(%x: tensor<?x?xf32>, %block: index, %begin: index, %count: index)
    -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = tensor.dim %x, %c0 : tensor<?x?xf32>
  %width = tensor.dim %x, %c1 : tensor<?x?xf32>
  %blocks = arith.divui %width, %block : index
  %part = arith.muli %blocks, %count : index
  %init = tensor.empty(%rows, %part) : tensor<?x?xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(r, i) -> (r, i)>], iterator_types = ["parallel", "parallel"]}
      outs(%init : tensor<?x?xf32>) {
  ^bb0(%out: f32):
    %r = linalg.index 0 : index
    %i = linalg.index 1 : index
    %b = arith.divui %i, %count : index
    %inside = arith.remui %i, %count : index
    %first = arith.muli %b, %block : index
    %start = arith.addi %first, %begin : index
    %column = arith.addi %start, %inside : index
    %e = tensor.extract %x[%r, %column] : tensor<?x?xf32>
    linalg.yield %e : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// The inverse of split: blocks of `block` columns, the last `high` of each from %high_part.
func.func @resq.def.join(%low: tensor<?x?xf32>, %high_part: tensor<?x?xf32>, %block: index,
                                 %high: index) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = tensor.dim %low, %c0 : tensor<?x?xf32>
  %low_width = tensor.dim %low, %c1 : tensor<?x?xf32>
  %high_width = tensor.dim %high_part, %c1 : tensor<?x?xf32>
  %width = arith.addi %low_width, %high_width : index
  %low_size = arith.subi %block, %high : index
  %init = tensor.empty(%rows, %width) : tensor<?x?xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(r, i) -> (r, i)>], iterator_types = ["parallel", "parallel"]}
      outs(%init : tensor<?x?xf32>) {
  ^bb0(%out: f32):
    %r = linalg.index 0 : index
    %i = linalg.index 1 : index
    %b = arith.divui %i, %block : index
    %inside = arith.remui %i, %block : index
    %is_low = arith.cmpi ult, %inside, %low_size : index
    %e = scf.if %is_low -> (f32) {
      %first = arith.muli %b, %low_size : index
      %column = arith.addi %first, %inside : index
      %l = tensor.extract %low[%r, %column] : tensor<?x?xf32>
      scf.yield %l : f32
    } else {
      %first = arith.muli %b, %high : index
      %past = arith.subi %inside, %low_size : index
      %column = arith.addi %first, %past : index
      %h = tensor.extract %high_part[%r, %column] : tensor<?x?xf32>
      scf.yield %h : f32
    }
    linalg.yield %e : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// A window of rows and columns: resq.slice along either dimension.
func.func @resq.def.slice(%x: tensor<?x?xf32>, %row: index, %column: index, %rows: index,
                                  %columns: index) -> tensor<?x?xf32> {
  %init = tensor.empty(%rows, %columns) : tensor<?x?xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(r, i) -> (r, i)>], iterator_types = ["parallel", "parallel"]}
      outs(%init : tensor<?x?xf32>) {
  ^bb0(%out: f32):
    %r = linalg.index 0 : index
    %i = linalg.index 1 : index
    %from_row = arith.addi %r, %row : index
    %from_column = arith.addi %i, %column : index
    %e = tensor.extract %x[%from_row, %from_column] : tensor<?x?xf32>
    linalg.yield %e : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// b to the right of a, or below it: resq.concat of two.
func.func @resq.def.concat_columns(%a: tensor<?x?xf32>, %b: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = tensor.dim %a, %c0 : tensor<?x?xf32>
  %left = tensor.dim %a, %c1 : tensor<?x?xf32>
  %right = tensor.dim %b, %c1 : tensor<?x?xf32>
  %width = arith.addi %left, %right : index
  %init = tensor.empty(%rows, %width) : tensor<?x?xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(r, i) -> (r, i)>], iterator_types = ["parallel", "parallel"]}
      outs(%init : tensor<?x?xf32>) {
  ^bb0(%out: f32):
    %r = linalg.index 0 : index
    %i = linalg.index 1 : index
    %is_left = arith.cmpi ult, %i, %left : index
    %e = scf.if %is_left -> (f32) {
      %u = tensor.extract %a[%r, %i] : tensor<?x?xf32>
      scf.yield %u : f32
    } else {
      %column = arith.subi %i, %left : index
      %v = tensor.extract %b[%r, %column] : tensor<?x?xf32>
      scf.yield %v : f32
    }
    linalg.yield %e : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

func.func @resq.def.concat_rows(%a: tensor<?x?xf32>, %b: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %top = tensor.dim %a, %c0 : tensor<?x?xf32>
  %bottom = tensor.dim %b, %c0 : tensor<?x?xf32>
  %width = tensor.dim %a, %c1 : tensor<?x?xf32>
  %rows = arith.addi %top, %bottom : index
  %init = tensor.empty(%rows, %width) : tensor<?x?xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(r, i) -> (r, i)>], iterator_types = ["parallel", "parallel"]}
      outs(%init : tensor<?x?xf32>) {
  ^bb0(%out: f32):
    %r = linalg.index 0 : index
    %i = linalg.index 1 : index
    %is_top = arith.cmpi ult, %r, %top : index
    %e = scf.if %is_top -> (f32) {
      %u = tensor.extract %a[%r, %i] : tensor<?x?xf32>
      scf.yield %u : f32
    } else {
      %row = arith.subi %r, %top : index
      %v = tensor.extract %b[%row, %i] : tensor<?x?xf32>
      scf.yield %v : f32
    }
    linalg.yield %e : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}
