//===-- resq.td - the resq dialect: types, attributes, symbols, ops -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One file says what a module may contain. Hook bodies (verifiers, folders,
// inference) are C functions in dialect/hooks_*.c, behind dialect/dialect.cpp and types.cpp.
// Constraints are numbered per op (C1, C2, ...); verifiers cite the number and
// say what was found and what is allowed; tests/dialect/errors.mlir covers each.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TD
#define RESQ_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"

def Resq_Dialect : Dialect {
  let name = "resq";
  let cppNamespace = "::resq";
  let summary = "4-bit language models: graphs, parameter recipes, caches";
  let description = [{
    A module holds parameters as symbols (`resq.param`), key/value caches
    (`resq.kv_cache`), at most one tokenizer, and `func.func`s over row tensors.
    Weights never stand in the IR: a parameter's region says how it is made from
    a checkpoint, and `--resq-materialize` evaluates it.
  }];
  let useDefaultTypePrinterParser = 1;
  let extraClassDeclaration = [{
    void addTypesAndAttributes();
    ::mlir::Attribute parseAttribute(::mlir::DialectAsmParser &parser, ::mlir::Type type) const override;
    void printAttribute(::mlir::Attribute attr, ::mlir::DialectAsmPrinter &printer) const override;
  }];
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
}

// In text bare words: `row`.
class Resq_Enum<string name, string summary, list<EnumCase> cases> : I32Enum<name, summary, cases> {
  let cppNamespace = "::resq";
}

//===-- Types -------------------------------------------------------------===//

class Resq_Type<string name, string mnem> : TypeDef<Resq_Dialect, name> {
  let mnemonic = mnem;
}

// The numbers are those of resq_code_kind and resq_layout (runtime/kernels/layout/quant_codes.h): types.cpp checks it.
def Resq_CodeKind : Resq_Enum<"CodeKind", "a family of codes", [
  I32EnumCase<"Integer", 0, "integer">, I32EnumCase<"E4M3", 1, "e4m3">, I32EnumCase<"Table", 2, "table">,
  I32EnumCase<"Trellis", 3, "trellis">]>;
def Resq_Layout : Resq_Enum<"Layout", "an order in which codes are stored", [
  I32EnumCase<"Row", 0, "row">, I32EnumCase<"N16K4", 1, "n16k4">]>;

def Resq_QuantType : Resq_Type<"Quant", "quant"> {
  let summary = "short codes with one scale per group of the last dimension";
  let description = [{
    Element type of a quantized tensor. Codes are `bits` wide; every `group`
    consecutive elements of the last dimension share one scale, and one zero
    point where `zero` is true: x ~= scale * (code - zero_point). Activations are asymmetric (`zero = true`)
    and made by `resq.quantize`, weights are symmetric and made by `resq.quantize_weight`.

    `codebook` is the family of the codes, in text left out where it is `integer`; with `bits` and `states` it says what a code stands for:
    - `integer`: itself.
    - `e4m3`: a number of f8E4M3FN (OCP E4M3: no infinities, NaN 0x7f and 0xff, 448 the largest, subnormals down to 2^-9). Rounding to it is to nearest even,
      saturating; NaN stays NaN.
    - `table`: an entry of a table, such as Lloyd-Max centroids.
    - `trellis`, of weights, with 4 bits and 4 `states` or 3 bits and 8 `states`: a code c and the state s in which it is stand for g[2^bits s + c], an integer
      (runtime/kernels/layout/trellis_weights.h lists g). Along each 16 channels from a multiple of 16 on, which are a ring, and in each column by itself, s has the
      last bit of the code one channel before, plus twice that of the code two before and, of 8 states, four times that of the code three before. Channels past the
      last have codes, too. In `row` layout an element is 2^bits s + c, in `n16k4` c alone. There is no code of 0.

    `layout` is the storage order: `row` (activations, and weights that are not packed yet) or `n16k4` (tiles of 16 output channels by 4 inputs:
    docs/artifact-format.md). A packed type says how its codes are stored: `pack_group` is the group of the activation that the weight meets, each of which is padded to a multiple
    of 8 inputs; the lowest `base` bits of the codes stand together, the others in `planes` of one bit behind them.

    In text: `!resq.quant<bits = 5, group = 36, zero = false, layout = n16k4, pack_group = 12, base = 4, planes = 1>`. Numbers that are 0 are left out.
    Of dialect version 1, types in `row` layout are read as what they are now; packed ones did not say their pack group and are refused.

    C1: bits is 2..8. C2: group >= 1. C3: zero = true is for codebook `integer`.
    C4: there are kernels for the codebook: `integer`, `e4m3` of 8 bits, `trellis` of 3 bits and 8 states or of 4 bits and 4 states.
    C5: in layout `row`, pack_group, base and planes are 0. C6: in layout `n16k4`, zero is false and pack_group >= 1.
    C7: there are kernels for the stored form: base is 8 for codes of 8 bits, 4 for those of 4 to 7 bits, else 2; planes is bits - base.
  }];
  let parameters = (ins "unsigned":$bits, "int64_t":$group, "bool":$zero, EnumParameter<Resq_Layout>:$layout,
                        EnumParameter<Resq_CodeKind>:$codebook, "unsigned":$states,
                        "int64_t":$pack_group, "int64_t":$base, "int64_t":$planes);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Resq_PanelType : Resq_Type<"Panel", "panel"> {
  let summary = "a float weight stored in tiles of 16 output channels";
  let description = [{
    Element type of a [out, in] float matrix in tiles of 16 rows:
    element (n, k) stands at index ((n / 16) * K + k) * 16 + n % 16; rows are padded with zeros to a multiple of 16.
    C1: element is f32, bf16 or f16.
  }];
  let parameters = (ins "::mlir::Type":$element);
  let assemblyFormat = "`<` $element `>`";
  let genVerifyDecl = 1;
}

//===-- Attributes --------------------------------------------------------===//

// How one head vector is held in a cache: one attribute for each kind of code. C code reads them all by
// resqKvCodeAttr* (resq/dialect.h), and switches on resq_kv_kind.
class Resq_KvCode<string name, string mnem> : AttrDef<Resq_Dialect, name> {
  let mnemonic = mnem;
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Resq_KvElement : Resq_Enum<"KvElement", "a float type of cached elements", [
  I32EnumCase<"F32", 0, "f32">, I32EnumCase<"F16", 1, "f16">]>;

def Resq_KvFloatAttr : Resq_KvCode<"KvFloat", "kv_float"> {
  let summary = "a cache code: the elements as floats";
  let description = [{ Of `f32` or `f16`, as in `#resq.kv_float<f16>`. }];
  let parameters = (ins EnumParameter<Resq_KvElement>:$element);
  let assemblyFormat = "`<` $element `>`";
  let genVerifyDecl = 0;
}

def Resq_KvIntAttr : Resq_KvCode<"KvInt", "kv_int"> {
  let summary = "a cache code: asymmetric integers";
  let description = [{
    Per token and head, a code of the low part, the first head_size - high elements, of `bits` bits an element with an f16 scale and a
    u8 zero point; and one of the high part, the last `high` elements, in 8 bits likewise.
    C1: bits is 2 to 8.
  }];
  let parameters = (ins "unsigned":$bits, DefaultValuedParameter<"unsigned", "0">:$high);
}

def Resq_KvLmAttr : Resq_KvCode<"KvLm", "kv_lm"> {
  let summary = "a cache code: Lloyd-Max centroids";
  let description = [{
    The low part in `bits` bits an element, which select a Lloyd-Max centroid of N(0, 1), times an f16 scale: for keys the one
    without bias in scores, for values that of the least squared error. The high part as that of `kv_int`.
    C1: bits is 1 to 4.
  }];
  let parameters = (ins "unsigned":$bits, DefaultValuedParameter<"unsigned", "0">:$high);
}

def Resq_KvQjlAttr : Resq_KvCode<"KvQjl", "kv_qjl"> {
  let summary = "a cache code of keys: signs of a sketch";
  let description = [{
    The low part in `rows` bits, the signs of S times it (1: above 0), S the `sketch` of those who use the cache, and its norm in f16
    (QJL, arXiv 2406.03482). The high part as that of `kv_int`.
    C1: rows is 1 to 1024.
  }];
  let parameters = (ins "unsigned":$rows, DefaultValuedParameter<"unsigned", "0">:$high);
}

def Resq_KvQjlGroupsAttr : Resq_KvCode<"KvQjlGroups", "kv_qjl_groups"> {
  let summary = "a cache code of keys: signs of a sketch, outlier channels apart";
  let description = [{
    Keys as QJL's authors hold them. Of each 32 consecutive tokens of a head, the `outliers` channels of
    the largest L2 norm are apart: a key is `rows` signs of S times the other channels, `outlier_rows` signs of the first
    rows of S times the outliers, and the norms of both in f16. The row at position p reads the key of token t exactly, in
    f16, when t >= buffer * floor((p + 1) / buffer), else from signs; the last `window` keys are kept in f16 for that.
    C1: rows is 1 to 1024, outlier_rows 1 to rows. C2: outliers >= 1. C3: buffer is a multiple of 32 and not 0, window a multiple of 32 above
    buffer.
  }];
  let parameters = (ins "unsigned":$rows, "unsigned":$outliers, "unsigned":$outlier_rows, "unsigned":$buffer, "unsigned":$window);
}

def Resq_KvCodeAttr : AnyAttrOf<[Resq_KvFloatAttr, Resq_KvIntAttr, Resq_KvLmAttr, Resq_KvQjlAttr, Resq_KvQjlGroupsAttr], "a cache code"> {
  let storageType = "::mlir::Attribute";
}

// Enums of op attributes. In text they are bare words: `gaussian`.
// Read and printed by dialect.cpp, so that a wrong word is one error, not two.
class Resq_EnumAttr<EnumInfo info, string mnemonic> : EnumAttr<Resq_Dialect, info, mnemonic> {
  let assemblyFormat = ?;
  let hasCustomAssemblyFormat = 1;
}

def Resq_CheckpointFormat : Resq_Enum<"CheckpointFormat", "a format of checkpoints", [
  I32EnumCase<"Gguf", 0, "gguf">, I32EnumCase<"Shape", 1, "shape">,
  I32EnumCase<"HuggingFace", 2, "huggingface">]>;
def Resq_CheckpointFormatAttr : Resq_EnumAttr<Resq_CheckpointFormat, "checkpoint_format">;

def Resq_TokenizerKind : Resq_Enum<"TokenizerKind", "a kind of tokenizer", [I32EnumCase<"Bpe", 0, "bpe">]>;
def Resq_TokenizerKindAttr : Resq_EnumAttr<Resq_TokenizerKind, "tokenizer_kind">;

def Resq_Activation : Resq_Enum<"Activation", "an activation function", [I32EnumCase<"Silu", 0, "silu">]>;
def Resq_ActivationAttr : Resq_EnumAttr<Resq_Activation, "activation">;

def Resq_RandomKind : Resq_Enum<"RandomKind", "a distribution of random matrices", [
  I32EnumCase<"Hadamard", 0, "hadamard">, I32EnumCase<"Gaussian", 1, "gaussian">, I32EnumCase<"Bernoulli", 2, "bernoulli">]>;
def Resq_RandomKindAttr : Resq_EnumAttr<Resq_RandomKind, "random_kind">;

// What was done to the columns of a weight, one attribute for each kind of step. A `basis` is a list of them; C code reads
// them by resqBasisStepRead (dialect/basis_steps.h).
class Resq_BasisStep<string name, string mnem> : AttrDef<Resq_Dialect, name> {
  let mnemonic = mnem;
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Resq_BasisRotateAttr : Resq_BasisStep<"BasisRotate", "basis_rotate"> {
  let summary = "a step of a basis: columns times a matrix";
  let description = [{
    As `resq.rotate` by the param `matrix` does it, with its `transposed` and its `pair`: what meets a weight that was rotated by one matrix
    of a pair is rotated by the other.
  }];
  let parameters = (ins "::mlir::FlatSymbolRefAttr":$matrix, DefaultValuedParameter<"bool", "false">:$transposed,
                        DefaultValuedParameter<"bool", "false">:$pair);
  let genVerifyDecl = 0;
}

def Resq_BasisPermuteAttr : Resq_BasisStep<"BasisPermute", "basis_permute"> {
  let summary = "a step of a basis: columns in another order";
  let description = [{
    As `resq.permute` does it: by the list `order`, or by the param `indices`.
    C1: one of order and indices is given. C2: order is a permutation.
  }];
  let parameters = (ins OptionalParameter<"::mlir::DenseI64ArrayAttr">:$order, OptionalParameter<"::mlir::FlatSymbolRefAttr">:$indices);
}

def Resq_BasisHadamardAttr : Resq_BasisStep<"BasisHadamard", "basis_hadamard"> {
  let summary = "a step of a basis: a Hadamard transform of columns";
  let description = [{
    As `resq.hadamard` does it, in blocks of `size` columns.
    C1: a Hadamard matrix of that size is known.
  }];
  let parameters = (ins "int64_t":$size);
}

def Resq_Part : Resq_Enum<"Part", "a part of a split", [I32EnumCase<"Low", 0, "low">, I32EnumCase<"High", 1, "high">]>;

def Resq_BasisPartAttr : Resq_BasisStep<"BasisPart", "basis_part"> {
  let summary = "a step of a basis: one part of the columns";
  let description = [{
    The `low` or the `high` result of `resq.split` with this `block` and this `high`.
    C1: high is 1 to block - 1.
  }];
  let parameters = (ins EnumParameter<Resq_Part>:$part, "int64_t":$block, "int64_t":$high);
}

def Resq_BasisStepAttr : AnyAttrOf<[Resq_BasisRotateAttr, Resq_BasisPermuteAttr, Resq_BasisHadamardAttr, Resq_BasisPartAttr], "a step of a basis"> {
  let storageType = "::mlir::Attribute";
}
def Resq_Basis : TypedArrayAttrBase<Resq_BasisStepAttr, "a list of steps of a basis">;

//===-- Base classes ------------------------------------------------------===//

// The result type follows from operands and attributes, by the function resqInfer<rule> of hooks_infer.c. It is
// printed nevertheless, and may say more or fewer extents than what follows. `First`: the type of the first operand.
class Resq_Infer<string cRule> : DeclareOpInterfaceMethods<InferTypeOpInterface, ["refineReturnTypes"]> {
  string rule = cRule;
}

// Ops of modules and functions; ops of functions and recipes; ops of recipes alone.
class Resq_Op<string mnemonic, list<Trait> traits = []> : Op<Resq_Dialect, mnemonic, traits> {
  // What an op of functions does with its rows: one letter per operand of `arguments`. From this alone follows what a
  // caller of the function must keep to (lowering/entries/facts.c). An op of functions without roles does not build.
  //   Resq_Rows   r  rows of f32: all of the op's r, q, t, p, s and n, and its results, have as many rows
  //               q  rows of codes
  //               g  rows that ids `i` pick from; how many there are makes no difference
  //   Resq_Ids    t  rows of the table that is the next operand
  //               p  positions in the op's cache, which the op writes or reads
  //               s  sequences of the op's cache
  //               n  mere numbers: any value is right
  //               i  rows of the first operand, as many ids as the op has rows
  //   Resq_Param  w  a parameter: it has a fixed shape and no rows
  //               c  columns of the first operand, as many as it has
  string roles = ?;

  // What an op of functions means is a function of dialect/definitions/*.mlir, @resq.def.<name>; what computes it is a kernel of
  // runtime/kernels/kernels.def, resq_<name>. <name> is the op's, behind the words of its enum attributes (`silu_gate`). Both take what the op has under
  // the names that it has here: operands, numbers (I64Attr, F32Attr), flags, results. A definition takes all of them in the order of `arguments`, parameters
  // widened to f32; a kernel takes them in its own order, and may have `width`, the columns of the first result.
  // Where an op's arguments are others, a function of its own gives them: hasDefinitionRule is resq_define_<op> of passes/lower_generic_*.c,
  // hasEmitter is resq_emitter_<op> of lowering/calls/ops_*.c. One that is missing does not link.
  bit hasDefinitionRule = 0;
  bit hasEmitter = 0;
}
class Resq_SharedOp<string mnemonic, list<Trait> traits = []> : Resq_Op<mnemonic, traits>;
// What a lowering makes of a function: no caller passes rows to it.
class Resq_LoweredOp<string mnemonic, list<Trait> traits = []> : Resq_Op<mnemonic, traits>;
class Resq_RecipeOp<string mnemonic, list<Trait> traits = []> : Resq_Op<mnemonic, !listconcat(traits, [HasParent<"ParamOp">])>;

// Row tensors: [rows, width]; rows may be dynamic, width is static.
class Rows<string what> : Type<CPred<"::llvm::isa<::mlir::RankedTensorType>($_self)">, what>;
def Resq_Rows  : Rows<"tensor of rows [rows, width]">;
def Resq_Ids   : Rows<"tensor of i32 [rows]">;
def Resq_Param : Rows<"parameter tensor">;

//===-- Symbols -----------------------------------------------------------===//

def Resq_CheckpointOp : Resq_Op<"checkpoint", [Symbol, HasParent<"::mlir::ModuleOp">]> {
  let summary = "the file or folder that leaves are read from";
  let description = [{
    `digest` (xxh3-128 hex of the contents) is empty when unknown. A file of format `shape` says how large a model
    is and holds no tensors: code can be made from such a module, and no parameters.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$path, Resq_CheckpointFormatAttr:$format,
                       DefaultValuedStrAttr<StrAttr, "">:$digest);
  let assemblyFormat = "$sym_name $path `,` $format attr-dict";
}

def Resq_ParamOp : Resq_Op<"param", [Symbol, HasParent<"::mlir::ModuleOp">, IsolatedFromAbove, NoRegionArguments, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a parameter: a symbol and the recipe that makes its value";
  let description = [{
    The region holds recipe ops ending in `resq.yield` of the declared type, or is empty, and then
    the value is external: `offset` and `size` say where in the parameter file (after `--resq-materialize`),
    or the host binds it by name.

    `basis` is what passes did to the columns of a weight, step by step. A linear whose weight has one reads what calibration saw at its
    `site` after the same steps; without one, that itself. Each pass that folds something into the columns of a weight adds its steps, and
    `--resq-quantize` repeats them on samples and second moments. `--resq-materialize` takes them off with the recipe.

        resq.param @l0.q.low : tensor<576x504xf32> attributes {basis = [#resq.basis_rotate<matrix = @stream.basis>,
                                                                        #resq.basis_part<part = low, block = 576, high = 72>]} { ... }

    C1: the region is empty or ends in resq.yield of the declared type.
    C2: only recipe ops (`leaf`, `moment`, ..., `get` of other params) and arith.constant stand in it.
    C3: params do not depend on themselves. C4: the type is a statically shaped tensor.
    C5: with a basis, the type is [out, in], and in is a width that its steps can leave. C6: matrices of the basis are params of
    [size, size] or [blocks, size, size] of f32 or f64, indices params of [width] of i32, and fit the width that they meet.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttr:$type,
                       OptionalAttr<I64Attr>:$offset, OptionalAttr<I64Attr>:$size, OptionalAttr<Resq_Basis>:$basis);
  let regions = (region AnyRegion:$recipe);
  let assemblyFormat = "$sym_name `:` $type attr-dict-with-keyword ($recipe^)?";
  let hasVerifier = 1;
}

def Resq_KvCacheOp : Resq_Op<"kv_cache", [Symbol, HasParent<"::mlir::ModuleOp">]> {
  let summary = "the key/value cache of one layer";
  let description = [{
    Holds, for every sequence and position, `heads` key and value vectors of
    `head_size`. Capacity and the number of sequences are chosen when a session opens.
    C1: heads and head_size >= 1. C2: the codes fit head_size: high and outliers are below it; with outliers it is
    at most 256. C3: values are not `kv_qjl` or `kv_qjl_groups`.

    `keys_site`, `values_site` and `queries_site` are the names under which calibration knows what `resq.kv_append` codes and what
    `resq.attention` reads (docs/passes.md, Sites); the first pass that needs them sets them. C4: they are not empty.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$heads, I64Attr:$head_size,
                       Resq_KvCodeAttr:$keys, Resq_KvCodeAttr:$values,
                       OptionalAttr<StrAttr>:$keys_site, OptionalAttr<StrAttr>:$values_site, OptionalAttr<StrAttr>:$queries_site);
  let assemblyFormat = "$sym_name `heads` $heads `size` $head_size `keys` custom<KvCode>($keys) `values` custom<KvCode>($values) attr-dict";
  let hasVerifier = 1;
}

def Resq_TokenizerOp : Resq_Op<"tokenizer", [Symbol, HasParent<"::mlir::ModuleOp">]> {
  let summary = "byte-level BPE: tables in the checkpoint, rules here";
  let description = [{
    `pre` names the pre-tokenizer (smollm, gpt2, llama3, qwen2, ...);
    vocabulary, merges and token types are read from @checkpoint's metadata.
    C1: checkpoint names a resq.checkpoint. C2: token ids are >= -1 (-1: none).
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefAttr:$checkpoint, Resq_TokenizerKindAttr:$kind, StrAttr:$pre,
                       I64Attr:$bos, I64Attr:$eos, BoolAttr:$add_bos, StrAttr:$chat_template);
  let assemblyFormat = "$sym_name `from` $checkpoint $kind $pre attr-dict";
  let hasVerifier = 1;
}

def Resq_YieldOp : Resq_RecipeOp<"yield", [Pure, Terminator]> {
  let summary = "the value of a parameter";
  let arguments = (ins Resq_Param:$value);
  let assemblyFormat = "$value attr-dict `:` type($value)";
}

//===-- Model ops: rows in, rows out --------------------------------------===//

def Resq_GetOp : Resq_SharedOp<"get", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "the value of a parameter, in a function or in another recipe";
  let description = [{ C1: the symbol is a resq.param. C2: of this type. }];
  let roles = "";
  let hasDefinitionRule = 1;
  let hasEmitter = 1;
  let arguments = (ins FlatSymbolRefAttr:$param);
  let results = (outs Resq_Param:$value);
  let assemblyFormat = "$param attr-dict `:` type($value)";
}

def Resq_EmbedOp : Resq_Op<"embed", [Pure, Resq_Infer<"Embed">]> {
  let summary = "y[r, :] = table[token[r], :]";
  let description = [{
    Ids outside the table are clamped into it (the runtime rejects them earlier). Of a quantised table, a weight that a head may
    share, y is scale * code.
    C1: tokens is tensor<Rxi32>. C2: table is [vocabulary, width] of f32, bf16, f16, a panel, or symmetric integer codes.
    C3: y is [R, width] of f32.
  }];
  let roles = "tw";
  let hasDefinitionRule = 1;
  let hasEmitter = 1;
  let arguments = (ins Resq_Ids:$tokens, Resq_Param:$table);
  let results = (outs Resq_Rows:$y);
  let assemblyFormat = "$tokens `,` $table attr-dict `:` type($tokens) `,` type($table) `->` type($y)";
  let hasVerifier = 1;
}

def Resq_RmsNormOp : Resq_Op<"rms_norm", [Pure, Resq_Infer<"First">]> {
  let summary = "y = x / sqrt(mean(x^2) + eps) * gain";
  let description = [{ C1: x and y have the same type, [R, width] of f32. C2: gain, if any, is [width] of f32. C3: eps >= 0 }];
  let roles = "rw";
  let hasDefinitionRule = 1;
  let arguments = (ins Resq_Rows:$x, Optional<Resq_Param>:$gain, F32Attr:$eps);
  let results = (outs Resq_Rows:$y);
  let assemblyFormat = "$x (`gain` $gain^ `:` type($gain))? attr-dict `:` type($x) `->` type($y)";
  let hasVerifier = 1;
}

def Resq_LinearOp : Resq_Op<"linear", [Pure, Resq_Infer<"Product">]> {
  let summary = "y = x W^T + b";
  let description = [{
    W is [out, in]: f32, bf16, f16 or a panel of them, widened to f32.
    `name` (optional, "l0.q") names it in profiles and reports. `site` ("l0.q.in") is the name under which calibration knows what x is in the
    model: all linears that read one value have one site, which the first pass that needs it makes of the first one's name (docs/passes.md, Sites).
    Passes keep it, whatever becomes of names and values; how x lies in the model's own coordinates is the `basis` of the weight's `resq.param`.
    C1: x is [R, in] f32, y [R, out] f32. C2: W is [out, in]. C3: bias, if any, is [out] f32. C4: site, if any, is not empty.
  }];
  let roles = "rww";
  let hasDefinitionRule = 1;
  let hasEmitter = 1;
  let arguments = (ins Resq_Rows:$x, Resq_Param:$weight, Optional<Resq_Param>:$bias, OptionalAttr<StrAttr>:$name, OptionalAttr<StrAttr>:$site);
  let results = (outs Resq_Rows:$y);
  let assemblyFormat = "$x `,` $weight (`bias` $bias^ `:` type($bias))? attr-dict `:` type($x) `,` type($weight) `->` type($y)";
  let hasVerifier = 1;
}

def Resq_HeadOp : Resq_Op<"head", [Pure, Resq_Infer<"Product">]> {
  let summary = "logits = x W^T: a linear that schemes treat apart";
  let description = [{ C1..C2 as linear, without a bias. }];
  let roles = "rw";
  let hasDefinitionRule = 1;
  let hasEmitter = 1;
  let arguments = (ins Resq_Rows:$x, Resq_Param:$weight);
  let results = (outs Resq_Rows:$y);
  let assemblyFormat = "$x `,` $weight attr-dict `:` type($x) `,` type($weight) `->` type($y)";
  let hasVerifier = 1;
}

def Resq_RopeAnglesOp : Resq_Op<"rope_angles", [Pure]> {
  let summary = "cos and sin of position * inverse frequency";
  let description = [{
    inv_freq[i] = f32(1 / base^(2i / size)), the power in f64, divided by factors[i] where given; y[r, i] = cos(a), y[r, size/2 + i] = sin(a),
    a = f32(position[r]) * inv_freq[i].
    C1: positions is tensor<Rxi32>. C2: y is [R, size] of f32, size even. C3: base > 0. C4: factors, if any, is [size / 2] of f32.
  }];
  let roles = "nw";
  let hasDefinitionRule = 1;
  let hasEmitter = 1;
  let arguments = (ins Resq_Ids:$positions, Optional<Resq_Param>:$factors, F32Attr:$base);
  let results = (outs Resq_Rows:$y);
  let assemblyFormat = "$positions (`factors` $factors^ `:` type($factors))? attr-dict `:` type($positions) `->` type($y)";
  let hasVerifier = 1;
}

def Resq_RopeOp : Resq_Op<"rope", [Pure, Resq_Infer<"First">]> {
  let summary = "rotary embedding of each head, half-split pairs (i, i + size/2)";
  let description = [{
    The first `angles` width elements of each head turn, the others pass.
    C1: x and y have the same type [R, heads * head_size] f32. C2: width is a multiple of head_size.
    C3: angles is [R, size], size <= head_size, even.
  }];
  let roles = "rr";
  let hasEmitter = 1;
  let arguments = (ins Resq_Rows:$x, Resq_Rows:$angles, I64Attr:$head_size);
  let results = (outs Resq_Rows:$y);
  let assemblyFormat = "$x `,` $angles `head_size` $head_size attr-dict `:` type($x) `,` type($angles) `->` type($y)";
  let hasVerifier = 1;
}

def Resq_KvAppendOp : Resq_Op<"kv_append", [AllTypesMatch<["positions", "sequences"]>, MemoryEffects<[MemWrite]>, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "codes one key and one value a row into a cache";
  let description = [{
    Row r goes to position[r] of sequence[r].
    C1: cache names a resq.kv_cache. C2: keys and values are [R, heads * head_size] of f32. C3: positions and sequences are tensor<Rxi32>.
    With keys of `kv_qjl_groups`, the codes of a group of 32 tokens are made when its last token is appended.
    C4: with keys of `kv_qjl` or `kv_qjl_groups` there is a sketch, [rows, head_size - high] of f32 (or a panel of it), and else none.
  }];
  let roles = "rrpsw";
  let hasDefinitionRule = 1;
  let hasEmitter = 1;
  let arguments = (ins Resq_Rows:$keys, Resq_Rows:$values, Resq_Ids:$positions, Resq_Ids:$sequences, Optional<Resq_Param>:$sketch, FlatSymbolRefAttr:$cache);
  let assemblyFormat = "$cache `,` $keys `,` $values `at` $positions `,` $sequences (`sketch` $sketch^ `:` type($sketch))? attr-dict `:` type($keys) `,` type($values) `,` type($positions)";
}

def Resq_AttentionOp : Resq_Op<"attention", [AllTypesMatch<["positions", "sequences"]>, Resq_Infer<"First">, MemoryEffects<[MemRead]>, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "causal softmax attention of each row over its sequence's cache";
  let description = [{
    Row r, query head h reads positions 0..position[r] of sequence[r], kv head h / (heads / kv_heads):
    p = softmax(scale * q . k), y = sum p v, on decoded f32 keys and values.
    Keys of `kv_qjl` are not decoded: q . k = q_high . k_high + sqrt(pi / 2) / rows * |k_low| * (S q_low . sign(S k_low)),
    unbiased over S with rows of N(0, 1), or orthogonal and of norm sqrt(low) * c, c = sqrt(2) G((low + 1) / 2) /
    (sqrt(low) G(low / 2)) with the gamma function G (S's scale does not change its signs, so c belongs in S's recipe). Of `kv_qjl_groups`, with the outlier channels of
    the token's group: q . k = sqrt(pi / 2) (|k_in| / rows * (S q_in . sign(S k_in)) + |k_out| / outlier_rows * (S' q_out .
    sign(S' k_out))), S' the first outlier_rows rows of S.
    C1: cache names a resq.kv_cache. C2: q and y are [R, heads * head_size] of f32, heads a multiple of the cache's.
    C3: positions and sequences are tensor<Rxi32>. C4: sketch as kv_append's.
  }];
  let roles = "rpsw";
  let hasDefinitionRule = 1;
  let hasEmitter = 1;
  let arguments = (ins Resq_Rows:$q, Resq_Ids:$positions, Resq_Ids:$sequences, Optional<Resq_Param>:$sketch, FlatSymbolRefAttr:$cache, F32Attr:$scale);
  let results = (outs Resq_Rows:$y);
  let assemblyFormat = "$cache `,` $q `at` $positions `,` $sequences (`sketch` $sketch^ `:` type($sketch))? attr-dict `:` type($q) `,` type($positions) `->` type($y)";
}

def Resq_GateOp : Resq_Op<"gate", [Pure, Resq_Infer<"First">]> {
  let summary = "y = activation(gate) * up";
  let description = [{ C1: gate, up and y have the same type. }];
  let roles = "rr";
  let arguments = (ins Resq_Rows:$gate, Resq_Rows:$up, DefaultValuedAttr<Resq_ActivationAttr, "::resq::Activation::Silu">:$activation);
  let results = (outs Resq_Rows:$y);
  let assemblyFormat = "$gate `,` $up (`activation` $activation^)? attr-dict `:` type($gate) `,` type($up) `->` type($y)";
  let hasVerifier = 1;
}

def Resq_AddOp : Resq_SharedOp<"add", [Pure, Commutative, SameOperandsAndResultType]> {
  let summary = "y = a + b, in functions and recipes";
  let roles = "rr";
  let arguments = (ins Resq_Rows:$a, Resq_Rows:$b);
  let results = (outs Resq_Rows:$y);
  let assemblyFormat = "$a `,` $b attr-dict `:` type($y)";
}

def Resq_GatherRowsOp : Resq_Op<"gather_rows", [Pure, Resq_Infer<"GatherRows">]> {
  let summary = "y[i, :] = x[index[i], :]";
  let description = [{ C1: index is tensor<Nxi32>. C2: y is [N, width] of x's element type. }];
  let roles = "gi";
  let arguments = (ins Resq_Rows:$x, Resq_Ids:$index);
  let results = (outs Resq_Rows:$y);
  let assemblyFormat = "$x `,` $index attr-dict `:` type($x) `,` type($index) `->` type($y)";
  let hasVerifier = 1;
}

//===-- Method ops: on the last dimension, in functions and in recipes ----===//

def Resq_RotateOp : Resq_SharedOp<"rotate", [Pure, Resq_Infer<"First">]> {
  let summary = "x times a matrix, block by block of the last dimension";
  let description = [{
    matrix is [blocks, size, size] or [size, size]. The last dimension of x is g * size long;
    block j of x is multiplied by matrix[j * blocks / g] (so query heads share their kv head's matrix; a 2-D
    matrix serves all): y_j = x_j M, or x_j M^T with `transposed`.
    M is orthogonal, so that its transpose is its inverse, unless `pair` says that it is one of two: M and its
    inverse transpose, of which what meets x M (queries, the columns of a weight) is multiplied by the other.
    A gain as a matrix before a head (`--resq-tie-head`) says `pair`, too.
    C1: size divides x's last dimension. C2: blocks divides g. C3: y has x's type. C4: the matrix is f32 or f64, square.
  }];
  let roles = "rw";
  let hasDefinitionRule = 1;
  let hasEmitter = 1;
  let arguments = (ins Resq_Rows:$x, Resq_Param:$matrix, UnitAttr:$transposed, UnitAttr:$pair);
  let results = (outs Resq_Rows:$y);
  let assemblyFormat = "$x `,` $matrix (`transposed` $transposed^)? (`pair` $pair^)? attr-dict `:` type($x) `,` type($matrix) `->` type($y)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Resq_PermuteOp : Resq_SharedOp<"permute", [Pure, Resq_Infer<"First">]> {
  let summary = "y[.., i] = x[.., order[i]]";
  let description = [{ `order` is a constant list, or empty and `indices` a param of i32.
    C1: exactly one of order and indices is given. C2: order is a permutation of the last dimension. C3: y has x's type. }];
  let roles = "rc";
  let hasDefinitionRule = 1;
  let hasEmitter = 1;
  let arguments = (ins Resq_Rows:$x, Optional<Resq_Param>:$indices, OptionalAttr<DenseI64ArrayAttr>:$order);
  let results = (outs Resq_Rows:$y);
  let assemblyFormat = "$x (`by` $indices^ `:` type($indices))? (`order` $order^)? attr-dict `:` type($x) `->` type($y)";
  let hasVerifier = 1;
}

def Resq_HadamardOp : Resq_SharedOp<"hadamard", [Pure, Resq_Infer<"First">]> {
  let summary = "orthonormal Hadamard transform of blocks of the last dimension";
  let description = [{
    Each block of `size` elements is viewed as [K, size / K], size / K a power of two: y = (H_K (x) Sylvester) x / sqrt(size).
    K is 1 or a Paley order (docs/dialect.md lists them); `transposed` applies the inverse.
    C1: size divides the last dimension. C2: size has a known factorisation. C3: y has x's type.
  }];
  let roles = "r";
  let hasDefinitionRule = 1;
  let hasEmitter = 1;
  let arguments = (ins Resq_Rows:$x, I64Attr:$size, UnitAttr:$transposed);
  let results = (outs Resq_Rows:$y);
  let assemblyFormat = "$x `size` $size (`transposed` $transposed^)? attr-dict `:` type($x) `->` type($y)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Resq_SplitOp : Resq_SharedOp<"split", [Pure, Resq_Infer<"Split">]> {
  let summary = "the low and the high part of each block of the last dimension";
  let description = [{
    The last dimension is made of blocks of `block` elements, the last `high` of which are the high part:
    low = all blocks' first parts, in order; high = all blocks' last parts.
    C1: block divides the last dimension. C2: 1 <= high < block. C3: result widths follow.
  }];
  let roles = "r";
  let hasDefinitionRule = 1;
  let hasEmitter = 1;
  let arguments = (ins Resq_Rows:$x, I64Attr:$block, I64Attr:$high);
  let results = (outs Resq_Rows:$low, Resq_Rows:$high_part);
  let assemblyFormat = "$x `block` $block `high` $high attr-dict `:` type($x) `->` type($low) `,` type($high_part)";
  let hasVerifier = 1;
}

def Resq_JoinOp : Resq_SharedOp<"join", [Pure, Resq_Infer<"Join">]> {
  let summary = "the inverse of split";
  let description = [{ C1..C3 as split. }];
  let roles = "rr";
  let arguments = (ins Resq_Rows:$low, Resq_Rows:$high_part, I64Attr:$block, I64Attr:$high);
  let results = (outs Resq_Rows:$y);
  let assemblyFormat = "$low `,` $high_part `block` $block `high` $high attr-dict `:` type($low) `,` type($high_part) `->` type($y)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Resq_SliceOp : Resq_SharedOp<"slice", [Pure]> {
  let summary = "a range of one dimension";
  let description = [{ C1: 0 <= dim < rank. C2: begin and the result's extent stay inside. C3: other extents agree. }];
  let roles = "r";
  let hasDefinitionRule = 1;
  let hasEmitter = 1;
  let arguments = (ins Resq_Rows:$x, I64Attr:$dim, I64Attr:$begin);
  let results = (outs Resq_Rows:$y);
  let assemblyFormat = "$x `dim` $dim `begin` $begin attr-dict `:` type($x) `->` type($y)";
  let hasVerifier = 1;
}

def Resq_ConcatOp : Resq_SharedOp<"concat", [Pure, Resq_Infer<"Concat">]> {
  let summary = "tensors side by side along one dimension";
  let description = [{ C1: at least one operand. C2: extents agree but along dim, where they add up. }];
  let roles = "r";
  let hasDefinitionRule = 1;
  let hasEmitter = 1;
  let arguments = (ins Variadic<Resq_Rows>:$parts, I64Attr:$dim);
  let results = (outs Resq_Rows:$y);
  let assemblyFormat = "$parts `dim` $dim attr-dict `:` type($parts) `->` type($y)";
  let hasVerifier = 1;
}

def Resq_QuantizeOp : Resq_Op<"quantize", [Pure]> {
  let summary = "activation codes, a scale per row and group: asymmetric integers, or E4M3";
  let description = [{
    lo = min(0, min x) * clip, hi = max(0, max x) * clip over the group; s = max((hi - lo) / (2^bits - 1), 1e-8);
    z = rne(-lo / s); code = clamp(rne(x / s) + z, 0, 2^bits - 1). Division is IEEE f32; rne rounds half to even.
    With `clip_by`, a param in (0, 1], clip is its one element (`resq.clip_ratio` makes it). With `range`, that many elements, several groups, share lo, hi
    and so s and z: groups are then what a weight with finer scales needs.
    With E4M3 codes: s = max(max |x| / 448, 1e-8), code = e4m3(x / s); a NaN is no extreme, and codes as NaN.
    C1: x is [R, width] f32. C2: the result has x's shape and a quant element, layout `row`, zero = true or E4M3 codes. C3: group divides width. C4: 0 < clip <= 1.
    C5: clip_by, if any, is [1] of f32, and clip is 1. C6: range, if any, is a multiple of the group and divides width.
    C7: with E4M3 codes, clip is 1, without clip_by, and range, if any, is the group.
  }];
  let roles = "rw";
  let hasDefinitionRule = 1;
  let hasEmitter = 1;
  let arguments = (ins Resq_Rows:$x, Optional<Resq_Param>:$clip_by, DefaultValuedAttr<F32Attr, "1.0f">:$clip, OptionalAttr<I64Attr>:$range);
  let results = (outs Resq_Rows:$q);
  let assemblyFormat = "$x (`clip_by` $clip_by^ `:` type($clip_by))? attr-dict `:` type($x) `->` type($q)";
  let hasVerifier = 1;
}

def Resq_DequantizeOp : Resq_SharedOp<"dequantize", [Pure, Resq_Infer<"Dequantize">]> {
  let summary = "x = scale * (code - zero), or scale * what the code stands for";
  let description = [{ C1: q has a quant element, y its shape and f32. }];
  let roles = "q";
  let hasDefinitionRule = 1;
  let arguments = (ins Resq_Rows:$q);
  let results = (outs Resq_Rows:$y);
  let assemblyFormat = "$q attr-dict `:` type($q) `->` type($y)";
  let hasVerifier = 1;
}

def Resq_QLinearOp : Resq_Op<"qlinear", [Pure, Resq_Infer<"QLinear">, AttrSizedOperandSegments]> {
  let summary = "the sum over branches of matrix products of codes";
  let description = [{
    acc_i[r, g, n] = sum over k in group g of (qx - z) qw, exact in int32; of E4M3 codes, qx qw in f32, k rising (products are exact). Of trellis codes, qw is what the code stands for.
    t[g] = f32(acc) * sx_i[r, g]. In f32, products and sums rounded apart:
    y = bias[n], or 0; then for each branch i in order, where the weight has one scale a row: p = t[0], p += t[1], ..., y += sw_i[n] * p;
    where it has one a group: y += sw_i[g, n] * t[g], g in order.
    C1: as many activations as weights, at least one. C2: activations are [R, in_i] quant with zero or of E4M3 codes, layout `row`. C3: weights are [out, in_i] quant without zero, their group the whole row or the activation's.
    C4: bias, if any, is [out] f32. C5: y is [R, out] f32. C6: a weight has E4M3 codes where its activation has, which hold no NaN, and nowhere else.
    C7: a packed weight is packed for the group of its activation. C8: `site`, as linear's, is not empty.
  }];
  let roles = "qww";
  let hasDefinitionRule = 1;
  let hasEmitter = 1;
  let arguments = (ins Variadic<Resq_Rows>:$activations, Variadic<Resq_Param>:$weights, Optional<Resq_Param>:$bias, OptionalAttr<StrAttr>:$name, OptionalAttr<StrAttr>:$site);
  let results = (outs Resq_Rows:$y);
  let assemblyFormat = "$activations `by` $weights (`bias` $bias^ `:` type($bias))? attr-dict `:` type($activations) `by` type($weights) `->` type($y)";
  let hasVerifier = 1;
}

def Resq_ObserveOp : Resq_Op<"observe", [MemoryEffects<[MemWrite]>]> {
  let summary = "hands rows to calibration: second moments and sampled rows of a site";
  let description = [{
    `first`: the first row of each sequence is kept, too, so that it can be given more weight.
    C1: x is [R, width] f32. C2: block (the moment is [width / block, block, block]) divides width. C3: site is not empty.
  }];
  let roles = "r";
  let hasDefinitionRule = 1;
  let hasEmitter = 1;
  let arguments = (ins Resq_Rows:$x, StrAttr:$site, I64Attr:$block, UnitAttr:$first);
  let assemblyFormat = "$x $site `block` $block attr-dict `:` type($x)";
  let hasVerifier = 1;
}

//===-- Launches: what --resq-lower-gpu makes of a function ---------------===//

// The numbers are those of resq_gpu_arg_kind (resq/abi.h): dialect.cpp checks it.
def Resq_GpuArg : Resq_Enum<"GpuArg", "where an argument of a launch comes from", [
  I32EnumCase<"Workspace", 0, "workspace">, I32EnumCase<"Argument", 1, "argument">, I32EnumCase<"Param", 2, "param">,
  I32EnumCase<"Cache", 3, "cache">, I32EnumCase<"Prepared", 4, "prepared">, I32EnumCase<"Rows", 5, "rows">,
  I32EnumCase<"Capacity", 6, "capacity">]>;

def Resq_LaunchOp : Resq_LoweredOp<"launch", [MemoryEffects<[MemRead, MemWrite]>, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a kernel started on a GPU, after the launches before it";
  let description = [{
    `op` is the number of the launch among the function's, by which profiles and errors find its name, and `label` that name, which says which kernels it runs. `args` are triples of kind, index and byte
    offset, in text words: `workspace 64`, `param 128`, `prepared 0` are bytes of one region, `argument 1` and `cache 3` are the function's, with
    `+ 64` where they begin further back, `rows 0` is the number of rows of argument 0, and `capacity` the tokens that a sequence holds.

    With items = `items_per_row` for each row of argument `rows_of` (-1: one row), there are ceil(items / `items_per_block`) blocks, but at most
    `blocks_per_sm` for each multiprocessor where that is not 0. `early`: the kernel itself waits for the launch before it.
    C1: args are triples of a known kind, and an index and an offset that are not negative. C2: a block has 1 to 1024 threads, and items, blocks and
    bytes of shared memory are not negative, a row and a block having at least one item. C3: kernel names a function of a gpu.module.
  }];
  let arguments = (ins I64Attr:$op, StrAttr:$label, SymbolRefAttr:$kernel, DenseI64ArrayAttr:$args, I64Attr:$items_per_row,
                       DefaultValuedAttr<I64Attr, "-1">:$rows_of, I64Attr:$items_per_block, I64Attr:$threads,
                       DefaultValuedAttr<I64Attr, "0">:$blocks_per_sm, DefaultValuedAttr<I64Attr, "0">:$shared_bytes, UnitAttr:$early);
  let assemblyFormat = [{ $op $label $kernel custom<GpuArgs>($args) `items` $items_per_row (`of` `rows` $rows_of^)? `by` $items_per_block
                          `threads` $threads (`blocks_per_sm` $blocks_per_sm^)? (`shared` $shared_bytes^)? (`early` $early^)? attr-dict }];
  let hasVerifier = 1;
}

def Resq_LaunchObserveOp : Resq_LoweredOp<"launch_observe", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "rows on a GPU handed to the session's observer, where it has one";
  let description = [{
    As many rows as argument `rows_of` has, `width` floats each and `stride` floats apart, are those of site number `site`. The rest is as of `resq.launch`.
    C1: args is one triple, a pointer.
  }];
  let arguments = (ins I64Attr:$op, StrAttr:$label, DenseI64ArrayAttr:$args, I64Attr:$rows_of, I64Attr:$site, I64Attr:$width, I64Attr:$stride);
  let assemblyFormat = "$op $label custom<GpuArgs>($args) `rows` $rows_of `site` $site `width` $width `stride` $stride attr-dict";
  let hasVerifier = 1;
}

//===-- Recipe ops: evaluated once, by --resq-materialize -----------------===//

def Resq_LeafOp : Resq_RecipeOp<"leaf", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a tensor of a checkpoint, decoded to the result type";
  let description = [{ Shapes are outermost first ([out, in]).
    C1: checkpoint names a resq.checkpoint. C2: the tensor exists with this shape (checked by materialize). }];
  let arguments = (ins FlatSymbolRefAttr:$checkpoint, StrAttr:$tensor);
  let results = (outs Resq_Param:$value);
  let assemblyFormat = "$checkpoint $tensor attr-dict `:` type($value)";
}

def Resq_MomentOp : Resq_RecipeOp<"moment", [Pure]> {
  let summary = "the calibrated second moment of a site: sum over tokens of x^T x";
  let description = [{ C1: the result is f64, [n, n] or [blocks, n, n]. }];
  let arguments = (ins StrAttr:$site);
  let results = (outs Resq_Param:$value);
  let assemblyFormat = "$site attr-dict `:` type($value)";
  let hasVerifier = 1;
}

def Resq_SamplesOp : Resq_RecipeOp<"samples", [Pure]> {
  let summary = "rows that calibration sampled at a site";
  let description = [{
    Row i of R is row floor(i * kept / R) of those that calibration kept, in the order of arrival: spread over all of
    them where it kept more, repeated evenly where fewer.
    C1: the result is [rows, width] of f32.
  }];
  let arguments = (ins StrAttr:$site);
  let results = (outs Resq_Param:$value);
  let assemblyFormat = "$site attr-dict `:` type($value)";
  let hasVerifier = 1;
}

def Resq_ClipRatioOp : Resq_RecipeOp<"clip_ratio", [Pure]> {
  let summary = "the clip of an activation quantiser that costs its linears least";
  let description = [{
    Of c = 1 - 0.03 i, i < `steps`, the first with the least sum over rows x and weights W of |(Q_c(x) - x) W^T|^2, Q_c being
    resq.quantize with clip c and `bits`, `group`, then resq.dequantize. Products are f32, sums f64.
    C1: samples is [rows, width] of a float. C2: weights, at least one, are [out, width] of a float. C3: bits is 2..8 and group divides width.
    C4: steps is 1..33. C5: the result is [1] of f32.
  }];
  let arguments = (ins Resq_Param:$samples, Variadic<Resq_Param>:$weights, I64Attr:$bits, I64Attr:$group, DefaultValuedAttr<I64Attr, "15">:$steps);
  let results = (outs Resq_Param:$ratio);
  let assemblyFormat = "$samples `by` $weights `bits` $bits `group` $group attr-dict `:` type($samples) `by` type($weights) `->` type($ratio)";
  let hasVerifier = 1;
}

def Resq_DiagonalOrderOp : Resq_RecipeOp<"diagonal_order", [Pure]> {
  let summary = "indices of a matrix's diagonal, its elements ascending";
  let description = [{
    Of a second moment: channels by their mean square, for `resq.permute`. Equal elements keep their order.
    C1: x is [n, n] of f64. C2: the result is [n] of i32.
  }];
  let arguments = (ins Resq_Param:$x);
  let results = (outs Resq_Param:$order);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($order)";
  let hasVerifier = 1;
}

def Resq_NormalizeTraceOp : Resq_RecipeOp<"normalize_trace", [Pure, SameOperandsAndResultType]> {
  let summary = "each matrix divided by its trace";
  let description = [{ A matrix of zeros, of a site that calibration saw as zeros alone, stays. }];
  let arguments = (ins Resq_Param:$x);
  let results = (outs Resq_Param:$y);
  let assemblyFormat = "$x attr-dict `:` type($y)";
}

def Resq_SumBlocksOp : Resq_RecipeOp<"sum_blocks", [Pure, Resq_Infer<"SumBlocks">]> {
  let summary = "[blocks, n, n] summed to [n, n], or to [into, n, n]";
  let description = [{
    With `into`, each blocks / into neighbours are summed: what the query heads of a kv head say together.
    C1: shapes follow. C2: into, if any, divides blocks.
  }];
  let arguments = (ins Resq_Param:$x, OptionalAttr<I64Attr>:$into);
  let results = (outs Resq_Param:$y);
  let assemblyFormat = "$x (`into` $into^)? attr-dict `:` type($x) `->` type($y)";
  let hasVerifier = 1;
}

def Resq_EigenbasisOp : Resq_RecipeOp<"eigenbasis", [Pure, SameOperandsAndResultType]> {
  let summary = "orthonormal eigenvectors as columns, eigenvalues ascending";
  let description = [{ Per matrix of [.., n, n] f64. Sign rule: the entry of largest magnitude (first on ties) of each column is positive. }];
  let arguments = (ins Resq_Param:$moment);
  let results = (outs Resq_Param:$basis);
  let assemblyFormat = "$moment attr-dict `:` type($basis)";
}

def Resq_RandomOrthogonalOp : Resq_RecipeOp<"random_orthogonal", [Pure]> {
  let summary = "a seeded block-diagonal orthogonal matrix";
  let description = [{ [n, n] f64; diagonal blocks of `sizes`, each Haar (QR of a Philox Gaussian, R's diagonal positive). C1: sizes sum to n. }];
  let arguments = (ins DenseI64ArrayAttr:$sizes, I64Attr:$seed);
  let results = (outs Resq_Param:$value);
  let assemblyFormat = "$sizes `seed` $seed attr-dict `:` type($value)";
  let hasVerifier = 1;
}

def Resq_HadamardMatrixOp : Resq_RecipeOp<"hadamard_matrix", [Pure]> {
  let summary = "the orthonormal Hadamard matrix of resq.hadamard, rows by random signs";
  let description = [{ [n, n] f64: diag(signs of `seed`) times H; seed 0 means no signs. Where no Hadamard matrix is known and `or_orthogonal` stands, a Haar matrix of the seed. C1: n has a known factorisation, or or_orthogonal. }];
  let arguments = (ins I64Attr:$seed, UnitAttr:$or_orthogonal);
  let results = (outs Resq_Param:$value);
  let assemblyFormat = "`seed` $seed (`or_orthogonal` $or_orthogonal^)? attr-dict `:` type($value)";
  let hasVerifier = 1;
}

def Resq_BalancedBasisOp : Resq_RecipeOp<"balanced_basis", [Pure, SameOperandsAndResultType]> {
  let summary = "the basis in which keys and queries have one diagonal second moment";
  let description = [{
    Per matrix of [.., n, n] f64, keys C_k and queries C_q: with C_k = L L^T and L^T C_q L = V S^2 V^T, S ascending, T = L^-T V S^(1/2).
    Then T^T C_k T = S, and so is T^-1 C_q T^-T, the second moment of queries that T's inverse transpose turns (balanced truncation:
    Moore, IEEE Trans. Automatic Control 26, 1981). Both C get 1e-3 of their mean diagonal added to it, the identity
    where they are zero (a diagonal that rounding left below zero counts as zero), and C_k tenfold more, up to 1, where it is not positive
    definite; S^2 is kept from falling below 1e-14 of its largest. Signs of V as eigenbasis's.
    C1: the type is [n, n] or [blocks, n, n] of f64.
  }];
  let arguments = (ins Resq_Param:$keys, Resq_Param:$queries);
  let results = (outs Resq_Param:$basis);
  let assemblyFormat = "$keys `,` $queries attr-dict `:` type($basis)";
  let hasVerifier = 1;
}

def Resq_InverseTransposeOp : Resq_RecipeOp<"inverse_transpose", [Pure, Resq_Infer<"InverseTranspose">]> {
  let summary = "the inverse transpose of each matrix, in f64";
  let description = [{
    (x M)(w M^-T)^T = x w^T: what meets a value that M turned is turned by it. Materialize reports the matrices' condition numbers and refuses singular ones.
    C1: x is [n, n] or [blocks, n, n] of f32 or f64. C2: y has its shape, of f64.
  }];
  let arguments = (ins Resq_Param:$x);
  let results = (outs Resq_Param:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
  let hasVerifier = 1;
}

def Resq_RandomMatrixOp : Resq_RecipeOp<"random_matrix", [Pure]> {
  let summary = "a seeded block-diagonal random matrix that need not be orthogonal";
  let description = [{
    [n, n] f64; diagonal blocks of `sizes`, each of m = its size, `kind`: `hadamard`, as hadamard_matrix (Haar where none is known of
    the size); `gaussian`, entries N(0, 1 / m); `bernoulli`, entries +-1 / sqrt(m). Philox element i * n + j of `seed` makes entry (i, j) of the last two.
    Only the first is orthogonal. Of the others materialize reports the departure |M^T M - 1| (largest singular value) and refuses one above `departure`, if given.
    C1: sizes sum to n. C2: departure, if any, is positive.
  }];
  let arguments = (ins DenseI64ArrayAttr:$sizes, Resq_RandomKindAttr:$kind, I64Attr:$seed, OptionalAttr<F64Attr>:$departure);
  let results = (outs Resq_Param:$value);
  let assemblyFormat = "$sizes $kind `seed` $seed (`departure` $departure^)? attr-dict `:` type($value)";
  let hasVerifier = 1;
}

def Resq_SketchMatrixOp : Resq_RecipeOp<"sketch_matrix", [Pure]> {
  let summary = "the random rows of a sign sketch (QJL, arXiv 2406.03482)";
  let description = [{
    [rows, n] f64. Blocks of n rows (fewer in the last), each the first rows of a Haar matrix as random_orthogonal makes it, times
    E|g| = sqrt(2) G((n + 1) / 2) / G(n / 2), the mean norm of a vector of N(0, 1) (G: the gamma function). With `gaussian`, rows of N(0, 1).
    Either way E[(s . q) sign(s . k)] = sqrt(2 / pi) q . k / |k| for each row s: the constant of resq.attention serves both.
    C1: the result is [rows, n] of f64, both at least 1.
  }];
  let arguments = (ins I64Attr:$seed, UnitAttr:$gaussian);
  let results = (outs Resq_Param:$value);
  let assemblyFormat = "`seed` $seed (`gaussian` $gaussian^)? attr-dict `:` type($value)";
  let hasVerifier = 1;
}

def Resq_MatmulOp : Resq_RecipeOp<"matmul", [Pure, Resq_Infer<"Matmul">]> {
  let summary = "a b, in f64; a leading batch of either is kept, a 2-D operand serves all";
  let description = [{ The inferred element is the finer of a's and b's. C1: shapes agree. }];
  let arguments = (ins Resq_Param:$a, Resq_Param:$b);
  let results = (outs Resq_Param:$y);
  let assemblyFormat = "$a `,` $b attr-dict `:` type($a) `,` type($b) `->` type($y)";
  let hasVerifier = 1;
}

def Resq_TransposeOp : Resq_RecipeOp<"transpose", [Pure, Resq_Infer<"Transpose">]> {
  let summary = "the last two dimensions swapped";
  let description = [{ C1: shapes follow. }];
  let arguments = (ins Resq_Param:$x);
  let results = (outs Resq_Param:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Resq_KronOp : Resq_RecipeOp<"kron", [Pure, Resq_Infer<"Kron">]> {
  let summary = "the Kronecker product a (x) b of two matrices";
  let description = [{ C1: shapes follow. }];
  let arguments = (ins Resq_Param:$a, Resq_Param:$b);
  let results = (outs Resq_Param:$y);
  let assemblyFormat = "$a `,` $b attr-dict `:` type($a) `,` type($b) `->` type($y)";
  let hasVerifier = 1;
}

def Resq_EyeOp : Resq_RecipeOp<"eye", [Pure]> {
  let summary = "the identity matrix";
  let description = [{ C1: [n, n] of f64 or f32. }];
  let arguments = (ins);
  let results = (outs Resq_Param:$value);
  let assemblyFormat = "attr-dict `:` type($value)";
  let hasVerifier = 1;
}

def Resq_ScaleColumnsOp : Resq_RecipeOp<"scale_columns", [Pure, Resq_Infer<"First">]> {
  let summary = "x[.., i] * gain[i]: a norm's gain folded into a weight";
  let description = [{ C1: gain is [width]. C2: y has x's type. }];
  let arguments = (ins Resq_Param:$x, Resq_Param:$gain);
  let results = (outs Resq_Param:$y);
  let assemblyFormat = "$x `,` $gain attr-dict `:` type($x) `,` type($gain) `->` type($y)";
  let hasVerifier = 1;
}

def Resq_DeinterleaveOp : Resq_RecipeOp<"deinterleave", [Pure, Resq_Infer<"First">]> {
  let summary = "rows of each head from interleaved to half-split RoPE order";
  let description = [{ [heads * size, in] (or [heads * size]); within a head new row i = old row 2i, new row size/2 + i = old row 2i + 1. C1: rows is a multiple of 2 * heads. C2: y has x's type. }];
  let arguments = (ins Resq_Param:$x, I64Attr:$heads);
  let results = (outs Resq_Param:$y);
  let assemblyFormat = "$x `heads` $heads attr-dict `:` type($x) `->` type($y)";
  let hasVerifier = 1;
}

def Resq_CastOp : Resq_RecipeOp<"cast", [Pure]> {
  let summary = "element type changed, rounding to nearest even";
  let description = [{ C1: shapes agree. C2: float element types. }];
  let arguments = (ins Resq_Param:$x);
  let results = (outs Resq_Param:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Resq_QuantizeWeightOp : Resq_RecipeOp<"quantize_weight", [Pure]> {
  let summary = "symmetric codes, a scale per output channel and group";
  let description = [{
    Per row and group: of scales bf16(p * max|w| / (2^(bits-1) - 1)), p = 1 - i * 0.025, i < `steps`, the first with the least
    sum |w - s * clamp(rne(w / s), -2^(bits-1), 2^(bits-1) - 1)|^norm; steps = 1 means no search. With E4M3 codes, of scales
    bf16(p * max|w| / 448) the first with the least sum |w - s * e4m3(w / s)|^norm; weights must be finite. With trellis codes, of scales
    bf16(p * rms(w) / 38.368), p = 1, 1.025, 0.975, 1.05, ... of at most 9 steps, the first with the least sum of squares (whatever `norm` says), all rows of 16
    channels taking the same p; then codes are the path with the least sum of (w / s - g)^2 over the channels of a ring, the first start on ties.
    C1: x is [out, in] float. C2: y is [out, in] quant without zero, layout `row`. C3: group divides in. C4: steps is 1..39.
  }];
  let arguments = (ins Resq_Param:$x, DefaultValuedAttr<I64Attr, "28">:$steps, DefaultValuedAttr<F32Attr, "2.4f">:$norm);
  let results = (outs Resq_Param:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
  let hasVerifier = 1;
}

def Resq_GptqFactorOp : Resq_RecipeOp<"gptq_factor", [Pure]> {
  let summary = "in which order GPTQ quantises columns, and how errors move on: a function of the inputs alone";
  let description = [{
    moment is C = x^T x of the inputs of a linear, whose columns lie side by side in `parts` (branches). order: part by part, by falling C[i, i], the
    least index first on ties. With H = C[order, order] + `damping` * mean(diag C) * I: factor is the upper triangular U, diagonal positive, with
    U^T U = H^-1 (arXiv 2210.17323: the transposed Cholesky factor of the inverse), in f64, rounded once. Where H is not positive definite, the damping is
    raised tenfold, up to 1, with a remark. Where rounding left C[i, i] below zero it counts as zero; a C of zeros has a mean of 1.
    C1: moment is [n, n] of f64. C2: parts are positive and sum to n. C3: order is [n] of i32, factor [n, n] of f32. C4: damping is above 0, at most 1.
  }];
  let arguments = (ins Resq_Param:$moment, DenseI64ArrayAttr:$parts, DefaultValuedAttr<F32Attr, "0.01f">:$damping);
  let results = (outs Resq_Param:$order, Resq_Param:$factor);
  let assemblyFormat = "$moment `parts` $parts attr-dict `:` type($moment) `->` type($order) `,` type($factor)";
  let hasVerifier = 1;
}

def Resq_GptqWeightOp : Resq_RecipeOp<"gptq_weight", [Pure]> {
  let summary = "symmetric codes of all branches of a linear, each column making up for those before it";
  let description = [{
    Scales are those of `quantize_weight` (`steps`, `norm`) on each weight as it is. Then, in the order and with the factor U of `gptq_factor`,
    on W = the weights side by side: column c = order[i] gets code = clamp(rne(W[:, c] / s), -2^(bits-1), 2^(bits-1) - 1), or e4m3(W[:, c] / s), or, for each 16 channels, those of the best path (`quantize_weight`), and with
    e = (W[:, c] - s * what the code stands for) / U[i, i] later columns become W[:, order[j]] - e * U[i, j]. In f32; a zero scale gives code 0, or any trellis code.
    C1: weights are [out, in_i] of a float, one out. C2: as many codes as weights, code i of weight i's shape, quant without zero, layout `row`.
    C3: group i divides in_i. C4: order is [n] of i32, factor [n, n] of f32, n the sum of in_i. C5: steps is 1..39.
  }];
  let arguments = (ins Variadic<Resq_Param>:$weights, Resq_Param:$order, Resq_Param:$factor,
                       DefaultValuedAttr<I64Attr, "28">:$steps, DefaultValuedAttr<F32Attr, "2.4f">:$norm);
  let results = (outs Variadic<Resq_Param>:$codes);
  let assemblyFormat = "$weights `by` $order `,` $factor attr-dict `:` type($weights) `by` type($order) `,` type($factor) `->` type($codes)";
  let hasVerifier = 1;
}

def Resq_PackOp : Resq_RecipeOp<"pack", [Pure]> {
  let summary = "the stored order: float to panel, or quant in row layout to n16k4";
  let description = [{
    The result type of a quant weight says for which group of activations it is packed.
    C1: [out, in]. C2: x float and y a panel (rounded to its element), or x quant in layout `row` and y the same quant in layout `n16k4`.
    C3: y's pack group divides in; the weight's own group is it or the whole row.
  }];
  let arguments = (ins Resq_Param:$x);
  let results = (outs Resq_Param:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
  let hasVerifier = 1;
}

#endif // RESQ_TD
