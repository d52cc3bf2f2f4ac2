#include "compiler/codegen/llvm/target.h"

#include <chrono>

#include <llvm/ADT/SmallVector.h>
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
#include <llvm/IR/LegacyPassManager.h>
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

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

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

// The last pass that sees a function: notes when its code was done.
class Clock : public llvm::FunctionPass {
 public:
  explicit Clock(std::vector<std::pair<const llvm::Function*, double>>& done) : FunctionPass(id), done_(done) {}
  bool runOnFunction(llvm::Function& f) override {
    done_.emplace_back(&f, now());
    return false;
  }
  void getAnalysisUsage(llvm::AnalysisUsage& usage) const override { usage.setPreservesAll(); }
  static inline char id = 0;

 private:
  std::vector<std::pair<const llvm::Function*, double>>& done_;
};

}  // namespace

std::string llvm_version() { return LLVM_VERSION_STRING; }

Unit::Unit(Isa isa, bool quick)
    : isa_(isa), module_(std::make_unique<llvm::Module>("bitale", context_)), machine_(make_machine(isa, quick)) {
  module_->setTargetTriple(triple);
  module_->setDataLayout(machine_->createDataLayout());
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
  f->addFnAttr("target-cpu", target_of(isa_));
  if (isa_ == Isa::v4) {
    f->addFnAttr("prefer-vector-width", "512");
    f->addFnAttr("min-legal-vector-width", "512");
  }
  return f;
}

llvm::Function* Unit::entry_function(int entry, llvm::FunctionType* type) {
  llvm::Function* f = make("entry" + std::to_string(entry), type, false);
  owner_[f] = entries_.size();
  entries_.emplace_back(entry, f);
  return f;
}

llvm::Function* Unit::helper_function(const std::string& name, llvm::FunctionType* type) {
  llvm::Function* f = make(name, type, true);
  f->addFnAttr(llvm::Attribute::NoInline);
  owner_[f] = entries_.size() - 1;
  return f;
}

void Unit::optimise() {
  llvm::FunctionAnalysisManager functions;
  llvm::ModuleAnalysisManager modules;
  register_analyses(functions, modules, *machine_);
  llvm::FunctionPassManager passes;
  llvm::InstCombineOptions combine;
  combine.VerifyFixpoint = false;
  passes.addPass(llvm::InstCombinePass(combine));
  passes.addPass(llvm::EarlyCSEPass());
  passes.addPass(llvm::SimplifyCFGPass());
  for (llvm::Function& f : *module_)
    if (!f.isDeclaration()) passes.run(f, functions);
}

Object Unit::emit(std::vector<double>& seconds) {
  if (BITALE_VERIFY) {
    std::string report;
    llvm::raw_string_ostream stream(report);
    if (llvm::verifyModule(*module_, &stream)) {
      module_->print(stream, nullptr);
      throw InternalError("generated LLVM IR is malformed: " + report);
    }
  }
  const double start = now();
  optimise();
  const double optimised = now();

  llvm::SmallString<0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  std::vector<std::pair<const llvm::Function*, double>> done;
  llvm::legacy::PassManager passes;
  passes.add(new llvm::TargetLibraryInfoWrapperPass(no_library()));
  const bool failed = machine_->addPassesToEmitFile(passes, stream, nullptr, llvm::CodeGenFileType::ObjectFile, true);
  BITALE_ASSERT(!failed, "this target emits no objects");
  passes.add(new Clock(done));
  passes.run(*module_);

  // What a function cost is the time since the one before it was done; the shared passes and the output are charged in
  // equal parts.
  Object object;
  object.bytes.assign(bytes.data(), bytes.size());
  std::vector<double> own(entries_.size(), 0);
  double in_functions = 0, before = optimised;
  for (const auto& [f, at] : done) {
    own[owner_.at(f)] += at - before;
    in_functions += at - before;
    before = at;
  }
  const double shared = (now() - start - in_functions) / static_cast<double>(entries_.size());
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    object.entries.emplace_back(entries_[i].first, entries_[i].second->getName().str());
    seconds[static_cast<std::size_t>(entries_[i].first)] += own[i] + shared;
  }
  return object;
}

std::string Unit::text(int entry) const {
  std::string out;
  llvm::raw_string_ostream stream(out);
  for (const auto& [number, f] : entries_)
    if (number == entry) f->print(stream);
  return out;
}

}  // namespace bitale::codegen::host
