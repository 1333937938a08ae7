#include "key_files.hpp"

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/private_file.hpp"
#include "base/units.hpp"

#include <fmt/format.h>

namespace holdfast::cli {

namespace {

using base::Error;
using base::ErrorKind;

constexpr mode_t secret_mode = 0600;

base::Secret read_secret_file(const std::string& path, const char* what, std::size_t size_max) {
  return base::read_private_file(path, fmt::format("{} {}", what, base::printable(path)), size_max);
}

}  // namespace

repository::KeyFile read_key_file(const std::string& path) {
  const auto text = read_secret_file(path, "the key file", repository::key_file_size_max);
  return base::with_context([&] { return "the key file " + base::printable(path); },
                            [&] { return repository::parse_key_file(text.view()); });
}

std::vector<repository::KeyShare> read_share_files(const std::vector<std::string>& paths) {
  std::vector<repository::KeyShare> shares;
  for (const auto& path : paths) {
    const auto text = read_secret_file(path, "the share", repository::share_file_size_max);
    shares.push_back(base::with_context([&] { return "the share " + base::printable(path); },
                                        [&] { return repository::parse_share(text.view()); }));
  }
  return shares;
}

void write_secret_file(const std::string& path, const base::Secret& content) {
  base::DurableFile file(path, secret_mode);
  file.append(content.view());
  if (file.commit(base::DurableFile::Existing::keep) == base::DurableFile::Outcome::stored) return;
  throw Error(ErrorKind::already_exists, fmt::format("{} is there already", base::printable(path)))
      .set_hint("choose another name: a key is never written over another");
}

}  // namespace holdfast::cli
