#include "repository/repository.hpp"

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/little_endian.hpp"
#include "chunk_reader.hpp"
#include "epochs.hpp"
#include "slot_names.hpp"
#include "storage/get_many.hpp"
#include "unindexed_packs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>

namespace holdfast::repository {

struct Repository::State {
  storage::Backend& backend;
  const Environment environment;
  const FormatObject format;
  KeyBundle keys;  // epochs are added by learn_epoch
  const SlotInfo slot;
  const std::string cache_directory;
  SnapshotStore snapshots;
  Index index;
  std::uint32_t newest_epoch_seen = 0;  // by this machine, before
  std::vector<std::string> epoch_damage{};
  std::mutex later_mutex{};               // guards later_keys
  std::optional<KeyBundle> later_keys{};  // with epochs that began since this was opened
  std::once_flag index_refreshed{};
  std::mutex unindexed_mutex{};  // guards the two below; held while the packs are read
  bool unindexed_wanted = false;
  std::size_t unindexed_found = 0;
  std::mutex chunk_reader_mutex{};  // guards the making of chunk_reader
  std::optional<ChunkReader> chunk_reader{};

  State(storage::Backend& at, Environment around, FormatObject said, KeyBundle held, SlotInfo by)
      : backend(at),
        environment(std::move(around)),
        format(said),
        keys(std::move(held)),
        slot(std::move(by)),
        cache_directory(environment.cache_directory + "/" + format.id.hex().substr(0, 16)),
        snapshots(backend, format.id, keys, environment.random, cache_directory),
        index(backend, format.id, keys, cache_directory, environment.io_threads) {}
};

namespace {

/// A passphrase is tried on this many slots at most: each costs a tenth of a second.
constexpr std::size_t passphrases_tried_max = 32;
constexpr std::size_t slots_max = 1024;

struct OpenedSlot {
  KeyBundle keys;
  SlotInfo info;
};

/// A slot as it was read, or why it was not.
struct ReadSlot {
  std::string name;
  base::Bytes object;
  std::optional<base::Error> failure;
};

std::vector<ReadSlot> read_slots(storage::Backend& backend) {
  std::vector<std::string> names;
  backend.list(std::string(slot_prefix), [&](const storage::ObjectInfo& object) {
    if (names.size() < slots_max) names.push_back(object.name);
  });
  std::vector<ReadSlot> slots;
  storage::get_many(backend, names, slot_size_max,
                    [&](const std::string& name, const storage::Fetch& fetch) {
                      try {
                        slots.push_back({name, fetch(), {}});
                      } catch (const base::Error& error) {
                        slots.push_back({name, {}, error});
                      }
                    });
  return slots;
}

/// Tries a credential on one slot after the other.
class SlotSearch {
public:
  SlotSearch(storage::Backend& backend, const FormatObject& format, const Credential& credential)
      : backend_(backend), format_(format), credential_(credential) {}

  OpenedSlot run(const std::vector<ReadSlot>& slots) {
    for (const auto& slot : slots) {
      if (auto opened = try_slot(slot)) return std::move(*opened);
    }
    if (damage_ && slots.size() == 1) throw *damage_;
    if (slots.empty()) {
      throw base::Error(base::ErrorKind::corrupt,
                        fmt::format("{} has no key slots", backend_.describe()))
          .set_hint("put the key slot of the recovery sheet back under keys/, as the sheet says");
    }
    throw failure();
  }

private:
  /// Nothing when this slot is not for this credential; damage is kept and others are tried.
  std::optional<OpenedSlot> try_slot(const ReadSlot& slot) {
    try {
      if (slot.failure) throw base::Error(*slot.failure);
      auto info = describe_slot(slot.object);
      info.id = slot.name.substr(slot_prefix.size());
      if (!is_worth_trying(info)) return std::nullopt;
      return OpenedSlot{open_slot(slot.object, format_.id, credential_), std::move(info)};
    } catch (base::Error& error) {
      if (error.kind() == base::ErrorKind::wrong_key) return std::nullopt;
      if (error.kind() != base::ErrorKind::corrupt &&
          error.kind() != base::ErrorKind::unsupported &&
          error.kind() != base::ErrorKind::not_found) {
        throw;
      }
      error.add_context(fmt::format("reading key slot {} of {}", slot.name, backend_.describe()));
      if (!damage_) damage_ = error;
      return std::nullopt;
    }
  }

  bool is_worth_trying(const SlotInfo& info) {
    if (const auto* pair = credential_.private_key()) return info.recipient == pair->public_key;
    return info.kind == SlotKind::passphrase && ++passphrases_tried_ <= passphrases_tried_max;
  }

  base::Error failure() const {
    const auto* what = credential_.passphrase() != nullptr ? "passphrase" : "key file";
    auto error =
        base::Error(base::ErrorKind::wrong_key,
                    fmt::format("the {} opens no key slot of {}{}", what, backend_.describe(),
                                damage_ ? ", and one of them is damaged" : ""));
    return error.set_hint(
        damage_ ? fmt::format("check the {}; the damage: {}", what, damage_->what())
                : fmt::format(
                      "check the {}, its file, and that this is the right repository; a key slot "
                      "that was lost is on its recovery sheet",
                      what));
  }

  storage::Backend& backend_;
  const FormatObject& format_;
  const Credential& credential_;
  std::optional<base::Error> damage_;
  std::size_t passphrases_tried_ = 0;
};

void expect_owner(const FormatObject& format, const KeyBundle& keys) {
  if (format.owner_signing_key == keys.owner_signing_key) return;
  throw base::Error(base::ErrorKind::corrupt,
                    "the format object was signed by somebody else than the owner of the keys")
      .set_hint("somebody put another format object into the store; restore it from a copy");
}

/// Before a key slot is written: a slot without its format object would only be tried in vain.
void expect_no_repository(storage::Backend& backend) {
  for (const auto& name : format_names()) {
    if (!backend.stat(name)) continue;
    throw base::Error(base::ErrorKind::already_exists,
                      fmt::format("there is a repository at {} already", backend.describe()))
        .set_hint("back up into it with its passphrase, or choose an empty place");
  }
}

void make_cache_directory(const std::string& path) { base::make_directories(path, 0700); }

std::string epoch_file(const std::string& cache_directory) { return cache_directory + "/epoch"; }

/// The greatest number of an epoch that this machine saw; 0 when it remembers none.
std::uint32_t remembered_epoch(const std::string& cache_directory) {
  try {
    const auto bytes = base::read_file(epoch_file(cache_directory), sizeof(std::uint32_t));
    if (bytes.size() != sizeof(std::uint32_t)) return 0;
    return std::min(base::load_le<std::uint32_t>(bytes.data()), epoch_number_max);
  } catch (const base::Error&) {
    return 0;  // a new machine, or a cache that was lost
  }
}

void remember_epoch(const std::string& cache_directory, std::uint32_t number) {
  base::Bytes bytes;
  base::put_le(bytes, number);
  base::write_cache(epoch_file(cache_directory), bytes, 0600);
}

}  // namespace

Repository::Repository(std::unique_ptr<State> state) : state_(std::move(state)) {}
Repository::~Repository() = default;

std::unique_ptr<Repository> Repository::create(storage::Backend& backend,
                                               const base::Secret& passphrase,
                                               const CreateOptions& options,
                                               Environment environment) {
  crypto::initialise();
  if (passphrase.empty()) {
    throw base::Error(base::ErrorKind::invalid_input, "the passphrase is empty")
        .set_hint("choose one; without it nobody, you included, can read the repository");
  }
  if (options.parity_percent > pipeline::parity_percent_max) {
    throw base::Error(
        base::ErrorKind::invalid_input,
        fmt::format("the parity must be at most {} percent", pipeline::parity_percent_max));
  }
  expect_no_repository(backend);
  auto keys = make_owner_bundle(environment.random);
  FormatObject format;
  format.id = environment.random.id<base::RepositoryId>();
  certify_owner(keys, format.id, environment.random);
  format.owner_signing_key = keys.owner_signing_key;
  format.created_seconds = environment.clock.wall_now().seconds;
  format.parity_percent = options.parity_percent;

  const auto sealed = seal_slot(keys, format.id, PassphraseLock{passphrase, options.cost},
                                {options.label, format.created_seconds}, environment.random);
  auto slot = describe_slot(sealed);
  slot.id = make_slot_id(environment.random);
  if (storage::put(backend, std::string(slot_prefix) + slot.id, sealed) !=
      storage::PutOutcome::stored) {
    throw base::Error(base::ErrorKind::conflict, "a key slot with the same random name exists");
  }
  store_format(backend,
               encode_format(format, crypto::signing_key_pair_of(keys.signing_seed.view())));
  auto state = std::make_unique<State>(backend, std::move(environment), format, std::move(keys),
                                       std::move(slot));
  make_cache_directory(state->cache_directory);
  return std::make_unique<Repository>(std::move(state));
}

std::unique_ptr<Repository> Repository::open(storage::Backend& backend,
                                             const Credential& credential,
                                             Environment environment) {
  crypto::initialise();
  FormatObject format;
  std::vector<ReadSlot> slots;
  EpochCopies epochs;
  const std::array<std::function<void()>, 3> reading = {
      [&] { format = load_format(backend); }, [&] { slots = read_slots(backend); },
      [&] { epochs = list_epoch_copies(backend); }};
  storage::side_by_side(backend, reading);
  auto opened = SlotSearch(backend, format, credential).run(slots);
  expect_owner(format, opened.keys);
  const auto stored = load_epochs(backend, epochs, format.id, format.owner_signing_key);
  add_epochs(opened.keys, stored.records);
  auto state = std::make_unique<State>(backend, std::move(environment), format,
                                       std::move(opened.keys), std::move(opened.info));
  make_cache_directory(state->cache_directory);
  state->epoch_damage = stored.damage;
  state->newest_epoch_seen = std::max(remembered_epoch(state->cache_directory), stored.newest);
  const auto newest = state->keys.newest_epoch().number;
  if (newest > 1 && newest >= state->newest_epoch_seen) {
    state->newest_epoch_seen = newest;
    remember_epoch(state->cache_directory, newest);
  }
  return std::make_unique<Repository>(std::move(state));
}

const base::RepositoryId& Repository::id() const { return state_->format.id; }
const FormatObject& Repository::format() const { return state_->format; }
const KeyBundle& Repository::keys() const { return state_->keys; }
const SlotInfo& Repository::slot() const { return state_->slot; }
storage::Backend& Repository::backend() const { return state_->backend; }
const Environment& Repository::environment() const { return state_->environment; }
const std::string& Repository::cache_directory() const { return state_->cache_directory; }
SnapshotStore& Repository::snapshots() { return state_->snapshots; }

std::uint32_t Repository::newest_epoch_seen() const { return state_->newest_epoch_seen; }

void Repository::expect_writable() const {
  const auto& state = *state_;
  state.keys.require(Ability::back_up);
  const auto newest = state.keys.newest_epoch().number;
  if (newest >= state.newest_epoch_seen) return;
  throw base::Error(
      base::ErrorKind::corrupt,
      state.epoch_damage.empty()
          ? fmt::format("epoch {} of the keys, which this machine saw, is gone from {}",
                        state.newest_epoch_seen, state.backend.describe())
          : state.epoch_damage.front())
      .set_hint(
          "nothing is written under older keys: put epochs/ back, or let the owner run "
          "'holdfast key rotate'");
}

crypto::BoxKeyPair Repository::epoch_pair(std::uint32_t number) const {
  auto& state = *state_;
  state.keys.require(Ability::read_content);
  const auto has = [&](const KeyBundle& keys) {
    return std::ranges::find(keys.epochs, number, &Epoch::number) != keys.epochs.end();
  };
  const auto pair_in = [&](const KeyBundle& keys) {
    const auto& held = keys.epoch(number);
    if (!held.private_key.empty()) return crypto::box_key_pair_of(held.private_key.view());
    throw base::Error(base::ErrorKind::wrong_key,
                      fmt::format("this key slot cannot read packs of epoch {}", number))
        .set_hint("the slot was made or granted before that epoch: the owner rotates once more");
  };
  if (has(state.keys)) return pair_in(state.keys);
  // Rarely, and only while somebody rotates the keys beside us.
  const std::lock_guard lock(state.later_mutex);
  if (!state.later_keys || !has(*state.later_keys)) {
    auto listed = list_epoch_copies(state.backend);
    const auto names = epoch_names(number);
    listed[number].insert(names.begin(), names.end());  // the listing may be old
    auto keys = state.keys.clone();
    add_epochs(keys,
               load_epochs(state.backend, listed, state.format.id, keys.owner_signing_key).records);
    state.later_keys = std::move(keys);
  }
  return pair_in(*state.later_keys);
}

void Repository::learn_epoch(Epoch epoch) {
  state_->newest_epoch_seen = epoch.number;
  state_->epoch_damage.clear();
  remember_epoch(state_->cache_directory, epoch.number);
  state_->keys.epochs.push_back(std::move(epoch));
}

Index& Repository::index() {
  state_->keys.require(Ability::search_index);
  std::call_once(state_->index_refreshed, [this] { state_->index.refresh(); });
  return state_->index;
}

Index& Repository::fresh_index() {
  bool fresh = false;
  std::call_once(state_->index_refreshed, [&] {
    state_->index.refresh();
    fresh = true;
  });
  if (!fresh) state_->index.refresh();
  return state_->index;
}

void Repository::read_unindexed_packs(bool wanted) {
  const std::lock_guard lock(state_->unindexed_mutex);
  state_->unindexed_wanted = wanted;
}

bool Repository::find_unindexed_packs() {
  const std::lock_guard lock(state_->unindexed_mutex);  // others wait for what this one finds
  if (!std::exchange(state_->unindexed_wanted, false)) return state_->unindexed_found != 0;
  state_->unindexed_found += add_unindexed_packs(*this, index());
  return state_->unindexed_found != 0;
}

std::size_t Repository::unindexed_packs_found() const {
  const std::lock_guard lock(state_->unindexed_mutex);
  return state_->unindexed_found;
}

ChunkSource& Repository::chunks() {
  state_->keys.require(Ability::read_content);
  const std::lock_guard lock(state_->chunk_reader_mutex);
  if (!state_->chunk_reader) state_->chunk_reader.emplace(*this);
  return *state_->chunk_reader;
}

}  // namespace holdfast::repository
