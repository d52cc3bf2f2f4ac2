// What a Function is, behind its handle.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <bitale/function.h>

#include "compiler/driver/compile.h"
#include "frontends/cpp/handles.h"

namespace bitale {

struct Function::State {
  driver::Compiled compiled;
  std::vector<ir::Tensor> inputs;
  std::vector<std::shared_ptr<Shared::State>> shareds;  // in the order of the program's ports, ascending key
  std::vector<bool> updated;
  std::vector<bool> doubled;  // updated, and not in place: old and new value are in memory by turns
  std::string name;
  int threads = 1;
  bool profile = false, nan_guard = false;  // as the options say; flags switch them on for all

  executor::CallOptions call_options() const {
    return {.threads = threads, .profile = profile, .nan_guard = nan_guard};
  }

  struct Arguments {
    std::vector<Array> arrays;
    std::vector<bool> donated;  // given up, and nobody else has the memory
  };
  // `take`: donated Arrays leave their Arguments.
  Arguments arguments(std::span<const Argument> given, bool take) const;
  std::vector<Array> destinations(std::span<const Destination> given) const;

 private:
  Array convert(const Argument& a, std::size_t i) const;
};

}  // namespace bitale
