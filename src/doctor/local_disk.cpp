#include "base/durable_file.hpp"
#include "base/units.hpp"
#include "chart.hpp"
#include "doctor/examination.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sys/statvfs.h>

namespace holdfast::doctor {

using base::Error;

namespace {

constexpr std::uint64_t little_space = 1ULL << 30;
constexpr std::size_t sample_size = 4UL * 1024 * 1024;
constexpr int directory_mode = 0700;
constexpr int file_mode = 0600;

void look_at_space(const std::string& directory, Chart& chart) {
  struct statvfs space{};
  if (::statvfs(directory.c_str(), &space) != 0) {
    throw base::system_error(errno, "looking at the space of " + directory);
  }
  const auto free_bytes = std::uint64_t{space.f_bavail} * space.f_frsize;
  Finding finding{
      "cache space",
      Verdict::good,
      fmt::format("{} are free below {}", base::format_byte_count(free_bytes), directory),
      {},
      static_cast<double>(free_bytes),
      "bytes"};
  if (free_bytes < little_space) {
    finding.verdict = Verdict::warning;
    finding.next_step = "make room, or name another folder with --cache-dir";
  }
  chart.tell(std::move(finding));
}

void try_writing(const std::string& directory, const Surroundings& around, Chart& chart) {
  base::Bytes sample(sample_size);
  around.random.fill(sample);
  const auto path = directory + "/doctor-" + base::to_hex(base::ByteView(sample).first(8));
  const auto begin = around.clock.now();
  base::DurableFile file(path, file_mode);
  file.append(sample);
  static_cast<void>(file.commit(base::DurableFile::Existing::keep));
  const auto seconds = base::seconds_between(begin, around.clock.now());
  ::unlink(path.c_str());
  const auto rate = static_cast<double>(sample_size) / std::max(seconds, 1e-9);
  chart.measured("cache sync",
                 fmt::format("a file of {} is durable after {:.0f} ms",
                             base::format_byte_count(sample_size), seconds * 1000),
                 rate, "bytes/s");
}

}  // namespace

std::vector<Finding> examine_local_disk(const std::string& directory,
                                        const Surroundings& surroundings) {
  Chart chart({"cache folder", "cache space", "cache sync"}, surroundings);
  std::string_view layer = "cache folder";
  try {
    base::make_directories(directory, directory_mode);
    chart.good(layer, directory);
    layer = "cache space";
    look_at_space(directory, chart);
    layer = "cache sync";
    try_writing(directory, surroundings, chart);
  } catch (const Error& error) {
    chart.failed(layer, error);
  }
  chart.skip_rest("not tried");
  return chart.take();
}

}  // namespace holdfast::doctor
