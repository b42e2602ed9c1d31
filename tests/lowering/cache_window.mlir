// Entries of more rows than a window of exact keys allows are refused; the window is part of what a sequence costs.
// REQUIRES: resqc
// RUN: rm -f %t.so
// RUN: not resqc %s -o %t.so --emit=shared --scheme=none --passes= --prefill-rows=34 2>&1 | FileCheck %s --check-prefix=ROWS
// RUN: test ! -e %t.so
// RUN: resqc %s -o %t.so --emit=shared --scheme=none --passes= --prefill-rows=33 --levels=generic
// ROWS: error: an entry of 34 rows is more than the window of cache @c allows: at most 33, window - buffer + 1
// RUN: resq-opt --resq-lower-generic %s | FileCheck %s --check-prefix=GENERIC
// GENERIC: {resq.cache = "c", resq.index = 0 : i64, resq.sequence_bytes = 1024 : i64, resq.token_bytes = 24 : i64}
resq.kv_cache @c heads 1 size 8 keys #resq.kv_qjl_groups<rows = 16, outliers = 1, outlier_rows = 8, buffer = 32, window = 64> values #resq.kv_float<f16>
resq.param @s : tensor<16x8xf32> {
  %0 = resq.sketch_matrix seed 1 : tensor<16x8xf64>
  %1 = resq.cast %0 : tensor<16x8xf64> -> tensor<16x8xf32>
  resq.yield %1 : tensor<16x8xf32>
}
func.func @f(%q: tensor<?x16xf32>, %k: tensor<?x8xf32>, %p: tensor<?xi32>) -> tensor<?x16xf32> {
  %s = resq.get @s : tensor<16x8xf32>
  resq.kv_append @c, %k, %k at %p, %p sketch %s : tensor<16x8xf32> : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>
  %y = resq.attention @c, %q at %p, %p sketch %s : tensor<16x8xf32> {scale = 0.25 : f32} : tensor<?x16xf32>, tensor<?xi32> -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}
