// What --resq-split must not do, and says so at the op.
// RUN: resq-opt --resq-split --split-input-file --verify-diagnostics %s -o /dev/null
// RUN: echo 'module {}' > %t.empty.mlir
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-split{basis=best})" %t.empty.mlir 2>&1 | FileCheck %s --check-prefix=BASIS
// BASIS: error: resq-split: basis is 'best', allowed: pca, random, hadamard
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-split{fraction=1})" %t.empty.mlir 2>&1 | FileCheck %s --check-prefix=FRACTION
// FRACTION: error: resq-split: fraction is 1 (allowed: 2 or more), rank is 0
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-split{ranks=8})" %t.empty.mlir 2>&1 | FileCheck %s --check-prefix=OPTION
// OPTION: ranks

resq.param @external : tensor<4x16xf32>
func.func @no_recipe(%x: tensor<?x16xf32>) -> tensor<?x4xf32> {
  %w = resq.get @external : tensor<4x16xf32>
  // expected-remark @below {{not split: the weight has no recipe to rotate}}
  %y = resq.linear %x, %w {name = "l"} : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

resq.checkpoint @ckpt "m.gguf", gguf
resq.param @w : tensor<4x16xf32> {
  %0 = resq.leaf @ckpt "w" : tensor<4x16xf32>
  resq.yield %0 : tensor<4x16xf32>
}
func.func @behind_gate(%x: tensor<?x16xf32>) -> tensor<?x4xf32> {
  %g = resq.gate %x, %x : tensor<?x16xf32>, tensor<?x16xf32> -> tensor<?x16xf32>
  %w = resq.get @w : tensor<4x16xf32>
  // expected-remark @below {{not split: no basis of a gate's output can merge (channels=true, --resq-insert-hadamard)}}
  %y = resq.linear %g, %w : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

resq.checkpoint @ckpt "m.gguf", gguf
resq.param @w : tensor<4x16xf32> {
  %0 = resq.leaf @ckpt "w" : tensor<4x16xf32>
  resq.yield %0 : tensor<4x16xf32>
}
func.func @no_name(%x: tensor<?x16xf32>) -> tensor<?x4xf32> {
  %w = resq.get @w : tensor<4x16xf32>
  // expected-error @below {{basis=pca needs the linear's `name` to find its calibration site}}
  %y = resq.linear %x, %w : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

resq.checkpoint @ckpt "m.gguf", gguf
resq.param @w : tensor<4x16xf32> {
  %0 = resq.leaf @ckpt "w" : tensor<4x16xf32>
  resq.yield %0 : tensor<4x16xf32>
}
func.func @no_name_behind_norm(%x: tensor<?x16xf32>) -> tensor<?x4xf32> {
  // expected-error @below {{basis=pca needs the `name` of a linear that reads this norm to find its calibration site}}
  %n = resq.rms_norm %x {eps = 1.0e-5 : f32} : tensor<?x16xf32> -> tensor<?x16xf32>
  %w = resq.get @w : tensor<4x16xf32>
  %y = resq.linear %n, %w : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

resq.checkpoint @ckpt "m.gguf", gguf
resq.param @w : tensor<4x6xf32> {
  %0 = resq.leaf @ckpt "w" : tensor<4x6xf32>
  resq.yield %0 : tensor<4x6xf32>
}
func.func @too_narrow(%x: tensor<?x6xf32>) -> tensor<?x4xf32> {
  %w = resq.get @w : tensor<4x6xf32>
  // expected-error @below {{resq-split: a high part of 0 in blocks of 6; allowed: 1 to 5}}
  %y = resq.linear %x, %w {name = "l"} : tensor<?x6xf32>, tensor<4x6xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}
