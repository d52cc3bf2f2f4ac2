// Random numbers.
#pragma once

#include <cstdint>
#include <memory>

#include <bitale/tensor.h>

namespace bitale {

// A stream of draws from a seed (Philox 4x32-10). Two draws are two different nodes; every function that reads the
// stream advances it by one step per call. In the body of a scan every step draws anew. The random bits depend on
// neither threads nor instruction set, and neither do uniform (without bounds), bernoulli and integers; results that
// take a logarithm may differ in the last places between instruction sets.
//
// `shape` is that of the result. Parameters are numbers or tensors that broadcast to it. Derivatives go through low,
// high, mean, location and scale, as far as they are arithmetic on a standard draw; not through those of gamma, beta,
// dirichlet, the bounds of truncated_normal, and discrete draws, where they count as zero.
class RandomStream {
 public:
  explicit RandomStream(std::uint64_t seed, const std::string& name = "random");

  // ---- continuous ----
  Tensor uniform(const Shape& shape, DType dtype = float32, Where at = Where::current());  // [0, 1)
  // low + (high - low) * uniform: [low, high), though high may come out by rounding.
  Tensor uniform(const Operand& low, const Operand& high, const Shape& shape, DType dtype = float32,
                 Where at = Where::current());
  Tensor normal(const Shape& shape, DType dtype = float32, Where at = Where::current());
  Tensor normal(const Operand& mean, const Operand& deviation, const Shape& shape, DType dtype = float32,
                Where at = Where::current());
  // exp of a normal draw.
  Tensor lognormal(const Operand& mean, const Operand& deviation, const Shape& shape, DType dtype = float32,
                   Where at = Where::current());
  // Standard normal under the condition that it is in [low, high]; NaN where low > high.
  Tensor truncated_normal(const Operand& low, const Operand& high, const Shape& shape, DType dtype = float32,
                          Where at = Where::current());
  Tensor exponential(const Operand& scale, const Shape& shape, DType dtype = float32, Where at = Where::current());
  Tensor laplace(const Operand& location, const Operand& scale, const Shape& shape, DType dtype = float32,
                 Where at = Where::current());
  Tensor logistic(const Operand& location, const Operand& scale, const Shape& shape, DType dtype = float32,
                  Where at = Where::current());
  Tensor gumbel(const Operand& location, const Operand& scale, const Shape& shape, DType dtype = float32,
                Where at = Where::current());
  Tensor cauchy(const Operand& location, const Operand& scale, const Shape& shape, DType dtype = float32,
                Where at = Where::current());
  // Density x^(a-1) exp(-x/scale); 0 where a is 0, NaN where it is negative. chi2(k) is gamma(k/2, 2).
  Tensor gamma(const Operand& a, const Operand& scale, const Shape& shape, DType dtype = float32,
               Where at = Where::current());
  Tensor chi2(const Operand& degrees, const Shape& shape, DType dtype = float32, Where at = Where::current());
  Tensor beta(const Operand& a, const Operand& b, const Shape& shape, DType dtype = float32,
              Where at = Where::current());
  // Points of the simplex, of shape [shape..., alpha's last extent].
  Tensor dirichlet(const Tensor& alpha, const Shape& shape, DType dtype = float32, Where at = Where::current());

  // ---- discrete ----
  Tensor bernoulli(double p, const Shape& shape, Where at = Where::current());         // bool
  Tensor bernoulli(const Tensor& p, const Shape& shape, Where at = Where::current());  // bool
  // Uniform in [low, high), every number with its probability to within 2^-64; low where that is empty.
  Tensor integers(const Operand& low, const Operand& high, const Shape& shape, DType dtype = int64,
                  Where at = Where::current());
  Tensor poisson(const Operand& rate, const Shape& shape, Where at = Where::current());  // int64
  // Successes with probability p among so many trials (up to 2^53, rounded down), int64; of a symbol: extent(n).
  Tensor binomial(const Operand& trials, const Operand& p, const Shape& shape, Where at = Where::current());
  // Positions along `axis`, with the probabilities softmax(logits); int64. The other axes of logits broadcast to shape;
  // without one, they are it.
  Tensor categorical(const Tensor& logits, int axis = -1, Where at = Where::current());
  Tensor categorical(const Tensor& logits, const Shape& shape, int axis = -1, Where at = Where::current());

  // ---- orders and choices ----
  Tensor permutation(const Dim& n, Where at = Where::current());               // 0 ... n-1, int64
  Tensor shuffle(const Tensor& x, int axis = 0, Where at = Where::current());  // rows in random order
  // Positions below n, int64; or in proportion to weights of rank 1, which are not negative and need not add up to 1.
  // Without replacement each at most once; no more than there are can be asked for.
  Tensor choice(const Dim& n, const Shape& shape, bool replace = true, Where at = Where::current());
  Tensor choice(const Tensor& weights, const Shape& shape, bool replace = true, Where at = Where::current());

  const Shared& state() const { return state_; }

 private:
  friend Tensor dropout(const Tensor& x, const Operand& rate, RandomStream& stream, Where at);
  Tensor step_state() const;   // what a draw reads
  std::int64_t take(int ids);  // the first of so many draw ids that are not used yet

  Shared state_;
  std::shared_ptr<std::int64_t> draws_;
};

}  // namespace bitale
