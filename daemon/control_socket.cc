#include "daemon/control_socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <istream>
#include <system_error>
#include <utility>
#include <vector>

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
#include "common/net/system_clock.h"
#include "daemon/host/run_directory.h"

namespace tunneld::daemon {
namespace {

using Socket = boost::asio::local::stream_protocol::socket;

constexpr const char* kNotPermitted =
    "not permitted: only root, the daemon's user and members of 'status_group' get answers";
constexpr const char* kMayOnlyRead = "not permitted: members of 'status_group' may only read; run as root";
constexpr const char* kTooOften = "members of 'status_group' have asked too often; try again in a second";
constexpr long kMaxConnections = 32;
constexpr long kMaxReaders = 24;
constexpr std::size_t kMaxRequest = 4096;

/// Whether the client's process had this group when it connected.
bool is_member(int socket, const ucred& peer, gid_t group) {
  if (peer.gid == group) return true;
  std::vector<gid_t> groups(32);
  for (;;) {
    auto length = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &length) == 0) {
      groups.resize(length / sizeof(gid_t));
      return std::ranges::find(groups, group) != groups.end();
    }
    if (errno != ERANGE || length / sizeof(gid_t) <= groups.size()) return false;
    groups.resize(length / sizeof(gid_t));
  }
}

Json failure(const std::string& words) {
  return {{"error", words}};
}

}  // namespace

/// Kept alive by its pending read, write or timer.
class ControlSocket::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Socket socket, ControlSocket& owner, Effect permitted)
      : socket_(std::move(socket)),
        idle_(socket_.get_executor()),
        owner_(owner),
        alive_(owner.token_),
        reader_(permitted == Effect::kReads ? owner.reader_token_ : nullptr) {}

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
    // A reload may have named another group since.
    const auto permitted = owner_.permission(socket_.native_handle());
    if (!permitted) return;
    output_ = owner_.answer(line, *permitted);
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
  ControlSocket& owner_;
  std::weak_ptr<int> alive_;
  std::shared_ptr<int> reader_;
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
    const auto permitted = permission(socket.native_handle());
    const bool has_room = token_.use_count() <= kMaxConnections &&
                          (permitted != Effect::kReads || reader_token_.use_count() <= kMaxReaders);
    if (permitted && has_room) {
      std::make_shared<Connection>(std::move(socket), *this, *permitted)->read();
    } else if (!permitted) {
      const std::string words = failure(kNotPermitted).dump() + "\n";
      (void)::send(socket.native_handle(), words.data(), words.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      // A request that stays unread would cost the client these words (ECONNRESET). One that comes later does.
      std::array<char, kMaxRequest> request;
      (void)::recv(socket.native_handle(), request.data(), request.size(), MSG_DONTWAIT);
    }
    accept();
  });
}

void ControlSocket::set_readers(std::optional<std::uint32_t> group) {
  if (group == readers_) return;
  readers_ = group;
  // The shipped unit may not give its file to a group. Then anybody may connect, and is refused.
  const bool is_theirs = group && ::chown(path_.c_str(), static_cast<uid_t>(-1), *group) == 0;
  const mode_t mode = !group ? 0600 : is_theirs ? 0660 : 0666;
  if (::chmod(path_.c_str(), mode) != 0)
    log::warn("cannot change who may open {}: {}", path_, std::generic_category().message(errno));
}

std::optional<ControlSocket::Effect> ControlSocket::permission(int socket) const {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return std::nullopt;
  if (peer.uid == 0 || peer.uid == ::geteuid()) return Effect::kChanges;
  if (readers_ && is_member(socket, peer, *readers_)) return Effect::kReads;
  return std::nullopt;
}

std::string ControlSocket::answer(const std::string& line, Effect permitted) {
  Json reply;
  // Requests are flat: nothing nested is accepted, so nothing deep is parsed.
  const Json request = Json::parse(line, 1).value_or(nullptr);
  if (!request.is_object() || !request.contains("command") || !request["command"].is_string()) {
    reply = failure(R"(expected {"command": "..."})");
  } else {
    const auto found = handlers_.find(request["command"].get<std::string>());
    try {
      if (found == handlers_.end()) {
        reply = failure("unknown command");
      } else if (found->second.effect == Effect::kChanges && permitted == Effect::kReads) {
        reply = failure(kMayOnlyRead);
      } else if (permitted == Effect::kReads && !readers_pace_.allow(net::boot_now())) {
        reply = failure(kTooOften);
      } else {
        reply = found->second.handler();
      }
    } catch (const std::exception& error) {
      // A request must not end the daemon.
      reply = failure(error.what());
    }
  }
  // A file name in an error text may hold any bytes.
  return reply.dump() + "\n";
}

}  // namespace tunneld::daemon
