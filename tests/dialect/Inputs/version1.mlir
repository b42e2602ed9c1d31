module attributes {resq.version = 1 : i64} {
  resq.checkpoint @ckpt "model.gguf", "gguf"
  resq.tokenizer @tokenizer from @ckpt "bpe" "gpt2" {add_bos = false, bos = 1 : i64, chat_template = "", eos = 2 : i64}
  resq.kv_cache @c0 heads 2 size 16 keys <kind = "f16"> values <kind = "f32">
  resq.kv_cache @c1 heads 2 size 16 keys <kind = "int", bits = 4, high = 2, high_bits = 8> values <kind = "int", bits = 2, high_bits = 8>
  resq.kv_cache @c2 heads 2 size 16 keys <kind = "lm", bits = 3, high = 2, high_bits = 8> values <kind = "lm", bits = 1, high_bits = 8>
  resq.kv_cache @c3 heads 2 size 16 keys <kind = "qjl", high = 2, high_bits = 8, rows = 28> values <kind = "f16">
  resq.kv_cache @c4 heads 2 size 16 keys <kind = "qjl_groups", rows = 32, outliers = 2, outlier_rows = 16, buffer = 32, window = 64> values <kind = "f16">
  resq.param @integers : tensor<64x32x!resq.quant<bits = 4, group = 32, zero = false, layout = "row">>
  resq.param @floats : tensor<64x32x!resq.quant<bits = 8, group = 32, zero = false, layout = "row", storage = f8E4M3FN>>
  resq.param @random : tensor<8x8xf64> {
    %0 = resq.random_matrix [8] "gaussian" seed 1 : tensor<8x8xf64>
    resq.yield %0 : tensor<8x8xf64>
  }
  resq.param @steps : tensor<64x32x!resq.quant<bits = 4, group = 32, zero = false, layout = "row", codebook = "tcq">>
}
