// The identity of what is compiled: the unoptimised graph without names and source lines, dims renamed by order, and
// everything else that the generated program depends on.
#pragma once

#include <string>
#include <vector>

#include "compiler/lower/lower.h"
#include "runtime/base/hash.h"

namespace bitale::driver {

// Whether an op of the graph runs code of this process, which no cache can hold.
bool is_process_local(const lower::FunctionGraph& graph);

Digest cache_key(const lower::FunctionGraph& graph, const std::string& settings);

// Every source line of the graph in canonical order of nodes: entries of the cache refer to lines by their position
// here, so that moved lines neither miss nor lie.
std::vector<SourceLine> canonical_lines(const lower::FunctionGraph& graph);
void encode_lines(program::Program& program, const std::vector<SourceLine>& lines);
void decode_lines(program::Program& program, const std::vector<SourceLine>& lines);

}  // namespace bitale::driver
