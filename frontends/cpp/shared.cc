#include <atomic>
#include <mutex>

#include "frontends/cpp/handles.h"
#include "runtime/base/error.h"

namespace bitale {

using detail::Access;

namespace {

std::int64_t next_key() {
  static std::atomic<std::int64_t> next{1};
  return next++;
}

void check_value(const ir::Tensor& symbol, const Array& value) {
  auto fail = [&](const std::string& what) {
    throw Error("Shared " + ir::describe(symbol) + ": " + what + ", given " + std::string(name_of(value.dtype())) +
                shape_text(value.shape()));
  };
  if (value.empty()) throw Error("Shared " + symbol.name() + ": the value is an empty Array handle");
  if (value.dtype() != symbol.dtype()) fail("its dtype is " + std::string(name_of(symbol.dtype())));
  if (value.rank() != symbol.rank()) fail("its rank is " + std::to_string(symbol.rank()));
  for (int i = 0; i < value.rank(); ++i) {
    const ir::Dim& d = symbol.dim(i);
    if (d.is_constant() && d.value() != value.shape()[static_cast<std::size_t>(i)])
      fail("its axis " + std::to_string(i) + " has the extent " + ir::to_string(d));
  }
}

Shape constant_shape(const Array& value) {
  Shape s;
  for (std::int64_t e : value.shape()) s.emplace_back(e);
  return s;
}

}  // namespace

Shared::Shared(const std::string& name, const Array& value, Where at)
    : Shared(name, value, constant_shape(value), at) {}

Shared::Shared(const std::string& name, const Array& value, const Shape& shape, Where at)
    : state_(std::make_shared<State>()) {
  ensure_ready();
  state_->name = name;
  state_->key = next_key();
  const ir::Tensor symbol = ir::shared(name, state_->key, {value.dtype(), Access::in(shape)}, at, state_);
  check_value(symbol, value);
  state_->value = value.clone();
  symbol_ = Access::out(symbol);
}

Shared::operator Tensor() const { return tensor(); }
Tensor Shared::tensor() const { return symbol_; }
const std::string& Shared::name() const { return state_->name; }
DType Shared::dtype() const { return symbol_.dtype(); }

Array Shared::get() const {
  std::shared_lock lock(state_->mutex);
  return state_->value.clone();
}

void Shared::set(const Array& value) {
  check_value(Access::in(symbol_), value);
  Array copy = value.clone();
  std::unique_lock lock(state_->mutex);
  state_->value = std::move(copy);
  ++state_->version;
}

std::int64_t Shared::version() const {
  std::shared_lock lock(state_->mutex);
  return state_->version;
}

std::shared_ptr<Shared::State> Access::find(const ir::Tensor& leaf) {
  const auto& value = leaf.node().params_as<ir::SharedParams>().value;
  BITALE_ASSERT(value != nullptr, "a Shared leaf without a value: " + ir::describe(leaf));
  return std::static_pointer_cast<Shared::State>(value);
}

ir::Tensor Access::named(const ir::Tensor& leaf) {
  const auto origins = leaf.node().origins();
  return {leaf.node_ptr(), 0, origins.empty() ? SourceLine() : origins[0],
          leaf.node().params_as<ir::SharedParams>().name};
}

}  // namespace bitale
