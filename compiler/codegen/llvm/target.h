// One module of LLVM IR for one entry and instruction set, from an empty module to the bytes of an object file.
#pragma once

#include <memory>
#include <string>

#include <llvm/ADT/SmallString.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>

#include "compiler/codegen/link.h"
#include "runtime/base/dtype.h"
#include "runtime/device/cpu.h"

namespace bitale::codegen::host {

// Bits of a vector register, and how many elements of `bytes` bytes it holds.
constexpr int vector_bits(Isa isa) { return isa == Isa::v2 ? 128 : isa == Isa::v3 ? 256 : 512; }
constexpr int lanes_of(Isa isa, int bytes) { return vector_bits(isa) / (8 * bytes); }

// What the modules of one thread share. Its passes are set up once: that costs as much as a small kernel.
class Machine {
 public:
  Machine(Isa isa, bool quick);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  Isa isa() const { return isa_; }
  llvm::LLVMContext& context() { return context_; }
  llvm::TargetMachine& target() { return *target_; }

  // The ELF object of an optimised module, which is used up.
  std::string object_of(llvm::Module& module);

 private:
  Isa isa_;
  llvm::LLVMContext context_;
  std::unique_ptr<llvm::TargetMachine> target_;
  llvm::SmallString<0> bytes_;
  llvm::raw_svector_ostream stream_{bytes_};
  llvm::legacy::PassManager passes_;
};

// A module under construction. Functions come from `entry_function`, once and first, and `helper_function`; `emit`
// consumes the module.
class Unit {
 public:
  explicit Unit(Machine& machine);
  ~Unit();
  Unit(const Unit&) = delete;
  Unit& operator=(const Unit&) = delete;

  Isa isa() const { return machine_.isa(); }
  llvm::LLVMContext& context() { return machine_.context(); }
  llvm::Module& module() { return *module_; }

  // A function with the attributes that keep the object free of references to the outside: hidden, nounwind, without
  // unwind table or stack protector.
  llvm::Function* entry_function(llvm::FunctionType* type);
  llvm::Function* helper_function(const std::string& name, llvm::FunctionType* type);

  std::string text() const;  // LLVM IR
  std::string emit();        // optimises and generates code: an ELF object

 private:
  llvm::Function* make(const std::string& name, llvm::FunctionType* type, bool internal);
  void optimise();

  Machine& machine_;
  std::unique_ptr<llvm::Module> module_;
};

std::string llvm_version();  // "19.1.7"

}  // namespace bitale::codegen::host
