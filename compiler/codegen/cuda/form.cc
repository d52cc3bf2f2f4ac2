#include "compiler/codegen/cuda/form.h"

#include <fmt/format.h>

namespace bitale::codegen::cuda {
namespace {

constexpr char begin = '\1', end = '\2';

// Hands the pieces of the text to `plain` and the digits of numbers to `number`, in turn.
template <class Plain, class Number>
void walk(const std::string& text, Plain plain, Number number) {
  std::size_t from = 0;
  for (std::size_t at = text.find(begin); at != text.npos; at = text.find(begin, from)) {
    const std::size_t last = text.find(end, at);
    plain(text.substr(from, at - from));
    number(text.substr(at + 1, last - at - 1));
    from = last + 1;
  }
  plain(text.substr(from));
}

}  // namespace

std::string marked(std::int64_t number) {
  return number < 2 ? fmt::format("{}", number) : fmt::format("{}{}{}", begin, number, end);
}

Form form_of(const std::string& text) {
  Form form;
  walk(
      text, [&](const std::string& plain) { form.text += plain; },
      [&](const std::string& digits) {
        form.text += begin;
        form.numbers.push_back(std::stoll(digits));
      });
  return form;
}

std::string filled(const std::string& text, std::span<const int> parameter_of) {
  std::string out;
  std::size_t numbers = 0;
  walk(
      text, [&](const std::string& plain) { out += plain; },
      [&](const std::string& digits) {
        const int parameter = parameter_of.empty() ? -1 : parameter_of[numbers];
        ++numbers;
        out += parameter < 0 ? digits : name_of_parameter(parameter);
      });
  return out;
}

std::string name_of_parameter(int parameter) { return fmt::format("c{}", parameter); }

}  // namespace bitale::codegen::cuda
