#include "compiler/codegen/cuda/share.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "runtime/base/error.h"

namespace bitale::codegen::cuda {
namespace {

using Dims = std::vector<Contraction::Dim>;

// What is constant of the number of indices.
std::int64_t known_factor(const Dims& dims) {
  std::int64_t product = 1;
  for (const Contraction::Dim& d : dims)
    if (d.extent.is_constant()) product *= d.extent.value;
  return product;
}

bool all_constant(const Dims& dims) {
  return std::all_of(dims.begin(), dims.end(), [](const Contraction::Dim& d) { return d.extent.is_constant(); });
}

class Parameters {
 public:
  explicit Parameters(std::span<const Contraction* const> contractions) : contractions_(contractions) {
    for (const Contraction* c : contractions) forms_.push_back(form_of(*c));
  }

  Shared share() && {
    Shared out{*contractions_[0], std::vector<std::vector<std::int64_t>>(contractions_.size())};
    Contraction::Parameters& p = out.function.parameters;
    for (std::size_t n = 0; n < forms_[0].numbers.size(); ++n) {
      std::vector<std::int64_t> values;
      for (const Form& f : forms_) values.push_back(f.numbers[n]);
      p.of_number.push_back(parameter(values));
    }
    p.batch = of_group(&Contraction::batch);
    p.m = of_group(&Contraction::m);
    p.n = of_group(&Contraction::n);
    for (const auto& values : values_) {
      p.wide.push_back(*std::max_element(values.begin(), values.end()) > std::numeric_limits<std::int32_t>::max());
      for (std::size_t c = 0; c < values.size(); ++c) out.arguments[c].push_back(values[c]);
    }
    return out;
  }

 private:
  // Of a number with these values, by contraction; -1: they are equal.
  int parameter(const std::vector<std::int64_t>& values) {
    if (std::all_of(values.begin(), values.end(), [&](std::int64_t v) { return v == values[0]; })) return -1;
    const auto found = std::find(values_.begin(), values_.end(), values);
    const auto number = static_cast<int>(found - values_.begin());
    if (found == values_.end()) values_.push_back(values);
    return number;
  }

  int of_group(Dims Contraction::* group) {
    if (!all_constant(contractions_[0]->*group)) return -1;
    std::vector<std::int64_t> values;
    for (const Contraction* c : contractions_) values.push_back(known_factor(c->*group));
    return parameter(values);
  }

  const std::span<const Contraction* const> contractions_;
  std::vector<Form> forms_;
  std::vector<std::vector<std::int64_t>> values_;  // by parameter
};

}  // namespace

// How many blocks there are is counted from a parameter or from a constant and an extent, never from both.
std::string key_of(const Contraction& c) {
  Contraction nameless = c;
  nameless.name.clear();
  nameless.comments.clear();
  std::string key = form_of(nameless).text;
  for (const Dims* dims : {&c.batch, &c.m, &c.n})
    key += all_constant(*dims) ? "\n" : fmt::format("\n{}", known_factor(*dims));
  return key;
}

Shared share(std::span<const Contraction* const> contractions) {
  BITALE_ASSERT(!contractions.empty(), "contractions to share a function");
  return Parameters(contractions).share();
}

}  // namespace bitale::codegen::cuda
