#include "base/error.hpp"

#include <cerrno>
#include <system_error>

namespace holdfast::base {

const ErrorKindRow& row_of(ErrorKind kind) {
  for (const auto& row : error_kinds) {
    if (row.kind == kind) return row;
  }
  assertion_failed("row_of(kind)", "every kind has a row in error_kinds",
                   std::source_location::current());
}

Error::Error(ErrorKind kind, std::string message, std::source_location where)
    : kind_(kind), retry_(row_of(kind).retry), what_(std::move(message)), where_(where) {}

Error& Error::add_context(const std::string& doing) {
  what_.insert(0, doing + ": ");
  return *this;
}

Error& Error::set_hint(std::string hint) {
  if (hint_.empty()) hint_ = std::move(hint);
  return *this;
}

Error& Error::set_retry(Retry retry) {
  retry_ = retry;
  return *this;
}

Error& Error::set_layer(Layer layer) {
  if (layer_ == Layer::unknown) layer_ = layer;
  return *this;
}

Error& Error::set_retry_after(double seconds) {
  retry_after_seconds_ = seconds;
  return *this;
}

namespace {

ErrorKind kind_of(int code) {
  switch (code) {
    case ENOENT:
      return ErrorKind::not_found;
    case EACCES:
    case EPERM:
      return ErrorKind::access_denied;
    case ENOSPC:
    case EDQUOT:
      return ErrorKind::no_space;
    case EEXIST:
      return ErrorKind::already_exists;
    default:
      return ErrorKind::io;
  }
}

/// A network file system that is away, perhaps for a moment only.
bool is_away(int code) {
  switch (code) {
    case ESTALE:
    case ETIMEDOUT:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENOTCONN:
    case ECONNABORTED:
    case ECONNRESET:
    case EREMOTEIO:
      return true;
    default:
      return false;
  }
}

}  // namespace

Error system_error(int code, const std::string& doing, std::source_location where) {
  Error error(kind_of(code), doing + ": " + std::generic_category().message(code), where);
  if (error.kind() == ErrorKind::no_space) {
    error.set_hint("free some space or raise the quota, then run it again");
  }
  if (code == EROFS) {
    error.set_hint(
        "it is mounted for reading only: mount it for writing; after an error of the disk look at "
        "the kernel's log first");
  }
  if (is_away(code) || code == EIO) error.set_retry(Retry::later);
  if (is_away(code)) error.set_hint("check whether the network share is still mounted");
  return error;
}

}  // namespace holdfast::base
