#include "reader.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "config/nearest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>

namespace holdfast::config {

namespace {

/// A real file of the largest size has fewer nodes that anybody would write by hand.
constexpr std::size_t visits_max = 100'000;

std::string quoted(const std::string& text) {
  constexpr std::size_t shown_max = 60;
  if (text.size() <= shown_max) return fmt::format("'{}'", base::printable(text));
  return fmt::format("'{}...'", base::printable(text.substr(0, shown_max)));
}

/// `read` with its invalid_input as a mistake at `node`.
template <class Value, class Read>
std::optional<Value> read_value(Reading& reading, const YAML::Node& node, const std::string& name,
                                Read read, const char* hint) {
  const auto text = text_of(reading, node, name);
  if (!text) return {};
  try {
    return read(*text);
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::invalid_input) throw;
    reading.mistake(node, fmt::format("{}: {} makes no sense here", name, quoted(*text)), hint);
    return {};
  }
}

}  // namespace

Place place_of(const YAML::Node& node) {
  const YAML::Mark mark = node.Mark();
  if (mark.is_null()) return {};
  return {static_cast<std::size_t>(mark.line) + 1, static_cast<std::size_t>(mark.column) + 1};
}

void Reading::mistake(Place place, std::string message, std::string hint) {
  if (mistakes_.size() >= mistakes_max) return;
  mistakes_.push_back({place, std::move(message), std::move(hint)});
}

void Reading::mistake(const YAML::Node& node, std::string message, std::string hint) {
  mistake(place_of(node), std::move(message), std::move(hint));
}

bool Reading::may_visit(const YAML::Node& node) {
  if (visited_ == visits_max) {
    mistake(node, fmt::format("more than {} values: the rest is not read", visits_max),
            "aliases (*name) that repeat large parts many times are not allowed");
  }
  return visited_++ < visits_max;
}

std::string Reading::absolute(const std::string& path) const {
  std::string result;
  const std::string whole = path.starts_with('/') ? path : base_directory_ + "/" + path;
  for (std::size_t begin = 0; begin < whole.size();) {
    const auto end = std::min(whole.find('/', begin), whole.size());
    const auto part = whole.substr(begin, end - begin);
    if (!part.empty() && part != ".") result += "/" + part;
    begin = end + 1;
  }
  return result.empty() ? "/" : result;
}

std::optional<std::string> text_of(Reading& reading, const YAML::Node& node,
                                   const std::string& name) {
  if (!node.IsScalar()) {
    reading.mistake(node, fmt::format("{} must be a text or number", name));
    return {};
  }
  if (node.Scalar().empty() || node.Scalar().find('\0') != std::string::npos) {
    reading.mistake(node, fmt::format("{} must not be empty or hold a zero byte", name));
    return {};
  }
  return node.Scalar();
}

void for_each_element(Reading& reading, const YAML::Node& node, const std::string& name,
                      const std::function<void(const YAML::Node&)>& visit) {
  if (!node.IsSequence()) {
    reading.mistake(node, fmt::format("{} must be a list", name), "write [a, b], or - a lines");
    return;
  }
  for (const auto& element : node) {
    if (!reading.may_visit(element)) return;
    visit(element);
  }
}

void for_each_named(Reading& reading, const YAML::Node& node, const std::string& name,
                    const std::function<void(const std::string&, const YAML::Node& key,
                                             const YAML::Node&)>& visit) {
  if (!node.IsMap()) {
    reading.mistake(node, fmt::format("{} must be a map of names", name), "write name: value");
    return;
  }
  std::map<std::string, Place> seen;
  for (const auto& pair : node) {
    if (!reading.may_visit(pair.first)) return;
    if (!pair.first.IsScalar()) {
      reading.mistake(pair.first, fmt::format("{}: a name must be a text", name));
      continue;
    }
    const auto& key = pair.first.Scalar();
    const auto [first, is_new] = seen.emplace(key, place_of(pair.first));
    if (is_new) {
      visit(key, pair.first, pair.second);
    } else {
      reading.mistake(pair.first, fmt::format("{} has {} twice", name, quoted(key)),
                      fmt::format("the first is on line {}", first->second.line));
    }
  }
}

Section::Section(Reading& reading, const YAML::Node& node, const std::string& name)
    : reading_(reading), name_(name.empty() ? name : name + ".") {
  if (node.IsNull()) return;  // "sites:" with nothing below is an empty section
  for_each_named(reading, node, name.empty() ? "the file" : name,
                 [&](const std::string& key, const YAML::Node& key_node, const YAML::Node& value) {
                   fields_.push_back({key, key_node, value});
                 });
}

YAML::Node Section::take(const std::string& key) {
  if (std::ranges::find(known_, key) == known_.end()) known_.push_back(key);
  for (auto& field : fields_) {
    if (field.key != key) continue;
    field.taken = true;
    if (!field.value.IsNull()) return field.value;
    reading_.mistake(field.key_node, fmt::format("{} has no value", name_of(key)));
  }
  return YAML::Node(YAML::NodeType::Undefined);
}

void Section::finish() {
  for (const auto& field : fields_) {
    if (field.taken) continue;
    const auto meant = nearest(field.key, known_);
    std::string hint = meant.empty() ? fmt::format("known here: {}", fmt::join(known_, ", "))
                                     : fmt::format("did you mean '{}'?", meant);
    reading_.mistake(field.key_node, fmt::format("unknown key {}", quoted(name_of(field.key))),
                     std::move(hint));
  }
}

std::optional<std::string> Section::text(const std::string& key) {
  const auto node = take(key);
  if (!node.IsDefined()) return {};
  return text_of(reading_, node, name_of(key));
}

std::optional<std::string> Section::path(const std::string& key) {
  const auto found = text(key);
  return found ? std::optional(reading_.absolute(*found)) : std::nullopt;
}

std::optional<bool> Section::boolean(const std::string& key) {
  const auto node = take(key);
  if (!node.IsDefined()) return {};
  bool value = false;
  if (YAML::convert<bool>::decode(node, value)) return value;
  reading_.mistake(node, fmt::format("{} must be true or false", name_of(key)));
  return {};
}

std::optional<std::uint64_t> Section::byte_count(const std::string& key) {
  const auto node = take(key);
  if (!node.IsDefined()) return {};
  return read_value<std::uint64_t>(reading_, node, name_of(key), base::parse_byte_count,
                                   "write a size such as 20 MiB or 4G");
}

std::optional<std::uint64_t> Section::byte_rate(const std::string& key) {
  const auto node = take(key);
  if (!node.IsDefined()) return {};
  return read_value<std::uint64_t>(reading_, node, name_of(key), base::parse_byte_rate,
                                   "write a rate such as 20 MiB/s, at least 16 KiB/s, or none");
}

std::optional<std::int64_t> Section::duration(const std::string& key) {
  const auto node = take(key);
  if (!node.IsDefined()) return {};
  return read_value<std::int64_t>(reading_, node, name_of(key), base::parse_duration,
                                  "write a time span such as 5m, 7 days or 3 months");
}

std::optional<std::uint32_t> Section::count(const std::string& key) {
  const auto node = take(key);
  if (!node.IsDefined()) return {};
  std::uint32_t value = 0;
  const bool digits =
      node.IsScalar() && !node.Scalar().empty() &&
      std::ranges::all_of(node.Scalar(), [](char c) { return c >= '0' && c <= '9'; });
  if (digits && YAML::convert<std::uint32_t>::decode(node, value)) return value;
  reading_.mistake(node, fmt::format("{} must be a whole number, 0 or more", name_of(key)));
  return {};
}

std::vector<std::string> Section::texts(const std::string& key) {
  const auto node = take(key);
  if (!node.IsDefined()) return {};
  std::vector<std::string> found;
  const auto add = [&](const YAML::Node& element) {
    if (auto text = text_of(reading_, element, name_of(key))) found.push_back(std::move(*text));
  };
  if (node.IsScalar()) {
    add(node);
  } else {
    for_each_element(reading_, node, name_of(key), add);
  }
  return found;
}

std::vector<std::string> Section::paths(const std::string& key) {
  auto found = texts(key);
  for (auto& path : found)
    path = reading_.absolute(path);
  return found;
}

std::optional<std::string> Section::choice(const std::string& key,
                                           const std::vector<std::string>& allowed) {
  const auto node = take(key);
  if (!node.IsDefined()) return {};
  auto found = text_of(reading_, node, name_of(key));
  if (!found || std::ranges::find(allowed, *found) != allowed.end()) return found;
  reading_.mistake(node, fmt::format("{}: {} is not known", name_of(key), quoted(*found)),
                   fmt::format("write one of: {}", fmt::join(allowed, ", ")));
  return {};
}

}  // namespace holdfast::config
