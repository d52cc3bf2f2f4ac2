#include "runtime/program/code_rules.h"

#include <algorithm>

#include "runtime/program/require.h"

namespace bitale::program {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

void check_work(const Launch& l, const std::vector<Launch::Factor>& work) {
  for (const Launch::Factor& f : work)
    require(f.argument >= -1 && f.value >= 0 && f.per >= 1, "a launch of {} has an amount of work that is not one",
            l.function);
}

void check_arguments(const Launch& l, const std::vector<Launch::Factor>& work, std::size_t extents,
                     const std::string& label) {
  for (const Launch::Factor& f : work)
    require(f.argument < 0 || at(f.argument) < extents, "step '{}' gives {} {} extents", label, l.function, extents);
}

// How many extents an entry is given is the step's affair: check_launches().
void check_device_code(const Program& program, const Blob& b) {
  require(b.launches.size() == program.entries.size(), "the code for {} has {} entries, expected {}", b.target,
          b.launches.size(), program.entries.size());
  require(!b.offsets.empty() && b.offsets[0] == 0 && std::is_sorted(b.offsets.begin(), b.offsets.end()) &&
              b.offsets.back() <= b.bytes.size(),
          "the images of the code for {} do not follow each other", b.target);
  for (const auto& entry : b.launches)
    for (const Launch& l : entry) {
      require(l.image >= 0 && at(l.image) < b.offsets.size(), "a launch of the code for {} is of no image", b.target);
      require(!l.function.empty() && l.threads >= 1 && l.threads <= 1024 && l.per_block >= 1 && l.least >= 1 &&
                  l.cluster >= 1 && (l.cluster == 1 || l.together.empty()),
              "a launch of the code for {} is not one", b.target);
      check_work(l, l.work);
      for (const Launch::Part& part : l.together) {
        require(part.per_block >= 1 && part.least >= 1, "a part of {} is not one", l.function);
        check_work(l, part.work);
      }
    }
}

void check_cpu_code(const Program& program, const Blob& b) {
  require(b.offsets.size() == program.entries.size(), "the code for {} has {} entries, expected {}", b.target,
          b.offsets.size(), program.entries.size());
  for (const std::uint64_t o : b.offsets)
    require(o < b.bytes.size(), "an entry of the code for {} lies outside it", b.target);
}

}  // namespace

bool is_for_device(const Program& program) { return !program.blobs.empty() && !program.blobs[0].launches.empty(); }

void check_code(const Program& program) {
  for (const Blob& b : program.blobs) {
    require(b.launches.empty() != is_for_device(program), "there is code for {} and for {}", program.blobs[0].target,
            b.target);
    is_for_device(program) ? check_device_code(program, b) : check_cpu_code(program, b);
  }
}

void check_launches(const Program& outermost, int entry, std::size_t extents, const std::string& label, bool of_loop) {
  for (const Blob& b : outermost.blobs)
    if (at(entry) < b.launches.size()) {
      require(!of_loop || b.launches[at(entry)].size() == 1, "the kernel of loop '{}' is not one launch", label);
      for (const Launch& l : b.launches[at(entry)]) {
        const bool together = !l.together.empty() || l.cluster > 1;
        require(of_loop || !together, "{} of step '{}' is launched together", l.function, label);
        require(!of_loop || together, "the kernel of loop '{}' is not launched together", label);
        check_arguments(l, l.work, extents, label);
        for (const Launch::Part& part : l.together) check_arguments(l, part.work, extents, label);
      }
    }
}

}  // namespace bitale::program
