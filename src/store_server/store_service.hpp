#pragma once

#include "base/clock.hpp"
#include "http_server/exchange.hpp"
#include "storage/backend.hpp"
#include "store_server/tokens.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::store_server {

/// What the service needs of the program.
struct StoreServiceContext {
  enum class Mode : std::uint8_t { existing, create };
  /// The repository of that name, a plain one. Errors: not_found with `existing`.
  std::function<std::unique_ptr<storage::Backend>(const std::string& repository, Mode mode)> open;
  /// Those of now. Errors: then nobody gets in.
  std::function<std::shared_ptr<const std::vector<Token>>()> tokens;
  const base::Clock& clock;  // borrowed
  /// Told what went wrong on this side, from any thread.
  std::function<void(const std::string& problem)> report;
};

struct StoreServiceOptions {
  std::optional<std::uint64_t> quota_bytes{};  // of each repository
};

/// The REST store: answers requests about objects of repositories, for who has a token.
/// Threads: handle() from any. The protocol is described in docs/serve.md.
class StoreService {
public:
  StoreService(StoreServiceOptions options, StoreServiceContext context);
  ~StoreService();
  StoreService(const StoreService&) = delete;
  StoreService& operator=(const StoreService&) = delete;

  void handle(http_server::Exchange& exchange);

private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::store_server
