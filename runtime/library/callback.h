// Library calls that run functions of this process: "callback".
#pragma once

#include <functional>
#include <span>
#include <string>

#include "runtime/library/library.h"
#include "runtime/memory/array.h"

namespace bitale::library {

// Fills the outputs, whose dtypes and shapes are set. May throw.
using Callback = std::function<void(std::span<const Array> inputs, std::span<Array> outputs)>;

// A number for the function, which is kept as long as the process runs.
std::int64_t add_callback(Callback function);
bool is_callback(std::int64_t number);

// What the call's integers are: the number, the count of inputs, then dtype and rank of each input and output. Its
// extents are those of all inputs and outputs, one after another. Its buffers: inputs, then outputs.
LibraryFn find_callback(const std::string& name);

// The text of the last exception that callback `number` has thrown.
std::string callback_message(std::int64_t number);

}  // namespace bitale::library
