#include <algorithm>
#include <bit>
#include <limits>

#include "compiler/prim/samples.h"
#include "ops/linalg/decompositions.h"
#include "ops/linalg/matrices.h"
#include "ops/linalg/reference.h"

namespace bitale::ops {

using namespace ir;

namespace {

struct PinvParams {
  double cutoff = -1;  // of the largest singular value; -1: max(m, n) * epsilon
  bool operator==(const PinvParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("cutoff", cutoff);
  }
};

// What x is beyond its part in the columns that p (of the pseudo-inverse pair p, q) reaches: x - p q x.
Tensor beyond(const Tensor& x, const Tensor& p, const Tensor& q) { return x - times(p, times(q, x)); }

// Golub and Pereyra: dp = -p da p + p p^T da^T (1 - a p) + (1 - p a) da^T p^T p, and the transpose of that.
std::vector<Tensor> vjp(const Vjp& v) {
  const Tensor p = v.out(), a = v.in(0), pt = transposed(p), dyt = transposed(v.dy());
  const Tensor direct = times(pt, times(v.dy(), pt));
  const Tensor rows = beyond(times(times(dyt, p), pt), a, p);
  const Tensor left = times(times(pt, p), dyt);
  return {rows + (left - times(times(left, p), a)) - direct};
}

std::vector<Tensor> jvp(const Jvp& v) {
  if (!v.dx(0)) return std::vector<Tensor>(1);
  const Tensor p = v.out(), a = v.in(0), pt = transposed(p), dat = transposed(v.dx(0));
  const Tensor right = times(times(p, pt), dat);
  return {(right - times(times(right, a), p)) + beyond(times(times(dat, pt), p), p, a) - times(p, times(v.dx(0), p))};
}

void reference(const Reference& r) {
  const double cutoff = r.node.params_as<PinvParams>().cutoff;
  const double epsilon = epsilon_of(r.inputs[0].dtype());
  for_each_matrix(r, [&](const std::vector<Dense>& in) {
    const ReferenceSvd d = reference_svd(in[0]);
    Dense vs = d.v;
    for (std::int64_t j = 0; j < vs.columns; ++j) {
      const long double s = d.s[static_cast<std::size_t>(j)];
      const long double least =
          d.s[0] * (cutoff >= 0 ? cutoff : epsilon * static_cast<double>(std::max(in[0].rows, in[0].columns)));
      for (std::int64_t i = 0; i < vs.rows; ++i) vs(i, j) = s <= least ? 0 : vs(i, j) / s;
    }
    return std::vector{product(vs, transpose(d.u))};
  });
}

std::vector<Sample> samples() {
  const auto build = [](auto x) { return pinv(full_rank(x[0])); };
  return {
      sample("high", {uniform({4, 3})}, build, 10),
      sample("wide", {uniform({2, 5})}, build, 10),
      sample("batch", {uniform({2, 3, 3})}, build, 10),
      {"cut off",
       {{.shape = {3, 3}, .differentiable = false}},
       [](std::span<const Tensor> x) { return std::vector{pinv(full_rank(x[0]), 0.5)}; },
       10},
  };
}

}  // namespace

const OpDef pinv_op{
    .name = "pinv",
    .doc =
        "pinv(a, cutoff): the Moore-Penrose inverse, by SVD; singular values up to cutoff times the largest count as "
        "0 (default: max(m, n) times the dtype's epsilon); derivatives are those at constant rank; not finite: NaN",
    .type =
        [](const TypeArgs& args) {
          args.require_count(1);
          require_matrix(args, 0);
          return std::vector<TensorType>{
              {args.type(0).dtype, batched_shape(args.input(0), {columns_of(args.input(0)), rows_of(args.input(0))})}};
        },
    .library = "pinv",
    .library_extents =
        [](const Node& n) { return library_extents(n.input(0), {rows_of(n.input(0)), columns_of(n.input(0))}); },
    .library_integers =
        [](const Node& n) {
          auto integers = dtype_integers(n);
          integers.push_back(std::bit_cast<std::int64_t>(n.params_as<PinvParams>().cutoff));
          return integers;
        },
    .vjp = vjp,
    .jvp = jvp,
    .batch = batch_elementwise,
    .reference = reference,
    .samples = samples,
    .default_params = [] { return make_params(PinvParams{}); },
};

Tensor pinv(const Tensor& a, double cutoff, SourceLine line) {
  return apply1(pinv_op, make_params(PinvParams{cutoff}), {as_matrices(pinv_op, a, line)}, line);
}

}  // namespace bitale::ops
