// Keys as signs: one sketch for all caches of a size, given to all that touch them, and taken away again.
// RUN: resq-opt --pass-pipeline="builtin.module(resq-kv{keys=resq:qjl3 values=resq:lm2 seed=4})" %s | FileCheck %s
// RUN: resq-opt --pass-pipeline="builtin.module(resq-kv{keys=qjlg2 values=f16})" %s | FileCheck %s --check-prefix=GAUSSIAN
// RUN: resq-opt --pass-pipeline="builtin.module(resq-kv{keys=resq:qjl3 values=f16},resq-kv{keys=int4 values=f16})" %s | FileCheck %s --check-prefix=BACK
// The same choice under its own flag, values as they were.
// RUN: resq-opt --pass-pipeline="builtin.module(resq-insert-qjl{basis=pca per=layer seed=4})" %s | FileCheck %s --check-prefix=FLAG
// RUN: resq-opt --pass-pipeline="builtin.module(resq-insert-qjl{basis=none})" %s -o %t.flag
// RUN: resq-opt --pass-pipeline="builtin.module(resq-kv{keys=resq:qjl3:basis=none values=f32})" %s | diff %t.flag -
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-insert-qjl{signs=17})" %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=SIGNS
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-insert-qjl{fraction=1})" %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=LEAST
// RUN: sed -e 's/size 8/size 128/' -e 's/x16xf32/x256xf32/g' %s > %t.mlir
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-kv{keys=qjl9})" %t.mlir -o /dev/null 2>&1 | FileCheck %s --check-prefix=ROWS
// RUN: resq-opt --pass-pipeline="builtin.module(resq-kv{keys=qjl:outlier-rows=1d:buffer=32 values=lm2})" %s | FileCheck %s --check-prefix=GROUPS
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-kv{keys=qjl:outliers=8})" %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=OUTLIERS
// OUTLIERS: error: resq-kv: 8 outlier channels of 8 elements, allowed: fewer than all, of at most 256 elements
// SIGNS: error: resq-insert-qjl: keys: the low part is 'qjl17', allowed: int2 to int8, lm1 to lm4, qjl1 to qjl16, qjlg1 to qjlg16
// LEAST: error: resq-insert-qjl: fraction is 1, allowed: 2 or more
// ROWS: error: resq-kv: 9 sign rows for each of 128 elements are 1152, allowed: 1024

// CHECK: resq.kv_cache @l0 heads 2 size 8 keys #resq.kv_qjl<rows = 21, high = 1> values #resq.kv_lm<bits = 2, high = 1>
// CHECK: resq.kv_cache @l1 heads 2 size 8 keys #resq.kv_qjl<rows = 21, high = 1>
// GROUPS: resq.kv_cache @l0 heads 2 size 8 keys #resq.kv_qjl_groups<rows = 16, outliers = 1, outlier_rows = 8, buffer = 32, window = 160> values #resq.kv_lm<bits = 2>
// GROUPS: resq.sketch_matrix seed 5 : tensor<16x8xf64>
// GROUPS-COUNT-2: resq.kv_append @l0, {{.*}} sketch %{{.*}} : tensor<16x8xf32>
// GAUSSIAN: keys #resq.kv_qjl<rows = 16> values #resq.kv_float<f16>
// FLAG: keys #resq.kv_qjl<rows = 21, high = 1> values #resq.kv_float<f32>
resq.kv_cache @l0 heads 2 size 8 keys #resq.kv_float<f32> values #resq.kv_float<f32>
resq.kv_cache @l1 heads 2 size 8 keys #resq.kv_float<f32> values #resq.kv_float<f32>

// CHECK: resq.param @key_sketch : tensor<21x7xf32>
// CHECK-NEXT: %[[S:.*]] = resq.sketch_matrix seed 8 : tensor<21x7xf64>
// CHECK-NEXT: resq.cast %[[S]] : tensor<21x7xf64> -> tensor<21x7xf32>
// CHECK-NOT: sketch_matrix
// GAUSSIAN: resq.sketch_matrix seed 5 gaussian : tensor<16x8xf64>
// FLAG: resq.param @l0.key_basis : tensor<8x8xf64>
// FLAG: resq.eigenbasis
// FLAG: resq.sketch_matrix seed 8 : tensor<21x7xf64>

// CHECK-LABEL: func.func @layers
// CHECK-COUNT-2: resq.kv_append @l0, {{.*}} sketch %{{.*}} : tensor<21x7xf32>
// CHECK: resq.attention @l0, {{.*}} sketch %{{.*}} : tensor<21x7xf32>
// CHECK: resq.kv_append @l1, {{.*}} sketch %{{.*}} : tensor<21x7xf32>
// BACK-LABEL: func.func @layers
// BACK-NOT: resq.{{.*}} sketch %
// BACK: return
// FLAG-LABEL: func.func @layers
// FLAG: resq.kv_append @l0, %{{.*}}, %arg2 at
func.func @layers(%q: tensor<?x16xf32>, %k: tensor<?x16xf32>, %v: tensor<?x16xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x16xf32> {
  resq.kv_append @l0, %k, %v at %p, %s : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>
  resq.kv_append @l0, %k, %v at %p, %s : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>
  %y = resq.attention @l0, %q at %p, %s {scale = 1.0 : f32} : tensor<?x16xf32>, tensor<?xi32> -> tensor<?x16xf32>
  resq.kv_append @l1, %k, %v at %p, %s : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>
  return %y : tensor<?x16xf32>
}
