// GPTQ: one moment a site in the coordinates of the folded weights (passes/replay.h), codes of all branches from one op.
// RUN: resq-opt --pass-pipeline="builtin.module(resq-quantize{weights-method=gptq})" --split-input-file --verify-diagnostics %s | FileCheck %s
// RUN: resq-opt --pass-pipeline="builtin.module(resq-quantize{weights-method=gptq})" --split-input-file %s 2>/dev/null | resq-opt --split-input-file -o /dev/null
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-quantize{weights-method=obq})" --split-input-file %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=METHOD
// RUN: resq-opt --pass-pipeline="builtin.module(resq-quantize{weights-method=gptq high=e4m3},resq-fuse,resq-pack)" --split-input-file %s 2>/dev/null | FileCheck %s --check-prefix=E4M3
// RUN: resq-opt --pass-pipeline="builtin.module(resq-quantize{weights-method=gptq weights=tcq4},resq-fuse,resq-pack)" --split-input-file %s 2>/dev/null | FileCheck %s --check-prefix=TCQ4
// METHOD: resq-quantize: weights-method is 'obq', allowed: rtn, gptq
// RUN: resq-opt --pass-pipeline="builtin.module(resq-quantize{weights-method=gptq damping=0.25})" --split-input-file %s 2>/dev/null | FileCheck %s --check-prefix=DAMPED
// DAMPED: resq.gptq_factor %{{.*}} parts [14, 2] {damping = 2.500000e-01 : f32}
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-quantize{damping=0})" --split-input-file %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=ZERO
// ZERO: resq-quantize: damping is 0, allowed: above 0 to 1
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-quantize{damping=1.5})" --split-input-file %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=ABOVE
// ABOVE: resq-quantize: damping is 1.5, allowed: above 0 to 1

// A stream's basis on the columns, which the weights state; q and k share the moment.
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @gain : tensor<16xf32> {
  %0 = resq.leaf @ckpt "gain" : tensor<16xf32>
  resq.yield %0 : tensor<16xf32>
}
resq.param @u : tensor<16x16xf64> {
  %0 = resq.random_orthogonal [14, 2] seed 1 : tensor<16x16xf64>
  resq.yield %0 : tensor<16x16xf64>
}
resq.param @rows : tensor<8x8xf64> {
  %0 = resq.random_orthogonal [8] seed 2 : tensor<8x8xf64>
  resq.yield %0 : tensor<8x8xf64>
}
resq.param @q : tensor<8x16xf32> {
  %0 = resq.leaf @ckpt "q" : tensor<8x16xf32>
  %1 = resq.deinterleave %0 heads 2 : tensor<8x16xf32> -> tensor<8x16xf32>
  %2 = resq.get @gain : tensor<16xf32>
  %3 = resq.scale_columns %1, %2 : tensor<8x16xf32>, tensor<16xf32> -> tensor<8x16xf32>
  resq.yield %3 : tensor<8x16xf32>
}
resq.param @q.low : tensor<8x14xf32> attributes {basis = [#resq.basis_rotate<matrix = @u>, #resq.basis_part<part = low, block = 16, high = 2>]} {
  %0 = resq.get @q : tensor<8x16xf32>
  %1 = resq.get @u : tensor<16x16xf64>
  %2 = resq.rotate %0, %1 : tensor<8x16xf32>, tensor<16x16xf64> -> tensor<8x16xf32>
  %low, %high = resq.split %2 block 16 high 2 : tensor<8x16xf32> -> tensor<8x14xf32>, tensor<8x2xf32>
  %3 = resq.transpose %low : tensor<8x14xf32> -> tensor<14x8xf32>
  %4 = resq.get @rows : tensor<8x8xf64>
  %5 = resq.rotate %3, %4 : tensor<14x8xf32>, tensor<8x8xf64> -> tensor<14x8xf32>
  %6 = resq.transpose %5 : tensor<14x8xf32> -> tensor<8x14xf32>
  resq.yield %6 : tensor<8x14xf32>
}
resq.param @q.high : tensor<8x2xf32> attributes {basis = [#resq.basis_rotate<matrix = @u>, #resq.basis_part<part = high, block = 16, high = 2>]} {
  %0 = resq.get @q : tensor<8x16xf32>
  %1 = resq.get @u : tensor<16x16xf64>
  %2 = resq.rotate %0, %1 : tensor<8x16xf32>, tensor<16x16xf64> -> tensor<8x16xf32>
  %low, %high = resq.split %2 block 16 high 2 : tensor<8x16xf32> -> tensor<8x14xf32>, tensor<8x2xf32>
  resq.yield %high : tensor<8x2xf32>
}
// CHECK-LABEL: resq.param @l0.q.in.moment : tensor<16x16xf64>
// CHECK-NEXT: %[[C:.*]] = resq.moment "l0.q.in" : tensor<16x16xf64>
// CHECK-NEXT: %[[U:.*]] = resq.get @u
// CHECK-NEXT: %[[R:.*]] = resq.rotate %[[C]], %[[U]] : tensor<16x16xf64>
// CHECK-NEXT: %[[L:.*]], %[[H:.*]] = resq.split %[[R]] block 16 high 2
// CHECK-NEXT: %[[B:.*]] = resq.concat %[[L]], %[[H]] dim 1
// CHECK-NEXT: %[[T:.*]] = resq.transpose %[[B]]
// CHECK-NEXT: %[[S:.*]] = resq.rotate %[[T]], %[[U]]
// CHECK-NEXT: %[[L2:.*]], %[[H2:.*]] = resq.split %[[S]] block 16 high 2
// CHECK-NEXT: %[[E:.*]] = resq.concat %[[L2]], %[[H2]] dim 1
// CHECK-NEXT: resq.yield %[[E]]
// CHECK: resq.param @q.low.codes : tensor<8x14x!resq.quant<bits = 4, group = 14, zero = false, layout = row>> attributes {basis = [#resq.basis_rotate<matrix = @u>, #resq.basis_part<part = low, block = 16, high = 2>]}
// CHECK-DAG: %[[WL:.*]] = resq.get @q.low :
// CHECK-DAG: %[[WH:.*]] = resq.get @q.high :
// CHECK-DAG: %[[M:.*]] = resq.get @l0.q.in.moment
// CHECK: %[[O:.*]], %[[F:.*]] = resq.gptq_factor %[[M]] parts [14, 2]
// CHECK: %[[Y:.*]]:2 = resq.gptq_weight %[[WL]], %[[WH]] by %[[O]], %[[F]]
// CHECK: resq.yield %[[Y]]#0
// CHECK: resq.param @q.high.codes : tensor<8x2x!resq.quant<bits = 8, group = 2, zero = false, layout = row>>
// CHECK: resq.yield %{{.*}}#1
// E4M3: resq.gptq_weight {{.*}} -> tensor<8x14x!resq.quant<bits = 4, {{.*}}>>, tensor<8x2x!resq.quant<bits = 8, group = 2, zero = false, layout = row, codebook = e4m3>>
// E4M3: resq.pack {{.*}} -> tensor<{{.*}}x2x!resq.quant<bits = 8, group = 2, zero = false, layout = n16k4, codebook = e4m3, pack_group = 2, base = 8>>
// TCQ4: resq.gptq_weight {{.*}} {norm = 2.000000e+00 : f32} : {{.*}} -> tensor<8x14x!resq.quant<bits = 4, group = 14, zero = false, layout = row, codebook = trellis, states = 4>>, tensor<8x2x!resq.quant<bits = 8, group = 2, zero = false, layout = row>>
// TCQ4: resq.pack {{.*}} -> tensor<{{.*}}x14x!resq.quant<bits = 4, group = 14, zero = false, layout = n16k4, codebook = trellis, states = 4, pack_group = 14, base = 4>>
// CHECK-NOT: resq.moment
// CHECK-LABEL: func.func @shared
// CHECK-DAG: resq.get @q.low.codes
// CHECK-DAG: resq.get @q.high.codes
// CHECK: resq.qlinear {{.*}} {name = "l0.q", site = "l0.q.in"}
// CHECK: resq.qlinear {{.*}} {name = "l0.k", site = "l0.q.in"}
func.func @shared(%x: tensor<?x16xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %l, %h = resq.split %x block 16 high 2 : tensor<?x16xf32> -> tensor<?x14xf32>, tensor<?x2xf32>
  %wl = resq.get @q.low : tensor<8x14xf32>
  %wh = resq.get @q.high : tensor<8x2xf32>
  %ql = resq.linear %l, %wl {name = "l0.q"} : tensor<?x14xf32>, tensor<8x14xf32> -> tensor<?x8xf32>
  %qh = resq.linear %h, %wh {name = "l0.q"} : tensor<?x2xf32>, tensor<8x2xf32> -> tensor<?x8xf32>
  %q = resq.add %ql, %qh : tensor<?x8xf32>
  %kl = resq.linear %l, %wl {name = "l0.k"} : tensor<?x14xf32>, tensor<8x14xf32> -> tensor<?x8xf32>
  %kh = resq.linear %h, %wh {name = "l0.k"} : tensor<?x2xf32>, tensor<8x2xf32> -> tensor<?x8xf32>
  %k = resq.add %kl, %kh : tensor<?x8xf32>
  return %q, %k : tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

// Per-head blocks with fewer matrices than heads, a permutation by a list and one by a param, a Hadamard transform, in order.
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @heads : tensor<2x4x4xf64> {
  %0 = resq.moment "c.values" : tensor<2x4x4xf64>
  %1 = resq.eigenbasis %0 : tensor<2x4x4xf64>
  resq.yield %1 : tensor<2x4x4xf64>
}
resq.param @places : tensor<16xi32> {
  %0 = arith.constant dense<[1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14]> : tensor<16xi32>
  resq.yield %0 : tensor<16xi32>
}
resq.param @o : tensor<4x16xf32> attributes {basis = [#resq.basis_rotate<matrix = @heads>, #resq.basis_permute<order = [15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]>,
                                                       #resq.basis_permute<indices = @places>, #resq.basis_hadamard<size = 16>]} {
  %0 = resq.leaf @ckpt "o" : tensor<4x16xf32>
  %1 = resq.get @heads : tensor<2x4x4xf64>
  %2 = resq.rotate %0, %1 : tensor<4x16xf32>, tensor<2x4x4xf64> -> tensor<4x16xf32>
  %3 = resq.permute %2 order [15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0] : tensor<4x16xf32> -> tensor<4x16xf32>
  %4 = resq.get @places : tensor<16xi32>
  %5 = resq.permute %3 by %4 : tensor<16xi32> : tensor<4x16xf32> -> tensor<4x16xf32>
  %6 = resq.hadamard %5 size 16 : tensor<4x16xf32> -> tensor<4x16xf32>
  resq.yield %6 : tensor<4x16xf32>
}
// CHECK: resq.param @o.in.moment
// CHECK: %[[C:.*]] = resq.moment "o.in" : tensor<16x16xf64>
// CHECK: %[[B:.*]] = resq.get @heads
// CHECK: %[[R:.*]] = resq.rotate %[[C]], %[[B]] : tensor<16x16xf64>, tensor<2x4x4xf64> -> tensor<16x16xf64>
// CHECK: %[[P:.*]] = resq.permute %[[R]] order {{.*}} : tensor<16x16xf64>
// CHECK: %[[I:.*]] = resq.get @places
// CHECK: %[[Q:.*]] = resq.permute %[[P]] by %[[I]] : tensor<16xi32> : tensor<16x16xf64>
// CHECK: %[[H:.*]] = resq.hadamard %[[Q]] size 16
// CHECK: %[[T:.*]] = resq.transpose %[[H]]
// CHECK: resq.rotate %[[T]], %[[B]]
// CHECK: resq.hadamard
// CHECK: resq.param @o.codes
// CHECK: resq.gptq_factor %{{.*}} parts [16]
func.func @of_heads(%x: tensor<?x16xf32>) -> tensor<?x4xf32> {
  %w = resq.get @o : tensor<4x16xf32>
  %y = resq.linear %x, %w {name = "o"} : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// Weights without a basis meet what calibration saw: of what else their recipes do, nothing is read.
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @plain : tensor<4x16xf32> {
  %0 = resq.leaf @ckpt "plain" : tensor<4x16xf32>
  resq.yield %0 : tensor<4x16xf32>
}
resq.param @sum : tensor<4x16xf32> {
  %0 = resq.leaf @ckpt "sum" : tensor<16x8xf32>
  %1 = resq.transpose %0 : tensor<16x8xf32> -> tensor<8x16xf32>
  %2 = resq.slice %1 dim 0 begin 4 : tensor<8x16xf32> -> tensor<4x16xf32>
  %3 = resq.hadamard %2 size 16 : tensor<4x16xf32> -> tensor<4x16xf32>
  %4 = resq.add %2, %3 : tensor<4x16xf32>
  resq.yield %4 : tensor<4x16xf32>
}
// CHECK: resq.param @a.in.moment
// CHECK-NEXT: %[[C:.*]] = resq.moment "a.in" : tensor<16x16xf64>
// CHECK-NEXT: resq.yield %[[C]]
// CHECK: resq.param @b.in.moment
// CHECK-NEXT: %[[C:.*]] = resq.moment "b.in" : tensor<16x16xf64>
// CHECK-NEXT: resq.yield %[[C]]
func.func @plain_ones(%x: tensor<?x16xf32>, %z: tensor<?x16xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %w = resq.get @plain : tensor<4x16xf32>
  %v = resq.get @sum : tensor<4x16xf32>
  %y = resq.linear %x, %w {name = "a"} : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  %u = resq.linear %z, %v {name = "b"} : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  return %y, %u : tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

// A site that is given stays, whatever the linear is called; of a pair of matrices, the input is turned by the other one.
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @dual : tensor<16x16xf64> {
  %0 = resq.random_matrix [16] gaussian seed 1 : tensor<16x16xf64>
  resq.yield %0 : tensor<16x16xf64>
}
resq.param @w : tensor<4x16xf32> attributes {basis = [#resq.basis_rotate<matrix = @dual, transposed = true, pair = true>]} {
  %0 = resq.leaf @ckpt "w" : tensor<4x16xf32>
  resq.yield %0 : tensor<4x16xf32>
}
// CHECK-LABEL: resq.param @l0.q.in.moment
// CHECK-NEXT: %[[C:.*]] = resq.moment "l0.q.in" : tensor<16x16xf64>
// CHECK-NEXT: %[[U:.*]] = resq.get @dual
// CHECK-NEXT: %[[M:.*]] = resq.inverse_transpose %[[U]]
// CHECK-NEXT: resq.rotate %[[C]], %[[M]] transposed pair
// CHECK: resq.qlinear {{.*}} {name = "renamed", site = "l0.q.in"}
func.func @given(%x: tensor<?x16xf32>) -> tensor<?x4xf32> {
  %w = resq.get @w : tensor<4x16xf32>
  %y = resq.linear %x, %w {name = "renamed", site = "l0.q.in"} : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// What has no site, or branches of no common one, is rounded to nearest, and says why.
resq.checkpoint @ckpt "m.gguf", gguf
resq.param @nameless : tensor<4x16xf32> {
  %0 = resq.leaf @ckpt "d" : tensor<4x16xf32>
  resq.yield %0 : tensor<4x16xf32>
}
resq.param @low : tensor<4x14xf32> attributes {basis = [#resq.basis_part<part = low, block = 16, high = 2>]} {
  %0 = resq.leaf @ckpt "low" : tensor<4x14xf32>
  resq.yield %0 : tensor<4x14xf32>
}
resq.param @high : tensor<4x2xf32> {
  %0 = resq.leaf @ckpt "high" : tensor<4x2xf32>
  resq.yield %0 : tensor<4x2xf32>
}
// CHECK-LABEL: resq.param @nameless : tensor<4x16x!resq.quant
// CHECK: resq.quantize_weight
// CHECK-NOT: resq.gptq
// CHECK-NOT: resq.moment
func.func @refused(%x: tensor<?x16xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %w = resq.get @nameless : tensor<4x16xf32>
  // expected-remark @below {{weights rounded to nearest: GPTQ finds its calibration site by the linear's `name`}}
  %0 = resq.linear %x, %w : tensor<?x16xf32>, tensor<4x16xf32> -> tensor<?x4xf32>
  %l, %h = resq.split %x block 16 high 2 : tensor<?x16xf32> -> tensor<?x14xf32>, tensor<?x2xf32>
  %wl = resq.get @low : tensor<4x14xf32>
  %wh = resq.get @high : tensor<4x2xf32>
  // expected-remark @below {{weights rounded to nearest: the bases of its branches begin at different widths, which are not of one site}}
  %yl = resq.linear %l, %wl {name = "q"} : tensor<?x14xf32>, tensor<4x14xf32> -> tensor<?x4xf32>
  %yh = resq.linear %h, %wh {name = "q"} : tensor<?x2xf32>, tensor<4x2xf32> -> tensor<?x4xf32>
  %y = resq.add %yl, %yh : tensor<?x4xf32>
  return %0, %y : tensor<?x4xf32>, tensor<?x4xf32>
}
