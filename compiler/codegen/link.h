// The linker of generated code: object files that refer only to themselves become pieces, and pieces the code of a
// program. Needs nothing of LLVM.
//
// A piece is the code of one entry: bytes that run at any address that is a multiple of piece_alignment, and start with
// the entry. So the same piece serves in any program, and can be taken out of one again.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/program/program.h"

namespace bitale::codegen {

// What an object calls its entry, which is the start of its code.
inline constexpr const char* entry_symbol = "entry";

inline constexpr std::uint64_t piece_alignment = 64;  // a cache line, and the widest vector

using Piece = std::vector<std::uint8_t>;

// The piece of an ELF object for x86-64: code first, constants after it. What would need a loader is an InternalError
// that names the symbol: a symbol that the object does not define (a library call), an address that is not relative to
// the program counter, data that is written. So is an object without an entry.
Piece link(const std::string& object);

// The pieces one after the other, each padded to a multiple of piece_alignment; offsets[i] is where piece i starts.
program::Blob join(std::span<const Piece> pieces, const std::string& target);

// Piece `entry` of what `join` made. Code that is not laid out so is an Error; what the bytes say is not looked at.
Piece piece_of(const program::Blob& blob, std::size_t entry);

}  // namespace bitale::codegen
