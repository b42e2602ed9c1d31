// What has no GPU kernel yet is named where it stands.
// RUN: resq-opt --resq-lower-gpu --split-input-file --verify-diagnostics %s -o /dev/null
// RUN: not resq-opt --resq-lower-gpu=rows=0 --split-input-file %s 2>&1 | FileCheck %s
// CHECK: resq-lower-gpu: rows is 0, allowed: 1 to 4096

func.func @add(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // expected-error @below {{no GPU kernel resq_add yet}}
  %y = resq.add %x, %x : tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// E4M3 is refused as all codes are, at its quantiser.
func.func @e4m3(%x: tensor<?x8xf32>) {
  // expected-error @below {{no GPU kernel resq_quantize_e4m3 yet}}
  %q = resq.quantize %x : tensor<?x8xf32> -> tensor<?x8x!resq.quant<bits = 8, group = 8, zero = false, layout = row, codebook = e4m3>>
  return
}

// -----

func.func @other(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // expected-error @below {{arith.addf cannot be compiled: allowed are ops of the resq dialect that take and give rows}}
  %y = arith.addf %x, %x : tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}
