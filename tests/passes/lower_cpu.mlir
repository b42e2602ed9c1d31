// Functions become calls of kernels on planned buffers; every function is one entry point behind the ABI.
// RUN: resq-opt --resq-lower-cpu %s | FileCheck %s
// RUN: resq-opt --pass-pipeline="builtin.module(resq-lower-cpu{level=generic rows=64})" %s | FileCheck %s --check-prefix=GENERIC

resq.param @w : tensor<4x8x!resq.panel<f32>> attributes {offset = 128 : i64, size = 512 : i64}
// CHECK: func.func @layer__avx512__r16(%{{.*}}: !llvm.ptr) attributes {
// CHECK-SAME: resq.entry = {args = [{dtype = "f32", is_result = false, name = "arg0", rows = -1 : i64, rows_as = 0 : i64, rules = [], width = 8 : i64}, {dtype = "f32", is_result = true, name = "result0", rows = -1 : i64, rows_as = 0 : i64, rules = [], width = 4 : i64}]
// CHECK-SAME: function = "layer"
// CHECK-SAME: level = "avx512"
// CHECK-SAME: max_rows = 16 : i64
// Every phase, the first too, is skipped by a thread that resq_barrier gives 0.
// CHECK: %[[FIRST:.*]] = call @resq_barrier
// CHECK: %[[ENTERS:.*]] = arith.cmpi ne, %[[FIRST]]
// CHECK: llvm.cond_br %[[ENTERS]], ^[[PHASE:.*]], ^[[AFTER:bb[0-9]+]]
// CHECK: ^[[PHASE]]:
// CHECK: call @resq_rms_norm
// CHECK: call @resq_op_done
// CHECK: llvm.br ^[[AFTER]]
// CHECK: ^[[AFTER]]:
// CHECK: call @resq_barrier
// CHECK: call @resq_linear
// CHECK-NOT: resq.linear
// GENERIC: func.func @layer__generic__r64
func.func @layer(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %n = resq.rms_norm %x {eps = 1.0e-5 : f32} : tensor<?x8xf32> -> tensor<?x8xf32>
  %w = resq.get @w : tensor<4x8x!resq.panel<f32>>
  %y = resq.linear %n, %w {name = "l"} : tensor<?x8xf32>, tensor<4x8x!resq.panel<f32>> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// The kernels' last arguments are the codes: kind, bits, high and rows of keys, kind, bits and high of values.
resq.kv_cache @c heads 1 size 10 keys #resq.kv_qjl<rows = 24, high = 2> values #resq.kv_lm<bits = 3>
resq.param @s : tensor<24x8x!resq.panel<f32>> attributes {offset = 1024 : i64, size = 1024 : i64}
// CHECK: func.func {{.*}}@resq_kv_append{{.*}}_1_10_4_0_2_24_3_3_0
// CHECK: func.func {{.*}}@resq_attention{{.*}}_4_0_2_24_3_3_0
// CHECK: func.func @cached__avx512__r16
func.func @cached(%q: tensor<?x20xf32>, %k: tensor<?x10xf32>, %p: tensor<?xi32>) -> tensor<?x20xf32> {
  %s = resq.get @s : tensor<24x8x!resq.panel<f32>>
  resq.kv_append @c, %k, %k at %p, %p sketch %s : tensor<24x8x!resq.panel<f32>> : tensor<?x10xf32>, tensor<?x10xf32>, tensor<?xi32>
  %y = resq.attention @c, %q at %p, %p sketch %s : tensor<24x8x!resq.panel<f32>> {scale = 0.25 : f32} : tensor<?x20xf32>, tensor<?xi32> -> tensor<?x20xf32>
  return %y : tensor<?x20xf32>
}

// An E4M3 branch is a kernel of its own: 8 inputs in one group, added (the last 1) to what the integers gave; alone it starts from the bias.
!a4 = tensor<?x8x!resq.quant<bits = 4, group = 8, zero = true, layout = row>>
!w4 = tensor<4x8x!resq.quant<bits = 4, group = 8, zero = false, layout = n16k4, pack_group = 8, base = 4>>
!a8 = tensor<?x8x!resq.quant<bits = 8, group = 8, zero = false, layout = row, codebook = e4m3>>
!w8 = tensor<4x8x!resq.quant<bits = 8, group = 8, zero = false, layout = n16k4, codebook = e4m3, pack_group = 8, base = 8>>
resq.param @w4 : !w4 attributes {offset = 2048 : i64, size = 96 : i64}
resq.param @w8 : !w8 attributes {offset = 2176 : i64, size = 160 : i64}
// CHECK: func.func {{.*}}@resq_qlinear_e4m3{{.*}}_4_8_8_8_1(
// CHECK: func.func {{.*}}@resq_qlinear_e4m3{{.*}}_4_8_8_8_0(
// CHECK: func.func @mixed__avx512__r16
// CHECK: call @resq_qlinear_
// CHECK: call @resq_barrier
// CHECK: call @resq_qlinear_e4m3{{.*}}_1(
// CHECK: call @resq_qlinear_e4m3{{.*}}_0(
func.func @mixed(%x: tensor<?x8xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %q = resq.quantize %x : tensor<?x8xf32> -> !a4
  %f = resq.quantize %x : tensor<?x8xf32> -> !a8
  %w4 = resq.get @w4 : !w4
  %w8 = resq.get @w8 : !w8
  %y = resq.qlinear %q, %f by %w4, %w8 : !a4, !a8 by !w4, !w8 -> tensor<?x4xf32>
  %z = resq.qlinear %f by %w8 : !a8 by !w8 -> tensor<?x4xf32>
  return %y, %z : tensor<?x4xf32>, tensor<?x4xf32>
}
