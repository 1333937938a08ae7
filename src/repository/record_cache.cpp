#include "record_cache.hpp"

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"

#include <filesystem>
#include <system_error>

namespace holdfast::repository {

std::string RecordCache::path_of(const RecordKind& kind, const base::Hash& id) const {
  return directory_ + "/" + std::string(kind.prefix) + id.hex();
}

std::optional<base::Bytes> RecordCache::find(const RecordKind& kind, const base::Hash& id) const {
  if (directory_.empty()) return std::nullopt;
  try {
    return base::read_file(path_of(kind, id), record_size_max);
  } catch (const base::Error&) {
    return std::nullopt;  // not there, or not readable: the store has it
  }
}

void RecordCache::add(const RecordKind& kind, const base::Hash& id, base::ByteView object) const {
  if (directory_.empty()) return;
  try {
    base::make_directories(directory_ + "/" + std::string(kind.prefix), 0700);
    base::write_cache(path_of(kind, id), object, 0600);
  } catch (const base::Error&) {
    return;
  }
}

void RecordCache::keep_only(const RecordKind& kind, const std::set<std::string>& names) const {
  if (directory_.empty()) return;
  std::error_code error;
  const auto folder = directory_ + "/" + std::string(kind.prefix);
  for (const auto& file : std::filesystem::directory_iterator(folder, error)) {
    const auto name = file.path().filename().string();
    if (!names.contains(name)) std::filesystem::remove(file.path(), error);
  }
}

}  // namespace holdfast::repository
