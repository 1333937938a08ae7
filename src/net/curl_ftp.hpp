#pragma once

#include "base/clock.hpp"
#include "net/curl_client.hpp"
#include "net/ftp.hpp"

#include <memory>
#include <stop_token>

namespace holdfast::net {

/// A session over libcurl. Passive mode (EPSV, else PASV, whose address is not believed); its data
/// connections resume the TLS session of the control connection, which is never shared with
/// another session's: servers that ask for it know their own only. Certificates are always checked.
///
/// Errors:  logs in with the first call. Once `stopping` is asked for, a call in which nothing
///          moves for five seconds throws Cancelled.
/// Threads: see FtpSession. Borrows `server` and `clock`.
std::unique_ptr<FtpSession> make_ftp_session(const FtpServer& server, HttpOptions options,
                                             const base::Clock& clock, std::stop_token stopping);

}  // namespace holdfast::net
