// What has no GPU kernel yet is named where it stands.
// RUN: resq-opt --resq-lower-gpu --split-input-file --verify-diagnostics %s -o /dev/null
// RUN: not resq-opt --resq-lower-gpu=rows=0 --split-input-file %s 2>&1 | FileCheck %s
// CHECK: resq-lower-gpu: rows is 0, allowed: 1 to 4096

func.func @angles(%p: tensor<?xi32>) -> tensor<?x4xf32> {
  // expected-error @below {{resq_rope_angles: constant tables are not lowered for a GPU yet}}
  %a = resq.rope_angles %p {base = 10000.0 : f32} : tensor<?xi32> -> tensor<?x4xf32>
  return %a : tensor<?x4xf32>
}

// -----

func.func @other(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // expected-error @below {{arith.addf cannot be compiled: allowed are ops of the resq dialect that take and give rows}}
  %y = arith.addf %x, %x : tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}
