#include "base/error.hpp"
#include "storage/wrappers/wrappers.hpp"

#include <fmt/format.h>

#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <type_traits>
#include <utility>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

bool is_damage(const Error& error) {
  return error.kind() == ErrorKind::corrupt || error.kind() == ErrorKind::io ||
         error.kind() == ErrorKind::not_found;
}
/// The object is whole, and can be read elsewhere at once.
bool is_frozen(const Error& error) { return error.kind() == ErrorKind::frozen; }
/// It says something about the place, not about one object.
bool is_down(const Error& error) {
  return error.kind() == ErrorKind::unavailable || error.kind() == ErrorKind::access_denied;
}

/// One of the places, opened once.
class Place {
public:
  explicit Place(Backend& opened) : name_(opened.describe()), backend_(&opened) {}
  explicit Place(Fallback fallback)
      : name_(std::move(fallback.name)), open_(std::move(fallback.open)) {}

  const std::string& name() const { return name_; }
  Backend& get() {
    const std::lock_guard lock(mutex_);
    if (backend_ == nullptr) {
      owned_ = open_();
      backend_ = owned_.get();
    }
    return *backend_;
  }
  bool is_down() const {
    const std::lock_guard lock(mutex_);
    return down_;
  }
  /// True the first time.
  bool turn_away() {
    const std::lock_guard lock(mutex_);
    return !std::exchange(down_, true);
  }

private:
  const std::string name_;
  const std::function<std::unique_ptr<Backend>()> open_{};
  mutable std::mutex mutex_;  // held while it is opened: the others wait for that
  std::unique_ptr<Backend> owned_;
  Backend* backend_ = nullptr;
  bool down_ = false;
};

class FallbackBackend final : public Backend {
public:
  FallbackBackend(Backend& inner, std::vector<Fallback> fallbacks,
                  std::function<void(const std::string&)> tell,
                  std::function<bool(const std::string&)> is_elsewhere)
      : inner_(inner), tell_(std::move(tell)), is_elsewhere_(std::move(is_elsewhere)) {
    places_.emplace_back(inner);
    for (auto& fallback : fallbacks)
      places_.emplace_back(std::move(fallback));
  }

  std::string describe() const override { return inner_.describe(); }
  std::unique_ptr<ObjectWriter> create(const std::string& name) override {
    return inner_.create(name);
  }
  RemoveOutcome remove(const std::string& name) override { return inner_.remove(name); }
  ObjectLocks* locks() override { return inner_.locks(); }
  unsigned transfers_max() const override { return inner_.transfers_max(); }
  void connect() override { inner_.connect(); }
  ObjectTiers* tiers() override { return inner_.tiers(); }
  StoreStatus status() override { return inner_.status(); }
  std::size_t remove_leftovers() override { return inner_.remove_leftovers(); }

  std::size_t read(const std::string& name, std::uint64_t offset,
                   base::MutableBytes into) override {
    for (;;) {
      const auto at = place_of(name);
      try {
        return places_[at].get().read(name, offset, into);
      } catch (const Error& error) {
        const bool elsewhere =
            (is_damage(error) || is_down(error) || is_frozen(error)) && turn_from(name, at, error);
        if (!elsewhere) throw;
      }
    }
  }

  bool read_elsewhere(const std::string& name, std::size_t damaged) override {
    if (places_.size() == 1) return inner_.read_elsewhere(name, damaged);
    if (damaged == 0 || damaged >= places_.size()) return false;
    return turn_from(name, damaged - 1, Error(ErrorKind::corrupt, name + " is damaged"));
  }

  std::optional<ObjectInfo> stat(const std::string& name) override {
    return anywhere([&](Backend& backend) { return backend.stat(name); });
  }

  void list(const std::string& prefix,
            const std::function<void(const ObjectInfo&)>& visit) override {
    // Gathered first: nothing is visited twice when a place fails half-way.
    const auto found = anywhere([&](Backend& backend) {
      std::vector<ObjectInfo> infos;
      backend.list(prefix, [&](const ObjectInfo& info) { infos.push_back(info); });
      return infos;
    });
    for (const auto& info : found)
      visit(info);
  }

private:
  /// From the first place that answers.
  template <class Work>
  std::invoke_result_t<Work, Backend&> anywhere(Work work) {
    for (std::size_t at = first_up();; at = first_up()) {
      try {
        return work(places_[at].get());
      } catch (const Error& error) {
        if (!is_down(error) || !turn_away(at, error)) throw;
      }
    }
  }

  std::size_t first_up() const {
    for (std::size_t at = 0; at < places_.size(); ++at) {
      if (!places_[at].is_down()) return at;
    }
    return 0;
  }

  std::size_t place_of(const std::string& name) {
    const std::lock_guard lock(mutex_);
    const auto moved = moved_.find(name);
    const auto at = moved == moved_.end() ? std::size_t{0} : moved->second;
    return places_[at].is_down() ? next_up(at).value_or(at) : at;
  }
  std::optional<std::size_t> next_up(std::size_t after) const {
    for (auto at = after + 1; at < places_.size(); ++at) {
      if (!places_[at].is_down()) return at;
    }
    return std::nullopt;
  }

  /// Whether a place behind `at` is left for the object.
  bool turn_from(const std::string& name, std::size_t at, const Error& why) {
    if (is_down(why)) return turn_away(at, why);
    const auto next = next_up(at);
    if (!next) return false;
    {
      const std::lock_guard lock(mutex_);
      auto& moved = moved_[name];
      if (moved >= *next) return true;  // another thread was first
      moved = *next;
    }
    const bool is_expected =
        at == 0 && why.kind() == ErrorKind::not_found && is_elsewhere_ && is_elsewhere_(name);
    // What is frozen is frozen by the thousand.
    if (!is_expected && (!is_frozen(why) || !told_of_frozen_.exchange(true))) {
      tell_(fmt::format("{}: reading it from {}", why.what(), places_[*next].name()));
    }
    return true;
  }
  bool turn_away(std::size_t at, const Error& why) {
    if (!next_up(at)) return false;
    if (places_[at].turn_away()) {
      tell_(fmt::format("{}: reading from {}", why.what(), places_[first_up()].name()));
    }
    return true;
  }

  Backend& inner_;
  const std::function<void(const std::string&)> tell_;
  const std::function<bool(const std::string&)> is_elsewhere_;  // may be empty
  std::deque<Place> places_;
  std::mutex mutex_;                          // guards moved_
  std::map<std::string, std::size_t> moved_;  // objects that are read from a later place
  std::atomic<bool> told_of_frozen_ = false;
};

}  // namespace

std::unique_ptr<Backend> with_fallbacks(Backend& inner, std::vector<Fallback> places,
                                        std::function<void(const std::string&)> tell,
                                        std::function<bool(const std::string&)> is_elsewhere) {
  return std::make_unique<FallbackBackend>(inner, std::move(places), std::move(tell),
                                           std::move(is_elsewhere));
}

}  // namespace holdfast::storage
