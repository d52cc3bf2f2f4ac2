#include "compiler/driver/build_id.h"

#include <array>
#include <cstring>
#include <string_view>

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include "compiler/codegen/codegen.h"
#include "runtime/base/version.h"
#include "runtime/device/pool.h"

namespace bitale::driver {
namespace {

constexpr char hex[] = "0123456789abcdef";

// The NT_GNU_BUILD_ID note of an ELF file, found in its first page; "" if there is none.
std::string elf_build_id(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "";
  std::array<char, 4096> page{};
  const ssize_t got = ::pread(fd, page.data(), page.size(), 0);
  ::close(fd);
  Elf64_Ehdr header;
  if (got < static_cast<ssize_t>(sizeof header)) return "";
  std::memcpy(&header, page.data(), sizeof header);
  std::string id;
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    const std::size_t at = header.e_phoff + i * sizeof segment;
    if (at + sizeof segment > static_cast<std::size_t>(got)) break;
    std::memcpy(&segment, page.data() + at, sizeof segment);
    if (segment.p_type != PT_NOTE || segment.p_offset + segment.p_filesz > static_cast<std::size_t>(got)) continue;
    Elf64_Nhdr note;
    std::size_t p = segment.p_offset;
    while (p + sizeof note <= segment.p_offset + segment.p_filesz) {
      std::memcpy(&note, page.data() + p, sizeof note);
      const std::size_t name = p + sizeof note, data = name + ((note.n_namesz + 3u) & ~3u);
      if (data + note.n_descsz > static_cast<std::size_t>(got)) break;
      if (note.n_type == NT_GNU_BUILD_ID)
        for (std::size_t k = 0; k < note.n_descsz; ++k) {
          const auto byte = static_cast<unsigned char>(page[data + k]);
          id += {hex[byte >> 4], hex[byte & 15]};
        }
      p = data + ((note.n_descsz + 3u) & ~3u);
    }
  }
  return id;
}

std::string file_of(const void* address) {
  Dl_info info{};
  return ::dladdr(address, &info) && info.dli_fname ? info.dli_fname : "";
}

}  // namespace

const std::string& build_id() {
  static const std::string id = [] {
    const std::string here = file_of(reinterpret_cast<const void*>(&build_id));
    return std::string(version()) + " " + elf_build_id(here) + " " +
           elf_build_id(file_of(reinterpret_cast<const void*>(&available_cpus))) + " " +
           elf_build_id(codegen::host_generator_path());
  }();
  return id;
}

}  // namespace bitale::driver
