#include "repository/read_ahead.hpp"

#include "base/error.hpp"
#include "repository/stored_objects.hpp"
#include "storage/get_many.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <functional>
#include <utility>

namespace holdfast::repository {

namespace {

constexpr std::uint64_t held_bytes_max = 64ULL * 1024 * 1024;
/// What is larger is no segment; whoever takes it says so.
constexpr std::uint64_t range_size_max = 16ULL * 1024 * 1024;
constexpr unsigned streams_at_first = 8;
constexpr unsigned connections_early = 4;

}  // namespace

ReadAhead::ReadAhead(Repository& repository, std::stop_token stopping)
    : repository_(repository),
      streams_max_(repository.backend().transfers_max()),
      streams_(std::min(streams_at_first, streams_max_), streams_max_),
      readers_(std::move(stopping)) {
  if (!pays()) return;
  for (unsigned i = 0; i < streams_max_; ++i)
    readers_.spawn([this](const std::stop_token& token) { serve(token); });
}

ReadAhead::~ReadAhead() = default;

void ReadAhead::connect() {
  if (!pays()) return;
  for (unsigned i = 1; i < connections_early; ++i) {
    readers_.spawn([this](const std::stop_token&) {
      try {
        repository_.backend().connect();
      } catch (const base::Error&) {
        return;  // the transfers will say so, if it matters
      }
    });
  }
}

void ReadAhead::expect(std::span<const PackRange> ranges) {
  if (!pays()) return;
  const std::lock_guard lock(mutex_);
  for (const auto& range : ranges) {
    if (range.size > range_size_max) continue;
    const auto [at, is_new] = parts_.try_emplace(range);
    if (!is_new) continue;
    at->second = std::make_shared<Part>(Part{.range = range});
    waiting_.push_back(at->second);
  }
  changed_.notify_all();
}

bool ReadAhead::take(const PackRange& range, base::Buffer& into) {
  if (!pays()) return false;
  std::unique_lock lock(mutex_);
  const auto found = parts_.find(range);
  if (found == parts_.end()) return false;
  const auto part = found->second;
  parts_.erase(found);
  // Nobody has begun to read it: whoever needs it now is as fast.
  if (part->state == State::waiting) {
    std::erase(waiting_, part);
    return false;
  }
  changed_.wait(lock, readers_.token(), [&] { return part->state != State::reading; });
  // One that is stopped leaves it to its thread.
  if (part->state == State::reading) return false;
  held_bytes_ -= range.size;
  changed_.notify_all();
  if (part->state == State::failed) return false;
  into = std::move(part->bytes);
  return true;
}

void ReadAhead::serve(const std::stop_token& stopping) {
  while (const auto part = next(stopping)) {
    const bool is_read = read(*part);
    const std::lock_guard lock(mutex_);
    part->state = is_read ? State::there : State::failed;
    --reading_;
    changed_.notify_all();
  }
}

/// Nothing when it is to stop.
ReadAhead::PartRef ReadAhead::next(const std::stop_token& stopping) {
  std::unique_lock lock(mutex_);
  const bool found = changed_.wait(lock, stopping, [&] {
    if (waiting_.empty() || reading_ >= streams_.level()) return false;
    const auto size = waiting_.front()->range.size;
    return held_bytes_ == 0 || held_bytes_ + size <= held_bytes_max;
  });
  if (!found) return nullptr;
  const auto part = waiting_.front();
  waiting_.pop_front();
  part->state = State::reading;
  held_bytes_ += part->range.size;
  ++reading_;
  return part;
}

/// False when it cannot be read: whoever takes it tries again, and tells why not.
bool ReadAhead::read(Part& part) {
  try {
    const auto pack = repository_.index().pack(part.range.pack);
    part.bytes.reserve_discarding(part.range.size);
    std::size_t got = 0;
    const std::array<std::function<void()>, 2> works = {
        [&] {
          got = repository_.backend().read(pack_object_name(pack.id), part.range.offset,
                                           part.bytes.all().first(part.range.size));
        },
        // Wanted to open what was read, and kept by the index.
        [&] { static_cast<void>(repository_.index().pack_header(part.range.pack)); }};
    storage::side_by_side(repository_.backend(), works);
    part.bytes.set_size(got);
    streams_.ended(got, repository_.environment().clock.now());
    return got == part.range.size;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace holdfast::repository
