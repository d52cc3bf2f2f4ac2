#include "compiler/driver/tuned.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <system_error>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compiler/driver/build_id.h"
#include "runtime/base/hash.h"
#include "runtime/base/log.h"
#include "runtime/device/cpu.h"

namespace bitale::driver {
namespace {

namespace fs = std::filesystem;
using executor::TuningRecord;

constexpr std::uintmax_t most_bytes = 4 << 20;  // of a file that is read

// "KEY = GENERATED OPENBLAS", seconds.
std::optional<std::pair<std::string, TuningRecord>> parse(const std::string& line) {
  const std::size_t equals = line.rfind(" = ");
  if (equals == std::string::npos) return std::nullopt;
  std::istringstream numbers(line.substr(equals + 3));
  TuningRecord r;
  std::string rest;
  if (!(numbers >> r.generated >> r.openblas) || numbers >> rest) return std::nullopt;
  if (!(r.generated > 0 && r.openblas > 0)) return std::nullopt;
  return std::pair(line.substr(0, equals), r);
}

class Records final : public executor::TuningRecords {
 public:
  explicit Records(std::string path) : path_(std::move(path)) {}

  std::optional<TuningRecord> find(const std::string& key) override {
    const std::lock_guard lock(mutex_);
    if (!read_) read();
    const auto it = records_.find(key);
    return it == records_.end() ? std::nullopt : std::optional(it->second);
  }

  void add(const std::string& key, const TuningRecord& record) override {
    const std::lock_guard lock(mutex_);
    read();  // what others have written meanwhile
    records_[key] = record;
    write();
  }

 private:
  void read() {
    read_ = true;
    std::error_code failed;
    if (const auto bytes = fs::file_size(path_, failed); failed || bytes > most_bytes) return;
    std::ifstream file(path_);
    for (std::string line; std::getline(file, line);)
      if (auto row = parse(line)) records_.insert(std::move(*row));
  }

  void write() const {
    std::error_code failed;
    fs::create_directories(path_.parent_path(), failed);
    static std::atomic<int> serial{0};
    const fs::path temporary = fmt::format("{}.{}.{}.tmp", path_.string(), ::getpid(), serial++);
    {
      std::ofstream file(temporary);
      ::chmod(temporary.c_str(), 0600);
      for (const auto& [key, r] : records_) file << fmt::format("{} = {:.6g} {:.6g}\n", key, r.generated, r.openblas);
      file.close();
      if (file) fs::rename(temporary, path_, failed);
      if (file && !failed) return;
    }
    fs::remove(temporary, failed);
    static std::atomic<bool> warned{false};
    if (!warned.exchange(true))
      warn("cannot write " + path_.string() + "; contractions are tuned anew in every process");
  }

  const fs::path path_;
  std::mutex mutex_;
  bool read_ = false;
  std::map<std::string, TuningRecord> records_;
};

}  // namespace

std::shared_ptr<executor::TuningRecords> tuning_records(const Cache& cache) {
  static std::mutex mutex;
  static auto* open = new std::map<std::string, std::shared_ptr<executor::TuningRecords>>;
  const std::lock_guard lock(mutex);
  auto& records = (*open)[cache.directory()];
  if (!records && !cache.enabled()) records = std::make_shared<executor::TuningRecords>();
  if (!records) {
    Hasher h;
    h.text(build_id()).text(cpu_info().model).number(cpu_info().l2_bytes);
    records =
        std::make_shared<Records>(cache.directory() + "/" + tuned_prefix + h.digest().hex().substr(0, 16) + ".txt");
  }
  return records;
}

}  // namespace bitale::driver
