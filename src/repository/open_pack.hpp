#pragma once

#include "base/first_failure.hpp"
#include "base/random.hpp"
#include "pipeline/pack.hpp"
#include "pipeline/segment.hpp"
#include "storage/backend.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

namespace holdfast::repository {

/// One pack on its way into the store: segments are sealed by many threads at once and appended one
/// at a time.
///
/// A place is reserved first; the pack may be closed once every reserved segment was appended, and
/// the thread for which leave() says so closes it. Making one does not touch the store; nothing is
/// visible in the store before close() returns.
class OpenPack {
public:
  OpenPack(storage::Backend& backend, const pipeline::PackWriteKeys& keys, pipeline::PackKind kind,
           base::Random& random, pipeline::PackBuilder::Parity parity);

  // Under the lock of whoever hands out places:

  /// Takes a place for `stored_size` bytes.
  pipeline::SegmentContext enter(std::uint64_t stored_size);
  /// Says that a segment was appended, or never will be; true when it was the last of a retired
  /// pack.
  [[nodiscard]] bool leave() { return --inside_ == 0 && retired_; }
  /// No more places are given out; true when nobody is inside.
  [[nodiscard]] bool retire(pipeline::PackBuilder::Padding padding);
  std::uint64_t reserved_size() const { return reserved_size_; }
  pipeline::PackKind kind() const { return builder_.kind(); }

  // From any thread:

  /// Whether somebody waits for the store to take a segment.
  bool is_busy() const { return appending_ > 0; }
  crypto::Aead cipher() const { return builder_.cipher(); }
  /// Errors: those of the store; once one failed, all others and close() fail with the same.
  void append(const pipeline::SegmentContext& context, base::ByteView framed,
              std::uint32_t encoded_size, std::vector<pipeline::ChunkInSegment> chunks);

  /// Makes the pack durable under its name and looks whether the store has all of it.
  /// Errors: conflict when the name is taken, corrupt when the store says another size.
  pipeline::PackDirectory close();

private:
  storage::Backend& backend_;
  std::mutex mutex_;  // guards the builder and the writer while segments are appended
  pipeline::PackBuilder builder_;
  std::unique_ptr<storage::ObjectWriter> writer_;  // from the first segment on
  base::FirstFailure failure_{"the pack lacks a segment"};
  std::atomic<unsigned> appending_ = 0;  // threads that do, or wait for their turn
  std::uint64_t reserved_size_;
  std::size_t inside_ = 0;
  bool retired_ = false;
  pipeline::PackBuilder::Padding padding_ = pipeline::PackBuilder::Padding::none;
};

}  // namespace holdfast::repository
