#pragma once

#include "config/config.hpp"
#include "reader.hpp"

#include <optional>
#include <string>

namespace holdfast::config {

Site read_site(Reading& reading, const std::string& name, const YAML::Node& node,
               const std::vector<Store>& stores);
policy::KeepRules read_keep(Reading& reading, const YAML::Node& node, const std::string& name);
/// "parity": percent; nothing when it is not said.
std::optional<unsigned> read_parity(Reading& reading, Section& section);
/// "limit": a rate for both directions, or a map; none when it is not said.
policy::BandwidthLimits read_limits(Reading& reading, Section& section);
/// "lifecycle", "prices" and "currency" of the store at `url`.
TierSettings read_tiers(Reading& reading, Section& section, const std::string& url);
Store read_store(Reading& reading, const std::string& name, const YAML::Node& node);

}  // namespace holdfast::config
