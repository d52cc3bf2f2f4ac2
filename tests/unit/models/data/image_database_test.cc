#include "models/data/image_database.h"

#include <atomic>
#include <thread>

#include <lmdb.h>
#include <sys/wait.h>
#include <unistd.h>

#include "models/data/file.h"
#include "runtime/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

using namespace bitale;
using namespace bitale::models;
using bitale::tests::contains;
using bitale::tests::TempFolder;

namespace fs = std::filesystem;

namespace {

std::string value_of(std::int64_t index) {
  return std::string(static_cast<std::size_t>(1 + index * 37 % 5000), static_cast<char>('a' + index % 26));
}

fs::path write_some(const TempFolder& folder, std::int64_t count, const std::string& name = "db") {
  ImageDatabaseWriter writer(folder.path() / name);
  for (std::int64_t i = 0; i < count; ++i) writer.add("file" + std::to_string(i), value_of(i));
  writer.finish("the mean");
  return folder.path() / name;
}

std::string read(const ImageDatabase& database, std::int64_t index) {
  std::string out;
  database.read(index, [&](std::string_view value) { out = value; });
  return out;
}

// With LMDB itself, as any other program does it.
void put(const fs::path& folder, const std::string& key, std::string value) {
  MDB_env* environment = nullptr;
  MDB_txn* writing = nullptr;
  MDB_dbi table = 0;
  REQUIRE(mdb_env_create(&environment) == 0);
  REQUIRE(mdb_env_open(environment, folder.c_str(), 0, 0664) == 0);
  REQUIRE(mdb_txn_begin(environment, nullptr, 0, &writing) == 0);
  REQUIRE(mdb_dbi_open(writing, nullptr, 0, &table) == 0);
  MDB_val k{key.size(), const_cast<char*>(key.data())}, v{value.size(), value.data()};
  REQUIRE(mdb_put(writing, table, &k, &v, 0) == 0);
  REQUIRE(mdb_txn_commit(writing) == 0);
  mdb_env_close(environment);
}

}  // namespace

TEST_CASE("what is written is read, in order, under Caffe's keys") {
  const TempFolder folder;
  const ImageDatabase database(write_some(folder, 1234));
  REQUIRE(database.count() == 1234);
  CHECK(database.key(0) == "00000000_file0");
  CHECK(database.key(1233) == "00001233_file1233");
  for (const std::int64_t i : {1233, 0, 17, 17, 999}) CHECK(read(database, i) == value_of(i));
  CHECK(read_data_file(folder.path() / "db" / mean_file_name) == "the mean");
  CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 1);
}

TEST_CASE("a database that outgrows its first size") {
  const TempFolder folder;
  ImageDatabaseWriter writer(folder.path() / "db");
  const std::string large(std::size_t{9} << 20, 'x');
  for (int i = 0; i < 20; ++i) writer.add("f", large + std::to_string(i));
  writer.finish("");
  const ImageDatabase database(folder.path() / "db");
  REQUIRE(database.count() == 20);
  for (int i = 0; i < 20; ++i) CHECK(read(database, i) == large + std::to_string(i));
}

TEST_CASE("threads read at once, from several objects") {
  const TempFolder folder;
  const fs::path path = write_some(folder, 300);
  const ImageDatabase one(path), two(path);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      for (std::int64_t i = 0; i < 600; ++i)
        if (const std::int64_t at = (i * (t + 3)) % 300; read(t % 2 ? one : two, at) != value_of(at)) ++wrong;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("processes read at once") {
  const TempFolder folder;
  const fs::path path = write_some(folder, 50);
  pid_t children[3];
  for (pid_t& child : children) {
    child = ::fork();
    if (child == 0) {
      int status = 1;
      try {
        const ImageDatabase database(path);
        status = 0;
        for (std::int64_t i = 0; i < 50; ++i) status |= read(database, i) == value_of(i) ? 0 : 2;
      } catch (...) {
      }
      ::_exit(status);
    }
  }
  for (const pid_t child : children) {
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
}

TEST_CASE("readers see what was there when they opened it") {
  const TempFolder folder;
  const fs::path path = write_some(folder, 10);
  const pid_t child = ::fork();  // LMDB is not opened twice by one process
  if (child == 0) {
    put(path, "00000010_new", "new");
    ::_exit(0);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  const ImageDatabase database(path);
  CHECK(database.count() == 11);
  CHECK(read(database, 10) == "new");
}

TEST_CASE("a value that cannot be used leaves the database usable") {
  const TempFolder folder;
  const ImageDatabase database(write_some(folder, 5));
  CHECK_THROWS_WITH(database.read(2, [](std::string_view) { throw Error("no"); }), "no");
  CHECK(read(database, 2) == value_of(2));
}

TEST_CASE("what is no database") {
  const TempFolder folder;
  CHECK_THROWS_WITH(ImageDatabase(folder.path()), contains("is no database: there is no file 'data.mdb'"));
  folder.write("text/data.mdb", std::string(9000, 'x'));
  CHECK_THROWS_WITH(ImageDatabase(folder.path() / "text"), contains("text' cannot be opened: MDB_INVALID"));
  folder.write("short/data.mdb", "x");
  CHECK_THROWS_AS(ImageDatabase(folder.path() / "short"), Error);
  {
    ImageDatabaseWriter(folder.path() / "empty").finish("");
  }
  CHECK_THROWS_WITH(ImageDatabase(folder.path() / "empty"), contains("empty' is empty"));
}

TEST_CASE("a database whose file is truncated is refused when it is opened") {
  const TempFolder folder;
  const fs::path path = write_some(folder, 500);
  const auto size = fs::file_size(path / "data.mdb");
  fs::resize_file(path / "data.mdb", size / 2);
  CHECK_THROWS_WITH(ImageDatabase(path), contains("db' is truncated: 'data.mdb' has " + std::to_string(size / 2)));
}

TEST_CASE("a database that is not finished is not there") {
  const TempFolder folder;
  {
    ImageDatabaseWriter writer(folder.path() / "db");
    writer.add("a", "b");
  }
  CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("nothing that is there is written over") {
  const TempFolder folder;
  write_some(folder, 3);
  CHECK_THROWS_WITH(ImageDatabaseWriter(folder.path() / "db"), contains("db' is there already"));
  CHECK_THROWS_WITH(ImageDatabaseWriter(folder.path() / "none" / "db"), contains("cannot be made"));
  ImageDatabaseWriter writer(folder.path() / "other");
  CHECK_THROWS_WITH(writer.add(std::string(600, 'n'), "v"), contains("a database allows 511"));
}
