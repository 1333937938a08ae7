#include "index_rewrite.hpp"

#include "base/error.hpp"
#include "base/task_group.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::repository {

using base::Error;
using base::ErrorKind;

namespace {

/// Chunks in a segment that is written; several segments go into one up to here.
constexpr std::size_t chunks_per_segment_max = 256UL * 1024;
/// Objects below this size are merged when there are more than so many.
constexpr std::uint64_t small_segment_bytes = 32UL * 1024;
constexpr std::size_t small_segments_max = 32;

struct Listed {
  std::string name;
  std::uint64_t size = 0;
};

std::vector<Listed> list_segments(storage::Backend& backend) {
  std::vector<Listed> listed;
  backend.list(std::string(index_prefix), [&](const storage::ObjectInfo& object) {
    const auto hex = std::string_view(object.name).substr(6);
    if (hex.size() != 2 * base::IndexId::size) return;
    if (hex.find_first_not_of("0123456789abcdef") != hex.npos) return;
    listed.push_back({object.name, object.size});
  });
  std::ranges::sort(listed, {}, &Listed::name);
  return listed;
}

/// Gathers what is kept of segments and replaces them, so many at a time.
class Rewriter {
public:
  Rewriter(Repository& repository, const std::function<void()>& settle)
      : repository_(repository), settle_(settle) {}

  void replace(const std::string& name, const IndexSegmentBody& kept) {
    if (!body_.packs.empty() && body_.chunks.size() + kept.chunks.size() > chunks_per_segment_max) {
      flush();
    }
    append_body(body_, kept);
    replaced_.push_back(name);
  }
  void flush() {
    if (!body_.packs.empty()) {
      static_cast<void>(put_index_segment(repository_.backend(), repository_.id(),
                                          repository_.keys(), body_,
                                          repository_.environment().random));
      settle_();
    }
    for (const auto& name : replaced_)
      static_cast<void>(repository_.backend().remove(name));
    body_ = {};
    replaced_.clear();
  }

private:
  Repository& repository_;
  const std::function<void()>& settle_;
  IndexSegmentBody body_;
  std::vector<std::string> replaced_;
};

/// Nothing when it went meanwhile: another prune wrote it anew.
std::optional<IndexSegmentBody> read_segment(Repository& repository, const std::string& name) {
  try {
    const auto object = storage::get(repository.backend(), name, index_object_size_max);
    return open_index_segment(object, base::IndexId::from_hex(name.substr(6)), repository.id(),
                              repository.keys());
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
    return std::nullopt;
  }
}

}  // namespace

IndexSegmentBody without_packs(const IndexSegmentBody& body,
                               const std::set<base::PackId>& dropped) {
  IndexSegmentBody kept;
  constexpr auto gone = UINT32_MAX;
  std::vector<std::uint32_t> pack_numbers;
  for (const auto& pack : body.packs) {
    const bool keep = !dropped.contains(pack.id);
    pack_numbers.push_back(keep ? static_cast<std::uint32_t>(kept.packs.size()) : gone);
    if (keep) kept.packs.push_back(pack);
  }
  std::vector<std::uint32_t> segment_numbers;
  for (auto segment : body.segments) {
    segment.pack = pack_numbers.at(segment.pack);
    segment_numbers.push_back(
        segment.pack == gone ? gone : static_cast<std::uint32_t>(kept.segments.size()));
    if (segment.pack != gone) kept.segments.push_back(segment);
  }
  for (auto chunk : body.chunks) {
    chunk.segment = segment_numbers.at(chunk.segment);
    if (chunk.segment != gone) kept.chunks.push_back(chunk);
  }
  return kept;
}

void append_body(IndexSegmentBody& to, const IndexSegmentBody& from) {
  const auto packs = static_cast<std::uint32_t>(to.packs.size());
  const auto segments = static_cast<std::uint32_t>(to.segments.size());
  to.packs.insert(to.packs.end(), from.packs.begin(), from.packs.end());
  for (auto segment : from.segments) {
    segment.pack += packs;
    to.segments.push_back(segment);
  }
  for (auto chunk : from.chunks) {
    chunk.segment += segments;
    to.chunks.push_back(chunk);
  }
}

void drop_from_index(Repository& repository, const std::set<base::PackId>& dropped,
                     const std::function<void()>& settle, const std::stop_token& stopping) {
  const auto listed = list_segments(repository.backend());
  const auto is_small = [](const Listed& object) { return object.size < small_segment_bytes; };
  const bool merging =
      std::ranges::count_if(listed, is_small) > static_cast<std::ptrdiff_t>(small_segments_max);
  Rewriter rewriter(repository, settle);
  for (const auto& object : listed) {
    base::check_cancelled(stopping);
    const auto body = read_segment(repository, object.name);
    if (!body) continue;
    const auto kept = without_packs(*body, dropped);
    if (kept.packs.size() == body->packs.size() && !(merging && is_small(object))) continue;
    rewriter.replace(object.name, kept);
  }
  rewriter.flush();
}

}  // namespace holdfast::repository
