#include "context.hpp"

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "safe_files.hpp"

#include <array>

namespace holdfast::restore {

namespace {

void finish(const Context& context, const Directory& directory) {
  if (directory.entry == nullptr || directory.state() == Directory::State::absent) return;
  const auto path = directory.path();
  const auto& entry = *directory.entry;
  try {
    const auto handle = context.handles.open(directory);
    if (directory.state() == Directory::State::made) {
      context.metadata.apply_to_new(handle->get(), entry, path);
    } else if (context.request.dry_run) {
      if (context.metadata.apply_to_existing(handle->get(), entry, path, Metadata::Act::look_only))
        context.report.changes(path);
    } else {
      context.metadata.apply_to_existing(handle->get(), entry, path, Metadata::Act::change);
    }
  } catch (const base::Error& error) {
    note_or_throw(context.report, path, error);
  }
}

}  // namespace

bool concerns_one_entry(const base::Error& error) {
  using base::ErrorKind;
  switch (error.kind()) {
    case ErrorKind::no_space:
    case ErrorKind::unavailable:
    case ErrorKind::wrong_key:
    case ErrorKind::unsupported:
    case ErrorKind::frozen:
      return false;
    default:
      return true;
  }
}

void note_or_throw(Report& report, const std::string& path, const base::Error& error) {
  if (!concerns_one_entry(error)) throw error;
  report.problem(path, error.what());
}

void release(const Context& context, DirectoryRef directory) {
  while (directory && directory->release()) {
    finish(context, *directory);
    context.handles.forget(*directory);
    context.report.item_done(directory->name());
    directory = directory->parent();
  }
}

std::string temporary_name(const Context& context) {
  std::array<std::byte, 8> bytes{};
  context.repository.environment().random.fill(bytes);
  return std::string(temporary_prefix) + base::to_hex(bytes);
}

}  // namespace holdfast::restore
