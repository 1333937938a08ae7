// Buckets whose policy keeps every object from being destroyed and overwritten for some days after
// it was stored (Aliyun's WORM). Nothing can hide an object there either: so what is removed before
// its days are over gets a note beside the objects, and is gone for who reads the notes.
// docs/decisions/0036-worm-of-buckets.md has the reasons.
#pragma once

#include "s3_objects.hpp"
#include "storage/object_locks.hpp"
#include "xml.hpp"

#include <atomic>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace holdfast::storage {

/// Whether a request was refused because a policy protects the object.
bool says_it_is_protected(const net::HttpResponse& response);

/// Threads: all calls from any.
class BucketWorm final : public ObjectLocks {
public:
  explicit BucketWorm(S3Client& client) : client_(client) {}

  /// Whether what is removed may be there yet. Asks the store once, where there is such a policy.
  bool may_protect();
  /// Notes that an object which is there and protected is removed. It stays for as long as the
  /// note, which is protected too: so nobody can use its name anew and have that hidden.
  void hide(const std::string& name, const StoredObject& there);
  /// Whether it was removed. Of an object that is there.
  bool hides(const std::string& name);
  /// The names below `prefix`, empty or ending in '/', that are hidden.
  std::set<std::string> hidden_below(const std::string& prefix);
  /// Destroys what is hidden and not protected any more; returns how many objects.
  std::size_t remove_unprotected();

  std::string identity() const override;
  LockTerms terms() const override;
  void expect_enforced() override;
  std::optional<base::WallTime> locked_until(const std::string& name) override;
  /// Begins the days of an object anew, which can be done when they are over.
  void lock(const std::string& name, base::WallTime until) override;
  void hold(const std::string& name) override;
  void release(const std::string& name) override;
  void release_removed() override {}
  void list_held(const std::function<void(const HeldObject&)>& visit) override;
  void list_altered(const std::function<void(const AlteredObject&)>& visit) override;
  bool bring_back(const AlteredObject& object) override;

private:
  enum class Known : std::uint8_t { nothing, yes, no };
  std::optional<WormPolicy> policy();
  std::int64_t protected_seconds();
  std::vector<HeldObject> notes_below(const std::string& prefix);
  bool destroy(const std::string& key);
  bool is_protected(const std::string& key);
  [[noreturn]] void refuse_store(const std::string& why, const std::string& next_step) const;
  [[noreturn]] void refuse_holds() const;

  S3Client& client_;
  std::atomic<Known> may_protect_ = Known::nothing;
  std::atomic<bool> is_enforced_ = false;
  std::mutex mutex_;  // held over I/O: the policy is asked for once
  std::optional<WormPolicy> policy_;
  bool was_asked_ = false;
};

}  // namespace holdfast::storage
