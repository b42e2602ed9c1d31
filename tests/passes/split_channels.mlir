// What a gate gives is split by channel: a permutation, folded into the linears that make it.
// RUN: resq-opt --pass-pipeline="builtin.module(resq-split{channels=true channel-high=4})" %s 2>/dev/null | FileCheck %s --check-prefix=SPLIT
// RUN: resq-opt --pass-pipeline="builtin.module(resq-split{channels=true channel-high=4},resq-fold-rotations)" %s 2>/dev/null | FileCheck %s
// RUN: resq-opt --pass-pipeline="builtin.module(resq-split{channels=true channel-high=4},resq-fold-rotations,resq-insert-hadamard)" %s 2>/dev/null | FileCheck %s --check-prefix=HADAMARD
// RUN: resq-opt --pass-pipeline="builtin.module(resq-split{channels=true channel-high=4},resq-fold-rotations,resq-insert-hadamard,resq-quantize)" %s 2>/dev/null | FileCheck %s --check-prefix=QUANTIZE
// Each pass again changes nothing.
// RUN: resq-opt --pass-pipeline="builtin.module(resq-split{channels=true channel-high=4},resq-fold-rotations,resq-insert-hadamard)" %s -o %t.once 2>/dev/null
// RUN: resq-opt --pass-pipeline="builtin.module(resq-split{channels=true},resq-fold-rotations,resq-insert-hadamard)" %t.once -o %t.twice 2>/dev/null
// RUN: diff %t.once %t.twice

resq.checkpoint @ckpt "m.gguf", gguf
// SPLIT: resq.param @gate : tensor<16x8xf32>
// SPLIT-NEXT: resq.leaf
// SPLIT-NEXT: resq.yield
// The rows of what makes the gate: both branches of a linear that is split, and the bias.
// CHECK: resq.param @up.bias
// CHECK: %[[ORDER:.*]] = resq.get @down.order : tensor<16xi32>
// CHECK-NEXT: resq.permute %{{.*}} by %[[ORDER]] : tensor<16xi32> : tensor<16xf32> -> tensor<16xf32>
// CHECK: resq.param @gate.low : tensor<16x7xf32>
// CHECK: %[[LOW:.*]], %{{.*}} = resq.split
// CHECK-NEXT: %[[T:.*]] = resq.transpose %[[LOW]]
// CHECK: %[[P:.*]] = resq.permute %[[T]] by %{{.*}} : tensor<16xi32> : tensor<7x16xf32>
// CHECK-NEXT: resq.transpose %[[P]]
// CHECK: resq.param @gate.high : tensor<16x1xf32>
// CHECK: resq.permute
// CHECK: resq.param @up.low : tensor<16x7xf32>
// CHECK: resq.permute
// CHECK: resq.param @up.high : tensor<16x1xf32>
// CHECK: resq.permute
resq.param @gate : tensor<16x8xf32> {
  %0 = resq.leaf @ckpt "gate" : tensor<16x8xf32>
  resq.yield %0 : tensor<16x8xf32>
}
resq.param @up : tensor<16x8xf32> {
  %0 = resq.leaf @ckpt "up" : tensor<16x8xf32>
  resq.yield %0 : tensor<16x8xf32>
}
resq.param @up.bias : tensor<16xf32> {
  %0 = resq.leaf @ckpt "up.bias" : tensor<16xf32>
  resq.yield %0 : tensor<16xf32>
}
// SPLIT: resq.param @down.order : tensor<16xi32>
// SPLIT-NEXT: %[[M:.*]] = resq.moment "down.in" : tensor<16x16xf64>
// SPLIT-NEXT: resq.diagonal_order %[[M]] : tensor<16x16xf64> -> tensor<16xi32>
// SPLIT: resq.param @down.low : tensor<4x12xf32>
// SPLIT-DAG: %[[W:.*]] = resq.get @down
// SPLIT-DAG: %[[ORDER:.*]] = resq.get @down.order
// SPLIT: %[[WP:.*]] = resq.permute %[[W]] by %[[ORDER]] : tensor<16xi32> : tensor<4x16xf32>
// SPLIT-NEXT: %[[LOW:.*]], %{{.*}} = resq.split %[[WP]] block 16 high 4
// SPLIT-NEXT: resq.yield %[[LOW]]
// SPLIT: resq.param @down.high : tensor<4x4xf32>
// HADAMARD: resq.param @down.low : tensor<4x12xf32>
// HADAMARD: resq.hadamard {{.*}} size 12 : tensor<4x12xf32>
// HADAMARD: resq.param @down.high : tensor<4x4xf32>
// HADAMARD-NOT: resq.hadamard
resq.param @down : tensor<4x16xf32> {
  %0 = resq.leaf @ckpt "down" : tensor<4x16xf32>
  resq.yield %0 : tensor<4x16xf32>
}
// SPLIT-LABEL: func.func @mlp
// SPLIT: %[[G:.*]] = resq.gate
// SPLIT: %[[GP:.*]] = resq.permute %[[G]] by %{{.*}} : tensor<16xi32> : tensor<?x16xf32>
// SPLIT-NEXT: %[[GL:.*]], %[[GH:.*]] = resq.split %[[GP]] block 16 high 4
// SPLIT-DAG: resq.linear %[[GL]], {{.*}} {name = "down", site = "down.in"}
// SPLIT-DAG: resq.linear %[[GH]], {{.*}} {name = "down", site = "down.in"}
// SPLIT: resq.add
// CHECK-LABEL: func.func @mlp
// CHECK-NOT: resq.permute
// CHECK: %[[G:.*]] = resq.gate
// CHECK-NEXT: resq.split %[[G]] block 16 high 4
// CHECK-NOT: resq.permute
// HADAMARD: func.func @mlp
// HADAMARD: %[[GL:.*]], %[[GH:.*]] = resq.split {{.*}} block 16 high 4
// HADAMARD-NEXT: %[[H:.*]] = resq.hadamard %[[GL]] size 12
// HADAMARD: resq.linear %[[H]]
// HADAMARD: resq.linear %[[GH]]
// QUANTIZE: func.func @mlp
// QUANTIZE: %[[GL:.*]], %[[GH:.*]] = resq.split {{.*}} block 16 high 4
// QUANTIZE-DAG: %[[QH:.*]] = resq.quantize %[[GH]] : tensor<?x4xf32> -> tensor<?x4x!resq.quant<bits = 8, group = 4,
// QUANTIZE-DAG: %[[H:.*]] = resq.hadamard %[[GL]] size 12
// QUANTIZE-DAG: %[[QL:.*]] = resq.quantize %[[H]] : tensor<?x12xf32> -> tensor<?x12x!resq.quant<bits = 4, group = 12,
// QUANTIZE: resq.qlinear %[[QL]], %[[QH]] by %{{.*}}, %{{.*}} {name = "down", site = "down.in"}
// QUANTIZE-NOT: resq.linear
func.func @mlp(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %wg = resq.get @gate : tensor<16x8xf32>
  %wu = resq.get @up : tensor<16x8xf32>
  %b = resq.get @up.bias : tensor<16xf32>
  %g = resq.linear %x, %wg {name = "gate"} : tensor<?x8xf32>, tensor<16x8xf32> -> tensor<?x16xf32>
  %u = resq.linear %x, %wu bias %b : tensor<16xf32> {name = "up"} : tensor<?x8xf32>, tensor<16x8xf32> -> tensor<?x16xf32>
  %a = resq.gate %g, %u : tensor<?x16xf32>, tensor<?x16xf32> -> tensor<?x16xf32>
  %w = resq.get @down : tensor<4x16xf32>
  %y = resq.linear %a, %w {name = "down"} : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}
