#include "storage/get_many.hpp"

#include "base/error.hpp"
#include "base/task_group.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace holdfast::storage {

namespace {

/// More than a store transfers at once: small objects are all waiting. Fewer than make an SFTP
/// store open another connection, which costs more waits than it saves.
constexpr unsigned far_readers = 60;
constexpr std::uint64_t held_bytes_max = std::uint64_t{64} << 20;

class Reading {
public:
  Reading(Backend& backend, std::span<const std::string> names, std::size_t size_max)
      : backend_(backend), names_(names), size_max_(size_max), results_(names.size()) {
    for (std::size_t i = 0; i < std::min<std::size_t>(names.size(), far_readers); ++i)
      readers_.spawn([this](const std::stop_token& stopping) { serve(stopping); });
  }

  /// Waits for object `at`.
  base::Bytes take(std::size_t at) {
    auto result = wait_for(at);
    if (!result) readers_.join();  // a thread failed with something else: that is thrown
    HF_ASSERT(result.has_value(), "a reader that ended early failed");
    if (result->error) throw base::Error(*result->error);
    return std::move(result->bytes);
  }

  /// The caller does not want object `at`, or has it.
  void pass(std::size_t at) {
    const std::lock_guard lock(mutex_);
    taken_ = at + 1;
    if (auto& result = results_[at]) {
      held_bytes_ -= result->bytes.size();
      result.reset();
    }
    changed_.notify_all();
  }

private:
  struct Result {
    base::Bytes bytes{};
    std::optional<base::Error> error{};
  };

  std::optional<Result> wait_for(std::size_t at) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, readers_.token(), [&] { return results_[at].has_value(); });
    if (!results_[at]) return std::nullopt;
    held_bytes_ -= results_[at]->bytes.size();
    auto result = std::exchange(results_[at], Result{});
    changed_.notify_all();
    return result;
  }

  void serve(const std::stop_token& stopping) {
    while (const auto at = next(stopping)) {
      auto result = read(names_[*at]);
      const std::lock_guard lock(mutex_);
      if (*at < taken_) continue;
      held_bytes_ += result.bytes.size();
      results_[*at] = std::move(result);
      changed_.notify_all();
    }
  }

  /// The next object that nobody reads; waits while much is held, but never for the one that the
  /// caller waits for.
  std::optional<std::size_t> next(const std::stop_token& stopping) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stopping, [&] { return held_bytes_ < held_bytes_max || next_ <= taken_; });
    if (stopping.stop_requested() || next_ == names_.size()) return std::nullopt;
    return next_++;
  }

  Result read(const std::string& name) const {
    try {
      return {get(backend_, name, size_max_)};
    } catch (const base::Error& error) {
      return {{}, error};
    }
  }

  Backend& backend_;
  const std::span<const std::string> names_;
  const std::size_t size_max_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<std::optional<Result>> results_;
  std::size_t next_ = 0;   // to be read
  std::size_t taken_ = 0;  // those before it are done with
  std::uint64_t held_bytes_ = 0;
  base::TaskGroup readers_;  // last: they end before what they use
};

}  // namespace

unsigned small_reads_max(const Backend& backend) {
  return backend.transfers_max() > 1 ? far_readers : 1;
}

void get_many(Backend& backend, std::span<const std::string> names, std::size_t size_max,
              const std::function<void(const std::string& name, const Fetch& fetch)>& take) {
  if (small_reads_max(backend) == 1 || names.size() < 2) {
    for (const auto& name : names)
      take(name, [&] { return get(backend, name, size_max); });
    return;
  }
  Reading reading(backend, names, size_max);
  for (std::size_t at = 0; at < names.size(); ++at) {
    take(names[at], [&] { return reading.take(at); });
    reading.pass(at);
  }
}

void side_by_side(const Backend& backend, std::span<const std::function<void()>> works) {
  if (small_reads_max(backend) == 1) {
    for (const auto& work : works)
      work();
    return;
  }
  base::TaskGroup group;
  for (const auto& work : works)
    group.spawn([&work](const std::stop_token&) { work(); });
  group.join();
}

}  // namespace holdfast::storage
