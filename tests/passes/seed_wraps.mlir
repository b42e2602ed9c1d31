// The seed of a second stream of random numbers is one more than the first: behind the largest seed comes the smallest.
// RUN: resq-opt --resq-split="seed=9223372036854775807 basis=pca" %root/tests/fuzz/pipeline_model.mlir | FileCheck %s

// CHECK: resq.random_orthogonal [28, 4] seed 9223372036854775807
// CHECK: resq.random_orthogonal [14, 2] seed -9223372036854775808
