// A cache and what touches it, without weights.
resq.kv_cache @c heads 2 size 8 keys #resq.kv_float<f16> values #resq.kv_float<f16>
func.func @block(%q: tensor<?x16xf32>, %k: tensor<?x16xf32>, %v: tensor<?x16xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x16xf32> {
  resq.kv_append @c, %k, %v at %p, %s : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>
  %a = resq.attention @c, %q at %p, %s {scale = 1.0 : f32} : tensor<?x16xf32>, tensor<?xi32> -> tensor<?x16xf32>
  return %a : tensor<?x16xf32>
}
