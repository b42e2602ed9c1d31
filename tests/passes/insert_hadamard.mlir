// An online Hadamard transform before the linears that read a gate, and the same one on their weights' rows.
// RUN: resq-opt --resq-insert-hadamard --split-input-file --verify-diagnostics %s | FileCheck %s
// RUN: resq-opt --resq-insert-hadamard --resq-insert-hadamard --split-input-file %s 2>/dev/null | FileCheck %s
// RUN: resq-opt --pass-pipeline="builtin.module(resq-insert-hadamard{sites=all})" --split-input-file %s 2>/dev/null | FileCheck %s --check-prefix=ALL
// RUN: resq-opt --pass-pipeline="builtin.module(resq-insert-hadamard{across-heads=true})" --split-input-file %s 2>/dev/null | FileCheck %s --check-prefix=HEADS
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-insert-hadamard{sites=some})" --split-input-file %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=SITES
// SITES: resq-insert-hadamard: sites is 'some', allowed: gate, all

resq.checkpoint @ckpt "m.gguf", gguf
// CHECK-LABEL: resq.param @down : tensor<4x24xf32> attributes {basis = [#resq.basis_hadamard<size = 24>]} {
// CHECK: %[[D:.*]] = resq.leaf
// CHECK-NEXT: %[[H:.*]] = resq.hadamard %[[D]] size 24 : tensor<4x24xf32>
// CHECK-NEXT: resq.yield %[[H]]
resq.param @down : tensor<4x24xf32> {
  %0 = resq.leaf @ckpt "down" : tensor<4x24xf32>
  resq.yield %0 : tensor<4x24xf32>
}
// CHECK-LABEL: resq.param @other
// CHECK-NOT: resq.hadamard
// ALL-LABEL: resq.param @other
// ALL: resq.hadamard {{.*}} size 16
resq.param @other : tensor<4x16xf32> {
  %0 = resq.leaf @ckpt "other" : tensor<4x16xf32>
  resq.yield %0 : tensor<4x16xf32>
}
// CHECK-LABEL: func.func @gate
// CHECK: %[[G:.*]] = resq.gate
// CHECK-NEXT: %[[GH:.*]] = resq.hadamard %[[G]] size 24
// CHECK-NOT: resq.hadamard
// CHECK: resq.linear %[[GH]]
// CHECK-NOT: resq.hadamard
// CHECK: return
// ALL-LABEL: func.func @gate
// ALL-NEXT: resq.hadamard %arg1 size 16
func.func @gate(%g: tensor<?x24xf32>, %x: tensor<?x16xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %y = resq.gate %g, %g : tensor<?x24xf32>, tensor<?x24xf32> -> tensor<?x24xf32>
  %w = resq.get @down : tensor<4x24xf32>
  %z = resq.linear %y, %w : tensor<?x24xf32>, tensor<4x24xf32> -> tensor<?x4xf32>
  %o = resq.get @other : tensor<4x16xf32>
  %u = resq.linear %x, %o : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  return %z, %u : tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

// Of a split gate, the low part only.
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @low : tensor<4x12xf32> {
  %0 = resq.leaf @ckpt "low" : tensor<4x12xf32>
  resq.yield %0 : tensor<4x12xf32>
}
resq.param @high : tensor<4x4xf32> {
  %0 = resq.leaf @ckpt "high" : tensor<4x4xf32>
  resq.yield %0 : tensor<4x4xf32>
}
// CHECK-LABEL: func.func @split
// CHECK: %[[L:.*]], %[[HI:.*]] = resq.split
// CHECK-NEXT: %[[LH:.*]] = resq.hadamard %[[L]] size 12
// CHECK: resq.linear %[[LH]]
// CHECK: resq.linear %[[HI]]
func.func @split(%g: tensor<?x16xf32>) -> tensor<?x4xf32> {
  %y = resq.gate %g, %g : tensor<?x16xf32>, tensor<?x16xf32> -> tensor<?x16xf32>
  %l, %h = resq.split %y block 16 high 4 : tensor<?x16xf32> -> tensor<?x12xf32>, tensor<?x4xf32>
  %wl = resq.get @low : tensor<4x12xf32>
  %wh = resq.get @high : tensor<4x4xf32>
  %a = resq.linear %l, %wl : tensor<?x12xf32>, tensor<4x12xf32> -> tensor<?x4xf32>
  %b = resq.linear %h, %wh : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %c = resq.add %a, %b : tensor<?x4xf32>
  return %c : tensor<?x4xf32>
}

// -----

// Across heads: heads innermost, then a rotation of as many; 3 heads have no Hadamard matrix, the recipe says what instead.
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @o : tensor<4x12xf32> {
  %0 = resq.leaf @ckpt "o" : tensor<4x12xf32>
  resq.yield %0 : tensor<4x12xf32>
}
resq.kv_cache @l0 heads 1 size 4 keys #resq.kv_float<f16> values #resq.kv_float<f16>
// HEADS: resq.param @o : tensor<4x12xf32> attributes {basis = [#resq.basis_permute<order = [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]>, #resq.basis_rotate<matrix = @heads.mix>]} {
// HEADS: %[[P:.*]] = resq.permute %{{.*}} order [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
// HEADS: resq.rotate %[[P]]
// HEADS: resq.param @heads.mix : tensor<3x3xf64>
// HEADS-NEXT: resq.hadamard_matrix seed 4 or_orthogonal
// HEADS-LABEL: func.func @heads
// HEADS: %[[Y:.*]] = resq.attention
// HEADS: %[[PY:.*]] = resq.permute %[[Y]] order [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
// HEADS: resq.rotate %[[PY]], %{{.*}} : tensor<?x12xf32>, tensor<3x3xf64>
// CHECK-LABEL: func.func @heads
// CHECK-NOT: resq.permute
func.func @heads(%q: tensor<?x12xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x4xf32> {
  %y = resq.attention @l0, %q at %p, %s {scale = 1.0 : f32} : tensor<?x12xf32>, tensor<?xi32> -> tensor<?x12xf32>
  %w = resq.get @o : tensor<4x12xf32>
  %z = resq.linear %y, %w : tensor<?x12xf32>, tensor<4x12xf32> -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// -----

resq.param @external : tensor<4x16xf32>
func.func @no_recipe(%g: tensor<?x16xf32>) -> tensor<?x4xf32> {
  %y = resq.gate %g, %g : tensor<?x16xf32>, tensor<?x16xf32> -> tensor<?x16xf32>
  %w = resq.get @external : tensor<4x16xf32>
  // expected-remark @below {{no Hadamard inserted: the weight has no recipe to fold it into}}
  %z = resq.linear %y, %w : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}
