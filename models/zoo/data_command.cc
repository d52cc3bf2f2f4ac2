// bitale data convert, bitale data info: databases of pictures.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <optional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "frontends/cpp/command.h"
#include "models/data/image_convert.h"
#include "models/zoo/commands.h"
#include "models/zoo/interrupt.h"

namespace bitale::models {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int interrupted_status = 130;
constexpr std::size_t most_shown = 20;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// ---- convert ----

struct ConvertSettings {
  std::string from, to, fit = "square";
  ConvertOptions options;
  bool shuffle = false, quiet = false;
  std::uint64_t seed = 23455;
};

bool parse(ConvertSettings& s, std::span<const std::string> arguments) {
  CLI::App app(
      "Makes a database (LMDB, as Caffe reads it) of the pictures of a folder, or of another database; with their "
      "mean\n"
      "in mean.binaryproto beside it.",
      "bitale data convert");
  app.add_option("from", s.from, "folder with labels.tsv or a subfolder for each class; or a database")->required();
  app.add_option("to", s.to, "folder that is made")->required();
  app.add_option("--size", s.options.read.side, "side of the pictures in pixels; 0: as they are (256)")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{8192}));
  app.add_option("--fit", s.fit, "square: both sides, as Caffe; shorter: the shorter side, proportions kept (square)")
      ->check(CLI::IsMember(std::vector<std::string>{"square", "shorter"}));
  app.add_flag("--encoded", s.options.encoded, "store JPEGs instead of pixels: small, but decoded in every epoch");
  app.add_option("--quality", s.options.quality, "of these JPEGs (95)")->check(CLI::Range(1, 100));
  app.add_flag("--shuffle", s.shuffle, "in another order than they are found in");
  app.add_option("--seed", s.seed, "of that order (23455)");
  app.add_flag("--skip-damaged", s.options.skip_damaged, "leave out pictures that cannot be read");
  app.add_option("--threads", s.options.threads, "0: all CPUs of this process (0)")->check(CLI::Range(0, 1024));
  app.add_flag("--quiet", s.quiet, "print the result only");
  if (!parse_command_line(app, arguments)) return false;
  s.options.read.fit = s.fit == "square" ? Fit::square : Fit::shorter;
  if (s.shuffle) s.options.shuffle = s.seed;
  return true;
}

struct Interrupted {};

// A line that moves, on a terminal; nothing elsewhere.
class ConvertProgress {
 public:
  ConvertProgress(std::int64_t pictures, bool quiet) : pictures_(pictures), shown_(!quiet && ::isatty(STDOUT_FILENO)) {}
  void operator()(std::int64_t done) {
    if (InterruptGuard::noted()) {
      end();
      throw Interrupted();
    }
    if (!shown_ || (done < pictures_ && seconds_since(drawn_) < 0.1)) return;
    drawn_ = Clock::now();
    open_ = true;
    fmt::print("\r{} of {} pictures ({} %), {:.0f} pictures/s ", done, pictures_, done * 100 / pictures_,
               static_cast<double>(done) / seconds_since(begin_));
    std::fflush(stdout);
    if (done == pictures_) end();
  }

 private:
  void end() {
    if (open_) fmt::print("\n");
    open_ = false;
  }

  std::int64_t pictures_;
  bool shown_, open_ = false;
  Clock::time_point begin_ = Clock::now(), drawn_;
};

void print_skipped(const Converted& made) {
  for (std::size_t i = 0; i < std::min(made.skipped.size(), most_shown); ++i)
    fmt::print("left out: {}\n", made.skipped[i]);
  if (made.skipped.size() > most_shown) fmt::print("and {} others\n", made.skipped.size() - most_shown);
}

int convert(std::span<const std::string> arguments) {
  ConvertSettings s;
  if (!parse(s, arguments)) return 0;
  const auto set = open_images(s.from);
  const InterruptGuard guard;
  ConvertProgress progress(set->count(), s.quiet);
  const Clock::time_point begin = Clock::now();
  try {
    const Converted made = convert_images(*set, s.to, s.options, std::ref(progress));
    print_skipped(made);
    fmt::print("{}: {} pictures{} in {:.2f} s; mean {}\n", s.to, made.pictures,
               made.skipped.empty() ? "" : fmt::format(", {} left out,", made.skipped.size()), seconds_since(begin),
               made.mean.per_channel() ? "of each channel" : "picture " + to_string(made.mean.size));
  } catch (const Interrupted&) {
    fmt::print("interrupted; nothing was written.\n");
    return interrupted_status;
  }
  return 0;
}

// ---- info ----

std::string range_text(PictureSize smallest, PictureSize largest) {
  if (smallest == largest) return to_string(smallest);
  return fmt::format("{} to {} x {} to {}", smallest.width, largest.width, smallest.height, largest.height);
}

std::string mean_text(const ImageSet& set) {
  const std::optional<MeanPicture> mean = set.mean();
  if (!mean) return "none";
  double sums[picture_channels] = {};
  const std::size_t plane = mean->values.size() / picture_channels;
  for (std::size_t i = 0; i < mean->values.size(); ++i) sums[i / plane] += mean->values[i];
  const auto value = [&](std::size_t c) { return sums[c] / static_cast<double>(plane); };
  return fmt::format("{}, red {:.2f}, green {:.2f}, blue {:.2f}",
                     mean->per_channel() ? "of each channel" : to_string(mean->size), value(0), value(1), value(2));
}

int info(std::span<const std::string> arguments) {
  std::string from;
  CLI::App app("Says what a database or a folder of pictures holds, after a look at each.", "bitale data info");
  app.add_option("from", from, "the folder")->required();
  if (!parse_command_line(app, arguments)) return 0;
  const auto set = open_images(from);
  const ImageStatistics found = look_at(*set);
  const auto row = [](const char* what, const std::string& value) { fmt::print("  {:<10} {}\n", what, value); };
  fmt::print("{}\n", set->source());
  row("pictures", std::to_string(found.pictures));
  row("held as", found.encoded == 0                ? "pixels"
                 : found.encoded == found.pictures ? "JPEG"
                                                   : fmt::format("JPEG ({} of them), others as pixels", found.encoded));
  row("bytes", fmt::format("{:.1f} MiB", static_cast<double>(found.bytes) / (1 << 20)));
  row("size", range_text(found.smallest, found.largest));
  row("classes", fmt::format("{}, from {} to {}", found.labels, found.first_label, found.last_label));
  row("mean", mean_text(*set));
  return 0;
}

const Command subcommands[] = {
    {"convert", "make a database of the pictures of a folder", convert},
    {"info", "what a database or a folder of pictures holds", info},
};

void print_help(std::FILE* out) {
  std::fprintf(out, "usage: bitale data COMMAND [ARGUMENTS]\n\n");
  for (const Command& command : subcommands) std::fprintf(out, "  %-9s %s\n", command.name, command.help);
  std::fprintf(out, "\n`bitale data COMMAND --help` explains a command.\n");
}

}  // namespace

int data_command(std::span<const std::string> arguments) {
  if (arguments.empty()) {
    print_help(stderr);
    return 2;
  }
  for (const Command& command : subcommands)
    if (arguments[0] == command.name) return command.run(arguments.subspan(1));
  if (arguments[0] == "help" || arguments[0] == "--help" || arguments[0] == "-h") {
    print_help(stdout);
    return 0;
  }
  throw UsageError(fmt::format("bitale data: there is no command '{}'; there are: convert, info.", arguments[0]));
}

}  // namespace bitale::models
