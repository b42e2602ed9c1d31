//===-- cache_groups.mlir - keys in groups of 32 tokens, as QJL's authors hold them ---===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sequence s begins at s * (capacity * bytes per token + bytes of the window). A token is the keys of
// all heads, then the values. A key: `rows` signs of the inliers, `outlier_rows` of the outliers, each in whole
// bytes, their f16 norms, then its share of the group's outlier indices, share = ceil(outliers / 32) bytes: index
// o stands in token o / share of the group, byte o mod share. Behind the tokens, the window: at t mod window, of all
// heads, the key of token t in f16.
//===----------------------------------------------------------------------===//

// Whole bytes of so many bits.
func.func @resq.def.bytes_of_bits(%bits: index) -> index {
  %c7 = arith.constant 7 : index
  %c8 = arith.constant 8 : index
  %above = arith.addi %bits, %c7 : index
  %bytes = arith.divui %above, %c8 : index
  return %bytes : index
}

// Bytes of a key before its indices, and of its share of them.
func.func @resq.def.group_sign_bytes(%rows: index, %outlier_rows: index) -> index {
  %c4 = arith.constant 4 : index
  %in = func.call @resq.def.bytes_of_bits(%rows) : (index) -> index
  %out = func.call @resq.def.bytes_of_bits(%outlier_rows) : (index) -> index
  %signs = arith.addi %in, %out : index
  %bytes = arith.addi %signs, %c4 : index
  return %bytes : index
}

func.func @resq.def.group_share(%outliers: index) -> index {
  %c31 = arith.constant 31 : index
  %c32 = arith.constant 32 : index
  %above = arith.addi %outliers, %c31 : index
  %share = arith.divui %above, %c32 : index
  return %share : index
}

// Bytes of a token, keys and values.
func.func @resq.def.group_token_bytes(%heads: index, %key_bytes: index, %value_bytes: index) -> index {
  %both = arith.addi %key_bytes, %value_bytes : index
  %bytes = arith.muli %both, %heads : index
  return %bytes : index
}

// Where a sequence begins, and where its window does.
func.func @resq.def.group_sequence(%sequence: index, %capacity: index, %heads: index, %size: index,
    %window: index, %token_bytes: index) -> (index, index) {
  %c2 = arith.constant 2 : index
  %tokens = arith.muli %capacity, %token_bytes : index
  %key = arith.muli %size, %c2 : index
  %slot = arith.muli %key, %heads : index
  %window_bytes = arith.muli %slot, %window : index
  %all = arith.addi %tokens, %window_bytes : index
  %base = arith.muli %sequence, %all : index
  %window_at = arith.addi %base, %tokens : index
  return %base, %window_at : index, index
}

// Byte of the exact key of (position, head).
func.func @resq.def.group_exact_at(%window_at: index, %position: index, %window: index, %heads: index,
    %head: index, %size: index) -> index {
  %c2 = arith.constant 2 : index
  %slot = arith.remui %position, %window : index
  %first = arith.muli %slot, %heads : index
  %vector = arith.addi %first, %head : index
  %bytes = arith.muli %size, %c2 : index
  %offset = arith.muli %vector, %bytes : index
  %at = arith.addi %window_at, %offset : index
  return %at : index
}

// Element i of the exact key at byte `at`.
func.func @resq.def.group_exact(%cache: memref<?xi8>, %at: index, %i: index) -> f32 {
  %c2 = arith.constant 2 : index
  %offset = arith.muli %i, %c2 : index
  %place = arith.addi %at, %offset : index
  %e = func.call @resq.def.load_half(%cache, %place) : (memref<?xi8>, index) -> f32
  return %e : f32
}

//===-- Append ------------------------------------------------------------===//

// 1 where a channel is an outlier of the group whose first token's position is given: the `outliers` of the
// largest sums of squares over the group, tokens rising, lower channels first among equals. Sums are above 0, so
// that their bits order as they do.
func.func @resq.def.group_outliers(%cache: memref<?xi8>, %window_at: index, %first: index, %window: index,
    %heads: index, %head: index, %size: index, %outliers: index) -> tensor<?xi32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  %none = arith.constant 0 : i32
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty(%size) : tensor<?xi32>
  %squares = scf.for %i = %c0 to %size step %c1 iter_args(%v = %empty) -> (tensor<?xi32>) {
    %sum = scf.for %t = %c0 to %c32 step %c1 iter_args(%s = %zero) -> (f32) {
      %position = arith.addi %first, %t : index
      %at = func.call @resq.def.group_exact_at(%window_at, %position, %window, %heads, %head, %size)
          : (index, index, index, index, index, index) -> index
      %e = func.call @resq.def.group_exact(%cache, %at, %i) : (memref<?xi8>, index, index) -> f32
      %square = arith.mulf %e, %e : f32
      %next = arith.addf %s, %square : f32
      scf.yield %next : f32
    }
    %bits = arith.bitcast %sum : f32 to i32
    %set = tensor.insert %bits into %v[%i] : tensor<?xi32>
    scf.yield %set : tensor<?xi32>
  }
  %apart_init = tensor.empty(%size) : tensor<?xi32>
  %apart = scf.for %i = %c0 to %size step %c1 iter_args(%v = %apart_init) -> (tensor<?xi32>) {
    %mine = tensor.extract %squares[%i] : tensor<?xi32>
    %before = scf.for %j = %c0 to %size step %c1 iter_args(%n = %none) -> (i32) {
      %other = tensor.extract %squares[%j] : tensor<?xi32>
      %larger = arith.cmpi ugt, %other, %mine : i32
      %equal = arith.cmpi eq, %other, %mine : i32
      %lower = arith.cmpi ult, %j, %i : index
      %first_of_equals = arith.andi %equal, %lower : i1
      %counts = arith.ori %larger, %first_of_equals : i1
      %step = arith.extui %counts : i1 to i32
      %next = arith.addi %n, %step : i32
      scf.yield %next : i32
    }
    %most = arith.index_cast %outliers : index to i32
    %is_apart = arith.cmpi ult, %before, %most : i32
    %flag = arith.extui %is_apart : i1 to i32
    %set = tensor.insert %flag into %v[%i] : tensor<?xi32>
    scf.yield %set : tensor<?xi32>
  }
  return %apart : tensor<?xi32>
}

// The channels of the exact key at byte `at` whose flag is `wanted`, the others zero: a row.
func.func @resq.def.group_part(%cache: memref<?xi8>, %at: index, %size: index, %apart: tensor<?xi32>,
    %wanted: i32) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty(%c1, %size) : tensor<?x?xf32>
  %part = scf.for %i = %c0 to %size step %c1 iter_args(%v = %empty) -> (tensor<?x?xf32>) {
    %e = func.call @resq.def.group_exact(%cache, %at, %i) : (memref<?xi8>, index, index) -> f32
    %flag = tensor.extract %apart[%i] : tensor<?xi32>
    %stays = arith.cmpi eq, %flag, %wanted : i32
    %kept = arith.select %stays, %e, %zero : f32
    %set = tensor.insert %kept into %v[%c0, %i] : tensor<?x?xf32>
    scf.yield %set : tensor<?x?xf32>
  }
  return %part : tensor<?x?xf32>
}

// The group that ends with position `last`, from the window to its keys' codes.
func.func @resq.def.kv_code_group(%cache: memref<?xi8>, %base: index, %window_at: index, %last: index,
    %heads: index, %head: index, %size: index, %sketch: tensor<?x?xf32>, %token_bytes: index, %key_bytes: index,
    %rows: index, %outliers: index, %outlier_rows: index, %window: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c31 = arith.constant 31 : index
  %c32 = arith.constant 32 : index
  %none = arith.constant 0 : i32
  %one = arith.constant 1 : i32
  %first = arith.subi %last, %c31 : index
  %apart = func.call @resq.def.group_outliers(%cache, %window_at, %first, %window, %heads, %head, %size, %outliers)
      : (memref<?xi8>, index, index, index, index, index, index, index) -> tensor<?xi32>
  %in_bytes = func.call @resq.def.bytes_of_bits(%rows) : (index) -> index
  %out_bytes = func.call @resq.def.bytes_of_bits(%outlier_rows) : (index) -> index
  %sign_bytes = func.call @resq.def.group_sign_bytes(%rows, %outlier_rows) : (index, index) -> index
  %share = func.call @resq.def.group_share(%outliers) : (index) -> index
  %head_offset = arith.muli %head, %key_bytes : index
  %first_offset = arith.muli %first, %token_bytes : index
  %group_at = arith.addi %base, %first_offset : index
  %group_head = arith.addi %group_at, %head_offset : index

  %found = scf.for %i = %c0 to %size step %c1 iter_args(%n = %c0) -> (index) {
    %flag = tensor.extract %apart[%i] : tensor<?xi32>
    %is_apart = arith.cmpi eq, %flag, %one : i32
    scf.if %is_apart {
      %token = arith.divui %n, %share : index
      %byte = arith.remui %n, %share : index
      %token_offset = arith.muli %token, %token_bytes : index
      %token_at = arith.addi %group_head, %token_offset : index
      %indices = arith.addi %token_at, %sign_bytes : index
      %at = arith.addi %indices, %byte : index
      %i_i32 = arith.index_cast %i : index to i32
      %index = arith.trunci %i_i32 : i32 to i8
      memref.store %index, %cache[%at] : memref<?xi8>
    }
    %flag_index = arith.index_cast %flag : i32 to index
    %next = arith.addi %n, %flag_index : index
    scf.yield %next : index
  }

  scf.for %t = %c0 to %c32 step %c1 {
    %position = arith.addi %first, %t : index
    %exact_at = func.call @resq.def.group_exact_at(%window_at, %position, %window, %heads, %head, %size)
        : (index, index, index, index, index, index) -> index
    %token_offset = arith.muli %t, %token_bytes : index
    %in_at = arith.addi %group_head, %token_offset : index
    %out_at = arith.addi %in_at, %in_bytes : index
    %in_norm = arith.addi %out_at, %out_bytes : index
    %out_norm = arith.addi %in_norm, %c2 : index
    %inliers = func.call @resq.def.group_part(%cache, %exact_at, %size, %apart, %none)
        : (memref<?xi8>, index, index, tensor<?xi32>, i32) -> tensor<?x?xf32>
    func.call @resq.def.kv_store_signs(%cache, %in_at, %in_norm, %inliers, %c0, %c0, %size, %sketch, %rows)
        : (memref<?xi8>, index, index, tensor<?x?xf32>, index, index, index, tensor<?x?xf32>, index) -> ()
    %others = func.call @resq.def.group_part(%cache, %exact_at, %size, %apart, %one)
        : (memref<?xi8>, index, index, tensor<?xi32>, i32) -> tensor<?x?xf32>
    func.call @resq.def.kv_store_signs(%cache, %out_at, %out_norm, %others, %c0, %c0, %size, %sketch, %outlier_rows)
        : (memref<?xi8>, index, index, tensor<?x?xf32>, index, index, index, tensor<?x?xf32>, index) -> ()
  }
  return
}

// Row r's keys to the window and its values to positions[r] of sequences[r]; then the groups that end in a row are coded.
func.func @resq.def.kv_append_groups(%keys: tensor<?x?xf32>, %values: tensor<?x?xf32>,
    %positions: tensor<?xi32>, %sequences: tensor<?xi32>, %sketch: tensor<?x?xf32>,
    %cache: memref<?xi8>, %capacity: index, %size: index, %rows: index, %outliers: index, %outlier_rows: index,
    %buffer: index, %window: index, %v_kind: index, %v_bits: index, %v_high: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %true = arith.constant true
  %false = arith.constant false
  %c31 = arith.constant 31 : index
  %c32 = arith.constant 32 : index
  %count = tensor.dim %keys, %c0 : tensor<?x?xf32>
  %width = tensor.dim %keys, %c1 : tensor<?x?xf32>
  %heads = arith.divui %width, %size : index
  %sign_bytes = func.call @resq.def.group_sign_bytes(%rows, %outlier_rows) : (index, index) -> index
  %share = func.call @resq.def.group_share(%outliers) : (index) -> index
  %k_bytes = arith.addi %sign_bytes, %share : index
  %v_bytes = func.call @resq.def.kv_vector_bytes(%size, %v_kind, %v_bits, %v_high, %c0)
      : (index, index, index, index, index) -> index
  %token_bytes = func.call @resq.def.group_token_bytes(%heads, %k_bytes, %v_bytes) : (index, index, index) -> index
  %all_keys = arith.muli %k_bytes, %heads : index
  scf.for %r = %c0 to %count step %c1 {
    %position_i32 = tensor.extract %positions[%r] : tensor<?xi32>
    %sequence_i32 = tensor.extract %sequences[%r] : tensor<?xi32>
    %position = arith.index_cast %position_i32 : i32 to index
    %sequence = arith.index_cast %sequence_i32 : i32 to index
    %base, %window_at = func.call @resq.def.group_sequence(%sequence, %capacity, %heads, %size, %window, %token_bytes)
        : (index, index, index, index, index, index) -> (index, index)
    %token_offset = arith.muli %position, %token_bytes : index
    %token_at = arith.addi %base, %token_offset : index
    %v_base = arith.addi %token_at, %all_keys : index
    scf.for %h = %c0 to %heads step %c1 {
      %begin = arith.muli %h, %size : index
      %v_offset = arith.muli %h, %v_bytes : index
      %v_at = arith.addi %v_base, %v_offset : index
      %exact_at = func.call @resq.def.group_exact_at(%window_at, %position, %window, %heads, %h, %size)
          : (index, index, index, index, index, index) -> index
      // kind 1: f16
      func.call @resq.def.kv_store(%cache, %exact_at, %keys, %r, %begin, %size, %sketch, %c1, %c0, %c0, %c0, %true)
          : (memref<?xi8>, index, tensor<?x?xf32>, index, index, index, tensor<?x?xf32>, index, index, index,
             index, i1) -> ()
      func.call @resq.def.kv_store(%cache, %v_at, %values, %r, %begin, %size, %sketch, %v_kind, %v_bits, %v_high, %c0, %false)
          : (memref<?xi8>, index, tensor<?x?xf32>, index, index, index, tensor<?x?xf32>, index, index, index,
             index, i1) -> ()
    }
  }
  scf.for %r = %c0 to %count step %c1 {
    %position_i32 = tensor.extract %positions[%r] : tensor<?xi32>
    %sequence_i32 = tensor.extract %sequences[%r] : tensor<?xi32>
    %position = arith.index_cast %position_i32 : i32 to index
    %sequence = arith.index_cast %sequence_i32 : i32 to index
    %base, %window_at = func.call @resq.def.group_sequence(%sequence, %capacity, %heads, %size, %window, %token_bytes)
        : (index, index, index, index, index, index) -> (index, index)
    %inside = arith.remui %position, %c32 : index
    %ends = arith.cmpi eq, %inside, %c31 : index
    scf.if %ends {
      scf.for %h = %c0 to %heads step %c1 {
        func.call @resq.def.kv_code_group(%cache, %base, %window_at, %position, %heads, %h, %size, %sketch,
            %token_bytes, %k_bytes, %rows, %outliers, %outlier_rows, %window)
            : (memref<?xi8>, index, index, index, index, index, index, tensor<?x?xf32>, index, index, index, index,
               index, index) -> ()
      }
    }
  }
  return
}

//===-- Attention ---------------------------------------------------------===//

// q[row, begin ..< begin + size] where a channel is an outlier of the group whose indices begin at byte `indices` (wanted 1),
// or is none (0), the others zero.
func.func @resq.def.group_query(%q: tensor<?x?xf32>, %row: index, %begin: index, %size: index, %cache: memref<?xi8>,
    %indices: index, %token_bytes: index, %outliers: index, %share: index, %wanted: i32) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %none = arith.constant 0 : i32
  %one = arith.constant 1 : i32
  %empty = tensor.empty(%c1, %size) : tensor<?x?xf32>
  %part = scf.for %i = %c0 to %size step %c1 iter_args(%v = %empty) -> (tensor<?x?xf32>) {
    %i_i32 = arith.index_cast %i : index to i32
    %apart = scf.for %o = %c0 to %outliers step %c1 iter_args(%so_far = %none) -> (i32) {
      %token = arith.divui %o, %share : index
      %byte = arith.remui %o, %share : index
      %token_offset = arith.muli %token, %token_bytes : index
      %token_at = arith.addi %indices, %token_offset : index
      %at = arith.addi %token_at, %byte : index
      %stored = memref.load %cache[%at] : memref<?xi8>
      %index = arith.extui %stored : i8 to i32
      %is_this = arith.cmpi eq, %index, %i_i32 : i32
      %next = arith.select %is_this, %one, %so_far : i32
      scf.yield %next : i32
    }
    %column = arith.addi %begin, %i : index
    %e = tensor.extract %q[%row, %column] : tensor<?x?xf32>
    %stays = arith.cmpi eq, %apart, %wanted : i32
    %kept = arith.select %stays, %e, %zero : f32
    %set = tensor.insert %kept into %v[%c0, %i] : tensor<?x?xf32>
    scf.yield %set : tensor<?x?xf32>
  }
  return %part : tensor<?x?xf32>
}

// As resq.def.attention, where the row at position p reads token t exactly when t >= buffer * floor((p + 1) / buffer), else by
// signs, with the sketches of q's inliers and outliers in the token's group.
func.func @resq.def.attention_groups(%q: tensor<?x?xf32>, %positions: tensor<?xi32>,
    %sequences: tensor<?xi32>, %sketch: tensor<?x?xf32>, %cache: memref<?xi8>, %capacity: index, %scale: f32,
    %kv_heads: index, %size: index, %rows: index, %outliers: index, %outlier_rows: index,
    %buffer: index, %window: index, %v_kind: index, %v_bits: index, %v_high: index) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c32 = arith.constant 32 : index
  %none = arith.constant 0 : i32
  %one = arith.constant 1 : i32
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %count_rows = tensor.dim %q, %c0 : tensor<?x?xf32>
  %width = tensor.dim %q, %c1 : tensor<?x?xf32>
  %heads = arith.divui %width, %size : index
  %shared = arith.divui %heads, %kv_heads : index
  %in_bytes = func.call @resq.def.bytes_of_bits(%rows) : (index) -> index
  %out_bytes = func.call @resq.def.bytes_of_bits(%outlier_rows) : (index) -> index
  %sign_bytes = func.call @resq.def.group_sign_bytes(%rows, %outlier_rows) : (index, index) -> index
  %share = func.call @resq.def.group_share(%outliers) : (index) -> index
  %k_bytes = arith.addi %sign_bytes, %share : index
  %v_bytes = func.call @resq.def.kv_vector_bytes(%size, %v_kind, %v_bits, %v_high, %c0)
      : (index, index, index, index, index) -> index
  %token_bytes = func.call @resq.def.group_token_bytes(%kv_heads, %k_bytes, %v_bytes)
      : (index, index, index) -> index
  %all_keys = arith.muli %k_bytes, %kv_heads : index
  %init = tensor.empty(%count_rows, %width) : tensor<?x?xf32>
  %y = scf.for %r = %c0 to %count_rows step %c1 iter_args(%y_r = %init) -> (tensor<?x?xf32>) {
    %position_i32 = tensor.extract %positions[%r] : tensor<?xi32>
    %sequence_i32 = tensor.extract %sequences[%r] : tensor<?xi32>
    %position = arith.index_cast %position_i32 : i32 to index
    %sequence = arith.index_cast %sequence_i32 : i32 to index
    %count = arith.addi %position, %c1 : index
    %flushes = arith.divui %count, %buffer : index
    %flushed = arith.muli %flushes, %buffer : index
    %base, %window_at = func.call @resq.def.group_sequence(%sequence, %capacity, %kv_heads, %size, %window, %token_bytes)
        : (index, index, index, index, index, index) -> (index, index)
    %y_heads = scf.for %h = %c0 to %heads step %c1 iter_args(%y_h = %y_r) -> (tensor<?x?xf32>) {
      %begin = arith.muli %h, %size : index
      %kv_head = arith.divui %h, %shared : index
      %k_offset = arith.muli %kv_head, %k_bytes : index
      %v_offset_head = arith.muli %kv_head, %v_bytes : index
      %v_offset = arith.addi %all_keys, %v_offset_head : index
      %keys_at = arith.addi %base, %k_offset : index

      %scores_init = tensor.empty(%count) : tensor<?xf32>
      %coded_scores = scf.for %g = %c0 to %flushed step %c32 iter_args(%s_g = %scores_init) -> (tensor<?xf32>) {
        %group_offset = arith.muli %g, %token_bytes : index
        %group_at = arith.addi %keys_at, %group_offset : index
        %indices = arith.addi %group_at, %sign_bytes : index
        %q_in = func.call @resq.def.group_query(%q, %r, %begin, %size, %cache, %indices, %token_bytes, %outliers, %share, %none)
            : (tensor<?x?xf32>, index, index, index, memref<?xi8>, index, index, index, index, i32) -> tensor<?x?xf32>
        %q_out = func.call @resq.def.group_query(%q, %r, %begin, %size, %cache, %indices, %token_bytes, %outliers, %share, %one)
            : (tensor<?x?xf32>, index, index, index, memref<?xi8>, index, index, index, index, i32) -> tensor<?x?xf32>
        %in_sketched = func.call @resq.def.kv_sketch_query(%q_in, %c0, %c0, %size, %sketch, %rows)
            : (tensor<?x?xf32>, index, index, index, tensor<?x?xf32>, index) -> tensor<?xf32>
        %out_sketched = func.call @resq.def.kv_sketch_query(%q_out, %c0, %c0, %size, %sketch, %outlier_rows)
            : (tensor<?x?xf32>, index, index, index, tensor<?x?xf32>, index) -> tensor<?xf32>
        %s_group = scf.for %i = %c0 to %c32 step %c1 iter_args(%s_i = %s_g) -> (tensor<?xf32>) {
          %t = arith.addi %g, %i : index
          %token_offset = arith.muli %t, %token_bytes : index
          %in_at = arith.addi %keys_at, %token_offset : index
          %out_at = arith.addi %in_at, %in_bytes : index
          %in_norm = arith.addi %out_at, %out_bytes : index
          %out_norm = arith.addi %in_norm, %c2 : index
          %in = func.call @resq.def.kv_sign_score(%cache, %in_at, %in_norm, %in_sketched, %rows)
              : (memref<?xi8>, index, index, tensor<?xf32>, index) -> f32
          %out = func.call @resq.def.kv_sign_score(%cache, %out_at, %out_norm, %out_sketched, %outlier_rows)
              : (memref<?xi8>, index, index, tensor<?xf32>, index) -> f32
          %dot = arith.addf %in, %out : f32
          %score = arith.mulf %scale, %dot : f32
          %set = tensor.insert %score into %s_i[%t] : tensor<?xf32>
          scf.yield %set : tensor<?xf32>
        }
        scf.yield %s_group : tensor<?xf32>
      }
      %scores = scf.for %t = %flushed to %count step %c1 iter_args(%s_t = %coded_scores) -> (tensor<?xf32>) {
        %exact_at = func.call @resq.def.group_exact_at(%window_at, %t, %window, %kv_heads, %kv_head, %size)
            : (index, index, index, index, index, index) -> index
        %dot = scf.for %d = %c0 to %size step %c1 iter_args(%sum = %zero) -> (f32) {
          %column = arith.addi %begin, %d : index
          %a = tensor.extract %q[%r, %column] : tensor<?x?xf32>
          %b = func.call @resq.def.group_exact(%cache, %exact_at, %d) : (memref<?xi8>, index, index) -> f32
          %p = arith.mulf %a, %b : f32
          %next = arith.addf %sum, %p : f32
          scf.yield %next : f32
        }
        %score = arith.mulf %scale, %dot : f32
        %set = tensor.insert %score into %s_t[%t] : tensor<?xf32>
        scf.yield %set : tensor<?xf32>
      }

      %most = scf.for %t = %c0 to %count step %c1 iter_args(%so_far = %lowest) -> (f32) {
        %score = tensor.extract %scores[%t] : tensor<?xf32>
        %next = arith.maxnumf %score, %so_far : f32
        scf.yield %next : f32
      }
      %powers, %total = scf.for %t = %c0 to %count step %c1
          iter_args(%p_t = %scores, %sum = %zero) -> (tensor<?xf32>, f32) {
        %score = tensor.extract %p_t[%t] : tensor<?xf32>
        %below = arith.subf %score, %most : f32
        %power = math.exp %below : f32
        %p_next = tensor.insert %power into %p_t[%t] : tensor<?xf32>
        %next = arith.addf %sum, %power : f32
        scf.yield %p_next, %next : tensor<?xf32>, f32
      }
      %y_elements = scf.for %d = %c0 to %size step %c1 iter_args(%y_d = %y_h) -> (tensor<?x?xf32>) {
        %mix = scf.for %t = %c0 to %count step %c1 iter_args(%sum = %zero) -> (f32) {
          %token_offset = arith.muli %t, %token_bytes : index
          %token_at = arith.addi %base, %token_offset : index
          %v_at = arith.addi %token_at, %v_offset : index
          %power = tensor.extract %powers[%t] : tensor<?xf32>
          %share_of = arith.divf %power, %total : f32
          %v = func.call @resq.def.kv_load(%cache, %v_at, %d, %size, %v_kind, %v_bits, %v_high, %c0)
              : (memref<?xi8>, index, index, index, index, index, index, index) -> f32
          %p = arith.mulf %share_of, %v : f32
          %next = arith.addf %sum, %p : f32
          scf.yield %next : f32
        }
        %column = arith.addi %begin, %d : index
        %y_next = tensor.insert %mix into %y_d[%r, %column] : tensor<?x?xf32>
        scf.yield %y_next : tensor<?x?xf32>
      }
      scf.yield %y_elements : tensor<?x?xf32>
    }
    scf.yield %y_heads : tensor<?x?xf32>
  }
  return %y : tensor<?x?xf32>
}
