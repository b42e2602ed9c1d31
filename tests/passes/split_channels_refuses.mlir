// What a split by channel refuses, and where the permutation stays online.
// RUN: resq-opt --pass-pipeline="builtin.module(resq-split{channels=true},resq-fold-rotations)" --split-input-file --verify-diagnostics %s -o /dev/null
// RUN: echo 'module {}' > %t.empty.mlir
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-split{channels=true rotate-only=true})" %t.empty.mlir 2>&1 | FileCheck %s --check-prefix=BOTH
// BOTH: error: resq-split: channel-high is 0 (allowed: 0 or more), channels is true with rotate-only=true (allowed: one of them)
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-split{channel-high=-1})" %t.empty.mlir 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// NEGATIVE: error: resq-split: channel-high is -1 (allowed: 0 or more)
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-split{channels=true channel-high=24})" --split-input-file %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=WIDE
// WIDE: error: resq-split: a high part of 24 in blocks of 24; allowed: 1 to 23

resq.checkpoint @ckpt "m.gguf", gguf
resq.param @w : tensor<4x24xf32> {
  %0 = resq.leaf @ckpt "w" : tensor<4x24xf32>
  resq.yield %0 : tensor<4x24xf32>
}
func.func @no_name(%g: tensor<?x24xf32>, %u: tensor<?x24xf32>) -> tensor<?x4xf32> {
  %a = resq.gate %g, %u : tensor<?x24xf32>, tensor<?x24xf32> -> tensor<?x24xf32>
  %w = resq.get @w : tensor<4x24xf32>
  // expected-error @below {{resq-split: channels=true needs the linear's `name` to find its calibration site}}
  %y = resq.linear %a, %w : tensor<?x24xf32>, tensor<4x24xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

resq.checkpoint @ckpt "m.gguf", gguf
resq.param @w : tensor<4x13xf32> {
  %0 = resq.leaf @ckpt "w" : tensor<4x13xf32>
  resq.yield %0 : tensor<4x13xf32>
}
func.func @no_count(%g: tensor<?x13xf32>, %u: tensor<?x13xf32>) -> tensor<?x4xf32> {
  %a = resq.gate %g, %u : tensor<?x13xf32>, tensor<?x13xf32> -> tensor<?x13xf32>
  %w = resq.get @w : tensor<4x13xf32>
  // expected-error @below {{resq-split: of 13 channels no count from 2 to 2 leaves a width with a known Hadamard matrix (docs/dialect.md); give channel-high}}
  %y = resq.linear %a, %w {name = "down"} : tensor<?x13xf32>, tensor<4x13xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// The gate's inputs are arguments.
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @w : tensor<4x24xf32> {
  %0 = resq.leaf @ckpt "w" : tensor<4x24xf32>
  resq.yield %0 : tensor<4x24xf32>
}
func.func @arguments(%g: tensor<?x24xf32>, %u: tensor<?x24xf32>) -> tensor<?x4xf32> {
  %a = resq.gate %g, %u : tensor<?x24xf32>, tensor<?x24xf32> -> tensor<?x24xf32>
  %w = resq.get @w : tensor<4x24xf32>
  // expected-remark @below {{this permutation of 24 channels stays online: what makes its input cannot take it}}
  %y = resq.linear %a, %w {name = "down"} : tensor<?x24xf32>, tensor<4x24xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// Another reads the gate.
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @w : tensor<4x24xf32> {
  %0 = resq.leaf @ckpt "w" : tensor<4x24xf32>
  resq.yield %0 : tensor<4x24xf32>
}
resq.param @g : tensor<24x16xf32> {
  %0 = resq.leaf @ckpt "g" : tensor<24x16xf32>
  resq.yield %0 : tensor<24x16xf32>
}
func.func @another(%x: tensor<?x16xf32>) -> (tensor<?x4xf32>, tensor<?x24xf32>) {
  %wg = resq.get @g : tensor<24x16xf32>
  // expected-remark @below {{this rotation of 16 stays online}}
  %g = resq.linear %x, %wg {name = "gate"} : tensor<?x16xf32>, tensor<24x16xf32> -> tensor<?x24xf32>
  %u = resq.linear %x, %wg {name = "up"} : tensor<?x16xf32>, tensor<24x16xf32> -> tensor<?x24xf32>
  %a = resq.gate %g, %u : tensor<?x24xf32>, tensor<?x24xf32> -> tensor<?x24xf32>
  %w = resq.get @w : tensor<4x24xf32>
  // expected-remark @below {{this permutation of 24 channels stays online: what makes its input cannot take it}}
  %y = resq.linear %a, %w {name = "down"} : tensor<?x24xf32>, tensor<4x24xf32> -> tensor<?x4xf32>
  return %y, %a : tensor<?x4xf32>, tensor<?x24xf32>
}
