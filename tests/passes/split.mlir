// A linear becomes a rotation, a split and two exact branches; which basis depends on what it reads.
// RUN: resq-opt --resq-split --split-input-file %s 2>/dev/null | FileCheck %s
// RUN: resq-opt --pass-pipeline="builtin.module(resq-split{basis=hadamard rotate-only=true seed=7})" --split-input-file %s 2>/dev/null | FileCheck %s --check-prefix=QUAROT
// Splitting twice changes nothing.
// RUN: resq-opt --resq-split --split-input-file %s -o %t.once 2>/dev/null
// RUN: resq-opt --resq-split --resq-split --split-input-file %s -o %t.twice 2>/dev/null
// RUN: diff %t.once %t.twice
// Another seed is another random part, and nothing else.
// RUN: resq-opt --pass-pipeline="builtin.module(resq-split{seed=5})" --split-input-file %s 2>/dev/null | sed -e 's/seed 5/seed 1/' -e 's/seed 6/seed 2/' -e 's/seed 7/seed 3/' | diff %t.once -

// Two norms of one residual stream share one basis, of both sites' moments.
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @a : tensor<16x16xf32> {
  %0 = resq.leaf @ckpt "a" : tensor<16x16xf32>
  resq.yield %0 : tensor<16x16xf32>
}
resq.param @b : tensor<16x16xf32> {
  %0 = resq.leaf @ckpt "b" : tensor<16x16xf32>
  resq.yield %0 : tensor<16x16xf32>
}
resq.param @b.bias : tensor<16xf32>
// CHECK-LABEL: resq.param @stream.basis : tensor<16x16xf64>
// CHECK-NEXT: %[[A:.*]] = resq.moment "a.in"
// CHECK-NEXT: %[[AN:.*]] = resq.normalize_trace %[[A]]
// CHECK-NEXT: %[[B:.*]] = resq.moment "b.in"
// CHECK-NEXT: %[[BN:.*]] = resq.normalize_trace %[[B]]
// CHECK-NEXT: %[[SUM:.*]] = resq.add %[[AN]], %[[BN]]
// CHECK-NEXT: %[[P:.*]] = resq.eigenbasis %[[SUM]]
// CHECK-NEXT: %[[R:.*]] = resq.random_orthogonal [14, 2] seed 1
// CHECK-NEXT: resq.matmul %[[P]], %[[R]]
// CHECK-NOT: .basis :
// CHECK: resq.param @a.low : tensor<16x14xf32> attributes {basis = [#resq.basis_rotate<matrix = @stream.basis>, #resq.basis_part<part = low, block = 16, high = 2>]} {
// CHECK-DAG: %[[U:.*]] = resq.get @stream.basis
// CHECK-DAG: %[[W:.*]] = resq.get @a
// CHECK: %[[WU:.*]] = resq.rotate %[[W]], %[[U]]
// CHECK-NEXT: %[[LOW:.*]], %{{.*}} = resq.split %[[WU]] block 16 high 2
// CHECK-NEXT: resq.yield %[[LOW]]
// CHECK: resq.param @a.high : tensor<16x2xf32> attributes {basis = [#resq.basis_rotate<matrix = @stream.basis>, #resq.basis_part<part = high, block = 16, high = 2>]} {
// CHECK-LABEL: func.func @stream
// CHECK: %[[N:.*]] = resq.rms_norm
// CHECK: %[[X:.*]] = resq.rotate %[[N]], %{{.*}} : tensor<?x16xf32>, tensor<16x16xf64>
// CHECK-NEXT: %[[LO:.*]], %[[HI:.*]] = resq.split %[[X]] block 16 high 2 : tensor<?x16xf32> -> tensor<?x14xf32>, tensor<?x2xf32>
// CHECK: %[[YLO:.*]] = resq.linear %[[LO]], %{{.*}} {name = "a", site = "a.in"} : tensor<?x14xf32>, tensor<16x14xf32>
// CHECK: %[[YHI:.*]] = resq.linear %[[HI]], %{{.*}} {name = "a", site = "a.in"} : tensor<?x2xf32>, tensor<16x2xf32>
// CHECK: resq.add %[[YLO]], %[[YHI]]
// The bias is added once, by the low branch.
// CHECK: resq.linear {{.*}} bias {{.*}} tensor<16x14xf32>
// CHECK-NOT: bias
// QUAROT-LABEL: resq.param @stream.basis
// QUAROT-NEXT: resq.hadamard_matrix seed 7 or_orthogonal
// QUAROT: resq.param @a.turned : tensor<16x16xf32> attributes {basis = [#resq.basis_rotate<matrix = @stream.basis>]}
// QUAROT-NOT: resq.split
// QUAROT-LABEL: func.func @stream
// QUAROT: resq.rotate
// QUAROT: resq.linear
// QUAROT-NOT: resq.split
func.func @stream(%x: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %n = resq.rms_norm %x {eps = 1.0e-5 : f32} : tensor<?x16xf32> -> tensor<?x16xf32>
  %wa = resq.get @a : tensor<16x16xf32>
  %ya = resq.linear %n, %wa {name = "a"} : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %x1 = resq.add %x, %ya : tensor<?x16xf32>
  %n1 = resq.rms_norm %x1 {eps = 1.0e-5 : f32} : tensor<?x16xf32> -> tensor<?x16xf32>
  %wb = resq.get @b : tensor<16x16xf32>
  %bias = resq.get @b.bias : tensor<16xf32>
  %yb = resq.linear %n1, %wb bias %bias : tensor<16xf32> {name = "b"} : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %x2 = resq.add %x1, %yb : tensor<?x16xf32>
  return %x2 : tensor<?x16xf32>
}

// -----

// What reads attention is split head by head, in the basis of its kv head's values.
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @o : tensor<16x32xf32> {
  %0 = resq.leaf @ckpt "o" : tensor<16x32xf32>
  resq.yield %0 : tensor<16x32xf32>
}
resq.kv_cache @l0 heads 2 size 8 keys #resq.kv_float<f16> values #resq.kv_float<f16>
// CHECK-LABEL: resq.param @l0.value_basis : tensor<2x8x8xf64>
// CHECK-NEXT: resq.moment "l0.values" : tensor<2x8x8xf64>
// CHECK: resq.random_orthogonal [7, 1] seed 2 : tensor<8x8xf64>
// CHECK-LABEL: func.func @heads
// CHECK: %[[Y:.*]] = resq.attention @l0
// CHECK: %[[R:.*]] = resq.rotate %[[Y]], %{{.*}} : tensor<?x32xf32>, tensor<2x8x8xf64>
// CHECK: resq.split %[[R]] block 8 high 1 : tensor<?x32xf32> -> tensor<?x28xf32>, tensor<?x4xf32>
func.func @heads(%q: tensor<?x32xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x16xf32> {
  %y = resq.attention @l0, %q at %p, %s {scale = 1.0 : f32} : tensor<?x32xf32>, tensor<?xi32> -> tensor<?x32xf32>
  %w = resq.get @o : tensor<16x32xf32>
  %z = resq.linear %y, %w {name = "o"} : tensor<?x32xf32>, tensor<16x32xf32> -> tensor<?x16xf32>
  return %z : tensor<?x16xf32>
}

// -----

// A linear of neither has a basis of its own; two that read one value share the rotation.
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @w : tensor<4x16xf32> {
  %0 = resq.leaf @ckpt "w" : tensor<4x16xf32>
  resq.yield %0 : tensor<4x16xf32>
}
// CHECK-LABEL: resq.param @first.in.basis
// CHECK-NEXT: resq.moment "first.in"
// CHECK-NOT: normalize_trace
// CHECK: resq.random_orthogonal [14, 2] seed 3
// CHECK-LABEL: func.func @own
// CHECK: resq.rotate
// CHECK-NOT: resq.rotate
// Both have the site of the first.
// CHECK-COUNT-2: {name = "first", site = "first.in"}
// CHECK-COUNT-2: {name = "second", site = "first.in"}
// CHECK: return
func.func @own(%x: tensor<?x16xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %w = resq.get @w : tensor<4x16xf32>
  %y = resq.linear %x, %w {name = "first"} : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  %z = resq.linear %x, %w {name = "second"} : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  return %y, %z : tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

// What reads a gate stays as it is.
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @down : tensor<4x16xf32> {
  %0 = resq.leaf @ckpt "down" : tensor<4x16xf32>
  resq.yield %0 : tensor<4x16xf32>
}
// CHECK-LABEL: func.func @gate
// CHECK-NEXT: %[[G:.*]] = resq.gate
// CHECK-NEXT: %[[W:.*]] = resq.get @down
// CHECK-NEXT: resq.linear %[[G]], %[[W]]
func.func @gate(%x: tensor<?x16xf32>, %u: tensor<?x16xf32>) -> tensor<?x4xf32> {
  %g = resq.gate %x, %u : tensor<?x16xf32>, tensor<?x16xf32> -> tensor<?x16xf32>
  %w = resq.get @down : tensor<4x16xf32>
  %y = resq.linear %g, %w {name = "down"} : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}
