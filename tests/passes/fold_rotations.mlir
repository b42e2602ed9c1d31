// Rotations cancel and merge into weights; what cannot merge stays online, with a remark.
// RUN: resq-opt --resq-fold-rotations --split-input-file %s 2>/dev/null | FileCheck %s
// RUN: resq-opt --resq-fold-rotations --split-input-file --verify-diagnostics %s -o /dev/null
// Folding what is folded changes nothing.
// RUN: resq-opt --resq-fold-rotations --split-input-file %s -o %t.once 2>/dev/null
// RUN: resq-opt --resq-fold-rotations --resq-fold-rotations --split-input-file %s -o %t.twice 2>/dev/null
// RUN: diff %t.once %t.twice

// The residual stream: embedding and writers turn, readers cancel; a head and an embedding that share a table share it turned.
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @u : tensor<8x8xf64> {
  %0 = resq.random_orthogonal [8] seed 1 : tensor<8x8xf64>
  resq.yield %0 : tensor<8x8xf64>
}
// CHECK-LABEL: resq.param @embedding : tensor<32x8xf32> attributes {basis = [#resq.basis_rotate<matrix = @u>]} {
// CHECK: %[[E:.*]] = resq.leaf
// CHECK: resq.rotate %[[E]], %{{.*}} : tensor<32x8xf32>, tensor<8x8xf64>
// CHECK-NOT: resq.rotate
// CHECK-NOT: resq.param @embedding_turned
resq.param @embedding : tensor<32x8xf32> {
  %0 = resq.leaf @ckpt "e" : tensor<32x8xf32>
  resq.yield %0 : tensor<32x8xf32>
}
// What writes to the stream: its rows, which have no basis.
// CHECK-LABEL: resq.param @w : tensor<8x8xf32> {
// CHECK: %[[W:.*]] = resq.leaf
// CHECK: %[[T:.*]] = resq.transpose %[[W]]
// CHECK: %[[R:.*]] = resq.rotate %[[T]]
// CHECK-NOT: transposed
// CHECK: resq.transpose %[[R]]
resq.param @w : tensor<8x8xf32> {
  %0 = resq.leaf @ckpt "w" : tensor<8x8xf32>
  resq.yield %0 : tensor<8x8xf32>
}
resq.param @b : tensor<8xf32> {
  %0 = resq.leaf @ckpt "b" : tensor<8xf32>
  resq.yield %0 : tensor<8xf32>
}
// CHECK-LABEL: func.func @stream
// CHECK-NOT: resq.rotate
// CHECK: return
func.func @stream(%t: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x32xf32> {
  %e = resq.get @embedding : tensor<32x8xf32>
  %x = resq.embed %t, %e : tensor<?xi32>, tensor<32x8xf32> -> tensor<?x8xf32>
  %n = resq.rms_norm %x {eps = 1.0e-5 : f32} : tensor<?x8xf32> -> tensor<?x8xf32>
  %u = resq.get @u : tensor<8x8xf64>
  %r = resq.rotate %n, %u : tensor<?x8xf32>, tensor<8x8xf64> -> tensor<?x8xf32>
  %w = resq.get @w : tensor<8x8xf32>
  %b = resq.get @b : tensor<8xf32>
  %y = resq.linear %r, %w bias %b : tensor<8xf32> : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %z = resq.add %x, %y : tensor<?x8xf32>
  %last = resq.gather_rows %z, %rows : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
  %m = resq.rms_norm %last {eps = 1.0e-5 : f32} : tensor<?x8xf32> -> tensor<?x8xf32>
  %h = resq.head %m, %e : tensor<?x8xf32>, tensor<32x8xf32> -> tensor<?x32xf32>
  return %h : tensor<?x32xf32>
}

// -----

// Attention is linear in the values: the rotation moves to them, and into both branches that make them.
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @u : tensor<2x8x8xf64> {
  %0 = resq.moment "l0.values" : tensor<2x8x8xf64>
  %1 = resq.eigenbasis %0 : tensor<2x8x8xf64>
  resq.yield %1 : tensor<2x8x8xf64>
}
resq.kv_cache @l0 heads 2 size 8 keys #resq.kv_float<f32> values #resq.kv_float<f32>
// CHECK-LABEL: resq.param @low
// CHECK: resq.rotate %{{.*}}, %{{.*}} : tensor<4x16xf32>, tensor<2x8x8xf64>
// CHECK-LABEL: resq.param @high
// CHECK: resq.rotate %{{.*}}, %{{.*}} : tensor<2x16xf32>, tensor<2x8x8xf64>
resq.param @low : tensor<16x4xf32> {
  %0 = resq.leaf @ckpt "low" : tensor<16x4xf32>
  resq.yield %0 : tensor<16x4xf32>
}
resq.param @high : tensor<16x2xf32> {
  %0 = resq.leaf @ckpt "high" : tensor<16x2xf32>
  resq.yield %0 : tensor<16x2xf32>
}
// CHECK-LABEL: func.func @values
// CHECK-NOT: resq.rotate
// CHECK: return
func.func @values(%q: tensor<?x32xf32>, %k: tensor<?x16xf32>, %lo: tensor<?x4xf32>, %hi: tensor<?x2xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x32xf32> {
  %wl = resq.get @low : tensor<16x4xf32>
  %wh = resq.get @high : tensor<16x2xf32>
  %l = resq.linear %lo, %wl : tensor<?x4xf32>, tensor<16x4xf32> -> tensor<?x16xf32>
  %h = resq.linear %hi, %wh : tensor<?x2xf32>, tensor<16x2xf32> -> tensor<?x16xf32>
  %v = resq.add %l, %h : tensor<?x16xf32>
  resq.kv_append @l0, %k, %v at %p, %s : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>
  %y = resq.attention @l0, %q at %p, %s {scale = 1.0 : f32} : tensor<?x32xf32>, tensor<?xi32> -> tensor<?x32xf32>
  %u = resq.get @u : tensor<2x8x8xf64>
  %z = resq.rotate %y, %u : tensor<?x32xf32>, tensor<2x8x8xf64> -> tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}

// -----

// The bias of what writes to a stream turns by the stream's basis, that of the values head by head by theirs.
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @u : tensor<2x8x8xf64> {
  %0 = resq.moment "l0.values" : tensor<2x8x8xf64>
  %1 = resq.eigenbasis %0 : tensor<2x8x8xf64>
  resq.yield %1 : tensor<2x8x8xf64>
}
resq.param @stream : tensor<4x4xf64> {
  %0 = resq.random_orthogonal [4] seed 1 : tensor<4x4xf64>
  resq.yield %0 : tensor<4x4xf64>
}
resq.kv_cache @l0 heads 2 size 8 keys #resq.kv_float<f32> values #resq.kv_float<f32>
// CHECK-LABEL: resq.param @v_bias : tensor<16xf32>
// CHECK: %[[B:.*]] = resq.leaf @ckpt "v.bias"
// CHECK-NEXT: %[[U:.*]] = resq.get @u
// CHECK-NEXT: %[[T:.*]] = resq.rotate %[[B]], %[[U]] : tensor<16xf32>, tensor<2x8x8xf64> -> tensor<16xf32>
// CHECK-NEXT: resq.yield %[[T]]
// CHECK-LABEL: resq.param @o_bias : tensor<4xf32>
// CHECK: %[[B:.*]] = resq.leaf @ckpt "o.bias"
// CHECK-NEXT: %[[U:.*]] = resq.get @stream
// CHECK-NEXT: %[[T:.*]] = resq.rotate %[[B]], %[[U]] : tensor<4xf32>, tensor<4x4xf64> -> tensor<4xf32>
// CHECK-NEXT: resq.yield %[[T]]
resq.param @v : tensor<16x4xf32> {
  %0 = resq.leaf @ckpt "v" : tensor<16x4xf32>
  resq.yield %0 : tensor<16x4xf32>
}
resq.param @v_bias : tensor<16xf32> {
  %0 = resq.leaf @ckpt "v.bias" : tensor<16xf32>
  resq.yield %0 : tensor<16xf32>
}
resq.param @o : tensor<4x32xf32> {
  %0 = resq.leaf @ckpt "o" : tensor<4x32xf32>
  resq.yield %0 : tensor<4x32xf32>
}
resq.param @o_bias : tensor<4xf32> {
  %0 = resq.leaf @ckpt "o.bias" : tensor<4xf32>
  resq.yield %0 : tensor<4xf32>
}
// CHECK-LABEL: func.func @biases
// CHECK-NOT: resq.rotate
// CHECK: return
func.func @biases(%q: tensor<?x32xf32>, %k: tensor<?x16xf32>, %x: tensor<?x4xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x4xf32> {
  %wv = resq.get @v : tensor<16x4xf32>
  %bv = resq.get @v_bias : tensor<16xf32>
  %wo = resq.get @o : tensor<4x32xf32>
  %bo = resq.get @o_bias : tensor<4xf32>
  %u = resq.get @u : tensor<2x8x8xf64>
  %t = resq.get @stream : tensor<4x4xf64>
  %v = resq.linear %x, %wv bias %bv : tensor<16xf32> : tensor<?x4xf32>, tensor<16x4xf32> -> tensor<?x16xf32>
  resq.kv_append @l0, %k, %v at %p, %s : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>
  %y = resq.attention @l0, %q at %p, %s {scale = 1.0 : f32} : tensor<?x32xf32>, tensor<?xi32> -> tensor<?x32xf32>
  %z = resq.rotate %y, %u : tensor<?x32xf32>, tensor<2x8x8xf64> -> tensor<?x32xf32>
  %o = resq.linear %z, %wo bias %bo : tensor<4xf32> : tensor<?x32xf32>, tensor<4x32xf32> -> tensor<?x4xf32>
  %r = resq.rotate %o, %t : tensor<?x4xf32>, tensor<4x4xf64> -> tensor<?x4xf32>
  return %r : tensor<?x4xf32>
}

// -----

// --resq-kv's pair around a cache: the values keep their basis, the inverse goes into the columns that read it.
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @u : tensor<1x8x8xf64> {
  %0 = resq.moment "l0.values" : tensor<1x8x8xf64>
  %1 = resq.eigenbasis %0 : tensor<1x8x8xf64>
  resq.yield %1 : tensor<1x8x8xf64>
}
resq.kv_cache @l0 heads 1 size 8 keys #resq.kv_float<f32> values #resq.kv_float<f32>
// CHECK-LABEL: resq.param @v
// CHECK: resq.transpose
// CHECK: resq.rotate
// CHECK: resq.transpose
resq.param @v : tensor<8x4xf32> {
  %0 = resq.leaf @ckpt "v" : tensor<8x4xf32>
  resq.yield %0 : tensor<8x4xf32>
}
// CHECK-LABEL: resq.param @o : tensor<4x8xf32> attributes {basis = [#resq.basis_rotate<matrix = @u>]} {
// CHECK: resq.rotate %{{.*}}, %{{.*}} : tensor<4x8xf32>, tensor<1x8x8xf64>
// CHECK-NOT: transpose
resq.param @o : tensor<4x8xf32> {
  %0 = resq.leaf @ckpt "o" : tensor<4x8xf32>
  resq.yield %0 : tensor<4x8xf32>
}
// CHECK-LABEL: func.func @pair
// CHECK-NOT: resq.rotate
// CHECK: return
func.func @pair(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %x: tensor<?x4xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x4xf32> {
  %wv = resq.get @v : tensor<8x4xf32>
  %u = resq.get @u : tensor<1x8x8xf64>
  %v = resq.linear %x, %wv : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %vr = resq.rotate %v, %u : tensor<?x8xf32>, tensor<1x8x8xf64> -> tensor<?x8xf32>
  resq.kv_append @l0, %k, %vr at %p, %s : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>
  %y = resq.attention @l0, %q at %p, %s {scale = 1.0 : f32} : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
  %z = resq.rotate %y, %u transposed : tensor<?x8xf32>, tensor<1x8x8xf64> -> tensor<?x8xf32>
  %wo = resq.get @o : tensor<4x8xf32>
  %r = resq.linear %z, %wo : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  return %r : tensor<?x4xf32>
}

// -----

// A stream that starts at a function argument cannot be rotated; a gain stands in the way, too.
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @u : tensor<8x8xf64> {
  %0 = resq.random_orthogonal [8] seed 1 : tensor<8x8xf64>
  resq.yield %0 : tensor<8x8xf64>
}
// CHECK-LABEL: func.func @argument
// CHECK: resq.rotate
func.func @argument(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // expected-remark @below {{the residual stream is not rotated, rotations stay online: a function argument is part of it}}
  %n = resq.rms_norm %x {eps = 1.0e-5 : f32} : tensor<?x8xf32> -> tensor<?x8xf32>
  %u = resq.get @u : tensor<8x8xf64>
  // expected-remark @below {{this rotation of 8 stays online: its residual stream cannot take it}}
  %r = resq.rotate %n, %u : tensor<?x8xf32>, tensor<8x8xf64> -> tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}

// -----

resq.checkpoint @ckpt "m.gguf", gguf
resq.param @u : tensor<8x8xf64> {
  %0 = resq.random_orthogonal [8] seed 1 : tensor<8x8xf64>
  resq.yield %0 : tensor<8x8xf64>
}
resq.param @w : tensor<8x8xf32> {
  %0 = resq.leaf @ckpt "w" : tensor<8x8xf32>
  resq.yield %0 : tensor<8x8xf32>
}
resq.param @gain : tensor<8xf32>
func.func @gain_stays(%a: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %w = resq.get @w : tensor<8x8xf32>
  %x = resq.linear %a, %w : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %g = resq.get @gain : tensor<8xf32>
  // expected-remark @below {{rotations stay online: a norm has a gain (--resq-fold-norm first)}}
  %n = resq.rms_norm %x gain %g : tensor<8xf32> {eps = 1.0e-5 : f32} : tensor<?x8xf32> -> tensor<?x8xf32>
  %u = resq.get @u : tensor<8x8xf64>
  // expected-remark @below {{stays online}}
  %r = resq.rotate %n, %u : tensor<?x8xf32>, tensor<8x8xf64> -> tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}

// -----

// An external bias cannot turn, so its linear cannot; keys behind RoPE cannot either.
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @u : tensor<8x8xf64> {
  %0 = resq.random_orthogonal [8] seed 1 : tensor<8x8xf64>
  resq.yield %0 : tensor<8x8xf64>
}
resq.param @w : tensor<8x8xf32> {
  %0 = resq.leaf @ckpt "w" : tensor<8x8xf32>
  resq.yield %0 : tensor<8x8xf32>
}
resq.param @b : tensor<8xf32>
func.func @external(%a: tensor<?x8xf32>, %angles: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %w = resq.get @w : tensor<8x8xf32>
  %b = resq.get @b : tensor<8xf32>
  %x = resq.linear %a, %w bias %b : tensor<8xf32> : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  // expected-remark @below {{rotations stay online: a weight or a bias that writes to it has no recipe}}
  %n = resq.rms_norm %x {eps = 1.0e-5 : f32} : tensor<?x8xf32> -> tensor<?x8xf32>
  %u = resq.get @u : tensor<8x8xf64>
  // expected-remark @below {{its residual stream cannot take it}}
  %r = resq.rotate %n, %u : tensor<?x8xf32>, tensor<8x8xf64> -> tensor<?x8xf32>
  %k = resq.rope %a, %angles head_size 8 : tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
  // expected-remark @below {{this rotation of 8 stays online: it stands behind a rotary embedding}}
  %kr = resq.rotate %k, %u : tensor<?x8xf32>, tensor<8x8xf64> -> tensor<?x8xf32>
  return %r, %kr : tensor<?x8xf32>, tensor<?x8xf32>
}
