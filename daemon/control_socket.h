// The control socket: RUN_DIRECTORY/IF.sock, a unix stream socket. It reads one JSON object per line and
// answers with one per line (docs/control_socket.md).
//
// Root and the daemon's own user may ask everything. Members of a settable group may ask what changes
// nothing. The kernel tells who a client is (SO_PEERCRED and SO_PEERGROUPS, unix(7)); all others are told so,
// and their request is not read. Limits for every client: 32 connections (24 for the group, so that it cannot
// keep root out), 4 KiB per request, 5 s of silence.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/clock.h"
#include "common/json.h"
#include "common/pace.h"

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

  /// Sets the handler of {"command": name}. kChanges: not for readers.
  enum class Effect : std::uint8_t { kReads, kChanges };
  void on(const std::string& name, Effect effect, Handler handler) {
    handlers_[name] = {effect, std::move(handler)};
  }
  /// Members of this group become readers; nullopt: nobody.
  void set_readers(std::optional<std::uint32_t> group);

 private:
  class Connection;
  struct Command {
    Effect effect;
    Handler handler;
  };
  void accept();
  /// What a client of this socket may ask; nullopt: nothing.
  [[nodiscard]] std::optional<Effect> permission(int socket) const;
  [[nodiscard]] std::string answer(const std::string& line, Effect permitted);

  boost::asio::io_context& io_;
  std::string path_;
  const Patience patience_;
  boost::asio::local::stream_protocol::acceptor acceptor_;
  boost::asio::steady_timer again_;
  bool told_refusal_ = false;
  std::map<std::string, Command> handlers_;
  std::optional<std::uint32_t> readers_;
  /// An answer costs the loop some time, with many peers milliseconds.
  Pace readers_pace_{20, std::chrono::milliseconds(100)};
  /// Count live connections: all of them, and those of readers.
  std::shared_ptr<int> token_ = std::make_shared<int>(0);
  std::shared_ptr<int> reader_token_ = std::make_shared<int>(0);
};

}  // namespace tunneld::daemon
