#include "storage/memory/memory_backend.hpp"

#include "base/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

namespace holdfast::storage {

namespace {

/// The objects, and the lock that guards them.
struct Objects {
  std::mutex mutex;
  std::map<std::string, base::Bytes> by_name;
  std::map<std::string, base::WallTime> locked;  // until then
  std::set<std::string> on_hold;                 // by a legal hold
  std::vector<HeldObject> held;
};

class MemoryWriter final : public ObjectWriter {
public:
  MemoryWriter(Objects& objects, std::string name) : objects_(objects), name_(std::move(name)) {}

  void append(base::ByteView bytes) override {
    HF_ASSERT(!committed_, "nothing is appended after commit");
    base::append(bytes_, bytes);
  }

  PutOutcome commit() override {
    HF_ASSERT(!committed_, "an object is committed once");
    committed_ = true;
    const std::lock_guard lock(objects_.mutex);
    const auto [at, is_new] = objects_.by_name.try_emplace(name_, std::move(bytes_));
    return is_new ? PutOutcome::stored : PutOutcome::already_there;
  }

private:
  Objects& objects_;
  const std::string name_;
  base::Bytes bytes_;
  bool committed_ = false;
};

class MemoryBackend : public Backend {
public:
  explicit MemoryBackend(unsigned transfers_max = 1) : transfers_max_(transfers_max) {}

  unsigned transfers_max() const override { return transfers_max_; }
  std::string describe() const override { return "memory://"; }

  std::unique_ptr<ObjectWriter> create(const std::string& name) override {
    check_name(name);
    return std::make_unique<MemoryWriter>(objects_, name);
  }

  std::size_t read(const std::string& name, std::uint64_t offset,
                   base::MutableBytes into) override {
    check_name(name);
    const std::lock_guard lock(objects_.mutex);
    const auto found = objects_.by_name.find(name);
    if (found == objects_.by_name.end()) {
      throw base::Error(base::ErrorKind::not_found,
                        fmt::format("reading {} in {}: there is no such object", name, describe()));
    }
    const base::ByteView bytes = found->second;
    if (offset >= bytes.size()) return 0;
    const auto there = bytes.subspan(offset).first(std::min(into.size(), bytes.size() - offset));
    std::copy(there.begin(), there.end(), into.begin());
    return there.size();
  }

  std::optional<ObjectInfo> stat(const std::string& name) override {
    check_name(name);
    const std::lock_guard lock(objects_.mutex);
    const auto found = objects_.by_name.find(name);
    if (found == objects_.by_name.end()) return std::nullopt;
    return ObjectInfo{name, found->second.size()};
  }

  void list(const std::string& prefix,
            const std::function<void(const ObjectInfo&)>& visit) override {
    check_prefix(prefix);
    // A copy, so that `visit` may call back.
    for (const auto& info : infos(prefix))
      visit(info);
  }

  RemoveOutcome remove(const std::string& name) override {
    check_name(name);
    const std::lock_guard lock(objects_.mutex);
    return objects_.by_name.erase(name) > 0 ? RemoveOutcome::removed : RemoveOutcome::was_absent;
  }

  std::size_t remove_leftovers() override { return 0; }

protected:
  Objects& objects() { return objects_; }

private:
  std::vector<ObjectInfo> infos(const std::string& prefix) {
    const std::lock_guard lock(objects_.mutex);
    std::vector<ObjectInfo> found;
    for (auto at = objects_.by_name.lower_bound(prefix);
         at != objects_.by_name.end() && at->first.starts_with(prefix); ++at) {
      found.push_back({at->first, at->second.size()});
    }
    return found;
  }

  Objects objects_;
  const unsigned transfers_max_;
};

/// Locks what it is given to keep.
class LockingWriter final : public ObjectWriter {
public:
  LockingWriter(std::unique_ptr<ObjectWriter> inner, ObjectLocks& locks, base::WallTime until,
                std::string name)
      : inner_(std::move(inner)), locks_(locks), until_(until), name_(std::move(name)) {}
  void is_content() override { inner_->is_content(); }
  void append(base::ByteView bytes) override { inner_->append(bytes); }
  PutOutcome commit() override {
    const auto outcome = inner_->commit();
    if (outcome == PutOutcome::stored) locks_.lock(name_, until_);
    return outcome;
  }

private:
  const std::unique_ptr<ObjectWriter> inner_;
  ObjectLocks& locks_;
  const base::WallTime until_;
  const std::string name_;
};

class LockingMemory final : public MemoryBackend, public ObjectLocks {
public:
  explicit LockingMemory(MemoryLocks with) : with_(std::move(with)) {}

  std::unique_ptr<ObjectWriter> create(const std::string& name) override {
    auto writer = MemoryBackend::create(name);
    if (!with_.is_kept(name)) return writer;
    auto until = with_.clock.wall_now();
    until.seconds += with_.terms.period_seconds + with_.terms.slack_seconds;
    return std::make_unique<LockingWriter>(std::move(writer), *this, until, name);
  }

  RemoveOutcome remove(const std::string& name) override {
    const auto info = stat(name);
    auto until = locked_until(name);
    const auto outcome = MemoryBackend::remove(name);
    const std::lock_guard lock(objects().mutex);
    objects().locked.erase(name);
    if (objects().on_hold.contains(name)) until = until.value_or(with_.clock.wall_now());
    if (outcome != RemoveOutcome::removed || !until) return outcome;
    objects().held.push_back({name, info->size, *until});
    return RemoveOutcome::held;
  }

  std::size_t remove_leftovers() override {
    const std::lock_guard lock(objects().mutex);
    return std::erase_if(objects().held, [this](const HeldObject& object) {
      return object.until < with_.clock.wall_now() && !objects().on_hold.contains(object.name);
    });
  }

  ObjectLocks* locks() override { return this; }

private:
  std::string identity() const override { return describe(); }
  LockTerms terms() const override { return with_.terms; }
  void expect_enforced() override {}

  std::optional<base::WallTime> locked_until(const std::string& name) override {
    const std::lock_guard lock(objects().mutex);
    const auto at = objects().locked.find(name);
    if (at == objects().locked.end() || at->second < with_.clock.wall_now()) return std::nullopt;
    return at->second;
  }

  void lock(const std::string& name, base::WallTime until) override {
    const std::lock_guard lock(objects().mutex);
    auto& known = objects().locked[name];
    known = std::max(known, until);
  }

  void hold(const std::string& name) override {
    const std::lock_guard lock(objects().mutex);
    if (!objects().by_name.contains(name))
      throw base::Error(base::ErrorKind::not_found, name + " is not there");
    objects().on_hold.insert(name);
  }
  void release(const std::string& name) override {
    const std::lock_guard lock(objects().mutex);
    objects().on_hold.erase(name);
  }
  void release_removed() override {
    const std::lock_guard lock(objects().mutex);
    for (const auto& object : objects().held)
      objects().on_hold.erase(object.name);
  }
  void list_held(const std::function<void(const HeldObject&)>& visit) override {
    std::vector<HeldObject> held;
    {
      const std::lock_guard lock(objects().mutex);
      held = objects().held;
    }
    for (const auto& object : held)
      visit(object);
  }
  void list_altered(const std::function<void(const AlteredObject&)>& /*visit*/) override {}
  bool bring_back(const AlteredObject& /*object*/) override { return false; }

  const MemoryLocks with_;
};

constexpr std::int64_t day_seconds = 24L * 3600;

class TieringMemory final : public MemoryBackend, public ObjectTiers {
public:
  explicit TieringMemory(MemoryTiers with) : with_(with) {}

  ObjectTiers* tiers() override { return this; }

  std::size_t read(const std::string& name, std::uint64_t offset,
                   base::MutableBytes into) override {
    const auto tier = look(name);
    if (tier && !tier->can_be_read()) {
      throw base::Error(base::ErrorKind::frozen,
                        fmt::format("reading {} in {}: it must be thawed", name, describe()));
    }
    return MemoryBackend::read(name, offset, into);
  }

  void list(const std::string& prefix,
            const std::function<void(const ObjectInfo&)>& visit) override {
    list(prefix, [&](const TieredObject& object) {
      visit({object.name, object.size, object.is_archived});
    });
  }

  RemoveOutcome remove(const std::string& name) override {
    const auto outcome = MemoryBackend::remove(name);
    const std::lock_guard lock(mutex_);
    archived_.erase(name);
    return outcome;
  }

private:
  struct Archived {
    base::WallTime since;
    std::optional<base::WallTime> thawed;  // from then
    base::WallTime until{};
  };

  std::string_view cloud() const override { return "s3"; }

  void list(const std::string& prefix,
            const std::function<void(const TieredObject&)>& visit) override {
    MemoryBackend::list(prefix, [&](const ObjectInfo& info) {
      TieredObject object{info.name, info.size, MemoryTiers::usual_class};
      {
        const std::lock_guard lock(mutex_);
        const auto at = archived_.find(info.name);
        object.is_archived = at != archived_.end();
        object.since = object.is_archived ? at->second.since : started_;
        if (object.is_archived) object.storage_class = MemoryTiers::archive_class;
      }
      visit(object);
    });
  }

  std::optional<ObjectTier> look(const std::string& name) override {
    if (!stat(name)) return std::nullopt;
    const std::lock_guard lock(mutex_);
    const auto at = archived_.find(name);
    if (at == archived_.end())
      return ObjectTier{ObjectTier::State::readable, MemoryTiers::usual_class};
    const auto now = with_.clock.wall_now();
    const auto& object = at->second;
    ObjectTier tier{ObjectTier::State::frozen, MemoryTiers::archive_class};
    if (object.thawed && now < *object.thawed) tier.state = ObjectTier::State::thawing;
    if (object.thawed && *object.thawed <= now && now < object.until) {
      tier.state = ObjectTier::State::thawed;
      tier.readable_until = object.until;
    }
    return tier;
  }

  Thaw thaw(const std::string& name, std::uint32_t days, ThawSpeed /*speed*/) override {
    const auto tier = look(name);
    if (!tier) throw base::Error(base::ErrorKind::not_found, name + " is not there");
    if (tier->can_be_read()) return Thaw::readable;
    if (tier->state == ObjectTier::State::thawing) return Thaw::under_way;
    const std::lock_guard lock(mutex_);
    auto& object = archived_.at(name);
    object.thawed = {with_.clock.wall_now().seconds + with_.thaw_seconds, 0};
    object.until = {object.thawed->seconds + days * day_seconds, 0};
    return Thaw::begun;
  }

  bool move(const std::string& name, const std::string& storage_class) override {
    if (!stat(name)) return false;
    const std::lock_guard lock(mutex_);
    if (storage_class == MemoryTiers::archive_class) {
      archived_.try_emplace(name, Archived{with_.clock.wall_now(), std::nullopt});
    } else {
      archived_.erase(name);
    }
    return true;
  }

  const MemoryTiers with_;
  const base::WallTime started_ = with_.clock.wall_now();
  std::mutex mutex_;  // guards what follows
  std::map<std::string, Archived> archived_;
};

}  // namespace

std::unique_ptr<Backend> open_memory(unsigned transfers_max) {
  return std::make_unique<MemoryBackend>(transfers_max);
}

std::unique_ptr<Backend> open_locking_memory(MemoryLocks locks) {
  return std::make_unique<LockingMemory>(std::move(locks));
}

std::unique_ptr<Backend> open_tiering_memory(MemoryTiers tiers) {
  return std::make_unique<TieringMemory>(tiers);
}

}  // namespace holdfast::storage
