#include "base/error.hpp"
#include "storage/wrappers/wrappers.hpp"

#include <fmt/format.h>

namespace holdfast::storage {

namespace {

class ReadOnlyBackend final : public Backend {
public:
  explicit ReadOnlyBackend(Backend& inner) : inner_(inner) {}

  std::string describe() const override { return inner_.describe(); }
  std::unique_ptr<ObjectWriter> create(const std::string& name) override {
    check_name(name);
    throw refusal("storing " + name);
  }
  std::size_t read(const std::string& name, std::uint64_t offset,
                   base::MutableBytes into) override {
    return inner_.read(name, offset, into);
  }
  bool read_elsewhere(const std::string& name, std::size_t damaged) override {
    return inner_.read_elsewhere(name, damaged);
  }
  std::optional<ObjectInfo> stat(const std::string& name) override { return inner_.stat(name); }
  void list(const std::string& prefix,
            const std::function<void(const ObjectInfo&)>& visit) override {
    inner_.list(prefix, visit);
  }
  RemoveOutcome remove(const std::string& name) override {
    check_name(name);
    throw refusal("removing " + name);
  }
  ObjectLocks* locks() override { return nullptr; }  // they change things
  unsigned transfers_max() const override { return inner_.transfers_max(); }
  void connect() override { inner_.connect(); }
  ObjectTiers* tiers() override { return nullptr; }  // likewise
  StoreStatus status() override { return inner_.status(); }
  std::size_t remove_leftovers() override { throw refusal("removing leftovers"); }

private:
  base::Error refusal(const std::string& doing) const {
    return {base::ErrorKind::access_denied,
            fmt::format("{} in {}: the store is opened read-only", doing, describe())};
  }

  Backend& inner_;
};

}  // namespace

std::unique_ptr<Backend> read_only(Backend& inner) {
  return std::make_unique<ReadOnlyBackend>(inner);
}

}  // namespace holdfast::storage
