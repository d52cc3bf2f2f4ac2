// What the rules of a Program are checked on: the Program, where it stands, and what its steps have written so far.
// Each function throws InternalError where a rule is broken.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/program/groups.h"
#include "runtime/program/program.h"

namespace bitale::program {

inline bool valid(DType d) { return d <= last_dtype; }

// What a Program may refer to outside itself.
struct Place {
  const Program* outermost = nullptr;
  const Program* outer = nullptr;  // null for the outermost
  const Varying* outer_varying = nullptr;
  bool loop = false;              // the body of a loop, which has iterations
  std::set<int> writable_inputs;  // carries updated in place
  std::set<int> defined_outputs;  // outputs that hold a value before the first step
  int depth = 0;
};

// All rules of a Program that stands there.
void check(const Program& program, const Place& place);

struct Subject {
  const Program& program;
  const Place& place;
  Varying varying{};               // once extents and aliases are known to be well formed
  std::optional<Groups> groups{};  // then, too
  int tile = 0;                    // number of the blocked step whose extents may be used; 0: of none

  bool is_body() const { return place.outer != nullptr; }
  std::string name(int b) const;  // of a buffer, in messages
  int root(int b) const { return groups->root[static_cast<std::size_t>(b)]; }

  // `what` refers to something that exists.
  void slot(std::int64_t s, const char* what) const;
  void fixed(std::int64_t s, const char* what) const;  // a slot that is the same throughout a call
  void fixed_or_zero(int s, const char* what) const;
  void buffer(int b, const char* what) const;
};

// The step that is checked, and what has a value before it.
struct StepSubject : Subject {
  std::string label{};
  std::vector<bool> defined{};  // per root
  std::vector<int> written{};   // roots that the step writes

  void begin();                               // before the first step
  void reads(int b, const char* what) const;  // a buffer that has a value
  void writes(int b, const char* what);       // one that may be written: it is, when the step has been checked
  void entry(int e, const char* what) const;
  void launched(int e, std::size_t extents, const char* what) const;  // an entry, with as many extents from the step
  void scalar(int b, DType type, const char* what) const;
};

}  // namespace bitale::program
