#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace bitale::tests {

struct Ran {
  int status = -1;  // of the exit; 128 + signal if one ended it
  std::string out, err;
};

// The `bitale` program of this build, run to its end. `interrupt_after`: sends SIGINT when its output contains this
// text. `in_child` is called in the process before it becomes the program: for limits.
Ran run_bitale(const std::vector<std::string>& arguments,
               const std::vector<std::pair<std::string, std::string>>& environment = {},
               const std::string& interrupt_after = "", const std::function<void()>& in_child = {});

}  // namespace bitale::tests
