// What no check of arguments would catch when the function is called is refused when it is compiled.
// RUN: resq-opt --resq-lower-cpu --split-input-file --verify-diagnostics %s -o /dev/null

resq.param @rows : tensor<2xi32> attributes {offset = 0 : i64, size = 8 : i64}
func.func @index_is_a_parameter(%x: tensor<?x8xf32>) -> tensor<2x8xf32> {
  %i = resq.get @rows : tensor<2xi32>
  // expected-error @below {{operand 1 is a parameter: allowed are rows that a caller gives}}
  %y = resq.gather_rows %x, %i : tensor<?x8xf32>, tensor<2xi32> -> tensor<2x8xf32>
  return %y : tensor<2x8xf32>
}

// -----

func.func @index_is_computed(%x: tensor<?x8xf32>, %i: tensor<4xi32>) -> tensor<4x8xf32> {
  // expected-error @below {{operand 0 is no row of f32 with a fixed width}}
  %j = resq.permute %i order [3, 2, 1, 0] : tensor<4xi32> -> tensor<4xi32>
  %y = resq.gather_rows %x, %j : tensor<?x8xf32>, tensor<4xi32> -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

func.func @sum_of_positions(%p: tensor<?xi32>) -> tensor<?x8xf32> {
  // expected-error @below {{operand 0 is no row of f32 with a fixed width}}
  %q = resq.add %p, %p : tensor<?xi32>
  %y = resq.rope_angles %q {base = 10000.0 : f32} : tensor<?xi32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

resq.param @x : tensor<4x8xf32> attributes {offset = 0 : i64, size = 128 : i64}
func.func @rows_of_a_parameter(%i: tensor<?xi32>) -> tensor<?x8xf32> {
  %x = resq.get @x : tensor<4x8xf32>
  // expected-error @below {{operand 0 is a parameter: allowed are rows that a caller gives}}
  %y = resq.gather_rows %x, %i : tensor<4x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

resq.param @x : tensor<4x8xf32> attributes {offset = 0 : i64, size = 128 : i64}
func.func @returns_a_parameter() -> tensor<4x8xf32> {
  %x = resq.get @x : tensor<4x8xf32>
  // expected-error @below {{result 0 is a parameter: allowed are rows}}
  return %x : tensor<4x8xf32>
}

// -----

func.func @matrix_is_computed(%x: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %m = resq.gate %x, %x : tensor<8x8xf32>, tensor<8x8xf32> -> tensor<8x8xf32>
  // expected-error @below {{operand 1 is computed in the function: allowed is a parameter}}
  %y = resq.rotate %x, %m : tensor<8x8xf32>, tensor<8x8xf32> -> tensor<8x8xf32>
  return %y : tensor<8x8xf32>
}

// -----

func.func @rows_that_differ(%x: tensor<4x8xf32>, %y: tensor<5x8xf32>, %z: tensor<?x8xf32>) -> tensor<?x16xf32> {
  %l = resq.join %x, %z block 16 high 8 : tensor<4x8xf32>, tensor<?x8xf32> -> tensor<?x16xf32>
  // expected-error @below {{4 rows meet 5: they are the same rows}}
  %m = resq.join %y, %z block 16 high 8 : tensor<5x8xf32>, tensor<?x8xf32> -> tensor<?x16xf32>
  return %m : tensor<?x16xf32>
}

// -----

resq.kv_cache @c heads 1 size 8 keys #resq.kv_qjl_groups<rows = 32, outliers = 1, outlier_rows = 16, buffer = 32, window = 64> values #resq.kv_float<f16>
resq.param @s : tensor<32x8x!resq.panel<f32>> attributes {offset = 0 : i64, size = 1024 : i64}
// expected-error @below {{60 rows in a function: allowed are 33, by the window of a cache}}
func.func @more_than_the_window(%k: tensor<60x8xf32>, %p: tensor<60xi32>) {
  %s = resq.get @s : tensor<32x8x!resq.panel<f32>>
  resq.kv_append @c, %k, %k at %p, %p sketch %s : tensor<32x8x!resq.panel<f32>> : tensor<60x8xf32>, tensor<60x8xf32>, tensor<60xi32>
  return
}

// -----

// Every entry holds as many rows as a type fixes, of whatever they are.
resq.kv_cache @c heads 1 size 8 keys #resq.kv_qjl_groups<rows = 32, outliers = 1, outlier_rows = 16, buffer = 32, window = 64> values #resq.kv_float<f16>
resq.param @s : tensor<32x8x!resq.panel<f32>> attributes {offset = 0 : i64, size = 1024 : i64}
// expected-error @below {{60 rows in a function: allowed are 33, by the window of a cache}}
func.func @others_than_the_window(%k: tensor<?x8xf32>, %p: tensor<?xi32>, %x: tensor<60x8xf32>) -> tensor<60x8xf32> {
  %s = resq.get @s : tensor<32x8x!resq.panel<f32>>
  resq.kv_append @c, %k, %k at %p, %p sketch %s : tensor<32x8x!resq.panel<f32>> : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>
  %y = resq.add %x, %x : tensor<60x8xf32>
  return %y : tensor<60x8xf32>
}

// -----

func.func @slice_of_rows(%x: tensor<8x8xf32>) -> tensor<4x8xf32> {
  // expected-error @below {{a slice of rows in a function: allowed are columns (dim 1)}}
  %y = resq.slice %x dim 0 begin 2 : tensor<8x8xf32> -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// expected-error @below {{result 0: entry points give tensor<?xWxf32>}}
func.func @gives_ids(%p: tensor<?xi32>) -> tensor<?xi32> {
  return %p : tensor<?xi32>
}

// -----

// expected-error @below {{argument 0: resq.name is empty: allowed is a name}}
func.func @name(%x: tensor<?x16xf32> {resq.name = ""}) -> tensor<?x16xf32> {
  return %x : tensor<?x16xf32>
}

// -----

// expected-error @below {{result 0: resq.name is a string with NUL: allowed is a name}}
func.func @name(%x: tensor<?x16xf32>) -> (tensor<?x16xf32> {resq.name = "a\00"}) {
  return %x : tensor<?x16xf32>
}
