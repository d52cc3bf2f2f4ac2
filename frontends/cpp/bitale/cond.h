// Choices in graphs.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <bitale/tensor.h>

namespace bitale {

// The results of `then` where the condition, a bool scalar, holds, else those of `otherwise`; only that one is
// computed, in derivatives, too. Each is called once, here, and builds its graph; what it uses and was built before is
// computed in any case. Both give as many results, of the same types. (where() chooses element by element, and computes
// both.) Errors name the cond and this line.
using Branch = std::function<std::vector<Tensor>()>;
std::vector<Tensor> cond(const Operand& condition, const Branch& then, const Branch& otherwise,
                         const std::string& name = "", Where at = Where::current());
Tensor cond(const Operand& condition, const std::function<Tensor()>& then, const std::function<Tensor()>& otherwise,
            const std::string& name = "", Where at = Where::current());

}  // namespace bitale
