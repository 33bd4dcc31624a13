// The control socket: RUN_DIRECTORY/IF.sock, a unix stream socket. It reads one JSON object per line and
// answers with one per line (docs/control_socket.md). Only root and the daemon's own user get answers.
//
// Limits for every client: 32 connections, 4 KiB per request, 5 s of silence.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/clock.h"
#include "common/json.h"

namespace tunneld::daemon {

class ControlSocket {
 public:
  using Handler = std::function<Json()>;
  struct Patience {
    /// How long a connection may be silent.
    Duration idle = std::chrono::seconds(5);
    /// The pause after a failed accept. The connection stays in the queue, so an immediate retry would fail
    /// as well.
    Duration after_failed_accept = std::chrono::milliseconds(200);
  };

  /// Binds and listens. Precondition: the interface's lock is held (so an existing socket file belongs to a
  /// dead daemon).
  ControlSocket(boost::asio::io_context& io, const std::string& interface, Patience patience);
  ControlSocket(boost::asio::io_context& io, const std::string& interface)
      : ControlSocket(io, interface, Patience()) {}
  ~ControlSocket();
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

  /// Sets the handler of {"command": name}.
  void on(const std::string& name, Handler handler) { handlers_[name] = std::move(handler); }

 private:
  class Connection;
  void accept();
  [[nodiscard]] std::string answer(const std::string& line) const;

  boost::asio::io_context& io_;
  std::string path_;
  const Patience patience_;
  boost::asio::local::stream_protocol::acceptor acceptor_;
  boost::asio::steady_timer again_;
  bool told_refusal_ = false;
  std::map<std::string, Handler> handlers_;
  /// Counts live connections.
  std::shared_ptr<int> token_ = std::make_shared<int>(0);
};

}  // namespace tunneld::daemon
