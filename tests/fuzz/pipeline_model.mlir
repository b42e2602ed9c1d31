// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What pipeline_fuzz.c runs pipelines on: a llama of one layer, as resqc --emit=import prints it, without a tokenizer.
module attributes {resq.context_length = 256 : i64, resq.name = "tiny F32", resq.version = 2 : i64} {
  resq.checkpoint @checkpoint "small.gguf", gguf {digest = "364811a68c156d0f510810e90e855a82"}
  resq.param @embedding : tensor<260x32xf32> {
    %0 = resq.leaf @checkpoint "token_embd.weight" : tensor<260x32xf32>
    resq.yield %0 : tensor<260x32xf32>
  }
  resq.param @l0.attn_norm : tensor<32xf32> {
    %0 = resq.leaf @checkpoint "blk.0.attn_norm.weight" : tensor<32xf32>
    resq.yield %0 : tensor<32xf32>
  }
  resq.param @l0.q : tensor<32x32xf32> {
    %0 = resq.leaf @checkpoint "blk.0.attn_q.weight" : tensor<32x32xf32>
    %1 = resq.deinterleave %0 heads 2 : tensor<32x32xf32> -> tensor<32x32xf32>
    resq.yield %1 : tensor<32x32xf32>
  }
  resq.param @l0.k : tensor<16x32xf32> {
    %0 = resq.leaf @checkpoint "blk.0.attn_k.weight" : tensor<16x32xf32>
    %1 = resq.deinterleave %0 heads 1 : tensor<16x32xf32> -> tensor<16x32xf32>
    resq.yield %1 : tensor<16x32xf32>
  }
  resq.param @l0.v : tensor<16x32xf32> {
    %0 = resq.leaf @checkpoint "blk.0.attn_v.weight" : tensor<16x32xf32>
    resq.yield %0 : tensor<16x32xf32>
  }
  resq.param @l0.o : tensor<32x32xf32> {
    %0 = resq.leaf @checkpoint "blk.0.attn_output.weight" : tensor<32x32xf32>
    resq.yield %0 : tensor<32x32xf32>
  }
  resq.param @l0.mlp_norm : tensor<32xf32> {
    %0 = resq.leaf @checkpoint "blk.0.ffn_norm.weight" : tensor<32xf32>
    resq.yield %0 : tensor<32xf32>
  }
  resq.param @l0.gate : tensor<32x32xf32> {
    %0 = resq.leaf @checkpoint "blk.0.ffn_gate.weight" : tensor<32x32xf32>
    resq.yield %0 : tensor<32x32xf32>
  }
  resq.param @l0.up : tensor<32x32xf32> {
    %0 = resq.leaf @checkpoint "blk.0.ffn_up.weight" : tensor<32x32xf32>
    resq.yield %0 : tensor<32x32xf32>
  }
  resq.param @l0.down : tensor<32x32xf32> {
    %0 = resq.leaf @checkpoint "blk.0.ffn_down.weight" : tensor<32x32xf32>
    resq.yield %0 : tensor<32x32xf32>
  }
  resq.param @final_norm : tensor<32xf32> {
    %0 = resq.leaf @checkpoint "output_norm.weight" : tensor<32xf32>
    resq.yield %0 : tensor<32xf32>
  }
  resq.kv_cache @l0 heads 1 size 16 keys #resq.kv_float<f16> values #resq.kv_float<f16>
  func.func @forward(%arg0: tensor<?xi32>, %arg1: tensor<?xi32>, %arg2: tensor<?xi32>, %arg3: tensor<?xi32>) -> tensor<?x260xf32> {
    %0 = resq.get @embedding : tensor<260x32xf32>
    %1 = resq.embed %arg0, %0 : tensor<?xi32>, tensor<260x32xf32> -> tensor<?x32xf32>
    %2 = resq.rope_angles %arg1 {base = 1.000000e+04 : f32} : tensor<?xi32> -> tensor<?x16xf32>
    %3 = resq.get @l0.attn_norm : tensor<32xf32>
    %4 = resq.rms_norm %1 gain %3 : tensor<32xf32> {eps = 9.99999974E-6 : f32} : tensor<?x32xf32> -> tensor<?x32xf32>
    %5 = resq.get @l0.q : tensor<32x32xf32>
    %6 = resq.linear %4, %5 {name = "l0.q"} : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
    %7 = resq.get @l0.k : tensor<16x32xf32>
    %8 = resq.linear %4, %7 {name = "l0.k"} : tensor<?x32xf32>, tensor<16x32xf32> -> tensor<?x16xf32>
    %9 = resq.get @l0.v : tensor<16x32xf32>
    %10 = resq.linear %4, %9 {name = "l0.v"} : tensor<?x32xf32>, tensor<16x32xf32> -> tensor<?x16xf32>
    %11 = resq.rope %6, %2 head_size 16 : tensor<?x32xf32>, tensor<?x16xf32> -> tensor<?x32xf32>
    %12 = resq.rope %8, %2 head_size 16 : tensor<?x16xf32>, tensor<?x16xf32> -> tensor<?x16xf32>
    resq.kv_append @l0, %12, %10 at %arg1, %arg2 : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>
    %13 = resq.attention @l0, %11 at %arg1, %arg2 {scale = 2.500000e-01 : f32} : tensor<?x32xf32>, tensor<?xi32> -> tensor<?x32xf32>
    %14 = resq.get @l0.o : tensor<32x32xf32>
    %15 = resq.linear %13, %14 {name = "l0.o"} : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
    %16 = resq.add %1, %15 : tensor<?x32xf32>
    %17 = resq.get @l0.mlp_norm : tensor<32xf32>
    %18 = resq.rms_norm %16 gain %17 : tensor<32xf32> {eps = 9.99999974E-6 : f32} : tensor<?x32xf32> -> tensor<?x32xf32>
    %19 = resq.get @l0.gate : tensor<32x32xf32>
    %20 = resq.linear %18, %19 {name = "l0.gate"} : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
    %21 = resq.get @l0.up : tensor<32x32xf32>
    %22 = resq.linear %18, %21 {name = "l0.up"} : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
    %23 = resq.gate %20, %22 : tensor<?x32xf32>, tensor<?x32xf32> -> tensor<?x32xf32>
    %24 = resq.get @l0.down : tensor<32x32xf32>
    %25 = resq.linear %23, %24 {name = "l0.down"} : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
    %26 = resq.add %16, %25 : tensor<?x32xf32>
    %27 = resq.gather_rows %26, %arg3 : tensor<?x32xf32>, tensor<?xi32> -> tensor<?x32xf32>
    %28 = resq.get @final_norm : tensor<32xf32>
    %29 = resq.rms_norm %27 gain %28 : tensor<32xf32> {eps = 9.99999974E-6 : f32} : tensor<?x32xf32> -> tensor<?x32xf32>
    %30 = resq.get @embedding : tensor<260x32xf32>
    %31 = resq.head %29, %30 : tensor<?x32xf32>, tensor<260x32xf32> -> tensor<?x260xf32>
    return %31 : tensor<?x260xf32>
  }
}
