// What contractions have in common. Their texts are the same but for extents and strides wherever those are constants:
// while a text is printed these numbers are marked, and contractions whose texts are equal without them can be one
// function, which has as parameters the numbers that differ.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace bitale::codegen::cuda {

// The number as it stands in a text that is not filled in yet. 0 and 1 make another text, and so do negative ones: they
// stay as they are.
std::string marked(std::int64_t number);

struct Form {
  std::string text;                   // without the numbers
  std::vector<std::int64_t> numbers;  // in their order
};
Form form_of(const std::string& marked_text);

// With the numbers, or with the names of the parameters that they are: parameter_of[i] of number i, unless that is -1.
// Without `parameter_of` there are none.
std::string filled(const std::string& marked_text, std::span<const int> parameter_of = {});
std::string name_of_parameter(int parameter);  // c0, c1...

}  // namespace bitale::codegen::cuda
