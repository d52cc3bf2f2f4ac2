// One module of LLVM IR for one instruction set, from an empty module to the bytes of an object file.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>
#include <llvm/Target/TargetMachine.h>

#include "compiler/codegen/link.h"
#include "runtime/base/dtype.h"
#include "runtime/device/cpu.h"

namespace bitale::codegen::host {

// Bits of a vector register, and how many elements of `bytes` bytes it holds.
constexpr int vector_bits(Isa isa) { return isa == Isa::v2 ? 128 : isa == Isa::v3 ? 256 : 512; }
constexpr int lanes_of(Isa isa, int bytes) { return vector_bits(isa) / (8 * bytes); }

// A module under construction with the machine it is for. Functions come from `function`; `emit` consumes the module.
class Unit {
 public:
  Unit(Isa isa, bool quick);
  ~Unit();
  Unit(const Unit&) = delete;
  Unit& operator=(const Unit&) = delete;

  Isa isa() const { return isa_; }
  llvm::LLVMContext& context() { return context_; }
  llvm::Module& module() { return *module_; }

  // A function with the attributes that keep the object free of references to the outside: hidden, nounwind, without
  // unwind table or stack protector. A helper belongs to the entry that was made last.
  llvm::Function* entry_function(int entry, llvm::FunctionType* type);
  llvm::Function* helper_function(const std::string& name, llvm::FunctionType* type);

  // Optimises and generates code. seconds[i]: what entry i of this unit cost; entries not of this unit are left alone.
  Object emit(std::vector<double>& seconds);
  std::string text(int entry) const;  // LLVM IR of one entry

 private:
  llvm::Function* make(const std::string& name, llvm::FunctionType* type, bool internal);
  void optimise();

  Isa isa_;
  llvm::LLVMContext context_;
  std::unique_ptr<llvm::Module> module_;
  std::unique_ptr<llvm::TargetMachine> machine_;
  std::vector<std::pair<int, llvm::Function*>> entries_;
  std::map<const llvm::Function*, std::size_t> owner_;  // of every function: the place of its entry in entries_
};

std::string llvm_version();  // "19.1.7"

}  // namespace bitale::codegen::host
