// What a caller of a function must keep to follows from the ops that use an argument, whatever it is called.
// RUN: resq-opt --resq-lower-cpu %s | grep -o 'resq.entry = .*' | FileCheck %s
// Rules: below a limit, a row of an argument, a position, a sequence.

resq.kv_cache @a heads 1 size 8 keys #resq.kv_float<f32> values #resq.kv_float<f32>
resq.kv_cache @b heads 1 size 8 keys #resq.kv_float<f32> values #resq.kv_float<f32>
resq.param @table : tensor<40x8x!resq.panel<f32>> attributes {offset = 0 : i64, size = 1536 : i64}

// One argument in four ways has all bounds, and all rows are the same rows but those that are picked.
// CHECK: name = "ids", rows = -1 : i64, rows_as = 0 : i64, rules = {{\[\[}}"below", 40], ["position"], ["sequence"], ["row", 1]], width = 0
// CHECK-SAME: name = "table", rows = -1 : i64, rows_as = 1 : i64, rules = [], width = 8
// CHECK-SAME: name = "result0", rows = -1 : i64, rows_as = 0 : i64
// CHECK-SAME: function = "all"
// CHECK-SAME: uses = [{appends = true, cache = 1 : i64, positions = 0 : i64, sequences = 0 : i64}, {appends = false, cache = 1 : i64, positions = 0 : i64, sequences = 0 : i64}, {appends = true, cache = 0 : i64, positions = 0 : i64, sequences = 0 : i64}]
func.func @all(%i: tensor<?xi32> {resq.name = "ids"}, %t: tensor<?x8xf32> {resq.name = "table"}) -> tensor<?x8xf32> {
  %w = resq.get @table : tensor<40x8x!resq.panel<f32>>
  %e = resq.embed %i, %w : tensor<?xi32>, tensor<40x8x!resq.panel<f32>> -> tensor<?x8xf32>
  %g = resq.rope_angles %i {base = 10000.0 : f32} : tensor<?xi32> -> tensor<?x8xf32>
  %k = resq.rope %e, %g head_size 8 : tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
  resq.kv_append @b, %k, %e at %i, %i : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>
  %q = resq.attention @b, %k at %i, %i {scale = 1.0 : f32} : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
  resq.kv_append @a, %q, %e at %i, %i : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>
  %p = resq.gather_rows %t, %i : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
  %y = resq.add %p, %q : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// Numbers that index nothing have no rules. What is not used is apart.
// CHECK: rows_as = 0 : i64, rules = [], width = 0 : i64}
// CHECK-SAME: rows_as = 1 : i64, rules = [], width = 4 : i64}
// CHECK-SAME: name = "result0", rows = -1 : i64, rows_as = 0
// CHECK-SAME: function = "angles"
func.func @angles(%p: tensor<?xi32>, %unused: tensor<?x4xf32>) -> tensor<?x8xf32> {
  %g = resq.rope_angles %p {base = 10000.0 : f32} : tensor<?xi32> -> tensor<?x8xf32>
  return %g : tensor<?x8xf32>
}

// An extent that one of them fixes is that of all, and of every entry: 300 is more than its 16 rows.
// CHECK: name = "arg0", rows = 300 : i64, rows_as = 0 : i64
// CHECK-SAME: name = "arg1", rows = 300 : i64, rows_as = 0 : i64
// CHECK-SAME: name = "result0", rows = 300 : i64, rows_as = 0 : i64
// CHECK-SAME: function = "fixed"
// CHECK-SAME: max_rows = 300
func.func @fixed(%x: tensor<300x8xf32>, %y: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %z = resq.gate %x, %x : tensor<300x8xf32>, tensor<300x8xf32> -> tensor<300x8xf32>
  %g = resq.join %z, %y block 16 high 8 : tensor<300x8xf32>, tensor<?x8xf32> -> tensor<?x16xf32>
  %l, %h = resq.split %g block 16 high 8 : tensor<?x16xf32> -> tensor<?x8xf32>, tensor<?x8xf32>
  return %l : tensor<?x8xf32>
}

// The columns of a permutation that a caller gives: their number has nothing to do with rows.
// CHECK: rows_as = 0 : i64
// CHECK-SAME: name = "arg1", rows = 8 : i64, rows_as = 1 : i64, rules = {{\[\[}}"below", 8]]
// CHECK-SAME: name = "result0", rows = -1 : i64, rows_as = 0
// CHECK-SAME: function = "columns"
func.func @columns(%x: tensor<?x8xf32>, %o: tensor<8xi32>) -> tensor<?x8xf32> {
  %y = resq.permute %x by %o : tensor<8xi32> : tensor<?x8xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
