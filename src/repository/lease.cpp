#include "lease.hpp"

#include "base/error.hpp"
#include "collection_object.hpp"
#include "wire.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

namespace holdfast::repository {

using base::Error;
using base::ErrorKind;
using storage::PutOutcome;

namespace {

constexpr std::string_view start_suffix = "start";
constexpr std::string_view end_suffix = "end";
constexpr std::size_t id_digits = 32;
/// More are not told apart: a lease that was renewed so often is older than any run.
constexpr std::uint64_t renewals_max = 1'000'000;

std::string object_name(const std::string& id, std::string_view suffix) {
  return fmt::format("{}{}.{}", lease_prefix, id, suffix);
}

std::string random_id(base::Random& random) {
  std::array<std::byte, id_digits / 2> bytes;
  random.fill(bytes);
  return base::to_hex(bytes);
}

bool is_damage(const Error& error) {
  return error.kind() == ErrorKind::corrupt || error.kind() == ErrorKind::wrong_key;
}

/// Notes one object of a lease, which is `name` without the prefix.
void note_object(std::map<std::string, SeenLease>& leases, std::string_view name) {
  const auto dot = name.find('.');
  if (dot != id_digits) return;
  const auto suffix = name.substr(dot + 1);
  auto& lease = leases[std::string(name.substr(0, dot))];
  if (suffix == start_suffix) {
    lease.has_start = true;
  } else if (suffix == end_suffix) {
    lease.has_end = true;
  } else {
    std::uint64_t number = 0;
    std::from_chars(suffix.data(), suffix.data() + suffix.size(), number);
    lease.renewals = std::max(lease.renewals, std::min(number, renewals_max));
  }
}

/// Nothing when the object went meanwhile.
std::optional<base::Bytes> get_if_there(const LeaseStore& store, const std::string& name) {
  try {
    return storage::get(store.backend, name, lease_end_size_max);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
    return std::nullopt;
  }
}

/// Nothing when the object went meanwhile.
std::optional<LeaseTerms> read_terms(const LeaseStore& store, const std::string& name) {
  try {
    const auto object = storage::get(store.backend, name, lease_size_max);
    return decode_lease(
        open_collection_object(lease_kind, name, object, store.repository, store.keys));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
    return std::nullopt;
  }
}

/// All but the end, the start first.
void remove_terms(const LeaseStore& store, const std::string& id, std::uint64_t renewals) {
  static_cast<void>(store.backend.remove(object_name(id, start_suffix)));
  for (std::uint64_t i = 1; i <= renewals; ++i)
    static_cast<void>(store.backend.remove(object_name(id, std::to_string(i))));
}

/// The newest object says when the lease expires, and every one names all that the holder knows.
void read_newest(const LeaseStore& store, SeenLease& lease) {
  try {
    std::optional<LeaseTerms> terms;
    if (lease.renewals > 0) {
      terms = read_terms(store, object_name(lease.id, std::to_string(lease.renewals)));
    }
    if (!terms) terms = read_terms(store, object_name(lease.id, start_suffix));
    if (!terms) {
      lease.has_start = false;  // it ended meanwhile
      return;
    }
    lease.terms = std::move(*terms);
  } catch (const Error& error) {
    if (!is_damage(error)) throw;
    lease.readable = false;
  }
}

}  // namespace

Lease::Lease(const LeaseStore& store, LeaseOptions options)
    : store_(store), options_(std::move(options)), id_(random_id(store.random)) {
  renewed_ = store_.clock.now();
  put_terms(std::string(start_suffix));
}

Lease::~Lease() {
  try {
    end();
  } catch (const std::exception&) {  // it expires by itself
    return;
  }
}

void Lease::put_terms(const std::string& suffix) {
  LeaseTerms terms;
  terms.created = store_.clock.wall_now();
  terms.expires = terms.created;
  terms.expires.seconds += options_.duration_seconds;
  terms.purpose = options_.purpose;
  terms.tombs_known = known_;
  const auto name = object_name(id_, suffix);
  const auto object = seal_collection_object(lease_kind, name, encode_lease(terms),
                                             store_.repository, store_.keys, store_.random);
  static_cast<void>(storage::put(store_.backend, name, object));
}

void Lease::know(const std::vector<std::string>& tombs) {
  if (tombs.empty()) return;
  const std::lock_guard lock(mutex_);
  known_ = tombs;
  put_terms(std::to_string(++renewals_));
}

void Lease::renew_if_due() {
  const std::lock_guard lock(mutex_);
  if (ended_) return;
  const auto now = store_.clock.now();
  if (base::seconds_between(renewed_, now) * 3 < static_cast<double>(options_.duration_seconds)) {
    return;
  }
  expect_not_revoked();
  put_terms(std::to_string(++renewals_));
  renewed_ = now;
}

void Lease::expect_held() {
  const std::lock_guard lock(mutex_);
  expect_not_revoked();
}

/// What was taken away is not taken back: whoever did may have deleted already.
void Lease::expect_not_revoked() {
  if (store_.backend.stat(object_name(id_, end_suffix)) ||
      !store_.backend.stat(object_name(id_, start_suffix))) {
    throw_lost();
  }
}

void Lease::throw_lost() const {
  throw Error(ErrorKind::conflict,
              fmt::format("the lease of this {} was taken away: it was silent for longer than {} "
                          "minutes, and a prune did not wait any more",
                          options_.purpose, options_.duration_seconds / 60))
      .set_hint("run it again: what it stored and is still there is used");
}

void Lease::commit(const base::SnapshotId& snapshot, base::ByteView record) {
  const auto name = object_name(id_, end_suffix);
  const auto object = seal_collection_object(lease_end_kind, name,
                                             encode_lease_end({snapshot, base::copy_of(record)}),
                                             store_.repository, store_.keys, store_.random);
  const std::lock_guard lock(mutex_);
  committing_ = true;
  bool cleared = false;
  if (storage::put(store_.backend, name, object) == PutOutcome::already_there) {
    const auto there = get_if_there(store_, name);
    if (there && *there != object) throw_lost();
    cleared = !there;  // by whoever created it, or took ours for a snapshot that counts
  }
  // Without a start somebody cleared the lease away: after a revocation, and what was just created
  // means nothing; or because it had read this very end and stored the snapshot for us.
  if (!cleared && store_.backend.stat(object_name(id_, start_suffix))) return;
  if (store_.backend.stat("snapshots/" + snapshot.hex())) return;
  static_cast<void>(store_.backend.remove(name));
  throw_lost();
}

void Lease::end() {
  const std::lock_guard lock(mutex_);
  if (ended_) return;
  ended_ = true;
  remove_terms(store_, id_, renewals_);
  // An end that is not ours belongs to who took the lease away, and clears it away.
  if (committing_) static_cast<void>(store_.backend.remove(object_name(id_, end_suffix)));
}

bool SeenLease::knows(const std::string& tomb) const {
  return std::ranges::find(terms.tombs_known, tomb) != terms.tombs_known.end();
}

std::vector<SeenLease> list_leases(const LeaseStore& store) {
  std::map<std::string, SeenLease> found;
  store.backend.list(std::string(lease_prefix), [&](const storage::ObjectInfo& object) {
    note_object(found, std::string_view(object.name).substr(lease_prefix.size()));
  });
  std::vector<SeenLease> leases;
  for (auto& [id, lease] : found) {
    lease.id = id;
    if (lease.has_start && !lease.has_end) read_newest(store, lease);
    leases.push_back(std::move(lease));
  }
  return leases;
}

std::optional<LeaseEnd> revoke_lease(const LeaseStore& store, const SeenLease& lease) {
  const auto name = object_name(lease.id, end_suffix);
  const auto object = seal_collection_object(lease_end_kind, name, encode_lease_end({}),
                                             store.repository, store.keys, store.random);
  if (storage::put(store.backend, name, object) == PutOutcome::stored) return LeaseEnd{};
  return read_lease_end(store, lease);
}

std::optional<LeaseEnd> read_lease_end(const LeaseStore& store, const SeenLease& lease) {
  const auto name = object_name(lease.id, end_suffix);
  try {
    const auto object = storage::get(store.backend, name, lease_end_size_max);
    auto end = decode_lease_end(
        open_collection_object(lease_end_kind, name, object, store.repository, store.keys));
    // Asked after the end was read: an end that came after the start went commits nothing.
    if (!store.backend.stat(object_name(lease.id, start_suffix))) return std::nullopt;
    return end;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
    return std::nullopt;
  }
}

void remove_lease(const LeaseStore& store, const SeenLease& lease) {
  // The start goes before the end: while an end can be created anew, there is no start.
  remove_terms(store, lease.id, lease.renewals);
  static_cast<void>(store.backend.remove(object_name(lease.id, end_suffix)));
}

base::Bytes encode_lease(const LeaseTerms& terms) {
  base::Bytes text;
  WireWriter writer(text);
  writer.signed_number(1, terms.created.seconds);
  writer.signed_number(2, terms.expires.seconds);
  writer.text(3, terms.purpose);
  for (const auto& tomb : terms.tombs_known)
    writer.item(4, base::as_bytes(tomb));
  return text;
}

LeaseTerms decode_lease(base::ByteView text) {
  WireReader reader(text, "a lease", std::uint64_t{1} << 4);
  LeaseTerms terms;
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        terms.created.seconds = reader.signed_number();
        break;
      case 2:
        terms.expires.seconds = reader.signed_number();
        break;
      case 3:
        terms.purpose = reader.text();
        break;
      case 4:
        terms.tombs_known.push_back(reader.text());
        break;
      default:
        reader.unknown_field();
    }
  }
  return terms;
}

base::Bytes encode_lease_end(const LeaseEnd& end) {
  base::Bytes text;
  WireWriter writer(text);
  if (end.snapshot) writer.bytes(1, end.snapshot->view());
  writer.bytes(2, end.record);
  return text;
}

LeaseEnd decode_lease_end(base::ByteView text) {
  WireReader reader(text, "the end of a lease");
  LeaseEnd end;
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        end.snapshot = reader.id<base::SnapshotId>();
        break;
      case 2:
        end.record = base::copy_of(reader.bytes());
        break;
      default:
        reader.unknown_field();
    }
  }
  return end;
}

}  // namespace holdfast::repository
