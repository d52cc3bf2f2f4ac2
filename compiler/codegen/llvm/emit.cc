#include "compiler/codegen/llvm/emit.h"

#include <llvm/IR/Constants.h>
#include <llvm/IR/Function.h>
#include <llvm/IR/MDBuilder.h>

namespace bitale::codegen::host {

Carried emit_loop(Ir& ir, Value* begin, Value* end, std::int64_t step, Carried init,
                  const std::function<void(Value* i, Carried& carried)>& body) {
  llvm::Function* f = ir.GetInsertBlock()->getParent();
  llvm::BasicBlock* before = ir.GetInsertBlock();
  Value* enters = ir.CreateICmpSLT(begin, end);
  const auto* known = llvm::dyn_cast<llvm::ConstantInt>(enters);
  if (known && known->isZero()) return init;
  llvm::BasicBlock* head = llvm::BasicBlock::Create(ir.getContext(), "loop", f);
  llvm::BasicBlock* after = llvm::BasicBlock::Create(ir.getContext(), "after", f);
  if (known)
    ir.CreateBr(head);
  else
    ir.CreateCondBr(enters, head, after);

  ir.SetInsertPoint(head);
  llvm::PHINode* i = ir.CreatePHI(ir.getInt64Ty(), 2);
  i->addIncoming(begin, before);
  std::vector<llvm::PHINode*> phis;
  Carried carried;
  for (Value* v : init) {
    phis.push_back(ir.CreatePHI(v->getType(), 2));
    phis.back()->addIncoming(v, before);
    carried.push_back(phis.back());
  }
  body(i, carried);
  Value* next = ir.CreateAdd(i, ir.getInt64(static_cast<std::uint64_t>(step)), "", true, true);
  llvm::BasicBlock* latch = ir.GetInsertBlock();
  i->addIncoming(next, latch);
  for (std::size_t c = 0; c < phis.size(); ++c) phis[c]->addIncoming(carried[c], latch);
  ir.CreateCondBr(ir.CreateICmpSLT(next, end), head, after);

  ir.SetInsertPoint(after);
  for (std::size_t c = 0; c < init.size(); ++c) {
    if (known) continue;
    llvm::PHINode* out = ir.CreatePHI(init[c]->getType(), 2);
    out->addIncoming(init[c], before);
    out->addIncoming(carried[c], latch);
    carried[c] = out;
  }
  return carried;
}

Carried emit_if(Ir& ir, Value* condition, Carried values, const std::function<void(Carried& carried)>& then,
                Chance chance) {
  if (const auto* known = llvm::dyn_cast<llvm::ConstantInt>(condition)) {
    if (!known->isZero()) then(values);
    return values;
  }
  llvm::Function* f = ir.GetInsertBlock()->getParent();
  llvm::BasicBlock* before = ir.GetInsertBlock();
  llvm::BasicBlock* taken = llvm::BasicBlock::Create(ir.getContext(), "then", f);
  llvm::BasicBlock* after = llvm::BasicBlock::Create(ir.getContext(), "after", f);
  llvm::MDNode* weights =
      chance == Chance::rare ? llvm::MDBuilder(ir.getContext()).createUnlikelyBranchWeights() : nullptr;
  ir.CreateCondBr(condition, taken, after, weights);
  ir.SetInsertPoint(taken);
  Carried changed = values;
  then(changed);
  llvm::BasicBlock* end = ir.GetInsertBlock();
  ir.CreateBr(after);
  ir.SetInsertPoint(after);
  for (std::size_t c = 0; c < values.size(); ++c) {
    if (changed[c] == values[c]) continue;
    llvm::PHINode* out = ir.CreatePHI(values[c]->getType(), 2);
    out->addIncoming(values[c], before);
    out->addIncoming(changed[c], end);
    values[c] = out;
  }
  return values;
}

llvm::Constant* iota(llvm::Type* element, int lanes) {
  std::vector<llvm::Constant*> values;
  for (int l = 0; l < lanes; ++l) values.push_back(llvm::ConstantInt::get(element, static_cast<std::uint64_t>(l)));
  return llvm::ConstantVector::get(values);
}

namespace {

// Lane numbers are compared as int32 whatever the width of the bound: twice as many to a register.
Value* splat_clamped(Ir& ir, Value* bound, int lanes) {
  Value* clamped = smin(ir, smax(ir, bound, ir.getInt64(0)), ir.getInt64(static_cast<std::uint64_t>(lanes)));
  return ir.CreateVectorSplat(static_cast<unsigned>(lanes), ir.CreateTrunc(clamped, ir.getInt32Ty()));
}

}  // namespace

Value* lanes_from(Ir& ir, Value* first, int lanes) {
  return ir.CreateICmpSGE(iota(ir.getInt32Ty(), lanes), splat_clamped(ir, first, lanes));
}

Value* lanes_below(Ir& ir, Value* last, int lanes) {
  return ir.CreateICmpSLT(iota(ir.getInt32Ty(), lanes), splat_clamped(ir, last, lanes));
}

}  // namespace bitale::codegen::host
