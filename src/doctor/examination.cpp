#include "doctor/examination.hpp"

#include "base/units.hpp"
#include "chart.hpp"
#include "network.hpp"
#include "object_trials.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>

namespace holdfast::doctor {

using base::Error;
using base::Layer;

namespace {

constexpr std::uint64_t little_space = 1ULL << 30;
constexpr std::int64_t clock_warning_seconds = 60;
constexpr std::int64_t clock_failure_seconds = 900;  // object stores refuse requests then

std::vector<std::string_view> layers_of(const Patient& patient, const ExaminationOptions& options) {
  std::vector<std::string_view> layers;
  if (patient.way.endpoint) layers.insert(layers.end(), {"name", "port"});
  if (patient.way.has_trust) layers.emplace_back("trust");
  if (patient.way.is_remote) layers.emplace_back("login");
  layers.insert(layers.end(), {"place", "space", "clock"});
  if (!options.writes) return layers;
  for (const auto layer : object_layers())
    layers.push_back(layer);
  return layers;
}

class Examination {
public:
  Examination(const Patient& patient, const ExaminationOptions& options,
              const Surroundings& surroundings)
      : patient_(patient),
        options_(options),
        around_(surroundings),
        chart_(layers_of(patient, options), surroundings) {}

  std::vector<Finding> run() {
    if (patient_.way.endpoint && !reach(*patient_.way.endpoint)) return give_up();
    const auto store = open();
    if (!store || !look(*store)) return give_up();
    if (options_.writes) try_objects(*store, options_, around_, chart_);
    look_at_versions(*store);
    return give_up();
  }

private:
  std::vector<Finding> give_up() {
    chart_.skip_rest("not tried");
    return chart_.take();
  }

  bool reach(const Endpoint& endpoint) {
    std::string_view layer = "name";
    try {
      const auto addresses = addresses_of(endpoint);
      chart_.good(layer, fmt::format("{} is {}", endpoint.host, fmt::join(addresses, ", ")));
      layer = "port";
      const auto reached = connect_to(endpoint, addresses, options_.connect_seconds, around_);
      chart_.measured(layer,
                      fmt::format("{} port {} answers in {:.1f} ms", reached.address, endpoint.port,
                                  reached.seconds * 1000),
                      reached.seconds, "s");
      return true;
    } catch (const Error& error) {
      chart_.failed(layer, error);
      return false;
    }
  }

  /// What stands before the layer that failed was passed.
  std::unique_ptr<storage::Backend> open() {
    try {
      auto store = patient_.open();
      pass_up_to(Layer::place);
      chart_.good("place", "it is there and can be listed");
      return store;
    } catch (const Error& error) {
      fail_to_open(error);
      return nullptr;
    }
  }

  void fail_to_open(const Error& error) {
    auto layer = error.layer();
    if (layer == Layer::unknown) layer = patient_.way.is_remote ? Layer::login : Layer::place;
    // The way was open a moment ago, or a proxy or jump host knows it and we do not.
    if (layer == Layer::name || layer == Layer::port) layer = Layer::login;
    if (layer == Layer::rights) layer = Layer::place;
    // Who we are is looked at only by a server whose clock agrees.
    pass_up_to(layer == Layer::clock ? Layer::login : layer);
    switch (layer) {
      case Layer::trust:
        return chart_.failed("trust", error);
      case Layer::login:
        return chart_.failed("login", error);
      case Layer::clock:
        return chart_.failed("clock", error);
      default:
        return chart_.failed("place", error);
    }
  }

  void pass_up_to(Layer layer) {
    if (layer > Layer::trust && patient_.way.has_trust)
      chart_.good("trust", "the server is who it says");
    if (layer > Layer::login && patient_.way.is_remote) chart_.good("login", "let in");
  }

  bool look(storage::Backend& store) {
    try {
      const auto status = store.status();
      tell_space(status.free_bytes);
      return tell_clock(status.time);
    } catch (const Error& error) {
      chart_.failed("space", error);
      return false;
    }
  }

  void tell_space(const std::optional<std::uint64_t>& free_bytes) {
    if (!free_bytes) return chart_.good("space", "the store does not say");
    const auto says = base::format_byte_count(*free_bytes) + " are free";
    Finding finding{"space", Verdict::good, says, {}, static_cast<double>(*free_bytes), "bytes"};
    if (*free_bytes < little_space) {
      finding.verdict = Verdict::warning;
      finding.next_step = "make room, or raise the quota: holdfast prune frees what nobody needs";
    }
    chart_.tell(std::move(finding));
  }

  bool tell_clock(const std::optional<base::WallTime>& time) {
    if (!time) {
      chart_.good("clock", "the store does not say");
      return true;
    }
    const auto ahead = time->seconds - around_.clock.wall_now().seconds;
    const auto size = std::abs(ahead);
    const auto says = size < 2 ? std::string("as here")
                               : fmt::format("{} {} this machine's",
                                             base::format_duration(static_cast<double>(size)),
                                             ahead > 0 ? "ahead of" : "behind");
    Finding finding{"clock", Verdict::good, says, {}, static_cast<double>(ahead), "s"};
    if (size > clock_warning_seconds) {
      finding.verdict = size > clock_failure_seconds ? Verdict::failed : Verdict::warning;
      finding.next_step = "set both clocks by NTP: timedatectl set-ntp true";
    }
    chart_.tell(std::move(finding));
    return true;
  }

  /// Whether locks are enforced, and what somebody else did to objects of which the store keeps
  /// versions.
  void look_at_versions(storage::Backend& store) {
    auto* const locks = store.locks();
    if (locks == nullptr) return;
    const auto terms = locks->terms();
    const auto period = terms.period_seconds;
    try {
      if (options_.writes) locks->expect_enforced();
      std::size_t hidden = 0;
      std::size_t overwritten = 0;
      locks->list_altered([&](const storage::AlteredObject& object) {
        ++(object.how == storage::AlteredObject::How::hidden ? hidden : overwritten);
      });
      if (hidden + overwritten > 0) return tell_altered(hidden, overwritten);
      if (period == 0) return;
      tell_locks(terms);
    } catch (const Error& error) {
      // Many stores keep no versions, and say so.
      if (period > 0) chart_.failed("versions", error);
    }
  }

  void tell_locks(const storage::LockTerms& terms) {
    const auto period = base::format_duration(static_cast<double>(terms.period_seconds));
    const bool by_policy = terms.renewal == storage::LockTerms::Renewal::when_over;
    chart_.good(
        "versions",
        by_policy
            ? fmt::format("a policy of the bucket locks what is stored for {} at least", period)
            : fmt::format("what is kept is locked for {}, and nothing is hidden", period));
  }

  void tell_altered(std::size_t hidden, std::size_t overwritten) {
    chart_.tell({"versions", Verdict::failed,
                 fmt::format("{} objects were hidden and {} overwritten by something else than "
                             "Holdfast",
                             hidden, overwritten),
                 "bring them back: holdfast repair hidden; and find out who holds the keys of the "
                 "store"});
  }

  const Patient& patient_;
  const ExaminationOptions& options_;
  const Surroundings& around_;
  Chart chart_;
};

}  // namespace

std::vector<Finding> examine_store(const Patient& patient, const ExaminationOptions& options,
                                   const Surroundings& surroundings) {
  return Examination(patient, options, surroundings).run();
}

}  // namespace holdfast::doctor
