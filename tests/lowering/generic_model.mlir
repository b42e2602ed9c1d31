// Model ops become their definitions: static widths, no calls, sums in order, nothing fast.
// RUN: resq-opt --resq-lower-generic --split-input-file %s | FileCheck %s --implicit-check-not=fastmath --implicit-check-not="resq."

// CHECK-LABEL: func.func @embed(
// CHECK-SAME: %[[IDS:.*]]: tensor<?xi32>, %[[TABLE:.*]]: tensor<40x8xf32>)
// CHECK: linalg.generic {{.*}} ins(%[[IDS]] : tensor<?xi32>) outs({{.*}} : tensor<?x8xf32>)
// CHECK: arith.maxsi
// CHECK: arith.minsi {{.*}}, %c39
// CHECK: tensor.extract %[[TABLE]]
func.func @embed(%ids: tensor<?xi32>, %table: tensor<40x8xf32>) -> tensor<?x8xf32> {
  %y = resq.embed %ids, %table : tensor<?xi32>, tensor<40x8xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// CHECK-LABEL: func.func @rms_norm(
// CHECK: arith.mulf
// CHECK-NEXT: arith.addf
// CHECK: arith.divf {{.*}}, %[[WIDTH:.*]] : f32
// CHECK-NEXT: arith.addf
// CHECK-NEXT: math.sqrt
// CHECK: arith.divf
// CHECK-NEXT: arith.mulf
func.func @rms_norm(%x: tensor<?x8xf32>, %gain: tensor<8xf32>) -> tensor<?x8xf32> {
  %y = resq.rms_norm %x gain %gain : tensor<8xf32> {eps = 1.0e-5 : f32} : tensor<?x8xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// CHECK-LABEL: func.func @linear(
// CHECK: arith.extf {{.*}} : bf16 to f32
// CHECK: iterator_types = ["parallel", "parallel", "reduction"]
// CHECK-SAME: ins({{.*}} : tensor<?x8xf32>, tensor<3x8xf32>)
// CHECK: %[[P:.*]] = arith.mulf
// CHECK-NEXT: arith.addf %{{.*}}, %[[P]]
// CHECK: ins({{.*}} : tensor<?x3xf32>, tensor<3xf32>)
// CHECK: arith.addf
func.func @linear(%x: tensor<?x8xf32>, %w: tensor<3x8xbf16>, %b: tensor<3xf32>) -> tensor<?x3xf32> {
  %y = resq.linear %x, %w bias %b : tensor<3xf32> : tensor<?x8xf32>, tensor<3x8xbf16> -> tensor<?x3xf32>
  return %y : tensor<?x3xf32>
}

// -----

// CHECK-LABEL: func.func @head(
// CHECK: linalg.fill
// CHECK: linalg.generic
// CHECK-NOT: linalg.generic
func.func @head(%x: tensor<2x8xf32>, %w: tensor<3x8xf32>) -> tensor<2x3xf32> {
  %y = resq.head %x, %w : tensor<2x8xf32>, tensor<3x8xf32> -> tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}

// -----

// CHECK-LABEL: func.func @rope(
// CHECK: math.powf {{.*}} : f64
// CHECK: arith.truncf {{.*}} : f64 to f32
// CHECK: math.cos {{.*}} : f64
// CHECK: math.sin {{.*}} : f64
// CHECK: arith.subf
// CHECK-NEXT: arith.addf
func.func @rope(%p: tensor<?xi32>, %x: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %a = resq.rope_angles %p {base = 1.0e4 : f32} : tensor<?xi32> -> tensor<?x4xf32>
  %y = resq.rope %x, %a head_size 6 : tensor<?x12xf32>, tensor<?x4xf32> -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

// -----

// CHECK-LABEL: func.func @gate(
// CHECK: arith.negf
// CHECK-NEXT: math.exp
// CHECK-NEXT: arith.addf
// CHECK-NEXT: arith.divf
// CHECK-NEXT: arith.mulf
// CHECK: arith.addf
func.func @gate(%g: tensor<?x8xf32>, %u: tensor<?x8xf32>) -> tensor<?x8xf32> {
  resq.observe %g "site" block 8 : tensor<?x8xf32>
  %s = resq.gate %g, %u : tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
  %y = resq.add %s, %u : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// CHECK-LABEL: func.func @gather_rows(
// CHECK: tensor.extract
func.func @gather_rows(%x: tensor<?x8xf32>, %rows: tensor<?xi32>) -> tensor<?x8xf32> {
  %y = resq.gather_rows %x, %rows : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
