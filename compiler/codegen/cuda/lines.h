// Indented lines of CUDA text.
#pragma once

#include <string>
#include <utility>

#include <fmt/format.h>

namespace bitale::codegen::cuda {

class Lines {
 public:
  template <class... A>
  void line(fmt::format_string<A...> format, A&&... arguments) {
    text_ += std::string(2 * depth_, ' ') + fmt::format(format, std::forward<A>(arguments)...) + "\n";
  }
  // A line that ends with an opening brace; close() ends what it began.
  template <class... A>
  void open(fmt::format_string<A...> format, A&&... arguments) {
    line("{} {{", fmt::format(format, std::forward<A>(arguments)...));
    ++depth_;
  }
  void close(const char* behind = "") {
    --depth_;
    line("}}{}", behind);
  }
  // Loops that the compiler unrolls, one inside the other, around what unrolled() ends.
  void unroll(const char* index, int end, int step = 1) {
    line("#pragma unroll");
    line("for (int {0} = 0; {0} < {1}; {2})", index, end,
         step == 1 ? fmt::format("++{}", index) : fmt::format("{} += {}", index, step));
    ++depth_;
  }
  void unrolled(int loops) { depth_ -= static_cast<std::size_t>(loops); }
  void begin() { ++depth_; }

  std::string text() && { return std::move(text_); }

 private:
  std::string text_;
  std::size_t depth_ = 0;
};

}  // namespace bitale::codegen::cuda
