// One easy handle for each session: it keeps one control connection, and the TLS session that data
// connections resume. The multi interface drives it, so that a download can stand still between two
// calls: while nobody reads, nothing is driven, and TCP holds the server back.

#include "net/curl_ftp.hpp"

#include "base/units.hpp"
#include "curl_code.hpp"
#include "curl_handles.hpp"
#include "curl_setup.hpp"
#include "curl_sockets.hpp"
#include "net/http.hpp"

#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <utility>

namespace holdfast::net {

using base::Error;
using base::ErrorKind;

namespace {

/// While libcurl sets up a data connection it does not wait for replies but for its own next look,
/// up to a second later (7.88).
constexpr int wait_ms_max = 16;
constexpr std::size_t replies_max = 64;
constexpr std::size_t reply_size_max = 16UL * 1024;
constexpr std::size_t shown_size_max = 300;
constexpr int ready_for_login = 220;
constexpr int logged_in = 230;
constexpr int transferred = 226;
constexpr int leaving = 421;

/// Replies after which the same may pass: no data connection, it broke, the file is in use.
bool may_pass_later(int code) {
  constexpr std::array codes = {leaving, 425, 426, 431, 450, 522};
  return std::ranges::find(codes, code) != codes.end();
}

/// Codes of libcurl that say that the server refused what was asked for.
bool is_refusal(CURLcode code) {
  switch (code) {
    case CURLE_UPLOAD_FAILED:
    case CURLE_FTP_COULDNT_RETR_FILE:
    case CURLE_REMOTE_FILE_NOT_FOUND:
    case CURLE_REMOTE_ACCESS_DENIED:
    case CURLE_REMOTE_DISK_FULL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_PARTIAL_FILE:
      return true;
    default:
      return false;
  }
}

Transport transport_of_ftp(CURLcode code) {
  switch (code) {
    case CURLE_LOGIN_DENIED:
      return Transport::login_refused;
    case CURLE_USE_SSL_FAILED:
      return Transport::tls_not_offered;
    case CURLE_WEIRD_SERVER_REPLY:
      return Transport::not_ftp;
    default:
      return transport_of(code);
  }
}

void check_line(const std::string& text) {
  const bool has_control = std::ranges::any_of(
      text, [](char c) { return std::iscntrl(static_cast<unsigned char>(c)) != 0; });
  if (!has_control) return;
  throw Error(ErrorKind::invalid_input,
              fmt::format("'{}' has characters that cannot be sent to an FTP server",
                          base::printable(text)));
}

/// Whether TLS said that the data end. libcurl takes the end of TCP for it, as many web servers
/// force it to; a list that was cut would look whole.
class EndOfTls {
public:
  void forget() { context_ = nullptr; }
  bool was_said() const { return was_said_; }

  /// As libcurl calls it for each connection that it makes: the one for data is the last.
  static CURLcode watch(CURL*, void* context, void* user) {
    auto& self = *static_cast<EndOfTls*>(user);
    self.context_ = static_cast<SSL_CTX*>(context);
    self.was_said_ = false;
    if (SSL_CTX_set_ex_data(self.context_, index(), user) != 1) return CURLE_OUT_OF_MEMORY;
    SSL_CTX_set_info_callback(self.context_, note);
    return CURLE_OK;
  }

private:
  static int index() {
    static const int made = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return made;
  }

  static void note(const SSL* connection, int where, int value) {
    constexpr int alert_mask = 0xff;
    const bool is_end = where == SSL_CB_READ_ALERT && (value & alert_mask) == SSL_AD_CLOSE_NOTIFY;
    auto* const context = SSL_get_SSL_CTX(connection);
    auto* const self = static_cast<EndOfTls*>(SSL_CTX_get_ex_data(context, index()));
    if (is_end && self->context_ == context) self->was_said_ = true;
  }

  SSL_CTX* context_ = nullptr;  // of the last connection
  bool was_said_ = false;
};

class CurlFtpSession final : public FtpSession {
public:
  CurlFtpSession(const FtpServer& server, HttpOptions options, const base::Clock& clock,
                 std::stop_token stopping)
      : server_(server),
        options_(std::move(options)),
        clock_(clock),
        stopping_(std::move(stopping)),
        multi_(curl_multi_init()),
        handle_(curl_easy_init()) {
    if (multi_ == nullptr || handle_ == nullptr) {
      throw Error(ErrorKind::io, "preparing for transfers: out of memory");
    }
    check(curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, 1L));
  }
  ~CurlFtpSession() override { let_go(); }

  FtpReply run(const std::vector<std::string>& commands) override {
    begin("");
    set(handle_, CURLOPT_NOBODY, 1L);
    for (const auto& command : commands)
      add_command("*" + command);  // libcurl hangs up on a refusal unless told not to mind it
    set(handle_, CURLOPT_QUOTE, commands_.get());
    settle(finish());
    if (replies_.size() < commands.size()) throw failure(CURLE_WEIRD_SERVER_REPLY);
    replies_.erase(replies_.begin(), replies_.end() - static_cast<std::ptrdiff_t>(commands.size()));
    const auto refused =
        std::ranges::find_if(replies_, [](const FtpReply& reply) { return !reply.is_success(); });
    return refused == replies_.end() ? replies_.back() : *refused;
  }

  FtpReply send(const std::string& path, std::uint64_t offset, base::ByteView bytes) override {
    begin(path);
    sending_ = bytes;
    set(handle_, CURLOPT_UPLOAD, 1L);
    set(handle_, CURLOPT_READFUNCTION, give);
    set(handle_, CURLOPT_READDATA, this);
    set(handle_, CURLOPT_UPLOAD_BUFFERSIZE, static_cast<long>(transfer_buffer_size));
    set(handle_, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(bytes.size()));
    if (offset != 0) {
      // Not APPE, by which libcurl goes on: bytes of an upload that broke and are still on their
      // way would end up in the file a second time. Here they are the same at the same place.
      add_command(fmt::format("REST {}", offset));
      set(handle_, CURLOPT_PREQUOTE, commands_.get());
    }
    return settle(finish());
  }

  FtpReply receive(const std::string& path, std::uint64_t offset, base::MutableBytes into,
                   std::size_t& count) override {
    count = 0;
    if (!stands_at(path, offset)) open_file(path, offset);
    room_ = into;
    taken_ = 0;
    take_ahead();
    const struct Counted {
      CurlFtpSession& session;
      std::size_t& count;
      ~Counted() {
        count = std::exchange(session.taken_, 0);
        session.position_ += count;
        session.room_ = {};
      }
    } counted_whatever_happens{*this, count};
    // The end of the file is waited for too: only then is the connection free for something else.
    const auto code = drive([this] { return taken_ == room_.size() && !is_at_end(); }, true);
    // It ends before where the reading was to begin.
    const bool is_behind = code == CURLE_BAD_DOWNLOAD_RESUME;
    if (!code || is_behind) return {transferred, ""};
    return settle(*code);
  }

  bool stands_at(const std::string& path, std::uint64_t offset) const override {
    return is_reading() && path_ == path && position_ == offset;
  }

  bool is_reading() const override { return !path_.empty(); }
  bool was_turned_away() const override { return was_turned_away_; }

  FtpReply list(const std::string& folder, FtpListing how, base::Bytes& listing,
                std::size_t size_max) override {
    begin(folder + "/");
    listing_ = &listing;
    listing_size_max_ = size_max;
    if (how == FtpListing::machines) set(handle_, CURLOPT_CUSTOMREQUEST, "MLSD");
    set(handle_, CURLOPT_WRITEFUNCTION, note);
    set(handle_, CURLOPT_WRITEDATA, this);
    set(handle_, CURLOPT_SSL_CTX_FUNCTION, EndOfTls::watch);
    set(handle_, CURLOPT_SSL_CTX_DATA, &end_of_tls_);
    const auto code = finish();
    listing_ = nullptr;
    end_of_tls_.forget();
    const auto reply = settle(code);
    if (reply.is_success() && server_.tls != FtpTls::none && !end_of_tls_.was_said()) {
      throw transport_error({Transport::lost, "TLS did not end the list"}, describe());
    }
    return reply;
  }

private:
  // ---- as libcurl calls them ----

  static std::size_t hear(char* from, std::size_t size, std::size_t count, void* user) {
    auto& session = *static_cast<CurlFtpSession*>(user);
    ++session.moved_;
    return session.hear_line({from, size * count}) ? size * count : 0;
  }

  static std::size_t give(char* to, std::size_t size, std::size_t count, void* user) {
    auto& session = *static_cast<CurlFtpSession*>(user);
    const auto part = session.sending_.first(std::min(session.sending_.size(), size * count));
    std::ranges::copy(part, reinterpret_cast<std::byte*>(to));
    session.sending_ = session.sending_.subspan(part.size());
    session.moved_ += part.size();
    return part.size();
  }

  static std::size_t take(char* from, std::size_t size, std::size_t count, void* user) {
    auto& session = *static_cast<CurlFtpSession*>(user);
    if (session.taken_ == session.room_.size()) return CURL_WRITEFUNC_PAUSE;
    const auto bytes = std::as_bytes(std::span(from, size * count));
    base::append(session.ahead_, bytes);
    session.received_ += bytes.size();
    session.moved_ += bytes.size();
    session.take_ahead();
    return bytes.size();
  }

  static std::size_t note(char* from, std::size_t size, std::size_t count, void* user) {
    auto& session = *static_cast<CurlFtpSession*>(user);
    const auto bytes = std::as_bytes(std::span(from, size * count));
    if (bytes.size() > session.listing_size_max_ - session.listing_->size()) {
      session.is_too_large_ = true;
      return CURL_WRITEFUNC_ERROR;
    }
    base::append(*session.listing_, bytes);
    session.moved_ += bytes.size();
    return bytes.size();
  }

  /// Also called while libcurl waits for what a server says after a transfer, and drives nothing.
  static int look(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<CurlFtpSession*>(user)->is_silent() ? 1 : 0;
  }

  // ---- replies ----

  bool hear_line(std::string_view line) {
    while (line.ends_with('\n') || line.ends_with('\r'))
      line.remove_suffix(1);
    const bool has_code = line.size() >= 3 && std::ranges::all_of(line.substr(0, 3), [](char c) {
                            return std::isdigit(static_cast<unsigned char>(c)) != 0;
                          });
    const char after = line.size() > 3 ? line[3] : ' ';
    if (is_open_) {
      auto& reply = replies_.back();
      if (reply.text.size() + line.size() > reply_size_max) return !(is_too_large_ = true);
      const bool ends = has_code && after == ' ' && number(line) == reply.code;
      reply.text += "\n";
      reply.text += ends ? line.substr(std::min<std::size_t>(4, line.size())) : line;
      is_open_ = !ends;
      return true;
    }
    if (!has_code) return true;
    if (replies_.size() == replies_max || line.size() > reply_size_max) {
      return !(is_too_large_ = true);
    }
    replies_.push_back(
        {number(line), std::string(line.substr(std::min<std::size_t>(4, line.size())))});
    is_open_ = after == '-';
    if (replies_.back().code == ready_for_login) is_logged_in_ = false;
    if (replies_.back().code == logged_in) is_logged_in_ = true;
    return true;
  }

  static int number(std::string_view line) {
    return 100 * (line[0] - '0') + 10 * (line[1] - '0') + (line[2] - '0');
  }

  // ---- one exchange ----

  void begin(const std::string& path) {
    check_line(path);
    let_go();
    clear_handle();
    replies_.clear();
    is_open_ = false;
    is_too_large_ = false;
    was_turned_away_ = false;
    message_[0] = '\0';
    commands_.reset();
    ahead_.clear();
    received_ = 0;
    const bool is_ipv6 = server_.host.find(':') != std::string::npos;
    const auto url = fmt::format(
        "{}://{}:{}/{}", server_.tls == FtpTls::at_once ? "ftps" : "ftp",
        is_ipv6 ? "[" + server_.host + "]" : server_.host, server_.port,
        "%2F" + percent_encode(std::string_view(path).substr(path.empty() ? 0 : 1), "/"));
    set(handle_, CURLOPT_URL, url.c_str());
    set(handle_, CURLOPT_PROTOCOLS_STR, "ftp,ftps");
    set(handle_, CURLOPT_ERRORBUFFER, message_.data());
    set(handle_, CURLOPT_HEADERFUNCTION, hear);
    set(handle_, CURLOPT_HEADERDATA, this);
    set(handle_, CURLOPT_NOPROGRESS, 0L);
    set(handle_, CURLOPT_XFERINFOFUNCTION, look);
    set(handle_, CURLOPT_XFERINFODATA, this);
    set(handle_, CURLOPT_OPENSOCKETFUNCTION, Sockets::open);
    set(handle_, CURLOPT_OPENSOCKETDATA, &sockets_);
    set(handle_, CURLOPT_CLOSESOCKETFUNCTION, Sockets::close);
    set(handle_, CURLOPT_CLOSESOCKETDATA, &sockets_);
    set(handle_, CURLOPT_FTP_FILEMETHOD, static_cast<long>(CURLFTPMETHOD_NOCWD));
    set(handle_, CURLOPT_FTPSSLAUTH, static_cast<long>(CURLFTPAUTH_TLS));
    set(handle_, CURLOPT_USE_SSL,
        static_cast<long>(server_.tls == FtpTls::none ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    set(handle_, CURLOPT_USERNAME, server_.user.c_str());
    set_password();
    set_way(handle_, options_);
    set(handle_, CURLOPT_HTTPPROXYTUNNEL, 1L);
    set_tls(handle_, options_);
    // In 1.3 a server sends what resumes a session after the handshake, for one use each. Who only
    // uploads does not read it: the next data connection could not resume anything, and a socket
    // that is closed with something unread takes back what is still on its way.
    set(handle_, CURLOPT_SSLVERSION,
        static_cast<long>(CURL_SSLVERSION_TLSv1_2) | CURL_SSLVERSION_MAX_TLSv1_2);
  }

  /// What fails before there is a connection leaves its buffer in the handle, for which libcurl
  /// takes no other size (7.88). With another handle no TLS session is lost then.
  void clear_handle() {
    constexpr auto size = static_cast<long>(transfer_buffer_size);
    curl_easy_reset(handle_.get());
    if (curl_easy_setopt(handle_.get(), CURLOPT_BUFFERSIZE, size) == CURLE_OK) return;
    handle_.reset(curl_easy_init());
    if (handle_ == nullptr) throw Error(ErrorKind::io, "preparing for transfers: out of memory");
    set(handle_, CURLOPT_BUFFERSIZE, size);
  }

  void set_password() {
    auto text = std::string(base::as_text(server_.password.view()));
    set(handle_, CURLOPT_PASSWORD, text.c_str());
    base::wipe(std::as_writable_bytes(std::span(text)));
  }

  void add_command(const std::string& command) {
    check_line(command);
    add_line(commands_, command);
  }

  void open_file(const std::string& path, std::uint64_t offset) {
    begin(path);
    set(handle_, CURLOPT_WRITEFUNCTION, take);
    set(handle_, CURLOPT_WRITEDATA, this);
    set(handle_, CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(offset));
    path_ = path;
    position_ = offset;
    start();
  }

  /// Moves what came while there was no room.
  void take_ahead() {
    const auto count = std::min(ahead_.size(), room_.size() - taken_);
    const auto end = ahead_.begin() + static_cast<std::ptrdiff_t>(count);
    std::copy(ahead_.begin(), end, room_.subspan(taken_).begin());
    ahead_.erase(ahead_.begin(), end);
    taken_ += count;
  }

  /// Whether all of the file came, as far as the server said how much that is.
  bool is_at_end() const {
    curl_off_t size = -1;
    curl_easy_getinfo(handle_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &size);
    return ahead_.empty() && size >= 0 && received_ >= static_cast<std::uint64_t>(size);
  }

  void start() {
    check(curl_multi_add_handle(multi_.get(), handle_.get()));
    is_active_ = true;
  }

  CURLcode finish() {
    start();
    return *drive([] { return false; }, false);
  }

  /// Goes on until the transfer ended, with how, or `is_enough`.
  template <class IsEnough>
  std::optional<CURLcode> drive(IsEnough is_enough, bool was_paused) {
    const std::stop_callback wake(stopping_, [this] { curl_multi_wakeup(multi_.get()); });
    moved_at_ = clock_.now();
    int wait_ms = 1;
    if (was_paused && !is_enough()) curl_easy_pause(handle_.get(), CURLPAUSE_CONT);
    while (!is_enough()) {
      int active = 0;
      check(curl_multi_perform(multi_.get(), &active));
      if (const auto code = take_end()) {
        if (*code == CURLE_ABORTED_BY_CALLBACK) throw_for_silence();
        return code;
      }
      if (is_enough()) break;
      sockets_.confirm_at_once();
      check(curl_multi_poll(multi_.get(), nullptr, 0, wait_ms, nullptr));
      wait_ms = moved_ == seen_moved_ ? std::min(2 * wait_ms, wait_ms_max) : 1;
      if (is_silent()) throw_for_silence();
    }
    return std::nullopt;
  }

  std::optional<CURLcode> take_end() {
    int left = 0;
    while (const auto* const message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const auto code = message->data.result;
      let_go();
      return code;
    }
    return std::nullopt;
  }

  bool is_silent() {
    if (std::exchange(seen_moved_, moved_) != moved_) moved_at_ = clock_.now();
    const auto patience = stopping_.stop_requested()
                              ? std::min(stopping_stall_seconds_max, options_.stall_seconds_max)
                              : options_.stall_seconds_max;
    return base::seconds_between(moved_at_, clock_.now()) >= patience;
  }

  [[noreturn]] void throw_for_silence() {
    let_go();
    const bool was_greeted = std::exchange(is_logged_in_, false) || !replies_.empty();
    if (stopping_.stop_requested()) throw base::Cancelled();
    // Who waits for TLS says nothing to who waits to be greeted.
    const bool may_be_implicit = !was_greeted && server_.tls == FtpTls::by_command;
    throw transport_error({may_be_implicit ? Transport::not_greeted : Transport::stalled},
                          describe());
  }

  /// A transfer that has not ended takes its connection with it.
  void let_go() {
    if (std::exchange(is_active_, false)) curl_multi_remove_handle(multi_.get(), handle_.get());
    path_.clear();
  }

  // ---- what came of it ----

  std::string describe() const {
    return fmt::format("{}://{}:{}", server_.tls == FtpTls::none ? "ftp" : "ftps", server_.host,
                       server_.port);
  }

  FtpReply settle(CURLcode code) {
    const auto reply = replies_.empty() ? FtpReply() : replies_.back();
    const bool is_said = is_logged_in_ && !reply.is_success() && !replies_.empty();
    if (is_said && may_pass_later(reply.code)) throw busy(reply);
    if (code == CURLE_OK || (is_refusal(code) && is_said)) return reply;
    throw failure(code);
  }

  Error busy(const FtpReply& reply) const {
    return Error(ErrorKind::unavailable,
                 fmt::format("{}: the server said {} {}", describe(), reply.code,
                             base::printable(reply.text.substr(0, shown_size_max))))
        .set_hint("check the server's log and how many connections it takes from one user");
  }

  Error failure(CURLcode code) {
    const bool was_logged_in = std::exchange(is_logged_in_, false);
    was_turned_away_ = !was_logged_in && !replies_.empty() && replies_.back().code == leaving;
    if (was_turned_away_) return busy(replies_.back());
    auto failure = curl_failure(handle_, code, message_.data());
    const bool is_ours = failure.what == transport_of(code);
    if (is_ours) failure.what = transport_of_ftp(code);
    if (is_too_large_) failure.what = Transport::too_large;
    if (failure.what == Transport::not_ftp && was_logged_in) failure.what = Transport::lost;
    const bool is_heard = !replies_.empty() && !replies_.back().is_success();
    if (is_heard) failure.text = replies_.back().text.substr(0, shown_size_max);
    return transport_error(failure, describe());
  }

  const FtpServer& server_;
  const HttpOptions options_;
  const base::Clock& clock_;
  const std::stop_token stopping_;
  Sockets sockets_;  // before what closes them
  const MultiHandle multi_;
  EasyHandle handle_;
  HeaderList commands_;
  std::array<char, CURL_ERROR_SIZE> message_{};
  bool is_active_ = false;  // a transfer was begun and has not ended
  bool is_logged_in_ = false;
  bool was_turned_away_ = false;
  std::uint64_t moved_ = 0;  // counts up whenever something does
  std::uint64_t seen_moved_ = 0;
  base::Instant moved_at_{};

  std::vector<FtpReply> replies_;  // of this exchange
  bool is_open_ = false;           // the last one has more lines
  bool is_too_large_ = false;

  base::ByteView sending_;
  EndOfTls end_of_tls_;  // of the listing
  base::Bytes* listing_ = nullptr;
  std::size_t listing_size_max_ = 0;
  // The file that is read, where the next byte comes from, and what came too early.
  std::string path_;
  std::uint64_t position_ = 0;
  std::uint64_t received_ = 0;
  base::Bytes ahead_;
  base::MutableBytes room_;
  std::size_t taken_ = 0;  // of room_
};

}  // namespace

std::unique_ptr<FtpSession> make_ftp_session(const FtpServer& server, HttpOptions options,
                                             const base::Clock& clock, std::stop_token stopping) {
  prepare_libcurl();
  return std::make_unique<CurlFtpSession>(server, std::move(options), clock, std::move(stopping));
}

}  // namespace holdfast::net
