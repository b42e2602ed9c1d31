//===-- types.cpp - generated types and attributes, bodies in C -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What TableGen made of the types, attributes and enums of resq.td, their text, and their C API of
// resq/dialect.h. What they may say is decided in hooks_types.c and hooks_kv_codes.c.
//===----------------------------------------------------------------------===//
#include "dialect/classes.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"

#include "ResqEnums.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "ResqTypes.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "ResqAttrs.cpp.inc"

using namespace mlir;
using namespace resq;

void ResqDialect::addTypesAndAttributes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "ResqTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "ResqAttrs.cpp.inc"
      >();
}

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

/// Version 1 wrote trellis codes, which had 4 bits, as `codebook = "tcq"`.
ParseResult QuantFields::parseCodebook(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  std::string old;
  if (failed(parser.parseOptionalString(&old)))
    return parseValue(parser, codebook);
  if (old != "tcq")
    return parser.emitError(loc, "codebook is \"") << old << "\": allowed is \"tcq\"";
  codebook = CodeKind::Trellis;
  states = RESQ_TRELLIS_STATES_4;
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
ParseResult parseKvCode(OpAsmParser &parser, Attribute &code) {
  if (failed(parser.parseOptionalLess()))
    return parser.parseAttribute(code);
  code = parseOldKvCode(parser);
  return success(static_cast<bool>(code));
}
void printKvCode(OpAsmPrinter &printer, Operation *, Attribute code) {
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
  // An enum prints its word alone, as ops want it.
  const auto print_enum = [&printer](auto value) {
    printer << value.getMnemonic() << ' ';
    value.print(printer);
  };
  llvm::TypeSwitch<Attribute>(attr)
      .Case<CheckpointFormatAttr, TokenizerKindAttr, ActivationAttr, RandomKindAttr>(print_enum)
      .Default([&](Attribute other) { (void)generatedAttributePrinter(other, printer); });
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
