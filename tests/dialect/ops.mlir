// Every op in its custom form; the generic form and bytecode say the same.
// RUN: resq-opt %s > %t.mlir
// RUN: FileCheck %s < %t.mlir
// RUN: resq-opt %t.mlir | diff %t.mlir -
// RUN: resq-opt --mlir-print-op-generic %s | resq-opt | diff %t.mlir -
// RUN: resq-opt --emit-bytecode %s -o %t.bc
// RUN: resq-opt %t.bc | diff %t.mlir -
// RUN: %mlir_opt %s | diff %t.mlir -

!code4 = !resq.quant<bits = 4, group = 32, zero = true, layout = row>
!code8 = !resq.quant<bits = 8, group = 32, zero = true, layout = row>
!weight4 = !resq.quant<bits = 4, group = 32, zero = false, layout = row>
!weight8 = !resq.quant<bits = 8, group = 64, zero = false, layout = row>
!tiled4 = !resq.quant<bits = 4, group = 32, zero = false, layout = n16k4, pack_group = 32, base = 4>
!float8 = !resq.quant<bits = 8, group = 64, zero = false, layout = row, codebook = e4m3>
!tiled8 = !resq.quant<bits = 8, group = 64, zero = false, layout = n16k4, codebook = e4m3, pack_group = 64, base = 8>
!trellis4 = !resq.quant<bits = 4, group = 64, zero = false, layout = row, codebook = trellis, states = 4>
!tiled_trellis4 = !resq.quant<bits = 4, group = 64, zero = false, layout = n16k4, codebook = trellis, states = 4, pack_group = 32, base = 4>

// CHECK: resq.checkpoint @ckpt "model.gguf", gguf
resq.checkpoint @ckpt "model.gguf", gguf
// CHECK: resq.checkpoint @other "b.gguf", gguf {digest = "0123"}
resq.checkpoint @other "b.gguf", gguf {digest = "0123"}

// CHECK: resq.kv_cache @c0 heads 2 size 16 keys #resq.kv_float<f16> values #resq.kv_float<f32>
resq.kv_cache @c0 heads 2 size 16 keys #resq.kv_float<f16> values #resq.kv_float<f32>
// CHECK: resq.kv_cache @sites heads 2 size 16 keys #resq.kv_float<f16> values #resq.kv_float<f32> {keys_site = "s.keys", queries_site = "s.queries", values_site = "s.values"}
resq.kv_cache @sites heads 2 size 16 keys #resq.kv_float<f16> values #resq.kv_float<f32> {keys_site = "s.keys", values_site = "s.values", queries_site = "s.queries"}
// CHECK: resq.kv_cache @c1 heads 2 size 16 keys #resq.kv_int<bits = 4, high = 2> values #resq.kv_int<bits = 2>
resq.kv_cache @c1 heads 2 size 16 keys #resq.kv_int<bits = 4, high = 2> values #resq.kv_int<bits = 2>
// CHECK: resq.kv_cache @c2 heads 2 size 16 keys #resq.kv_lm<bits = 3, high = 2> values #resq.kv_lm<bits = 1>
resq.kv_cache @c2 heads 2 size 16 keys #resq.kv_lm<bits = 3, high = 2> values #resq.kv_lm<bits = 1>
// CHECK: resq.kv_cache @c3 heads 2 size 16 keys #resq.kv_qjl<rows = 28, high = 2> values #resq.kv_float<f16>
resq.kv_cache @c3 heads 2 size 16 keys #resq.kv_qjl<rows = 28, high = 2> values #resq.kv_float<f16>
// CHECK: resq.kv_cache @c4 heads 2 size 16 keys #resq.kv_qjl_groups<rows = 32, outliers = 2, outlier_rows = 16, buffer = 32, window = 64> values #resq.kv_float<f16>
resq.kv_cache @c4 heads 2 size 16 keys #resq.kv_qjl_groups<rows = 32, outliers = 2, outlier_rows = 16, buffer = 32, window = 64> values #resq.kv_float<f16>

// CHECK: resq.tokenizer @tok from @ckpt bpe "smollm" {add_bos = false, bos = 1 : i64, chat_template = "{{.*}} x {{.*}}", eos = -1 : i64}
resq.tokenizer @tok from @ckpt bpe "smollm" {bos = 1 : i64, eos = -1 : i64, add_bos = false, chat_template = "{{ x }}"}

// CHECK: resq.param @bound : tensor<64xf32>
resq.param @bound : tensor<64xf32>
// CHECK: resq.param @stored : tensor<64xf32> attributes {offset = 128 : i64, size = 256 : i64}
resq.param @stored : tensor<64xf32> attributes {offset = 128 : i64, size = 256 : i64}

// CHECK: resq.param @folded : tensor<4x56xf32> attributes {basis = [#resq.basis_rotate<matrix = @u>, #resq.basis_rotate<matrix = @u, transposed = true, pair = true>, #resq.basis_permute<indices = @indices>, #resq.basis_hadamard<size = 8>, #resq.basis_part<part = low, block = 8, high = 1>]}
resq.param @folded : tensor<4x56xf32> attributes {basis = [#resq.basis_rotate<matrix = @u>, #resq.basis_rotate<matrix = @u, transposed = true, pair = true>, #resq.basis_permute<indices = @indices>, #resq.basis_hadamard<size = 8>, #resq.basis_part<part = low, block = 8, high = 1>]}
// CHECK: resq.param @ordered : tensor<4x1xf32> attributes {basis = [#resq.basis_permute<order = [1, 0]>, #resq.basis_part<part = high, block = 2, high = 1>]}
resq.param @ordered : tensor<4x1xf32> attributes {basis = [#resq.basis_permute<order = [1, 0]>, #resq.basis_part<part = high, block = 2, high = 1>]}
// CHECK: resq.param @indices : tensor<64xi32>
resq.param @indices : tensor<64xi32>

// CHECK-LABEL: resq.param @w : tensor<64x64xf32> {
resq.param @w : tensor<64x64xf32> {
  // CHECK: resq.leaf @ckpt "blk.0.attn_q.weight" : tensor<64x64xf32>
  %0 = resq.leaf @ckpt "blk.0.attn_q.weight" : tensor<64x64xf32>
  // CHECK: resq.deinterleave %{{.*}} heads 4 : tensor<64x64xf32> -> tensor<64x64xf32>
  %1 = resq.deinterleave %0 heads 4 : tensor<64x64xf32> -> tensor<64x64xf32>
  // CHECK: resq.get @bound : tensor<64xf32>
  %2 = resq.get @bound : tensor<64xf32>
  // CHECK: resq.scale_columns %{{.*}}, %{{.*}} : tensor<64x64xf32>, tensor<64xf32> -> tensor<64x64xf32>
  %3 = resq.scale_columns %1, %2 : tensor<64x64xf32>, tensor<64xf32> -> tensor<64x64xf32>
  // CHECK: resq.yield %{{.*}} : tensor<64x64xf32>
  resq.yield %3 : tensor<64x64xf32>
}

// CHECK-LABEL: resq.param @u : tensor<64x64xf64> {
resq.param @u : tensor<64x64xf64> {
  // CHECK: resq.moment "l0.attn" : tensor<64x64xf64>
  %0 = resq.moment "l0.attn" : tensor<64x64xf64>
  // CHECK: resq.normalize_trace %{{.*}} : tensor<64x64xf64>
  %1 = resq.normalize_trace %0 : tensor<64x64xf64>
  // CHECK: resq.moment "l0.v" : tensor<4x64x64xf64>
  %2 = resq.moment "l0.v" : tensor<4x64x64xf64>
  // CHECK: resq.sum_blocks %{{.*}} : tensor<4x64x64xf64> -> tensor<64x64xf64>
  %3 = resq.sum_blocks %2 : tensor<4x64x64xf64> -> tensor<64x64xf64>
  // CHECK: resq.add %{{.*}}, %{{.*}} : tensor<64x64xf64>
  %4 = resq.add %1, %3 : tensor<64x64xf64>
  // CHECK: resq.eigenbasis %{{.*}} : tensor<64x64xf64>
  %5 = resq.eigenbasis %4 : tensor<64x64xf64>
  // CHECK: resq.random_orthogonal [56, 8] seed 7 : tensor<64x64xf64>
  %6 = resq.random_orthogonal [56, 8] seed 7 : tensor<64x64xf64>
  // CHECK: resq.matmul %{{.*}}, %{{.*}} : tensor<64x64xf64>, tensor<64x64xf64> -> tensor<64x64xf64>
  %7 = resq.matmul %5, %6 : tensor<64x64xf64>, tensor<64x64xf64> -> tensor<64x64xf64>
  // CHECK: resq.transpose %{{.*}} : tensor<64x64xf64> -> tensor<64x64xf64>
  %8 = resq.transpose %7 : tensor<64x64xf64> -> tensor<64x64xf64>
  // CHECK: resq.matmul %{{.*}}, %{{.*}} : tensor<4x64x64xf64>, tensor<64x64xf64> -> tensor<4x64x64xf64>
  %9 = resq.matmul %2, %8 : tensor<4x64x64xf64>, tensor<64x64xf64> -> tensor<4x64x64xf64>
  resq.yield %8 : tensor<64x64xf64>
}

// CHECK-LABEL: resq.param @balanced : tensor<2x64x64xf64> {
resq.param @balanced : tensor<2x64x64xf64> {
  %0 = resq.moment "l0.keys" : tensor<2x64x64xf64>
  %1 = resq.moment "l0.queries" : tensor<6x64x64xf64>
  // CHECK: resq.sum_blocks %{{.*}} into 2 : tensor<6x64x64xf64> -> tensor<2x64x64xf64>
  %2 = resq.sum_blocks %1 into 2 : tensor<6x64x64xf64> -> tensor<2x64x64xf64>
  // CHECK: resq.balanced_basis %{{.*}}, %{{.*}} : tensor<2x64x64xf64>
  %3 = resq.balanced_basis %0, %2 : tensor<2x64x64xf64>
  // CHECK: resq.random_matrix [56, 8] gaussian seed 7 departure 1.000000e-03 : tensor<64x64xf64>
  %4 = resq.random_matrix [56, 8] gaussian seed 7 departure 1.0e-3 : tensor<64x64xf64>
  // CHECK: resq.random_matrix [56, 8] hadamard seed 7 : tensor<64x64xf64>
  %5 = resq.random_matrix [56, 8] hadamard seed 7 : tensor<64x64xf64>
  %6 = resq.matmul %3, %4 : tensor<2x64x64xf64>, tensor<64x64xf64> -> tensor<2x64x64xf64>
  %7 = resq.matmul %6, %5 : tensor<2x64x64xf64>, tensor<64x64xf64> -> tensor<2x64x64xf64>
  %8 = resq.cast %7 : tensor<2x64x64xf64> -> tensor<2x64x64xf32>
  // CHECK: resq.inverse_transpose %{{.*}} : tensor<2x64x64xf32> -> tensor<2x64x64xf64>
  %9 = resq.inverse_transpose %8 : tensor<2x64x64xf32> -> tensor<2x64x64xf64>
  resq.yield %9 : tensor<2x64x64xf64>
}

// CHECK-LABEL: resq.param @signs : tensor<168x56xf64> {
resq.param @signs : tensor<168x56xf64> {
  // CHECK: resq.sketch_matrix seed 3 : tensor<168x56xf64>
  %0 = resq.sketch_matrix seed 3 : tensor<168x56xf64>
  // CHECK: resq.sketch_matrix seed 3 gaussian : tensor<168x56xf64>
  %1 = resq.sketch_matrix seed 3 gaussian : tensor<168x56xf64>
  %2 = resq.add %0, %1 : tensor<168x56xf64>
  resq.yield %2 : tensor<168x56xf64>
}

// CHECK-LABEL: resq.param @order : tensor<64xi32> {
resq.param @order : tensor<64xi32> {
  %0 = resq.moment "l0.down" : tensor<64x64xf64>
  // CHECK: resq.diagonal_order %{{.*}} : tensor<64x64xf64> -> tensor<64xi32>
  %1 = resq.diagonal_order %0 : tensor<64x64xf64> -> tensor<64xi32>
  resq.yield %1 : tensor<64xi32>
}

// CHECK-LABEL: resq.param @clip : tensor<1xf32> {
resq.param @clip : tensor<1xf32> {
  // CHECK: resq.samples "l0.down" : tensor<512x64xf32>
  %0 = resq.samples "l0.down" : tensor<512x64xf32>
  %1 = resq.get @w8 : tensor<64x64x!weight8>
  %2 = resq.dequantize %1 : tensor<64x64x!weight8> -> tensor<64x64xf32>
  // CHECK: resq.clip_ratio %{{.*}} by %{{.*}} bits 4 group 32 {steps = 3 : i64} : tensor<512x64xf32> by tensor<64x64xf32> -> tensor<1xf32>
  %3 = resq.clip_ratio %0 by %2 bits 4 group 32 {steps = 3 : i64} : tensor<512x64xf32> by tensor<64x64xf32> -> tensor<1xf32>
  // CHECK: resq.clip_ratio %{{.*}} by %{{.*}}, %{{.*}} bits 4 group 32 : tensor<512x64xf32> by tensor<64x64xf32>, tensor<64x64xf32> -> tensor<1xf32>
  %4 = resq.clip_ratio %0 by %2, %2 bits 4 group 32 : tensor<512x64xf32> by tensor<64x64xf32>, tensor<64x64xf32> -> tensor<1xf32>
  resq.yield %4 : tensor<1xf32>
}

// CHECK-LABEL: resq.param @h : tensor<24x24xf64> {
resq.param @h : tensor<24x24xf64> {
  // CHECK: resq.hadamard_matrix seed 3 : tensor<12x12xf64>
  %0 = resq.hadamard_matrix seed 3 : tensor<12x12xf64>
  // CHECK: resq.hadamard_matrix seed 3 or_orthogonal : tensor<9x9xf64>
  %1 = resq.hadamard_matrix seed 3 or_orthogonal : tensor<9x9xf64>
  // CHECK: resq.eye : tensor<2x2xf64>
  %2 = resq.eye : tensor<2x2xf64>
  // CHECK: resq.kron %{{.*}}, %{{.*}} : tensor<12x12xf64>, tensor<2x2xf64> -> tensor<24x24xf64>
  %3 = resq.kron %0, %2 : tensor<12x12xf64>, tensor<2x2xf64> -> tensor<24x24xf64>
  resq.yield %3 : tensor<24x24xf64>
}

// CHECK-LABEL: resq.param @w4
resq.param @w4 : tensor<64x64x!tiled4> {
  %0 = resq.get @w : tensor<64x64xf32>
  %1 = resq.get @u : tensor<64x64xf64>
  // CHECK: resq.rotate %{{.*}}, %{{.*}} : tensor<64x64xf32>, tensor<64x64xf64> -> tensor<64x64xf32>
  %2 = resq.rotate %0, %1 : tensor<64x64xf32>, tensor<64x64xf64> -> tensor<64x64xf32>
  // CHECK: resq.quantize_weight %{{.*}} : tensor<64x64xf32> -> tensor<64x64x!resq.quant<bits = 4, group = 32, zero = false, layout = row>>
  %3 = resq.quantize_weight %2 : tensor<64x64xf32> -> tensor<64x64x!weight4>
  // CHECK: resq.quantize_weight %{{.*}} {norm = 2.000000e+00 : f32, steps = 1 : i64}
  %4 = resq.quantize_weight %2 {steps = 1 : i64, norm = 2.0 : f32} : tensor<64x64xf32> -> tensor<64x64x!weight4>
  // CHECK: resq.pack %{{.*}} : tensor<64x64x!resq.quant<bits = 4, group = 32, zero = false, layout = row>> -> tensor<64x64x!resq.quant<bits = 4, group = 32, zero = false, layout = n16k4, pack_group = 32, base = 4>>
  %5 = resq.pack %3 : tensor<64x64x!weight4> -> tensor<64x64x!tiled4>
  resq.yield %5 : tensor<64x64x!tiled4>
}
resq.param @w8 : tensor<64x64x!weight8>
// CHECK-LABEL: resq.param @w8f
resq.param @w8f : tensor<64x64x!tiled8> {
  %0 = resq.get @w : tensor<64x64xf32>
  // CHECK: resq.quantize_weight %{{.*}} : tensor<64x64xf32> -> tensor<64x64x!resq.quant<bits = 8, group = 64, zero = false, layout = row, codebook = e4m3>>
  %1 = resq.quantize_weight %0 : tensor<64x64xf32> -> tensor<64x64x!float8>
  // CHECK: resq.pack %{{.*}} : {{.*}} -> tensor<64x64x!resq.quant<bits = 8, group = 64, zero = false, layout = n16k4, codebook = e4m3, pack_group = 64, base = 8>>
  %2 = resq.pack %1 : tensor<64x64x!float8> -> tensor<64x64x!tiled8>
  resq.yield %2 : tensor<64x64x!tiled8>
}
// CHECK-LABEL: resq.param @w4lm
resq.param @w4lm : tensor<64x64x!tiled_trellis4> {
  %0 = resq.get @w : tensor<64x64xf32>
  // CHECK: resq.quantize_weight %{{.*}} : tensor<64x64xf32> -> tensor<64x64x!resq.quant<bits = 4, group = 64, zero = false, layout = row, codebook = trellis, states = 4>>
  %1 = resq.quantize_weight %0 : tensor<64x64xf32> -> tensor<64x64x!trellis4>
  // CHECK: resq.pack %{{.*}} : {{.*}} -> tensor<64x64x!resq.quant<bits = 4, group = 64, zero = false, layout = n16k4, codebook = trellis, states = 4, pack_group = 32, base = 4>>
  %2 = resq.pack %1 : tensor<64x64x!trellis4> -> tensor<64x64x!tiled_trellis4>
  resq.yield %2 : tensor<64x64x!tiled_trellis4>
}

// CHECK-LABEL: resq.param @gptq
resq.param @gptq : tensor<64x64x!weight4> {
  %0 = resq.get @w : tensor<64x64xf32>
  %1 = resq.moment "l0.q.in" : tensor<128x128xf64>
  // CHECK: %[[ORDER:.*]], %[[FACTOR:.*]] = resq.gptq_factor %{{.*}} parts [64, 64] : tensor<128x128xf64> -> tensor<128xi32>, tensor<128x128xf32>
  %order, %factor = resq.gptq_factor %1 parts [64, 64] : tensor<128x128xf64> -> tensor<128xi32>, tensor<128x128xf32>
  // CHECK: resq.gptq_factor %{{.*}} parts [128] {damping = 1.000000e-01 : f32}
  %o, %f = resq.gptq_factor %1 parts [128] {damping = 0.1 : f32} : tensor<128x128xf64> -> tensor<128xi32>, tensor<128x128xf32>
  // CHECK: resq.gptq_weight %{{.*}}, %{{.*}} by %[[ORDER]], %[[FACTOR]] : tensor<64x64xf32>, tensor<64x64xf32> by tensor<128xi32>, tensor<128x128xf32> -> tensor<64x64x!resq.quant<bits = 4, group = 32, zero = false, layout = row>>, tensor<64x64x!resq.quant<bits = 8, group = 64, zero = false, layout = row>>
  %low, %high = resq.gptq_weight %0, %0 by %order, %factor : tensor<64x64xf32>, tensor<64x64xf32> by tensor<128xi32>, tensor<128x128xf32> -> tensor<64x64x!weight4>, tensor<64x64x!resq.quant<bits = 8, group = 64, zero = false, layout = row>>
  resq.yield %low : tensor<64x64x!weight4>
}

// CHECK-LABEL: resq.param @panel
resq.param @panel : tensor<64x64x!resq.panel<bf16>> {
  %0 = resq.get @w : tensor<64x64xf32>
  // CHECK: resq.cast %{{.*}} : tensor<64x64xf32> -> tensor<64x64xf16>
  %1 = resq.cast %0 : tensor<64x64xf32> -> tensor<64x64xf16>
  // CHECK: resq.pack %{{.*}} : tensor<64x64xf16> -> tensor<64x64x!resq.panel<bf16>>
  %2 = resq.pack %1 : tensor<64x64xf16> -> tensor<64x64x!resq.panel<bf16>>
  resq.yield %2 : tensor<64x64x!resq.panel<bf16>>
}

// CHECK-LABEL: func.func @model
func.func @model(%tokens: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                 %rows: tensor<?xi32>, %signs: tensor<28x14xf32>) -> tensor<?x64xf32> {
  %w = resq.get @w : tensor<64x64xf32>
  %p = resq.get @panel : tensor<64x64x!resq.panel<bf16>>
  %g = resq.get @bound : tensor<64xf32>
  // CHECK: resq.embed %{{.*}}, %{{.*}} : tensor<?xi32>, tensor<64x64xf32> -> tensor<?x64xf32>
  %x = resq.embed %tokens, %w : tensor<?xi32>, tensor<64x64xf32> -> tensor<?x64xf32>
  // CHECK: resq.rms_norm %{{.*}} gain %{{.*}} : tensor<64xf32> {eps = {{.*}} : f32} : tensor<?x64xf32> -> tensor<?x64xf32>
  %n = resq.rms_norm %x gain %g : tensor<64xf32> {eps = 1.0e-5 : f32} : tensor<?x64xf32> -> tensor<?x64xf32>
  // CHECK: resq.rms_norm %{{.*}} {eps = {{.*}} : f32} : tensor<?x64xf32> -> tensor<?x64xf32>
  %n1 = resq.rms_norm %n {eps = 1.0e-5 : f32} : tensor<?x64xf32> -> tensor<?x64xf32>
  // CHECK: resq.linear %{{.*}}, %{{.*}} {name = "l0.q", site = "l0.q.in"} : tensor<?x64xf32>, tensor<64x64x!resq.panel<bf16>> -> tensor<?x64xf32>
  %q = resq.linear %n1, %p {name = "l0.q", site = "l0.q.in"} : tensor<?x64xf32>, tensor<64x64x!resq.panel<bf16>> -> tensor<?x64xf32>
  // CHECK: resq.linear %{{.*}}, %{{.*}} bias %{{.*}} : tensor<64xf32> : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
  %b = resq.linear %n1, %w bias %g : tensor<64xf32> : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
  // CHECK: resq.rope_angles %{{.*}} {base = 1.000000e+04 : f32} : tensor<?xi32> -> tensor<?x16xf32>
  %a = resq.rope_angles %positions {base = 10000.0 : f32} : tensor<?xi32> -> tensor<?x16xf32>
  // CHECK: resq.rope_angles %{{.*}} factors %{{.*}} : tensor<64xf32> {base = 1.000000e+04 : f32} : tensor<?xi32> -> tensor<?x128xf32>
  %af = resq.rope_angles %positions factors %g : tensor<64xf32> {base = 10000.0 : f32} : tensor<?xi32> -> tensor<?x128xf32>
  // CHECK: resq.rope %{{.*}}, %{{.*}} head_size 16 : tensor<?x64xf32>, tensor<?x16xf32> -> tensor<?x64xf32>
  %r = resq.rope %q, %a head_size 16 : tensor<?x64xf32>, tensor<?x16xf32> -> tensor<?x64xf32>
  // CHECK: resq.slice %{{.*}} dim 1 begin 32 : tensor<?x64xf32> -> tensor<?x32xf32>
  %k = resq.slice %r dim 1 begin 32 : tensor<?x64xf32> -> tensor<?x32xf32>
  // CHECK: resq.kv_append @c0, %{{.*}}, %{{.*}} at %{{.*}}, %{{.*}} : tensor<?x32xf32>, tensor<?x32xf32>, tensor<?xi32>
  resq.kv_append @c0, %k, %k at %positions, %sequences : tensor<?x32xf32>, tensor<?x32xf32>, tensor<?xi32>
  // CHECK: resq.attention @c0, %{{.*}} at %{{.*}}, %{{.*}} {scale = 2.500000e-01 : f32} : tensor<?x64xf32>, tensor<?xi32> -> tensor<?x64xf32>
  %y = resq.attention @c0, %r at %positions, %sequences {scale = 0.25 : f32} : tensor<?x64xf32>, tensor<?xi32> -> tensor<?x64xf32>
  // CHECK: resq.kv_append @c3, %{{.*}}, %{{.*}} at %{{.*}}, %{{.*}} sketch %{{.*}} : tensor<28x14xf32> : tensor<?x32xf32>, tensor<?x32xf32>, tensor<?xi32>
  resq.kv_append @c3, %k, %k at %positions, %sequences sketch %signs : tensor<28x14xf32> : tensor<?x32xf32>, tensor<?x32xf32>, tensor<?xi32>
  // CHECK: resq.attention @c3, %{{.*}} at %{{.*}}, %{{.*}} sketch %{{.*}} : tensor<28x14xf32> {scale = 2.500000e-01 : f32} : tensor<?x64xf32>, tensor<?xi32> -> tensor<?x64xf32>
  %ys = resq.attention @c3, %r at %positions, %sequences sketch %signs : tensor<28x14xf32> {scale = 0.25 : f32} : tensor<?x64xf32>, tensor<?xi32> -> tensor<?x64xf32>
  // CHECK: resq.gate %{{.*}}, %{{.*}} : tensor<?x64xf32>, tensor<?x64xf32> -> tensor<?x64xf32>
  %s = resq.gate %y, %b : tensor<?x64xf32>, tensor<?x64xf32> -> tensor<?x64xf32>
  // CHECK: resq.add %{{.*}}, %{{.*}} : tensor<?x64xf32>
  %t = resq.add %x, %s : tensor<?x64xf32>
  // CHECK: resq.gather_rows %{{.*}}, %{{.*}} : tensor<?x64xf32>, tensor<?xi32> -> tensor<?x64xf32>
  %l = resq.gather_rows %t, %rows : tensor<?x64xf32>, tensor<?xi32> -> tensor<?x64xf32>
  // CHECK: resq.head %{{.*}}, %{{.*}} : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
  %o = resq.head %l, %w : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
  return %o : tensor<?x64xf32>
}

// CHECK-LABEL: func.func @method
func.func @method(%x: tensor<?x64xf32>, %blocks: tensor<2x16x16xf32>, %order: tensor<64xi32>) -> tensor<?x64xf32> {
  // CHECK: resq.rotate %{{.*}}, %{{.*}} transposed : tensor<?x64xf32>, tensor<2x16x16xf32> -> tensor<?x64xf32>
  %0 = resq.rotate %x, %blocks transposed : tensor<?x64xf32>, tensor<2x16x16xf32> -> tensor<?x64xf32>
  // CHECK: resq.permute %{{.*}} by %{{.*}} : tensor<64xi32> : tensor<?x64xf32> -> tensor<?x64xf32>
  %1 = resq.permute %0 by %order : tensor<64xi32> : tensor<?x64xf32> -> tensor<?x64xf32>
  // CHECK: resq.split %{{.*}} block 32 high 4 : tensor<?x64xf32> -> tensor<?x56xf32>, tensor<?x8xf32>
  %low, %high = resq.split %1 block 32 high 4 : tensor<?x64xf32> -> tensor<?x56xf32>, tensor<?x8xf32>
  // CHECK: resq.hadamard %{{.*}} size 28 : tensor<?x56xf32> -> tensor<?x56xf32>
  %2 = resq.hadamard %low size 28 : tensor<?x56xf32> -> tensor<?x56xf32>
  // CHECK: resq.hadamard %{{.*}} size 56 transposed : tensor<?x56xf32> -> tensor<?x56xf32>
  %3 = resq.hadamard %2 size 56 transposed : tensor<?x56xf32> -> tensor<?x56xf32>
  // CHECK: resq.permute %{{.*}} order [1, 0, 3, 2, 5, 4, 7, 6] : tensor<?x8xf32> -> tensor<?x8xf32>
  %4 = resq.permute %high order [1, 0, 3, 2, 5, 4, 7, 6] : tensor<?x8xf32> -> tensor<?x8xf32>
  // CHECK: resq.join %{{.*}}, %{{.*}} block 32 high 4 : tensor<?x56xf32>, tensor<?x8xf32> -> tensor<?x64xf32>
  %5 = resq.join %3, %4 block 32 high 4 : tensor<?x56xf32>, tensor<?x8xf32> -> tensor<?x64xf32>
  // CHECK: resq.concat %{{.*}}, %{{.*}} dim 1 : tensor<?x56xf32>, tensor<?x8xf32> -> tensor<?x64xf32>
  %6 = resq.concat %2, %4 dim 1 : tensor<?x56xf32>, tensor<?x8xf32> -> tensor<?x64xf32>
  // CHECK: resq.observe %{{.*}} "l0.down" block 16 : tensor<?x64xf32>
  resq.observe %5 "l0.down" block 16 : tensor<?x64xf32>
  // CHECK: resq.quantize %{{.*}} : tensor<?x64xf32> -> tensor<?x64x!resq.quant<bits = 4, group = 32, zero = true, layout = row>>
  %7 = resq.quantize %5 : tensor<?x64xf32> -> tensor<?x64x!code4>
  // CHECK: resq.quantize %{{.*}} {range = 64 : i64}
  %ranged = resq.quantize %5 {range = 64 : i64} : tensor<?x64xf32> -> tensor<?x64x!code4>
  // CHECK: resq.quantize %{{.*}} {clip = 8.750000e-01 : f32}
  %8 = resq.quantize %6 {clip = 0.875 : f32} : tensor<?x64xf32> -> tensor<?x64x!code8>
  %clip = resq.get @clip : tensor<1xf32>
  // CHECK: resq.quantize %{{.*}} clip_by %{{.*}} : tensor<1xf32> : tensor<?x64xf32> -> tensor<?x64x!resq.quant<bits = 4, group = 32, zero = true, layout = row>>
  %clipped = resq.quantize %5 clip_by %clip : tensor<1xf32> : tensor<?x64xf32> -> tensor<?x64x!code4>
  // CHECK: resq.dequantize %{{.*}} : tensor<?x64x!resq.quant<{{.*}}>> -> tensor<?x64xf32>
  %9 = resq.dequantize %8 : tensor<?x64x!code8> -> tensor<?x64xf32>
  %w4 = resq.get @w4 : tensor<64x64x!tiled4>
  %w8 = resq.get @w8 : tensor<64x64x!weight8>
  %bias = resq.get @bound : tensor<64xf32>
  // CHECK: resq.qlinear %[[A:.*]], %[[B:.*]] by %[[V:.*]], %[[W:.*]] bias %{{.*}} : tensor<64xf32> {name = "l0.down", site = "l0.down.in"} : tensor<?x64x!resq.quant<bits = 4, {{.*}}>>, tensor<?x64x!resq.quant<bits = 8, {{.*}}>> by tensor<64x64x!{{.*}}>, tensor<64x64x!{{.*}}> -> tensor<?x64xf32>
  %y = resq.qlinear %7, %8 by %w4, %w8 bias %bias : tensor<64xf32> {name = "l0.down", site = "l0.down.in"} : tensor<?x64x!code4>, tensor<?x64x!code8> by tensor<64x64x!tiled4>, tensor<64x64x!weight8> -> tensor<?x64xf32>
  // CHECK: resq.qlinear %{{.*}} by %{{.*}} : tensor<?x64x!{{.*}}> by tensor<64x64x!{{.*}}> -> tensor<?x64xf32>
  %z = resq.qlinear %7 by %w4 : tensor<?x64x!code4> by tensor<64x64x!tiled4> -> tensor<?x64xf32>
  // CHECK: %[[E:.*]] = resq.quantize %{{.*}} : tensor<?x64xf32> -> tensor<?x64x!resq.quant<bits = 8, group = 64, zero = false, layout = row, codebook = e4m3>>
  %10 = resq.quantize %6 : tensor<?x64xf32> -> tensor<?x64x!float8>
  %w8f = resq.get @w8f : tensor<64x64x!tiled8>
  // CHECK: resq.qlinear %{{.*}}, %[[E]] by %{{.*}}, %{{.*}} : {{.*}} by tensor<64x64x!{{.*}}>, tensor<64x64x!resq.quant<bits = 8, group = 64, zero = false, layout = n16k4, codebook = e4m3, pack_group = 64, base = 8>> -> tensor<?x64xf32>
  %mixed = resq.qlinear %7, %10 by %w4, %w8f : tensor<?x64x!code4>, tensor<?x64x!float8> by tensor<64x64x!tiled4>, tensor<64x64x!tiled8> -> tensor<?x64xf32>
  %w4lm = resq.get @w4lm : tensor<64x64x!tiled_trellis4>
  // CHECK: resq.qlinear %{{.*}} by %{{.*}} : {{.*}} by tensor<64x64x!resq.quant<bits = 4, group = 64, zero = false, layout = n16k4, codebook = trellis, states = 4, pack_group = 32, base = 4>> -> tensor<?x64xf32>
  %lloyd = resq.qlinear %8 by %w4lm : tensor<?x64x!code8> by tensor<64x64x!tiled_trellis4> -> tensor<?x64xf32>
  %sum = resq.add %y, %z : tensor<?x64xf32>
  return %sum : tensor<?x64xf32>
}

// Rows may be known on one side only, and a product may round.
// CHECK-LABEL: func.func @known_rows
func.func @known_rows(%x: tensor<?x64xf32>, %w: tensor<16x64xf32>) -> tensor<4x32xf32> {
  // CHECK: resq.linear %{{.*}}, %{{.*}} : tensor<?x64xf32>, tensor<16x64xf32> -> tensor<4x16xf32>
  %0 = resq.linear %x, %w : tensor<?x64xf32>, tensor<16x64xf32> -> tensor<4x16xf32>
  // CHECK: resq.concat %{{.*}}, %{{.*}} dim 1 : tensor<4x16xf32>, tensor<4x16xf32> -> tensor<4x32xf32>
  %1 = resq.concat %0, %0 dim 1 : tensor<4x16xf32>, tensor<4x16xf32> -> tensor<4x32xf32>
  return %1 : tensor<4x32xf32>
}

gpu.module @sm_80 {
  gpu.func @scale(%x: !llvm.ptr, %rows: i64, %capacity: i64) kernel {
    gpu.return
  }
}
// CHECK-LABEL: func.func @launches
func.func @launches() {
  // CHECK: resq.launch 3 "l0.q: scale" @sm_80::@scale (workspace 64, argument 1, argument 1 + 4, param 128, cache 3, prepared 0, rows 0, capacity) items 576 of rows 0 by 1024 threads 256 blocks_per_sm 4 shared 128 early
  resq.launch 3 "l0.q: scale" @sm_80::@scale (workspace 64, argument 1, argument 1 + 4, param 128, cache 3, prepared 0, rows 0, capacity)
    items 576 of rows 0 by 1024 threads 256 blocks_per_sm 4 shared 128 early
  // CHECK: resq.launch 4 "" @sm_80::@scale () items 1 by 1 threads 32{{$}}
  resq.launch 4 "" @sm_80::@scale () items 1 by 1 threads 32
  // CHECK: resq.launch_observe 5 "l0.down" (workspace 64) rows 0 site 2 width 64 stride 80
  resq.launch_observe 5 "l0.down" (workspace 64) rows 0 site 2 width 64 stride 80
  return
}

// CHECK-LABEL: resq.param @rounded
resq.param @rounded : tensor<64x64xf32> {
  %0 = resq.get @u : tensor<64x64xf64>
  // CHECK: resq.matmul %{{.*}}, %{{.*}} : tensor<64x64xf64>, tensor<64x64xf64> -> tensor<64x64xf32>
  %1 = resq.matmul %0, %0 : tensor<64x64xf64>, tensor<64x64xf64> -> tensor<64x64xf32>
  resq.yield %1 : tensor<64x64xf32>
}
