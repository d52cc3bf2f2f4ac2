// The commands of the `bitale` program that live here.
#pragma once

#include <span>
#include <string>

namespace bitale::models {

int train_command(std::span<const std::string> arguments);
int data_command(std::span<const std::string> arguments);
int graph_command(std::span<const std::string> arguments);

}  // namespace bitale::models
