#include "daemon/control_socket.h"

#include <istream>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/json.h"
#include "common/log.h"
#include "daemon/host/run_directory.h"

namespace tunneld::daemon {
namespace {

using Socket = boost::asio::local::stream_protocol::socket;

constexpr long kMaxConnections = 32;
constexpr std::size_t kMaxRequest = 4096;

bool is_permitted(Socket& socket) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return false;
  return peer.uid == 0 || peer.uid == geteuid();
}

Json failure(const std::string& words) {
  return {{"error", words}};
}

}  // namespace

/// Kept alive by its pending read, write or timer.
class ControlSocket::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Socket socket, const ControlSocket& owner, std::weak_ptr<int> alive)
      : socket_(std::move(socket)), idle_(socket_.get_executor()), owner_(owner), alive_(std::move(alive)) {}

  void read() {
    wait_idle();
    boost::asio::async_read_until(
        socket_, input_, '\n',
        [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
          if (!error) self->reply();
        });
  }

 private:
  void wait_idle() {
    idle_.expires_after(owner_.patience_.idle);
    idle_.async_wait([self = weak_from_this()](const boost::system::error_code& error) {
      const auto connection = self.lock();
      boost::system::error_code ignored;
      if (!error && connection) connection->socket_.close(ignored);
    });
  }

  void reply() {
    std::string line;
    std::istream stream(&input_);
    std::getline(stream, line);
    if (alive_.expired()) return;
    output_ = owner_.answer(line);
    // The time that the answer took (a reload, a busy host) does not count as the client's silence.
    wait_idle();
    boost::asio::async_write(
        socket_, boost::asio::buffer(output_),
        [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
          if (!error) self->read();
        });
  }

  Socket socket_;
  boost::asio::steady_timer idle_;
  boost::asio::streambuf input_{kMaxRequest};
  std::string output_;
  const ControlSocket& owner_;
  std::weak_ptr<int> alive_;
  std::shared_ptr<int> count_ = alive_.lock();
};

ControlSocket::ControlSocket(boost::asio::io_context& io, const std::string& interface, Patience patience)
    : io_(io), path_(control_path(interface)), patience_(patience), acceptor_(io), again_(io) {
  unlink(path_.c_str());
  acceptor_.open();
  // Nobody else may connect between bind and chmod.
  const mode_t before = umask(0077);
  boost::system::error_code error;
  acceptor_.bind(path_, error);
  umask(before);
  if (error) throw std::system_error(error, path_);
  acceptor_.listen();
  accept();
}

ControlSocket::~ControlSocket() {
  unlink(path_.c_str());
}

void ControlSocket::accept() {
  acceptor_.async_accept([this](const boost::system::error_code& error, Socket socket) {
    if (error == boost::asio::error::operation_aborted) return;
    if (error) {
      // Usually because no descriptor or memory is left.
      if (!std::exchange(told_refusal_, true)) {
        log::warn("cannot answer on {}: {}: trying again", path_, error.message());
      }
      again_.expires_after(patience_.after_failed_accept);
      again_.async_wait([this](const boost::system::error_code& cancelled) {
        if (!cancelled) accept();
      });
      return;
    }
    told_refusal_ = false;
    if (token_.use_count() <= kMaxConnections && is_permitted(socket)) {
      std::make_shared<Connection>(std::move(socket), *this, token_)->read();
    }
    accept();
  });
}

std::string ControlSocket::answer(const std::string& line) const {
  Json reply;
  // Requests are flat: nothing nested is accepted, so nothing deep is parsed.
  const Json request = Json::parse(line, 1).value_or(nullptr);
  if (!request.is_object() || !request.contains("command") || !request["command"].is_string()) {
    reply = failure(R"(expected {"command": "..."})");
  } else {
    const auto found = handlers_.find(request["command"].get<std::string>());
    try {
      reply = found == handlers_.end() ? failure("unknown command") : found->second();
    } catch (const std::exception& error) {
      // A request must not end the daemon.
      reply = failure(error.what());
    }
  }
  // A file name in an error text may hold any bytes.
  return reply.dump() + "\n";
}

}  // namespace tunneld::daemon
