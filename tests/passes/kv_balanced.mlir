// Balanced bases: keys by a matrix of both second moments, rounded to f32, queries by the inverse transpose of what was rounded.
// RUN: resq-opt --pass-pipeline="builtin.module(resq-kv{keys=resq:lm3:basis=balanced:per=head values=f16 seed=4})" %s | FileCheck %s --check-prefixes=CHECK,HEAD
// RUN: resq-opt --pass-pipeline="builtin.module(resq-kv{keys=resq:lm3:basis=balanced values=f16 seed=4})" %s | FileCheck %s --check-prefixes=CHECK,LAYER
// What stands behind a rotary embedding stays online; nothing takes its transpose for its inverse.
// RUN: resq-opt --pass-pipeline="builtin.module(resq-kv{keys=resq:lm3:basis=balanced values=f16},resq-fold-rotations,canonicalize,resq-pack)" %s 2>/dev/null | FileCheck %s --check-prefix=PACKED

// CHECK: resq.kv_cache @l0 heads 2 size 8 keys #resq.kv_lm<bits = 3, high = 1> values #resq.kv_float<f16>
resq.kv_cache @l0 heads 2 size 8 keys #resq.kv_float<f32> values #resq.kv_float<f32>

// HEAD: resq.param @l0.key_basis : tensor<2x8x8xf32>
// HEAD-NEXT: %[[K:.*]] = resq.moment "l0.keys" : tensor<2x8x8xf64>
// HEAD-NEXT: %[[Q:.*]] = resq.moment "l0.queries" : tensor<4x8x8xf64>
// HEAD-NEXT: %[[S:.*]] = resq.sum_blocks %[[Q]] into 2 : tensor<4x8x8xf64> -> tensor<2x8x8xf64>
// HEAD-NEXT: %[[T:.*]] = resq.balanced_basis %[[K]], %[[S]] : tensor<2x8x8xf64>
// HEAD-NEXT: %[[R:.*]] = resq.random_orthogonal [7, 1] seed 5 : tensor<8x8xf64>
// HEAD-NEXT: %[[M:.*]] = resq.matmul %[[T]], %[[R]]
// HEAD-NEXT: %[[C:.*]] = resq.cast %[[M]] : tensor<2x8x8xf64> -> tensor<2x8x8xf32>
// HEAD-NEXT: resq.yield %[[C]]
// HEAD: resq.param @l0.query_basis : tensor<2x8x8xf64>
// HEAD-NEXT: %[[G:.*]] = resq.get @l0.key_basis : tensor<2x8x8xf32>
// HEAD-NEXT: resq.inverse_transpose %[[G]] : tensor<2x8x8xf32> -> tensor<2x8x8xf64>
// LAYER: resq.param @l0.key_basis : tensor<8x8xf32>
// LAYER: %[[K:.*]] = resq.sum_blocks %{{.*}} : tensor<2x8x8xf64> -> tensor<8x8xf64>
// LAYER: %[[Q:.*]] = resq.sum_blocks %{{.*}} : tensor<4x8x8xf64> -> tensor<8x8xf64>
// LAYER-NEXT: resq.balanced_basis %[[K]], %[[Q]] : tensor<8x8xf64>
// PACKED: resq.param @l0.key_basis : tensor<8x8xf32>
// PACKED: resq.param @l0.query_basis{{.*}} : tensor<8x8xf32>

// CHECK-LABEL: func.func @layer
// CHECK: %[[KB:.*]] = resq.get @l0.key_basis
// CHECK-NEXT: %[[KR:.*]] = resq.rotate %arg2, %[[KB]] pair
// CHECK-NEXT: resq.kv_append @l0, %[[KR]], %arg3
// CHECK: %[[QB:.*]] = resq.get @l0.query_basis
// CHECK-NEXT: %[[QR:.*]] = resq.rotate %arg0, %[[QB]] pair
// CHECK-NEXT: resq.attention @l0, %[[QR]]
// CHECK: resq.rotate %arg1, %{{.*}} pair
// PACKED-LABEL: func.func @layer
// PACKED-COUNT-3: resq.rotate %{{.*}}, %{{.*}} pair : tensor<?x{{.*}}xf32>, tensor<8x8xf32>
func.func @layer(%q: tensor<?x32xf32>, %q2: tensor<?x32xf32>, %k: tensor<?x16xf32>, %v: tensor<?x16xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> (tensor<?x32xf32>, tensor<?x32xf32>) {
  resq.kv_append @l0, %k, %v at %p, %s : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>
  %y = resq.attention @l0, %q at %p, %s {scale = 1.0 : f32} : tensor<?x32xf32>, tensor<?xi32> -> tensor<?x32xf32>
  %z = resq.attention @l0, %q2 at %p, %s {scale = 1.0 : f32} : tensor<?x32xf32>, tensor<?xi32> -> tensor<?x32xf32>
  return %y, %z : tensor<?x32xf32>, tensor<?x32xf32>
}
