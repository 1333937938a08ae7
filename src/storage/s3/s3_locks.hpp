// Objects that nobody can destroy before a time.
#pragma once

#include "s3_versions.hpp"
#include "storage/object_locks.hpp"

#include <atomic>
#include <optional>
#include <string>

namespace holdfast::storage {

/// Threads: all calls from any.
class S3Locks final : public ObjectLocks {
public:
  S3Locks(S3Client& client, S3Versions& versions) : client_(client), versions_(versions) {}

  /// Whether a new object of that name is to be locked, by whatever does that.
  bool wants(const std::string& name) const;
  /// Whether each object has a lock of its own, and no policy of the bucket does it.
  bool locks_by_object() const;
  /// The headers that lock a new object.
  void add_headers(net::Headers& headers) const;
  /// Locks a new object that was made without those.
  void lock_new(const std::string& key, const std::string& name);

  std::string identity() const override;
  LockTerms terms() const override;
  void expect_enforced() override;
  std::optional<base::WallTime> locked_until(const std::string& name) override;
  void lock(const std::string& name, base::WallTime until) override;
  void hold(const std::string& name) override;
  void release(const std::string& name) override;
  void release_removed() override;
  void list_held(const std::function<void(const HeldObject&)>& visit) override;
  void list_altered(const std::function<void(const AlteredObject&)>& visit) override;
  bool bring_back(const AlteredObject& object) override;

private:
  const char* mode() const;
  bool is_kept(const std::string& name) const;
  base::WallTime first_until() const;
  void retain(const std::string& key, const std::string& name, base::WallTime until);
  void set_hold(const std::string& name, const std::string& version, const char* status);
  std::string make_probe(const std::string& key);
  [[noreturn]] void refuse_store(const std::string& why, const char* next_step) const;

  S3Client& client_;
  S3Versions& versions_;
  std::atomic<bool> is_enforced_ = false;
};

}  // namespace holdfast::storage
