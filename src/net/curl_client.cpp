// One thread drives all transfers by the multi interface of libcurl: whoever calls waits for its
// own transfer only, connections and TLS sessions are shared, and any of them can be cancelled at
// any time. Callbacks of libcurl never wait: a body that is not there yet, has no room, or is under
// a limit that is used up, pauses its transfer until the other side of its pipe moved or time did.

#include "net/curl_client.hpp"

#include "base/task_group.hpp"
#include "curl_handles.hpp"
#include "curl_setup.hpp"
#include "curl_sockets.hpp"
#include "net/body_pipe.hpp"
#include "pace.hpp"
#include "transport_error.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <future>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

namespace holdfast::net {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t headers_size_max = 64UL * 1024;
constexpr std::size_t headers_count_max = 200;
constexpr std::size_t transfer_buffer_size_min = 16UL * 1024;
constexpr long idle_connections_max = 32;

/// One request, its handle and what came of it. Everything but `received` and `wake` belongs to the
/// client's thread while the transfer is under way.
struct Running {
  Running(HttpRequest asked, const base::RateLimits& limits, const base::Clock& used,
          Sockets& opened, std::stop_token stop)
      : request(std::move(asked)),
        clock(used),
        sockets(opened),
        stopping(std::move(stop)),
        up(limits.up, used),
        down(limits.down, used) {}

  HttpRequest request;
  const base::Clock& clock;
  Sockets& sockets;
  const std::stop_token stopping;
  EasyHandle handle{curl_easy_init()};
  HeaderList headers{};
  std::array<char, CURL_ERROR_SIZE> message{};
  HttpResponse response{};
  std::size_t headers_size = 0;
  bool headers_ended = false;  // of the last answer
  std::size_t sent = 0;
  int times_sent = 0;
  std::atomic<std::uint64_t> received = 0;
  const base::Instant began_at = clock.now();
  const bool began_when_stopping = stopping.stop_requested();
  Pace up;
  Pace down;
  std::optional<base::Instant> resume_at{};  // it is under a limit that is used up till then
  bool waits = false;                        // for its own pipe, or a limit: no stall
  std::optional<base::Instant> moved_at{};   // nothing: it has no connection yet
  curl_off_t moved = 0;
  double stall_seconds_max = 0;
  std::optional<Transport> own_verdict{};  // why a callback ended the transfer
  std::promise<HttpResponse> promise{};

  std::string describe() const { return request.method + " " + url_for_messages(request.url); }
  /// Ends the transfer from within a callback.
  std::size_t refuse(Transport why) {
    own_verdict = why;
    return CURL_WRITEFUNC_ERROR;
  }
  /// Lets it wait for a limit. False: it is to end, because the run is.
  bool pause_until(base::Instant time) {
    if (stopping.stop_requested() && !began_when_stopping) {
      own_verdict = Transport::stalled;
      return false;
    }
    resume_at = std::min(resume_at.value_or(time), time);
    waits = true;
    return true;
  }
  void release_pipes() const {
    if (request.body_pipe) request.body_pipe->end();
    if (request.into_pipe) request.into_pipe->end();
  }
};

// ---- callbacks ----

std::size_t give_body(char* to, std::size_t size, std::size_t count, void* user) {
  auto& running = *static_cast<Running*>(user);
  const auto room = running.up.may_move(size * count);
  if (room == 0) {
    const bool may_wait = running.pause_until(running.up.resume_at());
    return may_wait ? CURL_READFUNC_PAUSE : CURL_READFUNC_ABORT;
  }
  const base::MutableBytes into(reinterpret_cast<std::byte*>(to), room);
  if (const auto& pipe = running.request.body_pipe) {
    const auto taken = pipe->take(into);
    running.waits = !taken;
    running.up.moved(taken.value_or(0));
    return taken.value_or(CURL_READFUNC_PAUSE);
  }
  const auto left = running.request.body.subspan(running.sent);
  const auto part = left.first(std::min(left.size(), into.size()));
  std::ranges::copy(part, into.begin());
  running.sent += part.size();
  running.up.moved(part.size());
  return part.size();
}

/// Called before the request goes out, each time: libcurl repeats it when a connection that it kept
/// breaks.
int count_sending(void* user, char*, char*, int, int) {
  ++static_cast<Running*>(user)->times_sent;
  return CURL_PREREQFUNC_OK;
}

/// libcurl sends a body again when a connection that it kept turns out to be dead.
int rewind_body(void* user, curl_off_t offset, int origin) {
  auto& running = *static_cast<Running*>(user);
  if (running.request.body_pipe || origin != SEEK_SET || offset < 0 ||
      static_cast<std::uint64_t>(offset) > running.request.body.size()) {
    return CURL_SEEKFUNC_CANTSEEK;
  }
  running.sent = static_cast<std::size_t>(offset);
  return CURL_SEEKFUNC_OK;
}

std::size_t take_header(char* from, std::size_t size, std::size_t count, void* user) {
  auto& running = *static_cast<Running*>(user);
  const std::string_view line(from, size * count);
  auto& headers = running.response.headers;
  if (line.starts_with("HTTP/")) {  // after an interim answer comes another
    headers.clear();
    running.headers_size = 0;
    running.headers_ended = false;
    return line.size();
  }
  running.headers_size += line.size();
  if (running.headers_size > headers_size_max || headers.size() >= headers_count_max) {
    return running.refuse(Transport::too_large);
  }
  if (auto header = parse_header(line)) {
    headers.push_back(std::move(*header));
  } else if (line == "\r\n" || line == "\n") {
    running.headers_ended = true;
    running.sockets.confirm_at_once();
  }
  return line.size();
}

std::size_t take_body(char* from, std::size_t size, std::size_t count, void* user) {
  auto& running = *static_cast<Running*>(user);
  auto& request = running.request;
  const auto bytes = std::as_bytes(std::span(from, size * count));
  if (running.down.may_move(bytes.size()) == 0) {
    const bool may_wait = running.pause_until(running.down.resume_at());
    return may_wait ? CURL_WRITEFUNC_PAUSE : CURL_WRITEFUNC_ERROR;
  }
  long status = 0;
  curl_easy_getinfo(running.handle.get(), CURLINFO_RESPONSE_CODE, &status);
  const bool is_success = status >= 200 && status < 300;
  if (is_success && request.into_pipe) {
    running.waits = !request.into_pipe->put(bytes);
    if (running.waits) return CURL_WRITEFUNC_PAUSE;
  } else if (is_success && request.into.data() != nullptr) {
    const auto at = static_cast<std::size_t>(running.received);
    if (bytes.size() > request.into.size() - at) return running.refuse(Transport::too_large);
    std::ranges::copy(bytes, request.into.subspan(at).begin());
  } else {
    auto& body = running.response.body;
    if (bytes.size() > request.body_size_max - body.size()) {
      return running.refuse(Transport::too_large);
    }
    base::append(body, bytes);
  }
  if (is_success) running.received += bytes.size();
  running.down.moved(bytes.size());
  return bytes.size();
}

/// Called about once a second, whether something moved or not.
int look_for_stall(void* user, curl_off_t, curl_off_t received, curl_off_t, curl_off_t sent) {
  auto& running = *static_cast<Running*>(user);
  const auto now = running.clock.now();
  const auto moved = received + sent;
  const auto unlimited_seconds = base::seconds_between(running.began_at, now) -
                                 running.up.waited_seconds() - running.down.waited_seconds();
  if (running.request.seconds_max > 0 &&
      unlimited_seconds > static_cast<double>(running.request.seconds_max)) {
    running.own_verdict = Transport::too_slow;
    return 1;
  }
  if (running.waits || !running.moved_at || moved != running.moved) {
    running.moved = moved;
    running.moved_at = now;
    return 0;
  }
  const double patience = running.stopping.stop_requested()
                              ? std::min(stopping_stall_seconds_max, running.stall_seconds_max)
                              : running.stall_seconds_max;
  if (base::seconds_between(*running.moved_at, now) < patience) return 0;
  running.own_verdict = Transport::stalled;
  return 1;
}

// ---- preparing ----

void set_method_and_body(Running& running) {
  const auto& handle = running.handle;
  const auto& request = running.request;
  if (request.method == "HEAD") {
    set(handle, CURLOPT_NOBODY, 1L);
    return;
  }
  const bool has_body = !request.body.empty() || request.body_pipe != nullptr;
  set(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  if (!has_body && request.method != "PUT" && request.method != "POST") return;
  set(handle, CURLOPT_UPLOAD, 1L);
  set(handle, CURLOPT_READFUNCTION, give_body);
  set(handle, CURLOPT_READDATA, &running);
  set(handle, CURLOPT_SEEKFUNCTION, rewind_body);
  set(handle, CURLOPT_SEEKDATA, &running);
  set(handle, CURLOPT_UPLOAD_BUFFERSIZE, static_cast<long>(transfer_buffer_size));
  std::optional<std::uint64_t> size = request.body.size();
  if (request.body_pipe) size = request.body_pipe->size();
  if (size) set(handle, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(*size));
}

void set_headers(Running& running) {
  // Asking before sending costs a round trip each time, and is for bodies that are often refused.
  add_line(running.headers, "Expect:");
  for (const auto& header : running.request.headers) {
    const auto line = header.name + ": " + header.value;
    if (line.find_first_of(std::string_view("\r\n\0", 3)) != line.npos) {
      throw Error(ErrorKind::invalid_input, "a header of a request has a line break in it");
    }
    add_line(running.headers, line);
  }
  set(running.handle, CURLOPT_HTTPHEADER, running.headers.get());
}

void set_connection(const EasyHandle& handle, const HttpOptions& options) {
  set_way(handle, options);
  set(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  // On several connections, which take uploads faster: docs/decisions/0033-http2.md
  set(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(handle, CURLOPT_HTTP09_ALLOWED, 0L);
  set(handle, CURLOPT_USERAGENT, options.user_agent.c_str());
}

void prepare(Running& running, const HttpOptions& options) {
  const auto& handle = running.handle;
  if (handle == nullptr) throw Error(ErrorKind::io, "preparing a request: out of memory");
  set(handle, CURLOPT_URL, running.request.url.c_str());
  set(handle, CURLOPT_ERRORBUFFER, running.message.data());
  set(handle, CURLOPT_PRIVATE, &running);
  set(handle, CURLOPT_HEADERFUNCTION, take_header);
  set(handle, CURLOPT_HEADERDATA, &running);
  set(handle, CURLOPT_WRITEFUNCTION, take_body);
  set(handle, CURLOPT_WRITEDATA, &running);
  set(handle, CURLOPT_PREREQFUNCTION, count_sending);
  set(handle, CURLOPT_PREREQDATA, &running);
  set(handle, CURLOPT_NOPROGRESS, 0L);
  set(handle, CURLOPT_XFERINFOFUNCTION, look_for_stall);
  set(handle, CURLOPT_XFERINFODATA, &running);
  set(handle, CURLOPT_OPENSOCKETFUNCTION, Sockets::open);
  set(handle, CURLOPT_OPENSOCKETDATA, &running.sockets);
  set(handle, CURLOPT_CLOSESOCKETFUNCTION, Sockets::close);
  set(handle, CURLOPT_CLOSESOCKETDATA, &running.sockets);
  set_method_and_body(running);
  set_headers(running);
  set_connection(handle, options);
  set_tls(handle, options);
  // What was received has passed: under a limit it comes in pieces.
  const auto piece = options.limits.down ? options.limits.down->piece() : transfer_buffer_size;
  set(handle, CURLOPT_BUFFERSIZE,
      static_cast<long>(std::clamp(piece, transfer_buffer_size_min, transfer_buffer_size)));
  running.stall_seconds_max = options.stall_seconds_max;
}

// ---- results ----

TransportFailure failure_of(const Running& running, CURLcode code) {
  auto failure = curl_failure(running.handle, code, running.message.data());
  if (running.own_verdict) {
    failure.what = *running.own_verdict;
    failure.text.clear();
  }
  return failure;
}

HttpResponse response_of(Running& running) {
  auto response = std::move(running.response);
  long status = 0;
  curl_easy_getinfo(running.handle.get(), CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  response.received = running.received;
  response.times_sent = running.times_sent;
  curl_off_t retry_after = 0;
  curl_easy_getinfo(running.handle.get(), CURLINFO_RETRY_AFTER, &retry_after);
  if (retry_after > 0) response.retry_after_seconds = static_cast<double>(retry_after);
  return response;
}

void settle(Running& running, CURLcode code) {
  // libcurl takes an answer whose headers were cut for a whole one without a body.
  if (code == CURLE_OK && !running.headers_ended) code = CURLE_PARTIAL_FILE;
  const bool is_stopped =
      running.own_verdict == Transport::stalled && running.stopping.stop_requested();
  if (code == CURLE_OK) {
    running.promise.set_value(response_of(running));
  } else if (is_stopped) {
    running.promise.set_exception(std::make_exception_ptr(base::Cancelled()));
  } else {
    running.promise.set_exception(
        std::make_exception_ptr(transport_error(failure_of(running, code), running.describe())));
  }
  running.release_pipes();
}

void settle_as_cancelled(Running& running) {
  running.promise.set_exception(std::make_exception_ptr(base::Cancelled()));
  running.release_pipes();
}

// ---- the client ----

class CurlClient final : public HttpClient, public std::enable_shared_from_this<CurlClient> {
public:
  CurlClient(HttpOptions options, const base::Clock& clock, std::stop_token stopping)
      : options_(std::move(options)),
        clock_(clock),
        stopping_(std::move(stopping)),
        multi_(curl_multi_init()) {
    if (multi_ == nullptr) throw Error(ErrorKind::io, "preparing for transfers: out of memory");
    check(curl_multi_setopt(multi_.get(), CURLMOPT_MAX_HOST_CONNECTIONS, options_.connections_max));
    check(curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, idle_connections_max));
    thread_.spawn([this](const std::stop_token& ending) { run(ending); });
  }

  std::unique_ptr<Transfer> start(HttpRequest request) override;

  /// Called by transfers and pipes, from any thread.
  void cancel(const std::shared_ptr<Running>& running) { order({Order::Kind::cancel, running}); }
  void resume(const std::shared_ptr<Running>& running) { order({Order::Kind::resume, running}); }

private:
  struct Order {
    enum class Kind : std::uint8_t { start, cancel, resume };
    Kind kind;
    std::shared_ptr<Running> running;
  };

  /// False when the client does not work any more.
  bool order(Order order) {
    const std::lock_guard lock(mutex_);
    if (ended_) return false;
    orders_.push_back(std::move(order));
    curl_multi_wakeup(multi_.get());
    return true;
  }

  void run(const std::stop_token& ending) {
    const struct End {
      CurlClient& client;
      ~End() { client.end(); }
    } end_whatever_happens{*this};
    const std::stop_callback wake(ending, [this] { curl_multi_wakeup(multi_.get()); });
    while (!ending.stop_requested()) {
      follow_orders();
      resume_due();
      int active = 0;
      check(curl_multi_perform(multi_.get(), &active));
      collect();
      check(curl_multi_poll(multi_.get(), nullptr, 0, idle_ms(), nullptr));
    }
  }

  /// Those that a limit held back.
  void resume_due() {
    for (const auto& [handle, running] : running_) {
      if (!running->resume_at || *running->resume_at > clock_.now()) continue;
      running->resume_at.reset();
      resume_handle(*running);
    }
  }

  static void resume_handle(Running& running) {
    // The callbacks say again when they cannot go on.
    running.waits = false;
    curl_easy_pause(running.handle.get(), CURLPAUSE_CONT);
  }

  /// How long nothing has to be done unless something comes.
  int idle_ms() const {
    double seconds = look_ms / 1000.0;
    for (const auto& [handle, running] : running_) {
      if (!running->resume_at) continue;
      seconds = std::min(seconds, base::seconds_between(clock_.now(), *running->resume_at));
    }
    return static_cast<int>(std::ceil(std::max(seconds, 0.0) * 1000));
  }

  void follow_orders() {
    std::vector<Order> orders;
    {
      const std::lock_guard lock(mutex_);
      orders.swap(orders_);
    }
    for (auto& order : orders) {
      auto* const handle = order.running->handle.get();
      if (order.kind == Order::Kind::start) {
        check(curl_multi_add_handle(multi_.get(), handle));
        running_.emplace(handle, std::move(order.running));
      } else if (!running_.contains(handle)) {
        continue;  // it ended in the meantime
      } else if (order.kind == Order::Kind::cancel) {
        settle_as_cancelled(*take(handle));
      } else {
        resume_handle(*order.running);
      }
    }
  }

  void collect() {
    int left = 0;
    while (const auto* const message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const auto code = message->data.result;
      settle(*take(message->easy_handle), code);
    }
  }

  std::shared_ptr<Running> take(CURL* handle) {
    const auto found = running_.find(handle);
    auto running = std::move(found->second);
    running_.erase(found);
    curl_multi_remove_handle(multi_.get(), handle);
    return running;
  }

  void end() {
    std::vector<Order> orders;
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      orders.swap(orders_);
    }
    for (const auto& order : orders) {
      if (order.kind == Order::Kind::start) settle_as_cancelled(*order.running);
    }
    while (!running_.empty())
      settle_as_cancelled(*take(running_.begin()->first));
  }

  const HttpOptions options_;
  const base::Clock& clock_;
  const std::stop_token stopping_;
  Sockets sockets_;  // before what closes them
  const MultiHandle multi_;
  std::map<CURL*, std::shared_ptr<Running>> running_;  // of the thread
  std::mutex mutex_;
  std::vector<Order> orders_;
  bool ended_ = false;
  base::TaskGroup thread_;  // last: it ends before what it uses
};

class CurlTransfer final : public Transfer {
public:
  CurlTransfer(std::shared_ptr<CurlClient> client, std::shared_ptr<Running> running)
      : client_(std::move(client)),
        running_(std::move(running)),
        future_(running_->promise.get_future()) {}
  ~CurlTransfer() override {
    // What the request borrows is in use until the client's thread let go of it.
    if (!future_.valid() || has_ended()) return;
    client_->cancel(running_);
    future_.wait();
  }

  HttpResponse wait() override { return future_.get(); }
  bool has_ended() const override {
    return !future_.valid() ||
           future_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }
  std::uint64_t received() const override { return running_->received; }

private:
  const std::shared_ptr<CurlClient> client_;
  const std::shared_ptr<Running> running_;
  std::future<HttpResponse> future_;
};

std::unique_ptr<Transfer> CurlClient::start(HttpRequest request) {
  auto running =
      std::make_shared<Running>(std::move(request), options_.limits, clock_, sockets_, stopping_);
  prepare(*running, options_);
  for (const auto& pipe : {running->request.body_pipe, running->request.into_pipe}) {
    if (!pipe) continue;
    pipe->on_progress([client = weak_from_this(), moved = std::weak_ptr(running)] {
      const auto still_there = client.lock();
      const auto under_way = moved.lock();
      if (still_there && under_way) still_there->resume(under_way);
    });
  }
  auto transfer = std::make_unique<CurlTransfer>(shared_from_this(), running);
  if (!order({Order::Kind::start, running})) settle_as_cancelled(*running);
  return transfer;
}

/// The handle that callers own; transfers keep what they need alive.
class SharedClient final : public HttpClient {
public:
  explicit SharedClient(std::shared_ptr<CurlClient> client) : client_(std::move(client)) {}
  std::unique_ptr<Transfer> start(HttpRequest request) override {
    return client_->start(std::move(request));
  }

private:
  const std::shared_ptr<CurlClient> client_;
};

}  // namespace

std::unique_ptr<HttpClient> make_http_client(HttpOptions options, const base::Clock& clock,
                                             std::stop_token stopping) {
  prepare_libcurl();
  return std::make_unique<SharedClient>(
      std::make_shared<CurlClient>(std::move(options), clock, std::move(stopping)));
}

}  // namespace holdfast::net
