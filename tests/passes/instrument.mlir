// Observers on every site, or on the ones that are asked for.
// RUN: resq-opt --resq-instrument %s | FileCheck %s
// RUN: resq-opt --pass-pipeline="builtin.module(resq-instrument{sites=l0.values,l0.o.in})" %s | FileCheck %s --check-prefix=SOME
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-instrument{sites=l0.o.in,l9.q.in})" %s 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: error: resq-instrument: 1 of the sites 'l0.o.in,l9.q.in' are in the module; sites are <linear>.in of named linears, <cache>.keys, <cache>.values and <cache>.queries

resq.param @w : tensor<16x16xf32>
resq.kv_cache @l0 heads 2 size 4 keys #resq.kv_float<f32> values #resq.kv_float<f32>
// CHECK-LABEL: func.func @layer
// CHECK-SAME: (%[[X:.*]]: tensor<?x16xf32>, %[[K:.*]]: tensor<?x8xf32>,
// One site a value, named after its first reader; a linear without a name has none.
// CHECK: resq.observe %[[X]] "l0.q.in" block 16 {first}
// CHECK-NEXT: resq.linear
// CHECK-NEXT: resq.linear
// CHECK-NEXT: resq.linear
// CHECK-NEXT: resq.observe %[[K]] "l0.keys" block 4
// CHECK-NEXT: resq.observe %[[K]] "l0.values" block 4
// CHECK-NEXT: resq.kv_append
// CHECK-NEXT: resq.observe %{{.*}} "l0.queries" block 4
// CHECK-NEXT: %[[Y:.*]] = resq.attention
// CHECK-NEXT: resq.observe %[[Y]] "l0.o.in" block 16
// SOME: resq.observe %{{.*}} "l0.values" block 4
// SOME: resq.observe %{{.*}} "l0.o.in" block 16
// SOME-NOT: resq.observe
func.func @layer(%x: tensor<?x16xf32>, %k: tensor<?x8xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x16xf32> {
  %w = resq.get @w : tensor<16x16xf32>
  %q = resq.linear %x, %w {name = "l0.q"} : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %r = resq.linear %x, %w {name = "l0.r"} : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %t = resq.linear %q, %w : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  resq.kv_append @l0, %k, %k at %p, %s : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>
  %y = resq.attention @l0, %t at %p, %s {scale = 1.0 : f32} : tensor<?x16xf32>, tensor<?xi32> -> tensor<?x16xf32>
  %z = resq.linear %y, %w {name = "l0.o"} : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  return %z : tensor<?x16xf32>
}

// Sites that are given stay, whatever linear and cache are called. A linear whose weight has a basis reads other coordinates than
// those of its site: that is not observed.
resq.param @folded : tensor<16x16xf32> attributes {basis = [#resq.basis_hadamard<size = 16>]} {
  %0 = resq.eye : tensor<16x16xf32>
  resq.yield %0 : tensor<16x16xf32>
}
resq.kv_cache @renamed heads 2 size 4 keys #resq.kv_float<f32> values #resq.kv_float<f32> {keys_site = "old.keys"}
// CHECK-LABEL: func.func @given
// CHECK-SAME: (%[[X:.*]]: tensor<?x16xf32>, %[[Y:.*]]: tensor<?x16xf32>,
// CHECK: resq.observe %[[X]] "old.in" block 16
// CHECK-NEXT: resq.linear {{.*}} {name = "a", site = "old.in"}
// CHECK-NOT: resq.observe %[[Y]]
// CHECK: resq.linear %[[Y]], {{.*}} {name = "b", site = "b.in"}
// CHECK-NEXT: resq.observe %{{.*}} "old.keys" block 4
// CHECK-NEXT: resq.observe %{{.*}} "renamed.values" block 4
func.func @given(%x: tensor<?x16xf32>, %y: tensor<?x16xf32>, %k: tensor<?x8xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) {
  %w = resq.get @w : tensor<16x16xf32>
  %f = resq.get @folded : tensor<16x16xf32>
  %a = resq.linear %x, %w {name = "a", site = "old.in"} : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %b = resq.linear %y, %f {name = "b"} : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  resq.kv_append @renamed, %k, %k at %p, %s : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>
  return
}
