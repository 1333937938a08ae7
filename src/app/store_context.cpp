#include "store_context.hpp"

#include "base/error.hpp"
#include "base/task_group.hpp"
#include "net/curl_client.hpp"
#include "sources/stream/stream_source.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace holdfast::app {

base::Sleeper sleeper(const std::stop_token& stopping) {
  return [stopping](double seconds) {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, stopping, std::chrono::duration<double>(seconds), [] { return false; });
    base::check_cancelled(stopping);
  };
}

std::shared_ptr<net::HttpClient> make_http_client(const StoreContext& context,
                                                  const std::string& usual_ca_file) {
  const auto& http = context.settings.http;
  net::HttpOptions options;
  options.ca_file = http.ca_file.value_or(usual_ca_file);
  options.client_certificate = http.client_certificate.value_or("");
  options.client_key = http.client_key.value_or("");
  options.pinned_key = http.pinned_key.value_or("");
  options.proxy = http.proxy;
  options.limits = context.limits;
  return net::make_http_client(options, context.clock, context.stopping);
}

base::Bytes output_of(const std::vector<std::string>& command, std::size_t size_max,
                      const std::stop_token& stopping) {
  const auto stream = sources::open_command(command, "/output");
  base::Bytes bytes(size_max);
  std::size_t size = 0;
  while (size < bytes.size()) {
    const auto count = stream->read(base::MutableBytes(bytes).subspan(size), stopping);
    if (count == 0) break;
    size += count;
  }
  stream->finish();
  bytes.resize(size);
  return bytes;
}

}  // namespace holdfast::app
