#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"
#include "storage/backend.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace holdfast::doctor {

enum class Verdict : std::uint8_t { good, warning, failed, skipped };
/// "good", "warning", ...
std::string_view name_of(Verdict verdict);

/// What came of one layer.
struct Finding {
  std::string layer;  // "name", "port", "trust", "login", "place", "write", ...
  Verdict verdict = Verdict::good;
  std::string says;                // what was seen; where it failed, the cause
  std::string next_step;           // what to do about it; empty when nothing is to be done
  std::optional<double> figure{};  // where something was measured
  std::string unit{};              // of the figure: "bytes", "bytes/s", "s", "ratio"
};

/// Where a server answers, or the proxy on the way to it.
struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
};

/// What stands between here and a store.
struct Way {
  bool is_remote = false;            // somebody lets us in, or not
  std::optional<Endpoint> endpoint;  // nothing also where a proxy or jump host stands between
  bool has_trust = false;            // a certificate or a host key
};

struct Patient {
  Way way;
  /// Opens it without trying again. Errors: with their base::Layer.
  std::function<std::unique_ptr<storage::Backend>()> open;
};

struct ExaminationOptions {
  std::uint64_t sample_bytes = 16UL * 1024 * 1024;  // written and read to see how fast it goes
  double sample_seconds = 3;                        // a slow line is measured with fewer bytes
  unsigned streams = 4;                             // side by side
  bool writes = true;                               // false: nothing is written to the store
  std::int64_t connect_seconds = 10;
};

/// What the examination needs. Borrowed.
struct Surroundings {
  const base::Clock& clock;
  base::Random& random;
  const std::function<void(const Finding&)>& tell;  // called as soon as a layer is done
  const std::stop_token& stopping;
};

/// Layer by layer: name, port, trust, login, place, space, clock, then what a repository does with
/// a store. The first of the way that fails ends it; all others are told as skipped. Writes below
/// "doctor/" only, and removes what it wrote.
///
/// Errors: Cancelled. Whatever the store does is a finding.
std::vector<Finding> examine_store(const Patient& patient, const ExaminationOptions& options,
                                   const Surroundings& surroundings);

/// The folder where caches are: whether it can be written, its space and how fast it is synced.
std::vector<Finding> examine_local_disk(const std::string& directory,
                                        const Surroundings& surroundings);

/// Something that a site takes.
struct Taken {
  enum class Kind : std::uint8_t { tree, sqlite };
  Kind kind = Kind::tree;
  std::string path;
};
/// Whether each is there and can be read by this user.
std::vector<Finding> examine_sources(const std::vector<Taken>& taken,
                                     const Surroundings& surroundings);

}  // namespace holdfast::doctor
