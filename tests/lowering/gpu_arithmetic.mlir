// Fast arithmetic chooses kernels of attention, and with them the layout of the cache, in one way for entries of all sizes;
// exact arithmetic, other codes and chips without bulk copies keep the kernels that have level generic's bits.
// RUN: resq-opt --resq-lower-gpu="chip=sm_90a rows=16" %s | FileCheck %s --check-prefixes=FAST,FEW
// RUN: resq-opt --resq-lower-gpu="chip=sm_90a rows=2048 arithmetic=fast" %s | FileCheck %s --check-prefixes=FAST,MANY
// RUN: resq-opt --resq-lower-gpu="chip=sm_90a rows=16 arithmetic=exact" %s | FileCheck %s --check-prefix=EXACT
// RUN: resq-opt --resq-lower-gpu="chip=sm_80 rows=16 arithmetic=fast" %s | FileCheck %s --check-prefix=EXACT

module {
  resq.kv_cache @covered heads 2 size 64 keys #resq.kv_int<bits = 4, high = 8> values #resq.kv_float<f16>
  resq.kv_cache @other heads 2 size 64 keys #resq.kv_int<bits = 3> values #resq.kv_float<f16>

  // FAST-LABEL: func.func @fast__cuda
  // FAST: resq_kv_append_cuda__{{.*}}_v1 (
  // FEW: resq_attention_cuda__{{.*}}_v1_scratch (
  // MANY: resq_attention_cuda__{{.*}}_v2 (
  // EXACT-LABEL: func.func @fast__cuda
  // EXACT: resq_kv_append_cuda__128_128_2_64_2_4_8_0_1_0_0_null4 (
  // EXACT: resq_attention_cuda__{{.*}}_v4 (
  func.func @fast(%q: tensor<?x384xf32>, %k: tensor<?x128xf32>, %v: tensor<?x128xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x384xf32> {
    resq.kv_append @covered, %k, %v at %p, %s : tensor<?x128xf32>, tensor<?x128xf32>, tensor<?xi32>
    %y = resq.attention @covered, %q at %p, %s {scale = 0.125 : f32} : tensor<?x384xf32>, tensor<?xi32> -> tensor<?x384xf32>
    return %y : tensor<?x384xf32>
  }

  // FAST-LABEL: func.func @exact__cuda
  // FAST: resq_kv_append_cuda__128_128_2_64_2_3_0_0_1_0_0_null4 (
  // FEW: resq_attention_cuda__{{.*}}_v4 (
  // MANY: resq_attention_cuda__{{.*}}_v64 (
  func.func @exact(%q: tensor<?x384xf32>, %k: tensor<?x128xf32>, %v: tensor<?x128xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x384xf32> {
    resq.kv_append @other, %k, %v at %p, %s : tensor<?x128xf32>, tensor<?x128xf32>, tensor<?xi32>
    %y = resq.attention @other, %q at %p, %s {scale = 0.125 : f32} : tensor<?x384xf32>, tensor<?xi32> -> tensor<?x384xf32>
    return %y : tensor<?x384xf32>
  }
}
