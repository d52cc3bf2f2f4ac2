#include "compiler/ir/canonical.h"

#include <bit>

#include "compiler/ir/body.h"
#include "compiler/ir/op.h"

namespace bitale::ir {
namespace {

class Visitor final : public FieldVisitor {
 public:
  Visitor(Hasher& h, CanonicalFeed& feed) : h_(h), feed_(feed) {}
  void operator()(const char*, bool& v) override { h_.number(v); }
  void operator()(const char*, std::int64_t& v) override { h_.number(v); }
  void operator()(const char*, double& v) override { h_.number(std::bit_cast<std::int64_t>(v)); }
  void operator()(const char*, std::string& v) override { h_.text(v); }
  void operator()(const char*, DType& v) override { h_.number(static_cast<std::int64_t>(v)); }
  void operator()(const char*, Literal& v) override { h_.number(static_cast<std::int64_t>(v.dtype)).number(v.bits); }
  void operator()(const char*, Dim& v) override { feed_.dim(v); }
  void operator()(const char*, Shape& v) override { feed_.shape(v); }
  void operator()(const char*, std::vector<std::int64_t>& v) override {
    h_.number(static_cast<std::int64_t>(v.size()));
    for (std::int64_t i : v) h_.number(i);
  }
  void operator()(const char*, ArrayValue& v) override {
    h_.number(static_cast<std::int64_t>(v.array.dtype()));
    for (std::int64_t e : v.array.shape()) h_.number(e);
    h_.bytes(v.array.data(), v.array.bytes());
  }
  void operator()(const char*, DimSymbolPtr& v) override { h_.number(feed_.symbol(*v)); }
  void operator()(const char*, Body& v) override { feed_.graph(v.outputs); }

 private:
  Hasher& h_;
  CanonicalFeed& feed_;
};

}  // namespace

void CanonicalFeed::dim(const Dim& d) {
  int next = 0;
  Dim::Visitor v;
  v.constant = [&](std::int64_t c) {
    hasher_->text("c").number(c);
    return next++;
  };
  v.symbol = [&](const DimSymbol& s) {
    hasher_->text("s").number(symbol(s));
    return next++;
  };
  v.binary = [&](char op, int a, int b) {
    hasher_->text(std::string_view(&op, 1)).number(a).number(b);
    return next++;
  };
  v.isqrt = [&](int a) {
    hasher_->text("isqrt").number(a);
    return next++;
  };
  d.fold(v);
}

void CanonicalFeed::shape(const Shape& s) {
  hasher_->number(static_cast<std::int64_t>(s.size()));
  for (const Dim& d : s) dim(d);
}

void CanonicalFeed::params(const ParamsBase& p) {
  Visitor visitor(*hasher_, *this);
  p.clone()->visit(visitor);
}

void CanonicalFeed::graph(std::span<const Tensor> roots) {
  std::map<std::uint64_t, std::int64_t> number;
  const auto tensor = [&](const Tensor& t) { hasher_->number(number.at(t.node().id())).number(t.output()); };
  for (const NodePtr& n : topological(roots)) {
    number.emplace(n->id(), static_cast<std::int64_t>(number.size()));
    hasher_->text(n->op().name).number(static_cast<std::int64_t>(n->inputs().size()));
    for (const Tensor& t : n->inputs()) tensor(t);
    if (n->op().leaf == Leaf::input || n->op().leaf == Leaf::shared) {
      hasher_->number(static_cast<std::int64_t>(n->type().dtype)).number(n->type().rank());
      for (const Dim& d : n->type().shape) dim(d);
    } else if (n->params()) {
      params(*n->params());
    }
  }
  hasher_->number(static_cast<std::int64_t>(roots.size()));
  for (const Tensor& t : roots) tensor(t);
}

std::int64_t CanonicalFeed::symbol(const DimSymbol& s) {
  return symbols_.emplace(s.id, static_cast<std::int64_t>(symbols_.size())).first->second;
}

}  // namespace bitale::ir
