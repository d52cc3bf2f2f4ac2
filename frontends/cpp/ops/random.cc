#include "ops/api/random.h"

#include <bitale/random.h>

#include "frontends/cpp/enclosing_steps.h"
#include "frontends/cpp/handles.h"
#include "ops/api/checks.h"
#include "ops/api/elementwise.h"
#include "ops/api/index.h"

namespace bitale {

using detail::Access;

namespace {

Array random_state(std::uint64_t seed) {
  const std::int64_t words[] = {static_cast<std::int64_t>(seed), 0};
  return Array::of(std::span<const std::int64_t>(words), {2});
}

// The distance between the keys of steps, of scans in `depth` others: the output function of SplitMix64 (Steele, Lea,
// Flood 2014), so that sums of multiples do not meet.
std::uint64_t key_stride(std::uint64_t depth) {
  std::uint64_t z = (depth + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (z ^ (z >> 31)) | 1;
}

}  // namespace

RandomStream::RandomStream(std::uint64_t seed, const std::string& name)
    : state_(name, random_state(seed)), draws_(std::make_shared<std::int64_t>(0)) {
  Access::state(state_)->random = true;
}

// In the body of a scan every step has a key of its own.
Tensor RandomStream::step_state() const {
  ir::Tensor state = Access::in(state_.tensor());
  std::uint64_t depth = 0;
  for (const ir::Tensor& number : detail::enclosing_steps()) {
    const std::int64_t stride[] = {static_cast<std::int64_t>(key_stride(depth++)), 0};
    state = state + number * ir::constant(Array::of(std::span<const std::int64_t>(stride), {2}));
  }
  return Access::out(state);
}

std::int64_t RandomStream::take(int ids) {
  const std::int64_t first = *draws_;
  *draws_ += ids;
  return first;
}

// A standard draw of the given shape.
#define BITALE_STANDARD(name) ops::random_##name(Access::in(step_state()), take(1), Access::in(shape), dtype, at)

Tensor RandomStream::uniform(const Shape& shape, DType dtype, Where at) {
  return Access::out(BITALE_STANDARD(uniform));
}
Tensor RandomStream::uniform(const Operand& low, const Operand& high, const Shape& shape, DType dtype, Where at) {
  return Access::out(ops::random_between(BITALE_STANDARD(uniform), Access::in(low), Access::in(high), at));
}
Tensor RandomStream::normal(const Shape& shape, DType dtype, Where at) { return Access::out(BITALE_STANDARD(normal)); }
Tensor RandomStream::lognormal(const Operand& mean, const Operand& deviation, const Shape& shape, DType dtype,
                               Where at) {
  return Access::out(ops::exp(Access::in(normal(mean, deviation, shape, dtype, at)), at));
}
Tensor RandomStream::exponential(const Operand& scale, const Shape& shape, DType dtype, Where at) {
  return Access::out(ops::random_located(BITALE_STANDARD(exponential), 0, Access::in(scale), at));
}
#define BITALE_LOCATED(name)                                                                                     \
  Tensor RandomStream::name(const Operand& location, const Operand& scale, const Shape& shape, DType dtype,      \
                            Where at) {                                                                          \
    return Access::out(ops::random_located(BITALE_STANDARD(name), Access::in(location), Access::in(scale), at)); \
  }
BITALE_LOCATED(normal)
BITALE_LOCATED(laplace)
BITALE_LOCATED(logistic)
BITALE_LOCATED(gumbel)
BITALE_LOCATED(cauchy)
#undef BITALE_LOCATED
#undef BITALE_STANDARD

Tensor RandomStream::truncated_normal(const Operand& low, const Operand& high, const Shape& shape, DType dtype,
                                      Where at) {
  return Access::out(ops::random_truncated_normal(Access::in(step_state()), take(ops::truncated_normal_ids),
                                                  Access::in(low), Access::in(high), Access::in(shape), dtype, at));
}
Tensor RandomStream::gamma(const Operand& a, const Operand& scale, const Shape& shape, DType dtype, Where at) {
  const ir::Tensor draw =
      ops::random_gamma(Access::in(step_state()), take(ops::gamma_ids), Access::in(a), Access::in(shape), dtype, at);
  return Access::out(ops::random_located(draw, 0, Access::in(scale), at));
}
Tensor RandomStream::chi2(const Operand& degrees, const Shape& shape, DType dtype, Where at) {
  return Access::out(ops::random_chi2(Access::in(step_state()), take(ops::gamma_ids), Access::in(degrees),
                                      Access::in(shape), dtype, at));
}
Tensor RandomStream::beta(const Operand& a, const Operand& b, const Shape& shape, DType dtype, Where at) {
  return Access::out(ops::random_beta(Access::in(step_state()), take(2 * ops::gamma_ids), Access::in(a), Access::in(b),
                                      Access::in(shape), dtype, at));
}
Tensor RandomStream::dirichlet(const Tensor& alpha, const Shape& shape, DType dtype, Where at) {
  return Access::out(ops::random_dirichlet(Access::in(step_state()), take(ops::gamma_ids), Access::in(alpha),
                                           Access::in(shape), dtype, at));
}

Tensor RandomStream::bernoulli(double p, const Shape& shape, Where at) {
  return Access::out(ops::random_bernoulli(Access::in(step_state()), take(1), p, Access::in(shape), at));
}
Tensor RandomStream::bernoulli(const Tensor& p, const Shape& shape, Where at) {
  return Access::out(
      ops::random_bernoulli(Access::in(step_state()), take(1), Access::in(p, "p"), Access::in(shape), at));
}
Tensor RandomStream::integers(const Operand& low, const Operand& high, const Shape& shape, DType dtype, Where at) {
  return Access::out(ops::random_integers(Access::in(step_state()), take(1), Access::in(low), Access::in(high),
                                          Access::in(shape), dtype, at));
}
Tensor RandomStream::poisson(const Operand& rate, const Shape& shape, Where at) {
  return Access::out(
      ops::random_poisson(Access::in(step_state()), take(ops::poisson_ids), Access::in(rate), Access::in(shape), at));
}
Tensor RandomStream::binomial(const Operand& trials, const Operand& p, const Shape& shape, Where at) {
  return Access::out(ops::random_binomial(Access::in(step_state()), take(ops::binomial_ids), Access::in(trials),
                                          Access::in(p), Access::in(shape), at));
}
Tensor RandomStream::categorical(const Tensor& logits, int axis, Where at) {
  Shape shape = logits.shape();
  const auto rank = static_cast<int>(shape.size());
  if (axis >= -rank && axis < rank) shape.erase(shape.begin() + (axis < 0 ? axis + rank : axis));
  return categorical(logits, shape, axis, at);
}
Tensor RandomStream::categorical(const Tensor& logits, const Shape& shape, int axis, Where at) {
  return Access::out(ops::random_categorical(Access::in(step_state()), take(1), Access::in(logits, "logits"),
                                             Access::in(shape), axis, at));
}

Tensor RandomStream::permutation(const Dim& n, Where at) {
  return Access::out(ops::random_permutation(Access::in(step_state()), take(1), Access::in(n), at));
}
Tensor RandomStream::shuffle(const Tensor& x, int axis, Where at) {
  const ir::Tensor rows = Access::in(x, "shuffle");
  const int a = ops::normal_axis("shuffle", axis, rows.rank(), at);
  return Access::out(ops::gather(rows, Access::in(permutation(x.dim(a), at)), a, at));
}
Tensor RandomStream::choice(const Dim& n, const Shape& shape, bool replace, Where at) {
  return Access::out(
      ops::random_choice(Access::in(step_state()), take(1), Access::in(n), Access::in(shape), replace, at));
}
Tensor RandomStream::choice(const Tensor& weights, const Shape& shape, bool replace, Where at) {
  return Access::out(ops::random_choice(Access::in(step_state()), take(1), Access::in(weights, "weights"),
                                        Access::in(shape), replace, at));
}

}  // namespace bitale
