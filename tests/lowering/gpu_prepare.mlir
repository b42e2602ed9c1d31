// Trellis codes are recoded on a GPU once, when a session's parameters are there: launches of a function of their own, one for
// each parameter, however many calls and functions read it, on every chip.
// RUN: resq-opt --resq-lower-gpu="rows=16 chip=sm_90a" %s | FileCheck %s -DCHIP=sm_90a --check-prefixes=CHECK,FEW
// RUN: resq-opt --resq-lower-gpu="rows=2048 chip=sm_90a" %s | FileCheck %s -DCHIP=sm_90a --check-prefixes=CHECK,MANY
// RUN: resq-opt --resq-lower-gpu="rows=16 chip=sm_80" %s | FileCheck %s -DCHIP=sm_80 --check-prefixes=CHECK,OLD

!x = tensor<?x108x!resq.quant<bits = 8, group = 27, zero = true, layout = row>>
!h = tensor<?x108x!resq.quant<bits = 8, group = 108, zero = true, layout = row>>
!trellis = tensor<41x108x!resq.quant<bits = 4, group = 108, zero = false, layout = n16k4, codebook = trellis, states = 4, pack_group = 27, base = 4>>
!narrow = tensor<20x108x!resq.quant<bits = 4, group = 108, zero = false, layout = n16k4, codebook = trellis, states = 4, pack_group = 27, base = 4>>
!codes = tensor<41x108x!resq.quant<bits = 8, group = 108, zero = false, layout = n16k4, pack_group = 108, base = 8>>
resq.param @one : !trellis attributes {offset = 0 : i64, size = 3168 : i64}
resq.param @two : !narrow attributes {offset = 3200 : i64, size = 2112 : i64}
resq.param @ints : !codes attributes {offset = 5312 : i64, size = 5472 : i64}

// CHECK: gpu.module @[[CHIP]]
// CHECK: gpu.func @[[ONE:resq_qlinear_recode_cuda__41_108_27]](
// CHECK: gpu.func @[[TWO:resq_qlinear_recode_cuda__20_108_27]](
// A tile of 16 channels has 4 groups of a step of 4 units: a warp's work each, 8 warps a block.
// CHECK: func.func private @prepare__cuda__[[CHIP]]() {
// CHECK-NEXT: resq.launch 0 "one: qlinear_recode" @[[CHIP]]::@[[ONE]] (param 0) items 12 by 8 threads 256 blocks_per_sm 8{{$}}
// CHECK-NEXT: resq.launch 0 "two: qlinear_recode" @[[CHIP]]::@[[TWO]] (param 3200) items 8 by 8 threads 256 blocks_per_sm 8{{$}}
// CHECK-NEXT: return

// Few rows on a chip of 9.0: items are those of all rows, the variant says how the block is cut.
// FEW: func.func @f__cuda__r16()
// FEW: resq.launch {{.*}}qlinear" @sm_90a::@resq_qlinear_cuda__{{.*}}_v62 ({{.*}}param 0, {{.*}}) items 3 by 1 threads 256 blocks_per_sm 2 shared
// FEW: func.func @g__cuda__r16()
// MANY: resq.launch {{.*}}qlinear" @sm_90a::@resq_qlinear_cuda__{{.*}}_v9 ({{.*}}param 0, {{.*}}) items 1 of rows 0 by 32 threads 128
// OLD: resq.launch {{.*}}qlinear" @sm_80::@resq_qlinear_cuda__{{.*}}_null6 ({{.*}}param 0, {{.*}}) items 3 of rows 0 by 1 threads 256
func.func @f(%x: tensor<?x108xf32>) -> (tensor<?x41xf32>, tensor<?x20xf32>, tensor<?x41xf32>) {
  %q = resq.quantize %x : tensor<?x108xf32> -> !x
  %w = resq.get @one : !trellis
  %v = resq.get @two : !narrow
  %y = resq.qlinear %q by %w : !x by !trellis -> tensor<?x41xf32>
  %z = resq.qlinear %q by %v : !x by !narrow -> tensor<?x20xf32>
  %again = resq.qlinear %q by %w : !x by !trellis -> tensor<?x41xf32>
  return %y, %z, %again : tensor<?x41xf32>, tensor<?x20xf32>, tensor<?x41xf32>
}
func.func @g(%x: tensor<?x108xf32>) -> (tensor<?x41xf32>, tensor<?x41xf32>) {
  %q = resq.quantize %x : tensor<?x108xf32> -> !x
  %h = resq.quantize %x : tensor<?x108xf32> -> !h
  %w = resq.get @one : !trellis
  %i = resq.get @ints : !codes
  %y = resq.qlinear %q by %w : !x by !trellis -> tensor<?x41xf32>
  %z = resq.qlinear %h by %i : !h by !codes -> tensor<?x41xf32>
  return %y, %z : tensor<?x41xf32>, tensor<?x41xf32>
}
