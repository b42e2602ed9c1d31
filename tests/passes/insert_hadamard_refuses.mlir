// A width with no known Hadamard matrix is refused, with the sizes that are allowed.
// RUN: resq-opt --resq-insert-hadamard --verify-diagnostics %s -o /dev/null

resq.checkpoint @ckpt "m.gguf", gguf
resq.param @down : tensor<4x18xf32> {
  %0 = resq.leaf @ckpt "down" : tensor<4x18xf32>
  resq.yield %0 : tensor<4x18xf32>
}
func.func @no_order(%g: tensor<?x18xf32>) -> tensor<?x4xf32> {
  %y = resq.gate %g, %g : tensor<?x18xf32>, tensor<?x18xf32> -> tensor<?x18xf32>
  %w = resq.get @down : tensor<4x18xf32>
  // expected-error @below {{resq-insert-hadamard: no Hadamard matrix of size 18 is known; sizes allowed: K * 2^m, K one of the orders in docs/dialect.md}}
  %z = resq.linear %y, %w : tensor<?x18xf32>, tensor<4x18xf32> -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}
