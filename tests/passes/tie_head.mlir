// Head and embedding stay one table: the gain between them becomes a matrix, which turns with the stream.
// RUN: resq-opt --resq-tie-head --split-input-file --verify-diagnostics %s | FileCheck %s
// RUN: resq-opt --resq-tie-head --resq-fold-norm --resq-fold-rotations --split-input-file %s 2>/dev/null | FileCheck %s --check-prefix=TURNED
// RUN: resq-opt --pass-pipeline="builtin.module(resq-tie-head,resq-fold-norm,resq-fold-rotations,resq-quantize{head=8 embedding=8 head-group=8},resq-pack)" --split-input-file %s 2>/dev/null | FileCheck %s --check-prefix=CODES
// RUN: resq-opt --pass-pipeline="builtin.module(resq-tie-head,resq-fold-norm,resq-fold-rotations,resq-quantize{embedding=8},resq-pack{head=f16})" --split-input-file %s 2>/dev/null | FileCheck %s --check-prefix=APART
// Tying what is tied changes nothing.
// RUN: resq-opt --resq-tie-head --split-input-file %s -o %t.once 2>/dev/null
// RUN: resq-opt --resq-tie-head --resq-tie-head --split-input-file %s -o %t.twice 2>/dev/null
// RUN: diff %t.once %t.twice

// CHECK-LABEL: resq.param @table : tensor<32x16xf32>
// CHECK-NOT: resq.param @{{head|table}}
// CHECK: resq.param @tied_gain : tensor<16x16xf64> {
// CHECK: %[[G:.*]] = resq.get @gain
// CHECK: %[[I:.*]] = resq.eye : tensor<16x16xf64>
// CHECK: resq.scale_columns %[[I]], %[[G]]
// CHECK-LABEL: func.func @tied
// CHECK: %[[E:.*]] = resq.get @table
// CHECK: resq.embed %{{.*}}, %[[E]]
// CHECK: %[[L:.*]] = resq.gather_rows
// CHECK: %[[N:.*]] = resq.rms_norm %[[L]] {eps =
// CHECK: %[[S:.*]] = resq.rotate %[[N]], %{{.*}} pair
// CHECK: resq.head %[[S]], %[[E]]

// TURNED-LABEL: resq.param @table : tensor<32x16xf32>
// TURNED: resq.rotate
// TURNED-NOT: resq.rotate
// TURNED: resq.param @tied_gain
// TURNED: resq.scale_columns
// TURNED: resq.rotate
// TURNED: resq.transpose
// TURNED: resq.rotate
// TURNED: resq.transpose
// TURNED-NOT: resq.param @{{head|table}}
// TURNED-LABEL: func.func @tied
// TURNED-NOT: @u
// TURNED: resq.get @tied_gain
// TURNED-NOT: @u
// TURNED: return

// One set of codes, packed once, read twice.
// CODES: resq.param @table : tensor<32x16x!resq.quant<bits = 8, group = 8, zero = false, layout = n16k4, pack_group = 8, base = 8>>
// CODES: resq.quantize_weight
// CODES: resq.pack %{{.*}} pack_group = 8, base = 8>>
// CODES-NOT: resq.param @{{head|table}}
// CODES-LABEL: func.func @tied
// CODES: resq.embed %{{.*}} : tensor<?xi32>, tensor<32x16x!resq.quant<bits = 8, group = 8, zero = false, layout = n16k4, pack_group = 8, base = 8>>
// CODES: resq.quantize %{{.*}} : tensor<?x16xf32> -> tensor<?x16x!resq.quant<bits = 8, group = 8, zero = true
// CODES: resq.qlinear %{{.*}} {name = "head"}

// A float head and an embedding of codes are two.
// APART-DAG: resq.param @table_codes : tensor<32x16x!resq.quant<bits = 8, group = 16, zero = false, layout = n16k4, pack_group = 16, base = 8>>
// APART-DAG: resq.param @table : tensor<32x16x!resq.panel<f16>>
// APART-LABEL: func.func @tied
// APART: resq.head
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @table : tensor<32x16xf32> {
  %0 = resq.leaf @ckpt "e" : tensor<32x16xf32>
  resq.yield %0 : tensor<32x16xf32>
}
resq.param @gain : tensor<16xf32> {
  %0 = resq.leaf @ckpt "g" : tensor<16xf32>
  resq.yield %0 : tensor<16xf32>
}
resq.param @w : tensor<16x16xf32> {
  %0 = resq.leaf @ckpt "w" : tensor<16x16xf32>
  resq.yield %0 : tensor<16x16xf32>
}
resq.param @u : tensor<16x16xf64> {
  %0 = resq.random_orthogonal [16] seed 1 : tensor<16x16xf64>
  resq.yield %0 : tensor<16x16xf64>
}
func.func @tied(%t: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x32xf32> {
  %e = resq.get @table : tensor<32x16xf32>
  %x = resq.embed %t, %e : tensor<?xi32>, tensor<32x16xf32> -> tensor<?x16xf32>
  %n = resq.rms_norm %x {eps = 1.0e-5 : f32} : tensor<?x16xf32> -> tensor<?x16xf32>
  %u = resq.get @u : tensor<16x16xf64>
  %r = resq.rotate %n, %u : tensor<?x16xf32>, tensor<16x16xf64> -> tensor<?x16xf32>
  %w = resq.get @w : tensor<16x16xf32>
  %y = resq.linear %r, %w : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %z = resq.add %x, %y : tensor<?x16xf32>
  %last = resq.gather_rows %z, %rows : tensor<?x16xf32>, tensor<?xi32> -> tensor<?x16xf32>
  %g = resq.get @gain : tensor<16xf32>
  %m = resq.rms_norm %last gain %g : tensor<16xf32> {eps = 1.0e-5 : f32} : tensor<?x16xf32> -> tensor<?x16xf32>
  %h = resq.head %m, %e : tensor<?x16xf32>, tensor<32x16xf32> -> tensor<?x32xf32>
  return %h : tensor<?x32xf32>
}

// -----

// A head with a table of its own, and a tied one whose norm others read: left alone.
// CHECK-LABEL: func.func @untied
// CHECK: resq.rms_norm %{{.*}} gain
// CHECK-NOT: resq.rotate
// CHECK: return
// CODES-LABEL: func.func @untied
// CODES: resq.embed %{{.*}} : tensor<?xi32>, tensor<32x16x!resq.quant<bits = 8, group = 8, zero = false, layout = n16k4, pack_group = 8, base = 8>>
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @table : tensor<32x16xf32> {
  %0 = resq.leaf @ckpt "e" : tensor<32x16xf32>
  resq.yield %0 : tensor<32x16xf32>
}
resq.param @head : tensor<32x16xf32> {
  %0 = resq.leaf @ckpt "h" : tensor<32x16xf32>
  resq.yield %0 : tensor<32x16xf32>
}
resq.param @gain : tensor<16xf32>
func.func @untied(%t: tensor<?xi32>) -> tensor<?x32xf32> {
  %e = resq.get @table : tensor<32x16xf32>
  %x = resq.embed %t, %e : tensor<?xi32>, tensor<32x16xf32> -> tensor<?x16xf32>
  %g = resq.get @gain : tensor<16xf32>
  %m = resq.rms_norm %x gain %g : tensor<16xf32> {eps = 1.0e-5 : f32} : tensor<?x16xf32> -> tensor<?x16xf32>
  %w = resq.get @head : tensor<32x16xf32>
  %h = resq.head %m, %w : tensor<?x16xf32>, tensor<32x16xf32> -> tensor<?x32xf32>
  return %h : tensor<?x32xf32>
}

// -----

resq.checkpoint @ckpt "m.gguf", gguf
resq.param @table : tensor<32x16xf32> {
  %0 = resq.leaf @ckpt "e" : tensor<32x16xf32>
  resq.yield %0 : tensor<32x16xf32>
}
resq.param @gain : tensor<16xf32> {
  %0 = resq.leaf @ckpt "g" : tensor<16xf32>
  resq.yield %0 : tensor<16xf32>
}
// CHECK-LABEL: func.func @shared_norm
// CHECK: resq.rms_norm %{{.*}} gain
func.func @shared_norm(%t: tensor<?xi32>) -> (tensor<?x32xf32>, tensor<?x16xf32>) {
  %e = resq.get @table : tensor<32x16xf32>
  %x = resq.embed %t, %e : tensor<?xi32>, tensor<32x16xf32> -> tensor<?x16xf32>
  %g = resq.get @gain : tensor<16xf32>
  %m = resq.rms_norm %x gain %g : tensor<16xf32> {eps = 1.0e-5 : f32} : tensor<?x16xf32> -> tensor<?x16xf32>
  // expected-remark @below {{the head and the embedding may get a table each: others read the head's norm}}
  %h = resq.head %m, %e : tensor<?x16xf32>, tensor<32x16xf32> -> tensor<?x32xf32>
  return %h, %m : tensor<?x32xf32>, tensor<?x16xf32>
}
