// What the machine allows: the work that no backup or restore can leave out, and nothing else, on
// as many threads as there are cores. Printed as wall seconds.
//
// usage: floor compress PATH      read every file beneath PATH and compress it in segments
//        floor copy PATH TARGET   read every file beneath PATH and write it beneath TARGET
#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/task_group.hpp"
#include "pipeline/entropy.hpp"
#include "pipeline/segment.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using namespace holdfast;
namespace fs = std::filesystem;

constexpr std::size_t piece_size = 4 * 1024 * 1024;

/// Part of a file; small files are whole pieces.
struct Piece {
  std::string path;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

std::vector<Piece> pieces_of(const fs::path& top) {
  std::vector<Piece> pieces;
  for (const auto& entry : fs::recursive_directory_iterator(top)) {
    if (entry.is_symlink() || !entry.is_regular_file()) continue;
    const std::uint64_t size = entry.file_size();
    for (std::uint64_t at = 0; at < size || at == 0; at += piece_size)
      pieces.push_back({entry.path(), at, std::min<std::uint64_t>(piece_size, size - at)});
  }
  return pieces;
}

/// Gives the next number below `count`, or false.
using Take = std::function<bool(std::size_t&)>;

void in_parallel(std::size_t count, const std::function<void(const Take&)>& work) {
  std::atomic<std::size_t> next = 0;
  base::TaskGroup group;
  for (unsigned i = 0; i < std::thread::hardware_concurrency(); ++i)
    group.spawn(
        [&](std::stop_token) { work([&](std::size_t& at) { return (at = next++) < count; }); });
  group.join();
}

void compress(const std::vector<Piece>& pieces) {
  in_parallel(pieces.size(), [&](const Take& take) {
    pipeline::SegmentCodec codec;
    base::Buffer buffer;
    buffer.reserve_discarding(2 * piece_size);
    std::size_t filled = 0;
    const auto seal = [&] {
      const auto bytes = buffer.all().first(filled);
      if (!pipeline::looks_incompressible(bytes)) codec.compress(bytes);
      filled = 0;
    };
    for (std::size_t at = 0; take(at);) {
      const Piece& piece = pieces[at];
      const auto file = base::open_file(piece.path, O_RDONLY);
      filled += base::read_at(file.get(), piece.offset, buffer.all().subspan(filled, piece.length),
                              piece.path);
      if (filled >= piece_size) seal();
    }
    seal();
  });
}

void copy(const std::vector<Piece>& pieces, const fs::path& top, const fs::path& target) {
  fs::create_directories(target);
  for (const auto& entry : fs::recursive_directory_iterator(top))
    if (entry.is_directory()) fs::create_directories(target / entry.path().lexically_relative(top));
  in_parallel(pieces.size(), [&](const Take& take) {
    base::Buffer buffer;
    buffer.reserve_discarding(piece_size);
    for (std::size_t at = 0; take(at);) {
      const Piece& piece = pieces[at];
      const auto from = base::open_file(piece.path, O_RDONLY);
      const auto to = base::open_file(target / fs::path(piece.path).lexically_relative(top),
                                      O_WRONLY | O_CREAT, 0600);
      const auto bytes = buffer.all().first(piece.length);
      base::read_at(from.get(), piece.offset, bytes, piece.path);
      base::write_at(to.get(), piece.offset, bytes, piece.path);
    }
  });
}

void run(const std::vector<std::string>& arguments) {
  if (arguments.size() < 2)
    throw base::Error(base::ErrorKind::invalid_input,
                      "usage: floor compress PATH | copy PATH TARGET");
  const auto pieces = pieces_of(arguments[1]);
  base::SystemClock clock;
  const auto begun = clock.now();
  if (arguments[0] == "compress")
    compress(pieces);
  else
    copy(pieces, arguments[1], arguments.at(2));
  fmt::print("{:.2f}\n", base::seconds_between(begun, clock.now()));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run({argv + 1, argv + argc});
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "floor: {}\n", error.what());
    return 1;
  }
}
