// A world in which several runs share one store, and chance decides who goes next, who sleeps for
// an hour, who dies, which reply is lost, what a listing leaves out and how wrong clocks are.
//
// Every run is a thread, and one at a time holds the baton: it is handed on at calls to the store
// only, by the seed. So the code under test is the real one, and a seed repeats a run exactly.
#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"
#include "storage/backend.hpp"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace holdfast::repository {

/// The process is gone: nothing that it does from here on reaches the store.
class SimulatedCrash : public std::exception {
public:
  const char* what() const noexcept override { return "simulated crash"; }
};

struct SimulationOptions {
  std::int64_t lag_seconds = 0;  // of listings
  unsigned fault_per_mille = 0;  // of calls
  unsigned sleep_per_mille = 2;  // of calls: sleeps for longer than a lease
  unsigned switch_percent = 30;  // of calls
};

class Simulation;

/// Given to one thread at a time. (A std::binary_semaphore spins before it waits.)
class Baton {
public:
  void give();
  void take();

private:
  std::mutex mutex_;
  std::condition_variable given_;
  bool here_ = false;
};

/// A process and what it knows of the world.
class SimulatedProcess {
public:
  SimulatedProcess(Simulation& world, std::int64_t clock_skew_seconds, std::uint64_t seed);
  ~SimulatedProcess();

  storage::Backend& store() { return *store_; }
  base::Clock& clock() { return *clock_; }
  base::Random& random() { return random_; }
  /// Lets others go on for a while.
  void pause(std::int64_t seconds);
  /// Dies at the `calls`th call to the store from now on.
  void crash_after(std::uint64_t calls) { calls_to_live_ = calls; }
  /// Another process on the same machine, after one died.
  void restart() {
    dead_ = false;
    calls_to_live_.reset();
  }

private:
  friend class Simulation;
  friend class SimulatedStore;
  /// Called before and after every call to the store. Errors: SimulatedCrash, unavailable.
  enum class Call : std::uint8_t { reads, changes };
  void before_call(const std::string& name, Call call = Call::reads);
  void after_change(const std::string& name);

  Simulation& world_;
  base::SeededRandom random_;
  std::unique_ptr<base::Clock> clock_;
  std::unique_ptr<storage::Backend> store_;
  std::optional<std::uint64_t> calls_to_live_{};
  bool dead_ = false;
  std::int64_t wakes_at_ = 0;
  bool finished_ = false;
  Baton baton_;
  std::thread thread_;
};

class Simulation {
public:
  Simulation(std::uint64_t seed, SimulationOptions options);

  /// Makes a process that does `work` once run() is called.
  SimulatedProcess& add(std::function<void(SimulatedProcess&)> work);
  /// Runs all until they ended.
  void run();
  /// A process outside the race: no faults, no lag, no sleeping, right clock.
  std::unique_ptr<SimulatedProcess> observer();
  void pass_time(std::int64_t seconds) { now_ += seconds; }
  std::uint64_t choose(std::uint64_t bound) { return random_.below(bound); }
  bool happens(unsigned per_mille) { return random_.below(1000) < per_mille; }
  /// Names of objects that are there.
  std::vector<std::string> names(const std::string& prefix) const;

private:
  friend class SimulatedProcess;
  friend class SimulatedStore;
  friend class SimulatedClock;
  struct Object {
    base::Bytes bytes;
    std::int64_t created = 0;
    std::optional<std::int64_t> removed{};
  };
  /// Hands the baton to whoever is to go next, `from` included unless it ended.
  void hand_on(SimulatedProcess* from);
  SimulatedProcess* next();
  bool is_listed(const Object& object);

  const SimulationOptions options_;
  base::SeededRandom random_;
  std::int64_t now_ = 0;
  bool racing_ = false;
  std::map<std::string, Object> objects_;
  std::deque<std::unique_ptr<SimulatedProcess>> processes_;
  std::vector<std::function<void(SimulatedProcess&)>> works_;
  Baton all_done_;
};

}  // namespace holdfast::repository
