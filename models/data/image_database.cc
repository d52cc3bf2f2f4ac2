#include "models/data/image_database.h"

#include <array>
#include <map>
#include <mutex>
#include <utility>

#include <fmt/format.h>
#include <lmdb.h>
#include <unistd.h>

#include "models/data/file.h"
#include "runtime/base/error.h"

namespace bitale::models {
namespace {

namespace fs = std::filesystem;

constexpr const char* data_file = "data.mdb";
constexpr std::int64_t max_index = 99'999'999;
constexpr std::size_t first_map_bytes = std::size_t{64} << 20, pending_bytes = std::size_t{32} << 20;
constexpr unsigned max_readers = 1024;  // threads of all processes
constexpr mdb_mode_t file_mode = 0664;

std::string_view text_of(const MDB_val& value) { return {static_cast<const char*>(value.mv_data), value.mv_size}; }

MDB_val value_of(std::string_view text) {
  return {text.size(), const_cast<char*>(text.data())};  // LMDB's C interface; it only reads
}

void check(int status, const fs::path& folder, const char* what) {
  if (status != MDB_SUCCESS)
    throw Error(fmt::format("the database '{}' cannot be {}: {}.", folder.string(), what, mdb_strerror(status)));
}

struct CloseEnvironment {
  void operator()(MDB_env* environment) const { mdb_env_close(environment); }
};
using Environment = std::unique_ptr<MDB_env, CloseEnvironment>;

struct AbortTransaction {
  void operator()(MDB_txn* transaction) const { mdb_txn_abort(transaction); }
};
using Transaction = std::unique_ptr<MDB_txn, AbortTransaction>;

Environment new_environment(const fs::path& folder) {
  MDB_env* made = nullptr;
  check(mdb_env_create(&made), folder, "opened");
  return Environment(made);
}

Transaction begin(MDB_env* environment, unsigned flags, const fs::path& folder) {
  MDB_txn* made = nullptr;
  check(mdb_txn_begin(environment, nullptr, flags, &made), folder, flags ? "read" : "written");
  return Transaction(made);
}

// A file that ends before its pages do would end the process where one of these is touched.
void check_size(MDB_env* environment, const fs::path& folder) {
  MDB_envinfo info{};
  MDB_stat stat{};
  check(mdb_env_info(environment, &info), folder, "read");
  check(mdb_env_stat(environment, &stat), folder, "read");
  const std::uint64_t pages = std::uint64_t{info.me_last_pgno} + 1, size = fs::file_size(folder / data_file);
  if (pages > size / stat.ms_psize)
    throw Error(fmt::format("the database '{}' is truncated: '{}' has {} bytes, and its {} pages take {}.",
                            folder.string(), data_file, size, pages, pages * stat.ms_psize));
}

Environment open_to_read(const fs::path& folder) {
  Environment environment = new_environment(folder);
  check(mdb_env_set_maxreaders(environment.get(), max_readers), folder, "opened");
  int status = mdb_env_open(environment.get(), folder.c_str(), MDB_RDONLY | MDB_NOTLS, file_mode);
  if (status == EACCES || status == EROFS) {
    // Where the list of readers cannot be written, readers go without it, and nobody may write meanwhile.
    environment = new_environment(folder);
    status = mdb_env_open(environment.get(), folder.c_str(), MDB_RDONLY | MDB_NOTLS | MDB_NOLOCK, file_mode);
  }
  check(status, folder, "opened");
  check_size(environment.get(), folder);
  return environment;
}

// LMDB's locks are the process's, so a process must not open a file twice: all who read one share its environment. It
// is opened and closed under a lock, so that it is never both.
class SharedEnvironment {
 public:
  explicit SharedEnvironment(const fs::path& folder) {
    std::error_code failure;
    name_ = fs::canonical(folder, failure);
    if (failure) check(failure.value(), folder, "opened");
    const std::lock_guard lock(mutex());
    Open& open = all()[name_];
    if (open.users == 0) open.environment = open_to_read(folder);
    ++open.users;
    environment_ = open.environment.get();
  }
  ~SharedEnvironment() {
    const std::lock_guard lock(mutex());
    const auto at = all().find(name_);
    if (--at->second.users == 0) all().erase(at);
  }
  SharedEnvironment(const SharedEnvironment&) = delete;
  SharedEnvironment& operator=(const SharedEnvironment&) = delete;

  MDB_env* get() const { return environment_; }

 private:
  struct Open {
    Environment environment;
    int users = 0;
  };
  static std::mutex& mutex() {
    static std::mutex one;
    return one;
  }
  static std::map<fs::path, Open>& all() {
    static std::map<fs::path, Open> one;
    return one;
  }

  fs::path name_;
  MDB_env* environment_ = nullptr;
};

std::vector<std::string> all_keys(MDB_txn* reading, MDB_dbi table, const fs::path& folder) {
  MDB_cursor* cursor = nullptr;
  check(mdb_cursor_open(reading, table, &cursor), folder, "read");
  const std::unique_ptr<MDB_cursor, void (*)(MDB_cursor*)> guard(cursor, mdb_cursor_close);
  std::vector<std::string> keys;
  MDB_val key{}, value{};
  int status = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
  for (; status == MDB_SUCCESS; status = mdb_cursor_get(cursor, &key, &value, MDB_NEXT))
    keys.emplace_back(text_of(key));
  if (status != MDB_NOTFOUND) check(status, folder, "read");
  return keys;
}

}  // namespace

bool is_database(const fs::path& folder) {
  std::error_code failure;
  return fs::is_regular_file(folder / data_file, failure);
}

std::string database_key(std::int64_t index, const std::string& name) { return fmt::format("{:08}_{}", index, name); }

// ---- reading ----

struct ImageDatabase::State {
  SharedEnvironment environment;
  MDB_dbi table = 0;
  std::size_t snapshot = 0;  // the number of the last transaction that wrote
  std::mutex mutex;
  std::vector<Transaction> idle;  // transactions are one thread's at a time

  explicit State(const fs::path& folder) : environment(folder) {}
};

ImageDatabase::ImageDatabase(const fs::path& folder) : folder_(folder) {
  if (!is_database(folder))
    throw Error(fmt::format("'{}' is no database: there is no file '{}' in it.", folder.string(), data_file));
  state_ = std::make_unique<State>(folder);
  Transaction reading = begin(state_->environment.get(), MDB_RDONLY, folder);
  check(mdb_dbi_open(reading.get(), nullptr, 0, &state_->table), folder, "read");
  state_->snapshot = mdb_txn_id(reading.get());
  keys_ = all_keys(reading.get(), state_->table, folder);
  if (keys_.empty()) throw Error(fmt::format("the database '{}' is empty.", folder.string()));
  state_->idle.push_back(std::move(reading));
}

ImageDatabase::~ImageDatabase() = default;

void ImageDatabase::read(std::int64_t index, const std::function<void(std::string_view)>& use) const {
  Transaction reading;
  {
    const std::lock_guard lock(state_->mutex);
    if (!state_->idle.empty()) {
      reading = std::move(state_->idle.back());
      state_->idle.pop_back();
    }
  }
  if (!reading) {
    reading = begin(state_->environment.get(), MDB_RDONLY, folder_);
    if (mdb_txn_id(reading.get()) != state_->snapshot)
      throw Error(fmt::format("the database '{}' was written to while it was read.", folder_.string()));
  }
  MDB_val name = value_of(key(index)), value{};
  check(mdb_get(reading.get(), state_->table, &name, &value), folder_, "read");
  use(text_of(value));
  const std::lock_guard lock(state_->mutex);
  state_->idle.push_back(std::move(reading));
}

// ---- writing ----

struct ImageDatabaseWriter::State {
  Environment environment;
  MDB_dbi table = 0;
  std::size_t map_bytes = first_map_bytes, pending_size = 0;
  std::vector<std::pair<std::string, std::string>> pending;
};

ImageDatabaseWriter::ImageDatabaseWriter(const fs::path& folder)
    : folder_(folder.has_filename() ? folder : folder.parent_path()), state_(std::make_unique<State>()) {
  if (fs::exists(fs::symlink_status(folder_)))
    throw Error(fmt::format("'{}' is there already; remove it, or write to another place.", folder_.string()));
  temporary_ = fmt::format("{}.{}.tmp", folder_.string(), ::getpid());
  std::error_code failure;
  if (!fs::create_directory(temporary_, failure))
    throw Error(fmt::format("the folder '{}' cannot be made: {}.", temporary_.string(),
                            failure ? failure.message() : "it is there already"));
  try {
    state_->environment = new_environment(folder_);
    check(mdb_env_set_mapsize(state_->environment.get(), state_->map_bytes), folder_, "written");
    // Nobody else knows of the file, and it is worth nothing before it is whole: no locks, and the disk at the end.
    check(mdb_env_open(state_->environment.get(), temporary_.c_str(), MDB_NOLOCK | MDB_NOSYNC, file_mode), folder_,
          "written");
    const Transaction opening = begin(state_->environment.get(), 0, folder_);
    check(mdb_dbi_open(opening.get(), nullptr, 0, &state_->table), folder_, "written");
  } catch (...) {
    state_.reset();
    fs::remove_all(temporary_, failure);
    throw;
  }
}

ImageDatabaseWriter::~ImageDatabaseWriter() {
  state_.reset();
  std::error_code ignored;
  if (!temporary_.empty()) fs::remove_all(temporary_, ignored);
}

void ImageDatabaseWriter::add(const std::string& name, std::string value) {
  if (count_ > max_index) throw Error(fmt::format("a database has at most {} pictures.", max_index + 1));
  std::string key = database_key(count_, name);
  if (const auto longest = static_cast<std::size_t>(mdb_env_get_maxkeysize(state_->environment.get()));
      key.size() > longest)
    throw Error(fmt::format("the key '{}' has {} bytes; a database allows {}.", key, key.size(), longest));
  state_->pending_size += value.size();
  state_->pending.emplace_back(std::move(key), std::move(value));
  ++count_;
  if (state_->pending_size > pending_bytes) write_pending();
}

// One transaction; where it does not fit into the file's largest size, that is doubled, and it is done again.
void ImageDatabaseWriter::write_pending() {
  State& s = *state_;
  for (;;) {
    Transaction writing = begin(s.environment.get(), 0, folder_);
    int status = MDB_SUCCESS;
    for (std::size_t i = 0; i < s.pending.size() && status == MDB_SUCCESS; ++i) {
      MDB_val key = value_of(s.pending[i].first), value = value_of(s.pending[i].second);
      status = mdb_put(writing.get(), s.table, &key, &value, MDB_APPEND);  // keys come in order
    }
    if (status == MDB_SUCCESS) status = mdb_txn_commit(writing.release());
    if (status == MDB_SUCCESS) break;
    if (status != MDB_MAP_FULL) check(status, folder_, "written");
    writing.reset();
    s.map_bytes *= 2;
    check(mdb_env_set_mapsize(s.environment.get(), s.map_bytes), folder_, "written");
  }
  s.pending.clear();
  s.pending_size = 0;
}

void ImageDatabaseWriter::finish(std::string_view mean_file) {
  write_pending();
  check(mdb_env_sync(state_->environment.get(), 1), folder_, "written");
  state_->environment.reset();
  const std::array parts{mean_file};
  replace_file(temporary_ / mean_file_name, parts);
  std::error_code failure;
  fs::rename(temporary_, folder_, failure);
  if (failure)
    throw Error(
        fmt::format("'{}' cannot be renamed to '{}': {}.", temporary_.string(), folder_.string(), failure.message()));
  temporary_.clear();
}

}  // namespace bitale::models
