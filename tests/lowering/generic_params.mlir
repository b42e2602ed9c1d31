// Params and caches become arguments: in the order of use, params in stored form, then caches, then the capacity.
// RUN: resq-opt --resq-lower-generic %s | FileCheck %s
// The result needs no resq: stock mlir-opt takes it on to the LLVM dialect.
// RUN: resq-opt --resq-lower-generic %s | mlir-opt \
// RUN:   --one-shot-bufferize="bufferize-function-boundaries allow-return-allocs-from-loops function-boundary-type-conversion=identity-layout-map" \
// RUN:   --convert-linalg-to-loops --ownership-based-buffer-deallocation --canonicalize --bufferization-lower-deallocations \
// RUN:   --expand-strided-metadata --lower-affine --convert-scf-to-cf --convert-math-to-llvm --convert-math-to-libm --convert-arith-to-llvm \
// RUN:   --finalize-memref-to-llvm --convert-func-to-llvm --convert-cf-to-llvm --reconcile-unrealized-casts \
// RUN:   | FileCheck %s --check-prefix=LLVM --implicit-check-not=unrealized

!x = tensor<?x6x!resq.quant<bits = 4, group = 6, zero = true, layout = row>>
!w = tensor<20x6x!resq.quant<bits = 4, group = 6, zero = false, layout = n16k4, pack_group = 6, base = 4>>
!p = tensor<20x6x!resq.panel<f16>>

resq.kv_cache @l0 heads 1 size 6 keys #resq.kv_float<f32> values #resq.kv_float<f16>
resq.kv_cache @l1 heads 1 size 6 keys #resq.kv_int<bits = 3, high = 1> values #resq.kv_float<f16>
resq.param @q : !w attributes {offset = 64 : i64, size = 256 : i64}
resq.param @t : !p
resq.param @unused : tensor<4xf32>

// 2 tiles of one step of 64 bytes, 32 scales of 2; a token is 2 + 1 + 6 bytes of keys, 12 of values.
// CHECK-LABEL: func.func @forward(
// CHECK-SAME: %{{.*}}: tensor<?xi32> {resq.name = "tokens"}, %{{.*}}: tensor<?xi32>, %{{.*}}: tensor<?xi32>,
// CHECK-SAME: %{{.*}}: tensor<2x6x16xf16> {resq.param = "t"},
// CHECK-SAME: %{{.*}}: tensor<192xi8> {resq.offset = 64 : i64, resq.param = "q"},
// CHECK-SAME: %[[CACHE:.*]]: memref<?xi8> {resq.cache = "l1", resq.index = 1 : i64, resq.sequence_bytes = 0 : i64, resq.token_bytes = 21 : i64},
// CHECK-SAME: %{{.*}}: index {resq.capacity}) -> tensor<?x20xf32>
// CHECK: memref.store {{.*}}, %[[CACHE]]
// CHECK: memref.load %[[CACHE]]
// CHECK: math.exp
// CHECK: arith.muli %{{.*}}, %{{.*}} : i32
// CHECK-NEXT: arith.addi {{.*}} : i32
// CHECK-NOT: resq
// LLVM-LABEL: llvm.func @forward(
func.func @forward(%tokens: tensor<?xi32> {resq.name = "tokens"}, %at: tensor<?xi32>, %of: tensor<?xi32>) -> tensor<?x20xf32> {
  %t = resq.get @t : !p
  %x = resq.embed %tokens, %t : tensor<?xi32>, !p -> tensor<?x6xf32>
  resq.kv_append @l1, %x, %x at %at, %of : tensor<?x6xf32>, tensor<?x6xf32>, tensor<?xi32>
  %a = resq.attention @l1, %x at %at, %of {scale = 1.0 : f32} : tensor<?x6xf32>, tensor<?xi32> -> tensor<?x6xf32>
  %q = resq.get @q : !w
  %c = resq.quantize %a : tensor<?x6xf32> -> !x
  %y = resq.qlinear %c by %q : !x by !w -> tensor<?x20xf32>
  return %y : tensor<?x20xf32>
}

// -----

// A table of codes: a scale of the row and group, times the code.
// CHECK-LABEL: func.func @embed_codes(
// CHECK: arith.minsi {{.*}}, %c39
// CHECK: arith.sitofp
// CHECK: arith.mulf
resq.param @table : tensor<40x8x!resq.quant<bits = 8, group = 4, zero = false, layout = n16k4, pack_group = 4, base = 8>>
func.func @embed_codes(%ids: tensor<?xi32>) -> tensor<?x8xf32> {
  %table = resq.get @table : tensor<40x8x!resq.quant<bits = 8, group = 4, zero = false, layout = n16k4, pack_group = 4, base = 8>>
  %y = resq.embed %ids, %table : tensor<?xi32>, tensor<40x8x!resq.quant<bits = 8, group = 4, zero = false, layout = n16k4, pack_group = 4, base = 8>> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
