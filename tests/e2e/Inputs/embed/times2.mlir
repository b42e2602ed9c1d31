// One function name in two libraries: the row sum of x times 2, by a parameter that stands in the library's own file.
module {
  resq.param @w : tensor<16x16xf32> {
    %0 = arith.constant dense<2.0> : tensor<16x16xf32>
    resq.yield %0 : tensor<16x16xf32>
  }
  func.func @mlp(%x: tensor<?x16xf32> {resq.name = "x"}) -> (tensor<?x16xf32> {resq.name = "y"}) {
    %w = resq.get @w : tensor<16x16xf32>
    %y = resq.linear %x, %w : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
    return %y : tensor<?x16xf32>
  }
}
