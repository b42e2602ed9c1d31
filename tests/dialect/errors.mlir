// Every numbered constraint of resq.td, broken once (coverage.test checks that none is missing).
// RUN: resq-opt %s --split-input-file --verify-diagnostics

// -----

// expected-error@+1 {{C1: bits is 9: allowed is 2 to 8}}
func.func private @f(tensor<2x32x!resq.quant<bits = 9, group = 32, zero = true, layout = row>>)

// -----

// expected-error@+1 {{C2: group is 0: allowed is 1 or more}}
func.func private @f(tensor<2x32x!resq.quant<bits = 4, group = 0, zero = true, layout = row>>)

// -----

// expected-error@+1 {{expected one of [row, n16k4] for an order in which codes are stored, got: col}}
func.func private @f(tensor<2x32x!resq.quant<bits = 4, group = 32, zero = true, layout = col>>)

// -----

// expected-error@+1 {{C3: codebook is e4m3, with zero = true: allowed is zero = false}}
func.func private @f(tensor<2x32x!resq.quant<bits = 8, group = 32, zero = true, layout = row, codebook = e4m3>>)

// -----

// expected-error@+1 {{C4: no kernel reads codebook e4m3 of 4 bits and 0 states: allowed are integer of 2 to 8 bits, e4m3 of 8 bits, trellis of 3 bits and 8 states or of 4 bits and 4 states}}
func.func private @f(tensor<2x32x!resq.quant<bits = 4, group = 32, zero = false, layout = row, codebook = e4m3>>)

// -----

// expected-error@+1 {{C4: no kernel reads codebook table of 3 bits and 0 states: allowed are integer of 2 to 8 bits, e4m3 of 8 bits, trellis of 3 bits and 8 states or of 4 bits and 4 states}}
func.func private @f(tensor<2x32x!resq.quant<bits = 3, group = 32, zero = false, layout = row, codebook = table>>)

// -----

// expected-error@+1 {{C4: no kernel reads codebook trellis of 5 bits and 4 states: allowed are integer of 2 to 8 bits, e4m3 of 8 bits, trellis of 3 bits and 8 states or of 4 bits and 4 states}}
func.func private @f(tensor<2x32x!resq.quant<bits = 5, group = 32, zero = false, layout = row, codebook = trellis, states = 4>>)

// -----

// expected-error@+1 {{C4: no kernel reads codebook trellis of 4 bits and 8 states: allowed are integer of 2 to 8 bits, e4m3 of 8 bits, trellis of 3 bits and 8 states or of 4 bits and 4 states}}
func.func private @f(tensor<2x32x!resq.quant<bits = 4, group = 32, zero = false, layout = row, codebook = trellis, states = 8>>)

// -----

// expected-error@+1 {{C4: no kernel reads codebook integer of 4 bits and 4 states: allowed are integer of 2 to 8 bits, e4m3 of 8 bits, trellis of 3 bits and 8 states or of 4 bits and 4 states}}
func.func private @f(tensor<2x32x!resq.quant<bits = 4, group = 32, zero = false, layout = row, states = 4>>)

// -----

// expected-error@+1 {{C5: layout is row, with pack_group = 16, base = 4 and planes = 0: allowed is none of them}}
func.func private @f(tensor<2x32x!resq.quant<bits = 4, group = 32, zero = false, layout = row, pack_group = 16, base = 4>>)

// -----

// expected-error@+1 {{C6: layout is n16k4, with zero = true: allowed is zero = false}}
func.func private @f(tensor<2x32x!resq.quant<bits = 4, group = 32, zero = true, layout = n16k4, pack_group = 16, base = 4>>)

// -----

// As version 1 wrote a packed type.
// expected-error@+1 {{C6: layout is n16k4, with pack_group = 0: allowed is 1 or more. A module packed by dialect version 1 does not say its pack group: compile its checkpoint, or its module before --resq-pack, again}}
func.func private @f(tensor<2x32x!resq.quant<bits = 4, group = 32, zero = false, layout = "n16k4">>)

// -----

// expected-error@+1 {{C7: no kernel reads codes of 3 bits stored with base = 4 and planes = 0: allowed is base = 2 and planes = 1}}
func.func private @f(tensor<2x32x!resq.quant<bits = 3, group = 32, zero = false, layout = n16k4, pack_group = 32, base = 4>>)

// -----

// expected-error@+1 {{C7: no kernel reads codes of 5 bits stored with base = 4 and planes = 0: allowed is base = 4 and planes = 1}}
func.func private @f(tensor<2x32x!resq.quant<bits = 5, group = 32, zero = false, layout = n16k4, pack_group = 32, base = 4>>)

// -----

// expected-error@+1 {{a quantized type has no depth: allowed are bits, group, zero, layout, codebook, states, pack_group, base and planes}}
func.func private @f(tensor<2x32x!resq.quant<bits = 4, group = 32, zero = false, layout = row, depth = 4>>)

// -----

// expected-error@+1 {{a quantized type has no group: it must be given}}
func.func private @f(tensor<2x32x!resq.quant<bits = 4, zero = false, layout = row>>)

// -----

// expected-error@+1 {{bits is given twice}}
func.func private @f(tensor<2x32x!resq.quant<bits = 4, bits = 4, group = 32, zero = false, layout = row>>)

// -----

// As version 1 wrote codebooks.
// expected-error@+1 {{codebook is "nf4": allowed is "tcq"}}
func.func private @f(tensor<2x32x!resq.quant<bits = 4, group = 32, zero = false, layout = "row", codebook = "nf4">>)

// -----

// expected-error@+1 {{storage is 'f8E5M2': allowed is f8E4M3FN}}
func.func private @f(tensor<2x32x!resq.quant<bits = 8, group = 32, zero = false, layout = "row", storage = f8E5M2>>)

// -----

// expected-error@+1 {{C1: a panel's element is f32, bf16 or f16}}
func.func private @f(tensor<2x32x!resq.panel<f64>>)

// -----

// expected-error@+1 {{a cache code of dialect version 1 is of kind "i4": allowed are f32, f16, int, lm, qjl and qjl_groups}}
resq.kv_cache @c heads 2 size 16 keys <kind = "i4"> values #resq.kv_float<f16>

// -----

// expected-error@+1 {{C1: bits is 9: allowed is 2 to 8}}
resq.kv_cache @c heads 2 size 16 keys #resq.kv_int<bits = 9> values #resq.kv_float<f16>

// -----

// expected-error@+1 {{C1: bits is 5: allowed is 1 to 4}}
resq.kv_cache @c heads 2 size 16 keys #resq.kv_lm<bits = 5> values #resq.kv_float<f16>

// -----

// expected-error@+1 {{C1: rows is 0: allowed is 1 to 1024}}
resq.kv_cache @c heads 2 size 16 keys #resq.kv_qjl<rows = 0> values #resq.kv_float<f16>

// -----

// As version 1 wrote a cache code, with a field that its kind did not use.
// expected-error@+1 {{a cache code of dialect version 1 and kind "lm" has a field that is not its own}}
resq.kv_cache @c heads 2 size 16 keys <kind = "lm", bits = 3, high_bits = 8, rows = 16> values #resq.kv_float<f16>

// -----

// expected-error@+1 {{a cache code of dialect version 1 has no depth}}
resq.kv_cache @c heads 2 size 16 keys <kind = "lm", depth = 3> values #resq.kv_float<f16>

// -----

// expected-error@+1 {{the resq dialect has no attribute kv_codes}}
resq.kv_cache @c heads 2 size 16 keys #resq.kv_codes<f16> values #resq.kv_float<f16>

// -----

// expected-error@+1 {{'resq.kv_cache' op attribute 'keys' failed to satisfy constraint: a cache code}}
resq.kv_cache @c heads 2 size 16 keys 4 : i64 values #resq.kv_float<f16>

// -----

// expected-error@+1 {{C1: rows is 16 and outlier_rows is 17: allowed are 1 to 1024, and 1 to rows}}
resq.kv_cache @c heads 2 size 16 keys #resq.kv_qjl_groups<rows = 16, outliers = 2, outlier_rows = 17, buffer = 32, window = 64> values #resq.kv_float<f16>

// -----

// expected-error@+1 {{C2: outliers is 0: allowed is 1 or more}}
resq.kv_cache @c heads 2 size 16 keys #resq.kv_qjl_groups<rows = 16, outliers = 0, outlier_rows = 8, buffer = 32, window = 64> values #resq.kv_float<f16>

// -----

// expected-error@+1 {{C3: buffer is 48 and window is 64: allowed are multiples of 32, window above buffer, buffer above 0}}
resq.kv_cache @c heads 2 size 16 keys #resq.kv_qjl_groups<rows = 16, outliers = 2, outlier_rows = 8, buffer = 48, window = 64> values #resq.kv_float<f16>

// -----

// expected-error@+1 {{expected one of [gguf, shape, huggingface] for a format of checkpoints, got: onnx}}
resq.checkpoint @c "m.onnx", onnx

// -----

// expected-error@+1 {{'resq.param' op C1: the recipe yields tensor<4xf32>: allowed is the declared type, tensor<8xf32>}}
resq.param @p : tensor<8xf32> {
  %0 = resq.get @q : tensor<4xf32>
  resq.yield %0 : tensor<4xf32>
}
resq.param @q : tensor<4xf32>

// -----

// expected-error@+1 {{'resq.param' op C1: the recipe does not end in resq.yield}}
resq.param @p : tensor<8xf32> {
  %0 = resq.get @q : tensor<8xf32>
}
resq.param @q : tensor<8xf32>

// -----

// expected-error@+1 {{'resq.param' op C1: the recipe has several blocks}}
"resq.param"() <{sym_name = "p", type = tensor<8xf32>}> ({
  %0 = "resq.get"() <{param = @q}> : () -> tensor<8xf32>
  "resq.yield"(%0) : (tensor<8xf32>) -> ()
^bb1:
  %1 = "resq.get"() <{param = @q}> : () -> tensor<8xf32>
  "resq.yield"(%1) : (tensor<8xf32>) -> ()
}) : () -> ()
resq.param @q : tensor<8xf32>

// -----

resq.param @p : tensor<8xf32> {
  %0 = arith.constant dense<0.0> : tensor<8xf32>
  // expected-error@+1 {{'arith.addf' op C2: arith.addf stands in a recipe: allowed are recipe ops}}
  %1 = arith.addf %0, %0 : tensor<8xf32>
  resq.yield %1 : tensor<8xf32>
}

// -----

resq.param @a : tensor<8xf32> {
  %0 = resq.get @b : tensor<8xf32>
  resq.yield %0 : tensor<8xf32>
}
resq.param @b : tensor<8xf32> {
  // expected-error@+1 {{'resq.get' op C3: @b depends on itself through this get: allowed are params that do not}}
  %0 = resq.get @a : tensor<8xf32>
  resq.yield %0 : tensor<8xf32>
}

// -----

// expected-error@+1 {{'resq.param' op C4: the type is tensor<?xf32>: allowed is a tensor of static shape}}
resq.param @p : tensor<?xf32>

// -----

// expected-error@+1 {{'resq.param' op C4: the type is i32: allowed is a tensor of static shape}}
resq.param @p : i32

// -----

// expected-error@+1 {{'resq.param' op C5: there is a basis, but the type is tensor<8xf32>: allowed is [out, in]}}
resq.param @p : tensor<8xf32> attributes {basis = [#resq.basis_hadamard<size = 8>]}

// -----

// expected-error@+1 {{'resq.param' op C5: step 0 of the basis cannot leave 15 columns: allowed is what its blocks or its order can leave}}
resq.param @p : tensor<4x15xf32> attributes {basis = [#resq.basis_part<part = low, block = 16, high = 2>]}

// -----

// expected-error@+1 {{'resq.param' op C5: step 1 of the basis cannot leave 12 columns: allowed is what its blocks or its order can leave}}
resq.param @p : tensor<4x12xf32> attributes {basis = [#resq.basis_hadamard<size = 4>, #resq.basis_permute<order = [1, 0]>]}

// -----

// expected-error@+1 {{'resq.param' op C6: the basis names @u: allowed is the name of a resq.param}}
resq.param @p : tensor<4x16xf32> attributes {basis = [#resq.basis_rotate<matrix = @u>]}

// -----

resq.param @u : tensor<2x8x8xf64>
// expected-error@+1 {{'resq.param' op C6: @u of the basis is tensor<2x8x8xf64>, but it meets 24 columns: allowed is [size, size] or [blocks, size, size] of f32 or f64 that divides them}}
resq.param @p : tensor<4x21xf32> attributes {basis = [#resq.basis_rotate<matrix = @u>, #resq.basis_part<part = low, block = 8, high = 1>]}

// -----

resq.param @order : tensor<8xi32>
// expected-error@+1 {{'resq.param' op C6: @order of the basis is tensor<8xi32>, but it meets 16 columns: allowed is [width] of i32}}
resq.param @p : tensor<4x16xf32> attributes {basis = [#resq.basis_permute<indices = @order>]}

// -----

// expected-error@+1 {{'resq.param' op attribute 'basis' failed to satisfy constraint: a list of steps of a basis}}
resq.param @p : tensor<4x16xf32> attributes {basis = ["rotated"]}

// -----

// expected-error@+1 {{C1: both of order and indices are given: allowed is one}}
resq.param @p : tensor<4x2xf32> attributes {basis = [#resq.basis_permute<order = [1, 0], indices = @i>]}

// -----

// expected-error@+1 {{C2: order[1] is 1: allowed is each of 0 to 1 once}}
resq.param @p : tensor<4x2xf32> attributes {basis = [#resq.basis_permute<order = [1, 1]>]}

// -----

// expected-error@+1 {{C1: no Hadamard matrix of order 7 is known: allowed is K * 2^n for K = 1 or a Paley order (docs/dialect.md)}}
resq.param @p : tensor<4x7xf32> attributes {basis = [#resq.basis_hadamard<size = 7>]}

// -----

// expected-error@+1 {{C1: high is 16 of blocks of 16: allowed is 1 to block - 1}}
resq.param @p : tensor<4x16xf32> attributes {basis = [#resq.basis_part<part = high, block = 16, high = 16>]}

// -----

// expected-error@+1 {{'resq.kv_cache' op C1: heads is 0 and head_size is 16: allowed is 1 or more}}
resq.kv_cache @c heads 0 size 16 keys #resq.kv_float<f16> values #resq.kv_float<f16>

// -----

// expected-error@+1 {{'resq.kv_cache' op C2: values hold 16 high elements, but head_size is 16: allowed is 0 to 15}}
resq.kv_cache @c heads 2 size 16 keys #resq.kv_float<f16> values #resq.kv_int<bits = 4, high = 16>

// -----

// expected-error@+1 {{'resq.kv_cache' op C2: keys hold 16 outlier elements, but head_size is 16: allowed is 0 to 15}}
resq.kv_cache @c heads 2 size 16 keys #resq.kv_qjl_groups<rows = 16, outliers = 16, outlier_rows = 8, buffer = 32, window = 64> values #resq.kv_float<f16>

// -----

// expected-error@+1 {{'resq.kv_cache' op C2: keys have outliers by an index of a byte, but head_size is 260: allowed is 1 to 256}}
resq.kv_cache @c heads 2 size 260 keys #resq.kv_qjl_groups<rows = 16, outliers = 2, outlier_rows = 8, buffer = 32, window = 64> values #resq.kv_float<f16>

// -----

// expected-error@+1 {{'resq.kv_cache' op C3: values are of kind qjl: allowed is any but those of signs}}
resq.kv_cache @c heads 2 size 16 keys #resq.kv_float<f16> values #resq.kv_qjl<rows = 16>

// -----

// expected-error@+1 {{'resq.kv_cache' op C4: values_site is empty: allowed is a name, or none}}
resq.kv_cache @c heads 2 size 16 keys #resq.kv_float<f16> values #resq.kv_float<f16> {keys_site = "c.keys", values_site = ""}

// -----

resq.checkpoint @ckpt "m.gguf", gguf
// expected-error@+1 {{expected one of [bpe] for a kind of tokenizer, got: spm}}
resq.tokenizer @t from @ckpt spm "gpt2" {bos = 1 : i64, eos = 2 : i64, add_bos = true, chat_template = ""}

// -----

// expected-error@+1 {{'resq.tokenizer' op C1: @ckpt is not a resq.checkpoint: allowed is the name of one}}
resq.tokenizer @t from @ckpt bpe "gpt2" {bos = 1 : i64, eos = 2 : i64, add_bos = true, chat_template = ""}

// -----

resq.checkpoint @ckpt "m.gguf", gguf
// expected-error@+1 {{'resq.tokenizer' op C2: bos is -2: allowed is a token id, or -1 for none}}
resq.tokenizer @t from @ckpt bpe "gpt2" {bos = -2 : i64, eos = 2 : i64, add_bos = true, chat_template = ""}

// -----

func.func @f() {
  // expected-error@+1 {{'resq.get' op C1: @nothing is not a resq.param: allowed is the name of one}}
  %0 = resq.get @nothing : tensor<8xf32>
  return
}

// -----

resq.param @p : tensor<8xf32>
func.func @f() {
  // expected-error@+1 {{'resq.get' op C2: the result is tensor<4xf32>: allowed is @p's type, tensor<8xf32>}}
  %0 = resq.get @p : tensor<4xf32>
  return
}

// -----

resq.param @p : tensor<8x8xf32> {
  // expected-error@+1 {{'resq.leaf' op C1: @ckpt is not a resq.checkpoint: allowed is the name of one}}
  %0 = resq.leaf @ckpt "w" : tensor<8x8xf32>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

func.func @f(%t: tensor<4xi64>, %w: tensor<100x8xf32>) {
  // expected-error@+1 {{'resq.embed' op C1: tokens is tensor<4xi64>: allowed is tensor<Rxi32>}}
  %y = resq.embed %t, %w : tensor<4xi64>, tensor<100x8xf32> -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%t: tensor<4xi32>, %w: tensor<100x8xf64>) {
  // expected-error@+1 {{'resq.embed' op C2: table is tensor<100x8xf64>: allowed is [vocabulary, width] of f32, bf16, f16, a panel, or symmetric integer codes}}
  %y = resq.embed %t, %w : tensor<4xi32>, tensor<100x8xf64> -> tensor<4x8xf32>
  return
}

// -----

!codes = tensor<100x8x!resq.quant<bits = 8, group = 8, zero = true, layout = row>>
func.func @f(%t: tensor<4xi32>, %w: !codes) {
  // expected-error@+1 {{or symmetric integer codes}}
  %y = resq.embed %t, %w : tensor<4xi32>, !codes -> tensor<4x8xf32>
  return
}

// -----

!codes = tensor<100x8x!resq.quant<bits = 4, group = 8, zero = false, layout = row, codebook = trellis, states = 4>>
func.func @f(%t: tensor<4xi32>, %w: !codes) {
  // expected-error@+1 {{or symmetric integer codes}}
  %y = resq.embed %t, %w : tensor<4xi32>, !codes -> tensor<4x8xf32>
  return
}

// -----

!codes = tensor<100x8x!resq.quant<bits = 8, group = 3, zero = false, layout = row>>
func.func @f(%t: tensor<4xi32>, %w: !codes) {
  // expected-error@+1 {{or symmetric integer codes}}
  %y = resq.embed %t, %w : tensor<4xi32>, !codes -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%t: tensor<4xi32>, %w: tensor<100x8xf32>) {
  // expected-error@+1 {{'resq.embed' op C3: y is tensor<4x9xf32>, but tokens is tensor<4xi32> and table is 8 wide: allowed is [R, 8] of f32}}
  %y = resq.embed %t, %w : tensor<4xi32>, tensor<100x8xf32> -> tensor<4x9xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf16>) {
  // expected-error@+1 {{'resq.rms_norm' op C1: x is tensor<4x8xf16> and y is tensor<4x8xf16>: allowed is one type, [R, width] of f32}}
  %y = resq.rms_norm %x {eps = 1.0e-5 : f32} : tensor<4x8xf16> -> tensor<4x8xf16>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>, %g: tensor<7xf32>) {
  // expected-error@+1 {{'resq.rms_norm' op C2: gain is tensor<7xf32>, but x is 8 wide: allowed is [8] of f32}}
  %y = resq.rms_norm %x gain %g : tensor<7xf32> {eps = 1.0e-5 : f32} : tensor<4x8xf32> -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error@+1 {{'resq.rms_norm' op C3: eps is -1: allowed is 0 or more}}
  %y = resq.rms_norm %x {eps = -1.0 : f32} : tensor<4x8xf32> -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<8xf32>, %w: tensor<16x8xf32>) {
  // expected-error@+1 {{'resq.linear' op C1: x is tensor<8xf32>: allowed is [R, in] of f32}}
  %y = resq.linear %x, %w : tensor<8xf32>, tensor<16x8xf32> -> tensor<16xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>, %w: tensor<16x8xf32>) {
  // expected-error@+1 {{'resq.linear' op C1: y is tensor<4x8xf32>, but x is tensor<4x8xf32> and weight has 16 rows: allowed is [R, 16] of f32}}
  %y = resq.linear %x, %w : tensor<4x8xf32>, tensor<16x8xf32> -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x576xf32>, %w: tensor<576x512xf32>) {
  // expected-error@+1 {{'resq.linear' op C2: weight is tensor<576x512xf32>, but x is 576 wide: allowed is [out, 576] of f32, bf16, f16 or a panel}}
  %y = resq.linear %x, %w : tensor<?x576xf32>, tensor<576x512xf32> -> tensor<?x576xf32>
  return
}

// -----

func.func @f(%x: tensor<8xf32>, %w: tensor<16x8xf32>) {
  // expected-error@+1 {{'resq.head' op C1: x is tensor<8xf32>: allowed is [R, in] of f32}}
  %y = resq.head %x, %w : tensor<8xf32>, tensor<16x8xf32> -> tensor<16xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>, %w: tensor<16x8xf32>) {
  // expected-error@+1 {{'resq.head' op C1: y is tensor<4x8xf32>, but x is tensor<4x8xf32> and weight has 16 rows: allowed is [R, 16] of f32}}
  %y = resq.head %x, %w : tensor<4x8xf32>, tensor<16x8xf32> -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x576xf32>, %w: tensor<576x512xf32>) {
  // expected-error@+1 {{'resq.head' op C2: weight is tensor<576x512xf32>, but x is 576 wide: allowed is [out, 576] of f32, bf16, f16 or a panel}}
  %y = resq.head %x, %w : tensor<?x576xf32>, tensor<576x512xf32> -> tensor<?x576xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>, %w: tensor<16x8xf32>, %b: tensor<8xf32>) {
  // expected-error@+1 {{'resq.linear' op C3: bias is tensor<8xf32>, but y is 16 wide: allowed is [16] of f32}}
  %y = resq.linear %x, %w bias %b : tensor<8xf32> : tensor<4x8xf32>, tensor<16x8xf32> -> tensor<4x16xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>, %w: tensor<16x8xf32>) {
  // expected-error@+1 {{'resq.linear' op C4: site is empty: allowed is a name, or none}}
  %y = resq.linear %x, %w {name = "q", site = ""} : tensor<4x8xf32>, tensor<16x8xf32> -> tensor<4x16xf32>
  return
}

// -----

func.func @f(%p: tensor<4xf32>) {
  // expected-error@+1 {{'resq.rope_angles' op C1: positions is tensor<4xf32>: allowed is tensor<Rxi32>}}
  %y = resq.rope_angles %p {base = 1.0 : f32} : tensor<4xf32> -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%p: tensor<4xi32>) {
  // expected-error@+1 {{'resq.rope_angles' op C2: y is tensor<4x7xf32>, but positions is tensor<4xi32>: allowed is [R, size] of f32, size even}}
  %y = resq.rope_angles %p {base = 1.0 : f32} : tensor<4xi32> -> tensor<4x7xf32>
  return
}

// -----

func.func @f(%p: tensor<4xi32>) {
  // expected-error@+1 {{'resq.rope_angles' op C3: base is 0: allowed is more than 0}}
  %y = resq.rope_angles %p {base = 0.0 : f32} : tensor<4xi32> -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%p: tensor<4xi32>, %g: tensor<8xf32>) {
  // expected-error@+1 {{'resq.rope_angles' op C4: factors is tensor<8xf32>, but y is 8 wide: allowed is [4] of f32}}
  %y = resq.rope_angles %p factors %g : tensor<8xf32> {base = 1.0 : f32} : tensor<4xi32> -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<4x32xf32>, %a: tensor<4x16xf32>) {
  // expected-error@+1 {{'resq.rope' op C1: x is tensor<4x16xf32> and y is tensor<4x32xf32>: allowed is one type, [R, heads * head_size] of f32}}
  %y = resq.rope %a, %x head_size 16 : tensor<4x16xf32>, tensor<4x32xf32> -> tensor<4x32xf32>
  return
}

// -----

func.func @f(%x: tensor<4x32xf32>, %a: tensor<4x16xf32>) {
  // expected-error@+1 {{'resq.rope' op C2: x is 32 wide and head_size is 20: allowed is a head_size of at least 1 that divides the width}}
  %y = resq.rope %x, %a head_size 20 : tensor<4x32xf32>, tensor<4x16xf32> -> tensor<4x32xf32>
  return
}

// -----

func.func @f(%x: tensor<4x32xf32>, %a: tensor<4x16xf32>) {
  // expected-error@+1 {{'resq.rope' op C3: angles is tensor<4x16xf32>, but x is tensor<4x32xf32> and head_size is 8: allowed is [R, size] of f32, size even and at most 8}}
  %y = resq.rope %x, %a head_size 8 : tensor<4x32xf32>, tensor<4x16xf32> -> tensor<4x32xf32>
  return
}

// -----

resq.kv_cache @c heads 2 size 16 keys #resq.kv_float<f16> values #resq.kv_float<f16>
func.func @f(%k: tensor<4x32xf32>, %p: tensor<4xi32>) {
  // expected-error@+1 {{'resq.kv_append' op C1: @d is not a resq.kv_cache: allowed is the name of one}}
  resq.kv_append @d, %k, %k at %p, %p : tensor<4x32xf32>, tensor<4x32xf32>, tensor<4xi32>
  return
}

// -----

resq.kv_cache @c heads 2 size 16 keys #resq.kv_float<f16> values #resq.kv_float<f16>
func.func @f(%k: tensor<4x48xf32>, %p: tensor<4xi32>) {
  // expected-error@+1 {{'resq.kv_append' op C2: keys is tensor<4x48xf32> and values is tensor<4x48xf32>, but the cache has 2 heads of 16: allowed is [R, heads * head_size] of f32}}
  resq.kv_append @c, %k, %k at %p, %p : tensor<4x48xf32>, tensor<4x48xf32>, tensor<4xi32>
  return
}

// -----

resq.kv_cache @c heads 2 size 16 keys #resq.kv_float<f16> values #resq.kv_float<f16>
func.func @f(%k: tensor<4x32xf32>, %p: tensor<3xi32>) {
  // expected-error@+1 {{'resq.kv_append' op C3: positions and sequences are tensor<3xi32>, but the rows are tensor<4x32xf32>: allowed is tensor<Rxi32>}}
  resq.kv_append @c, %k, %k at %p, %p : tensor<4x32xf32>, tensor<4x32xf32>, tensor<3xi32>
  return
}

// -----

resq.kv_cache @c heads 2 size 16 keys #resq.kv_qjl<rows = 28, high = 2> values #resq.kv_float<f16>
func.func @f(%k: tensor<4x32xf32>, %p: tensor<4xi32>) {
  // expected-error@+1 {{'resq.kv_append' op C4: keys are signs and there is no sketch: allowed is one of [rows, head_size - high] of f32}}
  resq.kv_append @c, %k, %k at %p, %p : tensor<4x32xf32>, tensor<4x32xf32>, tensor<4xi32>
  return
}

// -----

resq.kv_cache @c heads 2 size 16 keys #resq.kv_float<f16> values #resq.kv_float<f16>
func.func @f(%k: tensor<4x32xf32>, %p: tensor<4xi32>, %s: tensor<28x14xf32>) {
  // expected-error@+1 {{'resq.kv_append' op C4: there is a sketch, but keys are no signs: allowed is none}}
  resq.kv_append @c, %k, %k at %p, %p sketch %s : tensor<28x14xf32> : tensor<4x32xf32>, tensor<4x32xf32>, tensor<4xi32>
  return
}

// -----

resq.kv_cache @c heads 2 size 16 keys #resq.kv_float<f16> values #resq.kv_float<f16>
func.func @f(%q: tensor<4x64xf32>, %p: tensor<4xi32>) {
  // expected-error@+1 {{'resq.attention' op C1: @d is not a resq.kv_cache: allowed is the name of one}}
  %y = resq.attention @d, %q at %p, %p {scale = 0.25 : f32} : tensor<4x64xf32>, tensor<4xi32> -> tensor<4x64xf32>
  return
}

// -----

resq.kv_cache @c heads 2 size 16 keys #resq.kv_float<f16> values #resq.kv_float<f16>
func.func @f(%q: tensor<4x48xf32>, %p: tensor<4xi32>) {
  // expected-error@+1 {{'resq.attention' op C2: q is tensor<4x48xf32> and y is tensor<4x48xf32>, but the cache has 2 heads of 16: allowed is [R, heads * head_size] of f32, heads a multiple of the cache's}}
  %y = resq.attention @c, %q at %p, %p {scale = 0.25 : f32} : tensor<4x48xf32>, tensor<4xi32> -> tensor<4x48xf32>
  return
}

// -----

resq.kv_cache @c heads 2 size 16 keys #resq.kv_float<f16> values #resq.kv_float<f16>
func.func @f(%q: tensor<4x64xf32>, %p: tensor<4xi64>) {
  // expected-error@+1 {{'resq.attention' op C3: positions and sequences are tensor<4xi64>, but the rows are tensor<4x64xf32>: allowed is tensor<Rxi32>}}
  %y = resq.attention @c, %q at %p, %p {scale = 0.25 : f32} : tensor<4x64xf32>, tensor<4xi64> -> tensor<4x64xf32>
  return
}

// -----

resq.kv_cache @c heads 2 size 16 keys #resq.kv_qjl<rows = 28, high = 2> values #resq.kv_float<f16>
func.func @f(%q: tensor<4x64xf32>, %p: tensor<4xi32>, %s: tensor<14x28xf32>) {
  // expected-error@+1 {{'resq.attention' op C4: the sketch is tensor<14x28xf32>, but keys have 28 signs of 14 low elements: allowed is [rows, head_size - high] of f32, or a panel of it}}
  %y = resq.attention @c, %q at %p, %p sketch %s : tensor<14x28xf32> {scale = 0.25 : f32} : tensor<4x64xf32>, tensor<4xi32> -> tensor<4x64xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>, %z: tensor<4x9xf32>) {
  // expected-error@+1 {{'resq.gate' op C1: gate is tensor<4x8xf32>, up is tensor<4x9xf32> and y is tensor<4x8xf32>: allowed is one type for all}}
  %y = resq.gate %x, %z : tensor<4x8xf32>, tensor<4x9xf32> -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error@+1 {{expected one of [silu] for an activation function, got: gelu}}
  %y = resq.gate %x, %x activation gelu : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<4x8xf32>
  return
}

// -----

resq.kv_cache @c heads 2 size 16 keys #resq.kv_float<f16> values #resq.kv_float<f16>
func.func @f(%q: tensor<4x64xf32>, %p: tensor<4xi32>) {
  // expected-error@+2 {{'resq.attention' op results are 'tensor<4x32xf32>': allowed are 'tensor<4x64xf32>', which follow from its operands}}
  // expected-error@+1 {{'resq.attention' op failed to infer returned types}}
  %y = resq.attention @c, %q at %p, %p {scale = 0.25 : f32} : tensor<4x64xf32>, tensor<4xi32> -> tensor<4x32xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>, %r: tensor<2xindex>) {
  // expected-error@+1 {{'resq.gather_rows' op C1: index is tensor<2xindex>: allowed is tensor<Nxi32>}}
  %y = resq.gather_rows %x, %r : tensor<4x8xf32>, tensor<2xindex> -> tensor<2x8xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>, %r: tensor<2xi32>) {
  // expected-error@+1 {{'resq.gather_rows' op C2: y is tensor<4x8xf32>, but x is tensor<4x8xf32> and index is tensor<2xi32>: allowed is [N, width] of x's element}}
  %y = resq.gather_rows %x, %r : tensor<4x8xf32>, tensor<2xi32> -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x32xf32>, %m: tensor<12x12xf32>) {
  // expected-error@+1 {{'resq.rotate' op C1: x is tensor<?x32xf32>, but matrix is tensor<12x12xf32>: allowed is a last dimension that is a multiple of 12}}
  %y = resq.rotate %x, %m : tensor<?x32xf32>, tensor<12x12xf32> -> tensor<?x32xf32>
  return
}

// -----

func.func @f(%x: tensor<?x32xf32>, %m: tensor<3x8x8xf32>) {
  // expected-error@+1 {{'resq.rotate' op C2: matrix has 3 blocks, but x has 4: allowed is a number that divides them}}
  %y = resq.rotate %x, %m : tensor<?x32xf32>, tensor<3x8x8xf32> -> tensor<?x32xf32>
  return
}

// -----

func.func @f(%x: tensor<?x32xf32>, %m: tensor<8x8xf32>) {
  // expected-error@+1 {{'resq.rotate' op C3: y is tensor<?x16xf32>: allowed is x's type, tensor<?x32xf32>}}
  %y = resq.rotate %x, %m : tensor<?x32xf32>, tensor<8x8xf32> -> tensor<?x16xf32>
  return
}

// -----

func.func @f(%x: tensor<?x32xf32>, %m: tensor<8x4xf32>) {
  // expected-error@+1 {{'resq.rotate' op C4: matrix is tensor<8x4xf32>: allowed is [size, size] or [blocks, size, size] of f32 or f64}}
  %y = resq.rotate %x, %m : tensor<?x32xf32>, tensor<8x4xf32> -> tensor<?x32xf32>
  return
}

// -----

func.func @f(%x: tensor<f32>, %m: tensor<8x8xf32>) {
  // expected-error@+1 {{'resq.rotate' op C1: x is tensor<f32>, but matrix}}
  %y = resq.rotate %x, %m : tensor<f32>, tensor<8x8xf32> -> tensor<f32>
  return
}

// -----

func.func @f(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{'resq.permute' op C1: none of order and indices are given: allowed is one}}
  %y = resq.permute %x : tensor<?x4xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @f(%x: tensor<?x4xf32>, %i: tensor<4xi32>) {
  // expected-error@+1 {{'resq.permute' op C1: both of order and indices are given: allowed is one}}
  %y = resq.permute %x by %i : tensor<4xi32> order [0, 1, 2, 3] : tensor<?x4xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @f(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{'resq.permute' op C2: order has 3 entries, but x is tensor<?x4xf32>: allowed is 4}}
  %y = resq.permute %x order [0, 1, 2] : tensor<?x4xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @f(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{'resq.permute' op C2: order[2] is 1: allowed is each of 0 to 3 once}}
  %y = resq.permute %x order [0, 1, 1, 2] : tensor<?x4xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @f(%x: tensor<?x4xf32>, %i: tensor<5xi32>) {
  // expected-error@+1 {{'resq.permute' op C2: indices is tensor<5xi32>, but x is tensor<?x4xf32>: allowed is [4] of i32}}
  %y = resq.permute %x by %i : tensor<5xi32> : tensor<?x4xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @f(%x: tensor<?x2xf32>) {
  // expected-error@+1 {{'resq.permute' op C3: y is tensor<?x2xf16>: allowed is x's type, tensor<?x2xf32>}}
  %y = resq.permute %x order [1, 0] : tensor<?x2xf32> -> tensor<?x2xf16>
  return
}

// -----

func.func @f(%x: tensor<?x32xf32>) {
  // expected-error@+1 {{'resq.hadamard' op C1: size is 24, but x is tensor<?x32xf32>: allowed is a divisor of the last dimension}}
  %y = resq.hadamard %x size 24 : tensor<?x32xf32> -> tensor<?x32xf32>
  return
}

// -----

func.func @f(%x: tensor<?x?xf32>) {
  // expected-error@+1 {{'resq.hadamard' op C1: size is 24, but x is tensor<?x?xf32>: allowed is a divisor of the last dimension}}
  %y = resq.hadamard %x size 24 : tensor<?x?xf32> -> tensor<?x?xf32>
  return
}

// -----

func.func @f(%x: tensor<?x18xf32>) {
  // expected-error@+1 {{'resq.hadamard' op C2: no Hadamard matrix of order 18 is known here: allowed is K * 2^n for K = 1 or a Paley order}}
  %y = resq.hadamard %x size 18 : tensor<?x18xf32> -> tensor<?x18xf32>
  return
}

// -----

func.func @f(%x: tensor<?x16xf32>) {
  // expected-error@+1 {{'resq.hadamard' op C3: y is tensor<?x16xf64>: allowed is x's type, tensor<?x16xf32>}}
  %y = resq.hadamard %x size 16 : tensor<?x16xf32> -> tensor<?x16xf64>
  return
}

// -----

func.func @f(%x: tensor<?x32xf32>) {
  // expected-error@+1 {{'resq.split' op C1: block is 12, but the whole is tensor<?x32xf32>: allowed is a divisor of its last dimension}}
  %l, %h = resq.split %x block 12 high 4 : tensor<?x32xf32> -> tensor<?x24xf32>, tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x32xf32>) {
  // expected-error@+1 {{'resq.split' op C2: high is 16: allowed is 1 to 15}}
  %l, %h = resq.split %x block 16 high 16 : tensor<?x32xf32> -> tensor<?x24xf32>, tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x32xf32>) {
  // expected-error@+1 {{'resq.split' op C3: the high part is tensor<?x4xf32>, but the whole is tensor<?x32xf32>: allowed is a last dimension of 8, all else the same}}
  %l, %h = resq.split %x block 16 high 4 : tensor<?x32xf32> -> tensor<?x24xf32>, tensor<?x4xf32>
  return
}

// -----

func.func @f(%l: tensor<?x24xf32>, %h: tensor<?x8xf32>) {
  // expected-error@+1 {{'resq.join' op C1: block is 12, but the whole is tensor<?x32xf32>: allowed is a divisor of its last dimension}}
  %y = resq.join %l, %h block 12 high 4 : tensor<?x24xf32>, tensor<?x8xf32> -> tensor<?x32xf32>
  return
}

// -----

func.func @f(%l: tensor<?x24xf32>, %h: tensor<?x8xf32>) {
  // expected-error@+1 {{'resq.join' op C2: high is 16: allowed is 1 to 15}}
  %y = resq.join %l, %h block 16 high 16 : tensor<?x24xf32>, tensor<?x8xf32> -> tensor<?x32xf32>
  return
}

// -----

func.func @f(%l: tensor<?x24xf32>, %h: tensor<?x4xf32>) {
  // expected-error@+1 {{'resq.join' op C3: the high part is tensor<?x4xf32>, but the whole is tensor<?x32xf32>: allowed is a last dimension of 8, all else the same}}
  %y = resq.join %l, %h block 16 high 4 : tensor<?x24xf32>, tensor<?x4xf32> -> tensor<?x32xf32>
  return
}

// -----

func.func @f(%x: tensor<?x32xf32>) {
  // expected-error@+1 {{'resq.slice' op C1: dim is 2, but x is tensor<?x32xf32>: allowed is 0 to 1}}
  %y = resq.slice %x dim 2 begin 0 : tensor<?x32xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x32xf32>) {
  // expected-error@+1 {{'resq.slice' op C2: begin is 25 and y is tensor<?x8xf32>, but x is tensor<?x32xf32>: allowed is a static range inside x}}
  %y = resq.slice %x dim 1 begin 25 : tensor<?x32xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x32xf32>) {
  // expected-error@+1 {{'resq.slice' op C2: begin is 9223372036854775807 and y}}
  %y = resq.slice %x dim 1 begin 9223372036854775807 : tensor<?x32xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x32xf32>) {
  // expected-error@+1 {{'resq.slice' op C3: y is tensor<?x8xf16>, but x is tensor<?x32xf32>: allowed is x's shape and element but along dim 1}}
  %y = resq.slice %x dim 1 begin 0 : tensor<?x32xf32> -> tensor<?x8xf16>
  return
}

// -----

func.func @f() {
  // expected-error@+1 {{'resq.concat' op C1: there are no parts: allowed is one or more}}
  %y = "resq.concat"() <{dim = 0 : i64}> : () -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>) {
  // expected-error@+1 {{'resq.concat' op C2: y is tensor<?x17xf32>, but the parts add up to 16 along dim 1: allowed is that}}
  %y = resq.concat %x, %x dim 1 : tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x17xf32>
  return
}

// -----

func.func @f(%x: tensor<3x8xf32>) {
  // expected-error@+1 {{'resq.concat' op C2: part 0 is tensor<3x8xf32>, but y is tensor<4x16xf32>: allowed is y's shape and element, static along dim 1}}
  %y = resq.concat %x, %x dim 1 : tensor<3x8xf32>, tensor<3x8xf32> -> tensor<4x16xf32>
  return
}

// -----

func.func @f(%x: tensor<?x32xf16>) {
  // expected-error@+1 {{'resq.quantize' op C1: x is tensor<?x32xf16>: allowed is [R, width] of f32}}
  %q = resq.quantize %x : tensor<?x32xf16> -> tensor<?x32x!resq.quant<bits = 4, group = 32, zero = true, layout = row>>
  return
}

// -----

func.func @f(%x: tensor<?x32xf32>) {
  // expected-error@+1 {{'resq.quantize' op C2: q is tensor<?x32x!resq.quant<bits = 4, group = 32, zero = false, layout = row>>, but x is tensor<?x32xf32>: allowed is x's shape of quant with zero = true or codebook = e4m3, layout = row}}
  %q = resq.quantize %x : tensor<?x32xf32> -> tensor<?x32x!resq.quant<bits = 4, group = 32, zero = false, layout = row>>
  return
}

// -----

func.func @f(%x: tensor<?x32xf32>) {
  // expected-error@+1 {{'resq.quantize' op C3: group is 12, but x is 32 wide: allowed is a divisor of it}}
  %q = resq.quantize %x : tensor<?x32xf32> -> tensor<?x32x!resq.quant<bits = 4, group = 12, zero = true, layout = row>>
  return
}

// -----

func.func @f(%x: tensor<?x32xf32>) {
  // expected-error@+1 {{'resq.quantize' op C4: clip is 0: allowed is more than 0, at most 1}}
  %q = resq.quantize %x {clip = 0.0 : f32} : tensor<?x32xf32> -> tensor<?x32x!resq.quant<bits = 4, group = 32, zero = true, layout = row>>
  return
}

// -----

resq.param @clip : tensor<2xf32>
func.func @f(%x: tensor<?x32xf32>) {
  %c = resq.get @clip : tensor<2xf32>
  // expected-error@+1 {{'resq.quantize' op C5: clip_by is tensor<2xf32> beside a clip of 1: allowed is [1] of f32, and no other clip}}
  %q = resq.quantize %x clip_by %c : tensor<2xf32> : tensor<?x32xf32> -> tensor<?x32x!resq.quant<bits = 4, group = 32, zero = true, layout = row>>
  return
}

// -----

resq.param @clip : tensor<1xf32>
func.func @f(%x: tensor<?x32xf32>) {
  %c = resq.get @clip : tensor<1xf32>
  // expected-error@+1 {{'resq.quantize' op C5: clip_by is tensor<1xf32> beside a clip of 0.5: allowed is [1] of f32, and no other clip}}
  %q = resq.quantize %x clip_by %c : tensor<1xf32> {clip = 0.5 : f32} : tensor<?x32xf32> -> tensor<?x32x!resq.quant<bits = 4, group = 32, zero = true, layout = row>>
  return
}

// -----

func.func @f(%x: tensor<?x32xf32>) {
  // expected-error@+1 {{'resq.dequantize' op C1: q is tensor<?x32xf32> and y is tensor<?x32xf32>: allowed is a quant element, and f32 of the same shape}}
  %y = resq.dequantize %x : tensor<?x32xf32> -> tensor<?x32xf32>
  return
}

// -----

func.func @f(%x: tensor<?x32x!resq.quant<bits = 4, group = 32, zero = true, layout = row>>, %w: tensor<64x32x!resq.quant<bits = 4, group = 32, zero = false, layout = row>>) {
  // expected-error@+1 {{'resq.qlinear' op C1: there are 1 activations and 2 weights: allowed is as many of both, at least one}}
  %y = "resq.qlinear"(%x, %w, %w) <{operandSegmentSizes = array<i32: 1, 2, 0>}> : (tensor<?x32x!resq.quant<bits = 4, group = 32, zero = true, layout = row>>, tensor<64x32x!resq.quant<bits = 4, group = 32, zero = false, layout = row>>, tensor<64x32x!resq.quant<bits = 4, group = 32, zero = false, layout = row>>) -> tensor<?x64xf32>
  return
}

// -----

func.func @f(%x: tensor<?x32xf32>, %w: tensor<64x32x!resq.quant<bits = 4, group = 32, zero = false, layout = row>>) {
  // expected-error@+1 {{'resq.qlinear' op C2: activation 0 is tensor<?x32xf32>: allowed is [R, in] of quant with zero = true or codebook = e4m3, layout = row and a group that divides in}}
  %y = resq.qlinear %x by %w : tensor<?x32xf32> by tensor<64x32x!resq.quant<bits = 4, group = 32, zero = false, layout = row>> -> tensor<?x64xf32>
  return
}

// -----

func.func @f(%x: tensor<?x32x!resq.quant<bits = 4, group = 32, zero = true, layout = row>>, %w: tensor<64x32x!resq.quant<bits = 4, group = 16, zero = false, layout = row>>) {
  // expected-error@+1 {{'resq.qlinear' op C3: weight 0 is tensor<64x32x!resq.quant<bits = 4, group = 16, zero = false, layout = row>>: allowed is [64, 32] of quant with zero = false and group 32 or 32}}
  %y = resq.qlinear %x by %w : tensor<?x32x!resq.quant<bits = 4, group = 32, zero = true, layout = row>> by tensor<64x32x!resq.quant<bits = 4, group = 16, zero = false, layout = row>> -> tensor<?x64xf32>
  return
}

// -----

func.func @f(%x: tensor<?x32x!resq.quant<bits = 4, group = 32, zero = true, layout = row>>, %w: tensor<64x32x!resq.quant<bits = 4, group = 32, zero = false, layout = row>>, %b: tensor<32xf32>) {
  // expected-error@+1 {{'resq.qlinear' op C4: bias is tensor<32xf32>, but y is 64 wide: allowed is [64] of f32}}
  %y = resq.qlinear %x by %w bias %b : tensor<32xf32> : tensor<?x32x!resq.quant<bits = 4, group = 32, zero = true, layout = row>> by tensor<64x32x!resq.quant<bits = 4, group = 32, zero = false, layout = row>> -> tensor<?x64xf32>
  return
}

// -----

func.func @f(%x: tensor<?x32x!resq.quant<bits = 4, group = 32, zero = true, layout = row>>, %w: tensor<64x32x!resq.quant<bits = 4, group = 32, zero = false, layout = row>>) {
  // expected-error@+1 {{'resq.qlinear' op C5: y is tensor<?x64xf16>: allowed is [R, out] of f32}}
  %y = resq.qlinear %x by %w : tensor<?x32x!resq.quant<bits = 4, group = 32, zero = true, layout = row>> by tensor<64x32x!resq.quant<bits = 4, group = 32, zero = false, layout = row>> -> tensor<?x64xf16>
  return
}

// -----

func.func @f(%x: tensor<?x32xf16>) {
  // expected-error@+1 {{'resq.observe' op C1: x is tensor<?x32xf16>: allowed is [R, width] of f32}}
  resq.observe %x "s" block 8 : tensor<?x32xf16>
  return
}

// -----

func.func @f(%x: tensor<?x32xf32>) {
  // expected-error@+1 {{'resq.observe' op C2: block is 12, but x is 32 wide: allowed is a block of at least 1 that divides the width}}
  resq.observe %x "s" block 12 : tensor<?x32xf32>
  return
}

// -----

func.func @f(%x: tensor<?x32xf32>) {
  // expected-error@+1 {{'resq.observe' op C3: site is empty: allowed is a name}}
  resq.observe %x "" block 8 : tensor<?x32xf32>
  return
}

// -----

resq.param @p : tensor<8x8xf32> {
  // expected-error@+1 {{'resq.moment' op C1: the result is tensor<8x4xf64>: allowed is [n, n] or [blocks, n, n] of f64}}
  %0 = resq.moment "s" : tensor<8x4xf64>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @p : tensor<8x8xf32> {
  // expected-error@+1 {{'resq.samples' op C1: the result is tensor<8x8xf64>: allowed is [rows, width] of f32}}
  %0 = resq.samples "s" : tensor<8x8xf64>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @p : tensor<8x8xf32> {
  %0 = arith.constant dense<1> : tensor<8x8xi32>
  %w = arith.constant dense<1.0> : tensor<4x8xf32>
  // expected-error@+1 {{'resq.clip_ratio' op C1: samples is tensor<8x8xi32>: allowed is [rows, width] of a float}}
  %1 = resq.clip_ratio %0 by %w bits 4 group 8 : tensor<8x8xi32> by tensor<4x8xf32> -> tensor<1xf32>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @p : tensor<8x8xf32> {
  %0 = resq.samples "s" : tensor<8x8xf32>
  %w = arith.constant dense<1.0> : tensor<4x6xf32>
  // expected-error@+1 {{'resq.clip_ratio' op C2: weight 0 is tensor<4x6xf32>, but samples is tensor<8x8xf32>: allowed is [out, width] of a float}}
  %1 = resq.clip_ratio %0 by %w bits 4 group 8 : tensor<8x8xf32> by tensor<4x6xf32> -> tensor<1xf32>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @p : tensor<8x8xf32> {
  %0 = resq.samples "s" : tensor<8x8xf32>
  %w = arith.constant dense<1.0> : tensor<4x8xf32>
  // expected-error@+1 {{'resq.clip_ratio' op C3: bits is 9 and group is 8: allowed is 2 to 8, and a divisor of 8}}
  %1 = resq.clip_ratio %0 by %w bits 9 group 8 : tensor<8x8xf32> by tensor<4x8xf32> -> tensor<1xf32>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @p : tensor<8x8xf32> {
  %0 = resq.samples "s" : tensor<8x8xf32>
  %w = arith.constant dense<1.0> : tensor<4x8xf32>
  // expected-error@+1 {{'resq.clip_ratio' op C3: bits is 4 and group is 3: allowed is 2 to 8, and a divisor of 8}}
  %1 = resq.clip_ratio %0 by %w bits 4 group 3 : tensor<8x8xf32> by tensor<4x8xf32> -> tensor<1xf32>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @p : tensor<8x8xf32> {
  %0 = resq.samples "s" : tensor<8x8xf32>
  %w = arith.constant dense<1.0> : tensor<4x8xf32>
  // expected-error@+1 {{'resq.clip_ratio' op C4: steps is 34: allowed is 1 to 33}}
  %1 = resq.clip_ratio %0 by %w bits 4 group 8 {steps = 34 : i64} : tensor<8x8xf32> by tensor<4x8xf32> -> tensor<1xf32>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @p : tensor<8x8xf32> {
  %0 = resq.samples "s" : tensor<8x8xf32>
  %w = arith.constant dense<1.0> : tensor<4x8xf32>
  // expected-error@+1 {{'resq.clip_ratio' op C5: the result is tensor<2xf32>: allowed is [1] of f32}}
  %1 = resq.clip_ratio %0 by %w bits 4 group 8 : tensor<8x8xf32> by tensor<4x8xf32> -> tensor<2xf32>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @p : tensor<8x8xf32> {
  %0 = resq.moment "s" : tensor<2x8x8xf64>
  // expected-error@+1 {{'resq.diagonal_order' op C1: x is tensor<2x8x8xf64>: allowed is [n, n] of f64}}
  %1 = resq.diagonal_order %0 : tensor<2x8x8xf64> -> tensor<8xi32>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @p : tensor<8x8xf32> {
  %0 = resq.moment "s" : tensor<8x8xf64>
  // expected-error@+1 {{'resq.diagonal_order' op C2: the result is tensor<4xi32>, but x is tensor<8x8xf64>: allowed is [n] of i32}}
  %1 = resq.diagonal_order %0 : tensor<8x8xf64> -> tensor<4xi32>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @p : tensor<8x8xf32> {
  %0 = resq.moment "s" : tensor<2x8x8xf64>
  // expected-error@+1 {{'resq.sum_blocks' op C1: x is tensor<2x8x8xf64> and y is tensor<4x4xf64>: allowed is [blocks, n, n] to [n, n], or to [into, n, n] with into, one element type}}
  %1 = resq.sum_blocks %0 : tensor<2x8x8xf64> -> tensor<4x4xf64>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @p : tensor<8x8xf32> {
  // expected-error@+1 {{'resq.random_orthogonal' op C1: sizes[1] is 8 where 4 of 8 rows are left: allowed are sizes from 1 that sum to the order}}
  %0 = resq.random_orthogonal [4, 8] seed 1 : tensor<8x8xf64>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @p : tensor<8x8xf32> {
  // expected-error@+1 {{'resq.random_orthogonal' op C1: sizes sum to 6: allowed is 8}}
  %0 = resq.random_orthogonal [4, 2] seed 1 : tensor<8x8xf64>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @p : tensor<8x8xf32> {
  // expected-error@+1 {{'resq.hadamard_matrix' op C1: no Hadamard matrix of order 6 is known here: allowed is K * 2^n for K = 1 or a Paley order (docs/dialect.md), or or_orthogonal}}
  %0 = resq.hadamard_matrix seed 1 : tensor<6x6xf64>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @p : tensor<8x8xf64> {
  %0 = resq.moment "s" : tensor<6x8x8xf64>
  // expected-error@+1 {{'resq.sum_blocks' op C2: into is 4, but x has 6 blocks: allowed is a divisor of them}}
  %1 = resq.sum_blocks %0 into 4 : tensor<6x8x8xf64> -> tensor<4x8x8xf64>
  %2 = resq.sum_blocks %1 : tensor<4x8x8xf64> -> tensor<8x8xf64>
  resq.yield %2 : tensor<8x8xf64>
}

// -----

resq.param @p : tensor<8x4xf64> {
  %0 = resq.sketch_matrix seed 1 : tensor<8x4xf64>
  // expected-error@+1 {{'resq.balanced_basis' op C1: the type is tensor<8x4xf64>: allowed is [n, n] or [blocks, n, n] of f64}}
  %1 = resq.balanced_basis %0, %0 : tensor<8x4xf64>
  resq.yield %1 : tensor<8x4xf64>
}

// -----

resq.param @p : tensor<8x4xf64> {
  %0 = resq.sketch_matrix seed 1 : tensor<8x4xf64>
  // expected-error@+1 {{'resq.inverse_transpose' op C1: x is tensor<8x4xf64>: allowed is [n, n] or [blocks, n, n] of f32 or f64}}
  %1 = resq.inverse_transpose %0 : tensor<8x4xf64> -> tensor<8x4xf64>
  resq.yield %1 : tensor<8x4xf64>
}

// -----

resq.param @p : tensor<8x8xf32> {
  %0 = resq.moment "s" : tensor<8x8xf64>
  // expected-error@+1 {{'resq.inverse_transpose' op C2: y is tensor<8x8xf32>, but x is tensor<8x8xf64>: allowed is x's shape of f64}}
  %1 = resq.inverse_transpose %0 : tensor<8x8xf64> -> tensor<8x8xf32>
  resq.yield %1 : tensor<8x8xf32>
}

// -----

resq.param @p : tensor<8x8xf64> {
  // expected-error@+1 {{'resq.random_matrix' op C1: sizes sum to 6: allowed is 8}}
  %0 = resq.random_matrix [4, 2] gaussian seed 1 : tensor<8x8xf64>
  resq.yield %0 : tensor<8x8xf64>
}

// -----

resq.param @p : tensor<8x8xf64> {
  // expected-error@+1 {{expected one of [hadamard, gaussian, bernoulli] for a distribution of random matrices, got: cauchy}}
  %0 = resq.random_matrix [8] cauchy seed 1 : tensor<8x8xf64>
  resq.yield %0 : tensor<8x8xf64>
}

// -----

resq.param @p : tensor<8x8xf64> {
  // expected-error@+1 {{'resq.random_matrix' op C2: departure is 0: allowed is more than 0}}
  %0 = resq.random_matrix [8] gaussian seed 1 departure 0.0 : tensor<8x8xf64>
  resq.yield %0 : tensor<8x8xf64>
}

// -----

resq.param @p : tensor<8x4xf32> {
  // expected-error@+1 {{'resq.sketch_matrix' op C1: the result is tensor<8x4xf32>: allowed is [rows, n] of f64, both at least 1}}
  %0 = resq.sketch_matrix seed 1 : tensor<8x4xf32>
  resq.yield %0 : tensor<8x4xf32>
}

// -----

resq.param @p : tensor<8x8xf32> {
  %0 = resq.eye : tensor<8x8xf32>
  %1 = resq.eye : tensor<4x4xf32>
  // expected-error@+1 {{'resq.matmul' op C1: a is tensor<8x8xf32>, b is tensor<4x4xf32> and y is tensor<8x4xf32>: allowed is [.., m, k] by [.., k, n] to [.., m, n] of floats}}
  %2 = resq.matmul %0, %1 : tensor<8x8xf32>, tensor<4x4xf32> -> tensor<8x4xf32>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @wide : tensor<8x4xf32>
resq.param @p : tensor<8x8xf32> {
  %0 = resq.get @wide : tensor<8x4xf32>
  // expected-error@+1 {{'resq.transpose' op C1: x is tensor<8x4xf32> and y is tensor<8x4xf32>: allowed is [.., m, n] to [.., n, m], one element type}}
  %1 = resq.transpose %0 : tensor<8x4xf32> -> tensor<8x4xf32>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @p : tensor<8x8xf32> {
  %0 = resq.eye : tensor<8x8xf32>
  // expected-error@+1 {{'resq.kron' op C1: a is tensor<8x8xf32>, b is tensor<8x8xf32> and y is tensor<64x32xf32>: allowed is [m, n] by [p, q] to [m * p, n * q], one element type}}
  %1 = resq.kron %0, %0 : tensor<8x8xf32>, tensor<8x8xf32> -> tensor<64x32xf32>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @p : tensor<8x8xf32> {
  // expected-error@+1 {{'resq.eye' op C1: the result is tensor<8x4xf32>: allowed is [n, n] of f64 or f32}}
  %0 = resq.eye : tensor<8x4xf32>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @g : tensor<4xf32>
resq.param @p : tensor<8x8xf32> {
  %0 = resq.eye : tensor<8x8xf32>
  %1 = resq.get @g : tensor<4xf32>
  // expected-error@+1 {{'resq.scale_columns' op C1: gain is tensor<4xf32>, but x is tensor<8x8xf32>: allowed is [width] of a float}}
  %2 = resq.scale_columns %0, %1 : tensor<8x8xf32>, tensor<4xf32> -> tensor<8x8xf32>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @g : tensor<8xf32>
resq.param @p : tensor<8x8xf32> {
  %0 = resq.eye : tensor<8x8xf32>
  %1 = resq.get @g : tensor<8xf32>
  // expected-error@+1 {{'resq.scale_columns' op C2: y is tensor<8x8xf16>: allowed is x's type, tensor<8x8xf32>}}
  %2 = resq.scale_columns %0, %1 : tensor<8x8xf32>, tensor<8xf32> -> tensor<8x8xf16>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @p : tensor<8x8xf32> {
  %0 = resq.eye : tensor<8x8xf32>
  // expected-error@+1 {{'resq.deinterleave' op C1: heads is 8, but x is tensor<8x8xf32>: allowed is a number of rows that is a multiple of 2 * heads}}
  %1 = resq.deinterleave %0 heads 8 : tensor<8x8xf32> -> tensor<8x8xf32>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @p : tensor<8x8xf32> {
  %0 = resq.eye : tensor<8x8xf32>
  // expected-error@+1 {{'resq.deinterleave' op C2: y is tensor<8x8xf16>: allowed is x's type, tensor<8x8xf32>}}
  %1 = resq.deinterleave %0 heads 2 : tensor<8x8xf32> -> tensor<8x8xf16>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @p : tensor<8x8xf32> {
  %0 = resq.eye : tensor<8x8xf32>
  // expected-error@+1 {{'resq.cast' op C1: y is tensor<8x4xf16>: allowed is x's shape, that of tensor<8x8xf32>}}
  %1 = resq.cast %0 : tensor<8x8xf32> -> tensor<8x4xf16>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @p : tensor<8x8xf32> {
  %0 = resq.eye : tensor<8x8xf32>
  // expected-error@+1 {{'resq.cast' op C2: x is tensor<8x8xf32> and y is tensor<8x8xi8>: allowed is f16, bf16, f32 or f64}}
  %1 = resq.cast %0 : tensor<8x8xf32> -> tensor<8x8xi8>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @v : tensor<8xf32>
resq.param @p : tensor<8x8xf32> {
  %0 = resq.get @v : tensor<8xf32>
  // expected-error@+1 {{'resq.quantize_weight' op C1: x is tensor<8xf32>: allowed is [out, in] of a float}}
  %1 = resq.quantize_weight %0 : tensor<8xf32> -> tensor<8x8x!resq.quant<bits = 4, group = 8, zero = false, layout = row>>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @p : tensor<8x8xf32> {
  %0 = resq.eye : tensor<8x8xf32>
  // expected-error@+1 {{'resq.quantize_weight' op C2: y is tensor<8x8x!resq.quant<bits = 4, group = 8, zero = false, layout = n16k4, pack_group = 8, base = 4>>, but x is tensor<8x8xf32>: allowed is x's shape of quant with zero = false, layout = row}}
  %1 = resq.quantize_weight %0 : tensor<8x8xf32> -> tensor<8x8x!resq.quant<bits = 4, group = 8, zero = false, layout = n16k4, pack_group = 8, base = 4>>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @p : tensor<8x8xf32> {
  %0 = resq.eye : tensor<8x8xf32>
  // expected-error@+1 {{'resq.quantize_weight' op C3: group is 3, but x is 8 wide: allowed is a divisor of it}}
  %1 = resq.quantize_weight %0 : tensor<8x8xf32> -> tensor<8x8x!resq.quant<bits = 4, group = 3, zero = false, layout = row>>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @p : tensor<8x8xf32> {
  %0 = resq.eye : tensor<8x8xf32>
  // expected-error@+1 {{'resq.quantize_weight' op C4: steps is 40: allowed is 1 to 39}}
  %1 = resq.quantize_weight %0 {steps = 40 : i64} : tensor<8x8xf32> -> tensor<8x8x!resq.quant<bits = 4, group = 8, zero = false, layout = row>>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @v : tensor<8xf32>
resq.param @p : tensor<8x8xf32> {
  %0 = resq.get @v : tensor<8xf32>
  // expected-error@+1 {{'resq.pack' op C1: x is tensor<8xf32> and y is tensor<8x!resq.panel<f32>>: allowed is [out, in] for both}}
  %1 = resq.pack %0 : tensor<8xf32> -> tensor<8x!resq.panel<f32>>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @p : tensor<8x8xf32> {
  %0 = resq.eye : tensor<8x8xf32>
  // expected-error@+1 {{'resq.pack' op C2: x is tensor<8x8xf32> and y is tensor<8x8x!resq.quant<bits = 4, group = 8, zero = false, layout = row>>: allowed is a float to a panel, or quant in layout row to the same quant in layout n16k4}}
  %1 = resq.pack %0 : tensor<8x8xf32> -> tensor<8x8x!resq.quant<bits = 4, group = 8, zero = false, layout = row>>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @c : tensor<8x8x!resq.quant<bits = 4, group = 8, zero = false, layout = row>>
resq.param @p : tensor<8x8xf32> {
  %0 = resq.get @c : tensor<8x8x!resq.quant<bits = 4, group = 8, zero = false, layout = row>>
  // expected-error@+1 {{'resq.pack' op C3: y is packed for groups of 3, but x is tensor<8x8x!resq.quant<bits = 4, group = 8, zero = false, layout = row>>: allowed is a divisor of 8, where the weight's own group is that or the whole row}}
  %1 = resq.pack %0 : tensor<8x8x!resq.quant<bits = 4, group = 8, zero = false, layout = row>> -> tensor<8x8x!resq.quant<bits = 4, group = 8, zero = false, layout = n16k4, pack_group = 3, base = 4>>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}
resq.param @ext : tensor<8x8xf32>

// -----

resq.param @ext : tensor<8x8xf32>
resq.param @p : tensor<8x8xf32> {
  %m = resq.moment "a.in" : tensor<2x8x8xf64>
  // expected-error@+1 {{'resq.gptq_factor' op C1: moment is tensor<2x8x8xf64>: allowed is [n, n] of f64}}
  %o, %f = resq.gptq_factor %m parts [8] : tensor<2x8x8xf64> -> tensor<8xi32>, tensor<8x8xf32>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}

// -----

resq.param @ext : tensor<8x8xf32>
resq.param @p : tensor<8x8xf32> {
  %m = resq.moment "a.in" : tensor<8x8xf64>
  // expected-error@+1 {{'resq.gptq_factor' op C2: parts sum to 7: allowed is 8}}
  %o, %f = resq.gptq_factor %m parts [4, 3] : tensor<8x8xf64> -> tensor<8xi32>, tensor<8x8xf32>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}

// -----

resq.param @ext : tensor<8x8xf32>
resq.param @p : tensor<8x8xf32> {
  %m = resq.moment "a.in" : tensor<8x8xf64>
  // expected-error@+1 {{'resq.gptq_factor' op C2: parts[1] is 5 where 4 of 8 columns are left: allowed are parts from 1 that sum to the order}}
  %o, %f = resq.gptq_factor %m parts [4, 5] : tensor<8x8xf64> -> tensor<8xi32>, tensor<8x8xf32>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}

// -----

resq.param @ext : tensor<8x8xf32>
resq.param @p : tensor<8x8xf32> {
  %m = resq.moment "a.in" : tensor<8x8xf64>
  // expected-error@+1 {{'resq.gptq_factor' op C3: order is tensor<7xi32> and factor tensor<8x8xf32>: allowed is [8] of i32 and [8, 8] of f32}}
  %o, %f = resq.gptq_factor %m parts [8] : tensor<8x8xf64> -> tensor<7xi32>, tensor<8x8xf32>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}

// -----

resq.param @ext : tensor<8x8xf32>
resq.param @p : tensor<8x8xf32> {
  %m = resq.moment "a.in" : tensor<8x8xf64>
  // expected-error@+1 {{'resq.gptq_factor' op C4: damping is 0: allowed is above 0, at most 1}}
  %o, %f = resq.gptq_factor %m parts [8] {damping = 0.0 : f32} : tensor<8x8xf64> -> tensor<8xi32>, tensor<8x8xf32>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}

// -----

resq.param @ext : tensor<8x8xf32>
resq.param @p : tensor<8x8xf32> {
  %m = resq.moment "a.in" : tensor<8x8xf64>
  %w = resq.get @ext : tensor<8x8xf32>
  %o, %f = resq.gptq_factor %m parts [8] : tensor<8x8xf64> -> tensor<8xi32>, tensor<8x8xf32>
  %v = resq.slice %w dim 0 begin 0 : tensor<8x8xf32> -> tensor<4x8xf32>
  // expected-error@+1 {{'resq.gptq_weight' op C1: weight 1 is tensor<4x8xf32>: allowed is [out, in] of a float, out that of the first}}
  %c:2 = resq.gptq_weight %w, %v by %o, %f : tensor<8x8xf32>, tensor<4x8xf32> by tensor<8xi32>, tensor<8x8xf32> -> tensor<8x8x!resq.quant<bits = 4, group = 8, zero = false, layout = row>>, tensor<4x8x!resq.quant<bits = 4, group = 8, zero = false, layout = row>>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}

// -----

resq.param @ext : tensor<8x8xf32>
resq.param @p : tensor<8x8xf32> {
  %m = resq.moment "a.in" : tensor<8x8xf64>
  %w = resq.get @ext : tensor<8x8xf32>
  %o, %f = resq.gptq_factor %m parts [8] : tensor<8x8xf64> -> tensor<8xi32>, tensor<8x8xf32>
  // expected-error@+1 {{'resq.gptq_weight' op C2: there are 1 weights and 2 codes: allowed is as many, at least one}}
  %c:2 = resq.gptq_weight %w by %o, %f : tensor<8x8xf32> by tensor<8xi32>, tensor<8x8xf32> -> tensor<8x8x!resq.quant<bits = 4, group = 8, zero = false, layout = row>>, tensor<8x8x!resq.quant<bits = 4, group = 8, zero = false, layout = row>>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}

// -----

resq.param @ext : tensor<8x8xf32>
resq.param @p : tensor<8x8xf32> {
  %m = resq.moment "a.in" : tensor<8x8xf64>
  %w = resq.get @ext : tensor<8x8xf32>
  %o, %f = resq.gptq_factor %m parts [8] : tensor<8x8xf64> -> tensor<8xi32>, tensor<8x8xf32>
  // expected-error@+1 {{'resq.gptq_weight' op C2: codes 0 are tensor<8x8xf32>, but the weight is tensor<8x8xf32>: allowed is its shape of quant with zero = false, layout = row}}
  %c = resq.gptq_weight %w by %o, %f : tensor<8x8xf32> by tensor<8xi32>, tensor<8x8xf32> -> tensor<8x8xf32>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}

// -----

resq.param @ext : tensor<8x8xf32>
resq.param @p : tensor<8x8xf32> {
  %m = resq.moment "a.in" : tensor<8x8xf64>
  %w = resq.get @ext : tensor<8x8xf32>
  %o, %f = resq.gptq_factor %m parts [8] : tensor<8x8xf64> -> tensor<8xi32>, tensor<8x8xf32>
  // expected-error@+1 {{'resq.gptq_weight' op C3: group 0 is 3, but the weight is 8 wide: allowed is a divisor of it}}
  %c = resq.gptq_weight %w by %o, %f : tensor<8x8xf32> by tensor<8xi32>, tensor<8x8xf32> -> tensor<8x8x!resq.quant<bits = 4, group = 3, zero = false, layout = row>>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}

// -----

resq.param @ext : tensor<8x8xf32>
resq.param @p : tensor<8x8xf32> {
  %m = resq.moment "a.in" : tensor<8x8xf64>
  %w = resq.get @ext : tensor<8x8xf32>
  %o, %f = resq.gptq_factor %m parts [8] : tensor<8x8xf64> -> tensor<8xi32>, tensor<8x8xf32>
  // expected-error@+1 {{'resq.gptq_weight' op C4: order is tensor<8xi32> and factor tensor<8x8xf32>: allowed is [16] of i32 and [16, 16] of f32}}
  %c:2 = resq.gptq_weight %w, %w by %o, %f : tensor<8x8xf32>, tensor<8x8xf32> by tensor<8xi32>, tensor<8x8xf32> -> tensor<8x8x!resq.quant<bits = 4, group = 8, zero = false, layout = row>>, tensor<8x8x!resq.quant<bits = 4, group = 8, zero = false, layout = row>>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}

// -----

resq.param @ext : tensor<8x8xf32>
resq.param @p : tensor<8x8xf32> {
  %m = resq.moment "a.in" : tensor<8x8xf64>
  %w = resq.get @ext : tensor<8x8xf32>
  %o, %f = resq.gptq_factor %m parts [8] : tensor<8x8xf64> -> tensor<8xi32>, tensor<8x8xf32>
  // expected-error@+1 {{'resq.gptq_weight' op C5: steps is 0: allowed is 1 to 39}}
  %c = resq.gptq_weight %w by %o, %f {steps = 0 : i64} : tensor<8x8xf32> by tensor<8xi32>, tensor<8x8xf32> -> tensor<8x8x!resq.quant<bits = 4, group = 8, zero = false, layout = row>>
  %y = resq.get @ext : tensor<8x8xf32>
  resq.yield %y : tensor<8x8xf32>
}

// -----

func.func @f(%x: tensor<?x12xf32>) {
  // expected-error@+1 {{'resq.quantize' op C6: range is 6, group 4, and x is 12 wide: allowed is a multiple of the group that divides the width}}
  %q = resq.quantize %x {range = 6 : i64} : tensor<?x12xf32> -> tensor<?x12x!resq.quant<bits = 4, group = 4, zero = true, layout = row>>
  return
}

// -----

func.func @f(%x: tensor<?x32xf32>) {
  // expected-error@+1 {{'resq.quantize' op C7: E4M3 codes of groups of 32 have clip = 0.5, no clip_by and a range of 32: allowed is clip = 1, no clip_by, and a group a range}}
  %q = resq.quantize %x {clip = 0.5 : f32} : tensor<?x32xf32> -> tensor<?x32x!resq.quant<bits = 8, group = 32, zero = false, layout = row, codebook = e4m3>>
  return
}

// -----

func.func @f(%x: tensor<?x32xf32>, %c: tensor<1xf32>) {
  // expected-error@+1 {{'resq.quantize' op C7: E4M3 codes of groups of 32 have clip = 1, a clip_by and a range of 32: allowed is clip = 1, no clip_by, and a group a range}}
  %q = resq.quantize %x clip_by %c : tensor<1xf32> : tensor<?x32xf32> -> tensor<?x32x!resq.quant<bits = 8, group = 32, zero = false, layout = row, codebook = e4m3>>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>) {
  // expected-error@+1 {{'resq.quantize' op C7: E4M3 codes of groups of 32 have clip = 1, no clip_by and a range of 64: allowed is clip = 1, no clip_by, and a group a range}}
  %q = resq.quantize %x {range = 64 : i64} : tensor<?x64xf32> -> tensor<?x64x!resq.quant<bits = 8, group = 32, zero = false, layout = row, codebook = e4m3>>
  return
}

// -----

func.func @f(%x: tensor<?x32x!resq.quant<bits = 8, group = 32, zero = false, layout = row, codebook = e4m3>>, %w: tensor<64x32x!resq.quant<bits = 8, group = 32, zero = false, layout = row>>) {
  // expected-error@+1 {{'resq.qlinear' op C6: activation 0 is tensor<?x32x!resq.quant<bits = 8, group = 32, zero = false, layout = row, codebook = e4m3>>, but its weight tensor<64x32x!resq.quant<bits = 8, group = 32, zero = false, layout = row>>: allowed is E4M3 for both, or for none}}
  %y = resq.qlinear %x by %w : tensor<?x32x!resq.quant<bits = 8, group = 32, zero = false, layout = row, codebook = e4m3>> by tensor<64x32x!resq.quant<bits = 8, group = 32, zero = false, layout = row>> -> tensor<?x64xf32>
  return
}

// -----

// Both groups pad 36 inputs to 48: sizes tell nothing, types do.
!packed = !resq.quant<bits = 4, group = 36, zero = false, layout = n16k4, pack_group = 12, base = 4>
!read = !resq.quant<bits = 8, group = 18, zero = true, layout = row>
func.func @f(%x: tensor<?x36x!read>, %w: tensor<64x36x!packed>) {
  // expected-error@+1 {{'resq.qlinear' op C7: weight 0 is packed for an activation in groups of 12, but activation 0 has groups of 18: allowed is the same group for both}}
  %y = resq.qlinear %x by %w : tensor<?x36x!read> by tensor<64x36x!packed> -> tensor<?x64xf32>
  return
}

// -----

!x = tensor<4x8x!resq.quant<bits = 8, group = 8, zero = true, layout = row>>
!w = tensor<16x8x!resq.quant<bits = 4, group = 8, zero = false, layout = row>>
func.func @f(%x: !x, %w: !w) {
  // expected-error@+1 {{'resq.qlinear' op C8: site is empty: allowed is a name, or none}}
  %y = resq.qlinear %x by %w {site = ""} : !x by !w -> tensor<4x16xf32>
  return
}

// -----

// Packing keeps the codebook.
resq.param @c : tensor<64x32x!resq.quant<bits = 8, group = 32, zero = false, layout = row, codebook = e4m3>>
resq.param @p : tensor<64x32x!resq.quant<bits = 8, group = 32, zero = false, layout = n16k4, pack_group = 32, base = 8>> {
  %0 = resq.get @c : tensor<64x32x!resq.quant<bits = 8, group = 32, zero = false, layout = row, codebook = e4m3>>
  // expected-error@+1 {{'resq.pack' op C2: x is tensor<64x32x!resq.quant<bits = 8, group = 32, zero = false, layout = row, codebook = e4m3>> and y is tensor<64x32x!resq.quant<bits = 8, group = 32, zero = false, layout = n16k4, pack_group = 32, base = 8>>: allowed is a float to a panel, or quant in layout row to the same quant in layout n16k4}}
  %1 = resq.pack %0 : tensor<64x32x!resq.quant<bits = 8, group = 32, zero = false, layout = row, codebook = e4m3>> -> tensor<64x32x!resq.quant<bits = 8, group = 32, zero = false, layout = n16k4, pack_group = 32, base = 8>>
  resq.yield %1 : tensor<64x32x!resq.quant<bits = 8, group = 32, zero = false, layout = n16k4, pack_group = 32, base = 8>>
}

// -----

// Trellis codes are for weights: they have no zero point.
func.func @f(%x: tensor<?x32xf32>) {
  // expected-error@+1 {{'resq.quantize' op C2: q is tensor<?x32x!resq.quant<bits = 4, group = 32, zero = false, layout = row, codebook = trellis, states = 4>>, but x is tensor<?x32xf32>: allowed is x's shape of quant with zero = true or codebook = e4m3, layout = row}}
  %q = resq.quantize %x : tensor<?x32xf32> -> tensor<?x32x!resq.quant<bits = 4, group = 32, zero = false, layout = row, codebook = trellis, states = 4>>
  return
}

// -----

func.func @f(%x: tensor<?x32x!resq.quant<bits = 8, group = 32, zero = false, layout = row, codebook = e4m3>>, %w: tensor<64x32x!resq.quant<bits = 4, group = 32, zero = false, layout = row, codebook = trellis, states = 4>>) {
  // expected-error@+1 {{'resq.qlinear' op C6: activation 0 is tensor<?x32x!resq.quant<bits = 8, group = 32, zero = false, layout = row, codebook = e4m3>>, but its weight tensor<64x32x!resq.quant<bits = 4, group = 32, zero = false, layout = row, codebook = trellis, states = 4>>: allowed is E4M3 for both, or for none}}
  %y = resq.qlinear %x by %w : tensor<?x32x!resq.quant<bits = 8, group = 32, zero = false, layout = row, codebook = e4m3>> by tensor<64x32x!resq.quant<bits = 4, group = 32, zero = false, layout = row, codebook = trellis, states = 4>> -> tensor<?x64xf32>
  return
}

// -----

// Packing keeps the codebook.
resq.param @c : tensor<64x32x!resq.quant<bits = 4, group = 32, zero = false, layout = row, codebook = trellis, states = 4>>
resq.param @p : tensor<64x32x!resq.quant<bits = 4, group = 32, zero = false, layout = n16k4, pack_group = 32, base = 4>> {
  %0 = resq.get @c : tensor<64x32x!resq.quant<bits = 4, group = 32, zero = false, layout = row, codebook = trellis, states = 4>>
  // expected-error@+1 {{'resq.pack' op C2: x is tensor<64x32x!resq.quant<bits = 4, group = 32, zero = false, layout = row, codebook = trellis, states = 4>> and y is tensor<64x32x!resq.quant<bits = 4, group = 32, zero = false, layout = n16k4, pack_group = 32, base = 4>>: allowed is a float to a panel, or quant in layout row to the same quant in layout n16k4}}
  %1 = resq.pack %0 : tensor<64x32x!resq.quant<bits = 4, group = 32, zero = false, layout = row, codebook = trellis, states = 4>> -> tensor<64x32x!resq.quant<bits = 4, group = 32, zero = false, layout = n16k4, pack_group = 32, base = 4>>
  resq.yield %1 : tensor<64x32x!resq.quant<bits = 4, group = 32, zero = false, layout = n16k4, pack_group = 32, base = 4>>
}

// -----

// Attributes of the dialect have their types, on whatever op: the case "attribute types".
// expected-error@+1 {{'func.func' op argument 1: resq.name is 3 : i64: allowed is a string}}
func.func private @f(tensor<?x16xf32>, tensor<?x16xf32> {resq.name = 3 : i64})

// -----

// expected-error@+1 {{'func.func' op result 0: resq.name is unit: allowed is a string}}
func.func private @f() -> (tensor<?x16xf32> {resq.name})

// -----

// expected-error@+1 {{'func.func' op resq.name: there is no such attribute of this dialect here}}
func.func private @f() attributes {resq.name = "f"}

// -----

// expected-error@+1 {{'func.func' op argument 0: resq.names: there is no such attribute of this dialect here}}
func.func private @f(tensor<?x16xf32> {resq.names = "x"})

// -----

// expected-error@+1 {{'func.func' op resq.entry is "none": allowed is a dictionary}}
func.func private @f() attributes {resq.entry = "none"}

// -----

// expected-error@+1 {{'builtin.module' op resq.generation is {temperature = "hot"}: allowed is a dictionary of f64}}
module attributes {resq.generation = {temperature = "hot"}} {}

// -----

// expected-error@+1 {{'func.func' op argument 0: resq.index is -1 : i64: allowed is 0 to 9223372036854775807}}
func.func private @f(memref<?xi8> {resq.index = -1 : i64})

// -----

// expected-error@+1 {{'func.func' op argument 0: resq.token_bytes is 1.000000e+00 : f32: allowed is a 64-bit integer}}
func.func private @f(memref<?xi8> {resq.token_bytes = 1.0 : f32})

// -----

// expected-error@+1 {{'builtin.module' op resq.context_length is 0 : i64: allowed is 1 to 2147483647}}
module attributes {resq.context_length = 0 : i64} {}

// -----

// A constant of another size than the param's: the case "attribute types".
// expected-error@+1 {{'resq.param' op C1: the recipe yields tensor<4xf32>: allowed is the declared type, tensor<16x16xf32>}}
resq.param @w : tensor<16x16xf32> {
  %0 = arith.constant dense<1.0> : tensor<4xf32>
  resq.yield %0 : tensor<4xf32>
}

// -----

resq.param @w : tensor<16x16xf32> {
  // expected-error@+1 {{'arith.constant' op failed to verify that all of {value, result} have same type}}
  %0 = "arith.constant"() <{value = dense<1.0> : tensor<4xf32>}> : () -> tensor<16x16xf32>
  resq.yield %0 : tensor<16x16xf32>
}

// -----

gpu.module @sm_80 {
  gpu.func @scale() kernel {
    gpu.return
  }
}
func.func @launches() {
  // expected-error@+1 {{'resq.launch' op C1: args has 2 numbers: allowed are triples}}
  "resq.launch"() <{op = 0, label = "", kernel = @sm_80::@scale, args = array<i64: 0, 0>, items_per_row = 1, items_per_block = 1, threads = 32}> : () -> ()
  return
}
func.func @kinds() {
  // expected-error@+1 {{'resq.launch' op C1: args has the triple 7, 0, 0: allowed is a kind from 0 to 6, and an index and an offset that are not negative}}
  "resq.launch"() <{op = 0, label = "", kernel = @sm_80::@scale, args = array<i64: 7, 0, 0>, items_per_row = 1, items_per_block = 1, threads = 32}> : () -> ()
  return
}
func.func @threads() {
  // expected-error@+1 {{'resq.launch' op C2: a block has 1025 threads: allowed are 1 to 1024}}
  resq.launch 0 "" @sm_80::@scale () items 1 by 1 threads 1025
  return
}
func.func @items() {
  // expected-error@+1 {{'resq.launch' op C2: a row has 0 items, a block 1 and a multiprocessor at most 0 blocks with 0 bytes of shared memory each}}
  resq.launch 0 "" @sm_80::@scale () items 0 by 1 threads 32
  return
}
func.func @observes() {
  // expected-error@+1 {{'resq.launch_observe' op C1: args has the triple 5, 0, 0: allowed is a kind from 0 to 4}}
  resq.launch_observe 0 "" (rows 0) rows 0 site 0 width 8 stride 8
  return
}

// -----

gpu.module @sm_80 {
  gpu.func @scale() kernel {
    gpu.return
  }
}
func.func @kernel() {
  // expected-error@+1 {{'resq.launch' op C3: @scales is not in a gpu.module: allowed is @<gpu.module>::@<function>}}
  resq.launch 0 "" @sm_80::@scales () items 1 by 1 threads 32
  return
}

// -----

func.func @word() {
  // expected-error@+1 {{a launch has no argument stack}}
  resq.launch_observe 0 "" (stack 0) rows 0 site 0 width 8 stride 8
  return
}
