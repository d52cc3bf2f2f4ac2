// The linker of generated code: object files that refer only to themselves, laid out as one string of bytes that runs
// at any page-aligned address. Needs nothing of LLVM.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/program/program.h"

namespace bitale::codegen {

// An ELF object for x86-64 and the symbols of the entries it defines.
struct Object {
  std::string bytes;
  std::vector<std::pair<int, std::string>> entries;  // number of the entry, symbol
};

// Code first, constants after it; offsets[i] is where entry i starts, for `entries` entries, all of which some object
// must define. What would need a loader is an InternalError that names the symbol: a symbol that its object does not
// define (a library call), an address that is not relative to the program counter, data that is written.
program::Blob link(std::span<const Object> objects, int entries, const std::string& target);

}  // namespace bitale::codegen
