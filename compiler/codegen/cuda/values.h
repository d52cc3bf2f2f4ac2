// How the text of one function refers to a kernel's values, and to elements of its memory.
#pragma once

#include <string>
#include <vector>

#include "compiler/codegen/cuda/lines.h"
#include "compiler/codegen/cuda/mapping.h"
#include "compiler/codegen/cuda/names.h"
#include "compiler/codegen/cuda/scalar_text.h"
#include "compiler/codegen/cuda/uses.h"
#include "compiler/kernel/kernel.h"

namespace bitale::codegen::cuda {

class Values {
 public:
  // Of the function that the mapping is of.
  Values(const kernel::Kernel& kernel, const Mapping& mapping);

  const kernel::Kernel& kernel() const { return k_; }
  Names& names() { return names_; }

  // A value, once its Let, its loop or its reduction has been printed.
  const Text& operator[](kernel::ValueId v) const { return texts_[static_cast<std::size_t>(v)]; }
  void set(kernel::ValueId v, Text text) { texts_[static_cast<std::size_t>(v)] = std::move(text); }
  DType type(kernel::ValueId v) const { return k_.value(v).type; }

  const std::string& buffer(int b) const { return buffers_[static_cast<std::size_t>(b)]; }
  std::string element(const kernel::Access& access) const;
  // Whether the access is within its bounds; empty: it has none.
  std::string condition(const kernel::Access& access) const;

  // Prints a Let, unless its value is written where it is used. Whether a load has been printed.
  bool let(kernel::ValueId id, Lines& out);

 private:
  bool is_flat(const kernel::Term& term) const;
  std::string text(const kernel::Index& index) const;
  Text expression(const kernel::Value& v) const;

  const kernel::Kernel& k_;
  const std::vector<FlatLoop>& flat_;
  std::vector<Use> uses_;
  Names names_;
  std::vector<std::string> buffers_;
  std::vector<Text> texts_;  // per value
};

}  // namespace bitale::codegen::cuda
