// Maximum pooling whose gradient goes to every maximum of a window. With m = [x is the maximum y of its window], the
// derivative is linear: y' sums m * x' over the window, and its transpose sums m * dy over the windows that cover an
// element.
#include "ops/api/checks.h"
#include "ops/conv/pool.h"
#include "ops/conv/pool_reference.h"

namespace bitale::ops {

using namespace ir;

namespace {

// NaN is the maximum of a window that has one.
Expr is_maximum(Expr x, Expr y) {
  const Expr nans = call(ScalarOp::bit_and, {call(ScalarOp::ne, {x, x}), call(ScalarOp::ne, {y, y})});
  return call(ScalarOp::bit_or, {call(ScalarOp::eq, {x, y}), nans});
}
template <class T>
bool is_maximum_value(T x, T y) {
  return x == y || (std::isnan(x) && std::isnan(y));
}

Tensor sum_at_maxima(const Tensor& x, const Tensor& y, const Tensor& t, PoolParams p) {
  p.extents = {};
  return apply1(max_pool_all_sum_op, make_params(std::move(p)), {x, y, t});
}

Tensor spread_to_maxima(const Tensor& x, const Tensor& y, const Tensor& dy, const PoolParams& p) {
  return apply1(max_pool_all_backward_op, make_params(with_image(p, x.shape())), {x, y, dy});
}

// Operands x [..., image...] and y [..., positions...], and a third like one of them.
void check_operands(const TypeArgs& args, const PoolParams& p, bool extents, int like) {
  args.require_count(3);
  check_pool(args, p, extents);
  const Shape& x = args.type(0).shape;
  const Shape pooled = with_last(x, pool_positions(args, p, x));
  for (int i = 0; i < 3; ++i) {
    require_float(args, i);
    args.require(args.type(i).dtype == args.type(0).dtype, "operands must have one dtype");
    const Shape& expected = i == 0 || (i == 2 && like == 0) ? x : pooled;
    args.require(args.type(i).shape.size() == x.size(), "operands must have one rank");
    for (std::size_t k = 0; k < x.size(); ++k)
      args.unify(args.type(i).shape[k], expected[k], "operands must be those of one pooled image");
  }
}

std::vector<TensorType> sum_type(const TypeArgs& args) {
  check_operands(args, args.params_as<PoolParams>(), false, 0);
  return {args.type(1)};
}

std::vector<TensorType> backward_type(const TypeArgs& args) {
  const auto& p = args.params_as<PoolParams>();
  check_operands(args, p, true, 1);
  const Shape& x = args.type(0).shape;
  for (std::size_t k = 0; k < p.axes(); ++k)
    args.unify(x[x.size() - p.axes() + k], p.extents[k], "the extents must be the image's");
  return {args.type(0)};
}

Expr sum_element(Element& e) {
  const auto& p = e.node().params_as<PoolParams>();
  const Shape& image = e.node().input(0).shape();
  const Expr zero = e.constant(0, e.node().type().dtype), y = e.input(1);
  return e.reduce(Combiner::sum, p.window_shape(), [&](std::span<const Index> at) {
    const WindowElement w = element_under(e, p, image, at);
    const Expr t = w.bounds.empty() ? e.input(2, w.index) : e.input_if(w.bounds, 2, w.index, zero);
    const Expr x = w.bounds.empty() ? e.input(0, w.index) : e.input_if(w.bounds, 0, w.index, zero);
    return select(is_maximum(x, y), t, zero);
  });
}

Expr backward_element(Element& e) {
  const auto& p = e.node().params_as<PoolParams>();
  const Tensor& dy = e.node().input(2);
  const Expr zero = e.constant(0, dy.dtype()), x = e.input(0);
  return sum_over_windows(
      e, p, dy.shape(),
      [&](const std::vector<IndexBound>& bounds, const std::vector<Index>& at, std::span<const Index>) {
        return select(is_maximum(x, e.input_if(bounds, 1, at, zero)), e.input_if(bounds, 2, at, zero), zero);
      });
}

// Calls visit(lead, position, image element) for every maximum of every window.
template <class T, class F>
void visit_all_maxima(const Reference& r, F&& visit) {
  const PlainPool p(r);
  const auto x = elements<T>(r.inputs[0]), y = elements<T>(r.inputs[1]);
  const std::size_t axes = p.window.size();
  for (std::int64_t lead = 0; lead < lead_count(y.shape, axes); ++lead)
    for_each_index(spatial_extents(y.shape, axes), [&](const Extents& position) {
      p.visit_window(spatial_extents(x.shape, axes), position, [&](const Extents&, const Extents& at) {
        if (is_maximum_value(x(lead, at), y(lead, position))) visit(lead, position, at);
      });
    });
}

void sum_reference(const Reference& r) {
  dispatch_float(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto t = elements<T>(r.inputs[2]);
    const auto out = elements<T>(r.outputs[0]);
    for (T& v : r.outputs[0].view<T>()) v = 0;
    visit_all_maxima<T>(
        r, [&](std::int64_t lead, const Extents& position, const Extents& at) { out(lead, position) += t(lead, at); });
  });
}

void backward_reference(const Reference& r) {
  dispatch_float(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto dy = elements<T>(r.inputs[2]);
    const auto out = elements<T>(r.outputs[0]);
    for (T& v : r.outputs[0].view<T>()) v = 0;
    visit_all_maxima<T>(
        r, [&](std::int64_t lead, const Extents& position, const Extents& at) { out(lead, at) += dy(lead, position); });
  });
}

PoolParams params_of(const PoolCase& c, const Tensor& x) {
  return pool_params({"max_pool", c.shape.size() - 2, {}}, x, c.options);
}
Tensor pooled(const PoolCase& c, const Tensor& x) { return apply1(max_pool_all_op, make_params(params_of(c, x)), {x}); }

// Rounded, so that windows have several maxima; such points have no derivative in x, and are taken as given.
Tensor with_ties(const Tensor& x) { return cast(cast(x, DType::i32), x.dtype()); }

std::vector<Sample> maximum_samples() {
  std::vector<Sample> out;
  for (const PoolCase& c : pool_cases(false))
    out.push_back({c.name, {{c.shape}}, [c](std::span<const Tensor> in) { return std::vector{pooled(c, in[0])}; }});
  return out;
}

std::vector<Sample> linear_samples(bool backward) {
  std::vector<Sample> out;
  for (const PoolCase& c : pool_cases(false))
    out.push_back(
        {c.name,
         {{.shape = c.shape, .low = -3, .high = 3, .differentiable = false}, {backward ? c.result() : c.shape}},
         [c, backward](std::span<const Tensor> in) {
           const Tensor x = with_ties(in[0]), y = pooled(c, x);
           const PoolParams p = params_of(c, x);
           return std::vector{backward ? spread_to_maxima(x, y, in[1], p) : sum_at_maxima(x, y, in[1], p)};
         }});
  return out;
}

}  // namespace

// max_pool_all(x [..., image...]) -> [..., positions...]: max_pool, but the cotangent goes to every maximum.
const OpDef max_pool_all_op{
    .name = "max_pool_all",
    .doc = "max_pool1d, max_pool2d and max_pool3d with all_maxima: the gradient goes to every maximum of the window",
    .type = [](const TypeArgs& args) { return pooled_type(args); },
    .element = maximum_element,
    .vjp =
        [](const Vjp& v) {
          return std::vector{spread_to_maxima(v.in(0), v.out(), v.dy(), v.node.params_as<PoolParams>())};
        },
    .jvp =
        [](const Jvp& v) {
          return std::vector{v.dx(0) ? sum_at_maxima(v.in(0), v.out(), v.dx(0), v.node.params_as<PoolParams>())
                                     : Tensor{}};
        },
    .batch = batch_elementwise,
    .reference = maximum_reference,
    .samples = maximum_samples,
    .default_params = [] { return make_params(PoolParams{}); },
};

// max_pool_all_sum(x [..., image...], y [..., positions...], t [..., image...]) -> [..., positions...]: the sum of t
// where x is the window's maximum y. Linear in t.
const OpDef max_pool_all_sum_op{
    .name = "max_pool_all_sum",
    .doc = "the sum over each window of what lies at its maxima",
    .type = sum_type,
    .element = sum_element,
    .vjp =
        [](const Vjp& v) {
          return std::vector{Tensor{}, Tensor{},
                             spread_to_maxima(v.in(0), v.in(1), v.dy(), v.node.params_as<PoolParams>())};
        },
    .jvp =
        [](const Jvp& v) {
          return std::vector{v.dx(2) ? apply1(v.node.op(), v.node.params(), {v.in(0), v.in(1), v.dx(2)}) : Tensor{}};
        },
    .batch = batch_elementwise,
    .reference = sum_reference,
    .samples = [] { return linear_samples(false); },
    .default_params = [] { return make_params(PoolParams{}); },
};

// max_pool_all_backward(x [..., image...], y [..., positions...], dy [..., positions...]; image extents) -> [...,
// image...]: each dy is added to the elements of its window that are its maximum y. Linear in dy; its transpose is
// max_pool_all_sum.
const OpDef max_pool_all_backward_op{
    .name = "max_pool_all_backward",
    .doc = "the gradient of max_pool1d, max_pool2d and max_pool3d with all_maxima",
    .type = backward_type,
    .element = backward_element,
    .vjp =
        [](const Vjp& v) {
          return std::vector{Tensor{}, Tensor{},
                             sum_at_maxima(v.in(0), v.in(1), v.dy(), v.node.params_as<PoolParams>())};
        },
    .jvp =
        [](const Jvp& v) {
          return std::vector{v.dx(2) ? apply1(v.node.op(), v.node.params(), {v.in(0), v.in(1), v.dx(2)}) : Tensor{}};
        },
    .batch = batch_elementwise,
    .reference = backward_reference,
    .samples = [] { return linear_samples(true); },
    .default_params = [] { return make_params(PoolParams{}); },
};

}  // namespace bitale::ops
