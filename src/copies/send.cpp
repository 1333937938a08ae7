#include "send.hpp"

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/task_group.hpp"
#include "crypto/blake3.hpp"
#include "pipeline/pack.hpp"
#include "pipeline/parity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace holdfast::copies {

using base::Error;
using base::ErrorKind;
using repository::StoredPack;
using storage::Backend;

namespace {

constexpr std::size_t window_size = 4UL * 1024 * 1024;
constexpr std::size_t hash_size = 32;

/// An object that is damaged; or gone, which is all the same to who wants to send it.
bool is_damage(const Error& error) {
  return error.kind() == ErrorKind::corrupt || error.kind() == ErrorKind::io ||
         error.kind() == ErrorKind::not_found;
}

Outcome outcome_of(const Error& error) {
  if (error.kind() == ErrorKind::frozen) return Outcome::frozen;
  return error.kind() == ErrorKind::not_found ? Outcome::gone : Outcome::damaged;
}

Outcome outcome_of(storage::PutOutcome outcome) {
  return outcome == storage::PutOutcome::stored ? Outcome::sent : Outcome::was_there;
}

/// Reading what is to be sent failed. Not an Error, so that nothing takes it for one of the store
/// that is sent to.
struct NotReadable {
  Outcome why;
};

void read_whole(Backend& from, const std::string& name, std::uint64_t offset,
                base::MutableBytes into) {
  std::size_t size = 0;
  try {
    size = from.read(name, offset, into);
  } catch (const Error& error) {
    if (!is_damage(error) && error.kind() != ErrorKind::frozen) throw;
    throw NotReadable{outcome_of(error)};
  }
  if (size != into.size()) throw NotReadable{Outcome::damaged};
}

/// A part of a pack that has a checksum of its own; without one, the copies of header and trailer.
struct Part {
  std::uint64_t begin = 0;
  std::uint64_t size = 0;
  std::optional<std::uint64_t> checksum;
};

/// All before the trailer, in order.
std::vector<Part> parts_of(const pipeline::PackTrailer& trailer) {
  std::vector<Part> parts;
  const auto covered = trailer.covered_size();
  std::uint64_t at = 0;
  for (const auto checksum : trailer.sector_checksums) {
    const auto size = std::min<std::uint64_t>(pipeline::sector_size, covered - at);
    parts.push_back({at, size, checksum});
    at += size;
  }
  if (trailer.parity_checksums.empty()) return parts;
  parts.push_back({at, trailer.parity_offset() - at, std::nullopt});
  at = trailer.parity_offset();
  const auto size = pipeline::parity_sector_size(covered);
  for (const auto checksum : trailer.parity_checksums) {
    parts.push_back({at, size, checksum});
    at += size;
  }
  return parts;
}

/// Reads a pack front to back and gives it to `take` in pieces that are what was written.
/// Throws NotReadable when one is not.
class PackReading {
public:
  PackReading(Backend& from, const StoredPack& pack)
      : from_(from), pack_(pack), name_(repository::pack_object_name(pack.id)) {}

  void run(const std::function<void(base::ByteView)>& take, const std::stop_token& stopping) {
    const auto trailer = read_trailer();
    const auto end_of_pack = trailer_bytes(trailer);
    const auto parts = parts_of(trailer);
    for (auto part = parts.begin(); part != parts.end();) {
      base::check_cancelled(stopping);
      const auto begin = part->begin;
      auto end = part;
      while (end != parts.end() && (end == part || end->begin + end->size - begin <= window_size))
        ++end;
      const auto& last = *(end - 1);
      window_.resize(last.begin + last.size - begin);
      read_whole(from_, name_, begin, window_);
      if (begin == 0) note_header();
      for (; part != end; ++part) {
        verify(*part, base::ByteView(window_).subspan(part->begin - begin, part->size),
               end_of_pack);
      }
      take(window_);
    }
    take(end_of_pack);
  }

private:
  pipeline::PackTrailer read_trailer() {
    try {
      tail_.resize(pipeline::trailer_size_bound(pack_.size));
      read_whole(from_, name_, pack_.size - tail_.size(), tail_);
      return pipeline::parse_pack_trailer(tail_, pack_.size);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::corrupt) throw;
      throw NotReadable{Outcome::damaged};
    }
  }
  base::ByteView trailer_bytes(const pipeline::PackTrailer& trailer) const {
    return base::ByteView(tail_).last(pack_.size - trailer.trailer_offset);
  }
  void note_header() {
    const auto size = std::min(window_.size(), pipeline::pack_header_size);
    header_.assign(window_.begin(), window_.begin() + static_cast<std::ptrdiff_t>(size));
  }
  void verify(const Part& part, base::ByteView bytes, base::ByteView trailer) const {
    const bool whole = part.checksum
                           ? pipeline::sector_checksum(bytes) == *part.checksum
                           : bytes.size() == header_.size() + trailer.size() &&
                                 std::ranges::equal(bytes.first(header_.size()), header_) &&
                                 std::ranges::equal(bytes.subspan(header_.size()), trailer);
    if (!whole) throw NotReadable{Outcome::damaged};
  }

  Backend& from_;
  const StoredPack& pack_;
  const std::string name_;
  base::Bytes tail_;
  base::Bytes header_;
  base::Bytes window_;
};

/// What can be read of it; sectors that the disk does not give back stay zero.
base::Bytes read_what_there_is(Backend& from, const StoredPack& pack) {
  const auto name = repository::pack_object_name(pack.id);
  base::Bytes bytes(pack.size);
  for (std::uint64_t at = 0; at < pack.size; at += pipeline::sector_size) {
    const auto size = std::min<std::uint64_t>(pipeline::sector_size, pack.size - at);
    try {
      static_cast<void>(from.read(name, at, base::MutableBytes(bytes).subspan(at, size)));
    } catch (const Error& error) {
      if (!is_damage(error)) throw;
    }
  }
  return bytes;
}

Outcome send_mended(Backend& from, Backend& to, const StoredPack& pack) {
  if (pack.size > pipeline::pack_size_max) return Outcome::damaged;
  const auto mended = pipeline::mend_pack(read_what_there_is(from, pack), pack.id, pack.size);
  if (!mended.trailer || !mended.sectors_lost.empty()) return Outcome::damaged;
  const auto outcome =
      repository::put_object(to, repository::pack_object_name(pack.id), mended.bytes);
  return outcome == storage::PutOutcome::stored ? Outcome::mended : Outcome::was_there;
}

}  // namespace

Outcome send_envelope(Backend& from, Backend& to, const std::string& name) {
  const auto info = from.stat(name);
  if (!info) return Outcome::gone;
  if (info->size < hash_size) return Outcome::damaged;
  const auto writer = to.create(name);
  crypto::Blake3 hash;
  base::Bytes window;
  try {
    for (std::uint64_t at = 0; at < info->size - hash_size;) {
      window.resize(std::min<std::uint64_t>(window_size, info->size - hash_size - at));
      read_whole(from, name, at, window);
      hash.update(window);
      writer->append(window);
      at += window.size();
    }
    window.resize(hash_size);
    read_whole(from, name, info->size - hash_size, window);
  } catch (const NotReadable& failure) {
    return failure.why;
  }
  if (!std::ranges::equal(hash.finish().view(), window)) return Outcome::damaged;
  writer->append(window);
  return outcome_of(writer->commit());
}

Outcome send_pack(Backend& from, Backend& to, const StoredPack& pack,
                  const std::stop_token& stopping) {
  try {
    const auto name = repository::pack_object_name(pack.id);
    const auto writer = to.create(name);
    bool is_first = true;
    const auto take = [&](base::ByteView bytes) {
      if (std::exchange(is_first, false) && repository::is_content_object(name, bytes)) {
        writer->is_content();
      }
      writer->append(bytes);
    };
    PackReading(from, pack).run(take, stopping);
    return outcome_of(writer->commit());
  } catch (const NotReadable& failure) {
    if (failure.why != Outcome::damaged) return failure.why;
  }
  return send_mended(from, to, pack);
}

bool packs_agree(Backend& a, Backend& b, const StoredPack& pack) {
  const auto name = repository::pack_object_name(pack.id);
  const auto size = pipeline::trailer_size_bound(pack.size);
  base::Bytes of_a(size);
  base::Bytes of_b(size);
  try {
    read_whole(a, name, pack.size - size, of_a);
    read_whole(b, name, pack.size - size, of_b);
  } catch (const NotReadable&) {
    return false;
  }
  return of_a == of_b;
}

bool pack_is_whole(Backend& store, const StoredPack& pack, const std::stop_token& stopping) {
  try {
    PackReading(store, pack).run([](base::ByteView) {}, stopping);
    return true;
  } catch (const NotReadable& failure) {
    if (failure.why != Outcome::frozen) return false;
    throw Error(ErrorKind::frozen,
                fmt::format("{} in {} must be thawed before it is read",
                            repository::pack_object_name(pack.id), store.describe()))
        .set_hint(
            "leave out --read-back: what is sent to a store goes into the class that "
            "'storage_class' says");
  }
}

}  // namespace holdfast::copies
