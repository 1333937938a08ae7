#include "arguments.hpp"

#include "base/error.hpp"
#include "base/units.hpp"

#include <fmt/format.h>

#include <charconv>

namespace holdfast::cli {

namespace {

std::uint32_t parse_count(const std::string& text, const std::string& name) {
  std::uint32_t value = 0;
  const auto* end = text.data() + text.size();
  const auto [stopped, code] = std::from_chars(text.data(), end, value);
  if (text.empty() || code != std::errc{} || stopped != end) {
    throw base::Error(base::ErrorKind::invalid_input,
                      fmt::format("{}: '{}' is not a whole number", name, base::printable(text)));
  }
  return value;
}

/// The longest of "-t,--tag".
std::string long_name(const std::string& names) { return names.substr(names.rfind(',') + 1); }

/// `parse` with the option's name on its errors.
template <class Value>
auto parser(Value (*parse)(std::string_view), std::optional<Value>& value, std::string name) {
  return [parse, &value, name = std::move(name)](const std::vector<std::string>& given) {
    value = base::with_context([&] { return name; }, [&] { return parse(given.back()); });
  };
}

}  // namespace

Declared& Arguments::add(Declared::Kind kind, std::string names, std::string value_name,
                         std::string help, Completes completes) {
  auto& declared = declared_.emplace_back();
  declared.kind = kind;
  declared.names = std::move(names);
  declared.value_name = std::move(value_name);
  declared.help = std::move(help);
  declared.group = group_;
  declared.completes = completes;
  return declared;
}

void Arguments::flag(std::string names, bool& value, std::string help) {
  add(Declared::Kind::flag, std::move(names), "", std::move(help), Completes::nothing).set =
      [&value](const std::vector<std::string>&) { value = true; };
}

void Arguments::option(std::string names, std::string value_name, std::optional<std::string>& value,
                       std::string help, Completes completes) {
  add(Declared::Kind::option, std::move(names), std::move(value_name), std::move(help), completes)
      .set = [&value](const std::vector<std::string>& given) { value = given.back(); };
}

void Arguments::option(std::string names, std::string value_name, std::vector<std::string>& values,
                       std::string help, Completes completes) {
  auto& declared = add(Declared::Kind::option, std::move(names), std::move(value_name),
                       std::move(help), completes);
  declared.repeatable = true;
  declared.set = [&values](const std::vector<std::string>& given) { values = given; };
}

void Arguments::count(std::string names, std::optional<std::uint32_t>& value, std::string help) {
  auto name = long_name(names);
  add(Declared::Kind::option, std::move(names), "N", std::move(help), Completes::nothing).set =
      [&value, name = std::move(name)](const std::vector<std::string>& given) {
        value = parse_count(given.back(), name);
      };
}

void Arguments::size(std::string names, std::optional<std::uint64_t>& value, std::string help) {
  auto set = parser(base::parse_byte_count, value, long_name(names));
  add(Declared::Kind::option, std::move(names), "SIZE", std::move(help), Completes::nothing).set =
      std::move(set);
}

void Arguments::rate(std::string names, std::optional<std::uint64_t>& value, std::string help) {
  auto set = parser(base::parse_byte_rate, value, long_name(names));
  add(Declared::Kind::option, std::move(names), "RATE", std::move(help), Completes::nothing).set =
      std::move(set);
}

void Arguments::duration(std::string names, std::optional<std::int64_t>& value, std::string help) {
  auto set = parser(base::parse_duration, value, long_name(names));
  add(Declared::Kind::option, std::move(names), "TIME", std::move(help), Completes::nothing).set =
      std::move(set);
}

void Arguments::positional(std::string name, std::string& value, std::string help,
                           Completes completes) {
  auto& declared = add(Declared::Kind::positional, std::move(name), "", std::move(help), completes);
  declared.required = true;
  declared.set = [&value](const std::vector<std::string>& given) { value = given.back(); };
}

void Arguments::optional_positional(std::string name, std::optional<std::string>& value,
                                    std::string help, Completes completes) {
  add(Declared::Kind::positional, std::move(name), "", std::move(help), completes).set =
      [&value](const std::vector<std::string>& given) { value = given.back(); };
}

void Arguments::positionals(std::string name, std::vector<std::string>& values, std::string help,
                            Completes completes) {
  auto& declared = add(Declared::Kind::positional, std::move(name), "", std::move(help), completes);
  declared.repeatable = true;
  declared.set = [&values](const std::vector<std::string>& given) { values = given; };
}

}  // namespace holdfast::cli
