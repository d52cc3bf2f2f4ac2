// Several loops that are one, in the text of a function: how its iterations are counted, and where each is in the
// loops.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "compiler/codegen/cuda/lines.h"
#include "compiler/codegen/cuda/nest.h"
#include "compiler/codegen/cuda/values.h"

namespace bitale::codegen::cuda {

class FlatText {
 public:
  // Outermost first, at least two; `at` names an iteration of all of them. A thread has `run` iterations together,
  // which the innermost's extent is a multiple of.
  FlatText(std::vector<FlatLoop> loops, std::string at, int run = 1);

  const std::string& at() const { return at_; }
  std::string iterations() const;
  // Whether int holds that number, twice over: 32 bits are divided in a fraction of the time that 64 take, and of the
  // code.
  bool is_int() const;
  // Else: whether int holds, twice over, what is in one iteration of the outermost. Threads can then walk (prelude.cc).
  bool may_walk() const;

  std::string_view type() const { return is_int() ? "int" : "long long"; }  // of `at`

  // Gives the variables their names, which it returns.
  std::vector<std::string> name(Values& values) const;
  // A thread's loop over every `step`-th iteration from `first` on, both of them unsigned.
  void open_walk(Lines& out, const std::string& walk, const std::string& first, const std::string& step) const;
  // Declares what the text mentions: the indices, and what iteration it is; or the indices, by that.
  void print_walked(Lines& out, const Values& values, const std::string& walk, std::string_view text) const;
  void print_divided(Lines& out, const Values& values, std::string_view text) const;

 private:
  bool mentions_inner(const Values& values, std::string_view text) const;
  void print_outer(Lines& out, const Values& values, const std::string& index, std::string_view text) const;
  void print_inner(Lines& out, const Values& values, const std::string& rest, std::string_view text) const;

  const std::vector<FlatLoop> loops_;
  const std::string at_;
  const int run_;
};

}  // namespace bitale::codegen::cuda
