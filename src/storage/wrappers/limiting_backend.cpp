// Around stores that send and ask at once what they are given. Those over HTTP keep their limits
// inside their transfers, since a writer of theirs may hold a whole object until commit.

#include "storage/wrappers/wrappers.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::storage {

namespace {

/// One direction.
class Gate {
public:
  Gate(std::shared_ptr<base::RateLimiter> limiter, const base::Clock& clock, base::Sleeper sleeper)
      : limiter_(std::move(limiter)), clock_(clock), sleeper_(std::move(sleeper)) {}

  std::size_t piece_of(std::size_t size) const {
    return limiter_ ? std::min(size, limiter_->piece()) : size;
  }
  /// Returns when `bytes` may have passed.
  void pass(std::uint64_t bytes) const {
    if (!limiter_) return;
    const auto seconds = base::seconds_between(clock_.now(), limiter_->book(bytes));
    if (seconds > 0) sleeper_(seconds);
  }

private:
  const std::shared_ptr<base::RateLimiter> limiter_;
  const base::Clock& clock_;
  const base::Sleeper sleeper_;
};

class LimitedWriter final : public ObjectWriter {
public:
  LimitedWriter(std::unique_ptr<ObjectWriter> inner, const Gate& up)
      : inner_(std::move(inner)), up_(up) {}

  void is_content() override { inner_->is_content(); }
  void append(base::ByteView bytes) override {
    while (!bytes.empty()) {
      const auto piece = bytes.first(up_.piece_of(bytes.size()));
      up_.pass(piece.size());
      inner_->append(piece);
      bytes = bytes.subspan(piece.size());
    }
  }
  PutOutcome commit() override { return inner_->commit(); }

private:
  const std::unique_ptr<ObjectWriter> inner_;
  const Gate& up_;
};

class LimitedBackend final : public Backend {
public:
  LimitedBackend(std::unique_ptr<Backend> inner, Gate up, Gate down)
      : inner_(std::move(inner)), up_(std::move(up)), down_(std::move(down)) {}

  std::string describe() const override { return inner_->describe(); }
  std::unique_ptr<ObjectWriter> create(const std::string& name) override {
    return std::make_unique<LimitedWriter>(inner_->create(name), up_);
  }
  std::size_t read(const std::string& name, std::uint64_t offset,
                   base::MutableBytes into) override {
    std::size_t done = 0;
    do {
      const auto piece = into.subspan(done, down_.piece_of(into.size() - done));
      const auto size = inner_->read(name, offset + done, piece);
      down_.pass(size);
      done += size;
      if (size < piece.size()) break;
    } while (done < into.size());
    return done;
  }
  bool read_elsewhere(const std::string& name, std::size_t damaged) override {
    return inner_->read_elsewhere(name, damaged);
  }
  std::optional<ObjectInfo> stat(const std::string& name) override { return inner_->stat(name); }
  void list(const std::string& prefix,
            const std::function<void(const ObjectInfo&)>& visit) override {
    inner_->list(prefix, visit);
  }
  RemoveOutcome remove(const std::string& name) override { return inner_->remove(name); }
  ObjectLocks* locks() override { return inner_->locks(); }
  StoreStatus status() override { return inner_->status(); }
  unsigned transfers_max() const override { return inner_->transfers_max(); }
  void connect() override { inner_->connect(); }
  ObjectTiers* tiers() override { return inner_->tiers(); }
  std::size_t remove_leftovers() override { return inner_->remove_leftovers(); }

private:
  const std::unique_ptr<Backend> inner_;
  const Gate up_;
  const Gate down_;
};

}  // namespace

std::unique_ptr<Backend> with_limits(std::unique_ptr<Backend> inner, const base::RateLimits& limits,
                                     const base::Clock& clock, const base::Sleeper& sleeper) {
  return std::make_unique<LimitedBackend>(std::move(inner), Gate(limits.up, clock, sleeper),
                                          Gate(limits.down, clock, sleeper));
}

}  // namespace holdfast::storage
