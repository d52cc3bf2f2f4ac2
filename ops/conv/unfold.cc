// The windows of an image as an axis each, and their sum back into an image: conv's index map and its transpose,
// without the product. Neither knows padding: the builders pad and slice around them.
#include "ops/api/checks.h"
#include "ops/conv/conv.h"
#include "ops/conv/reference.h"

namespace bitale::ops {

using namespace ir;

namespace {

struct UnfoldParams {
  std::vector<std::int64_t> window{1, 1}, stride{1, 1}, dilation{1, 1};  // one per spatial axis
  Shape extents;                                                         // fold: the image's
  bool operator==(const UnfoldParams&) const = default;
  template <class V>
  void fields(V& v) {
    v("window", window);
    v("stride", stride);
    v("dilation", dilation);
    v("extents", extents);
  }
  std::size_t axes() const { return window.size(); }
  Shape window_shape() const { return {window.begin(), window.end()}; }
};

void check_params(const TypeArgs& args, const UnfoldParams& p, bool extents) {
  args.require_count(1);
  args.require(p.axes() >= 1 && p.stride.size() == p.axes() && p.dilation.size() == p.axes(),
               "window, stride and dilation must have one entry per spatial axis");
  for (std::size_t k = 0; k < p.axes(); ++k) {
    args.require(p.window[k] >= 1, "the window is empty");
    args.require(p.stride[k] >= 1, "strides must be at least 1");
    args.require(p.dilation[k] >= 1, "dilations must be at least 1");
  }
  args.require(p.extents.size() == (extents ? p.axes() : 0), "wrong number of extents");
  args.require(args.type(0).shape.size() >= (extents ? 2 : 1) * p.axes(), "the operand's rank is too low");
}

// [window..., positions...] of an image with these spatial extents.
Shape folded_axes(const TypeArgs& args, const UnfoldParams& p, const Shape& image) {
  Shape out = p.window_shape();
  for (std::size_t k = 0; k < p.axes(); ++k) {
    const Dim reach = window_reach(p.window[k], p.dilation[k]);
    require_at_least(args, image[k], reach, "the window is larger than the (padded) input");
    out.push_back(floordiv(image[k] - reach, p.stride[k]) + 1);
  }
  return out;
}

Shape lead_of(const Shape& shape, std::size_t axes) {
  return {shape.begin(), shape.end() - static_cast<std::ptrdiff_t>(axes)};
}

std::vector<TensorType> unfold_type(const TypeArgs& args) {
  const auto& p = args.params_as<UnfoldParams>();
  check_params(args, p, false);
  const Shape& x = args.type(0).shape;
  const Shape lead = lead_of(x, p.axes());
  return {{args.type(0).dtype,
           with_spatial(lead, folded_axes(args, p, {x.begin() + static_cast<std::ptrdiff_t>(lead.size()), x.end()}))}};
}

std::vector<TensorType> fold_type(const TypeArgs& args) {
  const auto& p = args.params_as<UnfoldParams>();
  check_params(args, p, true);
  require_float(args, 0);
  const Shape &x = args.type(0).shape, lead = lead_of(x, 2 * p.axes()), axes = folded_axes(args, p, p.extents);
  for (std::size_t k = 0; k < axes.size(); ++k)
    args.unify(x[lead.size() + k], axes[k], "windows and positions must be those of the image");
  return {{args.type(0).dtype, with_spatial(lead, p.extents)}};
}

Expr unfold_element(Element& e) {
  const auto& p = e.node().params_as<UnfoldParams>();
  const std::size_t lead = e.node().input(0).shape().size() - p.axes();
  std::vector<Index> at(e.index().begin(), e.index().begin() + static_cast<std::ptrdiff_t>(lead));
  for (std::size_t k = 0; k < p.axes(); ++k)
    at.push_back(e.index()[lead + p.axes() + k] * p.stride[k] + e.index()[lead + k] * p.dilation[k]);
  return e.input(0, at);
}

// An image element is under tap i of the window at (t - i*d) / s, where that divides and there is such a window.
Expr fold_element(Element& e) {
  const auto& p = e.node().params_as<UnfoldParams>();
  const Shape& x = e.node().input(0).shape();
  const std::size_t lead = x.size() - 2 * p.axes();
  return e.reduce(Combiner::sum, p.window_shape(), [&](std::span<const Index> tap) {
    std::vector<Index> at(e.index().begin(), e.index().begin() + static_cast<std::ptrdiff_t>(lead));
    at.insert(at.end(), tap.begin(), tap.end());
    std::vector<IndexBound> bounds;
    for (std::size_t k = 0; k < p.axes(); ++k) {
      const Index start = e.index()[lead + k] - tap[k] * p.dilation[k];
      const Index position = floordiv(start, p.stride[k]);
      bounds.push_back({position, x[lead + p.axes() + k]});
      if (p.stride[k] != 1) bounds.push_back({start - position * p.stride[k], 1});
      at.push_back(position);
    }
    return e.input_if(bounds, 0, at, e.constant(0, e.node().type().dtype));
  });
}

// Calls visit(flat index of the image, flat index of the windows) for every element of every window.
template <class F>
void visit_windows(const UnfoldParams& p, const Extents& image, const Extents& windows, F&& visit) {
  const Extents spatial = spatial_extents(image, p.axes());
  std::int64_t flat = 0;
  for_each_index(windows, [&](const Extents& i) {
    const std::size_t lead = image.size() - p.axes();
    std::int64_t at = 0;
    for (std::size_t k = 0; k < lead; ++k) at = at * image[k] + i[k];
    for (std::size_t k = 0; k < p.axes(); ++k)
      at = at * spatial[k] + i[lead + p.axes() + k] * p.stride[k] + i[lead + k] * p.dilation[k];
    visit(static_cast<std::size_t>(at), static_cast<std::size_t>(flat++));
  });
}

void unfold_reference(const Reference& r) {
  dispatch_float(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto x = r.inputs[0].view<T>();
    const auto out = r.outputs[0].view<T>();
    visit_windows(r.node.params_as<UnfoldParams>(), r.inputs[0].shape(), r.outputs[0].shape(),
                  [&](std::size_t image, std::size_t window) { out[window] = x[image]; });
  });
}

void fold_reference(const Reference& r) {
  dispatch_float(r.outputs[0].dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const auto x = r.inputs[0].view<T>();
    const auto out = r.outputs[0].view<T>();
    for (T& v : out) v = 0;
    visit_windows(r.node.params_as<UnfoldParams>(), r.outputs[0].shape(), r.inputs[0].shape(),
                  [&](std::size_t image, std::size_t window) { out[image] += x[window]; });
  });
}

UnfoldParams unfold_params(const WindowOp& op, const UnfoldOptions& o) {
  return {op.per_axis("window", o.window, 2),
          op.per_axis("stride", o.stride, 1),
          op.per_axis("dilation", o.dilation, 1),
          {}};
}

Shape unfold_padding(const WindowOp& op, const UnfoldParams& p, const Padding& padding, const Shape& image) {
  Shape reach;
  for (std::size_t k = 0; k < op.axes; ++k) reach.push_back(window_reach(p.window[k], p.dilation[k]));
  return padding_of(op, padding, image, reach, p.stride);
}

struct UnfoldCase {
  const char* name;
  Extents shape;
  UnfoldOptions options;
};
std::vector<UnfoldCase> cases() {
  return {
      {"2d", {2, 2, 4, 5}, {.window = {2, 3}}},
      {"2d everything",
       {1, 2, 6, 5},
       {.window = {3, 2}, .stride = {2, 1}, .dilation = {1, 2}, .padding = {1, 0, 2, 1}}},
      {"1d", {2, 3, 7}, {.window = {3}, .stride = {2}, .padding = Padding::same}},
      {"3d", {1, 1, 3, 4, 3}, {.window = {2, 3, 1}}},
  };
}

std::vector<Sample> unfold_samples() {
  std::vector<Sample> out;
  for (const UnfoldCase& c : cases())
    out.push_back(
        {c.name, {{c.shape}}, [c](std::span<const Tensor> in) { return std::vector{unfold(in[0], c.options)}; }});
  return out;
}

std::vector<Sample> fold_samples() {
  std::vector<Sample> out;
  for (const UnfoldCase& c : cases()) {
    const Shape image(c.shape.begin(), c.shape.end());
    Extents columns;
    const Tensor unfolded = unfold(ir::input("x", {DType::f32, image}), c.options);
    for (const Dim& d : unfolded.shape()) columns.push_back(d.value());
    out.push_back({c.name, {{columns}}, [c, image](std::span<const Tensor> in) {
                     return std::vector{fold(in[0], spatial(image), c.options)};
                   }});
  }
  return out;
}

}  // namespace

extern const OpDef unfold_op, fold_op;

// unfold(x [..., image...]) -> [..., window..., positions...]. Errors: a window, stride or dilation below 1, a window
// larger than the image.
const OpDef unfold_op{
    .name = "unfold",
    .doc =
        "unfold(images, {window, stride, dilation, padding}): the windows as columns, [n, c*window, positions] "
        "(im2col)",
    .type = unfold_type,
    .element = unfold_element,
    .vjp =
        [](const Vjp& v) {
          UnfoldParams p = v.node.params_as<UnfoldParams>();
          const Shape& x = v.in(0).shape();
          p.extents = {x.end() - static_cast<std::ptrdiff_t>(p.axes()), x.end()};
          return std::vector{apply1(fold_op, make_params(p), {v.dy()})};
        },
    .jvp = linear_jvp,
    .batch = batch_elementwise,
    .reference = unfold_reference,
    .samples = unfold_samples,
    .default_params = [] { return make_params(UnfoldParams{}); },
};

// fold(x [..., window..., positions...]; image extents) -> [..., image...]: every element of every window is added to
// the image element that it lies on. The transpose of unfold.
const OpDef fold_op{
    .name = "fold",
    .doc =
        "fold(columns, extents, {window, stride, dilation, padding}): columns as unfold gives them, summed into an "
        "image "
        "(col2im)",
    .type = fold_type,
    .element = fold_element,
    .vjp =
        [](const Vjp& v) {
          UnfoldParams p = v.node.params_as<UnfoldParams>();
          p.extents = {};
          return std::vector{apply1(unfold_op, make_params(p), {v.dy()})};
        },
    .jvp = linear_jvp,
    .batch = batch_elementwise,
    .reference = fold_reference,
    .samples = fold_samples,
    .default_params = [] { return make_params(UnfoldParams{}); },
};

Tensor windows(const Tensor& x, std::vector<std::int64_t> window, std::vector<std::int64_t> stride) {
  std::vector<std::int64_t> dilation(window.size(), 1);
  return apply1(unfold_op, make_params(UnfoldParams{std::move(window), std::move(stride), std::move(dilation), {}}),
                {x});
}

Tensor unfold(const Tensor& x, const UnfoldOptions& o, SourceLine line) {
  require_operand("unfold", x, line);
  if (x.rank() < 3 || !is_floating(x.dtype()))
    WindowOp{"unfold", 0, line}.fail("images must be float tensors [n, c, spatial...], got " + describe(x));
  const WindowOp op{"unfold", x.shape().size() - 2, line};
  UnfoldParams p = unfold_params(op, o);
  const Dim taps = product(p.window_shape());
  const Tensor padded = pad_image(x, unfold_padding(op, p, o.padding, spatial(x.shape())), line);
  const Tensor windows = apply1(unfold_op, make_params(std::move(p)), {padded}, line);
  const Shape positions{windows.shape().end() - static_cast<std::ptrdiff_t>(op.axes), windows.shape().end()};
  return reshape(windows, {x.shape()[0], x.shape()[1] * taps, product(positions)}, line);
}

Tensor fold(const Tensor& columns, const Shape& extents, const UnfoldOptions& o, SourceLine line) {
  const WindowOp op{"fold", extents.size(), line};
  require_operand(op.name, columns, line);
  if (columns.rank() != 3 || extents.empty())
    op.fail("columns must be [n, c*window, positions] of an image with spatial axes, got " + describe(columns));
  UnfoldParams p = unfold_params(op, o);
  const Shape padding = unfold_padding(op, p, o.padding, extents);
  const Dim taps = product(p.window_shape());
  const Dim& rows = columns.shape()[1];
  const auto channels = exact_quotient(rows, taps);
  if (!channels && rows.is_constant())
    op.fail("the columns' axis 1 must be a multiple of the window's " + to_string(taps) + " elements, got " +
            describe(columns));
  Shape shape = with_spatial({columns.shape()[0], channels.value_or(floordiv(rows, taps))}, p.window_shape());
  Shape starts{0, 0};
  for (std::size_t k = 0; k < op.axes; ++k) {
    if (p.stride[k] < 1) op.fail("strides must be at least 1");
    p.extents.push_back(extents[k] + padding[2 * k] + padding[2 * k + 1]);
    shape.push_back(floordiv(p.extents[k] - window_reach(p.window[k], p.dilation[k]), p.stride[k]) + 1);
    starts.push_back(padding[2 * k]);
  }
  const Tensor whole = apply1(fold_op, make_params(std::move(p)), {reshape(columns, shape, line)}, line);
  const Shape image = with_spatial({whole.shape()[0], whole.shape()[1]}, extents);
  if (whole.shape() == image) return whole;
  return slice(whole, starts, image, std::vector<std::int64_t>(starts.size(), 1), line);
}

}  // namespace bitale::ops
