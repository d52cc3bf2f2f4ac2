// The names in the text of one function.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace bitale::codegen::cuda {

// No name is given twice, is C++'s or that of anything the text may call, or is a parameter's: e0, e1... are extents.
class Names {
 public:
  explicit Names(int extents);

  // The name itself, as an identifier, if it is free, or with a number behind it.
  std::string fresh(std::string_view name);
  // Always with a number.
  std::string numbered(std::string_view name);
  // i, j, k... by depth; release() it when the loop ends.
  std::string loop();
  void release(const std::string& name) { taken_.erase(name); }

 private:
  std::set<std::string> taken_;
};

}  // namespace bitale::codegen::cuda
