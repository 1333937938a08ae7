#include "repository/repository.hpp"

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "chunk_reader.hpp"
#include "slot_names.hpp"

#include <fmt/format.h>

#include <mutex>
#include <optional>

namespace holdfast::repository {

struct Repository::State {
  storage::Backend& backend;
  const Environment environment;
  const FormatObject format;
  const KeyBundle keys;
  const SlotInfo slot;
  const std::string cache_directory;
  SnapshotStore snapshots;
  Index index;
  std::once_flag index_refreshed{};
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
        index(backend, format.id, keys, cache_directory) {}
};

namespace {

/// A passphrase is tried on this many slots at most: each costs a tenth of a second.
constexpr std::size_t slots_tried_max = 32;

struct OpenedSlot {
  KeyBundle keys;
  SlotInfo info;
};

/// Nothing when this slot is not for this passphrase; damage goes to `damage` and others are tried.
std::optional<OpenedSlot> try_slot(storage::Backend& backend, const std::string& name,
                                   const FormatObject& format, const base::Secret& passphrase,
                                   std::optional<base::Error>& damage) {
  try {
    const auto slot = storage::get(backend, name, slot_size_max);
    auto info = describe_slot(slot);
    info.id = name.substr(slot_prefix.size());
    return OpenedSlot{open_slot(slot, format.id, passphrase), std::move(info)};
  } catch (base::Error& error) {
    if (error.kind() == base::ErrorKind::wrong_key) return std::nullopt;
    if (error.kind() != base::ErrorKind::corrupt && error.kind() != base::ErrorKind::unsupported &&
        error.kind() != base::ErrorKind::not_found) {
      throw;
    }
    error.add_context(fmt::format("reading key slot {} of {}", name, backend.describe()));
    if (!damage) damage = error;
    return std::nullopt;
  }
}

OpenedSlot open_any_slot(storage::Backend& backend, const FormatObject& format,
                         const base::Secret& passphrase) {
  std::vector<std::string> names;
  backend.list(std::string(slot_prefix), [&](const storage::ObjectInfo& object) {
    if (names.size() < slots_tried_max) names.push_back(object.name);
  });
  std::optional<base::Error> damage;
  for (const auto& name : names) {
    if (auto opened = try_slot(backend, name, format, passphrase, damage))
      return std::move(*opened);
  }
  if (damage && names.size() == 1) throw *damage;
  if (names.empty()) {
    throw base::Error(base::ErrorKind::corrupt,
                      fmt::format("{} has no key slots", backend.describe()))
        .set_hint("put the key slot of the recovery sheet back under keys/, as the sheet says");
  }
  auto error =
      base::Error(base::ErrorKind::wrong_key,
                  fmt::format("the passphrase opens no key slot of {}{}", backend.describe(),
                              damage ? ", and one of them is damaged" : ""));
  error.set_hint(damage ? fmt::format("check the passphrase; the damage: {}", damage->what())
                        : "check the passphrase, its file, and that this is the right repository");
  throw error;
}

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
  expect_no_repository(backend);
  auto keys = make_owner_bundle(environment.random);
  FormatObject format;
  format.id = environment.random.id<base::RepositoryId>();
  format.owner_signing_key = keys.owner_signing_key;
  format.created_seconds = environment.clock.wall_now().seconds;

  SlotInfo slot{make_slot_id(environment.random), format.id, keys.role, options.label};
  const auto sealed =
      seal_slot(keys, format.id, passphrase, options.cost, options.label, environment.random);
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
                                             const base::Secret& passphrase,
                                             Environment environment) {
  crypto::initialise();
  const auto format = load_format(backend);
  auto opened = open_any_slot(backend, format, passphrase);
  expect_owner(format, opened.keys);
  auto state = std::make_unique<State>(backend, std::move(environment), format,
                                       std::move(opened.keys), std::move(opened.info));
  make_cache_directory(state->cache_directory);
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

Index& Repository::index() {
  std::call_once(state_->index_refreshed, [this] { state_->index.refresh(); });
  return state_->index;
}

ChunkSource& Repository::chunks() {
  const std::lock_guard lock(state_->chunk_reader_mutex);
  if (!state_->chunk_reader) state_->chunk_reader.emplace(*this);
  return *state_->chunk_reader;
}

}  // namespace holdfast::repository
