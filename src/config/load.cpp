#include "config/load.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/units.hpp"
#include "config/nearest.hpp"
#include "sections.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::config {

namespace {

constexpr std::size_t site_name_length_max = 64;

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return path.substr(0, slash);
}

void read_passphrase(Reading& reading, Section& root, Config& config) {
  config.passphrase_file = root.path("passphrase_file");
  config.key_file = root.path("key_file");
  const auto node = root.take("passphrase_command");
  if (!node.IsDefined()) return;
  for_each_element(reading, node, "passphrase_command", [&](const YAML::Node& element) {
    if (auto argument = text_of(reading, element, "passphrase_command")) {
      config.passphrase_command.push_back(std::move(*argument));
    }
  });
  if (config.passphrase_file && !config.passphrase_command.empty()) {
    reading.mistake(node, "passphrase_file and passphrase_command exclude each other");
  }
}

void read_sites(Reading& reading, const YAML::Node& node, Config& config) {
  for_each_named(reading, node, "sites",
                 [&](const std::string& name, const YAML::Node& key, const YAML::Node& value) {
                   if (!is_site_name(name)) {
                     reading.mistake(
                         key, fmt::format("'{}' cannot name a site", base::printable(name)),
                         "use 1 to 64 letters, digits, '.', '_' and '-', and not 'latest'");
                   }
                   config.sites.push_back(read_site(reading, name, value, config.stores));
                 });
}

/// The same place, written as a path or a URL.
bool is_same_place(std::string_view a, std::string_view b) {
  constexpr std::string_view file = "file://";
  for (auto* text : {&a, &b}) {
    if (text->starts_with(file)) text->remove_prefix(file.size());
    while (text->size() > 1 && text->ends_with('/'))
      text->remove_suffix(1);
  }
  return a == b;
}

bool is_copy(const Config& config, const std::string& store) {
  return std::ranges::any_of(config.sites, [&](const Site& site) {
    return std::ranges::find(site.copies, store) != site.copies.end();
  });
}

/// Packs leave the repository for one of its copies, which has all of them, and nothing else.
void check_moves(Reading& reading, const Config& config) {
  for (const auto& store : config.stores) {
    if (store.tiers.lifecycle.empty() || store.tiers.lifecycle.back().store.empty()) continue;
    const auto& to = store.tiers.lifecycle.back().store;
    const auto& place = store.tiers.store_place;
    const auto name = fmt::format("stores.{}.lifecycle", store.name);
    const bool is_repository = config.repository ? is_same_place(*config.repository, store.url)
                                                 : !is_copy(config, store.name);
    if (!is_repository) {
      reading.mistake(place,
                      fmt::format("{}: packs go to another store from the repository only", name),
                      "write the rule into the store that has the url of 'repository'");
    } else if (config.find_store(to) == nullptr) {
      std::vector<std::string> known;
      known.reserve(config.stores.size());
      for (const auto& other : config.stores)
        known.push_back(other.name);
      const auto meant = nearest(to, known);
      reading.mistake(place, fmt::format("{} names '{}', which is not in stores", name, to),
                      meant.empty() ? "describe it in the section stores"
                                    : fmt::format("did you mean '{}'?", meant));
    } else if (to == store.name || !is_copy(config, to)) {
      reading.mistake(place, fmt::format("{}: {} is no copy", name, to),
                      fmt::format("list it in 'copies' of a site: copies: [{}]",
                                  to == store.name ? "far" : to));
    }
  }
}

void read_root(Reading& reading, const YAML::Node& node, Config& config) {
  Section root(reading, node, "");
  if (auto repository = root.text("repository")) {
    const bool is_url = repository->find("://") != std::string::npos;
    config.repository = is_url ? *repository : reading.absolute(*repository);
  }
  read_passphrase(reading, root, config);
  config.parity_percent = read_parity(reading, root);
  config.limits = read_limits(reading, root);
  if (const auto stores = root.take("stores"); stores.IsDefined()) {
    for_each_named(reading, stores, "stores",
                   [&](const std::string& name, const YAML::Node&, const YAML::Node& value) {
                     config.stores.push_back(read_store(reading, name, value));
                   });
  }
  if (const auto sites = root.take("sites"); sites.IsDefined()) {
    read_sites(reading, sites, config);
  }
  check_moves(reading, config);
  root.finish();
}

}  // namespace

const char* name_of(DatabaseEngine engine) {
  switch (engine) {
    case DatabaseEngine::sqlite:
      return "sqlite";
    case DatabaseEngine::postgresql:
      return "postgresql";
    case DatabaseEngine::mariadb:
      return "mariadb";
    case DatabaseEngine::redis:
      return "redis";
  }
  return "unknown";
}

const Site* Config::find_site(const std::string& name) const {
  const auto found = std::ranges::find(sites, name, &Site::name);
  return found == sites.end() ? nullptr : &*found;
}

const Store* Config::find_store(const std::string& name) const {
  const auto found = std::ranges::find(stores, name, &Store::name);
  return found == stores.end() ? nullptr : &*found;
}

bool is_site_name(const std::string& name) {
  if (name.empty() || name.size() > site_name_length_max || name == "latest") return false;
  if (name.front() == '.' || name.front() == '-') return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

namespace {

/// The line (from 1) with the mark of a second document. yaml-cpp's LoadAll would know, but it
/// never ends for some texts that are no YAML, "," for one.
std::optional<std::size_t> line_of_second_document(std::string_view text) {
  bool begun = false;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const bool is_mark = line == "---" || line.starts_with("--- ");
    if (is_mark && begun) return number;
    const auto first = line.find_first_not_of(" \t\r");
    begun = begun || is_mark ||
            (first != std::string_view::npos && line[first] != '#' && line[0] != '%');
  }
  return std::nullopt;
}

}  // namespace

Parsed parse_config(std::string_view text, const std::string& path) {
  Parsed parsed;
  parsed.config.path = path;
  Reading reading(directory_of(path));
  try {
    if (const auto line = line_of_second_document(text)) {
      reading.mistake(Place{*line, 1}, "a second document: only one is read",
                      "remove the line ---");
    }
    read_root(reading, YAML::Load(std::string(text)), parsed.config);
  } catch (const YAML::Exception& error) {
    Place place;
    if (!error.mark.is_null()) {
      place = {static_cast<std::size_t>(error.mark.line) + 1,
               static_cast<std::size_t>(error.mark.column) + 1};
    }
    reading.mistake(place, fmt::format("not YAML: {}", base::printable(error.msg)),
                    "check indentation and quotes here and on the line before");
  }
  parsed.mistakes = std::move(reading.mistakes());
  std::ranges::stable_sort(parsed.mistakes, [](const Mistake& a, const Mistake& b) {
    return std::pair(a.place.line, a.place.column) < std::pair(b.place.line, b.place.column);
  });
  return parsed;
}

std::string describe(const std::vector<Mistake>& mistakes, const std::string& path) {
  std::string text;
  for (const auto& mistake : mistakes) {
    if (!text.empty()) text += '\n';
    text += fmt::format("{}:{}:{}: {}", base::printable(path), mistake.place.line,
                        mistake.place.column, mistake.message);
    if (!mistake.hint.empty()) text += fmt::format("\n  hint: {}", mistake.hint);
  }
  return text;
}

Config load_config(const std::string& path) {
  const auto bytes = base::read_file(path, config_size_max);
  return require_config(base::as_text(bytes), path);
}

Config require_config(std::string_view text, const std::string& path) {
  auto parsed = parse_config(text, path);
  if (parsed.mistakes.empty()) return std::move(parsed.config);
  const auto count = parsed.mistakes.size();
  throw base::Error(base::ErrorKind::invalid_input,
                    fmt::format("{} mistake{} in the configuration\n{}", count,
                                count == 1 ? "" : "s", describe(parsed.mistakes, path)));
}

}  // namespace holdfast::config
