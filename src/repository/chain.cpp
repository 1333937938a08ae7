#include "chain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace holdfast::repository {

namespace {

struct Link {
  base::Hash id;
  std::optional<base::Hash> previous;  // unknown for what was forgotten
};

/// One writer's links by number; several runs at once share a number.
using Chain = std::map<std::uint64_t, std::vector<Link>>;

std::map<crypto::PublicKey, Chain> chains_of(const std::vector<Snapshot>& snapshots,
                                             const std::vector<Deletion>& deletions) {
  std::map<crypto::PublicKey, Chain> chains;
  for (const auto& snapshot : snapshots) {
    chains[snapshot.writer][snapshot.sequence].push_back(
        {base::Hash::from_bytes(snapshot.id.view()), snapshot.previous});
  }
  for (const auto& deletion : deletions) {
    chains[deletion.writer][deletion.sequence].push_back({deletion.id, deletion.previous});
    for (const auto& deleted : deletion.deleted) {
      if (deleted.sequence == 0) continue;
      chains[deleted.writer][deleted.sequence].push_back(
          {base::Hash::from_bytes(deleted.id.view()), std::nullopt});
    }
  }
  return chains;
}

/// How many records were too damaged to tell their place when they were forgotten: each excuses one
/// gap.
std::uint64_t count_unplaced(const std::vector<Deletion>& deletions) {
  std::set<base::SnapshotId> ids;
  for (const auto& deletion : deletions) {
    for (const auto& deleted : deletion.deleted) {
      if (deleted.sequence == 0) ids.insert(deleted.id);
    }
  }
  return ids.size();
}

bool follows(const Link& link, const std::vector<Link>& before) {
  return !link.previous || std::ranges::find(before, *link.previous, &Link::id) != before.end();
}

std::string short_name(const crypto::PublicKey& writer) {
  return base::to_hex(base::ByteView(writer).first(4));
}

/// Appends what is wrong between two neighbours in `chain`.
void check_step(const crypto::PublicKey& writer, std::uint64_t before_number,
                const std::vector<Link>& before, std::uint64_t number,
                const std::vector<Link>& links, std::uint64_t& excused,
                std::vector<std::string>& problems) {
  if (const auto missing = number - before_number - 1; missing > 0) {
    if (missing <= excused) {
      excused -= missing;
      return;
    }
    problems.push_back(
        fmt::format("records {} to {} of writer {} are gone and no deletion record names them",
                    before_number + 1, number - 1, short_name(writer)));
    return;
  }
  for (const auto& link : links) {
    if (follows(link, before)) continue;
    problems.push_back(fmt::format("record {} of writer {} ({}) does not follow record {}", number,
                                   short_name(writer), link.id.short_hex(), before_number));
  }
}

}  // namespace

ChainHead head_of(const crypto::PublicKey& writer, const std::vector<Snapshot>& snapshots,
                  const std::vector<Deletion>& deletions) {
  const auto chains = chains_of(snapshots, deletions);
  const auto found = chains.find(writer);
  if (found == chains.end()) return {};
  const auto& [sequence, links] = *found->second.rbegin();
  return {sequence, std::ranges::max_element(links, {}, &Link::id)->id};
}

std::vector<std::string> find_chain_problems(const std::vector<Snapshot>& snapshots,
                                             const std::vector<Deletion>& deletions) {
  std::vector<std::string> problems;
  auto excused = count_unplaced(deletions);
  for (const auto& [writer, chain] : chains_of(snapshots, deletions)) {
    const std::vector<Link> start = {{base::Hash{}, std::nullopt}};
    std::uint64_t before_number = 0;
    const std::vector<Link>* before = &start;
    for (const auto& [number, links] : chain) {
      if (number > 0) {
        check_step(writer, before_number, *before, number, links, excused, problems);
      }
      before_number = number;
      before = &links;
    }
  }
  return problems;
}

}  // namespace holdfast::repository
