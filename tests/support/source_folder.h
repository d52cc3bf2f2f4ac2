#pragma once

#include <filesystem>

namespace bitale::tests {

// The root of the checkout that the tests were built from: golden files lie below it.
std::filesystem::path source_folder();

}  // namespace bitale::tests
