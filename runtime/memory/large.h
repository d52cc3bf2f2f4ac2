// Memory of many pages: in huge pages where the system has them, and kept when it is given back, for whoever asks for
// as much next. A function's results, which its caller drops and which the next call makes anew, are then neither
// mapped nor cleared again. What is kept is bounded by flag BITALE_SPARE_MB; the oldest goes first.
#pragma once

#include <cstddef>

namespace bitale::large {

inline constexpr std::size_t least = std::size_t{2} << 20;  // a huge page

// At least so many bytes, with any contents, 64-byte aligned; null: there are none. Of `capacity` bytes in fact.
void* take(std::size_t bytes, std::size_t& capacity);
void give_back(void* memory, std::size_t capacity) noexcept;

std::size_t spare_bytes();  // that are kept
void release_spare() noexcept;

}  // namespace bitale::large
