//===-- cache.mlir - key/value caches: codes and attention ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A cache is bytes; the order of a vector's bytes is private to these definitions
// (kernels have their own), its codes and size are not. Token t of sequence s
// begins at (s * capacity + t) * bytes per token: keys of all heads, then values.
// A vector of kind 0 (f32) or 1 (f16) holds its elements, little endian. The others
// hold codes of the low part as a stream of bits, a byte for each high element, then
// what the parts are scaled by:
// kind 2 (int): f16 scale and u8 zero point. Kind 3 (lm): f16 scale. Kind 4 (qjl): f16
// norm. Then, if there is a high part, its f16 scale and u8 zero point.
//
// The scf loops keep the order of effects; `kind`, `bits`, `high`, `rows` are constants in
// every use, so that the branches on them fold.
//===----------------------------------------------------------------------===//

// Bytes of the low codes of a vector: (size - high) * bits, or `rows` signs, in whole bytes.
func.func @resq.def.kv_low_bytes(%size: index, %kind: index, %bits: index, %high: index, %rows: index) -> index {
  %c4 = arith.constant 4 : index
  %c7 = arith.constant 7 : index
  %c8 = arith.constant 8 : index
  %low = arith.subi %size, %high : index
  %code_bits = arith.muli %low, %bits : index
  %is_qjl = arith.cmpi eq, %kind, %c4 : index
  %low_bits = arith.select %is_qjl, %rows, %code_bits : index
  %above = arith.addi %low_bits, %c7 : index
  %bytes = arith.divui %above, %c8 : index
  return %bytes : index
}

// Bytes of the low part's scale, and of its zero point if it has one.
func.func @resq.def.kv_scale_bytes(%kind: index) -> index {
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %is_int = arith.cmpi eq, %kind, %c2 : index
  %bytes = arith.select %is_int, %c3, %c2 : index
  return %bytes : index
}

func.func @resq.def.kv_vector_bytes(%size: index, %kind: index, %bits: index, %high: index, %rows: index) -> index {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %as_f32 = arith.muli %size, %c4 : index
  %as_f16 = arith.muli %size, %c2 : index
  %low = func.call @resq.def.kv_low_bytes(%size, %kind, %bits, %high, %rows)
      : (index, index, index, index, index) -> index
  %codes = arith.addi %low, %high : index
  %low_scale = func.call @resq.def.kv_scale_bytes(%kind) : (index) -> index
  %has_high = arith.cmpi ne, %high, %c0 : index
  %high_scale = arith.select %has_high, %c3, %c0 : index
  %scales = arith.addi %low_scale, %high_scale : index
  %coded = arith.addi %codes, %scales : index
  %is_f32 = arith.cmpi eq, %kind, %c0 : index
  %is_f16 = arith.cmpi eq, %kind, %c1 : index
  %float = arith.select %is_f32, %as_f32, %as_f16 : index
  %is_float = arith.ori %is_f32, %is_f16 : i1
  %bytes = arith.select %is_float, %float, %coded : index
  return %bytes : index
}

//===-- Bytes -------------------------------------------------------------===//

func.func @resq.def.load_i16(%cache: memref<?xi8>, %at: index) -> i16 {
  %c1 = arith.constant 1 : index
  %eight = arith.constant 8 : i16
  %next = arith.addi %at, %c1 : index
  %a = memref.load %cache[%at] : memref<?xi8>
  %b = memref.load %cache[%next] : memref<?xi8>
  %low = arith.extui %a : i8 to i16
  %wide = arith.extui %b : i8 to i16
  %high = arith.shli %wide, %eight : i16
  %value = arith.ori %low, %high : i16
  return %value : i16
}

func.func @resq.def.load_half(%cache: memref<?xi8>, %at: index) -> f32 {
  %bits = func.call @resq.def.load_i16(%cache, %at) : (memref<?xi8>, index) -> i16
  %half = arith.bitcast %bits : i16 to f16
  %value = arith.extf %half : f16 to f32
  return %value : f32
}

func.func @resq.def.store_i16(%cache: memref<?xi8>, %at: index, %value: i16) {
  %c1 = arith.constant 1 : index
  %eight = arith.constant 8 : i16
  %next = arith.addi %at, %c1 : index
  %shifted = arith.shrui %value, %eight : i16
  %a = arith.trunci %value : i16 to i8
  %b = arith.trunci %shifted : i16 to i8
  memref.store %a, %cache[%at] : memref<?xi8>
  memref.store %b, %cache[%next] : memref<?xi8>
  return
}

// Code i of a stream of codes of `bits` bits from byte `codes` on: bit b at bit i * bits + b.
func.func @resq.def.kv_load_code(%cache: memref<?xi8>, %codes: index, %i: index, %bits: index) -> i32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0 : i32
  %one = arith.constant 1 : i32
  %first_bit = arith.muli %i, %bits : index
  %code = scf.for %b = %c0 to %bits step %c1 iter_args(%so_far = %zero) -> (i32) {
    %position = arith.addi %first_bit, %b : index
    %byte = arith.divui %position, %c8 : index
    %inside_byte = arith.remui %position, %c8 : index
    %at = arith.addi %codes, %byte : index
    %stored = memref.load %cache[%at] : memref<?xi8>
    %wide = arith.extui %stored : i8 to i32
    %inside_i32 = arith.index_cast %inside_byte : index to i32
    %shifted = arith.shrui %wide, %inside_i32 : i32
    %bit = arith.andi %shifted, %one : i32
    %b_i32 = arith.index_cast %b : index to i32
    %placed = arith.shli %bit, %b_i32 : i32
    %next = arith.ori %so_far, %placed : i32
    scf.yield %next : i32
  }
  return %code : i32
}

// Code i, into bytes that are zero where no earlier code stands.
func.func @resq.def.kv_store_code(%cache: memref<?xi8>, %codes: index, %i: index, %bits: index, %code: i32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %one = arith.constant 1 : i32
  %first_bit = arith.muli %i, %bits : index
  scf.for %b = %c0 to %bits step %c1 {
    %b_i32 = arith.index_cast %b : index to i32
    %shifted = arith.shrui %code, %b_i32 : i32
    %bit = arith.andi %shifted, %one : i32
    %position = arith.addi %first_bit, %b : index
    %byte = arith.divui %position, %c8 : index
    %inside_byte = arith.remui %position, %c8 : index
    %inside_i32 = arith.index_cast %inside_byte : index to i32
    %placed = arith.shli %bit, %inside_i32 : i32
    %placed_byte = arith.trunci %placed : i32 to i8
    %at = arith.addi %codes, %byte : index
    %old = memref.load %cache[%at] : memref<?xi8>
    %new = arith.ori %old, %placed_byte : i8
    memref.store %new, %cache[%at] : memref<?xi8>
  }
  return
}

// Zeroes the bytes of `count` codes.
func.func @resq.def.kv_clear_codes(%cache: memref<?xi8>, %codes: index, %count: index, %bits: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c7 = arith.constant 7 : index
  %c8 = arith.constant 8 : index
  %zero_byte = arith.constant 0 : i8
  %total_bits = arith.muli %count, %bits : index
  %bits_above = arith.addi %total_bits, %c7 : index
  %bytes = arith.divui %bits_above, %c8 : index
  scf.for %i = %c0 to %bytes step %c1 {
    %at = arith.addi %codes, %i : index
    memref.store %zero_byte, %cache[%at] : memref<?xi8>
  }
  return
}

//===-- Lloyd-Max codes and signs -----------------------------------------===//

// Centroids that minimise the mean square error of N(0, 1), by code; 16 places a number of bits from 1 on.
func.func @resq.def.lm_centroid(%bits: index, %code: i32) -> f32 {
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %table = arith.constant dense<[
      -0.797884561, 0.797884561, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
      -1.51041761, -0.452780035, 0.452780035, 1.51041761, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
      -2.1519457, -1.34390928, -0.756005281, -0.245094179, 0.245094179, 0.756005281, 1.34390928, 2.1519457,
      0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
      -2.73258957, -2.06901723, -1.61804639, -1.2562312, -0.942340456, -0.656759119, -0.388048299, -0.12839503,
      0.12839503, 0.388048299, 0.656759119, 0.942340456, 1.2562312, 1.61804639, 2.06901723, 2.73258957
      ]> : tensor<64xf32>
  %row = arith.subi %bits, %c1 : index
  %begin = arith.muli %row, %c16 : index
  %place = arith.index_cast %code : i32 to index
  %at = arith.addi %begin, %place : index
  %centroid = tensor.extract %table[%at] : tensor<64xf32>
  return %centroid : f32
}

// Threshold j >= 0 above zero, half way between two centroids; 8 places a number of bits.
func.func @resq.def.lm_threshold(%bits: index, %j: index) -> f32 {
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %table = arith.constant dense<[
      0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
      0.981598822, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
      0.50054973, 1.04995728, 1.74792749, 0.0, 0.0, 0.0, 0.0, 0.0,
      0.258221665, 0.522403709, 0.799549788, 1.09928583, 1.43713879, 1.84353181, 2.4008034, 0.0
      ]> : tensor<32xf32>
  %row = arith.subi %bits, %c1 : index
  %begin = arith.muli %row, %c8 : index
  %at = arith.addi %begin, %j : index
  %threshold = tensor.extract %table[%at] : tensor<32xf32>
  return %threshold : f32
}

// Partial sum `lane` of 16, `e` added.
func.func @resq.def.add_to_lane(%lanes: tensor<16xf32>, %i: index, %e: f32) -> tensor<16xf32> {
  %c16 = arith.constant 16 : index
  %lane = arith.remui %i, %c16 : index
  %old = tensor.extract %lanes[%lane] : tensor<16xf32>
  %sum = arith.addf %old, %e : f32
  %new = tensor.insert %sum into %lanes[%lane] : tensor<16xf32>
  return %new : tensor<16xf32>
}

// The total of 16 partial sums: j and j + 8 are added, then j and j + 4, j and j + 2, j and j + 1.
func.func @resq.def.fold_lanes(%lanes: tensor<16xf32>) -> f32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %folded = scf.for %s = %c0 to %c4 step %c1 iter_args(%v = %lanes) -> (tensor<16xf32>) {
    %width = arith.shrui %c8, %s : index
    %next = scf.for %j = %c0 to %width step %c1 iter_args(%w = %v) -> (tensor<16xf32>) {
      %other = arith.addi %j, %width : index
      %a = tensor.extract %w[%j] : tensor<16xf32>
      %b = tensor.extract %w[%other] : tensor<16xf32>
      %sum = arith.addf %a, %b : f32
      %set = tensor.insert %sum into %w[%j] : tensor<16xf32>
      scf.yield %set : tensor<16xf32>
    }
    scf.yield %next : tensor<16xf32>
  }
  %total = tensor.extract %folded[%c0] : tensor<16xf32>
  return %total : f32
}

// The squared norm of x[row, begin ..< begin + count]: element i in partial sum i mod 16.
func.func @resq.def.sum_squares(%x: tensor<?x?xf32>, %row: index, %begin: index, %count: index) -> f32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zeros = arith.constant dense<0.0> : tensor<16xf32>
  %lanes = scf.for %i = %c0 to %count step %c1 iter_args(%v = %zeros) -> (tensor<16xf32>) {
    %column = arith.addi %begin, %i : index
    %e = tensor.extract %x[%row, %column] : tensor<?x?xf32>
    %square = arith.mulf %e, %e : f32
    %next = func.call @resq.def.add_to_lane(%v, %i, %square) : (tensor<16xf32>, index, f32) -> tensor<16xf32>
    scf.yield %next : tensor<16xf32>
  }
  %total = func.call @resq.def.fold_lanes(%lanes) : (tensor<16xf32>) -> f32
  return %total : f32
}

// A scale or norm in f16 at byte `at`; NaN and what is below zero as 0, infinity as the largest number.
func.func @resq.def.store_finite_half(%cache: memref<?xi8>, %at: index, %value: f32) {
  %zero = arith.constant 0.0 : f32
  %largest = arith.constant 65504.0 : f32
  %above = arith.maxnumf %value, %zero : f32
  %finite = arith.minnumf %above, %largest : f32
  %half = arith.truncf %finite : f32 to f16
  %bits = arith.bitcast %half : f16 to i16
  func.call @resq.def.store_i16(%cache, %at, %bits) : (memref<?xi8>, index, i16) -> ()
  return
}

// Lloyd-Max codes of x[row, begin ..< begin + count], `bits` each, from byte `codes` on, and their f16 scale.
// r = |x| / sqrt(count). Of magnitude m (how many thresholds times r are below |e|), e has code 2^(bits-1) + m,
// below zero 2^(bits-1) - 1 - m. With c the centroids of the codes, a key's scale is |x|^2 / <x, c>: <x, scale c> = |x|^2,
// so that <q, scale c> is <q, x> in the mean over random rotations of both (EDEN, Vargaftik et al., ICML 2022). A value's
// is <x, c> / <c, c>: the least squared error.
func.func @resq.def.kv_store_lm(%cache: memref<?xi8>, %codes: index, %scale_at: index,
    %x: tensor<?x?xf32>, %row: index, %begin: index, %count: index, %bits: index, %is_key: i1) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %none = arith.constant 0 : i32
  %one = arith.constant 1 : i32
  %zeros = arith.constant dense<0.0> : tensor<16xf32>
  %squares = func.call @resq.def.sum_squares(%x, %row, %begin, %count)
      : (tensor<?x?xf32>, index, index, index) -> f32
  %count_i32 = arith.index_cast %count : index to i32
  %count_f32 = arith.sitofp %count_i32 : i32 to f32
  %mean = arith.divf %squares, %count_f32 : f32
  %deviation = math.sqrt %mean : f32
  %lower_bits = arith.subi %bits, %c1 : index
  %half = arith.shli %c1, %lower_bits : index
  %thresholds = arith.subi %half, %c1 : index
  %half_i32 = arith.index_cast %half : index to i32
  %last_i32 = arith.subi %half_i32, %one : i32
  func.call @resq.def.kv_clear_codes(%cache, %codes, %count, %bits) : (memref<?xi8>, index, index, index) -> ()
  %lanes:2 = scf.for %i = %c0 to %count step %c1
      iter_args(%v = %zeros, %w = %zeros) -> (tensor<16xf32>, tensor<16xf32>) {
    %column = arith.addi %begin, %i : index
    %e = tensor.extract %x[%row, %column] : tensor<?x?xf32>
    %size = math.absf %e : f32
    %m = scf.for %j = %c0 to %thresholds step %c1 iter_args(%so_far = %none) -> (i32) {
      %threshold = func.call @resq.def.lm_threshold(%bits, %j) : (index, index) -> f32
      %scaled = arith.mulf %threshold, %deviation : f32
      %passed = arith.cmpf ogt, %size, %scaled : f32
      %step = arith.extui %passed : i1 to i32
      %next = arith.addi %so_far, %step : i32
      scf.yield %next : i32
    }
    %above = arith.addi %half_i32, %m : i32
    %below = arith.subi %last_i32, %m : i32
    %is_below = arith.cmpf olt, %e, %zero : f32
    %code = arith.select %is_below, %below, %above : i32
    func.call @resq.def.kv_store_code(%cache, %codes, %i, %bits, %code)
        : (memref<?xi8>, index, index, index, i32) -> ()
    %centroid = func.call @resq.def.lm_centroid(%bits, %code) : (index, i32) -> f32
    %product = arith.mulf %e, %centroid : f32
    %next = func.call @resq.def.add_to_lane(%v, %i, %product) : (tensor<16xf32>, index, f32) -> tensor<16xf32>
    %square = arith.mulf %centroid, %centroid : f32
    %next_square = func.call @resq.def.add_to_lane(%w, %i, %square) : (tensor<16xf32>, index, f32) -> tensor<16xf32>
    scf.yield %next, %next_square : tensor<16xf32>, tensor<16xf32>
  }
  %product = func.call @resq.def.fold_lanes(%lanes#0) : (tensor<16xf32>) -> f32
  %centroids = func.call @resq.def.fold_lanes(%lanes#1) : (tensor<16xf32>) -> f32
  %of_key = arith.divf %squares, %product : f32
  %of_value = arith.divf %product, %centroids : f32
  %scale = arith.select %is_key, %of_key, %of_value : f32
  func.call @resq.def.store_finite_half(%cache, %scale_at, %scale) : (memref<?xi8>, index, f32) -> ()
  return
}

// Signs of sketch times x[row, begin ..< begin + count], a bit each (1: above 0), and the norm of that part.
func.func @resq.def.kv_store_signs(%cache: memref<?xi8>, %codes: index, %norm_at: index,
    %x: tensor<?x?xf32>, %row: index, %begin: index, %count: index, %sketch: tensor<?x?xf32>, %rows: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  func.call @resq.def.kv_clear_codes(%cache, %codes, %rows, %c1) : (memref<?xi8>, index, index, index) -> ()
  scf.for %j = %c0 to %rows step %c1 {
    %dot = scf.for %i = %c0 to %count step %c1 iter_args(%sum = %zero) -> (f32) {
      %column = arith.addi %begin, %i : index
      %e = tensor.extract %x[%row, %column] : tensor<?x?xf32>
      %s = tensor.extract %sketch[%j, %i] : tensor<?x?xf32>
      %product = arith.mulf %s, %e : f32
      %next = arith.addf %sum, %product : f32
      scf.yield %next : f32
    }
    %is_above = arith.cmpf ogt, %dot, %zero : f32
    %code = arith.extui %is_above : i1 to i32
    func.call @resq.def.kv_store_code(%cache, %codes, %j, %c1, %code)
        : (memref<?xi8>, index, index, index, i32) -> ()
  }
  %squares = func.call @resq.def.sum_squares(%x, %row, %begin, %count)
      : (tensor<?x?xf32>, index, index, index) -> f32
  %norm = math.sqrt %squares : f32
  func.call @resq.def.store_finite_half(%cache, %norm_at, %norm) : (memref<?xi8>, index, f32) -> ()
  return
}

//===-- Append ------------------------------------------------------------===//

// The codes of x[row, begin ..< begin + count] in `bits` bits each: a stream of bits from byte `codes`,
// scale and zero point at byte `scale_at`. As resq.quantize, but the scale is rounded to f16 first, and kept
// from becoming zero or infinite there.
func.func @resq.def.kv_store_part(%cache: memref<?xi8>, %codes: index, %scale_at: index,
    %x: tensor<?x?xf32>, %row: index, %begin: index, %count: index, %bits: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %one = arith.constant 1 : i32
  %zero = arith.constant 0.0 : f32
  %least = arith.constant 1.0e-8 : f32
  %largest = arith.constant 65504.0 : f32
  %zero_f16 = arith.constant 0.0 : f16
  %least_f16 = arith.constant 0x0001 : f16
  %bits_i32 = arith.index_cast %bits : index to i32
  %levels = arith.shli %one, %bits_i32 : i32
  %top_i32 = arith.subi %levels, %one : i32
  %top = arith.sitofp %top_i32 : i32 to f32

  %lo, %hi = scf.for %i = %c0 to %count step %c1 iter_args(%l = %zero, %h = %zero) -> (f32, f32) {
    %column = arith.addi %begin, %i : index
    %e = tensor.extract %x[%row, %column] : tensor<?x?xf32>
    %next_l = arith.minnumf %e, %l : f32
    %next_h = arith.maxnumf %e, %h : f32
    scf.yield %next_l, %next_h : f32, f32
  }
  %range = arith.subf %hi, %lo : f32
  %step = arith.divf %range, %top : f32
  %wanted = arith.maxnumf %step, %least : f32
  %finite = arith.minnumf %wanted, %largest : f32
  %rounded_scale = arith.truncf %finite : f32 to f16
  %is_zero = arith.cmpf oeq, %rounded_scale, %zero_f16 : f16
  %scale_f16 = arith.select %is_zero, %least_f16, %rounded_scale : f16
  %scale = arith.extf %scale_f16 : f16 to f32
  %minus = arith.negf %lo : f32
  %z_quotient = arith.divf %minus, %scale : f32
  %z_rounded = math.roundeven %z_quotient : f32
  %z_above = arith.maxnumf %z_rounded, %zero : f32
  %z = arith.minnumf %z_above, %top : f32
  %z_i32 = arith.fptosi %z : f32 to i32
  %z_byte = arith.trunci %z_i32 : i32 to i8
  %scale_bits = arith.bitcast %scale_f16 : f16 to i16
  func.call @resq.def.store_i16(%cache, %scale_at, %scale_bits) : (memref<?xi8>, index, i16) -> ()
  %z_at = arith.addi %scale_at, %c2 : index
  memref.store %z_byte, %cache[%z_at] : memref<?xi8>

  func.call @resq.def.kv_clear_codes(%cache, %codes, %count, %bits) : (memref<?xi8>, index, index, index) -> ()
  scf.for %i = %c0 to %count step %c1 {
    %column = arith.addi %begin, %i : index
    %e = tensor.extract %x[%row, %column] : tensor<?x?xf32>
    %quotient = arith.divf %e, %scale : f32
    %rounded = math.roundeven %quotient : f32
    %sum = arith.addf %rounded, %z : f32
    %above = arith.maxnumf %sum, %zero : f32
    %inside = arith.minnumf %above, %top : f32
    %code = arith.fptosi %inside : f32 to i32
    func.call @resq.def.kv_store_code(%cache, %codes, %i, %bits, %code)
        : (memref<?xi8>, index, index, index, i32) -> ()
  }
  return
}

// x[row, begin ..< begin + size] to the vector at byte `base`.
func.func @resq.def.kv_store(%cache: memref<?xi8>, %base: index, %x: tensor<?x?xf32>, %row: index,
    %begin: index, %size: index, %sketch: tensor<?x?xf32>, %kind: index, %bits: index, %high: index,
    %rows: index, %is_key: i1) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %sixteen = arith.constant 16 : i32
  %is_f32 = arith.cmpi eq, %kind, %c0 : index
  scf.if %is_f32 {
    scf.for %i = %c0 to %size step %c1 {
      %column = arith.addi %begin, %i : index
      %e = tensor.extract %x[%row, %column] : tensor<?x?xf32>
      %word = arith.bitcast %e : f32 to i32
      %upper = arith.shrui %word, %sixteen : i32
      %a = arith.trunci %word : i32 to i16
      %b = arith.trunci %upper : i32 to i16
      %offset = arith.muli %i, %c4 : index
      %at = arith.addi %base, %offset : index
      %next = arith.addi %at, %c2 : index
      func.call @resq.def.store_i16(%cache, %at, %a) : (memref<?xi8>, index, i16) -> ()
      func.call @resq.def.store_i16(%cache, %next, %b) : (memref<?xi8>, index, i16) -> ()
    }
  }
  %is_f16 = arith.cmpi eq, %kind, %c1 : index
  scf.if %is_f16 {
    scf.for %i = %c0 to %size step %c1 {
      %column = arith.addi %begin, %i : index
      %e = tensor.extract %x[%row, %column] : tensor<?x?xf32>
      %half = arith.truncf %e : f32 to f16
      %word = arith.bitcast %half : f16 to i16
      %offset = arith.muli %i, %c2 : index
      %at = arith.addi %base, %offset : index
      func.call @resq.def.store_i16(%cache, %at, %word) : (memref<?xi8>, index, i16) -> ()
    }
  }
  %is_coded = arith.cmpi ugt, %kind, %c1 : index
  scf.if %is_coded {
    %low = arith.subi %size, %high : index
    %low_bytes = func.call @resq.def.kv_low_bytes(%size, %kind, %bits, %high, %rows)
        : (index, index, index, index, index) -> index
    %high_codes = arith.addi %base, %low_bytes : index
    %low_scale = arith.addi %high_codes, %high : index
    %is_int = arith.cmpi eq, %kind, %c2 : index
    scf.if %is_int {
      func.call @resq.def.kv_store_part(%cache, %base, %low_scale, %x, %row, %begin, %low, %bits)
          : (memref<?xi8>, index, index, tensor<?x?xf32>, index, index, index, index) -> ()
    }
    %is_lm = arith.cmpi eq, %kind, %c3 : index
    scf.if %is_lm {
      func.call @resq.def.kv_store_lm(%cache, %base, %low_scale, %x, %row, %begin, %low, %bits, %is_key)
          : (memref<?xi8>, index, index, tensor<?x?xf32>, index, index, index, index, i1) -> ()
    }
    %is_qjl = arith.cmpi eq, %kind, %c4 : index
    scf.if %is_qjl {
      func.call @resq.def.kv_store_signs(%cache, %base, %low_scale, %x, %row, %begin, %low, %sketch, %rows)
          : (memref<?xi8>, index, index, tensor<?x?xf32>, index, index, index, tensor<?x?xf32>, index) -> ()
    }
    %has_high = arith.cmpi ne, %high, %c0 : index
    scf.if %has_high {
      %low_scale_bytes = func.call @resq.def.kv_scale_bytes(%kind) : (index) -> index
      %high_scale = arith.addi %low_scale, %low_scale_bytes : index
      %high_begin = arith.addi %begin, %low : index
      func.call @resq.def.kv_store_part(%cache, %high_codes, %high_scale, %x, %row, %high_begin, %high, %c8)
          : (memref<?xi8>, index, index, tensor<?x?xf32>, index, index, index, index) -> ()
    }
  }
  return
}

// Row r's keys and values to positions[r] of sequences[r]. sketch is read with keys of kind 4 (qjl) alone.
func.func @resq.def.kv_append(%keys: tensor<?x?xf32>, %values: tensor<?x?xf32>,
    %positions: tensor<?xi32>, %sequences: tensor<?xi32>, %sketch: tensor<?x?xf32>,
    %cache: memref<?xi8>, %capacity: index,
    %size: index, %k_kind: index, %k_bits: index, %k_high: index, %k_rows: index,
    %v_kind: index, %v_bits: index, %v_high: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %true = arith.constant true
  %false = arith.constant false
  %rows = tensor.dim %keys, %c0 : tensor<?x?xf32>
  %width = tensor.dim %keys, %c1 : tensor<?x?xf32>
  %heads = arith.divui %width, %size : index
  %k_bytes = func.call @resq.def.kv_vector_bytes(%size, %k_kind, %k_bits, %k_high, %k_rows)
      : (index, index, index, index, index) -> index
  %v_bytes = func.call @resq.def.kv_vector_bytes(%size, %v_kind, %v_bits, %v_high, %c0)
      : (index, index, index, index, index) -> index
  %both = arith.addi %k_bytes, %v_bytes : index
  %token_bytes = arith.muli %both, %heads : index
  %all_keys = arith.muli %k_bytes, %heads : index
  scf.for %r = %c0 to %rows step %c1 {
    %position_i32 = tensor.extract %positions[%r] : tensor<?xi32>
    %sequence_i32 = tensor.extract %sequences[%r] : tensor<?xi32>
    %position = arith.index_cast %position_i32 : i32 to index
    %sequence = arith.index_cast %sequence_i32 : i32 to index
    %first = arith.muli %sequence, %capacity : index
    %token = arith.addi %first, %position : index
    %base = arith.muli %token, %token_bytes : index
    %v_base = arith.addi %base, %all_keys : index
    scf.for %h = %c0 to %heads step %c1 {
      %begin = arith.muli %h, %size : index
      %k_offset = arith.muli %h, %k_bytes : index
      %v_offset = arith.muli %h, %v_bytes : index
      %k_at = arith.addi %base, %k_offset : index
      %v_at = arith.addi %v_base, %v_offset : index
      func.call @resq.def.kv_store(%cache, %k_at, %keys, %r, %begin, %size, %sketch, %k_kind, %k_bits,
                                   %k_high, %k_rows, %true)
          : (memref<?xi8>, index, tensor<?x?xf32>, index, index, index, tensor<?x?xf32>, index, index, index,
             index, i1) -> ()
      func.call @resq.def.kv_store(%cache, %v_at, %values, %r, %begin, %size, %sketch, %v_kind, %v_bits,
                                   %v_high, %c0, %false)
          : (memref<?xi8>, index, tensor<?x?xf32>, index, index, index, tensor<?x?xf32>, index, index, index,
             index, i1) -> ()
    }
  }
  return
}

//===-- Attention ---------------------------------------------------------===//

// Element i of a part: scale * (code - zero).
func.func @resq.def.kv_load_part(%cache: memref<?xi8>, %codes: index, %scale_at: index, %i: index,
                                         %bits: index) -> f32 {
  %c2 = arith.constant 2 : index
  %code = func.call @resq.def.kv_load_code(%cache, %codes, %i, %bits)
      : (memref<?xi8>, index, index, index) -> i32
  %scale = func.call @resq.def.load_half(%cache, %scale_at) : (memref<?xi8>, index) -> f32
  %z_at = arith.addi %scale_at, %c2 : index
  %z_byte = memref.load %cache[%z_at] : memref<?xi8>
  %z = arith.extui %z_byte : i8 to i32
  %difference = arith.subi %code, %z : i32
  %value = arith.sitofp %difference : i32 to f32
  %e = arith.mulf %scale, %value : f32
  return %e : f32
}

// Element i of the low part of kind lm: scale * centroid.
func.func @resq.def.kv_load_lm(%cache: memref<?xi8>, %codes: index, %scale_at: index, %i: index,
                               %bits: index) -> f32 {
  %code = func.call @resq.def.kv_load_code(%cache, %codes, %i, %bits)
      : (memref<?xi8>, index, index, index) -> i32
  %centroid = func.call @resq.def.lm_centroid(%bits, %code) : (index, i32) -> f32
  %scale = func.call @resq.def.load_half(%cache, %scale_at) : (memref<?xi8>, index) -> f32
  %e = arith.mulf %scale, %centroid : f32
  return %e : f32
}

// Element i of the vector at byte `base`, decoded; of kind qjl in the high part alone.
func.func @resq.def.kv_load(%cache: memref<?xi8>, %base: index, %i: index, %size: index,
                            %kind: index, %bits: index, %high: index, %rows: index) -> f32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %sixteen = arith.constant 16 : i32
  %is_f32 = arith.cmpi eq, %kind, %c0 : index
  %e = scf.if %is_f32 -> (f32) {
    %offset = arith.muli %i, %c4 : index
    %at = arith.addi %base, %offset : index
    %next = arith.addi %at, %c2 : index
    %a = func.call @resq.def.load_i16(%cache, %at) : (memref<?xi8>, index) -> i16
    %b = func.call @resq.def.load_i16(%cache, %next) : (memref<?xi8>, index) -> i16
    %lower = arith.extui %a : i16 to i32
    %wide = arith.extui %b : i16 to i32
    %upper = arith.shli %wide, %sixteen : i32
    %word = arith.ori %lower, %upper : i32
    %f = arith.bitcast %word : i32 to f32
    scf.yield %f : f32
  } else {
    %is_f16 = arith.cmpi eq, %kind, %c1 : index
    %g = scf.if %is_f16 -> (f32) {
      %offset = arith.muli %i, %c2 : index
      %at = arith.addi %base, %offset : index
      %word = func.call @resq.def.load_i16(%cache, %at) : (memref<?xi8>, index) -> i16
      %half = arith.bitcast %word : i16 to f16
      %f = arith.extf %half : f16 to f32
      scf.yield %f : f32
    } else {
      %low = arith.subi %size, %high : index
      %low_bytes = func.call @resq.def.kv_low_bytes(%size, %kind, %bits, %high, %rows)
          : (index, index, index, index, index) -> index
      %high_codes = arith.addi %base, %low_bytes : index
      %low_scale = arith.addi %high_codes, %high : index
      %is_low = arith.cmpi ult, %i, %low : index
      %f = scf.if %is_low -> (f32) {
        %is_lm = arith.cmpi eq, %kind, %c3 : index
        %l = scf.if %is_lm -> (f32) {
          %l0 = func.call @resq.def.kv_load_lm(%cache, %base, %low_scale, %i, %bits)
              : (memref<?xi8>, index, index, index, index) -> f32
          scf.yield %l0 : f32
        } else {
          %l1 = func.call @resq.def.kv_load_part(%cache, %base, %low_scale, %i, %bits)
              : (memref<?xi8>, index, index, index, index) -> f32
          scf.yield %l1 : f32
        }
        scf.yield %l : f32
      } else {
        %low_scale_bytes = func.call @resq.def.kv_scale_bytes(%kind) : (index) -> index
        %high_scale = arith.addi %low_scale, %low_scale_bytes : index
        %past = arith.subi %i, %low : index
        %h = func.call @resq.def.kv_load_part(%cache, %high_codes, %high_scale, %past, %c8)
            : (memref<?xi8>, index, index, index, index) -> f32
        scf.yield %h : f32
      }
      scf.yield %f : f32
    }
    scf.yield %g : f32
  }
  return %e : f32
}

// sketch times q[row, begin ..< begin + count], elements rising.
func.func @resq.def.kv_sketch_query(%q: tensor<?x?xf32>, %row: index, %begin: index, %count: index,
    %sketch: tensor<?x?xf32>, %rows: index) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %init = tensor.empty(%rows) : tensor<?xf32>
  %sketched = scf.for %j = %c0 to %rows step %c1 iter_args(%v = %init) -> (tensor<?xf32>) {
    %dot = scf.for %i = %c0 to %count step %c1 iter_args(%sum = %zero) -> (f32) {
      %column = arith.addi %begin, %i : index
      %e = tensor.extract %q[%row, %column] : tensor<?x?xf32>
      %s = tensor.extract %sketch[%j, %i] : tensor<?x?xf32>
      %product = arith.mulf %s, %e : f32
      %next = arith.addf %sum, %product : f32
      scf.yield %next : f32
    }
    %set = tensor.insert %dot into %v[%j] : tensor<?xf32>
    scf.yield %set : tensor<?xf32>
  }
  return %sketched : tensor<?xf32>
}

// The low part of a score by signs: sqrt(pi / 2) / rows * norm * sum_j sign_j sketched_j, j rising.
func.func @resq.def.kv_sign_score(%cache: memref<?xi8>, %base: index, %norm_at: index,
    %sketched: tensor<?xf32>, %rows: index) -> f32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %none = arith.constant 0 : i32
  %zero = arith.constant 0.0 : f32
  %constant = arith.constant 1.25331414 : f32
  %rows_i32 = arith.index_cast %rows : index to i32
  %rows_f32 = arith.sitofp %rows_i32 : i32 to f32
  %share = arith.divf %constant, %rows_f32 : f32
  %norm = func.call @resq.def.load_half(%cache, %norm_at) : (memref<?xi8>, index) -> f32
  %weight = arith.mulf %norm, %share : f32
  %total = scf.for %j = %c0 to %rows step %c1 iter_args(%sum = %zero) -> (f32) {
    %code = func.call @resq.def.kv_load_code(%cache, %base, %j, %c1)
        : (memref<?xi8>, index, index, index) -> i32
    %is_above = arith.cmpi ne, %code, %none : i32
    %e = tensor.extract %sketched[%j] : tensor<?xf32>
    %minus = arith.negf %e : f32
    %signed = arith.select %is_above, %e, %minus : f32
    %next = arith.addf %sum, %signed : f32
    scf.yield %next : f32
  }
  %score = arith.mulf %weight, %total : f32
  return %score : f32
}

// Row r, query head h over positions 0 .. positions[r] of sequences[r]: p = softmax(scale * q . k), y = sum p v.
// With keys of kind 4 (qjl), the low part of q . k is estimated from signs, with the sketch of q.
// Sums run over increasing element and position; p is divided by its sum before it weighs values.
func.func @resq.def.attention(%q: tensor<?x?xf32>, %positions: tensor<?xi32>,
    %sequences: tensor<?xi32>, %sketch: tensor<?x?xf32>, %cache: memref<?xi8>, %capacity: index, %scale: f32,
    %kv_heads: index, %size: index, %k_kind: index, %k_bits: index, %k_high: index, %k_rows: index,
    %v_kind: index, %v_bits: index, %v_high: index) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %rows = tensor.dim %q, %c0 : tensor<?x?xf32>
  %width = tensor.dim %q, %c1 : tensor<?x?xf32>
  %heads = arith.divui %width, %size : index
  %shared = arith.divui %heads, %kv_heads : index
  %k_bytes = func.call @resq.def.kv_vector_bytes(%size, %k_kind, %k_bits, %k_high, %k_rows)
      : (index, index, index, index, index) -> index
  %v_bytes = func.call @resq.def.kv_vector_bytes(%size, %v_kind, %v_bits, %v_high, %c0)
      : (index, index, index, index, index) -> index
  %both = arith.addi %k_bytes, %v_bytes : index
  %token_bytes = arith.muli %both, %kv_heads : index
  %all_keys = arith.muli %k_bytes, %kv_heads : index
  %c4 = arith.constant 4 : index
  %is_qjl = arith.cmpi eq, %k_kind, %c4 : index
  %k_low = arith.subi %size, %k_high : index
  %k_low_bytes = func.call @resq.def.kv_low_bytes(%size, %k_kind, %k_bits, %k_high, %k_rows)
      : (index, index, index, index, index) -> index
  %first_element = arith.select %is_qjl, %k_low, %c0 : index
  %sign_rows = arith.select %is_qjl, %k_rows, %c0 : index
  %init = tensor.empty(%rows, %width) : tensor<?x?xf32>
  %y = scf.for %r = %c0 to %rows step %c1 iter_args(%y_r = %init) -> (tensor<?x?xf32>) {
    %position_i32 = tensor.extract %positions[%r] : tensor<?xi32>
    %sequence_i32 = tensor.extract %sequences[%r] : tensor<?xi32>
    %position = arith.index_cast %position_i32 : i32 to index
    %sequence = arith.index_cast %sequence_i32 : i32 to index
    %count = arith.addi %position, %c1 : index
    %first = arith.muli %sequence, %capacity : index
    %y_heads = scf.for %h = %c0 to %heads step %c1 iter_args(%y_h = %y_r) -> (tensor<?x?xf32>) {
      %begin = arith.muli %h, %size : index
      %kv_head = arith.divui %h, %shared : index
      %k_offset = arith.muli %kv_head, %k_bytes : index
      %v_offset_head = arith.muli %kv_head, %v_bytes : index
      %v_offset = arith.addi %all_keys, %v_offset_head : index

      %q_sketched = func.call @resq.def.kv_sketch_query(%q, %r, %begin, %k_low, %sketch, %sign_rows)
          : (tensor<?x?xf32>, index, index, index, tensor<?x?xf32>, index) -> tensor<?xf32>
      %scores_init = tensor.empty(%count) : tensor<?xf32>
      %scores, %most = scf.for %t = %c0 to %count step %c1
          iter_args(%s_t = %scores_init, %most_t = %lowest) -> (tensor<?xf32>, f32) {
        %token = arith.addi %first, %t : index
        %token_at = arith.muli %token, %token_bytes : index
        %k_at = arith.addi %token_at, %k_offset : index
        %signs = scf.if %is_qjl -> (f32) {
          %norm_offset = arith.addi %k_low_bytes, %k_high : index
          %norm_at = arith.addi %k_at, %norm_offset : index
          %estimate = func.call @resq.def.kv_sign_score(%cache, %k_at, %norm_at, %q_sketched, %k_rows)
              : (memref<?xi8>, index, index, tensor<?xf32>, index) -> f32
          scf.yield %estimate : f32
        } else {
          scf.yield %zero : f32
        }
        %dot = scf.for %d = %first_element to %size step %c1 iter_args(%sum = %signs) -> (f32) {
          %column = arith.addi %begin, %d : index
          %a = tensor.extract %q[%r, %column] : tensor<?x?xf32>
          %b = func.call @resq.def.kv_load(%cache, %k_at, %d, %size, %k_kind, %k_bits, %k_high, %k_rows)
              : (memref<?xi8>, index, index, index, index, index, index, index) -> f32
          %p = arith.mulf %a, %b : f32
          %next = arith.addf %sum, %p : f32
          scf.yield %next : f32
        }
        %score = arith.mulf %scale, %dot : f32
        %s_next = tensor.insert %score into %s_t[%t] : tensor<?xf32>
        %most_next = arith.maxnumf %score, %most_t : f32
        scf.yield %s_next, %most_next : tensor<?xf32>, f32
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
          %token = arith.addi %first, %t : index
          %token_at = arith.muli %token, %token_bytes : index
          %v_at = arith.addi %token_at, %v_offset : index
          %power = tensor.extract %powers[%t] : tensor<?xf32>
          %share = arith.divf %power, %total : f32
          %v = func.call @resq.def.kv_load(%cache, %v_at, %d, %size, %v_kind, %v_bits, %v_high, %c0)
              : (memref<?xi8>, index, index, index, index, index, index, index) -> f32
          %p = arith.mulf %share, %v : f32
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
