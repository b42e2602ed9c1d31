// Cache codes, and the exact rotations around them: keys and queries after RoPE, values and what reads them.
// RUN: resq-opt --pass-pipeline="builtin.module(resq-kv{keys=resq values=resq})" --split-input-file %s | FileCheck %s
// RUN: resq-opt --pass-pipeline="builtin.module(resq-kv{keys=int4 values=int8})" --split-input-file %s | FileCheck %s --check-prefix=INT
// RUN: resq-opt --pass-pipeline="builtin.module(resq-kv{keys=resq:int3:per=head values=f16 fraction=4 seed=9})" --split-input-file %s | FileCheck %s --check-prefix=HEAD
// RUN: resq-opt --pass-pipeline="builtin.module(resq-kv{keys=int4:basis=hadamard values=int2:basis=random})" --split-input-file %s | FileCheck %s --check-prefix=TURN
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-kv{keys=int9})" --split-input-file %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=KEYS
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-kv{values=resq:basis=best})" --split-input-file %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=BASIS
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-kv{values=resq:qjl3})" --split-input-file %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=SKETCH
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-kv{keys=resq fraction=16})" --split-input-file %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=FRACTION
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-kv{fraction=1})" --split-input-file %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=LEAST
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-kv{rotation=best})" --split-input-file %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=ROTATION
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-kv{max-departure=0})" --split-input-file %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=DEPARTURE
// KEYS: error: resq-kv: keys is 'int9', allowed: f32, f16, int2 to int8, lm1 to lm4, qjl1 to qjl16, qjlg1 to qjlg16, qjl, qjlg, resq
// BASIS: error: resq-kv: values: basis is 'best', allowed: pca, hadamard, random, none
// SKETCH: error: resq-kv: values: 'qjl3' is a sketch, which is for keys, allowed: int2 to int8, lm1 to lm4
// LEAST: error: resq-kv: fraction is 1, allowed: 2 or more
// ROTATION: error: resq-kv: rotation is 'best', allowed: haar, hadamard, gaussian, bernoulli
// DEPARTURE: error: resq-kv: max-departure is 0, allowed: more than 0
// FRACTION: kv.mlir:[[# @LINE + 5]]:1: error: resq-kv: head_size 8 is smaller than fraction 16

// CHECK: resq.kv_cache @l0 heads 2 size 8 keys #resq.kv_int<bits = 4, high = 1> values #resq.kv_int<bits = 4, high = 1>
// INT: resq.kv_cache @l0 heads 2 size 8 keys #resq.kv_int<bits = 4> values #resq.kv_int<bits = 8>
// HEAD: keys #resq.kv_int<bits = 3, high = 2> values #resq.kv_float<f16>
resq.kv_cache @l0 heads 2 size 8 keys #resq.kv_float<f32> values #resq.kv_float<f32>
// One key basis for all heads of a layer, a value basis a head.
// CHECK: resq.param @l0.key_basis : tensor<8x8xf64>
// CHECK-NEXT: %[[M:.*]] = resq.moment "l0.keys" : tensor<2x8x8xf64>
// CHECK-NEXT: resq.sum_blocks %[[M]] : tensor<2x8x8xf64> -> tensor<8x8xf64>
// CHECK: resq.random_orthogonal [7, 1] seed 2
// CHECK: resq.param @l0.value_basis : tensor<2x8x8xf64>
// CHECK-NEXT: resq.moment "l0.values" : tensor<2x8x8xf64>
// HEAD: resq.param @l0.key_basis : tensor<2x8x8xf64>
// HEAD: resq.random_orthogonal [6, 2] seed 10
// HEAD-NOT: value_basis
// INT-NOT: resq.param
// INT: func.func @layer
// INT-NOT: resq.rotate
// INT: return
// CHECK-LABEL: func.func @layer
// CHECK-SAME: (%[[Q:.*]]: tensor<?x32xf32>, %[[K:.*]]: tensor<?x16xf32>, %[[V:.*]]: tensor<?x16xf32>, %[[P:.*]]: tensor<?xi32>, %[[S:.*]]: tensor<?xi32>)
// CHECK: %[[KR:.*]] = resq.rotate %[[K]], %{{.*}} : tensor<?x16xf32>, tensor<8x8xf64>
// CHECK: %[[VR:.*]] = resq.rotate %[[V]], %{{.*}} : tensor<?x16xf32>, tensor<2x8x8xf64>
// CHECK-NEXT: resq.kv_append @l0, %[[KR]], %[[VR]]
// CHECK: %[[QR:.*]] = resq.rotate %[[Q]], %{{.*}} : tensor<?x32xf32>, tensor<8x8xf64>
// CHECK-NEXT: %[[Y:.*]] = resq.attention @l0, %[[QR]]
// CHECK: %[[Z:.*]] = resq.rotate %[[Y]], %{{.*}} transposed : tensor<?x32xf32>, tensor<2x8x8xf64>
// CHECK-NEXT: return %[[Z]]
// TURN: resq.param @l0.value_basis
// TURN: resq.random_orthogonal [8]
// TURN-LABEL: func.func @layer
// TURN-DAG: resq.hadamard %{{.*}} size 8 : tensor<?x16xf32>
// TURN-DAG: resq.rotate
// TURN: resq.kv_append
// TURN: resq.hadamard %{{.*}} size 8 : tensor<?x32xf32>
// TURN: resq.attention
// TURN: resq.rotate {{.*}} transposed
func.func @layer(%q: tensor<?x32xf32>, %k: tensor<?x16xf32>, %v: tensor<?x16xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x32xf32> {
  resq.kv_append @l0, %k, %v at %p, %s : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>
  %y = resq.attention @l0, %q at %p, %s {scale = 1.0 : f32} : tensor<?x32xf32>, tensor<?xi32> -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// -----

// Every reader of a cache gets its query turned: two attentions read the same keys.
resq.kv_cache @l0 heads 1 size 8 keys #resq.kv_float<f32> values #resq.kv_float<f32>
// CHECK-LABEL: func.func @two_readers
// CHECK-COUNT-2: resq.attention @l0, %{{.*}} at
// CHECK-DAG: transposed
// CHECK: return
// HEAD-LABEL: func.func @two_readers
// HEAD: resq.kv_append
// HEAD: %[[Q1:.*]] = resq.rotate
// HEAD-NEXT: resq.attention @l0, %[[Q1]]
// HEAD: %[[Q2:.*]] = resq.rotate
// HEAD-NEXT: resq.attention @l0, %[[Q2]]
func.func @two_readers(%q: tensor<?x8xf32>, %q2: tensor<?x16xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> (tensor<?x8xf32>, tensor<?x16xf32>) {
  resq.kv_append @l0, %k, %v at %p, %s : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>
  %y = resq.attention @l0, %q at %p, %s {scale = 1.0 : f32} : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
  %z = resq.attention @l0, %q2 at %p, %s {scale = 1.0 : f32} : tensor<?x16xf32>, tensor<?xi32> -> tensor<?x16xf32>
  return %y, %z : tensor<?x8xf32>, tensor<?x16xf32>
}

// -----

// Where --resq-split has put the reader into a value basis already, that one serves.
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @l0.value_basis : tensor<1x8x8xf64> {
  %0 = resq.moment "l0.values" : tensor<1x8x8xf64>
  %1 = resq.eigenbasis %0 : tensor<1x8x8xf64>
  resq.yield %1 : tensor<1x8x8xf64>
}
resq.kv_cache @l0 heads 1 size 8 keys #resq.kv_float<f16> values #resq.kv_float<f16>
// CHECK-LABEL: func.func @already
// CHECK-NOT: value_basis_1
// CHECK: resq.kv_append @l0, %{{.*}}, %arg2
// CHECK-NOT: transposed
// CHECK: return
func.func @already(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x8xf32> {
  resq.kv_append @l0, %k, %v at %p, %s : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>
  %y = resq.attention @l0, %q at %p, %s {scale = 1.0 : f32} : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
  %u = resq.get @l0.value_basis : tensor<1x8x8xf64>
  %z = resq.rotate %y, %u : tensor<?x8xf32>, tensor<1x8x8xf64> -> tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}
