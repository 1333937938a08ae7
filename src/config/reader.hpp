#pragma once

#include "config/load.hpp"

#include <yaml-cpp/yaml.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::config {

/// Shared by the readers of all sections: where relative paths start, and what has been found
/// wrong.
class Reading {
public:
  explicit Reading(std::string base_directory) : base_directory_(std::move(base_directory)) {}

  void mistake(Place place, std::string message, std::string hint = {});
  void mistake(const YAML::Node& node, std::string message, std::string hint = {});
  /// True until so many nodes were visited that only aliases of aliases can be the reason.
  bool may_visit(const YAML::Node& node);
  /// Absolute, without "." and doubled slashes.
  std::string absolute(const std::string& path) const;
  std::vector<Mistake>& mistakes() { return mistakes_; }

private:
  const std::string base_directory_;
  std::vector<Mistake> mistakes_;
  std::size_t visited_ = 0;
};

Place place_of(const YAML::Node& node);

/// A map whose keys are taken one by one; finish() reports those that nobody took.
class Section {
public:
  /// `name` is for messages: "sites.blog". A node that is no map is a mistake, and the section is
  /// empty.
  Section(Reading& reading, const YAML::Node& node, const std::string& name);

  /// The value of `key`, or an undefined node.
  YAML::Node take(const std::string& key);
  void finish();
  const std::string& name() const { return name_; }
  std::string name_of(const std::string& key) const { return name_ + key; }

  // Each reads the value of `key` if there is one, and reports what is not of the type.
  std::optional<std::string> text(const std::string& key);
  std::optional<std::string> path(const std::string& key);
  std::optional<bool> boolean(const std::string& key);
  std::optional<std::uint64_t> byte_count(const std::string& key);
  /// Bytes a second; 0: without limit.
  std::optional<std::uint64_t> byte_rate(const std::string& key);
  std::optional<std::int64_t> duration(const std::string& key);
  std::optional<std::uint32_t> count(const std::string& key);
  /// A list of texts; one text alone is a list of one.
  std::vector<std::string> texts(const std::string& key);
  std::vector<std::string> paths(const std::string& key);
  /// The text must be one of `allowed`.
  std::optional<std::string> choice(const std::string& key,
                                    const std::vector<std::string>& allowed);

private:
  struct Field {
    std::string key;
    YAML::Node key_node;
    YAML::Node value;
    bool taken = false;
  };

  Reading& reading_;
  const std::string name_;
  std::vector<Field> fields_;
  std::vector<std::string> known_;
};

/// The text of a scalar; a mistake called `name` when it is none or empty.
std::optional<std::string> text_of(Reading& reading, const YAML::Node& node,
                                   const std::string& name);
/// Calls `visit` for each element of a list; a mistake called `name` when it is none.
void for_each_element(Reading& reading, const YAML::Node& node, const std::string& name,
                      const std::function<void(const YAML::Node&)>& visit);
/// Calls `visit` for each name and value of a map; a mistake called `name` when it is none, or has
/// a name twice.
void for_each_named(
    Reading& reading, const YAML::Node& node, const std::string& name,
    const std::function<void(const std::string&, const YAML::Node& key, const YAML::Node&)>& visit);

}  // namespace holdfast::config
