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
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"

#include "ResqDialect.h.inc"
#include "ResqEnums.h.inc"
#define GET_TYPEDEF_CLASSES
#include "ResqTypes.h.inc"
#define GET_ATTRDEF_CLASSES
#include "ResqAttrs.h.inc"
#define GET_OP_CLASSES
#include "ResqOps.h.inc"

// How a cache code stands in an op: below.
static mlir::ParseResult parseKvCode(mlir::OpAsmParser &parser, mlir::Attribute &code);
static void printKvCode(mlir::OpAsmPrinter &printer, mlir::Operation *op, mlir::Attribute code);

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

static_assert((int)CodeKind::Integer == RESQ_CODE_INTEGER &&
              (int)CodeKind::E4M3 == RESQ_CODE_E4M3 && (int)CodeKind::Table == RESQ_CODE_TABLE &&
              (int)CodeKind::Trellis == RESQ_CODE_TRELLIS &&
              (int)getMaxEnumValForCodeKind() == RESQ_CODE_TRELLIS);
static_assert((int)Layout::Row == RESQ_LAYOUT_ROW && (int)Layout::N16K4 == RESQ_LAYOUT_N16K4 &&
              (int)getMaxEnumValForLayout() == RESQ_LAYOUT_N16K4);

LogicalResult QuantType::verify(function_ref<InFlightDiagnostic()> emitError, unsigned bits,
                                int64_t group, bool zero, Layout layout, CodeKind codebook,
                                unsigned states, int64_t packGroup, int64_t base, int64_t planes) {
  resq_message message;
  const resq_quant quant = {{(resq_code_kind)codebook, bits, states},
                            group,
                            zero,
                            (resq_layout)layout,
                            {packGroup, base, planes}};
  if (resqVerifyQuant(&quant, &message))
    return success();
  return emitError() << message.text;
}

template <typename T> static ParseResult parseValue(AsmParser &parser, T &value) {
  FailureOr<T> parsed = FieldParser<T>::parse(parser);
  if (failed(parsed))
    return failure();
  value = *parsed;
  return success();
}

namespace {
/// A !resq.quant being parsed.
struct QuantFields {
  unsigned bits = 0, states = 0;
  int64_t group = 0, packGroup = 0, base = 0, planes = 0;
  bool zero = false;
  Layout layout = Layout::Row;
  CodeKind codebook = CodeKind::Integer;
  llvm::StringSet<> seen;

  ParseResult parseField(AsmParser &parser);
  ParseResult parseCodebook(AsmParser &parser);
  ParseResult parseOldStorage(AsmParser &parser);
};
} // namespace

/// Version 1 wrote trellis codes as `codebook = "tcq"`.
ParseResult QuantFields::parseCodebook(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  std::string old;
  if (failed(parser.parseOptionalString(&old)))
    return parseValue(parser, codebook);
  if (old != "tcq")
    return parser.emitError(loc, "codebook is \"") << old << "\": allowed is \"tcq\"";
  codebook = CodeKind::Trellis;
  states = RESQ_TRELLIS_KERNEL_STATES;
  return success();
}

/// Version 1 wrote E4M3 codes as `storage = f8E4M3FN`.
ParseResult QuantFields::parseOldStorage(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  Type type;
  if (parser.parseType(type))
    return failure();
  if (!isa<Float8E4M3FNType>(type))
    return parser.emitError(loc, "storage is ") << type << ": allowed is f8E4M3FN";
  codebook = CodeKind::E4M3;
  return success();
}

ParseResult QuantFields::parseField(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  StringRef key;
  if (parser.parseKeyword(&key) || parser.parseEqual())
    return failure();
  if (!seen.insert(key).second)
    return parser.emitError(loc) << key << " is given twice";
  if (key == "bits")
    return parser.parseInteger(bits);
  if (key == "group")
    return parser.parseInteger(group);
  if (key == "zero")
    return parseValue(parser, zero);
  if (key == "layout")
    return parseValue(parser, layout);
  if (key == "codebook")
    return parseCodebook(parser);
  if (key == "states")
    return parser.parseInteger(states);
  if (key == "pack_group")
    return parser.parseInteger(packGroup);
  if (key == "base")
    return parser.parseInteger(base);
  if (key == "planes")
    return parser.parseInteger(planes);
  if (key == "storage")
    return parseOldStorage(parser);
  return parser.emitError(loc) << "a quantized type has no " << key
                               << ": allowed are bits, group, zero, layout, codebook, states, "
                                  "pack_group, base and planes";
}

Type QuantType::parse(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  QuantFields f;
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater,
                                     [&] { return f.parseField(parser); }))
    return Type();
  for (StringRef key : {"bits", "group", "zero", "layout"})
    if (!f.seen.contains(key)) {
      parser.emitError(loc) << "a quantized type has no " << key << ": it must be given";
      return Type();
    }
  return QuantType::getChecked([&] { return parser.emitError(loc); }, parser.getContext(), f.bits,
                               f.group, f.zero, f.layout, f.codebook, f.states, f.packGroup, f.base,
                               f.planes);
}

void QuantType::print(AsmPrinter &p) const {
  p << "<bits = " << getBits() << ", group = " << getGroup()
    << ", zero = " << (getZero() ? "true" : "false")
    << ", layout = " << stringifyLayout(getLayout());
  if (getCodebook() != CodeKind::Integer)
    p << ", codebook = " << stringifyCodeKind(getCodebook());
  const std::pair<StringRef, int64_t> numbers[] = {{"states", getStates()},
                                                   {"pack_group", getPackGroup()},
                                                   {"base", getBase()},
                                                   {"planes", getPlanes()}};
  for (const auto &[key, value] : numbers)
    if (value)
      p << ", " << key << " = " << value;
  p << ">";
}

LogicalResult PanelType::verify(function_ref<InFlightDiagnostic()> emitError, Type element) {
  resq_message message;
  if (resqVerifyPanel(wrap(element), &message))
    return success();
  return emitError() << message.text;
}

static_assert((int)KvElement::F32 == RESQ_KV_F32 && (int)KvElement::F16 == RESQ_KV_F16 &&
              (int)getMaxEnumValForKvElement() == RESQ_KV_F16);

/// Emits what a verifier in C had to say.
template <typename... Args>
static LogicalResult check(function_ref<InFlightDiagnostic()> emitError,
                           bool (*verify)(Args..., resq_message *), Args... args) {
  resq_message message;
  if (verify(args..., &message))
    return success();
  return emitError() << message.text;
}

LogicalResult KvIntAttr::verify(function_ref<InFlightDiagnostic()> emitError, unsigned bits,
                                unsigned) {
  return check(emitError, resqVerifyKvInt, bits);
}
LogicalResult KvLmAttr::verify(function_ref<InFlightDiagnostic()> emitError, unsigned bits,
                               unsigned) {
  return check(emitError, resqVerifyKvLm, bits);
}
LogicalResult KvQjlAttr::verify(function_ref<InFlightDiagnostic()> emitError, unsigned rows,
                                unsigned) {
  return check(emitError, resqVerifyKvQjl, rows);
}
LogicalResult KvQjlGroupsAttr::verify(function_ref<InFlightDiagnostic()> emitError, unsigned rows,
                                      unsigned outliers, unsigned outlierRows, unsigned buffer,
                                      unsigned window) {
  return check(emitError, resqVerifyKvQjlGroups, rows, outliers, outlierRows, buffer, window);
}

/// What stands in the brackets of a cache code of version 1, behind the first of them.
static Attribute parseOldKvCode(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  resq_kv_code_1 old = {};
  std::string kind;
  const std::pair<StringRef, unsigned *> numbers[] = {
      {"bits", &old.bits},     {"high", &old.high},         {"high_bits", &old.high_bits},
      {"rows", &old.rows},     {"outliers", &old.outliers}, {"outlier_rows", &old.outlier_rows},
      {"buffer", &old.buffer}, {"window", &old.window}};
  auto parseField = [&]() -> ParseResult {
    SMLoc at = parser.getCurrentLocation();
    StringRef key;
    if (parser.parseKeyword(&key) || parser.parseEqual())
      return failure();
    if (key == "kind")
      return parser.parseString(&kind);
    for (const auto &[name, value] : numbers)
      if (key == name)
        return parser.parseInteger(*value);
    return parser.emitError(at, "a cache code of dialect version 1 has no ") << key;
  };
  if (parser.parseCommaSeparatedList(parseField) || parser.parseGreater())
    return Attribute();
  old.kind = wrap(StringRef(kind));
  resq_message message;
  Attribute code = unwrap(resqUpgradeKvCode(wrap(parser.getContext()), &old, &message));
  if (!code && message.text[0])
    parser.emitError(loc) << message.text;
  return code;
}

/// A cache code of an op. Version 1 left out the attribute's name.
static ParseResult parseKvCode(OpAsmParser &parser, Attribute &code) {
  if (failed(parser.parseOptionalLess()))
    return parser.parseAttribute(code);
  code = parseOldKvCode(parser);
  return success(static_cast<bool>(code));
}
static void printKvCode(OpAsmPrinter &printer, Operation *, Attribute code) {
  printer.printAttribute(code);
}

Attribute ResqDialect::parseAttribute(DialectAsmParser &parser, Type type) const {
  SMLoc loc = parser.getCurrentLocation();
  StringRef mnemonic;
  Attribute attr;
  OptionalParseResult parsed = generatedAttributeParser(parser, &mnemonic, type, attr);
  if (parsed.has_value())
    return attr;
  if (mnemonic == "kv_code" && succeeded(parser.parseLess())) // version 1
    return parseOldKvCode(parser);
  parser.emitError(loc) << "the resq dialect has no attribute " << mnemonic;
  return Attribute();
}
void ResqDialect::printAttribute(Attribute attr, DialectAsmPrinter &printer) const {
  (void)generatedAttributePrinter(attr, printer);
}

bool resqTypeIsQuant(MlirType type) { return isa<QuantType>(unwrap(type)); }
MlirType resqQuantTypeGet(MlirContext ctx, const resq_quant *q) {
  Location unknown = UnknownLoc::get(unwrap(ctx));
  return wrap(QuantType::getChecked(unknown, unwrap(ctx), q->codebook.bits, q->group, q->zero,
                                    (Layout)q->layout, (CodeKind)q->codebook.kind,
                                    q->codebook.states, q->packing.group, q->packing.base,
                                    q->packing.planes));
}
resq_quant resqQuantTypeRead(MlirType type) {
  auto q = cast<QuantType>(unwrap(type));
  return {{(resq_code_kind)q.getCodebook(), q.getBits(), q.getStates()},
          q.getGroup(),
          q.getZero(),
          (resq_layout)q.getLayout(),
          {q.getPackGroup(), q.getBase(), q.getPlanes()}};
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

bool resqAttrIsKvCode(MlirAttribute attr) {
  return isa<KvFloatAttr, KvIntAttr, KvLmAttr, KvQjlAttr, KvQjlGroupsAttr>(unwrap(attr));
}

template <typename AttrT, typename... Args>
static MlirAttribute getKvCode(MlirContext ctx, Args... args) {
  return wrap(AttrT::getChecked(UnknownLoc::get(unwrap(ctx)), unwrap(ctx), args...));
}
MlirAttribute resqKvFloatAttrGet(MlirContext ctx, resq_kv_kind kind) {
  return wrap(KvFloatAttr::get(unwrap(ctx), (KvElement)kind));
}
MlirAttribute resqKvIntAttrGet(MlirContext ctx, unsigned bits, unsigned high) {
  return getKvCode<KvIntAttr>(ctx, bits, high);
}
MlirAttribute resqKvLmAttrGet(MlirContext ctx, unsigned bits, unsigned high) {
  return getKvCode<KvLmAttr>(ctx, bits, high);
}
MlirAttribute resqKvQjlAttrGet(MlirContext ctx, unsigned rows, unsigned high) {
  return getKvCode<KvQjlAttr>(ctx, rows, high);
}
MlirAttribute resqKvQjlGroupsAttrGet(MlirContext ctx, unsigned rows, unsigned outliers,
                                     unsigned outlier_rows, unsigned buffer, unsigned window) {
  return getKvCode<KvQjlGroupsAttr>(ctx, rows, outliers, outlier_rows, buffer, window);
}
resq_kv_kind resqKvCodeAttrGetKind(MlirAttribute attr) {
  return TypeSwitch<Attribute, resq_kv_kind>(unwrap(attr))
      .Case<KvFloatAttr>([](auto code) { return (resq_kv_kind)code.getElement(); })
      .Case<KvIntAttr>([](auto) { return RESQ_KV_INT; })
      .Case<KvLmAttr>([](auto) { return RESQ_KV_LM; })
      .Case<KvQjlAttr>([](auto) { return RESQ_KV_QJL; })
      .Case<KvQjlGroupsAttr>([](auto) { return RESQ_KV_QJL_GROUPS; });
}
unsigned resqKvCodeAttrGetBits(MlirAttribute attr) {
  return TypeSwitch<Attribute, unsigned>(unwrap(attr))
      .Case<KvIntAttr, KvLmAttr>([](auto code) { return code.getBits(); })
      .Default(0u);
}
unsigned resqKvCodeAttrGetHigh(MlirAttribute attr) {
  return TypeSwitch<Attribute, unsigned>(unwrap(attr))
      .Case<KvIntAttr, KvLmAttr, KvQjlAttr>([](auto code) { return code.getHigh(); })
      .Default(0u);
}
unsigned resqKvCodeAttrGetRows(MlirAttribute attr) {
  return TypeSwitch<Attribute, unsigned>(unwrap(attr))
      .Case<KvQjlAttr, KvQjlGroupsAttr>([](auto code) { return code.getRows(); })
      .Default(0u);
}
unsigned resqKvCodeAttrGetOutliers(MlirAttribute attr) {
  return TypeSwitch<Attribute, unsigned>(unwrap(attr))
      .Case<KvQjlGroupsAttr>([](auto code) { return code.getOutliers(); })
      .Default(0u);
}
unsigned resqKvCodeAttrGetOutlierRows(MlirAttribute attr) {
  return TypeSwitch<Attribute, unsigned>(unwrap(attr))
      .Case<KvQjlGroupsAttr>([](auto code) { return code.getOutlierRows(); })
      .Default(0u);
}
unsigned resqKvCodeAttrGetBuffer(MlirAttribute attr) {
  return TypeSwitch<Attribute, unsigned>(unwrap(attr))
      .Case<KvQjlGroupsAttr>([](auto code) { return code.getBuffer(); })
      .Default(0u);
}
unsigned resqKvCodeAttrGetWindow(MlirAttribute attr) {
  return TypeSwitch<Attribute, unsigned>(unwrap(attr))
      .Case<KvQjlGroupsAttr>([](auto code) { return code.getWindow(); })
      .Default(0u);
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
