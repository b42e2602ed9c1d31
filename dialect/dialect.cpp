//===-- dialect.cpp - generated classes of the dialect, bodies in C -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one C++ file of the dialect: it holds what TableGen made of resq.td and
// forwards every body to a C function of hooks.h; the bodies themselves are in hooks_*.c.
// It also holds the C accessors of ops.h, whose generated bodies call the methods of
// the op classes.
//===----------------------------------------------------------------------===//
#ifndef __clang__
// clang-format off
#error "libMLIR.so is built with clang, and g++ names traits otherwise: use clang++-22"
// clang-format on
#endif
#include "mlir/IR/Dialect.h"
#include "dialect/hooks.h"
#include "dialect/ops.h"
#include "mlir/Bytecode/BytecodeImplementation.h"
#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Registration.h"
#include "mlir/CAPI/Support.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "resq/dialect.h"
#include "llvm/ADT/TypeSwitch.h"

#include "ResqDialect.h.inc"
#include "ResqEnums.h.inc"
#define GET_TYPEDEF_CLASSES
#include "ResqTypes.h.inc"
#define GET_ATTRDEF_CLASSES
#include "ResqAttrs.h.inc"
#define GET_OP_CLASSES
#include "ResqOps.h.inc"

#include "ResqDialect.cpp.inc"
#include "ResqEnums.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "ResqTypes.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "ResqAttrs.cpp.inc"
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
  addTypes<
#define GET_TYPEDEF_LIST
#include "ResqTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "ResqAttrs.cpp.inc"
      >();
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

//===-- Types and attributes ----------------------------------------------===//

// Their verifiers write a message and this file emits it: an op's parser takes any diagnostic that
// is begun, even one that is abandoned, for an error of its own.

LogicalResult QuantType::verify(function_ref<InFlightDiagnostic()> emitError, unsigned bits,
                                int64_t group, bool zero, StringRef layout, Type storage,
                                StringRef codebook) {
  resq_message message;
  if (resqVerifyQuant(bits, group, zero, wrap(layout), wrap(storage), wrap(codebook), &message))
    return success();
  return emitError() << message.text;
}

LogicalResult PanelType::verify(function_ref<InFlightDiagnostic()> emitError, Type element) {
  resq_message message;
  if (resqVerifyPanel(wrap(element), &message))
    return success();
  return emitError() << message.text;
}

LogicalResult KvCodeAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringRef kind,
                                 unsigned bits, unsigned high, unsigned highBits, unsigned rows,
                                 unsigned outliers, unsigned outlierRows, unsigned buffer,
                                 unsigned window) {
  resq_message message;
  const resq_kv_fields fields = {wrap(kind), bits,        high,   highBits, rows,
                                 outliers,   outlierRows, buffer, window};
  if (resqVerifyKvCode(&fields, &message))
    return success();
  return emitError() << message.text;
}

bool resqTypeIsQuant(MlirType type) { return isa<QuantType>(unwrap(type)); }
MlirType resqQuantTypeGet(MlirContext ctx, unsigned bits, int64_t group, bool zero,
                          MlirStringRef layout) {
  Location unknown = UnknownLoc::get(unwrap(ctx));
  return wrap(
      QuantType::getChecked(unknown, unwrap(ctx), bits, group, zero, unwrap(layout), Type(), ""));
}
MlirType resqQuantTypeGetSymmetric(MlirContext ctx, resq_code_kind kind, unsigned bits,
                                   int64_t group, MlirStringRef layout) {
  Location unknown = UnknownLoc::get(unwrap(ctx));
  Type storage = kind == RESQ_CODE_E4M3 ? Float8E4M3FNType::get(unwrap(ctx)) : Type();
  StringRef codebook = kind == RESQ_CODE_TRELLIS ? "tcq" : "";
  return wrap(QuantType::getChecked(unknown, unwrap(ctx), bits, group, false, unwrap(layout),
                                    storage, codebook));
}
unsigned resqQuantTypeGetBits(MlirType type) { return cast<QuantType>(unwrap(type)).getBits(); }
int64_t resqQuantTypeGetGroup(MlirType type) { return cast<QuantType>(unwrap(type)).getGroup(); }
bool resqQuantTypeGetZero(MlirType type) { return cast<QuantType>(unwrap(type)).getZero(); }
MlirStringRef resqQuantTypeGetLayout(MlirType type) {
  return wrap(cast<QuantType>(unwrap(type)).getLayout());
}
resq_code_kind resqQuantTypeGetKind(MlirType type) {
  auto quant = cast<QuantType>(unwrap(type));
  return quant.getStorage()            ? RESQ_CODE_E4M3
         : quant.getCodebook().empty() ? RESQ_CODE_INTEGER
                                       : RESQ_CODE_TRELLIS;
}
bool resqQuantTypeIsE4M3(MlirType type) { return resqQuantTypeGetKind(type) == RESQ_CODE_E4M3; }
MlirType resqQuantTypeWithLayout(MlirType type, MlirStringRef layout) {
  auto quant = cast<QuantType>(unwrap(type));
  return wrap(QuantType::getChecked(UnknownLoc::get(quant.getContext()), quant.getContext(),
                                    quant.getBits(), quant.getGroup(), quant.getZero(),
                                    unwrap(layout), quant.getStorage(), quant.getCodebook()));
}

bool resqTypeIsPanel(MlirType type) { return isa<PanelType>(unwrap(type)); }
MlirType resqPanelTypeGet(MlirType element) {
  Type type = unwrap(element);
  Location unknown = UnknownLoc::get(type.getContext());
  return wrap(PanelType::getChecked(unknown, type.getContext(), type));
}
MlirType resqPanelTypeGetElement(MlirType type) {
  return wrap(cast<PanelType>(unwrap(type)).getElement());
}

bool resqAttrIsKvCode(MlirAttribute attr) { return isa<KvCodeAttr>(unwrap(attr)); }
MlirAttribute resqKvCodeAttrGet(MlirContext ctx, MlirStringRef kind, unsigned bits, unsigned high,
                                unsigned high_bits, unsigned rows) {
  Location unknown = UnknownLoc::get(unwrap(ctx));
  return wrap(KvCodeAttr::getChecked(unknown, unwrap(ctx), unwrap(kind), bits, high, high_bits,
                                     rows, 0, 0, 0, 0));
}
MlirAttribute resqKvGroupsAttrGet(MlirContext ctx, unsigned rows, unsigned outliers,
                                  unsigned outlier_rows, unsigned buffer, unsigned window) {
  Location unknown = UnknownLoc::get(unwrap(ctx));
  return wrap(KvCodeAttr::getChecked(unknown, unwrap(ctx), "qjl_groups", 0, 0, 0, rows, outliers,
                                     outlier_rows, buffer, window));
}
MlirStringRef resqKvCodeAttrGetKind(MlirAttribute attr) {
  return wrap(cast<KvCodeAttr>(unwrap(attr)).getKind());
}
unsigned resqKvCodeAttrGetBits(MlirAttribute attr) {
  return cast<KvCodeAttr>(unwrap(attr)).getBits();
}
unsigned resqKvCodeAttrGetHigh(MlirAttribute attr) {
  return cast<KvCodeAttr>(unwrap(attr)).getHigh();
}
unsigned resqKvCodeAttrGetHighBits(MlirAttribute attr) {
  return cast<KvCodeAttr>(unwrap(attr)).getHighBits();
}
unsigned resqKvCodeAttrGetRows(MlirAttribute attr) {
  return cast<KvCodeAttr>(unwrap(attr)).getRows();
}
unsigned resqKvCodeAttrGetOutliers(MlirAttribute attr) {
  return cast<KvCodeAttr>(unwrap(attr)).getOutliers();
}
unsigned resqKvCodeAttrGetOutlierRows(MlirAttribute attr) {
  return cast<KvCodeAttr>(unwrap(attr)).getOutlierRows();
}
unsigned resqKvCodeAttrGetBuffer(MlirAttribute attr) {
  return cast<KvCodeAttr>(unwrap(attr)).getBuffer();
}
unsigned resqKvCodeAttrGetWindow(MlirAttribute attr) {
  return cast<KvCodeAttr>(unwrap(attr)).getWindow();
}

void resqEmitRemark(MlirLocation loc, const char *message) { emitRemark(unwrap(loc)) << message; }

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

/// The text of an enum in an op: a bare word.
#define RESQ_ENUM_TEXT(name)                                                                       \
  Attribute name##Attr::parse(AsmParser &parser, Type) {                                           \
    FailureOr<name> value = FieldParser<name>::parse(parser);                                      \
    return succeeded(value) ? name##Attr::get(parser.getContext(), *value) : Attribute();          \
  }                                                                                                \
  void name##Attr::print(AsmPrinter &printer) const {                                              \
    printer << ' ' << stringify##name(getValue());                                                 \
  }

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
