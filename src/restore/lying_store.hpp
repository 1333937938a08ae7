// A store of objects in memory that tells what it is told to tell.
#pragma once

#include "base/error.hpp"
#include "storage/backend.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::restore {

using Objects = std::map<std::string, base::Bytes>;

/// What it does instead of the truth; what is not set is true.
struct Lies {
  std::function<void(std::vector<storage::ObjectInfo>& all)> listing;
  /// Which object is read and sized under a name; one that is not there is absent.
  std::function<std::string(const std::string& name)> alias;
  std::function<std::uint64_t(const std::string& name, std::uint64_t size)> size;
  /// May change what was read, and say how much there was.
  std::function<std::size_t(const std::string& name, base::MutableBytes into, std::size_t count)>
      reading;
  bool swallows_writes = false;  // says stored, and keeps nothing
  bool claims_to_have = false;   // says that everything new is there already
  bool removes_nothing = false;  // says removed
};

class LyingStore final : public storage::Backend {
public:
  Objects objects;
  Lies lies;

  std::string describe() const override { return "lying:"; }

  std::unique_ptr<storage::ObjectWriter> create(const std::string& name) override {
    storage::check_name(name);
    return std::make_unique<Writer>(*this, name);
  }

  std::size_t read(const std::string& name, std::uint64_t offset,
                   base::MutableBytes into) override {
    const std::lock_guard lock(mutex_);
    const auto& bytes = object(name);
    const auto from = std::min<std::uint64_t>(offset, bytes.size());
    const auto count = std::min<std::size_t>(into.size(), bytes.size() - from);
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(from), count, into.begin());
    return lies.reading ? lies.reading(name, into, count) : count;
  }

  std::optional<storage::ObjectInfo> stat(const std::string& name) override {
    const std::lock_guard lock(mutex_);
    const auto found = objects.find(lies.alias ? lies.alias(name) : name);
    if (found == objects.end()) return std::nullopt;
    const std::uint64_t size = found->second.size();
    return storage::ObjectInfo{name, lies.size ? lies.size(name, size) : size};
  }

  void list(const std::string& prefix,
            const std::function<void(const storage::ObjectInfo&)>& visit) override {
    std::vector<storage::ObjectInfo> all;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [name, bytes] : objects) {
        all.push_back({name, lies.size ? lies.size(name, bytes.size()) : bytes.size()});
      }
      if (lies.listing) lies.listing(all);
    }
    for (const auto& info : all) {
      if (info.name.starts_with(prefix)) visit(info);
    }
  }

  storage::RemoveOutcome remove(const std::string& name) override {
    const std::lock_guard lock(mutex_);
    if (lies.removes_nothing) return storage::RemoveOutcome::removed;
    return objects.erase(name) > 0 ? storage::RemoveOutcome::removed
                                   : storage::RemoveOutcome::was_absent;
  }
  std::size_t remove_leftovers() override { return 0; }

private:
  class Writer final : public storage::ObjectWriter {
  public:
    Writer(LyingStore& store, std::string name) : store_(store), name_(std::move(name)) {}
    void append(base::ByteView bytes) override { base::append(bytes_, bytes); }
    storage::PutOutcome commit() override {
      const std::lock_guard lock(store_.mutex_);
      if (store_.lies.claims_to_have) return storage::PutOutcome::already_there;
      if (store_.lies.swallows_writes) return storage::PutOutcome::stored;
      return store_.objects.emplace(name_, std::move(bytes_)).second
                 ? storage::PutOutcome::stored
                 : storage::PutOutcome::already_there;
    }

  private:
    LyingStore& store_;
    const std::string name_;
    base::Bytes bytes_;
  };

  const base::Bytes& object(const std::string& name) const {
    const auto found = objects.find(lies.alias ? lies.alias(name) : name);
    if (found != objects.end()) return found->second;
    throw base::Error(base::ErrorKind::not_found, "reading " + name + ": there is no such object");
  }

  std::mutex mutex_;
};

}  // namespace holdfast::restore
