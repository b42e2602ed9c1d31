// Neighboring ops that depend on each other only within a row, or within a head of it, become one launch.
// RUN: resq-opt --resq-lower-gpu="rows=4 chip=sm_90a" %s | FileCheck %s
// RUN: resq-opt --resq-lower-gpu="rows=4 chip=sm_90a" %s | %mlir_opt --pass-pipeline="builtin.module(gpu.module(convert-gpu-to-nvvm,reconcile-unrealized-casts))" | FileCheck %s --check-prefix=NVVM
// RUN: resq-opt --resq-lower-gpu="rows=64 chip=sm_90a" %s | FileCheck %s --check-prefix=MANY
// RUN: resq-opt --resq-lower-cpu=rows=4 %s | FileCheck %s --check-prefix=CPU

!x = tensor<?x64xf32>
!m = tensor<2x16x16xf32>
resq.kv_cache @c heads 2 size 16 keys #resq.kv_float<f16> values #resq.kv_float<f16>
resq.param @m : !m attributes {offset = 0 : i64, size = 2048 : i64}

// A block is a row. It adds, and behind a barrier goes on with what it has written.
// CHECK: gpu.func @[[ROW:resq_group_cuda__add__rms_norm__silu_gate__t32__[0-9a-f]+]](%[[A:[a-z0-9]+]]: !llvm.ptr, %[[B:[a-z0-9]+]]: !llvm.ptr, %[[Y:[a-z0-9]+]]: !llvm.ptr, %[[N:[a-z0-9]+]]: i64, %[[X:[a-z0-9]+]]: !llvm.ptr, {{.*}}) kernel attributes {known_block_size = array<i32: 32, 1, 1>
// CHECK-NEXT: %[[BLOCK:.*]] = gpu.block_id x
// CHECK-NEXT: %[[UNIT:.*]] = arith.index_cast %[[BLOCK]] : index to i64
// CHECK: func.call @resq_add_cuda(%[[A]], %[[B]], %[[Y]], %[[N]], {{.*}}, %[[UNIT]], %{{[a-z0-9_]+}})
// CHECK-NEXT: gpu.barrier
// CHECK: func.call @resq_rms_norm_cuda(%[[X]], {{.*}}, %[[UNIT]], %{{[a-z0-9_]+}})
// CHECK-NEXT: gpu.barrier
// CHECK: func.call @resq_silu_gate_cuda(
// CHECK-NEXT: gpu.return

// Two chains side by side: of three blocks for each row, one has the query heads, which are little work, two have a key head each.
// CHECK: gpu.func @[[HEADS:resq_group_cuda__rope__rope__rotate__kv_append__t64__[0-9a-f]+]](
// CHECK: %[[THREE:.*]] = arith.constant 3 : i64
// CHECK-NEXT: %[[OF:.*]] = arith.divui %{{.*}}, %[[THREE]]
// CHECK: arith.remui
// CHECK: llvm.cond_br %{{.*}}, ^[[QUERIES:bb[0-9]+]], ^[[KEYS:bb[0-9]+]]
// CHECK: ^[[QUERIES]]:
// CHECK: func.call @resq_rope_cuda(
// CHECK-NEXT: gpu.return
// CHECK: ^[[KEYS]]:
// CHECK: func.call @resq_rope_cuda(
// CHECK-NEXT: gpu.barrier
// CHECK: func.call @resq_rotate_cuda(
// CHECK-NEXT: gpu.barrier
// CHECK: func.call @resq_kv_append_cuda(
// CHECK-NEXT: gpu.return

// CHECK: func.func @row__cuda__r4()
// CHECK-SAME: op_names = [": add + rms_norm + silu_gate"]
// CHECK-NEXT: resq.launch 0 ": add + rms_norm + silu_gate" @sm_90a::@[[ROW]] (argument 0, argument 1, argument 2, rows 0, argument 2, workspace 0, rows 0, workspace 0, argument 1, argument 3, rows 0) items 1 of rows 0 by 1 threads 32 shared {{[0-9]+}} early
// CHECK-NEXT: return
// CHECK: func.func @heads__cuda__r4()
// CHECK-NEXT: resq.launch 0 ": rope + rope + rotate + kv_append" @sm_90a::@[[HEADS]] ({{.*}}) items 3 of rows 0 by 1 threads 64
// CHECK-NEXT: return

// With many rows a rotation is a product of matrices, and chains are not put side by side.
// MANY-LABEL: func.func @heads__cuda__r64
// MANY-NEXT: resq.launch 0 ": rope" @
// MANY-NEXT: resq.launch 1 ": rope" @
// MANY-NEXT: resq.launch 2 ": rotate" @
// MANY-NEXT: resq.launch 3 ": kv_append" @
// MANY-NEXT: return

// NVVM: llvm.func @resq_group_cuda__add__rms_norm__silu_gate
// NVVM: nvvm.read.ptx.sreg.ctaid.x
// NVVM: nvvm.barrier
// NVVM: nvvm.barrier
// NVVM: llvm.return

// CPU-NOT: resq_group
func.func @row(%a: !x, %b: !x) -> (!x, !x) {
  %s = resq.add %a, %b : !x
  %n = resq.rms_norm %s {eps = 1.0e-5 : f32} : !x -> !x
  %g = resq.gate %n, %b : !x, !x -> !x
  return %s, %g : !x, !x
}

func.func @heads(%q: !x, %k: tensor<?x32xf32>, %a: tensor<?x16xf32>, %p: tensor<?xi32>) -> (!x) {
  %m = resq.get @m : !m
  %r = resq.rope %q, %a head_size 16 : !x, tensor<?x16xf32> -> !x
  %l = resq.rope %k, %a head_size 16 : tensor<?x32xf32>, tensor<?x16xf32> -> tensor<?x32xf32>
  %t = resq.rotate %l, %m : tensor<?x32xf32>, !m -> tensor<?x32xf32>
  resq.kv_append @c, %t, %k at %p, %p : tensor<?x32xf32>, tensor<?x32xf32>, tensor<?xi32>
  return %r : !x
}

// Not in one launch: a wide row that several blocks share and its norm; what an observer comes between; rows that an index picks.
// CHECK-LABEL: func.func @apart__cuda__r4
// CHECK-NEXT: resq.launch 0 ": silu_gate" @
// CHECK-NEXT: resq.launch 1 ": rms_norm" @
// CHECK-NEXT: resq.launch 2 ": add" @
// CHECK-NEXT: resq.launch_observe 3 ": observe"
// CHECK-NEXT: resq.launch 4 ": rms_norm" @
// CHECK-NEXT: resq.launch 5 ": gather_rows" @
// CHECK-NEXT: return
func.func @apart(%x: tensor<?x16384xf32>, %y: !x, %i: tensor<?xi32>) -> (tensor<?x16384xf32>, !x, !x) {
  %s = resq.gate %x, %x : tensor<?x16384xf32>, tensor<?x16384xf32> -> tensor<?x16384xf32>
  %n = resq.rms_norm %s {eps = 1.0e-5 : f32} : tensor<?x16384xf32> -> tensor<?x16384xf32>
  %c = resq.add %y, %y : !x
  resq.observe %c "here" block 64 : !x
  %d = resq.rms_norm %c {eps = 1.0e-5 : f32} : !x -> !x
  %e = resq.gather_rows %d, %i : !x, tensor<?xi32> -> !x
  return %n, %d, %e : tensor<?x16384xf32>, !x, !x
}
