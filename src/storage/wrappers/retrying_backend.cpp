// Only whole things can be done again: a writer keeps what is appended and stores it in one piece
// at commit, so that a connection lost half-way costs a repeat and not the run. A failed commit may
// have been done with its reply lost; before it is repeated, what stands under the name is compared
// with what was to be stored.

#include "base/error.hpp"
#include "storage/wrappers/wrappers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace holdfast::storage {

using base::Error;

namespace {

constexpr std::size_t compare_size = 1024 * 1024;

/// Runs calls again. Threads: safe, it keeps nothing between calls.
class Retrier {
public:
  Retrier(RetryPolicy policy, base::Random& random, Sleeper sleeper)
      : policy_(policy), random_(random), sleeper_(std::move(sleeper)) {}

  /// `work` is given how many attempts failed before it.
  template <class Work>
  auto run(Work work) const {
    std::vector<std::string> earlier;
    for (int failed = 0;; ++failed) {
      try {
        return work(failed);
      } catch (const Error& error) {
        if (error.retry() != base::Retry::later) throw;
        if (failed + 1 >= policy_.attempts_max) throw with_earlier(error, earlier);
        if (std::find(earlier.begin(), earlier.end(), error.what()) == earlier.end()) {
          earlier.emplace_back(error.what());
        }
      }
      sleeper_(delay_after(failed));
    }
  }

private:
  double delay_after(int failed) const {
    const double delay =
        std::min(policy_.first_delay_seconds * std::exp2(failed), policy_.delay_max_seconds);
    // Between a half and the whole, so that many clients of a store that was down do not return at
    // once.
    return delay * (0.5 + static_cast<double>(random_.below(1001)) / 2000);
  }

  Error with_earlier(const Error& last, std::vector<std::string> earlier) const {
    std::erase(earlier, last.what());
    auto message = fmt::format("{} (after {} attempts", last.what(), policy_.attempts_max);
    for (const auto& other : earlier)
      message += "; before: " + other;
    Error error(last.kind(), message + ")", last.where());
    error.set_retry(last.retry());
    if (!last.hint().empty()) error.set_hint(last.hint());
    return error;
  }

  const RetryPolicy policy_;
  base::Random& random_;
  const Sleeper sleeper_;
};

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

  void append(base::ByteView bytes) override { base::append(bytes_, bytes); }

  PutOutcome commit() override {
    return retrier_.run([&](int failed) {
      const auto outcome = put(inner_, name_, bytes_);
      const bool may_be_ours = failed > 0 && outcome == PutOutcome::already_there;
      return may_be_ours && holds(inner_, name_, bytes_) ? PutOutcome::stored : outcome;
    });
  }

private:
  Backend& inner_;
  const std::string name_;
  const Retrier& retrier_;
  base::Bytes bytes_;
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
