// How convolutions are computed, for the pass choose_algorithms.
#pragma once

#include <span>

#include "compiler/rewrite/choice.h"

namespace bitale::ops {

std::span<const rewrite::ChoiceRow> conv_choices();

}  // namespace bitale::ops
