#include "copy_targets.hpp"

#include "base/error.hpp"
#include "base/error_kinds.hpp"
#include "base/units.hpp"
#include "config/nearest.hpp"
#include "repository/format_object.hpp"
#include "storage/location.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::cli {

namespace {

using base::Error;
using base::ErrorKind;

CopyTarget target_of(const config::Store& store) {
  return {store.name, store.url, store.offline, &store};
}

const config::Store& store_called(Session& session, const std::string& name) {
  const auto* config = session.config();
  if (config != nullptr) {
    if (const auto* store = config->find_store(name)) return *store;
  }
  std::vector<std::string> known;
  if (config != nullptr) {
    for (const auto& store : config->stores)
      known.push_back(store.name);
  }
  const auto meant = config::nearest(name, known);
  throw Error(ErrorKind::not_found, fmt::format("there is no store {}", base::printable(name)))
      .set_hint(!meant.empty()  ? fmt::format("did you mean {}?", meant)
                : known.empty() ? "describe it in 'stores' of holdfast.yaml, or give a URL"
                                : fmt::format("stores: {}; or give a URL", fmt::join(known, ", ")));
}

bool is_url(const std::string& text) {
  return text.find("://") != std::string::npos || text.starts_with('/') || text.starts_with('.');
}

void add(std::vector<CopyTarget>& targets, CopyTarget target) {
  const auto same = [&](const CopyTarget& other) { return other.url == target.url; };
  if (std::ranges::none_of(targets, same)) targets.push_back(std::move(target));
}

}  // namespace

std::vector<CopyTarget> copy_targets_of_site(Session& session, const std::string& site) {
  std::vector<CopyTarget> targets;
  const auto* config = session.config();
  const auto* found = config == nullptr ? nullptr : config->find_site(site);
  if (found == nullptr) return targets;
  for (const auto& name : found->copies)
    add(targets, target_of(store_called(session, name)));
  return targets;
}

std::vector<CopyTarget> configured_copies(Session& session) {
  std::vector<CopyTarget> targets;
  if (session.config() == nullptr) return targets;
  for (const auto& site : session.config()->sites) {
    for (auto& target : copy_targets_of_site(session, site.name))
      add(targets, std::move(target));
  }
  return targets;
}

std::vector<CopyTarget> copy_targets(Session& session, const std::vector<std::string>& named) {
  std::vector<CopyTarget> targets;
  for (const auto& text : named) {
    if (is_url(text)) {
      add(targets, {text, text});
    } else {
      add(targets, target_of(store_called(session, text)));
    }
  }
  if (named.empty()) targets = configured_copies(session);
  if (targets.empty()) {
    throw Error(ErrorKind::invalid_input, "nothing says where copies are")
        .set_hint("name a store, or write 'copies: [nas]' into a site of holdfast.yaml");
  }
  return targets;
}

std::unique_ptr<storage::Backend> open_copy_store(Session& session, const CopyTarget& target,
                                                  bool create) {
  using Mode = Services::StoreMode;
  const auto location = storage::parse_location(target.url);
  if (location.url() == session.location().url()) {
    throw Error(ErrorKind::invalid_input,
                fmt::format("{} is the repository itself, and no copy of it", location.url()));
  }
  try {
    auto store = session.open_store_at(location, create ? Mode::create : Mode::existing);
    if (!create) static_cast<void>(repository::load_format(*store));
    return store;
  } catch (Error& error) {
    if (error.kind() != ErrorKind::not_found || create) throw;
    throw Error(ErrorKind::not_found,
                fmt::format("there is no copy at {}", base::printable(location.url())))
        .set_hint(target.offline
                      ? "connect the disk; the first time: holdfast copy --create"
                      : fmt::format("is everything mounted? The first time: holdfast copy {} "
                                    "--create",
                                    target.name));
  }
}

storage::Backend* CopyStores::find(const std::string& name) {
  if (const auto known = stores_.find(name); known != stores_.end()) return known->second.get();
  auto& store = stores_[name];
  for (const auto& target : configured_copies(session_)) {
    if (target.name != name) continue;
    try {
      auto opened = open_copy_store(session_, target, false);
      if (repository::load_format(*opened).id == session_.repository().id()) {
        store = std::move(opened);
      }
    } catch (const Error&) {
      store = nullptr;  // it is not at hand, for whatever reason: who needs it says so
    }
  }
  return store.get();
}

int for_each_copy(Session& session, std::string_view key, const std::vector<CopyTarget>& targets,
                  const std::function<int(const CopyTarget&)>& work,
                  const std::function<void(const CopyTarget&, const Failure&)>& failed) {
  auto& json = session.console().json();
  json.key(key).begin_array();
  int exit_code = base::exit_done;
  for (const auto& target : targets) {
    int code = base::exit_done;
    try {
      code = work(target);
    } catch (const Error& error) {
      if (targets.size() == 1) throw;
      const auto failure = failure_of(error);
      failed(target, failure);
      code = failure.exit_code;
    }
    if (exit_code == base::exit_done) exit_code = code;
  }
  json.end_array();
  return exit_code;
}

std::optional<OpenedCopy> open_nearest_copy(Session& session,
                                            const std::vector<CopyTarget>& targets) {
  auto& clock = session.services().clock();
  std::optional<OpenedCopy> nearest;
  double shortest = 0;
  for (const auto& target : targets) {
    try {
      auto store = open_copy_store(session, target, false);
      const auto begin = clock.now();
      static_cast<void>(repository::load_format(*store));
      const auto seconds = base::seconds_between(begin, clock.now());
      if (nearest && seconds >= shortest) continue;
      nearest = OpenedCopy{target, std::move(store)};
      shortest = seconds;
    } catch (const Error& error) {
      session.console().warn(fmt::format("{}: {}", target.name, error.what()));
    }
  }
  return nearest;
}

}  // namespace holdfast::cli
