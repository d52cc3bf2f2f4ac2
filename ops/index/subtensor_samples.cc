// subtensor, set_subtensor and inc_subtensor are compositions of slices, gather and scatter; their declarations.
#include "ops/index/subtensor.h"

namespace bitale::ops {

using namespace ir;

namespace {

// An expression of indices of a sample's operands: x, then integers that are made indices of the axes named.
struct IndexCase {
  std::string name;
  Extents x;
  std::vector<Extents> tensors;
  std::vector<int> axes;  // that each tensor indexes
  std::function<std::vector<IndexItem>(std::span<const Tensor> tensors)> index;
  Extents value;  // a shape that broadcasts to the result's
};

using Tensors = std::span<const Tensor>;

std::vector<IndexCase> index_cases() {
  const auto slice = [](std::optional<Dim> start, std::optional<Dim> stop, std::int64_t step = 1) {
    return Slice{std::move(start), std::move(stop), step};
  };
  const std::optional<Dim> none;
  return {
      {"places", {3, 4}, {}, {}, [](Tensors) { return std::vector<IndexItem>{1, -1}; }, {}},
      {"a place and the rest", {3, 4}, {}, {}, [](Tensors) { return std::vector<IndexItem>{-2}; }, {4}},
      {"slices",
       {5, 6},
       {},
       {},
       [=](Tensors) { return std::vector<IndexItem>{slice(1, -1), slice(none, none, 2)}; },
       {3, 1}},
      {"steps down",
       {5, 6},
       {},
       {},
       [=](Tensors) { return std::vector<IndexItem>{slice(none, none, -1), slice(-2, 0, -2)}; },
       {5, 2}},
      {"clipped bounds",
       {4, 3},
       {},
       {},
       [=](Tensors) { return std::vector<IndexItem>{slice(-9, 9), slice(7, none)}; },
       {4, 0}},
      {"new axes and an ellipsis",
       {2, 3, 4},
       {},
       {},
       [=](Tensors) { return std::vector<IndexItem>{NewAxis{}, Ellipsis{}, slice(1, 3), NewAxis{}}; },
       {3, 2, 1}},
      {"rows", {4, 3}, {{5}}, {0}, [](Tensors t) { return std::vector<IndexItem>{t[0]}; }, {5, 3}},
      {"columns by a matrix",
       {3, 4},
       {{2, 3}},
       {1},
       [](Tensors t) { return std::vector<IndexItem>{Slice{}, t[0]}; },
       {2, 3}},
      {"points", {4, 3}, {{5}, {5}}, {0, 1}, [](Tensors t) { return std::vector<IndexItem>{t[0], t[1]}; }, {5}},
      {"broadcast tensors",
       {4, 2, 3},
       {{2, 1}, {3}},
       {0, 2},
       [=](Tensors t) { return std::vector<IndexItem>{t[0], slice(none, none, -1), t[1]}; },
       {2, 3, 2}},
      {"neighbours behind a slice",
       {2, 5, 3, 2},
       {{4}, {4}},
       {1, 2},
       [=](Tensors t) { return std::vector<IndexItem>{slice(1, none), t[0], t[1], Slice{}}; },
       {1, 4, 2}},
      {"a place beside a tensor",
       {2, 3, 4},
       {{3}},
       {2},
       [](Tensors t) { return std::vector<IndexItem>{Slice{}, 1, t[0]}; },
       {2, 3}},
      {"a place apart from a tensor",
       {2, 3, 4},
       {{3}},
       {2},
       [](Tensors t) { return std::vector<IndexItem>{-1, Slice{}, t[0]}; },
       {3, 1}},
      {"a new axis between tensors",
       {3, 4},
       {{2}, {2}},
       {0, 1},
       [](Tensors t) { return std::vector<IndexItem>{t[0], NewAxis{}, t[1]}; },
       {2, 1}},
      {"a scalar tensor", {3, 2}, {{}}, {0}, [](Tensors t) { return std::vector<IndexItem>{t[0], Ellipsis{}}; }, {2}},
      {"no indices", {3, 2}, {{0}}, {0}, [](Tensors t) { return std::vector<IndexItem>{t[0]}; }, {0, 2}},
  };
}

// The samples of an op over (x, value, index tensors...), or without the value.
template <class F>
std::function<std::vector<Sample>()> index_samples(bool with_value, F build) {
  return [with_value, build] {
    std::vector<Sample> out;
    for (const IndexCase& c : index_cases()) {
      std::vector<SampleInput> inputs{{.shape = c.x}};
      if (with_value) inputs.push_back({.shape = c.value});
      for (const Extents& t : c.tensors) inputs.push_back(index_input(t));
      out.push_back({c.name, std::move(inputs), [with_value, c, build](Tensors in) {
                       std::vector<Tensor> tensors;
                       for (std::size_t k = 0; k < c.axes.size(); ++k)
                         tensors.push_back(sample_indices(in[k + 1 + (with_value ? 1 : 0)], in[0].dim(c.axes[k])));
                       return std::vector{build(in, c.index(tensors))};
                     }});
    }
    return out;
  };
}

}  // namespace

const OpDef subtensor_op{
    .name = "subtensor",
    .doc =
        "subtensor(x, index): x[index] by places, slices, new axes, an ellipsis and integer tensors, as NumPy has it",
    .composite = true,
    .samples = index_samples(false, [](Tensors in, const std::vector<IndexItem>& i) { return subtensor(in[0], i); }),
};

const OpDef set_subtensor_op{
    .name = "set_subtensor",
    .doc = "set_subtensor(x, index, y): x with y in the places of x[index]; of equal places the last wins",
    .composite = true,
    .samples =
        index_samples(true, [](Tensors in, const std::vector<IndexItem>& i) { return set_subtensor(in[0], i, in[1]); }),
};

const OpDef inc_subtensor_op{
    .name = "inc_subtensor",
    .doc = "inc_subtensor(x, index, y): x with y added at the places of x[index]; equal places accumulate",
    .composite = true,
    .samples =
        index_samples(true, [](Tensors in, const std::vector<IndexItem>& i) { return inc_subtensor(in[0], i, in[1]); }),
};

}  // namespace bitale::ops
