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

/// So many numbers are no accident of runs that overlap, each of which saw an old listing.
constexpr std::uint64_t fork_length = 4;

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

/// The links before `link` in `chain`, or null when its number is the first or its record is gone.
const Link* link_before(const Chain& chain, std::uint64_t number, const Link& link) {
  const auto before = chain.find(number - 1);
  if (before == chain.end() || !link.previous) return nullptr;
  const auto found = std::ranges::find(before->second, *link.previous, &Link::id);
  return found == before->second.end() ? nullptr : &*found;
}

/// Whether the lines that end in these two links of one number have been apart for `fork_length`.
bool are_apart(const Chain& chain, std::uint64_t number, const Link* one, const Link* other) {
  for (std::uint64_t step = 1; step < fork_length; ++step, --number) {
    one = link_before(chain, number, *one);
    other = link_before(chain, number, *other);
    if (one == nullptr || other == nullptr || one == other) return false;
  }
  return true;
}

/// Appends the first fork of `chain`, if there is one.
void check_fork(const crypto::PublicKey& writer, const Chain& chain,
                std::vector<std::string>& problems) {
  for (const auto& [number, links] : chain) {
    for (const auto& link : links) {
      if (!are_apart(chain, number, &links.front(), &link)) continue;
      problems.push_back(fmt::format(
          "the records of writer {} fork: {} and {} both have number {}, and what is before them "
          "differs too; somebody went on from a copy of the store with a copy of the keys",
          short_name(writer), links.front().id.short_hex(), link.id.short_hex(), number));
      return;
    }
  }
}

}  // namespace

std::string short_name(const crypto::PublicKey& writer) {
  return base::to_hex(base::ByteView(writer).first(4));
}

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
    check_fork(writer, chain, problems);
  }
  return problems;
}

std::vector<DeletedRecord> find_gaps(const std::vector<Snapshot>& snapshots,
                                     const std::vector<Deletion>& deletions) {
  std::vector<DeletedRecord> gaps;
  for (const auto& [writer, chain] : chains_of(snapshots, deletions)) {
    std::uint64_t before = 0;
    for (const auto& [number, links] : chain) {
      for (auto missing = before + 1; missing < number && gaps.size() < gap_entries_max; ++missing)
        gaps.push_back({{}, writer, missing});
      if (before + 1 < number && gaps.size() < gap_entries_max && links.front().previous) {
        gaps.back().id = base::SnapshotId::from_bytes(links.front().previous->view());
      }
      before = number;
    }
  }
  return gaps;
}

}  // namespace holdfast::repository
