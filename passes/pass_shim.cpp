//===-- pass_shim.cpp - MLIR passes made of C descriptors -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one C++ file of the passes: it turns each row of passes.def into an
// mlir::Pass, and holds resq-opt's main and the entry points by which mlir-opt
// loads this library as a plugin. A new pass needs no line here.
//===----------------------------------------------------------------------===//
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Support.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "base/error.h"
#include "dialect/bytecode.h"
#include "dialect/memory.h"
#include "passes/pass.h"
#include "resq/dialect.h"
#include "llvm/Support/ErrorHandling.h"
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <sys/stat.h>
#include <vector>

extern "C" { // of the runtime and the dialect, which speak C alone
#include "base/file.h"
#include "dialect/diagnostics.h"
[[noreturn]] void resq_process_out_of_memory(void); // base/process.h
[[noreturn]] void resq_process_abandon(int status);
}

using namespace mlir;

//===-- A pass over a descriptor ------------------------------------------===//

namespace {
/// Options in descriptor order; of the four, the one of the option's kind is set.
struct OptionSlot {
  std::unique_ptr<Pass::Option<int64_t>> number;
  std::unique_ptr<Pass::Option<bool>> flag;
  std::unique_ptr<Pass::Option<double>> real;
  std::unique_ptr<Pass::Option<std::string>> text;
};

class CPass : public Pass {
public:
  explicit CPass(const resq_pass_info &info)
      : Pass(TypeID::getFromOpaquePointer(&info), ModuleOp::getOperationName()), info(info) {
    for (intptr_t i = 0; i < info.n_options; i++)
      slots.push_back(makeSlot(info.options[i]));
  }

  StringRef getArgument() const override { return info.flag; }
  StringRef getName() const override { return info.flag; }
  StringRef getDescription() const override { return info.summary; }
  bool canScheduleOn(RegisteredOperationName name) const override {
    return name.getStringRef() == ModuleOp::getOperationName();
  }
  std::unique_ptr<Pass> clonePass() const override { return std::make_unique<CPass>(info); }

  void getDependentDialects(DialectRegistry &registry) const override {
    mlirDialectHandleInsertDialect(mlirGetDialectHandle__resq__(), wrap(&registry));
    registry
        .insert<arith::ArithDialect, bufferization::BufferizationDialect, cf::ControlFlowDialect,
                func::FuncDialect, gpu::GPUDialect, linalg::LinalgDialect, LLVM::LLVMDialect,
                math::MathDialect, memref::MemRefDialect, NVVM::NVVMDialect, scf::SCFDialect,
                tensor::TensorDialect, vector::VectorDialect>();
  }

  void runOnOperation() override {
    if (!info.run) {
      getOperation()->emitError() << "pass " << info.flag << " is left out of this build";
      return signalPassFailure();
    }
    if (!info.run(wrap(getOperation()), reinterpret_cast<resq_pass *>(this)))
      signalPassFailure();
  }

  /// The slot of an option that passes.def gives this pass; null for a name it does not have.
  const OptionSlot *find(const char *name, resq_option_kind kind) const {
    for (intptr_t i = 0; i < info.n_options; i++)
      if (info.options[i].kind == kind && !std::strcmp(info.options[i].name, name))
        return &slots[i];
    emitError(UnknownLoc::get(&const_cast<CPass *>(this)->getContext()))
        << "pass " << info.flag << " reads an option '" << name
        << "' that passes.def does not give it with this kind";
    return nullptr;
  }

private:
  OptionSlot makeSlot(const resq_option &option) {
    OptionSlot slot;
    llvm::cl::desc help(option.help);
    switch (option.kind) {
    case RESQ_OPTION_INT:
      slot.number = std::make_unique<Option<int64_t>>(
          *this, option.name, help,
          llvm::cl::init((int64_t)std::strtoll(option.fallback, nullptr, 10)));
      break;
    case RESQ_OPTION_BOOL:
      slot.flag = std::make_unique<Option<bool>>(
          *this, option.name, help, llvm::cl::init(!std::strcmp(option.fallback, "true")));
      break;
    case RESQ_OPTION_FLOAT:
      slot.real = std::make_unique<Option<double>>(
          *this, option.name, help, llvm::cl::init(std::strtod(option.fallback, nullptr)));
      break;
    case RESQ_OPTION_STRING:
      slot.text = std::make_unique<Option<std::string>>(
          *this, option.name, help, llvm::cl::init(std::string(option.fallback)));
      break;
    }
    return slot;
  }

  const resq_pass_info &info;
  std::vector<OptionSlot> slots;
};
} // namespace

static const OptionSlot *slotOf(const resq_pass *pass, const char *option, resq_option_kind kind) {
  return reinterpret_cast<const CPass *>(pass)->find(option, kind);
}

int64_t resq_pass_int(const resq_pass *pass, const char *option) {
  const OptionSlot *slot = slotOf(pass, option, RESQ_OPTION_INT);
  return slot ? slot->number->getValue() : 0;
}

bool resq_pass_bool(const resq_pass *pass, const char *option) {
  const OptionSlot *slot = slotOf(pass, option, RESQ_OPTION_BOOL);
  return slot && slot->flag->getValue();
}

double resq_pass_float(const resq_pass *pass, const char *option) {
  const OptionSlot *slot = slotOf(pass, option, RESQ_OPTION_FLOAT);
  return slot ? slot->real->getValue() : 0;
}

MlirStringRef resq_pass_string(const resq_pass *pass, const char *option) {
  const OptionSlot *slot = slotOf(pass, option, RESQ_OPTION_STRING);
  return slot ? wrap(StringRef(slot->text->getValue())) : MlirStringRef{nullptr, 0};
}

//===-- Registration ------------------------------------------------------===//

void resqRegisterPasses(void) {
  static std::once_flag once;
  std::call_once(once, [] {
    for (intptr_t i = 0; i < resq_n_passes; i++)
      registerPass(
          [i]() -> std::unique_ptr<Pass> { return std::make_unique<CPass>(resq_passes[i]); });
  });
}

//===-- Ends of a process -------------------------------------------------===//

/// LLVM's last words. Its reasons are texts; those that we know get the exit status of their kind.
static void onFatalError(void *, const char *reason, bool) {
  StringRef text(reason);
  if (text.contains("out of memory") || text.contains("Unable to allocate") ||
      text.contains("llocation failed"))
    resq_process_out_of_memory();
  // The reader went away: there is nobody to tell.
  if (!text.contains("Broken pipe"))
    std::fprintf(stderr, "resq: error: LLVM: %s\n", reason);
  resq_process_abandon(text.contains("IO failure") ? RESQ_IO : RESQ_FAILED);
}

void resq_install_memory_handlers(void) {
  std::set_new_handler([] { resq_process_out_of_memory(); });
  llvm::install_bad_alloc_error_handler(
      [](void *, const char *, bool) { resq_process_out_of_memory(); });
  llvm::install_fatal_error_handler(onFatalError);
  resq_install_crash_handler();
}

//===-- resq-opt and plugins ----------------------------------------------===//

static void registerDialect(DialectRegistry *registry) {
  mlirDialectHandleInsertDialect(mlirGetDialectHandle__resq__(), wrap(registry));
}

/// Says what failed, as every tool of the project does.
static int fail(const Twine &what, resq_code code) {
  llvm::errs() << "resq-opt: error: " << what << "\n";
  return code;
}

namespace {
struct OptInput {
  const DialectRegistry &registry;
  bool allowsUnregistered;
};
} // namespace

/// A resq_bytecode_parser of what MlirOptMain will read.
static bool parsesInput(const char *path, void *user, resq_error *err) {
  const OptInput &input = *static_cast<const OptInput *>(user);
  MLIRContext context(input.registry, MLIRContext::Threading::DISABLED);
  context.allowUnregisteredDialects(input.allowsUnregistered);
  resq_listener listener;
  resq_listen_begin(&listener, wrap(&context), err);
  Block block;
  const bool parsed = succeeded(parseSourceFile(path, &block, ParserConfig(&context)));
  resq_listen_end(&listener);
  return parsed;
}

/// MlirOptMain on files, with outputs as resqc writes them: MLIR's own tool ends every failure with
/// status 1, and leaves half a file where a disk is full.
static int optimizeFile(StringRef input, StringRef output, DialectRegistry &registry,
                        const MlirOptMainConfig &config) {
  std::string said;
  std::unique_ptr<llvm::MemoryBuffer> file = openInputFile(input, &said);
  if (!file)
    return fail(said, RESQ_IO);
  resq_error err = {};
  OptInput parsed = {registry, config.shouldAllowUnregisteredDialects()};
  if (input != "-" && file->getBuffer().starts_with(RESQ_BYTECODE_MAGIC) &&
      !resq_bytecode_is_harmless(input.str().c_str(), file->getBufferSize(), parsesInput, &parsed,
                                 &err))
    return fail(err.message, err.code);
  if (output == "-")
    return asMainReturnCode(MlirOptMain(llvm::outs(), std::move(file), registry, config));
  std::string path = output.str();
  // A device or a pipe takes the bytes as they come; a regular file appears when it is whole.
  struct stat info;
  if (stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    std::error_code code;
    llvm::raw_fd_ostream stream(path, code);
    if (code)
      return fail("cannot write '" + path + "': " + code.message(), RESQ_IO);
    return asMainReturnCode(MlirOptMain(stream, std::move(file), registry, config));
  }
  std::string bytes;
  llvm::raw_string_ostream stream(bytes);
  if (failed(MlirOptMain(stream, std::move(file), registry, config)))
    return RESQ_FAILED;
  resq_out *out = resq_out_create(path.c_str(), 0644, &err);
  if (!out)
    return fail(err.message, err.code);
  if (!resq_out_write(out, bytes.data(), bytes.size(), &err)) {
    resq_out_discard(out);
    return fail(err.message, err.code);
  }
  return resq_out_commit(out, &err) ? RESQ_OK : fail(err.message, err.code);
}

int resqOptMain(int argc, char **argv) {
  registerAllPasses();
  resqRegisterPasses();
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registerAllToLLVMIRTranslations(registry);
  registerAllGPUToLLVMIRTranslations(registry);
  registerDialect(&registry);
  auto [input, output] =
      registerAndParseCLIOptions(argc, argv, "resq optimizer driver\n", registry);
  MlirOptMainConfig config = MlirOptMainConfig::createFromCLOptions();
  if (config.shouldShowDialects() || config.shouldListPasses())
    return asMainReturnCode(MlirOptMain(argc, argv, input, output, registry));
  return optimizeFile(input, output, registry, config);
}

extern "C" LLVM_ATTRIBUTE_WEAK PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "resq", "0.1", [] { resqRegisterPasses(); }};
}

extern "C" LLVM_ATTRIBUTE_WEAK DialectPluginLibraryInfo mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "resq", "0.1", registerDialect};
}
