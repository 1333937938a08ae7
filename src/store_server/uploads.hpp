#pragma once

#include "base/clock.hpp"
#include "crypto/blake3.hpp"
#include "quota.hpp"
#include "storage/backend.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace holdfast::store_server {

/// A repository that is served.
struct ServedRepository {
  ServedRepository(const std::string& called, std::unique_ptr<storage::Backend> store,
                   std::optional<std::uint64_t> quota_bytes, const base::Clock& clock)
      : name(called), backend(std::move(store)), quota(called, *backend, quota_bytes, clock) {}

  const std::string name;
  const std::unique_ptr<storage::Backend> backend;
  Quota quota;
};

/// An object on its way in parts. Who uses it locks it.
struct Upload {
  Upload(std::shared_ptr<ServedRepository> into, std::string object)
      : repository(std::move(into)),
        name(std::move(object)),
        reservation(repository->quota),
        writer(repository->backend->create(name)) {}

  const std::shared_ptr<ServedRepository> repository;
  const std::string name;
  std::mutex mutex;
  Reservation reservation;
  std::unique_ptr<storage::ObjectWriter> writer;  // null: it ended
  crypto::Blake3 digest;
  std::uint64_t size = 0;
};

/// The uploads under way; a server that ends forgets them. One that nothing is added to for a day
/// is dropped, so that a laptop may sleep in between. Threads: all calls from any.
class Uploads {
public:
  explicit Uploads(const base::Clock& clock) : clock_(clock) {}

  /// `owner` is who may have only so many at once. Errors: unavailable when there are too many.
  std::shared_ptr<Upload> begin(const std::string& owner, const std::string& id,
                                std::shared_ptr<ServedRepository> repository,
                                const std::string& name);
  /// Null when there is none.
  std::shared_ptr<Upload> find(const std::string& owner, const std::string& id);
  void drop(const std::string& owner, const std::string& id);

private:
  struct Entry {
    std::shared_ptr<Upload> upload;
    base::Instant touched;
  };
  void drop_old();

  const base::Clock& clock_;
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, Entry> entries_;  // by owner and id
};

}  // namespace holdfast::store_server
