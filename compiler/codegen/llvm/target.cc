#include "compiler/codegen/llvm/target.h"

#include <llvm/Analysis/AliasAnalysis.h>
#include <llvm/Analysis/AssumptionCache.h>
#include <llvm/Analysis/BasicAliasAnalysis.h>
#include <llvm/Analysis/BlockFrequencyInfo.h>
#include <llvm/Analysis/BranchProbabilityInfo.h>
#include <llvm/Analysis/LoopInfo.h>
#include <llvm/Analysis/OptimizationRemarkEmitter.h>
#include <llvm/Analysis/ProfileSummaryInfo.h>
#include <llvm/Analysis/TargetLibraryInfo.h>
#include <llvm/Analysis/TargetTransformInfo.h>
#include <llvm/Config/llvm-config.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/PassInstrumentation.h>
#include <llvm/IR/PassManager.h>
#include <llvm/IR/Verifier.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Transforms/InstCombine/InstCombine.h>
#include <llvm/Transforms/Scalar/EarlyCSE.h>
#include <llvm/Transforms/Scalar/SimplifyCFG.h>

#include "runtime/base/error.h"

namespace bitale::codegen::host {
namespace {

constexpr const char* triple = "x86_64-unknown-linux-gnu";

std::unique_ptr<llvm::TargetMachine> make_machine(Isa isa, bool quick) {
  static const llvm::Target* const target = [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    std::string error;
    const llvm::Target* found = llvm::TargetRegistry::lookupTarget(triple, error);
    BITALE_ASSERT(found, error);
    return found;
  }();
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard;  // only where the instructions say `contract`
  return std::unique_ptr<llvm::TargetMachine>(
      target->createTargetMachine(triple, target_of(isa), "", options, llvm::Reloc::PIC_, llvm::CodeModel::Small,
                                  quick ? llvm::CodeGenOptLevel::None : llvm::CodeGenOptLevel::Default));
}

// Nothing is a call of the C library: neither recognised as one nor turned into one.
llvm::TargetLibraryInfoImpl no_library() {
  llvm::TargetLibraryInfoImpl info{llvm::Triple(triple)};
  info.disableAllFunctions();
  return info;
}

// The analyses that the passes below ask for, and no others: much smaller than what PassBuilder registers.
void register_analyses(llvm::FunctionAnalysisManager& f, llvm::ModuleAnalysisManager& m, llvm::TargetMachine& machine) {
  m.registerPass([] { return llvm::PassInstrumentationAnalysis(); });
  m.registerPass([] { return llvm::ProfileSummaryAnalysis(); });
  m.registerPass([&] { return llvm::FunctionAnalysisManagerModuleProxy(f); });
  f.registerPass([&] { return llvm::ModuleAnalysisManagerFunctionProxy(m); });
  f.registerPass([] { return llvm::PassInstrumentationAnalysis(); });
  f.registerPass([] { return llvm::TargetLibraryAnalysis(no_library()); });
  f.registerPass([&] { return machine.getTargetIRAnalysis(); });
  f.registerPass([] { return llvm::AssumptionAnalysis(); });
  f.registerPass([] { return llvm::DominatorTreeAnalysis(); });
  f.registerPass([] { return llvm::LoopAnalysis(); });
  f.registerPass([] { return llvm::BranchProbabilityAnalysis(); });
  f.registerPass([] { return llvm::BlockFrequencyAnalysis(); });
  f.registerPass([] { return llvm::OptimizationRemarkEmitterAnalysis(); });
  f.registerPass([] { return llvm::BasicAA(); });
  f.registerPass([] {
    llvm::AAManager manager;
    manager.registerFunctionAnalysis<llvm::BasicAA>();
    return manager;
  });
}

}  // namespace

std::string llvm_version() { return LLVM_VERSION_STRING; }

Machine::Machine(Isa isa, bool quick) : isa_(isa), target_(make_machine(isa, quick)) {
  passes_.add(new llvm::TargetLibraryInfoWrapperPass(no_library()));
  const bool failed = target_->addPassesToEmitFile(passes_, stream_, nullptr, llvm::CodeGenFileType::ObjectFile, true);
  BITALE_ASSERT(!failed, "this target emits no objects");
}

std::string Machine::object_of(llvm::Module& module) {
  bytes_.clear();
  passes_.run(module);
  return {bytes_.data(), bytes_.size()};
}

Machine::~Machine() = default;

Unit::Unit(Machine& machine) : machine_(machine), module_(std::make_unique<llvm::Module>("bitale", machine.context())) {
  module_->setTargetTriple(triple);
  module_->setDataLayout(machine.target().createDataLayout());
  module_->setPICLevel(llvm::PICLevel::BigPIC);
}

Unit::~Unit() = default;

llvm::Function* Unit::make(const std::string& name, llvm::FunctionType* type, bool internal) {
  auto* f = llvm::Function::Create(
      type, internal ? llvm::GlobalValue::InternalLinkage : llvm::GlobalValue::ExternalLinkage, name, *module_);
  if (!internal) f->setVisibility(llvm::GlobalValue::HiddenVisibility);
  f->setDSOLocal(true);
  f->addFnAttr(llvm::Attribute::NoUnwind);
  f->addFnAttr("no-builtins");
  f->addFnAttr("target-cpu", target_of(isa()));
  if (isa() == Isa::v4) {
    f->addFnAttr("prefer-vector-width", "512");
    f->addFnAttr("min-legal-vector-width", "512");
  }
  return f;
}

llvm::Function* Unit::entry_function(llvm::FunctionType* type) { return make(entry_symbol, type, false); }

llvm::Function* Unit::helper_function(const std::string& name, llvm::FunctionType* type) {
  llvm::Function* f = make(name, type, true);
  f->addFnAttr(llvm::Attribute::NoInline);
  return f;
}

void Unit::optimise() {
  llvm::FunctionAnalysisManager functions;
  llvm::ModuleAnalysisManager modules;
  register_analyses(functions, modules, machine_.target());
  llvm::FunctionPassManager passes;
  llvm::InstCombineOptions combine;
  combine.VerifyFixpoint = false;
  passes.addPass(llvm::InstCombinePass(combine));
  passes.addPass(llvm::EarlyCSEPass());
  passes.addPass(llvm::SimplifyCFGPass());
  for (llvm::Function& f : *module_)
    if (!f.isDeclaration()) passes.run(f, functions);
}

std::string Unit::text() const {
  std::string out;
  llvm::raw_string_ostream stream(out);
  for (const llvm::Function& f : *module_) f.print(stream);
  return out;
}

std::string Unit::emit() {
  if (BITALE_VERIFY) {
    std::string report;
    llvm::raw_string_ostream stream(report);
    if (llvm::verifyModule(*module_, &stream)) {
      module_->print(stream, nullptr);
      throw InternalError("generated LLVM IR is malformed: " + report);
    }
  }
  optimise();
  return machine_.object_of(*module_);
}

}  // namespace bitale::codegen::host
