#include "base/error.hpp"
#include "base/units.hpp"
#include "chain.hpp"
#include "record_cache.hpp"
#include "repository/holds.hpp"
#include "repository/snapshot.hpp"
#include "sealed_record.hpp"
#include "seen_records.hpp"
#include "storage/get_many.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <set>

namespace holdfast::repository {

namespace {

using DamageSink = SnapshotStore::DamageSink;

/// The two kinds of records, so that what they share is written once.
template <class Record>
struct RecordTraits;

template <>
struct RecordTraits<Snapshot> {
  static constexpr const RecordKind& kind = snapshot_record;
  static base::Bytes encode(const Snapshot& record) { return encode_snapshot(record); }
  static Snapshot decode(base::ByteView bytes, const base::Hash& id) {
    auto snapshot = decode_snapshot(bytes);
    snapshot.id = base::SnapshotId::from_bytes(id.view());
    return snapshot;
  }
};

template <>
struct RecordTraits<Deletion> {
  static constexpr const RecordKind& kind = deletion_record;
  static base::Bytes encode(const Deletion& record) { return encode_deletion(record); }
  static Deletion decode(base::ByteView bytes, const base::Hash& id) {
    auto deletion = decode_deletion(bytes);
    deletion.id = id;
    return deletion;
  }
};

base::Hash hash_of(const base::SnapshotId& id) { return base::Hash::from_bytes(id.view()); }

std::string object_name(const RecordKind& kind, const base::Hash& id) {
  return std::string(kind.prefix) + id.hex();
}

/// Nothing when `name` is not one that a record has.
std::optional<base::Hash> id_in_name(const RecordKind& kind, const std::string& name) {
  const auto hex = std::string_view(name).substr(kind.prefix.size());
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (hex.size() != 2 * base::Hash::size || !std::ranges::all_of(hex, is_digit)) {
    return std::nullopt;
  }
  return base::Hash::from_hex(hex);
}

/// Whether it says something about the record, and not about the store or us.
bool is_damage(base::ErrorKind kind) {
  return kind == base::ErrorKind::corrupt || kind == base::ErrorKind::unsupported ||
         kind == base::ErrorKind::wrong_key;
}

/// Records that were read, opened and verified: they never change.
template <class Record>
class KnownRecords {
public:
  std::optional<Record> find(const base::Hash& id) const {
    const std::lock_guard lock(mutex_);
    const auto found = records_.find(id);
    if (found == records_.end()) return std::nullopt;
    return found->second;
  }
  void add(const base::Hash& id, const Record& record) {
    const std::lock_guard lock(mutex_);
    records_.insert_or_assign(id, record);
  }

private:
  mutable std::mutex mutex_;
  std::map<base::Hash, Record> records_;
};

struct Records {
  std::vector<Snapshot> snapshots;
  std::vector<Deletion> deletions;
};

SeenRecord seen_of(const base::Hash& id, const Snapshot& snapshot) {
  return {id, false, snapshot.writer, snapshot.sequence};
}
SeenRecord seen_of(const base::Hash& id, const Deletion& deletion) {
  return {id, true, deletion.writer, deletion.sequence};
}
std::string name_of(const SeenRecord& record) {
  return object_name(record.is_deletion ? deletion_record : snapshot_record, record.id);
}
std::string counted_records(std::size_t count) {
  return count == 1 ? "a record" : fmt::format("{} records", count);
}

std::set<base::Hash> ids_deleted_by(const std::vector<Deletion>& deletions) {
  std::set<base::Hash> ids;
  for (const auto& deletion : deletions) {
    for (const auto& deleted : deletion.deleted)
      ids.insert(hash_of(deleted.id));
  }
  return ids;
}

}  // namespace

struct SnapshotStore::State {
  using CommitGate = SnapshotStore::CommitGate;
  storage::Backend& backend;
  const base::RepositoryId repository;
  const KeyBundle& keys;
  base::Random& random;
  const RecordSealer sealer;
  const RecordCache cache;
  const SeenRecords seen;
  std::atomic<bool> trusts_caches{true};
  KnownRecords<Snapshot> snapshots{};
  KnownRecords<Deletion> deletions{};

  template <class Record>
  KnownRecords<Record>& known() {
    if constexpr (std::is_same_v<Record, Snapshot>) {
      return snapshots;
    } else {
      return deletions;
    }
  }

  template <class Record>
  Record load(const base::Hash& id);
  template <class Record>
  std::optional<Record> load_known(const base::Hash& id);
  template <class Record>
  Record load_stored(const base::Hash& id, const storage::Fetch& fetch);
  template <class Record>
  Record open(const base::Hash& id, base::ByteView object) const;
  template <class Record>
  std::vector<Record> load_all(const DamageSink& damaged);
  Records load_both(const DamageSink& damaged);
  template <class Record>
  base::Hash store(Record& record, const CommitGate& gate = {});
  std::set<base::Hash> deleted_ids(const DamageSink& damaged);
  ChainHead find_head(const Deletion* about_to_be_stored);
  void remember(const std::vector<Snapshot>& present, const std::vector<Deletion>& recorded);
  std::vector<SeenRecord> find_lost();
  void expect_none_lost();
  DeletedRecord describe_for_deletion(const base::SnapshotId& id, base::WallTime now);
};

template <class Record>
Record SnapshotStore::State::load(const base::Hash& id) {
  if (auto record = load_known<Record>(id)) return std::move(*record);
  return load_stored<Record>(id, [&] {
    return storage::get(backend, object_name(RecordTraits<Record>::kind, id), record_size_max);
  });
}

/// Nothing when neither memory nor the cache has it whole.
template <class Record>
std::optional<Record> SnapshotStore::State::load_known(const base::Hash& id) {
  if (!trusts_caches) return std::nullopt;
  if (auto record = known<Record>().find(id)) return record;
  const auto object = cache.find(RecordTraits<Record>::kind, id);
  if (!object) return std::nullopt;
  try {
    auto record = open<Record>(id, *object);
    known<Record>().add(id, record);
    return record;
  } catch (const base::Error& error) {
    if (!is_damage(error.kind())) throw;
    return std::nullopt;
  }
}

template <class Record>
Record SnapshotStore::State::load_stored(const base::Hash& id, const storage::Fetch& fetch) {
  const auto& kind = RecordTraits<Record>::kind;
  return base::with_context(
      [&] { return fmt::format("reading {} of {}", object_name(kind, id), backend.describe()); },
      [&] {
        const auto object = fetch();
        auto record = open<Record>(id, object);
        cache.add(kind, id, object);
        known<Record>().add(id, record);
        return record;
      });
}

template <class Record>
Record SnapshotStore::State::open(const base::Hash& id, base::ByteView object) const {
  using Traits = RecordTraits<Record>;
  const auto opened = sealer.open(Traits::kind, id, object);
  auto record = Traits::decode(opened.record, id);
  sealer.verify(Traits::kind, record.writer, record.certificate, opened);
  return record;
}

template <class Record>
std::vector<Record> SnapshotStore::State::load_all(const DamageSink& damaged) {
  const auto& kind = RecordTraits<Record>::kind;
  std::set<std::string> listed;
  std::vector<Record> records;
  std::vector<std::string> unknown;
  const auto tell = [&](const std::string& name, const base::Error& error) {
    if (error.kind() == base::ErrorKind::not_found) return;  // forgotten meanwhile
    if (!damaged || !is_damage(error.kind())) throw base::Error(error);
    damaged(name, error.what());
  };
  backend.list(std::string(kind.prefix), [&](const storage::ObjectInfo& object) {
    const auto id = id_in_name(kind, object.name);
    if (!id) {
      tell(object.name,
           base::Error(base::ErrorKind::corrupt, fmt::format("{} is not the name of a record",
                                                             base::printable(object.name))));
      return;
    }
    if (!listed.insert(id->hex()).second) return;  // a store that names it twice
    if (auto record = load_known<Record>(*id)) {
      records.push_back(std::move(*record));
    } else {
      unknown.push_back(object.name);
    }
  });
  storage::get_many(backend, unknown, record_size_max,
                    [&](const std::string& name, const storage::Fetch& fetch) {
                      try {
                        records.push_back(load_stored<Record>(*id_in_name(kind, name), fetch));
                      } catch (const base::Error& error) {
                        tell(name, error);
                      }
                    });
  cache.keep_only(kind, listed);
  return records;
}

Records SnapshotStore::State::load_both(const DamageSink& damaged) {
  std::mutex telling;
  const DamageSink tell = [&](const std::string& name, const std::string& why) {
    const std::lock_guard lock(telling);
    damaged(name, why);
  };
  const auto sink = damaged ? tell : damaged;
  Records records;
  const std::array<std::function<void()>, 2> works = {
      [&] { records.deletions = load_all<Deletion>(sink); },
      [&] { records.snapshots = load_all<Snapshot>(sink); }};
  storage::side_by_side(backend, works);
  return records;
}

template <class Record>
base::Hash SnapshotStore::State::store(Record& record, const CommitGate& gate) {
  keys.require(RecordTraits<Record>::kind.ability);
  const Deletion* deletion = nullptr;
  if constexpr (std::is_same_v<Record, Deletion>) deletion = &record;
  const auto head = find_head(deletion);
  record.writer = sealer.writer();
  record.sequence = head.sequence + 1;
  record.previous = head.id;
  record.certificate = sealer.certificate();
  using Traits = RecordTraits<Record>;
  const auto encoded = Traits::encode(record);
  const auto sealed = sealer.seal(Traits::kind, encoded, random);
  if (sealed.object.size() > record_size_max) {
    throw base::Error(base::ErrorKind::invalid_input, "the record would be larger than 16 MiB")
        .set_hint("choose fewer paths, or make several sites of them");
  }
  if (gate) gate(base::SnapshotId::from_bytes(sealed.id.view()), sealed.object);
  // The name is the hash of the whole record: whoever was there before wrote the same one.
  if (storage::put(backend, object_name(Traits::kind, sealed.id), sealed.object) ==
      storage::PutOutcome::already_there) {
    static_cast<void>(load<Record>(sealed.id));
  }
  known<Record>().add(sealed.id, Traits::decode(encoded, sealed.id));
  auto all_seen = seen.load();
  all_seen.push_back(seen_of(sealed.id, record));
  seen.save(std::move(all_seen));
  return sealed.id;
}

std::set<base::Hash> SnapshotStore::State::deleted_ids(const DamageSink& damaged) {
  return ids_deleted_by(load_all<Deletion>(damaged));
}

/// What is there, and what was seen before and no deletion record names: also if it is lost.
void SnapshotStore::State::remember(const std::vector<Snapshot>& present,
                                    const std::vector<Deletion>& recorded) {
  const auto before = seen.load();
  const auto deleted = ids_deleted_by(recorded);
  std::set<SeenRecord> all(before.begin(), before.end());
  for (const auto& snapshot : present)
    all.insert(seen_of(hash_of(snapshot.id), snapshot));
  for (const auto& deletion : recorded)
    all.insert(seen_of(deletion.id, deletion));
  std::erase_if(all, [&](const SeenRecord& record) { return deleted.contains(record.id); });
  if (!std::ranges::equal(all, before)) seen.save({all.begin(), all.end()});
}

std::vector<SeenRecord> SnapshotStore::State::find_lost() {
  auto lost = seen.load();
  if (lost.empty()) return lost;
  std::set<std::string> listed;
  for (const auto* kind : {&snapshot_record, &deletion_record}) {
    backend.list(std::string(kind->prefix),
                 [&](const storage::ObjectInfo& object) { listed.insert(object.name); });
  }
  std::erase_if(lost, [&](const SeenRecord& record) { return listed.contains(name_of(record)); });
  if (lost.empty()) return lost;
  // A listing may be old; and what somebody forgot meanwhile has its deletion record by now.
  const DamageSink pass = [](const std::string&, const std::string&) {};
  const auto deleted = deleted_ids(pass);
  std::erase_if(lost, [&](const SeenRecord& record) {
    return deleted.contains(record.id) || backend.stat(name_of(record));
  });
  return lost;
}

void SnapshotStore::State::expect_none_lost() {
  const auto lost = find_lost();
  if (lost.empty()) return;
  throw base::Error(
      base::ErrorKind::tampered,
      fmt::format("{} has lost {} that this machine saw, and no deletion record names "
                  "them; the newest is {}",
                  backend.describe(), counted_records(lost.size()),
                  name_of(*std::ranges::max_element(lost, {}, &SeenRecord::sequence))))
      .set_hint(
          "nothing is written on top of that: bring the store back, or, after a real loss, say "
          "--trust-head once");
}

/// Damaged records are passed over: a chain with a gap is better than no backup, and is reported.
/// What a deletion record says is gone counts for its own number too.
ChainHead SnapshotStore::State::find_head(const Deletion* about_to_be_stored) {
  const DamageSink pass = [](const std::string&, const std::string&) {};
  auto records = load_both(pass);
  if (about_to_be_stored != nullptr) records.deletions.push_back(*about_to_be_stored);
  return head_of(sealer.writer(), records.snapshots, records.deletions);
}

DeletedRecord SnapshotStore::State::describe_for_deletion(const base::SnapshotId& id,
                                                          base::WallTime now) {
  std::optional<Snapshot> snapshot;
  try {
    snapshot = load<Snapshot>(hash_of(id));
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::corrupt) throw;
    return {id, {}, 0};
  }
  const auto refuse = [&](const std::string& why) {
    return base::Error(base::ErrorKind::conflict,
                       fmt::format("snapshot {} must not be forgotten: {}", id.short_hex(), why));
  };
  if (!snapshot->hold.empty()) throw refuse("it is held: " + base::printable(snapshot->hold));
  if (snapshot->locked_until && *snapshot->locked_until > now) {
    throw refuse("it is locked until " + snapshot->locked_until->to_iso());
  }
  return {id, snapshot->writer, snapshot->sequence};
}

SnapshotStore::SnapshotStore(storage::Backend& backend, base::RepositoryId repository,
                             const KeyBundle& keys, base::Random& random,
                             const std::string& cache_directory)
    : state_(std::make_unique<State>(backend, repository, keys, random,
                                     RecordSealer(repository, keys), RecordCache(cache_directory),
                                     SeenRecords(cache_directory))) {}

SnapshotStore::~SnapshotStore() = default;

std::vector<Snapshot> SnapshotStore::list(const DamageSink& damaged) const {
  auto [snapshots, deletions] = state_->load_both(damaged);
  const auto deleted = ids_deleted_by(deletions);
  state_->remember(snapshots, deletions);
  std::erase_if(snapshots,
                [&](const Snapshot& snapshot) { return deleted.contains(hash_of(snapshot.id)); });
  std::ranges::sort(snapshots, {}, [](const Snapshot& snapshot) {
    return std::tuple(snapshot.started, snapshot.sequence, snapshot.id);
  });
  return snapshots;
}

std::vector<Deletion> SnapshotStore::deletions(const DamageSink& damaged) const {
  return state_->load_all<Deletion>(damaged);
}

Snapshot SnapshotStore::load(const base::SnapshotId& id) const {
  // What this machine remembers may be gone from the store.
  if (!exists(id)) {
    throw base::Error(base::ErrorKind::not_found,
                      fmt::format("{} has no snapshot {}", state_->backend.describe(), id.hex()));
  }
  return state_->load<Snapshot>(hash_of(id));
}

void SnapshotStore::distrust_caches() { state_->trusts_caches = false; }

bool SnapshotStore::exists(const base::SnapshotId& id) const {
  if (!state_->backend.stat(object_name(snapshot_record, hash_of(id)))) return false;
  const DamageSink pass = [](const std::string&, const std::string&) {};
  return !state_->deleted_ids(pass).contains(hash_of(id));
}

void SnapshotStore::complete(const base::SnapshotId& id, base::ByteView object) {
  static_cast<void>(state_->sealer.open(snapshot_record, hash_of(id), object));
  static_cast<void>(
      storage::put(state_->backend, object_name(snapshot_record, hash_of(id)), object));
}

base::SnapshotId SnapshotStore::commit(Snapshot& snapshot, const CommitGate& gate) {
  state_->expect_none_lost();
  if (snapshot.problems.size() > Snapshot::problems_max) {
    snapshot.problems.resize(Snapshot::problems_max);
  }
  snapshot.id = base::SnapshotId::from_bytes(state_->store(snapshot, gate).view());
  return snapshot.id;
}

void SnapshotStore::forget(const std::vector<base::SnapshotId>& ids, base::WallTime now,
                           const std::string& reason) {
  if (ids.empty()) return;
  state_->expect_none_lost();
  Deletion deletion;
  deletion.time = now;
  deletion.reason = reason;
  const auto held = held_snapshots(state_->backend);
  for (const auto& id : ids) {
    if (!held.contains(id)) continue;
    throw base::Error(base::ErrorKind::conflict,
                      fmt::format("snapshot {} must not be forgotten: it is held", id.short_hex()))
        .set_hint("holdfast snapshots says why; holdfast hold --release takes that away");
  }
  for (const auto& id : ids)
    deletion.deleted.push_back(state_->describe_for_deletion(id, now));
  state_->store(deletion);
  // Also what an interrupted run recorded and did not remove.
  const DamageSink pass = [](const std::string&, const std::string&) {};
  for (const auto& id : state_->deleted_ids(pass)) {
    const auto name = object_name(snapshot_record, id);
    if (state_->backend.stat(name)) static_cast<void>(state_->backend.remove(name));
  }
}

std::vector<std::string> SnapshotStore::chain_problems() const {
  const DamageSink pass = [](const std::string&, const std::string&) {};
  const auto look = [&] {
    const auto records = state_->load_both(pass);
    return find_chain_problems(records.snapshots, records.deletions);
  };
  auto problems = look();
  if (problems.empty()) return problems;
  // What came between the two listings looks like a gap before what came after it. All that was
  // there then is seen now.
  const auto again = look();
  std::erase_if(problems, [&](const std::string& problem) {
    return std::ranges::find(again, problem) == again.end();
  });
  return problems;
}

std::vector<LostRecord> SnapshotStore::lost_records() const {
  const auto lost = state_->find_lost();
  if (lost.empty()) return {};
  const DamageSink pass = [](const std::string&, const std::string&) {};
  const auto [snapshots, deletions] = state_->load_both(pass);
  std::vector<LostRecord> described;
  for (const auto& record : lost) {
    const auto head = head_of(record.writer, snapshots, deletions).sequence;
    described.push_back(
        {name_of(record),
         fmt::format("this machine saw it as record {} of writer {}, and it is gone though no "
                     "deletion record names it: {}",
                     record.sequence, short_name(record.writer),
                     head < record.sequence
                         ? fmt::format("the store was rolled back to record {}", head)
                         : "it was removed, or the store was rolled back and written to since")});
  }
  return described;
}

void SnapshotStore::expect_none_lost() const { state_->expect_none_lost(); }

std::size_t SnapshotStore::accept_losses(base::WallTime now) {
  const DamageSink pass = [](const std::string&, const std::string&) {};
  const auto deletions = state_->load_all<Deletion>(pass);
  Deletion accepted;
  accepted.time = now;
  accepted.reason = "lost, and accepted with --trust-head";
  for (const auto& record : state_->find_lost())
    accepted.deleted.push_back(
        {base::SnapshotId::from_bytes(record.id.view()), record.writer, record.sequence});
  auto with_lost = deletions;
  with_lost.push_back(accepted);
  for (const auto& gap : find_gaps(state_->load_all<Snapshot>(pass), with_lost))
    accepted.deleted.push_back(gap);
  const auto count = accepted.deleted.size();
  if (count == 0) return 0;
  if (!state_->keys.can(Ability::maintain)) {
    state_->remember({}, {accepted});
    return count;
  }
  // Its number is greater than those of the lost: who saw them then sees what follows them.
  accepted.id = state_->store(accepted);
  state_->remember({}, {accepted});
  return count;
}

}  // namespace holdfast::repository
