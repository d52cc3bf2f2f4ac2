#include "runtime/device/cuda_libraries.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include <dlfcn.h>
#include <link.h>

#include "runtime/base/flags.h"

namespace bitale {
namespace {

namespace fs = std::filesystem;

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// The folders <root>/lib/python3.*/{site,dist}-packages/nvidia/*/lib.
void add_wheels(const fs::path& root, std::vector<std::string>& folders) {
  std::error_code ignored;
  std::vector<std::string> found;
  for (const auto& python : fs::directory_iterator(root / "lib", ignored)) {
    if (!python.path().filename().string().starts_with("python3")) continue;
    for (const char* packages : {"site-packages", "dist-packages"})
      for (const auto& wheel : fs::directory_iterator(python.path() / packages / "nvidia", ignored))
        if (fs::is_directory(wheel.path() / "lib", ignored)) found.push_back((wheel.path() / "lib").string());
  }
  std::sort(found.rbegin(), found.rend());  // cu13 before cuda_nvrtc
  folders.insert(folders.end(), found.begin(), found.end());
}

std::vector<std::string> folders() {
  std::vector<std::string> all;
  std::istringstream first(flags().cuda);
  for (std::string folder; std::getline(first, folder, ':');)
    if (!folder.empty()) all.push_back(folder);
  all.emplace_back();  // the loader's own
  for (const char* variable : {"CUDA_HOME", "CUDA_PATH"})
    if (const std::string home = from_environment(variable); !home.empty()) all.push_back(home + "/lib64");
  for (const char* folder : {"/usr/local/cuda/lib64", "/usr/local/nvidia/lib64", "/usr/lib/x86_64-linux-gnu/nvidia"})
    all.emplace_back(folder);
  if (const std::string environment = from_environment("VIRTUAL_ENV"); !environment.empty())
    add_wheels(environment, all);
  if (const std::string home = from_environment("HOME"); !home.empty()) add_wheels(home + "/.local", all);
  for (const char* root : {"/usr/local", "/usr"}) add_wheels(root, all);
  std::vector<std::string> once;
  for (const std::string& folder : all)
    if (std::find(once.begin(), once.end(), folder) == once.end()) once.push_back(folder);
  return once;
}

// Where the loader found it.
std::string path_of(void* handle, const std::string& asked) {
  link_map* map = nullptr;
  const bool known = dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && map && map->l_name && *map->l_name;
  return known ? map->l_name : asked;
}

}  // namespace

CudaLibrary open_cuda_library(std::span<const char* const> names) {
  CudaLibrary library;
  for (const std::string& folder : folders())
    for (const char* name : names) {
      const std::string path = folder.empty() ? name : folder + "/" + name;
      library.searched.push_back(path);
      library.handle = dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL);
      if (!library.handle) continue;
      library.path = path_of(library.handle, path);
      return library;
    }
  return library;
}

std::string list_of(const std::vector<std::string>& searched) {
  std::string text;
  for (const std::string& s : searched) text += (text.empty() ? "" : ", ") + s;
  return text;
}

}  // namespace bitale
