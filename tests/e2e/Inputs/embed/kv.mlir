// Row *library calls* of issue 17's cases: any names, so that nothing goes by them.
module {
  resq.kv_cache @cache heads 1 size 16 keys #resq.kv_float<f32> values #resq.kv_float<f32>
  func.func @f(%k: tensor<?x16xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x16xf32> {
    resq.kv_append @cache, %k, %k at %p, %s : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>
    %y = resq.attention @cache, %k at %p, %s {scale = 1.0 : f32} : tensor<?x16xf32>, tensor<?xi32> -> tensor<?x16xf32>
    return %y : tensor<?x16xf32>
  }
  func.func @gather(%x: tensor<?x16xf32>, %i: tensor<?xi32>) -> tensor<?x16xf32> {
    %y = resq.gather_rows %x, %i : tensor<?x16xf32>, tensor<?xi32> -> tensor<?x16xf32>
    return %y : tensor<?x16xf32>
  }
}
