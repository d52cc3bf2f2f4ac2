// Evaluation of the extents table.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/program/program.h"

namespace bitale::program {

using ShapeView = std::span<const std::int64_t>;

// As evaluate_extents, without copies of the shapes.
std::vector<std::int64_t> evaluate_extents(const Program& program, std::span<const ShapeView> inputs,
                                           std::span<const ShapeView> shareds, std::span<const std::int64_t> values);

// Of a body: `outer` are the enclosing program's extents. Iteration numbers are 0.
std::vector<std::int64_t> evaluate_body_extents(const Program& body, std::span<const std::int64_t> outer);

// The value of an extent that is arithmetic over earlier slots. False if it overflows or divides by zero.
bool try_arithmetic(const Program& program, std::size_t slot, std::span<const std::int64_t> extents,
                    std::int64_t& value);

// While no tile runs, the slots of a blocked step hold its first tile: begin 0, and the tile's extent.
std::int64_t first_tile(const BlockedStep& step, std::span<const std::int64_t> extents);

}  // namespace bitale::program
