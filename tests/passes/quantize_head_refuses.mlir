// A head without a recipe stays in float.
// RUN: resq-opt --pass-pipeline="builtin.module(resq-quantize{head=8})" --verify-diagnostics %s | FileCheck %s
// CHECK: resq.head
resq.param @external : tensor<32x16xf32>
func.func @head(%x: tensor<?x16xf32>) -> tensor<?x32xf32> {
  %w = resq.get @external : tensor<32x16xf32>
  // expected-remark @below {{not quantised: the weight has no recipe}}
  %y = resq.head %x, %w : tensor<?x16xf32>, tensor<32x16xf32> -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}
