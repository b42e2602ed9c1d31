// A parallel block (GPT-J, PaLM): attention and MLP read the same norm, y = x + attention(n) + mlp(n). No llama: nothing
// in the compiler or in the runtime knows layers; the module says what is computed, caches included.
//
// Two query heads share a key/value head. The cache holds what earlier calls appended, for every sequence.
module attributes {resq.name = "parallel block"} {
  resq.checkpoint @weights "weights.gguf", gguf
  resq.kv_cache @cache heads 2 size 16 keys #resq.kv_float<f32> values #resq.kv_float<f32>

  resq.param @gain : tensor<48xf32> {
    %0 = resq.leaf @weights "gain" : tensor<48xf32>
    resq.yield %0 : tensor<48xf32>
  }
  resq.param @q : tensor<64x48xf32> {
    %0 = resq.leaf @weights "q" : tensor<64x48xf32>
    resq.yield %0 : tensor<64x48xf32>
  }
  resq.param @k : tensor<32x48xf32> {
    %0 = resq.leaf @weights "k" : tensor<32x48xf32>
    resq.yield %0 : tensor<32x48xf32>
  }
  resq.param @v : tensor<32x48xf32> {
    %0 = resq.leaf @weights "v" : tensor<32x48xf32>
    resq.yield %0 : tensor<32x48xf32>
  }
  resq.param @o : tensor<48x64xf32> {
    %0 = resq.leaf @weights "o" : tensor<48x64xf32>
    resq.yield %0 : tensor<48x64xf32>
  }
  resq.param @gate : tensor<128x48xf32> {
    %0 = resq.leaf @weights "gate" : tensor<128x48xf32>
    resq.yield %0 : tensor<128x48xf32>
  }
  resq.param @up : tensor<128x48xf32> {
    %0 = resq.leaf @weights "up" : tensor<128x48xf32>
    resq.yield %0 : tensor<128x48xf32>
  }
  resq.param @down : tensor<48x128xf32> {
    %0 = resq.leaf @weights "down" : tensor<48x128xf32>
    resq.yield %0 : tensor<48x128xf32>
  }

  func.func @block(%x: tensor<?x48xf32> {resq.name = "x"}, %at: tensor<?xi32> {resq.name = "positions"},
                   %of: tensor<?xi32> {resq.name = "sequences"}) -> tensor<?x48xf32> {
    %gain = resq.get @gain : tensor<48xf32>
    %n = resq.rms_norm %x gain %gain : tensor<48xf32> {eps = 1.0e-5 : f32} : tensor<?x48xf32> -> tensor<?x48xf32>

    %wq = resq.get @q : tensor<64x48xf32>
    %wk = resq.get @k : tensor<32x48xf32>
    %wv = resq.get @v : tensor<32x48xf32>
    %q = resq.linear %n, %wq {name = "q"} : tensor<?x48xf32>, tensor<64x48xf32> -> tensor<?x64xf32>
    %k = resq.linear %n, %wk {name = "k"} : tensor<?x48xf32>, tensor<32x48xf32> -> tensor<?x32xf32>
    %v = resq.linear %n, %wv {name = "v"} : tensor<?x48xf32>, tensor<32x48xf32> -> tensor<?x32xf32>
    %angles = resq.rope_angles %at {base = 1.0e4 : f32} : tensor<?xi32> -> tensor<?x16xf32>
    %qr = resq.rope %q, %angles head_size 16 : tensor<?x64xf32>, tensor<?x16xf32> -> tensor<?x64xf32>
    %kr = resq.rope %k, %angles head_size 16 : tensor<?x32xf32>, tensor<?x16xf32> -> tensor<?x32xf32>
    resq.kv_append @cache, %kr, %v at %at, %of : tensor<?x32xf32>, tensor<?x32xf32>, tensor<?xi32>
    %a = resq.attention @cache, %qr at %at, %of {scale = 0.25 : f32} : tensor<?x64xf32>, tensor<?xi32> -> tensor<?x64xf32>
    %wo = resq.get @o : tensor<48x64xf32>
    %ya = resq.linear %a, %wo {name = "o"} : tensor<?x64xf32>, tensor<48x64xf32> -> tensor<?x48xf32>

    %wg = resq.get @gate : tensor<128x48xf32>
    %wu = resq.get @up : tensor<128x48xf32>
    %g = resq.linear %n, %wg {name = "gate"} : tensor<?x48xf32>, tensor<128x48xf32> -> tensor<?x128xf32>
    %u = resq.linear %n, %wu {name = "up"} : tensor<?x48xf32>, tensor<128x48xf32> -> tensor<?x128xf32>
    %h = resq.gate %g, %u : tensor<?x128xf32>, tensor<?x128xf32> -> tensor<?x128xf32>
    %wd = resq.get @down : tensor<48x128xf32>
    %ym = resq.linear %h, %wd {name = "down"} : tensor<?x128xf32>, tensor<48x128xf32> -> tensor<?x48xf32>

    %y0 = resq.add %x, %ya : tensor<?x48xf32>
    %y = resq.add %y0, %ym : tensor<?x48xf32>
    return %y : tensor<?x48xf32>
  }
}
