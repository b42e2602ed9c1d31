// How many channels are high: between a tenth and a sixth, so that the rest has the cheapest Hadamard transform.
// RUN: resq-opt --pass-pipeline="builtin.module(resq-split{channels=true})" --split-input-file %s 2>/dev/null | FileCheck %s

// 1280 = 20 x 64.
// CHECK-LABEL: func.func @smollm2
// CHECK: resq.split {{.*}} block 1536 high 256
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @w : tensor<4x1536xf32> {
  %0 = resq.leaf @ckpt "w" : tensor<4x1536xf32>
  resq.yield %0 : tensor<4x1536xf32>
}
func.func @smollm2(%g: tensor<?x1536xf32>, %u: tensor<?x1536xf32>) -> tensor<?x4xf32> {
  %a = resq.gate %g, %u : tensor<?x1536xf32>, tensor<?x1536xf32> -> tensor<?x1536xf32>
  %w = resq.get @w : tensor<4x1536xf32>
  %y = resq.linear %a, %w {name = "down"} : tensor<?x1536xf32>, tensor<4x1536xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// 4096 is a power of two.
// CHECK-LABEL: func.func @qwen2
// CHECK: resq.split {{.*}} block 4864 high 768
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @w : tensor<4x4864xf32> {
  %0 = resq.leaf @ckpt "w" : tensor<4x4864xf32>
  resq.yield %0 : tensor<4x4864xf32>
}
func.func @qwen2(%g: tensor<?x4864xf32>, %u: tensor<?x4864xf32>) -> tensor<?x4xf32> {
  %a = resq.gate %g, %u : tensor<?x4864xf32>, tensor<?x4864xf32> -> tensor<?x4864xf32>
  %w = resq.get @w : tensor<4x4864xf32>
  %y = resq.linear %a, %w {name = "down"} : tensor<?x4864xf32>, tensor<4x4864xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// 12288 = 12 x 1024.
// CHECK-LABEL: func.func @llama3
// CHECK: resq.split {{.*}} block 14336 high 2048
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @w : tensor<4x14336xf32> {
  %0 = resq.leaf @ckpt "w" : tensor<4x14336xf32>
  resq.yield %0 : tensor<4x14336xf32>
}
func.func @llama3(%g: tensor<?x14336xf32>, %u: tensor<?x14336xf32>) -> tensor<?x4xf32> {
  %a = resq.gate %g, %u : tensor<?x14336xf32>, tensor<?x14336xf32> -> tensor<?x14336xf32>
  %w = resq.get @w : tensor<4x14336xf32>
  %y = resq.linear %a, %w {name = "down"} : tensor<?x14336xf32>, tensor<4x14336xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}
