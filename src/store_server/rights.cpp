// An append-only token is for a machine that may fall into wrong hands, with its passphrase. What
// was stored must stay and count: nothing is removed, and nothing is added that makes others remove
// it or take it for kept elsewhere (deletion records, tombs, marks of packs elsewhere). Runs need
// more than creating: a lease goes when its run ends. Who takes away another's lease makes that run
// fail and loses nothing, because what ends a run is created before its snapshot counts; that only
// holds while an end is never taken away before its start, so it is not. The notes of reading hold
// nothing that is not found out by reading again, and what a diagnosis writes means nothing.

#include "rights.hpp"

#include "refusal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

namespace holdfast::store_server {

namespace {

constexpr std::array<std::string_view, 3> takes_away = {"deletions/", "tombs/", "elsewhere/"};
constexpr std::string_view leases = "leases/";
constexpr std::array<std::string_view, 2> of_no_weight = {"checks/", "doctor/"};
constexpr std::string_view lease_end = ".end";
constexpr std::string_view lease_start = ".start";

bool begins_with_any(const std::string& name, std::span<const std::string_view> prefixes) {
  return std::ranges::any_of(prefixes,
                             [&](std::string_view prefix) { return name.starts_with(prefix); });
}

[[noreturn]] void refuse(const Token& token, const char* what, const std::string& name) {
  throw Refusal(
      status_forbidden, base::ErrorKind::access_denied,
      fmt::format("the token '{}' is append-only: it may not {} {}", token.name, what, name));
}

}  // namespace

void require_create(const Token& token, const std::string& name) {
  if (token.kind == TokenKind::full) return;
  if (begins_with_any(name, takes_away)) refuse(token, "create", name);
}

void require_remove(const Token& token, const std::string& name, storage::Backend& repository) {
  if (token.kind == TokenKind::full || begins_with_any(name, of_no_weight)) return;
  if (!name.starts_with(leases)) refuse(token, "remove", name);
  if (!name.ends_with(lease_end)) return;
  const auto lease = name.substr(0, name.size() - lease_end.size());
  if (repository.stat(lease + std::string(lease_start))) refuse(token, "remove", name);
}

}  // namespace holdfast::store_server
