// Over a long line a writer waits for the store most of the time. Whoever compresses and seals
// should not: what is appended waits in a queue, and a thread of the object's own sends it.

#include "base/bounded_queue.hpp"
#include "base/task_group.hpp"
#include "storage/wrappers/wrappers.hpp"

#include <memory>
#include <utility>

namespace holdfast::storage {

namespace {

constexpr std::size_t queued_bytes_max = 8UL * 1024 * 1024;
/// An object up to this size is not worth a thread.
constexpr std::size_t small_object_max = 256UL * 1024;

class SendingWriter final : public ObjectWriter {
public:
  SendingWriter(Backend& inner, std::string name) : inner_(inner), name_(std::move(name)) {}

  void is_content() override { is_content_ = true; }
  void append(base::ByteView bytes) override {
    if (!sends_) {
      base::append(first_, bytes);
      if (first_.size() <= small_object_max) return;
      sends_ = true;
      sender_.spawn([this](const std::stop_token& stopping) { send(stopping); });
      push(std::exchange(first_, {}));
    } else {
      push(base::copy_of(bytes));
    }
  }

  PutOutcome commit() override {
    if (sends_) {
      queue_.close();
      sender_.join();
    } else {
      open();
      writer_->append(first_);
    }
    return writer_->commit();
  }

private:
  void open() {
    writer_ = inner_.create(name_);
    if (is_content_) writer_->is_content();
  }
  void push(base::Bytes bytes) {
    const auto size = bytes.size();
    try {
      queue_.push(std::move(bytes), size, sender_.token());
    } catch (const base::Cancelled&) {
      sender_.join();  // throws why it stopped
      throw;
    }
  }
  void send(const std::stop_token& stopping) {
    open();
    while (const auto bytes = queue_.pop(stopping))
      writer_->append(*bytes);
  }

  Backend& inner_;
  const std::string name_;
  base::Bytes first_;  // until a thread sends
  bool sends_ = false;
  bool is_content_ = false;
  base::BoundedQueue<base::Bytes> queue_{queued_bytes_max};
  std::unique_ptr<ObjectWriter> writer_;
  base::TaskGroup sender_;  // last: it ends before what it uses
};

class SendingBackend final : public Backend {
public:
  explicit SendingBackend(std::unique_ptr<Backend> inner) : inner_(std::move(inner)) {}

  std::string describe() const override { return inner_->describe(); }
  std::unique_ptr<ObjectWriter> create(const std::string& name) override {
    check_name(name);
    return std::make_unique<SendingWriter>(*inner_, name);
  }
  std::size_t read(const std::string& name, std::uint64_t offset,
                   base::MutableBytes into) override {
    return inner_->read(name, offset, into);
  }
  bool read_elsewhere(const std::string& name, std::size_t damaged) override {
    return inner_->read_elsewhere(name, damaged);
  }
  std::optional<ObjectInfo> stat(const std::string& name) override { return inner_->stat(name); }
  void list(const std::string& prefix,
            const std::function<void(const ObjectInfo&)>& visit) override {
    inner_->list(prefix, visit);
  }
  RemoveOutcome remove(const std::string& name) override { return inner_->remove(name); }
  std::size_t remove_leftovers() override { return inner_->remove_leftovers(); }
  StoreStatus status() override { return inner_->status(); }
  unsigned transfers_max() const override { return inner_->transfers_max(); }
  void connect() override { inner_->connect(); }
  ObjectLocks* locks() override { return inner_->locks(); }
  ObjectTiers* tiers() override { return inner_->tiers(); }

private:
  const std::unique_ptr<Backend> inner_;
};

}  // namespace

std::unique_ptr<Backend> with_senders(std::unique_ptr<Backend> inner) {
  return std::make_unique<SendingBackend>(std::move(inner));
}

}  // namespace holdfast::storage
