#include "progress.hpp"

#include "base/units.hpp"
#include "json.hpp"
#include "text.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <sys/ioctl.h>

namespace holdfast::cli {

namespace {

constexpr std::int64_t redraw_nanoseconds = 100'000'000;
constexpr std::size_t width_default = 80;
constexpr std::size_t width_min = 20;

std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return width_default;
  return std::max<std::size_t>(size.ws_col, width_min);
}

void write_to_terminal(std::string_view text) {
  // What does not reach the terminal is no loss: the next line says more.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

std::optional<double> seconds_left(const base::Progress& progress, double bytes_per_second) {
  if (progress.bytes_total <= progress.bytes_done || bytes_per_second < 1) return {};
  return static_cast<double>(progress.bytes_total - progress.bytes_done) / bytes_per_second;
}

}  // namespace

void RateMeter::add(base::Instant time, std::uint64_t bytes) {
  if (count_ > 0) {
    const auto& newest = ring_[(count_ - 1) % samples];
    if (bytes < newest.bytes)
      count_ = 0;  // another phase began
    else if (time.nanoseconds - newest.time.nanoseconds < spacing_nanoseconds)
      return;
  }
  ring_[count_++ % samples] = {time, bytes};
}

double RateMeter::bytes_per_second() const {
  if (count_ < 2) return 0;
  const auto& newest = ring_[(count_ - 1) % samples];
  const auto& oldest = ring_[count_ > samples ? count_ % samples : 0];
  const double seconds = base::seconds_between(oldest.time, newest.time);
  return seconds > 0 ? static_cast<double>(newest.bytes - oldest.bytes) / seconds : 0;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const auto length = std::max<std::size_t>(utf8_length(text), 1);
    // From U+1100 on most scripts are wide; counting a narrow one as wide only shortens the line.
    const bool wide =
        length > 2 && static_cast<unsigned char>(text[0]) >= 0xE1 && !text.starts_with("\xE2");
    width += wide || length == 4 ? 2 : 1;
    text.remove_prefix(length);
  }
  return width;
}

std::string fit(std::string_view text, std::size_t width) {
  std::size_t end = 0;
  while (end < text.size()) {
    const auto length = std::max<std::size_t>(utf8_length(text.substr(end)), 1);
    if (display_width(text.substr(0, end + length)) > width) break;
    end += length;
  }
  return std::string(text.substr(0, end));
}

std::string progress_text(const base::Progress& progress, double bytes_per_second,
                          std::size_t width) {
  std::string text = progress.phase + "  " + with_thousands(progress.items_done);
  if (progress.items_total > 0) text += " of " + with_thousands(progress.items_total);
  text += " files  " + base::format_byte_count(progress.bytes_done);
  if (progress.bytes_total > 0) {
    text += " of " + base::format_byte_count(progress.bytes_total);
  }
  if (bytes_per_second >= 1) {
    text += fmt::format("  {}/s",
                        base::format_byte_count(static_cast<std::uint64_t>(bytes_per_second)));
  }
  if (const auto left = seconds_left(progress, bytes_per_second)) {
    text += fmt::format("  {} left", base::format_duration(*left));
  }
  if (!progress.current.empty()) text += "  " + base::printable(progress.current);
  return fit(text, width);
}

std::string progress_json(const base::Progress& progress, double bytes_per_second) {
  JsonWriter json;
  json.begin_object().field("event", "progress").field("phase", std::string_view(progress.phase));
  json.field("items_done", progress.items_done).field("items_total", progress.items_total);
  json.field("bytes_done", progress.bytes_done).field("bytes_total", progress.bytes_total);
  json.field("bytes_stored", progress.bytes_stored).field("bytes_per_second", bytes_per_second);
  json.key("seconds_left");
  if (const auto left = seconds_left(progress, bytes_per_second))
    json.value(*left);
  else
    json.null();
  json.raw_field("current", progress.current).end_object();
  return json.take();
}

ProgressDisplay::ProgressDisplay(Console& console, const base::Clock& clock, ProgressStyle style)
    : console_(console), clock_(clock), style_(style) {
  if (style_ == ProgressStyle::line) {
    console_.set_interruption([this] {
      const std::lock_guard lock(mutex_);
      clear();
    });
  }
}

ProgressDisplay::~ProgressDisplay() {
  if (style_ != ProgressStyle::line) return;
  console_.set_interruption({});
  clear();
}

void ProgressDisplay::on_progress(const base::Progress& progress) {
  if (style_ == ProgressStyle::none) return;
  const auto now = clock_.now();
  auto due = next_draw_.load(std::memory_order_relaxed);
  if (now.nanoseconds < due) return;
  const auto next = now.nanoseconds + redraw_nanoseconds;
  if (!next_draw_.compare_exchange_strong(due, next, std::memory_order_relaxed)) return;
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (lock.owns_lock()) draw(progress, now);
}

void ProgressDisplay::draw(const base::Progress& progress, base::Instant now) {
  if (progress.phase != phase_) {
    phase_ = progress.phase;
    rate_ = RateMeter();
  }
  rate_.add(now, progress.bytes_done);
  const double rate = rate_.bytes_per_second();
  if (style_ == ProgressStyle::json) {
    write_to_terminal(progress_json(progress, rate) + "\n");
    return;
  }
  write_to_terminal("\r\x1b[K" + progress_text(progress, rate, terminal_width() - 1));
  drawn_ = true;
}

void ProgressDisplay::clear() {
  if (drawn_) write_to_terminal("\r\x1b[K");
  drawn_ = false;
}

void ProgressDisplay::on_warning(const std::string& message) { console_.warn(message); }

}  // namespace holdfast::cli
