#include "open_pack.hpp"

#include "base/error.hpp"
#include "index_segment.hpp"

#include <fmt/format.h>

namespace holdfast::repository {

using base::Error;
using base::ErrorKind;

OpenPack::OpenPack(storage::Backend& backend, const pipeline::PackWriteKeys& keys,
                   pipeline::PackKind kind, base::Random& random,
                   pipeline::PackBuilder::Parity parity)
    : backend_(backend), builder_(keys, kind, random, parity), reserved_size_(builder_.size()) {}

pipeline::SegmentContext OpenPack::enter(std::uint64_t stored_size) {
  HF_ASSERT(!retired_, "a retired pack gives out no places");
  reserved_size_ += stored_size;
  ++inside_;
  return builder_.reserve();
}

bool OpenPack::retire(pipeline::PackBuilder::Padding padding) {
  HF_ASSERT(!retired_, "a pack is retired once");
  retired_ = true;
  padding_ = padding;
  return inside_ == 0;
}

void OpenPack::append(const pipeline::SegmentContext& context, base::ByteView framed,
                      std::uint32_t encoded_size, std::vector<pipeline::ChunkInSegment> chunks) {
  // Held over the write: a pack is one stream, and others of its kind are open beside it.
  ++appending_;
  const std::lock_guard lock(mutex_);
  failure_.run([&] {
    if (!writer_) {
      writer_ = backend_.create(pack_object_name(builder_.id()));
      if (builder_.kind() != pipeline::PackKind::tree) writer_->is_content();
      writer_->append(builder_.header());
    }
    writer_->append(framed);
    builder_.append(context, framed, encoded_size, std::move(chunks));
  });
  --appending_;  // a pack that failed stays busy
}

pipeline::PackDirectory OpenPack::close() {
  failure_.check();
  const auto name = pack_object_name(builder_.id());
  return base::with_context(
      [&] { return "storing " + name; },
      [&] {
        HF_ASSERT(writer_, "a pack is closed after its last segment");
        writer_->append(builder_.finish(padding_));
        if (writer_->commit() != storage::PutOutcome::stored) {
          throw Error(ErrorKind::conflict, "another object has its name")
              .set_hint("its name is random: this machine's random generator repeats itself");
        }
        writer_.reset();
        const auto stored = backend_.stat(name);
        const auto size = builder_.directory().size;
        if (!stored) {
          throw Error(ErrorKind::conflict, "it was gone a moment later")
              .set_hint(
                  "a prune that had given up on this run deletes what it stores: run it again. Did "
                  "it not stand still for long, then the store loses data");
        }
        if (stored->size != size) {
          throw Error(ErrorKind::corrupt,
                      fmt::format("the store has {} bytes of it after {} were written",
                                  stored->size, size));
        }
        return builder_.directory();
      });
}

}  // namespace holdfast::repository
