// Random parts of other kinds. One that is not orthogonal has a dual, its inverse transpose, for what meets the values it turned.
// RUN: resq-opt --pass-pipeline="builtin.module(resq-split{basis=random rotation=hadamard})" %s | FileCheck %s --check-prefix=HADAMARD
// RUN: resq-opt --pass-pipeline="builtin.module(resq-split{rotation=gaussian})" %s | FileCheck %s --check-prefix=GAUSSIAN
// RUN: resq-opt --pass-pipeline="builtin.module(resq-split{basis=random rotation=bernoulli max-departure=0.5 seed=3})" %s | FileCheck %s --check-prefix=BERNOULLI
// It stays online before a norm's readers, and merges around attention, which is linear in the values.
// RUN: resq-opt --pass-pipeline="builtin.module(resq-split{basis=random rotation=gaussian allow-departure=true},resq-fold-rotations)" %s 2>%t.err | FileCheck %s --check-prefix=FOLDED
// RUN: FileCheck %s --check-prefix=REMARK < %t.err
// RUN: resq-opt --pass-pipeline="builtin.module(resq-kv{keys=f16 values=int4:basis=random rotation=gaussian},resq-fold-rotations)" %s 2>/dev/null | FileCheck %s --check-prefix=VALUES
// REMARK: the residual stream is not rotated, rotations stay online: a norm commutes with orthogonal matrices alone, and this one is not
// What was calibrated meets the weights' duals: it is turned by the inverse transpose of those.
// RUN: resq-opt --pass-pipeline="builtin.module(resq-split{basis=random rotation=gaussian},resq-quantize{clip=auto})" %s 2>/dev/null | FileCheck %s --check-prefix=REPLAY
// REPLAY: %[[X:.*]] = resq.samples "v.in"
// REPLAY-NEXT: %[[D:.*]] = resq.get @stream.basis.dual
// REPLAY-NEXT: %[[U:.*]] = resq.inverse_transpose %[[D]]
// REPLAY-NEXT: resq.rotate %[[X]], %[[U]] pair
// Materialize measures the departure, and refuses it unless asked.
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-kv{keys=f16:basis=random values=f16 rotation=gaussian},resq-materialize{output=%t.none})" %S/Inputs/kv_only.mlir -o /dev/null 2>&1 | FileCheck %s --check-prefix=REFUSED
// RUN: not ls %t.none
// REFUSED: error: {{.*}}param @c.key_basis: the random matrix departs from an orthogonal one by |M^T M - 1| = {{[0-9.]+}}, allowed: 0.001; allow-departure=true takes it all the same
// RUN: resq-opt --pass-pipeline="builtin.module(resq-kv{keys=f16:basis=random values=f16 rotation=gaussian allow-departure=true},resq-materialize{output=%t.bin})" %S/Inputs/kv_only.mlir -o /dev/null 2>&1 | FileCheck %s --check-prefix=REPORTED
// REPORTED: remark: @c.key_basis: its random matrix departs from an orthogonal one by {{[0-9.]+}}
// REPORTED: remark: @c.query_basis: condition number {{[0-9.]+}}

resq.checkpoint @ckpt "m.gguf", gguf
resq.param @e : tensor<32x16xf32> {
  %0 = resq.leaf @ckpt "e" : tensor<32x16xf32>
  resq.yield %0 : tensor<32x16xf32>
}
resq.param @v : tensor<16x16xf32> {
  %0 = resq.leaf @ckpt "v" : tensor<16x16xf32>
  resq.yield %0 : tensor<16x16xf32>
}
resq.param @o : tensor<16x16xf32> {
  %0 = resq.leaf @ckpt "o" : tensor<16x16xf32>
  resq.yield %0 : tensor<16x16xf32>
}
resq.kv_cache @c heads 2 size 8 keys #resq.kv_float<f16> values #resq.kv_float<f16>

// HADAMARD: resq.param @stream.basis : tensor<16x16xf64>
// HADAMARD-NEXT: resq.random_matrix [14, 2] hadamard seed 1 : tensor<16x16xf64>
// HADAMARD-NOT: dual
// GAUSSIAN: resq.param @stream.basis : tensor<16x16xf32>
// GAUSSIAN: resq.random_matrix [14, 2] gaussian seed 1 departure 1.000000e-03 : tensor<16x16xf64>
// GAUSSIAN: %[[M:.*]] = resq.matmul
// GAUSSIAN-NEXT: resq.cast %[[M]] : tensor<16x16xf64> -> tensor<16x16xf32>
// GAUSSIAN: resq.param @stream.basis.dual : tensor<16x16xf64>
// GAUSSIAN-NEXT: %[[G:.*]] = resq.get @stream.basis
// GAUSSIAN-NEXT: resq.inverse_transpose %[[G]]
// GAUSSIAN: resq.param @v.low
// GAUSSIAN: %[[D:.*]] = resq.get @stream.basis.dual
// GAUSSIAN-NEXT: resq.rotate %{{.*}}, %[[D]] pair
// GAUSSIAN-LABEL: func.func @block
// GAUSSIAN: %[[U:.*]] = resq.get @stream.basis :
// GAUSSIAN-NEXT: resq.rotate %{{.*}}, %[[U]] pair
// BERNOULLI: resq.random_matrix [14, 2] bernoulli seed 3 departure 5.000000e-01
// BERNOULLI: resq.random_matrix [7, 1] bernoulli seed 4 departure 5.000000e-01
// FOLDED: resq.random_matrix [14, 2] gaussian seed 1 : tensor
// FOLDED: resq.param @v.low
// FOLDED: resq.get @c.value_basis :
// FOLDED-NEXT: resq.rotate {{.*}} pair
// FOLDED: resq.param @o.low
// FOLDED: resq.get @c.value_basis.dual
// FOLDED-NEXT: resq.rotate {{.*}} pair
// FOLDED-LABEL: func.func @block
// FOLDED-COUNT-1: resq.rotate
// FOLDED-NOT: resq.rotate
// VALUES: resq.get @c.value_basis :
// VALUES: resq.get @c.value_basis.dual
// VALUES-LABEL: func.func @block
// VALUES-NOT: resq.rotate
// VALUES: return
func.func @block(%t: tensor<?xi32>, %q: tensor<?x16xf32>, %k: tensor<?x16xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x32xf32> {
  %e = resq.get @e : tensor<32x16xf32>
  %x = resq.embed %t, %e : tensor<?xi32>, tensor<32x16xf32> -> tensor<?x16xf32>
  %n = resq.rms_norm %x {eps = 1.0e-5 : f32} : tensor<?x16xf32> -> tensor<?x16xf32>
  %wv = resq.get @v : tensor<16x16xf32>
  %v = resq.linear %n, %wv {name = "v"} : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  resq.kv_append @c, %k, %v at %p, %s : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>
  %a = resq.attention @c, %q at %p, %s {scale = 1.0 : f32} : tensor<?x16xf32>, tensor<?xi32> -> tensor<?x16xf32>
  %wo = resq.get @o : tensor<16x16xf32>
  %y = resq.linear %a, %wo {name = "o"} : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %z = resq.add %x, %y : tensor<?x16xf32>
  %m = resq.rms_norm %z {eps = 1.0e-5 : f32} : tensor<?x16xf32> -> tensor<?x16xf32>
  %l = resq.head %m, %e : tensor<?x16xf32>, tensor<32x16xf32> -> tensor<?x32xf32>
  return %l : tensor<?x32xf32>
}
