// Stored orders: panels for float weights, n16k4 tiles for codes, f32 for online rotations.
// RUN: resq-opt --pass-pipeline="builtin.module(resq-pack{weights=bf16 head=f16})" --split-input-file --verify-diagnostics %s | FileCheck %s
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-pack{head=f64})" --split-input-file %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=HEAD
// HEAD: resq-pack: head is 'f64', allowed: f32, bf16, f16

resq.checkpoint @ckpt "m.gguf", gguf
// A tied table is packed once; what another recipe reads is packed in a copy.
// CHECK-LABEL: resq.param @table : tensor<32x8x!resq.panel<f16>>
// CHECK: resq.pack %{{.*}} : tensor<32x8xf32> -> tensor<32x8x!resq.panel<f16>>
// CHECK-NOT: resq.pack
resq.param @table : tensor<32x8xf32> {
  %0 = resq.leaf @ckpt "e" : tensor<32x8xf32>
  resq.yield %0 : tensor<32x8xf32>
}
// CHECK: resq.param @w : tensor<8x8xf32>
// CHECK: resq.param @w_packed : tensor<8x8x!resq.panel<bf16>>
resq.param @w : tensor<8x8xf32> {
  %0 = resq.leaf @ckpt "w" : tensor<8x8xf32>
  resq.yield %0 : tensor<8x8xf32>
}
resq.param @reader : tensor<8x8xf32> {
  %0 = resq.get @w : tensor<8x8xf32>
  %1 = resq.transpose %0 : tensor<8x8xf32> -> tensor<8x8xf32>
  resq.yield %1 : tensor<8x8xf32>
}
func.func @float(%t: tensor<?xi32>) -> tensor<?x32xf32> {
  %e = resq.get @table : tensor<32x8xf32>
  %x = resq.embed %t, %e : tensor<?xi32>, tensor<32x8xf32> -> tensor<?x8xf32>
  %w = resq.get @w : tensor<8x8xf32>
  %y = resq.linear %x, %w : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %r = resq.get @reader : tensor<8x8xf32>
  %z = resq.linear %y, %r : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %h = resq.head %z, %e : tensor<?x8xf32>, tensor<32x8xf32> -> tensor<?x32xf32>
  return %h : tensor<?x32xf32>
}

// -----

// The packed weight knows the group of the activation it meets; packing twice changes nothing.
!a = tensor<?x12x!resq.quant<bits = 4, group = 6, zero = true, layout = row>>
!w = tensor<4x12x!resq.quant<bits = 4, group = 12, zero = false, layout = row>>
resq.checkpoint @ckpt "m.gguf", gguf
// CHECK-LABEL: resq.param @codes : tensor<4x12x!resq.quant<bits = 4, group = 12, zero = false, layout = n16k4, pack_group = 6, base = 4>>
// CHECK: resq.pack %
resq.param @codes : !w {
  %0 = resq.leaf @ckpt "w" : tensor<4x12xf32>
  %1 = resq.quantize_weight %0 : tensor<4x12xf32> -> !w
  resq.yield %1 : !w
}
func.func @quantised(%x: tensor<?x12xf32>) -> tensor<?x4xf32> {
  %q = resq.quantize %x : tensor<?x12xf32> -> !a
  %w = resq.get @codes : !w
  %y = resq.qlinear %q by %w : !a by !w -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// An online rotation reads an f32 matrix as it stands: a transposed one is transposed in its recipe.
resq.param @u : tensor<8x8xf64> {
  %0 = resq.random_orthogonal [8] seed 1 : tensor<8x8xf64>
  resq.yield %0 : tensor<8x8xf64>
}
// CHECK: resq.param @u_transposed : tensor<8x8xf32>
// CHECK: resq.cast
// CHECK: resq.transpose
// CHECK-LABEL: func.func @online
// CHECK: resq.rotate %arg0, %{{.*}} : tensor<?x8xf32>, tensor<8x8xf32>
// CHECK: resq.rotate %{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<8x8xf32>
// CHECK-NOT: resq.rotate
func.func @online(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %u = resq.get @u : tensor<8x8xf64>
  %y = resq.rotate %x, %u transposed : tensor<?x8xf32>, tensor<8x8xf64> -> tensor<?x8xf32>
  %z = resq.rotate %y, %u : tensor<?x8xf32>, tensor<8x8xf64> -> tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}

// -----

// A sketch is a panel of f32, whatever weights are; who appends and who attends share it.
resq.kv_cache @c heads 1 size 10 keys #resq.kv_qjl<rows = 24, high = 2> values #resq.kv_float<f16>
// CHECK: resq.param @s : tensor<24x8x!resq.panel<f32>>
// CHECK: resq.pack %{{.*}} : tensor<24x8xf32> -> tensor<24x8x!resq.panel<f32>>
// CHECK-NOT: resq.pack
resq.param @s : tensor<24x8xf32> {
  %0 = resq.random_orthogonal [24] seed 1 : tensor<24x24xf64>
  %1 = resq.slice %0 dim 1 begin 0 : tensor<24x24xf64> -> tensor<24x8xf64>
  %2 = resq.cast %1 : tensor<24x8xf64> -> tensor<24x8xf32>
  resq.yield %2 : tensor<24x8xf32>
}
// CHECK-LABEL: func.func @signs
// CHECK: resq.kv_append @c, {{.*}} sketch %[[S:.*]] : tensor<24x8x!resq.panel<f32>>
// CHECK: resq.attention @c, {{.*}} sketch %[[S]] : tensor<24x8x!resq.panel<f32>>
func.func @signs(%q: tensor<?x20xf32>, %k: tensor<?x10xf32>, %p: tensor<?xi32>) -> tensor<?x20xf32> {
  %s = resq.get @s : tensor<24x8xf32>
  resq.kv_append @c, %k, %k at %p, %p sketch %s : tensor<24x8xf32> : tensor<?x10xf32>, tensor<?x10xf32>, tensor<?xi32>
  %y = resq.attention @c, %q at %p, %p sketch %s : tensor<24x8xf32> {scale = 0.25 : f32} : tensor<?x20xf32>, tensor<?xi32> -> tensor<?x20xf32>
  return %y : tensor<?x20xf32>
}

// -----

resq.param @external : tensor<4x8xf32>
func.func @no_recipe(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %w = resq.get @external : tensor<4x8xf32>
  // expected-error @below {{the weight has no recipe to pack: it must be a resq.param with a region}}
  %y = resq.linear %x, %w : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}
