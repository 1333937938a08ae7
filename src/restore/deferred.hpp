#pragma once

#include "context.hpp"
#include "hard_links.hpp"

#include <mutex>
#include <vector>

namespace holdfast::restore {

/// Symlinks, further names of files, fifos, sockets and devices: made when files and directories
/// are there, symlinks last of all. So nothing that a snapshot brings can lead a later step astray,
/// even where the kernel would follow it.
/// Threads: add from one thread, run from another.
class Deferred {
public:
  explicit Deferred(const Context& context) : context_(context) {}

  /// Holds the directory until the entry is made. With a group: one more name of its file.
  void add(DirectoryRef directory, sources::Entry entry, HardLinkGroup* group);
  /// Makes what there is when there is so much of it that memory matters; further names of files
  /// that are not whole yet stay.
  void run_if_many();
  /// Makes all.
  void run_all();

private:
  struct Item {
    DirectoryRef directory;
    sources::Entry entry;
    HardLinkGroup* group = nullptr;
  };
  enum class Step { nodes, links, symlinks };

  static Step step_of(const Item& item);
  void run(std::vector<Item>& items, Step step);
  void make(const Item& item);
  void make_node(const Item& item, int directory, bool exists);
  bool is_right(const Item& item, int directory);
  void make_under(const Item& item, int directory, const std::string& name);
  void make_link(const Item& item, int directory, bool exists);

  const Context& context_;
  std::mutex mutex_;
  std::vector<Item> items_;
};

}  // namespace holdfast::restore
