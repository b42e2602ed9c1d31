// Row *small ones*: strings that are no C, in the names of functions and arguments.
module {
  func.func @"a*/b\0A??/\22\5C"(%x: tensor<?x4xf32> {resq.name = "int"}, %i: tensor<?xi32> {resq.name = "x y\0A*/"}) -> (tensor<?x4xf32> {resq.name = "int"}) {
    %y = resq.gather_rows %x, %i : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    return %y : tensor<?x4xf32>
  }
  func.func @a_b(%x: tensor<?x4xf32> {resq.name = "rows"}) -> tensor<?x4xf32> { return %x : tensor<?x4xf32> }
  func.func @"a.b"(%x: tensor<?x4xf32> {resq.name = "why"}) -> tensor<?x4xf32> { return %x : tensor<?x4xf32> }
  func.func @program(%x: tensor<3x4xf32>) -> tensor<3x4xf32> { return %x : tensor<3x4xf32> }
  func.func @none() { return }
  func.func @"\C3\BCnder/*"(%x: tensor<?x4xf32>) { return }
}
