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
