// An op that undoes the one before it goes; one that does not stays.
// RUN: resq-opt --canonicalize %s | FileCheck %s

resq.param @u : tensor<32x32xf64>
resq.param @v : tensor<32x32xf64>

// CHECK-LABEL: func.func @rotate_back
// CHECK-SAME: (%[[X:.*]]: tensor
// CHECK-NOT: resq.rotate
// CHECK: return %[[X]]
func.func @rotate_back(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %u = resq.get @u : tensor<32x32xf64>
  %0 = resq.rotate %x, %u : tensor<?x64xf32>, tensor<32x32xf64> -> tensor<?x64xf32>
  %again = resq.get @u : tensor<32x32xf64>
  %1 = resq.rotate %0, %again transposed : tensor<?x64xf32>, tensor<32x32xf64> -> tensor<?x64xf32>
  return %1 : tensor<?x64xf32>
}

// CHECK-LABEL: func.func @rotate_stays
// CHECK-COUNT-4: resq.rotate
func.func @rotate_stays(%x: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %u = resq.get @u : tensor<32x32xf64>
  %v = resq.get @v : tensor<32x32xf64>
  %0 = resq.rotate %x, %u : tensor<?x64xf32>, tensor<32x32xf64> -> tensor<?x64xf32>
  %1 = resq.rotate %0, %v transposed : tensor<?x64xf32>, tensor<32x32xf64> -> tensor<?x64xf32>
  %2 = resq.rotate %x, %v pair : tensor<?x64xf32>, tensor<32x32xf64> -> tensor<?x64xf32>
  %3 = resq.rotate %2, %v transposed pair : tensor<?x64xf32>, tensor<32x32xf64> -> tensor<?x64xf32>
  return %1, %3 : tensor<?x64xf32>, tensor<?x64xf32>
}

// CHECK-LABEL: func.func @hadamard_back
// CHECK-SAME: (%[[X:.*]]: tensor<?x24xf32>, %[[Y:.*]]: tensor<?x64xf32>)
// CHECK-NEXT: return %[[X]], %[[Y]], %[[Y]]
func.func @hadamard_back(%x: tensor<?x24xf32>, %y: tensor<?x64xf32>) -> (tensor<?x24xf32>, tensor<?x64xf32>, tensor<?x64xf32>) {
  %0 = resq.hadamard %x size 24 transposed : tensor<?x24xf32> -> tensor<?x24xf32>
  %1 = resq.hadamard %0 size 24 : tensor<?x24xf32> -> tensor<?x24xf32>
  // A power of two: the matrix is its own inverse.
  %2 = resq.hadamard %y size 32 : tensor<?x64xf32> -> tensor<?x64xf32>
  %3 = resq.hadamard %2 size 32 : tensor<?x64xf32> -> tensor<?x64xf32>
  %4 = resq.hadamard %y size 1 : tensor<?x64xf32> -> tensor<?x64xf32>
  return %1, %3, %4 : tensor<?x24xf32>, tensor<?x64xf32>, tensor<?x64xf32>
}

// CHECK-LABEL: func.func @hadamard_stays
// CHECK-COUNT-4: resq.hadamard
func.func @hadamard_stays(%x: tensor<?x48xf32>) -> (tensor<?x48xf32>, tensor<?x48xf32>) {
  %0 = resq.hadamard %x size 12 : tensor<?x48xf32> -> tensor<?x48xf32>
  %1 = resq.hadamard %0 size 12 : tensor<?x48xf32> -> tensor<?x48xf32>
  %2 = resq.hadamard %x size 12 : tensor<?x48xf32> -> tensor<?x48xf32>
  %3 = resq.hadamard %2 size 24 transposed : tensor<?x48xf32> -> tensor<?x48xf32>
  return %1, %3 : tensor<?x48xf32>, tensor<?x48xf32>
}

// CHECK-LABEL: func.func @join_split
// CHECK-SAME: (%[[X:.*]]: tensor
// CHECK-NEXT: return %[[X]]
func.func @join_split(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %l, %h = resq.split %x block 16 high 8 : tensor<?x64xf32> -> tensor<?x32xf32>, tensor<?x32xf32>
  %y = resq.join %l, %h block 16 high 8 : tensor<?x32xf32>, tensor<?x32xf32> -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// CHECK-LABEL: func.func @join_stays
// CHECK-COUNT-2: resq.join
func.func @join_stays(%x: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %l, %h = resq.split %x block 16 high 8 : tensor<?x64xf32> -> tensor<?x32xf32>, tensor<?x32xf32>
  %y = resq.join %h, %l block 16 high 8 : tensor<?x32xf32>, tensor<?x32xf32> -> tensor<?x64xf32>
  %z = resq.join %l, %h block 32 high 16 : tensor<?x32xf32>, tensor<?x32xf32> -> tensor<?x64xf32>
  return %y, %z : tensor<?x64xf32>, tensor<?x64xf32>
}

// CHECK-LABEL: resq.param @recipe
// CHECK-NEXT: %[[U:.*]] = resq.get @u
// CHECK-NEXT: resq.yield %[[U]]
resq.param @recipe : tensor<32x32xf64> {
  %0 = resq.get @u : tensor<32x32xf64>
  %1 = resq.transpose %0 : tensor<32x32xf64> -> tensor<32x32xf64>
  %2 = resq.cast %1 : tensor<32x32xf64> -> tensor<32x32xf64>
  %3 = resq.transpose %2 : tensor<32x32xf64> -> tensor<32x32xf64>
  resq.yield %3 : tensor<32x32xf64>
}

// A cast that rounds stays, there and back.
// CHECK-LABEL: resq.param @rounded
// CHECK-COUNT-2: resq.cast
resq.param @rounded : tensor<32x32xf64> {
  %0 = resq.get @u : tensor<32x32xf64>
  %1 = resq.cast %0 : tensor<32x32xf64> -> tensor<32x32xbf16>
  %2 = resq.cast %1 : tensor<32x32xbf16> -> tensor<32x32xf64>
  resq.yield %2 : tensor<32x32xf64>
}
