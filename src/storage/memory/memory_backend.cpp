#include "storage/memory/memory_backend.hpp"

#include "base/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

namespace holdfast::storage {

namespace {

/// The objects, and the lock that guards them.
struct Objects {
  std::mutex mutex;
  std::map<std::string, base::Bytes> by_name;
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

class MemoryBackend final : public Backend {
public:
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
};

}  // namespace

std::unique_ptr<Backend> open_memory() { return std::make_unique<MemoryBackend>(); }

}  // namespace holdfast::storage
