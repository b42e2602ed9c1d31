// An MLP written by hand, as in a llama layer: y = x + down(silu(gate(n)) * up(n)), n = rms_norm(x) * gain.
//
// The up projection is split by hand into what ResQ makes of it: its input turned by an orthogonal matrix, most of it (56
// columns) in a low branch, the rest (8) in a high one. The same function; with --resq-quantize after it, 4 and 8 bits.
// Weights are made from the checkpoint by recipes when the module is compiled: nothing here holds a number.
module attributes {resq.name = "mlp"} {
  resq.checkpoint @weights "weights.gguf", gguf

  resq.param @gain : tensor<64xf32> {
    %0 = resq.leaf @weights "gain" : tensor<64xf32>
    resq.yield %0 : tensor<64xf32>
  }
  resq.param @gate : tensor<160x64xf32> {
    %0 = resq.leaf @weights "gate" : tensor<160x64xf32>
    resq.yield %0 : tensor<160x64xf32>
  }
  resq.param @down : tensor<64x160xf32> {
    %0 = resq.leaf @weights "down" : tensor<64x160xf32>
    resq.yield %0 : tensor<64x160xf32>
  }

  // U = blockdiag(U_low, U_high), and the two parts of W U.
  resq.param @basis : tensor<64x64xf64> {
    %0 = resq.random_orthogonal [56, 8] seed 7 : tensor<64x64xf64>
    resq.yield %0 : tensor<64x64xf64>
  }
  resq.param @up.low : tensor<160x56xf32> {
    %0 = resq.leaf @weights "up" : tensor<160x64xf32>
    %1 = resq.get @basis : tensor<64x64xf64>
    %2 = resq.rotate %0, %1 : tensor<160x64xf32>, tensor<64x64xf64> -> tensor<160x64xf32>
    %low, %high = resq.split %2 block 64 high 8 : tensor<160x64xf32> -> tensor<160x56xf32>, tensor<160x8xf32>
    resq.yield %low : tensor<160x56xf32>
  }
  resq.param @up.high : tensor<160x8xf32> {
    %0 = resq.leaf @weights "up" : tensor<160x64xf32>
    %1 = resq.get @basis : tensor<64x64xf64>
    %2 = resq.rotate %0, %1 : tensor<160x64xf32>, tensor<64x64xf64> -> tensor<160x64xf32>
    %low, %high = resq.split %2 block 64 high 8 : tensor<160x64xf32> -> tensor<160x56xf32>, tensor<160x8xf32>
    resq.yield %high : tensor<160x8xf32>
  }

  func.func @mlp(%x: tensor<?x64xf32> {resq.name = "x"}) -> tensor<?x64xf32> {
    %gain = resq.get @gain : tensor<64xf32>
    %n = resq.rms_norm %x gain %gain : tensor<64xf32> {eps = 1.0e-5 : f32} : tensor<?x64xf32> -> tensor<?x64xf32>

    %wg = resq.get @gate : tensor<160x64xf32>
    %g = resq.linear %n, %wg {name = "gate"} : tensor<?x64xf32>, tensor<160x64xf32> -> tensor<?x160xf32>

    %u = resq.get @basis : tensor<64x64xf64>
    %r = resq.rotate %n, %u : tensor<?x64xf32>, tensor<64x64xf64> -> tensor<?x64xf32>
    %lo, %hi = resq.split %r block 64 high 8 : tensor<?x64xf32> -> tensor<?x56xf32>, tensor<?x8xf32>
    %wl = resq.get @up.low : tensor<160x56xf32>
    %wh = resq.get @up.high : tensor<160x8xf32>
    %ul = resq.linear %lo, %wl {name = "up"} : tensor<?x56xf32>, tensor<160x56xf32> -> tensor<?x160xf32>
    %uh = resq.linear %hi, %wh {name = "up"} : tensor<?x8xf32>, tensor<160x8xf32> -> tensor<?x160xf32>
    %up = resq.add %ul, %uh : tensor<?x160xf32>

    %a = resq.gate %g, %up : tensor<?x160xf32>, tensor<?x160xf32> -> tensor<?x160xf32>
    %wd = resq.get @down : tensor<64x160xf32>
    %d = resq.linear %a, %wd {name = "down"} : tensor<?x160xf32>, tensor<64x160xf32> -> tensor<?x64xf32>
    %y = resq.add %x, %d : tensor<?x64xf32>
    return %y : tensor<?x64xf32>
  }
}
