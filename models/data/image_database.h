// LMDB databases of pictures as Caffe makes and reads them: the values are Datum messages; the keys, which sort as the
// pictures are numbered, are an index of 8 digits, an underscore and the name of the file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bitale::models {

// The file, in the folder of a database, of what compute_image_mean finds in it.
inline constexpr const char* mean_file_name = "mean.binaryproto";

bool is_database(const std::filesystem::path& folder);  // it has a data.mdb

// A database to read from. All threads of all processes read at once, without waiting for each other, and see what was
// there when it was opened.
//
// The pages of the file are trusted as LMDB trusts them: only that none are missing at its end is checked. What is in
// them is the user's.
class ImageDatabase {
 public:
  // Error if it is none, is empty, or cannot be opened.
  explicit ImageDatabase(const std::filesystem::path& folder);
  ~ImageDatabase();
  ImageDatabase(const ImageDatabase&) = delete;
  ImageDatabase& operator=(const ImageDatabase&) = delete;

  const std::filesystem::path& folder() const { return folder_; }
  std::int64_t count() const { return static_cast<std::int64_t>(keys_.size()); }
  const std::string& key(std::int64_t index) const { return keys_[static_cast<std::size_t>(index)]; }

  // Calls `use` with the value, which lies in the mapped file and is gone when `use` returns. From any thread. Error if
  // the database was written to since it was opened.
  void read(std::int64_t index, const std::function<void(std::string_view value)>& use) const;

 private:
  struct State;
  std::filesystem::path folder_;
  std::unique_ptr<State> state_;
  std::vector<std::string> keys_;
};

// A new database. It is written under another name beside its own and gets this one in finish(): there is a whole
// database or none.
class ImageDatabaseWriter {
 public:
  // Error if something is there already, or the folder cannot be made.
  explicit ImageDatabaseWriter(const std::filesystem::path& folder);
  ~ImageDatabaseWriter();  // without finish(), nothing remains
  ImageDatabaseWriter(const ImageDatabaseWriter&) = delete;
  ImageDatabaseWriter& operator=(const ImageDatabaseWriter&) = delete;

  // The next picture: its key is made of its number and `name`.
  void add(const std::string& name, std::string value);
  std::int64_t count() const { return count_; }
  // Everything is on the disk afterwards, and `mean_file` beside it.
  void finish(std::string_view mean_file);

 private:
  void write_pending();

  struct State;
  std::filesystem::path folder_, temporary_;
  std::unique_ptr<State> state_;
  std::int64_t count_ = 0;
};

// "00000007_n01440764/tench.jpg"
std::string database_key(std::int64_t index, const std::string& name);

}  // namespace bitale::models
