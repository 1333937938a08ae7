#include "storage/local/mount_kind.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <linux/magic.h>
#include <sys/vfs.h>

namespace holdfast::storage {

namespace {

constexpr std::array<std::uint32_t, 9> network_magics = {
    NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC, SMB2_SUPER_MAGIC, CIFS_SUPER_MAGIC, FUSE_SUPER_MAGIC,
    CEPH_SUPER_MAGIC, V9FS_MAGIC,      AFS_SUPER_MAGIC,  CODA_SUPER_MAGIC};

}  // namespace

bool is_on_network(const std::string& path) {
  struct statfs facts{};
  if (::statfs(path.c_str(), &facts) != 0) {
    throw base::system_error(errno, "looking at the file system of " + path);
  }
  return std::ranges::find(network_magics, static_cast<std::uint32_t>(facts.f_type)) !=
         network_magics.end();
}

}  // namespace holdfast::storage
