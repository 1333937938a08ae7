#include "storage/wrappers/faulty_backend.hpp"

#include <fmt/format.h>

#include <array>
#include <mutex>
#include <string_view>
#include <type_traits>
#include <utility>

namespace holdfast::storage {

namespace {

std::string_view name_of(Operation operation) {
  constexpr std::array<std::string_view, 9> names = {
      "create", "append", "commit", "read", "stat", "list", "remove", "looking for the lock",
      "lock"};
  return names.at(static_cast<std::size_t>(operation));
}

/// Asks the plan, one caller at a time, and does what it says.
class Injector {
public:
  explicit Injector(FaultPlan plan) : plan_(std::move(plan)) {}

  template <class Work>
  auto run(Operation operation, const std::string& name, Work work) {
    const auto fault = next(operation, name);
    if (fault && fault->when == Fault::When::before) throw error(*fault, operation, name);
    if constexpr (std::is_void_v<decltype(work())>) {
      work();
      if (fault) throw error(*fault, operation, name);
    } else {
      auto result = work();
      if (fault) throw error(*fault, operation, name);
      return result;
    }
  }

private:
  std::optional<Fault> next(Operation operation, const std::string& name) {
    const std::lock_guard lock(mutex_);
    ++calls_;
    return plan_ ? plan_(operation, name, calls_) : std::nullopt;
  }

  static base::Error error(const Fault& fault, Operation operation, const std::string& name) {
    return {fault.kind, fmt::format("injected fault: {} of '{}'", name_of(operation), name)};
  }

  std::mutex mutex_;
  std::uint64_t calls_ = 0;
  const FaultPlan plan_;
};

class FaultyWriter final : public ObjectWriter {
public:
  FaultyWriter(std::unique_ptr<ObjectWriter> inner, std::string name, Injector& injector)
      : inner_(std::move(inner)), name_(std::move(name)), injector_(injector) {}

  void is_content() override { inner_->is_content(); }
  void append(base::ByteView bytes) override {
    injector_.run(Operation::append, name_, [&] { inner_->append(bytes); });
  }
  PutOutcome commit() override {
    return injector_.run(Operation::commit, name_, [&] { return inner_->commit(); });
  }

private:
  const std::unique_ptr<ObjectWriter> inner_;
  const std::string name_;
  Injector& injector_;
};

class FaultyLocks final : public ObjectLocks {
public:
  FaultyLocks(Backend& inner, Injector& injector) : inner_(inner), injector_(injector) {}

  std::string identity() const override { return inner_.locks()->identity(); }
  LockTerms terms() const override { return inner_.locks()->terms(); }
  void expect_enforced() override { inner_.locks()->expect_enforced(); }
  std::optional<base::WallTime> locked_until(const std::string& name) override {
    return injector_.run(Operation::locked_until, name,
                         [&] { return inner_.locks()->locked_until(name); });
  }
  void lock(const std::string& name, base::WallTime until) override {
    injector_.run(Operation::lock, name, [&] { inner_.locks()->lock(name, until); });
  }
  void hold(const std::string& name) override {
    injector_.run(Operation::lock, name, [&] { inner_.locks()->hold(name); });
  }
  void release(const std::string& name) override {
    injector_.run(Operation::lock, name, [&] { inner_.locks()->release(name); });
  }
  void release_removed() override { inner_.locks()->release_removed(); }
  void list_held(const std::function<void(const HeldObject&)>& visit) override {
    inner_.locks()->list_held(visit);
  }
  void list_altered(const std::function<void(const AlteredObject&)>& visit) override {
    inner_.locks()->list_altered(visit);
  }
  bool bring_back(const AlteredObject& object) override {
    return inner_.locks()->bring_back(object);
  }

private:
  Backend& inner_;
  Injector& injector_;
};

class FaultyBackend final : public Backend {
public:
  FaultyBackend(Backend& inner, FaultPlan plan, ReadTamper tamper)
      : inner_(inner), injector_(std::move(plan)), tamper_(std::move(tamper)) {}

  std::string describe() const override { return inner_.describe(); }
  std::unique_ptr<ObjectWriter> create(const std::string& name) override {
    auto writer = injector_.run(Operation::create, name, [&] { return inner_.create(name); });
    return std::make_unique<FaultyWriter>(std::move(writer), name, injector_);
  }
  std::size_t read(const std::string& name, std::uint64_t offset,
                   base::MutableBytes into) override {
    const auto count =
        injector_.run(Operation::read, name, [&] { return inner_.read(name, offset, into); });
    if (tamper_) tamper_(name, offset, into.first(count));
    return count;
  }
  std::optional<ObjectInfo> stat(const std::string& name) override {
    return injector_.run(Operation::stat, name, [&] { return inner_.stat(name); });
  }
  void list(const std::string& prefix,
            const std::function<void(const ObjectInfo&)>& visit) override {
    injector_.run(Operation::list, prefix, [&] { inner_.list(prefix, visit); });
  }
  RemoveOutcome remove(const std::string& name) override {
    return injector_.run(Operation::remove, name, [&] { return inner_.remove(name); });
  }
  ObjectLocks* locks() override { return inner_.locks() == nullptr ? nullptr : &locks_; }
  unsigned transfers_max() const override { return inner_.transfers_max(); }
  void connect() override { inner_.connect(); }
  ObjectTiers* tiers() override { return inner_.tiers(); }
  StoreStatus status() override { return inner_.status(); }
  std::size_t remove_leftovers() override { return inner_.remove_leftovers(); }

private:
  Backend& inner_;
  Injector injector_;
  FaultyLocks locks_{inner_, injector_};
  const ReadTamper tamper_;
};

}  // namespace

std::unique_ptr<Backend> with_faults(Backend& inner, FaultPlan plan, ReadTamper tamper) {
  return std::make_unique<FaultyBackend>(inner, std::move(plan), std::move(tamper));
}

}  // namespace holdfast::storage
