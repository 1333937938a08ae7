#pragma once

#include "base/error_kinds.hpp"

#include <concepts>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <source_location>
#include <string>
#include <utility>

namespace holdfast::base {

/// How far the way to a store was gone when something failed: what a diagnosis goes through.
enum class Layer : std::uint8_t {
  unknown,
  name,    // the host has no address
  port,    // nothing answers there
  trust,   // the certificate or the host key
  login,   // who we are
  place,   // the directory, bucket or share
  rights,  // what we may do there
  clock,   // the two clocks differ too much
};

/// The one exception of Holdfast. Messages name the thing and the act: lower case, no full stop.
class Error : public std::exception {
public:
  Error(ErrorKind kind, std::string message,
        std::source_location where = std::source_location::current());

  ErrorKind kind() const noexcept { return kind_; }
  Retry retry() const noexcept { return retry_; }
  const std::string& hint() const noexcept { return hint_; }
  const std::source_location& where() const noexcept { return where_; }
  /// Context frames, outermost first, then the message: "doing a: doing b: it failed".
  const char* what() const noexcept override { return what_.c_str(); }

  /// The newest frame is the outermost.
  Error& add_context(const std::string& doing);
  /// One sentence: what an operator should look at or do next. The first one given stays.
  Error& set_hint(std::string hint);
  Error& set_retry(Retry retry);
  /// What the other side asked to wait before the next attempt, if it did.
  std::optional<double> retry_after_seconds() const noexcept { return retry_after_seconds_; }
  Error& set_retry_after(double seconds);
  Layer layer() const noexcept { return layer_; }
  /// The first one given stays.
  Error& set_layer(Layer layer);

private:
  ErrorKind kind_;
  Retry retry_;
  std::string what_;
  std::string hint_;
  std::optional<double> retry_after_seconds_;
  Layer layer_ = Layer::unknown;
  std::source_location where_;
};

/// The run was asked to stop. Not an Error, so that retry and skip handlers cannot swallow it.
class Cancelled : public std::exception {
public:
  const char* what() const noexcept override { return "cancelled"; }
};

/// An Error from `errno`-style codes: ENOENT is not_found, EACCES/EPERM access_denied,
/// ENOSPC/EDQUOT no_space, EEXIST already_exists, else io (Retry::later as a network file system).
Error system_error(int code, const std::string& doing,
                   std::source_location where = std::source_location::current());

template <std::invocable Describe, std::invocable Work>
decltype(auto) with_context(Describe&& describe, Work&& work) {
  try {
    return std::invoke(std::forward<Work>(work));
  } catch (Error& error) {
    error.add_context(std::invoke(std::forward<Describe>(describe)));
    throw;
  }
}

[[noreturn]] void assertion_failed(const char* condition, const char* why,
                                   std::source_location where) noexcept;

}  // namespace holdfast::base

/// For programmer errors only, never for input. On in release builds: stop rather than go on wrong.
#define HF_ASSERT(condition, why)                                                           \
  do {                                                                                      \
    if (!(condition)) [[unlikely]]                                                          \
      ::holdfast::base::assertion_failed(#condition, why, std::source_location::current()); \
  } while (false)
