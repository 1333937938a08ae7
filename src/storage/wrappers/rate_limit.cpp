#include "storage/wrappers/rate_limit.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::storage {

namespace {

constexpr std::uint64_t piece_min = 16ULL * 1024;
constexpr std::uint64_t piece_max = 1024ULL * 1024;

}  // namespace

/// How long to wait before `bytes` pass. What nobody used of the past is not saved up.
double RateLimiter::delay_of(std::uint64_t bytes, std::uint64_t rate) {
  const std::lock_guard lock(mutex_);
  const auto now = clock_.now();
  if (!begun_) begun_ = now;
  const auto since = base::seconds_between(*begun_, now);
  reserved_seconds_ =
      std::max(reserved_seconds_, since) + static_cast<double>(bytes) / static_cast<double>(rate);
  return reserved_seconds_ - since;
}

void RateLimiter::pass(std::uint64_t bytes) {
  while (bytes > 0) {
    const auto rate = rate_();
    if (!rate) return;
    const auto piece = std::min(bytes, std::clamp(*rate / 2, piece_min, piece_max));
    sleeper_(delay_of(piece, std::max<std::uint64_t>(*rate, 1)));
    bytes -= piece;
  }
}

namespace {

void pass(const std::vector<std::shared_ptr<RateLimiter>>& limiters, std::uint64_t bytes) {
  for (const auto& limiter : limiters)
    limiter->pass(bytes);
}

class LimitedWriter final : public ObjectWriter {
public:
  LimitedWriter(std::unique_ptr<ObjectWriter> inner, const Limits& limits)
      : inner_(std::move(inner)), limits_(limits) {}

  void append(base::ByteView bytes) override {
    while (!bytes.empty()) {
      const auto piece = bytes.first(std::min<std::size_t>(bytes.size(), piece_max));
      pass(limits_.up, piece.size());
      inner_->append(piece);
      bytes = bytes.subspan(piece.size());
    }
  }
  PutOutcome commit() override { return inner_->commit(); }

private:
  const std::unique_ptr<ObjectWriter> inner_;
  const Limits& limits_;
};

class LimitedBackend final : public Backend {
public:
  LimitedBackend(std::unique_ptr<Backend> inner, Limits limits)
      : inner_(std::move(inner)), limits_(std::move(limits)) {}

  std::string describe() const override { return inner_->describe(); }
  std::unique_ptr<ObjectWriter> create(const std::string& name) override {
    return std::make_unique<LimitedWriter>(inner_->create(name), limits_);
  }
  std::size_t read(const std::string& name, std::uint64_t offset,
                   base::MutableBytes into) override {
    std::size_t done = 0;
    do {
      const auto piece = into.subspan(done, std::min<std::size_t>(into.size() - done, piece_max));
      const auto size = inner_->read(name, offset + done, piece);
      pass(limits_.down, size);
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
  std::size_t remove_leftovers() override { return inner_->remove_leftovers(); }

private:
  const std::unique_ptr<Backend> inner_;
  const Limits limits_;
};

}  // namespace

std::unique_ptr<Backend> with_limits(std::unique_ptr<Backend> inner, Limits limits) {
  return std::make_unique<LimitedBackend>(std::move(inner), std::move(limits));
}

}  // namespace holdfast::storage
