#include "config/nearest.hpp"
#include "sections.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::config {

namespace {

using When = NotYet::When;

void note(Site& site, When when, std::string feature, std::string message) {
  site.not_yet.push_back({when, std::move(feature), std::move(message)});
}

/// Five fields of a crontab line, or "@daily" and the like.
bool looks_like_cron(const std::string& text) {
  if (text.starts_with('@')) return text.find(' ') == std::string::npos;
  std::size_t fields = 0;
  bool in_field = false;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\t';
    const bool letter = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!blank && !letter && std::string_view("*/,-?").find(c) == std::string_view::npos) {
      return false;
    }
    if (!blank && !in_field) ++fields;
    in_field = !blank;
  }
  return fields == 5;
}

void read_schedule(Reading& reading, Section& parent, Site& site) {
  const auto node = parent.take("schedule");
  if (!node.IsDefined()) return;
  Section section(reading, node, parent.name_of("schedule"));
  for (const auto* key : {"full", "incremental"}) {
    const auto value = section.take(key);
    if (!value.IsDefined()) continue;
    const auto text = text_of(reading, value, section.name_of(key));
    if (text && !looks_like_cron(*text)) {
      reading.mistake(value, fmt::format("{} must have five fields", section.name_of(key)),
                      "write minute, hour, day, month and weekday, such as \"0 2 * * 0\"");
    }
  }
  section.boolean("realtime");
  section.finish();
  note(site, When::backup, "schedule",
       "the schedule is not followed by this version: run 'holdfast backup' from cron or a systemd "
       "timer");
}

void read_objectives(Reading& reading, Section& parent, Site& site) {
  const auto node = parent.take("objectives");
  if (!node.IsDefined()) return;
  Section section(reading, node, parent.name_of("objectives"));
  section.duration("rpo");
  section.duration("rto");
  section.finish();
  note(site, When::backup, "objectives", "objectives are not watched by this version");
}

void read_hooks(Reading& reading, Section& parent, Site& site) {
  const auto node = parent.take("hooks");
  if (!node.IsDefined()) return;
  Section section(reading, node, parent.name_of("hooks"));
  for (const auto* key : {"before_backup", "after_backup"}) {
    if (!section.texts(key).empty()) {
      note(site, When::backup, "hooks", fmt::format("{} is not run by this version", key));
    }
  }
  for (const auto* key : {"before_restore", "after_restore"}) {
    if (!section.texts(key).empty()) {
      note(site, When::restore, "hooks", fmt::format("{} is not run by this version", key));
    }
  }
  section.finish();
}

void read_check(Reading& reading, const YAML::Node& node, const std::string& name) {
  Section section(reading, node, name);
  const bool http = section.text("http").has_value();
  const bool sql = section.text("sql").has_value();
  const bool query = section.text("query").has_value();
  section.count("at_least");
  section.finish();
  if (http == sql) {
    reading.mistake(node, fmt::format("{} needs either http or sql", name),
                    "write { http: URL } or { sql: DATABASE, query: TEXT, at_least: 1 }");
  } else if (sql != query) {
    reading.mistake(node, fmt::format("{}: sql and query go together", name));
  }
}

void read_checks(Reading& reading, Section& parent, Site& site) {
  const auto node = parent.take("checks");
  if (!node.IsDefined()) return;
  const auto name = parent.name_of("checks");
  for_each_element(reading, node, name,
                   [&](const YAML::Node& element) { read_check(reading, element, name); });
  note(site, When::restore, "checks", "checks are not run by this version");
}

void read_copies(Reading& reading, Section& parent, Site& site, const std::vector<Store>& stores) {
  const auto node = parent.take("copies");
  if (!node.IsDefined()) return;
  std::vector<std::string> known;
  known.reserve(stores.size());
  for (const auto& store : stores)
    known.push_back(store.name);
  const auto name = parent.name_of("copies");
  for_each_element(reading, node, name, [&](const YAML::Node& element) {
    const auto copy = text_of(reading, element, name);
    if (!copy) return;
    site.copies.push_back(*copy);
    if (std::ranges::find(known, *copy) != known.end()) return;
    const auto meant = nearest(*copy, known);
    reading.mistake(element, fmt::format("{} names '{}', which is not in stores", name, *copy),
                    meant.empty() ? "describe it in the section stores"
                                  : fmt::format("did you mean '{}'?", meant));
  });
}

void read_sqlite(Reading& reading, const YAML::Node& node, const std::string& name, Site& site,
                 Database& database) {
  if (node.IsScalar()) {
    if (const auto path = text_of(reading, node, name)) database.path = reading.absolute(*path);
    return;
  }
  Section section(reading, node, name);
  database.path = section.path("path").value_or("");
  if (database.path.empty()) {
    reading.mistake(node, fmt::format("{} has no path", name), "write { path: /srv/blog/blog.db }");
  }
  if (section.boolean("realtime").value_or(false)) {
    note(site, When::backup, "realtime",
         fmt::format("realtime is not followed by this version: {} is taken at each backup",
                     database.path));
  }
  section.finish();
}

void read_server(Reading& reading, const YAML::Node& node, const std::string& name,
                 Database& database) {
  Section section(reading, node, name);
  database.url = section.text("url").value_or("");
  if (database.url.empty()) reading.mistake(node, fmt::format("{} has no url", name));
  if (database.engine == DatabaseEngine::postgresql) {
    section.choice("mode", {"physical", "logical"});
    section.choice("wal", {"stream", "none"});
  } else if (database.engine == DatabaseEngine::mariadb) {
    section.choice("mode", {"physical", "logical"});
    section.choice("binlog", {"stream", "none"});
  }
  section.finish();
}

void read_database(Reading& reading, const YAML::Node& node, const std::string& name, Site& site) {
  Section section(reading, node, name);
  std::size_t engines = 0;
  for (const auto engine : {DatabaseEngine::sqlite, DatabaseEngine::postgresql,
                            DatabaseEngine::mariadb, DatabaseEngine::redis}) {
    const std::string key = name_of(engine);
    const auto value = section.take(key);
    if (!value.IsDefined()) continue;
    ++engines;
    Database database;
    database.engine = engine;
    database.place = place_of(value);
    if (engine == DatabaseEngine::sqlite) {
      read_sqlite(reading, value, section.name_of(key), site, database);
    } else {
      read_server(reading, value, section.name_of(key), database);
    }
    site.databases.push_back(std::move(database));
  }
  section.finish();
  if (engines > 1) {
    reading.mistake(node, fmt::format("{}: one entry, one database", name),
                    "begin each database with '- '");
  }
}

void read_databases(Reading& reading, Section& parent, Site& site) {
  const auto node = parent.take("databases");
  if (!node.IsDefined()) return;
  const auto name = parent.name_of("databases");
  for_each_element(reading, node, name,
                   [&](const YAML::Node& element) { read_database(reading, element, name, site); });
}

}  // namespace

Site read_site(Reading& reading, const std::string& name, const YAML::Node& node,
               const std::vector<Store>& stores) {
  Section section(reading, node, "sites." + name);
  Site site;
  site.name = name;
  site.files = section.paths("files");
  site.config = section.paths("config");
  site.exclude = section.texts("exclude");
  site.tags = section.texts("tags");
  site.one_file_system = section.boolean("one_file_system").value_or(false);
  site.skip_caches = section.boolean("skip_caches").value_or(false);
  site.file_size_max = section.byte_count("max_file_size");
  read_databases(reading, section, site);
  read_schedule(reading, section, site);
  if (const auto keep = section.take("keep"); keep.IsDefined()) {
    site.keep = read_keep(reading, keep, section.name_of("keep"));
  }
  read_copies(reading, section, site, stores);
  read_objectives(reading, section, site);
  read_hooks(reading, section, site);
  read_checks(reading, section, site);
  section.finish();
  if (site.files.empty() && site.config.empty() && site.databases.empty()) {
    reading.mistake(node, fmt::format("sites.{} takes nothing", name),
                    "give it files, config or databases");
  }
  return site;
}

}  // namespace holdfast::config
