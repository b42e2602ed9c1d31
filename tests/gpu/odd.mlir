// Shapes that fit no block, step or tile of a device kernel, a bias, and rows read with a stride: for probe.py.
module attributes {resq.name = "odd"} {
  resq.param @w : tensor<41x50xf32> {
    %0 = resq.random_orthogonal [50] seed 11 : tensor<50x50xf64>
    %1 = resq.slice %0 dim 0 begin 0 : tensor<50x50xf64> -> tensor<41x50xf64>
    %2 = resq.cast %1 : tensor<41x50xf64> -> tensor<41x50xf32>
    resq.yield %2 : tensor<41x50xf32>
  }
  resq.param @b : tensor<41xf32> {
    %0 = arith.constant dense<0.75> : tensor<41xf32>
    resq.yield %0 : tensor<41xf32>
  }
  resq.param @v : tensor<70x33xf32> {
    %0 = resq.random_orthogonal [70] seed 12 : tensor<70x70xf64>
    %1 = resq.slice %0 dim 1 begin 7 : tensor<70x70xf64> -> tensor<70x33xf64>
    %2 = resq.cast %1 : tensor<70x33xf64> -> tensor<70x33xf32>
    resq.yield %2 : tensor<70x33xf32>
  }
  func.func @odd(%x: tensor<?x50xf32> {resq.name = "x"}) -> tensor<?x70xf32> {
    %w = resq.get @w : tensor<41x50xf32>
    %b = resq.get @b : tensor<41xf32>
    %y = resq.linear %x, %w bias %b : tensor<41xf32> {name = "wide"} : tensor<?x50xf32>, tensor<41x50xf32> -> tensor<?x41xf32>
    %s = resq.slice %y dim 1 begin 8 : tensor<?x41xf32> -> tensor<?x33xf32>
    %n = resq.rms_norm %s {eps = 1.0e-6 : f32, name = "strided"} : tensor<?x33xf32> -> tensor<?x33xf32>
    %v = resq.get @v : tensor<70x33xf32>
    %z = resq.linear %n, %v {name = "narrow"} : tensor<?x33xf32>, tensor<70x33xf32> -> tensor<?x70xf32>
    return %z : tensor<?x70xf32>
  }
}
