#include "repair_hidden.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "confirm.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <string_view>
#include <vector>

namespace holdfast::cli {

namespace {

using storage::AlteredObject;

std::string_view name_of(AlteredObject::How how) {
  return how == AlteredObject::How::hidden ? "hidden" : "overwritten";
}

std::vector<AlteredObject> altered_in(storage::Backend& store) {
  if (store.locks() == nullptr) {
    throw base::Error(base::ErrorKind::unsupported,
                      fmt::format("{} keeps no versions of objects", store.describe()))
        .set_hint("what is lost there can come from a copy: holdfast repair --from URL");
  }
  std::vector<AlteredObject> altered;
  store.locks()->list_altered([&](const AlteredObject& object) { altered.push_back(object); });
  return altered;
}

void write_objects(JsonWriter& json, std::string_view name,
                   const std::vector<AlteredObject>& objects) {
  json.key(name).begin_array();
  for (const auto& object : objects) {
    json.begin_object().field("object", std::string_view(object.name));
    json.field("how", name_of(object.how)).end_object();
  }
  json.end_array();
}

}  // namespace

int repair_hidden(Session& session, bool dry_run, bool yes) {
  auto& console = session.console();
  auto& store = session.open_store();
  const auto altered = altered_in(store);
  console.json().field("dry_run", dry_run);
  write_objects(console.json(), "altered", altered);
  for (const auto& object : altered)
    console.line(
        fmt::format("{}: {} by something else than Holdfast", object.name, name_of(object.how)));
  std::vector<AlteredObject> stuck;
  const auto count = counted(altered.size(), "object", "objects");
  const auto question = fmt::format("Bring back {}?", count);
  const bool goes_on =
      !altered.empty() && !dry_run && (yes || confirm(question, session.stopping()));
  for (const auto& object : altered) {
    if (goes_on && !store.locks()->bring_back(object)) stuck.push_back(object);
  }
  console.json().field("brought_back", goes_on ? altered.size() - stuck.size() : 0);
  write_objects(console.json(), "stuck", stuck);
  if (altered.empty()) console.line(console.green("nothing is hidden or overwritten"));
  if (!goes_on) return base::exit_done;
  for (const auto& object : stuck)
    console.line(
        console.red(fmt::format("{}: what lies over it is locked, or the right to destroy "
                                "versions is missing",
                                object.name)));
  if (stuck.empty()) console.line(console.green(fmt::format("{} brought back", count)));
  return stuck.empty() ? base::exit_done : base::exit_partial;
}

}  // namespace holdfast::cli
