//===-- dialect.cpp - generated classes of the dialect, bodies in C -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// This file holds what TableGen made of the ops of resq.td (types.cpp has the rest) and
// forwards every body to a C function of hooks.h; the bodies themselves are in hooks_*.c.
// It also holds the C accessors of ops.h, whose generated bodies call the methods of
// the op classes.
//===----------------------------------------------------------------------===//
#include "dialect/classes.h"
#include "resq/abi.h"

#include "ResqDialect.cpp.inc"
#define GET_OP_CLASSES
#include "ResqOps.cpp.inc"

using namespace mlir;
using namespace resq;

//===-- Dialect -----------------------------------------------------------===//

namespace {
/// Bytecode carries the version of the dialect that wrote it; types and attributes stay in text
/// form.
struct ResqVersion : DialectVersion {
  uint64_t number = 0;
};

struct ResqBytecode : BytecodeDialectInterface {
  explicit ResqBytecode(Dialect *dialect) : BytecodeDialectInterface(dialect) {}

  void writeVersion(DialectBytecodeWriter &writer) const override {
    writer.writeVarInt(RESQ_DIALECT_VERSION);
  }

  std::unique_ptr<DialectVersion> readVersion(DialectBytecodeReader &reader) const override {
    auto version = std::make_unique<ResqVersion>();
    if (failed(reader.readVarInt(version->number)))
      return nullptr;
    if (resqCheckVersion(wrap(Location(UnknownLoc::get(getContext()))), version->number))
      return version;
    return nullptr;
  }
};
} // namespace

void ResqDialect::initialize() {
  addTypesAndAttributes();
  addOperations<
#define GET_OP_LIST
#include "ResqOps.cpp.inc"
      >();
  addInterfaces<ResqBytecode>();
}

LogicalResult ResqDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  return success(resqVerifyOperationAttribute(wrap(op), wrap(attribute.getName().strref()),
                                              wrap(attribute.getValue())));
}

LogicalResult ResqDialect::verifyRegionArgAttribute(Operation *op, unsigned, unsigned index,
                                                    NamedAttribute attribute) {
  return success(resqVerifyValueAttribute(
      wrap(op), "argument", index, wrap(attribute.getName().strref()), wrap(attribute.getValue())));
}

LogicalResult ResqDialect::verifyRegionResultAttribute(Operation *op, unsigned, unsigned index,
                                                       NamedAttribute attribute) {
  return success(resqVerifyValueAttribute(
      wrap(op), "result", index, wrap(attribute.getName().strref()), wrap(attribute.getValue())));
}

MLIR_DEFINE_CAPI_DIALECT_REGISTRATION(Resq, resq, resq::ResqDialect)

void resqEmitRemark(MlirLocation loc, const char *message) { emitRemark(unwrap(loc)) << message; }

//===-- Arguments of launches ---------------------------------------------===//

#define RESQ_SAME_ARG(word, constant) ((int)GpuArg::word == RESQ_GPU_##constant)
static_assert(RESQ_SAME_ARG(Workspace, WORKSPACE) && RESQ_SAME_ARG(Argument, ARGUMENT) &&
                  RESQ_SAME_ARG(Param, PARAM) && RESQ_SAME_ARG(Cache, CACHE) &&
                  RESQ_SAME_ARG(Prepared, PREPARED) && RESQ_SAME_ARG(Rows, ROWS) &&
                  RESQ_SAME_ARG(Capacity, CAPACITY),
              "resq.td and resq/abi.h disagree");

/// One of several regions, which the index tells apart; what is not is one region.
static bool hasIndex(GpuArg kind) {
  return kind == GpuArg::Argument || kind == GpuArg::Cache || kind == GpuArg::Rows;
}

ParseResult parseGpuArgs(OpAsmParser &parser, DenseI64ArrayAttr &args) {
  SmallVector<int64_t> numbers;
  const auto parseOne = [&]() -> ParseResult {
    SMLoc at = parser.getCurrentLocation();
    StringRef word;
    int64_t index = 0, offset = 0;
    if (parser.parseKeyword(&word))
      return failure();
    std::optional<GpuArg> kind = symbolizeGpuArg(word);
    if (!kind)
      return parser.emitError(at, "a launch has no argument ") << word;
    const bool isNumber = *kind == GpuArg::Rows || *kind == GpuArg::Capacity;
    if (hasIndex(*kind) && parser.parseInteger(index))
      return failure();
    const bool isRegion = !hasIndex(*kind) && !isNumber;
    const bool isBehind = hasIndex(*kind) && !isNumber && succeeded(parser.parseOptionalPlus());
    if ((isRegion || isBehind) && parser.parseInteger(offset))
      return failure();
    numbers.append({(int64_t)*kind, index, offset});
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parseOne))
    return failure();
  args = DenseI64ArrayAttr::get(parser.getContext(), numbers);
  return success();
}

void printGpuArgs(OpAsmPrinter &printer, Operation *, DenseI64ArrayAttr args) {
  printer << '(';
  ArrayRef<int64_t> left = args;
  for (const char *comma = ""; left.size() >= 3; left = left.drop_front(3), comma = ", ") {
    const auto kind = (GpuArg)left[0];
    printer << comma << stringifyGpuArg(kind);
    if (hasIndex(kind))
      printer << ' ' << left[1];
    if (hasIndex(kind) && left[2])
      printer << " + " << left[2];
    else if (!hasIndex(kind) && kind != GpuArg::Capacity)
      printer << ' ' << left[2];
  }
  printer << ')';
}

//===-- Verifiers, symbol uses, folders -----------------------------------===//

#define RESQ_VERIFIER(op)                                                                          \
  LogicalResult op##Op::verify() { return success(resqVerify##op(wrap(getOperation()))); }

#define RESQ_FOLDER(op)                                                                            \
  OpFoldResult op##Op::fold(FoldAdaptor) { return unwrap(resqFold##op(wrap(getOperation()))); }

/// Lookup of a symbol for C: the table is the collection of the running verification.
struct LookupScope {
  SymbolTableCollection *tables;
  Operation *from;
};
static MlirOperation lookUp(void *scope, MlirStringRef name) {
  auto *in = static_cast<LookupScope *>(scope);
  auto symbol = StringAttr::get(in->from->getContext(), unwrap(name));
  return wrap(in->tables->lookupNearestSymbolFrom(in->from, symbol));
}

#define RESQ_SYMBOL_USER(op)                                                                       \
  LogicalResult op##Op::verifySymbolUses(SymbolTableCollection &tables) {                          \
    LookupScope scope = {&tables, getOperation()};                                                 \
    return success(resqVerifyUses##op(wrap(getOperation()), {lookUp, &scope}));                    \
  }

//===-- Inference ---------------------------------------------------------===//

/// What an op is made from may stand in its properties or, where it has none yet, in the
/// dictionary.
using AttributeFinder = function_ref<Attribute(StringRef)>;
static MlirAttribute findAttribute(const void *scope, MlirStringRef name) {
  return wrap((*static_cast<const AttributeFinder *>(scope))(unwrap(name)));
}

template <typename OpT>
static LogicalResult infer(MlirType (*rule)(MlirLocation, const resq_parts *, intptr_t),
                           MLIRContext *context, std::optional<Location> location,
                           ValueRange operands, DictionaryAttr attributes,
                           OpaqueProperties properties, SmallVectorImpl<Type> &types) {
  auto inAny = [&](StringRef name) -> Attribute {
    if constexpr (!std::is_same_v<typename OpT::Properties, EmptyProperties>)
      if (auto *own = properties.as<typename OpT::Properties *>())
        if (std::optional<Attribute> found = OpT::getInherentAttr(context, *own, name))
          return *found;
    return attributes ? attributes.get(name) : Attribute();
  };
  AttributeFinder finder = inAny;
  SmallVector<MlirValue> values = llvm::map_to_vector(operands, [](Value v) { return wrap(v); });
  resq_parts parts = {wrap(OpT::getOperationName()), (intptr_t)values.size(), values.data(),
                      findAttribute, &finder};
  MlirLocation loc = location ? wrap(*location) : MlirLocation{nullptr};
  for (intptr_t i = 0; i < (OpT::template hasTrait<OpTrait::OneResult>() ? 1 : 2); i++) {
    types.push_back(unwrap(rule(loc, &parts, i)));
    if (!types.back())
      return failure();
  }
  return success();
}

/// The verifier's side: what an op says its results are stays, where it agrees with what follows.
static LogicalResult refine(StringRef name, std::optional<Location> location, ArrayRef<Type> types,
                            SmallVectorImpl<Type> &given) {
  if (given.empty())
    given.assign(types.begin(), types.end());
  auto agree = [](Type a, Type b) { return resqTypesAgree(wrap(a), wrap(b)); };
  if (types.size() == given.size() && llvm::all_of_zip(types, given, agree))
    return success();
  return emitOptionalError(location, "'", name, "' op results are ", given, ": allowed are ", types,
                           ", which follow from its operands");
}

#define RESQ_INFER(op, rule)                                                                       \
  LogicalResult op##Op::inferReturnTypes(MLIRContext *context, std::optional<Location> location,   \
                                         ValueRange operands, DictionaryAttr attributes,           \
                                         OpaqueProperties properties, RegionRange,                 \
                                         SmallVectorImpl<Type> &types) {                           \
    return infer<op##Op>(resqInfer##rule, context, location, operands, attributes, properties,     \
                         types);                                                                   \
  }                                                                                                \
  LogicalResult op##Op::refineReturnTypes(MLIRContext *context, std::optional<Location> location,  \
                                          ValueRange operands, DictionaryAttr attributes,          \
                                          OpaqueProperties properties, RegionRange,                \
                                          SmallVectorImpl<Type> &given) {                          \
    SmallVector<Type> types;                                                                       \
    if (failed(infer<op##Op>(resqInfer##rule, context, location, operands, attributes, properties, \
                             types)))                                                              \
      return failure();                                                                            \
    return refine(getOperationName(), location, types, given);                                     \
  }

RESQ_OPS_WITH_VERIFIER(RESQ_VERIFIER)
RESQ_OPS_WITH_FOLDER(RESQ_FOLDER)
RESQ_OPS_WITH_SYMBOLS(RESQ_SYMBOL_USER)
RESQ_OPS_WITH_INFERENCE(RESQ_INFER)

//===-- Accessors of ops.h ------------------------------------------------===//

namespace {
/// The op as one of its class. A wrong class would read another op's memory, so that this is
/// checked in every build.
template <typename OpT> OpT as(MlirOperation op) {
  if (op.ptr && isa<OpT>(unwrap(op)))
    return cast<OpT>(unwrap(op));
  llvm::report_fatal_error(Twine("an accessor of ") + OpT::getOperationName() + " is called on " +
                           (op.ptr ? unwrap(op)->getName().getStringRef() : "no op"));
}

template <typename T> T present(std::optional<T> value, const char *message) {
  if (value)
    return *value;
  llvm::report_fatal_error(message);
}

Value element(OperandRange values, intptr_t i) {
  assert(i >= 0 && (size_t)i < values.size() && "there are fewer operands");
  return values[(size_t)i];
}
Value element(ResultRange values, intptr_t i) {
  assert(i >= 0 && (size_t)i < values.size() && "there are fewer results");
  return values[(size_t)i];
}

float toFloat(const APFloat &value) { return value.convertToFloat(); }
double toDouble(const APFloat &value) { return value.convertToDouble(); }

IntegerAttr makeI64(MLIRContext *ctx, int64_t value) {
  return IntegerAttr::get(IntegerType::get(ctx, 64), value);
}
FloatAttr makeF32(MLIRContext *ctx, float value) {
  return FloatAttr::get(Float32Type::get(ctx), value);
}
FloatAttr makeF64(MLIRContext *ctx, double value) {
  return FloatAttr::get(Float64Type::get(ctx), value);
}
UnitAttr makeUnit(MLIRContext *ctx, bool value) { return value ? UnitAttr::get(ctx) : UnitAttr(); }
BoolAttr makeBool(MLIRContext *ctx, bool value) { return BoolAttr::get(ctx, value); }
StringAttr makeString(MLIRContext *ctx, MlirStringRef value) {
  return value.data ? StringAttr::get(ctx, unwrap(value)) : StringAttr();
}
FlatSymbolRefAttr makeSymbol(MLIRContext *ctx, MlirStringRef value) {
  return FlatSymbolRefAttr::get(ctx, unwrap(value));
}
TypeAttr makeType(MLIRContext *, MlirType value) { return TypeAttr::get(unwrap(value)); }
DenseI64ArrayAttr makeNumbers(MLIRContext *ctx, intptr_t n, const int64_t *values) {
  return DenseI64ArrayAttr::get(ctx, ArrayRef<int64_t>(values, (size_t)n));
}

/// The text of an enum in an op: a bare word. ResqDialect::printAttribute puts the mnemonic before it elsewhere.
#define RESQ_ENUM_TEXT(name)                                                                       \
  Attribute name##Attr::parse(AsmParser &parser, Type) {                                           \
    FailureOr<name> value = FieldParser<name>::parse(parser);                                      \
    return succeeded(value) ? name##Attr::get(parser.getContext(), *value) : Attribute();          \
  }                                                                                                \
  void name##Attr::print(AsmPrinter &printer) const { printer << stringify##name(getValue()); }

template <typename OpT> OperationState start(const resq_builder *at) {
  return OperationState(unwrap(at->loc), OpT::getOperationName());
}
void addOperand(OperationState &state, MlirValue value) {
  if (value.ptr)
    state.operands.push_back(unwrap(value));
}
void addOperands(OperationState &state, intptr_t n, const MlirValue *values) {
  for (intptr_t i = 0; i < n; i++)
    state.operands.push_back(unwrap(values[i]));
}
void addTypes(OperationState &state, intptr_t n, const MlirType *types) {
  for (intptr_t i = 0; i < n; i++)
    state.types.push_back(unwrap(types[i]));
}
template <typename OpT> OpT insert(const resq_builder *at, OperationState &state) {
  Operation *op = Operation::create(state);
  if (at->before.ptr)
    unwrap(at->block)->getOperations().insert(Block::iterator(unwrap(at->before)), op);
  else
    unwrap(at->block)->push_back(op);
  return cast<OpT>(op);
}
} // namespace

#include "ResqOpsC.cpp.inc"
