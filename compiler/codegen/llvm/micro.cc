// Micro-kernels: the tile's accumulators live in registers over the whole of k.
#include <cstddef>

#include "compiler/codegen/llvm/emit.h"
#include "compiler/codegen/llvm/leaves.h"
#include "runtime/program/abi.h"

namespace bitale::codegen::host {
namespace {

constexpr int k_unroll = 2;

struct Ahead {  // bitale::Ahead, in registers
  Value *base, *offsets, *step;
};

struct Micro {
  Ir& ir;
  Isa isa;
  llvm::Type* element;
  int bytes, mr, nr, lanes;

  int vectors() const { return nr / lanes; }
  llvm::Type* vector() const { return vector_of(element, lanes); }
  Value* at(Value* base, Value* elements) const { return ir.CreateGEP(element, base, elements); }
  Value* at(Value* base, int elements) const { return at(base, ir.getInt64(static_cast<std::uint64_t>(elements))); }

  Value* multiply_add(Value* a, Value* b, Value* c) const {
    if (isa != Isa::v2) return ir.CreateIntrinsic(llvm::Intrinsic::fma, {vector()}, {a, b, c});
    return ir.CreateFAdd(ir.CreateFMul(a, b), c);
  }

  // Rows of b are panels apart, or lie in a matrix: no other prefetcher sees the next ones coming. One at a time, since
  // as few are on their way at once as make others wait.
  void prefetch(const Ahead& ahead, Value*& next) const {
    Value* number = ir.CreateLShr(next, 32);
    Value* offset = ir.CreateAlignedLoad(ir.getInt64Ty(), ir.CreateGEP(ir.getInt64Ty(), ahead.offsets, number),
                                         llvm::MaybeAlign(8));
    Value* row = at(ahead.base, offset);
    for (int byte = 0; byte < nr * bytes; byte += 64)
      ir.CreateIntrinsic(llvm::Intrinsic::prefetch, {row->getType()},
                         {at(row, byte / bytes), ir.getInt32(0), ir.getInt32(2), ir.getInt32(1)});
    next = ir.CreateAdd(next, ahead.step);
  }

  // carried: a, b, then the accumulators by rows.
  void step(Carried& carried, Value* ldb) const {
    const auto unit = llvm::MaybeAlign(static_cast<std::uint64_t>(bytes));
    std::vector<Value*> row;
    for (int v = 0; v < vectors(); ++v) row.push_back(ir.CreateAlignedLoad(vector(), at(carried[1], v * lanes), unit));
    for (int r = 0; r < mr; ++r) {
      Value* a = ir.CreateAlignedLoad(element, at(carried[0], r), unit);
      a = ir.CreateVectorSplat(static_cast<unsigned>(lanes), a);
      for (int v = 0; v < vectors(); ++v) {
        Value*& acc = carried[static_cast<std::size_t>(2 + r * vectors() + v)];
        acc = multiply_add(a, row[static_cast<std::size_t>(v)], acc);
      }
    }
    carried[0] = at(carried[0], mr);
    carried[1] = at(carried[1], ldb);
  }

  // f(pointer, accumulator) for each vector of the tile.
  template <class F>
  void each_vector(Carried& tile, std::size_t first, Value* acc, Value* ld, F f) const {
    Value* row = acc;
    for (int r = 0; r < mr; ++r, row = at(row, ld))
      for (int v = 0; v < vectors(); ++v)
        f(at(row, v * lanes), tile[first + static_cast<std::size_t>(r * vectors() + v)]);
  }
};

}  // namespace

void emit_micro(Unit& unit, const Leaf& leaf) {
  llvm::LLVMContext& context = unit.context();
  llvm::Type* i64 = llvm::Type::getInt64Ty(context);
  llvm::Type* ptr = llvm::PointerType::getUnqual(context);
  llvm::Function* f = unit.entry_function(
      llvm::FunctionType::get(llvm::Type::getVoidTy(context), {i64, ptr, ptr, i64, ptr, i64, i64, ptr}, false));
  Value *kc = f->getArg(0), *a = f->getArg(1), *b = f->getArg(2), *ldb = f->getArg(3), *acc = f->getArg(4),
        *ld = f->getArg(5), *accumulate = f->getArg(6), *ahead = f->getArg(7);
  Ir ir(llvm::BasicBlock::Create(context, "", f));
  const bool wide = leaf.dtype == DType::f64;
  const int bytes = wide ? 8 : 4;
  const Micro micro{
      ir, unit.isa(), wide ? ir.getDoubleTy() : ir.getFloatTy(), bytes, leaf.mr, leaf.nr, lanes_of(unit.isa(), bytes)};
  const auto rows = llvm::MaybeAlign(static_cast<std::uint64_t>(vector_bits(unit.isa()) / 8));

  Carried tile(static_cast<std::size_t>(leaf.mr * micro.vectors()), llvm::Constant::getNullValue(micro.vector()));
  tile = emit_if(ir, ir.CreateICmpNE(accumulate, ir.getInt64(0)), tile, [&](Carried& old) {
    micro.each_vector(old, 0, acc, ld, [&](Value* p, Value*& v) { v = ir.CreateAlignedLoad(micro.vector(), p, rows); });
  });

  const auto field = [&](llvm::Type* type, std::uint64_t number) {
    return ir.CreateAlignedLoad(type, ir.CreateGEP(i64, ahead, ir.getInt64(number)), llvm::MaybeAlign(8));
  };
  static_assert(offsetof(bitale::Ahead, offsets) == 8 && offsetof(bitale::Ahead, next) == 16 &&
                offsetof(bitale::Ahead, step) == 24);
  const Ahead fetched{field(ptr, 0), field(ptr, 1), field(i64, 3)};
  Carried carried = {a, b};
  carried.insert(carried.end(), tile.begin(), tile.end());
  carried.push_back(field(i64, 2));
  Value* whole = ir.CreateAnd(kc, ir.getInt64(~std::uint64_t{k_unroll - 1}));
  carried = emit_loop(ir, ir.getInt64(0), whole, k_unroll, carried, [&](Value*, Carried& c) {
    micro.prefetch(fetched, c.back());
    for (int u = 0; u < k_unroll; ++u) micro.step(c, ldb);
  });
  carried = emit_loop(ir, whole, kc, 1, carried, [&](Value*, Carried& c) { micro.step(c, ldb); });
  micro.each_vector(carried, 2, acc, ld, [&](Value* p, Value* v) { ir.CreateAlignedStore(v, p, rows); });
  ir.CreateRetVoid();
}

}  // namespace bitale::codegen::host
