// Text of a stage of compilation, for flag dump.
#pragma once

#include <string>

namespace bitale::driver {

// Writes FUNCTION.STAGE.txt to the folder that the flag names, if it names one. What cannot be written is a warning.
void dump(const std::string& function, const std::string& stage, const std::string& text);

}  // namespace bitale::driver
