// How the text of one function refers to a kernel's values, and to elements of its memory.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/codegen/cuda/lines.h"
#include "compiler/codegen/cuda/mapping.h"
#include "compiler/codegen/cuda/names.h"
#include "compiler/codegen/cuda/ranges.h"
#include "compiler/codegen/cuda/scalar_text.h"
#include "compiler/codegen/cuda/uses.h"
#include "compiler/kernel/kernel.h"

namespace bitale::codegen::cuda {

// Integers of int64 that int is known to hold are ints in the text: loops' variables, what is computed from them, and
// what was one in the kernel.
class Values {
 public:
  // Of the function that the mapping is of.
  Values(const kernel::Kernel& kernel, const Mapping& mapping);

  const kernel::Kernel& kernel() const { return k_; }
  Names& names() { return names_; }

  // A value in its type, once its Let, its loop or its reduction has been printed.
  const Text& operator[](kernel::ValueId v) const { return texts_[static_cast<std::size_t>(v)]; }
  void set(kernel::ValueId v, Text text) { texts_[static_cast<std::size_t>(v)] = std::move(text); }
  DType type(kernel::ValueId v) const { return k_.value(v).type; }

  // A loop's variable: what stands for it, and in which type.
  void set_index(kernel::ValueId v, Text text, const kernel::Extent& extent);
  const std::string& name(kernel::ValueId v) const;
  std::string_view index_type(kernel::ValueId v) const;
  // What stands for an iteration of the mapping's loops that are one: an int if there are so many, else -1.
  void set_flat(std::string at, std::int64_t iterations);

  const std::string& buffer(int b) const { return buffers_[static_cast<std::size_t>(b)]; }
  std::string element(const kernel::Access& access) const;
  // Whether the access is within its bounds; empty: it has none.
  std::string condition(const kernel::Access& access) const;
  // A Let of this access is a lane of what `neighbours` names.
  void load_from(int access, std::string neighbours) { loaded_[access] = std::move(neighbours); }

  // Prints a Let, unless its value is written where it is used. Whether a load has been printed.
  bool let(kernel::ValueId id, Lines& out);

 private:
  struct Int {
    Text text;
    Range range;
  };
  struct Expression {
    Text text;
    std::optional<Range> range{};  // it is an int
  };
  void define(kernel::ValueId v, const Expression& e);
  const Int* find_int(kernel::ValueId v) const;
  const Int* find_small(kernel::ValueId v) const;  // it, twice over
  bool is_flat(const kernel::Term& term) const;
  bool fits_int(const kernel::Index& index, bool flat) const;
  std::string text(const kernel::Index& index) const;
  Expression expression(const kernel::Value& v) const;
  Text loaded(const kernel::Value& v) const;

  const kernel::Kernel& k_;
  std::vector<Use> uses_;
  Names names_;
  std::vector<std::string> buffers_;
  std::vector<Text> texts_;  // per value
  std::map<kernel::ValueId, Int> ints_;
  std::map<int, std::string> loaded_;  // by access
  const std::vector<FlatLoop>& flat_;
  std::string at_;
  std::int64_t iterations_ = -1;
};

}  // namespace bitale::codegen::cuda
