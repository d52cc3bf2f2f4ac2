#include "ops/conv/algorithm.h"

#include <algorithm>
#include <array>
#include <limits>

#include "compiler/prim/held_in.h"
#include "ops/conv/algorithm_cost.h"
#include "ops/conv/choices.h"
#include "ops/conv/one_side.h"
#include "runtime/base/error.h"

namespace bitale::ops {

using namespace ir;

namespace {

struct AlgorithmRow {
  ConvAlgorithm algorithm;
  const char* name;
  std::string (*why_not)(const ConvCall&);  // null: it computes all
  Tensor (*compute)(const ConvCall&);       // null: the node as it stands
};
constexpr std::array<AlgorithmRow, 7> rows{{
    {ConvAlgorithm::automatic, "automatic", nullptr, nullptr},
    {ConvAlgorithm::implicit_gemm, "implicit_gemm", nullptr, nullptr},
    {ConvAlgorithm::im2col, "im2col", why_not_two_axes, im2col},
    {ConvAlgorithm::direct, "direct", nullptr, direct},
    {ConvAlgorithm::winograd, "winograd", why_not_winograd, winograd},
    {ConvAlgorithm::fft, "fft", why_not_fft, fft},
    {ConvAlgorithm::cudnn, "cudnn", why_not_two_axes, cudnn},
}};

const AlgorithmRow& row_of(ConvAlgorithm algorithm) { return rows[static_cast<std::size_t>(algorithm)]; }

std::string refusal(ConvAlgorithm algorithm, const std::string& why) {
  return std::string("the algorithm '") + to_string(algorithm) + "' cannot compute this: " + why;
}

// "conv [64, 20, 12, 12] * [50, 20, 5, 5] at lenet.cc:30": image and filters whichever of them is computed.
std::string text_of(const Node& node, const ConvCall& call) {
  const auto origins = node.origins();
  return node.op().name + " " + to_string(call.image_shape) + " * " + to_string(call.filters_shape) +
         (origins.empty() ? "" : " at " + to_string(origins[0]));
}

ConvAlgorithm asked_for(const rewrite::Choose& c, const ConvCall& call) {
  const ConvAlgorithm own = *algorithm_of(call.params.algorithm);
  const auto wish = c.wishes.find("conv");
  if (own != ConvAlgorithm::automatic || wish == c.wishes.end()) return own;
  const auto algorithm = algorithm_of(wish->second);
  if (!algorithm) throw Error("there is no algorithm '" + wish->second + "'; there are: " + algorithm_names());
  return *algorithm;
}

}  // namespace

const char* to_string(ConvAlgorithm algorithm) { return row_of(algorithm).name; }

std::optional<ConvAlgorithm> algorithm_of(std::string_view name) {
  for (const AlgorithmRow& row : rows)
    if (name == row.name) return row.algorithm;
  return std::nullopt;
}

std::string algorithm_names() {
  std::string names;
  for (const AlgorithmRow& row : rows) names += (names.empty() ? "" : ", ") + std::string(row.name);
  return names;
}

std::string why_not(const ConvCall& call, ConvAlgorithm algorithm) {
  const AlgorithmRow& row = row_of(algorithm);
  return row.why_not ? row.why_not(call) : "";
}

Tensor compute(const ConvCall& call, ConvAlgorithm algorithm) {
  const AlgorithmRow& row = row_of(algorithm);
  BITALE_ASSERT(row.compute, "compute: an algorithm that is the convolution itself");
  return row.compute(call);
}

namespace {

ConvAlgorithm chosen(const rewrite::Choose& c, const ConvCall& call) {
  ConvAlgorithm algorithm = asked_for(c, call);
  if (const std::string why = c.refusal ? c.refusal(to_string(algorithm)) : ""; !why.empty())
    throw Error(text_of(c.node, call) + ": the algorithm '" + to_string(algorithm) + "' cannot be had: " + why +
                "; choose another, 'automatic' for example");
  std::string reason;
  if (const std::string why = why_not(call, algorithm); !why.empty()) {
    if (call.params.algorithm == to_string(algorithm))
      throw Error(text_of(c.node, call) + ": " + refusal(algorithm, why));
    reason = refusal(algorithm, why);
    algorithm = ConvAlgorithm::automatic;
  }
  if (algorithm == ConvAlgorithm::automatic && !c.blocks) {  // a device's: the estimates are of CPUs
    const bool tensor_cores = gains_by_tensor_cores(call) && why_not(call, ConvAlgorithm::cudnn).empty() &&
                              (!c.refusal || c.refusal(to_string(ConvAlgorithm::cudnn)).empty());
    algorithm = tensor_cores ? ConvAlgorithm::cudnn : ConvAlgorithm::implicit_gemm;
  } else if (algorithm == ConvAlgorithm::automatic) {
    const Estimate best = cheapest(call);
    algorithm = best.algorithm;
    reason += (reason.empty() ? "" : "; ") + best.text;
  }
  if (algorithm == ConvAlgorithm::cudnn && call.narrow) reason = "in " + std::string(name_of(*call.narrow));
  c.notes.push_back(text_of(c.node, call) + ": " + to_string(algorithm) + (reason.empty() ? "" : " (" + reason + ")"));
  return algorithm;
}

// The convolution, and what tensor cores may compute it in. A node of 16 bits is one that is not widened yet.
ConvCall call_of(const rewrite::Choose& c) {
  ConvCall call = conv_call(c.node);
  const auto held = [](const Tensor& t) { return is_only_stored(t.dtype()) ? t.dtype() : held_in(t); };
  const auto [a, b] = operands_of(call);
  const auto rounded = is_only_stored(call.dtype) ? call.dtype : c.rounded;
  if (rounded && held(a) == rounded && held(b) == rounded) call.narrow = rounded;
  call.tf32 = c.tf32 && call.dtype == DType::f32 && !call.narrow;
  return call;
}

// Winograd and FFT compute a part as they compute the whole.
bool gives_part(ConvAlgorithm algorithm) {
  return algorithm == ConvAlgorithm::winograd || algorithm == ConvAlgorithm::fft;
}

std::vector<Tensor> choose(const rewrite::Choose& c) {
  ConvCall call = call_of(c);
  if (!c.blocks) call.block = std::numeric_limits<std::int64_t>::max();
  if (c.slice) call.part = part_of(call, c.slice->params_as<SliceParams>());
  const ConvAlgorithm algorithm = chosen(c, call);
  if (algorithm == ConvAlgorithm::implicit_gemm && is_convolution_of_part(call)) {
    const AsForward f = as_forward(call);
    return {f.finish(implicit_gemm(f.call.image, f.call.filters, f.call.params))};
  }
  if (!row_of(algorithm).compute) return {};
  if (call.part && gives_part(algorithm)) return {compute(call, algorithm)};
  call.part.reset();
  if (algorithm == ConvAlgorithm::cudnn && take_margin(call, c.slice ? &c.slice->params_as<SliceParams>() : nullptr))
    return {compute(call, algorithm)};
  const Tensor whole = compute(call, algorithm);
  return {c.slice ? apply1(c.slice->op(), c.slice->params(), {whole}) : whole};
}

bool is_by_cudnn(const rewrite::Choose& c) { return chosen(c, call_of(c)) == ConvAlgorithm::cudnn; }

}  // namespace

std::span<const rewrite::ChoiceRow> conv_choices() {
  static const rewrite::ChoiceRow choices[] = {{&conv_op, choose, false, is_by_cudnn},
                                               {&conv_backward_data_op, choose, true, is_by_cudnn},
                                               {&conv_backward_filters_op, choose, false, is_by_cudnn}};
  return choices;
}

void require_algorithm(const WindowOp& op, const Tensor& convolution) {
  const ConvCall call = conv_call(convolution.node());
  const ConvAlgorithm algorithm = *algorithm_of(call.params.algorithm);
  if (const std::string why = why_not(call, algorithm); !why.empty())
    op.fail(refusal(algorithm, why) + " (images " + to_string(call.image_shape) + ", filters " +
            to_string(call.filters_shape) + ")");
}

Tensor or_automatic(const Tensor& convolution) {
  const Node& node = convolution.node();
  const ConvCall call = conv_call(node);
  if (why_not(call, *algorithm_of(call.params.algorithm)).empty()) return convolution;
  ConvParams p = call.params;
  p.algorithm = to_string(ConvAlgorithm::automatic);
  return apply1(node.op(), make_params(std::move(p)), node.inputs());
}

VjpRule vjp_of(OriginalConv original) {
  return [original](const Vjp& v) {
    const Tensor convolution = original(v.node);
    return convolution.node().op().vjp({convolution.node(), v.dys});
  };
}

JvpRule jvp_of(OriginalConv original) {
  return [original](const Jvp& v) {
    const Tensor convolution = original(v.node);
    return convolution.node().op().jvp({convolution.node(), v.dxs});
  };
}

BatchRule batch_of(OriginalConv original) {
  return [original](const Batch& b) {
    const Tensor convolution = original(b.node);
    return convolution.node().op().batch({convolution.node(), b.inputs, b.batched, b.size});
  };
}

}  // namespace bitale::ops
