#pragma once

#include "report.hpp"
#include "sources/entry.hpp"

#include <map>
#include <optional>
#include <string>
#include <sys/stat.h>

namespace holdfast::restore {

/// Gives owners, attributes, modes and times, in the order that keeps all of them: a change of
/// owner clears setuid and capabilities, a write the capabilities; the modification time is last,
/// so that what was interrupted does not look right.
/// Threads: all but map_owners, which one thread may call meanwhile.
class Metadata {
public:
  Metadata(const RestoreRequest& request, Report& report);

  /// Replaces the ids of `entry` by those that its owner's names have here, and drops what this
  /// run may not give (recorded as a problem of `path`): setuid, setgid, security attributes.
  void prepare(sources::Entry& entry, const std::string& path);

  /// What is behind an open file that this run has just made in a directory of its own.
  void apply_to_new(int fd, const sources::Entry& entry, const std::string& path);
  /// What may have been there before: changes only what differs; whether something did.
  /// An entry that may not be changed here (`look_only`) is just compared.
  enum class Act { change, look_only };
  bool apply_to_existing(int fd, const sources::Entry& entry, const std::string& path, Act act);
  /// Anything but files and directories, by an O_PATH handle.
  bool apply_to_node(int node, const sources::Entry& entry, const std::string& path, Act act);

private:
  /// How attributes and modes are reached: by the handle, or by its name below /proc.
  struct Access {
    int fd;
    std::string link;  // empty: by fd
  };

  void drop_unsafe_mode(sources::Entry& entry, const std::string& path);
  void drop_unsafe_attributes(sources::Entry& entry, const std::string& path);
  bool owner_differs(const struct stat& status, const sources::Entry& entry) const;
  bool owner_will_be_right(const sources::Entry& entry) const;
  void set_owner(int fd, const sources::Entry& entry, const std::string& path);
  void set_mode(const Access& access, const sources::Entry& entry, const std::string& path);
  void set_time(const Access& access, const sources::Entry& entry, const std::string& path);
  void set_attributes(const Access& access, const sources::Entry& entry, const std::string& path);
  bool sync_attributes(const Access& access, const sources::Entry& entry, const std::string& path,
                       Act act);
  bool apply(const Access& access, const sources::Entry& entry, const std::string& path, Act act);

  const bool owners_;
  const bool special_;
  const std::uint32_t own_user_;
  const std::uint32_t own_group_;
  const bool privileged_;
  Report& report_;
  std::map<std::string, std::optional<std::uint32_t>> users_;
  std::map<std::string, std::optional<std::uint32_t>> groups_;
};

}  // namespace holdfast::restore
