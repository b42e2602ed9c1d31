// Weight scales of groups of columns inside what shares an activation's scale, and the head in 8 bits.
// RUN: resq-opt --pass-pipeline="builtin.module(resq-quantize{group=16 head=8})" --split-input-file --verify-diagnostics %s | FileCheck %s
// RUN: resq-opt --pass-pipeline="builtin.module(resq-quantize{group=16 head=8},resq-pack)" --split-input-file %s 2>/dev/null | FileCheck %s --check-prefix=PACK
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-quantize{group=7})" --split-input-file %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=GROUP
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-quantize{head=4})" --split-input-file %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=HEAD
// GROUP: resq-quantize: head is 0, embedding is 0 (allowed: 0, 8), group is 7, head-group is 0 (allowed: 0, or 8 and more)
// HEAD: resq-quantize: head is 4, embedding is 0 (allowed: 0, 8), group is 0

// The largest multiple of 8 up to 16 that divides the range: 48 = 3 x 16, 24 (a head's part) = 3 x 8. The high part stays whole.
// CHECK-LABEL: func.func @groups
// CHECK-DAG: resq.quantize %arg0 {range = 48 : i64} : tensor<?x48xf32> -> tensor<?x48x!resq.quant<bits = 4, group = 16, zero = true
// CHECK-DAG: resq.quantize %[[L:.*]] {range = 24 : i64} : tensor<?x48xf32> -> tensor<?x48x!resq.quant<bits = 4, group = 8, zero = true
// CHECK-DAG: resq.quantize %[[H:.*]] : tensor<?x16xf32> -> tensor<?x16x!resq.quant<bits = 8, group = 8, zero = true
// CHECK-DAG: resq.qlinear {{.*}} by {{.*}}tensor<4x48x!resq.quant<bits = 4, group = 16, zero = false
// CHECK-DAG: resq.qlinear {{.*}} by {{.*}}tensor<4x48x!resq.quant<bits = 4, group = 8, zero = false, layout = row>>, tensor<4x16x!resq.quant<bits = 8, group = 16, zero = false
// PACK: resq.pack {{.*}} : tensor<4x48x!resq.quant<bits = 4, group = 16, {{.*}} pack_group = 16, base = 4>>
// PACK: resq.pack {{.*}} : tensor<4x48x!resq.quant<bits = 4, group = 8, {{.*}} pack_group = 8, base = 4>>
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @w : tensor<4x48xf32> {
  %0 = resq.leaf @ckpt "w" : tensor<4x48xf32>
  resq.yield %0 : tensor<4x48xf32>
}
resq.param @low : tensor<4x48xf32> {
  %0 = resq.leaf @ckpt "low" : tensor<4x48xf32>
  resq.yield %0 : tensor<4x48xf32>
}
resq.param @high : tensor<4x16xf32> {
  %0 = resq.leaf @ckpt "high" : tensor<4x16xf32>
  resq.yield %0 : tensor<4x16xf32>
}
func.func @groups(%x: tensor<?x48xf32>, %z: tensor<?x64xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %w = resq.get @w : tensor<4x48xf32>
  %y = resq.linear %x, %w : tensor<?x48xf32>, tensor<4x48xf32> -> tensor<?x4xf32>
  %l, %h = resq.split %z block 32 high 8 : tensor<?x64xf32> -> tensor<?x48xf32>, tensor<?x16xf32>
  %wl = resq.get @low : tensor<4x48xf32>
  %wh = resq.get @high : tensor<4x16xf32>
  %yl = resq.linear %l, %wl : tensor<?x48xf32>, tensor<4x48xf32> -> tensor<?x4xf32>
  %yh = resq.linear %h, %wh : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  %s = resq.add %yl, %yh : tensor<?x4xf32>
  return %y, %s : tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

// No group without padding: one scale a row, and a remark.
// CHECK-LABEL: func.func @odd
// CHECK: resq.quantize %arg0 : tensor<?x20xf32> -> tensor<?x20x!resq.quant<bits = 4, group = 20, zero = true
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @w : tensor<4x20xf32> {
  %0 = resq.leaf @ckpt "w" : tensor<4x20xf32>
  resq.yield %0 : tensor<4x20xf32>
}
func.func @odd(%x: tensor<?x20xf32>) -> tensor<?x4xf32> {
  %w = resq.get @w : tensor<4x20xf32>
  // expected-remark @below {{a weight scale serves the whole row: no multiple of 8 up to 16 divides 20}}
  %y = resq.linear %x, %w : tensor<?x20xf32>, tensor<4x20xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// A tied head gets codes of its own, the embedding stays.
// CHECK: resq.param @embed : tensor<32x16xf32>
// CHECK: resq.param @embed_codes : tensor<32x16x!resq.quant<bits = 8, group = 16, zero = false, layout = row>>
// CHECK-LABEL: func.func @head
// CHECK: %[[X:.*]] = resq.embed %arg0
// CHECK: %[[Q:.*]] = resq.quantize %[[X]] : tensor<?x16xf32> -> tensor<?x16x!resq.quant<bits = 8, group = 16, zero = true
// CHECK: resq.qlinear %[[Q]] by %{{.*}} {name = "head"}
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @embed : tensor<32x16xf32> {
  %0 = resq.leaf @ckpt "embed" : tensor<32x16xf32>
  resq.yield %0 : tensor<32x16xf32>
}
func.func @head(%tokens: tensor<?xi32>) -> tensor<?x32xf32> {
  %w = resq.get @embed : tensor<32x16xf32>
  %x = resq.embed %tokens, %w : tensor<?xi32>, tensor<32x16xf32> -> tensor<?x16xf32>
  %y = resq.head %x, %w : tensor<?x16xf32>, tensor<32x16xf32> -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}
