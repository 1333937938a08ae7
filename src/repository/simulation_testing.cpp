#include "simulation_testing.hpp"

#include "base/error.hpp"

#include <algorithm>

namespace holdfast::repository {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::int64_t start_seconds = 1'700'000'000;
/// Longer than any lease of the simulation; and so short that the lease outlives it.
constexpr std::uint64_t sleep_seconds_max = 3000;
constexpr std::uint64_t nap_seconds_max = 300;
constexpr unsigned sleepier_before_changes = 12;

}  // namespace

class SimulatedClock final : public base::Clock {
public:
  SimulatedClock(const Simulation& world, std::int64_t skew) : world_(world), skew_(skew) {}
  base::WallTime wall_now() const override { return {start_seconds + world_.now_ + skew_, 0}; }
  base::Instant now() const override { return {world_.now_ * 1'000'000'000}; }

private:
  const Simulation& world_;
  const std::int64_t skew_;
};

/// The shared store as one process reaches it.
class SimulatedStore final : public storage::Backend {
public:
  SimulatedStore(Simulation& world, SimulatedProcess& process) : world_(world), process_(process) {}

  std::string describe() const override { return "simulated://"; }

  class Writer final : public storage::ObjectWriter {
  public:
    Writer(SimulatedStore& store, std::string name) : store_(store), name_(std::move(name)) {}
    void append(base::ByteView bytes) override { base::append(bytes_, bytes); }
    storage::PutOutcome commit() override { return store_.put(name_, std::move(bytes_)); }

  private:
    SimulatedStore& store_;
    const std::string name_;
    base::Bytes bytes_;
  };
  std::unique_ptr<storage::ObjectWriter> create(const std::string& name) override {
    return std::make_unique<Writer>(*this, name);
  }
  storage::PutOutcome put(const std::string& name, base::Bytes bytes) {
    process_.before_call(name, SimulatedProcess::Call::changes);
    const auto found = world_.objects_.find(name);
    if (found != world_.objects_.end() && !found->second.removed) {
      return storage::PutOutcome::already_there;
    }
    world_.objects_[name] = {std::move(bytes), world_.now_, {}};
    process_.after_change(name);
    return storage::PutOutcome::stored;
  }
  std::size_t read(const std::string& name, std::uint64_t offset,
                   base::MutableBytes into) override {
    process_.before_call(name);
    const auto* object = find(name);
    if (object == nullptr) throw Error(ErrorKind::not_found, name + " is not there");
    if (offset >= object->bytes.size()) return 0;
    const auto count = std::min<std::size_t>(into.size(), object->bytes.size() - offset);
    std::copy_n(object->bytes.begin() + static_cast<std::ptrdiff_t>(offset), count, into.begin());
    return count;
  }
  std::optional<storage::ObjectInfo> stat(const std::string& name) override {
    process_.before_call(name);
    const auto* object = find(name);
    if (object == nullptr) return std::nullopt;
    return storage::ObjectInfo{name, object->bytes.size()};
  }
  void list(const std::string& prefix,
            const std::function<void(const storage::ObjectInfo&)>& visit) override {
    process_.before_call(prefix);
    std::vector<storage::ObjectInfo> listed;
    for (const auto& [name, object] : world_.objects_) {
      if (name.starts_with(prefix) && world_.is_listed(object)) {
        listed.push_back({name, object.bytes.size()});
      }
    }
    for (const auto& object : listed)
      visit(object);
  }
  storage::RemoveOutcome remove(const std::string& name) override {
    process_.before_call(name, SimulatedProcess::Call::changes);
    const auto found = world_.objects_.find(name);
    if (found == world_.objects_.end() || found->second.removed) {
      return storage::RemoveOutcome::was_absent;
    }
    found->second.removed = world_.now_;
    process_.after_change(name);
    return storage::RemoveOutcome::removed;
  }
  std::size_t remove_leftovers() override { return 0; }

private:
  const Simulation::Object* find(const std::string& name) const {
    const auto found = world_.objects_.find(name);
    return found == world_.objects_.end() || found->second.removed ? nullptr : &found->second;
  }

  Simulation& world_;
  SimulatedProcess& process_;
};

void Baton::give() {
  // Within the lock: who takes it may end and destroy the baton.
  const std::lock_guard lock(mutex_);
  here_ = true;
  given_.notify_one();
}

void Baton::take() {
  std::unique_lock lock(mutex_);
  given_.wait(lock, [this] { return here_; });
  here_ = false;
}

SimulatedProcess::SimulatedProcess(Simulation& world, std::int64_t clock_skew_seconds,
                                   std::uint64_t seed)
    : world_(world),
      random_(seed),
      clock_(std::make_unique<SimulatedClock>(world, clock_skew_seconds)),
      store_(std::make_unique<SimulatedStore>(world, *this)) {}

SimulatedProcess::~SimulatedProcess() {
  if (thread_.joinable()) thread_.join();
}

void SimulatedProcess::pause(std::int64_t seconds) {
  if (!world_.racing_) return world_.pass_time(seconds);
  wakes_at_ = world_.now_ + seconds;
  world_.hand_on(this);
}

void SimulatedProcess::before_call(const std::string& name, Call call) {
  if (dead_) throw SimulatedCrash();
  if (!world_.racing_) return;
  world_.now_ += static_cast<std::int64_t>(world_.choose(3));
  // Between what was seen and what is done about it a sleep hurts most.
  const auto sleepy = call == Call::changes ? sleepier_before_changes : 1U;
  if (world_.happens(world_.options_.sleep_per_mille * sleepy)) {
    const auto longest = world_.choose(2) == 0 ? sleep_seconds_max : nap_seconds_max;
    wakes_at_ = world_.now_ + static_cast<std::int64_t>(world_.choose(longest));
    world_.hand_on(this);
  } else if (world_.happens(world_.options_.switch_percent * 10)) {
    world_.hand_on(this);
  }
  if (calls_to_live_ && (*calls_to_live_)-- == 0) {
    dead_ = true;
    throw SimulatedCrash();
  }
  if (world_.happens(world_.options_.fault_per_mille)) {
    throw Error(ErrorKind::unavailable, "no connection for " + name);
  }
}

/// The change was made; its reply may be lost, and whoever waits for it may be gone.
void SimulatedProcess::after_change(const std::string& name) {
  if (!world_.racing_) return;
  if (calls_to_live_ && *calls_to_live_ == 0) {
    dead_ = true;
    throw SimulatedCrash();
  }
  if (world_.happens(world_.options_.fault_per_mille)) {
    throw Error(ErrorKind::unavailable, "the reply about " + name + " was lost");
  }
}

Simulation::Simulation(std::uint64_t seed, SimulationOptions options)
    : options_(options), random_(seed) {}

SimulatedProcess& Simulation::add(std::function<void(SimulatedProcess&)> work) {
  const auto skew = static_cast<std::int64_t>(choose(7)) * 100 - 300;
  processes_.push_back(std::make_unique<SimulatedProcess>(*this, skew, choose(UINT64_MAX)));
  works_.push_back(std::move(work));
  return *processes_.back();
}

std::unique_ptr<SimulatedProcess> Simulation::observer() {
  return std::make_unique<SimulatedProcess>(*this, 0, choose(UINT64_MAX));
}

SimulatedProcess* Simulation::next() {
  std::vector<SimulatedProcess*> ready;
  std::int64_t first_wakes = INT64_MAX;
  for (const auto& process : processes_) {
    if (process->finished_) continue;
    first_wakes = std::min(first_wakes, process->wakes_at_);
    if (process->wakes_at_ <= now_) ready.push_back(process.get());
  }
  if (!ready.empty()) return ready[choose(ready.size())];
  if (first_wakes == INT64_MAX) return nullptr;
  now_ = first_wakes;
  return next();
}

void Simulation::hand_on(SimulatedProcess* from) {
  auto* to = next();
  if (to == from) return;
  if (to == nullptr) {
    all_done_.give();
  } else {
    to->baton_.give();
  }
  if (!from->finished_) from->baton_.take();
}

void Simulation::run() {
  for (std::size_t i = 0; i < processes_.size(); ++i) {
    auto& process = *processes_[i];
    process.thread_ = std::thread([this, &process, work = works_[i]] {
      process.baton_.take();
      work(process);
      process.finished_ = true;
      hand_on(&process);
    });
  }
  racing_ = true;
  next()->baton_.give();
  all_done_.take();
  racing_ = false;
  for (const auto& process : processes_)
    process->thread_.join();
}

bool Simulation::is_listed(const Object& object) {
  const auto lag = racing_ ? options_.lag_seconds : 0;
  const auto is_recent = [&](std::int64_t time) { return time > now_ - lag && lag > 0; };
  if (object.removed) return is_recent(*object.removed) && choose(2) == 0;
  return !is_recent(object.created) || choose(2) == 0;
}

std::vector<std::string> Simulation::names(const std::string& prefix) const {
  std::vector<std::string> found;
  for (const auto& [name, object] : objects_) {
    if (!object.removed && name.starts_with(prefix)) found.push_back(name);
  }
  return found;
}

}  // namespace holdfast::repository
