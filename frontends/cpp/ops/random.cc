#include "ops/api/random.h"

#include <bitale/random.h>

#include "frontends/cpp/handles.h"

namespace bitale {

using detail::Access;

namespace {

Array random_state(std::uint64_t seed) {
  const std::int64_t words[] = {static_cast<std::int64_t>(seed), 0};
  return Array::of(std::span<const std::int64_t>(words), {2});
}

}  // namespace

RandomStream::RandomStream(std::uint64_t seed, const std::string& name)
    : state_(name, random_state(seed)), draws_(std::make_shared<std::int64_t>(0)) {}
Tensor RandomStream::uniform(const Shape& shape, DType dtype, Where at) {
  return Access::out(ops::random_uniform(Access::in(state_.tensor()), (*draws_)++, Access::in(shape), dtype, at));
}
Tensor RandomStream::normal(const Shape& shape, DType dtype, Where at) {
  return Access::out(ops::random_normal(Access::in(state_.tensor()), (*draws_)++, Access::in(shape), dtype, at));
}
Tensor RandomStream::bernoulli(double p, const Shape& shape, Where at) {
  return Access::out(ops::random_bernoulli(Access::in(state_.tensor()), (*draws_)++, p, Access::in(shape), at));
}

}  // namespace bitale
