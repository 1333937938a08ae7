// Only whole things can be done again: a writer keeps what is appended and stores it in one piece
// at commit, so that a connection lost half-way costs a repeat and not the run. A failed commit may
// have been done with its reply lost; before it is repeated, what stands under the name is compared
// with what was to be stored.

#include "storage/wrappers/wrappers.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace holdfast::storage {

using base::Retrier;
using base::RetryPolicy;
using base::Sleeper;

namespace {

constexpr std::size_t compare_size = 1024 * 1024;

bool holds(Backend& backend, const std::string& name, base::ByteView bytes) {
  const auto info = backend.stat(name);
  if (!info || info->size != bytes.size()) return false;
  base::Bytes stored(std::min(compare_size, bytes.size()));
  while (!bytes.empty()) {
    const auto part = bytes.first(std::min(stored.size(), bytes.size()));
    const auto offset = info->size - bytes.size();
    const base::MutableBytes into(stored.data(), part.size());
    if (backend.read(name, offset, into) != part.size() ||
        !std::equal(part.begin(), part.end(), into.begin())) {
      return false;
    }
    bytes = bytes.subspan(part.size());
  }
  return true;
}

class RetryingWriter final : public ObjectWriter {
public:
  RetryingWriter(Backend& inner, std::string name, const Retrier& retrier)
      : inner_(inner), name_(std::move(name)), retrier_(retrier) {}

  void is_content() override { is_content_ = true; }
  void append(base::ByteView bytes) override { base::append(bytes_, bytes); }

  PutOutcome commit() override {
    return retrier_.run([&](int failed) {
      const auto outcome = attempt();
      const bool may_be_ours = failed > 0 && outcome == PutOutcome::already_there;
      return may_be_ours && holds(inner_, name_, bytes_) ? PutOutcome::stored : outcome;
    });
  }

private:
  PutOutcome attempt() const {
    const auto writer = inner_.create(name_);
    if (is_content_) writer->is_content();
    writer->append(bytes_);
    return writer->commit();
  }

  Backend& inner_;
  const std::string name_;
  const Retrier& retrier_;
  base::Bytes bytes_;
  bool is_content_ = false;
};

class RetryingBackend : public Backend {
public:
  RetryingBackend(Backend& inner, RetryPolicy policy, base::Random& random, Sleeper sleeper)
      : inner_(inner), retrier_(policy, random, std::move(sleeper)) {}

  std::string describe() const override { return inner_.describe(); }

  std::unique_ptr<ObjectWriter> create(const std::string& name) override {
    check_name(name);
    return std::make_unique<RetryingWriter>(inner_, name, retrier_);
  }

  std::size_t read(const std::string& name, std::uint64_t offset,
                   base::MutableBytes into) override {
    return retrier_.run([&](int) { return inner_.read(name, offset, into); });
  }

  bool read_elsewhere(const std::string& name, std::size_t damaged) override {
    return inner_.read_elsewhere(name, damaged);
  }

  std::optional<ObjectInfo> stat(const std::string& name) override {
    return retrier_.run([&](int) { return inner_.stat(name); });
  }

  void list(const std::string& prefix,
            const std::function<void(const ObjectInfo&)>& visit) override {
    // Gathered first: a list that broke half-way is asked for again, and nothing is visited twice.
    const auto found = retrier_.run([&](int) {
      std::vector<ObjectInfo> infos;
      inner_.list(prefix, [&](const ObjectInfo& info) { infos.push_back(info); });
      return infos;
    });
    for (const auto& info : found)
      visit(info);
  }

  RemoveOutcome remove(const std::string& name) override {
    return retrier_.run([&](int failed) {
      const auto outcome = inner_.remove(name);
      // An attempt that failed may have removed it.
      return failed > 0 ? RemoveOutcome::removed : outcome;
    });
  }

  ObjectLocks* locks() override { return inner_.locks(); }
  unsigned transfers_max() const override { return inner_.transfers_max(); }
  void connect() override { inner_.connect(); }
  ObjectTiers* tiers() override { return inner_.tiers(); }
  StoreStatus status() override {
    return retrier_.run([&](int) { return inner_.status(); });
  }
  std::size_t remove_leftovers() override {
    return retrier_.run([&](int) { return inner_.remove_leftovers(); });
  }

private:
  Backend& inner_;
  const Retrier retrier_;
};

/// The base is destroyed before what it borrows.
struct OwnedBackend {
  std::unique_ptr<Backend> owned;
};
class OwningRetries final : private OwnedBackend, public RetryingBackend {
public:
  OwningRetries(std::unique_ptr<Backend> inner, RetryPolicy policy, base::Random& random,
                Sleeper sleeper)
      : OwnedBackend{std::move(inner)},
        RetryingBackend(*owned, policy, random, std::move(sleeper)) {}
};

}  // namespace

std::unique_ptr<Backend> with_retries(Backend& inner, RetryPolicy policy, base::Random& random,
                                      Sleeper sleeper) {
  return std::make_unique<RetryingBackend>(inner, policy, random, std::move(sleeper));
}

std::unique_ptr<Backend> with_retries(std::unique_ptr<Backend> inner, RetryPolicy policy,
                                      base::Random& random, Sleeper sleeper) {
  return std::make_unique<OwningRetries>(std::move(inner), policy, random, std::move(sleeper));
}

}  // namespace holdfast::storage
