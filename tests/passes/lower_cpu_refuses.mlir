// What --resq-lower-cpu cannot lower, it names.
// RUN: resq-opt --resq-lower-cpu --split-input-file --verify-diagnostics %s -o /dev/null
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-lower-cpu{level=sse})" --split-input-file %s 2>&1 | FileCheck %s --check-prefix=LEVEL
// RUN: not resq-opt --pass-pipeline="builtin.module(resq-lower-cpu{rows=0})" --split-input-file %s 2>&1 | FileCheck %s --check-prefix=ROWS
// LEVEL: resq-lower-cpu: level 'sse' is not known; allowed: generic, avx2, {{.*}}
// ROWS: resq-lower-cpu: rows is 0, allowed: 1 to 16384

// expected-error @below {{argument 0: entry points take tensor<?xWxf32> or tensor<?xi32>}}
func.func @rank(%x: tensor<4x4x4xf32>) -> tensor<4x4x4xf32> {
  return %x : tensor<4x4x4xf32>
}

// -----

func.func @other_op(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // expected-error @below {{arith.addf cannot be compiled: allowed are ops of the resq dialect that take and give rows}}
  %y = arith.addf %x, %x : tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

!a = tensor<?x8x!resq.quant<bits = 4, group = 8, zero = true, layout = row>>
!w = tensor<4x8x!resq.quant<bits = 4, group = 8, zero = false, layout = row>>
resq.param @w : !w attributes {offset = 0 : i64, size = 64 : i64}
func.func @not_packed(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %q = resq.quantize %x : tensor<?x8xf32> -> !a
  %w = resq.get @w : !w
  // expected-error @below {{pack}}
  %y = resq.qlinear %q by %w : !a by !w -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// Kernels of integers start from the bias; those of E4M3 add to what they gave.
!a4 = tensor<?x8x!resq.quant<bits = 4, group = 8, zero = true, layout = row>>
!w4 = tensor<4x8x!resq.quant<bits = 4, group = 8, zero = false, layout = n16k4, pack_group = 8, base = 4>>
!a8 = tensor<?x8x!resq.quant<bits = 8, group = 8, zero = false, layout = row, codebook = e4m3>>
!w8 = tensor<4x8x!resq.quant<bits = 8, group = 8, zero = false, layout = n16k4, codebook = e4m3, pack_group = 8, base = 8>>
resq.param @w4 : !w4 attributes {offset = 0 : i64, size = 96 : i64}
resq.param @w8 : !w8 attributes {offset = 128 : i64, size = 160 : i64}
func.func @floats_first(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %q = resq.quantize %x : tensor<?x8xf32> -> !a4
  %f = resq.quantize %x : tensor<?x8xf32> -> !a8
  %w4 = resq.get @w4 : !w4
  %w8 = resq.get @w8 : !w8
  // expected-error @below {{branch 1 is of integers and behind one of E4M3: no kernel adds it}}
  %y = resq.qlinear %f, %q by %w8, %w4 : !a8, !a4 by !w8, !w4 -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

!a = tensor<?x32768x!resq.quant<bits = 4, group = 32768, zero = true, layout = row>>
!w = tensor<4x32768x!resq.quant<bits = 4, group = 32768, zero = false, layout = n16k4, pack_group = 32768, base = 4>>
resq.param @w : !w attributes {offset = 0 : i64, size = 262176 : i64}
func.func @too_wide(%x: tensor<?x32768xf32>) -> tensor<?x4xf32> {
  %q = resq.quantize %x : tensor<?x32768xf32> -> !a
  %w = resq.get @w : !w
  // expected-error @below {{a qlinear of 32768 inputs is too wide for the kernels: 1114176 bytes of scratch, allowed 1048576}}
  %y = resq.qlinear %q by %w : !a by !w -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

resq.param @w : tensor<4x8x!resq.panel<f32>>
func.func @not_materialised(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  // expected-error @below {{param @w has no offset: run --resq-materialize first}}
  %w = resq.get @w : tensor<4x8x!resq.panel<f32>>
  %y = resq.linear %x, %w : tensor<?x8xf32>, tensor<4x8x!resq.panel<f32>> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

resq.kv_cache @c heads 1 size 10 keys #resq.kv_qjl<rows = 24, high = 2> values #resq.kv_float<f16>
resq.param @s : tensor<24x8xf32> attributes {offset = 0 : i64, size = 768 : i64}
func.func @sketch_not_packed(%k: tensor<?x10xf32>, %p: tensor<?xi32>) {
  %s = resq.get @s : tensor<24x8xf32>
  // expected-error @below {{sketch is not stored as a panel: run --resq-pack first}}
  resq.kv_append @c, %k, %k at %p, %p sketch %s : tensor<24x8xf32> : tensor<?x10xf32>, tensor<?x10xf32>, tensor<?xi32>
  return
}

// -----

resq.param @w : tensor<4x8x!resq.panel<f32>> attributes {offset = 0 : i64, size = 500 : i64}
func.func @short(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  // expected-error @below {{param @w has 500 bytes, its type takes 512}}
  %w = resq.get @w : tensor<4x8x!resq.panel<f32>>
  %y = resq.linear %x, %w : tensor<?x8xf32>, tensor<4x8x!resq.panel<f32>> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// As many bytes as a weight takes that is packed for an activation in one group.
!a = tensor<?x8x!resq.quant<bits = 8, group = 2, zero = true, layout = row>>
!w = tensor<4x8x!resq.quant<bits = 8, group = 8, zero = false, layout = n16k4, pack_group = 2, base = 8>>
resq.param @w : !w attributes {offset = 0 : i64, size = 160 : i64}
func.func @other_size(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %q = resq.quantize %x : tensor<?x8xf32> -> !a
  // expected-error @below {{param @w has 160 bytes, its type takes 544}}
  %w = resq.get @w : !w
  %y = resq.qlinear %q by %w : !a by !w -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// Packed in groups of its own.
!w = tensor<40x8x!resq.quant<bits = 8, group = 8, zero = false, layout = n16k4, pack_group = 2, base = 8>>
resq.param @w : !w attributes {offset = 0 : i64, size = 1632 : i64}
func.func @embed_groups(%ids: tensor<?xi32>) -> tensor<?x8xf32> {
  %w = resq.get @w : !w
  // expected-error @below {{the table is packed for groups of 2, but its scales are of groups of 8: the kernel reads one group for both}}
  %y = resq.embed %ids, %w : tensor<?xi32>, !w -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

!w = tensor<40x8x!resq.quant<bits = 8, group = 8, zero = false, layout = row>>
resq.param @w : !w attributes {offset = 0 : i64, size = 480 : i64}
func.func @embed_unpacked(%ids: tensor<?xi32>) -> tensor<?x8xf32> {
  %w = resq.get @w : !w
  // expected-error @below {{table is not packed: run --resq-pack first}}
  %y = resq.embed %ids, %w : tensor<?xi32>, !w -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
