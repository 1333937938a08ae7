#include "sections.hpp"

namespace holdfast::config {

policy::KeepRules read_keep(Reading& reading, const YAML::Node& node, const std::string& name) {
  Section section(reading, node, name);
  policy::KeepRules rules;
  rules.last = section.count("last").value_or(0);
  rules.hourly = section.count("hourly").value_or(0);
  rules.daily = section.count("daily").value_or(0);
  rules.weekly = section.count("weekly").value_or(0);
  rules.monthly = section.count("monthly").value_or(0);
  rules.yearly = section.count("yearly").value_or(0);
  rules.within = section.duration("within");
  rules.full = section.duration("full");
  rules.incremental = section.duration("incremental");
  rules.realtime = section.duration("realtime");
  rules.safety = section.duration("safety");
  rules.tags = section.texts("tags");
  section.finish();
  return rules;
}

}  // namespace holdfast::config
