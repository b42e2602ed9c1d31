//===-- weights.mlir - what stored parameters mean ------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Float weights are widened to f32; the layouts of runtime/kernels/kernels.h are
// undone by index arithmetic, so that every other definition sees plain matrices.
//===----------------------------------------------------------------------===//

func.func @resq.def.widen_bf16(%w: tensor<?x?xbf16>) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %w, %c0 : tensor<?x?xbf16>
  %k = tensor.dim %w, %c1 : tensor<?x?xbf16>
  %init = tensor.empty(%n, %k) : tensor<?x?xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%w : tensor<?x?xbf16>) outs(%init : tensor<?x?xf32>) {
  ^bb0(%e: bf16, %out: f32):
    %f = arith.extf %e : bf16 to f32
    linalg.yield %f : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

func.func @resq.def.widen_f16(%w: tensor<?x?xf16>) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %w, %c0 : tensor<?x?xf16>
  %k = tensor.dim %w, %c1 : tensor<?x?xf16>
  %init = tensor.empty(%n, %k) : tensor<?x?xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%w : tensor<?x?xf16>) outs(%init : tensor<?x?xf32>) {
  ^bb0(%e: f16, %out: f32):
    %f = arith.extf %e : f16 to f32
    linalg.yield %f : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// f64 rotations are rounded once, to f32.
func.func @resq.def.narrow_f64(%w: tensor<?x?x?xf64>) -> tensor<?x?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %w, %c0 : tensor<?x?x?xf64>
  %n = tensor.dim %w, %c1 : tensor<?x?x?xf64>
  %k = tensor.dim %w, %c2 : tensor<?x?x?xf64>
  %init = tensor.empty(%b, %n, %k) : tensor<?x?x?xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(b, i, j) -> (b, i, j)>, affine_map<(b, i, j) -> (b, i, j)>],
      iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%w : tensor<?x?x?xf64>) outs(%init : tensor<?x?x?xf32>) {
  ^bb0(%e: f64, %out: f32):
    %f = arith.truncf %e : f64 to f32
    linalg.yield %f : f32
  } -> tensor<?x?x?xf32>
  return %y : tensor<?x?x?xf32>
}

// Panel: element (n, k) stands at [n / 16, k, n % 16].
func.func @resq.def.unpack_panel_f32(%w: tensor<?x?x16xf32>, %n: index) -> tensor<?x?xf32> {
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %k = tensor.dim %w, %c1 : tensor<?x?x16xf32>
  %init = tensor.empty(%n, %k) : tensor<?x?xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      outs(%init : tensor<?x?xf32>) {
  ^bb0(%out: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %tile = arith.divui %i, %c16 : index
    %lane = arith.remui %i, %c16 : index
    %e = tensor.extract %w[%tile, %j, %lane] : tensor<?x?x16xf32>
    linalg.yield %e : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

func.func @resq.def.unpack_panel_bf16(%w: tensor<?x?x16xbf16>, %n: index) -> tensor<?x?xf32> {
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %k = tensor.dim %w, %c1 : tensor<?x?x16xbf16>
  %init = tensor.empty(%n, %k) : tensor<?x?xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      outs(%init : tensor<?x?xf32>) {
  ^bb0(%out: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %tile = arith.divui %i, %c16 : index
    %lane = arith.remui %i, %c16 : index
    %e = tensor.extract %w[%tile, %j, %lane] : tensor<?x?x16xbf16>
    %f = arith.extf %e : bf16 to f32
    linalg.yield %f : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

func.func @resq.def.unpack_panel_f16(%w: tensor<?x?x16xf16>, %n: index) -> tensor<?x?xf32> {
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %k = tensor.dim %w, %c1 : tensor<?x?x16xf16>
  %init = tensor.empty(%n, %k) : tensor<?x?xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      outs(%init : tensor<?x?xf32>) {
  ^bb0(%out: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %tile = arith.divui %i, %c16 : index
    %lane = arith.remui %i, %c16 : index
    %e = tensor.extract %w[%tile, %j, %lane] : tensor<?x?x16xf16>
    %f = arith.extf %e : f16 to f32
    linalg.yield %f : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// n16k4 codes as they are stored, unsigned in `base` + `planes` bits. `group` is the activation's: each group's k is padded to a multiple of 8
// (`padded` in all). Code i = 64h + 4c + j of a unit s is (c, 8s + 4h + j). Its lowest `base` bits are field i / b of byte i % b, b = 16 * base bytes of as many
// bits each; behind those, its bit base + p is bit i / 16 of byte 16 p + i % 16.
func.func @resq.def.unpack_codes(%w: tensor<?xi8>, %n: index, %k: index, %group: index, %base: index, %planes: index)
    -> tensor<?x?xi32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c7 = arith.constant 7 : index
  %c8 = arith.constant 8 : index
  %c16 = arith.constant 16 : index
  %c64 = arith.constant 64 : index
  %groups = arith.divui %k, %group : index
  %above = arith.addi %group, %c7 : index
  %eights = arith.divui %above, %c8 : index
  %padded_group = arith.muli %eights, %c8 : index
  %steps = arith.muli %groups, %eights : index
  %base_bytes = arith.muli %base, %c16 : index
  %planes_bytes = arith.muli %planes, %c16 : index
  %unit_bytes = arith.addi %base_bytes, %planes_bytes : index
  %one_bit = arith.constant 1 : i32
  %base_i32 = arith.index_cast %base : index to i32
  %above_mask = arith.shli %one_bit, %base_i32 : i32
  %mask = arith.subi %above_mask, %one_bit : i32
  %init = tensor.empty(%n, %k) : tensor<?x?xi32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      outs(%init : tensor<?x?xi32>) {
  ^bb0(%out: i32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %tile = arith.divui %i, %c16 : index
    %lane = arith.remui %i, %c16 : index
    %g = arith.divui %j, %group : index
    %inside = arith.remui %j, %group : index
    %before = arith.muli %g, %padded_group : index
    %at = arith.addi %before, %inside : index
    %step = arith.divui %at, %c8 : index
    %part = arith.remui %at, %c8 : index
    %column = arith.remui %part, %c4 : index
    %half = arith.divui %part, %c4 : index
    %tile_step = arith.muli %tile, %steps : index
    %block = arith.addi %tile_step, %step : index
    %block_byte = arith.muli %block, %unit_bytes : index
    %half_index = arith.muli %half, %c64 : index
    %lane_index = arith.muli %lane, %c4 : index
    %inside_half = arith.addi %lane_index, %column : index
    %index = arith.addi %half_index, %inside_half : index
    %field = arith.divui %index, %base_bytes : index
    %field_byte = arith.remui %index, %base_bytes : index
    %byte = arith.addi %block_byte, %field_byte : index
    %stored = tensor.extract %w[%byte] : tensor<?xi8>
    %wide = arith.extui %stored : i8 to i32
    %shift_index = arith.muli %field, %base : index
    %shift = arith.index_cast %shift_index : index to i32
    %shifted = arith.shrui %wide, %shift : i32
    %lowest = arith.andi %shifted, %mask : i32
    %bit_byte = arith.remui %index, %c16 : index
    %bit_index = arith.divui %index, %c16 : index
    %bit_shift = arith.index_cast %bit_index : index to i32
    %planes_begin = arith.addi %block_byte, %base_bytes : index
    %unsigned = scf.for %p = %c0 to %planes step %c1 iter_args(%low = %lowest) -> (i32) {
      %before_plane = arith.muli %p, %c16 : index
      %plane = arith.addi %planes_begin, %before_plane : index
      %plane_byte = arith.addi %plane, %bit_byte : index
      %bits = tensor.extract %w[%plane_byte] : tensor<?xi8>
      %bits_wide = arith.extui %bits : i8 to i32
      %bits_shifted = arith.shrui %bits_wide, %bit_shift : i32
      %bit = arith.andi %bits_shifted, %one_bit : i32
      %place_index = arith.addi %p, %base : index
      %place = arith.index_cast %place_index : index to i32
      %high = arith.shli %bit, %place : i32
      %more = arith.ori %low, %high : i32
      scf.yield %more : i32
    }
    linalg.yield %unsigned : i32
  } -> tensor<?x?xi32>
  return %y : tensor<?x?xi32>
}

// What n16k4 codes of integers stand for: half their range is added to each as it is stored.
func.func @resq.def.unpack_integers(%w: tensor<?xi8>, %n: index, %k: index, %group: index, %base: index, %planes: index)
    -> tensor<?x?xi32> {
  %c1 = arith.constant 1 : index
  %one = arith.constant 1 : i32
  %bits = arith.addi %base, %planes : index
  %highest = arith.subi %bits, %c1 : index
  %highest_i32 = arith.index_cast %highest : index to i32
  %bias = arith.shli %one, %highest_i32 : i32
  %codes = func.call @resq.def.unpack_codes(%w, %n, %k, %group, %base, %planes)
      : (tensor<?xi8>, index, index, index, index, index) -> tensor<?x?xi32>
  %init = tensor.empty(%n, %k) : tensor<?x?xi32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%codes : tensor<?x?xi32>) outs(%init : tensor<?x?xi32>) {
  ^bb0(%stored: i32, %out: i32):
    %code = arith.subi %stored, %bias : i32
    linalg.yield %code : i32
  } -> tensor<?x?xi32>
  return %y : tensor<?x?xi32>
}

// What n16k4 trellis codes stand for: entry 2^bits * state + code of the table. The state of a channel has the last bits of the codes of the
// `memory` channels before it in its tile, a ring: 1 * (one before) + 2 * (two before) + ... Channels past n have codes, too.
func.func @resq.def.trellis_values(%w: tensor<?xi8>, %n: index, %k: index, %group: index, %base: index, %planes: index,
                                   %memory: index, %table: tensor<64xi32>) -> tensor<?x?xi32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c15 = arith.constant 15 : index
  %c16 = arith.constant 16 : index
  %zero = arith.constant 0 : i32
  %one = arith.constant 1 : i32
  %bits_index = arith.addi %base, %planes : index
  %bits = arith.index_cast %bits_index : index to i32
  %tiles = arith.ceildivui %n, %c16 : index
  %channels = arith.muli %tiles, %c16 : index
  %codes = func.call @resq.def.unpack_codes(%w, %channels, %k, %group, %base, %planes)
      : (tensor<?xi8>, index, index, index, index, index) -> tensor<?x?xi32>
  %init = tensor.empty(%n, %k) : tensor<?x?xi32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      outs(%init : tensor<?x?xi32>) {
  ^bb0(%out: i32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %lane = arith.remui %i, %c16 : index
    %tile = arith.subi %i, %lane : index
    %code = tensor.extract %codes[%i, %j] : tensor<?x?xi32>
    %state = scf.for %m = %c0 to %memory step %c1 iter_args(%nearer = %zero) -> (i32) {
      %less = arith.subi %c15, %m : index // m + 1 channels before, and a ring of 16
      %more = arith.addi %lane, %less : index
      %before_lane = arith.remui %more, %c16 : index
      %before = arith.addi %tile, %before_lane : index
      %before_code = tensor.extract %codes[%before, %j] : tensor<?x?xi32>
      %bit = arith.andi %before_code, %one : i32
      %place_of_bit = arith.index_cast %m : index to i32
      %moved = arith.shli %bit, %place_of_bit : i32
      %farther = arith.ori %nearer, %moved : i32
      scf.yield %farther : i32
    }
    %state_place = arith.shli %state, %bits : i32
    %place = arith.ori %state_place, %code : i32
    %place_index = arith.index_cast %place : i32 to index
    %value = tensor.extract %table[%place_index] : tensor<64xi32>
    linalg.yield %value : i32
  } -> tensor<?x?xi32>
  return %y : tensor<?x?xi32>
}

// Of 3 bits and 8 states.
func.func @resq.def.trellis_values_3(%w: tensor<?xi8>, %n: index, %k: index, %group: index, %base: index, %planes: index)
    -> tensor<?x?xi32> {
  %memory = arith.constant 3 : index
  %table = arith.constant dense<[
    -103, -54, -31, -12, 4, 21, 40, 66, -51, -85, -12, -29, 22, 5, 74, 42,
    -72, -42, -22, -5, 12, 30, 52, 89, -40, -65, -4, -21, 31, 12, 127, 54,
    -54, -127, -12, -31, 21, 4, 65, 40, -89, -52, -30, -12, 5, 22, 42, 72,
    -42, -74, -5, -22, 29, 12, 85, 51, -66, -40, -21, -4, 12, 31, 54, 103]> : tensor<64xi32>
  %y = func.call @resq.def.trellis_values(%w, %n, %k, %group, %base, %planes, %memory, %table)
      : (tensor<?xi8>, index, index, index, index, index, index, tensor<64xi32>) -> tensor<?x?xi32>
  return %y : tensor<?x?xi32>
}

// Of 4 bits and 4 states.
func.func @resq.def.trellis_values_4(%w: tensor<?xi8>, %n: index, %k: index, %group: index, %base: index, %planes: index)
    -> tensor<?x?xi32> {
  %memory = arith.constant 2 : index
  %table = arith.constant dense<[
    -127, -82, -63, -48, -37, -27, -18, -10, -2, 6, 14, 22, 31, 42, 55, 75,
    -91, -70, -55, -42, -32, -22, -14, -6, 2, 10, 18, 27, 37, 48, 62, 105,
    -105, -62, -48, -37, -27, -18, -10, -2, 6, 14, 22, 32, 42, 55, 70, 91,
    -75, -55, -42, -31, -22, -14, -6, 2, 10, 18, 27, 37, 48, 63, 82, 127]> : tensor<64xi32>
  %y = func.call @resq.def.trellis_values(%w, %n, %k, %group, %base, %planes, %memory, %table)
      : (tensor<?xi8>, index, index, index, index, index, index, tensor<64xi32>) -> tensor<?x?xi32>
  return %y : tensor<?x?xi32>
}

// The bf16 scales behind the codes, from byte `begin`: [groups, n padded to 16].
func.func @resq.def.unpack_scales(%w: tensor<?xi8>, %begin: index, %n: index, %groups: index)
    -> tensor<?x?xf32> {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c15 = arith.constant 15 : index
  %c16 = arith.constant 16 : index
  %c16_i32 = arith.constant 16 : i32
  %c24_i32 = arith.constant 24 : i32
  %above = arith.addi %n, %c15 : index
  %tiles = arith.divui %above, %c16 : index
  %padded = arith.muli %tiles, %c16 : index
  %init = tensor.empty(%n, %groups) : tensor<?x?xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(i, g) -> (i, g)>], iterator_types = ["parallel", "parallel"]}
      outs(%init : tensor<?x?xf32>) {
  ^bb0(%out: f32):
    %i = linalg.index 0 : index
    %g = linalg.index 1 : index
    %row = arith.muli %g, %padded : index
    %element = arith.addi %row, %i : index
    %offset = arith.muli %element, %c2 : index
    %low_byte = arith.addi %begin, %offset : index
    %high_byte = arith.addi %low_byte, %c1 : index
    %low = tensor.extract %w[%low_byte] : tensor<?xi8>
    %high = tensor.extract %w[%high_byte] : tensor<?xi8>
    %low_wide = arith.extui %low : i8 to i32
    %high_wide = arith.extui %high : i8 to i32
    %low_bits = arith.shli %low_wide, %c16_i32 : i32
    %high_bits = arith.shli %high_wide, %c24_i32 : i32
    %bits = arith.ori %low_bits, %high_bits : i32
    %scale = arith.bitcast %bits : i32 to f32
    linalg.yield %scale : f32
  } -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}
