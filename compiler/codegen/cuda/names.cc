#include "compiler/codegen/cuda/names.h"

#include <cctype>

#include "compiler/codegen/cuda/prelude.h"
#include "compiler/codegen/cuda/scalar_text.h"

namespace bitale::codegen::cuda {
namespace {

constexpr std::string_view keywords[] = {
    "alignas",      "alignof",  "and",       "and_eq",   "asm",        "auto",
    "bitand",       "bitor",    "bool",      "break",    "case",       "catch",
    "char",         "class",    "compl",     "const",    "const_cast", "constexpr",
    "continue",     "decltype", "default",   "delete",   "do",         "double",
    "dynamic_cast", "else",     "enum",      "explicit", "export",     "extern",
    "false",        "float",    "for",       "friend",   "goto",       "if",
    "inline",       "int",      "long",      "mutable",  "namespace",  "new",
    "noexcept",     "not",      "not_eq",    "nullptr",  "operator",   "or",
    "or_eq",        "private",  "protected", "public",   "register",   "reinterpret_cast",
    "return",       "short",    "signed",    "sizeof",   "static",     "static_assert",
    "static_cast",  "struct",   "switch",    "template", "this",       "throw",
    "true",         "try",      "typedef",   "typeid",   "typename",   "union",
    "unsigned",     "using",    "virtual",   "void",     "volatile",   "while",
    "xor",          "xor_eq"};
constexpr std::string_view own_names[] = {"at",      "rest", "begin",  "step",   "threadIdx", "blockIdx", "blockDim",
                                          "gridDim", "left", "column", "blocks", "walk",      "lane"};

std::string identifier(std::string name) {
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) ? "_" + name : name;
}

}  // namespace

Names::Names(int extents) : taken_(std::begin(keywords), std::end(keywords)) {
  taken_.insert(std::begin(own_names), std::end(own_names));
  for (const auto& names : {prelude_names(), function_names()}) taken_.insert(names.begin(), names.end());
  for (int i = 0; i < extents; ++i) taken_.insert("e" + std::to_string(i));
}

std::string Names::fresh(std::string_view name) {
  const std::string base = identifier(std::string(name));
  std::string candidate = base;
  for (int i = 1; !taken_.insert(candidate).second; ++i) candidate = base + "_" + std::to_string(i);
  return candidate;
}

std::string Names::numbered(std::string_view name) {
  for (int i = 1;; ++i) {
    std::string candidate = std::string(name) + std::to_string(i);
    if (taken_.insert(candidate).second) return candidate;
  }
}

std::string Names::loop() {
  for (const char* name : {"i", "j", "k", "l", "m", "n", "p", "q"})
    if (taken_.insert(name).second) return name;
  return numbered("i");
}

}  // namespace bitale::codegen::cuda
