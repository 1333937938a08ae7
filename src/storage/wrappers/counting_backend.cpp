#include "storage/wrappers/wrappers.hpp"

#include <utility>

namespace holdfast::storage {

namespace {

class CountingWriter final : public ObjectWriter {
public:
  CountingWriter(std::unique_ptr<ObjectWriter> inner, Traffic& traffic)
      : inner_(std::move(inner)), traffic_(traffic) {}

  void is_content() override { inner_->is_content(); }
  void append(base::ByteView bytes) override {
    inner_->append(bytes);
    traffic_.bytes_written += bytes.size();
  }
  PutOutcome commit() override { return inner_->commit(); }

private:
  const std::unique_ptr<ObjectWriter> inner_;
  Traffic& traffic_;
};

class CountingBackend final : public Backend {
public:
  CountingBackend(Backend& inner, Traffic& traffic) : inner_(inner), traffic_(traffic) {}

  std::string describe() const override { return inner_.describe(); }
  std::unique_ptr<ObjectWriter> create(const std::string& name) override {
    ++traffic_.calls;
    return std::make_unique<CountingWriter>(inner_.create(name), traffic_);
  }
  std::size_t read(const std::string& name, std::uint64_t offset,
                   base::MutableBytes into) override {
    ++traffic_.calls;
    const auto count = inner_.read(name, offset, into);
    traffic_.bytes_read += count;
    return count;
  }
  bool read_elsewhere(const std::string& name, std::size_t damaged) override {
    return inner_.read_elsewhere(name, damaged);
  }
  std::optional<ObjectInfo> stat(const std::string& name) override {
    ++traffic_.calls;
    return inner_.stat(name);
  }
  void list(const std::string& prefix,
            const std::function<void(const ObjectInfo&)>& visit) override {
    ++traffic_.calls;
    inner_.list(prefix, visit);
  }
  RemoveOutcome remove(const std::string& name) override {
    ++traffic_.calls;
    return inner_.remove(name);
  }
  ObjectLocks* locks() override { return inner_.locks(); }
  unsigned transfers_max() const override { return inner_.transfers_max(); }
  void connect() override { inner_.connect(); }
  ObjectTiers* tiers() override { return inner_.tiers(); }
  StoreStatus status() override { return inner_.status(); }
  std::size_t remove_leftovers() override {
    ++traffic_.calls;
    return inner_.remove_leftovers();
  }

private:
  Backend& inner_;
  Traffic& traffic_;
};

}  // namespace

std::unique_ptr<Backend> with_counting(Backend& inner, Traffic& traffic) {
  return std::make_unique<CountingBackend>(inner, traffic);
}

}  // namespace holdfast::storage
