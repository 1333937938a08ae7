// Every call is one request to the server, which keeps objects as a local store does. The server is
// not trusted: its lists and ranges are checked as those of any store.

#include "storage/rest/rest_backend.hpp"

#include "base/error.hpp"
#include "rest_objects.hpp"
#include "rest_writer.hpp"
#include "storage/rest/rest_protocol.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::uint64_t object_size_max = std::uint64_t{1} << 42;
/// A page of the longest names there can be.
constexpr std::size_t page_size_max = rest_list_objects_max * 230;

class RestBackend final : public Backend {
public:
  RestBackend(const Location& location, const base::Secret& token, RestContext context)
      : client_(location, token, std::move(context)) {}

  void open(RestOpen mode) {
    client_.send(
        {.doing = "opening the repository", .method = mode == RestOpen::create ? "PUT" : "GET"});
  }

  std::string describe() const override { return client_.store(); }

  std::unique_ptr<ObjectWriter> create(const std::string& name) override {
    check_name(name);
    return write_rest_object(client_, name);
  }

  std::size_t read(const std::string& name, std::uint64_t offset,
                   base::MutableBytes into) override {
    check_name(name);
    if (into.empty() || offset > object_size_max) {
      require_object(name);
      return 0;
    }
    RestRequest request{.doing = "reading " + name, .path = "objects/" + name};
    std::size_t done = 0;
    // Each attempt goes on where the one before it was cut.
    client_.retrier().run([&](int) { read_on(request, offset, into, done); });
    return done;
  }

  std::optional<ObjectInfo> stat(const std::string& name) override {
    check_name(name);
    const auto there = look_at_object(client_, name, WantDigest::no);
    if (!there) return std::nullopt;
    return ObjectInfo{name, there->size};
  }

  void list(const std::string& prefix,
            const std::function<void(const ObjectInfo&)>& visit) override {
    check_prefix(prefix);
    std::string last;
    for (bool has_more = true; has_more;) {
      const auto page = fetch_page(prefix, last);
      if (!page.objects.empty() && page.objects.front().name <= last) {
        throw Error(ErrorKind::corrupt,
                    fmt::format("listing objects in {}: the list does not come to an end",
                                client_.store()));
      }
      for (const auto& object : page.objects)
        visit(object);
      if (!page.objects.empty()) last = page.objects.back().name;
      has_more = page.has_more;
    }
  }

  RemoveOutcome remove(const std::string& name) override {
    check_name(name);
    // A reply that got lost would read as if there had been nothing.
    if (!look_at_object(client_, name, WantDigest::no)) return RemoveOutcome::was_absent;
    client_.send(
        {.doing = "removing " + name, .method = "DELETE", .path = "objects/" + name},
        [](const net::HttpResponse& reply) { return is_missing(reply, rest_missing_object); });
    return RemoveOutcome::removed;
  }

  unsigned transfers_max() const override { return net::transfers_at_once; }

  std::size_t remove_leftovers() override {
    const auto response =
        client_.send({.doing = "removing leftovers", .method = "DELETE", .path = "leftovers"});
    const auto removed = parse_rest_number(base::as_text(response.body));
    return removed ? static_cast<std::size_t>(*removed) : 0;
  }

private:
  void require_object(const std::string& name) {
    if (stat(name)) return;
    throw Error(ErrorKind::not_found,
                fmt::format("reading {} in {}: there is no such object", name, client_.store()));
  }

  void read_on(RestRequest& request, std::uint64_t offset, base::MutableBytes into,
               std::size_t& done) {
    const auto begin = offset + done;
    request.into = into.subspan(done);
    if (request.into.empty()) return;
    request.headers = {
        {"Range", fmt::format("bytes={}-{}", begin, begin + request.into.size() - 1)}};
    const auto transfer = client_.start(request);
    try {
      const auto response = client_.wait(
          *transfer, request, [](const net::HttpResponse& reply) { return reply.status == 416; });
      if (response.status == 416) return;  // nothing begins there
      check_range(request, response, begin);
      done += static_cast<std::size_t>(response.received);
    } catch (const Error& error) {
      if (error.retry() == base::Retry::later)
        done += static_cast<std::size_t>(transfer->received());
      throw;
    }
  }

  /// The bytes must be those that were asked for.
  void check_range(const RestRequest& request, const net::HttpResponse& response,
                   std::uint64_t begin) const {
    const auto range = net::find_header(response.headers, "content-range").value_or("");
    if (response.status == 206 && range.starts_with(fmt::format("bytes {}-", begin))) return;
    throw Error(ErrorKind::unsupported,
                fmt::format("{} in {}: the server does not give the range that was asked for",
                            request.doing, client_.store()));
  }

  RestListPage fetch_page(const std::string& prefix, const std::string& last) {
    const auto response = client_.send({.doing = "listing objects",
                                        .path = "objects",
                                        .query = fmt::format("prefix={}&after={}", prefix, last),
                                        .body_size_max = page_size_max});
    return base::with_context([&] { return fmt::format("listing objects in {}", client_.store()); },
                              [&] { return parse_list_page(response.body, prefix); });
  }

  RestClient client_;
};

}  // namespace

std::unique_ptr<Backend> open_rest(const Location& location, base::Secret token,
                                   RestContext context, RestOpen mode) {
  auto backend = std::make_unique<RestBackend>(location, token, std::move(context));
  backend->open(mode);
  return backend;
}

}  // namespace holdfast::storage
