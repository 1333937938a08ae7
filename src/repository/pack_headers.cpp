#include "pack_headers.hpp"

#include "stored_pack.hpp"

namespace holdfast::repository {

PackHeaders::Header PackHeaders::get(const PackInfo& pack) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = headers_.find(pack.id);
    if (found != headers_.end()) {
      recent_.splice(recent_.begin(), recent_, found->second.place);
      return found->second.header;
    }
  }
  auto header =
      std::make_shared<const pipeline::PackHeader>(read_any_pack_header(backend_, pack.id));
  expect_header_of(*header, pack);
  const std::lock_guard lock(mutex_);
  if (headers_.contains(pack.id)) return header;  // another thread was first
  recent_.push_front(pack.id);
  headers_[pack.id] = {header, recent_.begin()};
  if (headers_.size() > kept_max) {
    headers_.erase(recent_.back());
    recent_.pop_back();
  }
  return header;
}

}  // namespace holdfast::repository
