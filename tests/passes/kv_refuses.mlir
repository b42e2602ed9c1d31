// What --resq-kv must not do, and says so at the cache. Codes and options it does not know: kv.mlir, and tests/unit/kv_spec_test.c.
// RUN: resq-opt --pass-pipeline="builtin.module(resq-kv{keys=resq:basis=balanced})" --split-input-file --verify-diagnostics %s -o /dev/null

// Queries that are not alike have no one second moment.
// expected-error @below {{resq-kv: basis=balanced needs one second moment of queries, but attentions of different widths read this cache}}
resq.kv_cache @l0 heads 1 size 8 keys #resq.kv_float<f32> values #resq.kv_float<f32>
func.func @widths(%q: tensor<?x8xf32>, %q2: tensor<?x16xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> (tensor<?x8xf32>, tensor<?x16xf32>) {
  resq.kv_append @l0, %k, %v at %p, %s : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>
  %y = resq.attention @l0, %q at %p, %s {scale = 1.0 : f32} : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
  %z = resq.attention @l0, %q2 at %p, %s {scale = 1.0 : f32} : tensor<?x16xf32>, tensor<?xi32> -> tensor<?x16xf32>
  return %y, %z : tensor<?x8xf32>, tensor<?x16xf32>
}

// -----

// expected-error @below {{resq-kv: head_size 4 is smaller than fraction 8}}
resq.kv_cache @l0 heads 1 size 4 keys #resq.kv_float<f32> values #resq.kv_float<f32>
