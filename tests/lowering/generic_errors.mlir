// What has no definition or no stored form is refused where it stands.
// RUN: resq-opt %s --resq-lower-generic --split-input-file --verify-diagnostics

!w = tensor<20x6x!resq.quant<bits = 4, group = 6, zero = false, layout = row>>
resq.param @q : !w
func.func @row_order() {
  // expected-error@+1 {{a quantized param has a stored form in layout n16k4 only: run --resq-pack}}
  %q = resq.get @q : !w
  return
}

// -----

!x = tensor<?x6x!resq.quant<bits = 4, group = 6, zero = true, layout = row>>
// expected-error@+1 {{argument 0 has a resq type: functions take and give float and integer tensors}}
func.func @codes(%q: !x) -> tensor<?x6xf32> {
  %y = resq.dequantize %q : !x -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}

// -----

func.func @wide(%x: tensor<?x2x6xf32>) -> tensor<?x2x6xf32> {
  // expected-error@+1 {{operands do not fit @resq.def.add: rank-2 rows of f32 (ids: i32) are lowered}}
  %y = resq.add %x, %x : tensor<?x2x6xf32>
  return %y : tensor<?x2x6xf32>
}

// -----

resq.param @b : tensor<2x6xf32>
func.func private @inner(%x: tensor<2x6xf32>) -> tensor<2x6xf32> {
  %b = resq.get @b : tensor<2x6xf32>
  %y = resq.add %x, %b : tensor<2x6xf32>
  return %y : tensor<2x6xf32>
}
func.func @outer(%x: tensor<2x6xf32>) -> tensor<2x6xf32> {
  // expected-error@+1 {{the callee uses params or caches, which become its arguments: inline it first}}
  %y = call @inner(%x) : (tensor<2x6xf32>) -> tensor<2x6xf32>
  return %y : tensor<2x6xf32>
}
