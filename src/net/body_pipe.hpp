#pragma once

#include "base/bytes.hpp"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>

namespace holdfast::net {

/// A body that is made or used bit by bit, in bounded memory: one thread writes or reads it, the
/// client takes it from there or puts it there, and each waits for the other.
///
/// Shape:   at most `capacity` bytes lie in it (at least 64 KiB).
/// Threads: one on each side.
class BodyPipe {
public:
  /// `size`: of the whole body, when it is known before the end.
  explicit BodyPipe(std::size_t capacity, std::optional<std::uint64_t> size = std::nullopt);

  // The side of the caller. All of it may be called before the transfer is started.

  /// Waits while the pipe is full. False when the transfer ended before its body did: why, says
  /// Transfer::wait().
  [[nodiscard]] bool write(base::ByteView bytes);
  /// No more is written.
  void finish();
  /// Fills `into` as far as bytes come; 0 at the end of the body or of the transfer.
  std::size_t read(base::MutableBytes into);

  // The side of the client, which never waits: nothing means not now.

  std::optional<std::uint64_t> size() const { return size_; }
  std::optional<std::size_t> take(base::MutableBytes into);
  bool put(base::ByteView bytes);
  /// Called when what was not possible may be by now, from the thread of the caller.
  void on_progress(std::function<void()> resume);
  /// The transfer is over; whoever waits wakes up.
  void end();

private:
  void move_out(base::MutableBytes into);

  const std::size_t capacity_;
  const std::optional<std::uint64_t> size_;
  std::mutex mutex_;
  std::condition_variable changed_;
  base::Bytes bytes_;
  std::size_t begin_ = 0;  // bytes_ before it are gone
  bool finished_ = false;
  bool ended_ = false;
  bool client_waits_ = false;
  std::function<void()> resume_;
};

}  // namespace holdfast::net
