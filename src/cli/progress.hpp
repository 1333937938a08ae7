#pragma once

#include "base/clock.hpp"
#include "base/progress.hpp"
#include "console.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

namespace holdfast::cli {

enum class ProgressStyle : std::uint8_t { none, line, json };

/// Bytes per second over the last few seconds, so that a stall shows.
class RateMeter {
public:
  /// What has been reached at `time`. Times do not go back.
  void add(base::Instant time, std::uint64_t bytes);
  double bytes_per_second() const;

private:
  static constexpr std::size_t samples = 32;
  static constexpr std::int64_t spacing_nanoseconds = 200'000'000;
  struct Sample {
    base::Instant time;
    std::uint64_t bytes = 0;
  };
  Sample ring_[samples];
  std::size_t count_ = 0;
};

/// "backup  1,234 files  5.6 MB of 7.8 MB  340 MB/s  0:12 left  /srv/x" in at most `width` columns.
std::string progress_text(const base::Progress& progress, double bytes_per_second,
                          std::size_t width);
/// The same as one JSON object.
std::string progress_json(const base::Progress& progress, double bytes_per_second);
/// How many columns a terminal needs for `text`, which is UTF-8 without control characters.
std::size_t display_width(std::string_view text);
/// As much of `text` as fits into `width` columns.
std::string fit(std::string_view text, std::size_t width);

/// Shows progress on standard error, at most ten times a second: one line that is drawn again, or a
/// line of JSON each time. Warnings go to the console.
///
/// Threads: as ProgressObserver; calls that are not shown return without waiting.
class ProgressDisplay final : public base::ProgressObserver {
public:
  ProgressDisplay(Console& console, const base::Clock& clock, ProgressStyle style);
  ~ProgressDisplay() override;
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;

  void on_progress(const base::Progress& progress) override;
  void on_warning(const std::string& message) override;

private:
  void draw(const base::Progress& progress, base::Instant now);
  void clear();

  Console& console_;
  const base::Clock& clock_;
  const ProgressStyle style_;
  std::atomic<std::int64_t> next_draw_ = 0;
  std::mutex mutex_;
  RateMeter rate_;
  std::string phase_;
  bool drawn_ = false;
};

}  // namespace holdfast::cli
