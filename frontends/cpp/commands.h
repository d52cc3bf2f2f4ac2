// The commands of the `bitale` program that live here.
#pragma once

#include <span>
#include <string>

namespace bitale {

int cache_command(std::span<const std::string> arguments);
int doctor_command(std::span<const std::string> arguments);

}  // namespace bitale
