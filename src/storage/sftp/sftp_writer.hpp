#pragma once

#include "base/random.hpp"
#include "base/retry.hpp"
#include "connection_pool.hpp"

#include <memory>
#include <string>

namespace holdfast::storage {

/// Where objects become files. Borrowed by their writers.
struct SftpPlace {
  ConnectionPool pool;
  const std::string root;
  const base::Retrier retrier;
  base::Random& random;
};

/// A name beside objects that none of them has.
std::string temporary_name(base::Random& random);
bool is_temporary_name(const std::string& name);

/// Creates the file `path` below the root of `place`.
std::unique_ptr<ObjectWriter> write_sftp_object(SftpPlace& place, std::string path);

}  // namespace holdfast::storage
