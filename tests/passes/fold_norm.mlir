// Gains go into the columns of the weights that read the norm, and nowhere else.
// RUN: resq-opt --resq-fold-norm --split-input-file %s | FileCheck %s
// RUN: resq-opt --resq-fold-norm --split-input-file --verify-diagnostics %s -o /dev/null

resq.checkpoint @ckpt "m.gguf", gguf
resq.param @gain : tensor<8xf32> {
  %0 = resq.leaf @ckpt "norm" : tensor<8xf32>
  resq.yield %0 : tensor<8xf32>
}
// CHECK-LABEL: resq.param @q
// CHECK-NEXT: %[[W:.*]] = resq.leaf @ckpt "q"
// CHECK-NEXT: %[[G:.*]] = resq.get @gain : tensor<8xf32>
// CHECK-NEXT: %[[S:.*]] = resq.scale_columns %[[W]], %[[G]] : tensor<16x8xf32>, tensor<8xf32> -> tensor<16x8xf32>
// CHECK-NEXT: resq.yield %[[S]]
resq.param @q : tensor<16x8xf32> {
  %0 = resq.leaf @ckpt "q" : tensor<16x8xf32>
  resq.yield %0 : tensor<16x8xf32>
}
// CHECK-LABEL: resq.param @k
// CHECK: resq.scale_columns
// CHECK-NOT: resq.scale_columns
resq.param @k : tensor<16x8xf32> {
  %0 = resq.leaf @ckpt "k" : tensor<16x8xf32>
  resq.yield %0 : tensor<16x8xf32>
}
// CHECK-LABEL: func.func @all_linear
func.func @all_linear(%x: tensor<?x8xf32>) -> (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>) {
  // CHECK-NOT: resq.get @gain
  // CHECK: %[[N:.*]] = resq.rms_norm %{{.*}} {eps
  %g = resq.get @gain : tensor<8xf32>
  %n = resq.rms_norm %x gain %g : tensor<8xf32> {eps = 1.0e-5 : f32} : tensor<?x8xf32> -> tensor<?x8xf32>
  %wq = resq.get @q : tensor<16x8xf32>
  // CHECK: resq.linear %[[N]]
  %q = resq.linear %n, %wq : tensor<?x8xf32>, tensor<16x8xf32> -> tensor<?x16xf32>
  %wk = resq.get @k : tensor<16x8xf32>
  %k = resq.linear %n, %wk : tensor<?x8xf32>, tensor<16x8xf32> -> tensor<?x16xf32>
  // Read twice: scaled once.
  %k2 = resq.linear %n, %wk : tensor<?x8xf32>, tensor<16x8xf32> -> tensor<?x16xf32>
  return %q, %k, %k2 : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>
}

// -----

// A tied embedding: the head gets a copy, the table stays as it is.
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @gain : tensor<8xf32>
// CHECK-LABEL: resq.param @embedding
// CHECK-NOT: resq.scale_columns
// CHECK: resq.param @head : tensor<32x8xf32>
// CHECK: resq.scale_columns
resq.param @embedding : tensor<32x8xf32> {
  %0 = resq.leaf @ckpt "token_embd" : tensor<32x8xf32>
  resq.yield %0 : tensor<32x8xf32>
}
// CHECK-LABEL: func.func @tied
func.func @tied(%t: tensor<?xi32>) -> tensor<?x32xf32> {
  // CHECK: %[[E:.*]] = resq.get @embedding
  // CHECK: resq.embed %{{.*}}, %[[E]]
  // CHECK: %[[H:.*]] = resq.get @head
  // CHECK: resq.head %{{.*}}, %[[H]]
  %e = resq.get @embedding : tensor<32x8xf32>
  %x = resq.embed %t, %e : tensor<?xi32>, tensor<32x8xf32> -> tensor<?x8xf32>
  %g = resq.get @gain : tensor<8xf32>
  %n = resq.rms_norm %x gain %g : tensor<8xf32> {eps = 1.0e-5 : f32} : tensor<?x8xf32> -> tensor<?x8xf32>
  %y = resq.head %n, %e : tensor<?x8xf32>, tensor<32x8xf32> -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// -----

// Two norms share a weight: each reads a scaled copy of its own or the original, never both gains.
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @g1 : tensor<8xf32>
resq.param @g2 : tensor<8xf32>
// CHECK-LABEL: resq.param @w : tensor<8x8xf32>
// CHECK: resq.get @g2
// CHECK-NOT: resq.get
// CHECK: resq.param @w_folded : tensor<8x8xf32>
// CHECK: resq.get @g1
// CHECK-NOT: resq.get
// CHECK: func.func @shared
resq.param @w : tensor<8x8xf32> {
  %0 = resq.leaf @ckpt "w" : tensor<8x8xf32>
  resq.yield %0 : tensor<8x8xf32>
}
func.func @shared(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: %[[W1:.*]] = resq.get @w_folded
  // CHECK: resq.linear %{{.*}}, %[[W1]]
  // CHECK: resq.linear
  %w = resq.get @w : tensor<8x8xf32>
  %a = resq.get @g1 : tensor<8xf32>
  %n = resq.rms_norm %x gain %a : tensor<8xf32> {eps = 1.0e-5 : f32} : tensor<?x8xf32> -> tensor<?x8xf32>
  %y = resq.linear %n, %w : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %b = resq.get @g2 : tensor<8xf32>
  %m = resq.rms_norm %y gain %b : tensor<8xf32> {eps = 1.0e-5 : f32} : tensor<?x8xf32> -> tensor<?x8xf32>
  %z = resq.linear %m, %w : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}

// -----

// What cannot take the gain keeps it, and says why.
resq.param @g : tensor<8xf32>
resq.param @external : tensor<8x8xf32>
// CHECK-LABEL: func.func @stays
// CHECK-COUNT-3: resq.rms_norm %{{.*}} gain
func.func @stays(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) {
  %g = resq.get @g : tensor<8xf32>
  // expected-remark@+1 {{the gain stays in the norm: a reader is neither resq.linear nor resq.head}}
  %a = resq.rms_norm %x gain %g : tensor<8xf32> {eps = 1.0e-5 : f32} : tensor<?x8xf32> -> tensor<?x8xf32>
  %y = resq.add %a, %x : tensor<?x8xf32>
  // expected-remark@+1 {{the gain stays in the norm: a reader's weight is not a parameter}}
  %b = resq.rms_norm %x gain %g : tensor<8xf32> {eps = 1.0e-5 : f32} : tensor<?x8xf32> -> tensor<?x8xf32>
  %z = resq.linear %b, %w : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  // expected-remark@+1 {{the gain stays in the norm: a reader's weight is external: it has no recipe to fold into}}
  %c = resq.rms_norm %x gain %g : tensor<8xf32> {eps = 1.0e-5 : f32} : tensor<?x8xf32> -> tensor<?x8xf32>
  %e = resq.get @external : tensor<8x8xf32>
  %u = resq.linear %c, %e : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  return %y, %z, %u : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

// A bias is added behind the product: no gain reaches it.
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @gain : tensor<8xf32> {
  %0 = resq.leaf @ckpt "norm" : tensor<8xf32>
  resq.yield %0 : tensor<8xf32>
}
// CHECK-LABEL: resq.param @w
// CHECK: resq.scale_columns
// CHECK-LABEL: resq.param @bias : tensor<8xf32>
// CHECK-NEXT: %[[B:.*]] = resq.leaf @ckpt "b"
// CHECK-NEXT: resq.yield %[[B]]
resq.param @w : tensor<8x8xf32> {
  %0 = resq.leaf @ckpt "w" : tensor<8x8xf32>
  resq.yield %0 : tensor<8x8xf32>
}
resq.param @bias : tensor<8xf32> {
  %0 = resq.leaf @ckpt "b" : tensor<8xf32>
  resq.yield %0 : tensor<8xf32>
}
// CHECK-LABEL: func.func @biased
// CHECK: %[[N:.*]] = resq.rms_norm %arg0 {eps
// CHECK: resq.linear %[[N]], %{{.*}} bias %{{.*}}
func.func @biased(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %g = resq.get @gain : tensor<8xf32>
  %n = resq.rms_norm %x gain %g : tensor<8xf32> {eps = 1.0e-5 : f32} : tensor<?x8xf32> -> tensor<?x8xf32>
  %w = resq.get @w : tensor<8x8xf32>
  %b = resq.get @bias : tensor<8xf32>
  %y = resq.linear %n, %w bias %b : tensor<8xf32> : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
