// What cannot be lowered is named where it stands.
// RUN: resq-opt --resq-lower-gpu --split-input-file --verify-diagnostics %s -o /dev/null
// RUN: not resq-opt --resq-lower-gpu=rows=0 --split-input-file %s 2>&1 | FileCheck %s
// CHECK: resq-lower-gpu: rows is 0, allowed: 1 to 4096
// RUN: not resq-opt --resq-lower-gpu=chip=sm_70 --split-input-file %s 2>&1 | FileCheck %s --check-prefix=CHIP
// CHIP: resq-lower-gpu: chip is 'sm_70', allowed: sm_90a, sm_80
// RUN: not resq-opt --resq-lower-gpu=arithmetic=quick --split-input-file %s 2>&1 | FileCheck %s --check-prefix=ARITHMETIC
// ARITHMETIC: resq-lower-gpu: arithmetic is 'quick', allowed: fast, exact

func.func @other(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // expected-error @below {{arith.addf cannot be compiled: allowed are ops of the resq dialect that take and give rows}}
  %y = arith.addf %x, %x : tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// Two parameters at one place, of which a GPU reads one recoded.
!x = tensor<?x32x!resq.quant<bits = 8, group = 32, zero = true, layout = row>>
!t = tensor<16x32x!resq.quant<bits = 4, group = 32, zero = false, layout = n16k4, codebook = trellis, states = 4, pack_group = 32, base = 4>>
!i = tensor<16x32x!resq.quant<bits = 4, group = 32, zero = false, layout = n16k4, pack_group = 32, base = 4>>
resq.param @trellis : !t attributes {offset = 0 : i64, size = 288 : i64}
resq.param @integers : !i attributes {offset = 0 : i64, size = 288 : i64}
func.func @both(%x: tensor<?x32xf32>) -> (tensor<?x16xf32>, tensor<?x16xf32>) {
  %q = resq.quantize %x : tensor<?x32xf32> -> !x
  %w = resq.get @trellis : !t
  %v = resq.get @integers : !i
  %y = resq.qlinear %q by %w : !x by !t -> tensor<?x16xf32>
  // expected-error @below {{parameter @integers is read by one kernel as the file has it and by another recoded; allowed is one form of a parameter's bytes}}
  %z = resq.qlinear %q by %v : !x by !i -> tensor<?x16xf32>
  return %y, %z : tensor<?x16xf32>, tensor<?x16xf32>
}

// -----

!x = tensor<?x32x!resq.quant<bits = 8, group = 32, zero = true, layout = row>>
!t = tensor<16x32x!resq.quant<bits = 4, group = 32, zero = false, layout = n16k4, codebook = trellis, states = 4, pack_group = 32, base = 4>>
!i = tensor<16x32x!resq.quant<bits = 4, group = 32, zero = false, layout = n16k4, pack_group = 32, base = 4>>
resq.param @trellis : !t attributes {offset = 0 : i64, size = 288 : i64}
resq.param @integers : !i attributes {offset = 0 : i64, size = 288 : i64}
func.func @both(%x: tensor<?x32xf32>) -> (tensor<?x16xf32>, tensor<?x16xf32>) {
  %q = resq.quantize %x : tensor<?x32xf32> -> !x
  %w = resq.get @trellis : !t
  %v = resq.get @integers : !i
  %z = resq.qlinear %q by %v : !x by !i -> tensor<?x16xf32>
  // expected-error @below {{parameter @trellis is read by one kernel as the file has it and by another recoded; allowed is one form of a parameter's bytes}}
  %y = resq.qlinear %q by %w : !x by !t -> tensor<?x16xf32>
  return %y, %z : tensor<?x16xf32>, tensor<?x16xf32>
}
