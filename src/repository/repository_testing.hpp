// A small repository in memory for tests, with a store that can be told to fail.
#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/secret.hpp"
#include "base/temporary_directory.hpp"
#include "repository/repository.hpp"
#include "repository/stored_objects.hpp"
#include "repository/write_session.hpp"
#include "storage/memory/memory_backend.hpp"
#include "storage/wrappers/faulty_backend.hpp"

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::repository {

/// In memory where there is such a place: caches are made durable, and tests need not wait for
/// that.
inline std::string scratch_parent() {
  return std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : "";
}

class TestRepository {
public:
  TestRepository() = default;
  /// In a store that locks objects so long.
  explicit TestRepository(storage::LockTerms locks)
      : memory(storage::open_locking_memory({clock, locks, is_kept_object})) {}
  /// In a store with an archive class; a thaw takes so long.
  struct Archive {
    std::int64_t thaw_seconds = 0;
  };
  explicit TestRepository(Archive archive)
      : memory(storage::open_tiering_memory({clock, archive.thaw_seconds})) {}

  explicit TestRepository(std::unique_ptr<storage::Backend> with) : memory(std::move(with)) {}

  base::TemporaryDirectory cache{scratch_parent()};
  base::ManualClock clock{{1'700'000'000, 0}};
  base::SeededRandom random{5};
  const base::Secret passphrase{base::as_bytes("correct horse")};
  std::unique_ptr<storage::Backend> memory = storage::open_memory();
  storage::FaultPlan plan;
  std::unique_ptr<storage::Backend> store = storage::with_faults(
      *memory, [this](storage::Operation operation, const std::string& name, std::uint64_t call) {
        return plan ? plan(operation, name, call) : std::nullopt;
      });
  std::unique_ptr<Repository> repository = Repository::create(
      *store, passphrase, {{1, crypto::PassphraseCost::memory_bytes_min}, "test"}, environment());

  Environment environment() { return {clock, random, cache.path()}; }
  std::unique_ptr<Repository> reopen() {
    return Repository::open(*store, passphrase, environment());
  }
  static WriteOptions small_packs() {
    return {.compression_level = 1, .pack_size_target = 300'000};
  }
  base::Bytes random_bytes(std::size_t size) {
    base::Bytes bytes(size);
    random.fill(bytes);
    return bytes;
  }
  std::vector<std::string> names(const std::string& prefix) const {
    std::vector<std::string> found;
    memory->list(prefix, [&](const auto& object) { found.push_back(object.name); });
    return found;
  }
  base::Bytes object(const std::string& name) const {
    return storage::get(*memory, name, std::size_t{1} << 30);
  }
  void replace(const std::string& name, base::ByteView bytes) const {
    memory->remove(name);
    static_cast<void>(storage::put(*memory, name, bytes));
  }
  void flip(const std::string& name, std::size_t at) const {
    auto bytes = object(name);
    bytes.at(at) ^= std::byte{1};
    replace(name, bytes);
  }
};

}  // namespace holdfast::repository
