#include "object_trials.hpp"

#include "base/task_group.hpp"
#include "base/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>

namespace holdfast::doctor {

using base::Bytes;
using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t small_size = 4096;
constexpr std::uint64_t first_sample_bytes = 256UL * 1024;
constexpr int latency_calls = 9;

Bytes random_bytes(base::Random& random, std::size_t size) {
  Bytes bytes(size);
  random.fill(bytes);
  return bytes;
}

class ObjectTrials {
public:
  ObjectTrials(storage::Backend& store, const ExaminationOptions& options,
               const Surroundings& surroundings, Chart& chart)
      : store_(store),
        options_(options),
        around_(surroundings),
        chart_(chart),
        folder_("doctor/" + base::to_hex(random_bytes(surroundings.random, 8)) + "/"),
        content_(random_bytes(surroundings.random, small_size)) {}

  ~ObjectTrials() { clear_away(); }
  ObjectTrials(const ObjectTrials&) = delete;
  ObjectTrials& operator=(const ObjectTrials&) = delete;

  void run() {
    const bool whole = step("write", [&] { write(); }) &&
                       step("rename", [&] { look_for_name(); }) &&
                       step("read", [&] { read_back(); }) && step("lock", [&] { lock(); }) &&
                       step("list", [&] { list(); }) && step("latency", [&] { latency(); }) &&
                       step("delete", [&] { remove(); });
    if (!whole || !may_remove_) return;
    step("upload", [&] { upload(); }) && step("download", [&] { download(); }) &&
        step("parallel", [&] { side_by_side(); });
  }

private:
  template <class Work>
  bool step(std::string_view layer, Work work) {
    base::check_cancelled(around_.stopping);
    try {
      work();
      return true;
    } catch (const Error& error) {
      chart_.failed(layer, error);
      return false;
    }
  }

  std::string name(std::string_view what) const { return folder_ + std::string(what); }

  void write() {
    written_.emplace_back(name("small"));
    outcome_ = storage::put(store_, name("small"), content_);
    chart_.good("write", "an object can be written, durably");
  }

  void look_for_name() {
    if (outcome_ != storage::PutOutcome::stored || !store_.stat(name("small"))) {
      throw Error(ErrorKind::io, "an object that was stored is not there under its name")
          .set_hint("the store is not one that can be relied on: ask who runs it");
    }
    chart_.good("rename", "it has its name");
  }

  void read_back() {
    if (storage::get(store_, name("small"), small_size) != content_) {
      throw Error(ErrorKind::corrupt, "what is read is not what was written")
          .set_hint("check the memory and disks of the store and of this machine");
    }
    chart_.good("read", "what was written comes back");
  }

  void lock() {
    auto other = content_;
    other.front() ^= std::byte{1};
    const auto outcome = storage::put(store_, name("small"), other);
    const bool is_kept = storage::get(store_, name("small"), small_size) == content_;
    if (outcome != storage::PutOutcome::already_there || !is_kept) {
      throw Error(ErrorKind::unsupported, "a second object of the same name replaces the first")
          .set_hint("runs at the same time could undo each other: use another kind of store");
    }
    chart_.good("lock", "a second object of the same name is refused");
  }

  void list() {
    bool seen = false;
    store_.list(folder_, [&](const storage::ObjectInfo& object) {
      seen = seen || (object.name == name("small") && object.size == small_size);
    });
    if (!seen) {
      throw Error(ErrorKind::io, "an object that is there is missing in the list")
          .set_hint("the store shows new objects late: try again in a minute");
    }
    chart_.good("list", "it is listed");
  }

  void remove() {
    auto outcome = storage::RemoveOutcome::removed;
    try {
      outcome = store_.remove(name("small"));
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::access_denied) throw;
      may_remove_ = false;
      chart_.warn("delete", fmt::format("objects cannot be removed: {}", error.what()),
                  "right for a store that only takes; prune it from a machine that may remove");
      return;
    }
    if (store_.stat(name("small"))) {
      throw Error(ErrorKind::io, "an object that was removed is still there")
          .set_hint("a lock or a version of it may hold it: check the rules of the store");
    }
    written_.clear();
    if (outcome == storage::RemoveOutcome::held) {
      may_remove_ = false;  // what would be written to see how fast it goes would stay too
      return chart_.good("delete", "it can be removed, and the store keeps its bytes for a time");
    }
    chart_.good("delete", "it can be removed");
  }

  void latency() {
    std::vector<double> seconds;
    for (int i = 0; i < latency_calls; ++i) {
      const auto begin = around_.clock.now();
      static_cast<void>(store_.stat(name("small")));
      seconds.push_back(base::seconds_between(begin, around_.clock.now()));
    }
    std::ranges::sort(seconds);
    const auto median = seconds[seconds.size() / 2];
    chart_.measured("latency", fmt::format("{:.1f} ms a call", median * 1000), median, "s");
  }

  /// Stores an object of random bytes; how many went over in a second.
  double store_sample(const std::string& object, std::uint64_t size) {
    const auto bytes = random_bytes(around_.random, size);
    const auto begin = around_.clock.now();
    static_cast<void>(storage::put(store_, object, bytes));
    const auto seconds = base::seconds_between(begin, around_.clock.now());
    return static_cast<double>(size) / std::max(seconds, 1e-9);
  }

  void upload() {
    written_ = {name("first"), name("sample")};
    const auto first_rate = store_sample(name("first"), first_sample_bytes);
    const auto affordable = static_cast<std::uint64_t>(first_rate * options_.sample_seconds);
    sample_size_ = std::clamp(affordable, first_sample_bytes, options_.sample_bytes);
    up_ = store_sample(name("sample"), sample_size_);
    chart_.measured("upload", rate(up_), up_, "bytes/s");
  }

  void download() {
    const auto begin = around_.clock.now();
    static_cast<void>(storage::get(store_, name("sample"), sample_size_));
    const auto seconds = base::seconds_between(begin, around_.clock.now());
    const auto down = static_cast<double>(sample_size_) / std::max(seconds, 1e-9);
    chart_.measured("download", rate(down), down, "bytes/s");
  }

  void side_by_side() {
    const auto share = std::max<std::uint64_t>(sample_size_ / options_.streams, 1);
    std::vector<Bytes> samples;
    for (unsigned i = 0; i < options_.streams; ++i) {
      samples.push_back(random_bytes(around_.random, share));
      written_.push_back(name("stream-" + std::to_string(i)));
    }
    const auto begin = around_.clock.now();
    base::TaskGroup group(around_.stopping);
    for (unsigned i = 0; i < options_.streams; ++i) {
      group.spawn([&, i](const std::stop_token&) {
        static_cast<void>(storage::put(store_, name("stream-" + std::to_string(i)), samples[i]));
      });
    }
    group.join();
    const auto seconds = base::seconds_between(begin, around_.clock.now());
    const auto together = static_cast<double>(share * options_.streams) / std::max(seconds, 1e-9);
    chart_.measured("parallel",
                    fmt::format("{} at once: {}, {:.1f} times one", options_.streams,
                                rate(together), together / up_),
                    together / up_, "ratio");
  }

  static std::string rate(double bytes_a_second) {
    return base::format_byte_count(static_cast<std::uint64_t>(bytes_a_second)) + "/s";
  }

  void clear_away() {
    for (const auto& object : written_) {
      try {
        static_cast<void>(store_.remove(object));
      } catch (const std::exception&) {
        return;  // NOLINT(bugprone-empty-catch): a finding has said why by now
      }
    }
  }

  storage::Backend& store_;
  const ExaminationOptions& options_;
  const Surroundings& around_;
  Chart& chart_;
  const std::string folder_;
  const Bytes content_;
  storage::PutOutcome outcome_ = storage::PutOutcome::already_there;
  std::vector<std::string> written_;
  bool may_remove_ = true;
  std::uint64_t sample_size_ = 0;
  double up_ = 0;
};

}  // namespace

std::vector<std::string_view> object_layers() {
  return {"write",   "rename", "read",   "lock",     "list",
          "latency", "delete", "upload", "download", "parallel"};
}

void try_objects(storage::Backend& store, const ExaminationOptions& options,
                 const Surroundings& surroundings, Chart& chart) {
  ObjectTrials(store, options, surroundings, chart).run();
}

}  // namespace holdfast::doctor
