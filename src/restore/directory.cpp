#include "directory.hpp"

#include "base/error.hpp"
#include "safe_files.hpp"

#include <fcntl.h>

namespace holdfast::restore {

namespace {

// With two handles a worker and the files in flight this stays far below the usual limit of 1024.
constexpr std::size_t handles_max = 256;
// The last levels of a long way down are opened one by one, so that their handles are there for the
// way back; those before in one step.
constexpr std::size_t kept_levels = 64;
constexpr std::size_t step_size_max = 4000;  // below PATH_MAX

}  // namespace

Directory::Directory(DirectoryRef parent, std::string name, State state, std::uint64_t number)
    : parent_(std::move(parent)), name_(std::move(name)), state_(state), number_(number) {}

Directory::~Directory() {
  // Parents whose last user this was go one by one: a deep chain must not recurse.
  DirectoryRef next = std::move(parent_);
  while (next && next.use_count() == 1)
    next = DirectoryRef(std::move(next->parent_));
}

std::string Directory::path() const {
  std::vector<const Directory*> chain;
  for (const Directory* at = this; at != nullptr; at = at->parent_.get())
    chain.push_back(at);
  std::string path = chain.back()->name_;
  if (path == "/") path.clear();
  for (auto at = chain.rbegin() + 1; at != chain.rend(); ++at)
    path += "/" + (*at)->name_;
  return path.empty() ? "/" : path;
}

std::string Directory::path_of(const std::string& name) const {
  auto path = this->path();
  if (path != "/") path += "/";
  return path + name;
}

DirectoryHandles::DirectoryHandles(base::Fd root)
    : root_(std::make_shared<const base::Fd>(std::move(root))) {}

DirectoryHandles::Handle DirectoryHandles::find(const Directory& directory) {
  if (directory.parent() == nullptr) return root_;
  const std::lock_guard lock(mutex_);
  const auto at = known_.find(directory.number());
  if (at == known_.end()) return nullptr;
  recent_.splice(recent_.begin(), recent_, at->second);
  return at->second->second;
}

void DirectoryHandles::keep(const Directory& directory, const Handle& handle) {
  const std::lock_guard lock(mutex_);
  if (known_.contains(directory.number())) return;
  recent_.emplace_front(directory.number(), handle);
  known_.emplace(directory.number(), recent_.begin());
  if (recent_.size() <= handles_max) return;
  known_.erase(recent_.back().first);
  recent_.pop_back();
}

void DirectoryHandles::forget(const Directory& directory) {
  const std::lock_guard lock(mutex_);
  const auto at = known_.find(directory.number());
  if (at == known_.end()) return;
  recent_.erase(at->second);
  known_.erase(at);
}

DirectoryHandles::Handle DirectoryHandles::open(const Directory& directory) {
  if (auto handle = find(directory)) return handle;
  std::vector<const Directory*> way;  // innermost first
  Handle at;
  for (const Directory* next = &directory; !at; next = next->parent().get()) {
    way.push_back(next);
    at = find(*next->parent());
  }
  while (way.size() > kept_levels) {
    std::string step;
    while (way.size() > kept_levels && step.size() + way.back()->name().size() < step_size_max) {
      if (!step.empty()) step += "/";
      step += way.back()->name();
      way.pop_back();
    }
    at = std::make_shared<const base::Fd>(open_directory(at->get(), step, directory.path()));
  }
  while (!way.empty()) {
    at = std::make_shared<const base::Fd>(
        open_directory(at->get(), way.back()->name(), way.back()->name()));
    keep(*way.back(), at);
    way.pop_back();
  }
  return at;
}

}  // namespace holdfast::restore
